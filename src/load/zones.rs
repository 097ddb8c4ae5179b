//! Time zones, from the database of the system.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::base::errno::plain;
use crate::base::zone::Zone;
use crate::config::Unread;

use super::read::Reader;

/// Where the database is, unless `TZDIR` says otherwise.
const DATABASE: &str = "/usr/share/zoneinfo";
/// What says what local time is, unless `TZ` does.
const LOCAL: &str = "/etc/localtime";
/// Larger than any zone.
const FILE_BYTES: u64 = 1 << 20;

/// Zones that were asked for, each read once.
pub(super) struct Zones<'l> {
    env: &'l BTreeMap<String, String>,
    reader: &'l Reader,
    known: RefCell<BTreeMap<Option<String>, Result<Zone, Unread>>>,
}

impl<'l> Zones<'l> {
    pub(super) fn new(env: &'l BTreeMap<String, String>, reader: &'l Reader) -> Zones<'l> {
        Zones { env, reader, known: RefCell::default() }
    }

    /// The zone of this name; without a name, local time.
    pub(super) fn get(&self, name: Option<&str>) -> Result<Zone, Unread> {
        let key = name.map(str::to_owned);
        self.known.borrow_mut().entry(key).or_insert_with(|| self.find(name)).clone()
    }

    fn find(&self, name: Option<&str>) -> Result<Zone, Unread> {
        match (name, self.env.get("TZ").map(String::as_str)) {
            (Some(name), _) => self.file(&self.database().join(name), Some(name)),
            (None, None) => self.file(Path::new(LOCAL), None),
            (None, Some("" | ":")) => Ok(Zone::utc()),
            (None, Some(rule)) => match Zone::from_rules(rule) {
                Some(zone) => Ok(zone),
                // An absolute path takes the place of the directory.
                None => self.file(&self.database().join(rule.trim_start_matches(':')), None),
            },
        }
    }

    fn database(&self) -> PathBuf {
        self.env.get("TZDIR").filter(|dir| !dir.is_empty()).map_or_else(|| DATABASE.into(), PathBuf::from)
    }

    fn file(&self, path: &Path, name: Option<&str>) -> Result<Zone, Unread> {
        self.reader.note(path);
        let mut bytes = Vec::new();
        if !path.is_file() {
            return Err(Unread::Absent);
        }
        match File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes)) {
            Ok(_) => Zone::from_file(name, &bytes).map_err(Unread::Because),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Unread::Absent),
            Err(error) => Err(Unread::Because(format!("cannot be read: {}", plain(&error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(tz: Option<&str>, name: Option<&str>) -> Result<Zone, Unread> {
        let env = tz.map(|tz| ("TZ".to_owned(), tz.to_owned())).into_iter().collect();
        Zones::new(&env, &Reader::default()).get(name)
    }

    #[test]
    fn the_environment_says_what_local_time_is() {
        assert_eq!(zone(Some(""), None), Ok(Zone::utc()));
        assert_eq!(zone(Some("XYZ-3"), None).map(|zone| zone.offset(0)), Ok(3 * 3600));
        assert_eq!(zone(Some("No/Such_Zone"), None), Err(Unread::Absent));
        assert_eq!(zone(Some("XYZ-3"), Some("No/Such_Zone")), Err(Unread::Absent));
        assert!(matches!(zone(Some("/etc/passwd"), None), Err(Unread::Because(why)) if why.contains("no zoneinfo")));
    }

    #[test]
    fn the_database_has_zones() {
        if !Path::new(DATABASE).join("Europe/Berlin").is_file() {
            return println!("skipped: there is no database of time zones");
        }
        // 2026-07-01 and 2026-12-01.
        let berlin = zone(None, Some("Europe/Berlin")).unwrap();
        assert_eq!((berlin.offset(1_782_864_000), berlin.offset(1_796_083_200)), (7200, 3600));
        assert_eq!((berlin.name(), zone(Some(":Europe/Berlin"), None).unwrap().name()), (Some("Europe/Berlin"), None));
    }
}

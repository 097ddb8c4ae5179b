//! What processes use of the machine, read from `/proc` by one look at all of it.
//!
//! A process that this daemon has started leads a session of its own, so whatever it started in its turn, and has not
//! left that session, is found by the number of the session. One small file is read for each process of the machine,
//! and one more is looked at for those that are of interest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// What all living processes of a session use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Milliseconds of CPU time, with that of children that have ended and were waited for.
    pub cpu_ms: u64,
    /// Bytes of resident memory.
    pub rss_bytes: u64,
    /// How many processes there are.
    pub processes: u32,
    /// How many threads.
    pub threads: u32,
    /// How many open descriptors; `None` if that may not be known of one of them.
    pub fds: Option<u64>,
}

/// The longest content of a `/proc/PID/stat` that is read: some fifty numbers and a short name.
const STAT_BYTES: usize = 2048;

/// What these sessions use. One of which nobody is alive is not in the answer.
#[must_use]
pub fn of_sessions(sessions: &[u32]) -> BTreeMap<u32, Figures> {
    let wanted: std::collections::BTreeSet<u32> = sessions.iter().copied().collect();
    let mut found: BTreeMap<u32, Figures> = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return found };
    let units = Units::of_this_machine();
    let mut buffer = [0; STAT_BYTES];
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else { continue };
        let Some(stat) = read_stat(pid, &mut buffer).filter(|stat| wanted.contains(&stat.session)) else { continue };
        let figures = found.entry(stat.session).or_insert(Figures { fds: Some(0), ..Figures::default() });
        figures.cpu_ms = figures.cpu_ms.saturating_add(stat.ticks.saturating_mul(1000) / units.ticks_per_second);
        figures.rss_bytes = figures.rss_bytes.saturating_add(stat.pages.saturating_mul(units.page_bytes));
        figures.processes += 1;
        figures.threads = figures.threads.saturating_add(stat.threads);
        figures.fds = figures.fds.zip(count_fds(pid)).map(|(sum, more)| sum + more);
    }
    found
}

/// What this process uses by itself.
#[must_use]
pub fn of_this_process() -> Figures {
    let units = Units::of_this_machine();
    let stat = read_stat("self", &mut [0; STAT_BYTES]);
    stat.map_or_else(Figures::default, |stat| Figures {
        cpu_ms: stat.own_ticks.saturating_mul(1000) / units.ticks_per_second,
        rss_bytes: stat.pages.saturating_mul(units.page_bytes),
        processes: 1,
        threads: stat.threads,
        fds: count_fds("self"),
    })
}

struct Units {
    ticks_per_second: u64,
    page_bytes: u64,
}

impl Units {
    fn of_this_machine() -> Units {
        Units { ticks_per_second: setting(libc::_SC_CLK_TCK, 100), page_bytes: setting(libc::_SC_PAGESIZE, 4096) }
    }
}

fn setting(name: libc::c_int, usual: u64) -> u64 {
    // SAFETY: sysconf(3) takes a number and gives one.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0).unwrap_or(usual)
}

/// What is of interest in `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    session: u32,
    /// Its own, without those of children.
    own_ticks: u64,
    ticks: u64,
    threads: u32,
    pages: u64,
}

/// `None` if it is gone, or dead and only waits to be reaped.
fn read_stat(pid: &str, buffer: &mut [u8]) -> Option<Stat> {
    let mut file = File::open(Path::new("/proc").join(pid).join("stat")).ok()?;
    let length = file.read(buffer).ok()?;
    parse(buffer.get(..length)?)
}

/// Reads `pid (comm) state ppid pgrp session …` by proc(5).
fn parse(stat: &[u8]) -> Option<Stat> {
    // The command may hold blanks and brackets, so the fields begin behind the last bracket.
    let end = stat.iter().rposition(|b| *b == b')')?;
    let text = str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = text.split_ascii_whitespace();
    if matches!(fields.next(), None | Some("Z" | "X" | "x")) {
        return None;
    }
    // Fields are told by their numbers in proc(5); the next one is the parent, field 4.
    let mut at = 4;
    let mut field = |number: usize| {
        let value = fields.nth(number - at)?.parse::<u64>().ok();
        at = number + 1;
        value
    };
    let session = u32::try_from(field(6)?).ok()?;
    let own = field(14)?.saturating_add(field(15)?);
    let own_ticks = own;
    let ticks = own.saturating_add(field(16)?).saturating_add(field(17)?);
    let threads = u32::try_from(field(20)?).ok()?;
    Some(Stat { session, own_ticks, ticks, threads, pages: field(24)? })
}

/// How many descriptors a process has open. Newer kernels say it as the size of the directory; where that is 0 it is
/// counted.
fn count_fds(pid: &str) -> Option<u64> {
    let dir = Path::new("/proc").join(pid).join("fd");
    let entries = || fs::read_dir(&dir).ok().map(|entries| entries.count() as u64);
    fs::metadata(&dir).ok().map(|meta| meta.len()).filter(|count| *count > 0).or_else(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_proc() {
        let line = b"7 (a) b) (c) S 4 5 6 0 -1 9 10 11 12 13 14 15 16 17 18 19 20 0 22 23 24 25 26";
        assert_eq!(
            parse(line),
            Some(Stat { session: 6, own_ticks: 14 + 15, ticks: 14 + 15 + 16 + 17, threads: 20, pages: 24 })
        );
        for bad in [&b""[..], b"7 (a", b"7 (a) Z 4 5 6", b"7 (a) S 4 5 6 7", b"7 (a) S x y z", b"\xff (\xff) S \xff"] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn this_process_is_seen() {
        let own = File::open("/proc/self/stat").ok().and_then(|mut file| {
            let mut buffer = [0; STAT_BYTES];
            let length = file.read(&mut buffer).ok()?;
            parse(&buffer[..length])
        });
        let Some(own) = own.filter(|own| own.session > 0) else { return };
        let figures = of_sessions(&[own.session])[&own.session];
        assert!(figures.processes >= 1 && figures.threads >= figures.processes, "{figures:?}");
        assert!(figures.rss_bytes > 100_000, "{figures:?}");
        assert!(figures.fds.is_none_or(|fds| fds >= 3), "{figures:?}");
        assert_eq!(of_sessions(&[]), BTreeMap::new());
    }
}

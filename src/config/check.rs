//! Holds what was read against itself and the world: variables that cannot be filled in, log files and sockets with two
//! owners, users that there are not.

use std::collections::BTreeMap;
use std::fmt;

use crate::base::id::{ProgramName, Stream, parse_member};
use crate::base::text::quoted;
use crate::base::zone::Zone;

use super::diag::{Level, Place, Report};
use super::expand::{self, Outside};
use super::model::{Account, Config, DaemonConfig, HttpAddress, ListenAddress, LogTarget, Policy, Program, Sink};
use super::program::{self, Key, ProgramSection};

/// What a configuration is held against besides itself, and where the files that it names are read.
#[derive(Clone, Copy)]
pub struct World<'w> {
    /// The daemon's own environment variables.
    pub env: &'w dyn Fn(&str) -> Option<String>,
    /// The name of the machine.
    pub host: &'w str,
    /// Whether a program can run as this user, given by name or id.
    pub user: &'w dyn Fn(&str) -> Result<(), Objection>,
    /// The same for a group.
    pub group: &'w dyn Fn(&str) -> Result<(), Objection>,
    /// Whether there is somebody whom a role can be given to.
    pub holder: &'w dyn Fn(&Account) -> Result<(), Objection>,
    /// What keeps a program from being confined as it says, by the names of the keys.
    pub confines: &'w dyn Fn(&Program) -> Vec<(&'static str, Objection)>,
    /// The text of a file of variables.
    pub file: &'w dyn Fn(&str) -> Result<String, Unread>,
    /// The names and the texts of the files in a directory.
    pub dir: &'w dyn Fn(&str) -> Result<NamedTexts, Unread>,
    /// The time zone of this name; without a name, the daemon's local time.
    pub zone: &'w dyn Fn(Option<&str>) -> Result<Zone, Unread>,
}

/// Names of files and what stands in them.
pub type NamedTexts = Vec<(String, String)>;

/// What the world has against a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Whether the configuration can be used all the same.
    pub level: Level,
    /// What it is, as the end of a sentence about the key.
    pub text: String,
}

impl Objection {
    /// One that makes the configuration unusable.
    #[must_use]
    pub fn error(text: String) -> Objection {
        Objection { level: Level::Error, text }
    }

    /// One that surprises.
    #[must_use]
    pub fn warning(text: String) -> Objection {
        Objection { level: Level::Warning, text }
    }
}

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// There is none.
    Absent,
    /// Another reason, as the end of a sentence about the file.
    Because(String),
}

impl<'w> World<'w> {
    /// One in which every user and every group exists, and no file.
    #[must_use]
    pub fn with_env(env: &'w dyn Fn(&str) -> Option<String>) -> World<'w> {
        World {
            env,
            host: "localhost",
            user: &|_| Ok(()),
            group: &|_| Ok(()),
            holder: &|_| Ok(()),
            confines: &|_| Vec::new(),
            file: &|_| Err(Unread::Absent),
            dir: &|_| Err(Unread::Absent),
            zone: &|_| Err(Unread::Absent),
        }
    }

    /// What texts may refer to.
    pub(super) fn outside(&self) -> Outside<'_> {
        Outside { env: self.env, host: self.host, childlogdir: "" }
    }
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Who writes to a file, and where that is said.
struct Writer {
    program: ProgramName,
    place: Place,
    path: String,
}

/// Checks programs one after the other, and in the end all of them together.
pub(super) struct Check<'e> {
    world: &'e World<'e>,
    childlogdir: String,
    /// Files that programs name, with the first program that does.
    files: BTreeMap<String, Writer>,
    /// Where programs listen, with the first program that does.
    addresses: BTreeMap<ListenAddress, Writer>,
    /// Programs with `auto` logs whose name looks like that of another's process, such as `worker_00`.
    doubles: Vec<Writer>,
    /// Groups, with the first program in each.
    groups: BTreeMap<ProgramName, Writer>,
    /// Programs that depend on others, and where they say so.
    dependents: BTreeMap<ProgramName, (Place, String)>,
}

impl<'e> Check<'e> {
    pub(super) fn new(daemon: &DaemonConfig, world: &'e World<'e>) -> Check<'e> {
        Check {
            world,
            childlogdir: plain(&daemon.childlogdir),
            files: BTreeMap::new(),
            addresses: BTreeMap::new(),
            doubles: Vec::new(),
            groups: BTreeMap::new(),
            dependents: BTreeMap::new(),
        }
    }

    /// One program by itself and against those before it.
    pub(super) fn program(
        &mut self,
        name: &ProgramName,
        program: &Program,
        own: &ProgramSection<'_, '_>,
        defaults: &ProgramSection<'_, '_>,
        report: &mut Report<'_>,
    ) {
        self.fill_in(name, program, own, defaults, report);
        for (key, objection) in self.objections(program) {
            let (place, path) = program::place_of(own, defaults, key);
            match objection.level {
                Level::Error => report.error(place, path, objection.text),
                Level::Warning => report.warning(place, path, objection.text),
            }
        }
        if let Some(group) = program.group_name.as_ref().filter(|group| !self.groups.contains_key(group)) {
            let (place, path) = program::place_of(own, defaults, Key::GroupName);
            self.groups.insert(group.clone(), Writer { program: name.clone(), place, path });
        }
        if !program.depends_on.is_empty() {
            self.dependents.insert(name.clone(), program::place_of(own, defaults, Key::DependsOn));
        }
        if !program.listen.is_empty() {
            self.sockets(name, program, program::place_of(own, defaults, Key::Listen), report);
        }
        for (stream, key) in [(Stream::Stdout, Key::Stdout), (Stream::Stderr, Key::Stderr)] {
            match &program.output(stream).sink {
                Sink::File(path) => {
                    let (place, key_path) = program::place_of(own, defaults, key);
                    // A name without anything to fill in is the same for all processes.
                    let count = if expand::is_template(path) { program.numprocs } else { 1 };
                    let outside = self.world.outside();
                    for num in program.numbers().take(count as usize) {
                        if let Some(file) = expand::named_file(program, name, num, stream, &outside) {
                            let writer = Writer { program: name.clone(), place, path: key_path.clone() };
                            self.file(&file, writer, report);
                        }
                    }
                }
                Sink::Auto if program.numprocs == 1 && parse_member(name.as_str()).is_some() => {
                    let (place, path) = (own.place, own.path.clone());
                    self.doubles.push(Writer { program: name.clone(), place, path });
                }
                Sink::Auto | Sink::Discard | Sink::Inherit | Sink::Stdout => {}
            }
        }
    }

    /// What the world has against whom the program names, and against what it is confined to.
    fn objections(&self, program: &Program) -> Vec<(Key, Objection)> {
        let mut all = Vec::new();
        let mut ask = |key: Key, answer: Result<(), Objection>| all.extend(answer.err().map(|said| (key, said)));
        if let Some(user) = &program.user {
            ask(Key::User, (self.world.user)(user));
        }
        if let Some(group) = &program.group {
            ask(Key::Group, (self.world.group)(group));
        }
        for group in &program.extra_groups {
            ask(Key::ExtraGroups, (self.world.group)(group));
        }
        for listen in &program.listen {
            let owner = listen.owner.clone().map(Account::User);
            for holder in owner.into_iter().chain(listen.group.clone().map(Account::Group)) {
                ask(Key::Listen, (self.world.holder)(&holder));
            }
        }
        for dir in &program.dirs {
            let owner = dir.owner.clone().map(Account::User);
            for holder in owner.into_iter().chain(dir.group.clone().map(Account::Group)) {
                ask(Key::Dirs, (self.world.holder)(&holder));
            }
        }
        if program.confines.is_some() || !program.extra_groups.is_empty() || !program.dirs.is_empty() {
            for (name, objection) in (self.world.confines)(program) {
                all.extend(program::key(name).map(|key| (key, objection)));
            }
        }
        all
    }

    /// Fills in the variables of the first and the last process, to find out whether that works.
    fn fill_in(
        &self,
        name: &ProgramName,
        program: &Program,
        own: &ProgramSection<'_, '_>,
        defaults: &ProgramSection<'_, '_>,
        report: &mut Report<'_>,
    ) {
        let outside = self.world.outside();
        let Policy { readiness, healthcheck, .. } = &program.policy;
        let checks = [("readiness", readiness), ("healthcheck", healthcheck)];
        let try_one = |num: u32| {
            let mut errors = expand::blueprint(program, name, num, &outside).err().unwrap_or_default();
            for (key, check) in checks {
                let Some(check) = check else { continue };
                let told = expand::probe(program, name, num, &outside, (key, &check.probe)).err();
                // What is wrong with a variable is told once.
                errors.extend(told.into_iter().flatten().filter(|error| error.key == key));
            }
            errors
        };
        let numbers = program.numbers();
        let mut errors = try_one(numbers.start);
        if let Some(last) = numbers.last().filter(|_| program.numprocs > 1) {
            let last = try_one(last);
            errors.extend(last.into_iter().filter(|e| !errors.contains(e)).collect::<Vec<_>>());
        }
        errors.dedup();
        for error in errors {
            let (place, path) = match error.key.strip_prefix("env.") {
                Some(variable) => program::place_of_variable(own, defaults, variable),
                None => program::place_of(own, defaults, program::key(&error.key).unwrap_or(Key::Cmd)),
            };
            report.error(place, path, error.text);
        }
    }

    /// The sockets of a program belong to it alone; its processes may share them.
    fn sockets(&mut self, name: &ProgramName, program: &Program, place: (Place, String), report: &mut Report<'_>) {
        let outside = self.world.outside();
        let count = if program.has_sockets_for_each() { program.numprocs } else { 1 };
        let (place, path) = place;
        for num in program.numbers().take(count as usize) {
            for address in expand::listen(program, name, num, &outside).unwrap_or_default() {
                match self.addresses.get(&address) {
                    Some(first) if first.program != *name => {
                        let there = report.name_of(first.place, place);
                        let text = format!("{address} is where {} (in {there}) listens too", first.path);
                        return report.error(place, path, text);
                    }
                    Some(_) => {}
                    None => {
                        let writer = Writer { program: name.clone(), place, path: path.clone() };
                        self.addresses.insert(address, writer);
                    }
                }
            }
        }
    }

    /// Where the daemon itself listens, nobody else can.
    fn sockets_of_the_daemon(&self, daemon: &DaemonConfig, report: &mut Report<'_>) {
        let http = daemon.http.iter().flat_map(|http| &http.listen).map(|at| match at {
            HttpAddress::Tcp(address) => (ListenAddress::Tcp(*address), "taskmasterd.http.listen"),
            HttpAddress::Unix(path) => (ListenAddress::Unix(path.clone()), "taskmasterd.http.listen"),
        });
        let control =
            daemon.socket.path.iter().map(|path| (ListenAddress::Unix(path.clone()), "taskmasterd.socket.path"));
        for (address, key) in http.chain(control) {
            if let Some(writer) = self.addresses.get(&address) {
                let text = format!("{address} is where the daemon itself listens ({key})");
                report.error(writer.place, &writer.path, text);
            }
        }
    }

    fn file(&mut self, file: &str, writer: Writer, report: &mut Report<'_>) {
        let file = plain(file);
        // Devices take what several write.
        if file.starts_with("/dev/") {
            return;
        }
        match self.files.get(&file) {
            Some(first) if first.program != writer.program => {
                let there = report.name_of(first.place, writer.place);
                let text = format!(
                    "{} is the file of {} (in {there}) too: give each program its own",
                    quoted(&file),
                    first.path
                );
                report.error(writer.place, writer.path, text);
            }
            Some(_) => {}
            None => {
                self.files.insert(file, writer);
            }
        }
    }

    /// All programs together, and the daemon.
    pub(super) fn finish(&self, config: &Config, report: &mut Report<'_>) {
        program::check_dependencies(config, &self.dependents, report);
        self.sockets_of_the_daemon(&config.daemon, report);
        for (group, writer) in &self.groups {
            let stranger = config.programs.get(group).is_some_and(|p| p.group_name.as_ref() != Some(group));
            if stranger {
                let text = format!("{group} is a program too, and not in this group: \"{group}:*\" would mean both");
                report.error(writer.place, &writer.path, text);
            }
        }
        if let LogTarget::File(log) = &config.daemon.logfile {
            let log = plain(log);
            if let Some(writer) = self.files.get(&log) {
                let text = format!(
                    "{} is the daemon's own log (taskmasterd.logfile) too: give the program its own",
                    quoted(&log)
                );
                report.error(writer.place, &writer.path, text);
            }
            if let Some(owner) = self.auto_owner(config, &log) {
                let text = format!("{} is the \"auto\" log of {owner} too: name another file", quoted(&log));
                report.error(Place { source: 0, at: None }, "taskmasterd.logfile", text);
            }
        }
        for (file, writer) in &self.files {
            if let Some(owner) = self.auto_owner(config, file).filter(|owner| **owner != writer.program) {
                let text = format!("{} is the \"auto\" log of {owner} too: give each program its own", quoted(file));
                report.error(writer.place, &writer.path, text);
            }
        }
        for writer in &self.doubles {
            for stream in [Stream::Stdout, Stream::Stderr] {
                let own = config.programs.get(&writer.program).is_some_and(|p| p.output(stream).sink == Sink::Auto);
                let group = group_of(config, writer.program.as_str(), stream).filter(|_| own);
                if let Some(group) = group {
                    let text =
                        format!("has the same \"auto\" log as a process of {group}: rename one, or name its {stream}");
                    report.error(writer.place, &writer.path, text);
                    break;
                }
            }
        }
    }

    /// The program one of whose `auto` logs this file is.
    fn auto_owner<'c>(&self, config: &'c Config, file: &str) -> Option<&'c ProgramName> {
        let name = file.strip_prefix(self.childlogdir.as_str())?.strip_prefix('/')?;
        let streams = [Stream::Stdout, Stream::Stderr];
        let of = |stream: Stream| name.strip_suffix(&format!("-{stream}.log")).map(|process| (process, stream));
        let (process, stream) = streams.into_iter().find_map(of)?;
        let single = ProgramName::new(process).ok().and_then(|name| config.programs.get_key_value(&name));
        let single = single.filter(|(_, p)| p.numprocs == 1 && p.output(stream).sink == Sink::Auto);
        single.map(|(name, _)| name).or_else(|| group_of(config, process, stream))
    }
}

/// The program that has a process of this name, among others, and keeps this stream of it in an `auto` log.
fn group_of<'c>(config: &'c Config, process: &str, stream: Stream) -> Option<&'c ProgramName> {
    let (name, num) = parse_member(process)?;
    let (name, program) = config.programs.get_key_value(&name)?;
    (program.numprocs > 1 && program.numbers().contains(&num) && program.output(stream).sink == Sink::Auto)
        .then_some(name)
}

/// A path without what says nothing: `a//b/./c` is `a/b/c`.
fn plain(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("{root}{}", parts.join("/"))
}

//! The sockets that programs listen at: opened once, handed to each run, and kept as long as the configuration names
//! them or a run has them. Nobody here accepts a connection.
//!
//! A socket is known by its address, so it outlives runs, reloads, and programs that change their name. Polled it is
//! only while a process waits for its first connection; that is a copy of the descriptor in a slot of the reactor,
//! which is gone again as soon as the core was told. What is not open when it is needed is tried again then, and is a
//! failed start if it cannot be had.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::errno::{Errno, plain};
use crate::base::id::{Key, ProgramName};
use crate::base::select::Selector;
use crate::base::stage::Stage;
use crate::config::expand::{self, Blueprint};
use crate::config::model::{Config, Level, Listen, ListenAddress, Program};
use crate::load::People;
use crate::supervise::event::{Files, Input};
use crate::sys::listen::{self, Place};
use crate::sys::spawn::Failed;
use crate::sys::user::{effective_gid, effective_uid};

use super::clients::{SocketFile, make_room};
use super::confine::Refused;
use super::journal::Journal;
use super::reactor::{Reactor, Source, Token, Wants};
use super::run::{Daemon, Surroundings};

/// The descriptor that is the first socket, as in sd_listen_fds(3).
const FIRST: u32 = 3;

/// Names a socket; never used again.
type Number = u32;

/// Everything that is open.
#[derive(Debug, Default)]
pub struct Listeners {
    open: BTreeMap<Number, Open>,
    /// Holds exactly those that are open.
    by_address: BTreeMap<ListenAddress, Number>,
    /// The sockets of those that wait for a connection.
    waiting: BTreeMap<Key, Vec<Number>>,
    /// The sockets of runs, until nothing is left of these.
    held: BTreeMap<Key, Vec<Number>>,
    next: Number,
    /// The configuration may name other sockets than before.
    outdated: bool,
}

/// A socket.
#[derive(Debug)]
struct Open {
    address: ListenAddress,
    fd: OwnedFd,
    /// The file of one with a path, which goes with it.
    _file: Option<SocketFile>,
    settings: Settings,
    /// Whether the configuration in force names it.
    named: bool,
    /// Who waits for a connection to it.
    waiters: BTreeSet<Key>,
    /// Whose runs have it.
    holders: BTreeSet<Key>,
    /// The slot in which it is polled; `Some` only while somebody waits.
    watch: Option<Token>,
}

/// What can change while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    backlog: u32,
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Settings {
    /// Those of one socket of a program. A name that was not looked up is an error, as with the user of a program.
    fn of(program: &Program, wanted: &Listen, people: &People) -> io::Result<Settings> {
        let unknown = || io::Error::from_raw_os_error(Errno::EINVAL.0);
        let user = |name: &String| people.user(name).ok_or_else(unknown);
        let group = |name: &String| people.group(name).ok_or_else(unknown);
        let own = program.user.as_ref().map(user).transpose()?;
        let own_gid = program.group.as_ref().map(group).transpose()?.or(own.map(|own| own.gid));
        let owner = wanted.owner.as_ref().map(user).transpose()?;
        let gid = wanted.group.as_ref().map(group).transpose()?.or(owner.map(|owner| owner.gid)).or(own_gid);
        Ok(Settings {
            backlog: wanted.backlog.unwrap_or(Listen::BACKLOG),
            mode: wanted.mode.unwrap_or(Listen::MODE),
            uid: owner.or(own).map_or_else(effective_uid, |owner| owner.uid),
            gid: gid.unwrap_or_else(effective_gid),
        })
    }
}

impl Open {
    /// Binds and listens. Nobody can connect before the owner and the permissions are what they are to be.
    fn new(address: &ListenAddress, settings: Settings) -> io::Result<Open> {
        let (fd, file) = bind(address)?;
        let open = Open {
            address: address.clone(),
            fd,
            _file: file,
            settings,
            named: true,
            waiters: BTreeSet::new(),
            holders: BTreeSet::new(),
            watch: None,
        };
        open.open_up()?;
        open.listen()?;
        Ok(open)
    }

    fn open_up(&self) -> io::Result<()> {
        let ListenAddress::Unix(path) = &self.address else { return Ok(()) };
        let Settings { mode, uid, gid, backlog: _ } = self.settings;
        let other = |id: u32, own: u32| (id != own).then_some(id);
        let (uid, gid) = (other(uid, effective_uid()), other(gid, effective_gid()));
        if uid.is_some() || gid.is_some() {
            lchown(path, uid, gid)?;
        }
        std::fs::set_permissions(path, Permissions::from_mode(mode))
    }

    fn listen(&self) -> io::Result<()> {
        listen::listen(self.fd.as_fd(), self.settings.backlog)
    }

    fn is_needed(&self) -> bool {
        self.named || !self.waiters.is_empty() || !self.holders.is_empty()
    }
}

fn bind(address: &ListenAddress) -> io::Result<(OwnedFd, Option<SocketFile>)> {
    let place = match address {
        ListenAddress::Tcp(address) => Place::Tcp(*address),
        ListenAddress::Any(port) => Place::Any(*port),
        ListenAddress::Abstract(name) => Place::Abstract(name),
        ListenAddress::Unix(path) => {
            make_room(Path::new(path))?;
            let fd = listen::bound(Place::Unix(path))?;
            return Ok((fd, Some(SocketFile::new(PathBuf::from(path)))));
        }
    };
    Ok((listen::bound(place)?, None))
}

/// Whether a socket could be opened there; nobody could connect meanwhile.
fn try_out(address: &ListenAddress) -> io::Result<()> {
    match address {
        // A file that is nobody's is only removed when another takes its place.
        ListenAddress::Unix(path) => super::clients::look_at(Path::new(path)).map(drop),
        ListenAddress::Tcp(_) | ListenAddress::Any(_) | ListenAddress::Abstract(_) => bind(address).map(drop),
    }
}

/// A socket that a configuration names.
struct Named<'c> {
    name: &'c ProgramName,
    program: &'c Program,
    wanted: &'c Listen,
    address: ListenAddress,
}

impl Named<'_> {
    fn told(&self, error: &io::Error) -> String {
        format!("programs.{}.listen: cannot listen on {}: {}", self.name, self.address, plain(error))
    }
}

/// All sockets of the programs of a configuration, each once. What cannot be filled in is found when it is needed.
fn named_by<'c>(config: &'c Config, surroundings: &'c Surroundings) -> impl Iterator<Item = Named<'c>> {
    let mut seen = BTreeSet::new();
    let programs = config.programs.iter().filter(|(_, program)| !program.listen.is_empty());
    let processes = programs.flat_map(|(name, program)| {
        let count = if program.has_sockets_for_each() { program.numprocs } else { 1 };
        program.numbers().take(count as usize).map(move |num| (name, program, num))
    });
    let all = processes.flat_map(move |(name, program, num)| {
        let filled = surroundings.fill("", |outside| expand::listen(program, name, num, outside));
        let named = program.listen.iter().zip(filled.unwrap_or_default());
        named.map(move |(wanted, address)| Named { name, program, wanted, address })
    });
    all.filter(move |named| seen.insert(named.address.clone()))
}

impl Listeners {
    /// Opens all sockets of a configuration. What cannot be opened is written down; it is tried again when it is needed.
    pub fn open_all(config: &Config, people: &People, surroundings: &Surroundings, journal: &mut Journal) -> Listeners {
        let mut listeners = Listeners::default();
        for named in named_by(config, surroundings) {
            let opened = Settings::of(named.program, named.wanted, people)
                .and_then(|settings| listeners.open(&named.address, settings));
            match opened {
                Ok(_) => journal.write(Level::Info, format_args!("listening on {} for {}", named.address, named.name)),
                Err(error) => journal.write(Level::Error, named.told(&error)),
            }
        }
        listeners
    }

    fn open(&mut self, address: &ListenAddress, settings: Settings) -> io::Result<Number> {
        let open = Open::new(address, settings)?;
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(number, open);
        self.by_address.insert(address.clone(), number);
        Ok(number)
    }

    /// The socket at this address, opened if it is not.
    fn get(&mut self, address: &ListenAddress, settings: Settings) -> io::Result<Number> {
        let Some(number) = self.by_address.get(address).copied() else {
            self.outdated = true;
            return self.open(address, settings);
        };
        // Whoever has it may have shut it down for all.
        if let Some(open) = self.open.get(&number).filter(|open| !listen::is_listening(open.fd.as_fd())) {
            open.listen()?;
        }
        Ok(number)
    }

    /// Stops polling for a process. Those of its sockets that are not needed any more.
    fn end_wait(&mut self, key: Key, reactor: &mut Reactor) -> Vec<Number> {
        let numbers = self.waiting.remove(&key).unwrap_or_default();
        for number in &numbers {
            let Some(open) = self.open.get_mut(number) else { continue };
            open.waiters.remove(&key);
            if open.waiters.is_empty()
                && let Some(token) = open.watch.take()
            {
                drop(reactor.remove(token));
            }
        }
        numbers
    }

    fn wait(&mut self, key: Key, numbers: Vec<Number>, reactor: &mut Reactor) -> io::Result<()> {
        let mut result = Ok(());
        for number in &numbers {
            let Some(open) = self.open.get_mut(number) else { continue };
            open.waiters.insert(key);
            // What has come in already is reported by the next poll, whoever polls for it.
            if open.watch.is_none() {
                let copy = open.fd.try_clone().map_err(|error| (error, None));
                let added = copy.and_then(|fd| {
                    reactor.add(Source::Demand(*number), fd, Wants::Read).map_err(|(error, fd)| (error, Some(fd)))
                });
                match added {
                    Ok(token) => open.watch = Some(token),
                    Err((error, _)) => result = Err(error),
                }
            }
        }
        self.waiting.insert(key, numbers);
        result
    }

    /// Whom a connection to a socket concerns. It is not polled until somebody waits anew.
    fn came(&mut self, number: Number, reactor: &mut Reactor) -> Vec<Key> {
        let Some(open) = self.open.get_mut(&number) else { return Vec::new() };
        if let Some(token) = open.watch.take() {
            drop(reactor.remove(token));
        }
        open.waiters.iter().copied().collect()
    }

    fn hold(&mut self, key: Key, numbers: Vec<Number>) {
        for number in &numbers {
            if let Some(open) = self.open.get_mut(number) {
                open.holders.insert(key);
            }
        }
        self.held.insert(key, numbers);
    }

    fn let_go(&mut self, key: Key) -> Vec<Number> {
        let numbers = self.held.remove(&key).unwrap_or_default();
        for number in &numbers {
            if let Some(open) = self.open.get_mut(number) {
                open.holders.remove(&key);
            }
        }
        numbers
    }

    /// Closes those of these that nobody needs. Where they were.
    fn close_unneeded(&mut self, numbers: &[Number], reactor: &mut Reactor) -> Vec<ListenAddress> {
        let unneeded = |number: &&Number| self.open.get(number).is_some_and(|open| !open.is_needed());
        let unneeded: Vec<Number> = numbers.iter().filter(unneeded).copied().collect();
        let closed = unneeded.into_iter().filter_map(|number| self.open.remove(&number));
        closed
            .map(|Open { address, watch, .. }| {
                self.by_address.remove(&address);
                drop(watch.and_then(|token| reactor.remove(token)));
                address
            })
            .collect()
    }

    /// Closes everything: the daemon leaves.
    pub fn close(&mut self) {
        *self = Listeners::default();
    }
}

impl Daemon {
    /// The sockets of a process, opened where they are not.
    fn sockets(
        &mut self,
        program: &Program,
        name: &ProgramName,
        addresses: &[ListenAddress],
    ) -> Result<Vec<Number>, Refused> {
        let all = program.listen.iter().zip(addresses).map(|(wanted, address)| {
            let (settings, before) = (Settings::of(program, wanted, &self.people), self.listeners.next);
            let number = settings.and_then(|settings| self.listeners.get(address, settings));
            if self.listeners.next != before {
                self.journal.write(Level::Info, format_args!("listening on {address} for {name}"));
            }
            number.map_err(|error| Refused::about(Failed::new(Stage::Listen, &error), address.to_string()))
        });
        all.collect()
    }

    /// What a run is told of its sockets, and which they are.
    pub(super) fn prepare_sockets(
        &mut self,
        program: &Program,
        name: &ProgramName,
        blueprint: &mut Blueprint,
    ) -> Result<Vec<Number>, Refused> {
        if program.listen.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = self.sockets(program, name, &blueprint.listen)?;
        let names = program.listen.iter().map(|socket| socket.name.as_deref().unwrap_or(name.as_str()));
        let names: Vec<&str> = names.collect();
        blueprint.env.push(("LISTEN_FDS".to_owned(), numbers.len().to_string()));
        blueprint.env.push(("LISTEN_FDNAMES".to_owned(), names.join(":")));
        Ok(numbers)
    }

    /// Copies of its sockets for a run, each with the number that it is to have there.
    pub(super) fn lend_sockets(&mut self, key: Key, numbers: Vec<Number>) -> Result<Vec<(u32, OwnedFd)>, Failed> {
        let failed = |error: io::Error| Failed::new(Stage::Pipe, &error);
        let open = numbers.iter().filter_map(|number| self.listeners.open.get(number));
        let copies = (FIRST..).zip(open).map(|(at, open)| Ok((at, open.fd.try_clone().map_err(failed)?)));
        let copies = copies.collect::<Result<Vec<_>, Failed>>()?;
        if !numbers.is_empty() {
            self.listeners.hold(key, numbers);
        }
        Ok(copies)
    }

    /// Nothing is left of a run.
    pub(super) fn sockets_over(&mut self, key: Key) {
        let numbers = self.listeners.let_go(key);
        self.close_unneeded(&numbers);
    }

    /// Waits for a connection on behalf of a process, by the sockets that it has now.
    pub(super) fn await_demand(&mut self, key: Key) {
        let before = self.listeners.end_wait(key, &mut self.reactor);
        let Some(member) = self.fleet.member(key) else { return };
        let (program, name, num) = (Arc::clone(&member.program), member.name.clone(), member.num);
        let result = self.try_await(key, &program, &name, num);
        if let Err(refused) = result {
            let numbers = self.listeners.end_wait(key, &mut self.reactor);
            self.close_unneeded(&numbers);
            self.inputs.push_back(Input::Deaf(key, self.refusal(key, refused)));
        }
        self.close_unneeded(&before);
    }

    fn try_await(&mut self, key: Key, program: &Program, name: &ProgramName, num: u32) -> Result<(), Refused> {
        // It was filled in once when it was checked; only the surroundings could make it fail now.
        let unfilled = Failed::of(Stage::Listen, Errno::EINVAL.0);
        let addresses = self.outside(|outside| expand::listen(program, name, num, outside)).map_err(|_| unfilled)?;
        let numbers = self.sockets(program, name, &addresses)?;
        let polled = self.listeners.wait(key, numbers, &mut self.reactor);
        polled.map_err(|error| Failed::new(Stage::Listen, &error).into())
    }

    /// No connection is waited for any more on behalf of a process.
    pub(super) fn end_await(&mut self, key: Key) {
        let numbers = self.listeners.end_wait(key, &mut self.reactor);
        self.close_unneeded(&numbers);
    }

    /// A connection has come in on a socket that somebody waits at.
    pub(super) fn connection_came(&mut self, number: Number) {
        let keys = self.listeners.came(number, &mut self.reactor);
        self.inputs.extend(keys.into_iter().map(Input::Demanded));
    }

    fn close_unneeded(&mut self, numbers: &[Number]) {
        for address in self.listeners.close_unneeded(numbers, &mut self.reactor) {
            self.log(Level::Info, format_args!("no longer listening on {address}"));
        }
    }
}

/// What a reload, or a restart by the files, has to do with sockets.
impl Daemon {
    /// Opens what a configuration names and the one in force does not, of the programs that are `meant`; in a dry run it
    /// is only tried out.
    ///
    /// # Errors
    /// The first that cannot be opened. Then none is open that was not before.
    pub(super) fn open_new_sockets(
        &mut self,
        config: &Config,
        people: &People,
        meant: &dyn Fn(&ProgramName, &Program) -> bool,
        dry_run: bool,
    ) -> Result<(), String> {
        // What could not be opened before is no reason to refuse anything now.
        let known: BTreeSet<ListenAddress> =
            named_by(self.fleet.config(), &self.surroundings).map(|named| named.address).collect();
        let new = named_by(config, &self.surroundings).filter(|named| {
            let there = known.contains(&named.address) || self.listeners.by_address.contains_key(&named.address);
            !there && meant(named.name, named.program)
        });
        let mut opened = Vec::new();
        let mut result = Ok(());
        for named in new.collect::<Vec<_>>() {
            let settings = Settings::of(named.program, named.wanted, people);
            let tried = match settings {
                Ok(_) if dry_run => try_out(&named.address),
                Ok(settings) => self.listeners.open(&named.address, settings).map(|number| opened.push(number)),
                Err(error) => Err(error),
            };
            match tried {
                Ok(()) if dry_run => {}
                Ok(()) => {
                    self.journal.write(Level::Info, format_args!("listening on {} for {}", named.address, named.name));
                }
                Err(error) => {
                    result = Err(named.told(&error));
                    break;
                }
            }
        }
        if result.is_err() {
            for number in &opened {
                if let Some(open) = self.listeners.open.get_mut(number) {
                    open.named = false;
                }
            }
            self.close_unneeded(&opened);
        }
        self.listeners.outdated |= !dry_run;
        result
    }

    /// The same for a restart that may take programs from the files.
    pub(super) fn open_for_restart(&mut self, files: Files, names: &[String]) -> Files {
        let Files::Read(config) = files else { return files };
        let selectors: Vec<Selector> = names.iter().map(|name| Selector::parse(name)).collect();
        let meant = |name: &ProgramName, program: &Program| {
            let group = program.group_name.as_ref();
            program.numbers().any(|num| selectors.iter().any(|selector| selector.matches(name, num, group)))
        };
        let people = std::mem::take(&mut self.people);
        let opened = self.open_new_sockets(&config, &people, &meant, false);
        self.people = people;
        match opened {
            Ok(()) => Files::Read(config),
            Err(problem) => Files::Broken(format!("1 error, so the keys in force are used: {problem}")),
        }
    }

    /// Programs may have other processes than before.
    pub(super) fn sockets_outdated(&mut self) {
        self.listeners.outdated = true;
    }

    /// Makes the sockets what the configuration in force says: closes those that it does not name and nobody has, and
    /// gives the others their settings.
    pub(super) fn fit_sockets(&mut self) {
        if !std::mem::take(&mut self.listeners.outdated) {
            return;
        }
        self.listeners.open.values_mut().for_each(|open| open.named = false);
        let mut troubles = Vec::new();
        for named in named_by(self.fleet.config(), &self.surroundings) {
            let number = self.listeners.by_address.get(&named.address);
            let Some(open) = number.and_then(|number| self.listeners.open.get_mut(number)) else { continue };
            open.named = true;
            let changed = Settings::of(named.program, named.wanted, &self.people).and_then(|settings| {
                if std::mem::replace(&mut open.settings, settings) == settings {
                    return Ok(());
                }
                open.open_up().and_then(|()| open.listen())
            });
            troubles.extend(changed.err().map(|error| named.told(&error)));
        }
        for trouble in troubles {
            self.log(Level::Error, trouble);
        }
        let all: Vec<Number> = self.listeners.open.keys().copied().collect();
        self.close_unneeded(&all);
    }
}

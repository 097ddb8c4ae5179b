//! The start: options, configuration, lock, socket, loop, in an order in which a failure has touched nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::base::signal::Sig;
use crate::config::model::{Config, Level};
use crate::control::address;
use crate::load::{self, Loaded};
use crate::supervise::fleet::Fleet;
use crate::sys::nursery::Nursery;
use crate::sys::process;
use crate::sys::{fd, limits, signals, user};

use super::attached;
use super::audit;
use super::background::{announce, in_background, with_shell};
use super::children::Children;
use super::clients::Clients;
use super::clock::{self, Clock};
use super::console::Consoles;
use super::error::Error;
use super::journal::Journal;
use super::listeners::Listeners;
use super::lockfile::LockFile;
use super::logfile::LogFiles;
use super::manager::Manager;
use super::options::{self, Options, Wish};
use super::origin::{self, Origin};
use super::output::Outputs;
use super::pidfile::PidFile;
use super::reactor::{Reactor, Source, Wants};
use super::run::{Daemon, Surroundings};
use super::single;
use super::web::Web;

/// Signals that the daemon acts upon, or takes note of and goes on.
const HANDLED: [Sig; 7] = [Sig::TERM, Sig::INT, Sig::QUIT, Sig::HUP, Sig::USR1, Sig::USR2, Sig::CHLD];

/// What the first process of a container may be told to halt by.
const OF_INIT: [Sig; 2] = [Sig::PWR, Sig::HALT];

/// Runs `taskmasterd`.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match options::parse(&arguments).and_then(|wish| match wish {
        Wish::Help(text) => Ok(say(text.trim_end())),
        Wish::Version => Ok(say(concat!("taskmasterd ", env!("CARGO_PKG_VERSION")))),
        Wish::Single(alone) => single::run(&alone),
        Wish::Run(options) => start(&options),
    }) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            error.code()
        }
    }
}

fn say(text: &str) -> ExitCode {
    // Nobody reads: nothing to be done about it.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn complain(error: &Error) {
    let text = error.to_string();
    let named = text.starts_with("taskmasterd:") || matches!(error, Error::Config(_));
    let _ = writeln!(std::io::stderr(), "{}{text}", if named { "" } else { "taskmasterd: " });
}

fn start(options: &Options) -> Result<ExitCode, Error> {
    fd::fill_standard().map_err(|e| Error::io("open", "/dev/null", e))?;
    let env: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let binary = std::env::current_exe().ok();
    let path = load::find(options.configuration.as_deref(), &env, binary.as_deref()).map_err(Error::NoConfig)?;
    let origin = Origin { path, overrides: options.overrides.clone(), env };
    let loaded = origin.load().map_err(Error::Config)?;
    if options.test {
        return Ok(check_only(&origin, &loaded));
    }
    let socket = socket_path(&loaded.config, &origin.env);
    if options.interactive {
        // Before anything is begun that it would be missing for.
        let client = attached::find_client(binary.as_deref(), &origin.env)?;
        let shell = |daemon: &OwnedFd| attached::attend(&client, &socket, daemon);
        return with_shell(shell, |ready| serve(origin, loaded, true, Some(ready)));
    }
    if options.daemonize {
        return in_background(|ready| serve(origin, loaded, false, Some(ready)));
    }
    serve(origin, loaded, true, None)
}

fn check_only(origin: &Origin, loaded: &Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "{}", warning.in_full());
    }
    let processes: u32 = loaded.config.programs.values().map(|p| p.numprocs).sum();
    let programs = loaded.config.programs.len();
    say(&format!("{}: ok, {programs} programs, {processes} processes", origin.path.display()))
}

fn socket_path(config: &Config, env: &BTreeMap<String, String>) -> PathBuf {
    let runtime_dir = env.get("XDG_RUNTIME_DIR").map(OsStr::new);
    match &config.daemon.socket.path {
        Some(path) => PathBuf::from(path),
        None => address::default_socket(user::effective_uid(), runtime_dir),
    }
}

/// Sets everything up and runs the loop. `ready` is told when the socket answers.
fn serve(mut origin: Origin, loaded: Loaded, foreground: bool, ready: Option<OwnedFd>) -> Result<ExitCode, Error> {
    let Loaded { config, people, warnings, stamps } = loaded;
    let attached = ready.is_some() && foreground;
    let (manager, problem) = Manager::take(&mut origin.env, std::process::id(), clock::now());
    fd::close_inherited_on_exec();
    signals::reset_dispositions();
    if !process::is_init() {
        // A kernel without it leaves orphans to the first process, as without us.
        let _ = process::adopt_orphans();
    }
    let open_files = limits::open_files().map_err(|e| Error::io("read the limit on open files", "", e))?;
    origin::raise_limit()?;
    // First of all that stays open, so that its descriptors have low numbers.
    let nursery = Nursery::new().map_err(|e| Error::io("reserve descriptors", "", e))?;
    if let Some(mask) = config.daemon.umask {
        process::set_umask(mask);
    }
    let socket = socket_path(&config, &origin.env);
    make_directory(&socket, config.daemon.socket.path.is_none())?;
    let lock_path = PathBuf::from(format!("{}.lock", socket.display()));
    let lock = LockFile::take(&lock_path).map_err(|e| Error::io("lock", &lock_path, e))?;
    let Some(_lock) = lock else { return Err(Error::Taken(socket)) };

    let mut reactor = Reactor::new().map_err(|e| Error::io("set up the poll", "", e))?;
    let handled: Vec<Sig> = HANDLED.into_iter().chain(OF_INIT.into_iter().filter(|_| process::is_init())).collect();
    let signalfd = signals::open(&handled).map_err(|e| Error::io("set up signals", "", e))?;
    let signals =
        reactor.add(Source::Signals, signalfd, Wants::Read).map_err(|(e, _)| Error::io("poll signals", "", e))?;
    let clock = Clock::new(&mut reactor).map_err(|e| Error::io("set up the timer", "", e))?;
    let mut files = LogFiles::new().map_err(|e| Error::io("make a pipe", "", e))?;
    let mut journal = Journal::new(&config.daemon, &mut files, foreground && !attached);
    let access = audit::access(&config.daemon.socket.roles, &people);
    let mut clients = Clients::listen(&mut reactor, &socket, &config.daemon.socket, access.clone())?;
    let web = Web::listen(&mut reactor, &config.daemon, access)?;
    let pidfile = PidFile::write(config.daemon.pidfile.as_deref())?;
    if !config.daemon.nocleanup {
        files.cleanup(origin::auto_logs(&config).iter().map(PathBuf::as_path));
    }
    let directory = if foreground { std::env::current_dir().unwrap_or_else(|_| "/".into()) } else { "/".into() };
    journal.write(
        Level::Info,
        format_args!(
            "taskmasterd {} started pid={} uid={} socket={} configuration={}",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            user::effective_uid(),
            socket.display(),
            origin.path.display()
        ),
    );
    for warning in &warnings {
        journal.write(Level::Warning, warning);
    }
    for address in web.addresses() {
        journal.write(Level::Info, format_args!("listening for HTTP at {address}"));
    }
    let surroundings = Surroundings { env: origin.env.clone(), host: process::host_name(), directory, open_files };
    // Who is told that the daemon is ready can connect.
    let listeners = Listeners::open_all(&config, &people, &surroundings, &mut journal);
    let mut first_lines = Consoles::default();
    journal.flush(&mut files, &mut first_lines, clock::now());
    first_lines.write_out();
    clients.allow(origin::room_for_clients(&config));
    announce(ready, foreground)?;
    process::trim_heap();
    let mut daemon = Daemon {
        reactor,
        clock,
        signals,
        fleet: Fleet::new(config),
        children: Children::default(),
        checks: Default::default(),
        cgroups: Default::default(),
        orphans: Default::default(),
        outputs: Outputs::default(),
        stdins: Default::default(),
        receivers: Default::default(),
        tasks: Default::default(),
        terminals: Default::default(),
        files,
        clients,
        web,
        events: Default::default(),
        audit: Default::default(),
        follows: Default::default(),
        listeners,
        journal,
        manager,
        origin,
        stamps: Some(stamps),
        people,
        surroundings,
        nursery,
        inputs: Default::default(),
        births: Default::default(),
        now: clock::now(),
        quit: None,
    };
    daemon.take_receivers();
    daemon.report_manager(problem);
    let result = daemon.run();
    daemon.end_namespace();
    daemon.leave(&result);
    drop(pidfile);
    result.map(ExitCode::from)
}

impl Daemon {
    /// The last lines of the log, and the socket removed.
    fn leave(&mut self, result: &Result<u8, Error>) {
        self.clients.remove_socket();
        self.web.remove_sockets();
        self.listeners.close();
        self.cgroups.leave();
        self.write_unfinished();
        self.finish_terminals();
        self.outputs.finish(&mut self.reactor, &mut self.files, self.now);
        match result {
            Ok(_) => self.log(Level::Info, "everything is stopped, leaving"),
            Err(error) => self.log(Level::Critical, error),
        }
        self.report_log_facts();
        self.journal.flush(&mut self.files, self.outputs.consoles(), self.now);
        if !self.outputs.finish_shown(&mut self.reactor, &mut self.files, self.now) {
            self.log(Level::Warning, "not all output was passed on: nobody reads it");
            self.report_log_facts();
            self.journal.flush(&mut self.files, self.outputs.consoles(), self.now);
        }
    }
}

/// Makes the directory of the socket if it is one of ours and not there.
fn make_directory(socket: &Path, ours: bool) -> Result<(), Error> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let Some(dir) = socket.parent().filter(|dir| !dir.as_os_str().is_empty()) else { return Ok(()) };
    if dir.is_dir() || !ours {
        // In /tmp anybody may have made it. It must be ours, or the socket could be taken away under us.
        let owner = fs::metadata(dir).map_err(|e| Error::io("look at the socket's directory", dir, e))?;
        if ours && dir.starts_with("/tmp") && (owner.uid() != user::effective_uid() || owner.mode() & 0o077 != 0) {
            let text = std::io::Error::other("belongs to somebody else, or others may enter it");
            return Err(Error::io("use the socket's directory", dir, text));
        }
        return Ok(());
    }
    let mode = if user::effective_uid() == 0 { 0o755 } else { 0o700 };
    fs::DirBuilder::new().mode(mode).create(dir).map_err(|e| Error::io("make the socket's directory", dir, e))
}

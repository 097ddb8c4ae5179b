//! What a configuration says once it has been read and checked. Every default stands here, once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::base::exit::ExitCodes;
use crate::base::id::{ProgramName, Stream};
use crate::base::signal::Sig;

mod check;
mod confines;
mod events;
mod hooks;
mod http;
mod listen;
mod logging;
mod schedule;

pub use check::{Check, GOOD_STATUS, OnUnhealthy, Probe};
pub use confines::{Confines, Directory, TreeLimits};
pub use events::{EVENTS, OnEvent, Recipient};
pub use hooks::{Hook, HookCommand};
pub use http::{HttpAddress, HttpConfig};
pub use listen::{Listen, ListenAddress};
pub use logging::{Level, LogFormat, LogTarget, Rotation};
pub use schedule::{Overlap, Schedule, When};

/// A whole configuration.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Config {
    /// The root `taskmasterd:`.
    pub daemon: DaemonConfig,
    /// The programs in byte order of their names.
    pub programs: BTreeMap<ProgramName, Arc<Program>>,
}

/// The daemon's own keys.
#[derive(Clone, Debug, PartialEq)]
pub struct DaemonConfig {
    /// `logfile`: where the daemon's own log goes.
    pub logfile: LogTarget,
    /// `loglevel`: the least serious level that is written.
    pub loglevel: Level,
    /// `logformat`: how its lines are written.
    pub logformat: LogFormat,
    /// `logfile_maxbytes` and `logfile_backups`.
    pub rotation: Rotation,
    /// `childlogdir`: directory of the `auto` log files.
    pub childlogdir: String,
    /// `nocleanup`: keep the `auto` log files of an earlier daemon at start-up.
    pub nocleanup: bool,
    /// `pidfile`: where the daemon's process id is written, if anywhere.
    pub pidfile: Option<String>,
    /// `umask` of the daemon itself; programs without one inherit it.
    pub umask: Option<u32>,
    /// `socket`.
    pub socket: SocketConfig,
    /// `on_event`.
    pub on_event: Vec<OnEvent>,
    /// `exit_when`: when the daemon leaves by itself.
    pub exit_when: Option<ExitWhen>,
    /// `http`; nothing listens unless it is given.
    pub http: Option<HttpConfig>,
}

/// `exit_when`: what makes the daemon leave without being told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitWhen {
    /// All processes have ended for good.
    AllDone,
    /// One of them has become FATAL.
    AnyFatal,
}

impl ExitWhen {
    /// Both by name.
    pub const NAMES: [(&'static str, ExitWhen); 2] =
        [("all_done", ExitWhen::AllDone), ("any_fatal", ExitWhen::AnyFatal)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ExitWhen::AllDone => "all_done",
            ExitWhen::AnyFatal => "any_fatal",
        }
    }
}

impl Default for DaemonConfig {
    fn default() -> DaemonConfig {
        DaemonConfig {
            logfile: LogTarget::File("taskmasterd.log".to_owned()),
            loglevel: Level::Info,
            logformat: LogFormat::Text,
            rotation: Rotation::default(),
            childlogdir: "/tmp".to_owned(),
            nocleanup: false,
            pidfile: None,
            umask: None,
            socket: SocketConfig::default(),
            on_event: Vec::new(),
            exit_when: None,
            http: None,
        }
    }
}

/// `socket: {path, mode, owner, group, read, control, admin}`.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketConfig {
    /// Where it is; `None` is the default place, which depends on the user (see `sys` and taskmasterd(8)).
    pub path: Option<String>,
    /// Permission bits.
    pub mode: u32,
    /// Owning user, name or id.
    pub owner: Option<String>,
    /// Owning group, name or id.
    pub group: Option<String>,
    /// Who may give which commands, besides root and the daemon's own user.
    pub roles: Roles,
}

impl Default for SocketConfig {
    fn default() -> SocketConfig {
        SocketConfig { path: None, mode: 0o600, owner: None, group: None, roles: Roles::default() }
    }
}

/// `read`, `control` and `admin` of the socket. Each role includes those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Who may look.
    pub read: Vec<Account>,
    /// Who may start, stop and signal processes.
    pub control: Vec<Account>,
    /// Who may do everything.
    pub admin: Vec<Account>,
}

impl Roles {
    /// The roles by their keys, the lowest first.
    #[must_use]
    pub fn by_key(&self) -> [(&'static str, &[Account]); 3] {
        [("read", &self.read), ("control", &self.control), ("admin", &self.admin)]
    }
}

/// Whom a role is given to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// `deploy`, `1000`: a user, by name or id.
    User(String),
    /// `@ops`, `@1000`: everybody in a group, by its name or id.
    Group(String),
}

impl Account {
    /// Whether it is a group.
    #[must_use]
    pub fn is_group(&self) -> bool {
        match self {
            Account::User(_) => false,
            Account::Group(_) => true,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::User(name) => f.write_str(name),
            Account::Group(name) => write!(f, "@{name}"),
        }
    }
}

/// One program: a section of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// `cmd` and `args`, split into words, not yet expanded. Never empty.
    pub argv: Vec<String>,
    /// `numprocs`: how many processes it has, 1 to 10,000.
    pub numprocs: u32,
    /// `numprocs_start`: the number of its first process.
    pub numprocs_start: u32,
    /// `group_name`: the group that it belongs to; `None` is one of its own, with its own name.
    pub group_name: Option<ProgramName>,
    /// `autostart`.
    pub autostart: bool,
    /// What the state machine goes by. All of it can change while the process runs.
    pub policy: Policy,
    /// `priority`: lower starts first and stops last. As in supervisord, 999 unless said.
    pub priority: i32,
    /// `workingdir`; `None` is `/`, or the daemon's directory when it runs in the foreground.
    pub workingdir: Option<String>,
    /// `umask`; `None` inherits the daemon's.
    pub umask: Option<u32>,
    /// `user`, name or id; `None` is the daemon's.
    pub user: Option<String>,
    /// `group`, name or id; `None` is the user's primary group.
    pub group: Option<String>,
    /// `extra_groups`, names or ids: groups beside those of the user.
    pub extra_groups: Vec<String>,
    /// Limits, priorities and privileges; `Some` iff a key of them says something.
    pub confines: Option<Box<Confines>>,
    /// `dirs`.
    pub dirs: Vec<Directory>,
    /// `listen`: sockets that are opened for it, in the order in which its processes get them.
    pub listen: Vec<Listen>,
    /// `env`, and what `env_file` and `env_from_dir` add to it.
    pub env: BTreeMap<String, Variable>,
    /// `env_pass`: names of the daemon's own variables that are passed on, and patterns of such names.
    pub env_pass: Vec<String>,
    /// `stdin`. Plays no part with `tty`.
    pub stdin: Stdin,
    /// `tty`: each run has a terminal of its own. Then stderr goes where stdout does, and stdout is not the daemon's.
    pub tty: bool,
    /// `stdout` and what belongs to it.
    pub stdout: Output,
    /// `stderr` and what belongs to it.
    pub stderr: Output,
    /// `log_format`: how output looks that goes to the daemon's own.
    pub log_format: OutputFormat,
    /// `depends_on`, by name.
    pub depends_on: Vec<Dependency>,
    /// `restart_dependents`: when it ends or is restarted, those that depend on it are restarted, too.
    pub restart_dependents: bool,
    /// `schedule` or `every`, and what belongs to it. Only a `oneshot` program has one.
    pub schedule: Option<Box<Schedule>>,
    /// The directory of the file that the program stands in; `Some` iff one of its texts refers to it.
    pub here: Option<Arc<str>>,
}

/// A program that must have come to something before another is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Which: all of its processes.
    pub on: ProgramName,
    /// To what.
    pub until: Condition,
    /// Whether it is waited for if it is not to run. What is on its way is waited for in any case.
    pub required: bool,
}

impl Dependency {
    /// As a name alone says it.
    #[must_use]
    pub fn on(on: ProgramName) -> Dependency {
        Dependency { on, until: Condition::default(), required: true }
    }
}

/// What a dependency must have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It is spawned and its program is executed.
    Started,
    /// It is RUNNING; a job is EXITED as expected.
    #[default]
    Ready,
    /// It is RUNNING and its health check says that it is well.
    Healthy,
    /// It is a job that has ended as expected.
    Completed,
}

impl Condition {
    /// All of them by name.
    pub const NAMES: [(&'static str, Condition); 4] = [
        ("started", Condition::Started),
        ("ready", Condition::Ready),
        ("healthy", Condition::Healthy),
        ("completed", Condition::Completed),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Condition::NAMES.iter().find(|(_, condition)| *condition == self).map_or("ready", |(name, _)| name)
    }
}

/// The value of a variable of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// It stands in the configuration, and is not yet expanded.
    Template(String),
    /// It was read from a file of variables or from a directory of them: it is taken as it is, and not shown.
    FromFile(String),
}

impl Program {
    /// A program that runs `argv` with every default.
    #[must_use]
    pub fn new(argv: Vec<String>) -> Program {
        Program {
            argv,
            numprocs: 1,
            numprocs_start: 0,
            group_name: None,
            autostart: true,
            policy: Policy::default(),
            priority: 999,
            workingdir: None,
            umask: None,
            user: None,
            group: None,
            extra_groups: Vec::new(),
            confines: None,
            dirs: Vec::new(),
            listen: Vec::new(),
            env: BTreeMap::new(),
            env_pass: Vec::new(),
            stdin: Stdin::Null,
            tty: false,
            stdout: Output::default(),
            stderr: Output::default(),
            log_format: OutputFormat::Raw,
            depends_on: Vec::new(),
            restart_dependents: false,
            schedule: None,
            here: None,
        }
    }

    /// The numbers of its processes.
    #[must_use]
    pub fn numbers(&self) -> Range<u32> {
        self.numprocs_start..self.numprocs_start.saturating_add(self.numprocs)
    }

    /// The output of one stream.
    #[must_use]
    pub fn output(&self, stream: Stream) -> &Output {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// How a stream looks that the daemon passes on to its own; `None` if it does not pass it on: because it goes elsewhere, or
    /// because the processes write there themselves.
    #[must_use]
    pub fn passed_on(&self, stream: Stream) -> Option<OutputFormat> {
        let Output { sink, also_inherit, rotation: _ } = self.output(stream);
        match sink {
            Sink::Inherit => (self.log_format != OutputFormat::Raw).then_some(self.log_format),
            Sink::Auto | Sink::File(_) => also_inherit.then_some(self.log_format),
            Sink::Discard | Sink::Stdout => None,
        }
    }
}

/// What a process reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stdin {
    /// `null`: `/dev/null`, which is at its end.
    #[default]
    Null,
    /// `pipe`: what is sent to it by `input`.
    Pipe,
}

impl Stdin {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stdin::Null => "null",
            Stdin::Pipe => "pipe",
        }
    }
}

/// Where one stream of a program goes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Output {
    /// The place.
    pub sink: Sink,
    /// It goes to the daemon's own as well: `[auto, inherit]`. Only if the place is a file.
    pub also_inherit: bool,
    /// Rotation, if the place is a file.
    pub rotation: Rotation,
}

/// The place that a stream goes to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Sink {
    /// `auto`: a file in `childlogdir`, named after the process and the stream.
    #[default]
    Auto,
    /// A file, not yet expanded.
    File(String),
    /// `none`: discarded.
    Discard,
    /// `inherit`: the daemon's own.
    Inherit,
    /// Only for stderr: where stdout goes, in one stream.
    Stdout,
}

/// How output looks that goes to the daemon's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// `raw`: as it is written.
    #[default]
    Raw,
    /// `prefix`: the name of the process before each line.
    Prefix,
    /// `json`: an object for each line.
    Json,
}

impl OutputFormat {
    /// All formats by the names that `log_format` takes.
    pub const NAMES: [(&'static str, OutputFormat); 3] =
        [("raw", OutputFormat::Raw), ("prefix", OutputFormat::Prefix), ("json", OutputFormat::Json)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Raw => "raw",
            OutputFormat::Prefix => "prefix",
            OutputFormat::Json => "json",
        }
    }
}

/// What the state machine goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// `autorestart`.
    pub autorestart: Autorestart,
    /// `exitcodes`: the exit codes that are expected.
    pub exitcodes: ExitCodes,
    /// `startretries`: failed starts in a row that are tried again; `None` is `unlimited`.
    pub startretries: Option<u32>,
    /// `starttime`: how long a process must live to count as started.
    pub starttime: Duration,
    /// `backoff`.
    pub backoff: Backoff,
    /// `stopsignal`, if it is a list: the signals before the last of it, each with how long it is waited for.
    pub stop_first: Vec<(Sig, Duration)>,
    /// `stopsignal`: the last signal before SIGKILL.
    pub stopsignal: Sig,
    /// `stoptime`: from the last stop signal to SIGKILL.
    pub stoptime: Duration,
    /// `kill_mode`, or `stopgroup`: whom a stop reaches.
    pub kill_mode: KillMode,
    /// `essential`, `on_exit: shutdown`: its end for good ends the daemon.
    pub essential: bool,
    /// `oneshot`: it runs to its end; `starttime` plays no part.
    pub oneshot: bool,
    /// `on_demand`: it is started when a connection comes in on one of its sockets. Only with `listen`.
    pub on_demand: bool,
    /// `timeout`: how long a run of a `oneshot` program may take; `None` is as long as it likes.
    pub timeout: Option<Duration>,
    /// `readiness`: by what a process counts as started; `None` is `starttime`.
    pub readiness: Option<Box<Check>>,
    /// `healthcheck`: by what a process that has started is well.
    pub healthcheck: Option<Box<Check>>,
    /// `on_unhealthy`.
    pub on_unhealthy: OnUnhealthy,
    /// `pre_start`, `post_start` and the like.
    pub hooks: BTreeMap<Hook, HookCommand>,
}

impl Policy {
    /// How long a stop may take until SIGKILL, and what follows it until nothing is left.
    #[must_use]
    pub fn longest_stop(&self) -> Duration {
        let hook = |hook| self.hooks.get(&hook).map_or(Duration::ZERO, |command| command.timeout);
        let first = self.stop_first.iter().fold(Duration::ZERO, |sum, (_, wait)| sum.saturating_add(*wait));
        // A stop command that fails is followed by the signals.
        let command = if self.hooks.contains_key(&Hook::StopCommand) { self.stoptime } else { Duration::ZERO };
        let before = hook(Hook::PreStop).saturating_add(command);
        before.saturating_add(first).saturating_add(self.stoptime).saturating_add(hook(Hook::PostStop))
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            autorestart: Autorestart::Unexpected,
            exitcodes: ExitCodes::new([0]),
            startretries: Some(3),
            starttime: Duration::from_secs(1),
            backoff: Backoff::default(),
            stop_first: Vec::new(),
            stopsignal: Sig::TERM,
            stoptime: Duration::from_secs(10),
            kill_mode: KillMode::Group,
            essential: false,
            oneshot: false,
            on_demand: false,
            timeout: None,
            readiness: None,
            healthcheck: None,
            on_unhealthy: OnUnhealthy::default(),
            hooks: BTreeMap::new(),
        }
    }
}

/// `kill_mode`: whom the signals of a stop reach, and who has to be gone before a process is STOPPED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillMode {
    /// Its process group, and what has left that but is its descendant.
    Group,
    /// Everything in the cgroup of its own that it is born into; where there can be none, as `Group`.
    Cgroup,
    /// The process alone.
    Process,
    /// The stop signals go to the process alone, SIGKILL to everything that it leaves.
    Mixed,
}

impl KillMode {
    /// All of them by name.
    pub const NAMES: [(&'static str, KillMode); 4] = [
        ("group", KillMode::Group),
        ("cgroup", KillMode::Cgroup),
        ("process", KillMode::Process),
        ("mixed", KillMode::Mixed),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KillMode::Group => "group",
            KillMode::Cgroup => "cgroup",
            KillMode::Process => "process",
            KillMode::Mixed => "mixed",
        }
    }

    /// Whether stop signals go to all, also while the process itself lives.
    #[must_use]
    pub fn asks_all(self) -> bool {
        match self {
            KillMode::Group | KillMode::Cgroup => true,
            KillMode::Process | KillMode::Mixed => false,
        }
    }

    /// Whether what the process leaves is stopped and awaited.
    #[must_use]
    pub fn awaits_all(self) -> bool {
        match self {
            KillMode::Group | KillMode::Cgroup | KillMode::Mixed => true,
            KillMode::Process => false,
        }
    }
}

/// When a process that ended after it had started is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    /// `always`, `true`.
    Always,
    /// `never`, `false`.
    Never,
    /// `unexpected`, `on-failure`: if its exit code is not one of `exitcodes`, or a signal ended it.
    Unexpected,
}

/// `backoff: {initial, factor, max, floor}`: the times between starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// By what the delay grows with each failure; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub max: Duration,
    /// The least time between any two spawns of an instance; 0 turns the guard off.
    pub floor: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            initial: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_secs(30),
            floor: Duration::from_secs(1),
        }
    }
}

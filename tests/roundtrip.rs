//! Whatever configuration there is, printed and read again it is the same: for every example, and for thousands that
//! nobody would write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::dice::Dice;
use taskmaster::base::capability::Capabilities;
use taskmaster::base::cron::Cron;
use taskmaster::base::exit::ExitCodes;
use taskmaster::base::id::ProgramName;
use taskmaster::base::resource::{Limit, Resource};
use taskmaster::base::scheduling::{Cpus, IoPriority};
use taskmaster::base::signal::Sig;
use taskmaster::base::zone::Zone;
use taskmaster::config::model::{
    Account, Autorestart, Backoff, Check, Config, Confines, Directory, ExitWhen, Hook, HookCommand, HttpConfig,
    KillMode, Level, Listen, LogFormat, LogTarget, OnUnhealthy, Output, OutputFormat, Overlap, Policy, Probe, Program,
    Rotation, Schedule, Sink, Stdin, Variable, When,
};
use taskmaster::config::print::{self, FromFiles};
use taskmaster::config::{Source, World, parse};

fn read(text: &str) -> Result<Config, String> {
    let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    let file = |_: &str| Ok("FROM_FILE='a ${B} %(x)s $$ %%'\n".to_owned());
    let world = World {
        file: &file,
        zone: &|name| Ok(name.map_or_else(Zone::utc, |name| Zone::utc().named(name))),
        ..World::with_env(&env)
    };
    let parsed = parse(&[Source::new("c.yaml", text)], &world);
    parsed.map(|p| p.config).map_err(|all| all.iter().map(|d| d.in_full() + "\n").collect())
}

fn yaml(config: &Config) -> String {
    print::yaml(config, FromFiles::Printed)
}

/// What printing does not keep: where the file is. And what came from a file comes back as what stands in the text.
fn normal(mut config: Config) -> Config {
    for program in config.programs.values_mut() {
        let program = Arc::make_mut(program);
        program.here = None;
        for variable in program.env.values_mut() {
            if let Variable::FromFile(text) = variable {
                let text = text.replace('$', "$$");
                *variable = Variable::Template(if text.contains("%(") { text.replace('%', "%%") } else { text });
            }
        }
    }
    config
}

#[track_caller]
fn comes_back(config: Config) {
    let text = yaml(&config);
    let again = read(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let want = normal(config);
    let got = normal(again);
    assert_eq!(got.daemon, want.daemon, "{text}");
    for (name, program) in &want.programs {
        assert_eq!(got.programs.get(name), Some(program), "{text}");
    }
    assert_eq!(got.programs.len(), want.programs.len(), "{text}");
    assert_eq!(yaml(&got), text, "printed twice it is another text");
}

#[test]
fn examples_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    comes_back(read(&fs::read_to_string(root.join("etc/taskmasterd.yaml")).unwrap()).unwrap());
    let page = fs::read_to_string(root.join("man/taskmaster.yaml.5")).unwrap().replace("\\e", "\\");
    let mut seen = 0;
    for block in page.split(".Bd -literal").skip(1) {
        let block = block.split_once('\n').unwrap().1.split("\n.Ed").next().unwrap();
        let indented: String = block.lines().map(|line| format!("    {line}\n")).collect();
        for text in
            [block.to_owned(), format!("programs:\n  x:\n    cmd: y\n{indented}"), format!("taskmasterd:\n{indented}")]
        {
            if let Ok(config) = read(&text) {
                comes_back(config);
                seen += 1;
            }
        }
    }
    comes_back(read("programs: {x: {cmd: y, env_file: f, args: ['${FROM_FILE}', '${here}']}}").unwrap());
    let secret = read("programs: {x: {cmd: z, env_file: f, env: {A: 1}}}").unwrap();
    let hidden = print::yaml(&secret, FromFiles::Hidden);
    assert_eq!(hidden, "programs:\n  x:\n    cmd: z\n    env:\n      A: 1\n      # FROM_FILE: from a file\n");
    assert!(seen > 40, "only {seen} examples");
}

/// Texts that a writer of YAML gets wrong.
const ODD: [&str; 44] = [
    "",
    " ",
    "a",
    "yes",
    "No",
    "null",
    "~",
    "1",
    "-1",
    "0o22",
    "022",
    "1.10",
    "1e3",
    ".inf",
    "0x1F",
    "1_000",
    "12:30:45",
    "2001-01-01",
    "- a",
    "-",
    "?",
    ": ",
    "a: b",
    "a:",
    ":a",
    "#",
    "a #b",
    "a#b",
    "'",
    "\"",
    "it's",
    "\\",
    "\\n",
    "a\nb",
    "\n",
    "\ttab",
    " lead",
    "trail ",
    "[a]",
    "{a: b}",
    "a, b",
    "&a",
    "*a",
    "!tag",
];
const MORE: [&str; 22] = [
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "größe",
    "日本語",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{feff}x",
    "a\u{2028}b",
    "\u{85}",
    "a\r\nb",
    "$$",
    "$$x",
    "100%",
    "%d",
    "a\u{a0}b",
    "\u{1f600}",
    "---",
    "...",
    "=",
];

struct Maker(Dice);

impl Maker {
    fn below(&mut self, n: u64) -> u64 {
        self.0.roll() % n
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(3) {
            let at = usize::try_from(self.below(66)).unwrap();
            text += ODD.get(at).copied().unwrap_or_else(|| MORE[at - ODD.len()]);
        }
        text
    }

    fn full(&mut self) -> String {
        loop {
            let text = self.text();
            if !text.is_empty() {
                return text;
            }
        }
    }

    fn duration(&mut self) -> Duration {
        match self.below(4) {
            0 => Duration::from_millis(self.below(100_000)),
            1 => Duration::from_secs(self.below(1_000_000)),
            2 => Duration::ZERO,
            _ => Duration::from_secs(self.below(10_000) * 60),
        }
    }

    fn size(&mut self) -> u64 {
        let shift = self.below(40);
        self.below(1 << 20) << shift.min(20)
    }

    fn number(&mut self, below: u64) -> u32 {
        u32::try_from(self.below(below)).unwrap()
    }

    fn output(&mut self, stderr: bool) -> Output {
        let sink = match self.below(5) {
            0 => Sink::Auto,
            1 => Sink::Discard,
            2 => Sink::Inherit,
            3 if stderr => Sink::Stdout,
            // Each program needs a file of its own; devices may be shared.
            _ => Sink::File(format!("/dev/{}x", self.text())),
        };
        let also_inherit = matches!(sink, Sink::Auto | Sink::File(_)) && self.flip();
        Output { sink, also_inherit, rotation: Rotation { max_bytes: self.size(), backups: self.number(10_001) } }
    }

    /// A check of any kind; by this descriptor, or one that is even if it is, and odd if it is odd.
    fn check(&mut self, of: fn(Probe) -> Check, fd: u32) -> Check {
        let probe = match self.below(7) {
            0 => Probe::Exec(vec![self.full(), self.text()]),
            1 => Probe::Exec(vec!["/bin/sh".to_owned(), "-c".to_owned(), self.text()]),
            2 => Probe::Tcp(["localhost:1", "[::1]:65535", "unix:/a: b #c"][self.number(3) as usize].to_owned()),
            3 => {
                let low = 200 + u16::try_from(self.below(200)).unwrap();
                let high = low + u16::try_from(self.below(200)).unwrap();
                let url = ["http://127.0.0.1:80/?a=b", "http://unix:/x y:/z"][self.number(2) as usize];
                Probe::Http { url: url.to_owned(), status: (low, high) }
            }
            4 if cfg!(feature = "regex") => Probe::Log(["^a: 'b\" #", "5", "~"][self.number(3) as usize].to_owned()),
            5 => Probe::Fd(fd + 2 * self.number(500)),
            _ => Probe::Notify,
        };
        let mut check = of(probe);
        if self.flip() {
            let least = Duration::from_millis(10);
            (check.interval, check.timeout) = (self.duration().max(least), self.duration().max(least));
            (check.start_period, check.start_interval) = (self.duration(), self.duration().max(least));
            check.retries = 1 + self.number(1000);
        }
        check
    }

    fn policy(&mut self) -> Policy {
        Policy {
            autorestart: [Autorestart::Always, Autorestart::Never, Autorestart::Unexpected][self.number(3) as usize],
            exitcodes: ExitCodes::new(
                (0..=self.below(4)).map(|_| u8::try_from(self.below(256)).unwrap()).collect::<Vec<_>>(),
            ),
            startretries: if self.flip() { None } else { Some(self.number(1_000_001)) },
            starttime: self.duration(),
            backoff: Backoff {
                initial: self.duration(),
                factor: 1.0 + self.below(9_991) as f64 / 10.0,
                max: self.duration(),
                floor: self.duration(),
            },
            stop_first: (0..self.below(3))
                .map(|_| (Sig::USR1, self.duration().max(Duration::from_millis(1))))
                .collect(),
            stopsignal: Sig::from_number(i32::try_from(1 + self.below(31)).unwrap()).unwrap(),
            stoptime: self.duration(),
            kill_mode: if self.flip() { KillMode::Mixed } else { KillMode::Cgroup },
            essential: self.flip(),
            oneshot: self.flip(),
            on_demand: false,
            timeout: self.flip().then(|| self.duration().max(Duration::from_millis(1))),
            readiness: None,
            healthcheck: None,
            on_unhealthy: OnUnhealthy::default(),
            hooks: self.hooks(),
        }
    }

    fn hooks(&mut self) -> BTreeMap<Hook, HookCommand> {
        let mut hooks = BTreeMap::new();
        for (_, hook) in Hook::KEYS {
            if self.flip() {
                let timeout = self.duration().max(Duration::from_millis(1));
                hooks.insert(hook, HookCommand { argv: vec![self.full(), self.text()], timeout });
            }
        }
        hooks
    }

    fn confine(&mut self, program: &mut Program) {
        let mut confines = Confines::default();
        for (_, resource) in Resource::NAMES {
            let whole = self.below(1 << 30);
            let soft = (!self.flip()).then_some(whole);
            let limit = Limit { soft, hard: soft.filter(|_| self.flip()).map(|soft| soft * 2) };
            if self.flip() {
                confines.rlimits.insert(resource, limit);
            }
        }
        confines.nice = self.flip().then(|| i32::try_from(self.below(40)).unwrap() - 20);
        confines.ionice =
            [None, Some(IoPriority::Idle), Some(IoPriority::BestEffort(3)), Some(IoPriority::Realtime(0))]
                [self.number(4) as usize];
        confines.oom_score_adj = self.flip().then(|| i16::try_from(self.below(2001)).unwrap() - 1000);
        let cpus = (0..self.below(9)).map(|_| u16::try_from(self.below(12)).unwrap()).collect();
        confines.cpu_affinity = Cpus::new(cpus);
        confines.no_new_privs = self.flip();
        let names = Capabilities((1 << 41) - 1);
        confines.bounding = self.flip().then(|| Capabilities(self.0.roll() & names.0));
        confines.ambient = Capabilities(self.0.roll() & confines.bounding.unwrap_or(names).0);
        confines.chroot = self.flip().then(|| format!("/{}", self.text()));
        confines.tree.memory = self.flip().then(|| self.size() + 1);
        confines.tree.cpu = self.flip().then(|| 100 + self.number(100_000_000));
        confines.tree.pids = self.flip().then(|| 1 + self.number(4_194_304));
        if self.flip() {
            program.confines = Some(Box::new(confines));
        }
        program.extra_groups =
            (0..self.below(3)).map(|n| if n == 0 { "42".to_owned() } else { "x".to_owned() }).collect();
        for n in 0..self.below(3) {
            let mut dir = Directory::new(format!("/{n}{}", self.text()));
            dir.owner = self.flip().then(|| "user".to_owned());
            dir.group = self.flip().then(|| "7".to_owned());
            dir.mode = self.flip().then(|| self.number(0o1000));
            program.dirs.push(dir);
        }
    }

    /// Sockets beside the checks and the schedule that the program has.
    fn listen(&mut self, program: &mut Program) {
        let checks = [&program.policy.readiness, &program.policy.healthcheck];
        if checks.into_iter().flatten().any(|check| matches!(check.probe, Probe::Fd(_))) {
            return;
        }
        for n in 0..self.below(4) {
            // Each is its program's alone.
            let own = self.0.roll();
            let text = self.text();
            let mut socket = Listen::new(match self.below(3) {
                0 => format!("unix:@{own}{n}"),
                1 => format!("unix:/{own}${{num}}{n}"),
                _ => format!("unix:/{own}{n}{text}x"),
            });
            socket.name = self.flip().then(|| ["5", "a b", "true", "#x"][self.number(4) as usize].to_owned());
            socket.backlog = self.flip().then(|| 1 + self.number(65_535));
            if socket.address.starts_with("unix:/") {
                socket.owner = self.flip().then(|| "user".to_owned());
                socket.group = self.flip().then(|| "7".to_owned());
                socket.mode = self.flip().then(|| self.number(0o1000));
            }
            program.listen.push(socket);
        }
        program.policy.on_demand = !program.listen.is_empty() && !program.policy.oneshot && self.flip();
    }

    fn schedule(&mut self) -> Schedule {
        let cron = ["@daily", "30 3 * * mon-fri", "*/5 8-18 1-7 jan,jul *"][self.number(3) as usize];
        let when = if self.flip() {
            When::Calendar(Cron::parse(cron).unwrap())
        } else {
            When::Every(self.duration().max(Duration::from_millis(100)))
        };
        let mut schedule = Schedule::new(when);
        schedule.zone = if self.flip() { Zone::utc() } else { Zone::utc().named("UTC") };
        schedule.overlap = [Overlap::Skip, Overlap::Queue, Overlap::Kill][self.number(3) as usize];
        schedule.jitter = Duration::from_millis(self.below(100));
        schedule.run_on_start = self.flip();
        schedule
    }

    fn program(&mut self) -> Program {
        let mut program = Program::new(vec![self.full()]);
        program.argv.extend((0..self.below(4)).map(|_| self.text()).collect::<Vec<_>>());
        program.numprocs = 1 + self.number(30);
        program.numprocs_start = self.number(1_000_001);
        program.group_name = self.flip().then(|| ProgramName::new("team").unwrap());
        program.restart_dependents = self.flip();
        program.autostart = self.flip();
        program.policy = self.policy();
        program.priority = i32::try_from(self.below(2_000_001)).unwrap() - 1_000_000;
        program.workingdir = self.flip().then(|| format!("/{}", self.text()));
        program.umask = self.flip().then(|| self.number(0o1000));
        program.user = self.flip().then(|| "user".to_owned());
        program.group = self.flip().then(|| "42".to_owned());
        self.confine(&mut program);
        program.env = (0..self.below(4))
            .map(|n| {
                let name = format!("{}{n}", self.text()).replace('=', "");
                let value = self.text();
                (name, if self.flip() { Variable::Template(value) } else { Variable::FromFile(value + "${x} %(y)s") })
            })
            .collect::<BTreeMap<_, _>>();
        program.env_pass = if self.flip() { vec!["A".to_owned(), "LC_*".to_owned()] } else { Vec::new() };
        program.stdout = self.output(false);
        program.stderr = self.output(true);
        program.stdin = if self.flip() { Stdin::Null } else { Stdin::Pipe };
        program.log_format = OutputFormat::NAMES[self.number(3) as usize].1;
        program.tty = self.flip() && (program.stdout.sink != Sink::Inherit || program.log_format != OutputFormat::Raw);
        if program.tty {
            (program.stderr.sink, program.stderr.also_inherit) = (Sink::Stdout, false);
        }
        program.schedule = self.flip().then(|| Box::new(self.schedule()));
        program.policy.oneshot |= program.schedule.is_some();
        program.policy.readiness = self.flip().then(|| Box::new(self.check(Check::readiness, 3)));
        program.policy.healthcheck = self.flip().then(|| Box::new(self.check(Check::health, 4)));
        program.policy.on_unhealthy = OnUnhealthy::NAMES[self.number(3) as usize].1;
        self.listen(&mut program);
        program
    }

    fn config(&mut self) -> Config {
        let mut config = Config::default();
        let daemon = &mut config.daemon;
        daemon.logfile = match self.below(3) {
            0 => LogTarget::Stdout,
            1 => LogTarget::Syslog,
            _ => LogTarget::File(format!("/log/{}${{x}}", self.text())),
        };
        daemon.loglevel =
            [Level::Critical, Level::Error, Level::Warning, Level::Info, Level::Debug][self.number(5) as usize];
        daemon.logformat = if self.flip() { LogFormat::Json } else { LogFormat::Text };
        daemon.rotation = Rotation { max_bytes: self.size(), backups: self.number(10_001) };
        daemon.childlogdir = format!("/{}%(x)s", self.text());
        daemon.nocleanup = self.flip();
        daemon.exit_when = self.flip().then_some(ExitWhen::AllDone);
        daemon.pidfile = self.flip().then(|| format!("/{}", self.text()));
        daemon.umask = self.flip().then(|| self.number(0o1000));
        daemon.socket.path = self.flip().then(|| format!("/{}", self.text()));
        daemon.socket.mode = self.number(0o1000);
        daemon.socket.owner = self.flip().then(|| "root".to_owned());
        daemon.socket.roles.read = vec![Account::User("1000".to_owned()); self.number(3) as usize];
        daemon.socket.roles.control = vec![Account::Group("ops".to_owned()); self.number(3) as usize];
        if cfg!(feature = "web") && self.flip() {
            let listen = ["127.0.0.1:8080", "unix:/x${y}", "[::1]:0"].map(|at| at.parse().unwrap());
            daemon.http = Some(HttpConfig {
                listen: listen[..1 + self.number(3) as usize].to_vec(),
                control: self.flip(),
                token_file: self.flip().then(|| format!("/{}", self.text())),
                hosts: vec!["a.example:1".to_owned(); self.number(2) as usize],
            });
        }
        for n in 0..self.below(4) {
            let name = ["web", "größe", "a.b", "null", "1", "yes"][self.number(6) as usize];
            config.programs.insert(ProgramName::new(&format!("{name}{n}")).unwrap(), Arc::new(self.program()));
        }
        for name in ["null", "yes", "12"].into_iter().filter(|_| self.0.roll().is_multiple_of(4)) {
            config.programs.insert(ProgramName::new(name).unwrap(), Arc::new(Program::new(vec!["x".to_owned()])));
        }
        config
    }
}

#[test]
fn what_nobody_would_write_comes_back() {
    let mut maker = Maker(Dice::new(20));
    for _ in 0..1000 {
        comes_back(maker.config());
    }
}

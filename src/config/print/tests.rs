//! What is printed reads well, and is read as the same configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::base::cron::Cron;
use crate::base::dice::Dice;
use crate::base::exit::ExitCodes;
use crate::base::id::ProgramName;
use crate::base::signal::Sig;
use crate::base::units::LONGEST;
use crate::base::zone::Zone;
use crate::config::expand::{Outside, blueprint};
use crate::config::model::{
    Check, EVENTS, ExitWhen, Hook, HttpAddress, KillMode, Level, Listen, LogFormat, OnUnhealthy, OutputFormat, Probe,
    Roles, Stdin,
};
use crate::config::{Source, Unread, World, parse};

/// A world in which every variable is there, and three files of variables.
fn world() -> World<'static> {
    World {
        file: &|path| match path.rsplit('/').next() {
            Some("web.env") => Ok("A='$5 %(x)s ${B}'\nB=\"two\\nlines\"\n".to_owned()),
            Some("more.env") => Ok("C=100%\n".to_owned()),
            _ => Err(Unread::Absent),
        },
        dir: &|_| Ok(vec![("TOKEN".to_owned(), "s3cr$$t %% \u{1}".to_owned())]),
        ..World::with_env(&|_| Some("x".to_owned()))
    }
}

#[track_caller]
fn read(text: &str) -> Config {
    match parse(&[Source::new("c.yaml", text)], &world()) {
        Ok(parsed) => parsed.config,
        Err(told) => panic!("{text}\n{}", told.iter().map(|d| format!("{d}\n")).collect::<String>()),
    }
}

/// What comes back of a configuration: nothing is from a file of variables any more, and the file that it stands in is
/// another one.
fn written_out(config: &Config) -> Config {
    let mut config = config.clone();
    for program in config.programs.values_mut() {
        let program = Arc::make_mut(program);
        program.here = None;
        for variable in program.env.values_mut() {
            if let Variable::FromFile(text) = variable {
                *variable = Variable::Template(expand::as_template(text));
            }
        }
    }
    config
}

/// Printed and read it is the same, and printed again it is the same text.
#[track_caller]
fn comes_back(config: &Config) -> String {
    let text = yaml(config, FromFiles::Printed);
    let wanted = written_out(config);
    let again = written_out(&read(&text));
    for (name, program) in &wanted.programs {
        assert_eq!(again.programs.get(name), Some(program), "{text}");
    }
    assert_eq!(again, wanted, "{text}");
    assert_eq!(yaml(&again, FromFiles::Printed), text);
    text
}

/// The environment of a program's first process.
fn filled_in(config: &Config) -> Vec<Vec<(String, String)>> {
    let outside = Outside { env: &|_| Some("x".to_owned()), host: "h", childlogdir: "/tmp" };
    let env = |(name, program): (&ProgramName, &Arc<Program>)| {
        blueprint(program, name, program.numprocs_start, &outside).unwrap().env
    };
    config.programs.iter().map(env).collect()
}

#[test]
fn it_reads_well() {
    let given = "
taskmasterd: {logfile: '-', umask: 027, socket: {mode: 660, group: 33}}
defaults: {stoptime: 90, env: {LANG: C}}
services:
  web:
    command: /usr/sbin/nginx -g 'daemon off;'
    env: {PORT: 8080, VERSION: 1.10, MASK: 022, DEBUG: yes, PATH: '/opt/bin:${PATH}'}
    env_pass: [LC_*, HTTP_PROXY]
    healthcheck: {cmd: [curl, -f, 'http://localhost/'], interval: 10}
    readiness: {exec: 'test -e /run/nginx.pid && true', interval: 0.1}
    on_unhealthy: Stop
    starttime: 0.25
  job: {cmd: \"cd /srv\\nexec ./job --all\\n\", shell: true, oneshot: true, umask: 7, autorestart: on-failure:5}
  odd: {cmd: [printf, '%s\\n', \"a'b\\\"\", '|'], stdout: none, redirect_stderr: true, exitcodes: '0, 2', stopsignal: 10}
  turns:
    cmd: x
    pre_start: {cmd: mkdir -p, args: [/run/x]}
    post_stop: {cmd: [rm, a b], timeout: 90}
    on_fatal: [\"a'b\\\"\", '|']
    stopsignal: [INT 5, TERM 1m30s, 3]
";
    let wanted = "\
taskmasterd:
  logfile: \"-\"
  umask: 027
  socket:
    mode: 0660
    group: 33

programs:
  job:
    cmd: |
      cd /srv
      exec ./job --all
    shell: true
    umask: 007
    env:
      LANG: C
    startretries: 5
    oneshot: true
    stoptime: 1m30s

  odd:
    cmd: [printf, '%s\\n', a'b\", \"|\"]
    env:
      LANG: C
    exitcodes: [0, 2]
    stopsignal: USR1
    stoptime: 1m30s
    stdout: none
    stderr: stdout

  turns:
    cmd: x
    env:
      LANG: C
    stopsignal: [INT 5s, TERM 1m30s, QUIT]
    stoptime: 1m30s
    pre_start: mkdir -p /run/x
    post_stop:
      cmd: rm \"a b\"
      timeout: 1m30s
    on_fatal: [a'b\", \"|\"]

  web:
    cmd: /usr/sbin/nginx -g \"daemon off;\"
    env:
      DEBUG: \"yes\"
      LANG: C
      MASK: \"022\"
      PATH: \"/opt/bin:${PATH}\"
      PORT: 8080
      VERSION: \"1.10\"
    env_pass: [LC_*, HTTP_PROXY]
    starttime: 250ms
    readiness:
      exec: test -e /run/nginx.pid && true
      interval: 100ms
    healthcheck:
      exec: [curl, \"-f\", http://localhost/]
      interval: 10s
    on_unhealthy: stop
    stoptime: 1m30s
";
    assert_eq!(comes_back(&read(given)), wanted);
    assert_eq!(comes_back(&Config::default()), "programs: {}\n");
}

#[test]
fn what_stood_in_files_of_variables_comes_out_the_same() {
    let config = read("programs: {a: {cmd: x, env_file: [web.env, more.env], env_from_dir: d, env: {Z: '${A}'}}}");
    let text = comes_back(&config);
    assert!(text.contains("      A: \"$$5 %%(x)s $${B}\"\n"), "{text}");
    assert!(text.contains("      B: |-\n        two\n        lines\n"), "{text}");
    assert_eq!(filled_in(&read(&text)), filled_in(&config));
}

impl Dice {
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn up_to(&mut self, most: u32) -> u32 {
        let limit = self.pick(&[1, 9, 1000, most as usize]).min(most as usize);
        u32::try_from(self.below(limit + 1)).unwrap()
    }

    /// A text that can be filled in.
    fn text(&mut self) -> String {
        const PARTS: [&str; 56] = [
            "a",
            "b c",
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "#",
            " #",
            ": ",
            ":",
            "- ",
            "-",
            "'",
            "\"",
            "\\",
            "yes",
            "Null",
            "~",
            "1.10",
            "022",
            "0x1f",
            "+1",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&",
            "*",
            "!",
            "|",
            ">",
            ">",
            "@",
            "`",
            "?",
            "=",
            "<<",
            "ö",
            "😀",
            "\u{1b}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "\u{7f}",
            "$$",
            "$ ",
            "${A}",
            "${B:-c d}",
            "${here}",
            "%",
            "%d",
            "%(program_name)s",
            "%(process_num)02d",
        ];
        (0..1 + self.below(5)).map(|_| self.pick(&PARTS)).collect()
    }

    fn texts(&mut self, most: usize) -> Vec<String> {
        (0..self.below(most + 1)).map(|_| self.text()).collect()
    }

    fn duration(&mut self) -> Duration {
        let most = usize::try_from(LONGEST.as_secs()).unwrap();
        let limit = self.pick(&[1, 90, 100_000, most]);
        let seconds = Duration::from_secs(self.below(limit) as u64);
        let nanos = match self.below(4) {
            0 => self.below(1000) * 1_000_000,
            1 => self.below(1_000_000_000),
            _ => 0,
        };
        seconds + Duration::from_nanos(nanos as u64)
    }

    fn rotation(&mut self) -> Rotation {
        let max_bytes = match self.below(4) {
            0 => (self.below(10_000) as u64) << self.pick(&[0, 10, 20, 30, 40]),
            1 => u64::MAX - self.below(3) as u64,
            _ => Rotation::default().max_bytes,
        };
        Rotation { max_bytes, backups: if self.once_in(2) { self.up_to(10_000) } else { 10 } }
    }

    /// A path that no other key of the configuration has, and that no process shares.
    fn path(&mut self, unique: &str) -> String {
        format!("{}{unique}{}", self.pick(&["/", "", "./", "a b/"]), self.text().replace('/', ""))
    }

    fn argv(&mut self) -> Vec<String> {
        if self.once_in(4) {
            return vec!["/bin/sh".to_owned(), "-c".to_owned(), self.text()];
        }
        let mut argv = vec![self.pick(&["x", "/bin/x", "a b", "yes", "5", "|", "a;"]).to_owned()];
        argv.extend(self.texts(4));
        if self.once_in(4) {
            argv.push(String::new());
        }
        argv
    }

    fn account(&mut self) -> Option<String> {
        let names = ["root", "33", "0", "007", "yes", "0x1f", "99999999999999999999999", "a#b", "'x'", "ö"];
        self.once_in(3).then(|| self.pick(&names).to_owned())
    }

    fn holders(&mut self) -> Vec<Account> {
        let some: Vec<String> = (0..self.up_to(4)).filter_map(|_| self.account()).collect();
        some.into_iter().map(|name| if self.once_in(2) { Account::User(name) } else { Account::Group(name) }).collect()
    }
}

fn some_program(dice: &mut Dice, unique: &str) -> Program {
    let mut program = Program::new(dice.argv());
    let p = &mut program;
    (p.numprocs, p.numprocs_start) = (1 + dice.up_to(3), dice.up_to(1_000_000));
    p.group_name = dice.once_in(4).then(|| ProgramName::new(&format!("g{unique}")).unwrap());
    p.autostart = dice.once_in(2);
    p.priority = if dice.once_in(2) { 999 } else { 1_000_000 - i32::try_from(dice.up_to(2_000_000)).unwrap() };
    p.workingdir = dice.once_in(3).then(|| dice.path("dir"));
    p.umask = dice.once_in(3).then(|| dice.up_to(0o777));
    (p.user, p.group) = (dice.account(), dice.account());
    for _ in 0..dice.below(4) {
        let name = match dice.below(8) {
            0 => "n".repeat(2000),
            1 => dice.text().replace('=', "") + "n",
            _ => dice.pick(&["A", "B", "yes", "0", "1.5", "PATH", "", "<<"]).to_owned() + unique,
        };
        let value = if dice.once_in(3) {
            Variable::FromFile(dice.text() + dice.pick(&["", "${", "%(", "$", "%%(x)", "}"]))
        } else {
            Variable::Template(if dice.once_in(5) { String::new() } else { dice.text() })
        };
        p.env.insert(name, value);
    }
    for name in dice.texts(3).into_iter().map(|name| name.replace('=', "") + "v") {
        if !p.env_pass.contains(&name) {
            p.env_pass.push(name);
        }
    }
    p.policy = some_policy(dice);
    (p.stdout.rotation, p.stderr.rotation) = (dice.rotation(), dice.rotation());
    let (out, err) = (dice.path(&format!("{unique}out")), dice.path(&format!("{unique}err")));
    p.stdout.sink = dice.pick(&[Sink::Auto, Sink::File(out), Sink::Discard, Sink::Inherit]);
    p.stderr.sink = dice.pick(&[Sink::Auto, Sink::File(err), Sink::Discard, Sink::Inherit, Sink::Stdout]);
    for output in [&mut p.stdout, &mut p.stderr] {
        output.also_inherit = matches!(output.sink, Sink::Auto | Sink::File(_)) && dice.once_in(2);
    }
    p.log_format = dice.pick(&OutputFormat::NAMES).1;
    p.stdin = dice.pick(&[Stdin::Null, Stdin::Pipe]);
    p.tty = dice.once_in(3) && (p.stdout.sink != Sink::Inherit || p.log_format != OutputFormat::Raw);
    if p.tty {
        (p.stderr.sink, p.stderr.also_inherit) = (Sink::Stdout, false);
    }
    p.policy.readiness = dice.once_in(3).then(|| Box::new(some_check(dice, Check::readiness, 3)));
    p.policy.healthcheck = dice.once_in(3).then(|| Box::new(some_check(dice, Check::health, 4)));
    p.policy.on_unhealthy = dice.pick(&OnUnhealthy::NAMES).1;
    if dice.once_in(2) {
        program.schedule = Some(Box::new(some_schedule(dice)));
        program.policy.oneshot = true;
    }
    program.listen = some_sockets(dice, unique, &program.policy);
    program.policy.on_demand = !program.listen.is_empty() && !program.policy.oneshot && dice.once_in(2);
    program
}

/// Sockets that are the program's alone, where no check has one of their numbers.
fn some_sockets(dice: &mut Dice, unique: &str, policy: &Policy) -> Vec<Listen> {
    let checks = [&policy.readiness, &policy.healthcheck];
    if checks.into_iter().flatten().any(|check| matches!(check.probe, Probe::Fd(_))) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for n in 0..dice.below(4) {
        let mut one = Listen::new(match dice.below(3) {
            0 => format!("unix:@{unique}{n}"),
            1 => format!("unix:/{unique}: #${{num}}{n}"),
            _ => format!("unix:/{unique}{n}"),
        });
        one.name = dice.once_in(2).then(|| dice.pick(&["5", "a b", "true", "#x"]).to_owned());
        one.backlog = dice.once_in(2).then(|| 1 + dice.up_to(65_534));
        if one.address.starts_with("unix:/") {
            one.owner = dice.once_in(2).then(|| "user".to_owned());
            one.group = dice.once_in(2).then(|| "7".to_owned());
            one.mode = dice.once_in(2).then(|| dice.up_to(0o777));
        }
        all.push(one);
    }
    all
}

/// A check; if it is by a descriptor, this one or two above it and so on.
fn some_check(dice: &mut Dice, of: fn(Probe) -> Check, fd: u32) -> Check {
    let probe = match dice.below(6) {
        0 => {
            Probe::Tcp(dice.pick(&["localhost:80", "[::1]:65535", "127.0.0.1:1", "localhost:8%(numprocs)d"]).to_owned())
        }
        1 => Probe::Tcp(format!("unix:/a: {}", dice.pick(&["#b", "'", "\"", "${numprocs} ", "\n\\", "]"]))),
        2 => {
            let urls = [
                "http://localhost:80/",
                "http://unix:/a b:/?x=y&z",
                "HTTP://[::1]:8080",
                "http://localhost:1/${numprocs}",
            ];
            let status = dice.pick(&[(200, 399), (200, 200), (204, 599)]);
            Probe::Http { url: dice.pick(&urls).to_owned(), status }
        }
        3 if cfg!(feature = "regex") => {
            Probe::Log(dice.pick(&["ready", "^\\[x\\]: \"a' #", "5", "true", "\u{1b}|\\d+ [$]{2}", " "]).to_owned())
        }
        4 => dice.pick(&[Probe::Notify, Probe::Fd(fd), Probe::Fd(fd + 1018)]),
        _ => Probe::Exec(dice.argv()),
    };
    let mut check = of(probe);
    if dice.once_in(2) {
        let least = Duration::from_millis(10);
        (check.interval, check.timeout) = (dice.duration().max(least), dice.duration().max(least));
        (check.start_period, check.start_interval) = (dice.duration(), dice.duration().max(least));
        check.retries = 1 + dice.up_to(999_999);
    }
    check
}

fn some_schedule(dice: &mut Dice) -> Schedule {
    let text = dice.pick(&["@daily", "*/5 * * * mon-fri", "0 3,15 1-7 jan *"]);
    let every = dice.duration().max(Duration::from_millis(100));
    let when = if dice.once_in(2) { When::Every(every) } else { When::Calendar(Cron::parse(text).unwrap()) };
    // Shorter than every interval that there is.
    let jitter = Duration::from_millis(u64::try_from(dice.below(100)).unwrap());
    let zone = if dice.once_in(2) { Zone::utc() } else { Zone::utc().named("UTC") };
    let overlap = dice.pick(&[Overlap::Skip, Overlap::Queue, Overlap::Kill]);
    Schedule { when, zone, overlap, jitter, run_on_start: dice.once_in(2) }
}

fn some_policy(dice: &mut Dice) -> Policy {
    let codes: Vec<u8> = (0..dice.below(4)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
    Policy {
        autorestart: dice.pick(&[Autorestart::Always, Autorestart::Never, Autorestart::Unexpected]),
        exitcodes: ExitCodes::new(codes),
        startretries: dice.once_in(2).then(|| dice.up_to(1_000_000)),
        starttime: dice.duration(),
        backoff: Backoff {
            initial: dice.duration(),
            factor: dice.pick(&[1.0, 1.5, 2.0, 1000.0, 1.000_000_000_000_000_2, 3.3]),
            max: dice.duration(),
            floor: dice.duration(),
        },
        stop_first: (0..dice.below(3)).map(|_| (Sig::INT, dice.duration().max(Duration::from_millis(1)))).collect(),
        stopsignal: Sig::from_number(i32::try_from(dice.below(64)).unwrap()).unwrap_or(Sig::TERM),
        stoptime: dice.duration(),
        kill_mode: dice.pick(&KillMode::NAMES).1,
        essential: dice.once_in(2),
        oneshot: dice.once_in(2),
        on_demand: false,
        timeout: dice.once_in(2).then(|| dice.duration().max(Duration::from_millis(1))),
        readiness: None,
        healthcheck: None,
        on_unhealthy: OnUnhealthy::default(),
        hooks: some_hooks(dice),
    }
}

fn some_http(dice: &mut Dice) -> HttpConfig {
    let unix = HttpAddress::Unix(dice.path("http"));
    let tcp = |text: &str| text.parse::<HttpAddress>().unwrap();
    HttpConfig {
        listen: dice.pick(&[vec![unix.clone()], vec![tcp("8080")], vec![tcp("[::1]:1"), unix]]),
        control: dice.once_in(2),
        token_file: dice.once_in(2).then(|| dice.path("token")),
        hosts: dice.pick(&[Vec::new(), vec!["example.org:1".to_owned()], vec!["a".to_owned(), "[::1]".to_owned()]]),
    }
}

fn some_hooks(dice: &mut Dice) -> BTreeMap<Hook, HookCommand> {
    let mut hooks = BTreeMap::new();
    for (_, hook) in Hook::KEYS {
        if dice.once_in(4) {
            let timeout = if dice.once_in(2) { Duration::from_secs(60) } else { dice.duration() };
            hooks.insert(hook, HookCommand { argv: dice.argv(), timeout: timeout.max(Duration::from_millis(1)) });
        }
    }
    hooks
}

fn some_daemon(dice: &mut Dice) -> DaemonConfig {
    let log = dice.path("log");
    DaemonConfig {
        logfile: dice.pick(&[LogTarget::File(log), LogTarget::Stdout, LogTarget::Syslog]),
        loglevel: dice.pick(&Level::NAMES).1,
        logformat: dice.pick(&LogFormat::NAMES).1,
        rotation: dice.rotation(),
        childlogdir: dice.path("logs"),
        nocleanup: dice.once_in(2),
        pidfile: dice.once_in(2).then(|| dice.path("pid")),
        umask: dice.once_in(2).then(|| dice.up_to(0o777)),
        exit_when: dice.once_in(2).then(|| dice.pick(&ExitWhen::NAMES).1),
        socket: SocketConfig {
            path: dice.once_in(2).then(|| dice.path("sock")),
            mode: dice.pick(&[0o600, 0o660, 0o777, 0, 7]),
            owner: dice.account(),
            group: dice.account(),
            roles: Roles { read: dice.holders(), control: dice.holders(), admin: dice.holders() },
        },
        on_event: (0..dice.below(3)).map(|_| some_receiver(dice)).collect(),
        http: (cfg!(feature = "web") && dice.once_in(2)).then(|| some_http(dice)),
    }
}

fn some_receiver(dice: &mut Dice) -> OnEvent {
    let url = "http://unix:/run/x y${:/z".to_owned();
    let mut rule = OnEvent::new(if cfg!(feature = "web") && dice.once_in(2) {
        Recipient::Post(url)
    } else {
        Recipient::Command(dice.argv())
    });
    rule.events = (0..dice.below(3)).map(|_| dice.pick(&EVENTS).to_owned()).collect();
    rule.programs = dice.texts(2);
    if dice.once_in(2) {
        rule.timeout = dice.duration().max(Duration::from_millis(1));
    }
    rule
}

#[test]
fn every_configuration_comes_back() {
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let (mut blocks, mut lines, mut lists) = (0, 0, 0);
    for _ in 0..1500 {
        let names = ["web", "yes", "1.5", "022", "ö", "+1", "null"];
        let some = names.iter().enumerate().filter(|_| dice.once_in(3)).collect::<Vec<_>>();
        let programs = some
            .into_iter()
            .map(|(n, name)| (ProgramName::new(name).unwrap(), Arc::new(some_program(&mut dice, &format!("p{n}")))));
        let programs = programs.collect();
        let daemon = if dice.once_in(2) { some_daemon(&mut dice) } else { DaemonConfig::default() };
        let config = Config { daemon, programs };
        let text = comes_back(&config);
        assert_eq!(filled_in(&read(&text)), filled_in(&config), "{text}");
        blocks += text.matches(": |").count();
        lines += text.lines().filter(|l| l.starts_with("    cmd: ") && !l.starts_with("    cmd: [")).count();
        lists += text.matches("    cmd: [").count() + text.matches("      exec: [").count();
    }
    assert!(blocks > 100 && lines > 500 && lists > 500, "{blocks} blocks, {lines} lines, {lists} lists: it is dull");
}

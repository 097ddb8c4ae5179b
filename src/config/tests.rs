//! Texts to models and to complaints: every key with good and bad values, places, limits, damaged texts.

use std::collections::BTreeMap;
use std::time::Duration;

mod checks;
mod complaints;
mod examples;
#[cfg(feature = "web")]
mod http;
mod roles;

use super::diag::{Diagnostic, Level};
use super::model::{Autorestart, Config, KillMode, LogTarget, OutputFormat, Program, Rotation, Sink, Stdin, Variable};
use super::{Objection, Parsed, Source, World, parse};
use crate::base::exit::ExitCodes;
use crate::base::id::{ProgramName, Stream};
use crate::base::signal::Sig;

fn env(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/me".to_owned())
}

fn template(text: &str) -> Variable {
    Variable::Template(text.to_owned())
}

/// `A=template`, `B<file`.
fn shown(env: &BTreeMap<String, Variable>) -> Vec<String> {
    let one = |(name, variable): (&String, &Variable)| match variable {
        Variable::Template(text) => format!("{name}={text}"),
        Variable::FromFile(text) => format!("{name}<{text}"),
    };
    env.iter().map(one).collect()
}

fn sources(texts: &[(&str, &str)]) -> Vec<Source> {
    texts.iter().map(|(name, text)| Source::new(name, text)).collect()
}

fn read(text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    parse(&sources(&[("c.yaml", text)]), &World::with_env(&env))
}

fn lines(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|e| panic!("{text}\n{}", lines(&e).join("\n"))).config
}

#[track_caller]
fn bad(text: &str) -> Vec<String> {
    let errors = read(text).expect_err(text);
    assert!(errors.iter().any(|e| e.level == Level::Error), "{text}");
    lines(&errors)
}

#[track_caller]
fn warned(text: &str) -> Vec<String> {
    lines(&read(text).unwrap_or_else(|e| panic!("{text}\n{}", lines(&e).join("\n"))).warnings)
}

/// The program that `keys` make, with a command unless they have one.
#[track_caller]
fn program(keys: &str) -> Program {
    let config = good(&one(keys));
    Program::clone(config.programs.values().next().unwrap())
}

fn one(keys: &str) -> String {
    let cmd = if ["cmd:", "command:"].iter().any(|c| keys.contains(c)) { "" } else { "cmd: sleep 1, " };
    format!("programs: {{web: {{{cmd}{keys} }}}}")
}

#[track_caller]
fn argv(keys: &str) -> Vec<String> {
    program(keys).argv
}

fn named(name: &str) -> ProgramName {
    ProgramName::new(name).unwrap()
}

#[test]
fn a_program_without_keys_has_the_defaults() {
    assert_eq!(program("cmd: sleep 1"), Program::new(vec!["sleep".to_owned(), "1".to_owned()]));
}

#[test]
fn commands() {
    assert_eq!(argv("command: /bin/x -g \"daemon off;\""), ["/bin/x", "-g", "daemon off;"]);
    assert_eq!(argv("cmd: [sleep, 1.50, '', true]"), ["sleep", "1.50", "", "true"]);
    assert_eq!(argv("cmd: 'true'"), ["true"]);
    assert_eq!(argv("cmd: true"), ["true"]);
    assert_eq!(argv("cmd: a b, args: ['c d', 5]"), ["a", "b", "c d", "5"]);
    assert_eq!(argv("cmd: [a], args: \"b 'c d'\""), ["a", "b", "c d"]);
    assert_eq!(argv("cmd: a, args:"), ["a"]);
    assert_eq!(argv("cmd: a, args: []"), ["a"]);
    assert_eq!(
        argv("cmd: 'exec sleep $$((1 + 1)) | cat', shell: true"),
        ["/bin/sh", "-c", "exec sleep $$((1 + 1)) | cat"]
    );
    assert_eq!(argv("cmd: a 'b c', shell: false"), ["a", "b c"]);
}

#[test]
fn numbers_and_words() {
    assert_eq!(program("numprocs: 10000, stdout: none, stderr: none").numprocs, 10_000);
    assert_eq!(program("numprocs: \"2\"").numprocs, 2);
    for (text, value) in [("true", true), ("false", false), ("yes", true), ("Off", false), ("'no'", false)] {
        assert_eq!(program(&format!("autostart: {text}")).autostart, value, "{text}");
        let mode = if value { KillMode::Group } else { KillMode::Process };
        assert_eq!(program(&format!("stopgroup: {text}")).policy.kill_mode, mode, "{text}");
        assert_eq!(program(&format!("oneshot: {text}")).policy.oneshot, value, "{text}");
    }
    assert_eq!(program("priority: -1000000").priority, -1_000_000);
    for (text, codes) in [("0", vec![0]), ("[0, 2, 255]", vec![0, 2, 255]), ("[]", vec![]), ("'0, 2'", vec![0, 2])] {
        assert_eq!(program(&format!("exitcodes: {text}")).policy.exitcodes, ExitCodes::new(codes), "{text}");
    }
    for (text, retries) in [("0", Some(0)), ("1000000", Some(1_000_000)), ("unlimited", None)] {
        assert_eq!(program(&format!("startretries: {text}")).policy.startretries, retries, "{text}");
    }
    for (text, ms) in [("0", 0), ("0.25", 250), ("1m30s", 90_000), ("\"5\"", 5000), ("100ms", 100)] {
        for key in ["starttime", "startsecs"] {
            let d = program(&format!("{key}: {text}")).policy.starttime;
            assert_eq!(d, Duration::from_millis(ms), "{key}: {text}");
        }
        for key in ["stoptime", "stopsecs", "stopwaitsecs"] {
            let d = program(&format!("{key}: {text}")).policy.stoptime;
            assert_eq!(d, Duration::from_millis(ms), "{key}: {text}");
        }
    }
    for text in ["USR1", "SIGUSR1", "usr1", "10", "\"10\""] {
        assert_eq!(program(&format!("stopsignal: {text}")).policy.stopsignal, Sig::USR1, "{text}");
    }
}

#[test]
fn policies() {
    for (text, policy, retries) in [
        ("always", Autorestart::Always, Some(3)),
        ("never", Autorestart::Never, Some(3)),
        ("unexpected", Autorestart::Unexpected, Some(3)),
        ("on-failure", Autorestart::Unexpected, Some(3)),
        ("on-failure:5", Autorestart::Unexpected, Some(5)),
        ("'on-failure[:5]'", Autorestart::Unexpected, Some(5)),
        ("true", Autorestart::Always, Some(3)),
        ("false", Autorestart::Never, Some(3)),
        ("Never", Autorestart::Never, Some(3)),
        ("on-failure, startretries: unlimited", Autorestart::Unexpected, None),
        ("on-failure:5, startretries: unlimited", Autorestart::Unexpected, None),
    ] {
        let p = program(&format!("autorestart: {text}")).policy;
        assert_eq!((p.autorestart, p.startretries), (policy, retries), "{text}");
    }
    let backoff = program("backoff: {initial: 250ms, factor: 1.5, max: 1m, floor: 0}").policy.backoff;
    assert_eq!((backoff.initial, backoff.factor), (Duration::from_millis(250), 1.5));
    assert_eq!((backoff.max, backoff.floor), (Duration::from_secs(60), Duration::ZERO));
}

#[test]
fn octal_numbers_are_what_is_written() {
    for (text, mask) in [
        ("044", 0o44),
        ("022", 0o22),
        ("\"022\"", 0o22),
        ("'22'", 0o22),
        ("0o22", 0o22),
        ("44", 0o44),
        ("0", 0),
        ("0777", 0o777),
    ] {
        assert_eq!(program(&format!("umask: {text}")).umask, Some(mask), "{text}");
        let config = good(&format!("taskmasterd: {{umask: {text}, socket: {{mode: {text}}}}}"));
        assert_eq!((config.daemon.umask, config.daemon.socket.mode), (Some(mask), mask), "{text}");
    }
    for text in
        ["18", "888", "01000", "0x12", "0b1", "-022", "0.22", "1e2", "''", "0o", "0o0o7", "+22", "[022]", "", "u=rw"]
    {
        assert_eq!(bad(&one(&format!("umask: {text}"))).len(), 1, "{text}");
    }
}

#[test]
fn users_directories_environment() {
    let p = program("user: www-data, group: 33, workingdir: /srv, env_pass: [A, B, A]");
    assert_eq!((p.user.as_deref(), p.group.as_deref()), (Some("www-data"), Some("33")));
    assert_eq!(p.workingdir.as_deref(), Some("/srv"));
    assert_eq!(p.env_pass, ["A", "B"]);
    assert_eq!(program("directory: srv").workingdir.as_deref(), Some("srv"));
    let p = program("env: {VERSION: 1.10, MASK: 022, YES: true, NONE: , NULL: ~, TEXT: 'a b=c', 5: 0x10}");
    let env: Vec<_> = shown(&p.env);
    assert_eq!(env, ["5=0x10", "MASK=022", "NONE=", "NULL=", "TEXT=a b=c", "VERSION=1.10", "YES=true"]);
    assert!(program("env:").env.is_empty());
}

#[test]
fn places_of_output() {
    for (text, sink) in [
        ("auto", Sink::Auto),
        ("AUTO", Sink::Auto),
        ("none", Sink::Discard),
        ("NONE", Sink::Discard),
        ("null", Sink::Discard),
        ("~", Sink::Discard),
        ("", Sink::Discard),
        ("inherit", Sink::Inherit),
        ("/dev/null", Sink::File("/dev/null".to_owned())),
        ("/var/log/x", Sink::File("/var/log/x".to_owned())),
        ("logs/x.log", Sink::File("logs/x.log".to_owned())),
        ("./none", Sink::File("./none".to_owned())),
    ] {
        for key in ["stdout", "stdout_logfile"] {
            assert_eq!(program(&format!("{key}: {text}")).stdout.sink, sink, "{key}: {text}");
        }
        for key in ["stderr", "stderr_logfile"] {
            assert_eq!(program(&format!("{key}: {text}")).stderr.sink, sink, "{key}: {text}");
        }
    }
    assert_eq!(program("stdout: /dev/stdout").stdout.sink, Sink::Inherit);
    assert_eq!(program("stderr: /dev/stderr").stderr.sink, Sink::Inherit);
    assert_eq!(program("stderr: stdout").stderr.sink, Sink::Stdout);
    for (text, want) in [
        ("stdout: [auto, inherit]", Some(OutputFormat::Raw)),
        ("stdout: [INHERIT, /x], log_format: json", Some(OutputFormat::Json)),
        ("stdout: inherit, log_format: Prefix", Some(OutputFormat::Prefix)),
        ("stdout: inherit", None),
        ("stdout: none, log_format: json", None),
        ("stdout: /x, log_format: json", None),
    ] {
        assert_eq!(program(text).passed_on(Stream::Stdout), want, "{text}");
    }
    let told = warned(&one("log_format: json, stdout: auto"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("programs.web.log_format: plays no part"), "{told:?}");
    assert_eq!(warned(&format!("defaults: {{log_format: json}}\n{}", one("stdout: auto"))).len(), 0);
    let p = program(
        "stdout_logfile_maxbytes: 1MB, stdout_logfile_backups: 0, stderr_logfile_maxbytes: 0, stderr_logfile_backups: 1000",
    );
    assert_eq!(p.stdout.rotation, Rotation { max_bytes: 1 << 20, backups: 0 });
    assert_eq!(p.stderr.rotation, Rotation { max_bytes: 0, backups: 1000 });
}

#[test]
fn input_comes_from_nowhere_a_pipe_or_a_terminal() {
    assert_eq!((program("tty: no").stdin, program("tty: no").tty), (Stdin::Null, false));
    assert_eq!(program("stdin: Pipe").stdin, Stdin::Pipe);
    assert_eq!(program("stdin: null").stdin, Stdin::Null);
    assert_eq!(program("stdin: none").stdin, Stdin::Null);
    let terminal = program("tty: true");
    assert_eq!((terminal.tty, &terminal.stderr.sink), (true, &Sink::Stdout));
    let told = warned(&one("tty: true, stderr: /x, stdin: pipe"));
    for key in ["stderr", "stdin"] {
        let text = format!("programs.web.{key}: is not used with \"tty: true\"");
        assert!(told.iter().any(|warning| warning.contains(&text)), "{told:?}");
    }
    assert_eq!(warned(&one("tty: true, stderr: stdout")).len(), 0);
    // What the defaults say is meant for other programs.
    assert_eq!(warned(&format!("defaults: {{stderr: /x, stdin: pipe}}\n{}", one("tty: true"))).len(), 0);
}

#[test]
fn stderr_may_be_redirected() {
    let sink = |keys: &str| program(keys).stderr.sink;
    assert_eq!(sink("redirect_stderr: true"), Sink::Stdout);
    assert_eq!(sink("redirect_stderr: true, stderr_logfile: none"), Sink::Stdout);
    assert_eq!(sink("redirect_stderr: false"), Sink::Auto);
    assert_eq!(sink("redirect_stderr: false, stderr: none"), Sink::Discard);
    assert!(warned(&one("redirect_stderr: true, stderr: /x"))[0].contains("programs.web.stderr: is not used"));
    let with = |defaults: &str, keys: &str| {
        let config = good(&format!("defaults: {{{defaults}}}\n{}", one(keys)));
        config.programs.into_values().next().unwrap().stderr.sink.clone()
    };
    assert_eq!(with("redirect_stderr: true", "numprocs: 1"), Sink::Stdout);
    assert_eq!(with("redirect_stderr: true", "stderr: none"), Sink::Discard);
    assert_eq!(with("redirect_stderr: true", "redirect_stderr: false"), Sink::Auto);
    assert_eq!(with("stderr: none", "redirect_stderr: true"), Sink::Stdout);
}

#[test]
fn the_daemon_s_keys() {
    let d = good(
        "taskmasterd:
  logfile: /var/log/t.log
  loglevel: debug
  logfile_maxbytes: 10MB
  logfile_backups: 3
  childlogdir: /var/log/children
  nocleanup: true
  pidfile: /run/t.pid
  umask: 027
  socket: {path: /run/t.sock, mode: 0660, owner: root, group: adm}",
    )
    .daemon;
    assert_eq!(d.logfile, LogTarget::File("/var/log/t.log".to_owned()));
    assert_eq!(d.loglevel, super::model::Level::Debug);
    assert_eq!(d.rotation, Rotation { max_bytes: 10 << 20, backups: 3 });
    assert_eq!((d.childlogdir.as_str(), d.nocleanup), ("/var/log/children", true));
    assert_eq!((d.pidfile.as_deref(), d.umask), (Some("/run/t.pid"), Some(0o27)));
    assert_eq!((d.socket.path.as_deref(), d.socket.mode), (Some("/run/t.sock"), 0o660));
    assert_eq!((d.socket.owner.as_deref(), d.socket.group.as_deref()), (Some("root"), Some("adm")));
    assert_eq!(good("taskmasterd: {logfile: '-'}").daemon.logfile, LogTarget::Stdout);
    assert_eq!(good("taskmasterd: {logfile: syslog}").daemon.logfile, LogTarget::Syslog);
    assert_eq!(good("taskmasterd:\nprograms:\n").daemon, super::model::DaemonConfig::default());
}

#[test]
fn a_program_s_own_keys_come_before_the_defaults() {
    let config = good(
        "defaults:
  startsecs: 5
  stoptime: 7
  autorestart: on-failure:9
  env: {A: default, B: default}
  backoff: {initial: 3, max: 9}
  stdout: none
programs:
  a: {cmd: x, starttime: 1, env: {B: own, C: own}, backoff: {max: 4}}
  b: {cmd: x, startretries: 2}
  c: {cmd: x, autorestart: always}
",
    );
    let [a, b, c] = ["a", "b", "c"].map(|name| &config.programs[&named(name)]);
    assert_eq!((a.policy.starttime.as_secs(), a.policy.stoptime.as_secs()), (1, 7));
    assert_eq!((a.policy.autorestart, a.policy.startretries), (Autorestart::Unexpected, Some(9)));
    assert_eq!(shown(&a.env), ["A=default", "B=own", "C=own"]);
    assert_eq!((a.policy.backoff.initial.as_secs(), a.policy.backoff.max.as_secs()), (3, 4));
    assert_eq!((&a.stdout.sink, &a.stderr.sink), (&Sink::Discard, &Sink::Auto));
    assert_eq!(b.policy.startretries, Some(2));
    assert_eq!((c.policy.autorestart, c.policy.startretries), (Autorestart::Always, Some(3)));
}

#[test]
fn defaults_may_leave_something_to_the_programs() {
    good("defaults: {healthcheck: {interval: 5}}\nprograms: {a: {cmd: x, healthcheck: {cmd: y}}}");
    good("defaults: {shell: true, cmd: \"echo it's' '\"}\nprograms: {a: {}}");
    good("defaults: {cmd: \"echo it's\"}\nprograms: {a: {cmd: x}}");
}

#[test]
fn several_files_are_one_configuration() {
    let files = [
        ("00.yaml", "taskmasterd: {loglevel: debug}\ndefaults: {stoptime: 3}"),
        ("10.yaml", "programs: {a: {cmd: x}}"),
        ("20.json", "{\"services\": {\"b\": {\"cmd\": \"x\"}}}"),
        ("30.yaml", "taskmasterd: {umask: 022}"),
        ("40.yaml", "# nothing\n"),
    ];
    let config = parse(&sources(&files), &World::with_env(&env)).unwrap().config;
    assert_eq!(config.programs.keys().map(ProgramName::as_str).collect::<Vec<_>>(), ["a", "b"]);
    assert!(config.programs.values().all(|p| p.policy.stoptime.as_secs() == 3));
    assert_eq!((config.daemon.loglevel, config.daemon.umask), (super::model::Level::Debug, Some(0o22)));
    let files = [
        ("1.yaml", "taskmasterd: {umask: 022}\nprograms:\n  a: {cmd: x}"),
        ("2.yaml", "taskmasterd: {umask: 022}\nservices:\n  a: {cmd: y}"),
        ("3.yaml", "{"),
    ];
    let told = lines(&parse(&sources(&files), &World::with_env(&env)).unwrap_err());
    assert_eq!(told[0], "2.yaml:1:15: taskmasterd.umask: is given twice (first in 1.yaml:1)");
    assert_eq!(told[1], "2.yaml:3:3: services.a: is given twice (first in 1.yaml:3)");
    assert!(told[2].starts_with("3.yaml:1:2: is not valid YAML"), "{told:?}");
}

#[test]
fn log_files_have_one_owner() {
    good(
        "programs: {a: {cmd: x, stdout: /l/a, stderr: /l/a, numprocs: 2}, b: {cmd: x, stdout: /dev/null}, c: {cmd: x, stdout: /dev/null}}",
    );
    good("programs: {a: {cmd: x, stdout: '/l/${num}', numprocs: 2}, b: {cmd: x, stdout: /l/2}}");
    let told = bad("programs:\n  a: {cmd: x, stdout: '/l/${num}', numprocs: 2}\n  b: {cmd: x, stderr: /l//./1}\n");
    assert_eq!(
        told,
        [
            "c.yaml:3:15: programs.b.stderr: \"/l/1\" is the file of programs.a.stdout (in line 2) too: give each program its own"
        ]
    );
    let told = bad("taskmasterd: {logfile: ./x.log}\nprograms: {a: {cmd: x, stdout: x.log}}");
    assert!(told.len() == 1 && told[0].contains("programs.a.stdout: \"x.log\" is the daemon's own log"), "{told:?}");
    let told = bad("taskmasterd: {childlogdir: /l/}\nprograms: {a: {cmd: x}, b: {cmd: x, stdout: /l/a-stderr.log}}");
    assert!(told.len() == 1 && told[0].contains("is the \"auto\" log of a too"), "{told:?}");
    let told = bad("taskmasterd: {childlogdir: /l, logfile: /l/a_01-stdout.log}\nprograms: {a: {cmd: x, numprocs: 2}}");
    assert!(told.len() == 1 && told[0].contains("taskmasterd.logfile"), "{told:?}");
    let told = bad("programs: {w: {cmd: x, numprocs: 2}, w_01: {cmd: x}}");
    assert!(
        told.len() == 1 && told[0].contains("programs.w_01: has the same \"auto\" log as a process of w"),
        "{told:?}"
    );
    good("programs: {w: {cmd: x, numprocs: 2}, w_02: {cmd: x}, w_1: {cmd: x}}");
}

#[test]
fn warnings_are_few() {
    assert_eq!(warned("programs: {a: {cmd: x -y}}"), [""; 0]);
    assert_eq!(warned(""), ["c.yaml: warning: programs: there are none: nothing will run"]);
    assert_eq!(warned("services: {}"), ["c.yaml:1:1: warning: programs: there are none: nothing will run"]);
    let told = warned("programs:\n  a: {cmd: a | b}\n  b: {cmd: a | b, shell: true}\n  c: {cmd: [a, '|', b]}");
    assert!(told.len() == 1 && told[0].starts_with("c.yaml:2:7: warning: programs.a.cmd: passes \"|\""), "{told:?}");
    let told = warned("defaults: {stoptime: 0}\nprograms: {a: {cmd: x}, b: {cmd: x}}");
    assert!(told.len() == 1 && told[0].contains("defaults.stoptime: is 0"), "{told:?}");
    let told = warned(
        "defaults: {starttime: 1}\nprograms: {a: {cmd: x, oneshot: true}, b: {cmd: x, oneshot: true, starttime: 2}}",
    );
    assert!(told.len() == 1 && told[0].contains("programs.b.starttime: plays no part"), "{told:?}");
}

#[test]
fn users_and_groups_are_asked_for() {
    let files = sources(&[
        ("1.yaml", "defaults:\n  user: nobdy"),
        ("2.yaml", "services:\n  a:\n    cmd: x\n    group: x\n  b: {cmd: x, user: me, group: y, nmprocs: 1}"),
    ]);
    let user = |name: &str| if name == "me" { Ok(()) } else { Err(Objection::error(format!("no user \"{name}\""))) };
    let group = |name: &str| if name == "y" { Ok(()) } else { Err(Objection::error(format!("no group \"{name}\""))) };
    let told = parse(&files, &World { user: &user, group: &group, ..World::with_env(&env) }).unwrap_err();
    assert_eq!(
        lines(&told),
        [
            "1.yaml:2:3: defaults.user: no user \"nobdy\"",
            "2.yaml:4:5: services.a.group: no group \"x\"",
            "2.yaml:5:35: services.b.nmprocs: is not a known key (did you mean \"numprocs\"?)",
        ]
    );
}

#[test]
fn keys_beside_the_roots_are_told_where_they_belong() {
    let told = bad("http: {listen: 80}\ncmd: x\nnonsense: 1\nprograms: {a: {cmd: x}}");
    assert_eq!(
        told[..2],
        [
            "c.yaml:1:1: http: is not a key here: it belongs under \"taskmasterd\"",
            "c.yaml:2:1: cmd: is not a key here: it belongs under \"programs.NAME\"",
        ]
    );
    assert!(told.len() == 3 && told[2].contains("nonsense: is not a known key (known are include, "), "{told:?}");
}

#[test]
fn control_characters_are_escaped() {
    let told = bad("programs: {\"\\e[31mx\": {cmd: x, \"\\e\": 1}, a: {cmd: x, umask: \"\\e[2J\"}}");
    assert!(told.len() == 3 && !told.concat().contains('\u{1b}'), "{told:?}");
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (last, next) in ('a'..'i').zip('b'..='i') {
        bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 9].join(", "));
    }
    assert_eq!(bad(&bomb).len(), 1);
    assert_eq!(bad(&format!("programs: {}", "[".repeat(100_000))).len(), 1);
    assert_eq!(bad(&"x".repeat((1 << 20) + 1)), ["c.yaml: is larger than 1 MiB"]);
    // Variables that double each other.
    let env: String = (0..30).map(|n| format!("V{n}: '${{V{0}}}${{V{0}}}', ", n + 1)).collect();
    assert!(!bad(&one(&format!("env: {{{env}V30: xxxxxxxx}}"))).is_empty());
    // Many things wrong: what is said has an end.
    let wrong: String = (0..5000).map(|n| format!("  p{n}: {{cmd: x, nmprocs: 1, umask: 9}}\n")).collect();
    assert_eq!(bad(&format!("programs:\n{wrong}")).len(), super::diag::MOST + 1);
}

#[test]
fn a_thousand_programs() {
    let text: String = (0..1000)
        .map(|n| format!("  p{n}: {{cmd: sleep {n}, numprocs: 2, env: {{N: {n}}}, stdout: '/l/${{process}}.log'}}\n"))
        .collect();
    let config = good(&format!("programs:\n{text}"));
    assert_eq!(config.programs.len(), 1000);
    let more: String = (0..10_001).map(|n| format!("  p{n}: {{cmd: x}}\n")).collect();
    assert_eq!(bad(&format!("programs:\n{more}")).len(), 1);
}

//! What is refused, and what is said about it.

use super::*;

#[test]
fn bad_values_name_key_and_reason() {
    for (keys, part) in [
        ("cmd: ''", "cmd: is empty"),
        ("cmd: '  '", "cmd: is empty"),
        ("cmd: []", "cmd: is empty"),
        ("cmd: ['', x]", "cmd: begins with an empty word"),
        ("cmd: \"'' x\"", "cmd: begins with an empty word"),
        ("cmd: {a: b}", "cmd: is a map"),
        ("cmd:", "cmd: has no value"),
        ("cmd: \"sleep 'open\"", "cmd: has a ' that is not closed"),
        ("cmd: [a, [b]]", "cmd: item 2: is a list"),
        ("cmd: \"a\\0b\"", "NUL"),
        ("cmd: [a], shell: true", "cmd: is a list"),
        ("cmd: a, shell: true, args: [b]", "args: cannot be used"),
        ("cmd: ' ', shell: true", "cmd: is empty"),
        ("cmd: 'sleep ${NOT_SET}'", "NOT_SET"),
        ("args: {a: b}", "args: is a map"),
        ("numprocs: 0", "numprocs: 0 is out of range (1 to 10000)"),
        ("numprocs: 10001", "out of range"),
        ("numprocs: -1", "out of range"),
        ("numprocs: 99999999999999999999999", "out of range"),
        ("numprocs: many", "\"many\" is not a whole number"),
        ("numprocs: 1.5", "not a whole number"),
        ("numprocs: [1]", "is a list"),
        ("numprocs:", "has no value"),
        ("autostart: maybe", "not true or false"),
        ("autostart: 1", "not true or false"),
        ("autorestart: sometimes", "not always, never, unexpected or on-failure"),
        ("autorestart: alway", "did you mean \"always\""),
        ("autorestart: always:5", "only on-failure"),
        ("autorestart: 'on-failure:'", "not a whole number"),
        ("autorestart: on-failure:-1", "out of range"),
        ("exitcodes: [0, 256]", "256 is out of range (0 to 255)"),
        ("exitcodes: -1", "out of range"),
        ("exitcodes: [zero]", "not a whole number"),
        ("exitcodes: {}", "exitcodes: is a map"),
        ("startretries: 1000001", "out of range"),
        ("startretries: unlimit", "did you mean \"unlimited\""),
        ("starttime: -1", "starttime: \"-1\" is not a duration"),
        ("startsecs: soon", "startsecs: \"soon\" is not a duration"),
        ("stoptime: 1e3", "not a duration"),
        ("stoptime: 40000d", "not a duration"),
        ("stopsignal: KILLL", "did you mean \"KILL\""),
        ("stopsignal: 0", "no signal \"0\""),
        ("stopsignal: true", "stopsignal: true is not"),
        ("backoff: 5", "backoff: is a number, not a map"),
        ("backoff: {factor: 0.5}", "backoff.factor: 0.5 is out of range"),
        ("backoff: {factor: .nan}", "is not a number"),
        ("backoff: {initial: x}", "backoff.initial: \"x\""),
        ("backoff: {maximum: 3}", "backoff.maximum: is not a known key"),
        ("workingdir: ''", "is empty"),
        ("workingdir: 5", "5 is not a path"),
        ("user: ''", "not a name or an id"),
        ("user:", "has no value"),
        ("user: a b", "not a name or an id"),
        ("group: 1.5", "1.5 is not a name or an id"),
        ("env: [a, b]", "env: is a list"),
        ("env: {A: [b]}", "env.A: is a list"),
        ("env: {'A=B': c}", "is not the name of a variable"),
        ("env: {A: b, A: c}", "env.A: is given twice"),
        ("env: {A: \"x\\0\"}", "env.A: has a NUL"),
        ("env: {A: '${A}'}", "env.A: the daemon's environment has no"),
        ("env_pass: PATH", "env_pass: is a text, not a list"),
        ("env_pass: ['A=B']", "not the name of a variable"),
        ("stdout: stdout", "not a place for stdout"),
        ("stdout: syslog", "not a place for stdout"),
        ("stderr: syslog", "not a place for stderr"),
        ("stdout: /var/log/", "is a directory"),
        ("stdout: 5", "not a path"),
        ("stdout: [a]", "is a list"),
        ("stdout_logfile_maxbytes: lots", "stdout_logfile_maxbytes: \"lots\" is not a size"),
        ("stderr_logfile_backups: 10001", "out of range (0 to 10000)"),
        ("redirect_stderr: x", "redirect_stderr: \"x\""),
        ("stdin: pip", "stdin: \"pip\" is not null or pipe (did you mean \"pipe\"?)"),
        ("log_format: text", "log_format: \"text\" is not one of raw, prefix, json"),
        ("stdout: [auto]", "stdout: is a list, but not one of a file or auto, and inherit: [auto, inherit]"),
        ("stdout: [/x, /y]", "stdout: is a list, but not one of a file"),
        ("stderr: [stdout, inherit]", "stderr: is a list, but not one of a file"),
        ("tty: true, stdout: inherit", "stdout: cannot be inherit with \"tty: true\""),
        ("priority: 1000001", "out of range (-1000000 to 1000000)"),
        ("<<: {numprocs: 2}", "defaults"),
        ("after: [db]", "after: is not a known key"),
        ("env_file: x", "env_file: \"x\" is not there; with a \"-\" before it"),
        ("nmprocs: 2", "nmprocs: is not a known key (did you mean \"numprocs\"?)"),
        ("Cmd: x", "did you mean \"cmd\""),
        ("numprocs: 1, numprocs: 2", "numprocs: is given twice (first in line 1)"),
        ("starttime: 1, startsecs: 2", "startsecs: is another name of \"starttime\""),
    ] {
        let told = bad(&one(keys));
        assert!(told[0].starts_with("c.yaml:1:"), "{keys}: {told:?}");
        assert!(told.len() == 1 && told[0].contains(part), "{keys}: {told:?}");
        assert!(told[0].contains(": programs.web."), "{keys}: {told:?}");
    }
}

#[test]
fn bad_texts_name_what_is_wrong() {
    let long = format!("taskmasterd: {{socket: {{path: /{}}}}}", "x".repeat(107));
    let name = "x".repeat(65);
    for (text, part) in [
        (
            "programs: {a: {cmd: x}}\nprogams: {}",
            "c.yaml:2:1: progams: is not a known key (did you mean \"programs\"?)",
        ),
        ("programs: {a: {cmd: x}}\nservices: {b: {cmd: x}}", "c.yaml:2:1: services: is another name of \"programs\""),
        ("programs: {a: {cmd: x}}\nprograms: {b: {cmd: x}}", "c.yaml:2:1: programs: is given twice (first in line 1)"),
        ("programs:\n  a: {cmd: x}\n  a: {cmd: y}", "c.yaml:3:3: programs.a: is given twice (first in line 2)"),
        (
            "defaults: {numprocs: 0}\nprograms: {a: {cmd: x, numprocs: 1}}",
            "c.yaml:1:12: defaults.numprocs: 0 is out of range",
        ),
        ("defaults: {cmd: []}\nprograms: {a: {cmd: x}}", "c.yaml:1:12: defaults.cmd: is empty"),
        ("defaults: {healthcheck: {interval: x}}", "defaults.healthcheck.interval"),
        ("programs: {a: }", "programs.a: has no cmd"),
        ("programs: {a: sleep}", "programs.a: is a text, not a map"),
        ("programs: {a: {}}", "programs.a: has no cmd"),
        ("programs: [a]", "programs: is a list"),
        ("programs: {all: {cmd: x}}", "programs.all: the name is reserved"),
        ("programs: {'a/b': {cmd: x}}", "programs.a/b: the name has a character"),
        (&format!("programs: {{{name}: {{cmd: x}}}}"), "the name is longer than 64 bytes"),
        ("programs: {'': {cmd: x}}", "the name is empty"),
        ("[a]", "c.yaml:1:2: is a list"),
        ("text", "is a text"),
        ("programs: [", "c.yaml:1:12: is not valid YAML"),
        ("programs: !x {}", "tags"),
        ("taskmasterd: {loglevel: loud}", "taskmasterd.loglevel: \"loud\" is not one of critical, error"),
        ("taskmasterd: {loglevel: eror}", "did you mean \"error\""),
        (
            "taskmasterd: {logformat: jsn}",
            "taskmasterd.logformat: \"jsn\" is not one of text, json (did you mean \"json\"?)",
        ),
        ("taskmasterd: {on_event: {events: fatal}}", "taskmasterd.on_event[1]: has neither command nor post"),
        ("taskmasterd: {on_event: [{command: a, events: fatl}]}", "no kind of event (did you mean \"fatal\"?)"),
        ("taskmasterd: {on_event: [{command: a}, {post: 'http://db/x'}]}", "taskmasterd.on_event[2].post"),
        ("taskmasterd: {on_event: {command: a, timeout: 0}}", "nothing can be done within that"),
        ("programs: {a: {cmd: x, pre_start: {args: y}}}", "programs.a.pre_start: has no cmd"),
        ("programs: {a: {cmd: x, pre_start: '${NOPE}'}}", "pre_start"),
        ("programs: {a: {cmd: x, post_stop: {cmd: [x], shell: true}}}", "programs.a.post_stop.cmd: is a list"),
        ("programs: {a: {cmd: x, stopsignal: [INT, TERM]}}", "write INT 5s"),
        ("programs: {a: {cmd: x, stopsignal: [INT 5s, TERM 10s]}}", "write TERM, and stoptime: 10s"),
        ("programs: {a: {cmd: x, stopsignal: [INT 0, TERM]}}", "the next signal would follow at once"),
        ("taskmasterd: {logfle: x}", "did you mean \"logfile\""),
        ("taskmasterd: {logfile: none}", "\"none\" is not a place"),
        ("taskmasterd: {socket: {path: /x, mode: 999}}", "taskmasterd.socket.mode: \"999\""),
        ("taskmasterd: {socket: /x}", "taskmasterd.socket: is a text"),
        ("taskmasterd: {socket: {paht: /x}}", "taskmasterd.socket.paht: is not a known key (did you mean \"path\"?)"),
        (&long, "at most 107"),
        ("taskmasterd: {htpp: {}}", "taskmasterd.htpp: is not a known key (did you mean \"http\"?)"),
        ("defaults: {numprocs: 0}", "defaults.numprocs: 0 is out of range"),
        ("defaults: {cmd: \"'\"}", "defaults.cmd"),
        ("defaults: {nmprocs: 0}", "defaults.nmprocs"),
        (
            "programs: {a: {cmd: x, numprocs: 10000}, b: {cmd: x, numprocs: 10000}, c: {cmd: x}}",
            "20001 processes in all",
        ),
    ] {
        let told = bad(text);
        assert!(told.len() == 1 && told[0].contains(part), "{text}: {told:?}");
    }
}

#[test]
fn everything_is_told_at_once_in_order() {
    let text = "taskmasterd:
  loglevel: loud
defaults:
  stoptime: never
programs:
  a:
    cmd: sleep 1
    numprocs: 0
  b:
    stopsignal: [TERM, INT]
  c:
    cmd: sleep 1
    autorestart: sometimes
    exitcodes:
      - 0
      - 256
    stopsignl: TERM
    env:
      OK: 1
      BAD: ${NOPE}
";
    let places: Vec<String> = bad(text).iter().map(|l| l.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        [
            "c.yaml:2:3 taskmasterd.loglevel",
            "c.yaml:4:3 defaults.stoptime",
            "c.yaml:8:5 programs.a.numprocs",
            "c.yaml:9:3 programs.b",
            "c.yaml:10:5 programs.b.stopsignal",
            "c.yaml:13:5 programs.c.autorestart",
            "c.yaml:14:5 programs.c.exitcodes",
            "c.yaml:17:5 programs.c.stopsignl",
            "c.yaml:20:7 programs.c.env.BAD",
        ]
    );
}

//! `readiness`, `healthcheck` and `on_unhealthy`.

use super::*;
use crate::config::model::{Check, OnUnhealthy, Policy, Probe};

/// The policy of the one program in which these keys stand.
#[track_caller]
fn policy(keys: &str) -> Policy {
    of_defaults("{}", keys)
}

#[track_caller]
fn of_defaults(defaults: &str, keys: &str) -> Policy {
    let config = good(&format!("defaults: {defaults}\nprograms: {{a: {{cmd: x, {keys}}}}}"));
    config.programs[&named("a")].policy.clone()
}

fn exec(words: &[&str]) -> Probe {
    Probe::Exec(words.iter().map(|word| (*word).to_owned()).collect())
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn each_kind_has_its_key() {
    let http = |url: &str, status| Probe::Http { url: url.to_owned(), status };
    for (keys, probe) in [
        ("exec: [/bin/x, y z]", exec(&["/bin/x", "y z"])),
        ("exec: a | b $HOME", exec(&["/bin/sh", "-c", "a | b $HOME"])),
        ("exec: 5", exec(&["/bin/sh", "-c", "5"])),
        ("cmd: /bin/x 'y z'", exec(&["/bin/x", "y z"])),
        ("command: /bin/x, args: [y z, 5]", exec(&["/bin/x", "y z", "5"])),
        ("cmd: [curl, '-f'], args: a b", exec(&["curl", "-f", "a", "b"])),
        ("tcp: 'localhost:5432'", Probe::Tcp(text("localhost:5432"))),
        ("tcp: 'unix:/run/x.sock'", Probe::Tcp(text("unix:/run/x.sock"))),
        ("tcp: 'unix:/run/${program}.sock'", Probe::Tcp(text("unix:/run/${program}.sock"))),
        ("tcp: 'localhost:80%(process_num)02d'", Probe::Tcp(text("localhost:80%(process_num)02d"))),
        ("http: 'http://localhost:80/'", http("http://localhost:80/", (200, 399))),
        ("http: 'http://unix:/run/x.sock:/y', status: 204", http("http://unix:/run/x.sock:/y", (204, 204))),
        ("http: 'http://[::1]:80/', status: 200-204", http("http://[::1]:80/", (200, 204))),
        ("notify: true", Probe::Notify),
        ("notify: yes", Probe::Notify),
        ("fd: 3", Probe::Fd(3)),
        ("fd: 1023", Probe::Fd(1023)),
    ] {
        let both = policy(&format!("readiness: {{{keys}}}"));
        assert_eq!(both.readiness.as_deref(), Some(&Check::readiness(probe.clone())), "{keys}");
        assert_eq!(both.healthcheck, None);
        let both = policy(&format!("healthcheck: {{{keys}}}"));
        assert_eq!(both.healthcheck.as_deref(), Some(&Check::health(probe)), "{keys}");
        assert_eq!(both.readiness, None);
    }
}

#[cfg(feature = "regex")]
#[test]
fn a_line_of_its_output() {
    for (given, pattern) in [("'^ready to accept'", "^ready to accept"), ("5", "5"), ("'$|[$]{2}'", "$|[$]{2}")] {
        let both = policy(&format!("readiness: {{log: {given}}}"));
        assert_eq!(both.readiness.unwrap().probe, Probe::Log(pattern.to_owned()));
    }
    let told = bad("programs: {a: {cmd: x, readiness: {log: 'a('}}}");
    assert!(told[0].contains("programs.a.readiness.log: \"a(\" is not a regular expression: "), "{told:?}");
    for outputs in ["stdout: none, stderr: none", "stdout: inherit, stderr: stdout"] {
        let told = warned(&format!("programs: {{a: {{cmd: x, {outputs}, healthcheck: {{log: a}}}}}}"));
        assert!(told.len() == 1 && told[0].contains("a.healthcheck: looks at its output"), "{told:?}");
    }
    assert_eq!(warned("programs: {a: {cmd: x, stdout: none, healthcheck: {log: a}}}"), [""; 0]);
}

#[cfg(not(feature = "regex"))]
#[test]
fn regular_expressions_are_a_feature() {
    let told = bad("programs: {a: {cmd: x, readiness: {log: a}}}");
    assert!(told[0].contains("a.readiness.log: needs regular expressions"), "{told:?}");
}

#[test]
fn times_and_retries() {
    let all = "interval: 10ms, timeout: 1m, start_period: 0, start_interval: 0.01, retries: 1";
    let check = policy(&format!("healthcheck: {{notify: true, {all}}}")).healthcheck.unwrap();
    let times = [check.interval, check.timeout, check.start_period, check.start_interval];
    assert_eq!(times.map(|time| time.as_millis()), [10, 60_000, 0, 10]);
    assert_eq!(check.retries, 1);
}

#[test]
fn uptime_is_starttime() {
    let of = |defaults: &str, keys: &str| {
        let policy = of_defaults(defaults, keys);
        assert_eq!(policy.readiness, None);
        policy.starttime.as_secs()
    };
    assert_eq!(of("{}", "readiness: {uptime: 5s}"), 5);
    assert_eq!(of("{starttime: 9}", "readiness: {uptime: 5s}"), 5);
    assert_eq!(of("{readiness: {uptime: 5s}}", "stdin: null"), 5);
    assert_eq!(of("{readiness: {uptime: 5s}}", "starttime: 9"), 9);
    assert_eq!(of("{readiness: {tcp: 'localhost:1'}}", "readiness: {uptime: 5s}"), 5);
    for text in [
        "programs: {a: {cmd: x, starttime: 5, readiness: {uptime: 5}}}",
        "defaults: {startsecs: 5, readiness: {uptime: 5}}\nprograms: {a: {cmd: x}}",
    ] {
        let told = bad(text);
        assert!(told.len() == 1 && told[0].contains("is the same as the uptime of readiness"), "{told:?}");
    }
    let told = bad("programs: {a: {cmd: x, healthcheck: {uptime: 5}}}");
    assert!(told.len() == 1 && told[0].contains("a.healthcheck.uptime: is not a known key"), "{told:?}");
}

#[test]
fn a_program_s_own_check_comes_before_that_of_the_defaults() {
    let defaults = "{healthcheck: {cmd: curl, args: [-f], interval: 5, retries: 7}, readiness: {notify: true}}";
    let plain = of_defaults(defaults, "stdin: null");
    let check = plain.healthcheck.unwrap();
    assert_eq!((check.probe, check.interval.as_secs(), check.retries), (exec(&["curl", "-f"]), 5, 7));
    assert_eq!(plain.readiness.unwrap().probe, Probe::Notify);
    for (keys, probe) in [
        ("tcp: 'localhost:1'", Probe::Tcp(text("localhost:1"))),
        ("args: [-g]", exec(&["curl", "-g"])),
        ("cmd: wget", exec(&["wget", "-f"])),
        ("exec: [wget]", exec(&["wget"])),
        ("interval: 5", exec(&["curl", "-f"])),
    ] {
        let check = of_defaults(defaults, &format!("healthcheck: {{{keys}}}")).healthcheck.unwrap();
        assert_eq!((check.probe, check.interval.as_secs(), check.retries), (probe, 5, 7), "{keys}");
    }
    for none in ["none", "None", "~", ""] {
        let both = of_defaults(defaults, &format!("healthcheck: {none}, readiness: {none}"));
        assert_eq!((both.healthcheck, both.readiness), (None, None), "{none:?}");
    }
    // Defaults that do not say what is looked at are for those who do.
    assert_eq!(of_defaults("{healthcheck: {interval: 5}}", "stdin: null").healthcheck, None);
    assert!(of_defaults("{healthcheck: none}", "healthcheck: {fd: 3}").healthcheck.is_some());
}

#[test]
fn what_becomes_of_who_is_not_well() {
    for (word, what) in [("restart", OnUnhealthy::Restart), ("none", OnUnhealthy::None), ("STOP", OnUnhealthy::Stop)] {
        assert_eq!(policy(&format!("healthcheck: {{fd: 3}}, on_unhealthy: {word}")).on_unhealthy, what);
    }
    assert_eq!(of_defaults("{on_unhealthy: stop}", "stdin: null").on_unhealthy, OnUnhealthy::Stop);
}

#[test]
fn what_is_wrong_with_a_check() {
    for (keys, part) in [
        ("healthcheck: {}", "healthcheck: does not say what is looked at: give exec, tcp, http, log, notify or fd"),
        (
            "readiness: {interval: 5}",
            "readiness: does not say what is looked at: give exec, tcp, http, log, notify, fd or",
        ),
        ("readiness: {notify: true, tcp: 'localhost:1'}", "readiness: has tcp and notify: a check looks at one thing"),
        ("healthcheck: {exec: a, command: b, fd: 3}", "healthcheck: has exec and command and fd: a check"),
        ("readiness: {uptime: 5, fd: 3}", "readiness: has fd and uptime"),
        ("healthcheck: {cmd: a, command: b}", "is another name of"),
        ("healthcheck: ready", "healthcheck: is a text"),
        ("healthcheck: [a]", "healthcheck: is a list"),
        ("healthcheck: {exec: }", "exec: has no value"),
        ("healthcheck: {exec: ' '}", "exec: is empty"),
        ("healthcheck: {exec: ['', a]}", "exec: begins with an empty word"),
        ("healthcheck: {exec: [a, [b]]}", "exec: item 2"),
        ("healthcheck: {exec: [a], args: [b]}", "args: belongs to cmd, not to exec"),
        ("healthcheck: {cmd: a, status: 200}", "status: belongs to http, not to cmd"),
        ("healthcheck: {tcp: 'db:5432'}", "healthcheck.tcp: \"db\" is a name that would have to be looked up"),
        ("healthcheck: {tcp: 5432}", "give it as localhost:5432"),
        ("healthcheck: {tcp: localhost}", "tcp: \"localhost\" has no port"),
        ("healthcheck: {tcp: [a]}", "tcp: is a list"),
        ("healthcheck: {http: 'https://localhost:443/'}", "http: is https, which is not spoken here"),
        ("healthcheck: {http: 'http://web:80/'}", "looked up"),
        ("healthcheck: {http: 'http://localhost/'}", "no port"),
        ("healthcheck: {http: 'http://localhost:80/', status: 199}", "status: \"199\" is neither a status from 200 to"),
        ("healthcheck: {http: 'http://localhost:80/', status: 600}", "neither"),
        ("healthcheck: {http: 'http://localhost:80/', status: 0200}", "neither"),
        ("healthcheck: {http: 'http://localhost:80/', status: 200-}", "neither"),
        ("healthcheck: {http: 'http://localhost:80/', status: 399-200}", "goes downwards"),
        ("healthcheck: {log: ''}", "log: is empty"),
        ("healthcheck: {notify: false}", "notify: can only be true"),
        ("healthcheck: {notify: 1}", "notify: \"1\" is not true or false"),
        ("healthcheck: {fd: 2}", "fd: 2 is out of range (3 to 1023)"),
        ("healthcheck: {fd: 1024}", "out of range"),
        ("healthcheck: {fd: 3, interval: 9ms}", "interval: is shorter than 10ms"),
        ("healthcheck: {fd: 3, timeout: 0}", "timeout: is shorter than 10ms"),
        ("readiness: {fd: 3, start_interval: 0.001}", "start_interval: is shorter than 10ms"),
        ("readiness: {fd: 3, retries: 0}", "retries: 0 is out of range"),
        ("readiness: {fd: 3}, healthcheck: {fd: 3}", "healthcheck: has the descriptor of readiness (3)"),
        ("readiness: {fd: 3, intervall: 1}", "did you mean \"interval\"?"),
        ("on_unhealthy: reboot", "on_unhealthy: \"reboot\" is not one of restart, none, stop"),
        ("on_unhealthy: ", "on_unhealthy: has no value"),
    ] {
        let told = bad(&format!("programs: {{a: {{cmd: x, {keys}}}}}"));
        let errors = told.iter().filter(|line| !line.contains("warning: ")).count();
        assert!(errors == 1 && told.iter().any(|line| line.contains(part)), "{keys}: {told:?}");
    }
    let told = bad("defaults: {healthcheck: {tcp: 'a:1', http: b}}\nprograms: {a: {cmd: x}, b: {cmd: x}}");
    assert!(told.len() == 1 && told[0].contains("defaults.healthcheck: has tcp and http"), "{told:?}");
    let told = bad("defaults: {healthcheck: {tcp: 'a:1'}}");
    assert!(told.len() == 1 && told[0].contains("defaults.healthcheck.tcp"), "{told:?}");
}

#[test]
fn what_surprises_is_said() {
    for (keys, part) in [
        ("on_unhealthy: stop", "on_unhealthy: plays no part without a healthcheck"),
        ("oneshot: true, readiness: {fd: 3}", "readiness: plays no part with \"oneshot: true\""),
        ("starttime: 5, readiness: {tcp: 'localhost:1'}", "starttime: plays no part with a readiness check"),
        ("readiness: {uptime: 5, retries: 2}", "readiness.retries: plays no part with uptime"),
        ("readiness: {notify: true, interval: 5}", "readiness.interval: plays no part with notify"),
        ("healthcheck: {fd: 3, start_interval: 5}", "start_interval: plays no part while start_period is 0"),
        ("healthcheck: {cmd: 'a || exit 1'}", "healthcheck.cmd: passes \"||\" to the program as it stands; under exec"),
    ] {
        let told = warned(&format!("programs: {{a: {{cmd: x, {keys}}}}}"));
        assert!(told.len() == 1 && told[0].contains(part), "{keys}: {told:?}");
    }
    for keys in [
        "healthcheck: {exec: 'a || exit 1'}, on_unhealthy: none",
        "healthcheck: {notify: true, interval: 5, retries: 2}, readiness: {notify: true}",
        "healthcheck: {fd: 3, start_interval: 1, start_period: 5}",
        "readiness: {tcp: 'localhost:1', start_interval: 5}",
    ] {
        assert_eq!(warned(&format!("programs: {{a: {{cmd: x, {keys}}}}}")), [""; 0], "{keys}");
    }
    let all = "{starttime: 5, on_unhealthy: stop, readiness: {fd: 3, start_period: 5}}";
    assert_eq!(warned(&format!("defaults: {all}\nprograms: {{a: {{cmd: x}}, b: {{cmd: x, oneshot: true}}}}")), [""; 0]);
}

#[test]
fn variables_are_filled_in_before_it_is_believed() {
    let with = |check: &str| format!("programs: {{a: {{cmd: x, numprocs: 2, env: {{P: '80', H: db}}, {check}}}}}");
    for check in [
        "readiness: {tcp: 'localhost:${P}%(process_num)02d'}",
        "healthcheck: {http: 'http://localhost:${P}/${H}'}",
        "healthcheck: {exec: [a, '${P}']}",
    ] {
        good(&with(check));
    }
    for (check, part) in [
        ("readiness: {tcp: '${H}:${P}'}", "a.readiness: \"db\" is a name that would have to be looked up"),
        (
            "healthcheck: {http: 'http://localhost:${P}/${num} x'}",
            "a.healthcheck: has \" \" in its path: write it as %20",
        ),
        (
            "healthcheck: {tcp: 'localhost:${PORT}'}",
            "a.healthcheck: neither env nor the daemon has a variable for ${PORT}",
        ),
        ("readiness: {exec: 'a ${NOPE}'}", "a.readiness: neither env nor"),
        ("readiness: {exec: ['${NOPE:-}', a]}", "a.readiness: begins with an empty word"),
    ] {
        let told = bad(&with(check));
        assert!(told.len() == 1 && told[0].contains(part), "{check}: {told:?}");
    }
}

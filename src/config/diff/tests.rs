//! Tests of what changes from one configuration to the next.

use super::*;
use crate::config::{Source, World, parse};

fn config(text: &str) -> Config {
    let source = Source::new("c.yaml", text);
    parse(&[source], &World::with_env(&|_| None)).unwrap_or_else(|e| panic!("{text}: {}", e[0])).config
}

fn shown(keys: &[KeyChange]) -> Vec<String> {
    keys.iter().map(|k| format!("{}: {} -> {}", k.key, k.old, k.new)).collect()
}

/// What differs between a program with the first keys and one with the second: what needs a restart, what does not.
fn keys(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let one = |keys: &str| {
        let cmd = if keys.contains("cmd:") { "" } else { "cmd: x, " };
        config(&format!("programs: {{web: {{{cmd}{keys} }}}}"))
    };
    let plan = diff(&one(old), &one(new));
    let [ProgramChange { kind: ProgramChangeKind::Changed { restart, in_place, numbers: None }, .. }] =
        plan.programs.as_slice()
    else {
        panic!("{old} -> {new}: {plan:?}")
    };
    (shown(restart), shown(in_place))
}

#[test]
fn keys_that_need_a_restart() {
    for (old, new, want) in [
        ("cmd: sleep 1", "cmd: [sleep, 'a b', '']", "cmd: sleep 1 -> sleep 'a b' ''"),
        ("rlimits: {core: 0}", "rlimits: {core: '1MB:unlimited'}", "rlimits.core: 0 -> 1MB:unlimited"),
        ("", "nice: 5", "nice: (unset) -> 5"),
        ("cpu_affinity: '0,1,2'", "cpu_affinity: 4", "cpu_affinity: 0-2 -> 4"),
        ("cpu_max: 12.50%", "cpu_max: unlimited", "cpu_max: 12.5% -> (unset)"),
        ("", "capabilities: {bounding: []}", "capabilities.bounding: (unset) -> []"),
        ("dirs: /a", "dirs: {/a: {group: b, mode: 0700}, /c: }", "dirs: [/a] -> [/a (:b, 0700), /c]"),
        ("cmd: a", "cmd: a, args: [\"it's\", \"\\e\"]", "cmd: a -> a 'it'\\''s' \"\\u{1b}\""),
        ("cmd: a", "cmd: a | b, shell: true", "cmd: a -> /bin/sh -c 'a | b'"),
        ("", "workingdir: /srv", "workingdir: (unset) -> /srv"),
        ("umask: 022", "umask: 7", "umask: 022 -> 007"),
        ("umask: 022", "", "umask: 022 -> (unset)"),
        ("user: a", "user: b", "user: a -> b"),
        ("group: a", "", "group: a -> (unset)"),
        ("env: {PORT: 80}", "env: {PORT: 81}", "env.PORT: 80 -> 81"),
        ("env: {A: ''}", "", "env.A: \"\" -> (unset)"),
        ("", "env: {A: ' x'}", "env.A: (unset) -> \" x\""),
        ("env_pass: [A]", "env_pass: [A, B]", "env_pass: [A] -> [A, B]"),
        ("stdout: /x", "", "stdout: /x -> auto"),
        ("stdout: inherit", "stdout: none", "stdout: inherit -> none"),
        ("stdout: auto", "stdout: [inherit, /x]", "stdout: auto -> [/x, inherit]"),
        ("stdout: inherit", "stdout: inherit, log_format: json", "log_format: raw -> json"),
        ("stderr: stdout", "stderr: ~", "stderr: stdout -> none"),
    ] {
        assert_eq!(keys(old, new), (vec![want.to_owned()], vec![]), "{old} -> {new}");
    }
    let (restart, _) = keys("env: {A: 1, B: 1, C: 1}", "env: {B: 2, C: 1, D: 1}");
    assert_eq!(restart, ["env.A: 1 -> (unset)", "env.B: 1 -> 2", "env.D: (unset) -> 1"]);
}

#[test]
fn keys_that_change_in_place() {
    for (old, new, want) in [
        ("", "autostart: false", "autostart: true -> false"),
        ("autorestart: always", "autorestart: never", "autorestart: always -> never"),
        ("exitcodes: 0", "exitcodes: [0, 3]", "exitcodes: [0] -> [0, 3]"),
        ("", "startretries: unlimited", "startretries: 3 -> unlimited"),
        ("", "starttime: 90", "starttime: 1s -> 1m30s"),
        ("stoptime: 10", "stoptime: 20", "stoptime: 10s -> 20s"),
        ("", "stopsignal: INT", "stopsignal: SIGTERM -> SIGINT"),
        ("stopsignal: [INT 5, TERM]", "", "stopsignal: SIGINT 5s, SIGTERM -> SIGTERM"),
        ("", "stopgroup: false", "kill_mode: group -> process"),
        ("", "pre_start: mkdir -p '/a b'", "pre_start: (unset) -> mkdir -p '/a b' (timeout 1m)"),
        ("on_fatal: a", "on_fatal: {command: a, timeout: 5}", "on_fatal: a (timeout 1m) -> a (timeout 5s)"),
        ("", "on_exit: shutdown", "essential: false -> true"),
        ("", "oneshot: true", "oneshot: false -> true"),
        ("", "priority: 1", "priority: 999 -> 1"),
        ("", "backoff: {initial: 2}", "backoff.initial: 1s -> 2s"),
        ("", "backoff: {factor: 1.5}", "backoff.factor: 2 -> 1.5"),
        ("", "backoff: {max: 1m}", "backoff.max: 30s -> 1m"),
        ("", "backoff: {floor: 0}", "backoff.floor: 1s -> 0s"),
        ("", "stdout_logfile_maxbytes: 1MB", "stdout_logfile_maxbytes: 50MB -> 1MB"),
        ("", "stderr_logfile_backups: 2", "stderr_logfile_backups: 10 -> 2"),
        ("", "log_format: prefix", "log_format: raw -> prefix"),
    ] {
        assert_eq!(keys(old, new), (vec![], vec![want.to_owned()]), "{old} -> {new}");
    }
}

#[test]
fn what_changes_in_place_is_what_needs_no_restart() {
    let one = |keys: &str| {
        let config = config(&format!("programs: {{web: {{{keys}}}}}"));
        config.programs.into_values().next().unwrap()
    };
    let old = one("cmd: x");
    let new = one(
        "cmd: y, numprocs: 2, autostart: false, autorestart: always, exitcodes: 3, startretries: 7, starttime: 5, \
         backoff: {initial: 2, factor: 3, max: 9, floor: 0}, stopsignal: INT, stoptime: 5, kill_mode: mixed, essential: true, \
         oneshot: true, priority: 1, workingdir: /srv, umask: 7, user: a, group: a, env: {A: b}, env_pass: [A], \
         stdin: pipe, tty: true, \
         stdout: '/x-${num}', stdout_logfile_maxbytes: 1MB, stdout_logfile_backups: 1, \
         stderr: '/y-${num}', stderr_logfile_maxbytes: 1MB, stderr_logfile_backups: 1, \
         numprocs_start: 3, group_name: g, healthcheck: {cmd: c}, \
         pre_start: a, post_start: a, pre_stop: a, stop_command: a, post_stop: a, on_fatal: a",
    );
    let mixed = in_place(&old, &new);
    let (restart, live) = program_keys(&old, &new);
    assert!(restart.len() == 12 && live.len() == 26, "{} and {}: a key is not set here", restart.len(), live.len());
    assert_eq!(program_keys(&old, &mixed), (vec![], live));
    assert_eq!(program_keys(&mixed, &new), (restart, vec![]));
    assert_eq!(mixed.numbers(), new.numbers());
}

#[test]
fn programs_come_go_and_stay() {
    let old = config("programs: {gone: {cmd: x}, same: {cmd: x}, more: {cmd: x}, both: {cmd: x, numprocs: 4}}");
    let new = config("services: {new: {cmd: x}, same: {cmd: x}, more: {cmd: x, numprocs: 3}, both: {cmd: y}}");
    assert_eq!(diff(&old, &old), Plan::default());
    let plan = diff(&old, &new);
    let names: Vec<_> = plan.programs.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["both", "gone", "more", "new"]);
    let kinds: Vec<_> = plan.programs.iter().map(|p| &p.kind).collect();
    let ProgramChangeKind::Changed {
        restart,
        numbers: Some((Range { start: 0, end: 4 }, Range { start: 0, end: 1 })),
        ..
    } = kinds[0]
    else {
        panic!("{plan:?}")
    };
    assert_eq!(shown(restart), ["cmd: x -> y"]);
    assert_eq!(*kinds[1], ProgramChangeKind::Removed);
    let more = ProgramChangeKind::Changed { restart: vec![], in_place: vec![], numbers: Some((0..1, 0..3)) };
    assert_eq!(*kinds[2], more);
    assert_eq!(*kinds[3], ProgramChangeKind::Added);
}

#[test]
fn the_daemon_s_keys() {
    let old = config("");
    for (live, want) in [
        ("loglevel: debug", "loglevel: info -> debug"),
        ("logformat: json", "logformat: text -> json"),
        ("logfile_maxbytes: 1MB", "logfile_maxbytes: 50MB -> 1MB"),
        ("logfile_backups: 1", "logfile_backups: 10 -> 1"),
        ("socket: {read: deploy}", "socket.read: (unset) -> deploy"),
        ("socket: {control: [1000, '@ops']}", "socket.control: (unset) -> [1000, @ops]"),
        ("socket: {admin: '@0'}", "socket.admin: (unset) -> @0"),
    ] {
        let plan = diff(&old, &config(&format!("taskmasterd: {{{live}}}")));
        assert_eq!(shown(&plan.daemon_live), [want]);
        assert!(plan.daemon_keys.is_empty() && plan.programs.is_empty());
    }
    for (keys, want) in [
        ("logfile: '-'", "logfile: taskmasterd.log -> -"),
        ("logfile: syslog", "logfile: taskmasterd.log -> syslog"),
        ("childlogdir: /x", "childlogdir: /tmp -> /x"),
        ("nocleanup: true", "nocleanup: false -> true"),
        ("pidfile: /x", "pidfile: (unset) -> /x"),
        ("umask: 022", "umask: (unset) -> 022"),
        ("socket: {path: /x}", "socket.path: (unset) -> /x"),
        ("socket: {mode: 660}", "socket.mode: 600 -> 660"),
        ("socket: {owner: a}", "socket.owner: (unset) -> a"),
        ("socket: {group: a}", "socket.group: (unset) -> a"),
    ] {
        let plan = diff(&old, &config(&format!("taskmasterd: {{{keys}}}")));
        assert_eq!(shown(&plan.daemon_keys), [want]);
        assert!(plan.daemon_live.is_empty() && plan.programs.is_empty());
    }
}

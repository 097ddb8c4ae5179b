//! Whole files: what each option becomes, what is refused and where, damaged texts.

use super::*;
use crate::base::dice::Dice;
use crate::config::{Source, World, parse};

fn env(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/root".to_owned()),
        "PATH" | "MARK" => Some("/bin".to_owned()),
        "COPIES" => Some("1".to_owned()),
        "N" => Some("4".to_owned()),
        "WORDS" => Some("a b".to_owned()),
        _ => None,
    }
}

fn read(name: &str, text: &str) -> Result<String, Problem> {
    let files = |pattern: &str| {
        let included = |text: Result<&str, &str>| {
            let text = text.map(str::to_owned).map_err(str::to_owned);
            vec![Included { path: pattern.replace('*', "x"), text }]
        };
        match pattern {
            "/etc/d/*.conf" => included(Ok("[program:more]\ncommand=%(here)s/x\n")),
            "/etc/bad.conf" => included(Ok("\n\noops")),
            "/etc/locked.conf" => included(Err("permission denied")),
            _ => Vec::new(),
        }
    };
    import(&File { name, dir: "/etc", text }, None, &Outside { env: &env, host: "box", files: &files })
}

fn supervisord(text: &str) -> String {
    let yaml = read("s.conf", text).unwrap_or_else(|problem| panic!("{text}\n{problem}"));
    let parsed = parse(&[Source::new("y", &yaml)], &World::with_env(&env));
    parsed.unwrap_or_else(|errors| panic!("{text}\n{yaml}\n{errors:?}"));
    yaml
}

/// The lines of a program `p` with these options beside its command.
fn program(options: &str) -> String {
    let command = if options.contains("command") { "" } else { "command=x\n" };
    supervisord(&format!("[program:p]\n{command}{options}\n"))
}

#[track_caller]
fn becomes(options: &str, want: &[&str]) {
    let yaml = program(options);
    for line in want {
        assert!(yaml.lines().any(|l| l.trim() == *line), "{options}: no line {line} in\n{yaml}");
    }
}

#[test]
fn options_become_keys() {
    for (option, line) in [
        ("command=a  'b c' ; d", "cmd: a  'b c'"),
        ("command=a\n  b", "cmd: a b"),
        ("command=\"a\\$b\"", "cmd: [a\\$b]"),
        ("command=a %(ENV_HOME)s", "cmd: a %(ENV_HOME)s"),
        ("command=a %(here)s/x", "cmd: a /etc/x"),
        ("command=a %%d $X ${X} $$", "cmd: \"a %d $X $${X} $$$\""),
        ("command=%(ENV_A)s -x\nenvironment=A=b", "cmd: \"${A} -x\""),
        ("command=a %(ENV_A)s\nenvironment=A=\"b c\"", "cmd: a b c"),
        ("numprocs=2\nprocess_name=%(process_num)d\nnumprocs_start=5", "numprocs_start: 5"),
        ("numprocs=%(ENV_N)s\nprocess_name=%(process_num)d", "numprocs: 4  # was %(ENV_N)s and is filled in"),
        ("priority=-1", "priority: -1"),
        ("autostart=0", "autostart: false"),
        ("autorestart=1", "autorestart: always"),
        ("autorestart=no", "autorestart: never"),
        ("autorestart=unexpected", "autorestart: unexpected"),
        ("startsecs=5", "starttime: 5"),
        ("startsecs=-1", "starttime: 0"),
        ("startretries=7", "startretries: 7"),
        ("exitcodes=0,2", "exitcodes: [0, 2]"),
        ("exitcodes=3", "exitcodes: 3"),
        ("stopsignal=int", "stopsignal: SIGINT"),
        ("stopwaitsecs=60", "stoptime: 60"),
        ("stopasgroup=true", "stopgroup: true"),
        ("stopasgroup=false", "stopgroup: false"),
        ("killasgroup=true", "# killasgroup=true  (SIGKILL goes where the stop signal goes, see stopgroup)"),
        ("user=me", "user: me"),
        ("umask=22", "umask: 022"),
        ("directory=/a b", "workingdir: /a b"),
        ("environment=A=\"1\"", "A: \"1\""),
        ("environment=A=\"%(process_num)03d\"", "A: \"%(process_num)03d\""),
        ("redirect_stderr=true", "redirect_stderr: true"),
        (
            "redirect_stderr=true\nstderr_logfile=/x",
            "# stderr_logfile=/x  (redirect_stderr sends stderr to where stdout goes)",
        ),
        ("stdout_logfile=NONE", "stdout: none"),
        ("stderr_logfile=AUTO", "stderr: auto"),
        ("stdout_logfile=/l/%(program_name)s%%%%", "stdout: /l/%(program_name)s%%"),
        ("stdout_logfile=syslog", "stdout: none  # was syslog, where what programs print does not go"),
        ("stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0", "stdout: /dev/stdout"),
        ("stdout_logfile_maxbytes=10MB", "stdout_logfile_maxbytes: 10MB"),
        ("stderr_logfile_backups=2", "stderr_logfile_backups: 2"),
        ("stdout_syslog=true", "# stdout_syslog=true  (what programs print does not go into syslog)"),
        ("stdout_events_enabled=true", "# stdout_events_enabled=true  (there are no events)"),
        ("serverurl=http://x", "# serverurl=http://x  (nothing would answer there)"),
        ("autostrat=true", "# autostrat=true  (unknown to supervisord (did you mean \"autostart\"?))"),
    ] {
        becomes(option, &[line]);
    }
    let quiet = program("stdout_events_enabled=false\nserverurl=AUTO\nstdout_capture_maxbytes=0MB\nstderr_syslog=off");
    let own = quiet.split("\n  p:\n").nth(1).unwrap();
    assert_eq!(own, "    cmd: x\n");
}

#[test]
fn processes_keep_their_names_in_their_environment() {
    let own = |options: &str| program(options).split("\n  p:\n").nth(1).unwrap().to_owned();
    // The names that processes have here anyway.
    assert!(!own("process_name=%(program_name)s").contains("SUPERVISOR"));
    assert!(!own("numprocs=2\nprocess_name=%(program_name)s_%(process_num)02d").contains("SUPERVISOR"));
    becomes(
        "process_name=%(program_name)s-%(process_num)d\nnumprocs=2",
        &[
            "# process_name=%(program_name)s-%(process_num)d  (here processes are called p:p_00 and so on)",
            "SUPERVISOR_PROCESS_NAME: \"%(program_name)s-%(process_num)d\"",
        ],
    );
    becomes("process_name=q\nenvironment=SUPERVISOR_PROCESS_NAME=r", &["SUPERVISOR_PROCESS_NAME: r"]);
    becomes("process_name=q\ncommand=x %(process_name)s", &["cmd: x q"]);
    let renamed = supervisord("[program:a&b]\ncommand=%(program_name)s\n");
    for line in ["  a_b:", "    cmd: a&b", "      SUPERVISOR_PROCESS_NAME: a&b", "      SUPERVISOR_GROUP_NAME: a&b"] {
        assert!(renamed.lines().any(|l| l == line), "{line}\n{renamed}");
    }
}

#[test]
fn variables_go_to_whom_they_belong() {
    becomes(
        "user=me",
        &[
            "env_pass: [\"*\", HOME, USER, LOGNAME, SHELL]  # as with supervisord HOME and so on stay the daemon's; remove the names for the user's own",
        ],
    );
    let yaml = supervisord(
        "[supervisord]\nenvironment=A=\"of %(ENV_HOME)s\",B=b\nuser=other\n[program:p]\ncommand=x %(ENV_B)s %(ENV_A)s\n\
         priority=1\nenvironment=B=\"%(ENV_B)s%(ENV_A)s%(ENV_N)s\",N=c",
    );
    for line in [
        "  user: other  # supervisord itself runs as this user; taskmasterd stays who it is",
        "    A: of %(ENV_HOME)s",
        "    cmd: x bof %(ENV_HOME)s%(ENV_N)s of %(ENV_HOME)s",
        "      B: bof %(ENV_HOME)s%(ENV_N)s",
    ] {
        assert!(yaml.lines().any(|l| l == line), "{line}\n{yaml}");
    }
    becomes(
        "command=x %(ENV_WORDS)s",
        &["# supervisord splits what WORDS says into words; here it is one. Write it out."],
    );
}

#[test]
fn groups_give_their_name_and_priority() {
    let yaml = supervisord(
        "[group:g]\nprograms=a, b\npriority=5\nodd=1\n[group:h]\nprograms=b\n[program:a]\ncommand=x %(group_name)s\n\
         [program:b]\ncommand=x\npriority=7\n",
    );
    for line in [
        "  # [group:g]",
        "  # odd=1",
        "    group_name: g",
        "    cmd: x %(group_name)s",
        "    priority: 5  # that of the group",
        "    # It is in the group h as well, and would run once more there; here it is in one.",
        "    priority: 7",
    ] {
        assert!(yaml.lines().any(|l| l == line), "{line}\n{yaml}");
    }
}

#[test]
fn the_daemon_has_its_keys() {
    let yaml = supervisord(
        "[supervisord]\nlogfile=~/s.log\nloglevel=warn\nnodaemon=true\numask=077\ndirectory=/srv\nlogfile_backups=2\n\
         [unix_http_server]\nchmod=0700\nchown=me\npassword=geheim\n",
    );
    for line in [
        "  logfile: \"%(ENV_HOME)s/s.log\"",
        "  loglevel: warning",
        "  logfile_backups: 2",
        "  # umask=077  (supervisord only heeds it in the background, and nodaemon=true keeps it from there)",
        "    mode: 0700",
        "    owner: me",
    ] {
        assert!(yaml.lines().any(|l| l == line), "{line}\n{yaml}");
    }
    assert!(!yaml.contains("geheim") && !yaml.contains("  umask: 0"), "{yaml}");
    assert!(supervisord("[supervisord]\n").contains("  umask: 022  # what supervisord has in the background"));
}

#[test]
fn files_are_included() {
    let yaml = supervisord("[include]\nfiles=d/*.conf\n  none/*.ini\n[program:a]\ncommand=x\n");
    for line in
        ["# It includes /etc/d/x.conf.", "# It includes /etc/none/*.ini, which no file matches.", "    cmd: /etc/d/x"]
    {
        assert!(yaml.lines().any(|l| l == line), "{line}\n{yaml}");
    }
}

#[test]
fn what_is_wrong_has_its_line() {
    for (text, place, part) in [
        ("[program:a]\nx=1", "s.conf:1: ", "[program:a] has no command"),
        ("[program:a]\n\ncommand=%(what)s", "s.conf:3: ", "command has %(what)s, which supervisord does not know"),
        ("[program:a]\ncommand=100%", "s.conf:2: ", "command has a % that is not doubled"),
        ("[program:a]\ncommand='x", "s.conf:2: ", "command has a quote that is not closed"),
        ("[program:a]\ncommand=", "s.conf:2: ", "command is empty"),
        ("[program:a]\ncommand=x\nnumprocs=two", "s.conf:3: ", "numprocs \"two\" is not a whole number"),
        ("[program:a]\ncommand=x\nnumprocs=2\nprocess_name=x", "s.conf:4: ", "process_name has no %(process_num)s"),
        ("[program:a]\ncommand=x\nuser=%(ENV_GONE)s", "s.conf:3: ", "set GONE as supervisord has it"),
        ("[program:a]\ncommand=x\nenvironment=A", "s.conf:3: ", "environment ends within a pair"),
        ("[program:a]\ncommand=x\nstopsignal=SIGWHAT", "s.conf:3: ", "stopsignal no signal \"SIGWHAT\""),
        ("[program:a b]\ncommand=x", "s.conf:1: ", "is not a name; supervisord refuses it"),
        ("[program:a&]\ncommand=x\n[program:a|]\ncommand=x", "s.conf:3: ", "would be called a_ here"),
        ("[group:g]\nprograms=wbe\n[program:web]\ncommand=x", "s.conf:2: ", "no program wbe (did you mean \"web\"?)"),
        ("[supervisord]\nloglevel=loud", "s.conf:2: ", "loglevel \"loud\" is not a level"),
        ("[supervisord]\nenvironment=A", "s.conf:2: ", "environment ends within a pair"),
        ("[include]\nfiles=bad.conf", "/etc/bad.conf:3: ", "\"oops\" stands before the first [section]"),
        ("[include]\nfiles=locked.conf", "s.conf:2: ", "files: /etc/locked.conf permission denied"),
        ("[include]\nx=1", "s.conf:1: ", "[include] has no files"),
    ] {
        let problem = read("s.conf", text).map_or_else(|p| p.to_string(), |yaml| panic!("{text}\n{yaml}"));
        assert!(problem.starts_with(place) && problem.contains(part), "{text}\n{problem}");
    }
}

#[test]
fn procfiles() {
    let yaml = read("/x/Procfile", "# c\nweb: run $PORT ${A} $$ %(x)s\n\nw-1:\tx: y\n").unwrap();
    for line in [
        "  shell: true",
        "  workingdir: /etc",
        "  env_file: \"-/etc/.env\"  # the - says that it may be absent",
        "    cmd: \"run $PORT $${A} $$$ %%(x)s\"",
        "      PORT: \"5000\"",
        "      PORT: \"5100\"",
        "      PS: w-1.1",
    ] {
        assert!(yaml.lines().any(|l| l == line), "{line}\n{yaml}");
    }
    for (text, part) in [
        ("web: x\nweb: y", "Procfile:2: web is given twice"),
        ("web: x\noops", "Procfile:2: is not \"name: command\""),
        ("all: x", "Procfile:1: the name all is reserved"),
        ("\n", "Procfile: has no line"),
    ] {
        let problem = read("Procfile", text).unwrap_err().to_string();
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

#[test]
fn kinds_are_told_apart() {
    let kind = |name: &str, text: &str| guess(&File { name, dir: "/", text });
    assert_eq!(kind("x", "\u{feff}; c\n[a]\n"), Some(Kind::Supervisord));
    assert_eq!(kind("x", "web: a"), Some(Kind::Procfile));
    assert_eq!(kind("d/Procfile.dev", "[a]"), Some(Kind::Procfile));
    assert_eq!(kind("x.conf", "; only comments\n"), Some(Kind::Supervisord));
    assert_eq!(kind("x", ""), None);
    assert_eq!(kind("x", "a = b"), None);
}

#[test]
fn damaged_files_are_read_or_refused_but_never_more() {
    let texts = [
        include_str!("../../tests/import/everything.conf"),
        include_str!("../../tests/import/live.conf"),
        include_str!("../../tests/import/Procfile"),
    ];
    let mut random = Dice::new(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..3000 {
        let mut bytes = texts[round % texts.len()].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let (at, len) = (random.below(bytes.len()), 1 + random.below(12));
            let end = (at + len).min(bytes.len());
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
                3 => bytes[at] = b"[]:=;#%(){}$'\"\\\n\t ,~09asd\r"[random.below(26)],
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match read("s.conf", &text) {
            Ok(yaml) => {
                // It may say what we refuse, but it is YAML with its sections.
                let tree = crate::base::yaml::parse(&yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
                assert!(matches!(tree.value, crate::base::tree::Value::Map(_)), "{yaml}");
                taken += 1;
            }
            Err(problem) => {
                assert!(!problem.text.is_empty());
                refused += 1;
            }
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused: the sweep is dull");
}

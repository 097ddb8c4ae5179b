//! Configurations of supervisord and Procfiles through `taskmasterctl import`: what runs afterwards is what ran before.
//!
//! The real supervisord and our daemon run the same configuration one after the other, from the same directory and
//! environment, and their processes are held against each other as /proc shows them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::dice::Dice;
use support::*;
use taskmaster::config::{Source, World, expand, parse};
use taskmaster::import::{File, Included, Kind, Outside, import};

/// The processes that start by themselves in tests/import/live.conf and its included file.
const PROCESSES: usize = 11;

/// Variables that differ by nature.
const DIFFERENT: [&str; 1] = [
    // Where supervisorctl would find supervisord: nothing would answer there.
    "SUPERVISOR_SERVER_URL",
];

/// What /proc says of one process.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    words: Vec<String>,
    ids: BTreeMap<&'static str, String>,
    groups: BTreeSet<String>,
    cwd: String,
    env: BTreeMap<String, String>,
}

fn seen(pid: u32) -> Option<Seen> {
    // First: with the words of its program a process has everything else that it gets by execve(2), or it has not got it yet.
    let words = words(pid);
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok()?.to_str()?.to_owned();
    let mut env = variables(pid)?;
    DIFFERENT.iter().for_each(|name| drop(env.remove(*name)));
    let ids = ["Uid", "Gid", "Umask"].map(|key| (key, status_field(pid, key))).into();
    // A set: supervisord names the primary group twice.
    let groups = status_field(pid, "Groups").split_whitespace().map(str::to_owned).collect();
    Some(Seen { words, ids, groups, cwd, env })
}

/// A daemon that is stopped with everything that it started.
struct Running {
    child: Child,
    strays: Strays,
}

impl Running {
    /// Starts a daemon in this directory, with nothing of our own environment.
    fn start(dir: &Path, command: &[&str]) -> Running {
        let out = fs::File::create(dir.join("console")).unwrap();
        let child = Command::new("sh")
            .args(["-c", "umask 022; exec \"$@\"", "sh"])
            .args(command)
            .current_dir(dir)
            .env_clear()
            .envs([("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"), ("LANG", "C.UTF-8"), ("MARK", "mark-1")])
            .envs([("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/sh"), ("TZ", "UTC")])
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        let strays = Strays(Proc::of(child.id()).into_iter().collect());
        Running { child, strays }
    }

    /// All of its processes, once each of them is what it was started for.
    #[track_caller]
    fn processes(&mut self, dir: &Path) -> Vec<Seen> {
        let pid = self.child.id();
        // In the midst of its execve(2) a process has its new words already, and no environment yet.
        let is_program = |seen: &Seen| {
            seen.words.first().is_some_and(|word| word == "sh" || word == "sleep") && !seen.env.is_empty()
        };
        let mut seen: Vec<Seen> = wait_for(&format!("the processes of {}", console(dir)), || {
            let pids: Vec<u32> = children(pid).into_iter().filter(|(_, zombie)| !zombie).map(|(pid, _)| pid).collect();
            let all: Option<Vec<Seen>> = pids.into_iter().map(seen).collect();
            all.filter(|all| all.len() == PROCESSES && all.iter().all(is_program))
        });
        self.strays.0.extend(descendants(pid));
        seen.sort();
        seen
    }

    #[track_caller]
    fn stop(mut self) {
        kill(self.child.id(), Signal::SIGTERM);
        wait_until("the daemon ends", || self.child.try_wait().unwrap().is_some());
        self.strays.end();
    }
}

fn console(dir: &Path) -> String {
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    format!("{}\n{}", read("console"), read("supervisord.log"))
}

fn here(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name)).unwrap()
}

/// What a file of tests/import becomes, as if it stood in /etc/app.
fn imported(name: &str, kind: Option<Kind>) -> String {
    let text = here(name);
    let env = |name: &str| match name {
        "HOME" => Some("/root".to_owned()),
        "PATH" => Some("/usr/bin:/bin".to_owned()),
        "COPIES" => Some("1".to_owned()),
        _ => None,
    };
    let files = |pattern: &str| match pattern {
        "/etc/app/conf.d/*.conf" => {
            vec![Included { path: "/etc/app/conf.d/extra.conf".to_owned(), text: Ok(here("extra.conf")) }]
        }
        "/etc/app/.env" => vec![Included { path: "/etc/app/.env".to_owned(), text: Ok("PORT=3000\n".to_owned()) }],
        _ => Vec::new(),
    };
    let outside = Outside { env: &env, host: "box", files: &files };
    let yaml = import(&File { name, dir: "/etc/app", text: &text }, kind, &outside);
    let yaml = yaml.unwrap_or_else(|problem| panic!("{problem}"));
    // A valid configuration, about which there is nothing to say.
    let parsed = parse(&[Source::new("imported.yaml", &yaml)], &World::with_env(&env));
    let warnings = parsed.unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}")).warnings;
    assert!(warnings.is_empty(), "{warnings:?}\n{yaml}");
    yaml
}

/// To take over what the files become now, after a look at the difference: `TASKMASTER_GOLDEN=write`.
#[track_caller]
fn as_expected(expected: &str, yaml: &str) {
    if std::env::var("TASKMASTER_GOLDEN").is_ok_and(|v| v == "write") {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(expected), yaml).unwrap();
    }
    assert_eq!(yaml, here(expected), "left is what came out, right is tests/import/{expected}");
}

#[test]
fn a_configuration_with_everything() {
    as_expected("everything.yaml", &imported("everything.conf", None));
}

#[test]
fn a_procfile() {
    let yaml = imported("Procfile", None);
    assert_eq!(yaml, imported("Procfile", Some(Kind::Procfile)));
    as_expected("Procfile.yaml", &yaml);
}

#[test]
fn the_command_says_what_is_wrong() {
    let setup = Setup::new();
    let ctl =
        |args: &[&str]| run_to_end(Command::new(TASKMASTERCTL).arg("import").args(args).current_dir(setup.path("")));
    fs::write(setup.path("bad.conf"), "[supervisord]\n[program:a]\ncommand = %(x)s\n").unwrap();
    fs::write(setup.path("some.txt"), "hello\n").unwrap();
    fs::write(setup.path("web"), "web: sleep 1\n").unwrap();
    for (args, code, part) in [
        (
            &["bad.conf"][..],
            1,
            "import: bad.conf:3: [program:a] command has %(x)s, which supervisord does not know here",
        ),
        (&["some.txt"], 1, "is neither a configuration of supervisord"),
        (&["--from", "procfile", "bad.conf"], 1, "bad.conf:1: is not \"name: command\""),
        (&["missing.conf"], 1, "import: missing.conf: "),
        (&["-o", "no/such/dir", "web"], 1, "import: no/such/dir: "),
        (&[], 2, "name the file"),
        (&["--from", "systemd", "web"], 2, "--from \"systemd\": give supervisord or procfile"),
        (&["web", "web"], 2, "one word too many"),
        (&["web"], 0, "\n  web:\n    cmd: sleep 1\n"),
        (&["--json", "web"], 0, "{\"configuration\":\"# From web"),
        (&["-o", "out.yaml", "web"], 0, "out.yaml: written"),
    ] {
        let output = ctl(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        has(&said(&output), part);
    }
    let checked = run_to_end(Command::new(TASKMASTERCTL).args(["check", "out.yaml"]).current_dir(setup.path("")));
    has(&said(&checked), "out.yaml: ok, 1 program, 1 process");
}

#[test]
fn what_runs_is_what_ran_under_supervisord() {
    needs!(root);
    needs!("supervisord");
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    // Programs of other users are started from here.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(dir.join("logs")).unwrap();
    fs::create_dir(dir.join("conf.d")).unwrap();
    fs::write(dir.join("live.conf"), here("live.conf")).unwrap();
    fs::write(
        dir.join("conf.d/more.conf"),
        "[program:more]\ncommand = sleep 1006.1 1\nenvironment = AT=\"%(here)s\"\n",
    )
    .unwrap();
    let supervisord = find_program("supervisord").unwrap();

    let mut theirs = Running::start(dir, &[supervisord.to_str().unwrap(), "-n", "-c", "live.conf"]);
    let before = theirs.processes(dir);
    theirs.stop();

    let imported =
        Command::new(TASKMASTERCTL).args(["import", "-o", "live.yaml", "live.conf"]).current_dir(dir).output();
    let imported = imported.unwrap();
    assert!(imported.status.success(), "{}", said(&imported));
    fs::write(dir.join("main.yaml"), "include: live.yaml\ntaskmasterd: {socket: {path: ./ctl}}\n").unwrap();
    let mut ours = Running::start(dir, &[TASKMASTERD, "-n", "-c", "main.yaml"]);
    let after = ours.processes(dir);
    ours.stop();

    // They are what they should be, and not alike because nothing was filled in.
    let worker = before.iter().find(|seen| seen.words.contains(&"003".to_owned()));
    assert!(worker.is_none(), "numbers are written as the command says");
    let worker = before.iter().find(|seen| seen.words.contains(&"03".to_owned())).unwrap();
    assert_eq!(worker.env["SUPERVISOR_PROCESS_NAME"], "worker-003");
    assert_eq!((worker.env["COMMON"].as_str(), worker.env["RATE"].as_str()), ("of mark-1", "100%"));
    for (theirs, ours) in before.iter().zip(&after) {
        assert_eq!(theirs, ours, "left is supervisord, right is taskmasterd");
    }
    assert_eq!((before.len(), after.len()), (PROCESSES, PROCESSES));
}

/// Makes configurations out of what is hard to read: quotes, blanks, comments, dollars, per cents, variables.
struct Maker(Dice);

impl Maker {
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.roll() % n as u64).unwrap()
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn text(&mut self, most: usize, without: &[char]) -> String {
        const PARTS: [&str; 32] = [
            "a",
            "b c",
            " ",
            "\\",
            "\"q r\"",
            "'s t'",
            "\"\\$x \\\\\"",
            "\\$",
            "$",
            "$$",
            "${",
            "}",
            "${A}",
            "%%",
            "%%(x)s",
            "=",
            "x,y",
            " ;x",
            " #",
            "#",
            "\n  ",
            "é",
            "%(program_name)s",
            "%(process_num)02d",
            "%(process_num)d",
            "%(numprocs)s",
            "%(group_name)s",
            "%(host_node_name)s",
            "%(here)s",
            "%(ENV_A)s",
            "%(ENV_OWN)s",
            "%(ENV_G)s",
        ];
        let parts = PARTS.iter().filter(|part| !part.contains(without)).collect::<Vec<_>>();
        (0..=self.below(most)).map(|_| *parts[self.below(parts.len())]).collect()
    }

    fn environment(&mut self) -> String {
        let names = ["A", "OWN", "B", "G"];
        let from = self.below(names.len());
        let pairs = names[from..].iter().map(|name| match self.below(4) {
            0 => format!("{name}={}", self.one_of(&["1", "/a:b", "a-b(c)", "%(ENV_A)s", "%(process_num)s"])),
            1 => format!("{name}='{}'", self.text(3, &['\'', '\n'])),
            _ => format!("{name}=\"{}\"", self.text(3, &['"', '\n'])),
        });
        pairs.collect::<Vec<_>>().join(",\n   ")
    }

    fn configuration(&mut self) -> String {
        let mut text = "[supervisord]\n".to_owned();
        if self.below(2) == 0 {
            let all = ["\"g\"", "'g h'", "%(ENV_A)s", "\"x%%%%y\"", "\"%(ENV_A)s $5 ${\"", "/g"];
            text += &format!("environment = G={}\n", self.one_of(&all));
        }
        let programs = [&["p", "q"][..], &["all"], &["x&y", "p"]][self.below(3)];
        for name in programs {
            let first = self.one_of(&["run ", "%(here)s/x ", "sh -c "]);
            text += &format!("[program:{name}]\ncommand = {first}{}\n", self.text(6, &[]));
            if self.below(3) > 0 {
                text += &format!("environment = {}\n", self.environment());
            }
            if self.below(2) == 0 {
                text += &format!("directory = /{}\n", self.text(3, &['\n']));
            }
            if self.below(2) == 0 {
                // It is filled in twice: what comes out of the first time must not be anything for the second.
                text += &format!("stdout_logfile = %(program_name)s{}z\n", self.text(3, &['%', ';', '#', '\n', '"']));
            }
            text += match self.below(6) {
                0 => "numprocs = 2\nprocess_name = %(program_name)s_%(process_num)02d\n",
                1 => "numprocs = 2\nnumprocs_start = 3\nprocess_name = x-%(process_num)d\n",
                2 => "process_name = %(group_name)s.%(ENV_A)s.%(host_node_name)s\n",
                _ => "",
            };
        }
        if self.below(3) == 0 {
            text += &format!("[group:both]\nprograms = {}\n", programs.join(","));
        }
        text
    }
}

const ENV: [(&str, &str); 3] = [("A", "env-a"), ("HOME", "/root"), ("PATH", "/usr/bin:/bin")];

/// What our daemon would start for the import of a configuration in this directory.
fn ours(text: &str, dir: &str) -> Vec<Value> {
    let env = |name: &str| ENV.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let outside = Outside { env: &env, host: "box", files: &|_| Vec::new() };
    let file = File { name: "s.conf", dir, text };
    let yaml = import(&file, Some(Kind::Supervisord), &outside).unwrap_or_else(|e| panic!("{text}\n{e}"));
    let world = World { host: "box", ..World::with_env(&env) };
    let parsed = parse(&[Source::new("y", &yaml)], &world).unwrap_or_else(|e| panic!("{text}\n{yaml}\n{e:?}"));
    let outside = expand::Outside { env: &env, host: "box", childlogdir: "auto" };
    let mut found = Vec::new();
    for (name, program) in &parsed.config.programs {
        for num in program.numbers() {
            let print = expand::blueprint(program, name, num, &outside);
            let print = print.unwrap_or_else(|e| panic!("{text}\n{yaml}\n{e:?}"));
            let log = match &print.stdout {
                expand::Place::File(path) if !path.starts_with("auto/") => Some(path),
                expand::Place::Discard | expand::Place::Inherit | expand::Place::File(_) | expand::Place::Merged => {
                    None
                }
            };
            let env: BTreeMap<_, _> = print.env.iter().cloned().collect();
            found.push(json!({"argv": print.argv, "env": env, "dir": print.workingdir, "log": log}));
        }
    }
    found
}

#[test]
fn what_would_run_is_what_supervisord_would_run() {
    const PYTHON: &str = "/usr/bin/python3";
    if !Command::new(PYTHON).args(["-c", "import supervisor"]).output().is_ok_and(|out| out.status.success()) {
        return skip(&test_name!(), "needs python3 with the modules of supervisord");
    }
    let temporary = tempfile::Builder::new().prefix("with blank ").tempdir().unwrap();
    let dir = temporary.path().canonicalize().unwrap();
    let mut maker = Maker(Dice::new(0x5eed));
    let texts: Vec<String> = (0..1000).map(|_| maker.configuration()).collect();
    fs::write(dir.join("texts.json"), serde_json::to_string(&texts).unwrap()).unwrap();
    let theirs = Command::new(PYTHON)
        .args(["-W", "ignore"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/theirs.py"))
        .current_dir(&dir)
        .env_clear()
        .envs(ENV)
        .env("LANG", "C.UTF-8")
        .stdin(fs::File::open(dir.join("texts.json")).unwrap())
        .output()
        .unwrap();
    assert!(theirs.status.success(), "{}", said(&theirs));
    let theirs: Vec<Option<Vec<Value>>> = serde_json::from_slice(&theirs.stdout).unwrap();
    let sorted = |mut all: Vec<Value>| {
        all.sort_by_key(Value::to_string);
        all
    };
    let mut compared = 0;
    for (text, theirs) in texts.iter().zip(theirs) {
        let Some(theirs) = theirs else { continue };
        assert_eq!(sorted(theirs), sorted(ours(text, dir.to_str().unwrap())), "left is supervisord:\n{text}");
        compared += 1;
    }
    assert!(compared > 300, "supervisord takes only {compared} of {}", texts.len());
}

#[test]
fn a_procfile_runs() {
    let setup = Setup::new();
    let ctl = |args: &[&str]| run_to_end(Command::new(TASKMASTERCTL).args(args).current_dir(setup.path("")));
    fs::write(setup.path("Procfile"), "web: exec sleep 1000 & wait\nworker: exec sleep \"10$COUNT\"\n").unwrap();
    fs::write(setup.path(".env"), "COUNT=01\nPORT=7000\n").unwrap();
    let output = ctl(&["import", "Procfile"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = stdout(&output);
    has(&text, "PORT: \"7100\"");
    fs::write(setup.path("imported.yaml"), &text).unwrap();
    let main = format!(
        "include: imported.yaml\ntaskmasterd: {{socket: {{path: {}}}, childlogdir: logs, logfile: taskmasterd.log}}\n",
        setup.file("ctl")
    );
    fs::write(setup.path("main.yaml"), main).unwrap();
    let mut command = Command::new(TASKMASTERD);
    command.args(["-n", "-c", "main.yaml"]).current_dir(setup.path("")).stdin(Stdio::null());
    let d = setup.start_as(&mut command);
    let pid = d.wait_state("worker", "RUNNING").pid().unwrap();
    wait_words(pid, &["sleep", "1001"]);
    let env = environ(pid);
    assert_eq!((env["PORT"].as_str(), env["PS"].as_str(), env["COUNT"].as_str()), ("7100", "worker.1", "01"));
    d.ok("stop all");
}

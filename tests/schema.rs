//! The JSON Schema of the configuration against the parser, by a validator that is not ours (python3-jsonschema).
//!
//! Whatever the parser takes from one file the schema must take. The other way round a schema cannot know everything;
//! what it does know, it must say: kinds, ranges, words, keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;
#[path = "schema/tree.rs"]
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value as Json, json};

use support::*;
use taskmaster::base::yaml;
use taskmaster::base::zone::Zone;
use taskmaster::config::{Source, World, parse, schema};
use tree::{Mutator, Tree};

/// A document: what it is called in messages, the format, the text.
#[derive(Clone, Debug)]
struct Doc {
    name: String,
    kind: &'static str,
    text: String,
}

impl Doc {
    fn yaml(name: impl Into<String>, text: impl Into<String>) -> Doc {
        Doc { name: name.into(), kind: "yaml", text: text.into() }
    }

    /// Whether the parser takes it, in a world in which everything is there that can be named.
    fn is_taken(&self) -> Result<(), String> {
        let world = World {
            file: &|_| Ok(String::new()),
            dir: &|_| Ok(Vec::new()),
            zone: &|_| Ok(Zone::utc()),
            ..World::with_env(&|_| Some("x".to_owned()))
        };
        let source = Source::new(&format!("c.{}", self.kind), &self.text);
        parse(&[source], &world).map(drop).map_err(|told| told[0].to_string())
    }
}

/// A Python that has what the validator needs; otherwise the test skips itself.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let run = Command::new(python).args(["-c", "import jsonschema, yaml"]).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has)
}

macro_rules! python {
    () => {
        match python() {
            Some(python) => python,
            None => return skip(&test_name!(), "needs python3 with jsonschema and yaml"),
        }
    };
}

/// What the validator says about each document, by how it was read; `Ok` if it is valid.
fn validate(python: &str, docs: &[Doc], all_readings: bool) -> Vec<BTreeMap<String, Result<(), String>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/validate.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python");
    let schema: Json = serde_json::from_str(&schema::schema()).unwrap();
    let mut input = format!("{schema}\n");
    for doc in docs {
        input += &format!("{}\n", json!({"kind": doc.kind, "text": doc.text, "all": all_readings}));
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success(), "the validator gave up");
    let answers: Vec<BTreeMap<String, Option<String>>> =
        String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), docs.len());
    let answer = |told: Option<String>| told.map_or(Ok(()), Err);
    answers.into_iter().map(|one| one.into_iter().map(|(how, told)| (how, answer(told))).collect()).collect()
}

/// The schema takes what the parser takes. Gives back how many both took, how many both refused, and what only the
/// parser refused.
fn agree(python: &str, docs: &[Doc], all_readings: bool) -> (usize, usize, Vec<String>) {
    let (mut taken, mut refused, mut missed) = (0, 0, Vec::new());
    let mut wrong = Vec::new();
    for (doc, told) in docs.iter().zip(validate(python, docs, all_readings)) {
        let parsed = doc.is_taken();
        for (how, told) in told {
            match (&parsed, told) {
                (Ok(()), Ok(())) => taken += 1,
                (Err(_), Err(_)) => refused += 1,
                (Err(why), Ok(())) => missed.push(format!("{}: {why}", doc.name)),
                (Ok(()), Err(why)) => wrong.push(format!("{} (read as {how}): {why}\n{}", doc.name, doc.text)),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} that the parser takes are refused by the schema:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
    (taken, refused, missed)
}

/// Every file below a directory of the tree that is a configuration by its name.
fn configurations_below(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            configurations_below(&path, out);
        } else if kind(&path).is_some() {
            out.push(path);
        }
    }
    out.sort();
}

fn kind(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "yaml" | "yml" => Some("yaml"),
        "json" => Some("json"),
        "toml" => cfg!(feature = "toml").then_some("toml"),
        _ => None,
    }
}

/// The literal blocks of the page on configurations, with the escapes of roff undone.
fn blocks_of_the_page() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/taskmaster.yaml.5")).unwrap();
    let mut blocks = Vec::new();
    for part in page.split("\n.Bd -literal").skip(1) {
        let body = part.split_once('\n').unwrap().1.split("\n.Ed").next().unwrap();
        blocks.push(body.replace("\\e", "\\").replace("\\&", "") + "\n");
    }
    assert!(blocks.len() > 40, "{blocks:?}");
    blocks
}

fn indented(text: &str, by: usize) -> String {
    text.lines().fold(String::new(), |out, line| out + &" ".repeat(by) + line + "\n")
}

/// A block of the page in whatever makes a whole configuration of it: as it is, in a program, in the daemon's section.
fn whole(block: &str) -> [String; 4] {
    let has_command = block.lines().any(|l| l.starts_with("cmd:"));
    let command = if has_command { "" } else { "    cmd: sleep 1\n" };
    [
        block.to_owned(),
        format!("programs:\n  x:\n{command}{}", indented(block, 4)),
        format!("taskmasterd:\n{}", indented(block, 2)),
        format!("defaults:\n{}", indented(block, 2)),
    ]
}

/// Documents that the parser takes.
fn good_documents() -> Vec<Doc> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut docs = Vec::new();
    let mut files = Vec::new();
    configurations_below(&tree.join("etc"), &mut files);
    let shipped = files.len();
    configurations_below(&tree.join("tests"), &mut files);
    for path in files {
        let doc = Doc {
            name: path.display().to_string(),
            kind: kind(&path).unwrap(),
            text: fs::read_to_string(&path).unwrap_or_default(),
        };
        docs.push(doc);
    }
    for block in blocks_of_the_page() {
        docs.extend(whole(&block).map(|text| Doc::yaml(format!("a block of the page: {block}"), text)));
    }
    // The unit tests of the parser have their good texts between quotes, whole or as the keys of a program.
    for file in ["src/config/tests.rs", "src/config/tests/examples.rs", "src/config/expand/tests.rs"] {
        let source = fs::read_to_string(tree.join(file)).unwrap();
        let raw = source.split("r#\"").skip(1).map(|rest| rest.split("\"#").next().unwrap().to_owned());
        let quoted = source.split('"').map(|part| part.replace("\\n", "\n").replace("\\\"", "\""));
        for text in raw.chain(quoted).filter(|text| text.contains(": ")) {
            docs.push(Doc::yaml(file, format!("programs: {{web: {{cmd: sleep 1, {text} }}}}")));
            docs.push(Doc::yaml(file, format!("programs: {{web: {{{text} }}}}")));
            docs.push(Doc::yaml(file, text));
        }
    }
    docs.push(Doc::yaml("every key", EVERYTHING));
    let before = docs.len();
    docs.retain(|doc| doc.is_taken().is_ok());
    assert!(shipped >= 1 && docs.len() > 130, "of {before} documents only {} are good", docs.len());
    docs
}

const EVERYTHING: &str = r##"
include: [conf.d/*.yaml, "${HOME}/more.toml"]
taskmasterd:
  logfile: /var/log/t.log
  loglevel: warning
  logformat: json
  logfile_maxbytes: 10MB
  logfile_backups: 3
  childlogdir: /var/log/children
  nocleanup: yes
  exit_when: all_done
  pidfile: /run/t.pid
  umask: 027
  on_event:
    - {command: notify -x, events: [fatal, exited], programs: [web, "w*:*", 5], timeout: 5}
    - {post: "http://localhost:9000/x", events: unhealthy}
  socket: {path: /run/t.sock, mode: 0660, owner: root, group: 33, read: [a, 1000, "@adm", "@1"], control: "@ops", admin: 7}
  http: {listen: [8080, "unix:/run/t.http", "${ADDRESS:-[::1]:1}"], control: on, token_file: /etc/t.token, hosts: [a.example, "b:1"]}
defaults: &all
  cmd: sleep 5
  args: [a, 1, 1.5, true]
  shell: false
  numprocs: 2
  numprocs_start: 8000
  autostart: off
  autorestart: on-failure:5
  exitcodes: [0, "2", 255]
  startretries: unlimited
  starttime: 0.5
  stopsignal: SIGRTMIN+3
  pre_start: mkdir -p /run/x
  post_start: [touch, /run/x/up]
  pre_stop: {cmd: a b, args: [c], timeout: 1m30s}
  stop_command: {command: [a, b]}
  post_stop:
  on_fatal: 5
  stoptime: 1m30s
  stopgroup: true
  kill_mode: mixed
  essential: true
  on_exit: shutdown
  backoff: {initial: 250ms, factor: 1.5, max: 1m, floor: 0}
  oneshot: false
  workingdir: /srv
  umask: "0o22"
  user: www-data
  group: 33
  group_name: backend
  env: {A: b, B: 1.10, C: , D: true}
  env_file: -/etc/default/web
  env_from_dir: [/run/secrets]
  env_pass: [LC_*, HTTP_PROXY]
  stdout: inherit
  stderr: stdout
  redirect_stderr: false
  stdout_logfile_maxbytes: 64 KiB
  stdout_logfile_backups: 0
  stderr_logfile_maxbytes: 0
  stderr_logfile_backups: 1
  log_format: Prefix
  priority: -5
  depends_on: {web: ready, größe: {condition: started, required: false}}
  restart_dependents: true
  extra_groups: [adm, 33]
  rlimits: {nofile: 1024, core: unlimited, stack: "8MB : 64MiB", cpu: 1m30s, rttime: "0.2:unlimited", as: 1.5GB, nproc: "5:10"}
  nice: -5
  ionice: Best-effort:4
  oom_score_adj: "-500"
  cpu_affinity: ["0-3", 6, " 8 - 9 ,12"]
  memory_max: 64 MiB
  cpu_max: 12.5%
  pids_max: Unlimited
  no_new_privs: on
  capabilities: {bounding: [CAP_CHOWN, net_raw], ambient: Net_Raw}
  chroot: /srv/${program}
  dirs: {/run/web: {owner: www-data, group: 33, mode: 0750}, "/x y": , "/z": {}}
  listen: ["unix:/run/${program}.sock", {address: "unix:@${program}", name: a b, backlog: "5"}]
  on_demand: No
  healthcheck:
    cmd: [curl, -f, "http://localhost/"]
    args: -v
    interval: 10s
    timeout: 5
    start_period: 1m
    start_interval: 1
    retries: 2
services:
  web: *all
  größe: {command: a b, readiness: {exec: "a | b"}, healthcheck: {tcp: "[::1]:80", timeout: 0.5}, on_unhealthy: STOP}
  c1: {cmd: a, readiness: {tcp: "unix:/run/${program}"}, healthcheck: {http: "HTTP://localhost:80", status: "200-299"}}
  c2: {cmd: a, readiness: {log: "^a+$"}, healthcheck: {http: "http://unix:/a:/b", status: 204}, on_unhealthy: none}
  c3: {cmd: a, readiness: {notify: Yes}, healthcheck: {fd: "0003"}}
  c4: {cmd: a, readiness: {uptime: 1m}, healthcheck: None}
  c5: {cmd: a, readiness: none, healthcheck: {exec: [a, 5], retries: 1}}
  nightly: {cmd: a, schedule: "30 3 * * mon-fri", oneshot: true, timezone: America/Argentina/Buenos_Aires, overlap: KILL, jitter: 5m,
    run_on_start: false, timeout: 1h}
  daily: {cmd: a, schedule: "@Daily", oneshot: true}
  gently: {cmd: a, stopsignal: [INT 5s, 3 0.5, TERM]}
  often: {cmd: a, every: 0.5, oneshot: true}
  lazy: {cmd: a, listen: 8080, on_demand: on}
  open: {cmd: a, listen: ["*:0443", "localhost:81", ":82", "[fe80::1%2]:83", "${PORT:-84}", {address: "unix:/x y", mode: "0o660", owner: 0, group: adm, name: 5}]}
  shut: {cmd: a, listen: }
"##;

#[test]
fn what_is_shipped_and_told_is_valid() {
    let python = python!();
    let docs = good_documents();
    // Also for readers that take `yes` and `022` for something else.
    let from_us = |doc: &&Doc| !doc.name.starts_with("src/");
    let (ours, units): (Vec<Doc>, Vec<Doc>) = docs.iter().cloned().partition(|doc| from_us(&doc));
    agree(python, &ours, true);
    agree(python, &units, false);
}

/// The properties of all sections, by the text around a key and its value.
fn places() -> Vec<(String, &'static str, Vec<String>)> {
    let schema: Json = serde_json::from_str(&schema::schema()).unwrap();
    let program = &schema["definitions"]["program"]["properties"];
    let daemon = &schema["properties"]["taskmasterd"]["properties"];
    let of = |name: &str, around: &'static str, section: &Json| {
        (name.to_owned(), around, section.as_object().unwrap().keys().cloned().collect())
    };
    vec![
        of("", "{HERE}", &schema["properties"]),
        of("programs.x.", "programs: {x: {cmd: sleep 1, HERE}}", program),
        of("defaults.", "{defaults: {HERE}, programs: {x: {cmd: sleep 1}}}", program),
        of("backoff.", "programs: {x: {cmd: a, backoff: {HERE}}}", &program["backoff"]["properties"]),
        of("readiness.", "programs: {x: {cmd: a, readiness: {cmd: b, HERE}}}", &program["readiness"]["properties"]),
        of(
            "healthcheck.",
            "programs: {x: {cmd: a, healthcheck: {cmd: b, HERE}}}",
            &program["healthcheck"]["properties"],
        ),
        of(
            "pre_start.",
            "programs: {x: {cmd: sleep, pre_start: {cmd: a, HERE}}}",
            &program["pre_start"]["anyOf"][1]["allOf"][0]["properties"],
        ),
        of("rlimits.", "programs: {x: {cmd: a, rlimits: {HERE}}}", &program["rlimits"]["properties"]),
        of("capabilities.", "programs: {x: {cmd: a, capabilities: {HERE}}}", &program["capabilities"]["properties"]),
        of("taskmasterd.", "taskmasterd: {HERE}", daemon),
        of(
            "on_event.",
            "taskmasterd: {on_event: {command: a, HERE}}",
            &daemon["on_event"]["anyOf"][0]["allOf"][0]["properties"],
        ),
        of("socket.", "taskmasterd: {socket: {HERE}}", &daemon["socket"]["properties"]),
        of(
            "listen.",
            "programs: {x: {cmd: a, listen: {address: 'unix:/a', HERE}}}",
            &program["listen"]["anyOf"][0]["anyOf"][1]["properties"],
        ),
        of("http.", "taskmasterd: {http: {listen: 1, HERE}}", &daemon["http"]["properties"]),
    ]
}

fn with(around: &str, key: &str, value: &str) -> String {
    let around = match key {
        "cmd" | "command" => around
            .replace("cmd: sleep 1, ", "")
            .replace("cmd: a, HERE", "HERE")
            .replace("command: a, HERE", "HERE")
            .replace("cmd: b, ", ""),
        "post" => around.replace("command: a, ", ""),
        "address" => around.replace("address: 'unix:/a', ", ""),
        "exec" | "tcp" | "http" | "log" | "notify" | "fd" | "uptime" => around.replace("cmd: b, ", ""),
        "status" => around.replace("cmd: b, ", "http: 'http://localhost:80/', "),
        _ => around.to_owned(),
    };
    let around = if key == "listen" { around.replace("listen: 1, ", "") } else { around };
    around.replace("HERE", &format!("{key}: {value}"))
}

/// Values of a wrong kind or out of range, by the names of the keys.
fn bad_values(key: &str) -> &'static [&'static str] {
    const LIST: &[&str] = &["5", "[1]", "text"];
    const DURATION: &[&str] = &["-1", "soon", "[1]", "{}", "", "true", "1x", "1 m", "9999999999", "1m:30"];
    const SIZE: &[&str] = &["-1", "lots", "[1]", "{}", "", "true", "1X", "1 0"];
    const OCTAL: &[&str] = &["888", "01000", "-1", "rw", "[1]", "", "0.5", "true", "\"0x12\""];
    const BOOLEAN: &[&str] = &["1", "maybe", "[true]", "{}", "", "y"];
    const PATH: &[&str] = &["''", "5", "[a]", "{a: b}", "", "true"];
    const ACCOUNT: &[&str] = &["-5", "-a", "''", "a b", "a:b", "a/b", "1.5", "true", "[a]", "{}", ""];
    const ROLE: &[&str] =
        &["-5", "''", "a b", "'@'", "'@@a'", "'@a:b'", "[a/b]", "['@a b']", "[[a]]", "1.5", "true", "{}", ""];
    const COMMAND: &[&str] = &["''", "' '", "[]", "[[a]]", "{a: b}", "", "[null]"];
    const ARGS: &[&str] = &["{a: b}", "[[a]]", "[{}]", "[null]"];
    const COUNT: &[&str] = &["-1", "10001", "many", "1.5", "[1]", "{}", "", "true", "\"-1\"", "\"123456\""];
    match key {
        "http.listen" => &["", "[]", "[[a]]", "{a: b}", "true", "localhost", "'unix:'", "'example.org:80'", "99999"],
        "listen" => &[
            "[[a]]",
            "{}",
            "{name: b}",
            "{address: 80, nope: 1}",
            "true",
            "localhost",
            "0",
            "99999",
            "'unix:'",
            "'unix:x'",
            "['example.org:80']",
            "[null]",
        ],
        "address" => &["[80]", "{}", "", "localhost", "'*:'", "'unix:x'", "true"],
        "name" => &["''", "'a:b'", "ö", "[a]", "{}", ""],
        "backlog" => &["0", "65536", "many", "[1]", "{}", "", "true"],
        "token_file" => PATH,
        "http.control" => BOOLEAN,
        "hosts" => &["[[a]]", "{a: b}", "'a b'", "'a/b'", "''"],
        "include" => &["5", "{a: b}", "[[a]]", "['']", "''"],
        "taskmasterd" | "defaults" | "programs" | "services" | "processes" | "socket" | "backoff" | "readiness"
        | "healthcheck" => LIST,
        "on_unhealthy" => &["reboot", "5", "[stop]", "{}", "", "true"],
        "tcp" => &["localhost", "5432", "[a]", "{}", "", "true", "''", "'unix:x'", "'localhost:'", "'localhost:x'"],
        "http" => &["localhost", "'localhost:80/'", "'https://localhost:80/'", "80", "[a]", "{}", "", "''"],
        "status" => &["199", "600", "OK", "200-", "'200-399-400'", "20", "[200]", "{}", "", "true", "1.5"],
        "log" => &["''", "[a]", "{}", ""],
        "notify" => &["false", "off", "1", "[true]", "{}", ""],
        "fd" => &["2", "1024", "-1", "three", "[3]", "{}", "", "true"],
        "cmd" | "command" | "exec" => COMMAND,
        "args" => ARGS,
        "on_exit" | "exit_when" => &["always", "5", "true", "[shutdown]", "{}", "''"],
        "kill_mode" => &["all", "5", "true", "[group]", "{}", "''"],
        "stdin" => &["inherit", "5", "true", "[pipe]", "{}", "''"],
        "log_format" => &["text", "5", "true", "[raw]", "{}", "''", ""],
        "tty" | "shell" | "autostart" | "essential" | "stopgroup" | "oneshot" | "on_demand" | "run_on_start"
        | "restart_dependents" | "redirect_stderr" | "nocleanup" => BOOLEAN,
        "numprocs" => &["0", "10001", "-1", "many", "1.5", "[1]", "{}", "", "true", "\"0\"", "\"123456\""],
        "logfile_backups" | "stdout_logfile_backups" | "stderr_logfile_backups" => COUNT,
        "numprocs_start" => &["-1", "1000001", "x", "[1]", "", "\"12345678\""],
        "autorestart" => {
            &["5", "sometimes", "always:5", "on-failure:-1", "'on-failure:'", "'on-failure[:5'", "[always]", ""]
        }
        "exitcodes" => &["-1", "256", "[256]", "[zero]", "{}", "", "'0,256'", "'0,,1'", "true", "1.5", "'300'"],
        "startretries" => &["-1", "1000001", "unlimit", "1.5", "[1]", "", "true"],
        "starttime" | "startsecs" | "stoptime" | "stopsecs" | "stopwaitsecs" | "initial" | "max" | "floor"
        | "interval" | "timeout" | "start_period" | "start_interval" | "uptime" => DURATION,
        "factor" => &["0.5", "1001", "big", "[2]", "", "true", "-2"],
        "stopsignal" => &[
            "0", "32", "65", "-1", "KILLL", "TERM2", "RTMIN+31", "RTMIN-1", "1.5", "true", "[]", "[[INT]]", "", "SIG15",
        ],
        "pre_start" | "post_start" | "pre_stop" | "stop_command" | "post_stop" | "on_fatal" => {
            &["''", "' '", "[]", "[[a]]", "{a: b}", "{timeout: 5}", "[null]", "{cmd: a, timeout: soon}"]
        }
        "on_event" => &[
            "5",
            "a",
            "[a]",
            "{}",
            "[{}]",
            "{events: fatal}",
            "{command: a, post: 'http://localhost:1/'}",
            "{command: a, events: fatl}",
            "{command: a, event: fatal}",
            "[{command: a, timeout: soon}]",
        ],
        "events" => &["5", "fatl", "[fatal, EXITED]", "[[fatal]]", "{a: b}", "", "true", "[null]"],
        "on_event.programs" => &["[[a]]", "{a: b}", "", "''", "[null]", "['']"],
        "post" => &["5", "[a]", "{a: b}", "", "''", "true"],
        "umask" | "mode" => OCTAL,
        "workingdir" | "directory" | "childlogdir" | "pidfile" => PATH,
        "path" => &[
            "''",
            "5",
            "[a]",
            "",
            "/x012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
        ],
        "user" | "group" | "owner" => ACCOUNT,
        "read" | "control" | "admin" => ROLE,
        "depends_on" => {
            &["[a, a]", "{a: soon}", "{a: {when: ready}}", "{a: {required: 5}}", "[[a]]", "a b", "{'a/b': ready}"]
        }
        "extra_groups" => &["-5", "''", "a b", "[a/b]", "[[a]]", "{a: b}", "[null]", "1.5", "true"],
        "rlimits" | "capabilities" => LIST,
        "as" | "core" | "data" | "fsize" | "memlock" | "msgqueue" | "rss" | "stack" => {
            &["-1", "many", "[1]", "{}", "", "true", "10s", "1:2:3", "':5'", "'5:'", "unlimit"]
        }
        "locks" | "nofile" | "nproc" | "rtprio" | "sigpending" => {
            &["-1", "many", "[1]", "{}", "", "true", "1.5", "1k", "1:2:3", "':5'", "'5:'"]
        }
        "cpu" | "rttime" => &["-1", "soon", "[1]", "{}", "", "true", "8MB", "1:2:3", "':5'", "9999999999"],
        // A limit and a key of a program have this name; none of these is either.
        "nice" => &["-21", "41.5", "much", "[1]", "{}", "", "true"],
        "ionice" => &["5", "idle:1", "best-effort:8", "be", "[idle]", "", "true", "'realtime:'"],
        "oom_score_adj" => &["-1001", "1001", "x", "1.5", "[1]", "", "true"],
        "cpu_affinity" => &["-1", "8192", "'1-'", "'1,,2'", "x", "[]", "[[1]]", "[x]", "{}", "", "true", "1.5"],
        "memory_max" => &["0", "-1", "lots", "[1]", "{}", "", "true", "1X"],
        "cpu_max" => &["50", "50.555%", "'-5%'", "'%'", "x", "[50%]", "{}", "", "true"],
        "pids_max" => &["0", "4194305", "-1", "x", "1.5", "[1]", "", "true", "unlimit"],
        "no_new_privs" => BOOLEAN,
        "bounding" | "ambient" => &["root", "[root]", "5", "[[chown]]", "{}", "", "true", "cap_"],
        "chroot" => PATH,
        "dirs" => &[
            "5",
            "''",
            "[[a]]",
            "['']",
            "[/a, /a]",
            "{/a: b}",
            "{/a: [b]}",
            "{/a: {own: b}}",
            "{/a: {mode: 888}}",
            "{/a: {owner: 'a b'}}",
            "true",
        ],
        "schedule" => &[
            "5",
            "daily",
            "'@often'",
            "'* * * *'",
            "'* * * * * *'",
            "'? * * * *'",
            "[a]",
            "{}",
            "true",
            "'* * * * mön'",
        ],
        "every" => &["-1", "soon", "[1]", "{}", "true", "1x", "1 m", "9999999999"],
        "jitter" => DURATION,
        "timezone" => &["''", "/etc/localtime", "../x", "a b", "5", "[a]", "{}", "", "+1"],
        "overlap" => &["wait", "5", "true", "[skip]", "{}", ""],
        "group_name" => &["all", "a/b", "'a b'", ".a", "-a", "''", "-1", "[a]", "{}", ""],
        "env" => &["5", "text", "[a, b]", "{A: [b]}", "{A: {b: c}}", "{'A=B': c}", "{'': c}"],
        "env_file" | "env_from_dir" => &["5", "''", "{a: b}", "[[a]]", "[null]", "true"],
        "env_pass" => &["A", "5", "{a: b}", "['A=B']", "['']", "[[a]]", "[null]"],
        "stdout" | "stdout_logfile" => {
            &["stdout", "STDERR", "syslog", "''", "/x/", "5", "[a]", "[a, b]", "[inherit, inherit]", "{}", "true"]
        }
        "stderr" | "stderr_logfile" => &["stderr", "Syslog", "''", "/x/", "5", "[a]", "{}", "true"],
        "logfile" => &["auto", "None", "stdout", "''", "/x/", "5", "[a]", ""],
        "loglevel" => &["loud", "5", "true", "[info]", "", "information"],
        "logformat" => &["xml", "5", "[text]", "", "true"],
        "stdout_logfile_maxbytes" | "stderr_logfile_maxbytes" | "logfile_maxbytes" => SIZE,
        "priority" => &["-1000001", "1000001", "high", "1.5", "[1]", ""],
        "retries" => &["0", "-1", "1000001", "x", "[1]", ""],
        key => panic!("{key}: no values are known that it does not take"),
    }
}

#[test]
fn what_is_wrong_is_refused_by_both() {
    let python = python!();
    let mut docs = Vec::new();
    for (name, around, keys) in places() {
        for key in &keys {
            // Some keys of these names are of another kind elsewhere.
            let known = match (name.as_str(), key.as_str()) {
                ("http.", "control") => "http.control",
                ("taskmasterd.", "http") => "socket",
                ("http.", "listen") => "http.listen",
                ("on_event.", "programs") => "on_event.programs",
                (_, key) => key,
            };
            for value in bad_values(known) {
                docs.push(Doc::yaml(format!("{name}{key}: {value}"), with(around, key, value)));
            }
        }
        docs.push(Doc::yaml(format!("{name}nope"), around.replace("HERE", "nope: 1")));
    }
    for text in [
        "[a]",
        "text",
        "5",
        "programs: {x: {cmd: a}}\nservices: {y: {cmd: a}}",
        "programs: {x: {cmd: a, command: b}}",
        "programs: {x: {cmd: a, startsecs: 1, starttime: 2}}",
        "programs: {x: {numprocs: 1}}",
        "programs: {x: }",
        "programs: {x: sleep}",
        "processes: {x: {}}",
        "defaults: {numprocs: 1}\nservices: {x: {}}",
        "programs: {all: {cmd: a}}",
        "programs: {'a/b': {cmd: a}}",
        "programs: {'': {cmd: a}}",
        "programs: {.a: {cmd: a}}",
        "programs: {x: {cmd: a, healthcheck: {interval: 1}}}",
        "programs: {x: {cmd: a, healthcheck: {cmd: a, command: b}}}",
        "programs: {x: {cmd: a, readiness: {}}}",
        "programs: {x: {cmd: a, readiness: {fd: 3, uptime: 5}}}",
        "programs: {x: {cmd: a, healthcheck: {uptime: 5}}}",
        "programs: {x: {cmd: a, healthcheck: {exec: a, tcp: 'localhost:1'}}}",
        "defaults: {healthcheck: {log: a, notify: true}}",
    ] {
        docs.push(Doc::yaml(text, text));
    }
    for (doc, told) in docs.iter().zip(validate(python, &docs, false)) {
        assert!(doc.is_taken().is_err(), "the parser takes {}", doc.text);
        let told = told["ours"].clone().expect_err(&format!("the schema takes {}: {}", doc.name, doc.text));
        assert!(!told.starts_with("unreadable"), "{}: {told}", doc.text);
    }
    assert!(docs.len() > 500);
}

/// Values that many keys take and others do not, as YAML spells them, between semicolons. One is nothing at all.
const VALUES: &str = r#"[a] ; [0, 255] ; {A: b, C: 5} ; {cmd: x} ; {x: {cmd: y}} ; ''
 ; ~ ; null ; true ; True ; FALSE ; yes ; No ; on ; OFF ; 'yes' ; 0 ; 1 ; 2 ; 3 ; 5 ; 15 ; 31 ; 32 ; 64 ; 65 ;
100 ; 255 ; 256 ; 777 ; 778 ; 1000 ; 1001 ; 9999 ; 10000 ; 10001 ; 1000000 ; 1000001 ; -0 ; -1 ; -5 ;
-1000000 ; -1000001 ; +1 ; 007 ; 022 ; 0022 ; 01000 ; 0o22 ; 0o777 ; 0x1f ; 0b11 ; 1.0 ; 1.5 ; 0.5 ; .5 ; 5. ;
1e3 ; 1.10 ; .inf ; -.inf ; .nan ; 3162240000 ; 3162240001 ; 99999999999999999999999 ; '1' ; '022' ; '0o22' ;
'-1' ; '1.5' ; ' 5 ' ; '0, 2' ; '5,' ; 10s ; 1m30s ; '1m 30s' ; 1.5h ; 250ms ; 64KB ; 10mb ; 1 GiB ; 5B ;
always ; Never ; UNEXPECTED ; on-failure ; on-failure:5 ; 'unexpected[:0005]' ; unlimited ; Unlimited ; TERM ;
sigterm ; SIGRTMIN+3 ; rtmax-30 ; poll ; auto ; none ; INHERIT ; stdout ; syslog ; '-' ; /dev/stdout ; a b ;
a:b ; a/b ; "a\nb" ; [] ; {} ; [1, '2', a, true, 1.5]"#;

fn values() -> Vec<&'static str> {
    VALUES.split([';', '\n']).map(str::trim).collect()
}

#[test]
fn every_key_agrees_about_every_value() {
    let python = python!();
    let mut docs = Vec::new();
    for (name, around, keys) in places() {
        for key in &keys {
            for value in values() {
                docs.push(Doc::yaml(format!("{name}{key}: {value}"), with(around, key, value)));
            }
        }
    }
    let (taken, refused, missed) = agree(python, &docs, false);
    println!("{taken} taken, {refused} refused by both, {} only by the parser", missed.len());
    let keys: BTreeSet<&str> = missed.iter().filter_map(|line| line.split(": ").next()).collect();
    println!("keys of these: {keys:?}");
    assert!(taken > 1500 && refused > 4000 && missed.len() < refused / 8, "{taken}, {refused}, {}", missed.len());
}

#[test]
fn whatever_the_parser_takes_the_schema_takes() {
    const ROUNDS: usize = 5000;
    let python = python!();
    let docs = good_documents();
    let trees: Vec<Tree> = docs
        .iter()
        .filter(|doc| doc.kind == "yaml")
        .filter_map(|doc| Some(Tree::of(&yaml::parse(&doc.text).ok()?)))
        .collect();
    // A whole document is worth more than a line of one.
    let large: Vec<Tree> = trees.iter().filter(|tree| tree.count() > 12).cloned().collect();
    assert!(large.len() > 5, "{}", large.len());
    let keys: BTreeSet<String> =
        places().into_iter().flat_map(|(_, _, keys)| keys).chain(["nope".to_owned()]).collect();
    let mut mutator = Mutator::new(0x5eed, keys.into_iter().collect(), values());
    let mut changed = Vec::new();
    while changed.len() < ROUNDS {
        let from = if mutator.below(2) == 0 { &large } else { &trees };
        let mut tree = from[mutator.below(from.len())].clone();
        for _ in 0..=mutator.below(3) {
            mutator.change(&mut tree);
        }
        changed.push(Doc::yaml("a changed document", tree.text() + "\n"));
    }
    let (taken, refused, missed) = agree(python, &changed, false);
    println!("{taken} taken, {refused} refused by both, {} only by the parser", missed.len());
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused: the sweep is dull");
}

#[test]
fn the_client_prints_it() {
    let out = run_to_end(Command::new(TASKMASTERCTL).arg("schema"));
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(stdout(&out), schema::schema());
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["schema", "x"]));
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
}

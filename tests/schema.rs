//! The JSON Schema of the configuration, held against a validator of another language and against our own parser: what
//! the parser takes the schema takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, Number, Value};
use support::*;
use taskmaster::base::tree::{self, Node, Scalar};
use taskmaster::base::yaml;
use taskmaster::config::{Source, World, parse};

/// Prints `ok` or what is wrong for each document that comes as a line of JSON.
const VALIDATOR: &str = "
import json, sys
from jsonschema import Draft7Validator
schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)
for line in sys.stdin:
    error = next(validator.iter_errors(json.loads(line)), None)
    print('ok' if error is None else ('/'.join(map(str, error.absolute_path)) + ': ' + error.message)[:300].replace('\\n', ' '))
";

/// What the validator says about each document; `None` if it takes it.
fn validate(documents: &[Value]) -> Vec<Option<String>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("schema.json");
    let schema = run_to_end(Command::new(TASKMASTERCTL).arg("schema"));
    assert!(schema.status.success(), "{}", said(&schema));
    fs::write(&file, &schema.stdout).unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", VALIDATOR]).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = documents.iter().map(|d| format!("{d}\n")).collect();
    let writer = std::thread::spawn(move || lines.iter().for_each(|line| input.write_all(line.as_bytes()).unwrap()));
    let out = finish(child, "the validator");
    writer.join().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let answers: Vec<Option<String>> =
        stdout(&out).lines().map(|line| (line != "ok").then(|| line.to_owned())).collect();
    assert_eq!(answers.len(), documents.len());
    answers
}

fn has_validator() -> bool {
    let out = Command::new("python3").args(["-c", "import jsonschema"]).output();
    out.is_ok_and(|out| out.status.success())
}

/// A document as an editor sees it: numbers by their values. `None` if it is no YAML.
fn as_json(text: &str) -> Option<Value> {
    fn value(node: &Node<'_>) -> Value {
        match &node.value {
            tree::Value::Null => Value::Null,
            tree::Value::Scalar(Scalar::Bool, text) => Value::Bool(text.eq_ignore_ascii_case("true")),
            tree::Value::Scalar(Scalar::Int, text) => match (text.parse::<i64>(), text.strip_prefix("0o")) {
                (Ok(n), _) => Value::Number(n.into()),
                (Err(_), Some(octal)) => Value::Number(i64::from_str_radix(octal, 8).unwrap_or(0).into()),
                (Err(_), None) => Value::String(text.to_string()),
            },
            tree::Value::Scalar(Scalar::Float, text) => {
                let number = text.parse::<f64>().ok().and_then(Number::from_f64);
                number.map_or_else(|| Value::String(text.to_string()), Value::Number)
            }
            tree::Value::Scalar(Scalar::Text, text) => Value::String(text.to_string()),
            tree::Value::Seq(items) => Value::Array(items.iter().map(value).collect()),
            tree::Value::Map(entries) => {
                let members = entries.iter().map(|e| (e.key.to_string(), value(&e.value)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
    yaml::parse(text).ok().map(|root| value(&root))
}

/// Whether our parser takes a text. Files that it names are not there for it, but may be for others.
fn is_taken(text: &str) -> bool {
    let file = |_: &str| Ok(String::new());
    let dir = |_: &str| Ok(Vec::new());
    let env = |name: &str| ["HOME", "PATH"].contains(&name).then(|| "/x".to_owned());
    let world = World { file: &file, dir: &dir, ..World::with_env(&env) };
    parse(&[Source::new("c.yaml", text)], &world).is_ok()
}

fn tree_file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Every example in YAML or JSON that comes with the project.
fn examples() -> Vec<String> {
    let mut texts = vec![tree_file("etc/taskmasterd.yaml")];
    let page = tree_file("man/taskmaster.yaml.5").replace("\\e", "\\").replace("\\&", "");
    for block in page.split(".Bd -literal").skip(1) {
        let block = block.split_once('\n').unwrap().1.split("\n.Ed").next().unwrap();
        let whole = ["programs:", "taskmasterd:", "defaults:", "services:"].iter().any(|r| block.contains(r));
        let indented: String = block.lines().map(|line| format!("    {line}\n")).collect();
        texts.extend([
            if whole { block.to_owned() } else { format!("programs:\n  x:\n    cmd: y\n{indented}") },
            format!("taskmasterd:\n{indented}"),
            block.to_owned(),
        ]);
    }
    let mut stack = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects")];
    while let Some(dir) = stack.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some("yaml" | "yml" | "json") => texts.push(fs::read_to_string(&path).unwrap()),
                _ if path.is_dir() => stack.push(path),
                _ => {}
            }
        }
    }
    // Of a block of the page only one reading is meant.
    texts.retain(|text| is_taken(text));
    assert!(texts.len() > 45, "only {} examples are taken", texts.len());
    texts
}

/// Holds both against each other; gives how many texts the parser takes, refuses, and refuses together with the schema.
#[track_caller]
fn agree(texts: &[String]) -> (usize, usize, usize) {
    let read: Vec<(&String, Value)> = texts.iter().filter_map(|text| Some((text, as_json(text)?))).collect();
    let documents: Vec<Value> = read.iter().map(|(_, document)| document.clone()).collect();
    let (mut taken, mut refused, mut both) = (0, 0, 0);
    for ((text, _), answer) in read.iter().zip(validate(&documents)) {
        match (is_taken(text), answer) {
            (true, Some(complaint)) => panic!("the parser takes this, the schema does not: {complaint}\n{text}"),
            (true, None) => taken += 1,
            (false, answer) => {
                refused += 1;
                both += usize::from(answer.is_some());
            }
        }
    }
    (taken, refused, both)
}

#[test]
fn every_example_is_valid() {
    needs!("python3");
    if !has_validator() {
        return skip(&test_name!(), "python3-jsonschema is not installed");
    }
    let texts = examples();
    let (taken, refused, _) = agree(&texts);
    assert_eq!((taken, refused), (texts.len(), 0));
}

#[test]
fn what_is_wrong_is_refused_by_both() {
    needs!("python3");
    if !has_validator() {
        return skip(&test_name!(), "python3-jsonschema is not installed");
    }
    let program = [
        "nmprocs: 2",
        "cmd: {a: b}",
        "cmd: []",
        "args: {a: b}",
        "shell: maybe",
        "numprocs: 0",
        "numprocs: 10001",
        "numprocs: many",
        "numprocs_start: -1",
        "autostart: [1]",
        "autorestart: sometimes",
        "exitcodes: 256",
        "exitcodes: {}",
        "startretries: -1",
        "startretries: lots",
        "starttime: -1",
        "starttime: soon",
        "stoptime: []",
        "stopsignal: [TERM]",
        "stopgroup: 2",
        "backoff: 5",
        "backoff: {initail: 1}",
        "backoff: {factor: 0.5}",
        "oneshot: what",
        "workingdir: ''",
        "workingdir: [x]",
        "umask: 999999",
        "umask: rwx",
        "user: ''",
        "user: a b",
        "group: {}",
        "group_name: []",
        "env: [A]",
        "env: {A: [1]}",
        "env_file: {}",
        "env_from_dir: {a: b}",
        "env_pass: A",
        "stdout: []",
        "stdout: ''",
        "stderr: {}",
        "redirect_stderr: both",
        "stdout_logfile_maxbytes: many",
        "stderr_logfile_backups: -1",
        "priority: high",
        "priority: 1.5",
        "healthcheck: {cmd: x, retries: 0}",
        "healthcheck: [x]",
        "healthcheck: {cmd: x, intervall: 1}",
    ];
    let daemon = [
        "logfil: x",
        "logfile: []",
        "loglevel: loud",
        "logformat: xml",
        "logfile_maxbytes: x",
        "logfile_backups: 10001",
        "childlogdir: {}",
        "nocleanup: maybe",
        "pidfile: ''",
        "umask: abc",
        "socket: /x",
        "socket: {mode: rw}",
        "socket: {pth: x}",
        "socket: {owner: a b}",
    ];
    let mut texts: Vec<String> = program.iter().map(|line| format!("programs: {{x: {{cmd: y, {line}}}}}")).collect();
    texts.retain(|text| !text.contains("cmd: y, cmd:"));
    texts.extend(["{a: b}", "[]"].map(|cmd| format!("programs: {{x: {{cmd: {cmd}}}}}")));
    texts.extend(daemon.iter().map(|line| format!("taskmasterd: {{{line}}}")));
    texts.extend(
        [
            "programms: {}",
            "[]",
            "programs: [x]",
            "programs: {a/b: {cmd: x}}",
            "programs: {all: {cmd: x}}",
            "include: {a: b}",
        ]
        .map(str::to_owned),
    );
    let documents: Vec<Value> = texts.iter().map(|text| as_json(text).unwrap()).collect();
    for (text, answer) in texts.iter().zip(validate(&documents)) {
        assert!(!is_taken(text), "the parser takes {text}");
        assert!(answer.is_some(), "the schema takes {text}");
    }
}

/// Values that may come into anybody's mind.
const VALUES: [&str; 40] = [
    "",
    "~",
    "true",
    "no",
    "On",
    "0",
    "1",
    "-1",
    "5",
    "22",
    "022",
    "\"022\"",
    "0o22",
    "1.5",
    "1e3",
    "10001",
    "auto",
    "none",
    "inherit",
    "stdout",
    "always",
    "\"false\"",
    "on-failure:5",
    "\"on-failure[:5]\"",
    "Unexpected",
    "TERM",
    "sigusr1",
    "RTMIN+2",
    "1m30s",
    "\"1h 5m\"",
    "250ms",
    "10MB",
    "1.5 GiB",
    "[]",
    "[0, 2]",
    "\"0, 2\"",
    "[a, 'b c']",
    "{}",
    "/x/y",
    "unlimited",
];

#[test]
fn the_schema_takes_whatever_the_parser_takes() {
    needs!("python3");
    if !has_validator() {
        return skip(&test_name!(), "python3-jsonschema is not installed");
    }
    // Every key with every value.
    let schema: Value = serde_json::from_slice(&run_to_end(Command::new(TASKMASTERCTL).arg("schema")).stdout).unwrap();
    let keys = |definition: &str| -> Vec<String> {
        schema["definitions"][definition]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut texts = Vec::new();
    for value in VALUES {
        for key in keys("program") {
            let cmd = if ["cmd", "command"].contains(&key.as_str()) { "" } else { "cmd: y, " };
            texts.push(format!("programs: {{x: {{{cmd}{key}: {value}}}}}"));
        }
        for (definition, before) in [("backoff", "backoff: {"), ("healthcheck", "healthcheck: {args: [], ")] {
            for key in keys(definition).iter().filter(|key| *key != "args") {
                let cmd =
                    if definition == "backoff" || ["cmd", "command"].contains(&key.as_str()) { "" } else { "cmd: y, " };
                texts.push(format!("programs: {{x: {{cmd: y, {before}{cmd}{key}: {value}}}}}}}"));
            }
        }
        texts.extend(keys("daemon").iter().map(|key| format!("taskmasterd: {{{key}: {value}}}")));
        texts.extend(keys("socket").iter().map(|key| format!("taskmasterd: {{socket: {{{key}: {value}}}}}")));
        texts.extend(["include", "programs", "defaults"].map(|root| format!("{root}: {value}")));
    }
    let (taken, refused, both) = agree(&texts);
    assert!(taken > 500, "{taken} taken, {refused} refused");
    // The schema cannot say everything, but it says most of it.
    assert!(both * 10 > refused * 8, "of {refused} texts that the parser refuses the schema refuses {both}");
}

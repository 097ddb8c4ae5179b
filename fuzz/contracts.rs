//! What must hold of everything that reads text from outside, whatever the text is. Each contract takes a text, panics
//! if it is broken, and says whether the text was accepted. What clients send is read from bytes; its contracts are in
//! `contracts/wire.rs`.
//!
//! The fuzz targets and the sweep of `make test` (tests/sweep.rs) both hold the code to these.

use std::collections::BTreeMap;

use taskmaster::base::id::ProgramName;
use taskmaster::base::zone::Zone;
use taskmaster::config::diag::{Diagnostic, Level};
use taskmaster::config::diff::{Plan, diff};
use taskmaster::config::expand::{Blueprint, Outside, Place, blueprint};
use taskmaster::config::model::{Account, Program, Sink, Variable};
use taskmaster::config::{Objection, Source, Unread, World, envfile, includes, parse, words};
use taskmaster::import::{self, Included, Kind};

#[cfg(feature = "web")]
#[path = "contracts/http.rs"]
mod http;
#[path = "contracts/wire.rs"]
mod wire;

/// A contract: whether what it was given was accepted.
#[derive(Clone, Copy)]
pub enum Contract {
    /// Of what is only read as UTF-8.
    Text(fn(&str) -> bool),
    /// Of what is read as it comes.
    Bytes(fn(&[u8]) -> bool),
}

/// The contracts by the names of their fuzz targets.
pub const CONTRACTS: &[(&str, Contract)] = &[
    ("config_yaml", Contract::Text(|text| config("c.yaml", text))),
    ("config_json", Contract::Text(|text| config("c.json", text))),
    ("config_toml", Contract::Text(|text| config("c.toml", text))),
    ("command_line", Contract::Text(command_line)),
    ("expansion", Contract::Text(expansion)),
    ("env_file", Contract::Text(env_file)),
    ("import_supervisord", Contract::Text(|text| imported(Kind::Supervisord, "supervisord.conf", text))),
    ("import_procfile", Contract::Text(|text| imported(Kind::Procfile, "Procfile", text))),
    ("frames", Contract::Bytes(wire::frames)),
    ("requests", Contract::Bytes(wire::requests)),
    #[cfg(feature = "web")]
    ("http", Contract::Bytes(http::requests)),
    #[cfg(feature = "web")]
    ("websocket", Contract::Bytes(http::socket)),
];

impl Contract {
    /// Holds the bytes to it; bytes that are no UTF-8 do not come as far as to who reads text.
    pub fn hold(self, bytes: &[u8]) -> bool {
        match self {
            Contract::Text(contract) => std::str::from_utf8(bytes).is_ok_and(contract),
            Contract::Bytes(contract) => contract(bytes),
        }
    }
}

/// Holds the bytes to the contract of this name.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let (_, contract) = CONTRACTS.iter().find(|(known, _)| *known == name).expect("the name of a contract");
    contract.hold(bytes)
}

fn env(name: &str) -> Option<String> {
    let value = match name {
        "HOME" => "/home/me",
        "PATH" => "/usr/bin:/bin",
        "EMPTY" => "",
        "LONG" => return Some("long ".repeat(5000)),
        "ODD" => "${HOME} $$ %(here)s\n",
        _ => return None,
    };
    Some(value.to_owned())
}

fn person(name: &str) -> Result<(), Objection> {
    match name {
        "www-data" | "nobody" | "root" | "app" | "0" => Ok(()),
        "warned" => Err(Objection::warning("is odd".to_owned())),
        _ => Err(Objection::error(format!("no user {name:?}"))),
    }
}

fn holder(holder: &Account) -> Result<(), Objection> {
    match holder {
        Account::User(name) | Account::Group(name) => person(name),
    }
}

fn file(path: &str) -> Result<String, Unread> {
    match path.rsplit('/').next() {
        Some("app.env") => Ok("A=1\nexport B='two words'\nPATH=/opt/bin\n".to_owned()),
        Some("bad.env") => Ok("no sign of equality".to_owned()),
        Some("locked.env") => Err(Unread::Because("cannot be read: permission denied".to_owned())),
        _ => Err(Unread::Absent),
    }
}

fn dir(path: &str) -> Result<Vec<(String, String)>, Unread> {
    match path.rsplit('/').next() {
        Some("secrets") => Ok(vec![("TOKEN".to_owned(), "a$b\n".to_owned()), ("bad name".to_owned(), String::new())]),
        Some("good") => Ok(vec![("TOKEN".to_owned(), "secret\n".to_owned())]),
        _ => Err(Unread::Absent),
    }
}

fn zone(name: Option<&str>) -> Result<Zone, Unread> {
    match name {
        None => Ok(Zone::utc()),
        Some("Europe/Berlin") => Zone::from_rules("CET-1CEST,M3.5.0,M10.5.0/3").ok_or(Unread::Absent),
        Some("Bad/Zone") => Err(Unread::Because("is no zoneinfo file".to_owned())),
        Some(_) => Err(Unread::Absent),
    }
}

const WORLD: World<'static> = World {
    env: &env,
    host: "example",
    user: &person,
    group: &person,
    holder: &holder,
    confines: &|_| Vec::new(),
    file: &file,
    dir: &dir,
    zone: &zone,
};

const OUTSIDE: Outside<'static> = Outside { env: &env, host: "example", childlogdir: "/var/log" };

/// The configuration in this file is a model that can be used, or there is an error, told in a way that can be shown.
pub fn config(name: &str, text: &str) -> bool {
    let source = Source::new(name, text);
    for include in includes(&source, &env) {
        told(&include.error("is not there".to_owned()), text);
    }
    match parse(std::slice::from_ref(&source), &WORLD) {
        Ok(parsed) => {
            assert!(parsed.warnings.iter().all(|d| d.level == Level::Warning), "{:?}", parsed.warnings);
            all_told(&parsed.warnings, text);
            for (name, program) in &parsed.config.programs {
                usable(name, program);
            }
            assert_eq!(diff(&parsed.config, &parsed.config), Plan::default());
            true
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|d| d.level == Level::Error), "{diagnostics:?}");
            all_told(&diagnostics, text);
            false
        }
    }
}

fn usable(name: &ProgramName, program: &Program) {
    assert!(program.numprocs > 0 && !program.argv.is_empty(), "{name}");
    let numbers = program.numbers();
    assert_eq!(numbers.len(), program.numprocs as usize, "{name}");
    for num in [numbers.start, numbers.end - 1] {
        let made = blueprint(program, name, num, &OUTSIDE).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert!(made.argv.first().is_some_and(|word| !word.is_empty()), "{name}");
        let texts = made.argv.iter().chain(made.env.iter().flat_map(|(k, v)| [k, v])).chain(&made.workingdir);
        assert!(texts.clone().all(|text| !text.contains('\0')), "{name}: a NUL byte cannot be passed on: {made:?}");
        assert!(made.env.iter().all(|(name, _)| !name.is_empty() && !name.contains('=')), "{:?}", made.env);
    }
}

fn all_told(diagnostics: &[Diagnostic], text: &str) {
    assert!(diagnostics.is_sorted_by_key(|d| (&d.file, d.line, d.column)), "{diagnostics:?}");
    for diagnostic in diagnostics {
        told(diagnostic, text);
    }
}

/// A diagnostic says something, about a place that is there, and can be shown on a terminal.
fn told(diagnostic: &Diagnostic, text: &str) {
    assert!(!diagnostic.text.is_empty(), "{diagnostic:?}");
    assert_eq!(diagnostic.line.is_some(), diagnostic.column.is_some(), "{diagnostic:?}");
    if let (Some(line), Some(column)) = (diagnostic.line, diagnostic.column) {
        let found = line.checked_sub(1).and_then(|line| text.split('\n').nth(line));
        let found = found.unwrap_or_else(|| panic!("there is no such line: {diagnostic:?}"));
        assert!((1..=found.chars().count() + 1).contains(&column), "there is no such column: {diagnostic:?}");
    }
    let shown = diagnostic.in_full();
    assert!(shown.lines().all(|line| !line.contains(char::is_control)), "{shown:?}");
    assert!(matches!(shown.matches('\n').count(), 0 | 2), "{shown:?}");
    if let Some(excerpt) = &diagnostic.excerpt {
        assert!(excerpt.width > 0 && excerpt.start <= excerpt.text.chars().count(), "{excerpt:?}");
    }
}

/// The words of a command line, quoted one by one, are the same words again.
pub fn command_line(text: &str) -> bool {
    let Ok(found) = words::split(text) else { return false };
    assert!(found.words.iter().map(String::len).sum::<usize>() <= 2 * text.len(), "{found:?}");
    if let Some(operator) = &found.operator {
        assert!(found.words.contains(operator), "{found:?}");
    }
    let quoted: Vec<String> = found.words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    let again = words::split(&quoted.join(" ")).unwrap_or_else(|e| panic!("{quoted:?} {e}"));
    assert_eq!(again.words, found.words);
    assert_eq!(again.operator, None, "{quoted:?}");
    true
}

/// The most that one process may be given, in bytes.
const ALL_BYTES: usize = 6 << 20;
/// The longest text that one process may be given, in bytes.
const TEXT_BYTES: usize = 128 << 10;

/// A program of this text: its lines are variables `V0`, `V1` and so on, and the whole text stands wherever something is
/// filled in.
fn program_of(text: &str) -> Program {
    let mut program = Program::new(vec!["command".to_owned(), text.to_owned(), "${V0}".to_owned()]);
    program.numprocs = 3;
    program.numprocs_start = 7;
    program.workingdir = Some(text.to_owned());
    program.stdout.sink = Sink::File(format!("/log/{text}"));
    program.stderr.sink = Sink::File(text.to_owned());
    for (num, line) in text.split('\n').take(40).enumerate() {
        program.env.insert(format!("V{num}"), Variable::Template(line.to_owned()));
    }
    program.env.insert("FILE".to_owned(), Variable::FromFile(text.to_owned()));
    program
}

fn filled_in(program: &Program) -> Option<Blueprint> {
    let name = ProgramName::new("web").expect("a name");
    match blueprint(program, &name, 8, &OUTSIDE) {
        Ok(made) => Some(made),
        Err(errors) => {
            assert!(
                !errors.is_empty() && errors.iter().all(|e| !e.text.is_empty() && e.to_string().len() < 1000),
                "{errors:?}"
            );
            None
        }
    }
}

/// What is filled in is bounded, leaves alone what is not for it, and gives back what was escaped.
pub fn expansion(text: &str) -> bool {
    let made = filled_in(&program_of(text));
    if let Some(made) = &made {
        let places = [&made.stdout, &made.stderr].map(|place| match place {
            Place::File(path) => path.as_str(),
            Place::Discard | Place::Inherit | Place::Merged => "",
        });
        let texts = made.argv.iter().chain(made.env.iter().map(|(_, value)| value)).chain(&made.workingdir);
        let lengths: Vec<usize> = texts.map(|t| t.as_str()).chain(places).map(str::len).collect();
        assert!(
            lengths.iter().all(|len| *len <= TEXT_BYTES) && lengths.iter().sum::<usize>() <= ALL_BYTES,
            "{lengths:?}"
        );
        let env: BTreeMap<&str, &str> = made.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env["FILE"], text, "what a file says is not filled in");
        if !text.contains('$') && !text.contains("%(") {
            assert_eq!((made.argv[1].as_str(), made.workingdir.as_deref()), (text, Some(text)));
        }
    }
    if text.len() <= TEXT_BYTES {
        let dollars = text.replace('$', "$$");
        let escaped = if text.contains("%(") { dollars.replace('%', "%%") } else { dollars };
        let made = filled_in(&Program::new(vec!["command".to_owned(), escaped]));
        assert_eq!(made.expect("nothing to fill in").argv[1], text);
    }
    made.is_some()
}

/// The variables of a file, written down with their values in double quotes, are the same again.
pub fn env_file(text: &str) -> bool {
    match envfile::parse(text) {
        Ok(pairs) => {
            let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(bytes <= text.len(), "{pairs:?}");
            let odd = |c: char| c.is_whitespace() || c == '=' || c == '\0';
            assert!(pairs.iter().all(|(n, v)| !n.is_empty() && !n.contains(odd) && !v.contains('\0')), "{pairs:?}");
            let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
            let lines = pairs.iter().map(|(name, value)| format!("export {name}=\"{}\"\n", escaped(value)));
            let again = lines.collect::<String>();
            assert_eq!(envfile::parse(&again).as_ref(), Ok(&pairs), "{again:?}");
            true
        }
        Err(mistake) => {
            let lines = text.split('\n').count();
            assert!((1..=lines).contains(&mistake.line) && !mistake.text.is_empty(), "{mistake:?}");
            assert!(mistake.text.len() < text.len() + 1000, "{mistake:?}");
            false
        }
    }
}

fn files_of_import(pattern: &str) -> Vec<Included> {
    let one = |path: &str, text: Result<&str, &str>| Included {
        path: path.to_owned(),
        text: text.map(str::to_owned).map_err(str::to_owned),
    };
    match pattern.rsplit('/').next() {
        Some("*.conf") => vec![
            one("/etc/a.conf", Ok("[program:a]\ncommand=a %(here)s\n[include]\nfiles=*.conf\n")),
            one("/etc/b.conf", Err("cannot be read: permission denied")),
        ],
        Some(".env") => vec![one("/etc/.env", Ok("PORT=80\nA='b c'\n"))],
        _ => Vec::new(),
    }
}

/// What is imported is a configuration that we read.
fn imported(kind: Kind, name: &str, text: &str) -> bool {
    let outside = import::Outside { env: &env, host: "example", files: &files_of_import };
    match import::import(&import::File { name, dir: "/etc", text }, Some(kind), &outside) {
        Ok(yaml) => {
            // Not everything that others take is taken here; but then it is told as of any other file.
            let anybody = World { user: &|_| Ok(()), group: &|_| Ok(()), holder: &|_| Ok(()), ..WORLD };
            if let Err(errors) = parse(&[Source::new("c.yaml", &yaml)], &anybody) {
                assert!(!errors.iter().any(|d| d.text.contains("is not valid YAML")), "{errors:?}\n{yaml}");
                assert!(!errors.iter().any(|d| d.text.contains("is not a known key")), "{errors:?}\n{yaml}");
                all_told(&errors, &yaml);
            }
            true
        }
        Err(problem) => {
            assert!(!problem.text.is_empty(), "{problem:?}");
            if problem.file == name
                && let Some(line) = problem.line
            {
                assert!((1..=text.split('\n').count()).contains(&line), "{problem:?}");
            }
            false
        }
    }
}

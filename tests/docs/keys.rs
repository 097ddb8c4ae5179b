//! The keys of the configuration: names, examples, defaults and what a reload does with each, on their page and in the
//! example.

use std::fs;
use std::process::Command;

use taskmaster::base::zone::Zone;
use taskmaster::config::model::{Config, DaemonConfig, Program};
use taskmaster::config::{Source, World, parse};

use super::page::{Item, Page, items, literal_blocks};
use super::support::*;
use super::{Names, read, same, tree};

/// The names in the tables of keys in the sources, as `("name", Kind::Key)`, with those of one key together and the
/// first of them its own name.
fn keys_in_sources(kind: &str) -> Vec<Vec<String>> {
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    let files = ["src/config", "src/config/daemon", "src/config/program"].map(|dir| fs::read_dir(tree(dir)).unwrap());
    for entry in files.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        for pair in fs::read_to_string(&path).unwrap().split("(\"").skip(1) {
            let Some((name, key)) = pair.split_once("\", ") else { continue };
            let key = key.strip_prefix(kind).and_then(|k| k.strip_prefix("::")).and_then(|k| k.split_once(')'));
            let Some((key, _)) = key else { continue };
            match keys.iter_mut().find(|(known, _)| known == key) {
                Some((_, names)) => names.push(name.to_owned()),
                None => keys.push((key.to_owned(), vec![name.to_owned()])),
            }
        }
    }
    assert!(!keys.is_empty(), "no table of {kind} in src/config: where are the keys?");
    keys.into_iter().map(|(_, names)| names).collect()
}

/// The tables of keys in the sources and where their page describes them.
const TABLES: [(&str, &str); 11] = [
    ("Root", "ROOTS"),
    ("Key", "PROGRAM KEYS"),
    ("DaemonKey", "DAEMON KEYS"),
    ("BackoffKey", "Back-off"),
    ("SocketKey", "Socket"),
    ("HttpKey", "HTTP"),
    ("CheckKey", "Checks"),
    ("CapabilityKey", "Capabilities"),
    ("HookKey", "Hooks"),
    ("EventKey", "Events"),
    ("ListenKey", "Sockets"),
];

/// The items of one of these sections, without those of the subsections that have a table of their own.
fn described(page: &Page, section: &str) -> Vec<Item> {
    let mut lines: Vec<String> = page.section(section).to_vec();
    for (_, sub) in TABLES.iter().filter(|(_, sub)| *sub != section) {
        if let Some(at) = lines.iter().position(|l| *l == format!(".Ss {sub}")) {
            let end = lines[at + 1..].iter().position(|l| l.starts_with(".Ss ")).map_or(lines.len(), |n| at + 1 + n);
            lines.drain(at..end);
        }
    }
    items(&lines)
}

#[test]
fn keys_are_on_their_page_with_their_aliases() {
    let page = Page::open("taskmaster.yaml.5");
    for (kind, section) in TABLES {
        let joined = |names: &Vec<String>| names.join(" , ");
        let known: Names = keys_in_sources(kind).iter().map(joined).collect();
        let told: Names = described(&page, section).iter().map(|i| joined(&i.names)).collect();
        same(section, ("the sources", &known), ("taskmaster.yaml(5)", &told));
    }
}

#[test]
fn names_of_limits_are_on_their_page() {
    let page = Page::open("taskmaster.yaml.5");
    let told = page.section("What it may use").join(" ");
    for (name, _) in taskmaster::base::resource::Resource::NAMES {
        assert!(told.split([' ', ',']).any(|word| word == name), "the limit {name} is not described");
    }
}

/// What `taskmasterd -t` says about a text.
fn check(text: &str) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    fs::write(&file, text).unwrap();
    let out = run_to_end(Command::new(TASKMASTERD).arg("-t").arg("-c").arg(&file).env("HTTP_PROXY", "x"));
    if out.status.success() { Ok(said(&out)) } else { Err(said(&out)) }
}

#[track_caller]
fn good(text: &str) {
    if let Err(complaint) = check(text) {
        panic!("taskmasterd -t refuses:\n{text}\n{complaint}");
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines().fold(String::new(), |out, line| out + &" ".repeat(by) + line + "\n")
}

/// A configuration with these lines in a program, which gets a command if they bring none.
fn program_with(lines: &str) -> String {
    let has_command = lines.lines().any(|l| l.starts_with("cmd:") || l.starts_with("command:"));
    let command = if has_command { "" } else { "    cmd: sleep 1\n" };
    // Those that examples name.
    let others = "  cache: {cmd: sleep 1}\n  db: {cmd: sleep 1}\n";
    format!("programs:\n  x:\n{command}{}{others}", indented(lines, 4))
}

fn daemon_with(lines: &str) -> String {
    format!("taskmasterd:\n{}", indented(lines, 2))
}

#[test]
fn every_key_has_an_example_that_is_accepted_by_all_its_names() {
    let page = Page::open("taskmaster.yaml.5");
    for (section, whole) in
        [("PROGRAM KEYS", program_with as fn(&str) -> String), ("DAEMON KEYS", daemon_with as fn(&str) -> String)]
    {
        for item in described(&page, section) {
            let (own, example) = match item.names[0].as_str() {
                "backoff" => ("backoff", literal_blocks(page.section("Back-off")).pop()),
                "healthcheck" => ("healthcheck", literal_blocks(page.section("Checks")).pop()),
                "capabilities" => ("capabilities", literal_blocks(page.section("Capabilities")).pop()),
                "socket" => ("socket", literal_blocks(page.section("Socket")).pop()),
                "http" => ("http", literal_blocks(page.section("HTTP")).pop()),
                name => (name, literal_blocks(&item.body).into_iter().next()),
            };
            let example = example.unwrap_or_else(|| panic!("{own} has no example in taskmaster.yaml(5)"));
            // Several lines that begin with the key are several examples.
            let single = example.lines().filter(|l| l.starts_with(&format!("{own}:"))).count() > 1;
            let examples = if single { example.lines().map(|l| format!("{l}\n")).collect() } else { vec![example] };
            for example in examples {
                let starts = example.lines().any(|l| l.starts_with(&format!("{own}:")));
                assert!(starts, "the example of {own} does not show it:\n{example}");
                for name in &item.names {
                    let renamed = example.replace(&format!("{own}:"), &format!("{name}:"));
                    good(&whole(&renamed));
                }
            }
        }
    }
}

#[test]
fn whole_examples_of_the_page_are_accepted() {
    let page = Page::open("taskmaster.yaml.5");
    let blocks = [page.section("DESCRIPTION"), page.section("EXAMPLES")].concat();
    let blocks = literal_blocks(&blocks);
    assert!(blocks.len() >= 3, "{blocks:?}");
    blocks.iter().for_each(|block| good(block));
}

fn parsed(text: &str) -> Config {
    let source = Source::new("text", text);
    let env = |name: &str| (name == "PATH").then(|| "/bin".to_owned());
    let zone = |name: Option<&str>| Ok(name.map_or_else(Zone::utc, |name| Zone::utc().named(name)));
    match parse(&[source], &World { zone: &zone, ..World::with_env(&env) }) {
        Ok(parsed) => parsed.config,
        Err(problems) => panic!("{text}\n{}", problems.iter().map(|d| format!("{d}\n")).collect::<String>()),
    }
}

fn only_program(text: &str) -> Program {
    let config = parsed(text);
    let looked_at = config.programs.iter().find(|(name, _)| matches!(name.as_str(), "x" | "name"));
    Program::clone(looked_at.unwrap().1)
}

/// What the page gives as a default in so many words: `default` and then `.Li 1s` or `.Pa /tmp`.
fn told_default(item: &Item) -> Option<String> {
    let at = item.body.iter().position(|l| l.ends_with("default"))?;
    let line = item.body.get(at + 1)?;
    let value = line.strip_prefix(".Li ").or_else(|| line.strip_prefix(".Pa "))?;
    let value = value.trim_end_matches([' ', ';', '.', ',']).replace("\\&", "");
    // The directory depends on how the daemon runs.
    (item.names[0] != "workingdir").then_some(value)
}

#[test]
fn defaults_are_what_the_page_says() {
    let page = Page::open("taskmaster.yaml.5");
    let plain = Program::new(vec!["sleep".to_owned(), "1".to_owned()]);
    let mut seen = 0;
    for item in described(&page, "PROGRAM KEYS") {
        let Some(value) = told_default(&item) else { continue };
        assert_eq!(only_program(&program_with(&format!("{}: {value}\n", item.names[0]))), plain, "{}", item.tag);
        seen += 1;
    }
    for item in described(&page, "Back-off") {
        let value = told_default(&item).unwrap_or_else(|| panic!("no default told: {}", item.tag));
        let text = program_with(&format!("backoff: {{{}: {value}}}\n", item.names[0]));
        assert_eq!(only_program(&text), plain, "{}", item.tag);
    }
    for (section, inner) in [("DAEMON KEYS", false), ("Socket", true)] {
        for item in described(&page, section) {
            let Some(value) = told_default(&item) else { continue };
            let line = format!("{}: {value}\n", item.names[0]);
            let line = if inner { format!("socket: {{{}}}\n", line.trim_end()) } else { line };
            assert_eq!(parsed(&daemon_with(&line)).daemon, DaemonConfig::default(), "{}", item.tag);
            seen += 1;
        }
    }
    for item in described(&page, "HTTP") {
        let Some(value) = told_default(&item) else { continue };
        let with = |line: &str| parsed(&daemon_with(&format!("http: {{listen: 1{line}}}\n"))).daemon;
        assert_eq!(with(&format!(", {}: {value}", item.names[0])), with(""), "{}", item.tag);
        seen += 1;
    }
    assert!(seen >= 26, "only {seen} defaults were found on the page: is it still written as it was?");
}

#[test]
fn what_a_reload_does_is_what_the_page_says() {
    use taskmaster::config::diff::{ProgramChangeKind, diff};
    let page = Page::open("taskmaster.yaml.5");
    let before = parsed(&program_with(""));
    for item in described(&page, "PROGRAM KEYS") {
        let own = item.names[0].as_str();
        let told: Vec<&str> =
            item.body.iter().filter_map(|l| l.strip_prefix(".Em ")).map(|l| l.trim_end_matches(" .")).collect();
        let example = match own {
            "backoff" => literal_blocks(page.section("Back-off")).pop(),
            "healthcheck" => literal_blocks(page.section("Checks")).pop(),
            "capabilities" => literal_blocks(page.section("Capabilities")).pop(),
            // What they add to `env` is told as its changes are; their examples name no file that is there.
            "env_file" | "env_from_dir" => continue,
            _ => literal_blocks(&item.body).into_iter().next(),
        };
        // Of several examples the last.
        let example = example.unwrap();
        let example = if own == "cmd" { example.lines().next_back().unwrap().to_owned() } else { example };
        let after = parsed(&program_with(&example));
        let plan = diff(&before, &after);
        let kind = plan.programs.first().map(|change| change.kind.clone());
        match kind {
            Some(ProgramChangeKind::Changed { restart, in_place, numbers }) => {
                assert_eq!(told.contains(&"restart"), !restart.is_empty(), "{own}: {restart:?}");
                assert_eq!(told.contains(&"in place"), !in_place.is_empty(), "{own}: {in_place:?}");
                assert_eq!(own.starts_with("numprocs"), numbers.is_some(), "{own}");
            }
            other => panic!("the example of {own} differs from no default: {other:?}"),
        }
    }
}

#[test]
fn shipped_configurations_pass_without_a_warning() {
    let mut seen = 0;
    for entry in fs::read_dir(tree("etc")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| !["yaml", "yml", "json", "toml"].contains(&e.to_str().unwrap_or_default())) {
            continue;
        }
        let out = run_to_end(Command::new(TASKMASTERD).arg("-t").arg("-c").arg(&path));
        assert!(out.status.success() && !said(&out).contains("warning"), "{}", said(&out));
        seen += 1;
    }
    assert!(seen > 0);
}

/// The commented program of the example that shows every key.
fn reference_program() -> String {
    let text = read("etc/taskmasterd.yaml");
    let lines: Vec<&str> = text.lines().skip_while(|l| *l != "  # name:").skip(1).collect();
    assert!(!lines.is_empty(), "etc/taskmasterd.yaml has no commented program \"name:\"");
    let lines = lines.iter().map_while(|l| l.strip_prefix("  #   "));
    lines.map(|l| format!("{l}\n")).collect()
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let text = reference_program();
    let shown: Names = text
        .lines()
        .filter(|l| !l.starts_with(' '))
        .filter_map(|l| l.split_once(':'))
        .map(|(k, _)| k.to_owned())
        .collect();
    let mut known: Names = keys_in_sources("Key").into_iter().map(|names| names[0].clone()).collect();
    // Says the same as `stderr: stdout`.
    known.remove("redirect_stderr");
    same("keys of a program", ("the sources", &known), ("etc/taskmasterd.yaml", &shown));
    let mut program = only_program(&format!("programs:\n  name:\n{}", indented(&text, 4)));
    let plain = Program::new(program.argv.clone());
    // These have no default that could be written down.
    (program.user, program.group, program.umask, program.workingdir) = (None, None, None, None);
    (program.group_name, program.confines) = (None, None);
    program.policy.timeout = None;
    assert_eq!(program, plain);
    let daemon = read("etc/taskmasterd.yaml");
    for names in
        keys_in_sources("DaemonKey").into_iter().chain(keys_in_sources("SocketKey")).chain(keys_in_sources("HttpKey"))
    {
        let told = daemon.lines().any(|l| l.trim_start_matches([' ', '#']).starts_with(&format!("{}:", names[0])));
        assert!(told, "the daemon's key {} is not in etc/taskmasterd.yaml", names[0]);
    }
}

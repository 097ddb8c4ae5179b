//! Holds what is written about taskmaster against what it does: flags, `--help`, man pages, the example configuration.
//!
//! Whatever a page names must be there, and whatever is there must be on its page. Examples in the pages are used as
//! they stand: configurations are checked, conversations are held with a running daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use support::*;
use taskmaster::base::zone::Zone;
use taskmaster::config::model::{Config, DaemonConfig, Program};
use taskmaster::config::{Source, World, parse};
use taskmaster::control::command::{self, COMMANDS, Param, Place, SHELL_WORDS};
use taskmaster::control::message::{PROTOCOL, RefusalCode, StateName};
use taskmaster::ctl::local::LOCAL;
use taskmaster::ctl::logs;

const PAGES: [&str; 4] = ["taskmasterd.8", "taskmasterctl.1", "taskmaster.yaml.5", "taskmaster-protocol.7"];

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(tree(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

type Names = BTreeSet<String>;

/// Both must have the same elements.
#[track_caller]
fn same(what: &str, left: (&str, &Names), right: (&str, &Names)) {
    for ((a, has), (b, lacks)) in [(left, right), (right, left)] {
        let missing: Vec<_> = has.difference(lacks).collect();
        assert!(missing.is_empty(), "{what}: in {a} but not in {b}: {missing:?}");
    }
}

/// A man page in mdoc.
struct Page {
    name: &'static str,
    lines: Vec<String>,
}

/// An item of a tagged list whose tag is in `Ic`: a key or a command.
struct Item {
    /// The words of the tag up to the next macro.
    names: Vec<String>,
    tag: String,
    body: Vec<String>,
}

impl Page {
    fn open(name: &'static str) -> Page {
        Page { name, lines: read(&format!("man/{name}")).lines().map(str::to_owned).collect() }
    }

    /// The lines of a section, `Sh` or `Ss`, up to the next heading of its kind or above.
    #[track_caller]
    fn section(&self, title: &str) -> &[String] {
        let heading = |l: &str| [".Sh ", ".Ss "].iter().any(|m| l.strip_prefix(m) == Some(title));
        let start = self.lines.iter().position(|l| heading(l));
        let start = start.unwrap_or_else(|| panic!("{} has no section {title}", self.name));
        let sub = self.lines[start].starts_with(".Ss");
        let ends = |l: &String| l.starts_with(".Sh ") || (sub && l.starts_with(".Ss "));
        let end = self.lines[start + 1..].iter().position(ends).map_or(self.lines.len(), |n| start + 1 + n);
        &self.lines[start + 1..end]
    }

    /// The plain text, macros and all.
    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// The items of a list of keys or commands. The nested lists of an item belong to its body.
fn items(lines: &[String]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for line in lines {
        if let Some(tag) = line.strip_prefix(".It Ic ") {
            let names = tag.split_whitespace().take_while(|w| !["Op", "Oo", "Ar", "Fl"].contains(w));
            let names = names.filter(|w| *w != ",").map(str::to_owned).collect();
            items.push(Item { names, tag: line.clone(), body: Vec::new() });
        } else if let Some(item) = items.last_mut() {
            item.body.push(line.clone());
        }
    }
    items
}

fn names(items: &[Item]) -> Names {
    items.iter().flat_map(|i| i.names.iter().cloned()).collect()
}

/// The literal blocks, with the escapes of roff undone.
fn literal_blocks(lines: &[String]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in lines {
        if line.starts_with(".Bd -literal") {
            block = Some(String::new());
        } else if line == ".Ed" {
            blocks.extend(block.take());
        } else if let Some(text) = &mut block {
            *text += &line.replace("\\e", "\\").replace("\\&", "");
            text.push('\n');
        }
    }
    blocks
}

/// The options in the tags of lists: `.Fl c` is `-c`, `.Fl -dry-run` is `--dry-run`.
fn flags_in_tags(page: &Page) -> Names {
    let mut flags = Names::new();
    for line in page.lines.iter().filter(|l| l.starts_with(".It ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        flags.extend(words.windows(2).filter(|w| w[0] == "Fl").map(|w| format!("-{}", w[1])));
    }
    flags
}

/// Everything in a help text that looks like an option.
fn flags_in_help(text: &str) -> Names {
    let words = text.split(|c: char| c.is_whitespace() || "[]()|,=\"'`.;:".contains(c));
    let option = |w: &&str| {
        let name = w.trim_start_matches('-');
        (1..=2).contains(&(w.len() - name.len())) && name.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    words.filter(option).map(str::to_owned).collect()
}

fn help_of(program: &str) -> String {
    let out = run_to_end(Command::new(program).arg("--help"));
    assert!(out.status.success(), "{program} --help: {}", said(&out));
    stdout(&out)
}

#[test]
fn flags_of_taskmasterd() {
    let page = Page::open("taskmasterd.8");
    same(
        "flags of taskmasterd",
        ("--help", &flags_in_help(&help_of(TASKMASTERD))),
        ("taskmasterd(8)", &flags_in_tags(&page)),
    );
    let synopsis = page.section("SYNOPSIS").join(" ");
    for flag in flags_in_tags(&page).iter().filter(|f| !f.starts_with("--")) {
        let letter = flag.trim_start_matches('-');
        assert!(synopsis.split_whitespace().any(|w| w == letter), "{flag} is not in the synopsis of taskmasterd(8)");
    }
}

#[test]
fn flags_of_taskmasterctl() {
    let page = flags_in_tags(&Page::open("taskmasterctl.1"));
    let mut known = flags_in_help(&help_of(TASKMASTERCTL));
    known.extend(options_of_commands());
    known.extend(logs::OPTIONS.map(|(long, _)| long.to_owned()));
    known.extend(LOCAL.iter().flat_map(|local| flags_in_help(&local.usage())));
    same("flags of taskmasterctl", ("--help and the commands", &known), ("taskmasterctl(1)", &page));
}

/// The options that commands take, by the table that both parsers read.
fn options_of_commands() -> Names {
    let params = COMMANDS.iter().flat_map(|c| c.params);
    params.flat_map(|p| options_of(*p)).map(str::to_owned).collect()
}

fn options_of(param: Param) -> Vec<&'static str> {
    match param.place() {
        Place::Flag(long) => vec![long],
        Place::Value(long, short) | Place::ShortFlag(long, short) => vec![long, short],
        Place::Word | Place::Rest => vec![],
    }
}

#[test]
fn commands_are_on_both_pages() {
    let known: Names = command::names().map(str::to_owned).collect();
    let mut with_shell = known.clone();
    with_shell.extend(SHELL_WORDS.iter().map(|(word, _)| (*word).to_owned()));
    let protocol = names(&items(Page::open("taskmaster-protocol.7").section("COMMANDS")));
    same("commands", ("the daemon", &known), ("taskmaster-protocol(7)", &protocol));
    with_shell.extend(LOCAL.iter().map(|local| local.name.to_owned()));
    let page = names(&items(Page::open("taskmasterctl.1").section("COMMANDS")));
    same("commands", ("the client", &with_shell), ("taskmasterctl(1)", &page));
    let help = help_of(TASKMASTERCTL);
    for name in with_shell.iter().filter(|name| SHELL_WORDS.iter().all(|(word, _)| word != name)) {
        assert!(
            help.lines().any(|l| l.trim_start().starts_with(name.as_str())),
            "{name} is not in taskmasterctl --help"
        );
    }
}

#[test]
fn synopses_name_the_options_of_their_commands() {
    for name in ["taskmasterctl.1", "taskmaster-protocol.7"] {
        let page = Page::open(name);
        for item in items(page.section("COMMANDS")) {
            let Some((command, _)) = command::find(&item.names[0]) else { continue };
            if command.name != item.names[0] {
                continue;
            }
            let text = format!("{} {}", item.tag, item.body.join(" "));
            for param in command.params {
                let told = match param.place() {
                    Place::Flag(long) | Place::Value(long, _) if matches!(param, Param::Lines) => {
                        text.contains(&format!("Fl {}", &long[1..]))
                    }
                    Place::ShortFlag(_, short) => text.contains(&format!("Fl {}", &short[1..])),
                    Place::Flag(long) | Place::Value(long, _) => item.tag.contains(&format!("Fl {}", &long[1..])),
                    Place::Word | Place::Rest => item.tag.contains("Ar "),
                };
                assert!(told, "{name}: {} does not name {:?}: {}", command.name, param.place(), item.tag);
            }
        }
    }
}

#[test]
fn protocol_page_has_every_param_error_and_state() {
    let page = Page::open("taskmaster-protocol.7");
    let params = page.section("JSON-RPC").join("\n");
    for command in &COMMANDS {
        assert!(params.contains(command.name), "the method {} is not told", command.name);
        for param in command.params {
            let told = params.lines().any(|l| l.starts_with(".It ") && l.contains(&format!("Ta {}", param.key())));
            assert!(told, "the param {} of {} is not told", param.key(), command.name);
        }
    }
    let codes: Names =
        RefusalCode::ALL.iter().map(|(_, word, number)| format!(".It Li {word} Ta \\{number} Ta")).collect();
    let table = page.section("ERROR CODES").iter().filter(|l| l.starts_with(".It Li "));
    let table: Names = table.map(|l| l.split_inclusive(" Ta").take(2).collect()).collect();
    same("error codes", ("the daemon", &codes), ("taskmaster-protocol(7)", &table));
    assert!(page.text().contains(&format!("version {PROTOCOL} of the protocol")), "the version of the protocol");
    let states = Page::open("taskmasterd.8").section("States").join("\n");
    for state in [
        StateName::Stopped,
        StateName::Starting,
        StateName::Running,
        StateName::Backoff,
        StateName::Stopping,
        StateName::Exited,
        StateName::Fatal,
    ] {
        assert!(states.contains(&format!(".It {}\n", state.text())), "{state:?} is not described");
        assert!(page.text().contains(state.text()), "{state:?} is not in the protocol");
    }
}

/// The names in the tables of keys in the sources, as `("name", Kind::Key)`, with those of one key together and the
/// first of them its own name.
fn keys_in_sources(kind: &str) -> Vec<Vec<String>> {
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    let files = ["src/config", "src/config/program"].map(|dir| fs::read_dir(tree(dir)).unwrap());
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
const TABLES: [(&str, &str); 7] = [
    ("Root", "ROOTS"),
    ("Key", "PROGRAM KEYS"),
    ("DaemonKey", "DAEMON KEYS"),
    ("BackoffKey", "Back-off"),
    ("SocketKey", "Socket"),
    ("HealthKey", "Health check"),
    ("CapabilityKey", "Capabilities"),
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
                "healthcheck" => ("healthcheck", literal_blocks(page.section("Health check")).pop()),
                "capabilities" => ("capabilities", literal_blocks(page.section("Capabilities")).pop()),
                "socket" => ("socket", literal_blocks(page.section("Socket")).pop()),
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
    assert!(seen >= 24, "only {seen} defaults were found on the page: is it still written as it was?");
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
            "healthcheck" => literal_blocks(page.section("Health check")).pop(),
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
    for names in keys_in_sources("DaemonKey").into_iter().chain(keys_in_sources("SocketKey")) {
        let told = daemon.lines().any(|l| l.trim_start_matches([' ', '#']).starts_with(&format!("{}:", names[0])));
        assert!(told, "the daemon's key {} is not in etc/taskmasterd.yaml", names[0]);
    }
}

/// Numbers and times that differ from run to run.
fn evened(line: &str) -> String {
    let mut out = line.to_owned();
    for mark in ["pid ", "pid=", "uptime ", "\"pid\":", "\"seq\":", "\"next\":", "\"time\":\""] {
        let parts: Vec<String> = out
            .split(mark)
            .enumerate()
            .map(|(i, part)| {
                let number = part.trim_start_matches(|c: char| c.is_ascii_digit() || ":-.TZ".contains(c));
                if i > 0 && number.len() < part.len() { format!("N{number}") } else { part.to_owned() }
            })
            .collect();
        out = parts.join(mark);
    }
    let is_time = |word: &str| word.len() == 24 && word.contains('T') && word.ends_with('Z');
    match out.split_once(' ') {
        // An event: its number, and its time.
        Some((_, rest)) if rest.split(' ').next().is_some_and(is_time) => format!("N N{}", &rest[24..]),
        _ if !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => "N".to_owned(),
        _ => out,
    }
}

/// A conversation with a daemon through the real socat.
struct Talk {
    socat: Child,
    requests: ChildStdin,
    lines: Receiver<String>,
}

impl Talk {
    fn with(d: &Daemon) -> Talk {
        let mut command = Command::new("socat");
        command.arg("-").arg(format!("UNIX-CONNECT:{}", d.file("ctl")));
        let mut socat = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(socat.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || answers.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Talk { requests: socat.stdin.take().unwrap(), socat, lines }
    }

    /// Carries on a conversation as the page has it: `>` is sent, `<` must come back, `*` is what somebody else asks for.
    #[track_caller]
    fn hold(&mut self, d: &Daemon, talk: &str) {
        for (n, line) in talk.lines().enumerate() {
            match line.split_at(2) {
                ("> ", request) => self.requests.write_all(format!("{request}\n").as_bytes()).unwrap(),
                ("* ", request) => assert!(d.text(request).ok(), "line {n} of\n{talk}"),
                ("< ", wanted) => match self.lines.recv_timeout(DEADLINE) {
                    Ok(found) => assert_eq!(evened(&found), evened(wanted), "line {n} of\n{talk}"),
                    Err(why) => panic!("{why}: no line {n} of\n{talk}"),
                },
                _ => panic!("line {n} of\n{talk}"),
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.socat.kill();
        let _ = self.socat.wait();
    }
}

#[test]
fn conversations_of_the_protocol_page_are_true() {
    needs!("socat");
    let page = Page::open("taskmaster-protocol.7");
    let blocks = literal_blocks(page.section("EXAMPLES"));
    let talks: Vec<&String> = blocks.iter().filter(|b| b.starts_with("> ")).collect();
    let kind = |json: bool, follows: bool| {
        talks.iter().any(|talk| talk.starts_with("> {") == json && talk.contains("\n* ") == follows)
    };
    assert!(kind(false, false) && kind(true, false) && kind(false, true) && kind(true, true), "{talks:#?}");
    for talk in talks {
        let d = Daemon::with("web: {cmd: sleep 1000}\nworker: {cmd: sleep 1000, numprocs: 2}");
        d.wait_all("RUNNING");
        Talk::with(&d).hold(&d, talk);
    }
    assert_eq!(evened("web RUNNING pid 12, uptime 0:00:01"), "web RUNNING pid N, uptime N");
    assert_eq!(evened("{\"pid\":12}"), "{\"pid\":N}");
    assert_eq!(evened("12 2026-11-21T09:39:17.503Z web: spawned pid=1"), "N N web: spawned pid=N");
    assert_eq!(evened("{\"seq\":1,\"time\":\"2026-11-21T09:39:17.503Z\"}"), "{\"seq\":N,\"time\":\"N\"}");
}

#[test]
fn man_pages_are_clean() {
    needs!("mandoc");
    let on_disk: Names =
        fs::read_dir(tree("man")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let known: Names = PAGES.iter().map(|p| (*p).to_owned()).collect();
    same("man pages", ("man/", &on_disk), ("this test", &known));
    let makefile = read("Makefile");
    for page in PAGES {
        let out = run_to_end(Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(tree("man").join(page)));
        assert!(out.status.success() && said(&out).is_empty(), "{}", said(&out));
        for (what, part) in [("install", "install -m 644 man/"), ("uninstall", "/")] {
            let told = makefile.lines().any(|l| l.starts_with('\t') && l.contains(&format!("{part}{page}")));
            assert!(told, "make {what} forgets {page}");
        }
    }
}

#[test]
fn man_pages_refer_to_each_other() {
    for page in PAGES.map(Page::open) {
        let also = page.section("SEE ALSO").join(" ");
        for other in PAGES.iter().filter(|p| **p != page.name) {
            let (name, number) = other.rsplit_once('.').unwrap();
            assert!(also.contains(&format!("Xr {name} {number}")), "{} does not refer to {other}", page.name);
        }
    }
}

/// The Markdown files of the top level.
fn markdown() -> Vec<(String, String)> {
    let names = fs::read_dir(tree("")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| n.ends_with(".md")).map(|n| (n.clone(), read(&n))).collect()
}

#[test]
fn links_and_make_targets_in_the_texts_are_there() {
    let makefile = read("Makefile");
    for (name, text) in markdown() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let local = !file.is_empty() && !file.contains("://");
            assert!(!local || tree(file).exists(), "{name}: the link to {target} leads nowhere");
        }
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.starts_with("```");
            let marked = if in_code { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
            for call in marked.iter().filter_map(|code| code.trim_start_matches("sudo ").strip_prefix("make ")) {
                let target = call.split_whitespace().find(|w| !w.contains('='));
                let known = target.is_none_or(|t| makefile.lines().any(|l| l.starts_with(&format!("{t}:"))));
                assert!(known, "{name}: there is no `make {call}`");
            }
        }
    }
    let readme = read("README.md");
    for page in PAGES {
        assert!(readme.contains(&format!("man/{page}")), "README.md does not list {page}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let mut inside = false;
    let mut wanted = Names::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line == "[dev-dependencies]";
        } else if let Some((name, _)) = line.split_once('=').filter(|_| inside) {
            wanted.insert(name.trim().to_owned());
        }
    }
    let told: Names = read("CONTRIBUTING.md")
        .lines()
        .skip_while(|l| !l.starts_with("| dependency "))
        .skip(2)
        .map_while(|l| l.strip_prefix("| `"))
        .filter_map(|l| l.split('`').next())
        .map(str::to_owned)
        .collect();
    same("dependencies", ("Cargo.toml", &wanted), ("CONTRIBUTING.md", &told));
}

/// Every file below a directory of the tree, by its path.
fn files_below(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, out) } else { out.push(path) }
    }
}

#[test]
fn the_sources_that_the_papers_name_are_there() {
    let mut files = Vec::new();
    files_below(&tree("src"), &mut files);
    files_below(&tree("tests"), &mut files);
    for dir in ["fuzz", "fuzz/contracts"] {
        files.extend(fs::read_dir(tree(dir)).unwrap().map(|entry| entry.unwrap().path()));
    }
    for paper in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "bench/README.md"] {
        // What stands between two backquotes: `daemon/run.rs`, `step.rs`. Two are patterns.
        for name in read(paper).split('`').filter(|name| name.ends_with(".rs") && !name.contains([' ', '*', '\n'])) {
            let there = name == "src/x.rs" || files.iter().any(|file| file.ends_with(name));
            assert!(there, "{paper} names {name}, which is not there");
        }
    }
}

//! Holds what is written about taskmaster against what it does: flags, `--help`, man pages, the example configuration.
//!
//! Whatever a page names must be there, and whatever is there must be on its page. Examples in the pages are used as
//! they stand: configurations are checked, conversations are held with a running daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "docs/keys.rs"]
mod keys;
#[path = "docs/page.rs"]
mod page;
mod support;
#[path = "docs/talk.rs"]
mod talk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use page::{Page, flags_in_help, flags_in_tags, items, names};
use support::*;
use taskmaster::control::command::{self, COMMANDS, Param, Place, SHELL_WORDS};
use taskmaster::control::message::{PROTOCOL, RefusalCode, StateName};
use taskmaster::ctl::local::LOCAL;
use taskmaster::ctl::logs;

const PAGES: [&str; 5] =
    ["taskmasterd.8", "taskmasterctl.1", "taskmaster.yaml.5", "taskmaster-protocol.7", "taskmaster-http.7"];

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

/// The paths of HTTP that the page tells are those that there are.
#[test]
#[cfg(feature = "web")]
fn http_page_has_every_path() {
    use taskmaster::web::http::Method;
    use taskmaster::web::route::{ROUTES, What};
    let page = Page::open("taskmaster-http.7");
    let told: Names =
        page.section("PATHS").iter().filter_map(|line| line.strip_prefix(".It Li ")).map(str::to_owned).collect();
    let is_part = |what: What| matches!(what, What::File(_));
    let method = |method: Method| if method == Method::Post { "POST" } else { "GET" };
    let known: Names = ROUTES
        .iter()
        .filter(|route| !is_part(route.what) || route.path == "/")
        .map(|route| format!("{} {}", method(route.method), route.path))
        .collect();
    same("paths", ("the daemon", &known), ("taskmaster-http(7)", &told));
    let text = page.section("PATHS").join("\n");
    for query in ROUTES.iter().flat_map(|route| route.query.iter().chain(route.body)) {
        let name = query.name;
        assert!(text.contains(&format!("Ql {name}")) || text.contains(&format!("Ql ?{name}")), "{name} is not told");
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

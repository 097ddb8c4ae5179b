//! Holds the source tree to the rules of ARCHITECTURE.md: who may import whom, who may touch the world, where unsafe
//! code is. Reads the sources as text, so that what is not compiled on this machine is held to them as well.
//!
//! A file is reduced to its code (comments and the insides of literals become blanks) and to the paths that the code
//! names, with `use` trees taken apart and `super` resolved. Each rule looks at one of the two. Unit tests, in
//! `#[cfg(test)] mod … { }` or in `tests.rs`, may import what they like; all other rules hold for them too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "layers/scan.rs"]
mod scan;

use std::fs;
use std::path::Path;

use scan::{Code, mask, paths, resolve, without_tests};

/// Which of our modules each layer may import.
const IMPORTS: [(&str, &[&str]); 11] = [
    ("base", &["base"]),
    ("config", &["base", "config"]),
    ("import", &["base", "config", "import"]),
    ("logs", &["base", "logs"]),
    ("control", &["base", "control"]),
    ("supervise", &["base", "config", "control::message", "supervise"]),
    ("sys", &["base", "sys"]),
    ("load", &["base", "config", "sys", "load"]),
    ("web", &["base", "control", "web"]),
    ("daemon", &["base", "config", "logs", "control", "supervise", "web", "sys", "load", "daemon"]),
    ("ctl", &["base", "config", "control", "import", "sys", "load", "ctl"]),
];

/// The layers that only compute.
const PURE: [&str; 7] = ["base", "config", "import", "supervise", "logs", "control", "web"];

/// What touches the world.
const WORLD: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::os",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Where alone a crate may be named, or a path be used (`a::b` at the end of a path).
const ONLY_IN: &[(&str, &[&str])] = &[
    ("httparse", &["src/web/http.rs", "src/daemon/checks/http.rs"]),
    ("tungstenite", &["src/web/socket.rs"]),
    ("mio", &["src/daemon/reactor.rs"]),
    ("nix", &["src/sys/"]),
    ("libc", &["src/sys/"]),
    ("serde_yaml", &["src/base/yaml.rs"]),
    ("toml", &["src/base/toml.rs"]),
    ("tz", &["src/base/zone.rs"]),
    (
        "serde_json",
        &["src/control/", "src/config/schema.rs", "src/config/schema/", "src/ctl/local/", "src/web/openapi.rs"],
    ),
    ("getopts", &["src/base/flags.rs", "src/daemon/options.rs", "src/ctl/"]),
    ("ratatui_core", &["src/ctl/board.rs", "src/ctl/board/"]),
    ("rustyline", &["src/ctl/"]),
    // The clocks of the standard library: everybody is handed the time.
    ("Instant", &[]),
    ("SystemTime", &[]),
    // The clocks of ours. The client is another process and may look at the clock when it prints.
    ("timer::monotonic", &["src/daemon/clock.rs", "src/ctl/", "src/sys/"]),
    ("timer::wall", &["src/daemon/clock.rs", "src/ctl/", "src/sys/"]),
    // What is done to processes is done in one place, and so is the waiting for them; tasks have theirs.
    ("spawn::Command", &["src/daemon/birth.rs", "src/sys/"]),
    ("pidfd::send_signal", &["src/daemon/perform.rs", "src/daemon/tasks.rs", "src/daemon/attached.rs", "src/sys/"]),
    ("group::signal", &["src/daemon/perform.rs", "src/daemon/tasks.rs", "src/sys/"]),
    (
        "sys::wait",
        &[
            "src/daemon/children.rs",
            "src/daemon/orphans.rs",
            "src/daemon/tasks.rs",
            "src/daemon/attached.rs",
            "src/sys/",
        ],
    ),
    // `taskmasterd -i`: a process that is no daemon attends to two that are no programs.
    ("foreground::Foreground", &["src/daemon/attached.rs", "src/sys/"]),
    ("single::Single", &["src/daemon/single.rs", "src/sys/"]),
];

/// Where nothing may hold up the loop, or start a process past the one place that does.
const OF_THE_LOOP: [&str; 3] = ["daemon", "supervise", "sys"];

/// What would do that, and what is there instead.
const NOT_IN_THE_LOOP: [(&str, &str); 2] = [
    ("thread::sleep", "the loop never sleeps, it has deadlines"),
    ("process::Command", "processes are born by sys::spawn alone"),
];

/// Macros that stand for something unfinished.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// The first directory below `src`: `base` of `src/base.rs` and of `src/base/id.rs`.
fn layer(file: &str) -> Option<&str> {
    file.strip_prefix("src/")?.split(['/', '.']).next()
}

fn begins(path: &str, with: &str) -> bool {
    path == with || path.strip_prefix(with).is_some_and(|rest| rest.starts_with("::"))
}

/// Whether the path uses `what`: a crate or type by one word, or `module::item` in the middle or at the end.
fn uses(path: &str, what: &str) -> bool {
    let (path, wanted): (Vec<&str>, Vec<&str>) = (path.split("::").collect(), what.split("::").collect());
    match wanted[..] {
        // A crate is the first word of a path, a type may be anywhere in it.
        [one] if one.starts_with(char::is_lowercase) => path.len() > 1 && path[0] == one,
        [one] => path.contains(&one),
        _ => path.windows(wanted.len()).any(|w| w == wanted),
    }
}

/// Everything that is wrong with a file, as `file:line: what`.
fn violations(file: &str, text: &str) -> Vec<String> {
    let masked = mask(text);
    let mut found = Vec::new();
    let mut complain = |line: usize, what: String| found.push(format!("{file}:{line}: {what}"));
    if file.starts_with("src/") {
        let unit_tests = file.ends_with("/tests.rs") || file.contains("/tests/");
        let code = if unit_tests { String::new() } else { without_tests(&masked.code) };
        for named in paths(&code) {
            let path = resolve(file, &named.path);
            let path = path.strip_prefix("crate::").map_or(path.clone(), |p| format!("taskmaster::{p}"));
            check_path(file, &path, |what| complain(named.line, what));
        }
        if !text.starts_with("//!") {
            complain(1, "does not begin by saying what it owns and never does (//!)".to_owned());
        }
        if file.ends_with("/mod.rs") {
            complain(1, "is named mod.rs: a module `x` is in x.rs".to_owned());
        }
    }
    let in_sys = file.starts_with("src/sys/") || file == "src/sys.rs";
    for named in paths(&masked.code) {
        let outside = file.starts_with("src/") && !in_sys;
        if outside && (named.path == "unsafe" || named.path == "unsafe_code") {
            complain(named.line, format!("{}: unsafe code is in src/sys only", named.path));
        }
    }
    for (n, line) in masked.code.lines().enumerate() {
        for name in UNFINISHED {
            let calls = line
                .match_indices(&format!("{name}!"))
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            if calls {
                complain(n + 1, format!("{name}! does not stay"));
            }
        }
        if line.split_whitespace().collect::<String>().contains("#[ignore]") {
            complain(n + 1, "a test is ignored without saying why".to_owned());
        }
        if in_sys && opens_unsafe(line) && !says_safe(&masked, n) {
            complain(n + 1, "an unsafe block without a SAFETY comment before it".to_owned());
        }
    }
    found
}

fn check_path(file: &str, path: &str, mut complain: impl FnMut(String)) {
    let layer = layer(file).unwrap_or_default();
    if let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == layer) {
        let ours = path.strip_prefix("taskmaster::");
        let known = |inner: &str| allowed.iter().any(|a| begins(inner, a));
        if let Some(inner) = ours.filter(|inner| !known(inner)) {
            complain(format!("{layer} may not know {inner}: it may import {}", allowed.join(", ")));
        }
        if path == "taskmaster::*" {
            complain("imports everything of the crate: name what is needed".to_owned());
        }
    }
    if OF_THE_LOOP.contains(&layer) {
        for (what, instead) in NOT_IN_THE_LOOP {
            let module = what.split("::").next().unwrap_or_default();
            if uses(path, what) || uses(path, &format!("{module}::*")) {
                complain(format!("{path}: {instead}"));
            }
        }
    }
    if layer == "bin" && begins(path, "taskmaster") {
        let entries = ["taskmaster::daemon::main", "taskmaster::ctl::main"];
        if path.contains("::") && !entries.contains(&path) {
            complain(format!("{path}: a binary calls daemon::main or ctl::main and nothing else"));
        }
    }
    if PURE.contains(&layer) {
        if let Some(world) = WORLD.iter().find(|world| begins(path, world)) {
            complain(format!("{world}: {layer} only computes, the world is for sys, daemon and ctl"));
        }
        if path == "std::*" {
            complain("std::* hides what is used".to_owned());
        }
    }
    for (what, places) in ONLY_IN {
        let here = places.iter().any(|place| file == *place || (place.ends_with('/') && file.starts_with(place)));
        if !here && uses(path, what) {
            let where_to =
                if places.is_empty() { "nowhere".to_owned() } else { format!("only in {}", places.join(", ")) };
            complain(format!("{what}: {where_to}"));
        }
    }
}

/// Whether an unsafe block, or an unsafe impl, begins on this line.
fn opens_unsafe(line: &str) -> bool {
    let words: Vec<&str> =
        line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '{')).filter(|w| !w.is_empty()).collect();
    words.windows(2).any(|w| w[0] == "unsafe" && (w[1].starts_with('{') || w[1] == "impl"))
        || words.contains(&"unsafe{")
}

/// Whether a comment on this line, or before the statement that it belongs to, says why it is safe.
fn says_safe(masked: &Code, line: usize) -> bool {
    let code: Vec<&str> = masked.code.lines().collect();
    let comments: Vec<&str> = masked.comments.lines().collect();
    let says = |n: usize| comments.get(n).is_some_and(|c| c.contains("SAFETY:"));
    if says(line) {
        return true;
    }
    for n in (0..line).rev() {
        let above = code[n].trim_end();
        if above.trim().is_empty() {
            if says(n) {
                return true;
            }
            // A blank line that is no comment ends the search.
            if comments[n].trim().is_empty() {
                return false;
            }
        } else if above.ends_with([';', '{', '}', ',']) {
            return false;
        }
    }
    false
}

fn rust_files(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn the_tree_keeps_its_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["src", "tests"] {
        rust_files(&root.join(dir), &mut files);
    }
    files.sort();
    assert!(files.len() > 20, "only {} files found below {}", files.len(), root.display());
    let mut all = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        all.extend(violations(&name, &fs::read_to_string(&file).unwrap()));
    }
    assert!(all.is_empty(), "{} violations of the rules in ARCHITECTURE.md:\n{}", all.len(), all.join("\n"));
}

#[test]
fn every_layer_has_a_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        let known = IMPORTS.iter().any(|(layer, _)| *layer == name) || ["lib", "bin"].contains(&name);
        assert!(known, "src/{name} is in no layer: say in tests/layers.rs what it may import");
    }
}

/// What is found in a file of this name with this text behind its header.
fn planted(file: &str, text: &str) -> Vec<String> {
    violations(file, &format!("//! A file.\n{text}\n"))
}

#[test]
fn planted_violations_are_found() {
    for (file, text, line, part) in [
        ("src/base/id.rs", "use crate::config::model::Config;", 2, "base may not know config"),
        ("src/base/id.rs", "use std::collections::BTreeMap;\nuse std::fs;", 3, "std::fs"),
        ("src/config/section.rs", "use std::{collections::BTreeMap, fs::File};", 2, "std::fs"),
        ("src/config/section.rs", "use std::{\n    fmt,\n    time::{Duration, Instant},\n};", 4, "std::time::Instant"),
        ("src/config/section.rs", "fn f() { std::process::exit(1); }", 2, "std::process"),
        ("src/config/section.rs", "fn f() { ::std::process::exit(1); }", 2, "std::process"),
        ("src/config.rs", "use std::*;", 2, "std::*"),
        ("src/logs/rotate.rs", "use super::super::config::model;", 2, "logs may not know config"),
        ("src/control/text.rs", "use crate::supervise::state::State;", 2, "control may not know supervise"),
        (
            "src/supervise/step.rs",
            "use crate::control::{message::Want, text};",
            2,
            "supervise may not know control::text",
        ),
        ("src/supervise/step.rs", "use crate::sys::pidfd;", 2, "supervise may not know sys"),
        ("src/supervise/step.rs", "use crate::*;", 2, "supervise may not know *"),
        ("src/sys/fd.rs", "use crate::daemon::error::Error;", 2, "sys may not know daemon"),
        ("src/ctl/args.rs", "fn f(e: crate::daemon::error::Error) {}", 2, "ctl may not know daemon"),
        ("src/ctl/args.rs", "use crate::supervise::fleet::Fleet;", 2, "ctl may not know supervise"),
        ("src/bin/taskmasterd.rs", "fn main() { taskmaster::daemon::run::run() }", 2, "nothing else"),
        ("src/daemon/run.rs", "use mio::Poll;", 2, "mio: only in src/daemon/reactor.rs"),
        ("src/daemon/run.rs", "fn f() { mio::Poll::new(); }", 2, "mio"),
        ("src/daemon/run.rs", "fn f() { libc::getpid(); }", 2, "libc"),
        ("src/daemon/run.rs", "use std::time::Instant;", 2, "Instant: nowhere"),
        ("src/daemon/run.rs", "fn f() { let t = std::time::SystemTime::now(); }", 2, "SystemTime"),
        ("src/daemon/run.rs", "fn f() { crate::sys::timer::monotonic(); }", 2, "timer::monotonic"),
        ("src/daemon/run.rs", "use crate::sys::timer;\nfn f() { timer::wall(); }", 3, "timer::wall"),
        ("src/daemon/run.rs", "use crate::sys::{fd, wait};", 2, "sys::wait"),
        ("src/daemon/run.rs", "use crate::sys::spawn::{Command, Failed};", 2, "spawn::Command"),
        ("src/daemon/run.rs", "fn f() { pidfd::send_signal(); }", 2, "pidfd::send_signal"),
        ("src/daemon/run.rs", "fn f() { group::signal(1, Sig::KILL); }", 2, "group::signal: only in"),
        ("src/daemon/children.rs", "use crate::sys::group::signal;", 2, "group::signal: only in"),
        ("src/daemon/run.rs", "use crate::ctl;", 2, "daemon may not know ctl"),
        ("src/daemon/main.rs", "use crate::ctl;\nfn f() { ctl::main(); }", 2, "daemon may not know ctl"),
        ("src/daemon/run.rs", "use crate::sys::foreground::Foreground;", 2, "foreground::Foreground: only in"),
        ("src/ctl/args.rs", "use crate::supervise::fleet::Fleet;", 2, "ctl may not know supervise"),
        ("src/daemon/run.rs", "fn f() { std::thread::sleep(X); }", 2, "never sleeps"),
        ("src/sys/wait.rs", "use std::{io, thread};\nfn f() { thread::sleep(X); }", 3, "never sleeps"),
        ("src/supervise/step.rs", "use std::thread::sleep;", 2, "never sleeps"),
        ("src/daemon/run.rs", "use std::thread::*;", 2, "never sleeps"),
        ("src/daemon/load.rs", "use std::process::{Command, ExitCode};", 2, "sys::spawn alone"),
        ("src/sys/user.rs", "fn f() { std::process::Command::new(X); }", 2, "sys::spawn alone"),
        ("src/supervise/step.rs", "fn f(c: std::process::Command) {}", 2, "sys::spawn alone"),
        ("src/config/section.rs", "use serde_yaml::Value;", 2, "serde_yaml: only in src/base/yaml.rs"),
        ("src/daemon/run.rs", "use serde_json::json;", 2, "serde_json: only in src/control/"),
        ("src/daemon/run.rs", "fn f() {\n    unsafe { g() }\n}", 3, "unsafe"),
        ("src/daemon/run.rs", "#![allow(unsafe_code)]", 2, "unsafe_code"),
        ("src/daemon/run.rs", "#[cfg(test)]\nmod tests {\n    fn f() { unsafe { g() } }\n}", 4, "unsafe"),
        ("src/sys/fd.rs", "fn f() {\n    unsafe { g() }\n}", 3, "SAFETY"),
        ("src/sys/fd.rs", "fn f() {\n    // SAFETY: of another.\n    h();\n    unsafe { g() }\n}", 5, "SAFETY"),
        ("src/sys/fd.rs", "// SAFETY: far away.\n\nunsafe impl Send for X {}", 4, "SAFETY"),
        ("src/daemon/run.rs", "fn f() { todo!() }", 2, "todo!"),
        ("src/daemon/run.rs", "fn f() { dbg!(1); }", 2, "dbg!"),
        ("src/daemon/run.rs", "#[cfg(test)]\nmod tests {\n    fn f() { unimplemented!() }\n}", 4, "unimplemented!"),
        ("tests/x.rs", "#[test]\n#[ignore]\nfn f() {}", 3, "ignored"),
        ("src/base/mod.rs", "", 1, "mod.rs"),
        // Behind the unit tests the rules hold again.
        ("src/base/id.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::net::TcpStream;", 6, "std::net"),
    ] {
        let found = planted(file, text);
        let place = format!("{file}:{line}: ");
        assert!(
            found.iter().any(|v| v.starts_with(&place) && v.contains(part)),
            "not found: {place}…{part} in\n{text}\nfound: {found:#?}"
        );
    }
    assert!(
        violations("src/base/id.rs", "use std::fmt;\n")[0].starts_with("src/base/id.rs:1: "),
        "a file without a header"
    );
}

#[test]
fn what_is_allowed_is_left_alone() {
    for (file, text) in [
        ("src/base/id.rs", "use std::{fmt, time::Duration};\nuse super::signal::Sig;"),
        ("src/config/section.rs", "use crate::base::{id::Run, units};\nuse super::model::Config;"),
        ("src/supervise/fleet.rs", "use crate::control::message::{Response, Want};\nuse super::step::step;"),
        ("src/base/id.rs", "// use std::fs;\n/* std::net /* std::env */ std::os */\n/// [`std::process`]\nfn f() {}"),
        (
            "src/base/id.rs",
            "const S: &str = \"use std::fs; \\\" std::net\";\nconst R: &str = r#\"std::env \" mio::Poll\"#;",
        ),
        (
            "src/base/id.rs",
            "const C: char = '\"';\nconst D: char = '\\'';\nfn f<'a>(x: &'a str) -> &'a str { x }\n// std::fs",
        ),
        ("src/base/id.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n    use crate::config::model;\n}"),
        ("src/base/tests/odd.rs", "use std::fs;"),
        ("src/daemon/reactor.rs", "use mio::{Events, Poll};"),
        ("src/daemon/clock.rs", "use crate::sys::timer;\nfn now() { timer::monotonic(); }"),
        ("src/daemon/dispatch.rs", "use crate::sys::spawn::Failed;"),
        (
            "src/daemon/attached.rs",
            "use crate::sys::{foreground::Foreground, pidfd, wait};\nfn f() { pidfd::send_signal(); }",
        ),
        ("src/daemon/perform.rs", "use crate::sys::group;\nfn f() { group::signal(1, Sig::KILL); }"),
        (
            "src/sys/spawn.rs",
            "fn f() { std::process::id(); }\n#[cfg(test)]\nmod tests {\n    use std::thread::sleep;\n}",
        ),
        ("src/ctl/shell.rs", "use std::process::Command;"),
        (
            "src/sys/fd.rs",
            "use nix::unistd;\nfn f() {\n    // SAFETY: it is.\n    // It really is.\n    let x =\n        unsafe { g() };\n}",
        ),
        ("src/sys/fd.rs", "fn f() {\n    unsafe { g() } // SAFETY: it is.\n}"),
        ("src/sys/fd.rs", "unsafe extern \"C\" fn f() {}"),
        ("src/bin/taskmasterd.rs", "fn main() -> std::process::ExitCode { taskmaster::daemon::main() }"),
        ("tests/x.rs", "#[test]\n#[ignore = \"root: changes user\"]\nfn f() { std::fs::read(\"#[ignore]\"); }"),
        ("src/base/id.rs", "fn f() { let not_todo = my_todo!(); let mio = 1; mio.max(2); }"),
    ] {
        let found = planted(file, text);
        assert!(found.is_empty(), "{text}\n{found:#?}");
    }
}

//! Holds the source tree to the rules of ARCHITECTURE.md: who may import whom, who may touch the world, where unsafe
//! code is. Reads the sources as text, so that what is not compiled on this machine is held to them as well.
//!
//! A file is reduced to its code (comments and the insides of literals become blanks) and to the paths that the code
//! names, with `use` trees taken apart and `super` resolved. Each rule looks at one of the two. Unit tests, in
//! `#[cfg(test)] mod … { }` or in `tests.rs`, may import what they like; all other rules hold for them too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

/// Which of our modules each layer may import.
const IMPORTS: [(&str, &[&str]); 8] = [
    ("base", &["base"]),
    ("config", &["base", "config"]),
    ("logs", &["base", "logs"]),
    ("control", &["base", "control"]),
    ("supervise", &["base", "config", "control::message", "supervise"]),
    ("sys", &["base", "sys"]),
    // `taskmasterd -i` attaches the client's shell, so the daemon's start knows the client's entry.
    ("daemon", &["base", "config", "logs", "control", "supervise", "sys", "daemon", "ctl"]),
    ("ctl", &["base", "config", "control", "sys", "ctl"]),
];

/// The layers that only compute.
const PURE: [&str; 5] = ["base", "config", "supervise", "logs", "control"];

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
const ONLY_IN: [(&str, &[&str]); 14] = [
    ("mio", &["src/daemon/reactor.rs"]),
    ("nix", &["src/sys/"]),
    ("libc", &["src/sys/"]),
    ("serde_yaml", &["src/base/yaml.rs"]),
    ("serde_json", &["src/control/"]),
    ("getopts", &["src/base/flags.rs", "src/daemon/options.rs", "src/ctl/"]),
    ("rustyline", &["src/ctl/"]),
    // The clocks of the standard library: everybody is handed the time.
    ("Instant", &[]),
    ("SystemTime", &[]),
    // The clocks of ours. The client is another process and may look at the clock when it prints.
    ("timer::monotonic", &["src/daemon/clock.rs", "src/ctl/", "src/sys/"]),
    ("timer::wall", &["src/daemon/clock.rs", "src/ctl/", "src/sys/"]),
    // What is done to processes is done in one place, and so is the waiting for them.
    ("spawn::Command", &["src/daemon/perform.rs", "src/sys/"]),
    ("pidfd::send_signal", &["src/daemon/perform.rs", "src/sys/"]),
    ("sys::wait", &["src/daemon/children.rs", "src/sys/"]),
];

/// Macros that stand for something unfinished.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

// ---------------------------------------------------------------------------------------------- text to code to paths

/// A file without what is no code. Both texts have the same lines as the file.
struct Code {
    /// Comments and the insides of literals are blanks.
    code: String,
    /// Only the comments.
    comments: String,
}

fn mask(text: &str) -> Code {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    // Moves n characters, keeping them in one of the two texts, or in neither.
    let step = |i: &mut usize, n: usize, in_code: bool, in_comment: bool, code: &mut String, comments: &mut String| {
        for _ in 0..n.min(chars.len() - *i) {
            let c = chars[*i];
            code.push(if in_code { c } else { blank(c) });
            comments.push(if in_comment { c } else { blank(c) });
            *i += 1;
        }
    };
    while i < chars.len() {
        let before = if i == 0 { ' ' } else { chars[i - 1] };
        let word_before = before.is_alphanumeric() || before == '_';
        if at(i) == '/' && at(i + 1) == '/' {
            let n = chars[i..].iter().take_while(|c| **c != '\n').count();
            step(&mut i, n, false, true, &mut code, &mut comments);
        } else if at(i) == '/' && at(i + 1) == '*' {
            let (mut n, mut depth) = (2, 1);
            while depth > 0 && i + n < chars.len() {
                match (at(i + n), at(i + n + 1)) {
                    ('/', '*') => (depth, n) = (depth + 1, n + 2),
                    ('*', '/') => (depth, n) = (depth - 1, n + 2),
                    _ => n += 1,
                }
            }
            step(&mut i, n, false, true, &mut code, &mut comments);
        } else if let Some(n) = raw_string(&chars[i..]).filter(|_| !word_before) {
            step(&mut i, n, false, false, &mut code, &mut comments);
        } else if at(i) == '"' {
            let mut n = 1;
            while i + n < chars.len() && at(i + n) != '"' {
                n += if at(i + n) == '\\' { 2 } else { 1 };
            }
            step(&mut i, n + 1, false, false, &mut code, &mut comments);
        } else if at(i) == '\'' && at(i + 1) == '\\' {
            let n = 3 + chars[(i + 3).min(chars.len())..].iter().take_while(|c| **c != '\'').count();
            step(&mut i, n + 1, false, false, &mut code, &mut comments);
        } else if at(i) == '\'' && at(i + 2) == '\'' {
            step(&mut i, 3, false, false, &mut code, &mut comments);
        } else {
            step(&mut i, 1, true, false, &mut code, &mut comments);
        }
    }
    Code { code, comments }
}

/// The length of the raw string that begins here: `r"…"`, `br#"…"#`.
fn raw_string(chars: &[char]) -> Option<usize> {
    let prefix = chars.iter().take_while(|c| matches!(c, 'b' | 'c')).count().min(1);
    if chars.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = chars[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let start = prefix + 1 + hashes;
    if chars.get(start) != Some(&'"') {
        return None;
    }
    let closes = |i: usize| chars[i] == '"' && (1..=hashes).all(|k| chars.get(i + k) == Some(&'#'));
    let end = (start + 1..chars.len()).find(|i| closes(*i)).unwrap_or(chars.len());
    Some((end + hashes + 1).min(chars.len()))
}

/// The code with its unit tests blanked: modules under `#[cfg(test)]` that end with a brace in the first column.
fn without_tests(code: &str) -> String {
    let (mut out, mut inside, mut announced) = (String::new(), false, false);
    for line in code.lines() {
        let begins = announced && line.starts_with("mod ") && line.trim_end().ends_with('{');
        announced = line.trim() == "#[cfg(test)]" || (announced && line.starts_with("#["));
        inside |= begins;
        if !inside {
            out.push_str(line);
        }
        out.push('\n');
        if inside && !begins && line.starts_with('}') {
            inside = false;
        }
    }
    out
}

/// A path that the code names, and its line.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    line: usize,
    path: String,
}

/// Every path in the code: `a::b`, each branch of `a::{b, c::d}`, and single words.
fn paths(code: &str) -> Vec<Named> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_alphanumeric() || c == '_' {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                tokens.push((n + 1, word));
            } else if c == ':' && chars.next_if_eq(&':').is_some() {
                tokens.push((n + 1, "::".to_owned()));
            } else if !c.is_whitespace() {
                tokens.push((n + 1, c.to_string()));
            }
        }
    }
    let mut out = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        path_at(&tokens, &mut i, "", &mut out);
    }
    out
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Takes the path that begins at token `i`, or passes over a token that begins none.
fn path_at(tokens: &[(usize, String)], i: &mut usize, prefix: &str, out: &mut Vec<Named>) {
    let word = |i: usize| tokens.get(i).map_or("", |(_, t)| t.as_str());
    // `::std::fs` is `std::fs`.
    if prefix.is_empty() && word(*i) == "::" {
        *i += 1;
    }
    let mut path = prefix.to_owned();
    let line = tokens.get(*i).map_or(0, |(line, _)| *line);
    loop {
        if is_word(word(*i)) || (word(*i) == "*" && !path.is_empty()) {
            let joint = if path.is_empty() { "" } else { "::" };
            path = format!("{path}{joint}{}", word(*i));
            *i += 1;
        } else if word(*i) == "{" && !path.is_empty() {
            *i += 1;
            while *i < tokens.len() && word(*i) != "}" {
                path_at(tokens, i, &path, out);
            }
            *i += 1;
            return;
        } else {
            *i += 1;
            return;
        }
        if word(*i) != "::" {
            out.push(Named { line, path });
            // `b as c` within a tree names nothing new.
            if !prefix.is_empty() && word(*i) == "as" {
                *i += 2;
            }
            return;
        }
        *i += 1;
        // `Vec::<T>::new` goes on behind the brackets; what is in them begins a path of its own.
        if word(*i) == "<" {
            out.push(Named { line, path });
            return;
        }
    }
}

/// The path as seen from the root of the crate: `super` and `self` resolved for a file of this name.
fn resolve(file: &str, path: &str) -> String {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut module: Vec<&str> = if inner == "lib" { Vec::new() } else { inner.split('/').collect() };
    let mut rest: Vec<&str> = path.split("::").collect();
    let relative = matches!(rest.first(), Some(&"super" | &"self"));
    while let Some(first @ (&"super" | &"self")) = rest.first() {
        if *first == "super" {
            module.pop();
        }
        rest.remove(0);
    }
    if relative {
        ["crate"].iter().chain(&module).chain(&rest).copied().collect::<Vec<_>>().join("::")
    } else {
        path.to_owned()
    }
}

// ---------------------------------------------------------------------------------------------- rules

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
        if let Some(inner) = ours.filter(|inner| !allowed.iter().any(|a| begins(inner, a))) {
            complain(format!("{layer} may not know {inner}: it may import {}", allowed.join(", ")));
        }
        if path == "taskmaster::*" {
            complain("imports everything of the crate: name what is needed".to_owned());
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

// ---------------------------------------------------------------------------------------------- the tree

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

// ---------------------------------------------------------------------------------------------- the scanner itself

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

#[test]
fn use_trees_are_taken_apart() {
    let found: Vec<String> =
        paths("use a::{b, c::{d, e as f}, g::*, self};\nx::y::<z::w>::v();").into_iter().map(|n| n.path).collect();
    let some = ["a::b", "a::c::d", "a::c::e", "a::g::*", "a::self", "x::y", "z::w"];
    for path in some {
        assert!(found.iter().any(|f| f == path), "{path} in {found:?}");
    }
    assert_eq!(resolve("src/a/b.rs", "super::super::d::E"), "crate::d::E");
    assert_eq!(resolve("src/a/b.rs", "super::c"), "crate::a::c");
    assert_eq!(resolve("src/a.rs", "self::b"), "crate::a::b");
    assert_eq!(resolve("src/lib.rs", "self::b"), "crate::b");
}

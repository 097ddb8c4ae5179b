//! What is said about wrong configurations, word for word: each file in tests/diagnostics has what is expected beside it.
//!
//! `TASKMASTER_BLESS=1 cargo test --test diagnostics` writes down what is said now; the difference is then to be read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use taskmaster::config::diag::{Diagnostic, Level};
use taskmaster::config::{Objection, Parsed, Source, World, parse};

/// A world with one user, one group and one variable.
fn said(name: &str, text: &str) -> Vec<Diagnostic> {
    let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    let only = |known: &'static str, kind: &'static str| {
        move |name: &str| match name == known {
            true => Ok(()),
            false => Err(Objection::error(format!("no {kind} \"{name}\" (did you mean \"{known}\"?)"))),
        }
    };
    let (user, group) = (only("www-data", "user"), only("nobody", "group"));
    let world = World { user: &user, group: &group, ..World::with_env(&env) };
    match parse(&[Source::new(name, text)], &world) {
        Ok(Parsed { warnings, .. }) => warnings,
        Err(all) => all,
    }
}

fn files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e != "expected"));
    #[cfg(not(feature = "toml"))]
    files.retain(|path| path.extension().is_some_and(|e| e != "toml"));
    files.sort();
    files
}

#[test]
fn everything_is_told_as_it_is_written_down() {
    let mut seen = 0;
    for path in files() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let told: String = said(name, &fs::read_to_string(&path).unwrap()).iter().map(|d| d.in_full() + "\n").collect();
        let expected = path.with_file_name(format!("{name}.expected"));
        if std::env::var_os("TASKMASTER_BLESS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert!(told == expected, "{name} now says:\n{told}\ninstead of:\n{expected}");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} files in tests/diagnostics");
}

#[test]
fn every_finding_has_its_place_and_line() {
    for path in files() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let all = said(name, &text);
        assert!(all.iter().any(|d| d.level == Level::Error), "{name}");
        assert!(all.is_sorted_by_key(|d| (d.line, d.column)), "{name}");
        // A bomb has no single place.
        for finding in all.iter().filter(|_| !name.starts_with("bomb")) {
            // What is missing at the end of a file is missed behind its last line.
            if finding.line > Some(text.lines().count()) {
                continue;
            }
            let line = finding.line.unwrap_or_else(|| panic!("{finding}"));
            let excerpt = finding.excerpt.as_ref().unwrap_or_else(|| panic!("{finding}"));
            let marked: String = excerpt.text.chars().skip(excerpt.start).take(excerpt.width).collect();
            assert!(text.lines().nth(line - 1).unwrap().contains(marked.trim()), "{finding}: {marked}");
        }
    }
}

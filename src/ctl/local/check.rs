//! `check`: whether a configuration is good, told without a daemon.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::diag::{Diagnostic, Level};
use crate::config::print::{self, FromFiles};
use crate::ctl::exit::Exit;
use crate::ctl::show;
use crate::load::{self, Loaded};

use super::{Given, Local};

pub(super) const CHECK: Local = Local {
    name: "check",
    synopsis: "[--json] [--print] [FILE|DIRECTORY]",
    summary: "Say everything that is wrong with a configuration",
    help: "\
Reads it as taskmasterd would, files that it includes and names too, and starts nothing.
Without a FILE it looks for one as taskmasterd does. Each finding has its file, line and
column, the key, and the line itself with a marker. Exit status 0 if there are no errors,
warnings or not; 1 if there are. --print shows the configuration as it was understood, with
all files in one and only what differs from the defaults; values from files are left out.
",
    flags: &[("", "print", "")],
    daemon: false,
    words: 1,
    run,
};

fn run(given: &Given<'_>) -> Exit {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let binary = std::env::current_exe().ok();
    let path = match load::find(given.words.first().map(Path::new), &env, binary.as_deref()) {
        Ok(path) => path,
        Err(places) => {
            let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
            show::complain(&format!("check: no configuration found; name one. Looked at: {}", places.join(", ")));
            return Exit::Failed;
        }
    };
    let loaded = load::load(&path, &env);
    match &loaded {
        Ok(Loaded { config, .. }) if given.has("print") => {
            show::print(print::yaml(config, FromFiles::Hidden).as_bytes())
        }
        _ if given.json => as_json(&path, &loaded),
        _ => as_text(&path, &loaded),
    }
}

/// What is said about a configuration, whether it may be used or not.
fn findings(loaded: &Result<Loaded, Vec<Diagnostic>>) -> (&[Diagnostic], Exit) {
    match loaded {
        Ok(loaded) => (&loaded.warnings, Exit::Done),
        Err(findings) => (findings, Exit::Failed),
    }
}

fn as_text(path: &Path, loaded: &Result<Loaded, Vec<Diagnostic>>) -> Exit {
    let (findings, exit) = findings(loaded);
    let mut text: String = findings.iter().map(|finding| finding.in_full() + "\n").collect();
    text.push_str(&format!("{}: {}\n", path.display(), summary(findings, loaded.as_ref().ok())));
    exit.max(show::print(text.as_bytes()))
}

/// `ok, 2 programs, 5 processes`, `3 errors, 1 warning`.
fn summary(findings: &[Diagnostic], loaded: Option<&Loaded>) -> String {
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let number = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (number(Level::Error), number(Level::Warning));
    let warnings = if warnings == 0 { String::new() } else { format!(", {}", count(warnings, "warning")) };
    match loaded {
        None => format!("{}{warnings}", count(errors, "error")),
        Some(Loaded { config, .. }) => {
            let processes: usize = config.programs.values().map(|p| p.numbers().len()).sum();
            let what = format!("{}, {}", count(config.programs.len(), "program"), count(processes, "process"));
            format!("ok, {}{warnings}", what.replace("processs", "processes"))
        }
    }
}

fn as_json(path: &Path, loaded: &Result<Loaded, Vec<Diagnostic>>) -> Exit {
    let (findings, exit) = findings(loaded);
    let one = |finding: &Diagnostic| {
        json!({
            "level": match finding.level { Level::Error => "error", Level::Warning => "warning" },
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "key": finding.path,
            "text": finding.text,
            "source": finding.excerpt.as_ref().map(|excerpt| excerpt.text.as_str()),
        })
    };
    let findings: Vec<Value> = findings.iter().map(one).collect();
    let answer = json!({"configuration": path.to_string_lossy(), "ok": loaded.is_ok(), "findings": findings});
    exit.max(show::show_json(&answer.to_string()))
}

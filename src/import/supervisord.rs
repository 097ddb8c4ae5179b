//! A configuration of supervisord: which section becomes what, and in which order it is written.
//!
//! `scope` knows what texts may refer to, `values` what an option says, `server` what concerns the daemon, `program` the
//! programs.

use super::ini::{Document, Section};
use super::page::{Line, Page, Value};
use super::template::{format, literal, plain};
use super::{File, Outside, Problem};

mod names;
mod program;
mod scope;
mod server;
mod values;

use names::Names;
use scope::Common;

/// What the reader of the result has to know once.
const HEAD: &str = "\
Lines such as \"# serverurl=AUTO\" stood there and have no counterpart here. What is the same in words but not in \
deed: a stop signals the whole process group of a program, unless stopasgroup=false is written there; the time between \
two tries of a program that fails grows to 1, 2, 4 seconds and so on, not 1, 2, 3; a program without a directory \
runs in / if taskmasterd is in the background, not where that was started.";

/// Our configuration for one of supervisord.
///
/// # Errors
/// Supervisord would refuse it, or a file cannot be read.
pub(super) fn import(file: &File<'_>, outside: &Outside<'_>) -> Result<String, Problem> {
    let mut document = Document::default();
    document.read(file.name, file.dir, file.text)?;
    let included = include(&mut document, outside)?;
    let common = Common::new(&document, outside)?;
    let names = Names::new(&document, &common)?;
    let server = server::read(&document, &common)?;
    let mut page = Page::default();
    head(&mut page, file, &included);
    if !server.daemon.is_empty() {
        page.blank();
        page.line(0, "taskmasterd:");
        page.lines(1, &server.daemon);
    }
    page.blank();
    page.line(0, "defaults:");
    page.lines(1, &server.defaults);
    for section in document.sections.iter().filter(|section| !is_of_programs(&section.name)) {
        if !["supervisord", "unix_http_server", "include"].contains(&section.name.as_str()) {
            page.blank();
            left(&mut page, 0, section, server::why_left(&section.name));
        }
    }
    programs(&mut page, &document, &common, &names)?;
    Ok(page.finish())
}

fn head(page: &mut Page, file: &File<'_>, included: &[String]) {
    page.comment(0, &format!("From {}, by \"taskmasterctl import\".", file.name));
    for note in included {
        page.comment(0, note);
    }
    page.line(0, "#");
    page.comment(0, HEAD);
}

/// Whether a section stands among the programs.
fn is_of_programs(name: &str) -> bool {
    ["program:", "group:", "eventlistener:", "fcgi-program:"].iter().any(|kind| name.starts_with(kind))
}

/// Takes in the files that `[include]` names. Only that of the first file counts. Tells what there is to say about it.
fn include(document: &mut Document, outside: &Outside<'_>) -> Result<Vec<String>, Problem> {
    let Some(section) = document.get("include") else { return Ok(Vec::new()) };
    let Some(files) = section.get("files").cloned() else {
        return Err(document.problem(section.at, "[include] has no files"));
    };
    let here = document.dir(files.at).to_owned();
    let names = |name: &str| scope::outer(name, &here, outside);
    let text = format(&literal(&files.value), &names).map_err(|e| document.problem(files.at, format!("files {e}")))?;
    let text = plain(&text).unwrap_or_default();
    let mut notes = Vec::new();
    for pattern in text.split_whitespace() {
        let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{here}/{pattern}") };
        let found = (outside.files)(&pattern);
        if found.is_empty() {
            notes.push(format!("It includes {pattern}, which no file matches."));
        }
        for file in found {
            let text = file.text.map_err(|e| document.problem(files.at, format!("files: {} {e}", file.path)))?;
            let dir = file.path.rsplit_once('/').map_or("", |(dir, _)| dir);
            document.read(&file.path, dir, &text)?;
            notes.push(format!("It includes {}.", file.path));
        }
    }
    Ok(notes)
}

fn programs(page: &mut Page, document: &Document, common: &Common<'_>, names: &Names) -> Result<(), Problem> {
    page.blank();
    let is_program = |section: &&Section| section.name.starts_with("program:");
    let any = document.sections.iter().any(|section| is_program(&section));
    page.line(0, if any { "programs:" } else { "programs: {}" });
    let mut first = true;
    for section in document.sections.iter().filter(|section| is_of_programs(&section.name)) {
        let mut above = |page: &mut Page| {
            if !std::mem::take(&mut first) {
                page.blank();
            }
        };
        if is_program(&section) {
            let lines = program::read(document, section, common, names)?;
            above(page);
            page.line(1, &format!("{}:", crate::base::yaml_text::scalar(&lines.name)));
            page.lines(2, &lines.lines);
        } else if section.name.starts_with("group:") {
            let rest: Vec<_> = section.entries.iter().filter(|e| e.key != "programs" && e.key != "priority").collect();
            if !rest.is_empty() {
                above(page);
                page.comment(1, &format!("[{}]", section.name));
                rest.iter().for_each(|entry| page.left(1, &entry.key, &entry.value, ""));
            }
        } else {
            above(page);
            left(page, 1, section, server::why_left(&section.name));
        }
    }
    Ok(())
}

/// A section that has no counterpart.
fn left(page: &mut Page, depth: usize, section: &Section, why: &str) {
    page.comment(depth, &format!("[{}]: {why}", section.name));
    for entry in &section.entries {
        let secret = entry.key == "password";
        page.left(depth, &entry.key, if secret { "…" } else { &entry.value }, "");
    }
}

/// A number, a truth value, a word.
fn bare(key: &'static str, value: impl ToString) -> Line {
    Line::key(key, Value::Bare(value.to_string()))
}

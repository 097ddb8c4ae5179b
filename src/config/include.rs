//! `include`: which other files a file wants taken in. Their names are found here; the files are found and read by who
//! loads the configuration.

use crate::base::tree::{Node, Value};

use super::diag::{Diagnostic, Level, Place, Report, Source};
use super::expand;
use super::parse::{ROOTS, Root, tree};
use super::section::Section;
use super::values::{self, Read};

/// One file or pattern of files that a file includes.
#[derive(Clone, Debug)]
pub struct Include {
    /// Its path or pattern, made absolute by the directory of the file that includes it.
    pub path: String,
    /// Where that stands, as the beginning of what may be said about it.
    place: Diagnostic,
}

impl Include {
    /// An error about it.
    #[must_use]
    pub fn error(&self, text: String) -> Diagnostic {
        Diagnostic { text, ..self.place.clone() }
    }

    /// A warning about it.
    #[must_use]
    pub fn warning(&self, text: String) -> Diagnostic {
        Diagnostic { level: Level::Warning, ..self.error(text) }
    }
}

/// What a file includes, in its order. What is wrong with it is told when the configuration is parsed.
#[must_use]
pub fn includes(source: &Source, env: &dyn Fn(&str) -> Option<String>) -> Vec<Include> {
    // Few files include others; those that do are small.
    if !source.text.contains("include") {
        return Vec::new();
    }
    let Ok(tree) = tree(source) else { return Vec::new() };
    let sources = std::slice::from_ref(source);
    let mut report = Report::new(sources);
    let place = Place { source: 0, at: None };
    let mut section = Section::new("", place);
    section.add(&tree, place, &ROOTS, &mut report);
    let Some(found) = section.get(Root::Include) else { return Vec::new() };
    let paths = read(&found.entry.value, &source.dir, env).unwrap_or_default();
    let place = report.diagnostic(Level::Error, found.place, "include".to_owned(), String::new());
    paths.into_iter().map(|path| Include { path: source.resolve(&path), place: place.clone() }).collect()
}

/// The paths and patterns that the value of `include` names, filled in.
pub(super) fn read(node: &Node<'_>, here: &str, env: &dyn Fn(&str) -> Option<String>) -> Read<Vec<String>> {
    let one = |node: &Node<'_>| values::path(node).and_then(|path| expand::of_daemon(&path, here, env));
    match &node.value {
        Value::Null => Ok(Vec::new()),
        Value::Scalar(_, _) => one(node).map(|path| vec![path]),
        Value::Seq(items) => {
            let item = |(i, node)| one(node).map_err(|problem| format!("item {}: {problem}", i + 1));
            items.iter().enumerate().map(item).collect()
        }
        Value::Map(_) => Err("is a map, not a path or a list of paths".to_owned()),
    }
}

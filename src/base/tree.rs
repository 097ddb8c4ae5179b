//! What a configuration text says, whatever its format: values with their places, and the limits that hold for all.
//!
//! A scalar keeps the text that stands in the file beside what the format takes it for, so that `1.10`, `022` and
//! `0o22` can be judged by what was written. Keys keep their order and, where the format lets them stand, their
//! duplicates. Nothing is read here; each format has its own file that makes such a tree.

use std::borrow::Cow;
use std::fmt;

/// The longest text, in bytes.
pub const TEXT_BYTES: usize = 1 << 20;
/// How deep lists and maps may stand in each other.
pub const DEPTH: usize = 64;
/// The most values in a text, repetitions by aliases counted.
pub const NODES: usize = 250_000;

/// Line and column of a byte, counted from 1; of the character that it is in, or the end of the text.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = (0..=at.min(text.len())).rev().find_map(|at| text.get(..at)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.bytes().filter(|b| *b == b'\n').count() + 1, line.chars().count() + 1)
}

/// A value of the text `'t`.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'t> {
    /// What it is.
    pub value: Value<'t>,
    /// The byte of the text at which it stands, where that is known: for most scalars.
    pub at: Option<usize>,
}

/// The kinds of value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'t> {
    /// `null`, `~`, or nothing.
    Null,
    /// A single value: what YAML takes it for, and its text without quotes.
    Scalar(Scalar, Cow<'t, str>),
    /// A list.
    Seq(Vec<Node<'t>>),
    /// A map in the order of the text, duplicates included.
    Map(Vec<Entry<'t>>),
}

/// What the format takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `true`, `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a point or an exponent.
    Float,
    /// Anything else, and everything in quotes.
    Text,
}

/// One key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'t> {
    /// The key's text, whatever kind of scalar it is.
    pub key: Cow<'t, str>,
    /// The byte of the text at which the key stands, where that is known.
    pub at: Option<usize>,
    /// The value.
    pub value: Node<'t>,
}

impl Value<'_> {
    /// What it is, for messages: `a list`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Scalar(Scalar::Bool, _) => "true or false",
            Value::Scalar(Scalar::Int | Scalar::Float, _) => "a number",
            Value::Scalar(Scalar::Text, _) => "a text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeError {
    /// Line and column, counted from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub text: String,
}

impl TreeError {
    /// An error about the whole text.
    #[must_use]
    pub(super) fn whole(text: impl Into<String>) -> TreeError {
        TreeError { place: None, text: text.into() }
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is said of a text that is longer than [`TEXT_BYTES`], as the end of a sentence about it.
#[must_use]
pub fn too_large() -> String {
    format!("is larger than {} MiB", TEXT_BYTES >> 20)
}

/// What is said of a text that goes deeper than [`DEPTH`].
pub(super) fn too_deep() -> String {
    format!("lists and maps stand in each other more than {DEPTH} deep")
}

/// What is said of a text with more than [`NODES`] values.
pub(super) fn too_many() -> String {
    format!("has more than {NODES} values (aliases count as often as they are used)")
}

#[cfg(test)]
/// The tree in one line: `null`, `int:5`, `"text"`, `[..]`, `{key: ..}`.
pub(super) fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Scalar(Scalar::Text, text) => format!("{text:?}"),
        Value::Scalar(kind, text) => format!("{}:{text}", format!("{kind:?}").to_lowercase()),
        Value::Seq(items) => {
            format!("[{}]", items.iter().map(|i| shown(&i.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|e| format!("{}: {}", e.key, shown(&e.value.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

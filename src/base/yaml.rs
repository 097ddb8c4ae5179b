//! YAML text to a tree of its own kind, with hard limits. The only file that names the YAML parser behind it.
//!
//! A scalar keeps the text that stands in the file beside what YAML takes it for, so that `1.10`, `022` and `0o22`
//! can be judged by what was written. Keys keep their order and their duplicates, and everything keeps its place in
//! the text where the parser gives one. Nothing is written here, and no file is opened.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest text, in bytes.
pub const TEXT_BYTES: usize = 1 << 20;
/// How deep lists and maps may stand in each other.
pub const DEPTH: usize = 64;
/// The most values in a text, repetitions by aliases counted.
pub const NODES: usize = 250_000;

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

/// What YAML takes a scalar for.
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
pub struct YamlError {
    /// Line and column, counted from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub text: String,
}

impl YamlError {
    fn whole(text: impl Into<String>) -> YamlError {
        YamlError { place: None, text: text.into() }
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads one YAML document. An empty text is an empty map.
///
/// # Errors
/// The text is no YAML, breaks one of the limits, or uses what is refused: tags, several documents, keys that are
/// lists or maps.
pub fn parse(text: &str) -> Result<Node<'_>, YamlError> {
    if text.len() > TEXT_BYTES {
        return Err(YamlError::whole(too_large()));
    }
    if is_too_deep(text) {
        return Err(YamlError::whole(too_deep()));
    }
    let budget = Cell::new(NODES);
    let origin = Origin { text, budget: &budget };
    let read = Read { origin: &origin, depth: DEPTH };
    let mut root = read.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(explain)?;
    if has_numbers(&root.value) {
        // The parser tells either the kind of a scalar or its text; the second reading asks for the texts.
        Fill { origin: &origin, node: &mut root }
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(explain)?;
    }
    if root.value == Value::Null {
        root.value = Value::Map(Vec::new());
    }
    Ok(root)
}

/// What is said of a text that is longer than [`TEXT_BYTES`], as the end of a sentence about it.
#[must_use]
pub fn too_large() -> String {
    format!("is larger than {} MiB", TEXT_BYTES >> 20)
}

fn too_deep() -> String {
    format!("lists and maps stand in each other more than {DEPTH} deep")
}

fn too_many() -> String {
    format!("has more than {NODES} values (aliases count as often as they are used)")
}

const TAGGED: &str = "tags (\"!name\") are not supported";
const ODD_KEY: &str = "a key must be a single value, not a list or a map";

/// A first look that spares the parser texts whose nesting alone would keep it busy: it reads to the end before it
/// hands anything over. Brackets in quotes and comments are counted too, hence the distance from [`DEPTH`].
fn is_too_deep(text: &str) -> bool {
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 16 * DEPTH {
            return true;
        }
    }
    text.lines().any(|line| line.split_ascii_whitespace().take_while(|w| matches!(*w, "-" | "?")).count() > DEPTH)
}

fn explain(error: serde_yaml::Error) -> YamlError {
    let place = error.location().map(|l| (l.line(), l.column()));
    let text = error.to_string();
    // Refusals of this file come back with the parser's own path in front; its other messages with their place behind.
    let own = [too_deep(), too_many(), TAGGED.to_owned(), ODD_KEY.to_owned()];
    if let Some(text) = own.into_iter().find(|own| text.contains(own)) {
        return YamlError { place, text };
    }
    if text.contains("more than one document") {
        return YamlError { place, text: "has more than one document (\"---\")".to_owned() };
    }
    if text.contains("repetition limit exceeded") {
        return YamlError { place, text: too_many() };
    }
    let end = text.find(" at line ").unwrap_or(text.len());
    let reason = text.get(..end).unwrap_or(&text);
    YamlError { place, text: format!("is not valid YAML: {reason}") }
}

fn has_numbers(value: &Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Scalar(kind, _) => *kind != Scalar::Text,
        Value::Seq(items) => items.iter().any(|item| has_numbers(&item.value)),
        Value::Map(entries) => entries.iter().any(|entry| has_numbers(&entry.value.value)),
    }
}

/// The text that is read, and how many values may still come.
struct Origin<'t, 'b> {
    text: &'t str,
    budget: &'b Cell<usize>,
}

impl<'t> Origin<'t, '_> {
    /// Where a part of the text stands in it, its opening quote included.
    fn place(&self, part: &'t str) -> Option<usize> {
        let at = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let quoted = at.checked_sub(1).filter(|i| matches!(self.text.as_bytes().get(*i), Some(b'"' | b'\'')));
        (at <= self.text.len()).then_some(quoted.unwrap_or(at))
    }

    fn spend<E: serde::de::Error>(&self) -> Result<(), E> {
        self.budget.set(self.budget.get().checked_sub(1).ok_or_else(|| E::custom(too_many()))?);
        Ok(())
    }
}

/// The first reading: everything but the text of what is not a string.
#[derive(Clone, Copy)]
struct Read<'o, 't, 'b> {
    origin: &'o Origin<'t, 'b>,
    depth: usize,
}

impl Read<'_, '_, '_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(too_deep()))?;
        Ok(Read { depth, ..self })
    }
}

fn number<'t, E>(kind: Scalar) -> Result<Node<'t>, E> {
    Ok(Node { value: Value::Scalar(kind, Cow::Borrowed("")), at: None })
}

impl<'t> DeserializeSeed<'t> for Read<'_, 't, '_> {
    type Value = Node<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'t>, D::Error> {
        self.origin.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Read<'_, 't, '_> {
    type Value = Node<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node<'t>, E> {
        Ok(Node { value: Value::Null, at: None })
    }

    fn visit_none<E>(self) -> Result<Node<'t>, E> {
        Ok(Node { value: Value::Null, at: None })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'t>, E> {
        number(Scalar::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'t>, E> {
        number(Scalar::Int)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node<'t>, E> {
        number(Scalar::Int)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'t>, E> {
        number(Scalar::Int)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node<'t>, E> {
        number(Scalar::Int)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'t>, E> {
        number(Scalar::Float)
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Node<'t>, E> {
        Ok(Node { value: Value::Scalar(Scalar::Text, Cow::Borrowed(text)), at: self.origin.place(text) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'t>, E> {
        Ok(Node { value: Value::Scalar(Scalar::Text, Cow::Owned(text.to_owned())), at: None })
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Node<'t>, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Node { at: items.first().and_then(|item| item.at), value: Value::Seq(items) })
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Node<'t>, A::Error> {
        let inner = self.inner()?;
        let mut entries: Vec<Entry<'t>> = Vec::new();
        while let Some((key, at)) = map.next_key_seed(Key { origin: self.origin })? {
            entries.push(Entry { key, at, value: map.next_value_seed(inner)? });
        }
        Ok(Node { at: entries.first().and_then(|entry| entry.at), value: Value::Map(entries) })
    }

    fn visit_enum<A: EnumAccess<'t>>(self, _: A) -> Result<Node<'t>, A::Error> {
        Err(A::Error::custom(TAGGED))
    }
}

/// Reads a scalar's text and where it stands.
struct Key<'o, 't, 'b> {
    origin: &'o Origin<'t, 'b>,
}

impl<'t> DeserializeSeed<'t> for Key<'_, 't, '_> {
    type Value = (Cow<'t, str>, Option<usize>);

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Key<'_, 't, '_> {
    type Value = (Cow<'t, str>, Option<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ODD_KEY)
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Self::Value, E> {
        Ok((Cow::Borrowed(text), self.origin.place(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((Cow::Owned(text.to_owned()), None))
    }
}

/// The second reading: walks the same text along the tree and puts in the texts that are missing.
struct Fill<'o, 'n, 't, 'b> {
    origin: &'o Origin<'t, 'b>,
    node: &'n mut Node<'t>,
}

impl<'t> DeserializeSeed<'t> for Fill<'_, '_, 't, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        match &mut self.node.value {
            Value::Null | Value::Scalar(Scalar::Text, _) => {
                deserializer.deserialize_ignored_any(IgnoredAny)?;
            }
            Value::Scalar(Scalar::Bool | Scalar::Int | Scalar::Float, text) => {
                (*text, self.node.at) = Key { origin: self.origin }.deserialize(deserializer)?;
            }
            Value::Seq(_) => deserializer.deserialize_seq(self)?,
            Value::Map(_) => deserializer.deserialize_map(self)?,
        }
        Ok(())
    }
}

impl<'t> Visitor<'t> for Fill<'_, '_, 't, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same text as before")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<(), A::Error> {
        let items: &mut [Node<'t>] = if let Value::Seq(items) = &mut self.node.value { items } else { &mut [] };
        for node in &mut *items {
            seq.next_element_seed(Fill { origin: self.origin, node })?;
        }
        let first = items.first().and_then(|item| item.at);
        self.node.at = self.node.at.or(first);
        Ok(())
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let entries: &mut [Entry<'t>] = if let Value::Map(entries) = &mut self.node.value { entries } else { &mut [] };
        for entry in entries {
            map.next_key::<IgnoredAny>()?;
            map.next_value_seed(Fill { origin: self.origin, node: &mut entry.value })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

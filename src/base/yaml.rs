//! YAML text to a [tree](super::tree), with hard limits. The only file that names the YAML parser behind it.
//!
//! Keys keep their duplicates, and keys and texts their place: the parser hands out parts of the file's text where it
//! can, and the address of a part tells its place. Nothing is written here, and no file is opened.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tree::{
    DEPTH, Entry, NODES, Node, Scalar, TEXT_BYTES, TreeError, Value, line_and_column, too_deep, too_large, too_many,
};

/// Reads one YAML document. An empty text is an empty map.
///
/// # Errors
/// The text is no YAML, breaks one of the limits, or uses what is refused: tags, several documents, keys that are
/// lists or maps.
pub fn parse(text: &str) -> Result<Node<'_>, TreeError> {
    if text.len() > TEXT_BYTES {
        return Err(TreeError::whole(too_large()));
    }
    if is_too_deep(text) {
        return Err(TreeError::whole(too_deep()));
    }
    let origin = Origin { text, budget: Cell::new(NODES), guessed: Cell::new(false), lost: Cell::new(false) };
    let read = Read { origin: &origin, depth: DEPTH };
    let mut root = read.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| explain(text, &error))?;
    if origin.lost.get() || (origin.guessed.get() && has_odd_spellings(text)) {
        // The parser tells either the kind of a scalar or its text; the second reading asks for the texts.
        Fill { origin: &origin, node: &mut root }
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| explain(text, &error))?;
    }
    if root.value == Value::Null {
        root.value = Value::Map(Vec::new());
    }
    Ok(root)
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

fn explain(text: &str, error: &serde_yaml::Error) -> TreeError {
    // The parser has more kinds of line ends than an editor, and one behind every text.
    let at = |index| line_and_column(text, index);
    let index = error.location().map(|location| location.index());
    let place = index.map(at);
    let first = index.and_then(|index| text.get(index..)?.chars().next());
    let text = error.to_string();
    // A character that YAML does not allow comes with its place in the message alone.
    let (reason, index) = text.rsplit_once(" at position ").unwrap_or((&text, ""));
    let (text, place) = index.parse().map_or((text.as_str(), place), |index| (reason, Some(at(index))));
    // Refusals of this file come back with the parser's own path in front; its other messages with their place behind.
    let own = [too_deep(), too_many(), TAGGED.to_owned(), ODD_KEY.to_owned()];
    if let Some(text) = own.into_iter().find(|own| text.contains(own)) {
        return TreeError { place, text };
    }
    if text.contains("more than one document") {
        return TreeError { place, text: "has more than one document (\"---\")".to_owned() };
    }
    if text.contains("repetition limit exceeded") {
        return TreeError { place, text: too_many() };
    }
    let end = text.find(" at line ").unwrap_or(text.len());
    let reason = text.get(..end).unwrap_or(text);
    let remedy = match first {
        Some(sign @ ('@' | '%' | '`')) if reason.contains("cannot start any token") => {
            format!(" (a text that begins with {sign} must be in quotes)")
        }
        Some(_) | None => String::new(),
    };
    TreeError { place, text: format!("is not valid YAML: {reason}{remedy}") }
}

/// Whether a number or a truth value of this text may be spelled in another way than the one that is guessed for it: in
/// another base, with a sign that says nothing, with capitals. Other texts may look like that, too; that costs no more
/// than a second reading.
fn has_odd_spellings(text: &str) -> bool {
    let bytes = text.as_bytes();
    let odd = |(i, byte): (usize, &u8)| {
        let next = bytes.get(i + 1).copied().unwrap_or_default();
        match byte {
            b'0' => matches!(next, b'x' | b'o' | b'b' | b'X' | b'O' | b'B'),
            b'+' => next.is_ascii_digit(),
            b'-' => next == b'0',
            b'T' => matches!(next, b'r' | b'R'),
            b'F' => matches!(next, b'a' | b'A'),
            _ => false,
        }
    };
    bytes.iter().enumerate().any(odd)
}

/// The text that is read, and what the first reading finds out about it.
struct Origin<'t> {
    text: &'t str,
    /// How many values may still come.
    budget: Cell<usize>,
    /// Whether the text of a scalar was guessed from its value.
    guessed: Cell<bool>,
    /// Whether the text of a scalar cannot be guessed from its value.
    lost: Cell<bool>,
}

impl<'t> Origin<'t> {
    /// Where a part of the text stands in it, its opening quote included.
    fn place(&self, part: &'t str) -> Option<usize> {
        let at = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let quoted = at.checked_sub(1).filter(|i| matches!(self.text.as_bytes().get(*i), Some(b'"' | b'\'')));
        (at <= self.text.len()).then_some(quoted.unwrap_or(at))
    }

    /// Where the text of a key stands that the parser had to put together, such as `"a\tb"`: the first thing in quotes that
    /// reads the same. Keys of that kind are rare.
    fn search(&self, key: &str) -> Option<usize> {
        const TRIES: usize = 1000;
        let quotes = self.text.match_indices(['"', '\'']).take(TRIES);
        let reads_the_same = |(at, quote): (usize, &str)| {
            let rest = self.text.get(at + 1..)?;
            let mut escaped = false;
            let end = rest.char_indices().find(|(_, c)| {
                let ends = !escaped && c.to_string() == quote;
                escaped = !escaped && *c == '\\' && quote == "\"";
                ends
            });
            let scalar = self.text.get(at..at + end?.0 + 2)?;
            let read = String::deserialize(serde_yaml::Deserializer::from_str(scalar));
            read.is_ok_and(|text| text == key).then_some(at)
        };
        quotes.into_iter().find_map(reads_the_same)
    }

    fn spend<E: serde::de::Error>(&self) -> Result<(), E> {
        self.budget.set(self.budget.get().checked_sub(1).ok_or_else(|| E::custom(too_many()))?);
        Ok(())
    }
}

/// The first reading: everything, and for what is not a string the text that its value has as a rule.
#[derive(Clone, Copy)]
struct Read<'o, 't> {
    origin: &'o Origin<'t>,
    depth: usize,
}

impl<'t> Read<'_, 't> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(too_deep()))?;
        Ok(Read { depth, ..self })
    }

    fn guess<E>(self, kind: Scalar, text: impl Into<Cow<'t, str>>) -> Result<Node<'t>, E> {
        self.origin.guessed.set(true);
        Ok(Node { value: Value::Scalar(kind, text.into()), at: None })
    }
}

impl<'t> DeserializeSeed<'t> for Read<'_, 't> {
    type Value = Node<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'t>, D::Error> {
        self.origin.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Read<'_, 't> {
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

    fn visit_bool<E>(self, is: bool) -> Result<Node<'t>, E> {
        self.guess(Scalar::Bool, if is { "true" } else { "false" })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'t>, E> {
        self.guess(Scalar::Int, number.to_string())
    }

    fn visit_i128<E>(self, number: i128) -> Result<Node<'t>, E> {
        self.guess(Scalar::Int, number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'t>, E> {
        self.guess(Scalar::Int, number.to_string())
    }

    fn visit_u128<E>(self, number: u128) -> Result<Node<'t>, E> {
        self.guess(Scalar::Int, number.to_string())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'t>, E> {
        self.origin.lost.set(true);
        Ok(Node { value: Value::Scalar(Scalar::Float, Cow::Borrowed("")), at: None })
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
struct Key<'o, 't> {
    origin: &'o Origin<'t>,
}

impl<'t> DeserializeSeed<'t> for Key<'_, 't> {
    type Value = (Cow<'t, str>, Option<usize>);

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Key<'_, 't> {
    type Value = (Cow<'t, str>, Option<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ODD_KEY)
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Self::Value, E> {
        Ok((Cow::Borrowed(text), self.origin.place(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((Cow::Owned(text.to_owned()), self.origin.search(text)))
    }
}

/// The second reading: walks the same text along the tree and puts in the texts that were guessed or lost.
struct Fill<'o, 'n, 't> {
    origin: &'o Origin<'t>,
    node: &'n mut Node<'t>,
}

impl<'t> DeserializeSeed<'t> for Fill<'_, '_, 't> {
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

impl<'t> Visitor<'t> for Fill<'_, '_, 't> {
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

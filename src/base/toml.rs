//! TOML text to a [tree](super::tree), with the same limits as for YAML. The only file that names the TOML parser.
//!
//! A scalar keeps the text that stands in the file: `0o22` stays `0o22`. Tables and keys come in the order of the text.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::tree::{
    DEPTH, Entry, NODES, Node, Scalar, TEXT_BYTES, TreeError, Value, line_and_column, too_deep, too_large, too_many,
};

/// The most mistakes that are told of one text: what follows the first ones is mostly their consequence.
const MISTAKES: usize = 20;

/// Reads a TOML document. An empty text is an empty map.
///
/// # Errors
/// Every place at which the text is no TOML, or the limit that it breaks. Never empty.
pub fn parse(text: &str) -> Result<Node<'_>, Vec<TreeError>> {
    if text.len() > TEXT_BYTES {
        return Err(vec![TreeError::whole(too_large())]);
    }
    let (table, mut mistakes) = DeTable::parse_recoverable(text);
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|mistake| mistake.span().map(|span| span.start));
        let mut told: Vec<TreeError> = mistakes.iter().take(MISTAKES).map(|mistake| explain(text, mistake)).collect();
        // What follows in a line is mostly a consequence of the first mistake in it.
        told.dedup_by_key(|mistake| mistake.place.map(|(line, _)| line));
        return Err(told);
    }
    let mut walk = Walk { text, budget: NODES };
    let value = walk.table(table.into_inner(), DEPTH).map_err(|error| vec![error])?;
    Ok(Node { value, at: None })
}

fn explain(text: &str, mistake: &toml::de::Error) -> TreeError {
    let what = mistake.message();
    let remedy = if what.contains("leading zero") { "; put octal digits in quotes, or write 0o22" } else { "" };
    let place = mistake.span().map(|span| line_and_column(text, span.start));
    TreeError { place, text: format!("is not valid TOML: {what}{remedy}") }
}

/// The way from the parser's tree to ours.
struct Walk<'t> {
    text: &'t str,
    /// How many values may still come.
    budget: usize,
}

impl<'t> Walk<'t> {
    fn value(&mut self, value: Spanned<DeValue<'t>>, depth: usize) -> Result<Node<'t>, TreeError> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| TreeError::whole(too_many()))?;
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Scalar(Scalar::Text, text),
            DeValue::Boolean(_) => Value::Scalar(Scalar::Bool, self.written(&span)),
            DeValue::Integer(_) => Value::Scalar(Scalar::Int, self.written(&span)),
            DeValue::Float(_) => Value::Scalar(Scalar::Float, self.written(&span)),
            DeValue::Datetime(_) => Value::Scalar(Scalar::Text, self.written(&span)),
            DeValue::Array(items) => {
                let depth = below(depth)?;
                Value::Seq(items.into_iter().map(|item| self.value(item, depth)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table, depth)?,
        };
        Ok(Node { value, at: Some(span.start) })
    }

    fn table(&mut self, table: DeTable<'t>, depth: usize) -> Result<Value<'t>, TreeError> {
        let depth = below(depth)?;
        let mut pairs: Vec<(Spanned<DeString<'t>>, Spanned<DeValue<'t>>)> = table.into_iter().collect();
        // The parser sorts them by name.
        pairs.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let at = Some(key.span().start);
            entries.push(Entry { key: key.into_inner(), at, value: self.value(value, depth)? });
        }
        Ok(Value::Map(entries))
    }

    /// A number or a date as it was written, but for what only sets its digits apart.
    fn written(&self, span: &Range<usize>) -> Cow<'t, str> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        if text.contains('_') { text.replace('_', "").into() } else { text.into() }
    }
}

fn below(depth: usize) -> Result<usize, TreeError> {
    depth.checked_sub(1).ok_or_else(|| TreeError::whole(too_deep()))
}

#[cfg(test)]
mod tests;

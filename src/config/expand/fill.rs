//! The syntax of what is filled in: finds `${…}`, `$$`, `%(…)s` in a text and asks a [`Lookup`] for the values. Knows no
//! name itself.

use crate::base::text::{cut, quoted};

/// The longest text, in bytes: the kernel takes no longer argument or variable.
pub(super) const TEXT_BYTES: usize = 128 << 10;
/// Through how many variables and defaults one may refer to another.
pub(super) const CHAIN: usize = 32;
/// The widest number.
const WIDEST: usize = 20;

/// Why a text was not filled in.
pub(super) enum Refusal {
    /// What is wrong, as the end of a sentence about the text.
    Because(String),
    /// It refers to something whose error has been noted.
    Known,
}

pub(super) fn because<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Because(text.into()))
}

/// Where values come from.
pub(super) trait Lookup {
    /// The value of `${name}`; `None` if there is none. `chain` is how far it may refer to others.
    fn variable(&mut self, name: &str, chain: usize) -> Result<Option<String>, Refusal>;

    /// What is said of a `${name}` that has no value.
    fn unknown(&self, name: &str) -> String;

    /// The value of `%(name)s`.
    fn named(&mut self, name: &str) -> Result<String, Refusal>;
}

/// Whether there may be something to fill in.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains('$') || text.contains("%(")
}

/// The template that is this text once it is filled in.
pub(crate) fn as_template(text: &str) -> String {
    let text = text.replace('$', "$$");
    if text.contains("%(") { text.replace('%', "%%") } else { text }
}

/// The text with everything filled in. What was filled in is not looked at again.
pub(super) fn fill(text: &str, chain: usize, lookup: &mut dyn Lookup) -> Result<String, Refusal> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    let per_cent = text.contains("%(");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sign)) = rest.find(['$', '%']).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        rest = if let Some(rest) = sign.strip_prefix("$$") {
            out.push('$');
            rest
        } else if let Some(rest) = sign.strip_prefix("${") {
            let Some((inside, rest)) = closed(rest) else {
                return because("has a ${ without its }; $$ is a dollar sign");
            };
            out.push_str(&braced(inside, chain, lookup)?);
            rest
        } else if let Some(rest) = sign.strip_prefix("%%").filter(|_| per_cent) {
            out.push('%');
            rest
        } else if let Some(rest) = sign.strip_prefix("%(").filter(|_| per_cent) {
            conversion(rest, &mut out, lookup)?
        } else {
            let (sign, rest) = sign.split_at_checked(1).unwrap_or((sign, ""));
            out.push_str(sign);
            rest
        };
        if out.len() > TEXT_BYTES {
            break;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Splits at the `}` that closes, past those of `${…}` within.
fn closed(text: &str) -> Option<(&str, &str)> {
    let (mut open, mut from) = (0usize, 0);
    loop {
        let at = from + text.get(from..)?.find(['$', '}'])?;
        let here = text.get(at..)?;
        if here.starts_with("$$") {
            from = at + 2;
        } else if here.starts_with("${") {
            open += 1;
            from = at + 2;
        } else if here.starts_with('$') {
            from = at + 1;
        } else if open == 0 {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        } else {
            open -= 1;
            from = at + 1;
        }
    }
}

/// What stands in the braces: `name` or `name:-default`. As in a shell, the default is for a variable that is not there
/// or is empty, and is filled in itself.
fn braced(inside: &str, chain: usize, lookup: &mut dyn Lookup) -> Result<String, Refusal> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if name.is_empty() {
        return because("has an empty ${}; $$ is a dollar sign");
    }
    let value = lookup.variable(name, chain)?;
    match (value, default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => match chain.checked_sub(1) {
            Some(chain) => fill(default, chain, lookup),
            None => because(format!("has defaults in defaults, more than {CHAIN} deep")),
        },
        (None, None) => because(lookup.unknown(name)),
    }
}

/// What stands behind `%(`: a name, `)`, and `s` or `d` with an optional width. Gives the rest of the text.
fn conversion<'t>(text: &'t str, out: &mut String, lookup: &mut dyn Lookup) -> Result<&'t str, Refusal> {
    const HELP: &str = "has a %( that is not completed as in %(process_num)02d; %%( stays %(";
    let Some((name, rest)) = text.split_once(')') else { return because(HELP) };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let Some((width, rest)) = rest.split_at_checked(digits) else { return because(HELP) };
    let wanted = width.trim_start_matches('0');
    let cells = if wanted.is_empty() { 0 } else { wanted.parse().unwrap_or(usize::MAX) };
    let value = lookup.named(name)?;
    let rest_behind = rest.get(1..).unwrap_or_default();
    match rest.chars().next() {
        _ if cells > WIDEST => because(format!("%({}){}: wider than {WIDEST}", cut(name), cut(width))),
        Some('s') => {
            out.push_str(&format!("{value:>cells$}"));
            Ok(rest_behind)
        }
        Some('d') => {
            let Ok(number) = value.parse::<u64>() else {
                return because(format!("%({name})d: {} is not a number; use %({name})s", quoted(&value)));
            };
            let text = if width.starts_with('0') { format!("{number:0cells$}") } else { format!("{number:cells$}") };
            out.push_str(&text);
            Ok(rest_behind)
        }
        Some(_) | None => because(HELP),
    }
}

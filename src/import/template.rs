//! Texts with something to fill in: Python's `%(name)s` in, ours out. Knows the two syntaxes; what a name stands for it
//! asks.

use crate::base::text::quoted;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Itself.
    Char(char),
    /// What our configuration fills in, as it is written there: `%(process_num)02d`, `${A}`.
    Filled(String),
}

pub(super) type Text = Vec<Piece>;

/// The text with nothing to fill in.
pub(super) fn literal(text: &str) -> Text {
    text.chars().map(Piece::Char).collect()
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A text that our configuration knows by the same name.
    Same,
    /// The same for a number.
    SameNumber,
    /// This text.
    Text(Text),
}

/// What stands between `)` and the letter, and the letter.
struct Conversion {
    flags: String,
    letter: char,
}

/// Takes apart what Python's `%` operator fills in. Parts that are filled in already stay.
///
/// # Errors
/// Python would refuse it, or our configuration cannot say it; as the end of a sentence about the text.
pub(super) fn format(text: &[Piece], known: &dyn Fn(&str) -> Result<Known, String>) -> Result<Text, String> {
    let mut out = Text::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(piece) = rest.next() {
        if *piece != Piece::Char('%') {
            out.push(piece.clone());
            continue;
        }
        match rest.next() {
            Some(Piece::Char('%')) => out.push(Piece::Char('%')),
            Some(Piece::Char('(')) => {
                let name = name(&mut rest)?;
                let conversion = conversion(&name, &mut rest)?;
                let value = known(&name)?;
                out.extend(filled(&name, &conversion, value)?);
            }
            Some(_) | None => {
                return Err("has a % that is not doubled and begins no %(name)s; supervisord refuses it".to_owned());
            }
        }
    }
    Ok(out)
}

fn name(rest: &mut std::slice::Iter<'_, Piece>) -> Result<String, String> {
    let mut name = String::new();
    let mut open = 0usize;
    for piece in rest {
        match piece {
            Piece::Char(')') if open == 0 => return Ok(name),
            Piece::Char(c) => {
                open = match c {
                    '(' => open + 1,
                    ')' => open - 1,
                    _ => open,
                };
                name.push(*c);
            }
            Piece::Filled(_) => break,
        }
    }
    Err("has a %( without its )".to_owned())
}

fn conversion(name: &str, rest: &mut std::slice::Iter<'_, Piece>) -> Result<Conversion, String> {
    let mut flags = String::new();
    for piece in rest {
        match piece {
            Piece::Char(c) if "#0- +.123456789hlL".contains(*c) => flags.push(*c),
            Piece::Char(letter) => return Ok(Conversion { flags, letter: *letter }),
            Piece::Filled(_) => break,
        }
    }
    Err(format!("has %({name}) without the letter that ends it, as in %({name})s"))
}

fn filled(name: &str, conversion: &Conversion, value: Known) -> Result<Text, String> {
    let Conversion { flags, letter } = conversion;
    let written = format!("%({name}){flags}{letter}");
    let is_number = value == Known::SameNumber;
    let letter = match letter {
        's' => 's',
        'd' | 'i' | 'u' if is_number => 'd',
        _ => return Err(format!("has {written}, which taskmaster cannot fill in")),
    };
    let is_width = flags.bytes().all(|b| b.is_ascii_digit());
    match value {
        Known::Same | Known::SameNumber if is_width => Ok(vec![Piece::Filled(format!("%({name}){flags}{letter}"))]),
        Known::Text(text) if flags.is_empty() => Ok(text),
        Known::Text(text) if is_width => {
            let width: usize = flags.parse().unwrap_or(usize::MAX);
            if width > 1000 {
                return Err(format!("has {}, which is too wide", quoted(&written)));
            }
            let blanks = width.saturating_sub(text.len());
            Ok(std::iter::repeat_n(Piece::Char(' '), blanks).chain(text).collect())
        }
        Known::Same | Known::SameNumber | Known::Text(_) => {
            Err(format!("has {}, which taskmaster cannot fill in", quoted(&written)))
        }
    }
}

/// The text as our configuration has to write it, so that filling it in yields what is meant.
///
/// There `$$` is always a dollar sign and `${` begins a name; `%%` and `%(` only mean something in a text with a `%(`.
pub(super) fn render(text: &[Piece]) -> String {
    let raw = |piece: &Piece| match piece {
        Piece::Char(c) => c.to_string(),
        Piece::Filled(text) => text.clone(),
    };
    let per_cent = text.iter().map(raw).collect::<String>().contains("%(");
    let mut out = String::new();
    for (i, piece) in text.iter().enumerate() {
        match piece {
            Piece::Char('%') if per_cent => out.push_str("%%"),
            Piece::Char('$') => {
                let next = text.get(i + 1).map(raw).unwrap_or_default();
                out.push_str(if next.starts_with(['$', '{']) { "$$" } else { "$" });
            }
            Piece::Char(c) => out.push(*c),
            Piece::Filled(text) => out.push_str(text),
        }
    }
    out
}

/// The text itself, if there is nothing to fill in.
pub(super) fn plain(text: &[Piece]) -> Option<String> {
    let char = |piece: &Piece| match piece {
        Piece::Char(c) => Some(*c),
        Piece::Filled(_) => None,
    };
    text.iter().map(char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Result<Known, String> {
        match name {
            "num" => Ok(Known::SameNumber),
            "name" => Ok(Known::Same),
            "dir" => Ok(Known::Text(literal("/a%b$${"))),
            "A" => Ok(Known::Text(vec![Piece::Filled("${A}".to_owned())])),
            _ => Err(format!("{name}: not known")),
        }
    }

    fn done(text: &str) -> Result<String, String> {
        format(&literal(text), &known).map(|text| render(&text))
    }

    #[test]
    fn texts_mean_the_same_afterwards() {
        for (text, want) in [
            ("", ""),
            ("a 100%% b", "a 100% b"),
            ("%%Y %(name)s", "%%Y %(name)s"),
            ("%%(name)s", "%%(name)s"),
            ("%(num)02d %(num)5i %(num)s %(name)10s", "%(num)02d %(num)5d %(num)s %(name)10s"),
            ("%(dir)s", "/a%b$$$${"),
            ("%(dir)s%(name)s", "/a%%b$$$${%(name)s"),
            ("%(dir)9s", "  /a%b$$$${"),
            ("$A ${A} $$ $", "$A $${A} $$$ $"),
            ("$%(A)s$%(name)s", "$$${A}$%(name)s"),
            ("%%%(name)s", "%%%(name)s"),
        ] {
            assert_eq!(done(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for (text, part) in [
            ("100%", "not doubled"),
            ("%d", "not doubled"),
            ("%(name", "without its )"),
            ("%(name)", "without the letter"),
            ("%(name)d", "cannot fill in"),
            ("%(num)x", "cannot fill in"),
            ("%(num)-5d", "cannot fill in"),
            ("%(dir)9999s", "too wide"),
            ("%(what)s", "not known"),
        ] {
            let error = done(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

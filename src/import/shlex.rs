//! Python's `shlex` in the two ways that supervisord uses it: a command into words, and `A="x",B=y` into pairs. What is
//! filled in later counts as part of the word that it stands in.

use super::template::{Piece, Text};

const NO_CLOSE: &str = "has a quote that is not closed";
const NO_ESCAPED: &str = "ends with a backslash";

/// Splits a command into words, as `shlex.split` does.
///
/// It differs from a shell, and from our own commands, in double quotes, where a backslash only concerns `"` and `\`,
/// and at the end of a line, where it does not join the lines.
pub(super) fn split(text: &[Piece]) -> Result<Vec<Text>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Text> = None;
    let mut pieces = text.iter();
    while let Some(piece) = pieces.next() {
        let Piece::Char(c) = piece else {
            word.get_or_insert_default().push(piece.clone());
            continue;
        };
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(pieces.next().ok_or(NO_ESCAPED)?.clone()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match pieces.next().ok_or(NO_CLOSE)? {
                        Piece::Char('\'') => break,
                        piece @ (Piece::Char(_) | Piece::Filled(_)) => word.push(piece.clone()),
                    }
                }
            }
            '"' => double_quoted(word.get_or_insert_default(), &mut pieces)?,
            _ => word.get_or_insert_default().push(piece.clone()),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(word: &mut Text, pieces: &mut std::slice::Iter<'_, Piece>) -> Result<(), &'static str> {
    loop {
        match pieces.next().ok_or(NO_CLOSE)? {
            Piece::Char('"') => return Ok(()),
            Piece::Char('\\') => match pieces.next().ok_or(NO_ESCAPED)? {
                piece @ Piece::Char('"' | '\\') => word.push(piece.clone()),
                piece @ (Piece::Char(_) | Piece::Filled(_)) => word.extend([Piece::Char('\\'), piece.clone()]),
            },
            piece @ (Piece::Char(_) | Piece::Filled(_)) => word.push(piece.clone()),
        }
    }
}

/// Whether it goes on with a bare word of an `environment`.
fn is_word(piece: &Piece) -> bool {
    match piece {
        Piece::Char(c) => c.is_ascii_alphanumeric() || "_/.+-():".contains(*c),
        Piece::Filled(_) => true,
    }
}

/// The tokens of an `environment`: bare words, quoted texts with their quotes, single signs.
fn tokens(text: &[Piece]) -> Result<Vec<Text>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match first {
            Piece::Char(c) if c.is_whitespace() => rest = behind,
            Piece::Char('#') => rest = next_line(behind),
            Piece::Char('"' | '\'') => {
                let length = behind.iter().position(|piece| piece == first).ok_or(NO_CLOSE)? + 2;
                let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                tokens.push(token.to_vec());
                rest = behind;
            }
            piece if is_word(piece) => {
                let (token, behind) = bare(rest);
                tokens.push(token);
                rest = behind;
            }
            Piece::Char(_) | Piece::Filled(_) => {
                tokens.push(vec![first.clone()]);
                rest = behind;
            }
        }
    }
    Ok(tokens)
}

fn next_line(text: &[Piece]) -> &[Piece] {
    let end = text.iter().position(|piece| *piece == Piece::Char('\n')).map_or(text.len(), |end| end + 1);
    text.get(end..).unwrap_or_default()
}

/// A bare word, and what is behind it. Quotes within are part of it; a comment is passed over, and it goes on behind.
fn bare(text: &[Piece]) -> (Text, &[Piece]) {
    let mut word = Text::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        if *first == Piece::Char('#') {
            rest = next_line(behind);
        } else if is_word(first) || matches!(first, Piece::Char('"' | '\'')) {
            word.push(first.clone());
            rest = behind;
        } else {
            break;
        }
    }
    (word, rest)
}

/// The pairs of `A="x",B='y',C=z`, in their order; of a name that comes again the last value counts. What is filled in
/// within a name has to be known now.
pub(super) fn pairs(text: &[Piece], now: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, Text)>, String> {
    let tokens = tokens(text)?;
    let mut pairs: Vec<(String, Text)> = Vec::new();
    // The sign between two pairs may be any, as with supervisord.
    for pair in tokens.chunks(4) {
        let [name, equals, value, ..] = pair else {
            return Err("ends within a pair (NAME=\"value\",NAME=\"value\")".to_owned());
        };
        if equals.as_slice() != [Piece::Char('=')] {
            return Err("is not a list of NAME=\"value\", with a comma between them".to_owned());
        }
        let part = |piece: &Piece| match piece {
            Piece::Char(c) => Some(c.to_string()),
            Piece::Filled(text) => now(text),
        };
        let name: Option<String> = name.iter().map(part).collect();
        let name = name.ok_or("has a name that is not the same for all processes")?;
        let value = unquoted(value);
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => pairs.push((name, value)),
        }
    }
    Ok(pairs)
}

/// Without all quotes at either end.
fn unquoted(text: &[Piece]) -> Text {
    let is_quote = |piece: &Piece| matches!(piece, Piece::Char('"' | '\''));
    let from = text.iter().position(|piece| !is_quote(piece)).unwrap_or(text.len());
    let to = text.iter().rposition(|piece| !is_quote(piece)).map_or(from, |last| last + 1);
    text.get(from..to).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::template::{literal, render};
    use super::*;

    #[test]
    fn words_are_split_as_python_does() {
        for (text, want) in [
            ("", vec![]),
            ("a  b\tc\nd", vec!["a", "b", "c", "d"]),
            ("a 'b \\ c' \"d \\e \\\" \\\\\"", vec!["a", "b \\ c", "d \\e \" \\"]),
            ("a\\ b \\' ''", vec!["a b", "'", ""]),
            ("\"\\$A\" \\$A $A", vec!["\\$A", "$A", "$A"]),
            ("a \\\n b", vec!["a", "\n", "b"]),
            ("a#b # c;d", vec!["a#b", "#", "c;d"]),
        ] {
            let words: Vec<String> = split(&literal(text)).unwrap().iter().map(|word| render(word)).collect();
            assert_eq!(words, want, "{text}");
        }
        for text in ["'", "a \"b", "\"\\", "\\", "\"\\\""] {
            assert!(split(&literal(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn environments_are_read_as_python_does() {
        for (text, want) in [
            ("", vec![]),
            ("A=1,B=\"x, y\",C='z'", vec![("A", "1"), ("B", "x, y"), ("C", "z")]),
            ("A=\"it's\",\n  B = b ,", vec![("A", "it's"), ("B", "b")]),
            ("A=/usr/bin:/bin,B=a-b.c+d(e)", vec![("A", "/usr/bin:/bin"), ("B", "a-b.c+d(e)")]),
            ("A=b\"c\"", vec![("A", "b\"c")]),
            ("A=\"'b'\"", vec![("A", "b")]),
            ("A=\"\",B=''", vec![("A", ""), ("B", "")]),
            ("A=1 # B=2\n,C=3", vec![("A", "1"), ("C", "3")]),
            ("A=1#B=2\n3,C=4", vec![("A", "13"), ("C", "4")]),
            ("A=\"x#y\\n\"", vec![("A", "x#y\\n")]),
            ("A=1;B=2", vec![("A", "1"), ("B", "2")]),
            ("A=1,A=2", vec![("A", "2")]),
        ] {
            let found = pairs(&literal(text), &|_| None).unwrap_or_else(|e| panic!("{text}: {e}"));
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), render(value))).collect();
            let found: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(found, want, "{text}");
        }
        for text in ["A", "A=", "A,B=1", "A=\"x", "A=@", "A=1,B", "ö=1"] {
            let read = pairs(&literal(text), &|_| None);
            // A single sign is a token of its own, and so a value.
            assert_eq!(read.is_ok(), text == "A=@" || text == "ö=1", "{text}: {read:?}");
        }
        let filled = vec![Piece::Char('A'), Piece::Char('='), Piece::Filled("${B}".to_owned()), Piece::Char('c')];
        assert_eq!(render(&pairs(&filled, &|_| None).unwrap()[0].1), "${B}c");
        let filled = vec![Piece::Filled("x".to_owned()), Piece::Char('='), Piece::Char('1')];
        assert!(pairs(&filled, &|_| None).is_err());
        assert_eq!(pairs(&filled, &|text| Some(format!("{text}y"))).unwrap()[0].0, "xy");
    }
}

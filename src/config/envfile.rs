//! Files of variables, `NAME=value` a line, as env_file and Docker's and systemd's EnvironmentFile have them. Text in,
//! pairs out.
//!
//! Empty lines and lines that begin with `#` say nothing; `export ` before a name is allowed. A value may stand in single
//! quotes, where everything is itself, or in double quotes, where `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are special; both
//! may go over several lines. A bare value ends at the end of its line or before a ` #`, and blanks around it are not part of it. Nothing
//! is filled in.

use crate::base::text::quoted;

use super::values;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its number, counted from 1.
    pub line: usize,
    /// What is wrong, as the end of a sentence about it.
    pub text: String,
}

/// Reads the variables in the order of the text. A name may come again: the last one counts.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = text.len() - rest.len();
        let wrong = |problem: String| {
            let before = text.get(..line).unwrap_or_default();
            Mistake { line: before.bytes().filter(|b| *b == b'\n').count() + 1, text: problem }
        };
        let (first, _) = cut_line(rest);
        let trimmed = first.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = cut_line(rest).1;
            continue;
        }
        let (name, value) = rest.split_once('=').filter(|(name, _)| !name.contains('\n')).ok_or_else(|| {
            wrong(format!("{} has no \"=\"; env_pass passes a variable of the daemon on", quoted(trimmed)))
        })?;
        let name = name.trim();
        let name = name.strip_prefix("export").filter(|n| n.starts_with([' ', '\t'])).map_or(name, str::trim);
        if name.contains(char::is_whitespace) {
            return Err(wrong(format!("{} is not the name of a variable", quoted(name))));
        }
        let name = values::variable(name).map_err(wrong)?;
        let (value, behind) = value_of(value).map_err(|problem| wrong(format!("{name}: {problem}")))?;
        if value.contains('\0') {
            return Err(wrong(format!("{name}: has a NUL byte in it")));
        }
        pairs.push((name, value));
        rest = behind;
    }
    Ok(pairs)
}

/// The text up to the end of the line, and what is behind it.
fn cut_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The value behind a `=`, and the lines behind its own.
fn value_of(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start_matches([' ', '\t']);
    let (value, rest) = if let Some(inside) = text.strip_prefix('\'') {
        let (value, rest) = inside.split_once('\'').ok_or("has a ' that is not closed")?;
        (value.to_owned(), rest)
    } else if let Some(inside) = text.strip_prefix('"') {
        double_quoted(inside).ok_or("has a \" that is not closed")?
    } else {
        let (line, rest) = cut_line(text);
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line.get(..*at).is_some_and(ends_blank));
        let value = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line);
        return Ok((value.trim_end().to_owned(), rest));
    };
    let (behind, rest) = cut_line(rest);
    let behind = behind.trim();
    if behind.is_empty() || behind.starts_with('#') {
        Ok((value, rest))
    } else {
        Err(format!("{} stands behind the closing quote", quoted(behind)))
    }
}

fn ends_blank(text: &str) -> bool {
    text.ends_with([' ', '\t'])
}

/// The value up to the closing quote, and what is behind that.
fn double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('"' | '\\' | '$') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    #[test]
    fn values() {
        for (text, want) in [
            ("A=b", "b"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("A=", ""),
            ("A =  b c  ", "b c"),
            ("export A=b", "b"),
            ("export\tA=b", "b"),
            ("A=b#c", "b#c"),
            ("A=b #c", "b"),
            ("A=#c", ""),
            ("A=x=y", "x=y"),
            ("A='b # \\n \"c\" $D'  # e", "b # \\n \"c\" $D"),
            ("A=\"b\\n\\\"c\\\\ \\$D \\x\" # e", "b\n\"c\\ $D \\x"),
            ("A=\"1\n2\"", "1\n2"),
            ("A='1\n2'\n", "1\n2"),
            ("A=it's", "it's"),
            ("A=${B} %(x)s", "${B} %(x)s"),
            ("# A=1\n\n  # x\n  A=2", "2"),
            ("A=ö", "ö"),
        ] {
            assert_eq!(read(text), [("A".to_owned(), want.to_owned())], "{text}");
        }
        let pairs = read("A=1\nexported=2\nA='3\n4'\nB=5\n");
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("exported", "2"), ("A", "3\n4"), ("B", "5")]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line, part) in [
            ("A=1\nB\nC=2", 2, "\"B\" has no \"=\""),
            ("A='\n\nB", 1, "A: has a ' that is not closed"),
            ("\n\nA=\"x\\\"", 3, "A: has a \" that is not closed"),
            ("A='x' y", 1, "\"y\" stands behind the closing quote"),
            ("=x", 1, "is not the name of a variable"),
            ("A B=x", 1, "\"A B\" is not the name of a variable"),
            ("A=x\0y", 1, "NUL"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!(mistake.line, line, "{text:?}");
            assert!(mistake.text.contains(part), "{text:?}: {mistake:?}");
        }
    }
}

//! Several commands in a line, with `;` between them.

use crate::control::message::Refusal;
use crate::control::text;

/// Cuts a line at each `;` that is neither within quotes nor behind a backslash. There is always a last piece.
pub(super) fn cut(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    let mut start = 0;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, ';') => {
                pieces.push(line.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    pieces.push(line.get(start..).unwrap_or_default());
    pieces
}

/// The commands of a line as words. A piece that begins with `#` is a comment, together with what is behind it.
///
/// # Errors
/// A quote is not closed: then none of the commands is meant as it stands there.
pub(super) fn commands(line: &str) -> Result<Vec<Vec<String>>, Refusal> {
    let pieces = cut(line);
    let spoken = pieces.iter().take_while(|piece| !piece.trim_start().starts_with('#'));
    let mut commands = spoken.map(|piece| text::split(piece)).collect::<Result<Vec<_>, _>>()?;
    commands.retain(|words| !words.is_empty());
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_into_commands() {
        for (line, shown) in [
            ("", ""),
            (" ;; ", ""),
            ("status", "status"),
            ("stop web; start api ;status", "stop,web|start,api|status"),
            ("stop 'a;b' \"c;d\" e\\;f", "stop,a;b,c;d,e;f"),
            ("# all of this; start web", ""),
            ("status; # the rest; start web", "status"),
            ("stop '#x'; start #y", "stop,#x|start,#y"),
            ("größe;x", "größe|x"),
        ] {
            let commands: Vec<String> = commands(line).unwrap().iter().map(|words| words.join(",")).collect();
            assert_eq!(commands.join("|"), shown, "{line}");
        }
        assert!(commands("status; stop 'x").is_err());
        assert!(commands("status; stop x\\").is_err());
    }

    #[test]
    fn pieces_make_up_the_line() {
        for line in ["", "a;b", ";", "a';'b;\"\\\";\";c"] {
            assert_eq!(cut(line).join(";"), line);
        }
        assert_eq!(cut("a';'b;\"\\\";\";c"), ["a';'b", "\"\\\";\"", "c"]);
    }
}

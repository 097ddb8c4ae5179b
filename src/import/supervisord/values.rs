//! What the values of options say, read as supervisord reads them, and how they are written here.

use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::units;
use crate::config::words;
use crate::import::page::Value;
use crate::import::shlex;
use crate::import::template::{Piece, Text, render};

/// What may be wrong with a value, as the end of a sentence about its option.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn boolean(text: &str) -> Read<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(format!("{} is not true or false", quoted(text))),
    }
}

pub(super) fn integer(text: &str) -> Read<i64> {
    let number = text.trim();
    let number = number.strip_prefix('+').unwrap_or(number);
    number.parse().map_err(|_| format!("{} is not a whole number", quoted(text)))
}

/// A number that is no less than 0 here, whatever it may be there.
pub(super) fn count(text: &str) -> Read<i64> {
    integer(text).map(|n| n.max(0))
}

/// Bytes, with KB, MB or GB.
pub(super) fn size(text: &str) -> Read<String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = ["kb", "mb", "gb"].iter().find_map(|unit| lower.strip_suffix(unit)).unwrap_or(&lower);
    let is_number = !number.trim().is_empty() && number.trim().bytes().all(|b| b.is_ascii_digit());
    let bytes = units::parse_size(&lower).filter(|_| is_number);
    bytes.map(units::print_size).ok_or_else(|| format!("{} is not a size such as 50MB", quoted(text)))
}

/// Permission bits, as three octal digits.
pub(super) fn octal(text: &str) -> Read<String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0o").unwrap_or(digits);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let bits = u32::from_str_radix(digits, 8).ok().filter(|_| plain);
    match bits {
        Some(bits) if bits <= 0o777 => Ok(format!("{bits:03o}")),
        Some(_) => Err(format!("{} has more than the nine bits for user, group and others", quoted(text))),
        None => Err(format!("{} is not an octal number", quoted(text))),
    }
}

pub(super) fn signal(text: &str) -> Read<String> {
    Sig::read(text.trim()).map(|signal| signal.to_string())
}

/// `unexpected`, or what is always or never done.
pub(super) fn autorestart(text: &str) -> Read<&'static str> {
    if text.trim().eq_ignore_ascii_case("unexpected") {
        return Ok("unexpected");
    }
    match boolean(text) {
        Ok(true) => Ok("always"),
        Ok(false) => Ok("never"),
        Err(_) => Err(format!("{} is not true, false or unexpected", quoted(text))),
    }
}

/// `0,2` as a list.
pub(super) fn exit_codes(text: &str) -> Read<String> {
    let code = |part: &str| {
        let code = integer(part)?;
        if (0..=255).contains(&code) { Ok(code.to_string()) } else { Err(format!("{code} is no exit code")) }
    };
    if text.trim().is_empty() {
        return Ok("[]".to_owned());
    }
    let codes: Read<Vec<String>> = text.split(',').map(code).collect();
    codes.map(|codes| if let [code] = codes.as_slice() { code.clone() } else { format!("[{}]", codes.join(", ")) })
}

/// Levels by their names there.
pub(super) fn level(text: &str) -> Read<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "critical" => Ok("critical"),
        "error" => Ok("error"),
        "warn" => Ok("warning"),
        "info" => Ok("info"),
        "debug" | "trace" | "blather" => Ok("debug"),
        _ => Err(format!("{} is not a level of supervisord", quoted(text))),
    }
}

/// A command: as one text if our words of it are those of Python, else word by word.
pub(super) fn command(text: &[Piece]) -> Read<Value> {
    let words = shlex::split(text)?;
    if words.first().is_none_or(Vec::is_empty) {
        return Err("is empty".to_owned());
    }
    let words: Vec<String> = words.iter().map(|word| render(word)).collect();
    let written = render(text);
    let in_one_line = written.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    for line in [in_one_line, written, words.join(" ")] {
        if words::split(&line).is_ok_and(|split| split.words == words) {
            return Ok(Value::Text(line));
        }
    }
    Ok(Value::List(words))
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    None,
    Auto,
    Syslog,
    Path(String),
}

/// The value of `stdout_logfile` or `stderr_logfile`.
pub(super) fn place(text: &Text) -> Read<Place> {
    let path = home(text)?;
    Ok(match path.to_ascii_lowercase().as_str() {
        "none" | "off" | "" => Place::None,
        "auto" => Place::Auto,
        "syslog" => Place::Syslog,
        "null" | "inherit" | "stdout" | "stderr" => Place::Path(format!("./{path}")),
        _ => Place::Path(path),
    })
}

/// The path of a file or directory of the daemon.
pub(super) fn path(text: &Text) -> Read<String> {
    home(text)
}

/// The text of a path. `~` is the home of who runs supervisord.
fn home(text: &Text) -> Read<String> {
    match text.split_first() {
        Some((Piece::Char('~'), rest)) if matches!(rest.first(), None | Some(Piece::Char('/'))) => {
            let home = Piece::Filled("%(ENV_HOME)s".to_owned());
            Ok(render(&[&[home], rest].concat()))
        }
        Some((Piece::Char('~'), _)) => Err(format!("{}: write the home directory out", quoted(&render(text)))),
        Some((Piece::Char(_) | Piece::Filled(_), _)) | None => Ok(render(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::template::literal;

    #[test]
    fn values() {
        assert_eq!(size("50MB").as_deref(), Ok("50MB"));
        assert_eq!(size("1024").as_deref(), Ok("1KB"));
        assert_eq!(size(" 10 kb").as_deref(), Ok("10KB"));
        assert_eq!(octal("022").as_deref(), Ok("022"));
        assert_eq!(octal("0700").as_deref(), Ok("700"));
        assert_eq!(octal("2").as_deref(), Ok("002"));
        assert_eq!(signal("sigquit").as_deref(), Ok("SIGQUIT"));
        assert_eq!(autorestart("1"), Ok("always"));
        assert_eq!(autorestart("Unexpected"), Ok("unexpected"));
        assert_eq!(exit_codes("0, 2").as_deref(), Ok("[0, 2]"));
        assert_eq!(exit_codes("").as_deref(), Ok("[]"));
        assert_eq!(level("blather"), Ok("debug"));
        assert_eq!(integer(" +5 "), Ok(5));
        assert_eq!(count("-1"), Ok(0));
        for wrong in ["", "x", "1m", "1.5MB", "-1", "MB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "8", "01777", "x"] {
            assert!(octal(wrong).is_err(), "{wrong}");
        }
        assert!(
            boolean("2").is_err() && exit_codes("256").is_err() && exit_codes("0,").is_err() && level("x").is_err()
        );
    }

    #[test]
    fn commands_stay_as_they_are_where_that_means_the_same() {
        let text = |text: &str| Ok(Value::Text(text.to_owned()));
        let list = |words: &[&str]| Ok(Value::List(words.iter().map(|w| (*w).to_owned()).collect()));
        assert_eq!(command(&literal("a 'b c' \"d\\\"\"")), text("a 'b c' \"d\\\"\""));
        assert_eq!(command(&literal("a\nb\n\nc")), text("a b c"));
        assert_eq!(command(&literal("sh -c 'a\nb'")), text("sh -c 'a\nb'"));
        assert_eq!(command(&literal("sh -c \"a \\$B \\`c\"")), list(&["sh", "-c", "a \\$B \\`c"]));
        assert_eq!(command(&literal("a \\\n b")), list(&["a", "\n", "b"]));
        let mut one = literal("date +%Y ");
        one.push(Piece::Filled("%(program_name)s".to_owned()));
        assert_eq!(command(&one), text("date +%Y %(program_name)s"));
        assert!(command(&literal("")).is_err() && command(&literal("'a")).is_err() && command(&literal("''")).is_err());
    }

    #[test]
    fn places() {
        for (text, want) in [
            ("NONE", Place::None),
            ("off", Place::None),
            ("", Place::None),
            ("AUTO", Place::Auto),
            ("syslog", Place::Syslog),
            ("stdout", Place::Path("./stdout".to_owned())),
            ("/dev/stdout", Place::Path("/dev/stdout".to_owned())),
            ("~/x", Place::Path("%(ENV_HOME)s/x".to_owned())),
        ] {
            assert_eq!(place(&literal(text)), Ok(want), "{text}");
        }
        assert!(place(&literal("~me/x")).is_err());
    }
}

//! Single values: from a scalar of the text to what a key takes. Each reader says what it expected, as the end of a
//! sentence about the key.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::id::{ProgramName, SOCKET_PATH_BYTES};
use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::tree::{Node, Scalar, Value};
use crate::base::units;

use super::model::{Account, Autorestart, ExitWhen, KillMode, Level, LogFormat, LogTarget, OutputFormat, Sink, Stdin};

/// The value, or what is wrong with it.
pub(super) type Read<T> = Result<T, String>;

/// Whether a key's value was left out.
pub(super) fn is_null(node: &Node<'_>) -> bool {
    node.value == Value::Null
}

/// The text of a scalar of any kind, as it was written.
pub(super) fn any_text<'n>(node: &'n Node<'_>, expected: &str) -> Read<&'n str> {
    let text = match &node.value {
        Value::Scalar(_, text) => text,
        Value::Null => return Err(format!("has no value: give {expected}, or leave the key out")),
        Value::Seq(_) | Value::Map(_) => return Err(format!("is {}, not {expected}", node.value.what())),
    };
    if text.contains('\0') { Err("has a NUL byte in it".to_owned()) } else { Ok(text) }
}

/// The text of a scalar that YAML takes for a text or a whole number.
fn plain_text<'n>(node: &'n Node<'_>, expected: &str) -> Read<&'n str> {
    let text = any_text(node, expected)?;
    match &node.value {
        Value::Scalar(Scalar::Bool | Scalar::Float, _) => {
            Err(format!("{text} is not {expected}; put a text in quotes"))
        }
        Value::Scalar(Scalar::Text | Scalar::Int, _) | Value::Null | Value::Seq(_) | Value::Map(_) => Ok(text),
    }
}

/// The name or number of a user or group.
pub(super) fn account(node: &Node<'_>) -> Read<String> {
    let text = plain_text(node, "a name or an id")?;
    if text.is_empty() || text.starts_with('-') || text.contains([':', '/']) || text.chars().any(char::is_whitespace) {
        return Err(format!("{} is not a name or an id", quoted(text)));
    }
    Ok(text.to_owned())
}

/// Users, and groups behind an `@`: one, or a list.
pub(super) fn holders(node: &Node<'_>) -> Read<Vec<Account>> {
    match &node.value {
        Value::Seq(items) => items.iter().map(holder).collect(),
        Value::Scalar(_, _) | Value::Null | Value::Map(_) => holder(node).map(|one| vec![one]),
    }
}

fn holder(node: &Node<'_>) -> Read<Account> {
    let text = plain_text(node, "a user, or a group as in \"@adm\"")?;
    let Some(group) = text.strip_prefix('@') else { return account(node).map(Account::User) };
    let group = Node { value: Value::Scalar(Scalar::Text, Cow::Borrowed(group)), at: node.at };
    match account(&group) {
        Ok(name) if !name.starts_with('@') => Ok(Account::Group(name)),
        Ok(_) | Err(_) => Err(format!("{} is not a group: give its name or id behind the @", quoted(text))),
    }
}

/// The name of a group of programs, which is like that of a program.
pub(super) fn group_name(node: &Node<'_>) -> Read<ProgramName> {
    let text = any_text(node, "a name")?;
    ProgramName::new(text).map_err(|problem| format!("{} {problem}", quoted(text)))
}

/// A path, absolute or relative to the daemon's directory.
pub(super) fn path(node: &Node<'_>) -> Read<String> {
    let text = any_text(node, "a path")?;
    match node.value {
        Value::Scalar(Scalar::Text, _) if text.is_empty() => {
            Err("is empty: give a path, or leave the key out".to_owned())
        }
        Value::Scalar(Scalar::Text, _) => Ok(text.to_owned()),
        Value::Scalar(_, _) | Value::Null | Value::Seq(_) | Value::Map(_) => {
            Err(format!("{text} is not a path; put it in quotes if it is one"))
        }
    }
}

/// The path of a socket, which the kernel wants to be short.
pub(super) fn socket_path(node: &Node<'_>) -> Read<String> {
    let path = path(node)?;
    if path.len() > SOCKET_PATH_BYTES {
        return Err(format!("is {} bytes long; the path of a socket has at most {SOCKET_PATH_BYTES}", path.len()));
    }
    Ok(path)
}

/// `true`, `false`, and the words that mean the same in many configurations.
pub(super) fn boolean(node: &Node<'_>) -> Read<bool> {
    let text = any_text(node, "true or false")?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{} is not true or false", quoted(text))),
    }
}

/// A whole number within a range.
pub(super) fn integer<T>(node: &Node<'_>, range: RangeInclusive<T>) -> Read<T>
where
    T: TryFrom<i64> + PartialOrd + fmt::Display,
{
    let text = any_text(node, "a whole number")?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{} is not a whole number", quoted(text)));
    }
    // Digits that do not fit are out of every range there is.
    let number = text.parse::<i64>().ok().and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n));
    number.ok_or_else(|| format!("{text} is out of range ({} to {})", range.start(), range.end()))
}

/// A number, 1 or more.
pub(super) fn factor(node: &Node<'_>) -> Read<f64> {
    const MOST: f64 = 1000.0;
    let text = any_text(node, "a number")?;
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    let number =
        text.parse::<f64>().ok().filter(|_| plain).ok_or_else(|| format!("{} is not a number", quoted(text)))?;
    if (1.0..=MOST).contains(&number) { Ok(number) } else { Err(format!("{text} is out of range (1 to {MOST})")) }
}

/// Seconds or `1m30s`.
pub(super) fn duration(node: &Node<'_>) -> Read<Duration> {
    let text = any_text(node, "a duration")?;
    units::parse_duration(text)
        .ok_or_else(|| format!("{} is not a duration: give seconds, or units as in 1m30s or 250ms", quoted(text)))
}

/// Bytes or `10MB`.
pub(super) fn size(node: &Node<'_>) -> Read<u64> {
    let text = any_text(node, "a size")?;
    units::parse_size(text)
        .ok_or_else(|| format!("{} is not a size: give bytes, or units as in 64KB or 10MB", quoted(text)))
}

/// Permission bits, octal by what is written: `022`, `"022"`, `0o22` and `22` are the same.
pub(super) fn octal(node: &Node<'_>) -> Read<u32> {
    let text = any_text(node, "an octal number")?;
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let bits = if digits.bytes().all(|b| b.is_ascii_digit()) { u32::from_str_radix(digits, 8).ok() } else { None };
    let bits = bits.ok_or_else(|| format!("{} is not an octal number such as 022", quoted(text)))?;
    if bits <= 0o777 { Ok(bits) } else { Err(format!("{text} is out of range (000 to 777)")) }
}

/// The name or number of a signal.
pub(super) fn signal(node: &Node<'_>) -> Read<Sig> {
    let text = plain_text(node, "the name of a signal")?;
    Sig::read(text)
}

/// A number of tries, or `unlimited`.
pub(super) fn retries(node: &Node<'_>) -> Read<Option<u32>> {
    const UNLIMITED: &str = "unlimited";
    match &node.value {
        Value::Scalar(Scalar::Text, text) if text.eq_ignore_ascii_case(UNLIMITED) => Ok(None),
        Value::Scalar(Scalar::Text, text) if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Err(format!("{} is neither a number nor \"{UNLIMITED}\"{}", quoted(text), suggestion(text, [UNLIMITED])))
        }
        Value::Scalar(_, _) | Value::Null | Value::Seq(_) | Value::Map(_) => integer(node, RETRIES).map(Some),
    }
}

pub(super) const RETRIES: RangeInclusive<u32> = 0..=1_000_000;

/// `exit_when`.
pub(super) fn exit_when(node: &Node<'_>) -> Read<Option<ExitWhen>> {
    let text = any_text(node, "all_done, any_fatal or none")?;
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let names = ExitWhen::NAMES.map(|(name, _)| name);
    let found = ExitWhen::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, when)| Some(*when));
    found.ok_or_else(|| format!("{} is not one of {}, none{}", quoted(text), names.join(", "), suggestion(text, names)))
}

/// `on_exit`: whether the daemon goes with it.
pub(super) fn on_exit(node: &Node<'_>) -> Read<bool> {
    const WORDS: [&str; 2] = ["none", "shutdown"];
    let text = any_text(node, "shutdown or none")?;
    let found = WORDS.iter().position(|word| word.eq_ignore_ascii_case(text)).map(|at| at == 1);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), WORDS.join(", "), suggestion(text, WORDS)))
}

/// `kill_mode`.
pub(super) fn kill_mode(node: &Node<'_>) -> Read<KillMode> {
    let text = any_text(node, "group, cgroup, process or mixed")?;
    let names = KillMode::NAMES.map(|(name, _)| name);
    let found = KillMode::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, mode)| *mode);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
}

/// The policy, and the number of retries that `on-failure:5` brings along.
pub(super) fn autorestart(node: &Node<'_>) -> Read<(Autorestart, Option<u32>)> {
    const WORDS: [(&str, Autorestart); 6] = [
        ("always", Autorestart::Always),
        ("never", Autorestart::Never),
        ("unexpected", Autorestart::Unexpected),
        ("on-failure", Autorestart::Unexpected),
        ("true", Autorestart::Always),
        ("false", Autorestart::Never),
    ];
    let text = any_text(node, "a policy")?;
    if let Ok(always) = boolean(node) {
        return Ok((if always { Autorestart::Always } else { Autorestart::Never }, None));
    }
    // The square brackets mark what may be left out where the form is explained; some leave them in.
    let (word, tries) = match text.split_once(':') {
        Some((word, tries)) => match (word.strip_suffix('['), tries.strip_suffix(']')) {
            (Some(word), Some(tries)) => (word, Some(tries)),
            (None, _) | (_, None) => (word, Some(tries)),
        },
        None => (text, None),
    };
    let policy = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, policy)| *policy);
    let Some(policy) = policy else {
        let words = WORDS.iter().map(|(name, _)| *name);
        return Err(format!(
            "{} is not always, never, unexpected or on-failure{}",
            quoted(text),
            suggestion(word, words)
        ));
    };
    let Some(tries) = tries else { return Ok((policy, None)) };
    if policy != Autorestart::Unexpected {
        return Err(format!("{}: only on-failure takes a number of retries", quoted(text)));
    }
    let tries = Node { value: Value::Scalar(Scalar::Int, Cow::Borrowed(tries)), at: node.at };
    integer(&tries, RETRIES).map(|n| (policy, Some(n)))
}

/// Where a stream goes.
pub(super) fn sink(node: &Node<'_>, is_stderr: bool) -> Read<Sink> {
    if is_null(node) {
        return Ok(Sink::Discard);
    }
    let path = path(node)?;
    let own = if is_stderr { ["/dev/stderr", "/dev/fd/2"] } else { ["/dev/stdout", "/dev/fd/1"] };
    match path.to_ascii_lowercase().as_str() {
        "auto" => Ok(Sink::Auto),
        "none" | "null" => Ok(Sink::Discard),
        "inherit" => Ok(Sink::Inherit),
        "stdout" if is_stderr => Ok(Sink::Stdout),
        word @ ("stdout" | "stderr" | "syslog") => {
            let here = if is_stderr { "stderr" } else { "stdout" };
            Err(format!("\"{word}\" is not a place for {here}; write ./{word} if a file of that name is meant"))
        }
        _ if own.contains(&path.as_str()) => Ok(Sink::Inherit),
        _ if path.ends_with('/') => Err(format!("{} is a directory; give a file", quoted(&path))),
        _ => Ok(Sink::File(path)),
    }
}

/// Where a stream goes, and whether it goes to the daemon's own as well: one place, or a list of a file and `inherit`.
pub(super) fn places(node: &Node<'_>, is_stderr: bool) -> Read<(Sink, bool)> {
    let Value::Seq(items) = &node.value else { return sink(node, is_stderr).map(|sink| (sink, false)) };
    let list = "is a list, but not one of a file or auto, and inherit: [auto, inherit]".to_owned();
    let [one, other] = items.as_slice() else { return Err(list) };
    match (sink(one, is_stderr)?, sink(other, is_stderr)?) {
        (place @ (Sink::Auto | Sink::File(_)), Sink::Inherit)
        | (Sink::Inherit, place @ (Sink::Auto | Sink::File(_))) => Ok((place, true)),
        _ => Err(list),
    }
}

/// What a process reads from.
pub(super) fn stdin(node: &Node<'_>) -> Read<Stdin> {
    if is_null(node) {
        return Ok(Stdin::Null);
    }
    let text = plain_text(node, "null or pipe")?;
    match text.to_ascii_lowercase().as_str() {
        "null" | "none" => Ok(Stdin::Null),
        "pipe" => Ok(Stdin::Pipe),
        _ => Err(format!("{} is not null or pipe{}", quoted(text), suggestion(text, ["null", "pipe"]))),
    }
}

/// Where the daemon's own log goes.
pub(super) fn log_target(node: &Node<'_>) -> Read<LogTarget> {
    LogTarget::parse(&path(node)?)
}

/// How the lines of the daemon's log are written.
pub(super) fn log_format(node: &Node<'_>) -> Read<LogFormat> {
    let text = plain_text(node, "a format")?;
    let names = LogFormat::NAMES.map(|(name, _)| name);
    let found = LogFormat::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, format)| *format);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
}

/// How output looks that goes to the daemon's own.
pub(super) fn output_format(node: &Node<'_>) -> Read<OutputFormat> {
    let text = plain_text(node, "a format")?;
    let names = OutputFormat::NAMES.map(|(name, _)| name);
    let found = OutputFormat::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, format)| *format);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
}

/// A level of the daemon's log.
pub(super) fn level(node: &Node<'_>) -> Read<Level> {
    Level::parse(plain_text(node, "a level")?)
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Read<String> {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err(format!("{} is not the name of a variable", quoted(text)));
    }
    Ok(text.to_owned())
}

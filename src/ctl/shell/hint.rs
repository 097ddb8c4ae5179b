//! What is shown behind the line that is being typed: the arguments that the command still takes.

use crate::control::command;
use crate::ctl::complete::{names, parts};
use crate::ctl::local::LOCAL;

/// What is left of the synopsis of the command in `line`, to be shown directly behind it. `None` as long as there is no
/// command and where nothing is left.
pub(super) fn synopsis(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (name, given) = words.split_first()?;
    let synopsis = match command::find(name) {
        // An alias with words of its own has said already what can be said.
        Some((command, [])) => command.synopsis,
        Some(_) => return None,
        None => LOCAL.iter().find(|local| local.name == *name)?.synopsis,
    };
    let rest = rest(synopsis, given);
    let gap = if line.ends_with(|c: char| c.is_ascii_whitespace()) { "" } else { " " };
    (!rest.is_empty()).then(|| format!("{gap}{rest}"))
}

/// The parts of a synopsis that the words have not filled yet.
fn rest(synopsis: &'static str, given: &[&str]) -> String {
    let parts = parts(synopsis);
    let is_option = |part: &str| part.starts_with("[-");
    let mut filled = 0;
    let mut value = false;
    for word in given {
        if std::mem::take(&mut value) {
            continue;
        }
        match parts.iter().find(|part| is_option(part) && names(part, word)) {
            Some(option) => value = option.contains(' ') && !word.contains('='),
            None => filled += usize::from(!word.starts_with('-')),
        }
    }
    if value {
        // The value of the option is what comes next.
        let option = parts.iter().find(|part| given.last().is_some_and(|word| names(part, word)));
        return option.and_then(|part| part.trim_end_matches(']').split_once(' ')).map_or("", |(_, v)| v).to_owned();
    }
    let mut left = Vec::new();
    for part in &parts {
        if is_option(part) {
            if filled == 0 && !given.iter().any(|word| names(part, word)) {
                left.push(*part);
            }
        } else if filled > 0 && !part.trim_end_matches(']').ends_with("...") {
            filled -= 1;
        } else if filled == 0 {
            left.push(*part);
        }
    }
    left.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_say() {
        for (line, hint) in [
            ("", None),
            ("star", None),
            ("nonsense ", None),
            ("version", None),
            ("quit", None),
            ("reread", None),
            ("start", Some(" [--no-wait] [--timeout DURATION] NAME...")),
            ("start ", Some("[--no-wait] [--timeout DURATION] NAME...")),
            ("start --no-wait ", Some("[--timeout DURATION] NAME...")),
            ("start --timeout ", Some("DURATION")),
            ("start --timeout 5 ", Some("[--no-wait] NAME...")),
            ("start --timeout=5", Some(" [--no-wait] NAME...")),
            ("start web", None),
            ("start web api", None),
            ("tail", Some(" [-f] [-n LINES] NAME [stdout|stderr]")),
            ("tail web", Some(" [stdout|stderr]")),
            ("tail -n 5 web ", Some("[stdout|stderr]")),
            ("tail web stderr", None),
            ("signal HUP", Some(" NAME...")),
            ("status", Some(" [--usage] [NAME...]")),
            ("top", None),
            ("wait --for ", Some("running|stopped|healthy")),
            ("status web", None),
            ("reload --dry-run", None),
            ("check --json --print ", Some("[FILE|DIRECTORY]")),
            ("import -o x ", Some("[--from supervisord|procfile] FILE")),
        ] {
            assert_eq!(synopsis(line).as_deref(), hint, "{line:?}");
        }
    }
}

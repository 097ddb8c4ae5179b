//! `pre_start`, `post_stop` and the like: commands for the turns of a process's life. And the list of stop signals.

use std::time::Duration;

use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::tree::{Node, Value};
use crate::base::units;
use crate::config::model::{Hook, HookCommand, Program};
use crate::config::section::{Reader, Section};
use crate::config::values::{self, Read};

use super::{Key, ProgramReader, arguments, shell_line, words_of};

/// The most signals that a stop may consist of.
pub(in crate::config) const SIGNALS: usize = 16;

/// The keys of a hook that is given as a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum HookKey {
    Cmd,
    Args,
    Shell,
    Timeout,
}

pub(in crate::config) const HOOK_KEYS: [(&str, HookKey); 5] = [
    ("cmd", HookKey::Cmd),
    ("command", HookKey::Cmd),
    ("args", HookKey::Args),
    ("shell", HookKey::Shell),
    ("timeout", HookKey::Timeout),
];

/// Reads every hook. One that a program gives takes the place of that of the defaults as a whole.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    for (key, hook) in [
        (Key::PreStart, Hook::PreStart),
        (Key::PostStart, Hook::PostStart),
        (Key::PreStop, Hook::PreStop),
        (Key::StopCommand, Hook::StopCommand),
        (Key::PostStop, Hook::PostStop),
        (Key::OnFatal, Hook::OnFatal),
    ] {
        if let Some(command) = one(reader, key) {
            program.policy.hooks.insert(hook, command);
        }
    }
}

fn one(reader: &mut ProgramReader<'_, '_, '_, '_>, key: Key) -> Option<HookCommand> {
    let (section, found) = reader.find(key)?;
    let path = section.path_to(&found.entry.key);
    match &found.entry.value.value {
        Value::Null => None,
        Value::Scalar(..) | Value::Seq(_) => {
            let (words, operator) = reader.value(key, words_of)?;
            if let Some(operator) = operator {
                let told = format!(
                    "passes {} to the program as it stands; with {{cmd: …, shell: true}} a shell runs the line",
                    quoted(&operator)
                );
                reader.report.warning(found.place, path, told);
            }
            Some(HookCommand::new(words))
        }
        Value::Map(_) => {
            let mut own = Section::new(path.as_str(), found.place);
            own.add(&found.entry.value, found.place, &HOOK_KEYS, reader.report);
            let none = Section::new("", found.place);
            let mut reader = Reader { report: reader.report, own: &own, defaults: &none };
            if reader.find(HookKey::Cmd).is_none() {
                reader.report.error(found.place, path, "has no cmd: give the command that is to run");
            }
            let mut command = HookCommand::new(words(&mut reader)?);
            reader.set(&mut command.timeout, HookKey::Timeout, timeout);
            Some(command)
        }
    }
}

/// `cmd` and `args`, or a line for a shell.
fn words(reader: &mut Reader<'_, '_, '_, '_, HookKey>) -> Option<Vec<String>> {
    let shell = reader.value(HookKey::Shell, values::boolean).unwrap_or(false);
    let args = reader.value(HookKey::Args, arguments).unwrap_or_default();
    if !shell {
        let (mut words, _) = reader.value(HookKey::Cmd, words_of)?;
        words.extend(args);
        return Some(words);
    }
    if let (false, Some((section, found))) = (args.is_empty(), reader.find(HookKey::Args)) {
        let text = "cannot be used with \"shell: true\": put the arguments into cmd";
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    let line = reader.value(HookKey::Cmd, shell_line)?;
    Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line])
}

pub(in crate::config) fn timeout(node: &Node<'_>) -> Read<Duration> {
    match values::duration(node)? {
        Duration::ZERO => Err("is 0: nothing can be done within that".to_owned()),
        limit => Ok(limit),
    }
}

/// `TERM`, or `[INT 5s, TERM]`: the signals before the last with how long each is waited for, and the last.
pub(super) fn stop_signals(node: &Node<'_>) -> Read<(Vec<(Sig, Duration)>, Sig)> {
    let Value::Seq(items) = &node.value else { return values::signal(node).map(|sig| (Vec::new(), sig)) };
    let Some((last, first)) = items.split_last() else {
        return Err("is an empty list: give at least one signal".to_owned());
    };
    if items.len() > SIGNALS {
        return Err(format!("has more than {SIGNALS} signals"));
    }
    let first = first.iter().map(timed).collect::<Read<_>>()?;
    let text = values::any_text(last, "the name of a signal")?;
    if let Some((sig, time)) = text.trim().split_once(char::is_whitespace) {
        return Err(format!(
            "{} is the last signal, which is waited for as long as stoptime says: write {sig}, and stoptime: {}",
            quoted(text),
            time.trim()
        ));
    }
    Ok((first, values::signal(last)?))
}

/// `INT 5s`.
fn timed(node: &Node<'_>) -> Read<(Sig, Duration)> {
    let text = values::any_text(node, "a signal and a time")?;
    let Some((sig, time)) = text.trim().split_once(char::is_whitespace) else {
        return Err(format!(
            "{} is not the last signal and has no time: write {text} 5s for one of five seconds until the next",
            quoted(text)
        ));
    };
    let sig = Sig::read(sig)?;
    match units::parse_duration(time.trim()) {
        Some(Duration::ZERO) => Err(format!("{}: the next signal would follow at once; leave it out", quoted(text))),
        Some(time) => Ok((sig, time)),
        None => Err(format!("{}: {} is not a duration such as 5s", quoted(text), quoted(time.trim()))),
    }
}

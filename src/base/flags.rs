//! The flags of both programs: what one is, those of `taskmasterd`, and what is said of a command line that cannot be
//! read.

use getopts::Fail;

use super::nearest::nearest;
use super::text::quoted;

/// The short and the long name of a flag; either may be empty.
pub type Flag = (&'static str, &'static str);

/// A flag, its help, and what stands for its value, if it takes one (see `ctl::complete` for what is made of that).
pub type Described = (Flag, &'static str, &'static str);

/// The flags of `taskmasterd`. They are here because the client completes them.
pub const OF_DAEMON: [Described; 13] = [
    (("c", "configuration"), "read this file, or all *.yaml, *.yml and *.json files of this directory", "FILE"),
    (("n", "nodaemon"), "stay in the foreground (the default)", ""),
    (("d", "daemonize"), "go into the background once everything is ready", ""),
    (("i", "interactive"), "stay in the foreground with the shell attached; leaving it stops the daemon", ""),
    (("t", "test"), "check the configuration and exit", ""),
    (("k", "nocleanup"), "keep the \"auto\" log files of an earlier daemon", ""),
    (("q", "childlogdir"), "directory of the \"auto\" log files", "DIR"),
    (("l", "logfile"), "the daemon's own log: a file, \"syslog\", or \"-\" for standard output", "FILE|syslog|-"),
    (("e", "loglevel"), "critical, error, warning, info or debug", "LEVEL"),
    (("g", "group"), "with -- COMMAND: signals go to its whole process group", ""),
    (
        ("", "rewrite"),
        "with -- COMMAND: send it the second signal for the first, or none for 0; can be repeated",
        "FROM:TO",
    ),
    (("v", "version"), "print the version and exit", ""),
    (("h", "help"), "print this help and exit", ""),
];

/// What is wrong, for people. `flags` are those that the program has.
#[must_use]
pub fn explain(fail: &Fail, flags: &[Flag]) -> String {
    match fail {
        Fail::ArgumentMissing(name) => format!("{} needs a value", dashed(name)),
        Fail::UnrecognizedOption(name) => {
            let near = nearest(name, flags.iter().map(|(_, long)| *long));
            let hint = near.map(|long| format!(" (did you mean \"--{long}\"?)")).unwrap_or_default();
            format!("no option {}{hint}", quoted(&dashed(name)))
        }
        Fail::OptionMissing(name) => format!("{} is needed", both(name, flags)),
        Fail::OptionDuplicated(name) => format!("{} is given twice", both(name, flags)),
        Fail::UnexpectedArgument(name) => format!("{} takes no value", dashed(name)),
    }
}

/// A name as it was typed.
fn dashed(name: &str) -> String {
    if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") }
}

/// Both names of a flag, where it is not known which one was typed: `-s (--socket)`.
fn both(name: &str, flags: &[Flag]) -> String {
    match flags.iter().find(|(short, long)| *short == name || *long == name) {
        Some((short, long)) if !short.is_empty() && !long.is_empty() => format!("-{short} (--{long})"),
        Some(_) | None => dashed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_flag_and_what_may_have_been_meant() {
        let flags = [("s", "socket"), ("", "json")];
        for (fail, text) in [
            (Fail::ArgumentMissing("s".to_owned()), "-s needs a value"),
            (Fail::UnrecognizedOption("jsn".to_owned()), "no option \"--jsn\" (did you mean \"--json\"?)"),
            (Fail::UnrecognizedOption("x".to_owned()), "no option \"-x\""),
            (Fail::OptionMissing("json".to_owned()), "--json is needed"),
            (Fail::OptionDuplicated("socket".to_owned()), "-s (--socket) is given twice"),
            (Fail::UnexpectedArgument("json".to_owned()), "--json takes no value"),
        ] {
            assert_eq!(explain(&fail, &flags), text);
        }
    }
}

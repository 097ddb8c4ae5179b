//! The command line of `taskmasterctl`.

use std::ffi::OsString;
use std::path::PathBuf;

use getopts::{Options, ParsingStyle};

use crate::base::errno::plain;
use crate::base::flags::{self, Described};
use crate::base::nearest::suggestion;
use crate::base::text::quoted;
use crate::control::{address, help};
use crate::sys::user;

use super::local;
use super::look::Color;
use super::shell::Manner;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// Say how the program is used.
    Help,
    /// Say which version this is.
    Version,
    /// Carry out one command.
    Run {
        /// What holds for every command.
        general: General,
        /// The command and its arguments.
        words: Vec<String>,
    },
    /// Read commands.
    Shell {
        /// What holds for every command.
        general: General,
        /// `-f`, `-e` and `--attached`.
        manner: Manner,
    },
}

/// What is said once for all commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct General {
    /// `-s`.
    pub socket: Option<PathBuf>,
    /// `--daemon-user`, by id.
    pub daemon_user: Option<u32>,
    /// `--json`.
    pub json: bool,
    /// `--color`.
    pub color: Color,
}

/// The options: what completion says of them, and what stands for the value. `--help` says more.
pub const FLAGS: [Described; 9] = [
    (("s", "socket"), "the daemon's control socket", "SOCKET"),
    (("", "daemon-user"), "the user that the daemon runs as", "USER"),
    (("f", "file"), "read commands from this file", "SCRIPT"),
    (("e", "exit-on-error"), "leave out the commands behind the first that fails", ""),
    (("", "attached"), "stop the daemon when the shell is left", ""),
    (("", "color"), "when there are colours", "auto|always|never"),
    (("", "json"), "print results as JSON", ""),
    (("h", "help"), "show how it is used", ""),
    (("v", "version"), "show the version", ""),
];

fn options() -> Options {
    let mut options = Options::new();
    // What stands behind the command is the command's.
    options.parsing_style(ParsingStyle::StopAtFirstFree);
    for ((short, long), _, value) in FLAGS {
        if value.is_empty() {
            options.optflagmulti(short, long, "");
        } else {
            options.optopt(short, long, "", value);
        }
    }
    options
}

/// Reads the command line, without the name of the program.
///
/// # Errors
/// What is wrong with it.
pub fn parse(words: &[OsString]) -> Result<Call, String> {
    let matches = options().parse(words).map_err(|fail| {
        format!("{}; taskmasterctl --help says how it is used", flags::explain(&fail, &FLAGS.map(|(flag, _, _)| flag)))
    })?;
    if matches.opt_present("help") {
        return Ok(Call::Help);
    }
    if matches.opt_present("version") {
        return Ok(Call::Version);
    }
    let path = |name, what: &str| match matches.opt_str(name) {
        Some(path) if path.is_empty() => Err(what.to_owned()),
        path => Ok(path.map(PathBuf::from)),
    };
    let general = General {
        socket: path("socket", "-s needs the path of a socket")?,
        daemon_user: matches.opt_str("daemon-user").map(|name| uid_of(&name)).transpose()?,
        json: matches.opt_present("json"),
        color: matches.opt_str("color").map_or(Ok(Color::Auto), |when| Color::read(&when))?,
    };
    let script = path("file", "-f needs the path of a file, or - for standard input")?;
    let exit_on_error = matches.opt_present("exit-on-error");
    let attached = matches.opt_present("attached");
    match matches.free.first() {
        None => Ok(Call::Shell { general, manner: Manner { script, exit_on_error, attached } }),
        Some(word) if script.is_some() => {
            Err(format!("-f reads the commands from a file, {} is one more", quoted(word)))
        }
        Some(_) if exit_on_error => Err("-e is for commands from a file or from standard input".to_owned()),
        Some(_) if attached => Err("--attached is for the shell".to_owned()),
        Some(_) => Ok(Call::Run { general, words: matches.free }),
    }
}

/// The id of a user by name or id.
fn uid_of(name: &str) -> Result<u32, String> {
    match user::user(name) {
        Ok(Some(identity)) => Ok(identity.uid),
        Ok(None) => {
            let names = user::names();
            Err(format!(
                "--daemon-user: no user {}{}",
                quoted(name),
                suggestion(name, names.iter().map(String::as_str))
            ))
        }
        Err(error) => Err(format!("--daemon-user: cannot look up the user {}: {}", quoted(name), plain(&error))),
    }
}

/// The text of `--help`.
#[must_use]
pub fn usage() -> String {
    format!(
        "\
Usage: taskmasterctl [-s SOCKET] [--json] [--color WHEN] [COMMAND [ARGUMENT...]]
       taskmasterctl [-s SOCKET] [--json] [--color WHEN] [-e] -f SCRIPT

Drives a running taskmasterd. Without a command it reads commands: from a shell with
history and completion on a terminal, else line by line from standard input.

Options:
  -s, --socket SOCKET  the daemon's control socket (else ${variable}, else
                       /run/taskmaster/control.sock for root and
                       $XDG_RUNTIME_DIR/taskmaster.sock or, without that directory,
                       /tmp/taskmaster-UID/control.sock for other users)
      --daemon-user USER
                       the user that the daemon runs as: another one is not talked to
                       (else root, you, or who alone can have put the socket there)
  -f, --file SCRIPT    read commands from this file, - for standard input; the exit
                       status is that of the worst command
  -e, --exit-on-error  leave out the commands behind the first that fails; for
                       commands from a file or a pipe
      --attached       stop the daemon when the shell is left, in whatever way
      --color WHEN     auto (the default: on a terminal, unless NO_COLOR is set),
                       always or never
      --json           print results as JSON; may also stand behind the command
  -h, --help           show this; `help COMMAND` says more about a command
  -v, --version        show the version

Commands:
{commands}{own}
Commands that need no daemon:
{local}
Exit status: 0 done; 1 something failed; 2 wrong usage, or reload --dry-run showed that
something would change; 3 status showed a process that is not as wanted; 4 the daemon
cannot be reached or refuses.
",
        variable = address::SOCKET_VARIABLE,
        commands = help::list(),
        own = local::list(true),
        local = local::list(false),
    )
}

/// What may stand among the words of any command, before a `--`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// `--json`.
    pub json: bool,
    /// `-h`, `--help`.
    pub help: bool,
}

/// Takes the options that every command has out of its words.
pub fn take_common(words: &mut Vec<String>) -> Common {
    let mut common = Common::default();
    let mut options = true;
    words.retain(|word| {
        options &= word != "--";
        match word.as_str() {
            "--json" if options => common.json = true,
            "-h" | "--help" if options => common.help = true,
            _ => return true,
        }
        false
    });
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Call, String> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn command_lines() {
        let socket = |path: &str| Some(PathBuf::from(path));
        let run = |socket, json, words: &str| Call::Run {
            general: General { socket, json, ..General::default() },
            words: words.split(' ').map(str::to_owned).collect(),
        };
        let shell = |general, script: Option<&str>, exit_on_error| Call::Shell {
            general,
            manner: Manner { script: script.map(PathBuf::from), exit_on_error, attached: false },
        };
        let attached =
            Call::Shell { general: General::default(), manner: Manner { attached: true, ..Manner::default() } };
        let never = General { color: Color::Never, ..General::default() };
        for (line, call) in [
            ("", shell(General::default(), None, false)),
            ("-s /x", shell(General { socket: socket("/x"), ..General::default() }, None, false)),
            ("-f x", shell(General::default(), Some("x"), false)),
            ("--daemon-user 0", shell(General { daemon_user: Some(0), ..General::default() }, None, false)),
            ("-ef -", shell(General::default(), Some("-"), true)),
            ("--color never --exit-on-error --file=x", shell(never, Some("x"), true)),
            ("--attached", attached),
            ("status", run(None, false, "status")),
            ("-s/x status -n", run(socket("/x"), false, "status -n")),
            ("--socket /x --json start --no-wait web", run(socket("/x"), true, "start --no-wait web")),
            ("--socket=/x stop -s y", run(socket("/x"), false, "stop -s y")),
            ("status --json", run(None, false, "status --json")),
            ("-- status", run(None, false, "status")),
            ("-h", Call::Help),
            ("--help status", Call::Help),
            ("-v", Call::Version),
            ("--version", Call::Version),
            ("-hv", Call::Help),
        ] {
            assert_eq!(parsed(line), Ok(call), "{line}");
        }
    }

    #[test]
    fn wrong_command_lines() {
        for (line, start) in [
            ("-s", "-s needs a value; "),
            ("--jsn", "no option \"--jsn\" (did you mean \"--json\"?); "),
            ("-x status", "no option \"-x\"; "),
            ("-s a -s b", "-s (--socket) is given twice; "),
            ("--json=1", "--json takes no value; "),
            ("--color red", "--color is auto, always or never, not \"red\""),
            ("--daemon-user rooot", "--daemon-user: no user \"rooot\" (did you mean \"root\"?)"),
            ("-f x status", "-f reads the commands from a file, \"status\" is one more"),
            ("-e status", "-e is for commands "),
            ("--attached status", "--attached is for the shell"),
        ] {
            let text = parsed(line).unwrap_err();
            assert!(text.starts_with(start), "{text}");
        }
        assert!(parse(&["--socket=".into()]).is_err() && parse(&["--file=".into()]).is_err());
    }

    #[test]
    fn common_options_end_at_two_dashes() {
        let take = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let common = take_common(&mut words);
            (common.json, common.help, words.join(" "))
        };
        assert_eq!(take("status --json web"), (true, false, "status web".to_owned()));
        assert_eq!(take("tail -h"), (false, true, "tail".to_owned()));
        assert_eq!(take("status -- --json"), (false, false, "status -- --json".to_owned()));
    }

    #[test]
    fn the_usage_fits_a_terminal_and_names_all_options() {
        let text = usage();
        assert!(text.lines().all(|l| l.len() <= 92), "{text}");
        for ((_, name), _, _) in FLAGS {
            assert!(text.contains(&format!("--{name}")));
        }
    }
}

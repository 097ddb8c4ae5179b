//! The table of commands. Both parsers, the help texts, the JSON-RPC methods and the rights are read from it, so a
//! command that is not here does not exist and one that is here is complete.

use data_encoding::BASE64;

use crate::base::id::Stream;
use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;

use super::message::{LogPlace, Refusal, RefusalCode, Request, Wait, WaitFor};

/// Who may give a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// It only looks.
    Read,
    /// It starts, stops or signals processes.
    Control,
    /// It changes the daemon itself.
    Admin,
}

/// The commands by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Status,
    Why,
    Wait,
    Graph,
    Start,
    Stop,
    Restart,
    Signal,
    Reload,
    Events,
    Logs,
    Tail,
    Input,
    Resize,
    Pid,
    Version,
    Shutdown,
    Help,
}

/// One argument of a command: a key of the JSON params, and a place in a line of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Which processes; the rest of the words.
    Names,
    /// Which process; a word.
    Name,
    /// Which signal; a word.
    Sig,
    /// Whether to wait: `--no-wait`.
    Wait,
    /// How long to wait: `--timeout DURATION`.
    Timeout,
    /// `--dry-run`.
    DryRun,
    /// `-n N`.
    Lines,
    /// Whether to go on: `--no-follow`.
    Follow,
    /// From which event on: `--since N`.
    Since,
    /// What to wait for: `--for STATE`.
    For,
    /// `--usage`.
    Usage,
    /// `--dot`.
    Dot,
    /// Whether to go on: `--follow`, `-f`.
    Follows,
    /// Only what is written to one stream: `--stdout`.
    Stdout,
    /// The same: `--stderr`.
    Stderr,
    /// Where logs begin: `--from PLACE`, as often as needed.
    From,
    /// `stdout` or `stderr`; a word.
    Stream,
    /// The name of a command; a word.
    Command,
    /// What a process is to read; the rest of the words, with a line feed behind them.
    Text,
    /// The same as base64: `--base64 BYTES`.
    Base64,
    /// Nothing comes behind it: `--eof`.
    Eof,
    /// How many lines a terminal has; a word.
    Rows,
    /// How many characters a line has; a word.
    Cols,
}

/// How an argument is given in a line of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By an option that stands alone.
    Flag(&'static str),
    /// By an option that stands alone, long or short.
    ShortFlag(&'static str, &'static str),
    /// By an option before a value.
    Value(&'static str, &'static str),
    /// By being the next word.
    Word,
    /// By all words that are left.
    Rest,
}

impl Param {
    /// Its key in JSON params.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Param::Names => "names",
            Param::Name => "name",
            Param::Sig => "signal",
            Param::Wait => "wait",
            Param::Timeout => "timeout_ms",
            Param::DryRun => "dry_run",
            Param::Lines => "lines",
            Param::Follow => "follow",
            Param::Since => "since",
            Param::For => "for",
            Param::Usage => "usage",
            Param::Dot => "dot",
            Param::Follows => "follow",
            Param::Stdout => "stdout",
            Param::Stderr => "stderr",
            Param::From => "from",
            Param::Stream => "stream",
            Param::Command => "command",
            Param::Text => "text",
            Param::Base64 => "base64",
            Param::Eof => "eof",
            Param::Rows => "rows",
            Param::Cols => "cols",
        }
    }

    /// Its place in a line of words. A value option may be written long (`--timeout 5s`, `--timeout=5s`) and short.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Param::Names | Param::Text => Place::Rest,
            Param::Name | Param::Sig | Param::Stream | Param::Command | Param::Rows | Param::Cols => Place::Word,
            Param::Wait => Place::Flag("--no-wait"),
            Param::DryRun => Place::Flag("--dry-run"),
            Param::Base64 => Place::Value("--base64", "-b"),
            Param::Eof => Place::Flag("--eof"),
            Param::Follow => Place::Flag("--no-follow"),
            Param::Usage => Place::Flag("--usage"),
            Param::Dot => Place::Flag("--dot"),
            Param::For => Place::Value("--for", "-f"),
            Param::Since => Place::Value("--since", "-s"),
            Param::Follows => Place::ShortFlag("--follow", "-f"),
            Param::Stdout => Place::Flag("--stdout"),
            Param::Stderr => Place::Flag("--stderr"),
            Param::From => Place::Value("--from", "-F"),
            Param::Timeout => Place::Value("--timeout", "-t"),
            Param::Lines => Place::Value("--lines", "-n"),
        }
    }
}

/// Another name for a command, with arguments it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// The words that it puts before the other arguments.
    pub words: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// Which.
    pub verb: Verb,
    /// Its name, in text and as a JSON-RPC method.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [Alias],
    /// The right that it needs.
    pub right: Right,
    /// Its arguments. Those that are words come in this order.
    pub params: &'static [Param],
    /// Its arguments as people read them.
    pub synopsis: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The rest of its help: whole lines.
    pub help: &'static str,
}

const CHANGE: &[Param] = &[Param::Wait, Param::Timeout, Param::Names];
const CHANGE_SYNOPSIS: &str = "[--no-wait] [--timeout DURATION] NAME...";

/// All commands, in the order in which people look for them.
pub const COMMANDS: [Command; 18] = [
    Command {
        verb: Verb::Start,
        name: "start",
        aliases: &[],
        right: Right::Control,
        params: CHANGE,
        synopsis: CHANGE_SYNOPSIS,
        summary: "Start processes and wait until they run",
        help: "\
Answers when each process is RUNNING or has failed; a process that already runs
is no error. --no-wait answers at once, --timeout 30s after 30 seconds at the latest.
",
    },
    Command {
        verb: Verb::Stop,
        name: "stop",
        aliases: &[],
        right: Right::Control,
        params: CHANGE,
        synopsis: CHANGE_SYNOPSIS,
        summary: "Stop processes and wait until they are gone",
        help: "\
Sends stopsignal to the process group, SIGKILL when stoptime is over. A process
that does not run is no error. --no-wait answers at once, --timeout 30s after
30 seconds at the latest; the process goes on stopping.
",
    },
    Command {
        verb: Verb::Restart,
        name: "restart",
        aliases: &[],
        right: Right::Control,
        params: CHANGE,
        synopsis: CHANGE_SYNOPSIS,
        summary: "Stop processes and start them again",
        help: "\
A process that does not run is started. The configuration is read first: a program
all of whose processes are named uses its section as it is now, and the answer says
so. --no-wait answers at once, --timeout 30s after 30 seconds at the latest.
",
    },
    Command {
        verb: Verb::Status,
        name: "status",
        aliases: &[Alias { name: "top", words: &["--usage"], summary: "The same as status --usage" }],
        right: Right::Read,
        params: &[Param::Usage, Param::Names],
        synopsis: "[--usage] [NAME...]",
        summary: "Show the state of processes, of all if none is named",
        help: "\
One line for each: name, state, and what there is to say about it. A program has
the same from `status` in JSON. taskmasterctl exits with 3 if a process that is
shown is not as wanted. --usage adds CPU time, memory, processes, threads and open
files of each process and of those that it started.
",
    },
    Command {
        verb: Verb::Why,
        name: "why",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Names],
        synopsis: "NAME...",
        summary: "Show why processes are as they are, and what comes next",
        help: "\
For each: its state and what led to it, what happens next, its last 8 changes with
their causes, its command and its logs, and the last lines that it wrote.
",
    },
    Command {
        verb: Verb::Wait,
        name: "wait",
        aliases: &[],
        right: Right::Read,
        params: &[Param::For, Param::Timeout, Param::Names],
        synopsis: "[--for running|stopped|healthy] [--timeout DURATION] NAME...",
        summary: "Wait until processes run, or are stopped",
        help: "\
Answers when all of them have come to it, which is running if nothing else is said;
one that gives up, has ended or is stopped will not run and is told as failed. A job
(oneshot) that is done counts as running. --timeout 30s answers after 30 seconds at
the latest.
",
    },
    Command {
        verb: Verb::Graph,
        name: "graph",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Dot, Param::Names],
        synopsis: "[--dot] [NAME...]",
        summary: "Show in which order programs start and stop",
        help: "\
Programs by priority, as they start from top to bottom and stop from bottom to top.
--dot prints it for Graphviz: taskmasterctl graph --dot | dot -Tsvg > graph.svg
",
    },
    Command {
        verb: Verb::Signal,
        name: "signal",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Sig, Param::Names],
        synopsis: "SIGNAL NAME...",
        summary: "Send a signal to processes",
        help: "SIGNAL is a name with or without SIG (HUP, SIGUSR1, RTMIN+2) or a number.\n",
    },
    Command {
        verb: Verb::Events,
        name: "events",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Follow, Param::Since, Param::Names],
        synopsis: "[--no-follow] [--since N] [NAME...]",
        summary: "Show what happens to processes, as it happens",
        help: "\
One line for each event: number, time, process, the states before and after, and why.
The last 1000 are kept: --since N begins with event N if it still is, --since 0 with
the first that is. --no-follow shows what is kept and ends.
",
    },
    Command {
        verb: Verb::Logs,
        name: "logs",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Lines, Param::Follows, Param::Stdout, Param::Stderr, Param::From, Param::Names],
        synopsis: "[-f] [-n LINES] [--stdout|--stderr] [--from PLACE] [NAME...]",
        summary: "Show what processes have written, with -f what they write",
        help: "\
Shows the last 10 lines of each log, of stdout and stderr if neither is named. Lines
of several processes begin with NAME and |, those of stderr with NAME and !. With -f
it goes on, through rotation and restarts; programs find in JSON where each log is to
go on. taskmasterctl has --grep RE and --no-prefix, too, and goes on when the daemon
is back.
",
    },
    Command {
        verb: Verb::Tail,
        name: "tail",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Lines, Param::Follows, Param::Name, Param::Stream],
        synopsis: "[-f] [-n LINES] NAME [stdout|stderr]",
        summary: "Show the last lines of a process's log",
        help: "\
Shows 10 lines of stdout if nothing else is said. NAME must mean one process. With
-f it goes on as `logs -f` does.
",
    },
    Command {
        verb: Verb::Input,
        name: "input",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Eof, Param::Base64, Param::Name, Param::Text],
        synopsis: "[--eof] [--base64 BYTES] NAME [TEXT...]",
        summary: "Write a line to the standard input of a process",
        help: "\
The words are written with blanks between them and a line feed behind them. The
process must have stdin: pipe or tty: true; NAME must mean one. It answers when
all of it has been written. --base64 writes these bytes in place of a line.
--eof closes the pipe behind it; to a terminal it sends what stands for the end
there, Ctrl-D.
",
    },
    Command {
        verb: Verb::Resize,
        name: "resize",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Name, Param::Rows, Param::Cols],
        synopsis: "NAME ROWS COLS",
        summary: "Set the size of a process's terminal",
        help: "\
The process must have tty: true; NAME must mean one. Each run begins with 24
and 80.
",
    },
    Command {
        verb: Verb::Pid,
        name: "pid",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Name],
        synopsis: "[NAME]",
        summary: "Show the process id of the daemon or of processes",
        help: "A process that does not run has the id 0.\n",
    },
    Command {
        verb: Verb::Reload,
        name: "reload",
        aliases: &[
            Alias { name: "update", words: &[], summary: "The same as reload" },
            Alias { name: "reread", words: &["--dry-run"], summary: "The same as reload --dry-run" },
        ],
        right: Right::Admin,
        params: &[Param::DryRun],
        synopsis: "[--dry-run]",
        summary: "Read the configuration again and apply what changed",
        help: "\
Shows what is added, removed, restarted and updated; what did not change runs on.
A configuration with errors changes nothing. --dry-run only shows; taskmasterctl
then exits with 0 if nothing would change, with 2 if something would.
",
    },
    Command {
        verb: Verb::Version,
        name: "version",
        aliases: &[],
        right: Right::Read,
        params: &[],
        synopsis: "",
        summary: "Show the versions of the daemon and of the protocol",
        help: "",
    },
    Command {
        verb: Verb::Shutdown,
        name: "shutdown",
        aliases: &[],
        right: Right::Admin,
        params: &[],
        synopsis: "",
        summary: "Stop all processes and the daemon",
        help: "The connection is closed when the daemon is gone.\n",
    },
    Command {
        verb: Verb::Help,
        name: "help",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Command],
        synopsis: "[COMMAND]",
        summary: "Show the commands, or how one is used",
        help: "",
    },
];

/// The words that only the shell of taskmasterctl knows, with their summaries.
pub const SHELL_WORDS: [(&str, &str); 2] = [("quit", "Leave the shell"), ("exit", "Leave the shell")];

/// How many lines `tail` shows if nobody says.
pub const TAIL_LINES: u32 = 10;

/// The command of this name or alias, with the words that the alias stands for.
#[must_use]
pub fn find(name: &str) -> Option<(&'static Command, &'static [&'static str])> {
    COMMANDS.iter().find_map(|command| {
        if command.name == name {
            return Some((command, &[][..]));
        }
        command.aliases.iter().find(|alias| alias.name == name).map(|alias| (command, alias.words))
    })
}

/// All names and aliases.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.iter().map(|a| a.name)))
}

/// The refusal of a name that is none.
#[must_use]
pub fn unknown(name: &str) -> Refusal {
    let hint = match suggestion(name, names()) {
        hint if hint.is_empty() => " (\"help\" lists the commands)".to_owned(),
        hint => hint,
    };
    Refusal::new(RefusalCode::UnknownCommand, format!("unknown command {}{hint}", quoted(name)))
}

impl Command {
    /// `tail [-n LINES] NAME [stdout|stderr]`.
    #[must_use]
    pub fn usage(&self) -> String {
        if self.synopsis.is_empty() { self.name.to_owned() } else { format!("{} {}", self.name, self.synopsis) }
    }

    /// The refusal of wrong arguments: what is wrong, and how it is right.
    #[must_use]
    pub fn wrong(&self, what: impl std::fmt::Display) -> Refusal {
        Refusal::new(RefusalCode::BadArguments, format!("{}: {what} (usage: {})", self.name, self.usage()))
    }
}

impl Request {
    /// The entry of the table for this request.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Request::Status { .. } => Verb::Status,
            Request::Why { .. } => Verb::Why,
            Request::Wait { .. } => Verb::Wait,
            Request::Graph { .. } => Verb::Graph,
            Request::Start { .. } => Verb::Start,
            Request::Stop { .. } => Verb::Stop,
            Request::Restart { .. } => Verb::Restart,
            Request::Signal { .. } => Verb::Signal,
            Request::Reload { .. } => Verb::Reload,
            Request::Events { .. } => Verb::Events,
            Request::Logs { .. } => Verb::Logs,
            Request::Tail { .. } => Verb::Tail,
            Request::Input { .. } => Verb::Input,
            Request::Resize { .. } => Verb::Resize,
            Request::Pid { .. } => Verb::Pid,
            Request::Version => Verb::Version,
            Request::Shutdown => Verb::Shutdown,
            Request::Help { .. } => Verb::Help,
        }
    }

    /// Its entry in the table.
    #[must_use]
    pub fn command(&self) -> &'static Command {
        self.verb().command()
    }

    /// The right that it needs: that of its command, but a dry run only looks.
    #[must_use]
    pub fn right(&self) -> Right {
        if *self == (Request::Reload { dry_run: true }) { Right::Read } else { self.command().right }
    }
}

impl Verb {
    /// Its entry in the table.
    #[must_use]
    pub fn command(self) -> &'static Command {
        // Every verb has an entry: a test goes through them. The first stands in so that nothing here can panic.
        let [first, ..] = &COMMANDS;
        COMMANDS.iter().find(|c| c.verb == self).unwrap_or(first)
    }
}

/// Arguments as both parsers collect them, before it is known whether they are enough.
#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) names: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) sig: Option<Sig>,
    pub(super) wait: Option<bool>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) dry_run: Option<bool>,
    pub(super) lines: Option<u32>,
    pub(super) follow: Option<bool>,
    pub(super) since: Option<u64>,
    pub(super) until: Option<WaitFor>,
    pub(super) usage: Option<bool>,
    pub(super) dot: Option<bool>,
    pub(super) follows: Option<bool>,
    pub(super) stdout: Option<bool>,
    pub(super) stderr: Option<bool>,
    pub(super) from: Vec<LogPlace>,
    pub(super) stream: Option<Stream>,
    pub(super) command: Option<String>,
    pub(super) text: Option<String>,
    pub(super) base64: Option<Vec<u8>>,
    pub(super) eof: Option<bool>,
    pub(super) rows: Option<u16>,
    pub(super) cols: Option<u16>,
}

impl Args {
    /// The request, if what it needs is there.
    pub(super) fn request(self, command: &Command) -> Result<Request, &'static str> {
        let wait = self.waiting()?;
        let names = |args: Args| if args.names.is_empty() { Err("no NAME given") } else { Ok(args.names) };
        Ok(match command.verb {
            Verb::Status => Request::Status { names: self.names, usage: self.usage.unwrap_or(false) },
            Verb::Why => Request::Why { names: names(self)? },
            Verb::Wait => {
                let (until, timeout_ms) = (self.until.unwrap_or(WaitFor::Running), self.timeout_ms);
                Request::Wait { names: names(self)?, until, timeout_ms }
            }
            Verb::Graph => Request::Graph { names: self.names, dot: self.dot.unwrap_or(false) },
            Verb::Start => Request::Start { names: names(self)?, wait },
            Verb::Stop => Request::Stop { names: names(self)?, wait },
            Verb::Restart => Request::Restart { names: names(self)?, wait },
            Verb::Signal => {
                let sig = self.sig.ok_or("no SIGNAL given")?;
                Request::Signal { sig, names: names(self)? }
            }
            Verb::Reload => Request::Reload { dry_run: self.dry_run.unwrap_or(false) },
            Verb::Events => {
                Request::Events { names: self.names, since: self.since, follow: self.follow.unwrap_or(true) }
            }
            Verb::Logs => Request::Logs {
                stream: self.only_stream()?,
                lines: self.lines.unwrap_or(TAIL_LINES),
                follow: self.follows.unwrap_or(false),
                names: self.names,
                from: self.from,
            },
            Verb::Tail if self.follows == Some(true) => Request::Logs {
                names: vec![self.name.ok_or("no NAME given")?],
                stream: Some(self.stream.unwrap_or(Stream::Stdout)),
                lines: self.lines.unwrap_or(TAIL_LINES),
                follow: true,
                from: Vec::new(),
            },
            Verb::Tail => Request::Tail {
                name: self.name.ok_or("no NAME given")?,
                stream: self.stream.unwrap_or(Stream::Stdout),
                lines: self.lines.unwrap_or(TAIL_LINES),
            },
            Verb::Input => self.input()?,
            Verb::Resize => Request::Resize {
                name: self.name.ok_or("no NAME given")?,
                rows: self.rows.ok_or("no ROWS given")?,
                cols: self.cols.ok_or("no COLS given")?,
            },
            Verb::Pid => Request::Pid { name: self.name },
            Verb::Version => Request::Version,
            Verb::Shutdown => Request::Shutdown,
            Verb::Help => Request::Help { command: self.command },
        })
    }

    fn input(self) -> Result<Request, &'static str> {
        let name = self.name.ok_or("no NAME given")?;
        let eof = self.eof.unwrap_or(false);
        let bytes = match (self.text, self.base64) {
            (Some(_), Some(_)) => return Err("it takes a text or bytes in base64, not both"),
            (Some(text), None) => text.into_bytes(),
            (None, Some(bytes)) => bytes,
            (None, None) if eof => Vec::new(),
            (None, None) => return Err("no TEXT given (\"\" is an empty line)"),
        };
        Ok(Request::Input { name, bytes, eof })
    }

    fn only_stream(&self) -> Result<Option<Stream>, &'static str> {
        match (self.stdout.unwrap_or(false), self.stderr.unwrap_or(false)) {
            (true, true) => Err("only stdout and only stderr cannot both be (without either, both are shown)"),
            (true, false) => Ok(Some(Stream::Stdout)),
            (false, true) => Ok(Some(Stream::Stderr)),
            (false, false) => Ok(None),
        }
    }

    fn waiting(&self) -> Result<Wait, &'static str> {
        match (self.wait, self.timeout_ms) {
            (Some(false), Some(_)) => Err("a time to wait makes no sense without waiting"),
            (Some(false), None) => Ok(Wait::No),
            (_, Some(ms)) => Ok(Wait::UpTo(ms)),
            (_, None) => Ok(Wait::Reached),
        }
    }
}

/// The bytes behind a text in base64 (RFC 4648).
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.as_bytes()).map_err(|_| format!("{} is no base64", quoted(text)))
}

/// What this word says to wait for.
pub(super) fn wait_for(text: &str) -> Result<WaitFor, String> {
    let found = WaitFor::ALL.into_iter().find(|until| until.word() == text);
    let words = WaitFor::ALL.map(WaitFor::word);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), words.join(", "), suggestion(text, words)))
}

/// The stream of this name.
pub(super) fn stream(text: &str) -> Result<Stream, String> {
    match text {
        "stdout" => Ok(Stream::Stdout),
        "stderr" => Ok(Stream::Stderr),
        _ => Err(format!("no stream {}{}", quoted(text), suggestion(text, ["stdout", "stderr"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let verbs = [
            Verb::Status,
            Verb::Why,
            Verb::Wait,
            Verb::Graph,
            Verb::Logs,
            Verb::Start,
            Verb::Stop,
            Verb::Restart,
            Verb::Signal,
            Verb::Reload,
            Verb::Events,
            Verb::Tail,
            Verb::Input,
            Verb::Resize,
            Verb::Pid,
            Verb::Version,
            Verb::Shutdown,
            Verb::Help,
        ];
        assert_eq!(verbs.len(), COMMANDS.len());
        for verb in verbs {
            assert_eq!(verb.command().verb, verb);
        }
        let mut all: Vec<&str> = names().chain(SHELL_WORDS.iter().map(|(word, _)| *word)).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "a name is used twice");
        for command in &COMMANDS {
            // Words after the rest of the words could never be given.
            let rest = command.params.iter().position(|p| p.place() == Place::Rest);
            assert!(rest.is_none_or(|at| at + 1 == command.params.len()), "{}", command.name);
            assert!(command.help.is_empty() || command.help.ends_with('\n'));
        }
    }

    #[test]
    fn what_is_repeated_is_short() {
        assert!(unknown(&"x".repeat(60_000)).text.len() < 200);
    }

    #[test]
    fn a_dry_run_needs_less() {
        assert_eq!(Request::Reload { dry_run: true }.right(), Right::Read);
        assert_eq!(Request::Reload { dry_run: false }.right(), Right::Admin);
        assert_eq!(Request::Status { names: vec![], usage: true }.right(), Right::Read);
    }
}

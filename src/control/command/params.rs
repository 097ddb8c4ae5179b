//! The arguments that commands take: what each is called in JSON, and where it stands in a line of words. It does not
//! know what they mean.

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
    /// One after the other: `--rolling`.
    Rolling,
    /// How many at a time: `--max-unavailable N`.
    MaxUnavailable,
    /// How many processes; a word.
    Count,
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
            Param::Rolling => "rolling",
            Param::MaxUnavailable => "max_unavailable",
            Param::Count => "count",
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
            Param::Name | Param::Sig | Param::Stream | Param::Command | Param::Count | Param::Rows | Param::Cols => {
                Place::Word
            }
            Param::Wait => Place::Flag("--no-wait"),
            Param::Rolling => Place::Flag("--rolling"),
            Param::MaxUnavailable => Place::Value("--max-unavailable", "-m"),
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

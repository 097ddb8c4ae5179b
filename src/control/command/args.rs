//! From arguments to a request. Both parsers read what a client sent into the same [`Args`], so what a command needs and
//! what goes together is decided here for words and JSON alike.

use data_encoding::BASE64;

use crate::base::id::Stream;
use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::control::message::{LogPlace, Request, Wait, WaitFor};

use super::{Command, Verb};

/// How many lines `tail` shows if nobody says.
const TAIL_LINES: u32 = 10;

/// Arguments as both parsers collect them, before it is known whether they are enough.
#[derive(Debug, Default)]
pub(in crate::control) struct Args {
    pub(in crate::control) names: Vec<String>,
    pub(in crate::control) name: Option<String>,
    pub(in crate::control) sig: Option<Sig>,
    pub(in crate::control) wait: Option<bool>,
    pub(in crate::control) timeout_ms: Option<u64>,
    pub(in crate::control) rolling: Option<bool>,
    pub(in crate::control) max_unavailable: Option<u32>,
    pub(in crate::control) count: Option<u32>,
    pub(in crate::control) dry_run: Option<bool>,
    pub(in crate::control) lines: Option<u32>,
    pub(in crate::control) follow: Option<bool>,
    pub(in crate::control) since: Option<u64>,
    pub(in crate::control) until: Option<WaitFor>,
    pub(in crate::control) usage: Option<bool>,
    pub(in crate::control) dot: Option<bool>,
    pub(in crate::control) follows: Option<bool>,
    pub(in crate::control) stdout: Option<bool>,
    pub(in crate::control) stderr: Option<bool>,
    pub(in crate::control) from: Vec<LogPlace>,
    pub(in crate::control) stream: Option<Stream>,
    pub(in crate::control) command: Option<String>,
    pub(in crate::control) text: Option<String>,
    pub(in crate::control) base64: Option<Vec<u8>>,
    pub(in crate::control) eof: Option<bool>,
    pub(in crate::control) rows: Option<u16>,
    pub(in crate::control) cols: Option<u16>,
}

impl Args {
    /// The request, if what it needs is there.
    pub(in crate::control) fn request(self, command: &Command) -> Result<Request, &'static str> {
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
            Verb::Restart => {
                let rolling = self.rolling(wait)?;
                Request::Restart { names: names(self)?, wait, rolling }
            }
            Verb::Scale => Request::Scale {
                name: self.name.ok_or("no PROGRAM given")?,
                count: self.count.ok_or("no N given")?,
                wait,
            },
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

    /// How many are restarted at a time, if not all at once.
    fn rolling(&self, wait: Wait) -> Result<Option<u32>, &'static str> {
        match (self.rolling.unwrap_or(false), self.max_unavailable) {
            (false, None) => Ok(None),
            (false, Some(_)) => Err("max-unavailable is for a rolling restart"),
            (true, _) if wait == Wait::No => Err("a rolling restart needs somebody who waits for it"),
            (true, Some(0)) => Err("max-unavailable is at least 1"),
            (true, width) => Ok(Some(width.unwrap_or(1))),
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
pub(in crate::control) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.as_bytes()).map_err(|_| format!("{} is no base64", quoted(text)))
}

/// What this word says to wait for.
pub(in crate::control) fn wait_for(text: &str) -> Result<WaitFor, String> {
    let found = WaitFor::ALL.into_iter().find(|until| until.word() == text);
    let words = WaitFor::ALL.map(WaitFor::word);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), words.join(", "), suggestion(text, words)))
}

/// The stream of this name.
pub(in crate::control) fn stream(text: &str) -> Result<Stream, String> {
    match text {
        "stdout" => Ok(Stream::Stdout),
        "stderr" => Ok(Stream::Stderr),
        _ => Err(format!("no stream {}{}", quoted(text), suggestion(text, ["stdout", "stderr"]))),
    }
}

//! Why a request was not carried out: the kinds, their words and their numbers.

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: names the thing and the remedy.
    pub text: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: RefusalCode, text: impl Into<String>) -> Refusal {
        Refusal { code, text: text.into() }
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// The line or the JSON cannot be read.
    BadRequest,
    /// The JSON can be read but is no request.
    InvalidRequest,
    /// There is no such command.
    UnknownCommand,
    /// The arguments of the command are wrong.
    BadArguments,
    /// No process has this name.
    UnknownName,
    /// The peer may not do this.
    Denied,
    /// The request is longer than the limit.
    TooLarge,
    /// Too many connections or requests.
    Busy,
    /// The daemon is shutting down.
    ShuttingDown,
    /// The configuration has errors; nothing was changed.
    BadConfig,
    /// Something failed on the way, such as reading a log file.
    Failed,
}

impl RefusalCode {
    /// Every kind with its word for text answers and its number for JSON-RPC. The first four numbers are those that
    /// JSON-RPC 2.0 defines; the others are from its range for implementations.
    pub const ALL: [(RefusalCode, &'static str, i32); 11] = [
        (RefusalCode::BadRequest, "bad-request", -32700),
        (RefusalCode::InvalidRequest, "invalid-request", -32600),
        (RefusalCode::UnknownCommand, "unknown-command", -32601),
        (RefusalCode::BadArguments, "bad-arguments", -32602),
        (RefusalCode::UnknownName, "unknown-name", -32001),
        (RefusalCode::Denied, "denied", -32002),
        (RefusalCode::TooLarge, "too-large", -32003),
        (RefusalCode::Busy, "busy", -32004),
        (RefusalCode::ShuttingDown, "shutting-down", -32005),
        (RefusalCode::BadConfig, "bad-config", -32006),
        (RefusalCode::Failed, "failed", -32007),
    ];

    /// Its word: `unknown-name`.
    #[must_use]
    pub fn word(self) -> &'static str {
        RefusalCode::ALL.iter().find(|(c, _, _)| *c == self).map_or("failed", |(_, word, _)| word)
    }

    /// Its number in a JSON-RPC error object.
    #[must_use]
    pub fn number(self) -> i32 {
        RefusalCode::ALL.iter().find(|(c, _, _)| *c == self).map_or(-32000, |(_, _, n)| *n)
    }
}

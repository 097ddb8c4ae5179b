//! What is typed, on its way to the process. One call is under way at a time, so what is typed waits here while the process
//! does not read; what could not be taken is sent again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::base::time::Mono;
use crate::control::command::Verb;
use crate::control::jsonrpc;
use crate::control::message::{ProcessStatus, Refusal, RefusalCode, Request, Response};
use crate::ctl::connect::{self, NoReply, Reply};
use crate::ctl::session::Session;
use crate::sys::{fd, term, timer};

use super::keys::Keys;

/// How much is sent with one call. As JSON it may be six times as long, and a request has 64 KiB.
const CALL_BYTES: usize = 8 << 10;

/// How much that is typed may wait; then it is not read on.
const TYPED_BYTES: usize = 4 << 10;

/// How many keys may wait. They are read nevertheless, for those that leave, and dropped.
const KEYS_BYTES: usize = 1 << 20;

/// When a process that does not read is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// How long leaving waits until what was typed before is written.
const LEAVING_TIME: Duration = Duration::from_millis(500);

/// What came of what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It will be sent.
    Taken,
    /// It goes nowhere.
    Dropped,
    /// One wants to leave.
    Leaves,
}

/// The way of what is typed.
pub(super) struct Typing {
    calls: Reply,
    name: String,
    /// What the last call was, if it is not answered.
    asked: Option<Verb>,
    keys: Keys,
    /// What is typed and not written.
    typed: Vec<u8>,
    /// How much of it is under way.
    sent: usize,
    /// Our size has changed, or theirs.
    resize: bool,
    /// Nothing more is typed.
    over: bool,
    /// That it goes nowhere was told.
    told: bool,
    /// It is typed at a keyboard.
    keyboard: bool,
    /// The process runs.
    up: bool,
    /// Something that was to be written was not.
    lost: bool,
    /// No call is made before.
    not_before: Option<Mono>,
    /// One wants to leave, at the latest then.
    leaving: Option<Mono>,
}

impl Typing {
    /// Opens the way to a process; a refusal if it reads nothing, or one may not.
    pub fn open(
        session: &Session,
        process: &ProcessStatus,
        keyboard: bool,
    ) -> Result<Result<Typing, Refusal>, NoReply> {
        let nothing = Request::Input { name: process.name.clone(), bytes: Vec::new(), eof: false };
        let calls = connect::ask(&session.path, &nothing, None)?;
        if let Response::Refused(Refusal { code, text }) = jsonrpc::read_answer(Verb::Input, &calls.line)? {
            // Between two runs it reads nothing either, but will.
            let for_now = code == RefusalCode::Failed && process.reads.is_some();
            if !for_now {
                return Ok(Err(Refusal::new(code, format!("{text}; \"attach --no-input\" only watches"))));
            }
        }
        Ok(Ok(Typing {
            calls,
            name: process.name.clone(),
            asked: None,
            keys: Keys::default(),
            typed: Vec::new(),
            sent: 0,
            resize: true,
            over: false,
            told: false,
            keyboard,
            up: process.pid.is_some(),
            lost: false,
            not_before: None,
            leaving: None,
        }))
    }

    /// The connection.
    pub fn calls(&mut self) -> &mut Reply {
        &mut self.calls
    }

    /// The connection, to wait for.
    pub fn calls_fd(&self) -> BorrowedFd<'_> {
        self.calls.as_fd()
    }

    /// Whether it is to be read on, with every key as it is pressed if `raw`.
    pub fn wants_more(&self, raw: bool) -> bool {
        let room = self.up && self.typed.len() < TYPED_BYTES;
        !self.over && self.leaving.is_none() && (self.keyboard && (raw || !self.up) || room)
    }

    /// When there is something to do without anything happening.
    pub fn due(&self) -> Option<Mono> {
        self.not_before.into_iter().chain(self.leaving).min()
    }

    /// Something that was to be written was not.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Whether a call is not answered yet.
    pub fn is_under_way(&self) -> bool {
        self.asked.is_some()
    }

    /// Nothing is written any more: what a file or a pipe had for it is lost.
    pub fn process_is_over(&mut self) {
        self.lost |= !self.keyboard && !self.typed.is_empty();
    }

    /// The process's terminal is to have our size.
    pub fn resize(&mut self) {
        self.resize = true;
    }

    /// Wants to leave.
    pub fn leave(&mut self) {
        self.leaving = Some(timer::monotonic().after(LEAVING_TIME));
    }

    /// Whether one may leave now: what was typed is written, or has had its time. How much will not be written.
    pub fn may_leave(&self) -> Option<usize> {
        let at = self.leaving?;
        let idle = self.asked.is_none() && self.typed.is_empty();
        (idle || !self.up || at <= timer::monotonic()).then_some(self.typed.len())
    }

    /// A run has begun, or ended.
    pub fn set_up(&mut self, up: bool) {
        (self.up, self.told, self.resize) = (up, false, up);
        if !up && self.keyboard {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.typed.clear();
        self.sent = 0;
    }

    /// Makes the next call, if the last is answered. The process's terminal follows ours if `raw`.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, raw: bool) -> Result<(), NoReply> {
        if self.asked.is_some() || !self.up {
            return Ok(());
        }
        let size = if std::mem::take(&mut self.resize) && raw { term::size(fd::standard(0)) } else { None };
        let name = self.name.clone();
        let request = if let Some((cols, rows)) = size {
            Request::Resize { name, rows, cols }
        } else {
            if self.not_before.is_some_and(|at| at > timer::monotonic()) {
                return Ok(());
            }
            self.not_before = None;
            let bytes: Vec<u8> = self.typed.iter().take(CALL_BYTES).copied().collect();
            self.sent = bytes.len();
            if bytes.is_empty() {
                return Ok(());
            }
            Request::Input { name, bytes, eof: false }
        };
        self.asked = Some(request.verb());
        self.calls.send(&request)
    }

    /// A call was answered; what there is to tell.
    ///
    /// # Errors
    /// It is no answer.
    pub fn answered(&mut self, line: &str) -> Result<Option<String>, NoReply> {
        let Some(verb) = self.asked.take() else { return Ok(None) };
        let response = jsonrpc::read_answer(verb, line)?;
        // A terminal that cannot be resized is still a terminal.
        if verb != Verb::Input {
            return Ok(None);
        }
        let Response::Refused(refusal) = response else {
            self.typed.drain(..self.sent.min(self.typed.len()));
            self.sent = 0;
            return Ok(None);
        };
        if refusal.code == RefusalCode::Busy {
            self.sent = 0;
            self.not_before = Some(timer::monotonic().after(BUSY_PAUSE));
            return Ok(None);
        }
        self.forget();
        if !self.keyboard {
            // What comes behind a gap would be something else.
            (self.over, self.lost) = (true, true);
        }
        let tell = !std::mem::replace(&mut self.told, true);
        Ok(tell.then(|| format!("not typed: {}", refusal.text)))
    }

    /// Reads what is typed. The end of it leaves at a terminal, where it is a key; elsewhere it is the end of a file, and
    /// there is still something to see.
    pub fn read(&mut self, raw: bool) -> Typed {
        let mut room = [0; 1024];
        let bytes = match fd::read(fd::standard(0), &mut room) {
            Ok(n @ 1..) => room.get(..n).unwrap_or_default(),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                return Typed::Taken;
            }
            Ok(_) | Err(_) => {
                self.over = true;
                return if self.keyboard { Typed::Leaves } else { Typed::Taken };
            }
        };
        if !raw {
            // Files and pipes are passed on as they are.
            self.typed.extend_from_slice(bytes);
        } else if self.keys.pass(bytes, &mut self.typed) {
            return Typed::Leaves;
        }
        if !self.up && self.keyboard {
            self.forget();
            return Typed::Dropped;
        }
        if self.typed.len() > KEYS_BYTES {
            self.typed.truncate(KEYS_BYTES);
            return Typed::Dropped;
        }
        Typed::Taken
    }
}

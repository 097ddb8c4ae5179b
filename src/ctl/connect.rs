//! One request to the daemon, and its answer.
//!
//! Every request has a connection of its own, so that a daemon that was started anew in between makes no difference.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::address;
use crate::control::jsonrpc::{self, Id};
use crate::control::message::Request;
use crate::sys::client::{self, First, Interrupt};
use crate::sys::{sock, user};

use super::trust;

/// Room for the first read: enough for the status of some processes. It doubles as long as more comes.
const FIRST_READ_BYTES: usize = 8 << 10;

/// An answer line, and the connection it came on.
#[derive(Debug)]
pub struct Reply {
    /// The JSON text, without a line feed.
    pub line: String,
    /// What came behind it with the same read.
    rest: Vec<u8>,
    stream: UnixStream,
}

impl Reply {
    /// What follows the answer, line by line, until the daemon ends it; `None` is its end.
    ///
    /// # Errors
    /// Ctrl-C, or the connection broke.
    pub fn next_line(&mut self, interrupt: Option<&Interrupt>) -> Result<Option<String>, NoReply> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            if !self.receive_unless(interrupt)? {
                return Ok(None);
            }
        }
    }

    /// The next line of what has come.
    pub fn take_line(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|b| *b == b'\n')?;
        let line: Vec<u8> = self.rest.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Waits for more; whether there was any before the end.
    ///
    /// # Errors
    /// The connection broke.
    pub fn receive(&mut self) -> Result<bool, NoReply> {
        self.receive_unless(None)
    }

    fn receive_unless(&mut self, interrupt: Option<&Interrupt>) -> Result<bool, NoReply> {
        let mut room = [0; FIRST_READ_BYTES];
        loop {
            match read(&mut self.stream, &mut room, interrupt) {
                Ok(None) => return Err(NoReply::Cancelled),
                Ok(Some(n)) => {
                    self.rest.extend_from_slice(room.get(..n).unwrap_or_default());
                    return Ok(n > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(NoReply::Because(format!("the connection broke: {error}"))),
            }
        }
    }

    /// Sends another request on the same connection. Its answer is among the lines that follow.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, request: &Request) -> Result<(), NoReply> {
        let mut line = Vec::with_capacity(256);
        jsonrpc::write_request(&Id::number(1), request, &mut line);
        line.push(b'\n');
        self.stream.write_all(&line).map_err(|error| NoReply::Because(format!("the connection broke: {error}")))
    }
}

impl AsFd for Reply {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Ctrl-C: it is not waited for any longer.
    Cancelled,
    /// What went wrong, for people.
    Because(String),
}

impl From<String> for NoReply {
    fn from(text: String) -> NoReply {
        NoReply::Because(text)
    }
}

impl Reply {
    /// Waits until the daemon closes the connection.
    ///
    /// # Errors
    /// Ctrl-C came first.
    pub fn wait_for_close(&mut self, interrupt: Option<&Interrupt>) -> Result<(), NoReply> {
        let mut rest = [0; 512];
        loop {
            match read(&mut self.stream, &mut rest, interrupt) {
                Ok(None) => return Err(NoReply::Cancelled),
                Ok(Some(0)) => return Ok(()),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Ok(()),
                Ok(Some(_)) | Err(_) => {}
            }
        }
    }
}

/// Reads what there is; `None` if Ctrl-C came first.
fn read(stream: &mut UnixStream, room: &mut [u8], interrupt: Option<&Interrupt>) -> std::io::Result<Option<usize>> {
    match interrupt.map(|interrupt| interrupt.wait(stream.as_fd())).transpose()? {
        Some(First::Interrupt) => Ok(None),
        Some(First::Readable) | None => stream.read(room).map(Some),
    }
}

/// The socket: the given one, else the one that the environment names, else the default.
#[must_use]
pub fn socket_path(given: Option<PathBuf>) -> PathBuf {
    let named = || std::env::var_os(address::SOCKET_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    given.or_else(named).unwrap_or_else(|| {
        address::default_socket(user::effective_uid(), std::env::var_os("XDG_RUNTIME_DIR").as_deref())
    })
}

/// Where a daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    path: PathBuf,
    /// The user that it is said to run as.
    user: Option<u32>,
}

impl Address {
    /// The daemon on this socket, which runs as this user if one is named.
    #[must_use]
    pub fn new(path: PathBuf, user: Option<u32>) -> Address {
        Address { path, user }
    }

    /// The path of the socket, for people.
    #[must_use]
    pub fn display(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

impl<P: Into<PathBuf>> From<P> for Address {
    fn from(path: P) -> Address {
        Address { path: path.into(), user: None }
    }
}

/// Sends a request and reads its answer. With `interrupt`, Ctrl-C ends the waiting for it.
///
/// # Errors
/// The daemon cannot be reached, is not to be trusted, or answers with something else than an answer; Ctrl-C.
pub fn ask(daemon: &Address, request: &Request, interrupt: Option<&Interrupt>) -> Result<Reply, NoReply> {
    converse(open(daemon)?, &daemon.path, request, interrupt)
}

/// The same for what is not worth waiting for: a daemon that is silent for as long as `limit` has no answer.
///
/// # Errors
/// As with [`ask`]; nothing came in time.
pub fn ask_briefly(daemon: &Address, request: &Request, limit: Duration) -> Result<Reply, NoReply> {
    let stream = open(daemon)?;
    stream.set_read_timeout(Some(limit)).map_err(|error| broken(&daemon.path, &error))?;
    converse(stream, &daemon.path, request, None)
}

fn converse(
    mut stream: UnixStream,
    path: &Path,
    request: &Request,
    interrupt: Option<&Interrupt>,
) -> Result<Reply, NoReply> {
    let mut line = Vec::with_capacity(256);
    jsonrpc::write_request(&Id::number(1), request, &mut line);
    line.push(b'\n');
    let sent = stream.write_all(&line);
    // A daemon that does not want to talk may say so and close before it has read anything.
    let (answer, rest, end) = read_line(&mut stream, interrupt);
    let because = |text: String| Err(NoReply::Because(text));
    match (String::from_utf8(answer), end) {
        (_, Ok(End::Cancelled)) => Err(NoReply::Cancelled),
        (Ok(line), _) if line.starts_with('{') => Ok(Reply { line, rest, stream }),
        (Ok(line), _) if line.starts_with("ERROR ") => {
            because(format!("the daemon on {} refuses: {}", path.display(), line.trim_start_matches("ERROR ")))
        }
        (Ok(line), end) if line.is_empty() => because(match sent.and(end.map(drop)) {
            Ok(()) => format!("the daemon on {} closed the connection without an answer", path.display()),
            Err(error) => broken(path, &error),
        }),
        (Ok(_) | Err(_), _) => because(format!("what answers on {} is no taskmasterd", path.display())),
    }
}

/// Connects, and makes sure that the daemon is one that may be trusted.
pub(super) fn open(daemon: &Address) -> Result<UnixStream, String> {
    let path = daemon.path.as_path();
    let stream = client::connect(path).map_err(|error| unreachable_text(path, &error))?;
    let server = sock::peer(stream.as_fd()).map_err(|error| broken(path, &error))?;
    trust::check(path, server.uid, user::effective_uid(), daemon.user)?;
    Ok(stream)
}

fn unreachable_text(path: &Path, error: &std::io::Error) -> String {
    let at = path.display();
    let kind = error.kind();
    if matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory) {
        let variable = address::SOCKET_VARIABLE;
        format!("no daemon answers on {at} (is taskmasterd running? -s SOCKET or {variable} names another)")
    } else if kind == ErrorKind::PermissionDenied {
        format!("no permission to talk to the daemon on {at} (taskmasterd.socket in its configuration says who may)")
    } else if kind == ErrorKind::WouldBlock {
        format!("the daemon on {at} does not accept connections: it is stuck or very busy")
    } else {
        format!("connect to {at}: {error}")
    }
}

fn broken(path: &Path, error: &std::io::Error) -> String {
    format!("the connection to {} broke: {error}", path.display())
}

/// What ended the reading of a line.
enum End {
    /// The line feed, or the end of the connection.
    Line,
    /// Ctrl-C.
    Cancelled,
}

/// Reads up to the first line feed, which is left out, or to the end. Gives the line, and what came behind it.
fn read_line(stream: &mut UnixStream, interrupt: Option<&Interrupt>) -> (Vec<u8>, Vec<u8>, std::io::Result<End>) {
    let mut buffer = Vec::new();
    let mut rest = Vec::new();
    let mut len = 0;
    let end = loop {
        if len == buffer.len() {
            buffer.resize((len * 2).max(FIRST_READ_BYTES), 0);
        }
        let room = buffer.get_mut(len..).unwrap_or_default();
        match read(stream, room, interrupt) {
            Ok(None) => break Ok(End::Cancelled),
            Ok(Some(0)) => break Ok(End::Line),
            Ok(Some(n)) => {
                let line_end = room.iter().take(n).position(|b| *b == b'\n');
                if let Some(end) = line_end {
                    rest = room.get(end + 1..n).unwrap_or_default().to_vec();
                    len += end;
                    break Ok(End::Line);
                }
                len += n;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    buffer.truncate(len);
    (buffer, rest, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    fn text_of(why: NoReply) -> String {
        match why {
            NoReply::Because(text) => text,
            NoReply::Cancelled => panic!("nobody cancelled it"),
        }
    }

    /// What `ask` makes of a server that reads a line and answers with these pieces.
    fn answered(pieces: &'static [&'static [u8]]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(read_line(&mut stream, None).2.is_ok());
            for piece in pieces {
                stream.write_all(piece).unwrap();
            }
        });
        let reply = ask(&path.clone().into(), &Request::Version, None).map(|r| r.line).map_err(text_of);
        server.join().unwrap();
        reply.map_err(|text| text.replace(&path.display().to_string(), "PATH"))
    }

    #[test]
    fn answers_are_read_to_the_line_end() {
        assert_eq!(answered(&[b"{\"a", b"\":1}\n"]), Ok("{\"a\":1}".to_owned()));
        assert_eq!(answered(&[b"{}\n{}\n"]), Ok("{}".to_owned()));
        static LONG: [u8; 100_000] = [b' '; 100_000];
        static PIECES: [&[u8]; 3] = [b"{", &LONG, b"}\n"];
        assert_eq!(answered(&PIECES).unwrap().len(), 100_002);
    }

    #[test]
    fn what_is_no_answer_is_said_in_words() {
        let text = |pieces| answered(pieces).unwrap_err();
        assert_eq!(text(&[]), "the daemon on PATH closed the connection without an answer");
        assert_eq!(text(&[b"ERROR busy: come back later\n"]), "the daemon on PATH refuses: busy: come back later");
        assert_eq!(text(&[b"220 mail\n"]), "what answers on PATH is no taskmasterd");
        assert_eq!(text(&[b"\xff\n"]), "what answers on PATH is no taskmasterd");
    }

    #[test]
    fn a_silent_daemon_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        // It accepts, by its queue, and never answers.
        let _listener = UnixListener::bind(&path).unwrap();
        let why = ask_briefly(&path.into(), &Request::Version, Duration::from_millis(20)).unwrap_err();
        assert!(text_of(why).starts_with("the connection to "));
    }

    #[test]
    fn nobody_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let text = text_of(ask(&path.into(), &Request::Version, None).unwrap_err());
        assert!(text.starts_with("no daemon answers on ") && text.contains("-s SOCKET"), "{text}");
    }
}

//! From the bytes of a connection to requests, one after the other: a strict subset of HTTP/1.1.
//!
//! Whatever two parties could read in two ways is refused, so that nothing can be hidden from a proxy in front: two
//! lengths, a length beside an encoding, lines that go on, line ends without CR, NUL. A body has a length that is told in
//! front. What is refused ends the connection: where the next request begins is not certain then.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Header, Status};

/// The most that request line and headers may be together.
pub const HEAD_BYTES: usize = 16 << 10;

/// The largest body.
pub const BODY_BYTES: usize = 1 << 20;

/// The most headers.
const HEADERS: usize = 64;

/// What is asked to be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To see it.
    Get,
    /// To see all but its content.
    Head,
    /// To change something.
    Post,
    /// Anything else: nothing here has it.
    Other,
}

/// A request line and the headers that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What is asked.
    pub method: Method,
    /// The parts of the path, between its strokes, decoded: `/api/status` is `api` and `status`, `/` is none.
    pub path: Vec<String>,
    /// What stands behind the question mark, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Whether the connection may be used again.
    pub keep_alive: bool,
    /// `Host`, in lower case.
    pub host: String,
    /// `Origin`: the page that asks.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`: how that page is related to this one, as the browser sees it.
    pub fetch_site: Option<String>,
    /// `Sec-Fetch-Mode`: whether somebody follows a link, or a script asks.
    pub fetch_mode: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `Cookie`.
    pub cookie: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Last-Event-ID`: where a follower of events was.
    pub last_event: Option<String>,
    /// `Sec-WebSocket-Key` of a connection that is to become a WebSocket.
    pub socket_key: Option<String>,
    /// `Content-Length`.
    pub length: usize,
    /// The client waits to be told that it may send the body.
    pub expects: bool,
}

/// A request with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Everything but the body.
    pub head: Head,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// Why a request cannot be served, by its number in HTTP and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `400`.
    pub status: u16,
    /// What is wrong.
    pub text: Cow<'static, str>,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Fault {
        Fault { status, text: text.into() }
    }
}

fn bad(text: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(400, text)
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More has to come.
    Wait,
    /// The client is to be told that the body may come (`100 Continue`).
    Continue,
    /// A request is complete.
    Ask(Box<Asked>),
    /// This is no request that can be served; the connection is over.
    Refuse(Fault),
}

/// The requests of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of the buffer was looked at for the end of the head.
    seen: usize,
    /// An empty line in front of the next head was skipped.
    skipped: bool,
    /// The head, if it is complete and its body is not.
    head: Option<Box<Head>>,
    /// The client was told that it may go on.
    told: bool,
}

impl Reader {
    /// Takes what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How much is held that is not a complete request yet, as far as anybody knows.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a request has begun and is not complete.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.head.is_some() || !self.buffer.is_empty()
    }

    /// Whether there is no sense in reading more before something is taken out.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.buffer.len() > HEAD_BYTES + BODY_BYTES
    }

    /// What is left in the buffer; of a connection that is no longer HTTP.
    #[must_use]
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// The next request, if it is complete.
    pub fn take(&mut self) -> Step {
        if self.head.is_none() {
            match self.take_head() {
                Ok(Some(head)) => self.head = Some(Box::new(head)),
                Ok(None) => return Step::Wait,
                Err(fault) => return Step::Refuse(fault),
            }
        }
        let Some(head) = self.head.take() else { return Step::Wait };
        if self.buffer.len() < head.length {
            let ask = head.expects && !self.told;
            self.told |= ask;
            self.head = Some(head);
            return if ask { Step::Continue } else { Step::Wait };
        }
        let rest = self.buffer.split_off(head.length);
        let body = std::mem::replace(&mut self.buffer, rest);
        self.told = false;
        Step::Ask(Box::new(Asked { head: *head, body }))
    }

    /// Takes request line and headers out of the buffer, if they are complete.
    fn take_head(&mut self) -> Result<Option<Head>, Fault> {
        // One empty line before a request is some clients' habit. It may come in two pieces.
        if !self.skipped && self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
            self.seen = 0;
            self.skipped = true;
        }
        let Some(end) = self.find_end()? else { return Ok(None) };
        let head = read_head(self.buffer.get(..end).unwrap_or_default())?;
        self.buffer.drain(..end);
        self.seen = 0;
        self.skipped = false;
        Ok(Some(head))
    }

    /// Where the head ends, once it does. What may not be in a head is found as soon as it is there.
    fn find_end(&mut self) -> Result<Option<usize>, Fault> {
        let mut at = self.seen;
        while let Some(byte) = self.buffer.get(at) {
            let before = |n: usize| at.checked_sub(n).and_then(|at| self.buffer.get(at));
            match byte {
                b'\n' if before(1) != Some(&b'\r') => return Err(bad("a line ends without CR")),
                b'\n' if at == 1 => return Err(bad("there is an empty line where a request should begin")),
                b'\n' if before(2) == Some(&b'\n') => {
                    return if at < HEAD_BYTES { Ok(Some(at + 1)) } else { Err(too_large()) };
                }
                0 => return Err(bad("there is a NUL byte in the headers")),
                b if *b != b'\n' && before(1) == Some(&b'\r') => return Err(bad("there is a CR within a line")),
                _ => at += 1,
            }
        }
        self.seen = at;
        if at > HEAD_BYTES { Err(too_large()) } else { Ok(None) }
    }
}

fn too_large() -> Fault {
    Fault::new(431, format!("request line and headers are more than {HEAD_BYTES} bytes"))
}

fn read_head(bytes: &[u8]) -> Result<Head, Fault> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(bad("the request cannot be read")),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::new(431, format!("more than {HEADERS} headers"))),
        Err(httparse::Error::Version) => return Err(Fault::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")),
        Err(error) => return Err(bad(format!("the request cannot be read: {error}"))),
    }
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => Method::Other,
    };
    let (path, query) = read_target(request.path.unwrap_or_default())?;
    let headers = Headers(request.headers);
    if headers.find("transfer-encoding")?.is_some() {
        let beside = headers.find("content-length").is_ok_and(|length| length.is_none());
        return Err(if beside {
            Fault::new(501, "no Transfer-Encoding is known here: send a Content-Length")
        } else {
            bad("Transfer-Encoding and Content-Length exclude each other")
        });
    }
    let own = |name| headers.find(name).map(|value| value.map(str::to_owned));
    let Some(host) = own("host")? else { return Err(bad("there is no Host")) };
    let expects = match headers.find("expect")? {
        None => false,
        Some(what) if what.eq_ignore_ascii_case("100-continue") => true,
        Some(_) => return Err(Fault::new(417, "only 100-continue can be expected")),
    };
    let newer = request.version == Some(1);
    let is_socket = headers.lists("upgrade", "websocket") && headers.lists("connection", "upgrade");
    let socket_key = if is_socket { Some(read_handshake(&headers)?) } else { None };
    Ok(Head {
        method,
        path,
        query,
        keep_alive: !headers.lists("connection", "close") && (newer || headers.lists("connection", "keep-alive")),
        host: host.to_ascii_lowercase(),
        origin: own("origin")?,
        fetch_site: own("sec-fetch-site")?,
        fetch_mode: own("sec-fetch-mode")?,
        authorization: own("authorization")?,
        cookie: own("cookie")?,
        content_type: own("content-type")?,
        accept: own("accept").unwrap_or_default(),
        last_event: own("last-event-id")?,
        socket_key,
        length: headers.length()?,
        expects: expects && newer,
    })
}

/// What RFC 6455 wants of a request to become a WebSocket.
fn read_handshake(headers: &Headers<'_, '_>) -> Result<String, Fault> {
    const KEY_BYTES: usize = 24;
    if headers.find("sec-websocket-version")? != Some("13") {
        return Err(Fault::new(426, "the version of WebSocket that is spoken here is 13"));
    }
    let key = headers.find("sec-websocket-key")?.filter(|key| key.len() == KEY_BYTES);
    key.map(str::to_owned).ok_or_else(|| bad("there is no usable Sec-WebSocket-Key"))
}

struct Headers<'h, 'b>(&'h [Header<'b>]);

impl<'b> Headers<'_, 'b> {
    /// The value of a header, which may be there once.
    fn find(&self, name: &str) -> Result<Option<&'b str>, Fault> {
        let mut all = self.0.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let Some(first) = all.next() else { return Ok(None) };
        if all.next().is_some() {
            return Err(bad(format!("{name} is there twice")));
        }
        let text = str::from_utf8(first.value).map_err(|_| bad(format!("{name} is not UTF-8")))?;
        Ok(Some(text.trim_matches([' ', '\t'])))
    }

    /// Whether a word is among those of a header that is a list.
    fn lists(&self, name: &str, word: &str) -> bool {
        let values = self.0.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        values
            .filter_map(|header| str::from_utf8(header.value).ok())
            .any(|value| value.split(',').any(|one| one.trim_matches([' ', '\t']).eq_ignore_ascii_case(word)))
    }

    fn length(&self) -> Result<usize, Fault> {
        let Some(text) = self.find("content-length")? else { return Ok(0) };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("Content-Length is no number"));
        }
        match text.parse::<usize>() {
            Ok(length) if length <= BODY_BYTES => Ok(length),
            _ => Err(Fault::new(413, format!("the body is more than {BODY_BYTES} bytes"))),
        }
    }
}

/// The parts of the path, and what is asked of it.
type Target = (Vec<String>, Vec<(String, String)>);

/// Takes a target apart. It is one of this server: begins with a stroke.
fn read_target(target: &str) -> Result<Target, Fault> {
    let Some(rest) = target.strip_prefix('/') else {
        return Err(bad("the target is not a path of this server"));
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parts = if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').map(|part| decoded(part, false)).collect::<Result<_, _>>()?
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name, true)?, decoded(value, true)?))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_, _>>()?;
    Ok((parts, query))
}

/// A part of a target without its `%41`. Control characters and what is not UTF-8 have no meaning here.
fn decoded(text: &str, plus: bool) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit =
                    |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                match (digit(rest.next()), digit(rest.next())) {
                    (Some(high), Some(low)) => high << 4 | low,
                    _ => return Err(bad("a % in the target is followed by something else than two digits")),
                }
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| bad("the target is not UTF-8"))?;
    if text.chars().any(char::is_control) { Err(bad("the target has control characters")) } else { Ok(text) }
}

#[cfg(test)]
mod tests;

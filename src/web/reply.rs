//! Answers of HTTP: a status, a few headers, a body.
//!
//! Every answer carries what keeps a browser from doing with it what it should not: it is never guessed what it is, never
//! kept, never shown within another page, and what it may load is written down.

use std::borrow::Cow;
use std::io::Write;

use super::http::Fault;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON.
    Json,
    /// Text for people.
    Text,
    /// What Prometheus reads.
    Metrics,
    /// Server-sent events.
    Events,
    /// The page.
    Html,
    /// Its style.
    Css,
    /// Its script.
    Script,
    /// Its icon.
    Svg,
}

impl Kind {
    /// As it is named where only the kind counts: `text/plain`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.name().split(';').next().unwrap_or_default()
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Json => "application/json",
            Kind::Text => "text/plain; charset=utf-8",
            Kind::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Kind::Events => "text/event-stream",
            Kind::Html => "text/html; charset=utf-8",
            Kind::Css => "text/css; charset=utf-8",
            Kind::Script => "text/javascript; charset=utf-8",
            Kind::Svg => "image/svg+xml",
        }
    }
}

/// What the page may load: itself, from here, and nothing that is written into it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What anything else may load.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `200`.
    pub status: u16,
    /// What the body is.
    pub kind: Kind,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// Headers of this answer alone.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// It worked.
    #[must_use]
    pub fn ok(kind: Kind, body: impl Into<Cow<'static, [u8]>>) -> Reply {
        Reply { status: 200, kind, body: body.into(), headers: Vec::new() }
    }

    /// The same with another number.
    #[must_use]
    pub fn with_status(self, status: u16) -> Reply {
        Reply { status, ..self }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// It did not work: `{"error":{"message":"…"}}`.
    #[must_use]
    pub fn of(fault: &Fault) -> Reply {
        let mut body = b"{\"error\":{\"message\":".to_vec();
        crate::control::jsonrpc::write_text(&fault.text, &mut body);
        body.extend_from_slice(b"}}\n");
        let reply = Reply::ok(Kind::Json, body).with_status(fault.status);
        match fault.status {
            401 => reply.with_header("WWW-Authenticate", "Bearer"),
            426 => reply.with_header("Sec-WebSocket-Version", "13"),
            _ => reply,
        }
    }

    /// Appends the answer.
    pub fn write(&self, how: How, out: &mut Vec<u8>) {
        write_beginning(self.status, self.kind, &self.headers, out);
        // Writing into a vector cannot fail.
        if self.status != 204 {
            let _ = write!(out, "Content-Length: {}\r\n", self.body.len());
        }
        if !how.keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !how.head_only {
            out.extend_from_slice(&self.body);
        }
    }
}

/// Appends an answer that is all right, straight from its body.
pub fn write_ok(kind: Kind, body: &[u8], how: How, out: &mut Vec<u8>) {
    write_beginning(200, kind, &[], out);
    // Writing into a vector cannot fail.
    let _ = write!(out, "Content-Length: {}\r\n", body.len());
    out.extend_from_slice(if how.keep_alive { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    if !how.head_only {
        out.extend_from_slice(body);
    }
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// The connection goes on.
    pub keep_alive: bool,
    /// Without the body.
    pub head_only: bool,
}

/// Appends the head of an answer that has no end: it lasts as long as the connection.
pub fn write_stream_head(kind: Kind, out: &mut Vec<u8>) {
    write_beginning(200, kind, &[], out);
    out.extend_from_slice(b"Connection: close\r\nX-Accel-Buffering: no\r\n\r\n");
}

/// Appends what makes the connection a WebSocket.
pub fn write_switch(accept: &str, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: \
         {accept}\r\n\r\n"
    );
}

/// What a client is told that waits before it sends its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn write_beginning(status: u16, kind: Kind, headers: &[(&'static str, String)], out: &mut Vec<u8>) {
    let policy = if kind == Kind::Html { PAGE_POLICY } else { POLICY };
    let _ = write!(
        out,
        "HTTP/1.1 {status} {}\r\nContent-Type: {}\r\nCache-Control: no-store\r\nContent-Security-Policy: {policy}\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n",
        reason(status),
        kind.name()
    );
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_is_and_what_may_be_done_with_it() {
        let mut out = Vec::new();
        let how = How { keep_alive: true, head_only: false };
        Reply::ok(Kind::Json, &b"{}"[..]).with_header("Allow", "GET").write(how, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"));
        assert!(text.ends_with("\r\nAllow: GET\r\nContent-Length: 2\r\n\r\n{}"));
        assert!(text.contains("\r\nX-Content-Type-Options: nosniff\r\n") && text.contains("default-src 'none'"));
        let mut out = Vec::new();
        Reply::of(&Fault::new(401, "a \"b\"")).write(How { keep_alive: false, head_only: true }, &mut out);
        let text = String::from_utf8(out).unwrap();
        let ends = "Connection: close\r\n\r\n";
        assert!(text.contains("\r\nWWW-Authenticate: Bearer\r\n") && text.ends_with(ends), "{text}");
    }

    #[test]
    fn the_page_has_no_inline_code() {
        for word in ["unsafe-inline", "unsafe-eval", "data:", "*"] {
            assert!(!PAGE_POLICY.contains(word) && !POLICY.contains(word), "{word}");
        }
    }
}

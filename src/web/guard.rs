//! Who is let in: the names by which the server is called, the pages that call it, the token.
//!
//! A browser asks what any page tells it to ask, and any name may lead here. So a request is served only if it was meant
//! for a name that is ours, and if no foreign page is behind it. Decides; knows no socket and no file.

use core::net::IpAddr;

use super::http::{Fault, Head, Method};

/// What a connection is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Names by which the server may be called, in lower case, with a port or without (then any port will do).
    pub hosts: Vec<String>,
}

/// Checks that a request was meant for this server, and that no page of somebody else made it.
///
/// `local` is the address at which the connection arrived; `None` for a Unix socket.
///
/// # Errors
/// It is not to be served.
pub fn check(rules: &Rules, head: &Head, local: Option<IpAddr>) -> Result<(), Fault> {
    if !is_ours(rules, &head.host, local) {
        let text = "this name is not one of the server's: taskmasterd.http.hosts lists those that are";
        return Err(Fault::new(421, text));
    }
    let followed_link = head.method == Method::Get
        && head.socket_key.is_none()
        && head.fetch_mode.as_deref() == Some("navigate")
        && head.path.is_empty();
    match head.fetch_site.as_deref() {
        None | Some("same-origin" | "none") => {}
        // The page itself may be linked to.
        Some(_) if followed_link => {}
        Some(_) => return Err(Fault::new(403, "asked by a page of another site")),
    }
    match &head.origin {
        Some(origin) if !is_same(origin, &head.host) => Err(Fault::new(403, "asked by a page of another origin")),
        Some(_) | None => Ok(()),
    }
}

/// Checks that the body of a request that may change something is JSON: a form of a foreign page cannot send that.
///
/// # Errors
/// It is not.
pub fn check_post(head: &Head) -> Result<(), Fault> {
    let kind = head.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Fault::new(415, "send JSON, and say so: Content-Type: application/json"))
}

/// Whether a name means this server.
fn is_ours(rules: &Rules, host: &str, local: Option<IpAddr>) -> bool {
    let name = without_port(host);
    if rules.hosts.iter().any(|known| known == host || known == name) {
        return true;
    }
    // A number cannot be made to mean another machine, as a name can.
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    match (local.map(|ip| ip.to_canonical()), bare.parse::<IpAddr>()) {
        (None, Err(_)) => name == "localhost",
        (Some(local), Err(_)) => name == "localhost" && is_loopback(local),
        (None, Ok(meant)) => is_loopback(meant),
        (Some(local), Ok(meant)) => meant == local || (is_loopback(local) && is_loopback(meant)),
    }
}

/// `[::1]` of `[::1]:80`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether an origin is the server by the name that it was called by. A proxy in front may speak TLS.
fn is_same(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// The shortest token: 128 bits in base64 are longer.
pub const TOKEN_BYTES: usize = 16;

/// Whether the bearer token of a request is this one. Takes as long whatever was sent, up to its length.
#[must_use]
pub fn bears(head: &Head, token: &str) -> bool {
    let sent = head.authorization.as_deref().unwrap_or_default();
    let (scheme, sent) = sent.split_once(' ').unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && equal(sent.trim().as_bytes(), token.as_bytes())
}

/// Whether two secrets are the same, without telling by the time it takes where they differ.
#[must_use]
pub fn equal(sent: &[u8], known: &[u8]) -> bool {
    let mut differ = u8::from(sent.len() != known.len());
    for (n, byte) in known.iter().enumerate() {
        differ |= byte ^ sent.get(n).copied().unwrap_or(!byte);
    }
    std::hint::black_box(differ) == 0
}

/// The value of a cookie.
#[must_use]
pub fn cookie<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    let all = head.cookie.as_deref()?.split(';').filter_map(|pair| pair.trim().split_once('='));
    all.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::http::{Reader, Step};

    fn head(lines: &str) -> Head {
        let mut reader = Reader::default();
        reader.feed(format!("{lines}\r\n\r\n").as_bytes());
        match reader.take() {
            Step::Ask(asked) => asked.head,
            other @ (Step::Wait | Step::Continue | Step::Refuse(_)) => panic!("{lines}: {other:?}"),
        }
    }

    fn status(hosts: &[&str], local: Option<&str>, lines: &str) -> u16 {
        let rules = Rules { hosts: hosts.iter().map(|host| (*host).to_owned()).collect() };
        let local = local.map(|ip| ip.parse().unwrap());
        check(&rules, &head(lines), local).map_or_else(|fault| fault.status, |()| 200)
    }

    #[test]
    fn only_our_names_are_answered() {
        let ask = |hosts: &[&str], local, host: &str| status(hosts, local, &format!("GET / HTTP/1.1\r\nHost: {host}"));
        let loopback = Some("127.0.0.1");
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:9", "[::1]:8080", "127.0.0.2"] {
            assert_eq!(ask(&[], loopback, host), 200, "{host}");
            assert_eq!(ask(&[], None, host), 200, "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "evil.example:8080", "10.0.0.1", "127.0.0.1.nip.io", "[", ""]
        {
            assert_eq!(ask(&[], loopback, host), 421, "{host}");
            assert_eq!(ask(&[], None, host), 421, "{host}");
        }
        assert_eq!(ask(&[], Some("10.0.0.1"), "10.0.0.1:80"), 200);
        assert_eq!(ask(&[], Some("10.0.0.1"), "10.0.0.2:80"), 421);
        assert_eq!(ask(&[], Some("10.0.0.1"), "localhost"), 421);
        assert_eq!(ask(&[], Some("::ffff:127.0.0.1"), "127.0.0.1"), 200);
        assert_eq!(ask(&["tm.example"], loopback, "tm.example:1"), 200);
        assert_eq!(ask(&["tm.example:1"], loopback, "tm.example:1"), 200);
        assert_eq!(ask(&["tm.example:1"], loopback, "tm.example:2"), 421);
    }

    #[test]
    fn no_foreign_page_may_ask() {
        let ask = |more: &str| status(&[], Some("127.0.0.1"), &format!("GET /ws HTTP/1.1\r\nHost: localhost:1{more}"));
        assert_eq!(ask(""), 200);
        assert_eq!(ask("\r\nOrigin: http://localhost:1"), 200);
        assert_eq!(ask("\r\nOrigin: https://LOCALHOST:1"), 200);
        for origin in ["http://localhost:2", "http://localhost", "null", "http://evil.example", "localhost:1", ""] {
            assert_eq!(ask(&format!("\r\nOrigin: {origin}")), 403, "{origin}");
        }
        assert_eq!(ask("\r\nSec-Fetch-Site: same-origin"), 200);
        assert_eq!(ask("\r\nSec-Fetch-Site: none"), 200);
        assert_eq!(ask("\r\nSec-Fetch-Site: cross-site"), 403);
        assert_eq!(ask("\r\nSec-Fetch-Site: same-site"), 403);
        assert_eq!(ask("\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate"), 403);
        let link = "GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate";
        assert_eq!(status(&[], None, link), 200);
        let form = "POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate";
        assert_eq!(status(&[], None, form), 403);
    }

    #[test]
    fn what_is_posted_is_json() {
        let post = |kind: &str| check_post(&head(&format!("POST / HTTP/1.1\r\nHost: a{kind}"))).is_ok();
        assert!(
            post("\r\nContent-Type: application/json") && post("\r\nContent-Type: Application/JSON; charset=utf-8")
        );
        for kind in ["", "\r\nContent-Type: text/plain", "\r\nContent-Type: application/jsonx", "\r\nContent-Type: ;"] {
            assert!(!post(kind), "{kind}");
        }
    }

    #[test]
    fn tokens() {
        let token = "0123456789abcdef";
        let sends = |line: &str| bears(&head(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}")), token);
        assert!(sends("Authorization: Bearer 0123456789abcdef"));
        for line in [
            "X: y",
            "Authorization: Bearer",
            "Authorization: Bearer 0123456789abcdeF",
            "Authorization: 0123456789abcdef",
            "Authorization: Basic 0123456789abcdef",
            "Authorization: Bearer 0123456789abcdef0",
            "Authorization: Bearer 0123456789abcde",
        ] {
            assert!(!sends(line), "{line}");
        }
        assert!(equal(b"", b"") && !equal(b"a", b"") && !equal(b"", b"a"));
        let asked = head("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; session=x=y ;c");
        assert_eq!((cookie(&asked, "session"), cookie(&asked, "c")), (Some("x=y"), None));
    }
}

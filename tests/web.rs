//! HTTP as programs use it: what can be asked, what is refused, and what happens to those who do not play by the rules.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::http::{Answer, address, ask, connect, get, post, raw, read};
use support::*;

const OPEN: &str = "http: {listen: 127.0.0.1:0, control: true}";

fn daemon(http: &str, programs: &str) -> Daemon {
    Setup::new().keys(http).programs(programs).start()
}

#[test]
fn processes_are_seen_and_told_what_to_do() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}\nw: {cmd: sleep 100, numprocs: 2}");
    d.wait_all("RUNNING");
    let all = get(&d, "/api/status").json();
    assert_eq!(all["processes"].as_array().unwrap().len(), 3);
    assert_eq!(get(&d, "/api/status?names=w&usage").json()["processes"][0]["usage"]["processes"], 1);
    let account = get(&d, "/api/processes/a").json();
    assert_eq!((&account["status"]["state"], &account["because"]), (&json!("RUNNING"), &json!("started by autostart")));
    assert_eq!(get(&d, "/api/processes/w").status, 400);
    assert_eq!(get(&d, "/api/processes/nope").status, 404);

    let old = d.pid_of("a");
    assert_eq!(post(&d, "/api/processes/a/restart", "").json()["outcomes"][0]["result"], "restarted");
    assert_ne!(d.pid_of("a"), old);
    assert_eq!(post(&d, "/api/processes/w:*/stop", "{\"wait\":true}").json()["outcomes"].as_array().unwrap().len(), 2);
    d.wait_state("w:w_00", "STOPPED");
    let why = get(&d, "/api/processes/w:w_00").json();
    has(why["because"].as_str().unwrap(), &format!("from uid {}", nix::unistd::geteuid()));
    assert_eq!(post(&d, "/api/processes/a/signal", "{\"signal\":\"KILL\"}").status, 200);
    d.wait_new_pid("a", old);
    assert_eq!(post(&d, "/api/processes/w:0/start", "{\"wait\":false}").status, 200);
    d.wait_state("w:w_00", "RUNNING");
    let log = d.own_log();
    has(&log, "command \"stop w:*\" result=ok http=127.0.0.1:");
    has(&log, "command \"restart a\" result=ok http=127.0.0.1:");
}

#[test]
fn a_reload_shows_its_plan_and_is_applied() {
    let mut d = daemon(OPEN, "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    d.rewrite("a: {cmd: sleep 100}\nb: {cmd: sleep 100}");
    let plan = post(&d, "/api/reload", "{\"dry_run\":true}").json();
    assert_eq!((&plan["dry_run"], plan["changes"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(d.all().len(), 1);
    assert_eq!(post(&d, "/api/reload", "{}").json()["dry_run"], false);
    d.wait_state("b", "RUNNING");
    d.rewrite("a: {cmd: }");
    let refused = post(&d, "/api/reload", "");
    assert_eq!(refused.status, 422, "{}", refused.text());
    has(refused.json()["error"]["message"].as_str().unwrap(), "programs.a.cmd");
}

#[test]
fn json_rpc_is_that_of_the_socket() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    let call = |body: &str| post(&d, "/api/rpc", body);
    let mine = call(r#"{"jsonrpc":"2.0","id":7,"method":"version"}"#).json();
    assert_eq!((&mine["id"], &mine["result"]), (&json!(7), &d.rpc("version", json!({})).unwrap()));
    let batch =
        call(r#"[{"jsonrpc":"2.0","id":1,"method":"pid"},{"jsonrpc":"2.0","method":"version"},{"x":1}]"#).json();
    assert_eq!(batch.as_array().unwrap().len(), 2);
    assert_eq!(call("{").json()["error"]["code"], -32700);
    assert_eq!(call(r#"{"jsonrpc":"2.0","method":"version"}"#).status, 204);
    let follow = call(r#"{"jsonrpc":"2.0","id":1,"method":"events","params":{"follow":true}}"#).json();
    has(follow["error"]["message"].as_str().unwrap(), "/api/events");
}

#[test]
fn health_and_readiness() {
    let d = daemon(OPEN, "a: {cmd: sleep 100, autostart: false}\nb: {cmd: sleep 100}");
    d.wait_state("b", "RUNNING");
    assert_eq!((get(&d, "/healthz").status, get(&d, "/readyz").status), (200, 200));
    d.rpc("signal", json!({"names": ["b"], "signal": "STOP"})).unwrap();
    assert_eq!(get(&d, "/readyz").status, 200);
    let e = daemon(OPEN, "b: {cmd: 'false', startretries: 0, starttime: 60}");
    e.wait_state("b", "FATAL");
    let answer = get(&e, "/readyz");
    assert_eq!((answer.status, answer.text()), (503, "not ready: 1 of 1 processes are not as wanted\n".to_owned()));
}

#[test]
fn output_is_shown_and_followed() {
    let script = "printf 'one\\ntwo\\n'; read x; echo three; exec sleep 1000";
    let d = daemon(OPEN, &format!("a: {{shell: true, stdin: pipe, cmd: \"{}\"}}", script.replace('\\', "\\\\")));
    wait_until("two lines", || get(&d, "/api/logs/a?lines=1").text() == "two\n");
    assert_eq!(get(&d, "/api/logs/a?lines=5&stdout").text(), "one\ntwo\n");
    assert_eq!(get(&d, "/api/logs/a?lines=x").status, 400);
    assert_eq!(get(&d, "/api/logs/nope").status, 404);
    let mut text = connect(&d);
    write!(text, "GET /api/logs/a?lines=1&follow HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read(&mut text).status, 200);
    let mut events = connect(&d);
    write!(events, "GET /api/logs/a?follow&lines=0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        .unwrap();
    assert_eq!(read(&mut events).header("content-type"), Some("text/event-stream"));
    post(&d, "/api/rpc", r#"{"jsonrpc":"2.0","id":1,"method":"input","params":{"name":"a","text":"x\n"}}"#);
    until(&mut text, "three");
    until(&mut events, "\"text\":\"three\\n\"");
}

/// Reads until a text has come.
#[track_caller]
fn until(stream: &mut impl Read, wanted: &str) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = match stream.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            n => n.unwrap(),
        };
        assert!(n > 0, "the end came before {wanted:?}: {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&seen);
        if text.contains(wanted) {
            return text.into_owned();
        }
    }
}

#[test]
fn events_are_followed_and_taken_up_again() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}\nb: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let follow = |headers: &str, query: &str| {
        let mut stream = connect(&d);
        write!(stream, "GET /api/events{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        assert_eq!(read(&mut stream).status, 200);
        stream
    };
    let mut all = follow("", "?since=1");
    until(&mut all, "id: 4\nevent: running\n");
    let mut some = follow("", "?names=b");
    d.ok("stop b");
    let text = until(&mut some, "event: stopped");
    assert!(!text.contains("\"process\":\"a\""), "{text}");
    until(&mut all, "event: stopped");
    let mut later = follow("Last-Event-ID: 4\r\n", "");
    let text = until(&mut later, "event: stopped");
    assert!(text.contains("\nid: 5\n") && !text.contains("\nid: 4\n"), "{text}");
    // Who goes is forgotten.
    drop((all, some, later));
    d.oracle();
}

/// A stream that ends says why, so that its end is not taken for a connection that broke.
#[test]
fn whoever_follows_is_told_why_it_ends() {
    let mut d = daemon(OPEN, "a: {cmd: [sh, -c, 'echo one; exec sleep 100']}");
    wait_until("a line", || get(&d, "/api/logs/a").text() == "one\n");
    let follow = |what: &str, headers: &str| {
        let mut stream = connect(&d);
        write!(stream, "GET {what} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        assert_eq!(read(&mut stream).status, 200);
        stream
    };
    let events = follow("/api/events?since=1", "");
    let output = follow("/api/logs/a?follow", "");
    let chunks = follow("/api/logs/a?follow", "Accept: text/event-stream\r\n");
    d.ok("shutdown");
    d.wait_exit();
    let rest = |mut stream: TcpStream| {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        rest
    };
    let end = "event: end\ndata: {\"code\":-32005,\"message\":\"the daemon leaves\"}\n\n";
    for text in [rest(events), rest(chunks)] {
        assert!(text.ends_with(end), "{text}");
    }
    assert_eq!(rest(output), "one\n\nnote: the daemon leaves\n");
}

/// Whoever does not read what happens is told so in the end, and where it was.
#[test]
fn whoever_reads_too_slowly_is_told_so() {
    let setup = Setup::new();
    let path = setup.path("http.sock");
    let keys = format!("http: {{listen: 'unix:{}'}}", path.display());
    let d = setup.keys(&keys).programs("w: {cmd: sleep 1000, numprocs: 200}").start();
    d.wait_all("RUNNING");
    let mut lazy = UnixStream::connect(&path).unwrap();
    lazy.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(lazy, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read(&mut lazy).status, 200);
    // Several times what the socket holds, what may wait for it, and what is kept.
    for _ in 0..6 {
        d.ok("restart w:*");
    }
    let mut rest = String::new();
    lazy.read_to_string(&mut rest).unwrap();
    let (told, end) = rest.rsplit_once("event: end\n").expect("an end that says why");
    has(end, "does not read fast enough");
    assert!(told.contains("\nid: ") && told.ends_with("\n\n"), "{end}");
}

#[test]
fn requests_are_answered_in_their_order_over_one_connection() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let mut stream = connect(&d);
    let talk = "POST /api/processes/a/restart HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 2\r\n\r\n{}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /api/status HTTP/1.1\r\n\
        Host: localhost\r\n\r\nGET /nope HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    for byte in talk.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    has(&read(&mut stream).text(), "restarted");
    assert_eq!(read(&mut stream).text(), "ok\n");
    // An answer to HEAD has the length of a body that does not come.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(0);
        let at = head.len() - 1;
        stream.read_exact(&mut head[at..]).unwrap();
    }
    has(&String::from_utf8(head).unwrap(), "Content-Length: ");
    assert_eq!(read(&mut stream).status, 404);
    let last = read(&mut stream);
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert_eq!(next_byte(&mut stream).unwrap(), None);
}

#[test]
fn a_unix_socket_serves_as_well() {
    let setup = Setup::new();
    let path = setup.path("http.sock");
    let keys = format!("http: {{listen: 'unix:{}', control: true}}", path.display());
    let mut d = setup.keys(&keys).programs("a: {cmd: sleep 100}").start();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).json()["right"], "admin");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).status, 421);
    d.ok("shutdown");
    d.wait_exit();
    assert!(!path.exists());
}

#[test]
fn it_listens_at_several_addresses_and_at_the_port_of_the_environment() {
    let port = free_port();
    // Not every machine speaks IPv6.
    let second = if TcpListener::bind("[::1]:0").is_ok() { "[::1]" } else { "127.0.0.2" };
    let setup = Setup::new().env("PORT", &port.to_string());
    let path = setup.path("http.sock");
    let keys = format!("http: {{listen: ['127.0.0.1:${{PORT:-3333}}', '{second}:0', 'unix:{}']}}", path.display());
    let d = setup.keys(&keys).programs("a: {cmd: sleep 100}").start();
    let at_port = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let log = d.own_log();
    let other = log.lines().find_map(|line| line.split_once(&format!("listening for HTTP at http://{second}:")));
    let by_second = TcpStream::connect(format!("{second}:{}", other.unwrap().1)).unwrap();
    let by_path = UnixStream::connect(&path).unwrap();
    let ask = |mut stream: Box<dyn ReadWrite>| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        read(&mut stream).status
    };
    assert_eq!([ask(Box::new(at_port)), ask(Box::new(by_second)), ask(Box::new(by_path))], [200; 3]);
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// H08: without a token the kernel tells whose a connection is, and the roles are those of the control socket.
#[test]
fn others_on_this_machine_may_only_look() {
    needs!(root);
    needs!("setpriv", "bash");
    let d = daemon(
        "socket: {path: ctl, control: [12345]}\nhttp: {listen: 127.0.0.1:0, control: true}",
        "a: {cmd: sleep 100}",
    );
    d.wait_all("RUNNING");
    let at = address(&d);
    let port = at.rsplit_once(':').unwrap().1;
    let as_user = |uid: u32, line: &str| {
        let request = format!(
            "{line} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{{}}"
        );
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{request}' >&3; cat <&3");
        let user = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()];
        stdout(&run_to_end(Command::new("setpriv").args(user).args(["bash", "-c", &script])))
    };
    has(&as_user(65534, "GET /api/session"), "\"right\":\"read\"");
    has(&as_user(65534, "GET /api/status"), "HTTP/1.1 200 OK");
    let pid = d.pid_of("a");
    for path in ["/api/processes/a/stop", "/api/processes/a/restart", "/api/reload"] {
        has(&as_user(65534, &format!("POST {path}")), "HTTP/1.1 403 Forbidden");
    }
    assert_eq!(d.pid_of("a"), pid);
    let log = d.own_log();
    let denied = log.lines().find(|line| line.contains("command \"stop a\" result=denied")).unwrap();
    has(denied, "uid=65534");
    // A role is good here as there.
    has(&as_user(12345, "POST /api/processes/a/restart"), "HTTP/1.1 200 OK");
    has(&as_user(12345, "POST /api/reload"), "HTTP/1.1 403 Forbidden");
    d.wait_new_pid("a", pid);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let setup = Setup::new().keys(&format!("http: {{listen: '{at}'}}")).programs("a: {cmd: sleep 1}");
    let out = setup.run();
    assert!(!out.status.success());
    has(&said(&out), &format!("cannot listen on {at}: "));
}

#[test]
fn nothing_is_changed_unless_that_is_switched_on() {
    let d = daemon("http: {listen: 127.0.0.1:0}", "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let pid = d.pid_of("a");
    assert_eq!(get(&d, "/api/session").json()["right"], "read");
    for (path, body) in [
        ("/api/processes/a/stop", ""),
        ("/api/processes/a/signal", "{\"signal\":\"KILL\"}"),
        ("/api/reload", ""),
        ("/api/rpc", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}"),
    ] {
        let answer = post(&d, path, body);
        has(&answer.text(), "is not allowed by HTTP: taskmasterd.http.control is false");
    }
    assert_eq!(d.pid_of("a"), pid);
    has(&d.own_log(), "command \"stop a\" result=denied http=127.0.0.1:");
    // A dry run only looks.
    assert_eq!(post(&d, "/api/reload", "{\"dry_run\":true}").status, 200);
}

/// H12: whoever makes a name lead here gets nothing by it.
#[test]
fn other_names_are_not_answered() {
    let d = daemon("http: {listen: 127.0.0.1:0, hosts: [tm.example]}", "a: {cmd: sleep 100}");
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.", "tm.example.evil", ""] {
        for path in ["/", "/api/status", "/healthz", "/nope"] {
            assert_eq!(ask(&d, &format!("GET {path}"), &format!("Host: {host}\r\n"), "").status, 421, "{host} {path}");
        }
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]", "tm.example", "TM.example:443"] {
        assert_eq!(ask(&d, "GET /api/status", &format!("Host: {host}\r\n"), "").status, 200, "{host}");
    }
}

/// H13 and H14: a page of somebody else cannot make a browser ask, neither with a form nor with a WebSocket.
#[test]
fn foreign_pages_change_nothing() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let pid = d.pid_of("a");
    let stop = |headers: &str, body: &str| ask(&d, "POST /api/processes/a/stop", headers, body).status;
    let json = "Content-Type: application/json\r\n";
    assert_eq!(stop("Content-Type: text/plain\r\n", "{}"), 415);
    assert_eq!(stop("Content-Type: application/x-www-form-urlencoded\r\n", "a=b"), 415);
    assert_eq!(stop("", ""), 415);
    assert_eq!(stop(&format!("{json}Origin: http://evil.example\r\n"), "{}"), 403);
    assert_eq!(stop(&format!("{json}Origin: null\r\n"), "{}"), 403);
    assert_eq!(stop(&format!("{json}Sec-Fetch-Site: cross-site\r\n"), "{}"), 403);
    assert_eq!(stop(&format!("{json}Sec-Fetch-Site: same-site\r\n"), "{}"), 403);
    assert_eq!(ask(&d, "GET /api/processes/a/stop", "", "").status, 405);
    assert_eq!(ask(&d, "OPTIONS /api/processes/a/stop", "", "").status, 405);
    assert_eq!(ask(&d, "GET /api/events", "Origin: http://evil.example\r\n", "").status, 403);
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade =
        |more: &str| raw(&d, format!("GET /ws HTTP/1.1\r\nHost: localhost:1\r\n{handshake}{more}\r\n").as_bytes());
    assert_eq!(upgrade("Origin: http://evil.example\r\n").status, 403);
    assert_eq!(upgrade("Origin: http://localhost:2\r\n").status, 403);
    assert_eq!(upgrade("Origin: http://localhost:1\r\n").status, 101);
    assert_eq!(get(&d, "/ws").status, 426);
    assert_eq!(d.pid_of("a"), pid);
}

/// H15: the token is needed for everything that shows or changes something, and is told nowhere.
#[test]
fn a_token_opens_what_is_closed() {
    let setup = Setup::new();
    let file = setup.path("token");
    let keys = format!("http: {{listen: 0.0.0.0:0, control: true, token_file: {}}}", file.display());
    let mut d = setup.keys(&keys).programs("a: {cmd: sleep 100}").start();
    d.wait_all("RUNNING");
    let port = address(&d).rsplit_once(':').unwrap().1.to_owned();
    let ask = |line: &str, headers: &str, body: &str| {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let length = body.len();
        write!(stream, "{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
            .unwrap();
        read(&mut stream)
    };
    let token = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!((token.len(), fs::metadata(&file).unwrap().permissions().mode() & 0o777), (64, 0o600));
    for path in ["/api/status", "/api/events", "/api/logs/a", "/metrics", "/api/processes/a", "/ws"] {
        assert_eq!(ask(&format!("GET {path}"), "", "").status, 401, "{path}");
        // Never in a URL.
        assert_eq!(ask(&format!("GET {path}?token={token}"), "", "").status, 401, "{path}");
    }
    for path in ["/", "/app.js", "/healthz", "/readyz", "/api/session"] {
        assert_eq!(ask(&format!("GET {path}"), "", "").status, 200, "{path}");
    }
    assert_eq!(ask("GET /api/session", "", "").json()["authorized"], false);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask("GET /api/status", &bearer, "").status, 200);
    // To guess takes its time.
    let begun = Instant::now();
    assert_eq!(ask("GET /api/status", "Authorization: Bearer 0123456789abcdef\r\n", "").status, 401);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let json = "Content-Type: application/json\r\n";
    assert_eq!(ask("POST /api/processes/a/restart", json, "{}").status, 401);
    assert_eq!(ask("POST /api/processes/a/restart", &format!("{json}{bearer}"), "{}").status, 200);

    assert_eq!(ask("POST /api/session", json, "{\"token\":\"wrong\"}").status, 401);
    let login = ask("POST /api/session", json, &format!("{{\"token\":\"{token}\"}}"));
    let cookie = login.header("set-cookie").unwrap().to_owned();
    has(&cookie, "; HttpOnly; SameSite=Strict; Path=/");
    assert!(!cookie.contains(&token));
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(ask("GET /api/status", &cookie, "").status, 200);

    fs::write(&file, "another-token-0123456789\n").unwrap();
    d.ok("reload");
    assert_eq!(ask("GET /api/status", &cookie, "").status, 401);
    assert_eq!(ask("GET /api/status", &bearer, "").status, 401);
    assert_eq!(ask("GET /api/status", "Authorization: bearer another-token-0123456789\r\n", "").status, 200);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    has(&d.text("reload").last, "others may read it");
    let log = d.own_log();
    assert!(!log.contains(&token) && !log.contains("another-token"));
    has(&log, "it showed a wrong token");
    d.unchecked();
}

/// H17: what stands for a name is a name and nothing else.
#[test]
fn no_path_leads_out() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    for name in ["..%2f..%2fetc%2fshadow", "%2e%2e", "a%2f..%2fa", "a.__class__", "../../etc/passwd", "a;ls"] {
        for path in [format!("/api/logs/{name}"), format!("/api/processes/{name}")] {
            let answer = get(&d, &path);
            assert!([400, 404].contains(&answer.status), "{path}: {}", answer.text());
            assert!(!answer.text().contains("root:"));
        }
    }
    for path in ["/../../etc/passwd", "/app.js/../../x", "/%2e%2e/etc/passwd", "//etc/passwd", "/page/index.html"] {
        assert_eq!(get(&d, path).status, 404, "{path}");
    }
}

/// H18: what a program writes is never taken for a page, and the page takes nothing but its own code.
#[test]
fn what_is_written_stays_text() {
    let script = "<script>alert(1)</script>";
    let d = daemon(OPEN, &format!("a: {{cmd: [sh, -c, 'echo \"{script}\"; exec sleep 1000']}}"));
    wait_until("the line", || get(&d, "/api/logs/a").text().contains(script));
    for path in ["/api/logs/a", "/api/status", "/", "/app.js", "/app.css", "/nope"] {
        let answer = get(&d, path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
    assert_eq!(get(&d, "/api/logs/a").header("content-type"), Some("text/plain; charset=utf-8"));
}

/// H06, as far as a few words go: what cannot be read in one way only ends the connection.
#[test]
fn what_is_no_request_ends_the_connection() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    for (status, text) in [
        (400, "GET / HTTP/1.1\nHost: localhost\n\n"),
        (400, "\u{0}\u{1}\u{2}"),
        (400, "POST /api/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n"),
        (413, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (505, "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"),
    ] {
        let mut stream = connect(&d);
        stream.write_all(text.as_bytes()).unwrap();
        // What comes behind it is not read any more.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(read(&mut stream).status, status, "{text:?}");
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)), "{text:?}");
    }
}

/// H01: somebody who sends a header without an end is cut off, and the daemon does not grow.
#[test]
fn endless_headers_are_cut_off() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    let before = rss(d.pid);
    for _ in 0..20 {
        let mut stream = connect(&d);
        let mut sent = 0;
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
        while sent < 4 << 20 && stream.write_all(&[b'a'; 64 << 10]).is_ok() {
            sent += 64 << 10;
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert_eq!(get(&d, "/healthz").status, 200);
    let grown = rss(d.pid).saturating_sub(before);
    assert!(grown < 4 << 20, "grown by {grown} bytes");
}

fn rss(pid: u32) -> usize {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// H02: connections on which nothing comes take no place from those on which something does, and a request that is never
/// finished does not wait for ever.
#[test]
fn half_open_connections_keep_nobody_out() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    let mut idle: Vec<TcpStream> = Vec::new();
    for n in 0..600 {
        let mut stream = connect(&d);
        if n % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHos").unwrap();
        }
        idle.push(stream);
    }
    assert_eq!(get(&d, "/healthz").status, 200);
    assert!(fds(d.pid).len() < 400, "{} descriptors", fds(d.pid).len());
    // A byte now and then does not help.
    let mut slow = idle.pop().unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    wait_up_to(Duration::from_secs(60), "the end of a request that is never finished", || {
        let _ = slow.write_all(b"x");
        match next_byte(&mut slow) {
            Ok(_) => Some(()),
            Err(error) => (error.kind() == std::io::ErrorKind::ConnectionReset).then_some(()),
        }
    });
}

/// H03: somebody who does not read what he follows costs neither memory nor time.
#[test]
fn whoever_does_not_read_is_left_behind() {
    let d = daemon(
        OPEN,
        &format!("loud: {{cmd: {} lines=400000:100 forever}}\nother: {{cmd: sleep 100}}", probe_path().display()),
    );
    d.wait_state("other", "RUNNING");
    let mut lazy = Vec::new();
    for _ in 0..5 {
        let mut stream = connect(&d);
        write!(stream, "GET /api/logs/loud?follow HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        lazy.push(stream);
    }
    wait_until("much output", || get(&d, "/api/logs/loud?lines=1").status == 200 && written(&d) > 20 << 20);
    let size = rss(d.pid);
    assert!(size < 48 << 20, "{size} bytes");
    let old = d.pid_of("other");
    assert_eq!(post(&d, "/api/processes/other/restart", "").status, 200);
    assert_ne!(d.pid_of("other"), old);
    drop(lazy);
}

fn written(d: &Daemon) -> u64 {
    let dir = fs::read_dir(d.path("logs")).unwrap();
    dir.filter_map(|entry| entry.unwrap().metadata().ok()).map(|about| about.len()).sum()
}

/// Nothing ticks: neither without connections nor with one on which nothing happens.
#[test]
fn it_sleeps_while_nothing_happens() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let mut stream = connect(&d);
    write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).status, 200);
    let wakes = || {
        let status = fs::read_to_string(format!("/proc/{}/status", d.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let quiet = || {
        let before = wakes();
        std::thread::sleep(Duration::from_millis(1500));
        wakes() - before
    };
    wait_until("a second and a half without a wake-up", || quiet() == 0);
}

#[test]
fn the_interface_describes_itself() {
    let d = daemon(OPEN, "a: {cmd: sleep 100}");
    let Answer { status, head, .. } = get(&d, "/api/openapi.json");
    assert_eq!(status, 200);
    has(&head, "application/json");
    let document: Value = get(&d, "/api/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    // What it describes is there.
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "a");
        for method in methods.as_object().unwrap().keys() {
            if path.ends_with("events") {
                continue;
            }
            let answer = if method == "get" { get(&d, &path) } else { post(&d, &path, "{\"dry_run\":1,\"wait\":1}") };
            assert!(![404, 405].contains(&answer.status), "{method} {path}: {}", answer.text());
        }
    }
}

/// A public client, in another language, as strict as the standard.
#[test]
fn pythons_websockets_talks_to_it() {
    let script = r#"
import asyncio, json, sys, websockets

async def main(uri):
    async with websockets.connect(uri) as ws:
        await ws.send("x" * 70000)
        try:
            await ws.recv()
            sys.exit("it took too much")
        except websockets.exceptions.ConnectionClosed as e:
            assert e.code == 1009, e
    async with websockets.connect(uri) as ws:
        calls = 0
        async def call(method, **params):
            nonlocal calls
            calls += 1
            await ws.send(json.dumps({"jsonrpc": "2.0", "id": calls, "method": method, "params": params}))
            while True:
                answer = json.loads(await ws.recv())
                if answer.get("id") == calls:
                    return answer
        assert (await call("version"))["result"]["protocol"] == 1
        assert (await call("nope"))["error"]["code"] == -32601
        for nothing in ("", "[]", "{}", "\\0"):
            await ws.send(nothing)
            assert "error" in json.loads(await ws.recv()), nothing
        await ws.send("[" + ",".join('{"jsonrpc":"2.0","id":%d,"method":"pid"}' % n for n in (70, 71)) + "]")
        assert sorted(a["id"] for a in json.loads(await ws.recv())) == [70, 71]
        assert (await call("events", follow=True))["result"]["follow"]
        stream = calls
        old = (await call("status"))["result"]["processes"][0]["pid"]
        await ws.send(json.dumps({"jsonrpc": "2.0", "id": "r", "method": "restart", "params": {"names": ["a"]}}))
        seen = []
        while "running" not in seen:
            said = json.loads(await ws.recv())
            if said.get("method") == "event":
                seen.append(said["params"]["event"]["event"])
        assert seen == ["stopping", "exited", "stopped", "spawned", "running"], seen
        pong = await ws.ping()
        await pong
        assert (await call("status"))["result"]["processes"][0]["pid"] != old
        # What follows is ended with a reason, and so is the connection.
        assert (await call("shutdown"))["result"]
        why = None
        try:
            while True:
                said = json.loads(await ws.recv())
                if said.get("id") == stream:
                    why = said["error"]["message"]
        except websockets.exceptions.ConnectionClosed as e:
            assert e.code == 1001, e
        assert why == "the daemon leaves", why
        print("done", len(seen))

asyncio.run(main(sys.argv[1]))
"#;
    let python = ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        Command::new(python).args(["-c", "import websockets"]).output().is_ok_and(|out| out.status.success())
    });
    let Some(python) = python else { return skip("pythons_websockets_talks_to_it", "no python3 with websockets") };
    let mut d = daemon(OPEN, "a: {cmd: sleep 100}");
    d.wait_all("RUNNING");
    let out = run_to_end(Command::new(python).args(["-c", script, &format!("ws://{}/ws", address(&d))]));
    assert!(out.status.success(), "{}", said(&out));
    has(&stdout(&out), "done ");
    d.wait_exit();
}

/// Many who ask at once are all answered, and get the same.
#[test]
fn many_ask_at_once() {
    let d = daemon(OPEN, "w: {cmd: sleep 100, numprocs: 50}");
    d.wait_all("RUNNING");
    let mut streams: Vec<TcpStream> = (0..100).map(|_| connect(&d)).collect();
    for stream in &mut streams {
        write!(stream, "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    for stream in &mut streams {
        assert_eq!(read(stream).json()["processes"].as_array().unwrap().len(), 50);
    }
}

/// What Prometheus reads is as its own tool wants it.
#[test]
fn figures_are_as_prometheus_wants_them() {
    let d = daemon(
        OPEN,
        "a: {cmd: sleep 100, autorestart: always}\nb: {cmd: 'false', startretries: 1, starttime: 60}\nw: {cmd: sleep 1, numprocs: 2}\n\
         says: {cmd: [sh, -c, 'echo hello; echo no >&2; exec sleep 100'], healthcheck: {cmd: 'true', interval: 1s}}",
    );
    wait_until("a line of output", || get(&d, "/api/logs/says").text().contains("no\n"));
    wait_until("a check", || get(&d, "/api/processes/says").json()["status"]["health"] == "healthy");
    d.wait_state("b", "FATAL");
    d.wait_state("a", "RUNNING");
    let old = d.pid_of("a");
    kill(old, nix::sys::signal::Signal::SIGKILL);
    d.wait_new_pid("a", old);
    d.wait_state("a", "RUNNING");
    post(&d, "/api/processes/a/restart", "");
    let answer = get(&d, "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = answer.text();
    for line in [
        "taskmaster_process_up{process=\"a\"} 1",
        "taskmaster_process_state{process=\"b\",state=\"fatal\"} 1",
        "taskmaster_process_restarts_total{process=\"a\",reason=\"exit\"} 1",
        "taskmaster_process_restarts_total{process=\"a\",reason=\"request\"} 1",
        "taskmaster_process_restarts_total{process=\"b\",reason=\"retry\"} 1",
        "taskmaster_process_healthy{process=\"says\"} 1",
        "taskmaster_process_log_bytes_total{process=\"says\",stream=\"stdout\"} 6",
        "taskmaster_process_log_bytes_total{process=\"says\",stream=\"stderr\"} 3",
        "taskmaster_process_log_dropped_bytes_total{process=\"says\",stream=\"stdout\"} 0",
        "taskmaster_process_fatal_total 1",
        "taskmaster_process_stop_seconds_count 1",
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n{page}");
    }
    for name in ["resident_memory_bytes", "cpu_seconds_total", "open_fds", "threads", "state_seconds"] {
        has(&page, &format!("\ntaskmaster_process_{name}{{process=\"a\"}} "));
    }
    has(&page, "\ntaskmaster_loop_turn_seconds_bucket{le=\"0.001\"} ");
    let Some(promtool) = find_program("promtool") else {
        return skip("figures_are_as_prometheus_wants_them", "no promtool");
    };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && said(&out).is_empty(), "{}", said(&out));
}

//! The shape of the sockets of a program.

use serde_json::{Value, json};

use crate::config::program::{BACKLOG, LISTEN_KEYS, ListenKey, SOCKETS};

use super::{PORT, Said, account, integer, octal, put, section, text_like};

/// One socket, or a list.
pub(super) fn sockets() -> Value {
    let mut described = section(&LISTEN_KEYS, key);
    put(&mut described, "type", json!("object"));
    put(&mut described, "required", json!(["address"]));
    let one = json!({"anyOf": [address(), described]});
    json!({"anyOf": [one, {"type": "array", "items": one, "maxItems": SOCKETS}, {"type": "null"}]})
}

fn key(key: ListenKey) -> Said {
    match key {
        ListenKey::Address => (address(), "Where: \"127.0.0.1:8080\", \"*:8080\", \"unix:/run/x.sock\", \"unix:@x\"."),
        ListenKey::Name => (name(), "Its name in LISTEN_FDNAMES. Unless given, that of the program."),
        ListenKey::Mode => (octal(), "Who may connect to a Unix socket. Default: 0600."),
        ListenKey::Owner => (account(), "The user of a Unix socket. Unless given, the program's."),
        ListenKey::Group => (account(), "The group of a Unix socket. Unless given, the program's."),
        ListenKey::Backlog => (integer(&BACKLOG), "How many connections may wait. Default: 4096."),
    }
}

fn address() -> Value {
    let number = json!({"type": "integer", "minimum": 1, "maximum": 65_535});
    let spelled = format!(
        r"^(unix:[/@].+|((localhost|\*)?:)?{PORT}|[0-9]+\.[0-9.]+:{PORT}|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]:{PORT}|.*\$.*|.*%\(.*)$"
    );
    json!({"anyOf": [number, text_like(&spelled)]})
}

fn name() -> Value {
    json!({"anyOf": [text_like("^[ -9;-~]{1,255}$"), {"type": ["number", "boolean"]}]})
}

//! The control protocol, shared by daemon and client: what may be said, and how it is written on the wire.
//!
//! Pure: bytes in, messages out, and back. Knows nothing of how the daemon supervises.
//!
//! Inwards: `frame` cuts lines, `wire` decodes one by `text` or `jsonrpc`, both by the table in `command`. Outwards:
//! `wire` writes a [`message::Response`] as lines (`render`) or as JSON (`jsonrpc`). `calls` remembers which call of a
//! connection an answer is for. `address` says where the socket is,
//! `access` who may give which commands, `audit` what the log says of those that were given.

pub mod access;
pub mod address;
pub mod audit;
pub mod calls;
pub mod command;
pub mod frame;
pub mod help;
pub mod jsonrpc;
pub mod message;
pub mod record;
pub mod render;
pub mod text;
pub mod wire;

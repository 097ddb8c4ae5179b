//! HTTP and WebSocket, as far as they are computed: from bytes to requests, from answers to bytes.
//!
//! Pure: sockets, files and clocks are in `daemon::web`. Bytes come in as they arrive; what goes out is appended to a
//! buffer. What is asked becomes the same [`Request`](crate::control::message::Request) that the control socket's clients
//! make, so there is one way to the processes.

pub mod answer;
pub mod guard;
pub mod http;
pub mod metrics;
pub mod openapi;
pub mod page;
pub mod reply;
pub mod route;
pub mod socket;

//! taskmaster: a process supervisor for Linux in one single-threaded loop.
//!
//! A pure core decides, a thin shell does. The core is data in, data out, with the time passed in:
//!
//! * [`base`] – small words that everybody shares;
//! * [`config`] – configuration text to model, checks, differences;
//! * [`import`] – configurations of others as ours;
//! * [`supervise`] – the state machine of a process, and the fleet of all of them;
//! * [`logs`] – when and how log files are rotated;
//! * [`control`] – the protocol between daemon and client;
//! * `web` – HTTP and WebSocket (feature `web`).
//!
//! The shell touches the world:
//!
//! * [`load`] – from the file system to a configuration, for daemon and client;
//! * [`sys`] – the only unsafe code: safe functions over the kernel's interface;
//! * [`daemon`] – the loop, the children, their output, the control socket;
//! * [`ctl`] – the client.
//!
//! ARCHITECTURE.md says who may import whom and how data flows; `tests/layers.rs` holds the code to it.

pub mod base;
pub mod config;
pub mod control;
pub mod ctl;
pub mod daemon;
pub mod import;
pub mod load;
pub mod logs;
pub mod supervise;
pub mod sys;
#[cfg(feature = "web")]
pub mod web;

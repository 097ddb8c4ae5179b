//! The heart: what state a process is in, what happens next, and what must be done about it.
//!
//! Pure: events and the time go in, effects come out. `step` is the machine of one process; `fleet` holds all of
//! them and speaks the language of the outside (`event::Input` in, `action::Action` out); the other modules are its
//! parts. Nothing here waits, and nothing here knows what a file descriptor is.

pub mod action;
pub mod backoff;
pub mod command;
mod demand;
pub mod event;
pub mod explain;
pub mod fleet;
pub mod graph;
pub mod health;
pub mod history;
pub mod hooks;
pub mod order;
pub mod reload;
pub mod restart;
pub mod rolling;
pub mod scale;
pub mod schedule;
pub mod shutdown;
pub mod state;
pub mod status;
pub mod step;
pub mod task;
pub mod wait;

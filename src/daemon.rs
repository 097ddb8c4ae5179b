//! The shell around the core: the loop, the children, their output, the control socket, the daemon's own log.
//!
//! May import everything; nothing imports it but the binary. `main` sets up, `run` is the loop, `reactor` what is
//! polled, `dispatch` leads from an event to its owner, `perform` does what the core wants.

mod attached;
mod audience;
mod audit;
mod background;
mod birth;
mod cgroups;
mod checks;
mod children;
mod clients;
mod clock;
mod commands;
mod confine;
mod console;
mod dispatch;
mod error;
mod events;
mod follow;
mod insight;
mod journal;
mod listeners;
mod lockfile;
mod logfile;
mod main;
mod manager;
mod options;
mod origin;
mod orphans;
mod outbox;
mod output;
mod perform;
mod pidfile;
mod reactor;
mod receivers;
mod run;
mod single;
mod stdin;
mod tasks;
mod terminal;
#[cfg(feature = "web")]
mod web;
#[cfg(not(feature = "web"))]
#[path = "daemon/no_web.rs"]
mod web;
mod who;

pub use main::main;

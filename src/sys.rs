//! The kernel's interface: safe functions over owned and borrowed file descriptors, and `io::Result`.
//!
//! The only place with unsafe code, and the only one that names nix and libc. Decides nothing.
#![allow(unsafe_code)]

pub mod cgroup;
pub mod client;
pub mod connect;
pub mod directory;
pub mod fd;
pub mod file;
pub mod foreground;
pub mod group;
pub mod limits;
pub mod listen;
pub mod notify;
pub mod nursery;
pub mod outlet;
pub mod owner;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod pty;
pub mod random;
mod raw;
pub mod signals;
pub mod single;
pub mod sock;
pub mod spawn;
pub mod splice;
pub mod tcp;
pub mod term;
pub mod timer;
pub mod tree;
pub mod usage;
pub mod user;
pub mod wait;

//! The kernel's interface: safe functions over owned and borrowed file descriptors, and `io::Result`.
//!
//! The only place with unsafe code, and the only one that names nix and libc. Decides nothing.
#![allow(unsafe_code)]

pub mod file;
pub mod splice;

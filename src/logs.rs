//! Log files as plans: when a file is set aside, in which steps, and which bytes are its last lines. Pure.

pub mod rotate;
pub mod tail;

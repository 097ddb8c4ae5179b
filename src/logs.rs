//! Log files as plans: when a file is set aside, in which steps, and which bytes are its last lines, and
//! where output may be cut. Pure.

pub mod chunk;
pub mod rotate;
pub mod tail;

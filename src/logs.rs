//! Log files as plans: when a file is set aside, in which steps, and which bytes are its last lines; where output may be
//! cut, and how it is cut into lines. Pure.

pub mod chunk;
pub mod lines;
pub mod rotate;
pub mod tail;

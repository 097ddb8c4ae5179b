//! The configuration: text in, a model or diagnostics out. Pure: opens no file, asks no user database.
//!
//! `model` says what there is and every default; `parse` goes from texts to the model by way of `section` (which
//! keys stand where), `values` and `words` (what a value says), `program` and `daemon` (a program, the daemon), `expand`
//! (fills in `${…}`) and `check` (holds programs against each other and the world); `diag` says what is wrong; `diff`
//! compares two configurations for a reload; `print` goes from the model back to a text; `schema` tells editors about
//! the keys.

mod check;
mod daemon;
pub mod diag;
pub mod diff;
pub mod envfile;
pub mod expand;
mod include;
pub mod model;
mod on_event;
mod parse;
pub mod print;
mod program;
pub mod schema;
mod section;
#[cfg(test)]
mod tests;
mod values;
pub mod words;

pub use check::{NamedTexts, Objection, Unread, World};
pub use diag::Source;
pub use include::{Include, includes};
pub use parse::{Parsed, parse};
pub use program::NUMPROCS;

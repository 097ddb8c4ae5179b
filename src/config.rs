//! The configuration: text in, a model or diagnostics out. Pure: opens no file, asks no user database.
//!
//! `model` says what there is and every default; `source` goes from texts to the model by way of `raw` (which keys
//! stand where), `values` and `words` (what a value says), `program` and `settings` (a program, the daemon), `expand`
//! (fills in `${…}`) and `check` (holds programs against each other); `diag` says what is wrong; `diff` compares two
//! configurations for a reload.

mod check;
pub mod diag;
pub mod diff;
pub mod expand;
pub mod model;
mod program;
mod raw;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use source::{Parsed, Source, World, parse};

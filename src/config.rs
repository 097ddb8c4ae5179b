//! The configuration: text in, a model or diagnostics out. Pure: opens no file, asks no user database.
//!
//! `model` says what there is and every default; `raw` reads the text into it; `check` holds keys against each
//! other; `expand` fills in `${…}`; `diff` compares two configurations for a reload.

pub mod diff;
pub mod model;

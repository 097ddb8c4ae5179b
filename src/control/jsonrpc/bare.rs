//! The same messages without an envelope: for HTTP, which has one of its own.

use serde_json::value::RawValue;

use crate::control::message::{Account, Refusal, Request};

use super::{Members, bad_json, request, write_json};

/// Reads a request whose method and params come apart: the params as the text of an object.
///
/// # Errors
/// There is no such method, or the params are wrong.
pub fn read_request(method: &str, params: &str) -> Result<Request, Refusal> {
    let params = serde_json::from_str::<&RawValue>(params).map_err(|error| bad_json(&error))?;
    request::read(method, Some(params))
}

/// The text that a member of an object holds, if it is one.
#[must_use]
pub fn text_member(object: &str, key: &str) -> Option<String> {
    let Members(members) = serde_json::from_str(object).ok()?;
    let (_, value) = members.into_iter().find(|(known, _)| known == key)?;
    serde_json::from_str(value.get()).ok()
}

/// Appends a text as JSON.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_json(text, out);
}

/// Appends an account.
pub fn write_account(account: &Account, out: &mut Vec<u8>) {
    write_json(account, out);
}

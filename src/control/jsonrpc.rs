//! Requests and answers as JSON-RPC 2.0, both directions: what one side writes the other reads, typed.
//!
//! Strict where laxness would do harm: an unknown key is refused, so that `{"dryrun": true}` does not reload. Ids are
//! given back byte by byte as they came.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::base::nearest::suggestion;
use crate::base::text::quoted;

use super::message::{Refusal, RefusalCode, Request};

mod answer;
mod bare;
mod request;
mod stream;

pub use answer::{answered_id, raw_error, raw_result, read_answer, write_answer, write_answer_with, write_body};
pub use bare::{read_request, text_member, write_account, write_text};
pub use request::write_request;
pub use stream::{
    event_line, output_line, raw_params, read_event, read_output, write_event, write_line_event, write_line_output,
    write_output,
};

/// The most calls that a batch may hold.
pub const BATCH_CALLS: usize = 256;

/// The id of a call: the JSON text of a string, a number or null, as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Id {
    /// The id of an answer to something that had none to be found.
    #[must_use]
    pub fn null() -> Id {
        Id("null".into())
    }

    /// A number.
    #[must_use]
    pub fn number(n: u64) -> Id {
        Id(n.to_string().into())
    }

    /// Its JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    fn from_raw(raw: &RawValue) -> Option<Id> {
        let text = raw.get();
        let simple = text == "null" || text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
        simple.then(|| Id(text.into()))
    }
}

/// One call of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `None` for a notification: it is carried out and nothing is answered, not even an error.
    pub id: Option<Id>,
    /// What is asked for.
    pub request: Result<Request, Refusal>,
}

impl Call {
    /// A call that cannot be read: it is answered under no id.
    #[must_use]
    pub fn unreadable(refusal: Refusal) -> Call {
        Call { id: Some(Id::null()), request: Err(refusal) }
    }
}

/// Reads a message: its calls, and whether it is a batch (whose answers come in one array).
#[must_use]
pub fn parse(line: &str) -> (Vec<Call>, bool) {
    if !line.trim_start().starts_with('[') {
        return match serde_json::from_str::<&RawValue>(line) {
            Ok(raw) => (vec![call(raw)], false),
            Err(error) => (vec![Call::unreadable(bad_json(&error))], false),
        };
    }
    match serde_json::from_str::<Vec<&RawValue>>(line) {
        Ok(list) if list.is_empty() => (vec![Call::unreadable(invalid("an empty batch asks for nothing"))], false),
        Ok(list) if list.len() > BATCH_CALLS => {
            let text = format!("a batch of {} calls: {BATCH_CALLS} are allowed", list.len());
            (vec![Call::unreadable(Refusal::new(RefusalCode::TooLarge, text))], false)
        }
        Ok(list) => (list.into_iter().map(call).collect(), true),
        Err(error) => (vec![Call::unreadable(bad_json(&error))], false),
    }
}

fn bad_json(error: &serde_json::Error) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, format!("not JSON: {error}"))
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::InvalidRequest, text)
}

/// The members of a JSON object in their order, none read yet.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Reads one call.
fn call(raw: &RawValue) -> Call {
    let Ok(Members(members)) = serde_json::from_str(raw.get()) else {
        return Call::unreadable(invalid(
            "a request is an object such as {\"jsonrpc\":\"2.0\",\"method\":\"status\",\"id\":1}",
        ));
    };
    let find = |key: &str| members.iter().find(|(k, _)| k == key).map(|(_, value)| *value);
    let id = find("id").map(Id::from_raw);
    match envelope(&members) {
        // Only a request that is one may go without an answer.
        Ok(method) => match id {
            Some(None) => Call::unreadable(invalid("id: neither a string nor a number nor null")),
            Some(Some(id)) => Call { id: Some(id), request: request::read(&method, find("params")) },
            None => Call { id: None, request: request::read(&method, find("params")) },
        },
        Err(refusal) => Call { id: Some(id.flatten().unwrap_or_else(Id::null)), request: Err(refusal) },
    }
}

/// Checks what stands around the params. Returns the method.
fn envelope(members: &[(String, &RawValue)]) -> Result<String, Refusal> {
    const KEYS: [&str; 4] = ["jsonrpc", "method", "params", "id"];
    for (i, (key, _)) in members.iter().enumerate() {
        if !KEYS.contains(&key.as_str()) {
            return Err(invalid(format!("no member {} in a request{}", quoted(key), suggestion(key, KEYS))));
        }
        if members.iter().take(i).any(|(other, _)| other == key) {
            return Err(invalid(format!("{key} is there twice")));
        }
    }
    let text = |key: &str| {
        let raw = members.iter().find(|(k, _)| k == key).map(|(_, value)| value.get());
        raw.and_then(|json| serde_json::from_str::<String>(json).ok())
    };
    if text("jsonrpc").as_deref() != Some("2.0") {
        return Err(invalid("jsonrpc: must be \"2.0\""));
    }
    text("method").ok_or_else(|| invalid("method: must be the name of a command, such as \"status\""))
}

/// None of our types can fail to be written: their keys are strings and their numbers are whole.
pub(super) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests;

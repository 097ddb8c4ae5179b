//! The JSON-RPC calls of one connection: a control socket, a WebSocket, or the body of one POST.
//!
//! The same messages everywhere, one text after the other; what is put around a text is the connection's affair. What is
//! asked gets a number, under which it is answered.

use std::collections::BTreeMap;

use super::jsonrpc::{self, Call, Id};
use super::message::{Chunk, Event, Refusal, RefusalCode, Request, Response};

/// How many calls may be under way.
pub const OPEN_CALLS: usize = 64;

/// How a call wants to be answered.
#[derive(Debug)]
enum Form {
    /// Once; alone or with those of its batch. Without an id it gets no answer.
    Once { id: Option<Id>, batch: Option<u64> },
    /// It has its answer, and what happens later follows.
    Stream(Id),
}

/// A batch that is not answered.
#[derive(Debug)]
struct Batch {
    open: usize,
    answers: Vec<u8>,
}

/// An answer: a response, or the result in JSON if it was written before.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// A response.
    Response(&'a Response),
    /// The JSON of a result.
    Written(&'a [u8]),
}

/// What is under way.
#[derive(Debug, Default)]
pub struct Calls {
    open: BTreeMap<u64, Form>,
    batches: BTreeMap<u64, Batch>,
}

impl Calls {
    /// Reads a text. Gives the requests that are in it, each with the number under which it is to be answered, and
    /// appends to `texts` what is answered at once: calls that cannot be understood.
    ///
    /// Numbers are taken from `next`. Calls that would follow something are refused unless `follow` is set.
    pub fn read(&mut self, text: &str, follow: bool, next: &mut u64, texts: &mut Vec<Vec<u8>>) -> Vec<(u64, Request)> {
        let (mut calls, batch) = jsonrpc::parse(text);
        for call in calls.iter_mut().filter(|call| !follow && call.request.as_ref().is_ok_and(follows)) {
            let text = "what goes on is told over a WebSocket, by /api/events and by /api/logs";
            call.request = Err(Refusal::new(RefusalCode::BadArguments, text));
        }
        self.begin(calls, batch, next, texts)
    }

    /// Takes note of the calls of a text that was read, as [`Calls::read`] does.
    pub fn begin(
        &mut self,
        calls: Vec<Call>,
        batch: bool,
        next: &mut u64,
        texts: &mut Vec<Vec<u8>>,
    ) -> Vec<(u64, Request)> {
        let mut number = || {
            let number = *next;
            *next += 1;
            number
        };
        let batch = batch.then(|| {
            let number = number();
            self.batches.insert(number, Batch { open: calls.len(), answers: Vec::new() });
            number
        });
        let mut requests = Vec::new();
        for Call { id, request } in calls {
            let number = number();
            self.open.insert(number, Form::Once { id, batch });
            match request {
                Ok(request) => requests.push((number, request)),
                Err(refusal) => {
                    texts.extend(self.answer(number, Answer::Response(&Response::Refused(refusal))));
                }
            }
        }
        requests
    }

    /// The text that answers a call; `None` if there is nothing to be sent, or not yet.
    pub fn answer(&mut self, number: u64, answer: Answer<'_>) -> Option<Vec<u8>> {
        let Some(Form::Once { id, batch }) = self.open.remove(&number) else { return None };
        let goes_on = matches!(answer, Answer::Response(response) if response.goes_on());
        let text = id.as_ref().map(|id| {
            let mut text = Vec::new();
            match answer {
                Answer::Response(response) => jsonrpc::write_answer(id, response, &mut text),
                Answer::Written(result) => jsonrpc::write_answer_with(id, result, &mut text),
            }
            text
        });
        if let Some(id) = id.filter(|_| goes_on) {
            self.open.insert(number, Form::Stream(id));
        }
        let Some(of_batch) = batch else { return text };
        let batch = self.batches.get_mut(&of_batch)?;
        batch.open = batch.open.saturating_sub(1);
        if let Some(text) = text {
            batch.answers.push(if batch.answers.is_empty() { b'[' } else { b',' });
            batch.answers.extend_from_slice(&text);
        }
        if batch.open > 0 {
            return None;
        }
        let mut answers = self.batches.remove(&of_batch)?.answers;
        if answers.is_empty() {
            return None;
        }
        answers.push(b']');
        Some(answers)
    }

    /// How many calls are under way.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether something follows the answer to any call.
    #[must_use]
    pub fn follow(&self) -> bool {
        self.open.values().any(|form| matches!(form, Form::Stream(_)))
    }

    /// Whether nothing is under way but what follows answers.
    #[must_use]
    pub fn only_follow(&self) -> bool {
        self.open.values().all(|form| matches!(form, Form::Stream(_)))
    }

    /// Whether something follows the answer to this call.
    #[must_use]
    pub fn streams(&self, number: u64) -> bool {
        matches!(self.open.get(&number), Some(Form::Stream(_)))
    }

    /// The text that tells of an event.
    #[must_use]
    pub fn event(&self, number: u64, event: &Event) -> Option<Vec<u8>> {
        let Some(Form::Stream(id)) = self.open.get(&number) else { return None };
        let mut text = Vec::new();
        jsonrpc::write_event(id, event, &mut text);
        Some(text)
    }

    /// The text that passes output on.
    #[must_use]
    pub fn output(&self, number: u64, chunk: &Chunk) -> Option<Vec<u8>> {
        let Some(Form::Stream(id)) = self.open.get(&number) else { return None };
        let mut text = Vec::new();
        jsonrpc::write_output(id, chunk, &mut text);
        Some(text)
    }

    /// Ends what follows answers; the texts that say why.
    pub fn end_streams(&mut self, reason: &Refusal) -> Vec<Vec<u8>> {
        let reason = Response::Refused(reason.clone());
        let mut texts = Vec::new();
        self.open.retain(|_, form| match form {
            Form::Stream(id) => {
                let mut text = Vec::new();
                jsonrpc::write_answer(id, &reason, &mut text);
                texts.push(text);
                false
            }
            Form::Once { .. } => true,
        });
        texts
    }

    /// Whether one more message may be read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.open.len() < OPEN_CALLS
    }

    /// Whether everything is answered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.open.is_empty() && self.batches.is_empty()
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.batches.values().map(|batch| batch.answers.len()).sum()
    }
}

/// Whether more than one answer would come.
fn follows(request: &Request) -> bool {
    matches!(request, Request::Events { follow: true, .. } | Request::Logs { follow: true, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::EventList;

    fn text(bytes: Option<Vec<u8>>) -> String {
        String::from_utf8(bytes.unwrap_or_default()).unwrap()
    }

    #[test]
    fn calls_are_answered_by_their_ids() {
        let (mut calls, mut next, mut texts) = (Calls::default(), 5, Vec::new());
        let asked = calls.read(r#"{"jsonrpc":"2.0","id":"a","method":"version"}"#, true, &mut next, &mut texts);
        assert_eq!((asked.as_slice(), next), (&[(5, Request::Version)][..], 6));
        assert_eq!(text(calls.answer(5, Answer::Written(b"{}"))), r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
        assert_eq!(calls.answer(5, Answer::Written(b"{}")), None);
        let asked = calls.read(r#"{"jsonrpc":"2.0","method":"version"}"#, true, &mut next, &mut texts);
        assert_eq!(calls.answer(asked[0].0, Answer::Response(&Response::Done)), None);
        assert!(texts.is_empty() && calls.is_done());
        calls.read("{", true, &mut next, &mut texts);
        assert!(text(texts.pop()).contains("-32700") && calls.is_done());
    }

    #[test]
    fn a_batch_is_answered_when_it_is_complete() {
        let (mut calls, mut next, mut texts) = (Calls::default(), 1, Vec::new());
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"version"},3,{"jsonrpc":"2.0","id":2,"method":"pid"},
            {"jsonrpc":"2.0","method":"pid"}]"#;
        let asked = calls.read(batch, true, &mut next, &mut texts);
        assert_eq!((asked.len(), texts.len()), (3, 0));
        assert_eq!(calls.answer(asked[2].0, Answer::Response(&Response::Done)), None);
        assert_eq!(calls.answer(asked[1].0, Answer::Response(&Response::DaemonPid(7))), None);
        assert!(!calls.is_done() && calls.held() > 0);
        let all = text(calls.answer(asked[0].0, Answer::Response(&Response::Done)));
        assert!(all.starts_with(r#"[{"jsonrpc":"2.0","id":null,"error""#), "{all}");
        assert!(all.ends_with(r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}]"#), "{all}");
        assert!(calls.is_done());
    }

    #[test]
    fn what_follows_is_refused_where_it_cannot_be_told() {
        let follow = r#"{"jsonrpc":"2.0","id":1,"method":"events","params":{"follow":true}}"#;
        let (mut calls, mut next, mut texts) = (Calls::default(), 1, Vec::new());
        assert_eq!(calls.read(follow, false, &mut next, &mut texts), []);
        assert!(text(texts.pop()).contains("WebSocket") && calls.is_done());
        let number = calls.read(follow, true, &mut next, &mut texts)[0].0;
        let list = Response::Events(EventList { events: Vec::new(), next: 1, follow: true, lost: 0 });
        assert!(calls.answer(number, Answer::Response(&list)).is_some());
        assert!(calls.streams(number) && !calls.is_done());
        let ended = calls.end_streams(&Refusal::new(RefusalCode::Busy, "slow"));
        assert!(ended.len() == 1 && calls.is_done() && !calls.streams(number));
    }
}

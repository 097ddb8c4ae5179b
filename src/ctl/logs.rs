//! `logs` and `tail -f`: shows what processes write, goes on when the daemon is back, picks lines.
//!
//! The daemon tells with every piece where in its log the next one begins. With that a lost connection is taken up again
//! without a gap and without showing anything twice.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::id::Stream;
use crate::control::command::{self, Verb};
use crate::control::jsonrpc;
use crate::control::message::{Chunk, LogList, LogPlace, Request, Response};
use crate::sys::client::Interrupt;

use super::connect::{self, NoReply, Reply};
use super::exit::Exit;
use super::session::Session;
use super::show;

mod grep;
pub(super) mod print;

use grep::Grep;
use print::Printer;

/// How long it takes until the daemon is asked for again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How much of a request may be places in logs. A request has at most 64 KiB.
const PLACES_BYTES: usize = 60_000;

/// The options that `logs` and `tail` have here, beside those that the daemon knows, and what stands for their values.
pub const OPTIONS: [(&str, &str); 2] = [("--grep", "RE"), ("--no-prefix", "")];

/// How lines are shown.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Only the lines that match.
    grep: Option<Grep>,
    /// Each line says whose it is, if there are several processes.
    prefix: bool,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { grep: None, prefix: true }
    }
}

/// Takes `--grep RE` and `--no-prefix` out of the words of a command that shows logs.
///
/// # Errors
/// What is wrong with them.
pub fn take_manner(words: &mut Vec<String>) -> Result<Manner, String> {
    let mut manner = Manner::default();
    let shows_logs =
        |word: &String| command::find(word).is_some_and(|(command, _)| matches!(command.verb, Verb::Logs | Verb::Tail));
    if !words.first().is_some_and(shows_logs) {
        return Ok(manner);
    }
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = std::mem::take(words).into_iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            kept.push(word);
            break;
        }
        match word.split_once('=') {
            _ if word == "--no-prefix" => manner.prefix = false,
            Some(("--grep", pattern)) => manner.grep = Some(Grep::new(pattern)?),
            _ if word == "--grep" => {
                let pattern = rest.next().ok_or("--grep needs a regular expression")?;
                manner.grep = Some(Grep::new(&pattern)?);
            }
            _ => kept.push(word),
        }
    }
    kept.extend(rest);
    *words = kept;
    Ok(manner)
}

/// What is shown, and how far it has come.
struct Viewer<'a> {
    session: &'a Session,
    interrupt: Option<&'a Interrupt>,
    printer: Printer,
    /// Where each log goes on.
    places: BTreeMap<(String, Stream), LogPlace>,
}

/// Why a stream ended.
enum Ended {
    /// It is over.
    With(Exit),
    /// The connection is.
    Lost,
}

/// Asks for logs and shows them.
///
/// # Errors
/// The daemon cannot be reached at all; Ctrl-C before there was anything to see.
pub fn run(session: &Session, request: &Request, interrupt: Option<&Interrupt>) -> Result<Exit, NoReply> {
    let printer = Printer::new(session.color, session.logs.clone());
    let mut viewer = Viewer { session, interrupt, printer, places: BTreeMap::new() };
    let mut reply = connect::ask(&session.path, request, interrupt)?;
    loop {
        match viewer.view(reply)? {
            Ended::With(exit) => return Ok(exit),
            Ended::Lost => match viewer.reconnect(request)? {
                Some(next) => reply = next,
                None => return Ok(Exit::Done),
            },
        }
    }
}

impl Viewer<'_> {
    /// Shows an answer and what follows it.
    fn view(&mut self, mut reply: Reply) -> Result<Ended, NoReply> {
        let response = jsonrpc::read_answer(Verb::Logs, &reply.line)?;
        let Response::Logs(list) = response else {
            let exit = self.session.show_own(&response);
            return Ok(Ended::With(exit));
        };
        let follow = list.follow;
        if !self.begin(list) {
            return Ok(Ended::With(Exit::Done));
        }
        if !follow {
            return Ok(Ended::With(if self.printer.finish() { Exit::Done } else { Exit::Failed }));
        }
        loop {
            match reply.next_line(self.interrupt) {
                Ok(Some(line)) => match jsonrpc::read_output(&line) {
                    Ok(chunk) => {
                        if !self.show(chunk) {
                            return Ok(Ended::With(Exit::Done));
                        }
                    }
                    // It says why there is no more; all of them are worth another try, or tell why there is none.
                    Err(_) => return Ok(Ended::Lost),
                },
                Ok(None) | Err(NoReply::Because(_)) => return Ok(Ended::Lost),
                // Ctrl-C is how one leaves.
                Err(NoReply::Cancelled) => return Ok(Ended::With(Exit::Done)),
            }
        }
    }

    /// Whether somebody still reads.
    fn begin(&mut self, list: LogList) -> bool {
        if self.session.json {
            return list.chunks.into_iter().all(|chunk| self.show(chunk));
        }
        for note in &list.notes {
            show::complain(note);
        }
        self.printer.begin(&list);
        list.chunks.into_iter().all(|chunk| self.show(chunk))
    }

    /// Whether somebody still reads.
    fn show(&mut self, chunk: Chunk) -> bool {
        let key = (chunk.next.process.clone(), chunk.next.stream);
        let written = if !self.session.json {
            self.printer.print(&chunk)
        } else if chunk.bytes.is_empty() {
            true
        } else {
            show::write(&jsonrpc::output_line(&chunk))
        };
        self.places.insert(key, chunk.next);
        written
    }

    /// Waits until the daemon is back, and asks it to go on; `None` after Ctrl-C.
    fn reconnect(&mut self, request: &Request) -> Result<Option<Reply>, NoReply> {
        let request = self.going_on(request);
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            match connect::ask(&self.session.path, &request, self.interrupt) {
                Ok(reply) => {
                    if told {
                        show::complain("the daemon is back");
                    }
                    return Ok(Some(reply));
                }
                Err(NoReply::Cancelled) => return Ok(None),
                Err(NoReply::Because(why)) if !told => {
                    show::complain(&format!("{why}; waiting for it"));
                    told = true;
                }
                Err(NoReply::Because(_)) => {}
            }
            match self.interrupt {
                Some(interrupt) if interrupt.pass(pause).unwrap_or(true) => return Ok(None),
                Some(_) => {}
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The same request, from where it was.
    fn going_on(&self, request: &Request) -> Request {
        let mut request = request.clone();
        if let Request::Logs { lines, from, .. } = &mut request {
            *lines = 0;
            let mut room = PLACES_BYTES;
            from.clear();
            for place in self.places.values() {
                // With quotes and a comma.
                let Some(left) = room.checked_sub(place.to_string().len() + 3) else { break };
                room = left;
                from.push(place.clone());
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &str) -> Result<(bool, bool, String), String> {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let manner = take_manner(&mut words)?;
        Ok((manner.grep.is_some(), manner.prefix, words.join(" ")))
    }

    #[test]
    fn own_options_are_taken_out() {
        assert_eq!(taken("logs -f web"), Ok((false, true, "logs -f web".to_owned())));
        assert_eq!(taken("logs --no-prefix -f web"), Ok((false, false, "logs -f web".to_owned())));
        assert_eq!(taken("status --grep x"), Ok((false, true, "status --grep x".to_owned())));
        assert_eq!(taken("logs -- --no-prefix"), Ok((false, true, "logs -- --no-prefix".to_owned())));
        #[cfg(feature = "regex")]
        {
            assert_eq!(taken("tail -f --grep=a.b web"), Ok((true, true, "tail -f web".to_owned())));
            assert_eq!(taken("logs --grep ^x web"), Ok((true, true, "logs web".to_owned())));
            assert!(taken("logs --grep (").unwrap_err().starts_with("--grep \"(\": "));
        }
        assert!(taken("logs --grep").is_err());
    }
}

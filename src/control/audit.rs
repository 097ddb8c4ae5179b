//! What the daemon's log says of a request that was answered: the command as one harmless line, how it went, and how many
//! refusals are told before they are only counted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::time::Mono;

use super::message::{Kind, Outcome, Request, Response, Wait};

/// How much of a command is written, in characters.
const COMMAND_CHARS: usize = 200;

/// How much of the reason of a refusal is written, in characters.
const REASON_CHARS: usize = 200;

/// How many processes that failed are named.
const NAMED: usize = 5;

/// How many refusals of one user are written in one [`WINDOW`]; the others are counted.
pub const REFUSALS: u32 = 10;

/// For how long refusals are counted together.
pub const WINDOW: Duration = Duration::from_secs(1);

/// A command as it would be typed, cut if it is long. Its words are those of whoever asked: nothing in them steers a
/// terminal, ends a line, or can be taken for the end of the command.
#[must_use]
pub fn spoken(request: &Request) -> String {
    let mut words: Vec<String> = vec![request.command().name.to_owned()];
    match request {
        Request::Restart { names, wait, rolling } => {
            words.extend(waiting(*wait));
            words.extend(rolling.map(|width| format!("--rolling --max-unavailable={width}")));
            words.extend_from_slice(names);
        }
        Request::Scale { name, count, wait } => {
            words.extend(waiting(*wait));
            words.extend([name.clone(), count.to_string()]);
        }
        Request::Start { names, wait } | Request::Stop { names, wait } => {
            words.extend(waiting(*wait));
            words.extend_from_slice(names);
        }
        Request::Signal { sig, names } => {
            words.push(sig.to_string());
            words.extend_from_slice(names);
        }
        Request::Reload { dry_run } => words.extend(dry_run.then(|| "--dry-run".to_owned())),
        Request::Status { names, .. }
        | Request::Why { names }
        | Request::Wait { names, .. }
        | Request::Graph { names, .. }
        | Request::Events { names, .. }
        | Request::Logs { names, .. } => words.extend_from_slice(names),
        Request::Tail { name, .. } => words.push(name.clone()),
        // What is typed may be a secret.
        Request::Input { name, eof, .. } => {
            words.extend(eof.then(|| "--eof".to_owned()));
            words.push(name.clone());
        }
        Request::Resize { name, rows, cols } => {
            words.extend([name.clone(), rows.to_string(), cols.to_string()]);
        }
        Request::Pid { name } => words.extend(name.clone()),
        Request::Help { command } => words.extend(command.clone()),
        Request::Version | Request::Shutdown => {}
    }
    let words: Vec<String> = words.iter().map(|word| word_of(word)).collect();
    shortened(&words.join(" "), COMMAND_CHARS)
}

fn waiting(wait: Wait) -> Option<String> {
    match wait {
        Wait::No => Some("--no-wait".to_owned()),
        Wait::Reached => None,
        Wait::UpTo(ms) => Some(format!("--timeout={ms}ms")),
    }
}

/// A word, in quotes if it would not be read as one word, or holds what is better not shown as it is.
fn word_of(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.:*?@+=/,%[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
}

/// The first so many characters of the first line.
fn shortened(text: &str, chars: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// How a request went: a word for programs, and what there is to say for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `ok`; `partial` or `failed` if it did not do for some or for all processes; the word of a refusal; `gone` if
    /// client or daemon left before the answer.
    pub result: &'static str,
    /// Why; empty if it is `ok`.
    pub reason: String,
    /// Whether it was refused.
    pub refused: bool,
}

/// How it went, by the answer.
#[must_use]
pub fn verdict(response: &Response) -> Verdict {
    match response.kind() {
        Kind::Refused(refusal) => {
            let reason = shortened(&refusal.text, REASON_CHARS);
            Verdict { result: refusal.code.word(), reason, refused: true }
        }
        Kind::Outcomes(outcomes) => of_processes(outcomes),
        Kind::Status(_) | Kind::Why(_) | Kind::Plan(_) | Kind::Plain => {
            Verdict { result: "ok", reason: String::new(), refused: false }
        }
    }
}

/// There was no answer, and why. What was begun goes on.
#[must_use]
pub fn gone(why: &str) -> Verdict {
    Verdict { result: "gone", reason: why.to_owned(), refused: false }
}

fn of_processes(outcomes: &[Outcome]) -> Verdict {
    let failed: Vec<&str> = outcomes.iter().filter(|o| !o.ok).map(|o| o.name.as_str()).collect();
    let result = match failed.len() {
        0 => "ok",
        n if n == outcomes.len() => "failed",
        _ => "partial",
    };
    let mut reason = failed.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if failed.len() > NAMED {
        reason = format!("{reason} and {} more", failed.len() - NAMED);
    }
    if !reason.is_empty() {
        reason = format!("not done for {reason}");
    }
    Verdict { result, reason, refused: false }
}

/// Keeps somebody who is refused again and again from filling the log, and from hiding what others are refused.
#[derive(Debug, Default)]
pub struct Throttle {
    /// By user id; each from its first refusal on.
    bursts: BTreeMap<u32, Burst>,
}

#[derive(Debug)]
struct Burst {
    since: Mono,
    told: u32,
    untold: u64,
}

impl Throttle {
    /// Whether one more refusal of this user is to be told. Call [`Throttle::take_due`] first.
    pub fn admit(&mut self, uid: u32, now: Mono) -> bool {
        let burst = self.bursts.entry(uid).or_insert(Burst { since: now, told: 0, untold: 0 });
        let is_told = burst.told < REFUSALS;
        if is_told {
            burst.told += 1;
        } else {
            burst.untold = burst.untold.saturating_add(1);
        }
        is_told
    }

    /// Users whose time is over, with how many of their refusals were not told.
    pub fn take_due(&mut self, now: Mono) -> Vec<(u32, u64)> {
        let mut untold = Vec::new();
        self.bursts.retain(|uid, burst| {
            let goes_on = now.since(burst.since) < WINDOW;
            if !goes_on && burst.untold > 0 {
                untold.push((*uid, burst.untold));
            }
            goes_on
        });
        untold
    }

    /// When there is something to tell.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.bursts.values().filter(|burst| burst.untold > 0).map(|burst| burst.since.after(WINDOW)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::signal::Sig;
    use crate::control::message::{Refusal, RefusalCode};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn commands_are_written_as_they_are_typed() {
        let stop = |list: &[&str], wait| spoken(&Request::Stop { names: names(list), wait });
        assert_eq!(stop(&["web", "worker:*", "w[ab]?"], Wait::Reached), "stop web worker:* w[ab]?");
        assert_eq!(stop(&["größe"], Wait::No), "stop --no-wait größe");
        assert_eq!(stop(&["a b", ""], Wait::UpTo(1500)), "stop --timeout=1500ms \"a b\" \"\"");
        assert_eq!(spoken(&Request::Signal { sig: Sig::HUP, names: names(&["x"]) }), "signal SIGHUP x");
        assert_eq!(spoken(&Request::Reload { dry_run: true }), "reload --dry-run");
        assert_eq!(spoken(&Request::Shutdown), "shutdown");
    }

    #[test]
    fn nothing_that_is_asked_forges_a_line() {
        for name in ["x\nroot did it", "x\u{1b}[2J", "\u{202e}gpj", "a\" uid=0 result=ok", "\0", "\u{9b}1m", "\\"] {
            let text = spoken(&Request::Start { names: names(&[name]), wait: Wait::Reached });
            let inner = text.strip_prefix("start \"").and_then(|t| t.strip_suffix('"')).unwrap();
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
            let mut escaped = false;
            for c in inner.chars() {
                assert!(escaped || c != '"', "{text}");
                escaped = !escaped && c == '\\';
            }
            assert!(!escaped, "{text}");
        }
        let long = spoken(&Request::Stop { names: vec!["ü".repeat(5000); 9], wait: Wait::No });
        assert_eq!(long.chars().count(), COMMAND_CHARS + 1);
    }

    #[test]
    fn how_it_went() {
        let outcome = |name: &str, ok| Outcome { name: name.to_owned(), result: String::new(), ok };
        let of = |list: Vec<Outcome>| {
            let Verdict { result, reason, refused } = verdict(&Response::Outcomes { outcomes: list, notes: vec![] });
            assert!(!refused);
            (result, reason)
        };
        assert_eq!(of(vec![outcome("a", true)]), ("ok", String::new()));
        assert_eq!(of(vec![]), ("ok", String::new()));
        assert_eq!(of(vec![outcome("a", false)]), ("failed", "not done for a".to_owned()));
        assert_eq!(of(vec![outcome("a", true), outcome("b", false)]), ("partial", "not done for b".to_owned()));
        let many = (0..7).map(|n| outcome(&n.to_string(), false)).collect();
        assert_eq!(of(many).1, "not done for 0, 1, 2, 3, 4 and 2 more");
        let refusal = Refusal::new(RefusalCode::BadConfig, format!("{}\nmore", "x".repeat(500)));
        let told = verdict(&Response::Refused(refusal));
        assert_eq!((told.result, told.reason.chars().count(), told.refused), ("bad-config", REASON_CHARS + 1, true));
    }

    #[test]
    fn a_flood_is_counted() {
        let mut throttle = Throttle::default();
        let start = Mono::default();
        let at = |ms| start.after(Duration::from_millis(ms));
        let told = (0..1000).filter(|_| throttle.admit(7, at(5))).count();
        assert_eq!(told, REFUSALS as usize);
        // Nobody hides another.
        assert!(throttle.admit(8, at(900)));
        assert_eq!(throttle.next_deadline(), Some(at(1005)));
        assert_eq!(throttle.take_due(at(1004)), []);
        assert_eq!(throttle.take_due(at(1005)), [(7, 1000 - u64::from(REFUSALS))]);
        assert!(throttle.admit(7, at(1005)));
        // What was told needs no wake-up.
        assert_eq!(throttle.next_deadline(), None);
        assert_eq!(throttle.take_due(at(5000)), []);
        assert!(throttle.bursts.is_empty());
    }
}

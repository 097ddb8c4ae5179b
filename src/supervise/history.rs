//! The last changes of state of a process, with what led to them.
//!
//! There may be thousands of processes that do nothing, so an entry is small, is kept as data and not as text, and
//! nothing is allocated in advance. A member holds its history; it is forgotten with it.

use std::fmt;

use crate::base::time::Mono;
use crate::control::message::StateName;

use super::action::{Effect, Note};
use super::event::Event;

/// How many changes are kept for each process.
pub const KEPT: usize = 8;

/// Who wants something of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The start of the daemon.
    Boot,
    /// A client of this user.
    Client {
        /// Its user id, if it is known.
        uid: Option<u32>,
    },
    /// A new configuration.
    Reload,
    /// Its own schedule.
    Schedule,
    /// A connection to one of its sockets.
    Connection,
    /// The end of the daemon.
    Shutdown,
}

/// What may be wanted of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// That it runs.
    Start,
    /// That it is down.
    Stop,
    /// That it starts anew.
    Restart,
}

impl Intent {
    /// What an event wants; `None` for facts and deadlines.
    #[must_use]
    pub fn of(event: &Event) -> Option<Intent> {
        match event {
            Event::Start | Event::Arm | Event::Demanded => Some(Intent::Start),
            Event::Stop | Event::Kill => Some(Intent::Stop),
            Event::Restart => Some(Intent::Restart),
            Event::Deaf(_) | Event::Opened | Event::Due | Event::Fact(..) => None,
        }
    }
}

/// An intent and whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was wanted.
    pub intent: Intent,
    /// Who wanted it.
    pub by: By,
}

impl fmt::Display for Asked {
    /// `"stop" from uid 0`, `autostart`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            By::Boot => f.write_str("autostart"),
            By::Reload => f.write_str("a reload"),
            By::Schedule => f.write_str("its schedule"),
            By::Connection => f.write_str("a connection"),
            By::Shutdown => f.write_str("the shutdown of the daemon"),
            By::Client { uid } => {
                let verb = match self.intent {
                    Intent::Start => "start",
                    Intent::Stop => "stop",
                    Intent::Restart => "restart",
                };
                match uid {
                    Some(uid) => write!(f, "\"{verb}\" from uid {uid}"),
                    None => write!(f, "\"{verb}\" by HTTP"),
                }
            }
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Mono,
    /// What had been noted with it; `None` if `to` says it all. Boxed, since most entries of most processes have none.
    note: Option<Box<Note>>,
    /// Who wanted it; `None` if it came by itself.
    pub asked: Option<Asked>,
    /// The state before.
    pub from: StateName,
    /// The state since. The same as before iff SIGKILL followed the stop signal.
    pub to: StateName,
}

impl fmt::Display for Entry {
    /// The cause: `exited: exit status 1, not expected; started again`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if let Some(note) = &self.note {
            write!(f, "{note}")?;
            gap = "; ";
        }
        if let Some(asked) = &self.asked {
            return write!(f, "{gap}by {asked}");
        }
        match (self.to, &self.note) {
            (StateName::Starting, Some(_)) => write!(f, "{gap}started again"),
            (StateName::Starting, None) if self.from == StateName::Waiting => {
                f.write_str("what it waited for is there")
            }
            (StateName::Starting, None) => f.write_str("next try"),
            (StateName::Running, None) => f.write_str("started"),
            (StateName::Stopped, None) => f.write_str("stopped"),
            (_, Some(_)) => Ok(()),
            (
                StateName::Waiting | StateName::Backoff | StateName::Stopping | StateName::Exited | StateName::Fatal,
                None,
            ) => f.write_str("by itself"),
        }
    }
}

impl Entry {
    /// What is said of a run that took too long or was not well, if it was stopped for that then.
    pub(super) fn condemned(&self) -> Option<String> {
        let note = self.note.as_deref().filter(|note| matches!(note, Note::TimedOut { .. } | Note::Unhealthy { .. }));
        note.map(ToString::to_string)
    }
}

/// The last changes of one process, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(Vec<Entry>);

impl History {
    /// Keeps what a step has done, if it is worth it: a change of state, or that SIGKILL was sent.
    pub fn record(&mut self, at: Mono, from: StateName, to: StateName, asked: Option<Asked>, effects: &[Effect]) {
        let notes = effects.iter().filter_map(|effect| match effect {
            Effect::Note(note) => Some(note),
            Effect::Spawn(_)
            | Effect::Signal { .. }
            | Effect::Hook(..)
            | Effect::Check(..)
            | Effect::EndCheck(..)
            | Effect::AwaitDemand
            | Effect::EndAwait => None,
        });
        let telling = notes.clone().max_by_key(|note| weight(note)).filter(|note| weight(note) > 0);
        // SIGKILL is sent again and again to what the kernel holds; the first time says it.
        let killed = matches!(telling, Some(Note::Killed)) && !notes.clone().any(|note| *note == Note::Unkillable);
        if from == to && !killed {
            return;
        }
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push(Entry { at, note: telling.cloned().map(Box::new), asked, from, to });
    }

    /// What is kept.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.iter()
    }
}

/// Which of the notes of one step says most; 0 is for those that say no more than the state.
fn weight(note: &Note) -> u8 {
    match note {
        Note::Fatal { .. } => 6,
        Note::Waiting { .. } | Note::Backoff { .. } => 5,
        Note::Leftovers => 4,
        Note::Exited { .. } => 3,
        Note::Killed => 2,
        Note::TimedOut { .. } | Note::Unhealthy { .. } | Note::NotReady { .. } => 4,
        Note::Stopping { .. } | Note::StoppingBy { .. } => 1,
        Note::HookFailed { .. }
        | Note::Overlap(_)
        | Note::Spawned { .. }
        | Note::Running
        | Note::Healthy
        | Note::CheckFailed { .. }
        | Note::Unkillable
        | Note::Stopped => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::exit::Exit;
    use crate::base::signal::Sig;

    fn causes(history: &History) -> Vec<String> {
        history.entries().map(ToString::to_string).collect()
    }

    #[test]
    fn a_thousand_idle_processes_fit_into_200_kib() {
        let mut history = History::default();
        let asked = Some(Asked { intent: Intent::Start, by: By::Boot });
        history.record(Mono(1), StateName::Stopped, StateName::Starting, asked, &[]);
        history.record(
            Mono(2),
            StateName::Starting,
            StateName::Starting,
            None,
            &[Effect::Note(Note::Spawned { pid: 1 })],
        );
        history.record(Mono(3), StateName::Starting, StateName::Running, None, &[Effect::Note(Note::Running)]);
        assert_eq!(causes(&history), ["by autostart", "started"]);
        assert_eq!((history.0.len(), history.0.capacity()), (2, 2));
        assert!(history.0.iter().all(|entry| entry.note.is_none()));
        // What the allocator adds to each block included.
        let each = size_of::<Option<Asked>>() + size_of::<History>() + 2 * size_of::<Entry>() + 16;
        assert!(each * 1000 < 200 << 10, "{each} bytes for each");
    }

    #[test]
    fn the_most_telling_note_is_the_cause() {
        use StateName::{Backoff, Exited, Running, Starting, Stopped, Stopping};
        let exited = || Effect::Note(Note::Exited { exit: Exit::Code(1), expected: false });
        let stopping = || Effect::Note(Note::Stopping { sig: Sig::TERM });
        let killed = || Effect::Note(Note::Killed);
        let stop = Some(Asked { intent: Intent::Stop, by: By::Client { uid: Some(7) } });
        let mut history = History::default();
        history.record(Mono(1), Running, Starting, None, &[exited(), Effect::Spawn(crate::base::id::Run(2))]);
        history.record(Mono(2), Starting, Stopping, stop, &[stopping()]);
        history.record(Mono(3), Stopping, Stopping, None, &[killed()]);
        history.record(Mono(4), Stopping, Stopping, None, &[killed(), Effect::Note(Note::Unkillable)]);
        history.record(Mono(5), Stopping, Stopped, None, &[exited(), Effect::Note(Note::Stopped)]);
        history.record(Mono(6), Backoff, Starting, None, &[]);
        history.record(Mono(7), Running, Stopping, None, &[exited(), Effect::Note(Note::Leftovers), stopping()]);
        history.record(Mono(8), Running, Exited, None, &[exited()]);
        let causes = causes(&history);
        for (cause, begin) in causes.iter().zip([
            "exited: exit status 1, not expected; started again",
            "stopping: SIGTERM sent; by \"stop\" from uid 7",
            "did not stop in time: SIGKILL sent",
            "exited: exit status 1, not expected",
            "next try",
            "its leader is gone",
            "exited: exit status 1, not expected",
        ]) {
            assert!(cause.starts_with(begin), "{cause}");
        }
        assert_eq!(causes.len(), 7);
    }

    #[test]
    fn the_last_ones_are_kept() {
        let mut history = History::default();
        for n in 0..20 {
            let (from, to) = (StateName::Stopped, StateName::Starting);
            history.record(Mono(n), from, to, None, &[]);
        }
        let times: Vec<u64> = history.entries().map(|entry| entry.at.0).collect();
        assert_eq!(times, (12..20).collect::<Vec<_>>());
        assert_eq!(history.0.capacity(), KEPT);
    }
}

//! What the core cannot see of processes, added to its answers: what they use, what they are run with, what they wrote.
//!
//! All of it is looked at only when somebody asks.

use std::path::Path;

use crate::base::id::{Key, Stream, Ticket};
use crate::base::time::Wall;
use crate::config::expand::Place;
use crate::config::model::{Program, Sink, Variable};
use crate::control::message::{
    Account, LastOutput, ProcessStatus, Setting, StreamPlace, StreamSink, Transition, Usage,
};
use crate::supervise::action::Entries;
use crate::supervise::fleet::Member;
use crate::sys::usage;

use super::clock;
use super::logfile::tail;
use super::output::Writer;
use super::run::Daemon;

/// How many lines of a log an account has, and how many bytes at most.
const ACCOUNT_LINES: u32 = 10;
const ACCOUNT_BYTES: usize = 4 << 10;

/// With more processes than this, an account has no lines of their logs: a thousand files are not read in one turn.
const ACCOUNTS_WITH_OUTPUT: usize = 32;

impl Daemon {
    /// Answers a client with what the core has said and what is to be seen from here.
    pub(super) fn reply_in_full(&mut self, ticket: Ticket, mut entries: Entries) {
        match &mut entries {
            Entries::Status(list) => add_usage(list),
            Entries::Why(accounts) => {
                let with_output = accounts.len() <= ACCOUNTS_WITH_OUTPUT;
                for (key, account) in accounts {
                    self.complete(account, *key, with_output);
                }
            }
        }
        self.reply(ticket, &entries.into());
    }

    fn complete(&self, account: &mut Account, key: Key, with_output: bool) {
        let now = clock::wall();
        for Transition { time, ago_ms, .. } in &mut account.history {
            *time = before(now, *ago_ms).to_string();
        }
        if let Some(member) = self.fleet.member(key) {
            account.setting = self.setting(member, key, with_output);
        }
    }

    fn setting(&self, member: &Member, key: Key, with_output: bool) -> Option<Setting> {
        let program = &member.program;
        let blueprint = self.blueprint(program, &member.name, member.num).ok()?;
        let directory = match blueprint.workingdir {
            Some(directory) => directory,
            None => self.surroundings.directory.to_string_lossy().into_owned(),
        };
        let stdout = self.log_place(member, key, Stream::Stdout, &blueprint.stdout);
        let stderr = match &blueprint.stderr {
            Place::Merged => StreamPlace { sink: StreamSink::Stdout, path: stdout.path.clone() },
            place @ (Place::File(_) | Place::Discard | Place::Inherit) => {
                self.log_place(member, key, Stream::Stderr, place)
            }
        };
        let last_output = if with_output { last_output(program, &stderr) } else { None };
        let command = if has_secrets(program) { program.argv.clone() } else { blueprint.argv };
        let (user, group) = (program.user.clone(), program.group.clone());
        Some(Setting { command, directory, user, group, stdout, stderr, last_output })
    }

    /// Where a stream goes; what runs writes to where it was told when it was started.
    fn log_place(&self, member: &Member, key: Key, stream: Stream, place: &Place) -> StreamPlace {
        let (sink, path) = match place {
            Place::File(path) => (StreamSink::File, Some(path.as_str())),
            Place::Discard => (StreamSink::None, None),
            Place::Inherit => (StreamSink::Inherit, None),
            Place::Merged => (StreamSink::Stdout, None),
        };
        let open =
            self.outputs.path(&self.files, (Writer::Run(key, member.inst.last_run), stream)).map(Path::to_string_lossy);
        let path = open.map(String::from).or_else(|| path.map(str::to_owned));
        StreamPlace { sink, path }
    }
}

/// What the processes use, each with those that it started.
fn add_usage(list: &mut [ProcessStatus]) {
    let sessions: Vec<u32> = list.iter().filter_map(|p| p.pid).collect();
    if sessions.is_empty() {
        return;
    }
    let figures = usage::of_sessions(&sessions);
    for p in list {
        let found = p.pid.and_then(|pid| figures.get(&pid));
        p.usage = found.map(|f| Usage {
            cpu_ms: f.cpu_ms,
            rss_bytes: f.rss_bytes,
            processes: f.processes,
            threads: f.threads,
            fds: f.fds,
        });
    }
}

/// The end of what went to standard error, if it is in a file that can be read and there is anything.
fn last_output(program: &Program, stderr: &StreamPlace) -> Option<LastOutput> {
    let stream = if program.stderr.sink == Sink::Stdout { Stream::Stdout } else { Stream::Stderr };
    let path = stderr.path.as_deref()?;
    let (bytes, _) = tail(Path::new(path), ACCOUNT_LINES, ACCOUNT_BYTES).ok()?;
    (!bytes.is_empty()).then(|| LastOutput { stream, text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Whether what is filled into the command may come from a file that is not for everybody's eyes.
fn has_secrets(program: &Program) -> bool {
    program.env.values().any(|value| matches!(value, Variable::FromFile(_)))
}

/// So many milliseconds before `now`.
fn before(now: Wall, ago_ms: u64) -> Wall {
    let nanos = i128::from(now.secs) * 1_000_000_000 + i128::from(now.nanos) - i128::from(ago_ms) * 1_000_000;
    let secs = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MIN);
    Wall { secs, nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_counted_back() {
        let now = Wall { secs: 100, nanos: 200_000_000 };
        assert_eq!(before(now, 0), now);
        assert_eq!(before(now, 1500), Wall { secs: 98, nanos: 700_000_000 });
        assert_eq!(before(Wall::default(), 1), Wall { secs: -1, nanos: 999_000_000 });
    }
}

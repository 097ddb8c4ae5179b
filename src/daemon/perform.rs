//! What the core wants done, done: one match. The only caller of signals to processes, but for the kills of tasks.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::base::errno::Errno;
use crate::base::id::{Key, Run, Stream};
use crate::base::signal::Sig;
use crate::config::model::{KillMode, Level};
use crate::supervise::action::Action;
use crate::supervise::event::{Fact, Input};
use crate::supervise::state::{Failure, State};
use crate::sys::{group, pidfd};

use super::children::{Reach, Target, Unborn};
use super::output::Writer;
use super::reactor::Token;
use super::run::Daemon;
use crate::base::errno::plain;

/// How often a killed run is looked at for what was forked meanwhile, before its stragglers' ends lead to the next looks.
const LOOKS: u32 = 16;

impl Daemon {
    /// Does what the core wants.
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(key, run) => self.births.push_back((key, run)),
            Action::Signal { key, run, sig, group } => self.signal(key, run, sig, group),
            Action::RunTask(task) => self.tasks.queue(*task),
            Action::KillTask(id) => self.kill_task(id),
            Action::Check { key, run, purpose, number } => self.begin_check(key, run, purpose, number),
            Action::EndCheck { key, run: _, number } => self.end_check((key, number)),
            Action::AwaitDemand(key) => self.await_demand(key),
            Action::EndAwait(key) => self.end_await(key),
            Action::Reply(ticket, response) => self.reply(ticket, &response),
            Action::ReplyInFull(ticket, entries) => self.reply_in_full(ticket, entries),
            Action::Note(happening) => {
                self.journal.happening(&happening);
                self.manager.outdated();
                self.publish(happening);
            }
            Action::Log(level, text) => self.journal.write(level, text),
            Action::Reconfigure(key) => self.reconfigure_outputs(key),
            // Its pipes stay until their end.
            Action::Retire(key) => self.outputs.forget(key),
            Action::DaemonChanged => {
                self.journal.reconfigure(&self.fleet.config().daemon, &mut self.files);
                self.apply_roles();
                self.take_receivers();
            }
            Action::Quit { survivors, code } => self.quit = Some((survivors, code)),
        }
    }

    pub(super) fn signal(&mut self, key: Key, run: Run, sig: Sig, whole_group: bool) {
        // Not born yet: then it never will be.
        if let Some(at) = self.births.iter().position(|birth| *birth == (key, run)) {
            self.births.remove(at);
            self.inputs.push_back(Input::Fact(key, run, Fact::SpawnFailed(Failure::Cancelled)));
            return;
        }
        let stopping = self.is_stopping(key);
        let reach = if whole_group || stopping { self.reach(key) } else { Reach::Leader };
        // A kill that somebody sends by hand is for the process alone, as any other signal is.
        let all = whole_group || (sig == Sig::KILL && stopping && reach != Reach::Leader);
        let result = match self.children.target(&mut self.reactor, key, run, all, reach) {
            Target::Nobody => Ok(()),
            Target::Group(pid, leader, others) => {
                let group = group::signal(pid, sig).or_else(|error| {
                    // Before it has made its group (setsid) the child is only to be reached by itself.
                    if error.raw_os_error() == Some(Errno::ESRCH.0) { self.signal_one(leader, sig) } else { Err(error) }
                });
                self.signal_each(others, sig).and(group)
            }
            Target::Each(tokens) => self.signal_each(tokens, sig),
        };
        if let Err(error) = result {
            let name = self.fleet.member(key).map(|m| self.fleet.display_name(m)).unwrap_or_default();
            self.journal.note(Level::Error, &name, format_args!("cannot send {sig}: {}", plain(&error)));
        }
        if sig == Sig::KILL && all {
            let born_meanwhile = self.children.killed(&mut self.reactor, key, run);
            self.kill_late(key, run, born_meanwhile);
        }
    }

    /// Kills those of a killed run that were found only afterwards, and those that these have forked until then.
    pub(super) fn kill_late(&mut self, key: Key, run: Run, mut found: Vec<Token>) {
        for _ in 0..LOOKS {
            if found.is_empty() {
                return;
            }
            // What may not be signalled is told of once, by the signal to all.
            let _ = self.signal_each(found, Sig::KILL);
            found = self.children.killed(&mut self.reactor, key, run);
        }
        let _ = self.signal_each(found, Sig::KILL);
    }

    /// One that may not be signalled spares none of the others.
    fn signal_each(&self, tokens: Vec<Token>, sig: Sig) -> io::Result<()> {
        tokens.into_iter().map(|token| self.signal_one(token, sig)).fold(Ok(()), Result::and)
    }

    /// Who belongs to a run at this time. What has left the group of a process that ends by itself may live on, unless its
    /// policy says otherwise; of one that is being stopped nothing does.
    pub(super) fn reach(&self, key: Key) -> Reach {
        match self.kill_mode(key) {
            None | Some(KillMode::Process) => Reach::Leader,
            Some(KillMode::Group) if !self.is_stopping(key) => Reach::Group,
            Some(KillMode::Group | KillMode::Cgroup | KillMode::Mixed) => Reach::Tree,
        }
    }

    pub(super) fn kill_mode(&self, key: Key) -> Option<KillMode> {
        self.fleet.member(key).map(|member| member.program.policy.kill_mode)
    }

    fn is_stopping(&self, key: Key) -> bool {
        self.fleet.member(key).is_some_and(|member| matches!(member.inst.state, State::Stopping { .. }))
    }

    fn signal_one(&self, token: Token, sig: Sig) -> io::Result<()> {
        match self.reactor.fd(token).map(|fd| pidfd::send_signal(fd, sig)) {
            // It has ended; its slot will say so.
            Some(Err(error)) if error.raw_os_error() == Some(Errno::ESRCH.0) => Ok(()),
            Some(result) => result,
            None => Ok(()),
        }
    }

    /// Ends a child that cannot be watched.
    pub(super) fn discard(unborn: Unborn) {
        // It may have ended by itself, and then there is only the burial left.
        let _ = pidfd::send_signal(unborn.pidfd.as_fd(), Sig::KILL);
        unborn.bury();
    }

    fn reconfigure_outputs(&mut self, key: Key) {
        let Some(member) = self.fleet.member(key) else { return };
        let Some(run) = member.inst.live().map(|live| live.run) else { return };
        let program = Arc::clone(&member.program);
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.outputs.set_rotation(
                &mut self.files,
                (Writer::Run(key, run), stream),
                program.output(stream).rotation,
            );
        }
    }
}

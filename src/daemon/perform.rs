//! What the core wants done, done: one match. The only caller of signals to processes, but for the kills of tasks.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::base::errno::Errno;
use crate::base::id::{Key, Run, Stream};
use crate::base::signal::Sig;
use crate::config::model::Level;
use crate::supervise::action::Action;
use crate::supervise::event::{Fact, Input};
use crate::supervise::state::Failure;
use crate::sys::{group, pidfd};

use super::children::{Target, Unborn};
use super::output::Writer;
use super::reactor::Token;
use super::run::Daemon;
use crate::base::errno::plain;

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
            Action::Retire(_) => {}
            Action::DaemonChanged => {
                self.journal.reconfigure(&self.fleet.config().daemon, &mut self.files);
                self.apply_roles();
                self.take_receivers();
            }
            Action::Quit { survivors } => self.quit = Some(survivors),
        }
    }

    fn signal(&mut self, key: Key, run: Run, sig: Sig, whole_group: bool) {
        // Not born yet: then it never will be.
        if let Some(at) = self.births.iter().position(|birth| *birth == (key, run)) {
            self.births.remove(at);
            self.inputs.push_back(Input::Fact(key, run, Fact::SpawnFailed(Failure::Cancelled)));
            return;
        }
        let result = match self.children.target(&mut self.reactor, key, run, whole_group) {
            Target::Nobody => Ok(()),
            Target::Group(pid, leader) => group::signal(pid, sig).or_else(|error| {
                // Before it has made its group (setsid) the child is only to be reached by itself.
                if error.raw_os_error() == Some(Errno::ESRCH.0) { self.signal_one(leader, sig) } else { Err(error) }
            }),
            // One that may not be signalled spares none of the others.
            Target::Each(tokens) => {
                tokens.into_iter().map(|token| self.signal_one(token, sig)).fold(Ok(()), Result::and)
            }
        };
        if let Err(error) = result {
            let name = self.fleet.member(key).map(|m| self.fleet.display_name(m)).unwrap_or_default();
            self.journal.note(Level::Error, &name, format_args!("cannot send {sig}: {}", plain(&error)));
        }
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

//! From a slot at which something happened to its owner: one match. Owners push what the core is to be told.

use std::fmt::Write;

use crate::base::id::{Key, Run};
use crate::base::signal::Sig;
use crate::base::stage::Stage;
use crate::config::model::{KillMode, Level};
use crate::supervise::event::{Fact, Input};
use crate::supervise::state::Failure;
use crate::sys::signals;
use crate::sys::spawn::Failed;

use super::children::{Left, Reaped};
use super::clock;
use super::confine;
use super::output::Writer;
use super::reactor::{Ready, Source};
use super::run::Daemon;

impl Daemon {
    /// Serves one slot.
    pub(super) fn dispatch(&mut self, event: Ready) {
        match event.source {
            Source::ExecStatus(key, run) => self.exec_status(key, run),
            Source::Child(key, run) => self.child_ended(key, run),
            Source::Straggler(key, run) => {
                match self.children.straggler_gone(&mut self.reactor, key, run, event.token) {
                    Left::Nothing => {}
                    Left::Others(new) => self.kill_late(key, run, new),
                    Left::Nobody => {
                        self.cgroups.over(key, run);
                        self.sockets_over(key);
                        self.inputs.push_back(Input::Fact(key, run, Fact::Gone));
                    }
                }
            }
            Source::Signals => self.signals_arrived(),
            Source::Timer => self.clock.fired(&self.reactor),
            Source::ClockSet => self.clock_set(),
            Source::Check(key, number) => self.serve_check((key, number)),
            Source::Notify(key, run) => self.serve_notify((key, run)),
            Source::Notice(key, run, number) => self.serve_notice((key, run), number),
            Source::MainProcess(key, run) => self.main_process_ended((key, run)),
            Source::Demand(number) => self.connection_came(number),
            Source::Listener => self.accept_clients(),
            Source::Client(id) => self.serve_client(id),
            Source::WebListener(number) => self.accept_web(number),
            Source::Web(id) => self.web.wake(id),
            Source::Stdin(key, run) => self.serve_stdin((key, run)),
            Source::Terminal(key, run) => self.serve_terminal((key, run)),
            Source::Task(id) => self.task_ended(id),
            Source::Delivery(number) => self.serve_delivery(number),
            Source::TaskOutput(id) => self.tasks.serve_output(&mut self.reactor, id),
            Source::Console(stream) => self.outputs.consoles().write(&mut self.reactor, stream),
            Source::Output(writer, stream) => {
                self.outputs.serve(&mut self.reactor, &mut self.files, (writer, stream), self.now);
            }
        }
    }

    /// Somebody has set the wall clock. Schedules go by it.
    fn clock_set(&mut self) {
        if let Err(error) = self.clock.watch_again(&self.reactor) {
            self.log(Level::Error, format_args!("cannot watch the wall clock: {error}"));
        }
        self.log(Level::Info, "the wall clock was set");
        self.inputs.push_back(Input::Clock(clock::wall_at(self.now)));
    }

    fn exec_status(&mut self, key: Key, run: Run) {
        let fact = match self.children.exec_status(&mut self.reactor, key, run) {
            None => return,
            Some(None) => Fact::Executed,
            Some(Some(failed)) => Fact::ExecFailed(self.failure(key, failed)),
        };
        self.inputs.push_back(Input::Fact(key, run, fact));
    }

    /// The leader of a run may have ended. Its status pipe is complete now, and what it wrote is in its pipes: both are
    /// looked at before its end is told.
    fn child_ended(&mut self, key: Key, run: Run) {
        self.exec_status(key, run);
        self.last_words((key, run));
        let reach = self.reach(key);
        // A mark is an end of its output; who has none of these open bears none.
        let marked = self.terminals.token((key, run)).is_some()
            || !self.outputs.are_closed(&self.reactor, Writer::Run(key, run));
        let reaped = self.children.reap(&mut self.reactor, (key, run), reach, marked);
        if let Some(Reaped { exit, left, no_failure_told }) = reaped {
            if no_failure_told {
                self.inputs.push_back(Input::Fact(key, run, Fact::Executed));
            }
            self.end_stdin((key, run));
            self.drain_run((key, run));
            self.outputs.said_all(Writer::Run(key, run));
            self.lines_came();
            self.signs_over((key, run));
            let exit = self.cgroups.explain(key, run, exit);
            if !left {
                self.cgroups.over(key, run);
                self.sockets_over(key);
            } else if self.kill_mode(key) == Some(KillMode::Mixed) || self.children.was_killed(key) {
                self.signal(key, run, Sig::KILL, true);
            }
            self.inputs.push_back(Input::Fact(key, run, Fact::Exited { exit, left }));
        }
    }

    fn signals_arrived(&mut self) {
        loop {
            let arrived = match self.reactor.fd(self.signals).map(signals::next) {
                Some(Ok(Some(arrived))) => arrived,
                Some(Err(error)) => return self.log(Level::Error, format_args!("cannot read signals: {error}")),
                Some(Ok(None)) | None => return,
            };
            if arrived.sig == Sig::CHLD {
                self.orphans.child_ended();
                continue;
            }
            let mut fact = format!("{} received", arrived.sig);
            if arrived.pid != 0 {
                // Writing to a String cannot fail.
                let _ = write!(fact, " from pid={} uid={}", arrived.pid, arrived.uid);
            }
            self.log(Level::Info, &fact);
            match arrived.sig {
                Sig::TERM | Sig::INT | Sig::QUIT | Sig::PWR | Sig::HALT => self.inputs.push_back(Input::Shutdown),
                Sig::HUP => self.reload(None, false),
                Sig::USR2 => {
                    self.files.reopen_all();
                    self.outputs.retry_all(&mut self.reactor, &mut self.files, self.now);
                }
                _ => {}
            }
        }
    }

    /// A failed step of a spawn with what it was about, for people.
    pub(super) fn failure(&self, key: Key, failed: Failed) -> Failure {
        let program = self.fleet.member(key).map(|m| &m.program);
        let what = match failed.stage {
            Stage::Exec => program.and_then(|p| p.argv.first().cloned()),
            Stage::Directory => program.and_then(|p| p.workingdir.clone()),
            Stage::Groups => program.and_then(|p| p.user.clone().or_else(|| p.extra_groups.first().cloned())),
            Stage::Uid => program.and_then(|p| p.user.clone()),
            Stage::Gid => program.and_then(|p| p.group.clone().or_else(|| p.user.clone())),
            Stage::Listen
            | Stage::Pipe
            | Stage::Pty
            | Stage::Clone
            | Stage::Session
            | Stage::Signals
            | Stage::Stdio
            | Stage::Terminal => None,
            Stage::Directories
            | Stage::Cgroup
            | Stage::OomScore
            | Stage::Limits
            | Stage::Nice
            | Stage::Ionice
            | Stage::Affinity
            | Stage::Chroot
            | Stage::Bounding
            | Stage::Ambient
            | Stage::NoNewPrivs => {
                program.and_then(|p| p.confines.as_deref()).and_then(|confines| confine::about(confines, failed))
            }
        };
        Failure::Spawn { stage: failed.stage, errno: failed.errno, what: what.unwrap_or_default() }
    }
}

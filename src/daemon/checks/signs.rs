//! The signs by which a run tells that it is ready or well: lines of its output, messages, and the lines that it writes
//! to a descriptor. What they need is made before the run is born, and given up when it is over.
//!
//! A sign of readiness counts from the beginning of the run on, once and for all. One of health counts until a check has
//! asked for it: so a check passes at once if a sign has come since the last one began, and else waits for one.

use std::os::fd::OwnedFd;

use crate::base::id::{Key, Run};
use crate::base::pattern::Pattern;
use crate::base::stage::Stage;
use crate::config::expand::{Blueprint, Place};
use crate::config::model::{Probe, Program};
use crate::supervise::health::{CheckNumber, Found, OUTPUT_KEPT, Purpose};
use crate::sys::spawn::Failed;
use crate::sys::{fd, notify};

use super::notify::Notify;
use super::{Id, wrong};
use crate::daemon::birth::NOWHERE;
use crate::daemon::output::{Line, Writer};
use crate::daemon::reactor::{Reactor, Source, Token, Wants};
use crate::daemon::run::Daemon;

/// How much is read of what a run writes to such a descriptor, in one turn.
const NOTICE_BYTES: usize = 64 << 10;

const PURPOSES: [Purpose; 2] = [Purpose::Readiness, Purpose::Health];

/// The signs of one run.
#[derive(Debug, Default)]
pub(super) struct Signs {
    readiness: Seen,
    health: Seen,
    /// Where its messages come in.
    pub(super) notify: Option<Notify>,
    notices: Vec<Notice>,
}

/// What has been seen for one purpose.
#[derive(Debug, Default)]
struct Seen {
    /// The sign, if there was one that counts still.
    sign: Option<Found>,
    /// The check that waits for one.
    wish: Option<CheckNumber>,
    /// No more signs can come, and why.
    over: Option<&'static str>,
}

/// A pipe by which a run gives signs.
#[derive(Debug)]
struct Notice {
    number: u32,
    purposes: Vec<Purpose>,
    token: Token,
    /// The line that is not complete.
    line: Vec<u8>,
    /// There was one that was.
    had_line: bool,
}

/// What a child is to have for its signs.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Prepared {
    /// Ends of pipes, with the number that each is to have.
    pub descriptors: Vec<(u32, OwnedFd)>,
    /// Whether it is told its own process id, as the one that is to send `WATCHDOG=1`.
    pub watchdog: bool,
}

impl Signs {
    fn seen(&mut self, purpose: Purpose) -> &mut Seen {
        match purpose {
            Purpose::Readiness => &mut self.readiness,
            Purpose::Health => &mut self.health,
        }
    }

    /// Gives up what was made for them.
    fn close(self, reactor: &mut Reactor) {
        for notice in self.notices {
            reactor.remove(notice.token);
        }
        if let Some(notify) = self.notify {
            notify.close(reactor);
        }
    }
}

impl Seen {
    /// A sign has come. The check that it is the answer to, if one waits.
    fn came(&mut self, purpose: Purpose, found: Found) -> Option<(CheckNumber, Found)> {
        let wish = self.wish.take();
        match (purpose, &found.wrong) {
            // The first word on that is the last.
            (Purpose::Readiness, _) => {
                let sign = self.sign.get_or_insert(found);
                wish.map(|number| (number, sign.clone()))
            }
            // What is wrong fails one check.
            (Purpose::Health, Some(_)) if wish.is_some() => wish.map(|number| (number, found)),
            (Purpose::Health, _) => {
                // Trouble that no check has told yet is not outshone by what comes after it.
                if self.sign.as_ref().is_none_or(|sign| sign.wrong.is_none()) {
                    self.sign = Some(found.clone());
                }
                wish.map(|number| (number, found))
            }
        }
    }

    /// A check asks for a sign: the one that there was, or it waits.
    fn ask(&mut self, purpose: Purpose, number: CheckNumber) -> Option<Found> {
        let sign = match purpose {
            Purpose::Readiness => self.sign.clone(),
            Purpose::Health => self.sign.take(),
        };
        let sign = sign.or_else(|| self.over.map(wrong));
        if sign.is_none() {
            self.wish = Some(number);
        }
        sign
    }
}

/// The probes of a program that are signs.
fn probes(program: &Program) -> impl Iterator<Item = (Purpose, &Probe)> {
    let probes = PURPOSES.into_iter().filter_map(|purpose| Some((purpose, &purpose.of(&program.policy)?.probe)));
    probes.filter(|(_, probe)| probe.is_sign())
}

/// How many descriptors the signs of one process of the program may need: a socket and a main process, a pipe, or the
/// pipes of output that would go nowhere.
pub fn files_of_signs(program: &Program) -> u64 {
    let of = |probe: &Probe| match probe {
        Probe::Notify => 2,
        Probe::Fd(_) => 1,
        Probe::Log(_) => 4,
        Probe::Exec(_) | Probe::Tcp(_) | Probe::Http { .. } => 0,
    };
    probes(program).map(|(_, probe)| of(probe)).sum()
}

impl Daemon {
    /// Makes what a run needs to give its signs, and adds to its environment.
    pub(in crate::daemon) fn prepare_signs(
        &mut self,
        id: (Key, Run),
        program: &Program,
        blueprint: &mut Blueprint,
    ) -> Result<Prepared, Failed> {
        let mut prepared = Prepared::default();
        let mut signs = Signs::default();
        let result = probes(program).try_for_each(|(purpose, probe)| {
            self.prepare_sign(id, purpose, probe, &mut signs, &mut prepared, blueprint)
        });
        if let Some(check) = &program.policy.healthcheck
            && check.probe == Probe::Notify
        {
            blueprint.env.push(("WATCHDOG_USEC".to_owned(), check.interval.as_micros().to_string()));
            prepared.watchdog = true;
        }
        if probes(program).next().is_some() {
            self.checks.signs.insert(id, signs);
        }
        result.map(|()| prepared).map_err(|error| Failed::new(Stage::Pipe, &error))
    }

    fn prepare_sign(
        &mut self,
        id: (Key, Run),
        purpose: Purpose,
        probe: &Probe,
        signs: &mut Signs,
        prepared: &mut Prepared,
        blueprint: &mut Blueprint,
    ) -> std::io::Result<()> {
        let back = |(error, _)| error;
        match probe {
            Probe::Exec(_) | Probe::Tcp(_) | Probe::Http { .. } => {}
            Probe::Log(_) => {
                for place in [&mut blueprint.stdout, &mut blueprint.stderr] {
                    if *place == Place::Discard {
                        *place = Place::File(NOWHERE.to_owned());
                    }
                }
            }
            Probe::Notify if signs.notify.is_some() => {}
            Probe::Notify => {
                let (socket, address) = notify::open()?;
                let token = self.reactor.add(Source::Notify(id.0, id.1), socket, Wants::Read).map_err(back)?;
                signs.notify = Some(Notify::new(token));
                blueprint.env.push(("NOTIFY_SOCKET".to_owned(), address));
            }
            Probe::Fd(number) => {
                if let Some(notice) = signs.notices.iter_mut().find(|notice| notice.number == *number) {
                    notice.purposes.push(purpose);
                    return Ok(());
                }
                let (read, write) = fd::pipe()?;
                let source = Source::Notice(id.0, id.1, *number);
                let token = self.reactor.add(source, read, Wants::Read).map_err(back)?;
                let (line, had_line) = (Vec::new(), false);
                signs.notices.push(Notice { number: *number, purposes: vec![purpose], token, line, had_line });
                prepared.descriptors.push((*number, write));
            }
        }
        Ok(())
    }

    /// Looks for lines in the output of a run whose pipes have been made.
    pub(in crate::daemon) fn look_for_lines(&mut self, id: (Key, Run), program: &Program) {
        for (purpose, probe) in probes(program) {
            let Probe::Log(text) = probe else { continue };
            let seen = match Pattern::new(text) {
                Ok(pattern) if self.outputs.look_for(Writer::Run(id.0, id.1), purpose, &pattern) => Ok(()),
                Ok(_) => Err(wrong("its output does not come here: it goes where the daemon's goes")),
                Err(error) => Err(wrong(error)),
            };
            if let (Err(sign), Some(signs)) = (seen, self.checks.signs.get_mut(&id)) {
                signs.seen(purpose).sign = Some(sign);
            }
        }
    }

    /// A run is over, and with it its signs.
    pub(in crate::daemon) fn signs_over(&mut self, id: (Key, Run)) {
        if let Some(signs) = self.checks.signs.remove(&id) {
            signs.close(&mut self.reactor);
            for purpose in PURPOSES {
                self.outputs.look_no_more(Writer::Run(id.0, id.1), purpose);
            }
        }
    }

    /// Begins a check that is answered by a sign.
    pub(super) fn await_sign(&mut self, id: Id, run: Run, purpose: Purpose) {
        let found = match self.checks.signs.get_mut(&(id.0, run)) {
            Some(signs) => signs.seen(purpose).ask(purpose, id.1),
            None => Some(wrong("the process was started before it was to give a sign: restart it")),
        };
        // From here on the next line counts.
        if purpose == Purpose::Health {
            self.outputs.look_again(Writer::Run(id.0, run), purpose);
        }
        if let Some(found) = found {
            self.answer_check(id, found);
        }
    }

    /// The check that waited for a sign is over.
    pub(super) fn forget_wish(&mut self, key: Key, run: Run, purpose: Purpose) {
        if let Some(signs) = self.checks.signs.get_mut(&(key, run)) {
            signs.seen(purpose).wish = None;
        }
    }

    /// What a check has waited for in vain.
    pub(super) fn missing_sign(&self, key: Key, run: Run, purpose: Purpose) -> String {
        let probe = self.fleet.member(key).and_then(|m| purpose.of(&m.program.policy)).map(|check| &check.probe);
        let unheard = self.checks.signs.get(&(key, run)).and_then(|signs| signs.notify.as_ref()?.stranger());
        match (probe, purpose) {
            (Some(Probe::Log(_)), _) => "no line matches".to_owned(),
            (Some(Probe::Fd(number)), _) => format!("no line came on descriptor {number}"),
            (Some(Probe::Notify), _) => {
                let what = if purpose == Purpose::Readiness { "READY=1" } else { "WATCHDOG=1" };
                let from =
                    unheard.map(|pid| format!(" (messages of process {pid}, which is none of its own, do not count)"));
                format!("did not send {what}{}", from.unwrap_or_default())
            }
            (Some(Probe::Exec(_) | Probe::Tcp(_) | Probe::Http { .. }) | None, _) => "no sign came".to_owned(),
        }
    }

    /// A sign has come.
    pub(super) fn sign_came(&mut self, id: (Key, Run), purpose: Purpose, found: Found) {
        let Some(signs) = self.checks.signs.get_mut(&id) else { return };
        if let Some((number, found)) = signs.seen(purpose).came(purpose, found) {
            self.answer_check((id.0, number), found);
        }
    }

    /// Lines that were looked for may have come.
    pub(in crate::daemon) fn lines_came(&mut self) {
        for Line { writer, purpose, mut text } in self.outputs.take_lines() {
            let Writer::Run(key, run) = writer else { continue };
            if purpose == Purpose::Readiness {
                self.outputs.look_no_more(writer, purpose);
            }
            text.truncate(OUTPUT_KEPT);
            self.sign_came((key, run), purpose, Found { wrong: None, output: text });
        }
    }

    /// Something has come on a descriptor for signs, or it was closed.
    pub(in crate::daemon) fn serve_notice(&mut self, id: (Key, Run), number: u32) {
        let Some(signs) = self.checks.signs.get_mut(&id) else { return };
        let Some(at) = signs.notices.iter().position(|notice| notice.number == number) else { return };
        let Some(notice) = signs.notices.get_mut(at) else { return };
        let (line, closed) = notice.read(&mut self.reactor);
        let purposes = notice.purposes.clone();
        if closed {
            self.reactor.remove(notice.token);
            let had_line = notice.had_line;
            signs.notices.remove(at);
            for purpose in &purposes {
                let text = if had_line { "closed its descriptor" } else { "closed its descriptor without a line" };
                signs.seen(*purpose).over = Some(text);
            }
        }
        for purpose in purposes {
            if let Some(line) = &line {
                self.sign_came(id, purpose, Found { wrong: None, output: line.clone() });
            }
            let Some(seen) = self.checks.signs.get_mut(&id).map(|signs| signs.seen(purpose)) else { return };
            if let (Some(number), Some(text)) = (seen.wish.filter(|_| closed), seen.over) {
                self.answer_check((id.0, number), wrong(text));
            }
        }
    }
}

impl Notice {
    /// Reads what has come: the last complete line of it, and whether it was closed.
    fn read(&mut self, reactor: &mut Reactor) -> (Option<Vec<u8>>, bool) {
        let mut complete = None;
        let mut room = [0; 4096];
        let mut left = NOTICE_BYTES;
        while left > 0 {
            let Some(pipe) = reactor.fd(self.token) else { return (complete, true) };
            match fd::read(pipe, &mut room) {
                Ok(0) => return (complete, true),
                Ok(n) => {
                    left = left.saturating_sub(n);
                    for byte in room.get(..n).unwrap_or_default() {
                        if *byte == b'\n' {
                            self.had_line = true;
                            complete = Some(std::mem::take(&mut self.line));
                        } else if self.line.len() < OUTPUT_KEPT {
                            self.line.push(*byte);
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return (complete, false),
            }
        }
        // There may be more, and the poll does not tell twice unless it is asked again.
        let _ = reactor.change(self.token, Wants::Read);
        (complete, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Found {
        Found { wrong: None, output: text.as_bytes().to_vec() }
    }

    const ONE: CheckNumber = CheckNumber(1);
    const TWO: CheckNumber = CheckNumber(2);

    #[test]
    fn readiness_counts_from_the_beginning_and_once_for_all() {
        let mut seen = Seen::default();
        assert_eq!(seen.came(Purpose::Readiness, good("up")), None);
        assert_eq!(seen.came(Purpose::Readiness, wrong("later")), None);
        assert_eq!(seen.ask(Purpose::Readiness, ONE), Some(good("up")));
        assert_eq!(seen.ask(Purpose::Readiness, TWO), Some(good("up")));
        let mut seen = Seen::default();
        assert_eq!(seen.ask(Purpose::Readiness, ONE), None);
        assert_eq!(seen.came(Purpose::Readiness, good("up")), Some((ONE, good("up"))));
    }

    #[test]
    fn a_sign_of_health_counts_for_the_check_that_it_answers_and_for_the_next() {
        let mut seen = Seen::default();
        seen.came(Purpose::Health, good("a"));
        assert_eq!(seen.ask(Purpose::Health, ONE), Some(good("a")));
        assert_eq!(seen.ask(Purpose::Health, TWO), None);
        assert_eq!(seen.came(Purpose::Health, good("b")), Some((TWO, good("b"))));
        assert_eq!(seen.ask(Purpose::Health, CheckNumber(3)), Some(good("b")));
        assert_eq!(seen.ask(Purpose::Health, CheckNumber(4)), None);
    }

    #[test]
    fn trouble_fails_one_check() {
        let mut seen = Seen::default();
        assert_eq!(seen.ask(Purpose::Health, ONE), None);
        assert_eq!(seen.came(Purpose::Health, wrong("x")), Some((ONE, wrong("x"))));
        assert_eq!(seen.ask(Purpose::Health, TWO), None);
        seen.wish = None;
        seen.came(Purpose::Health, wrong("y"));
        seen.came(Purpose::Health, good("well again"));
        assert_eq!(seen.ask(Purpose::Health, CheckNumber(3)), Some(wrong("y")));
        seen.over = Some("closed");
        assert_eq!(seen.ask(Purpose::Health, CheckNumber(4)), Some(wrong("closed")));
    }
}

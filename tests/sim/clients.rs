//! Clients that come, ask, wait and go. Each request has one answer; what is told as reached must be so, and nobody waits
//! for what is decided.

use std::collections::BTreeMap;

use taskmaster::base::id::{ClientId, Key, ProgramName, Ticket};
use taskmaster::base::signal::Sig;
use taskmaster::control::message::{Account, Health, Outcome, Response, StateName, Wait, WaitFor, Want};
use taskmaster::supervise::event::{Command, Files, Input};
use taskmaster::supervise::fleet::Member;

use super::bugs::Bug;
use super::{Finding, PROGRAMS, World};

impl World {
    pub(super) fn answered(&mut self, ticket: Ticket, response: &Response) -> Finding {
        self.answers += 1;
        if !self.open.remove(&ticket) {
            return Err("an answer that nobody waits for".to_owned());
        }
        let due = self.notes_due.remove(&ticket);
        if let Response::Outcomes { outcomes, notes } = response {
            self.waits_are_right(ticket, outcomes)?;
            let notes: Vec<&String> = notes.iter().filter(|note| !note.starts_with("started, too")).collect();
            if !notes.is_empty() && due != Some(true) || notes.is_empty() && due == Some(true) {
                return Err(format!("notes {notes:?} where that they are to be there is {due:?}"));
            }
            let mut names: Vec<&str> = outcomes.iter().map(|o| o.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            if names.len() != outcomes.len() {
                return Err("a process twice in one answer".to_owned());
            }
        }
        if self.waits.remove(&ticket).is_some() {
            self.note("wait answered");
        }
        Ok(())
    }

    /// Each account is about the process that it is told with.
    pub(super) fn accounts_are_of(&self, accounts: &[(Key, Account)]) -> Finding {
        let name = |key: Key| self.fleet.member(key).map(|member| self.fleet.display_name(member));
        match accounts.iter().find(|(key, account)| name(*key).as_ref() != Some(&account.status.name)) {
            Some((key, account)) => Err(format!("an account of {} as that of {key:?}", account.status.name)),
            None => Ok(()),
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        if self.clients.is_empty() || self.dice.chance(20) {
            self.next_client += 1;
            self.clients.insert(ClientId(self.next_client));
        }
        let clients: Vec<ClientId> = self.clients.iter().copied().collect();
        self.next_ticket += 1;
        let ticket = Ticket { client: self.dice.pick(&clients), number: self.next_ticket };
        self.open.insert(ticket);
        ticket
    }

    pub(super) fn names(&mut self) -> Vec<String> {
        let names = ["a", "b", "c", "d", "b:1", "c:*", "all", "x", "[ab]"];
        (0..=self.dice.below(2)).map(|_| self.dice.pick(&names).to_owned()).collect()
    }

    pub(super) fn wait(&mut self) -> Wait {
        match self.dice.below(3) {
            0 => Wait::No,
            1 => Wait::Reached,
            _ => Wait::UpTo(self.dice.below(5000)),
        }
    }

    /// Somebody waits for a state and tells nobody anything.
    pub(super) fn wait_for(&mut self) -> Finding {
        let (ticket, names) = (self.ticket(), self.names());
        let until = self.dice.pick(&WaitFor::ALL);
        let timeout_ms = self.dice.chance(30).then(|| self.dice.below(5000));
        if let Ok(keys) = self.fleet.chosen(&names) {
            self.waits.insert(ticket, (until, keys));
        }
        let until = match until {
            WaitFor::Stopped if self.has(Bug::WaitsForTheOpposite) => WaitFor::Running,
            until => until,
        };
        self.tell(Input::Command { ticket, uid: Some(0), command: Command::Wait { names, until, timeout_ms } })
    }

    /// What was waited for and is told as reached must be so, and who still waits must have something to wait for.
    pub(super) fn waits_are_right(&self, ticket: Ticket, outcomes: &[Outcome]) -> Finding {
        let Some((until, keys)) = self.waits.get(&ticket) else { return Ok(()) };
        for member in keys.iter().filter_map(|key| self.fleet.member(*key)) {
            let name = self.fleet.display_name(member);
            let reached = outcomes.iter().any(|o| o.ok && o.name == name && !o.result.starts_with("done"));
            let is = match until {
                WaitFor::Running => member.inst.name() == StateName::Running,
                WaitFor::Healthy => member.inst.name() == StateName::Running && !is_unsure(member),
                WaitFor::Stopped => is_at_rest(member),
            };
            if reached && outcomes.len() == 1 && !is {
                return Err(format!("{name} is told to be {}, but is {:?}", until.word(), member.inst.name()));
            }
        }
        Ok(())
    }

    pub(super) fn nobody_waits_in_vain(&self) -> Finding {
        let open = |(until, member): (WaitFor, &Member)| match until {
            WaitFor::Running | WaitFor::Healthy => match member.inst.name() {
                StateName::Starting | StateName::Backoff => true,
                StateName::Waiting => self.fleet.hopeless(member).is_none(),
                StateName::Stopping => member.inst.want == Want::Up,
                StateName::Running => until == WaitFor::Healthy && is_unsure(member),
                _ => false,
            },
            WaitFor::Stopped => !is_at_rest(member),
        };
        for (ticket, (until, keys)) in &self.waits {
            let members = keys.iter().filter_map(|key| self.fleet.member(*key));
            if !members.map(|m| (*until, m)).any(open) {
                return Err(format!("{ticket:?} waits for {}, which is decided", until.word()));
            }
        }
        Ok(())
    }

    pub(super) fn command(&mut self) -> Finding {
        if self.dice.chance(15) {
            return self.wait_for();
        }
        let (ticket, names, wait) = (self.ticket(), self.names(), self.wait());
        if self.dice.chance(5) {
            return self.scale(ticket, wait);
        }
        let command = match self.dice.below(10) {
            0..=2 => Command::Start { names, wait },
            3..=5 => Command::Stop { names, wait },
            6..=7 => {
                let rolling = self.dice.chance(40).then(|| self.dice.pick(&[1, 2, 3])).filter(|_| wait != Wait::No);
                if rolling.is_some() {
                    self.note("rolling restart");
                }
                Command::Restart { names, wait, files: Files::Unchanged, rolling }
            }
            8 => Command::Signal { sig: self.dice.pick(&[Sig::HUP, Sig::TERM, Sig::KILL]), names },
            _ => match self.dice.below(3) {
                0 => Command::Status { names, usage: self.dice.chance(50) },
                1 => Command::Why { names },
                _ => Command::Graph { names, dot: false },
            },
        };
        self.suspensions(&command);
        let command = self.badly_stopped(command);
        self.tell(Input::Command { ticket, uid: Some(0), command })
    }

    /// A program gets another number of processes: those that it keeps go on as they are.
    fn scale(&mut self, ticket: Ticket, wait: Wait) -> Finding {
        let name = ProgramName::new(self.dice.pick(&PROGRAMS)).unwrap();
        let count = self.dice.pick(&[1, 2, 3, 4, 5]);
        let before: BTreeMap<Key, Member> = self.fleet.members().map(|(key, m)| (key, m.clone())).collect();
        self.notes_due.insert(ticket, self.fleet.config().programs.contains_key(&name) && self.shutdown_at.is_none());
        self.policy_changed = self.now;
        self.resume_what_comes_back();
        self.tell(Input::Command {
            ticket,
            uid: Some(0),
            command: Command::Scale { name: name.to_string(), count, wait },
        })?;
        let Some(program) = self.fleet.config().programs.get(&name) else { return Ok(()) };
        if self.shutdown_at.is_none() && program.numprocs != count {
            return Err(format!("{name} has {} processes, not {count}", program.numprocs));
        }
        for (key, new) in self.fleet.members().filter(|(_, m)| !m.retiring) {
            match before.get(&key) {
                Some(old) if new.name == name && !old.retiring && old.inst.last_run != new.inst.last_run => {
                    return Err(format!("{} {} was started anew", new.name, new.num));
                }
                Some(_) | None => {}
            }
        }
        self.scaled.insert(name);
        self.note("scaled");
        Ok(())
    }

    pub(super) fn leave(&mut self) -> Finding {
        let clients: Vec<ClientId> = self.clients.iter().copied().collect();
        if clients.is_empty() {
            return Ok(());
        }
        let client = self.dice.pick(&clients);
        self.clients.remove(&client);
        self.open.retain(|t| t.client != client);
        self.notes_due.retain(|t, _| t.client != client);
        self.waits.retain(|t, _| t.client != client);
        self.tell(Input::ClientGone(client))
    }
}

/// It is checked for its health, and not healthy.
fn is_unsure(member: &Member) -> bool {
    member.inst.health(&member.program.policy).is_some_and(|health| health != Health::Healthy)
}

/// Nothing of it is alive, and nothing will start it by itself.
fn is_at_rest(member: &Member) -> bool {
    matches!(member.inst.name(), StateName::Stopped | StateName::Exited | StateName::Fatal)
}

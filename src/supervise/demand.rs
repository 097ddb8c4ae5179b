//! Programs that are started by the first connection to one of their sockets: what the fleet has to do with that.
//!
//! Whether a process listens is its own matter (`step/demand`); where, and that a connection has come in, is the
//! shell's. Processes of a program may share a socket: then all that wait are told of its connections.

use crate::base::id::Key;
use crate::base::time::Mono;
use crate::config::expand::{self, Outside};
use crate::config::model::Listen;
use crate::control::message::Want;

use super::action::Action;
use super::event::Event;
use super::fleet::{Fleet, Member};
use super::order::listed;
use super::state::{Instance, State};

/// What a process that was not started by connections until now, or was, is told when that changes.
pub(super) fn on_other_keys(inst: &Instance, on_demand: bool) -> Option<Event> {
    if !on_demand {
        return (inst.state == State::Listening).then_some(Event::Start);
    }
    // It would wait for a connection if it had ended now.
    let has_ended = matches!(inst.state, State::Exited { expected: true, .. });
    (has_ended && inst.want == Want::Up).then_some(Event::Arm)
}

impl Fleet {
    /// Whether this process is started by a connection.
    pub(super) fn is_on_demand(&self, key: Key) -> bool {
        self.member(key).is_some_and(|m| m.meant().policy.on_demand)
    }

    /// How a process is told to be up if nobody asks for it by its name.
    pub(super) fn by_itself(&self, key: Key) -> Event {
        if self.is_on_demand(key) { Event::Arm } else { Event::Start }
    }

    /// A connection has come in for a process; what it needs has to be started for it.
    pub(super) fn demanded(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let listens = self.member(key).is_some_and(|m| m.inst.state == State::Listening);
        if listens {
            self.start_needed(&[key], now, out);
            self.apply(key, Event::Demanded, now, out);
        }
    }

    /// A run is over, and by the program that takes the place of its own the process may have to wait for a connection,
    /// or not to.
    pub(super) fn fit_demand(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let Some(Member { inst, program, retiring: false, .. }) = self.members.get(&key).map(Box::as_ref) else {
            return;
        };
        match on_other_keys(inst, program.policy.on_demand) {
            Some(_) if program.schedule.is_some() => self.leave_to_schedule(key, now, out),
            Some(event) => self.apply(key, event, now, out),
            None => {}
        }
    }

    /// What waits for a connection that starts it no longer is left to its schedule, if it has one now.
    pub(super) fn leave_to_schedule(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let scheduled = |m: &Member| m.inst.state == State::Listening && m.program.schedule.is_some();
        if self.member(key).is_some_and(scheduled) {
            self.by_schedule(key, Event::Stop, now, out);
        }
    }

    /// Where a process takes connections, as it is shown: filled in as far as that goes without the daemon's
    /// environment.
    pub(super) fn addresses_of(&self, member: &Member) -> Vec<String> {
        let (program, outside) = (&member.program, Outside { env: &|_| None, host: "", childlogdir: "" });
        if program.listen.is_empty() {
            return Vec::new();
        }
        // Nor is the name of the machine known here.
        let elsewhere = program.listen.iter().any(|Listen { address, .. }| address.contains("host"));
        match expand::listen(program, &member.name, member.num, &outside) {
            Ok(addresses) if !elsewhere => addresses.iter().map(ToString::to_string).collect(),
            Ok(_) | Err(_) => program.listen.iter().map(|Listen { address, .. }| address.clone()).collect(),
        }
    }

    /// The same as a text.
    pub(super) fn sockets_of(&self, member: &Member) -> String {
        listed(&self.addresses_of(member))
    }

    /// What must hold of those that wait for a connection between two inputs. For tests.
    pub(super) fn demand_holds(&self) -> Result<(), String> {
        for (_, Member { name, program, inst, .. }) in self.members().filter(|(_, m)| m.inst.state == State::Listening)
        {
            if !program.policy.on_demand {
                return Err(format!("{name} waits for a connection, which does not start it"));
            }
            if inst.want == Want::Down || inst.demanded {
                return Err(format!("{name} waits for a connection, and is to be down or to run"));
            }
            if self.is_shutting_down() {
                return Err(format!("{name} waits for a connection while the daemon leaves"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::base::exit::Exit;
    use crate::control::message::{ChangeAction, StateName, Then};
    use crate::supervise::action::Action;
    use crate::supervise::event::Input;
    use crate::supervise::reload::tests::Bench;
    use crate::supervise::state::State;

    const WEB: &str = "web: {cmd: x, listen: '127.0.0.1:80', on_demand: true}";

    impl Bench {
        fn connect(&mut self, name: &str) -> Vec<Action> {
            self.tell(Input::Demanded(self.key(name)))
        }

        fn listens(&self, name: &str) -> bool {
            self.fleet.member(self.key(name)).unwrap().inst.state == State::Listening
        }
    }

    #[test]
    fn it_says_where_it_waits() {
        let b = Bench::new("web: {cmd: x, numprocs: 2, listen: ['*:80', 'unix:/run/${num}-${host}'], on_demand: true}");
        let keys = b.fleet.chosen(&[]).unwrap();
        let account = b.fleet.accounts(&keys, b.now).remove(1);
        // The name of the machine is not known to the core.
        assert_eq!(account.because, "waits for a connection to *:80, unix:/run/${num}-${host}");
        assert_eq!(account.status.why, Some(account.because));
        assert_eq!(account.next, "is started by the first one");
        assert_eq!((account.status.next, account.status.as_wanted), (None, true));
        let b = Bench::new("web: {cmd: x, numprocs: 2, listen: 'unix:/run/${program}.${num}'}");
        let keys = b.fleet.chosen(&[]).unwrap();
        assert_eq!(b.fleet.status(&keys, b.now)[1].listen, ["unix:/run/web.1"]);
    }

    #[test]
    fn whoever_needs_it_finds_its_socket_open() {
        let mut b = Bench::new(&format!("api: {{cmd: x, depends_on: web}}, {WEB}"));
        assert!(b.listens("web"));
        assert_eq!(b.state("api"), StateName::Starting);
        b.connect("web");
        assert_eq!(b.state("web"), StateName::Starting);
        b.pass(2000);
        b.exit("web", Exit::Code(0));
        assert!(b.listens("web") && b.state("api") == StateName::Running);
    }

    #[test]
    fn what_it_needs_is_started_with_it() {
        let web = WEB.replace("on_demand", "depends_on: db, on_demand");
        let mut b = Bench::new(&format!("db: {{cmd: x, autostart: false}}, {web}"));
        assert!(b.listens("web") && b.state("db") == StateName::Stopped);
        b.connect("web");
        assert_eq!((b.state("web"), b.state("db")), (StateName::Waiting, StateName::Starting));
        b.pass(2000);
        assert_eq!(b.state("web"), StateName::Starting);
        let account = b.fleet.accounts(&[b.key("web")], b.now).remove(0);
        assert_eq!(account.because, "started when what it waited for was there; has to stay up for 1s");
    }

    #[test]
    fn a_reload_says_what_becomes_of_it() {
        let mut b = Bench::new("a: {cmd: x}");
        let then = |plan: crate::control::message::PlanReport| (plan.changes[0].action, plan.changes[0].then);
        let with = |web: &str| format!("a: {{cmd: x}}, {web}");
        assert_eq!(then(b.reload(&with(WEB))), (ChangeAction::Added, Then::OnDemand));
        assert!(b.listens("web"));
        // Other keys are for the next run; the sockets may be others at once.
        let other = WEB.replace("cmd: x", "cmd: y").replace(":80", ":81");
        assert_eq!(then(b.reload(&with(&other))), (ChangeAction::Updated, Then::OnDemand));
        assert!(b.listens("web"));
        b.connect("web");
        b.pass(2000);
        assert_eq!(then(b.reload(&with(WEB))), (ChangeAction::Restarted, Then::Restarts));
        b.exit("web", Exit::Code(0));
        assert_eq!(b.state("web"), StateName::Starting, "it was up, so it is up again");
        b.pass(2000);
        b.exit("web", Exit::Code(0));
        assert!(b.listens("web"));
        // No longer on demand.
        let plain = WEB.replace(", on_demand: true", "");
        assert_eq!(then(b.reload(&with(&plain))), (ChangeAction::Restarted, Then::Starts));
        b.pass(2000);
        b.exit("web", Exit::Code(0));
        assert_eq!(b.state("web"), StateName::Exited);
        assert_eq!(then(b.reload(&with(WEB))), (ChangeAction::Updated, Then::OnDemand));
        assert!(b.listens("web"));
        // What runs by the clock from now on does not wait for a connection.
        b.reload(&with("web: {cmd: x, every: 1h}"));
        assert_eq!(b.state("web"), StateName::Stopped);
        let out = b.pass(3_600_000);
        assert_eq!((b.state("web"), out), (StateName::Running, vec![]), "a job");
    }

    #[test]
    fn a_stop_holds_whatever_comes() {
        let mut b = Bench::new(WEB);
        let key = b.key("web");
        assert_eq!(b.stop("web")[..1], [Action::EndAwait(key)]);
        assert_eq!((b.connect("web"), b.state("web")), (vec![], StateName::Stopped));
        b.reload(&WEB.replace("cmd: x", "cmd: y"));
        assert_eq!(b.state("web"), StateName::Stopped);
        b.tell(Input::Shutdown);
        let mut b = Bench::new(WEB);
        let out = b.tell(Input::Shutdown);
        assert_eq!(out[0], Action::EndAwait(b.key("web")));
        assert!(matches!(out[1], Action::Quit { code: 0, .. }), "{out:?}");
    }
}

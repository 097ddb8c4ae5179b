//! What the board makes of the daemon's answers.

use crate::base::text::Plain;
use crate::control::message::{RefusalCode, Response};
use crate::control::render::{self, Clock};

use super::ask::{Act, Ask};
use super::columns;
use super::model::{Effect, Model, counted};
use super::pane::{Content, Pane, Written};

impl Model {
    pub(super) fn answered(&mut self, ask: Ask, response: Response) {
        match (ask, response) {
            (Ask::Daemon, Response::DaemonPid(pid)) => {
                let since = self.feed.daemon(pid);
                self.effects.push(Effect::Ask(Ask::History(since)));
            }
            (Ask::Status(names), response) => self.looked(&names, response),
            (Ask::History(_), Response::Events(list)) => {
                list.events.into_iter().for_each(|event| self.feed.add(event));
                self.changed |= self.shows(&Content::Events);
            }
            (Ask::Usage(_), response) => self.counted(response),
            (Ask::Why(name), response) => self.explained(&name, &response),
            (Ask::Act(act, names), response) => self.acted(act, &names, response),
            (_, Response::Refused(refusal)) => self.say(Plain(&refusal.text).to_string(), true),
            (Ask::Daemon | Ask::History(_), _) => {}
        }
    }

    fn looked(&mut self, names: &[String], response: Response) {
        self.refresh.asked = false;
        self.changed = true;
        if let Response::Status(list) = response {
            if names.is_empty() {
                self.rows.replace(list, self.now);
            } else {
                self.refresh.all |= !self.rows.update(list, self.now);
            }
        } else if let Response::Refused(refusal) = response {
            if refusal.code == RefusalCode::UnknownName && !names.is_empty() {
                // One of them is gone.
                self.want_all();
            } else {
                self.say(Plain(&refusal.text).to_string(), true);
            }
        }
    }

    fn counted(&mut self, response: Response) {
        self.figures.asked = false;
        if let Response::Status(list) = response {
            self.refresh.all |= !self.rows.update(list, self.now);
            // A share of the processor takes two looks.
            let half = self.seen().any(|row| row.usage.is_some_and(|usage| usage.permille.is_none()));
            self.figures.soon = half;
            self.changed = true;
        } else if matches!(&response, Response::Refused(refusal) if refusal.code == RefusalCode::UnknownName) {
            self.want_all();
        } else {
            // A daemon that is older, or says nothing of this to us.
            self.figures.refused = true;
        }
    }

    fn explained(&mut self, name: &str, response: &Response) {
        let clock = self.clock();
        let Some(Pane { content: Content::Why(why), .. }) = &mut self.pane else { return };
        if why.name != name {
            return;
        }
        let text = if matches!(response, Response::Why(_)) {
            String::from_utf8_lossy(&render::render(response, &clock)).into_owned()
        } else {
            // An older daemon has told all that it knows.
            self.rows.selected().map_or_else(String::new, |row| columns::in_words(row, self.now))
        };
        self.changed = true;
        why.text = Some(text);
    }

    /// The time of day.
    fn clock(&self) -> Clock {
        let (clock, at) = self.started;
        let later = i64::try_from(self.now.since(at).as_secs()).unwrap_or(0);
        Clock { now_unix: clock.now_unix.saturating_add(later), ..clock }
    }

    /// Something about the output that is followed.
    pub(super) fn written(&mut self, written: Written) {
        let now = self.now;
        let Some(Pane { content: Content::Output(output), up, .. }) = &mut self.pane else { return };
        match written {
            Written::Begins(list) => output.begin(&list),
            Written::More(chunk) => {
                let lines = output.more(&chunk);
                // Whoever has scrolled up keeps what is read in view.
                if *up > 0 {
                    *up = (*up + lines).min(output.tape.len());
                }
            }
            Written::Ends(why) => output.end(Plain(&why).to_string(), now),
        }
        self.changed = true;
    }

    fn acted(&mut self, act: Act, names: &[String], response: Response) {
        if let Response::Outcomes { outcomes, notes } = response {
            let failed: Vec<String> = outcomes
                .iter()
                .filter(|outcome| !outcome.ok)
                .map(|outcome| format!("{}: {}", Plain(&outcome.name), Plain(&outcome.result)))
                .collect();
            let note = notes.first().map_or_else(String::new, |note| format!("; note: {}", Plain(note)));
            match (failed.as_slice(), outcomes.as_slice()) {
                ([], [only]) => self.say(format!("{}: {}{note}", Plain(&only.name), Plain(&only.result)), false),
                ([], _) => self.say(format!("{} {}: done{note}", act.word(), counted(names)), false),
                ([only], _) => self.say(format!("{} failed: {only}", act.word()), true),
                ([first, rest @ ..], _) => {
                    self.say(format!("{} failed: {first} (and {} more)", act.word(), rest.len()), true);
                }
            }
            self.want_all();
        } else if let Response::Refused(refusal) = response {
            self.say(format!("{}: {}", act.word(), Plain(&refusal.text)), true);
        }
    }
}

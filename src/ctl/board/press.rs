//! What each key does.
#![allow(clippy::wildcard_enum_match_arm, reason = "most keys do nothing, and a new one does nothing either")]

use crate::base::id::Stream;

use super::ask::Act;
use super::columns::COLUMNS;
use super::keys::Key;
use super::model::{Effect, Mode, Model, counted};
use super::pane::{Content, Output, Pane, Why};
use super::rows::Sort;

/// The keys and what they do, for the page of help.
pub const KEYS: [(&str, &str); 19] = [
    ("Up Down k j", "to the next process"),
    ("PgUp PgDn", "a page further"),
    ("Home End g G", "to the first, the last"),
    ("space", "mark, or take the mark away"),
    ("a  u", "mark all that are shown, none"),
    ("s", "start the marked ones, else the selected one"),
    ("x", "stop them"),
    ("r", "restart them"),
    ("/", "show those in which these words occur"),
    ("o  <  >", "sort by another column"),
    ("O", "sort the other way round"),
    ("Tab Enter", "output of the selected process"),
    ("1  2", "its standard output, its standard error"),
    ("e", "what happens, as it happens"),
    ("w", "why the selected process is as it is"),
    ("K J", "scroll the pane; Ctrl-U and Ctrl-D by half of it"),
    ("z", "all the room for the pane, or again a part"),
    ("Ctrl-L", "ask and draw everything anew"),
    ("q Esc Ctrl-C", "leave; Esc first closes what is open"),
];

impl Model {
    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) {
        // What failed has been read by now.
        if self.message.as_ref().is_some_and(|message| message.bad) {
            self.message = None;
        }
        match key {
            Key::Ctrl('c') => return self.effects.push(Effect::Leave),
            Key::Ctrl('z') => return self.effects.push(Effect::Suspend),
            Key::Ctrl('l') => {
                self.want_all();
                return self.effects.push(Effect::Redraw);
            }
            _ => {}
        }
        match std::mem::take(&mut self.mode) {
            Mode::Table => self.press_in_table(&key),
            Mode::Filter(before) => self.press_in_filter(key, before),
            Mode::Confirm(act, names) => match key {
                Key::Char('y' | 'Y') | Key::Enter => self.carry_out(act, names),
                _ => self.say("nothing was done", false),
            },
            // Any key closes it.
            Mode::Help => {}
        }
    }

    fn press_in_table(&mut self, key: &Key) {
        if self.move_cursor(key) || self.scroll_pane(key) {
            return;
        }
        match key {
            Key::Char('q') => self.effects.push(Effect::Leave),
            Key::Escape => self.close_or_leave(),
            Key::Char('s') => self.order(Act::Start),
            Key::Char('x') => self.order(Act::Stop),
            Key::Char('r') => self.order(Act::Restart),
            Key::Char(' ') => {
                self.rows.toggle_mark();
                self.rows.select(self.rows.cursor() + 1);
            }
            Key::Char('a') => self.rows.mark_shown(),
            Key::Char('u') => self.rows.unmark(),
            Key::Char('/') => self.mode = Mode::Filter(self.rows.filter().to_owned()),
            Key::Char('o' | '>') => self.sort_by_next(1),
            Key::Char('<') => self.sort_by_next(COLUMNS.len() - 1),
            Key::Char('O') => {
                let Sort { column, reversed } = self.rows.sort();
                self.rows.set_sort(Sort { column, reversed: !reversed }, self.now);
            }
            Key::Tab | Key::Enter => self.toggle_output(),
            Key::Char('1') => self.show_output(Stream::Stdout),
            Key::Char('2') => self.show_output(Stream::Stderr),
            Key::Char('e') => self.toggle_events(),
            Key::Char('w') => self.toggle_why(),
            Key::Char('z') => {
                if let Some(pane) = &mut self.pane {
                    pane.zoomed = !pane.zoomed;
                }
            }
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            _ => {}
        }
    }

    /// Whether the key is one that moves the cursor.
    fn move_cursor(&mut self, key: &Key) -> bool {
        let page = usize::from(self.areas().table.height).max(2) - 1;
        let cursor = self.rows.cursor();
        let to = match key {
            Key::Up | Key::Char('k') => cursor.saturating_sub(1),
            Key::Down | Key::Char('j') => cursor + 1,
            Key::PageUp => cursor.saturating_sub(page),
            Key::PageDown => cursor + page,
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => usize::MAX,
            _ => return false,
        };
        self.rows.select(to);
        true
    }

    /// Whether the key is one that scrolls the pane.
    fn scroll_pane(&mut self, key: &Key) -> bool {
        let height = usize::from(self.areas().pane.height.saturating_sub(1));
        let half = isize::try_from(height / 2).unwrap_or(1).max(1);
        let by = match key {
            Key::Char('K') => 1,
            Key::Char('J') => -1,
            Key::Ctrl('u') => half,
            Key::Ctrl('d') => -half,
            _ => return false,
        };
        let (feed, width) = (self.feed.len(), self.size.0);
        if let Some(pane) = &mut self.pane {
            let (by, lines) = match &pane.content {
                Content::Output(output) => (by, output.tape.len()),
                Content::Events => (by, feed),
                Content::Why(why) => (-by, why.lines(width).len()),
            };
            pane.scroll(by, lines, height);
        }
        true
    }

    /// Closes the innermost of what is open; leaves if nothing is.
    fn close_or_leave(&mut self) {
        if self.pane.is_some() {
            return self.open(None);
        }
        if self.rows.filter().is_empty() {
            self.effects.push(Effect::Leave);
        } else {
            self.rows.set_filter(String::new(), self.now);
        }
    }

    /// Letters change the filter, and what is shown changes with each.
    fn press_in_filter(&mut self, key: Key, before: String) {
        let mut filter = self.rows.filter().to_owned();
        match key {
            Key::Enter | Key::Tab => return,
            Key::Escape => return self.rows.set_filter(before, self.now),
            Key::Char(c) => filter.push(c),
            Key::Paste(text) => filter.push_str(&text),
            Key::Backspace => {
                filter.pop();
            }
            Key::Ctrl('u') => filter.clear(),
            Key::Ctrl('w') => {
                let kept = filter.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                filter.truncate(kept);
            }
            other => {
                self.move_cursor(&other);
            }
        }
        self.mode = Mode::Filter(before);
        self.rows.set_filter(filter, self.now);
    }

    fn sort_by_next(&mut self, steps: usize) {
        let filled = self.filled();
        let following = (1..=COLUMNS.len()).map(|n| (self.rows.sort().column + n * steps) % COLUMNS.len());
        let has = |column: &usize| COLUMNS.get(*column).is_some_and(|column| filled.has(column));
        let column = following.into_iter().find(has).unwrap_or_default();
        self.rows.set_sort(Sort { column, reversed: false }, self.now);
    }

    /// A command for what is meant. For several it is asked first.
    fn order(&mut self, act: Act) {
        let names = self.rows.meant();
        match names.len() {
            0 => self.say("there is no process to do that to", true),
            1 => self.carry_out(act, names),
            _ => {
                self.say(format!("{} {}?", act.word(), counted(&names)), false);
                self.mode = Mode::Confirm(act, names);
            }
        }
    }

    /// Shows this in the pane, or closes it. What the former one followed is followed no longer.
    fn open(&mut self, content: Option<Content>) {
        if matches!(self.pane, Some(Pane { content: Content::Output(_), .. })) {
            self.effects.push(Effect::Follow(None));
        }
        let zoomed = self.pane.as_ref().is_some_and(|pane| pane.zoomed);
        self.pane = content.map(|content| Pane { content, up: 0, zoomed });
    }

    /// The name of the selected process. Without one, a complaint.
    fn name_for_pane(&mut self) -> Option<String> {
        let name = self.rows.selected().map(|row| row.status.name.clone());
        if name.is_none() {
            self.say("there is no process that could be shown", true);
        }
        name
    }

    fn toggle_events(&mut self) {
        let open = self.shows(&Content::Events);
        self.open((!open).then_some(Content::Events));
    }

    fn toggle_why(&mut self) {
        if matches!(self.pane, Some(Pane { content: Content::Why(_), .. })) {
            return self.open(None);
        }
        if let Some(name) = self.name_for_pane() {
            self.open(Some(Content::Why(Why::of(name, self.now))));
        }
    }

    fn toggle_output(&mut self) {
        match &self.pane {
            Some(Pane { content: Content::Output(_), .. }) => self.open(None),
            Some(_) | None => self.show_output(Stream::Stdout),
        }
    }

    fn show_output(&mut self, stream: Stream) {
        if let Some(name) = self.name_for_pane() {
            self.open(Some(Content::Output(Output::of(name, stream, self.now))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_on_the_page_of_help_and_on_the_man_page() {
        let words = |text: &str| -> Vec<String> {
            text.split([' ', ',']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        let page = include_str!("../../../man/taskmasterctl.1");
        let board = page.split(".Sh BOARD").nth(1).and_then(|rest| rest.split("\n.Sh ").next()).unwrap();
        let mut told: Vec<String> =
            board.lines().filter_map(|line| line.strip_prefix(".It ")).flat_map(words).collect();
        let mut known: Vec<String> = KEYS.iter().flat_map(|(keys, _)| words(keys)).collect();
        // What opens the page of help, what is told on it beside another key, and what every program has.
        known.extend(["\\&?", "Ctrl-U", "Ctrl-D", "Ctrl-Z"].map(str::to_owned));
        known.iter_mut().filter(|key| *key == "space").for_each(|key| "Space".clone_into(key));
        told.sort();
        known.sort();
        assert_eq!(told, known);
    }
}

//! The processes as the board knows them: what the daemon said last, which are shown, in which order, which are marked.
//!
//! Only knows what it is told; who asks the daemon is `model`.

use std::cmp::Ordering;
use std::collections::HashMap;

use ratatui_core::text::Span;

use crate::base::time::Mono;
use crate::control::message::{ProcessStatus, StateName};

use super::columns::COLUMNS;

/// One process.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the daemon said of it.
    pub status: ProcessStatus,
    /// When that came.
    pub at: Mono,
    /// What it uses, if that is known.
    pub usage: Option<Usage>,
    /// Whether the user has marked it.
    pub marked: bool,
}

/// What a process and those that it started use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time so far.
    pub cpu_ms: u64,
    /// Memory.
    pub rss_bytes: u64,
    /// When that was so.
    pub at: Mono,
    /// Of one processor, in tenths of a percent; `None` until there were two looks at the same run.
    pub permille: Option<u64>,
}

impl Usage {
    /// What it is now, given what it was.
    fn after(self, earlier: Option<Usage>) -> Usage {
        let permille = earlier.filter(|earlier| earlier.cpu_ms <= self.cpu_ms).and_then(|earlier| {
            let wall = u64::try_from(self.at.since(earlier.at).as_millis()).ok()?;
            (self.cpu_ms - earlier.cpu_ms).saturating_mul(1000).checked_div(wall)
        });
        Usage { permille, ..self }
    }
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By which of the [`COLUMNS`].
    pub column: usize,
    /// The other way round than that column begins with.
    pub reversed: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Rows {
    all: Vec<Row>,
    places: HashMap<String, usize>,
    /// Places of those that are shown, in order.
    shown: Vec<usize>,
    filter: String,
    sort: Sort,
    /// The one that the cursor is on, by name: it stays on it when the order changes.
    selected: Option<String>,
    /// Where in `shown` that is.
    cursor: usize,
    longest_name: usize,
}

impl Rows {
    /// Takes a whole status. What is no longer in it is gone.
    pub fn replace(&mut self, list: Vec<ProcessStatus>, now: Mono) {
        let mut known: HashMap<String, Row> =
            std::mem::take(&mut self.all).into_iter().map(|row| (row.status.name.clone(), row)).collect();
        self.all = list.into_iter().map(|status| Row::made(known.remove(&status.name), status, now)).collect();
        self.places = self.all.iter().enumerate().map(|(place, row)| (row.status.name.clone(), place)).collect();
        let width = |row: &Row| Span::raw(row.status.name.as_str()).width();
        self.longest_name = self.all.iter().map(width).max().unwrap_or(0);
        self.arrange(now);
    }

    /// Takes the status of some. Says whether all of them were known.
    pub fn update(&mut self, list: Vec<ProcessStatus>, now: Mono) -> bool {
        let mut known = true;
        for status in list {
            match self.places.get(&status.name).and_then(|place| self.all.get_mut(*place)) {
                Some(row) => *row = Row::made(Some(row.clone()), status, now),
                None => known = false,
            }
        }
        self.arrange(now);
        known
    }

    /// Puts those that the filter lets through in order, and the cursor where it was.
    pub fn arrange(&mut self, now: Mono) {
        let wanted = self.filter.to_lowercase();
        let words: Vec<&str> = wanted.split_whitespace().collect();
        let Rows { all, shown, sort, .. } = self;
        shown.clear();
        shown.extend(all.iter().enumerate().filter(|(_, row)| row.has(&words)).map(|(place, _)| place));
        if let Some(column) = COLUMNS.get(sort.column) {
            let flipped = sort.reversed != column.descending;
            shown.sort_by(|a, b| match (all.get(*a), all.get(*b)) {
                (Some(left), Some(right)) => {
                    let order = (column.order)(left, right, now);
                    // Equal ones stay as the daemon has them.
                    if flipped { order.reverse() } else { order }
                }
                _ => Ordering::Equal,
            });
        }
        let place = self.selected.as_ref().and_then(|name| self.places.get(name));
        let found = place.and_then(|place| self.shown.iter().position(|shown| shown == place));
        // Where nothing is shown, the cursor waits for what it was on.
        if !self.shown.is_empty() {
            self.select(found.unwrap_or(self.cursor));
        }
    }

    /// Moves the cursor to a row of those that are shown, or the last.
    pub fn select(&mut self, cursor: usize) {
        self.cursor = cursor.min(self.shown.len().saturating_sub(1));
        self.selected = self.shown(self.cursor).map(|row| row.status.name.clone());
    }

    /// Where the cursor is.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The row that the cursor is on.
    #[must_use]
    pub fn selected(&self) -> Option<&Row> {
        self.shown(self.cursor)
    }

    /// A row of those that are shown.
    #[must_use]
    pub fn shown(&self, n: usize) -> Option<&Row> {
        self.shown.get(n).and_then(|place| self.all.get(*place))
    }

    /// How many columns the longest name takes.
    #[must_use]
    pub fn longest_name(&self) -> usize {
        self.longest_name
    }

    /// How many are shown.
    #[must_use]
    pub fn shown_count(&self) -> usize {
        self.shown.len()
    }

    /// All, in the daemon's order.
    #[must_use]
    pub fn all(&self) -> &[Row] {
        &self.all
    }

    /// What is looked for.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Shows those alone in which all of these words occur.
    pub fn set_filter(&mut self, filter: String, now: Mono) {
        self.filter = filter;
        self.arrange(now);
    }

    /// The order.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Changes the order.
    pub fn set_sort(&mut self, sort: Sort, now: Mono) {
        self.sort = sort;
        self.arrange(now);
    }

    /// Marks the selected one, or takes its mark away.
    pub fn toggle_mark(&mut self) {
        let row = self.shown.get(self.cursor).and_then(|place| self.all.get_mut(*place));
        if let Some(row) = row {
            row.marked = !row.marked;
        }
    }

    /// Marks all that are shown.
    pub fn mark_shown(&mut self) {
        for place in &self.shown {
            if let Some(row) = self.all.get_mut(*place) {
                row.marked = true;
            }
        }
    }

    /// Takes all marks away.
    pub fn unmark(&mut self) {
        self.all.iter_mut().for_each(|row| row.marked = false);
    }

    /// Those that a command is for: the marked ones, else the selected one.
    #[must_use]
    pub fn meant(&self) -> Vec<String> {
        let name = |row: &Row| row.status.name.clone();
        let marked: Vec<String> = self.all.iter().filter(|row| row.marked).map(name).collect();
        if marked.is_empty() { self.selected().map(name).into_iter().collect() } else { marked }
    }

    /// How many there are in each state, in the order of how much they need a look.
    #[must_use]
    pub fn counts(&self) -> Vec<(StateName, usize)> {
        let mut counts: Vec<(u8, StateName, usize)> = Vec::new();
        for row in &self.all {
            let (state, rank) = (row.status.state, rank(&row.status));
            match counts.iter_mut().find(|(_, known, _)| *known == state) {
                Some((most, _, count)) => (*most, *count) = (rank.min(*most), *count + 1),
                None => counts.push((rank, state, 1)),
            }
        }
        counts.sort_by_key(|(rank, _, _)| *rank);
        counts.into_iter().map(|(_, state, count)| (state, count)).collect()
    }
}

impl Row {
    /// A row with what is kept of an earlier one.
    fn made(earlier: Option<Row>, status: ProcessStatus, now: Mono) -> Row {
        let same_run = |row: &Row| row.status.pid == status.pid && row.status.runs == status.runs;
        let before = earlier.as_ref().filter(|row| same_run(row)).and_then(|row| row.usage);
        let figures = status.usage.map(|usage| Usage {
            cpu_ms: usage.cpu_ms,
            rss_bytes: usage.rss_bytes,
            at: now,
            permille: None,
        });
        let usage = figures.map(|figures| figures.after(before)).or(before);
        Row { status, at: now, usage, marked: earlier.is_some_and(|row| row.marked) }
    }

    /// Whether all of these words, in small letters, occur in its name, its state or its reason.
    fn has(&self, words: &[&str]) -> bool {
        let status = &self.status;
        let text = |text: &str, word: &str| text.to_lowercase().contains(word);
        words.iter().all(|word| {
            text(&status.name, word)
                || text(status.state.text(), word)
                || status.group.as_deref().is_some_and(|group| text(group, word))
                || status.why.as_deref().is_some_and(|why| text(why, word))
        })
    }
}

/// How much a process needs a look: the smaller the more.
#[must_use]
pub fn rank(status: &ProcessStatus) -> u8 {
    match status.state {
        StateName::Fatal => 0,
        StateName::Backoff => 1,
        StateName::Exited | StateName::Stopped if !status.as_wanted => 2,
        StateName::Stopping => 3,
        StateName::Starting | StateName::Waiting => 4,
        StateName::Running => 5,
        StateName::Exited => 6,
        StateName::Stopped => 7,
    }
}

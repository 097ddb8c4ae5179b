//! The columns of the board: what is in them, how wide they are, how one sorts by them, which ones go when it is narrow.

use std::cmp::Ordering;
use std::time::Duration;

use crate::base::text::Plain;
use crate::base::time::Mono;
use crate::control::message::{Health, StateName};

use super::rows::{Row, rank};

/// What is between two columns.
const GAP: u16 = 1;

/// The least and the most that is given to names.
const NAME: (u16, u16) = (8, 40);

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Always so.
    Fixed(u16),
    /// As wide as the longest name.
    Names,
    /// What the others leave, but at least this.
    Rest(u16),
}

/// One column.
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// The higher, the sooner it goes when there is no room for all. 0 stays.
    pub spare: u8,
    /// Whether it is set flush right, as numbers are.
    pub right: bool,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// What stands in it.
    pub text: fn(&Row, Mono) -> String,
    /// Which of two comes first.
    pub order: fn(&Row, &Row, Mono) -> Ordering,
}

/// All of them, from left to right.
pub const COLUMNS: [Column; 10] = [
    Column {
        title: "NAME",
        width: Width::Names,
        spare: 0,
        right: false,
        descending: false,
        text: |row, _| Plain(&row.status.name).to_string(),
        // By number, not by the digits of the number.
        order: |a, b, _| (&a.status.program, a.status.num).cmp(&(&b.status.program, b.status.num)),
    },
    Column {
        title: "STATE",
        width: Width::Fixed(8),
        spare: 0,
        right: false,
        descending: false,
        text: |row, _| row.status.state.text().to_owned(),
        order: |a, b, _| rank(&a.status).cmp(&rank(&b.status)),
    },
    Column {
        title: "HEALTH",
        width: Width::Fixed(9),
        spare: 4,
        right: false,
        descending: false,
        text: |row, _| row.status.health.map_or_else(String::new, |health| health.text().to_owned()),
        order: |a, b, _| unwell(a).cmp(&unwell(b)),
    },
    Column {
        title: "PID",
        width: Width::Fixed(7),
        spare: 3,
        right: true,
        descending: false,
        text: |row, _| row.status.pid.map_or_else(String::new, |pid| pid.to_string()),
        order: |a, b, _| a.status.pid.cmp(&b.status.pid),
    },
    Column {
        title: "UPTIME",
        width: Width::Fixed(6),
        spare: 1,
        right: true,
        descending: true,
        text: |row, now| uptime(row, now).map_or_else(String::new, short),
        order: |a, b, now| uptime(a, now).cmp(&uptime(b, now)),
    },
    Column {
        title: "RST",
        width: Width::Fixed(4),
        spare: 7,
        right: true,
        descending: true,
        text: |row, _| restarts(row).to_string(),
        order: |a, b, _| restarts(a).cmp(&restarts(b)),
    },
    Column {
        title: "CPU%",
        width: Width::Fixed(5),
        spare: 5,
        right: true,
        descending: true,
        text: |row, _| match row.usage.and_then(|usage| usage.permille) {
            Some(permille) => format!("{}.{}", permille / 10, permille % 10),
            None => unknown(row),
        },
        order: |a, b, _| {
            let permille = |row: &Row| row.usage.and_then(|usage| usage.permille);
            permille(a).cmp(&permille(b))
        },
    },
    Column {
        title: "MEM",
        width: Width::Fixed(6),
        spare: 6,
        right: true,
        descending: true,
        text: |row, _| row.usage.map_or_else(|| unknown(row), |usage| memory(usage.rss_bytes)),
        order: |a, b, _| {
            let bytes = |row: &Row| row.usage.map(|usage| usage.rss_bytes);
            bytes(a).cmp(&bytes(b))
        },
    },
    Column {
        title: "LAST EXIT",
        width: Width::Fixed(17),
        spare: 8,
        right: false,
        descending: false,
        text: |row, _| Plain(row.status.last_exit.as_deref().unwrap_or_default()).to_string(),
        order: |a, b, _| a.status.last_exit.cmp(&b.status.last_exit),
    },
    Column {
        title: "WHY",
        width: Width::Rest(12),
        spare: 2,
        right: false,
        descending: false,
        text: why,
        order: |a, b, _| a.status.why.cmp(&b.status.why),
    },
];

/// Which columns have something in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Whether there are figures of use.
    pub usage: bool,
    /// Whether some process is checked for its health.
    pub health: bool,
}

impl Filled {
    /// Whether something is in this column.
    #[must_use]
    pub fn has(self, column: &Column) -> bool {
        match column.title {
            "CPU%" | "MEM" => self.usage,
            "HEALTH" => self.health,
            _ => true,
        }
    }
}

/// The columns that there is room for: which, where, how wide. Those that nothing is in are left out.
#[must_use]
pub fn fit(width: u16, longest_name: usize, filled: Filled) -> Vec<(&'static Column, u16, u16)> {
    let names = u16::try_from(longest_name).unwrap_or(u16::MAX).clamp(NAME.0, NAME.1);
    let least = |column: &Column| match column.width {
        Width::Fixed(columns) | Width::Rest(columns) => columns,
        Width::Names => names,
    };
    let mut kept: Vec<&Column> = COLUMNS.iter().filter(|column| filled.has(column)).collect();
    let needed = |kept: &[&Column]| kept.iter().map(|column| least(column) + GAP).sum::<u16>().saturating_sub(GAP);
    while needed(&kept) > width {
        let Some(most) = kept.iter().map(|column| column.spare).max().filter(|spare| *spare > 0) else { break };
        kept.retain(|column| column.spare != most);
    }
    let rest = width.saturating_sub(needed(&kept));
    let mut x = 0;
    let mut placed = Vec::new();
    for column in kept {
        let wide = least(column) + if matches!(column.width, Width::Rest(_)) { rest } else { 0 };
        let wide = wide.min(width.saturating_sub(x));
        placed.push((column, x, wide));
        x += wide + GAP;
    }
    placed
}

/// The worst first, and those last that are not checked.
fn unwell(row: &Row) -> u8 {
    match row.status.health {
        Some(Health::Unhealthy) => 0,
        Some(Health::Starting) => 1,
        Some(Health::Healthy) => 2,
        None => 3,
    }
}

/// How long it has been in its state.
fn since(row: &Row, now: Mono) -> Option<Duration> {
    Some(Duration::from_millis(row.status.for_ms?).saturating_add(now.since(row.at)))
}

/// How long it has been up; `None` if it is not.
fn uptime(row: &Row, now: Mono) -> Option<Duration> {
    let up = matches!(row.status.state, StateName::Running | StateName::Starting);
    since(row, now).filter(|_| up)
}

/// How often it was started again.
fn restarts(row: &Row) -> u64 {
    row.status.runs.saturating_sub(1)
}

/// What stands for a figure that is not there yet; nothing where none can be.
fn unknown(row: &Row) -> String {
    row.status.pid.map_or("", |_| "–").to_owned()
}

/// Why it is as it is, and what comes next.
fn why(row: &Row, now: Mono) -> String {
    let status = &row.status;
    let left = |ms: u64| short(Duration::from_millis(ms).saturating_sub(now.since(row.at)));
    let next = match (status.next_try_ms, status.kill_in_ms) {
        (Some(ms), _) => format!("next try in {}", left(ms)),
        (None, Some(ms)) => format!("SIGKILL in {}", left(ms)),
        (None, None) => String::new(),
    };
    match status.why.as_deref() {
        Some(why) if next.is_empty() => Plain(why).to_string(),
        Some(why) => format!("{next}: {}", Plain(why)),
        None => next,
    }
}

/// Whether anything of it changes as time goes by.
#[must_use]
pub fn shows_time(row: &Row) -> bool {
    row.status.next_try_ms.is_some() || row.status.kill_in_ms.is_some() || uptime(row, row.at).is_some()
}

/// All that is known of it, in one line.
#[must_use]
pub fn in_words(row: &Row, now: Mono) -> String {
    let status = &row.status;
    let mut text = format!("{}: {}", Plain(&status.name), status.state.text());
    if let Some(since) = since(row, now) {
        text.push_str(&format!(" for {}", short(since)));
    }
    if let Some(pid) = status.pid {
        text.push_str(&format!(", pid {pid}"));
    }
    match status.health {
        Some(Health::Unhealthy) if status.why.is_some() => {}
        Some(health) => text.push_str(&format!(", health: {}", health.text())),
        None => {}
    }
    let why = why(row, now);
    if !why.is_empty() {
        text.push_str(&format!(": {why}"));
    }
    match &status.last_exit {
        Some(exit) if !why.contains(exit.as_str()) => text.push_str(&format!("; last run: {}", Plain(exit))),
        Some(_) | None => {}
    }
    text
}

/// A time in at most six characters: `42s`, `5m23s`, `2h05m`, `3d04h`, `120d`.
#[must_use]
pub fn short(time: Duration) -> String {
    let secs = time.as_secs();
    let (minutes, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{minutes}m{:02}s", secs % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        86_400..8_640_000 => format!("{days}d{:02}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// An amount of memory in at most six characters: `512K`, `12.3M`, `1.5G`.
#[must_use]
pub fn memory(bytes: u64) -> String {
    let kib = bytes / 1024;
    for (unit, size) in [("G", 1 << 20), ("M", 1 << 10)] {
        if kib >= size {
            let tenths = kib.saturating_mul(10) / size;
            return format!("{}.{}{unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{kib}K")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        for (secs, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (3599, "59m59s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (86_400, "1d00h"),
            (8_640_000, "100d"),
        ] {
            assert_eq!(short(Duration::from_secs(secs)), text);
        }
        for (bytes, text) in
            [(0, "0K"), (1023, "0K"), (1 << 20, "1.0M"), ((1 << 20) - 1, "1023K"), (1_610_612_736, "1.5G")]
        {
            assert_eq!(memory(bytes), text);
        }
        assert!(short(Duration::MAX).ends_with('d') && memory(u64::MAX).ends_with('G'));
    }

    const ALL: Filled = Filled { usage: true, health: true };

    #[test]
    fn columns_that_have_no_room_go_and_none_overlaps() {
        let mut last = COLUMNS.len() + 1;
        for width in (0..250).rev() {
            let placed = fit(width, 20, ALL);
            assert!(placed.len() <= last && placed.len() >= 2, "{width}");
            assert!(placed.windows(2).all(|pair| pair[0].1 + pair[0].2 < pair[1].1 || pair[1].2 == 0), "{width}");
            assert!(placed.iter().all(|(_, x, columns)| *columns == 0 || x + columns <= width), "{width}");
            last = placed.len();
        }
        assert_eq!(fit(250, 20, ALL).len(), COLUMNS.len());
        assert_eq!(fit(250, 20, Filled { usage: false, ..ALL }).len(), COLUMNS.len() - 2);
        let titles = fit(250, 20, Filled { health: false, ..ALL }).iter().map(|(c, ..)| c.title).collect::<Vec<_>>();
        assert!(titles.len() == COLUMNS.len() - 1 && !titles.contains(&"HEALTH"), "{titles:?}");
        assert_eq!(fit(250, 1000, ALL)[0].2, NAME.1);
    }
}

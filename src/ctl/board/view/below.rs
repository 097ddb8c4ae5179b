//! What is below the table, and the page of help.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};

use crate::base::text::Plain;
use crate::control::message::Event;
use crate::ctl::board::columns::short;
use crate::ctl::board::model::{Link, Mode, Model};
use crate::ctl::board::pane::{Content, Output, Pane, Why};
use crate::ctl::board::press::KEYS;
use crate::ctl::board::safe;
use crate::ctl::look::{Ink, ink_of_state};

use super::{BAR, BOLD, FAINT, Glyphs, put, style_of};

/// The keys that are told all the time, the more important first.
const HINTS: [(&str, &str); 12] = [
    ("?", "help"),
    ("q", "quit"),
    ("s", "start"),
    ("x", "stop"),
    ("r", "restart"),
    ("/", "filter"),
    ("Tab", "output"),
    ("e", "events"),
    ("w", "why"),
    ("space", "mark"),
    ("o", "sort"),
    ("z", "zoom"),
];

/// A line of an area.
fn line_of(area: Rect, n: u16) -> Rect {
    Rect { y: area.y.saturating_add(n), height: u16::from(n < area.height), ..area }
}

/// The open pane.
pub(super) fn pane(buffer: &mut Buffer, area: Rect, model: &Model, glyphs: Glyphs) {
    let Some(pane) = model.pane.as_ref().filter(|_| area.height > 0) else { return };
    let title = line_of(area, 0);
    put(buffer, title, 0, &glyphs.rule.repeat(usize::from(area.width)), FAINT, glyphs);
    let text = match &pane.content {
        Content::Output(output) => format!(" {} of {} ", output.stream, Plain(&output.name)),
        Content::Events => " events ".to_owned(),
        Content::Why(why) => format!(" why {} ", Plain(&why.name)),
    };
    let end = put(buffer, title, 2, &text, BOLD, glyphs);
    if pane.up > 0 && !matches!(pane.content, Content::Why(_)) {
        put(buffer, title, end + 1, &format!(" {} lines up, J goes down ", pane.up), style_of(Ink::Passing), glyphs);
    }
    let inner = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match &pane.content {
        Content::Output(output) => output_lines(buffer, inner, output, pane.up, glyphs),
        Content::Events => events(buffer, inner, model, pane, glyphs),
        Content::Why(why) => why_lines(buffer, inner, why, pane.up, glyphs),
    }
}

fn output_lines(buffer: &mut Buffer, area: Rect, output: &Output, up: usize, glyphs: Glyphs) {
    let mut area = area;
    if let Some(trouble) = &output.trouble {
        put(buffer, line_of(area, 0), 1, trouble, style_of(Ink::Passing), glyphs);
        area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    } else if output.tape.len() == 0 {
        let text = if output.next.is_some() { "" } else { "nothing was written yet" };
        put(buffer, line_of(area, 0), 1, text, FAINT, glyphs);
    }
    let end = output.tape.len().saturating_sub(up);
    let start = end.saturating_sub(usize::from(area.height));
    for (n, line) in (0..).zip(output.tape.lines(start, end - start)) {
        pieces(buffer, line_of(area, n), &line, glyphs);
    }
}

/// A line of a program.
fn pieces(buffer: &mut Buffer, area: Rect, line: &safe::Line, glyphs: Glyphs) {
    let mut x = 0;
    for (text, style) in line {
        x = put(buffer, area, x, text, *style, glyphs);
    }
}

fn events(buffer: &mut Buffer, area: Rect, model: &Model, pane: &Pane, glyphs: Glyphs) {
    let mut n = area.height;
    for (event, first) in model.feed.backwards().skip(pane.up) {
        let Some(above) = n.checked_sub(1) else { return };
        n = above;
        event_line(buffer, line_of(area, n), event, glyphs);
        if first {
            let Some(above) = n.checked_sub(1) else { return };
            n = above;
            put(buffer, line_of(area, n), 1, "the daemon was started anew", style_of(Ink::Passing), glyphs);
        }
    }
    if model.feed.len() == 0 {
        put(buffer, area, 1, "nothing has happened yet", FAINT, glyphs);
    }
}

fn event_line(buffer: &mut Buffer, area: Rect, event: &Event, glyphs: Glyphs) {
    // Of `2026-11-21T01:53:33.042Z` the time of day; the date is the same for most.
    let time = event.time.get(11..23).unwrap_or(&event.time);
    let mut x = put(buffer, area, 1, &Plain(time).to_string(), FAINT, glyphs) + 1;
    x = put(buffer, area, x, &Plain(&event.process).to_string(), BOLD, glyphs) + 1;
    if event.from != event.to {
        x = put(buffer, area, x, event.to.text(), style_of(ink_of_state(event.to)), glyphs) + 1;
    }
    put(buffer, area, x, &Plain(&event.cause).to_string(), Style::new(), glyphs);
}

fn why_lines(buffer: &mut Buffer, area: Rect, why: &Why, down: usize, glyphs: Glyphs) {
    for (n, line) in (0..area.height).zip(why.lines(area.width).iter().skip(down)) {
        put(buffer, line_of(area, n), 1, line, Style::new(), glyphs);
    }
}

/// The last line: a question, what is typed, a message, or the keys.
pub(super) fn foot(buffer: &mut Buffer, area: Rect, model: &Model, glyphs: Glyphs) {
    match (&model.mode, &model.link, &model.message) {
        (Mode::Confirm(act, names), _, _) => {
            let text = format!(" {} {}? ", act.word(), super::super::model::counted(names));
            let x = put(buffer, area, 0, &text, BAR.patch(style_of(Ink::Passing)), glyphs);
            put(buffer, area, x + 1, "y yes, any other key no", Style::new(), glyphs);
        }
        (Mode::Filter(_), _, _) => {
            let x = put(buffer, area, 0, " /", BOLD, glyphs);
            let x = put(buffer, area, x, &Plain(model.rows.filter()).to_string(), Style::new(), glyphs);
            // It stands for the cursor, which is hidden.
            let x = put(buffer, area, x, " ", BAR, glyphs);
            put(buffer, area, x + 1, "Enter keeps it, Esc takes it back", FAINT, glyphs);
        }
        (_, Link::Lost { why, next, .. }, _) => {
            let wait = next.map_or_else(String::new, |next| match next.since(model.now).as_secs() {
                0 => String::new(),
                secs => format!("; next try in {}", short(std::time::Duration::from_secs(secs))),
            });
            put(buffer, area, 1, &format!("{}{wait}", Plain(why)), style_of(Ink::Bad), glyphs);
        }
        (_, _, Some(message)) => {
            let style = if message.bad { style_of(Ink::Bad) } else { style_of(Ink::Other) };
            put(buffer, area, 1, &message.text, style, glyphs);
        }
        (Mode::Table | Mode::Help, Link::Live, None) => hints(buffer, area, glyphs),
    }
}

fn hints(buffer: &mut Buffer, area: Rect, glyphs: Glyphs) {
    let mut x = 1;
    for (key, what) in HINTS {
        // One that has no room is left out.
        let width = u16::try_from(key.len() + 1 + what.len()).unwrap_or(u16::MAX);
        if x + width > area.width {
            return;
        }
        x = put(buffer, area, x, key, BOLD.add_modifier(Modifier::REVERSED), glyphs) + 1;
        x = put(buffer, area, x, what, Style::new(), glyphs) + 2;
    }
}

/// The page of help.
pub(super) fn help(buffer: &mut Buffer, area: Rect, glyphs: Glyphs) {
    let title = line_of(area, 0);
    buffer.set_style(title, BAR);
    put(buffer, title, 1, "The keys of the board; any key goes back", BAR, glyphs);
    let top = u16::from(area.height > 22);
    for (n, (keys, what)) in (1 + top..).zip(KEYS) {
        let line = line_of(area, n);
        put(buffer, line, 2, keys, BOLD, glyphs);
        put(buffer, line, 17, what, Style::new(), glyphs);
    }
    let text = "States: green runs, yellow is on its way, red has failed or is not as wanted.";
    put(buffer, line_of(area, 21 + top), 2, text, FAINT, glyphs);
}

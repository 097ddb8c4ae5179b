//! Draws the board: a model in, a frame out. Only what is to be seen is built.
//!
//! All texts from outside have passed `Plain` or `safe`; `Buffer` itself keeps to columns whatever a letter's width.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::Span;

use crate::base::text::Plain;
use crate::base::time::Mono;
use crate::ctl::look::{Ink, ink_of, ink_of_state};

use super::columns::{self, Column, in_words, short};
use super::model::{Link, Mode, Model};
use super::rows::Row;

mod below;

/// The marks that are not letters.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    up: &'static str,
    down: &'static str,
    rule: &'static str,
    mark: &'static str,
    more: char,
}

impl Glyphs {
    /// For a terminal that shows more than ASCII.
    pub const RICH: Glyphs = Glyphs { up: "▲", down: "▼", rule: "─", mark: "●", more: '…' };
    /// For any.
    pub const PLAIN: Glyphs = Glyphs { up: "^", down: "v", rule: "-", mark: "*", more: '~' };
}

/// From so many columns on the head has room for the path of the socket.
const ROOM_FOR_SOCKET: u16 = 120;

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);

/// What a meaning looks like, in the colours that `look` has for it.
fn style_of(ink: Ink) -> Style {
    match ink {
        Ink::Good => Style::new().fg(Color::Green),
        Ink::Passing => Style::new().fg(Color::Yellow),
        Ink::Bad => Style::new().fg(Color::Red),
        Ink::Other => Style::new().fg(Color::Cyan),
        Ink::Faint => FAINT,
    }
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, model: &Model, glyphs: Glyphs) {
    let buffer = frame.buffer_mut();
    let areas = model.areas();
    let within = |area: Rect| area.intersection(buffer.area);
    let (head, titles, table) = (within(areas.head), within(areas.titles), within(areas.table));
    let (pane, detail, foot) = (within(areas.pane), within(areas.detail), within(areas.foot));
    if model.mode == Mode::Help {
        let whole = buffer.area;
        below::help(buffer, whole, glyphs);
        return;
    }
    draw_head(buffer, head, model);
    draw_table(buffer, titles, table, model, glyphs);
    below::pane(buffer, pane, model, glyphs);
    if let Some(row) = model.rows.selected() {
        put(buffer, detail, 0, &in_words(row, shown_time(model)), FAINT, glyphs);
    }
    below::foot(buffer, foot, model, glyphs);
}

/// Writes a text into a line of an area, from a column on; what does not fit is cut, with a sign for that. Says where
/// it ends.
fn put(buffer: &mut Buffer, area: Rect, from: u16, text: &str, style: Style, glyphs: Glyphs) -> u16 {
    if area.height == 0 || from >= area.width {
        return from;
    }
    let room = area.width - from;
    let (end, _) = buffer.set_stringn(area.x + from, area.y, text, usize::from(room), style);
    let last = area.right() - 1;
    // Letters take a column at least: only a text of more bytes than columns can have been cut.
    if text.len() > usize::from(room)
        && cut(text, usize::from(room))
        && let Some(cell) = buffer.cell_mut((last, area.y))
    {
        cell.set_char(glyphs.more).set_style(style);
    }
    end - area.x
}

/// Whether a text takes more columns than this.
fn cut(text: &str, columns: usize) -> bool {
    Span::raw(text).width() > columns
}

/// The time that elapsed times are shown for: while there is no connection they stand still.
fn shown_time(model: &Model) -> Mono {
    match model.link {
        Link::Lost { since: Some(since), .. } => since,
        Link::Lost { since: None, .. } | Link::Live => model.now,
    }
}

fn draw_head(buffer: &mut Buffer, area: Rect, model: &Model) {
    buffer.set_style(area, BAR);
    let count = model.rows.all().len();
    let mut x = put(buffer, area, 1, "taskmaster", BAR.add_modifier(Modifier::BOLD), Glyphs::PLAIN) + 2;
    let noun = if count == 1 { "process" } else { "processes" };
    x = put(buffer, area, x, &format!("{count} {noun}:"), BAR, Glyphs::PLAIN) + 1;
    for (state, count) in model.rows.counts() {
        let text = format!("{count} {}", state.text().to_lowercase());
        x = put(buffer, area, x, &text, BAR.patch(style_of(ink_of_state(state))), Glyphs::PLAIN) + 2;
    }
    let filter = model.rows.filter();
    if !filter.is_empty() {
        let text = format!("[{}: {} shown]", Plain(filter), model.rows.shown_count());
        put(buffer, area, x, &text, BAR.add_modifier(Modifier::BOLD), Glyphs::PLAIN);
    }
    let (text, style) = match &model.link {
        Link::Live if area.width >= ROOM_FOR_SOCKET => {
            (format!(" {}  live ", Plain(&model.socket)), BAR.patch(style_of(Ink::Good)))
        }
        Link::Live => (" live ".to_owned(), BAR.patch(style_of(Ink::Good))),
        Link::Lost { since: None, .. } => (" connecting ".to_owned(), BAR.patch(style_of(Ink::Passing))),
        Link::Lost { since: Some(since), .. } => {
            let text = format!(" STALE for {} ", short(model.now.since(*since)));
            (text, BAR.patch(style_of(Ink::Bad)).add_modifier(Modifier::BOLD))
        }
    };
    let width = u16::try_from(Span::raw(text.as_str()).width()).unwrap_or(u16::MAX);
    put(buffer, area, area.width.saturating_sub(width), &text, style, Glyphs::PLAIN);
}

fn draw_table(buffer: &mut Buffer, titles: Rect, table: Rect, model: &Model, glyphs: Glyphs) {
    // The first column is for marks.
    let inner = |area: Rect| Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let longest = model.rows.longest_name();
    let placed = columns::fit(table.width.saturating_sub(1), longest, model.filled());
    let sort = model.rows.sort();
    let sorted = columns::COLUMNS.get(sort.column).map(|column| column.title);
    for (column, x, width) in &placed {
        let here = sorted == Some(column.title);
        let sign = if sort.reversed == column.descending { glyphs.up } else { glyphs.down };
        let title = format!("{}{}", column.title, if here { sign } else { "" });
        let style = if here { BOLD.add_modifier(Modifier::UNDERLINED) } else { BOLD };
        cell(buffer, inner(titles), (column, *x, *width), &title, style, glyphs);
    }
    for line in 0..table.height {
        let n = model.top + usize::from(line);
        let Some(row) = model.rows.shown(n) else { break };
        let area = Rect { y: table.y + line, height: 1, ..table };
        draw_row(buffer, area, model, row, &placed, glyphs);
        if n == model.rows.cursor() {
            buffer.set_style(area, BAR);
        }
    }
    if model.rows.shown_count() == 0 {
        let text = match (&model.link, model.rows.filter().is_empty()) {
            (Link::Lost { since: None, .. }, _) => "",
            (_, false) => "No process has these words in its name, state or reason. Esc shows all again.",
            (_, true) => "The daemon has no processes.",
        };
        put(buffer, table, 1, text, FAINT, glyphs);
    }
}

fn draw_row(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    row: &Row,
    placed: &[(&'static Column, u16, u16)],
    glyphs: Glyphs,
) {
    if row.marked {
        put(buffer, area, 0, glyphs.mark, style_of(Ink::Other), glyphs);
    }
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let stale = !matches!(model.link, Link::Live);
    for (column, x, width) in placed {
        let style = match column.title {
            _ if stale => FAINT,
            "STATE" => style_of(ink_of(&row.status)),
            "NAME" if row.marked => BOLD,
            _ => Style::new(),
        };
        let text = (column.text)(row, shown_time(model));
        cell(buffer, inner, (column, *x, *width), &text, style, glyphs);
    }
}

/// Writes into a column.
fn cell(
    buffer: &mut Buffer,
    area: Rect,
    (column, x, width): (&Column, u16, u16),
    text: &str,
    style: Style,
    glyphs: Glyphs,
) {
    let area = Rect { x: area.x + x, width: width.min(area.width.saturating_sub(x)), ..area };
    let columns = u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX);
    let from = if column.right { area.width.saturating_sub(columns) } else { 0 };
    put(buffer, area, from, text, style, glyphs);
}

#[cfg(test)]
#[path = "view/tests.rs"]
mod tests;

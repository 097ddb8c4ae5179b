//! The terminal while the board has it: taken over, drawn on, and given back however the board ends.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, Once};

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier};

use crate::sys::term::{self, Modes};

/// The other screen, emptied; no cursor; the terminal says when it has the keyboard, and marks what is pasted.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?1004h\x1b[?2004h\x1b[0m\x1b[2J";

/// All of that back.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?2004l\x1b[?1004l\x1b[?25h\x1b[?1049l";

/// Around a frame, so that a terminal that knows it shows the frame as a whole.
const FRAME: (&str, &str) = ("\x1b[?2026h", "\x1b[?2026l");

/// How the terminal was; `Some` iff it is taken over.
static BEFORE: Mutex<Option<Modes>> = Mutex::new(None);

/// The terminal. Dropped, it is as it was.
#[derive(Debug)]
pub struct Screen {
    frame: String,
    color: bool,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// It is none, or it is gone.
    pub fn take(color: bool) -> io::Result<Screen> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let told = std::panic::take_hook();
            // In a build that aborts nothing else would run.
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                told(info);
            }));
        });
        // If it fails half-way, what was done is undone with it.
        let screen = Screen { frame: String::new(), color };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes it over again after `leave`, or after somebody else may have changed it.
    ///
    /// # Errors
    /// It is gone.
    pub fn enter(&self) -> io::Result<()> {
        let stdin = io::stdin();
        if let Ok(mut before) = BEFORE.lock() {
            if before.is_none() {
                *before = Some(Modes::of(stdin.as_fd())?);
            }
            if let Some(modes) = before.as_ref() {
                modes.raw().set(stdin.as_fd())?;
            }
        }
        put(ENTER)
    }

    /// Gives it back.
    pub fn leave(&self) {
        give_back();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Makes the terminal what it was, if it is taken over. Never waits for the lock: it may run in the midst of a panic.
fn give_back() {
    let Ok(mut before) = BEFORE.try_lock() else { return };
    if let Some(modes) = before.take() {
        let _ = put(LEAVE);
        let _ = modes.set(io::stdin().as_fd());
    }
}

fn put(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Appends the sequence for a style.
fn dye(cell: &Cell, color: bool, out: &mut String) {
    out.push_str("\x1b[0");
    for (modifier, code) in [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::ITALIC, ";3"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
    ] {
        if cell.modifier.contains(modifier) {
            out.push_str(code);
        }
    }
    if color {
        paint(cell.fg, 30, out);
        paint(cell.bg, 40, out);
    }
    out.push('m');
}

#[allow(clippy::wildcard_enum_match_arm, reason = "not our enum, and it may grow")]
/// Appends the parameters of a colour: as a letter's from 30, as a background from 40.
fn paint(color: Color, base: u8, out: &mut String) {
    let _ = match color {
        Color::Black => write!(out, ";{base}"),
        Color::Red => write!(out, ";{}", base + 1),
        Color::Green => write!(out, ";{}", base + 2),
        Color::Yellow => write!(out, ";{}", base + 3),
        Color::Blue => write!(out, ";{}", base + 4),
        Color::Magenta => write!(out, ";{}", base + 5),
        Color::Cyan => write!(out, ";{}", base + 6),
        Color::Gray => write!(out, ";{}", base + 7),
        Color::Indexed(n @ 0..=7) => write!(out, ";{}", base + n),
        Color::Indexed(n @ 8..=15) => write!(out, ";{}", base + 60 + n - 8),
        Color::Indexed(n) => write!(out, ";{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        // The others are not used.
        _ => Ok(()),
    };
}

impl Backend for Screen {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut at = None;
        let mut style = None;
        for (x, y, cell) in content {
            if at != Some((x, y)) {
                let _ = write!(self.frame, "\x1b[{};{}H", y + 1, x + 1);
            }
            // Wide letters move the cursor by two; the next cell is then looked for anew.
            at = cell.symbol().is_ascii().then_some((x + 1, y));
            let wanted = (cell.fg, cell.bg, cell.modifier);
            if style != Some(wanted) {
                dye(cell, self.color, &mut self.frame);
                style = Some(wanted);
            }
            self.frame.push_str(cell.symbol());
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.frame.push_str("\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.frame.push_str("\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        let _ = write!(self.frame, "\x1b[{};{}H", y.saturating_add(1), x.saturating_add(1));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, what: ClearType) -> io::Result<()> {
        self.frame.push_str(match what {
            ClearType::All => "\x1b[0m\x1b[2J",
            ClearType::AfterCursor => "\x1b[0J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = term::size(io::stdout().as_fd()).unwrap_or((80, 24));
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = format!("{}{}{}", FRAME.0, self.frame, FRAME.1);
        self.frame.clear();
        put(frame.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(cells: &[(u16, u16, Cell)], color: bool) -> String {
        let mut screen = Screen { frame: String::new(), color };
        screen.draw(cells.iter().map(|(x, y, cell)| (*x, *y, cell))).unwrap();
        std::mem::take(&mut screen.frame)
    }

    #[test]
    fn cells_become_sequences() {
        let mut red = Cell::new("b");
        red.set_fg(Color::Red);
        let wide = Cell::new("網");
        let cells = [(0, 0, Cell::new("a")), (1, 0, red), (2, 0, wide), (4, 0, Cell::new("c")), (0, 2, Cell::new("d"))];
        assert_eq!(drawn(&cells, true), "\x1b[1;1H\x1b[0ma\x1b[0;31mb\x1b[0m網\x1b[1;5Hc\x1b[3;1Hd");
        assert_eq!(drawn(&cells, false), "\x1b[1;1H\x1b[0ma\x1b[0mb\x1b[0m網\x1b[1;5Hc\x1b[3;1Hd");
    }

    #[test]
    fn colours_have_their_numbers() {
        let painted = |color| {
            let mut out = String::new();
            paint(color, 30, &mut out);
            out
        };
        assert_eq!(painted(Color::Gray), ";37");
        assert_eq!(painted(Color::Indexed(3)), ";33");
        assert_eq!(painted(Color::Indexed(9)), ";91");
        assert_eq!(painted(Color::Indexed(200)), ";38;5;200");
        assert_eq!(painted(Color::Rgb(1, 2, 3)), ";38;2;1;2;3");
        assert_eq!(painted(Color::Reset), "");
    }
}

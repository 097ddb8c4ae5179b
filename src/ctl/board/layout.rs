//! Where on the terminal everything stands.

use ratatui_core::layout::Rect;

/// A terminal with fewer rows than this shows the processes alone.
const ROWS_FOR_ALL: u16 = 8;

/// The least that stays of the table, and the least of a pane, its title included.
const LEAST: (u16, u16) = (3, 4);

/// The parts of the screen, from top to bottom. One that has no room has no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// What there is in all, and the connection.
    pub head: Rect,
    /// The titles of the columns.
    pub titles: Rect,
    /// The processes.
    pub table: Rect,
    /// The title of the pane, and what is in it.
    pub pane: Rect,
    /// All about the selected process.
    pub detail: Rect,
    /// Keys, messages, questions.
    pub foot: Rect,
}

/// The parts for a terminal of this size. `pane` is whether an open pane takes all the room.
#[must_use]
pub fn areas(size: (u16, u16), pane: Option<bool>) -> Areas {
    let (width, height) = size;
    let detail = u16::from(height >= ROWS_FOR_ALL);
    let inner = height.saturating_sub(3 + detail);
    let pane_height = match pane {
        None => 0,
        Some(true) => inner.saturating_sub(1),
        Some(false) if inner >= LEAST.0 + LEAST.1 => (inner * 3 / 5).clamp(LEAST.1, inner - LEAST.0),
        Some(false) => inner.saturating_sub(1),
    };
    let mut y = 0;
    let mut rows = |rows: u16| {
        let rows = rows.min(height - y);
        let area = Rect { x: 0, y, width, height: rows };
        y += rows;
        area
    };
    Areas {
        head: rows(1),
        titles: rows(1),
        table: rows(inner - pane_height),
        pane: rows(pane_height),
        detail: rows(detail),
        foot: rows(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_every_terminal_and_do_not_overlap() {
        for height in 0..60 {
            for pane in [None, Some(false), Some(true)] {
                let Areas { head, titles, table, pane: open, detail, foot } = areas((80, height), pane);
                let mut y = 0;
                for area in [head, titles, table, open, detail, foot] {
                    assert_eq!((area.x, area.y, area.width), (0, y, 80));
                    y += area.height;
                }
                assert_eq!(y, height);
                assert!(height < 4 || (table.height > 0 && foot.height == 1), "{height} {pane:?}");
                assert!(height < 12 || pane != Some(false) || (table.height >= 3 && open.height >= 4));
            }
        }
    }
}

//! `board`: all processes on the whole terminal.

#[cfg(feature = "board")]
use crate::ctl::board;
#[cfg(not(feature = "board"))]
use crate::ctl::{exit::Exit, show};

use super::{Given, Local};

pub(super) const BOARD: Local = Local {
    name: "board",
    synopsis: "",
    summary: "Show all processes on the whole terminal",
    help: "\
Needs a terminal. In it, ? shows the keys and q leaves.
",
    flags: &[],
    daemon: true,
    words: 0,
    run,
};

#[cfg(feature = "board")]
fn run(given: &Given<'_>) -> crate::ctl::exit::Exit {
    board::run(given.session)
}

#[cfg(not(feature = "board"))]
fn run(given: &Given<'_>) -> Exit {
    let daemon = given.session.path.display();
    show::complain(&format!(
        "board: not built in (cargo feature \"board\"); status and events of {daemon} tell the same"
    ));
    Exit::Usage
}

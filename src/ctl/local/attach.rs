//! `attach`: how it is called. What it does is in `ctl::attach`.

use super::Local;
use crate::ctl::attach;

pub(super) const ATTACH: Local = Local {
    name: "attach",
    synopsis: "[--no-input] [-n LINES] NAME",
    summary: "Show what a process writes, and send it what is typed",
    help: "\
NAME must mean one process. Shows the last 10 lines of its logs, or as many as -n
says, and goes on with what it writes, through restarts, until it has ended for good.
What is typed goes to a process with stdin: pipe line by line, and to one with
tty: true key by key; its terminal gets the size of this one, and Ctrl-P Ctrl-Q leaves.
Without input, by --no-input, and line by line, Ctrl-C leaves.
",
    flags: &[("", "no-input", ""), ("n", "lines", "LINES")],
    words: 1,
    daemon: true,
    run: |given| attach::run(given, given.session),
};

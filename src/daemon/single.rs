//! `taskmasterd -- COMMAND`: a process that is no daemon. It runs one program, hands it every signal, reaps whatever is
//! orphaned, and leaves with the program's exit code when that has ended.
//!
//! There is no configuration, no socket and no log, and nothing of the file system is needed but the program.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::base::signal::Sig;
use crate::sys::process;
use crate::sys::single::{Arriving, Single};

use super::error::Error;

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Alone {
    /// A path, or a name to be looked for in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Signals go to all of its process group.
    pub group: bool,
    /// Which signals become others. Of two for the same the later one counts.
    pub rewrites: Vec<Rewrite>,
}

/// A signal that becomes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    from: Sig,
    /// `None`: it is not passed on.
    to: Option<Sig>,
}

impl Rewrite {
    /// Reads `15:3`, `TERM:QUIT` or `HUP:0`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Rewrite, String> {
        let (from, to) = text.split_once(':').ok_or("wants two signals, as in TERM:QUIT or 15:3")?;
        let to = if to == "0" { None } else { Some(Sig::read(to)?) };
        Ok(Rewrite { from: Sig::read(from)?, to })
    }
}

impl Alone {
    /// What is sent for a signal.
    #[must_use]
    pub fn rewritten(&self, sig: Sig) -> Option<Sig> {
        self.rewrites.iter().rfind(|rewrite| rewrite.from == sig).map_or(Some(sig), |rewrite| rewrite.to)
    }
}

/// Runs the program to its end; its exit code, or 128 and the number of the signal that ended it.
///
/// # Errors
/// It could not be started.
pub fn run(alone: &Alone) -> Result<ExitCode, Error> {
    // Before there is a child whose end could be missed, or anybody who could be told to stop it.
    let arriving = Arriving::hold().map_err(|e| Error::io("hold back signals", "", e))?;
    if !process::is_init() {
        // A kernel without it leaves orphans to the first process, as without us.
        let _ = process::adopt_orphans();
    }
    let single = Single::start(&alone.program, &alone.arguments).map_err(|e| Error::io("start", &alone.program, e))?;
    loop {
        let arrived = arriving.next().map_err(|e| Error::io("wait for signals", "", e))?;
        match arrived {
            Some(Sig::CHLD) => {
                if let Some(exit) = single.reap() {
                    single.take_back_terminal();
                    return Ok(exit.code().into());
                }
            }
            Some(sig) => {
                if let Some(sig) = alone.rewritten(sig) {
                    single.signal(sig, alone.group);
                }
            }
            None => {}
        }
    }
}

//! The client: the command line and the shell of `taskmasterctl`.
//!
//! `args` reads the command line, `connect` carries one request to the daemon and back if `trust` has nothing against it,
//! `show` shows the answer, `look` gives it its colours and `exit` knows the exit code, `shell` does this for line after
//! line; `logs` shows what processes write for as long as one likes, `attach` sends them what is typed besides, `local` has
//! the table of commands that are the client's own, and `complete` knows what may stand where. What a request or an answer
//! may be is `control`'s.

use std::process::ExitCode;

pub mod args;
pub mod attach;
#[cfg(feature = "board")]
mod board;
pub mod complete;
pub mod connect;
pub mod exit;
pub mod local;
pub mod logs;
pub mod look;
pub mod session;
pub mod shell;
pub mod show;
mod trust;

use crate::control::message::Request;

use args::{Call, General};
use connect::Address;
use exit::Exit;
use session::Session;
use shell::{Left, Manner};

/// Runs `taskmasterctl`.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let exit = match args::parse(&words) {
        Ok(Call::Help) => show::print(args::usage().as_bytes()),
        Ok(Call::Version) => show::print(concat!("taskmasterctl ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        Ok(Call::Run { general, words }) => session(general).run_words(&words),
        Ok(Call::Shell { general, manner }) => run_shell(&session(general), &manner),
        Err(text) => {
            show::complain(&text);
            Exit::Usage
        }
    };
    exit.into()
}

fn session(general: General) -> Session {
    let General { socket, daemon_user, json, color } = general;
    let address = Address::new(connect::socket_path(socket), daemon_user);
    Session { json, color, ..Session::new(address) }
}

/// Reads and carries out commands. Leaving a shell that belongs to one daemon, in whatever way, stops the daemon.
fn run_shell(session: &Session, manner: &Manner) -> Exit {
    let outcome = shell::run(session, manner);
    let stopped = match outcome.left {
        Left::End | Left::Exit | Left::Error if manner.attached => session.carry_out(&Request::Shutdown),
        Left::End | Left::Exit | Left::Error | Left::Shutdown => Exit::Done,
    };
    outcome.worst.max(stopped)
}

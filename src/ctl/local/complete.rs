//! `complete`: what may follow a command line that is being typed, for the scripts in etc/completions.
//!
//! The first line says whether paths may stand there, too, and behind a tab what of the word comes before them. Then
//! there is a line for each candidate: the word, a tab, and what it is. Nothing goes to standard error.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::control::message::ProcessStatus;
use crate::ctl::args::{self, Call, General};
use crate::ctl::complete::{self, Line, Offer, Paths};
use crate::ctl::connect::{self, Address};
use crate::ctl::exit::Exit;
use crate::ctl::show;

use super::{Given, Local};

pub(super) const COMPLETE: Local = Local {
    name: "complete",
    synopsis: "[--bash REPLACED] -- WORD...",
    summary: "Print what the last word of a command line may become",
    help: "\
For the completion of shells. The first WORD is the name of the program. With --bash there is
one WORD, the line up to the cursor, and REPLACED is the end of it that bash replaces.
",
    flags: &[("", "bash", "REPLACED")],
    words: usize::MAX,
    daemon: false,
    run,
};

fn run(given: &Given<'_>) -> Exit {
    let text = match given.value("bash") {
        Some(replaced) => {
            let line = Line::read(given.words.first().map_or("", String::as_str));
            let mut offer = complete::in_command_line(&line.words, &line.word(), &ask);
            offer.words.retain_mut(|candidate| match line.in_place_of(&replaced, &candidate.text) {
                Some(text) => {
                    candidate.text = text;
                    true
                }
                None => false,
            });
            // Bash shows what is put in, and nothing beside it.
            told(&offer, false)
        }
        None => match given.words.split_last() {
            Some((word, words)) => told(&complete::in_command_line(words, word, &ask), true),
            None => told(&Offer::default(), true),
        },
    };
    show::print(text.as_bytes())
}

/// The lines that the scripts read.
fn told(offer: &Offer, about: bool) -> String {
    let paths = match offer.paths {
        None => "words",
        Some(Paths::Files) => "files",
        Some(Paths::Directories) => "directories",
    };
    let mut text = format!("{paths}\t{}\n", offer.prefix);
    for candidate in &offer.words {
        let _ = if about {
            writeln!(text, "{}\t{}", candidate.text, candidate.about)
        } else {
            writeln!(text, "{}", candidate.text)
        };
    }
    text
}

/// The processes of the daemon that these options name.
fn ask(general: &[String]) -> Vec<ProcessStatus> {
    let words: Vec<OsString> = general.iter().map(OsString::from).collect();
    let General { socket, daemon_user, .. } = match args::parse(&words) {
        Ok(Call::Run { general, .. } | Call::Shell { general, .. }) => general,
        // A line that cannot be right names no daemon.
        Ok(Call::Help | Call::Version) | Err(_) => return Vec::new(),
    };
    complete::processes(&Address::new(connect::socket_path(socket.map(at_home)), daemon_user))
}

/// A path as the shell will have expanded it when the line is carried out.
fn at_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        (Ok(_) | Err(_), _) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::complete::Candidate;

    #[test]
    fn what_the_scripts_read() {
        let words = vec![Candidate { text: "-".to_owned(), about: "x y".to_owned() }];
        let offer = Offer { words, paths: Some(Paths::Files), prefix: "--logfile=".to_owned() };
        assert_eq!(told(&offer, true), "files\t--logfile=\n-\tx y\n");
        assert_eq!(told(&Offer::default(), false), "words\t\n");
    }

    #[test]
    fn a_tilde_is_the_home() {
        let home = std::env::var("HOME").unwrap_or_default();
        assert_eq!(at_home("~/x".into()), PathBuf::from(home).join("x"));
        assert_eq!(at_home("/a/~/x".into()), PathBuf::from("/a/~/x"));
    }
}

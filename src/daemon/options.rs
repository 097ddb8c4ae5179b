//! The command line of taskmasterd.

use std::path::PathBuf;

use crate::base::flags::{OF_DAEMON, explain};
use crate::config::model::{Level, LogTarget};

use super::error::Error;

/// What the command line says.
#[derive(Debug, Default)]
pub struct Options {
    /// `-c`, or the positional argument: a file or a directory.
    pub configuration: Option<PathBuf>,
    /// `-d`: go into the background.
    pub daemonize: bool,
    /// `-i`: with the shell attached.
    pub interactive: bool,
    /// `-t`: check the configuration and exit.
    pub test: bool,
    /// What takes precedence over the configuration.
    pub overrides: Overrides,
}

/// Flags that take precedence over keys of the configuration, each time it is read.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `-k`.
    pub nocleanup: bool,
    /// `-q`.
    pub childlogdir: Option<String>,
    /// `-l`.
    pub logfile: Option<LogTarget>,
    /// `-e`.
    pub loglevel: Option<Level>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Wish {
    /// To run, or to check.
    Run(Options),
    /// `-h`: this text.
    Help(String),
    /// `-v`.
    Version,
}

fn flags() -> getopts::Options {
    let mut flags = getopts::Options::new();
    for ((short, long), help, value) in OF_DAEMON {
        if value.is_empty() {
            flags.optflag(short, long, help);
        } else {
            flags.optopt(short, long, help, value);
        }
    }
    flags
}

/// Reads the command line, without the program's name.
///
/// # Errors
/// What is wrong with it.
pub fn parse(arguments: &[String]) -> Result<Wish, Error> {
    let flags = flags();
    let found = flags.parse(arguments).map_err(|fail| {
        Error::Usage(format!("taskmasterd: {}", explain(&fail, &OF_DAEMON.map(|(flag, _, _)| flag))))
    })?;
    if found.opt_present("h") {
        let brief = "Usage: taskmasterd [options] [FILE]\n\nStarts the programs of a configuration and keeps them alive. See taskmasterd(8).";
        return Ok(Wish::Help(flags.usage(brief)));
    }
    if found.opt_present("v") {
        return Ok(Wish::Version);
    }
    let usage = |text: String| Err(Error::Usage(format!("taskmasterd: {text}")));
    let mut places: Vec<String> = found.opt_str("c").into_iter().chain(found.free.iter().cloned()).collect();
    if places.len() > 1 {
        return usage(format!("more than one configuration: {}", places.join(", ")));
    }
    let modes = ["n", "d", "i"].iter().filter(|flag| found.opt_present(flag)).count();
    if modes > 1 {
        return usage("-n, -d and -i exclude each other".to_owned());
    }
    let wrong = |flag: &str, text: String| Error::Usage(format!("taskmasterd: {flag}: {text}"));
    let loglevel = found.opt_str("e").map(|name| Level::parse(&name)).transpose().map_err(|text| wrong("-e", text))?;
    let logfile =
        found.opt_str("l").map(|path| LogTarget::parse(&path)).transpose().map_err(|text| wrong("-l", text))?;
    Ok(Wish::Run(Options {
        configuration: places.pop().map(PathBuf::from),
        daemonize: found.opt_present("d"),
        interactive: found.opt_present("i"),
        test: found.opt_present("t"),
        overrides: Overrides { nocleanup: found.opt_present("k"), childlogdir: found.opt_str("q"), logfile, loglevel },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Wish, Error> {
        parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_flag_is_understood() {
        let Ok(Wish::Run(options)) =
            run(&["-d", "-k", "-q", "/var/log/x", "-l", "syslog", "-e", "debug", "--configuration", "a.yaml"])
        else {
            panic!("not understood");
        };
        assert!(options.daemonize && options.overrides.nocleanup && !options.test && !options.interactive);
        assert_eq!(options.configuration, Some(PathBuf::from("a.yaml")));
        assert_eq!(options.overrides.childlogdir.as_deref(), Some("/var/log/x"));
        assert_eq!(options.overrides.logfile, Some(LogTarget::Syslog));
        assert_eq!(options.overrides.loglevel, Some(Level::Debug));
        for (word, level) in [("warn", Level::Warning), ("WARN", Level::Warning), ("Info", Level::Info)] {
            assert!(matches!(run(&["-e", word]), Ok(Wish::Run(o)) if o.overrides.loglevel == Some(level)), "{word}");
        }
        assert!(matches!(run(&["-v"]), Ok(Wish::Version)));
        assert!(matches!(run(&["--help"]), Ok(Wish::Help(_))));
        assert!(matches!(run(&["conf.d"]), Ok(Wish::Run(o)) if o.configuration == Some(PathBuf::from("conf.d"))));
    }

    #[test]
    fn mistakes_are_refused() {
        for words in [
            &["-x"][..],
            &["-e", "loud"],
            &["-l", "none"],
            &["-l", ""],
            &["-c"],
            &["-c", "a", "b"],
            &["-n", "-d"],
            &["-i", "-d"],
        ] {
            assert!(matches!(run(words), Err(Error::Usage(_))), "{words:?}");
        }
        for (word, text) in [
            ("--deamonize", "taskmasterd: no option \"--deamonize\" (did you mean \"--daemonize\"?)"),
            ("-x", "taskmasterd: no option \"-x\""),
        ] {
            assert!(matches!(run(&[word]), Err(Error::Usage(t)) if t == text), "{word}");
        }
    }
}

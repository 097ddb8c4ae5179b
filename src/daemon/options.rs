//! The command line of taskmasterd.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::base::flags::{OF_DAEMON, explain};
use crate::config::model::{Level, LogTarget};

use super::error::Error;
use super::single::{Alone, Rewrite};

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
    /// To run a single program: what follows `--`.
    Single(Alone),
    /// `-h`: this text.
    Help(String),
    /// `-v`.
    Version,
}

fn flags() -> getopts::Options {
    let mut flags = getopts::Options::new();
    for ((short, long), help, value) in OF_DAEMON {
        if long == "rewrite" {
            flags.optmulti(short, long, help, value);
        } else if value.is_empty() {
            flags.optflag(short, long, help);
        } else {
            flags.optopt(short, long, help, value);
        }
    }
    flags
}

/// Reads the command line, without the program's name. What follows `--` is another program's.
///
/// # Errors
/// What is wrong with it.
pub fn parse(arguments: &[OsString]) -> Result<Wish, Error> {
    let at = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let (ours, theirs) = arguments.split_at(at);
    let ours: Vec<String> = ours.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let flags = flags();
    let found = flags.parse(&ours).map_err(|fail| {
        Error::Usage(format!("taskmasterd: {}", explain(&fail, &OF_DAEMON.map(|(flag, _, _)| flag))))
    })?;
    if found.opt_present("h") {
        let brief = "Usage: taskmasterd [options] [FILE]\n       taskmasterd [-g] [--rewrite FROM:TO]... -- COMMAND [ARGUMENT...]\n\nStarts the programs of a configuration and keeps them alive, or runs a single one as the first process of a\ncontainer. See taskmasterd(8).";
        return Ok(Wish::Help(flags.usage(brief)));
    }
    if found.opt_present("v") {
        return Ok(Wish::Version);
    }
    let usage = |text: String| Err(Error::Usage(format!("taskmasterd: {text}")));
    if let Some((_, command)) = theirs.split_first() {
        return alone(&found, command).map(Wish::Single);
    }
    if let Some(flag) = ["group", "rewrite"].iter().find(|flag| found.opt_present(flag)) {
        return usage(format!("--{flag} is for a single program: taskmasterd [options] -- COMMAND [ARGUMENT...]"));
    }
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

/// A single program, whose words follow.
fn alone(found: &getopts::Matches, command: &[OsString]) -> Result<Alone, Error> {
    let usage = |text: String| Error::Usage(format!("taskmasterd: {text}"));
    let Some((program, arguments)) = command.split_first() else {
        return Err(usage("there is no command after --".to_owned()));
    };
    let of_daemon = OF_DAEMON.iter().map(|((_, long), _, _)| *long);
    let mut others = of_daemon.filter(|long| !["group", "rewrite"].contains(long));
    if let Some(flag) = others.find(|long| found.opt_present(long)) {
        return Err(usage(format!("--{flag} does not go with a single program, which has no configuration")));
    }
    if let Some(file) = found.free.first() {
        return Err(usage(format!("{file} before --: a single program has no configuration")));
    }
    let rewrites = found.opt_strs("rewrite").iter().map(|text| Rewrite::read(text)).collect::<Result<_, _>>();
    Ok(Alone {
        program: program.clone(),
        arguments: arguments.to_vec(),
        group: found.opt_present("group"),
        rewrites: rewrites.map_err(|text| usage(format!("--rewrite: {text}")))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::signal::Sig;

    fn run(words: &[&str]) -> Result<Wish, Error> {
        parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
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
    fn what_follows_two_dashes_is_another_programs() {
        let Ok(Wish::Single(alone)) =
            run(&["-g", "--rewrite", "15:QUIT", "--rewrite", "HUP:0", "--", "a", "-d", "--", "b"])
        else {
            panic!("not understood");
        };
        assert!(alone.group && alone.program == "a");
        assert_eq!(alone.arguments, ["-d", "--", "b"]);
        assert_eq!(
            [Sig::TERM, Sig::HUP, Sig::INT].map(|sig| alone.rewritten(sig)),
            [Some(Sig::QUIT), None, Some(Sig::INT)]
        );
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
            &["-g"],
            &["--rewrite", "15:3"],
            &["--"],
            &["-d", "--", "true"],
            &["a.yaml", "--", "true"],
            &["--rewrite", "15", "--", "true"],
            &["--rewrite", "15:BAD", "--", "true"],
            &["--rewrite", "0:15", "--", "true"],
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

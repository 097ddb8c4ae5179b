//! Fills in what a check looks at, and holds it to what it has to be then.

use crate::base::id::ProgramName;
use crate::base::target::{HttpTarget, Target};
use crate::config::model::{Probe, Program};

use super::{ExpandError, Outside, Scope};

/// What a check of process `num` looks at, with everything filled in. `key` is what errors are told under.
///
/// # Errors
/// Every text that names something unknown, or is no command, address or URL once it is filled in.
pub fn probe(
    program: &Program,
    name: &ProgramName,
    num: u32,
    outside: &Outside<'_>,
    (key, probe): (&str, &Probe),
) -> Result<Probe, Vec<ExpandError>> {
    let mut scope = Scope::new(program, name, num, outside);
    // What is wrong with a variable is told of the variable.
    scope.env();
    let filled = filled(&mut scope, key, probe);
    match filled {
        Some(probe) if scope.errors.is_empty() => Ok(probe),
        Some(_) | None => Err(scope.errors),
    }
}

fn filled(scope: &mut Scope<'_>, key: &str, probe: &Probe) -> Option<Probe> {
    let told = |scope: &mut Scope<'_>, parsed: Result<(), String>| match parsed {
        Ok(()) => Some(()),
        Err(problem) => {
            scope.fail(key, format!("{problem} (with its variables filled in)"));
            None
        }
    };
    Some(match probe {
        Probe::Exec(argv) => {
            let argv: Vec<String> = argv.iter().filter_map(|word| scope.key(key, word)).collect();
            if argv.first().is_some_and(String::is_empty) {
                scope.fail(key, "begins with an empty word once its variables are filled in");
            }
            Probe::Exec(argv)
        }
        Probe::Tcp(text) => {
            let text = scope.key(key, text)?;
            told(scope, Target::parse(&text).map(drop))?;
            Probe::Tcp(text)
        }
        Probe::Http { url, status } => {
            let url = scope.key(key, url)?;
            told(scope, HttpTarget::parse(&url).map(drop))?;
            Probe::Http { url, status: *status }
        }
        Probe::Log(_) | Probe::Notify | Probe::Fd(_) => probe.clone(),
    })
}

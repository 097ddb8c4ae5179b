//! Fills in `${…}` and `%(…)s`: from a program of the model to what one of its processes is started with. Pure: the
//! daemon's environment is handed in.
//!
//! `${VAR}` is a variable of the program's `env`, else `program`, `num` or `process`; `$$` is a dollar sign; a `$` before
//! anything else stays. In a text with a `%(` in it, `%(program_name)s`, `%(process_num)02d` and the like are filled in
//! and `%%` is a per cent sign; in all others `%` is nothing special. What was filled in is not looked at again.

use std::collections::BTreeMap;
use std::fmt;

use crate::base::id::{ProgramName, Stream, member_name};
use crate::base::nearest::suggestion;
use crate::base::text::{cut, quoted};

use super::model::{Program, Sink};

/// The longest text, in bytes: the kernel takes no longer argument or variable.
const TEXT_BYTES: usize = 128 << 10;
/// The most that all texts of a process may have together, in bytes: the kernel takes no more.
const ALL_BYTES: usize = 6 << 20;
/// Through how many variables one may refer to another.
const CHAIN: usize = 32;
/// The widest number.
const WIDEST: usize = 20;

/// What one process is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// The command. Never empty, nor is its first word.
    pub argv: Vec<String>,
    /// The program's own `env`, without what the daemon adds.
    pub env: Vec<(String, String)>,
    /// The directory, if the program has one.
    pub workingdir: Option<String>,
    /// Where standard output goes.
    pub stdout: Place,
    /// Where standard error goes.
    pub stderr: Place,
}

/// The place that a stream of one process goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    Discard,
    /// Where the daemon's own goes.
    Inherit,
    /// Into this file.
    File(String),
    /// Where standard output goes. Only for standard error.
    Merged,
}

/// A key whose value cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// The key: `cmd`, `env.PATH`.
    pub key: String,
    /// What is wrong, as the end of a sentence about it.
    pub text: String,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// The `auto` log file of a process: `<childlogdir>/web-stdout.log`, or `worker_00-stdout.log` if the program has
/// several processes.
#[must_use]
pub fn auto_log(childlogdir: &str, program: &Program, name: &ProgramName, num: u32, stream: Stream) -> String {
    format!("{}/{}-{stream}.log", childlogdir.trim_end_matches('/'), process(program, name, num))
}

/// The name of a process within its program, which is the program's own if there is no other.
fn process(program: &Program, name: &ProgramName, num: u32) -> String {
    if program.numprocs > 1 { member_name(name, num) } else { name.to_string() }
}

/// Fills in everything for process `num` of the program.
///
/// # Errors
/// Every key that names something unknown.
pub fn blueprint(
    program: &Program,
    name: &ProgramName,
    num: u32,
    daemon_env: &dyn Fn(&str) -> Option<String>,
    childlogdir: &str,
) -> Result<Blueprint, Vec<ExpandError>> {
    let mut scope = Scope::new(program, name, num, daemon_env);
    let env = scope.env();
    let argv: Vec<String> = program.argv.iter().filter_map(|word| scope.key("cmd", word)).collect();
    if argv.first().is_some_and(String::is_empty) {
        scope.fail("cmd", "begins with an empty word once its variables are filled in");
    }
    let workingdir = program.workingdir.as_ref().and_then(|dir| scope.path("workingdir", dir));
    let mut place = |stream: Stream| match &program.output(stream).sink {
        Sink::Auto => Place::File(auto_log(childlogdir, program, name, num, stream)),
        Sink::File(path) => scope.path(&stream.to_string(), path).map_or(Place::Discard, Place::File),
        Sink::Discard => Place::Discard,
        Sink::Inherit => Place::Inherit,
        Sink::Stdout => Place::Merged,
    };
    let (stdout, stderr) = (place(Stream::Stdout), place(Stream::Stderr));
    if scope.errors.is_empty() { Ok(Blueprint { argv, env, workingdir, stdout, stderr }) } else { Err(scope.errors) }
}

/// The file that a stream of process `num` goes to, if it is one that the program names. `None` too if the name cannot
/// be filled in.
#[must_use]
pub(super) fn named_file(
    program: &Program,
    name: &ProgramName,
    num: u32,
    stream: Stream,
    daemon_env: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let Sink::File(path) = &program.output(stream).sink else { return None };
    if !is_template(path) {
        return Some(path.clone());
    }
    let mut scope = Scope::new(program, name, num, daemon_env);
    scope.env();
    scope.path("", path)
}

/// Whether there may be something to fill in.
pub(super) fn is_template(text: &str) -> bool {
    text.contains('$') || text.contains("%(")
}

/// How far a variable of `env` has got.
enum Progress {
    /// It is being filled in: who needs it now goes in a circle.
    Begun,
    Done(String),
    /// Its error has been noted.
    Failed,
}

/// Why a text was not filled in.
enum Refusal {
    Because(String),
    /// It refers to a variable whose error has been noted.
    Known,
}

fn because<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Because(text.into()))
}

/// What can be referred to, for one process.
struct Scope<'a> {
    program: &'a Program,
    name: &'a ProgramName,
    num: u32,
    process: String,
    daemon_env: &'a dyn Fn(&str) -> Option<String>,
    variables: BTreeMap<&'a str, Progress>,
    /// Bytes made so far.
    spent: usize,
    errors: Vec<ExpandError>,
}

impl<'a> Scope<'a> {
    fn new(
        program: &'a Program,
        name: &'a ProgramName,
        num: u32,
        daemon_env: &'a dyn Fn(&str) -> Option<String>,
    ) -> Scope<'a> {
        let process = process(program, name, num);
        Scope { program, name, num, process, daemon_env, variables: BTreeMap::new(), spent: 0, errors: Vec::new() }
    }

    fn fail(&mut self, key: &str, text: impl Into<String>) {
        self.errors.push(ExpandError { key: key.to_owned(), text: text.into() });
    }

    /// All variables of the program.
    fn env(&mut self) -> Vec<(String, String)> {
        let program = self.program;
        let mut env = Vec::with_capacity(program.env.len());
        for name in program.env.keys() {
            if let Ok(value) = self.variable(name, CHAIN) {
                env.push((name.clone(), value));
            }
        }
        env
    }

    /// The value of a key; `None` if that failed and is noted.
    fn key(&mut self, key: &str, text: &str) -> Option<String> {
        match self.fill(text, CHAIN) {
            Ok(text) => Some(text),
            Err(refusal) => {
                self.note(key, refusal);
                None
            }
        }
    }

    fn path(&mut self, key: &str, text: &str) -> Option<String> {
        let path = self.key(key, text)?;
        if path.is_empty() {
            self.fail(key, "is empty once its variables are filled in");
            return None;
        }
        Some(path)
    }

    fn note(&mut self, key: &str, refusal: Refusal) {
        match refusal {
            Refusal::Because(text) => self.fail(key, text),
            Refusal::Known => {}
        }
    }

    /// The value of a variable of `env`, filled in at its first use.
    fn variable(&mut self, name: &'a str, chain: usize) -> Result<String, Refusal> {
        match self.variables.get(name) {
            Some(Progress::Done(value)) => return Ok(value.clone()),
            Some(Progress::Failed) => return Err(Refusal::Known),
            Some(Progress::Begun) => {
                return because(format!(
                    "${{{name}}} refers to itself; %(ENV_{name})s takes the value that the daemon has"
                ));
            }
            None => {}
        }
        let Some(text) = self.program.env.get(name) else { return Err(Refusal::Known) };
        let Some(chain) = chain.checked_sub(1) else {
            return because(format!("refers to others through more than {CHAIN} variables"));
        };
        self.variables.insert(name, Progress::Begun);
        match self.fill(text, chain) {
            Ok(value) => {
                self.variables.insert(name, Progress::Done(value.clone()));
                Ok(value)
            }
            Err(refusal) => {
                self.variables.insert(name, Progress::Failed);
                self.note(&format!("env.{name}"), refusal);
                Err(Refusal::Known)
            }
        }
    }

    fn fill(&mut self, text: &str, chain: usize) -> Result<String, Refusal> {
        if !is_template(text) {
            return self.spend(text.len()).map(|()| text.to_owned());
        }
        let per_cent = text.contains("%(");
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, sign)) = rest.find(['$', '%']).and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            rest = if let Some(rest) = sign.strip_prefix("$$") {
                out.push('$');
                rest
            } else if let Some(rest) = sign.strip_prefix("${") {
                let Some((name, rest)) = rest.split_once('}') else {
                    return because("has a ${ without its }; $$ is a dollar sign");
                };
                out.push_str(&self.braced(name, chain)?);
                rest
            } else if let Some(rest) = sign.strip_prefix("%%").filter(|_| per_cent) {
                out.push('%');
                rest
            } else if let Some(rest) = sign.strip_prefix("%(").filter(|_| per_cent) {
                self.conversion(rest, &mut out)?
            } else {
                let (sign, rest) = sign.split_at_checked(1).unwrap_or((sign, ""));
                out.push_str(sign);
                rest
            };
            if out.len() > TEXT_BYTES {
                break;
            }
        }
        out.push_str(rest);
        self.spend(out.len())?;
        Ok(out)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.spent = self.spent.saturating_add(bytes);
        if bytes > TEXT_BYTES {
            return because(format!("is longer than {TEXT_BYTES} bytes, which is more than a process can be given"));
        }
        if self.spent > ALL_BYTES {
            return because(format!(
                "and the other texts are longer than {} MiB, which is more than a process can be given",
                ALL_BYTES >> 20
            ));
        }
        Ok(())
    }

    /// `${name}`.
    fn braced(&mut self, name: &str, chain: usize) -> Result<String, Refusal> {
        const OWN: [&str; 3] = ["program", "num", "process"];
        let program = self.program;
        if let Some((name, _)) = program.env.get_key_value(name) {
            return self.variable(name, chain);
        }
        match name {
            "program" => Ok(self.name.to_string()),
            "num" => Ok(self.num.to_string()),
            "process" => Ok(self.process.clone()),
            "" => because("has an empty ${}; $$ is a dollar sign"),
            _ => {
                let near = suggestion(name, self.program.env.keys().map(String::as_str).chain(OWN));
                let name = cut(name);
                because(format!(
                    "env has no variable for ${{{name}}}{near}; %(ENV_{name})s is the daemon's, $${{{name}}} stays as it is"
                ))
            }
        }
    }

    /// What stands behind `%(`: a name, `)`, and `s` or `d` with an optional width. Gives the rest of the text.
    fn conversion<'t>(&self, text: &'t str, out: &mut String) -> Result<&'t str, Refusal> {
        const HELP: &str = "has a %( that is not completed as in %(process_num)02d; %%( stays %(";
        let Some((name, rest)) = text.split_once(')') else { return because(HELP) };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some((width, rest)) = rest.split_at_checked(digits) else { return because(HELP) };
        let wanted = width.trim_start_matches('0');
        let cells = if wanted.is_empty() { 0 } else { wanted.parse().unwrap_or(usize::MAX) };
        let value = self.named(name)?;
        match rest.chars().next() {
            _ if cells > WIDEST => because(format!("%({name}){width}: wider than {WIDEST}")),
            Some('s') => {
                out.push_str(&format!("{value:>cells$}"));
                Ok(rest.get(1..).unwrap_or_default())
            }
            Some('d') => match (value.parse::<u64>(), width.starts_with('0')) {
                (Ok(n), true) => {
                    out.push_str(&format!("{n:0cells$}"));
                    Ok(rest.get(1..).unwrap_or_default())
                }
                (Ok(n), false) => {
                    out.push_str(&format!("{n:cells$}"));
                    Ok(rest.get(1..).unwrap_or_default())
                }
                (Err(_), _) => because(format!("%({name})d: {} is not a number; use %({name})s", quoted(&value))),
            },
            Some(_) | None => because(HELP),
        }
    }

    /// A name as supervisord has them.
    fn named(&self, name: &str) -> Result<String, Refusal> {
        const KNOWN: [&str; 5] = ["program_name", "group_name", "process_name", "process_num", "numprocs"];
        match name {
            "program_name" | "group_name" => Ok(self.name.to_string()),
            "process_name" => Ok(self.process.clone()),
            "process_num" => Ok(self.num.to_string()),
            "numprocs" => Ok(self.program.numprocs.to_string()),
            _ => match name.strip_prefix("ENV_") {
                Some(variable) => match (self.daemon_env)(variable) {
                    Some(value) => Ok(value),
                    None => {
                        because(format!("the daemon's environment has no {} for %({})s", quoted(variable), cut(name)))
                    }
                },
                None => {
                    let near = suggestion(name, KNOWN);
                    because(format!("no {} is known for %(…)s{near}", quoted(name)))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;

//! Fills in `${…}` and `%(…)s`: from a program of the model to what one of its processes is started with. Pure: the
//! daemon's environment is handed in.
//!
//! `${VAR}` is a variable of the program's `env`, else a name such as `program` and `num`, else a variable of the daemon;
//! `${VAR:-text}` is the text if that is nothing or empty; `$$` is a dollar sign; a `$` before anything else stays. In a
//! text with a `%(` in it, `%(program_name)s`, `%(process_num)02d` and the like are filled in and `%%` is a per cent sign;
//! in all others `%` is nothing special. What was filled in is not looked at again, nor is what stands in a file of
//! variables.

use std::collections::BTreeMap;
use std::fmt;

use crate::base::id::{ProgramName, Stream, member_name};
use crate::base::nearest::suggestion;
use crate::base::text::{cut, quoted};

use super::model::{ListenAddress, Program, Sink, Variable};
use fill::{CHAIN, Lookup, Refusal, TEXT_BYTES, because};

mod fill;
mod listen;
mod probe;

pub(super) use fill::{as_template, is_template};
pub use listen::listen;
pub use probe::probe;

/// The most that all texts of a process may have together, in bytes: the kernel takes no more.
const ALL_BYTES: usize = 6 << 20;

/// What texts may refer to that is the same for all programs.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The daemon's environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The name of the machine.
    pub host: &'a str,
    /// The directory of the `auto` log files.
    pub childlogdir: &'a str,
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What one process is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// The command. Never empty, nor is its first word.
    pub argv: Vec<String>,
    /// The program's own `env`, without what the daemon adds.
    pub env: Vec<(String, String)>,
    /// The directory, if the program has one.
    pub workingdir: Option<String>,
    /// The directory that becomes its root, if the program has one.
    pub chroot: Option<String>,
    /// The paths of its `dirs`, in their order.
    pub dirs: Vec<String>,
    /// Where connections come in that it is handed the sockets for.
    pub listen: Vec<ListenAddress>,
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
    outside: &Outside<'_>,
) -> Result<Blueprint, Vec<ExpandError>> {
    let mut scope = Scope::new(program, name, num, outside);
    let env = scope.env();
    let argv = scope.command("cmd", &program.argv);
    // They are filled in when they are run; what is wrong with them is wrong now.
    for (hook, command) in &program.policy.hooks {
        scope.command(hook.key(), &command.argv);
    }
    let workingdir = program.workingdir.as_ref().and_then(|dir| scope.path("workingdir", dir));
    let chroot = program.confines.as_ref().and_then(|confines| confines.chroot.as_ref());
    let chroot = chroot.and_then(|dir| scope.absolute("chroot", dir));
    let dirs = program.dirs.iter().filter_map(|dir| scope.absolute("dirs", &dir.path)).collect();
    let listen = listen::filled(&mut scope);
    let mut place = |stream: Stream| match &program.output(stream).sink {
        Sink::Auto => Place::File(auto_log(outside.childlogdir, program, name, num, stream)),
        Sink::File(path) => scope.path(&stream.to_string(), path).map_or(Place::Discard, Place::File),
        Sink::Discard => Place::Discard,
        Sink::Inherit => Place::Inherit,
        Sink::Stdout => Place::Merged,
    };
    let (stdout, stderr) = (place(Stream::Stdout), place(Stream::Stderr));
    if !scope.errors.is_empty() {
        return Err(scope.errors);
    }
    Ok(Blueprint { argv, env, workingdir, chroot, dirs, listen, stdout, stderr })
}

/// Fills in the words of a command that is run for the sake of process `num`.
///
/// # Errors
/// Every word that names something unknown, or that the first of them is empty then.
pub fn words(
    program: &Program,
    name: &ProgramName,
    num: u32,
    outside: &Outside<'_>,
    words: &[String],
) -> Result<Vec<String>, Vec<ExpandError>> {
    let mut scope = Scope::new(program, name, num, outside);
    scope.env();
    let words = scope.command("cmd", words);
    if scope.errors.is_empty() { Ok(words) } else { Err(scope.errors) }
}

/// The file that a stream of process `num` goes to, if it is one that the program names. `None` too if the name cannot
/// be filled in.
#[must_use]
pub(super) fn named_file(
    program: &Program,
    name: &ProgramName,
    num: u32,
    stream: Stream,
    outside: &Outside<'_>,
) -> Option<String> {
    let Sink::File(path) = &program.output(stream).sink else { return None };
    if !is_template(path) {
        return Some(path.clone());
    }
    let mut scope = Scope::new(program, name, num, outside);
    scope.env();
    scope.path("", path)
}

/// Fills in a text that belongs to the daemon or to a file: `${VAR}` is the daemon's environment, `here` the directory
/// of the file.
///
/// # Errors
/// What is wrong, as the end of a sentence about the text.
pub(super) fn of_daemon(text: &str, here: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    fill::fill(text, CHAIN, &mut OfDaemon { here, env }).map_err(|refusal| match refusal {
        Refusal::Because(text) => text,
        Refusal::Known => "cannot be filled in".to_owned(),
    })
}

struct OfDaemon<'a> {
    here: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl Lookup for OfDaemon<'_> {
    fn variable(&mut self, name: &str, _: usize) -> Result<Option<String>, Refusal> {
        Ok(if name == "here" { Some(self.here.to_owned()) } else { (self.env)(name) })
    }

    fn unknown(&self, name: &str) -> String {
        no_variable(name)
    }

    fn named(&mut self, name: &str) -> Result<String, Refusal> {
        match name.strip_prefix("ENV_") {
            None if name == "here" => Ok(self.here.to_owned()),
            None => because(format!("no {} is known here for %(…)s: there are here and ENV_NAME", quoted(name))),
            Some(variable) => of_environment(self.env, variable, name),
        }
    }
}

fn no_variable(name: &str) -> String {
    format!(
        "the daemon's environment has no {} for ${{{}}}; ${{NAME:-text}} has a text for that",
        quoted(name),
        cut(name)
    )
}

/// `%(ENV_NAME)s`.
fn of_environment(env: &dyn Fn(&str) -> Option<String>, variable: &str, name: &str) -> Result<String, Refusal> {
    match env(variable) {
        Some(value) => Ok(value),
        None => because(format!("the daemon's environment has no {} for %({})s", quoted(variable), cut(name))),
    }
}

/// How far a variable of `env` has got.
enum Progress {
    /// It is being filled in: who needs it now goes in a circle.
    Begun,
    Done(String),
    /// Its error has been noted.
    Failed,
}

/// What can be referred to, for one process.
struct Scope<'a> {
    program: &'a Program,
    name: &'a ProgramName,
    num: u32,
    process: String,
    outside: &'a Outside<'a>,
    variables: BTreeMap<&'a str, Progress>,
    /// The variable that is being filled in, if one is.
    filling: Option<&'a str>,
    /// Bytes made so far.
    spent: usize,
    errors: Vec<ExpandError>,
}

impl<'a> Scope<'a> {
    fn new(program: &'a Program, name: &'a ProgramName, num: u32, outside: &'a Outside<'a>) -> Scope<'a> {
        let process = process(program, name, num);
        let (variables, errors) = (BTreeMap::new(), Vec::new());
        Scope { program, name, num, process, outside, variables, filling: None, spent: 0, errors }
    }

    fn fail(&mut self, key: &str, text: impl Into<String>) {
        self.errors.push(ExpandError { key: key.to_owned(), text: text.into() });
    }

    /// All variables of the program.
    fn env(&mut self) -> Vec<(String, String)> {
        let program = self.program;
        let mut env = Vec::with_capacity(program.env.len());
        for name in program.env.keys() {
            if let Ok(value) = self.own(name, CHAIN) {
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

    /// The words of a command.
    fn command(&mut self, key: &str, words: &[String]) -> Vec<String> {
        let words: Vec<String> = words.iter().filter_map(|word| self.key(key, word)).collect();
        if words.first().is_some_and(String::is_empty) {
            self.fail(key, "begins with an empty word once its variables are filled in");
        }
        words
    }

    fn path(&mut self, key: &str, text: &str) -> Option<String> {
        let path = self.key(key, text)?;
        if path.is_empty() {
            self.fail(key, "is empty once its variables are filled in");
            return None;
        }
        Some(path)
    }

    /// A path from the root on that goes nowhere back.
    fn absolute(&mut self, key: &str, text: &str) -> Option<String> {
        let path = self.path(key, text)?;
        let wrong = if !path.starts_with('/') {
            "is not an absolute path"
        } else if path.split('/').any(|part| part == "..") {
            "has \"..\" in it"
        } else {
            return Some(path);
        };
        self.fail(key, format!("{} {wrong}", quoted(&path)));
        None
    }

    fn note(&mut self, key: &str, refusal: Refusal) {
        match refusal {
            Refusal::Because(text) => self.fail(key, text),
            Refusal::Known => {}
        }
    }

    /// The value of a variable of `env`, filled in at its first use.
    fn own(&mut self, name: &'a str, chain: usize) -> Result<String, Refusal> {
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
        let text = match self.program.env.get(name) {
            Some(Variable::Template(text)) => text,
            Some(Variable::FromFile(text)) => {
                self.spend(text.len())?;
                self.variables.insert(name, Progress::Done(text.clone()));
                return Ok(text.clone());
            }
            None => return Err(Refusal::Known),
        };
        let Some(chain) = chain.checked_sub(1) else {
            return because(format!("refers to others through more than {CHAIN} variables"));
        };
        self.variables.insert(name, Progress::Begun);
        let outer = self.filling.replace(name);
        let filled = self.fill(text, chain);
        self.filling = outer;
        match filled {
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
        let filled = fill::fill(text, chain, self)?;
        self.spend(filled.len())?;
        Ok(filled)
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

    fn group(&self) -> String {
        self.program.group_name.as_ref().unwrap_or(self.name).to_string()
    }

    fn here(&self) -> String {
        self.program.here.as_deref().unwrap_or(".").to_owned()
    }
}

/// The names that `${…}` knows besides variables.
const BUILT_IN: [&str; 7] = ["program", "process", "num", "numprocs", "group", "here", "host"];

impl Lookup for Scope<'_> {
    fn variable(&mut self, name: &str, chain: usize) -> Result<Option<String>, Refusal> {
        // A variable that adds to itself means the one that the daemon has: `PATH: /opt/bin:${PATH}`.
        if self.filling != Some(name)
            && let Some((name, _)) = self.program.env.get_key_value(name)
        {
            return self.own(name, chain).map(Some);
        }
        Ok(match name {
            "program" => Some(self.name.to_string()),
            "process" => Some(self.process.clone()),
            "num" => Some(self.num.to_string()),
            "numprocs" => Some(self.program.numprocs.to_string()),
            "group" => Some(self.group()),
            "here" => Some(self.here()),
            "host" => Some(self.outside.host.to_owned()),
            _ => (self.outside.env)(name),
        })
    }

    fn unknown(&self, name: &str) -> String {
        if self.filling == Some(name) {
            return no_variable(name);
        }
        let near = suggestion(name, self.program.env.keys().map(String::as_str).chain(BUILT_IN));
        let name = cut(name);
        format!(
            "neither env nor the daemon has a variable for ${{{name}}}{near}; ${{{name}:-text}} has a text for that, \
             $${{{name}}} stays as it is"
        )
    }

    fn named(&mut self, name: &str) -> Result<String, Refusal> {
        const KNOWN: [&str; 7] =
            ["program_name", "group_name", "process_name", "process_num", "numprocs", "here", "host_node_name"];
        match name {
            "program_name" => Ok(self.name.to_string()),
            "group_name" => Ok(self.group()),
            "process_name" => Ok(self.process.clone()),
            "process_num" => Ok(self.num.to_string()),
            "numprocs" => Ok(self.program.numprocs.to_string()),
            "here" => Ok(self.here()),
            "host_node_name" => Ok(self.outside.host.to_owned()),
            _ => match name.strip_prefix("ENV_") {
                Some(variable) => of_environment(self.outside.env, variable, name),
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

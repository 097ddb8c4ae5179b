//! `[program:x]`: each option in its place.

use crate::import::Problem;
use crate::import::ini::{Document, Entry, Section};
use crate::import::page::{Line, Value};
use crate::import::template::{Text, literal, render};

use super::bare;
use super::names::{Names, checked};
use super::scope::{Common, Scope};
use super::server::pass_with_user;
use super::values::{self, Place, Read};

/// A program as it is written here.
#[derive(Debug)]
pub(super) struct Lines {
    pub name: String,
    pub lines: Vec<Line>,
}

/// Options of which supervisord has no other kind: these have meaning for a program.
const KNOWN: [&str; 34] = [
    "command",
    "process_name",
    "numprocs",
    "numprocs_start",
    "priority",
    "autostart",
    "autorestart",
    "startsecs",
    "startretries",
    "exitcodes",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "user",
    "umask",
    "directory",
    "environment",
    "redirect_stderr",
    "serverurl",
    "stdout_logfile",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_syslog",
    "stderr_logfile",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_syslog",
    "programs",
    "events",
];

/// One program that is being read.
struct Reader<'a> {
    document: &'a Document,
    section: &'a Section,
    scope: Scope<'a>,
    /// What it is called here.
    ours: String,
    numprocs: i64,
    lines: Vec<Line>,
}

/// Reads a program.
///
/// # Errors
/// A value that supervisord refuses, or one that cannot be said here.
pub(super) fn read(
    document: &Document,
    section: &Section,
    common: &Common<'_>,
    names: &Names,
) -> Result<Lines, Problem> {
    let name = section.name.strip_prefix("program:").unwrap_or_default().trim();
    let ours = names.program(name).to_owned();
    let group = names.group(name);
    let mut scope = common.scope(document.dir(section.at));
    scope.program = Some((name.to_owned(), name == ours));
    let group_of =
        group.map_or((name.to_owned(), name == ours), |group| (group.name.clone(), group.name == group.ours));
    scope.group = Some(group_of);
    let mut reader = Reader { document, section, scope, ours: ours.clone(), numprocs: 1, lines: Vec::new() };
    if name != ours {
        reader.lines.push(Line::comment(format!("The name there is {name}, which cannot be one here.")));
    }
    if let Some(group) = group {
        reader.lines.push(Line::key("group_name", Value::Text(group.ours.clone())));
    }
    for further in names.further(name) {
        let text = format!("It is in the group {further} as well, and would run once more there; here it is in one.");
        reader.lines.push(Line::comment(text));
    }
    reader.prepare()?;
    let defaults = document.defaults(section);
    let defaults = defaults.into_iter().filter(|entry| KNOWN.contains(&entry.key.as_str()));
    for entry in section.entries.iter().chain(defaults) {
        reader.scope.here = document.dir(entry.at).to_owned();
        let lines = reader.option(entry).map_err(|text| reader.wrong(entry, &text))?;
        reader.lines.extend(lines);
    }
    reader.finish(group.and_then(|group| group.priority));
    Ok(Lines { name: ours, lines: reader.lines })
}

impl Reader<'_> {
    fn wrong(&self, entry: &Entry, text: &str) -> Problem {
        self.document.problem(entry.at, format!("[{}] {} {text}", self.section.name, entry.key))
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.document.value(self.section, key)
    }

    /// What other options depend on: the number of processes, the variables, the names of the processes.
    fn prepare(&mut self) -> Result<(), Problem> {
        if self.entry("command").is_none() {
            let text = format!("[{}] has no command", self.section.name);
            return Err(self.document.problem(self.section.at, text));
        }
        if let Some(entry) = self.entry("numprocs").cloned() {
            let read = self.scope.evaluate(&entry.value).and_then(|(text, _)| values::integer(&text));
            self.numprocs = read.map_err(|text| self.wrong(&entry, &text))?;
        }
        if let Some(entry) = self.entry("environment").cloned() {
            self.scope.here = self.document.dir(entry.at).to_owned();
            self.scope.variables = self.scope.environment(&entry.value).map_err(|text| self.wrong(&entry, &text))?;
        }
        let Some(entry) = self.entry("process_name").cloned() else { return Ok(()) };
        let named = checked(&entry.value).and_then(|name| self.scope.text(&name));
        let text = named.map_err(|text| self.wrong(&entry, &text))?;
        if self.numprocs > 1 && !entry.value.contains("%(process_num)") {
            return Err(self.wrong(&entry, "has no %(process_num)s, but numprocs is more than 1"));
        }
        if !self.is_usual(&text) {
            self.scope.process_name = Some(text);
        }
        Ok(())
    }

    /// Whether a process is called so here as well.
    fn is_usual(&self, process_name: &Text) -> bool {
        let usual = if self.numprocs > 1 { "%(program_name)s_%(process_num)02d" } else { "%(program_name)s" };
        render(process_name) == usual
    }

    /// The value now of what is no text here, and a comment if that may be different elsewhere.
    fn fixed(&self, key: &'static str, entry: &Entry, read: impl FnOnce(&str) -> Read<String>) -> Read<Vec<Line>> {
        let (text, depends) = self.scope.evaluate(&entry.value)?;
        let line = bare(key, read(&text)?);
        Ok(vec![if depends { line.noted(format!("was {} and is filled in", entry.value)) } else { line }])
    }

    fn option(&self, entry: &Entry) -> Read<Vec<Line>> {
        let bool = |text: &str| values::boolean(text).map(|is| is.to_string());
        let int = |text: &str| values::integer(text).map(|n| n.to_string());
        let count = |text: &str| values::count(text).map(|n| n.to_string());
        let left = |why: &str| Ok(vec![Line::left(&entry.key, &entry.value, why)]);
        match entry.key.as_str() {
            "command" => self.command(entry),
            "process_name" => Ok(self.process_name(entry)),
            "numprocs" => self.fixed("numprocs", entry, int),
            "numprocs_start" => self.fixed("numprocs_start", entry, int),
            "priority" => self.fixed("priority", entry, int),
            "autostart" => self.fixed("autostart", entry, bool),
            "autorestart" => self.fixed("autorestart", entry, |text| values::autorestart(text).map(str::to_owned)),
            "startsecs" => self.fixed("starttime", entry, count),
            "startretries" => self.fixed("startretries", entry, count),
            "exitcodes" => self.fixed("exitcodes", entry, values::exit_codes),
            "stopsignal" => self.fixed("stopsignal", entry, values::signal),
            "stopwaitsecs" => self.fixed("stoptime", entry, count),
            "stopasgroup" => self.fixed("stopgroup", entry, bool),
            "killasgroup" => left("SIGKILL goes where the stop signal goes, see stopgroup"),
            "user" => self.user(entry),
            "umask" => self.fixed("umask", entry, values::octal),
            "directory" => Ok(vec![Line::key("workingdir", Value::Text(render(&self.scope.text(&entry.value)?)))]),
            "environment" => Ok(self.env(entry)),
            "redirect_stderr" => self.fixed("redirect_stderr", entry, bool),
            "stdout_logfile" => self.output("stdout", entry),
            "stderr_logfile" if self.is_redirected() => left("redirect_stderr sends stderr to where stdout goes"),
            "stderr_logfile" => self.output("stderr", entry),
            "stdout_logfile_maxbytes" => self.fixed("stdout_logfile_maxbytes", entry, values::size),
            "stderr_logfile_maxbytes" => self.fixed("stderr_logfile_maxbytes", entry, values::size),
            "stdout_logfile_backups" => self.fixed("stdout_logfile_backups", entry, count),
            "stderr_logfile_backups" => self.fixed("stderr_logfile_backups", entry, count),
            _ if self.says_nothing(entry) => Ok(Vec::new()),
            "stdout_syslog" | "stderr_syslog" => left("what programs print does not go into syslog"),
            "serverurl" => left("nothing would answer there"),
            _ if KNOWN.contains(&entry.key.as_str()) => left("there are no events"),
            key => left(&format!("unknown to supervisord{}", crate::base::nearest::suggestion(key, KNOWN))),
        }
    }

    /// Whether an option without a counterpart has the value that it has anyway.
    fn says_nothing(&self, entry: &Entry) -> bool {
        let Ok((value, _)) = self.scope.evaluate(&entry.value) else { return false };
        match entry.key.as_str() {
            "stdout_syslog" | "stderr_syslog" | "stdout_events_enabled" | "stderr_events_enabled" => {
                values::boolean(&value) == Ok(false)
            }
            "stdout_capture_maxbytes" | "stderr_capture_maxbytes" => values::size(&value).as_deref() == Ok("0"),
            "serverurl" => value.trim().eq_ignore_ascii_case("auto"),
            _ => false,
        }
    }

    fn command(&self, entry: &Entry) -> Read<Vec<Line>> {
        let text = self.scope.text(&entry.value)?;
        let mut lines = vec![Line::key("cmd", values::command(&text)?)];
        // What the daemon has in its variables becomes one word here, and several there.
        let inside = render(&text);
        let splits = |name: &&str| {
            (self.scope.common.outside.env)(name)
                .is_some_and(|value| value.contains([' ', '\t', '\n', '"', '\'', '\\']))
        };
        let names = inside.split("%(ENV_").skip(1).filter_map(|rest| rest.split(')').next()).filter(splits);
        lines.extend(names.map(|name| {
            Line::comment(format!("supervisord splits what {name} says into words; here it is one. Write it out."))
        }));
        Ok(lines)
    }

    fn process_name(&self, entry: &Entry) -> Vec<Line> {
        if self.scope.process_name.is_none() {
            return Vec::new();
        }
        let name = &self.ours;
        let shown = if self.numprocs > 1 { format!("{name}:{name}_00 and so on") } else { name.clone() };
        vec![Line::left(&entry.key, &entry.value, format!("here processes are called {shown}"))]
    }

    fn user(&self, entry: &Entry) -> Read<Vec<Line>> {
        let (user, _) = self.scope.evaluate(&entry.value)?;
        let note = (user != entry.value).then(|| format!("was {} and is filled in", entry.value));
        let line = Line::key("user", Value::Text(user.trim().to_owned()));
        let line = note.into_iter().fold(line, Line::noted);
        Ok(vec![line, pass_with_user()])
    }

    /// The variables, with the names of the processes if those are not what they are here.
    fn env(&self, entry: &Entry) -> Vec<Line> {
        let mut env = self.process_variable();
        env.extend(self.scope.variables.iter().map(|(name, text)| (name.clone(), render(text))));
        if env.is_empty() {
            return vec![Line::left(&entry.key, &entry.value, "")];
        }
        vec![Line::key("env", Value::Map(env))]
    }

    /// The variables that tell a process its names, where these are not what they are here.
    fn process_variable(&self) -> Vec<(String, String)> {
        // With one process its name is that of the program; several need a process_name there, so it is known here.
        let renamed = |named: &Option<(String, bool)>| match named {
            Some((name, false)) => Some(render(&literal(name))),
            Some((_, true)) | None => None,
        };
        let process = self.scope.process_name.as_ref().map(|name| render(name));
        let names = [
            ("SUPERVISOR_PROCESS_NAME", process.or_else(|| renamed(&self.scope.program))),
            ("SUPERVISOR_GROUP_NAME", renamed(&self.scope.group)),
        ];
        let given = [&self.scope.variables, &self.scope.common.variables];
        let is_given = |name: &str| given.iter().any(|list| list.iter().any(|(known, _)| known == name));
        let needed = names.into_iter().filter(|(name, _)| !is_given(name));
        needed.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn is_redirected(&self) -> bool {
        let read = |entry: &Entry| self.scope.evaluate(&entry.value).and_then(|(text, _)| values::boolean(&text));
        self.entry("redirect_stderr").is_some_and(|entry| read(entry) == Ok(true))
    }

    fn output(&self, stream: &'static str, entry: &Entry) -> Read<Vec<Line>> {
        Ok(match values::place(&self.scope.twice(&entry.value)?)? {
            Place::None => vec![bare(stream, "none")],
            Place::Auto => vec![bare(stream, "auto")],
            Place::Path(path) => vec![Line::key(stream, Value::Text(path))],
            Place::Syslog => vec![bare(stream, "none").noted("was syslog, where what programs print does not go")],
        })
    }

    /// What is needed besides the options that are written.
    fn finish(&mut self, group_priority: Option<i64>) {
        if self.entry("environment").is_none() {
            let env = self.process_variable();
            if !env.is_empty() {
                self.lines.push(Line::key("env", Value::Map(env)));
            }
        }
        let Some(priority) = group_priority else { return };
        self.lines.push(if self.entry("priority").is_some() {
            let text = format!(
                "The group has priority {priority}, its programs theirs among each other; here theirs is among all."
            );
            Line::comment(text)
        } else {
            bare("priority", priority).noted("that of the group")
        });
    }
}

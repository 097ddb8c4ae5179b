//! `[supervisord]` and `[unix_http_server]`: what concerns the daemon, and what its programs have in common.

use crate::import::Problem;
use crate::import::ini::{Document, Entry, Section};
use crate::import::page::{Line, Value};
use crate::import::template::render;

use super::bare;
use super::scope::{Common, Scope};
use super::values::{self, Read};

/// The lines under `taskmasterd` and those under `defaults`.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub daemon: Vec<Line>,
    pub defaults: Vec<Line>,
}

/// Why the variables of the daemon are passed on even to the programs of another user.
pub(super) const PASS_NOTE: &str =
    "as with supervisord HOME and so on stay the daemon's; remove the names for the user's own";

/// Why a section has no counterpart.
pub(super) fn why_left(section: &str) -> &'static str {
    let kind = section.split(':').next().unwrap_or_default();
    match kind {
        "inet_http_server" => "taskmasterd listens on no network, only on its Unix socket; ssh reaches that from afar",
        "supervisorctl" => "taskmasterctl finds the socket by itself, or by -s or $TASKMASTER_SOCKET",
        "rpcinterface" => "there are no plug-ins; the socket speaks the protocol of taskmaster-protocol(7)",
        "eventlistener" => "there are no event listeners; a client of the socket can ask for states",
        "fcgi-program" => {
            "its socket would be standard input; \"listen\" hands sockets to servers that take LISTEN_FDS"
        }
        "program" | "group" => "",
        _ => "supervisord does not know it either, a plug-in of it may",
    }
}

/// Reads both sections.
///
/// # Errors
/// A value that supervisord refuses.
pub(super) fn read(document: &Document, common: &Common<'_>) -> Result<Server, Problem> {
    let mut server = Server::default();
    let section = document.get("supervisord");
    let mut user = None;
    let foreground = foreground(document, common)?;
    for entry in section.map(|section| &section.entries).into_iter().flatten() {
        let scope = common.scope(document.dir(entry.at));
        let wrong = |text: String| document.problem(entry.at, format!("{} {text}", entry.key));
        match entry.key.as_str() {
            "user" => user = Some(scope.evaluate(&entry.value).map_err(wrong)?.0),
            "environment" => {}
            "directory" | "umask" if foreground => {
                let why = "supervisord only heeds it in the background, and nodaemon=true keeps it from there";
                server.daemon.push(Line::left(&entry.key, &entry.value, why));
            }
            "directory" => server.defaults.push(directory(&scope, entry).map_err(wrong)?),
            "nodaemon" => {
                let why = if foreground {
                    "the command line says it: taskmasterd stays in the foreground without -d"
                } else {
                    "the command line says it: taskmasterd -d goes into the background"
                };
                server.daemon.push(Line::left(&entry.key, &entry.value, why));
            }
            _ => server.daemon.push(option(&scope, entry).map_err(wrong)?),
        }
    }
    let umask = section.and_then(|section| document.value(section, "umask"));
    if umask.is_none() && section.is_some() && !foreground {
        server.daemon.push(bare("umask", "022").noted("what supervisord has in the background, unless told otherwise"));
    }
    if let Some(section) = document.get("unix_http_server") {
        server.daemon.extend(socket(document, common, section)?);
    }
    server.defaults.extend(defaults(common, user.as_deref()));
    Ok(server)
}

/// Whether supervisord stays in the foreground.
fn foreground(document: &Document, common: &Common<'_>) -> Result<bool, Problem> {
    let Some(section) = document.get("supervisord") else { return Ok(false) };
    let Some(entry) = document.value(section, "nodaemon") else { return Ok(false) };
    let text = common.scope(document.dir(entry.at)).evaluate(&entry.value);
    let read = text.and_then(|(text, _)| values::boolean(&text));
    read.map_err(|text| document.problem(entry.at, format!("nodaemon {text}")))
}

/// An option of the daemon.
fn option(scope: &Scope<'_>, entry: &Entry) -> Read<Line> {
    let key = entry.key.as_str();
    let text = || scope.evaluate(&entry.value).map(|(text, _)| text);
    let path = || scope.text(&entry.value).and_then(|text| values::path(&text));
    let left = |why: &str| Line::left(key, &entry.value, why);
    Ok(match key {
        "logfile" => Line::key("logfile", Value::Text(log(path()?))),
        "logfile_maxbytes" => bare("logfile_maxbytes", values::size(&text()?)?),
        "logfile_backups" => bare("logfile_backups", values::count(&text()?)?),
        "loglevel" => bare("loglevel", values::level(&text()?)?),
        "pidfile" => Line::key("pidfile", Value::Text(path()?)).noted("while supervisord runs too, name another one"),
        "childlogdir" => Line::key("childlogdir", Value::Text(path()?)),
        "nocleanup" => bare("nocleanup", values::boolean(&text()?)?),
        "umask" => bare("umask", values::octal(&text()?)?),
        "identifier" => left("log files and answers carry no name of the daemon"),
        "minfds" => left("taskmasterd raises its limit on open files itself"),
        "minprocs" => left("set the limit where the daemon is started, for example by LimitNPROC of systemd"),
        "strip_ansi" => left("log files get what the programs write"),
        "silent" => left("taskmasterd only prints its log if logfile is -"),
        _ => left("no counterpart"),
    })
}

/// Words that are no paths for the log of our daemon.
fn log(path: String) -> String {
    let is_word =
        ["auto", "none", "null", "inherit", "stdout", "stderr", "-"].contains(&path.to_ascii_lowercase().as_str());
    if is_word { format!("./{path}") } else { path }
}

fn directory(scope: &Scope<'_>, entry: &Entry) -> Read<Line> {
    let path = scope.text(&entry.value).and_then(|text| values::path(&text))?;
    Ok(Line::key("workingdir", Value::Text(path))
        .noted("relative paths of files do not begin there, unlike with supervisord"))
}

/// The control socket. Its path is not taken over.
fn socket(document: &Document, common: &Common<'_>, section: &Section) -> Result<Vec<Line>, Problem> {
    let mut inner = Vec::new();
    for entry in &section.entries {
        let scope = common.scope(document.dir(entry.at));
        let wrong = |text: String| document.problem(entry.at, format!("{} {text}", entry.key));
        let text = scope.evaluate(&entry.value);
        match entry.key.as_str() {
            "file" => {
                let why = "not taken over: both may run side by side, and supervisorctl does not speak to taskmasterd";
                inner.push(Line::left("file", &entry.value, why));
            }
            "chmod" => inner.push(bare("mode", format!("0{}", text.and_then(|t| values::octal(&t.0)).map_err(wrong)?))),
            "chown" => {
                let (text, _) = text.map_err(wrong)?;
                let (owner, group) = text.split_once(':').map_or((text.as_str(), None), |(o, g)| (o, Some(g)));
                inner.push(Line::key("owner", Value::Text(owner.trim().to_owned())));
                inner.extend(group.map(|group| Line::key("group", Value::Text(group.trim().to_owned()))));
            }
            "username" => inner.push(Line::left("username", &entry.value, "who may open the socket may give commands")),
            "password" => inner.push(Line::left("password", "…", "")),
            _ => inner.push(Line::left(&entry.key, &entry.value, "no counterpart")),
        }
    }
    let has_keys = inner.iter().any(|line| matches!(line, Line::Key { .. }));
    Ok(if has_keys { vec![Line::key("socket", Value::Inner(inner))] } else { inner })
}

/// What every program gets: the daemon's variables, and those that supervisord sets.
fn defaults(common: &Common<'_>, user: Option<&str>) -> Vec<Line> {
    let mut lines = Vec::new();
    let other = user.filter(|user| !["root", "0", ""].contains(user));
    match (user, other) {
        (_, Some(user)) => {
            let note = "supervisord itself runs as this user; taskmasterd stays who it is";
            lines.push(Line::key("user", Value::Text(user.to_owned())).noted(note));
            lines.push(pass_with_user());
        }
        (Some(user), None) => {
            lines.push(Line::left("user", user, "start taskmasterd as root"));
            lines.push(pass());
        }
        (None, None) => lines.push(pass()),
    }
    let set = [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_PROCESS_NAME", "%(process_name)s"),
        ("SUPERVISOR_GROUP_NAME", "%(group_name)s"),
    ];
    let is_given = |name: &str| common.variables.iter().any(|(known, _)| known == name);
    let mut env: Vec<(String, String)> = set
        .iter()
        .filter(|(name, _)| !is_given(name))
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    env.extend(common.variables.iter().map(|(name, text)| (name.clone(), render(text))));
    lines.push(Line::key("env", Value::Map(env)).noted("SUPERVISOR_SERVER_URL is not set: nothing would answer there"));
    lines
}

fn pass() -> Line {
    Line::key("env_pass", Value::List(vec!["*".to_owned()])).noted("supervisord passes its whole environment on")
}

/// The same for a program that has a user.
pub(super) fn pass_with_user() -> Line {
    let names = ["*", "HOME", "USER", "LOGNAME", "SHELL"].map(str::to_owned);
    Line::key("env_pass", Value::List(names.to_vec())).noted(PASS_NOTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_logs() {
        assert_eq!(log("none".to_owned()), "./none");
        assert_eq!(log("/dev/stdout".to_owned()), "/dev/stdout");
    }
}

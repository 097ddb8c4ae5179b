//! A Procfile, as foreman runs it: a line for each type of process, a shell for each line, `.env` beside it.

use crate::config::envfile;

use super::page::{Line, Page, Value};
use super::template::{literal, render};
use super::{File, Outside, Problem};

/// The first port, and how far the ports of two types are apart.
const PORT: u32 = 5000;
const PORTS_EACH: u32 = 100;

/// The name and the command in a line, if it has both.
pub(super) fn entry(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let command = command.trim();
    (is_name && !command.is_empty()).then_some((name, command))
}

/// Our configuration for a Procfile.
///
/// # Errors
/// A line is neither a comment nor `name: command`, or a name comes twice.
pub(super) fn import(file: &File<'_>, outside: &Outside<'_>) -> Result<String, Problem> {
    let entries = entries(file)?;
    let env_file = format!("{}/.env", file.dir.trim_end_matches('/'));
    let (port, port_from) = first_port(&env_file, outside);
    let mut page = Page::default();
    page.comment(0, &format!("From {}, by \"taskmasterctl import\".", file.name));
    page.comment(
        0,
        "As with foreman each command is run by a shell in the directory of the Procfile, with the variables of .env \
         and everything that the daemon has in its own environment. Unlike with foreman a command that fails is \
         started again, and the others go on; what they print goes into log files (stdout: inherit shows it).",
    );
    page.blank();
    page.line(0, "defaults:");
    let pass = Value::List(vec!["*".to_owned()]);
    page.lines(
        1,
        &[
            Line::key("shell", Value::Bare("true".to_owned())),
            Line::key("workingdir", Value::Text(render(&literal(file.dir)))),
            Line::key("env_pass", pass),
            Line::key("env_file", Value::Text(format!("-{env_file}"))).noted("the - says that it may be absent"),
        ],
    );
    page.blank();
    page.line(0, "programs:");
    for (n, (name, command)) in (0u32..).zip(&entries) {
        if n > 0 {
            page.blank();
        }
        page.line(1, &format!("{}:", crate::base::yaml_text::scalar(name)));
        let port = port.saturating_add(n.saturating_mul(PORTS_EACH));
        let env = vec![("PORT".to_owned(), port.to_string()), ("PS".to_owned(), format!("{name}.1"))];
        let mut env = Line::key("env", Value::Map(env));
        if n == 0 {
            env = env.noted(format!("PORT as foreman sets it: from {port_from} on, {PORTS_EACH} more for each type"));
        }
        page.lines(2, &[Line::key("cmd", Value::Text(render(&literal(command)))), env]);
    }
    Ok(page.finish())
}

fn entries<'t>(file: &File<'t>) -> Result<Vec<(&'t str, &'t str)>, Problem> {
    let mut entries: Vec<(&str, &str)> = Vec::new();
    for (n, line) in file.text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |text: String| Problem { file: file.name.to_owned(), line: Some(n + 1), text };
        let Some((name, command)) = entry(line) else {
            return Err(wrong("is not \"name: command\"".to_owned()));
        };
        if let Err(problem) = crate::base::id::ProgramName::new(name) {
            return Err(wrong(format!("the name {name} {problem}")));
        }
        if entries.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("{name} is given twice")));
        }
        entries.push((name, command));
    }
    if entries.is_empty() {
        let text = "has no line with \"name: command\"".to_owned();
        return Err(Problem { file: file.name.to_owned(), line: None, text });
    }
    Ok(entries)
}

/// The port of the first type, and where it comes from: `.env`, the environment, or nowhere.
fn first_port(env_file: &str, outside: &Outside<'_>) -> (u32, String) {
    let is_port = |text: &String| text.parse::<u16>().is_ok_and(|port| port > 0);
    let of_file = (outside.files)(env_file).into_iter().find_map(|file| {
        let pairs = envfile::parse(&file.text.ok()?).ok()?;
        pairs.into_iter().rev().find(|(name, _)| name == "PORT").map(|(_, value)| value)
    });
    let of_env = (outside.env)("PORT").map(|port| (port, " (of the environment)"));
    let found = of_file.map(|port| (port, " (of .env)")).or(of_env).filter(|(port, _)| is_port(port));
    match found {
        Some((port, from)) => (port.parse().unwrap_or(PORT), format!("{port}{from}")),
        None => (PORT, PORT.to_string()),
    }
}

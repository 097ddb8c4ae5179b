//! What the texts of a configuration may refer to.

use crate::import::ini::Document;
use crate::import::template::{Known, Piece, Text, format, literal, plain};
use crate::import::{Outside, Problem, shlex};

/// Names and the texts that they stand for.
pub(super) type Variables = Vec<(String, Text)>;

/// What is the same for all sections.
pub(super) struct Common<'a> {
    pub outside: &'a Outside<'a>,
    /// The `environment` of `[supervisord]`.
    pub variables: Variables,
}

/// What the options of one program may refer to; or those of another section, which knows less.
pub(super) struct Scope<'a> {
    pub common: &'a Common<'a>,
    pub here: String,
    /// Its name there, and whether it is the same here.
    pub program: Option<(String, bool)>,
    /// The same for its group.
    pub group: Option<(String, bool)>,
    /// Its own `environment`.
    pub variables: Variables,
    /// What `%(process_name)s` stands for if it is not what it is here.
    pub process_name: Option<Text>,
}

/// What the file itself and `[supervisord]` may refer to, by its value now.
pub(super) fn outer(name: &str, here: &str, outside: &Outside<'_>) -> Result<Known, String> {
    match name {
        "here" => Ok(Known::Text(literal(here))),
        "host_node_name" => Ok(Known::Text(literal(outside.host))),
        _ => match name.strip_prefix("ENV_") {
            Some(variable) => match (outside.env)(variable) {
                Some(value) => Ok(Known::Text(literal(&value))),
                None => Err(not_set(variable, name)),
            },
            None => Err(unknown(name)),
        },
    }
}

fn not_set(variable: &str, name: &str) -> String {
    format!("has %({name})s, which has to be known now: set {variable} as supervisord has it, and import again")
}

fn unknown(name: &str) -> String {
    format!("has %({name})s, which supervisord does not know here")
}

impl<'a> Common<'a> {
    /// # Errors
    /// The `environment` of `[supervisord]` cannot be read.
    pub(super) fn new(document: &Document, outside: &'a Outside<'a>) -> Result<Common<'a>, Problem> {
        let mut common = Common { outside, variables: Variables::new() };
        let section = document.get("supervisord");
        let Some(entry) = section.and_then(|section| document.value(section, "environment")) else { return Ok(common) };
        let scope = common.scope(document.dir(entry.at));
        let read = scope
            .twice(&entry.value)
            .and_then(|text| shlex::pairs(&text, &|text| scope.evaluate(text).ok().map(|(value, _)| value)));
        let variables = read.map_err(|text| document.problem(entry.at, format!("environment {text}")))?;
        common.variables = variables;
        Ok(common)
    }

    /// What a section that is no program may refer to.
    pub(super) fn scope(&self, here: &str) -> Scope<'_> {
        Scope {
            common: self,
            here: here.to_owned(),
            program: None,
            group: None,
            variables: Variables::new(),
            process_name: None,
        }
    }
}

fn find<'v>(variables: &'v Variables, name: &str) -> Option<&'v Text> {
    variables.iter().find(|(known, _)| known == name).map(|(_, text)| text)
}

impl Scope<'_> {
    /// A text that our configuration fills in.
    pub(super) fn text(&self, text: &str) -> Result<Text, String> {
        format(&literal(text), &|name| self.stays(name, true))
    }

    /// The same for the options that supervisord fills in twice.
    pub(super) fn twice(&self, text: &str) -> Result<Text, String> {
        format(&self.text(text)?, &|name| self.stays(name, true))
    }

    /// The text of an `environment`, whose variables do not know each other.
    pub(super) fn environment(&self, text: &str) -> Result<Variables, String> {
        let text = format(&literal(text), &|name| self.stays(name, false))?;
        shlex::pairs(&text, &|text| self.evaluate(text).ok().map(|(value, _)| value))
    }

    /// The value that a text has now, for what our configuration does not fill in, and whether something was filled in
    /// that may be different elsewhere.
    pub(super) fn evaluate(&self, text: &str) -> Result<(String, bool), String> {
        let pieces = format(&literal(text), &|name| self.now(name))?;
        let depends = text.contains("%(ENV_") || text.contains("%(host_node_name)");
        plain(&pieces).map(|value| (value, depends)).ok_or_else(|| "cannot be filled in".to_owned())
    }

    fn named(of: &Option<(String, bool)>, name: &str) -> Result<Known, String> {
        match of {
            Some((_, true)) => Ok(Known::Same),
            Some((text, false)) => Ok(Known::Text(literal(text))),
            None => Err(unknown(name)),
        }
    }

    fn stays(&self, name: &str, own: bool) -> Result<Known, String> {
        match name {
            "program_name" => Scope::named(&self.program, name),
            "group_name" => Scope::named(&self.group, name),
            "process_num" | "numprocs" if self.program.is_some() => Ok(Known::SameNumber),
            "process_name" if self.program.is_some() => Ok(self.process_name.clone().map_or(Known::Same, Known::Text)),
            "host_node_name" if self.program.is_some() => Ok(Known::Same),
            "here" => Ok(Known::Text(literal(&self.here))),
            _ => match name.strip_prefix("ENV_") {
                Some(variable) => Ok(self.variable(variable, own)),
                None => Err(unknown(name)),
            },
        }
    }

    /// `%(ENV_x)s`: what the program's own `environment` says, if that counts here, else that of `[supervisord]`, else
    /// the daemon's.
    fn variable(&self, name: &str, own: bool) -> Known {
        let of_program = find(&self.variables, name).filter(|_| own);
        let Some(text) = of_program.or_else(|| find(&self.common.variables, name)) else { return Known::Same };
        // A reference is easier to read, where there is a way to write it and it stays one word.
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_word = |piece: &Piece| match piece {
            Piece::Char(c) => c.is_alphanumeric() || "/.:,_+=@-".contains(*c),
            Piece::Filled(_) => true,
        };
        if own && is_name && !text.is_empty() && self.program.is_some() && text.iter().all(is_word) {
            return Known::Text(vec![Piece::Filled(format!("${{{name}}}"))]);
        }
        Known::Text(text.clone())
    }

    fn now(&self, name: &str) -> Result<Known, String> {
        let text = |of: &Option<(String, bool)>| match of {
            Some((text, _)) => Ok(Known::Text(literal(text))),
            None => Err(unknown(name)),
        };
        match name {
            "program_name" => text(&self.program),
            "group_name" => text(&self.group),
            _ => match name.strip_prefix("ENV_").and_then(|variable| find(&self.common.variables, variable)) {
                Some(value) => {
                    let filled = |piece: &Piece| match piece {
                        Piece::Char(_) => Ok(vec![piece.clone()]),
                        Piece::Filled(text) => format(&literal(text), &|name| outer(name, "", self.common.outside)),
                    };
                    let parts: Result<Vec<Text>, String> = value.iter().map(filled).collect();
                    parts.map(|parts| Known::Text(parts.concat()))
                }
                None => outer(name, &self.here, self.common.outside),
            },
        }
    }
}

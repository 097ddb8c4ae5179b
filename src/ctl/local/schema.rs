//! `schema`: the keys of the configuration as a JSON Schema, for editors.

use crate::config::schema;
use crate::ctl::exit::Exit;
use crate::ctl::show;

use super::{Given, Local};

pub(super) const SCHEMA: Local = Local {
    name: "schema",
    synopsis: "",
    summary: "Print the JSON Schema of the configuration, for editors",
    help: "\
It knows every key, what it takes and its default. An editor with a language server for YAML
uses it for a file that begins with this line, with the path of the schema:

  # yaml-language-server: $schema=/usr/local/share/taskmaster/taskmaster.schema.json
",
    flags: &[],
    words: 0,
    run,
};

fn run(_: &Given) -> Exit {
    show::print(schema::text().as_bytes())
}

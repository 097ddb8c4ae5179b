//! `schema`: the JSON Schema of the configuration.

use crate::config::schema;
use crate::ctl::show;

use super::Local;

pub(super) const SCHEMA: Local = Local {
    name: "schema",
    synopsis: "",
    summary: "Print the JSON Schema of the configuration, for editors",
    help: "\
Save it and tell the editor; with yaml-language-server by a first line in the file:
  # yaml-language-server: $schema=/usr/local/share/taskmaster/taskmaster.schema.json
",
    flags: &[],
    daemon: false,
    words: 0,
    run: |_| show::print(schema::schema().as_bytes()),
};

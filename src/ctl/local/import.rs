//! `import`: a configuration of supervisord, or a Procfile, as one of ours.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::base::errno::plain;
use crate::base::text::quoted;
use crate::base::tree;
use crate::ctl::exit::Exit;
use crate::ctl::show;
use crate::import::{self, File, Included, Kind, Outside};
use crate::load;
use crate::sys::process;

use super::{Given, Local};

pub(super) const IMPORT: Local = Local {
    name: "import",
    synopsis: "[--from supervisord|procfile] [-o FILE] FILE",
    summary: "Turn a supervisord file or a Procfile into a configuration",
    help: "\
Files that supervisord includes are taken in. What has no counterpart becomes a comment at
its place. What FILE is shows in its name and its first lines, unless --from says it.
With -o (--output) the result is written to a file. Exit status 1 if FILE cannot be read.
",
    flags: &[("o", "output", "FILE"), ("", "from", "KIND")],
    daemon: false,
    words: 1,
    run,
};

fn run(given: &Given<'_>) -> Exit {
    let Some(path) = given.words.first() else {
        return IMPORT.complain("name the file that is to be imported");
    };
    let kind = match given.value("from").as_deref() {
        None => None,
        Some("supervisord") => Some(Kind::Supervisord),
        Some("procfile") => Some(Kind::Procfile),
        Some(other) => return IMPORT.complain(&format!("--from {}: give supervisord or procfile", quoted(other))),
    };
    match imported(path, kind) {
        Ok(text) => deliver(&text, given),
        Err(text) => {
            show::complain(&format!("import: {text}"));
            Exit::Failed
        }
    }
}

fn imported(path: &str, kind: Option<Kind>) -> Result<String, String> {
    let text = read(Path::new(path)).map_err(|problem| format!("{path}: {problem}"))?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let dir = absolute.parent().unwrap_or(Path::new("/"));
    let dir = dir.to_str().ok_or_else(|| format!("{path}: the name of its directory is not UTF-8 text"))?;
    let file = File { name: path, dir, text: &text };
    let (env, host) = (|name: &str| std::env::var(name).ok(), process::host_name());
    let outside = Outside { env: &env, host: &host, files: &files };
    import::import(&file, kind, &outside).map_err(|problem| problem.to_string())
}

/// The files that match a pattern.
fn files(pattern: &str) -> Vec<Included> {
    let included = |path: PathBuf| Included { text: read(&path), path: path.to_string_lossy().into_owned() };
    match load::matching(Path::new(pattern)) {
        Ok(paths) => paths.into_iter().map(included).collect(),
        Err(error) => vec![Included { path: pattern.to_owned(), text: Err(plain(&error)) }],
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|e| plain(&e))?;
    let mut bytes = Vec::new();
    file.take(tree::TEXT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| plain(&e))?;
    if bytes.len() > tree::TEXT_BYTES {
        return Err(tree::too_large());
    }
    String::from_utf8(bytes).map_err(|e| format!("is not UTF-8 text (byte {})", e.utf8_error().valid_up_to()))
}

fn deliver(text: &str, given: &Given<'_>) -> Exit {
    let Some(output) = given.value("output") else {
        return if given.json {
            show::show_json(&json!({ "configuration": text }).to_string())
        } else {
            show::print(text.as_bytes())
        };
    };
    match fs::write(&output, text) {
        Ok(()) => {
            let text =
                format!("{output}: written; \"taskmasterctl check {output}\" says whether all of it can be used\n");
            show::print(text.as_bytes())
        }
        Err(error) => {
            show::complain(&format!("import: {output}: {}", plain(&error)));
            Exit::Failed
        }
    }
}

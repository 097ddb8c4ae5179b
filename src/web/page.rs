//! The dashboard: files that are part of the binary.

use super::reply::{Kind, Reply};

/// A file of the dashboard.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub kind: Kind,
    /// What is in it.
    pub text: &'static str,
}

impl File {
    /// The answer to whoever asks for it.
    #[must_use]
    pub fn reply(&'static self) -> Reply {
        Reply::ok(self.kind, self.text.as_bytes())
    }
}

/// The page.
pub const HTML: File = File { kind: Kind::Html, text: include_str!("page/index.html") };
/// Its style.
pub const CSS: File = File { kind: Kind::Css, text: include_str!("page/app.css") };
/// Its scripts, in the order in which they are run.
pub const BASE: File = File { kind: Kind::Script, text: include_str!("page/base.js") };
/// The list of processes.
pub const LIST: File = File { kind: Kind::Script, text: include_str!("page/list.js") };
/// One process.
pub const PROCESS: File = File { kind: Kind::Script, text: include_str!("page/process.js") };
/// What happens.
pub const APP: File = File { kind: Kind::Script, text: include_str!("page/app.js") };
/// Its icon.
pub const ICON: File = File { kind: Kind::Svg, text: include_str!("page/icon.svg") };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_needs_nothing_from_elsewhere() {
        let all = [HTML, CSS, BASE, LIST, PROCESS, APP, ICON];
        let bytes: usize = all.iter().map(|file| file.text.len()).sum();
        assert!(bytes < 60_000, "{bytes}");
        for file in all {
            for word in
                ["//cdn", "https://", "@import", "<style", " style=\"", "onclick=", "javascript:", "eval(", "innerHTML"]
            {
                assert!(!file.text.contains(word), "{:?}: {word}", file.kind);
            }
        }
        let scripts = ["base.js", "list.js", "process.js", "app.js"];
        let tags = scripts.map(|name| format!("<script src=\"{name}\" defer></script>\n")).concat();
        assert!(HTML.text.contains(&tags), "{tags}");
        assert_eq!(HTML.text.matches("<script").count(), scripts.len());
    }
}

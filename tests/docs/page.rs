//! Reads a man page in mdoc: its sections, the items of its lists, its examples and its options.

use super::{Names, read};

/// A man page in mdoc.
pub(super) struct Page {
    pub(super) name: &'static str,
    pub(super) lines: Vec<String>,
}

/// An item of a tagged list whose tag is in `Ic`: a key or a command.
pub(super) struct Item {
    /// The words of the tag up to the next macro.
    pub(super) names: Vec<String>,
    pub(super) tag: String,
    pub(super) body: Vec<String>,
}

impl Page {
    pub(super) fn open(name: &'static str) -> Page {
        Page { name, lines: read(&format!("man/{name}")).lines().map(str::to_owned).collect() }
    }

    /// The lines of a section, `Sh` or `Ss`, up to the next heading of its kind or above.
    #[track_caller]
    pub(super) fn section(&self, title: &str) -> &[String] {
        let heading = |l: &str| [".Sh ", ".Ss "].iter().any(|m| l.strip_prefix(m) == Some(title));
        let start = self.lines.iter().position(|l| heading(l));
        let start = start.unwrap_or_else(|| panic!("{} has no section {title}", self.name));
        let sub = self.lines[start].starts_with(".Ss");
        let ends = |l: &String| l.starts_with(".Sh ") || (sub && l.starts_with(".Ss "));
        let end = self.lines[start + 1..].iter().position(ends).map_or(self.lines.len(), |n| start + 1 + n);
        &self.lines[start + 1..end]
    }

    /// The plain text, macros and all.
    pub(super) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// The items of a list of keys or commands. The nested lists of an item belong to its body.
pub(super) fn items(lines: &[String]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for line in lines {
        if let Some(tag) = line.strip_prefix(".It Ic ") {
            let names = tag.split_whitespace().take_while(|w| !["Op", "Oo", "Ar", "Fl"].contains(w));
            let names = names.filter(|w| *w != ",").map(str::to_owned).collect();
            items.push(Item { names, tag: line.clone(), body: Vec::new() });
        } else if let Some(item) = items.last_mut() {
            item.body.push(line.clone());
        }
    }
    items
}

pub(super) fn names(items: &[Item]) -> Names {
    items.iter().flat_map(|i| i.names.iter().cloned()).collect()
}

/// The literal blocks, with the escapes of roff undone.
pub(super) fn literal_blocks(lines: &[String]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in lines {
        if line.starts_with(".Bd -literal") {
            block = Some(String::new());
        } else if line == ".Ed" {
            blocks.extend(block.take());
        } else if let Some(text) = &mut block {
            *text += &line.replace("\\e", "\\").replace("\\&", "");
            text.push('\n');
        }
    }
    blocks
}

/// The options in the tags of lists: `.Fl c` is `-c`, `.Fl -dry-run` is `--dry-run`.
pub(super) fn flags_in_tags(page: &Page) -> Names {
    let mut flags = Names::new();
    for line in page.lines.iter().filter(|l| l.starts_with(".It ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        flags.extend(words.windows(2).filter(|w| w[0] == "Fl").map(|w| format!("-{}", w[1])));
    }
    flags
}

/// Everything in a help text that looks like an option.
pub(super) fn flags_in_help(text: &str) -> Names {
    let words = text.split(|c: char| c.is_whitespace() || "[]()|,=\"'`.;:".contains(c));
    let option = |w: &&str| {
        let name = w.trim_start_matches('-');
        (1..=2).contains(&(w.len() - name.len())) && name.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    words.filter(option).map(str::to_owned).collect()
}

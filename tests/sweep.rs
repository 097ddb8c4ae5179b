//! Every reader of text from outside, over thousands of damaged texts: the contracts of the fuzz targets, with the same
//! chance in every run. A failure can be seen again by running it again; the text is in its message.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "its run is for the fuzz targets")]
#[path = "../fuzz/contracts.rs"]
mod contracts;
#[allow(dead_code, reason = "the sweep makes no noise")]
#[path = "support/dice.rs"]
mod dice;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use contracts::{CONTRACTS, Contract};
use dice::Dice;
use taskmaster::control::frame::{Frame, Lines};
use taskmaster::control::wire::{Message, decode, too_large};

/// How many damaged texts each contract is held to.
const ROUNDS: usize = 4000;

/// What damage puts in: signs that mean something to one of the readers.
const ODD: [&str; 24] = [
    "\0", "\n", "\r", "\\", "\"", "'", "{", "}", "[", "]", ":", ",", "- ", " ", "\t", "#", "$", "%(", "${V0}", "&a ",
    "*a", "\u{1b}", "\u{85}", "ö",
];

/// The files below a directory that end so.
fn files(dir: &Path, end: &str, out: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, end, out);
        } else if path.to_str().unwrap().ends_with(end) {
            out.push(fs::read(path).unwrap());
        }
    }
}

/// The good texts that a contract's damaged ones are made of.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    files(&root.join("fuzz/seeds").join(name), "", &mut texts);
    if let Some(format) = name.strip_prefix("config_") {
        files(&root.join("tests/dialects"), format, &mut texts);
        files(&root.join("etc"), format, &mut texts);
    }
    texts
}

/// One of the texts, with up to six kinds of damage.
fn damaged(texts: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = texts[dice.below(texts.len())].clone();
    for _ in 0..dice.below(7) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(12)).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            3 => bytes.splice(at..at, ODD[dice.below(ODD.len())].bytes()).for_each(drop),
            4 => bytes.splice(at..end, ODD[dice.below(ODD.len())].bytes()).for_each(drop),
            5 if dice.below(4) == 0 => bytes.truncate(at),
            _ => {
                let other = &texts[dice.below(texts.len())];
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(40)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied()).for_each(drop);
            }
        }
    }
    bytes
}

#[test]
fn damaged_texts_are_read_or_refused_but_never_more() {
    for &(name, contract) in CONTRACTS {
        #[cfg(not(feature = "toml"))]
        if name == "config_toml" {
            continue;
        }
        let texts = seeds(name);
        let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
        let (mut taken, mut refused) = (0, 0);
        let held = |bytes: Vec<u8>| {
            let bytes = match contract {
                // So that each of them counts.
                Contract::Text(_) => String::from_utf8_lossy(&bytes).into_owned().into_bytes(),
                Contract::Bytes(_) => bytes,
            };
            match catch_unwind(AssertUnwindSafe(|| contract.hold(&bytes))) {
                Ok(accepted) => accepted,
                Err(why) => {
                    eprintln!("{name} does not hold for \"{}\"", bytes.escape_ascii());
                    resume_unwind(why)
                }
            }
        };
        for text in &texts {
            held(text.clone());
        }
        for _ in 0..ROUNDS {
            *(if held(damaged(&texts, &mut dice)) { &mut taken } else { &mut refused }) += 1;
        }
        assert!(taken > ROUNDS / 50 && refused > ROUNDS / 50, "{name}: {taken} taken, {refused} refused: a dull sweep");
    }
}

/// What clients may send in a conversation, in every form: words, JSON, batches, notifications, and what is refused.
const CONVERSATION: &[u8] =
    b"status web\r\n\n \r\nstart 'a b'\n{\"jsonrpc\":\"2.0\",\"method\":\"pid\",\"id\":1}\nx\0y\n\xff\n \
    [{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"id\":\"\xc3\xb6\"},{}]\nlogs -f\n{\r\nversion";

/// The messages of a conversation that is read in these pieces.
fn messages<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Message> {
    let mut lines = Lines::default();
    let mut messages = Vec::new();
    let mut take = |lines: &mut Lines| {
        while let Some(frame) = lines.take() {
            messages.push(match frame {
                Frame::Line(line) => decode(line),
                Frame::TooLarge { json } => too_large(json),
            });
        }
    };
    for piece in pieces {
        lines.feed(piece);
        take(&mut lines);
    }
    lines.finish();
    take(&mut lines);
    messages
}

#[test]
fn a_conversation_is_the_same_however_it_is_torn() {
    let talk = CONVERSATION;
    let whole = messages([talk]);
    assert_eq!(whole.len(), 9, "{whole:#?}");
    assert_eq!(messages(talk.chunks(1)), whole, "byte by byte");
    for i in 0..=talk.len() {
        assert_eq!(messages([&talk[..i], &talk[i..]]), whole, "torn at {i}");
        for j in i..=talk.len() {
            assert_eq!(messages([&talk[..i], &talk[i..j], &talk[j..]]), whole, "torn at {i} and {j}");
        }
    }
}

#[test]
fn every_contract_has_its_fuzz_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut wanted: Vec<&str> = CONTRACTS.iter().map(|(name, _)| *name).collect();
    let mut listed: Vec<&str> = manifest.lines().filter_map(|l| l.strip_prefix("path = \"fuzz_targets/")).collect();
    listed.iter_mut().for_each(|name| *name = name.trim_end_matches(".rs\""));
    wanted.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, wanted);
    for name in wanted {
        let target = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("contracts::run(\"{name}\", data)")), "{target}");
    }
}

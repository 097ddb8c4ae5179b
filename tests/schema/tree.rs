//! Documents that are changed at random: trees that can be written down again, scalars as they are spelled.

use serde_json::json;
use taskmaster::base::tree::{Node, Scalar, Value};

use crate::support::dice::Dice;

/// A document that can be changed: scalars as they are spelled.
#[derive(Clone, Debug)]
pub enum Tree {
    Raw(String),
    Seq(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub fn of(node: &Node<'_>) -> Tree {
        match &node.value {
            Value::Null => Tree::Raw("null".to_owned()),
            Value::Scalar(Scalar::Text, text) => Tree::Raw(json!(text).to_string()),
            Value::Scalar(_, text) => Tree::Raw(text.to_string()),
            Value::Seq(items) => Tree::Seq(items.iter().map(Tree::of).collect()),
            Value::Map(entries) => Tree::Map(entries.iter().map(|e| (e.key.to_string(), Tree::of(&e.value))).collect()),
        }
    }

    pub fn text(&self) -> String {
        match self {
            Tree::Raw(text) => text.clone(),
            Tree::Seq(items) => format!("[{}]", items.iter().map(Tree::text).collect::<Vec<_>>().join(", ")),
            Tree::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", json!(key), value.text()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub fn count(&self) -> usize {
        1 + match self {
            Tree::Raw(_) => 0,
            Tree::Seq(items) => items.iter().map(Tree::count).sum(),
            Tree::Map(entries) => entries.iter().map(|(_, value)| value.count()).sum(),
        }
    }

    /// The value with this number, counted from the root.
    fn nth(&mut self, n: usize) -> &mut Tree {
        if n == 0 {
            return self;
        }
        let mut left = n - 1;
        let inner: Vec<&mut Tree> = match self {
            Tree::Raw(_) => Vec::new(),
            Tree::Seq(items) => items.iter_mut().collect(),
            Tree::Map(entries) => entries.iter_mut().map(|(_, value)| value).collect(),
        };
        for tree in inner {
            if left < tree.count() {
                return tree.nth(left);
            }
            left -= tree.count();
        }
        unreachable!("there are as many as were counted")
    }
}

/// Changes documents: puts values in the place of others, names keys anew, takes some away and adds some.
pub struct Mutator {
    dice: Dice,
    keys: Vec<String>,
    values: Vec<&'static str>,
}

impl Mutator {
    pub fn new(seed: u64, keys: Vec<String>, values: Vec<&'static str>) -> Mutator {
        Mutator { dice: Dice::new(seed), keys, values }
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from((self.dice.roll() >> 8) % n as u64).unwrap()
    }

    pub fn change(&mut self, tree: &mut Tree) {
        let at = self.below(tree.count());
        let value = self.below(self.values.len());
        let value = self.values[value].to_owned();
        let key = self.below(self.keys.len());
        let key = self.keys[key].clone();
        let (roll, spot) = (self.below(6), self.below(1000));
        match (roll, tree.nth(at)) {
            (0, place) => *place = Tree::Raw(value),
            (1, Tree::Map(entries)) if !entries.is_empty() => {
                let spot = spot % entries.len();
                entries[spot].0 = key;
            }
            (2, Tree::Map(entries)) if !entries.is_empty() => drop(entries.remove(spot % entries.len())),
            (3, Tree::Map(entries)) if !entries.is_empty() => {
                let spot = spot % entries.len();
                entries[spot].1 = Tree::Raw(value);
            }
            (4, Tree::Map(entries)) => entries.push((key, Tree::Raw(value))),
            (_, Tree::Seq(items)) => items.push(Tree::Raw(value)),
            (_, Tree::Raw(text)) => *text = number_like(text, spot).unwrap_or(value),
            (_, Tree::Map(_)) => {}
        }
    }
}

/// Another number in the place of one.
fn number_like(text: &str, spot: usize) -> Option<String> {
    let number: i64 = text.parse().ok()?;
    let all = [number + 1, number - 1, -number, number.saturating_mul(10), number.saturating_mul(100_000), 0];
    Some(all[spot % all.len()].to_string())
}

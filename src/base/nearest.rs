//! "Did you mean …?": the nearest of some known words.

/// The word of `known` that is nearest to `word`, if it is near enough to be worth suggesting.
///
/// Near means an edit distance (insert, delete, replace, swap two neighbours) of at most a third of the longer word.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    known
        .into_iter()
        // The distance is at least the difference in length: a word of megabytes must not be measured to be refused.
        .filter(|k| length <= 2 * k.len())
        .map(|k| (distance(&lower, &k.to_lowercase()), k))
        .filter(|(d, k)| *d * 3 <= word.chars().count().max(k.chars().count()))
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// ` (did you mean "web"?)`, or nothing: to be put behind an error's text.
#[must_use]
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |k| format!(" (did you mean \"{k}\"?)"))
}

/// Optimal string alignment distance, by three rows of its table.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    let mut previous = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        let mut left_char = None;
        for (j, &cb) in b.iter().enumerate() {
            let at = |r: &[usize], k: usize| r.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && previous == Some(cb) && left_char == Some(ca) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
            left_char = Some(cb);
        }
        previous = Some(ca);
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [("", "", 0), ("", "abc", 3), ("cmd", "cmd", 0), ("cdm", "cmd", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        let keys = ["cmd", "numprocs", "autostart", "autorestart"];
        assert_eq!(nearest("numproc", keys), Some("numprocs"));
        assert_eq!(nearest("AutoStrat", keys), Some("autostart"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(suggestion("cdm", keys), " (did you mean \"cmd\"?)");
        assert_eq!(suggestion("x", keys), "");
        assert_eq!(nearest(&"cmd".repeat(1_000_000), keys), None);
    }
}

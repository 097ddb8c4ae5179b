//! What people type to say which processes they mean.

use super::id::{ProgramName, member_name};

/// A choice of processes: `all`, `web`, `worker:*`, `worker:worker_01`, `worker:1`, `worker_01`, globs (`w*`,
/// `worker:worker_0[1-3]`), and of a group of programs `GROUP:*`, `GROUP:web`, `GROUP:worker_01`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    program: String,
    process: Option<String>,
}

impl Selector {
    /// Reads a selector. Anything is one; whether it selects something shows when it is held against names.
    #[must_use]
    pub fn parse(text: &str) -> Selector {
        match text.split_once(':') {
            Some((program, process)) => Selector { program: program.to_owned(), process: Some(process.to_owned()) },
            None => Selector { program: text.to_owned(), process: None },
        }
    }

    /// Whether it means process `num` of `program`, which may be in a group.
    #[must_use]
    pub fn matches(&self, program: &ProgramName, num: u32, group: Option<&ProgramName>) -> bool {
        let own_name = || member_name(program, num);
        let in_group = |process: &str| {
            group.is_some_and(|group| glob(&self.program, group.as_str()))
                && (glob(process, program.as_str()) || glob(process, &own_name()))
        };
        match &self.process {
            None => {
                self.program == "all"
                    || self.program == "*"
                    || glob(&self.program, program.as_str())
                    || (self.program.contains('_') && glob(&self.program, &own_name()))
            }
            Some(process) => {
                in_group(process)
                    || (glob(&self.program, program.as_str())
                        && (process == "*"
                            || process.parse::<u32>().is_ok_and(|n| n == num)
                            || glob(process, &own_name())
                            || (process == program.as_str() && num == 0)))
            }
        }
    }
}

/// Whether `text` matches a shell pattern of `*`, `?`, `[a-z]`, `[!a-z]`. A pattern without these is the text itself.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut pi, mut ti) = (0, 0);
    // Where to go back to when the rest does not match: behind the last star, and one character further in the text.
    let mut back: Option<(usize, usize)> = None;
    while let Some(&c) = t.get(ti) {
        if p.get(pi) == Some(&'*') {
            pi += 1;
            back = Some((pi, ti));
            continue;
        }
        if let Some(width) = one(p.get(pi..).unwrap_or_default(), c) {
            pi += width;
            ti += 1;
            continue;
        }
        match &mut back {
            Some((star, from)) => {
                *from += 1;
                (pi, ti) = (*star, *from);
            }
            None => return false,
        }
    }
    p.get(pi..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// If the first element of `pattern` matches `c`, how many characters of the pattern it takes.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', rest @ ..] => {
            let (negated, set_at) = match rest {
                ['!' | '^', ..] => (true, 2),
                _ => (false, 1),
            };
            let set = pattern.get(set_at..)?;
            // A bracket that closes at once stands for itself.
            let Some(end) = set.iter().skip(1).position(|x| *x == ']').map(|i| i + 1) else {
                return (c == '[').then_some(1);
            };
            let mut members = set.get(..end)?;
            let mut found = false;
            while let [first, tail @ ..] = members {
                if let ['-', last, more @ ..] = tail {
                    found |= (*first..=*last).contains(&c);
                    members = more;
                } else {
                    found |= *first == c;
                    members = tail;
                }
            }
            (found != negated).then_some(set_at + end + 1)
        }
        [x, ..] => (*x == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (p, t) in [
            ("web", "web"),
            ("*", ""),
            ("w*", "web"),
            ("*b", "web"),
            ("w?b", "web"),
            ("w[a-f]b", "web"),
            ("w[!x-z]b", "web"),
            ("*_0[1-3]", "a_b_02"),
            ("a*b*c", "axxbyyc"),
            ("[", "["),
            ("**", "x"),
        ] {
            assert!(glob(p, t), "{p} {t}");
        }
        for (p, t) in
            [("web", "we"), ("w?", "web"), ("w[a-d]b", "web"), ("", "x"), ("a*b", "ac"), ("w[!e]b", "web"), ("?", "")]
        {
            assert!(!glob(p, t), "{p} {t}");
        }
    }

    #[test]
    fn selectors() {
        let worker = ProgramName::new("worker").unwrap();
        let hits = |text: &str| (0..4).filter(|n| Selector::parse(text).matches(&worker, *n, None)).collect::<Vec<_>>();
        assert_eq!(hits("all"), [0, 1, 2, 3]);
        assert_eq!(hits("worker"), [0, 1, 2, 3]);
        assert_eq!(hits("worker:*"), [0, 1, 2, 3]);
        assert_eq!(hits("work*"), [0, 1, 2, 3]);
        assert_eq!(hits("worker:worker_02"), [2]);
        assert_eq!(hits("worker_02"), [2]);
        assert_eq!(hits("worker:2"), [2]);
        assert_eq!(hits("worker:02"), [2]);
        assert_eq!(hits("worker:worker_0[12]"), [1, 2]);
        assert!(hits("worker:9").is_empty());
        assert!(hits("web").is_empty());
        assert_eq!(hits("worker:worker"), [0]);
    }

    #[test]
    fn groups() {
        let [worker, team] = ["worker", "team"].map(|name| ProgramName::new(name).unwrap());
        let hits =
            |text: &str| (0..3).filter(|n| Selector::parse(text).matches(&worker, *n, Some(&team))).collect::<Vec<_>>();
        assert_eq!(hits("team:*"), [0, 1, 2]);
        assert_eq!(hits("te*:*"), [0, 1, 2]);
        assert_eq!(hits("team:worker"), [0, 1, 2]);
        assert_eq!(hits("team:worker_01"), [1]);
        assert_eq!(hits("worker:1"), [1]);
        for text in ["team", "team:1", "team:web", "tea:*", "other:worker"] {
            assert!(hits(text).is_empty(), "{text}");
        }
    }
}

//! How the kernel shares processors and disks between processes: sets of processors, and classes of input and output.

use std::fmt;

use super::nearest::suggestion;
use super::text::quoted;

/// The most processors that Linux can be built for.
pub const CPUS: u16 = 8192;

/// A set of processors by their numbers, ascending, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpus(Vec<u16>);

impl Cpus {
    /// Reads `0-3,6`.
    ///
    /// # Errors
    /// It is not such a list, as the end of a sentence about what was to be read.
    pub fn parse(text: &str) -> Result<Cpus, String> {
        let number = |digits: &str| {
            let digits = digits.trim();
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().unwrap_or(u16::MAX))
        };
        let mut all = Vec::new();
        for part in text.split(',') {
            let range = part.split_once('-').map_or((number(part), number(part)), |(a, b)| (number(a), number(b)));
            let (Some(first), Some(last)) = range else {
                return Err(format!("{} is not a list of processors such as 0-3,6", quoted(text)));
            };
            if first.max(last) >= CPUS {
                return Err(format!("{} is out of range (0 to {})", quoted(part.trim()), CPUS - 1));
            }
            if first > last {
                return Err(format!("{} goes backwards", quoted(part.trim())));
            }
            all.extend(first..=last);
        }
        Ok(Cpus::new(all))
    }

    /// The set of these.
    #[must_use]
    pub fn new(mut numbers: Vec<u16>) -> Cpus {
        numbers.sort_unstable();
        numbers.dedup();
        numbers.shrink_to_fit();
        Cpus(numbers)
    }

    /// The numbers, ascending.
    #[must_use]
    pub fn numbers(&self) -> &[u16] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Cpus {
    /// `0-3,6`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for &number in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                Some(_) | None => ranges.push((number, number)),
            }
        }
        let shown = ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
        f.write_str(&shown.collect::<Vec<_>>().join(","))
    }
}

/// Class and level of input and output, as ionice(1) sets them. The level is 0 to 7, lower is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoPriority {
    /// `realtime:N`: before everybody else.
    Realtime(u8),
    /// `best-effort:N`: as usual.
    BestEffort(u8),
    /// `idle`: only when nobody else wants the disk.
    Idle,
}

impl IoPriority {
    /// The names of the classes.
    pub const CLASSES: [&'static str; 3] = ["realtime", "best-effort", "idle"];
    /// The level of a class that is named without one.
    const MIDDLE: u8 = 4;

    /// Reads `idle`, `best-effort`, `best-effort:4`, `realtime:0`.
    ///
    /// # Errors
    /// It is none of these, as the end of a sentence about what was to be read.
    pub fn parse(text: &str) -> Result<IoPriority, String> {
        let lower = text.to_ascii_lowercase();
        let (class, level) =
            lower.split_once(':').map_or((lower.as_str(), None), |(class, level)| (class, Some(level)));
        let number = match level {
            None => IoPriority::MIDDLE,
            Some(digits) => match digits.as_bytes() {
                [digit @ b'0'..=b'7'] => digit - b'0',
                _ => return Err(format!("{}: the level behind the colon is not 0 to 7", quoted(text))),
            },
        };
        match class {
            "realtime" => Ok(IoPriority::Realtime(number)),
            "best-effort" => Ok(IoPriority::BestEffort(number)),
            "idle" if level.is_none() => Ok(IoPriority::Idle),
            "idle" => Err(format!("{}: idle has no levels", quoted(text))),
            _ => Err(format!(
                "{} is not idle, best-effort:0 to 7 or realtime:0 to 7{}",
                quoted(text),
                suggestion(class, IoPriority::CLASSES)
            )),
        }
    }

    /// As the kernel takes it.
    #[must_use]
    pub fn number(self) -> u32 {
        const CLASS_SHIFT: u32 = 13;
        match self {
            IoPriority::Realtime(level) => 1 << CLASS_SHIFT | u32::from(level),
            IoPriority::BestEffort(level) => 2 << CLASS_SHIFT | u32::from(level),
            IoPriority::Idle => 3 << CLASS_SHIFT,
        }
    }
}

impl fmt::Display for IoPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IoPriority::Realtime(level) => write!(f, "realtime:{level}"),
            IoPriority::BestEffort(level) => write!(f, "best-effort:{level}"),
            IoPriority::Idle => f.write_str("idle"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors() {
        for (text, want) in [("0-3,6", "0-3,6"), ("6,0, 1", "0-1,6"), ("5", "5"), ("1-1,1", "1"), ("8191", "8191")] {
            assert_eq!(Cpus::parse(text).unwrap().to_string(), want);
        }
        for text in ["", ",", "1-", "-1", "3-1", "a", "8192", "1,,2", "99999999999", "1.5", "0-99999"] {
            assert!(Cpus::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn classes_of_input_and_output() {
        for (text, number) in
            [("idle", 3 << 13), ("best-effort:4", 2 << 13 | 4), ("Realtime:0", 1 << 13), ("best-effort", 2 << 13 | 4)]
        {
            let priority = IoPriority::parse(text).unwrap();
            assert_eq!(priority.number(), number);
            assert_eq!(IoPriority::parse(&priority.to_string()), Ok(priority));
        }
        for text in ["", "idle:1", "best-effort:8", "best-effort:", "realtime:-1", "rt"] {
            assert!(IoPriority::parse(text).is_err(), "{text:?}");
        }
        assert!(IoPriority::parse("best-efort:1").unwrap_err().contains("did you mean \"best-effort\"?"));
    }
}

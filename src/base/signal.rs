//! Signals by name and number, as signal(7) lists them for Linux.

use std::fmt;

use super::nearest::suggestion;
use super::text::quoted;

/// A signal number that exists on Linux: 1 to 64 without the two that the C library keeps for itself (32, 33).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sig(u8);

/// Names for the signals 1 to 31, in order. The numbers are those of x86, Arm and RISC-V.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// The first real-time signal that programs may use, as the C library sees it.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

impl Sig {
    /// Hang-up; many programs reload on it.
    pub const HUP: Sig = Sig(1);
    /// Interrupt from the terminal.
    pub const INT: Sig = Sig(2);
    /// Quit from the terminal.
    pub const QUIT: Sig = Sig(3);
    /// Kill; cannot be caught.
    pub const KILL: Sig = Sig(9);
    /// First user signal.
    pub const USR1: Sig = Sig(10);
    /// Second user signal.
    pub const USR2: Sig = Sig(12);
    /// The polite request to end.
    pub const TERM: Sig = Sig(15);
    /// A child changed its state.
    pub const CHLD: Sig = Sig(17);
    /// Continue if stopped.
    pub const CONT: Sig = Sig(18);
    /// Stop, from the terminal.
    pub const TSTP: Sig = Sig(20);
    /// The terminal has another size.
    pub const WINCH: Sig = Sig(28);

    /// The power fails; what containers are sometimes told to halt by.
    pub const PWR: Sig = Sig(30);
    /// `RTMIN+3`: what an init of the systemd kind is told to halt by.
    pub const HALT: Sig = Sig(RTMIN + 3);

    /// The signal with this number, if there is one.
    #[must_use]
    pub fn from_number(n: i32) -> Option<Sig> {
        let n = u8::try_from(n).ok()?;
        (matches!(n, 1..=31) || matches!(n, RTMIN..=RTMAX)).then_some(Sig(n))
    }

    /// The signal that ended a process: also the two that the C library keeps for itself, which can be sent by number.
    #[must_use]
    pub fn that_killed(n: i32) -> Option<Sig> {
        u8::try_from(n).ok().filter(|n| (1..=RTMAX).contains(n)).map(Sig)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `SIGRTMAX-1`, and the usual aliases (`CLD`, `IOT`, `POLL`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Sig> {
        if let Ok(n) = text.parse::<i32>() {
            return Sig::from_number(n);
        }
        let name = bare(text);
        let name = name.as_str();
        if let Some(i) = NAMES.iter().position(|n| *n == name) {
            return Sig::from_number(i32::try_from(i + 1).ok()?);
        }
        // At most two digits: what comes from outside must not overflow a sum.
        let offset = |rest: &str| match rest.get(1..) {
            None => Some(0),
            Some(digits) if (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse::<i32>().ok()
            }
            Some(_) => None,
        };
        if let Some(rest) = name.strip_prefix("RTMIN").filter(|r| r.is_empty() || r.starts_with('+')) {
            return Sig::realtime(i32::from(RTMIN) + offset(rest)?);
        }
        if let Some(rest) = name.strip_prefix("RTMAX").filter(|r| r.is_empty() || r.starts_with('-')) {
            return Sig::realtime(i32::from(RTMAX) - offset(rest)?);
        }
        match name {
            "CLD" => Some(Sig::CHLD),
            "IOT" => Some(Sig(6)),
            "POLL" => Some(Sig(29)),
            _ => None,
        }
    }

    /// The same for people: with what is wrong, and what may have been meant.
    ///
    /// # Errors
    /// There is no such signal.
    pub fn read(text: &str) -> Result<Sig, String> {
        let near = || suggestion(&bare(text), NAMES);
        Sig::parse(text).ok_or_else(|| format!("no signal {}{}", quoted(text), near()))
    }

    fn realtime(n: i32) -> Option<Sig> {
        Sig::from_number(n).filter(|s| s.0 >= RTMIN)
    }

    /// All names a configuration may use, without the real-time signals: for suggestions.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }
}

/// A name in capitals, without `SIG`.
fn bare(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    upper.strip_prefix("SIG").unwrap_or(&upper).to_owned()
}

impl fmt::Display for Sig {
    /// `SIGTERM`, `SIGRTMIN`, `SIGRTMIN+3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0).wrapping_sub(1)) {
            Some(name) => write!(f, "SIG{name}"),
            None if self.0 < RTMIN => write!(f, "signal {}", self.0),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_prints_and_parses_back() {
        let mut seen = 0;
        for n in -1..=70 {
            if let Some(sig) = Sig::from_number(n) {
                seen += 1;
                assert_eq!(Sig::parse(&sig.to_string()), Some(sig));
                assert_eq!(Sig::parse(&sig.to_string()[3..].to_lowercase()), Some(sig));
                assert_eq!(Sig::parse(&n.to_string()), Some(sig));
            }
        }
        assert_eq!(seen, 31 + 31);
    }

    #[test]
    fn odd_names_are_refused() {
        for text in [
            "",
            "SIG",
            "0",
            "32",
            "33",
            "65",
            "-1",
            "RTMIN-1",
            "RTMAX+1",
            "RTMIN+99",
            "RTMIN+2147483647",
            "RTMAX--2147483648",
            "RTMIN+",
            "TERM ",
            "FOO",
        ] {
            assert_eq!(Sig::parse(text), None, "{text:?}");
        }
        assert_eq!(Sig::parse("RTMAX-1").map(Sig::number), Some(63));
        assert_eq!(Sig::read("sigint"), Ok(Sig::INT));
        assert_eq!(Sig::read("SIGTREM"), Err("no signal \"SIGTREM\" (did you mean \"TERM\"?)".to_owned()));
    }
}

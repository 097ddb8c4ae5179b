//! How a process ended.

use std::fmt;

use super::signal::Sig;

/// The end of a process, as waitid(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It called `exit` with this status (the low 8 bits, as the kernel keeps them).
    Code(u8),
    /// A signal ended it.
    Signal {
        /// Which one.
        sig: Sig,
        /// Whether a core was dumped.
        core: bool,
    },
    /// SIGKILL ended it, sent by the kernel because its cgroup was out of memory.
    OutOfMemory,
}

impl Exit {
    /// What whoever waits for a process is told in its place, as shells tell it: 128 and the number of the signal.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal { sig, .. } => u8::try_from(128 + sig.number()).unwrap_or(u8::MAX),
            Exit::OutOfMemory => Exit::Signal { sig: Sig::KILL, core: false }.code(),
        }
    }
}

impl fmt::Display for Exit {
    /// `exit status 3`, `killed by SIGSEGV (core dumped)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit status {code}"),
            Exit::Signal { sig, core: false } => write!(f, "killed by {sig}"),
            Exit::Signal { sig, core: true } => write!(f, "killed by {sig} (core dumped)"),
            Exit::OutOfMemory => write!(f, "killed by {} (out of memory)", Sig::KILL),
        }
    }
}

/// A set of exit codes: the key `exitcodes`. One bit a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCodes([u64; 4]);

impl ExitCodes {
    /// The set of these codes.
    #[must_use]
    pub fn new(codes: impl IntoIterator<Item = u8>) -> ExitCodes {
        let mut bits = [0u64; 4];
        for code in codes {
            if let Some(word) = bits.get_mut(usize::from(code >> 6)) {
                *word |= 1 << (code & 63);
            }
        }
        ExitCodes(bits)
    }

    /// Whether this end was expected: an exit status of the set. Death by a signal never is, as in supervisord.
    #[must_use]
    pub fn expect(&self, exit: Exit) -> bool {
        match exit {
            Exit::Code(code) => self.0.get(usize::from(code >> 6)).is_some_and(|word| word >> (code & 63) & 1 == 1),
            Exit::Signal { .. } | Exit::OutOfMemory => false,
        }
    }

    /// The codes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=255u8).filter(|code| self.expect(Exit::Code(*code)))
    }
}

impl fmt::Display for ExitCodes {
    /// `[0, 2]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, code) in self.iter().enumerate() {
            write!(f, "{}{code}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_a_set() {
        let set = ExitCodes::new([0, 2, 63, 64, 255, 2]);
        assert_eq!(set.to_string(), "[0, 2, 63, 64, 255]");
        for code in 0..=255 {
            assert_eq!(set.expect(Exit::Code(code)), [0, 2, 63, 64, 255].contains(&code));
        }
        assert!(!set.expect(Exit::Signal { sig: Sig::TERM, core: false }));
    }

    #[test]
    fn ends_read_well() {
        assert_eq!(Exit::Code(3).to_string(), "exit status 3");
        let segv = Sig::from_number(11).unwrap();
        assert_eq!(Exit::Signal { sig: segv, core: true }.to_string(), "killed by SIGSEGV (core dumped)");
        assert_eq!(Exit::Signal { sig: Sig::KILL, core: false }.to_string(), "killed by SIGKILL");
        assert_eq!(Exit::OutOfMemory.to_string(), "killed by SIGKILL (out of memory)");
        assert!(!ExitCodes::new(0..=255).expect(Exit::OutOfMemory));
    }
}

//! What is typed, and the keys among it by which one leaves.

/// Ctrl-P and Ctrl-Q, as a terminal sends them.
const CTRL_P: u8 = 0x10;
const CTRL_Q: u8 = 0x11;

/// Looks for Ctrl-P Ctrl-Q. Ctrl-P waits for the next key; if that is another, both are typed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Ctrl-P was pressed last, and is held back.
    held: bool,
}

impl Keys {
    /// Appends what is meant for the process; whether that ends with the keys to leave. What comes behind them is dropped.
    pub fn pass(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for &key in typed {
            match (self.held, key) {
                (true, CTRL_Q) => return true,
                (true, key) => {
                    self.held = false;
                    out.extend_from_slice(&[CTRL_P, key]);
                }
                (false, CTRL_P) => self.held = true,
                (false, key) => out.push(key),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_leave() {
        for (typed, passed, left) in [
            (&["ls\r"][..], "ls\r", false),
            (&["a\u{10}\u{11}b"], "a", true),
            (&["a\u{10}", "\u{11}"], "a", true),
            (&["\u{10}a\u{11}"], "\u{10}a\u{11}", false),
            (&["\u{10}\u{10}\u{11}"], "\u{10}\u{10}\u{11}", false),
            (&["\u{10}", "\u{10}", "\u{10}\u{11}"], "\u{10}\u{10}", true),
            (&["a\u{10}"], "a", false),
        ] {
            let (mut keys, mut out) = (Keys::default(), Vec::new());
            let ended = typed.iter().any(|part| keys.pass(part.as_bytes(), &mut out));
            assert_eq!((String::from_utf8(out).unwrap().as_str(), ended), (passed, left), "{typed:?}");
        }
    }
}

//! Lines that match a regular expression.

use crate::base::text::quoted;

/// A regular expression. It takes a time that is proportional to the line, whatever it is.
#[cfg(feature = "regex")]
#[derive(Clone, Debug)]
pub struct Grep(regex_lite::Regex);

#[cfg(feature = "regex")]
impl Grep {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pattern: &str) -> Result<Grep, String> {
        regex_lite::Regex::new(pattern).map(Grep).map_err(|error| format!("--grep {}: {error}", quoted(pattern)))
    }

    /// Whether a line matches.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        self.0.is_match(&String::from_utf8_lossy(line))
    }
}

/// Without the feature there are none.
#[cfg(not(feature = "regex"))]
#[derive(Clone, Debug)]
pub enum Grep {}

#[cfg(not(feature = "regex"))]
impl Grep {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn new(pattern: &str) -> Result<Grep, String> {
        Err(format!("--grep {}: this taskmasterctl was built without regular expressions", quoted(pattern)))
    }

    /// Whether a line matches.
    #[must_use]
    pub fn matches(&self, _: &[u8]) -> bool {
        match *self {}
    }
}

//! Regular expressions over lines. Without the feature `regex` there are none.

/// A regular expression. To match takes a time that is proportional to the line, whatever the expression is.
#[cfg(feature = "regex")]
#[derive(Clone, Debug)]
pub struct Pattern(regex_lite::Regex);

#[cfg(feature = "regex")]
impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Pattern, String> {
        regex_lite::Regex::new(text).map(Pattern).map_err(|error| error.to_string())
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
pub enum Pattern {}

#[cfg(not(feature = "regex"))]
impl Pattern {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn new(_: &str) -> Result<Pattern, String> {
        Err("this was built without regular expressions".to_owned())
    }

    /// Whether a line matches.
    #[must_use]
    pub fn matches(&self, _: &[u8]) -> bool {
        match *self {}
    }
}

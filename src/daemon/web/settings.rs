//! What the configuration says of HTTP, as far as it may change while the daemon runs.

use std::path::Path;

use crate::config::model::HttpConfig;
use crate::daemon::error::Error;
use crate::web::guard::Rules;

use super::token;

/// What is gone by.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether anything may be changed.
    pub(super) control: bool,
    /// The token that has to be shown; `None` if there is none.
    pub(super) token: Option<String>,
    /// Who may ask at all.
    pub(super) rules: Rules,
}

impl Settings {
    /// Reads the token's file; makes it if it is not there and `make` is set.
    ///
    /// # Errors
    /// It cannot be used.
    pub(super) fn read(config: Option<&HttpConfig>, make: bool) -> Result<Settings, Error> {
        let Some(HttpConfig { listen: _, control, token_file, hosts }) = config else { return Ok(Settings::default()) };
        let token = match token_file.as_deref().map(Path::new) {
            Some(path) if make || path.exists() => Some(token::read(path)?),
            Some(_) | None => None,
        };
        Ok(Settings { control: *control, token, rules: Rules { hosts: hosts.clone() } })
    }
}

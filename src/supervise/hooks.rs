//! Hooks: the commands that a program wants run at the turns of the life of its processes.
//!
//! They are run as tasks.

use crate::base::id::{Key, Run};
use crate::base::time::Mono;
use crate::config::model::Hook;

use super::action::Action;
use super::fleet::Fleet;
use super::task::Outcome;

impl Fleet {
    /// A hook is over.
    pub(super) fn hook_ended(
        &mut self,
        _key: Key,
        _run: Run,
        _hook: Hook,
        _outcome: Outcome,
        _now: Mono,
        _out: &mut Vec<Action>,
    ) {
    }
}

//! The plan of a reload as lines for people.

use crate::base::text::Plain;
use crate::control::message::{Change, ChangeAction, KeyChange, PlanReport, Then};

use super::put;

/// Appends the lines of a plan: each process that is touched with its keys, the daemon, and how many there are of each.
pub(super) fn write(plan: &PlanReport, text: &mut String) {
    let mut changes = plan.changes.iter().peekable();
    while let Some(change) = changes.next() {
        put(text, format_args!("{}: {}\n", Plain(&change.name), what_happens(change, plan.dry_run)));
        // The processes of a program have the same keys: they are listed once, below the last of them.
        let again = changes.peek().is_some_and(|next| {
            (next.action, next.then, &next.keys) == (change.action, change.then, &change.keys)
                && same_program(next, change)
        });
        if !again {
            keys(&change.keys, "needs a restart", text);
        }
    }
    if !plan.daemon.is_empty() {
        let live = plan.daemon.iter().any(|key| !key.needs_restart);
        let head = match (live, plan.dry_run) {
            (true, true) => "would be updated in place",
            (true, false) => "updated in place",
            (false, _) => "has to be started anew for what has changed",
        };
        put(text, format_args!("taskmasterd: {head}\n"));
        keys(&plan.daemon, "when the daemon is started anew", text);
    }
    let count = |action: ChangeAction| plan.changes.iter().filter(|c| c.action == action).count();
    if plan.dry_run {
        text.push_str("would be ");
    }
    put(
        text,
        format_args!(
            "added {}, removed {}, restarted {}, updated {}, unchanged {}\n",
            count(ChangeAction::Added),
            count(ChangeAction::Removed),
            count(ChangeAction::Restarted),
            count(ChangeAction::Updated),
            plan.unchanged
        ),
    );
}

fn same_program(a: &Change, b: &Change) -> bool {
    let program = |c: &Change| c.name.split_once(':').map(|(program, _)| program.to_owned());
    program(a).is_some_and(|name| program(b) == Some(name))
}

/// What a reload does with a process, after its name.
fn what_happens(change: &Change, dry_run: bool) -> String {
    let what = match (change.action, change.then) {
        (ChangeAction::Added, Then::StaysDown) => "added, not started",
        (ChangeAction::Added, Then::BySchedule) => "added, runs by its schedule",
        (ChangeAction::Added, Then::OnDemand) => "added, waits for a connection",
        (ChangeAction::Added, Then::Starts | Then::Restarts | Then::Stops | Then::GoesOn) => "added and started",
        (ChangeAction::Removed, Then::Stops) => "stopped and removed",
        (
            ChangeAction::Removed,
            Then::Starts | Then::Restarts | Then::GoesOn | Then::StaysDown | Then::BySchedule | Then::OnDemand,
        ) => "removed",
        (ChangeAction::Restarted, Then::Starts) => "restarted (it does not run now)",
        (
            ChangeAction::Restarted,
            Then::Restarts | Then::Stops | Then::GoesOn | Then::StaysDown | Then::BySchedule | Then::OnDemand,
        ) => "restarted",
        (ChangeAction::Updated, Then::BySchedule) => "updated, runs by its schedule",
        (ChangeAction::Updated, Then::OnDemand) => "updated, waits for a connection",
        (ChangeAction::Updated, Then::StaysDown) => "updated, stays down",
        (ChangeAction::Updated, Then::Stops) => "updated on its way down",
        (ChangeAction::Updated, Then::Starts | Then::Restarts | Then::GoesOn) => "updated in place",
    };
    if dry_run { format!("would be {what}") } else { what.to_owned() }
}

/// Each key on a line of its own: `    cmd: old -> new (needs a restart)`.
fn keys(keys: &[KeyChange], restart: &str, text: &mut String) {
    for k in keys {
        put(text, format_args!("    {}: {} -> {}", Plain(&k.key), Plain(&k.old), Plain(&k.new)));
        if k.needs_restart {
            put(text, format_args!(" ({restart})"));
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(plan: &PlanReport) -> String {
        let mut text = String::new();
        write(plan, &mut text);
        text
    }

    fn key(key: &str, old: &str, new: &str, needs_restart: bool) -> KeyChange {
        KeyChange { key: key.into(), old: old.into(), new: new.into(), needs_restart }
    }

    #[test]
    fn plans() {
        let change = |name: &str, action, then, keys| Change { name: name.into(), action, then, keys };
        let both = || vec![key("cmd", "old", "new", true), key("stoptime", "10s", "5s", false)];
        let mut plan = PlanReport {
            dry_run: false,
            changes: vec![
                change("api", ChangeAction::Added, Then::Starts, vec![]),
                change("web:web_00", ChangeAction::Restarted, Then::Restarts, both()),
                change("web:web_01", ChangeAction::Restarted, Then::Restarts, both()),
                change("web:web_02", ChangeAction::Updated, Then::StaysDown, both()),
                change("wec", ChangeAction::Updated, Then::GoesOn, vec![key("priority", "1", "2", false)]),
                change("wed", ChangeAction::Updated, Then::GoesOn, vec![key("priority", "1", "2", false)]),
            ],
            unchanged: 7,
            daemon: vec![key("loglevel", "info", "debug", false), key("logfile", "a", "b", true)],
            needs_daemon_restart: vec!["logfile".into()],
        };
        assert_eq!(
            text(&plan),
            "\
api: added and started
web:web_00: restarted
web:web_01: restarted
    cmd: old -> new (needs a restart)
    stoptime: 10s -> 5s
web:web_02: updated, stays down
    cmd: old -> new (needs a restart)
    stoptime: 10s -> 5s
wec: updated in place
    priority: 1 -> 2
wed: updated in place
    priority: 1 -> 2
taskmasterd: updated in place
    loglevel: info -> debug
    logfile: a -> b (when the daemon is started anew)
added 1, removed 0, restarted 2, updated 3, unchanged 7
"
        );
        (plan.dry_run, plan.changes) = (true, vec![change("old", ChangeAction::Removed, Then::Stops, vec![])]);
        plan.daemon.remove(0);
        assert_eq!(
            text(&plan),
            "\
old: would be stopped and removed
taskmasterd: has to be started anew for what has changed
    logfile: a -> b (when the daemon is started anew)
would be added 0, removed 1, restarted 0, updated 0, unchanged 7
"
        );
    }

    #[test]
    fn what_waits_for_the_daemon_is_no_change() {
        let mut plan = PlanReport { daemon: vec![key("logfile", "a", "b", true)], ..PlanReport::default() };
        assert!(!plan.changes_anything());
        plan.daemon.push(key("loglevel", "info", "debug", false));
        assert!(plan.changes_anything());
    }
}

//! The shell of `taskmasterctl`, typed at through a terminal, and commands from files and pipes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use support::*;

const PROGRAMS: &str = "\
web_live: {cmd: sleep 1000}
slow: {cmd: sleep 1000, starttime: 1000, autostart: false}
job: {cmd: sh -c 'exit 3', startretries: 0, starttime: 60, autostart: false}
";

/// `taskmasterctl` for this daemon, with the test's directory as its home.
fn ctl(d: &Daemon) -> Command {
    let mut command = Command::new(TASKMASTERCTL);
    command.arg("-s").arg(&d.socket).env("HOME", d.path(""));
    command
}

fn shell(d: &Daemon) -> Terminal {
    Terminal::run(&mut ctl(d))
}

/// Leaves the shell by Ctrl-D.
#[track_caller]
fn leave(shell: &mut Terminal) {
    shell.expect("taskmaster> ");
    shell.keys("\x04");
    assert_eq!(shell.end(), 0);
}

/// Runs `taskmasterctl` with this on its standard input.
fn piped(d: &Daemon, args: &[&str], input: &str) -> Output {
    let mut command = ctl(d);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    finish(child, "taskmasterctl")
}

fn started() -> Daemon {
    let d = Daemon::with(PROGRAMS);
    d.wait_state("web_live", "RUNNING");
    d
}

#[cfg(feature = "shell")]
#[test]
fn names_of_the_live_daemon_are_completed() {
    needs!("setsid");
    let mut d = started();
    let mut shell = shell(&d);
    shell.expect("taskmaster> ");
    shell.keys("status; pid web_\t\n");
    shell.expect("pid web_live ");
    shell.expect(&format!("\n{}\r\n", d.pid_of("web_live")));
    // One that the daemon has learned of since.
    d.reload(&format!("{PROGRAMS}new: {{cmd: sleep 1000, numprocs: 2, autostart: false}}"));
    shell.expect("taskmaster> ");
    shell.keys("status ne\t*\n");
    shell.expect("new:new_01");
    leave(&mut shell);
}

#[cfg(feature = "shell")]
#[test]
fn what_needs_no_daemon_is_completed_too() {
    needs!("setsid");
    let d = started();
    d.setup.write("plans/first one.yaml", "programs: {good: {cmd: sleep 1}}\n");
    let mut shell = Terminal::run(ctl(&d).current_dir(d.path("")));
    shell.expect("taskmaster> ");
    shell.keys("version; chec\t--pr\tpla\tfi\t\n");
    let typed = shell.expect("protocol");
    has(&typed, "version; check --print plans/first\\ one.yaml");
    shell.expect("good:");
    shell.expect("taskmaster> ");
    shell.keys("import --fr\tpr\t plans/none\n");
    has(&shell.expect("taskmasterctl: import: plans/none: "), "import --from procfile ");
    // The value of an option of the daemon's commands, behind an equals sign.
    shell.expect("taskmaster> ");
    shell.keys("wait --for=ru\tweb_\t\n");
    shell.expect("web_live: running");
    leave(&mut shell);
}

#[cfg(feature = "shell")]
#[test]
fn a_daemon_that_is_stuck_does_not_hold_the_keys() {
    needs!("setsid");
    use nix::sys::signal::Signal;
    let d = started();
    let mut shell = shell(&d);
    shell.expect("taskmaster> ");
    d.signal(Signal::SIGSTOP);
    shell.keys("stop \t");
    // The bell: there is nothing to complete with, and `all` is not put in for want of better.
    shell.expect("\x07");
    d.signal(Signal::SIGCONT);
    shell.keys("web_live\n");
    shell.expect("web_live: stopped");
    leave(&mut shell);
    lacks(&shell.seen(), "stop all");
}

#[cfg(feature = "shell")]
#[test]
fn hints_show_what_may_follow() {
    needs!("setsid");
    let d = started();
    let mut shell = shell(&d);
    shell.expect("taskmaster> ");
    shell.keys("signal ");
    shell.expect("\x1b[90mSIGNAL NAME...\x1b[0m");
    shell.keys("CONT web_live\n");
    shell.expect("web_live: signalled");
    // The same line again: suggested behind its beginning and taken over by the right arrow.
    shell.expect("taskmaster> ");
    shell.keys("sig");
    shell.expect("\x1b[90mnal CONT web_live\x1b[0m");
    shell.keys("\x1b[C\n");
    shell.expect("web_live: signalled");
    leave(&mut shell);
    // A hint without colour would look like what was typed.
    let mut plain = Terminal::run(ctl(&d).env("NO_COLOR", "1"));
    plain.expect("taskmaster> ");
    plain.keys("signal CONT web_live\n");
    plain.expect("web_live: signalled");
    leave(&mut plain);
    lacks(&plain.seen(), "NAME...");
}

#[cfg(feature = "shell")]
#[test]
fn the_history_is_kept_and_private() {
    needs!("setsid");
    use std::os::unix::fs::PermissionsExt;
    let d = started();
    let file = d.path(".taskmaster_history");
    let mut first = shell(&d);
    first.line("status web_live");
    let mut second = shell(&d);
    second.line("version");
    second.expect("protocol");
    first.expect("RUNNING");
    first.line("pid");
    first.line("pid");
    first.line(" pid slow");
    leave(&mut first);
    leave(&mut second);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fs::read_to_string(&file).unwrap();
    let count = |line: &str| kept.lines().filter(|l| *l == line).count();
    assert_eq!(["status web_live", "version", "pid", " pid slow"].map(count), [1, 1, 1, 0], "{kept}");
    // The last line is back with the first press of the up arrow.
    let mut third = shell(&d);
    third.expect("taskmaster> ");
    third.keys("\x1b[A\n");
    third.expect(&format!("\n{}\r\n", d.pid));
    leave(&mut third);
}

#[cfg(feature = "shell")]
#[test]
fn a_history_that_cannot_be_read_is_told() {
    needs!("setsid");
    let d = started();
    fs::create_dir(d.path(".taskmaster_history")).unwrap();
    let mut shell = shell(&d);
    shell.expect(".taskmaster_history: no history is kept");
    shell.line("version");
    shell.expect("protocol");
    leave(&mut shell);
}

/// With the line editor and, on a terminal that cannot move its cursor or in a build without it, with plain lines.
fn both_ways(d: &Daemon, test: impl Fn(&mut Terminal)) {
    for term in ["xterm", "dumb"] {
        let mut shell = Terminal::run(ctl(d).env("TERM", term));
        test(&mut shell);
        leave(&mut shell);
    }
}

#[test]
fn ctrl_c_gives_up_the_command_and_not_the_shell() {
    needs!("setsid");
    let d = started();
    both_ways(&d, |shell| {
        shell.line("start slow; version");
        wait_until("slow is being started", || d.state("slow") == "STARTING");
        shell.keys("\x03");
        shell.expect("not waiting any longer; what the daemon has begun goes on");
        // What stood behind it in the line is given up, too.
        let next = shell.line("stop slow");
        lacks(&next, "protocol");
        shell.expect("slow: stopped");
        // A line that is being typed.
        shell.expect("taskmaster> ");
        shell.keys("shutdown");
        shell.expect("utdown");
        shell.keys("\x03");
        shell.line("pid");
        shell.expect(&d.pid.to_string());
    });
}

#[test]
fn the_shell_outlives_the_daemon() {
    needs!("setsid");
    let mut d = started();
    let mut shell = shell(&d);
    shell.line("pid");
    shell.expect(&d.pid.to_string());
    let strays = d.crash();
    shell.line("pid");
    shell.expect("no daemon answers on ");
    drop(strays);
    let d = d.start_again();
    shell.line("pid; version");
    shell.expect(&d.pid.to_string());
    shell.expect("protocol");
    // Its own shutdown does not end it either: somebody may start the daemon again.
    drop(d);
    shell.line("pid");
    shell.expect("no daemon answers on ");
    leave(&mut shell);
}

#[test]
fn comments_and_empty_lines_do_nothing() {
    needs!("setsid");
    let d = started();
    both_ways(&d, |shell| {
        for line in ["", "   ", "# shutdown; shutdown", ";", "# x"] {
            let before = shell.line(line);
            lacks(&before, "taskmasterctl:");
        }
        shell.line("help reload");
        shell.expect("reload [--dry-run]");
        shell.line("help check");
        shell.expect("check ");
    });
}

const GREEN: &str = "\x1b[32mRUNNING\x1b[0m";

#[test]
fn colours_are_for_terminals() {
    needs!("setsid");
    let d = started();
    d.text("start job");
    let shown = |command: &mut Command| {
        let mut terminal = Terminal::run(command);
        assert_eq!(terminal.end(), 3);
        terminal.seen()
    };
    let colored = shown(ctl(&d).arg("status"));
    for part in [GREEN, "\x1b[31mFATAL\x1b[0m", "\x1b[2mSTOPPED\x1b[0m"] {
        has(&colored, part);
    }
    for plain in [
        shown(ctl(&d).arg("status").env("NO_COLOR", "1")),
        shown(ctl(&d).arg("status").env("TERM", "dumb")),
        shown(ctl(&d).arg("status").env_remove("TERM")),
        shown(ctl(&d).args(["--color", "never", "status"])),
        shown(ctl(&d).args(["--json", "status"])),
        stdout(&d.ctl(&["status"])),
        stdout(&d.ctl(&["--color=auto", "status"])),
    ] {
        has(&plain, "RUNNING");
        lacks(&plain, "\x1b");
    }
    has(&stdout(&d.ctl(&["--color", "always", "status"])), GREEN);
    has(&shown(ctl(&d).args(["--color", "always", "status"]).env("NO_COLOR", "1")), GREEN);
}

#[test]
fn lines_keep_to_the_terminal() {
    needs!("setsid");
    let d = started();
    d.text("start job");
    let mut narrow = Terminal::wide(75, ctl(&d).args(["--color=never", "status", "job"]));
    assert_eq!(narrow.end(), 3);
    let seen = narrow.seen();
    assert!(seen.lines().count() > 1 && seen.lines().all(|line| line.len() <= 75), "{seen}");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let whole = stdout(&d.ctl(&["status", "job"]));
    assert_eq!(whole.lines().count(), 1);
    assert_eq!(words(&seen), words(&whole));
}

#[test]
fn scripts_end_with_the_worst_exit_code() {
    let d = started();
    let script = d.file("script");
    let run = |text: &str, args: &[&str]| {
        fs::write(&script, text).unwrap();
        let out = d.ctl(&[args, &["-f", &script]].concat());
        (out.status.code().unwrap(), stdout(&out), said(&out))
    };
    let (code, out, _) = run("# a comment\n\npid; stop web_live\nstart web_live", &[]);
    assert_eq!((code, out), (0, format!("{}\nweb_live: stopped\nweb_live: started\n", d.pid)));
    // 3 for the status, 1 for the name; the rest is done nevertheless.
    let (code, out, all) = run("start nosuch; status web_live\nstart job; status job\nversion\n", &[]);
    assert_eq!(code, 3, "{all}");
    has(&out, "protocol");
}

#[test]
fn a_script_stops_where_it_is_told_to() {
    let d = started();
    let script = d.file("script");
    fs::write(&script, "pid\nstart nosuch; version\nversion\n").unwrap();
    for flag in ["-e", "--exit-on-error"] {
        let out = d.ctl(&[flag, "--file", &script]);
        assert_eq!((out.status.code(), stdout(&out)), (Some(1), format!("{}\n", d.pid)));
        has(&said(&out), "script:2: failed (1); leaving out the rest\n");
    }
    let out = piped(&d, &["-e"], "pid 'x\nversion\n");
    assert_eq!((out.status.code(), stdout(&out).as_str()), (Some(2), ""));
    has(&said(&out), "standard input:1: failed (2)");
}

#[test]
fn commands_come_through_pipes() {
    let d = started();
    for args in [&[][..], &["-f", "-"]] {
        let out = piped(&d, args, "version\r\n\nnonsense\npid");
        assert_eq!(out.status.code(), Some(2));
        let text = stdout(&out);
        assert!(text.contains("protocol") && text.ends_with(&format!("\n{}\n", d.pid)), "{text}");
        lacks(&text, "taskmaster> ");
        has(&said(&out), "unknown command \"nonsense\"");
    }
    let out = piped(&d, &[], "quit\nversion\n");
    assert_eq!((out.status.code(), stdout(&out).as_str()), (Some(0), ""));
    for (args, code, text) in [
        (&["-f", "/nowhere/script"][..], 1, "/nowhere/script cannot be read: "),
        (&["-f", "x", "status"], 2, "-f reads the commands from a file"),
        (&["-e", "status"], 2, "-e is for commands from a file or from standard input"),
        (&["--color", "alwys"], 2, "(did you mean \"always\"?)"),
    ] {
        let out = d.ctl(args);
        assert_eq!(out.status.code(), Some(code));
        has(&said(&out), text);
    }
}

#[track_caller]
fn lacks(text: &str, part: &str) {
    assert!(!text.contains(part), "{part:?} in {text:?}");
}

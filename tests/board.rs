//! The full-screen view, on a real terminal: run in tmux, looked at through what tmux shows.

#![cfg(feature = "board")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;
use support::*;

const PROGRAMS: &str = "\
api: {cmd: sleep 1000}
job: {cmd: sleep 1000, autostart: false}
talker: {cmd: \"sh -c 'echo one; printf \\\"\\\\033[2J\\\\033[31mtwo 網\\\\033[0m\\\\n\\\"; echo oops >&2; until [ -e go ]; do sleep 0.05; done; echo later >&2; exec sleep 1000'\"}
worker: {cmd: sleep 1000, numprocs: 2}
";

fn started() -> Daemon {
    let d = Daemon::with(PROGRAMS);
    for name in ["api", "talker", "worker:worker_00", "worker:worker_01"] {
        d.wait_state(name, "RUNNING");
    }
    d
}

/// A terminal in a tmux of its own.
struct Screen {
    server: String,
    /// Its own, so that its socket is there for as long as it may have to be ended.
    dir: tempfile::TempDir,
}

impl Screen {
    /// Runs a shell command in a terminal of this size.
    fn run(columns: u16, rows: u16, command: &str) -> Screen {
        let dir = tempfile::Builder::new().prefix("taskmaster-").tempdir().unwrap();
        // One that is being ended is not to be met again.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = format!("board-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let screen = Screen { server, dir };
        let size = [columns.to_string(), rows.to_string()];
        let out = screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], command]);
        assert!(out.status.success(), "{}", said(&out));
        screen
    }

    /// Runs the board; behind it the shell tells how it was left and how the terminal is.
    fn board(d: &Daemon, columns: u16, rows: u16) -> Screen {
        Screen::board_with(d, columns, rows, "")
    }

    fn board_with(d: &Daemon, columns: u16, rows: u16, environment: &str) -> Screen {
        let board = Screen::command(d, environment);
        let after =
            "echo \"left with $?\"; stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo' | tr '\\n' ' '";
        Screen::run(columns, rows, &format!("{board}; {after}; exec sleep 1000"))
    }

    fn command(d: &Daemon, environment: &str) -> String {
        format!("env {environment} {TASKMASTERCTL} -s {} board", d.socket.display())
    }

    fn tmux(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new("tmux");
        // The directory keeps its socket apart from everybody else's.
        command.env("TMUX_TMPDIR", self.dir.path()).env_remove("TMUX").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        command.args(["-u", "-L", &self.server]).args(args).stdin(Stdio::null());
        run_to_end(&mut command)
    }

    fn text(&self) -> String {
        stdout(&self.tmux(&["capture-pane", "-p"]))
    }

    /// With the sequences for colours.
    fn dyed(&self) -> String {
        stdout(&self.tmux(&["capture-pane", "-p", "-e"]))
    }

    fn says(&self, what: &str) -> String {
        stdout(&self.tmux(&["display-message", "-p", what])).trim().to_owned()
    }

    fn keys(&self, keys: &[&str]) {
        let out = self.tmux(&[&["send-keys"], keys].concat());
        assert!(out.status.success(), "{}", said(&out));
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let end = std::time::Instant::now() + DEADLINE;
        while std::time::Instant::now() < end {
            last = self.text();
            if holds(&last) {
                return last;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("still waiting for {what}:\n{last}");
    }

    #[track_caller]
    fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// The line of the table that is about a process.
    #[track_caller]
    fn row(&self, name: &str, has: &str) -> String {
        let about = |line: &&str| line.get(1..).is_some_and(|rest| rest.starts_with(&format!("{name} ")));
        let screen = self.until(&format!("{name} with {has}"), |screen| {
            screen.lines().find(about).is_some_and(|line| line.contains(has))
        });
        screen.lines().find(about).unwrap().to_owned()
    }

    /// Waits until the terminal is as it was before the board, which ended like this.
    #[track_caller]
    fn restored(&self, code: i32) -> String {
        let text = self.until("the terminal as it was", |screen| screen.contains(" echo") || screen.contains("\necho"));
        assert!(text.contains(&format!("left with {code}")), "{text}");
        assert!(text.contains("icanon") && !text.contains("-icanon") && !text.contains("-echo"), "{text}");
        assert_eq!(
            self.says("#{alternate_on} #{cursor_flag} #{focus_flag}#{bracket_paste_flag}").trim(),
            "0 1",
            "{text}"
        );
        text
    }

    /// The process id of the board.
    fn board_pid(&self) -> u32 {
        let shell: u32 = self.says("#{pane_pid}").parse().unwrap();
        wait_for("the board's process", || children(shell).first().map(|(pid, _)| *pid))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn processes_are_shown_and_what_happens_to_them() {
    needs!("tmux");
    let d = started();
    let screen = Screen::board(&d, 80, 24);
    let line = screen.row("api", "RUNNING");
    has(&line, &format!(" {} ", d.pid_of("api")));
    screen.row("job", "STOPPED");
    screen.row("worker:worker_01", "RUNNING");
    screen.shows("5 processes: 4 running  1 stopped");
    screen.shows(" live");
    // Nobody asked: the daemon said so.
    let old = d.pid_of("api");
    kill(old, Signal::SIGKILL);
    let new = d.wait_new_pid("api", old);
    has(&screen.row("api", &format!(" {new} ")), "  1  ");
    // Figures of use come by themselves.
    screen.until("memory of the api", |text| text.lines().any(|line| line.contains(" api ") && line.contains('M')));
    // A process that a reload adds.
    d.setup.write("taskmasterd.yaml", &d.setup.config().replace("  job:", "  new_one: {cmd: sleep 1000}\n  job:"));
    d.ok("reload");
    screen.row("new_one", "RUNNING");
    screen.keys(&["q"]);
    screen.restored(0);
}

#[test]
fn keys_start_stop_and_restart() {
    needs!("tmux");
    let d = started();
    let screen = Screen::board(&d, 80, 24);
    screen.row("api", "RUNNING");
    screen.keys(&["x"]);
    screen.row("api", "STOPPED");
    screen.shows("api: stopped");
    assert_eq!(d.state("api"), "STOPPED");
    screen.keys(&["s"]);
    screen.row("api", "RUNNING");
    // Two are marked: only after a question.
    let pids = || ["worker:worker_00", "worker:worker_01"].map(|name| d.pid_of(name));
    let old = pids();
    screen.keys(&["/", "w", "o", "r", "k", "Enter", "a", "r"]);
    screen.shows("restart 2 processes?");
    assert_eq!(pids(), old);
    screen.keys(&["y"]);
    screen.shows("restart 2 processes: done");
    assert!(pids().iter().zip(&old).all(|(new, old)| new != old));
    // What cannot be done is told.
    screen.keys(&["u", "Escape"]);
    d.ok("stop api");
    screen.row("api", "STOPPED");
    d.setup.write("taskmasterd.yaml", "nonsense");
    screen.keys(&["Home", "r"]);
    screen.shows("api: restarted; note: ");
    screen.keys(&["Escape"]);
    screen.restored(0);
}

#[test]
fn filter_help_and_panes() {
    needs!("tmux");
    let d = started();
    let screen = Screen::board(&d, 80, 24);
    screen.row("talker", "RUNNING");
    screen.keys(&["/", "t", "a", "l"]);
    let text = screen.until("the filter", |text| text.contains("[tal: 1 shown]") && !text.contains("worker_"));
    has(&text, "Enter keeps it");
    screen.keys(&["Enter", "Enter"]);
    // What would steer the terminal does not.
    let text = screen.shows("two 網");
    has(&text, "── stdout of talker ──");
    has(&text, "\none\n");
    screen.keys(&["2"]);
    screen.shows("oops");
    // More of it is there as soon as it is written.
    d.setup.write("go", "");
    screen.shows("oops\nlater\n");
    screen.keys(&["w"]);
    screen.shows("started by autostart");
    screen.keys(&["e"]);
    screen
        .until("the events", |text| text.contains("── events ──") && text.contains("worker:worker_00 RUNNING running"));
    screen.keys(&["?"]);
    screen.shows("any key goes back");
    screen.keys(&["z"]);
    screen.shows("── events ──");
    // Escape closes one after the other.
    screen.keys(&["Escape"]);
    screen.until("no pane", |text| !text.contains("── events ──"));
    screen.keys(&["Escape"]);
    screen.row("worker:worker_00", "RUNNING");
    screen.keys(&["Escape"]);
    screen.restored(0);
}

#[test]
fn a_terminal_that_changes_its_size() {
    needs!("tmux");
    let d = started();
    let screen = Screen::board(&d, 80, 24);
    screen.shows("WHY");
    screen.tmux(&["set-option", "-g", "window-size", "manual"]);
    screen.tmux(&["resize-window", "-x", "34", "-y", "10"]);
    let text =
        screen.until("fewer columns", |text| !text.contains("WHY") && text.contains("NAME") && text.contains("api"));
    has(&text, "STATE");
    screen.tmux(&["resize-window", "-x", "150", "-y", "40"]);
    let text = screen.shows("LAST EXIT");
    has(&text, &format!("{}  live", d.socket.display()));
    screen.keys(&["q"]);
    screen.restored(0);
}

#[test]
fn a_daemon_that_goes_and_comes_back() {
    needs!("tmux");
    let mut d = started();
    let screen = Screen::board(&d, 100, 24);
    let line = screen.row("api", "RUNNING");
    let strays = d.crash();
    let text = screen.shows("STALE for");
    has(&text, &line[..20]);
    screen.shows("no daemon answers on");
    drop(strays);
    let mut d = d.start_again();
    let pid = d.wait_state("api", "RUNNING").pid().unwrap();
    screen.row("api", &format!(" {pid} "));
    screen.until("live", |text| text.contains(" live") && !text.contains("STALE"));
    screen.keys(&["e"]);
    screen.shows("the daemon was started anew");
    d.ok("stop api");
    screen.row("api", "STOPPED");
    // A shutdown is the same to it.
    d.ok("shutdown");
    d.wait_exit();
    screen.shows("STALE for");
    screen.keys(&["q"]);
    screen.restored(0);
}

#[test]
fn signals_end_it_and_the_terminal_is_as_it_was() {
    needs!("tmux", "stty");
    let d = started();
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        let screen = Screen::board(&d, 80, 24);
        screen.row("api", "RUNNING");
        kill(screen.board_pid(), signal);
        screen.restored(code);
    }
    // Ctrl-C is a key, not a signal.
    let screen = Screen::board(&d, 80, 24);
    screen.row("api", "RUNNING");
    screen.keys(&["C-c"]);
    screen.restored(0);
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_is_told_on_a_terminal_that_is_as_it_was() {
    needs!("tmux", "stty");
    if option_env!("TASKMASTER_TESTED_CLIENT").is_some() {
        return skip(&test_name!(), "the binaries are not those that panic when they are asked to");
    }
    let d = started();
    let screen = Screen::board_with(&d, 80, 24, "TASKMASTER_TEST_PANIC=1 RUST_BACKTRACE=0");
    screen.row("api", "RUNNING");
    screen.keys(&["!"]);
    has(&screen.restored(101), "a panic was asked for");
}

#[test]
fn ctrl_z_stops_it_and_fg_goes_on() {
    needs!("tmux", "bash");
    let d = started();
    let screen = Screen::run(80, 24, "env PS1='ready> ' bash --norc --noprofile -i");
    screen.shows("ready>");
    screen.keys(&[&Screen::command(&d, ""), "Enter"]);
    screen.row("api", "RUNNING");
    screen.keys(&["C-z"]);
    screen.until("the shell", |text| text.contains("Stopped") && text.trim_end().ends_with("ready>"));
    assert_eq!(screen.says("#{alternate_on} #{cursor_flag}"), "0 1");
    // What happens meanwhile is there afterwards.
    d.ok("stop api");
    screen.keys(&["fg", "Enter"]);
    screen.row("api", "STOPPED");
    assert_eq!(screen.says("#{alternate_on} #{cursor_flag}"), "1 0");
    // A stop from elsewhere, which it can do nothing about.
    let shell: u32 = screen.says("#{pane_pid}").parse().unwrap();
    let board = wait_for("the board", || children(shell).first().map(|(pid, _)| *pid));
    kill(board, Signal::SIGTSTP);
    screen.until("the shell", |text| text.contains("Stopped") && text.trim_end().ends_with("ready>"));
    screen.keys(&["fg", "Enter"]);
    screen.row("api", "STOPPED");
    screen.keys(&["q"]);
    screen.until("the shell", |text| text.trim_end().ends_with("ready>"));
}

#[test]
fn colours_are_there_if_they_are_wanted() {
    needs!("tmux");
    let d = started();
    for (environment, colours) in [("", true), ("NO_COLOR=1", false)] {
        let screen = Screen::board_with(&d, 80, 24, environment);
        screen.row("api", "RUNNING");
        let green = screen.dyed().contains("\x1b[32mRUNNING");
        assert_eq!(green, colours, "{environment}: {:?}", screen.dyed());
    }
}

#[test]
fn without_a_terminal_or_a_daemon_it_says_so() {
    needs!("tmux");
    let d = started();
    let out = d.ctl(&["board"]);
    assert_eq!(out.status.code(), Some(2));
    has(&said(&out), "taskmasterctl: board: needs a terminal");
    let screen = Screen::board_with(&d, 80, 24, "TERM=dumb");
    screen.shows("left with 2");
    drop(screen);
    let screen =
        Screen::run(80, 24, &format!("{TASKMASTERCTL} -s /nowhere/s board; echo \"left with $?\"; exec sleep 1000"));
    has(&screen.shows("left with 4"), "no daemon answers on /nowhere/s");
}

#[test]
fn it_costs_nothing_while_nothing_happens() {
    needs!("tmux");
    // Nothing that lives, so nothing that changes with time.
    let d = Daemon::with("job: {cmd: sleep 1000, autostart: false}");
    let screen = Screen::board(&d, 80, 24);
    screen.row("job", "STOPPED");
    screen.shows(" live");
    let pid = screen.board_pid();
    let switches = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    // It is at rest when a whole second passes without a wake-up.
    wait_until("a second at rest", || {
        let before = switches(pid);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        switches(pid) == before
    });
}

//! What the integration tests share: waiting for a condition, what may be skipped and why, the programs that they use.
//!
//! `setup` is everything before a daemon runs, `daemon` is a running one with ways to ask it and the checks that every
//! test ends with, `proc` looks at processes through /proc, `terminal` types, `dice` is chance that can be repeated. The tests speak to
//! the real binaries, over the socket or through taskmasterctl. They never sleep for luck: they wait for a condition
//! with a deadline. They signal only processes that they or their daemon started, by id.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap
)]

pub mod browser;
pub mod daemon;
pub mod dice;
pub mod http;
pub mod proc;
pub mod setup;
pub mod strace;
pub mod terminal;

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

pub use daemon::*;
#[allow(unused_imports, reason = "not every file of tests makes noise")]
pub use dice::noise;
pub use proc::*;
pub use setup::*;
#[allow(unused_imports, reason = "not every file of tests looks at system calls")]
pub use strace::Strace;
#[allow(unused_imports, reason = "not every file of tests types")]
pub use terminal::Terminal;

/// How long a condition may take. Generous: the machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// The binaries under test: cargo's, or those that `make static-check` names.
pub const TASKMASTERD: &str = match option_env!("TASKMASTER_TESTED_DAEMON") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_taskmasterd"),
};
pub const TASKMASTERCTL: &str = match option_env!("TASKMASTER_TESTED_CLIENT") {
    Some(path) => path,
    None => env!("CARGO_BIN_EXE_taskmasterctl"),
};

/// Polls until `look` gives something, and gives that back.
///
/// # Panics
/// After [`DEADLINE`].
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_up_to(DEADLINE, what, look)
}

#[track_caller]
pub fn wait_up_to<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "after {limit:?} still waiting for {what}");
        std::thread::sleep(POLL);
    }
}

/// Polls until `holds` is true.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Says that a test cannot run here, and why. `return` right after it.
///
/// # Panics
/// If `TASKMASTER_NO_SKIP=1` says that nothing may be skipped.
#[track_caller]
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP: {test}: {reason}\n");
    print!("{line}");
    if let Ok(log) = std::env::var("TASKMASTER_SKIP_LOG") {
        let opened = fs::OpenOptions::new().append(true).create(true).open(&log);
        opened.and_then(|mut f| f.write_all(line.as_bytes())).unwrap_or_else(|e| panic!("{log}: {e}"));
    }
    assert!(!std::env::var("TASKMASTER_NO_SKIP").is_ok_and(|v| v == "1"), "nothing may be skipped: {line}");
}

/// `needs!(root)`, `needs!("nginx", "strace")`: returns from the test with a printed reason if it is not there.
#[macro_export]
macro_rules! needs {
    (root) => {
        if !nix::unistd::geteuid().is_root() {
            return $crate::support::skip(&$crate::test_name!(), "needs root");
        }
    };
    ($($program:expr),+) => {
        $(if $crate::support::find_program($program).is_none() {
            return $crate::support::skip(&$crate::test_name!(), concat!("needs ", $program));
        })+
    };
}

/// The name of the running test.
#[macro_export]
macro_rules! test_name {
    () => {
        std::thread::current().name().unwrap_or("?").to_owned()
    };
}

/// A program in PATH or the usual directories of administrators.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin:/usr/bin:/bin";
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|p| p.is_file())
}

/// The command line of the probe with these steps, quoted for YAML.
pub fn probe(steps: &str) -> String {
    format!("'{} {steps}'", probe_path().display())
}

/// The probe: cargo builds examples beside the tests.
pub fn probe_path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let probe = test.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(probe.exists(), "{} is missing: cargo build --example probe", probe.display());
    probe
}

/// The numbered lines that `probe lines=COUNT:LENGTH` prints.
pub fn numbered(count: usize, length: usize) -> String {
    let mut out = String::with_capacity(count * length);
    for n in 0..count {
        let pad = "x".repeat(length.max(11) - 11);
        let _ = writeln!(out, "{n:09} {pad}");
    }
    out
}

/// A TCP port that is free and stays so: it is below those that the kernel gives to whoever does not ask for one, so no
/// connection of another test gets it, and whoever connects to it does not meet himself. It is not tried out: up to its
/// execve(2) what another test starts would have a copy of the socket, and the port would be taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const LEAST: u16 = 10_000;
    let given = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let given: u16 = given.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768);
    let span = u64::from(given.saturating_sub(LEAST).max(1));
    // Another process with tests begins elsewhere.
    let begin = u64::from(std::process::id()) * 97;
    let next = || u16::try_from((begin + u64::from(NEXT.fetch_add(1, Ordering::Relaxed))) % span).unwrap() + LEAST;
    let read = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let used = read("tcp") + &read("tcp6");
    let free = |port: &u16| !used.contains(&format!(":{port:04X} "));
    std::iter::repeat_with(next).take(1000).find(free).expect("a free port")
}

/// Copies a program so that it can be run at once. This process must not write to such a file itself: whatever another test
/// starts meanwhile has it open for writing up to its execve(2), and a file that is written to cannot be run (ETXTBSY).
#[track_caller]
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let out = run_to_end(Command::new("cp").arg("--").arg(from.as_ref()).arg(to.as_ref()));
    assert!(out.status.success(), "{}", said(&out));
}

/// Makes a file with this text that can be run at once.
#[track_caller]
pub fn write_program(to: impl AsRef<Path>, text: &str) {
    let draft = to.as_ref().with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(&draft, to);
    fs::remove_file(draft).unwrap();
}

/// Runs a command to its end with its output captured, and kills it at the deadline.
#[track_caller]
pub fn run_to_end(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|e| panic!("{shown}: {e}"));
    finish(child, &shown)
}

/// Waits for a child with piped output.
#[track_caller]
pub fn finish(child: Child, shown: &str) -> Output {
    let proc = Proc::of(child.id());
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    match receive.recv_timeout(DEADLINE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            if let Some(p) = proc {
                p.kill(Signal::SIGKILL);
            }
            panic!("does not end: {shown}")
        }
    }
}

/// A log with the files that were set aside: `log.2`, `log.1`, `log`.
pub fn whole_log(path: &Path) -> Vec<u8> {
    // While files are being renamed under the reader, a read may see one twice or not at all: look again until two
    // looks agree on the names and inodes.
    for _ in 0..50 {
        let before = segments(path);
        let bytes: Vec<u8> = before.iter().flat_map(|(p, _)| fs::read(p).unwrap_or_default()).collect();
        if segments(path) == before {
            return bytes;
        }
    }
    Vec::new()
}

/// The files of a log, oldest first, with their inodes. A crash in the middle of a rotation leaves a gap in the numbers,
/// which the next rotation closes, so the directory is asked and not one number after the other.
pub fn segments(path: &Path) -> Vec<(PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt;
    let name = path.file_name().unwrap().to_str().unwrap();
    let Ok(dir) = fs::read_dir(path.parent().unwrap()) else { return Vec::new() };
    let number = |file: &str| match file.strip_prefix(name)? {
        "" => Some(0),
        rest => rest.strip_prefix('.')?.parse::<u32>().ok(),
    };
    let mut numbered: Vec<(u32, PathBuf)> =
        dir.flatten().filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path()))).collect();
    numbered.sort_unstable();
    let files = numbered.into_iter().rev();
    files.filter_map(|(_, file)| fs::metadata(&file).ok().map(|meta| (file, meta.ino()))).collect()
}

/// The lines of a file that `probe stamp=FILE` or `born=FILE` writes: (nanoseconds, pid).
pub fn stamps(path: &Path) -> Vec<(i64, u32)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|l| l.split_once(' ')).map(|(t, p)| (t.parse().unwrap(), p.parse().unwrap())).collect()
}

/// The text of a finished command.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Both outputs of a finished command.
pub fn said(output: &Output) -> String {
    stdout(output) + &String::from_utf8_lossy(&output.stderr)
}

/// Asserts that the text has this in it.
#[track_caller]
pub fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in {text:?}");
}

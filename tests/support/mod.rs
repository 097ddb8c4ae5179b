//! What the integration tests share: a daemon in a directory of its own, ways to ask it and to look at it from
//! outside, waiting for a condition, and the checks that every test ends with.
//!
//! The tests speak to the real binaries, over the socket or through taskmasterctl, and look at processes through
//! /proc. They never sleep for luck: they wait for a condition with a deadline. They signal only processes that they
//! or their daemon started, by id.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::{Value, json};

/// How long a condition may take. Generous: the machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

pub const TASKMASTERD: &str = env!("CARGO_BIN_EXE_taskmasterd");
pub const TASKMASTERCTL: &str = env!("CARGO_BIN_EXE_taskmasterctl");

// ------------------------------------------------------------------------------------------------ waiting, skipping

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

/// The bytes that `probe bytes=COUNT:SEED` prints.
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut x = seed | 1;
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        out.extend_from_slice(&x.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    out.truncate(count);
    out
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

/// A TCP port of the loopback interface that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

// ------------------------------------------------------------------------------------------------ processes, from outside

/// A process, told apart from a later one with the same number by when it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proc {
    pub pid: u32,
    started: u64,
}

/// The fields of /proc/PID/stat from the state on (field 3 of proc(5) is element 0).
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

impl Proc {
    pub fn of(pid: u32) -> Option<Proc> {
        Some(Proc { pid, started: stat(pid)?.get(19)?.parse().ok()? })
    }

    /// Whether it is still there and not merely waiting to be reaped.
    pub fn alive(self) -> bool {
        Proc::of(self.pid) == Some(self) && stat(self.pid).is_some_and(|s| s[0] != "Z" && s[0] != "X")
    }

    pub fn kill(self, sig: Signal) {
        if Proc::of(self.pid) == Some(self) {
            let _ = nix::sys::signal::kill(Pid::from_raw(self.pid as i32), sig);
        }
    }
}

/// Whether the process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|s| s[0] != "Z" && s[0] != "X")
}

/// Sends a signal to one process, which must exist.
#[track_caller]
pub fn kill(pid: u32, sig: Signal) {
    assert!(pid > 1, "not a process of ours: {pid}");
    nix::sys::signal::kill(Pid::from_raw(pid as i32), sig).unwrap_or_else(|e| panic!("kill {pid} {sig}: {e}"));
}

/// One line of /proc/PID/status: `status_field(pid, "SigIgn")`.
#[track_caller]
pub fn status_field(pid: u32, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|e| panic!("{pid}: {e}"));
    let line = text.lines().find(|l| l.split(':').next() == Some(key)).unwrap_or_else(|| panic!("no {key}"));
    line.split_once(':').unwrap().1.trim().to_owned()
}

/// NUL-separated strings of a file in /proc.
#[track_caller]
pub fn nul_strings(path: &str) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let text = String::from_utf8_lossy(&bytes);
    text.split_terminator('\0').map(str::to_owned).collect()
}

pub fn environ(pid: u32) -> BTreeMap<String, String> {
    let list = nul_strings(&format!("/proc/{pid}/environ"));
    list.iter().filter_map(|s| s.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// The open file descriptors of a process, and what they are.
pub fn fds(pid: u32) -> BTreeMap<u32, String> {
    let Ok(dir) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeMap::new() };
    dir.flatten()
        .filter_map(|e| {
            let target = fs::read_link(e.path()).ok()?;
            Some((e.file_name().to_str()?.parse().ok()?, target.to_string_lossy().into_owned()))
        })
        .collect()
}

/// CPU time of a process in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = stat(pid).unwrap();
    let ticks: f64 = stat[11].parse::<f64>().unwrap() + stat[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Every process of the machine with its parent and its state.
fn all_processes() -> Vec<(u32, u32, String)> {
    let Ok(dir) = fs::read_dir("/proc") else { return Vec::new() };
    dir.flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            let stat = stat(pid)?;
            Some((pid, stat.get(1)?.parse().ok()?, stat.first()?.clone()))
        })
        .collect()
}

/// The children of a process: (id, whether it is a zombie).
pub fn children(parent: u32) -> Vec<(u32, bool)> {
    // The kernel's own list: cheaper than reading all of /proc. Not every kernel has it.
    if let Ok(text) = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")) {
        let pids = text.split_whitespace().filter_map(|p| p.parse().ok());
        return pids.filter_map(|p| Some((p, stat(p)?.first()? == "Z"))).collect();
    }
    all_processes().into_iter().filter(|(_, up, _)| *up == parent).map(|(pid, _, s)| (pid, s == "Z")).collect()
}

/// The living children, children's children and so on of a process.
pub fn descendants(root: u32) -> Vec<Proc> {
    let mut found = Vec::new();
    let mut todo = vec![root];
    while let Some(parent) = todo.pop() {
        for (pid, zombie) in children(parent) {
            if !zombie && let Some(proc) = Proc::of(pid) {
                found.push(proc);
            }
            todo.push(pid);
        }
    }
    found
}

// ------------------------------------------------------------------------------------------------ setting up

/// Everything before the daemon runs.
pub struct Setup {
    dir: tempfile::TempDir,
    keys: String,
    defaults: String,
    programs: String,
    env: Vec<(String, String)>,
    args: Vec<String>,
    wrap: Vec<String>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    pub fn new() -> Setup {
        let dir = tempfile::Builder::new().prefix("taskmaster-").tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        Setup {
            dir,
            keys: String::new(),
            defaults: "  starttime: 0.1\n  stoptime: 5\n  backoff: {initial: 0.05, max: 0.2, floor: 0}\n".to_owned(),
            programs: String::new(),
            env: Vec::new(),
            args: Vec::new(),
            wrap: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path as text, for command lines.
    pub fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Lines under `programs:`.
    pub fn programs(mut self, yaml: &str) -> Setup {
        self.programs = indent(yaml);
        self
    }

    /// Lines under `taskmasterd:` beside those that every test has.
    pub fn keys(mut self, yaml: &str) -> Setup {
        self.keys = indent(yaml);
        self
    }

    /// Lines under `defaults:` in place of the short times that every test has.
    pub fn defaults(mut self, yaml: &str) -> Setup {
        self.defaults = indent(yaml);
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Setup {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Arguments of taskmasterd beside the configuration.
    pub fn args(mut self, args: &[&str]) -> Setup {
        self.args.extend(args.iter().map(|a| (*a).to_owned()));
        self
    }

    /// A command that becomes the daemon by exec: `prlimit --nofile=100`.
    pub fn wrap(mut self, command: &[&str]) -> Setup {
        self.wrap = command.iter().map(|a| (*a).to_owned()).collect();
        self
    }

    pub fn config_file(&self) -> PathBuf {
        self.path("taskmasterd.yaml")
    }

    /// The text of the configuration.
    pub fn config(&self) -> String {
        let dir = self.dir.path().display();
        let mut text = "taskmasterd:\n".to_owned();
        for (key, value) in [
            ("socket", format!("{{path: {dir}/ctl}}")),
            ("logfile", format!("{dir}/taskmasterd.log")),
            ("childlogdir", format!("{dir}/logs")),
            ("pidfile", format!("{dir}/pid")),
        ] {
            if !self.keys.lines().any(|l| l.trim_start().starts_with(&format!("{key}:"))) {
                let _ = writeln!(text, "  {key}: {value}");
            }
        }
        let defaults = if self.defaults.is_empty() { String::new() } else { format!("defaults:\n{}", self.defaults) };
        let programs = if self.programs.is_empty() {
            "programs: {}\n".to_owned()
        } else {
            format!("programs:\n{}", self.programs)
        };
        text + &self.keys + &defaults + &programs
    }

    /// The command that runs the daemon, its configuration written.
    pub fn command(&self) -> Command {
        fs::write(self.config_file(), self.config()).unwrap();
        let mut words = self.wrap.clone();
        words.push(TASKMASTERD.to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["-n", "-c"]).arg(self.config_file()).args(&self.args);
        command.envs(self.env.iter().map(|(k, v)| (k, v))).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Runs the daemon to its end, which must come by itself.
    #[track_caller]
    pub fn run(&self) -> Output {
        run_to_end(&mut self.command())
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub fn start(self) -> Daemon {
        let mut command = self.command();
        self.start_as(&mut command)
    }

    /// Starts the daemon by this command, which must be made from [`Setup::command`].
    #[track_caller]
    pub fn start_as(self, command: &mut Command) -> Daemon {
        let out = fs::OpenOptions::new().append(true).create(true).open(self.path("console")).unwrap();
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let socket = self.path("ctl");
        let mut daemon = Daemon { pid: child.id(), child, socket, setup: self, checked: true, expect_exit: true };
        daemon.wait_ready();
        daemon
    }
}

fn indent(yaml: &str) -> String {
    yaml.lines().filter(|l| !l.trim().is_empty()).fold(String::new(), |out, line| out + "  " + line + "\n")
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

// ------------------------------------------------------------------------------------------------ the daemon

/// A running daemon in a directory of its own. Dropped, it is checked and stopped.
pub struct Daemon {
    pub pid: u32,
    pub socket: PathBuf,
    pub setup: Setup,
    child: Child,
    checked: bool,
    expect_exit: bool,
}

/// The answer to a line of words.
#[derive(Debug)]
pub struct Reply {
    /// Everything before the last line.
    pub body: Vec<u8>,
    /// `OK` or `ERROR code: text`.
    pub last: String,
}

impl Reply {
    pub fn ok(&self) -> bool {
        self.last == "OK"
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All of it, for searching.
    pub fn all(&self) -> String {
        self.text() + &self.last
    }

    fn of(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.strip_suffix(b"\n")?;
        let start = end.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let last = String::from_utf8_lossy(&end[start..]).into_owned();
        (last == "OK" || last.starts_with("ERROR ")).then(|| Reply { body: bytes[..start].to_vec(), last })
    }
}

/// What `status` says of one process.
#[derive(Clone, Debug)]
pub struct Status(pub Value);

impl Status {
    fn str(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
    pub fn name(&self) -> &str {
        self.str("name")
    }
    pub fn state(&self) -> &str {
        self.str("state")
    }
    pub fn why(&self) -> &str {
        self.str("why")
    }
    pub fn last_exit(&self) -> &str {
        self.str("last_exit")
    }
    pub fn pid(&self) -> Option<u32> {
        self.0["pid"].as_u64().and_then(|p| u32::try_from(p).ok())
    }
    pub fn runs(&self) -> u64 {
        self.0["runs"].as_u64().unwrap_or(0)
    }
    pub fn as_wanted(&self) -> bool {
        self.0["as_wanted"] == json!(true)
    }
}

impl Daemon {
    /// A daemon with these programs and the short times of [`Setup::new`].
    #[track_caller]
    pub fn with(programs: &str) -> Daemon {
        Setup::new().programs(programs).start()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    pub fn file(&self, name: &str) -> String {
        self.setup.file(name)
    }

    /// What the daemon wrote to its own log and its console.
    pub fn own_log(&self) -> String {
        let read = |name: &str| fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("taskmasterd.log"), read("console")].concat()).into_owned()
    }

    #[track_caller]
    fn wait_ready(&mut self) {
        let end = Instant::now() + DEADLINE;
        loop {
            if self.try_text("version").is_some_and(|r| r.ok()) {
                return;
            }
            let gone = self.child.try_wait().unwrap();
            if gone.is_some() || Instant::now() > end {
                let (config, log) = (self.setup.config(), self.own_log());
                panic!("the daemon does not come up ({gone:?})\n--- configuration\n{config}\n--- log\n{log}");
            }
            std::thread::sleep(POLL);
        }
    }

    /// A new connection to the control socket.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap_or_else(|e| panic!("{}: {e}", self.socket.display()));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn try_text(&self, line: &str) -> Option<Reply> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.write_all(format!("{line}\n").as_bytes()).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        Reply::of(&bytes)
    }

    /// Says a line of words, closes the sending side, and takes the whole answer.
    #[track_caller]
    pub fn text(&self, line: &str) -> Reply {
        let mut stream = self.connect();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap_or_else(|e| panic!("answer to {line:?}: {e}"));
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        Reply::of(&bytes).unwrap_or_else(|| panic!("{line:?}: the answer does not end in OK or ERROR: {shown:?}"))
    }

    /// The same, and it must be OK. Gives the lines before the OK.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        let reply = self.text(line);
        assert!(reply.ok(), "{line:?} gave {:?} {:?}", reply.text(), reply.last);
        reply.text()
    }

    /// Calls a method by JSON-RPC; `Err` is the error object.
    #[track_caller]
    pub fn rpc(&self, method: &str, params: Value) -> Result<Value, Value> {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let mut stream = self.connect();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let line = read_line(&mut stream);
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{line}");
        if answer.get("error").is_some() { Err(answer["error"].take()) } else { Ok(answer["result"].take()) }
    }

    /// Runs taskmasterctl.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> Output {
        run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(&self.socket).args(args))
    }

    /// Rewrites the programs in the configuration file, without telling the daemon.
    pub fn rewrite(&mut self, programs: &str) {
        self.setup.programs = indent(programs);
        fs::write(self.setup.config_file(), self.setup.config()).unwrap();
    }

    /// Rewrites the programs and reloads; gives the plan.
    #[track_caller]
    pub fn reload(&mut self, programs: &str) -> String {
        self.rewrite(programs);
        self.ok("reload")
    }

    /// All processes, in the order that `status` has.
    #[track_caller]
    pub fn all(&self) -> Vec<Status> {
        let result = self.rpc("status", json!({})).unwrap_or_else(|e| panic!("status: {e}"));
        let list = if result.is_array() { result } else { result["processes"].clone() };
        let list = list.as_array().unwrap_or_else(|| panic!("status: {list}")).clone();
        list.into_iter().map(Status).collect()
    }

    #[track_caller]
    pub fn status(&self, name: &str) -> Status {
        let all = self.all();
        let found = all.iter().find(|s| s.name() == name);
        found.cloned().unwrap_or_else(|| panic!("no {name} in {all:?}"))
    }

    #[track_caller]
    pub fn state(&self, name: &str) -> String {
        self.status(name).state().to_owned()
    }

    /// Waits until the process is in this state.
    #[track_caller]
    pub fn wait_state(&self, name: &str, state: &str) -> Status {
        let mut last = None;
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let status = self.status(name);
            if status.state() == state {
                return status;
            }
            last = Some(status);
            std::thread::sleep(POLL);
        }
        panic!("{name} does not become {state}: {last:?}\n--- log\n{}", self.own_log())
    }

    /// Waits until all processes are in this state.
    #[track_caller]
    pub fn wait_all(&self, state: &str) -> Vec<Status> {
        wait_for(&format!("all {state}"), || Some(self.all()).filter(|all| all.iter().all(|s| s.state() == state)))
    }

    /// The id of a process, which must have one.
    #[track_caller]
    pub fn pid_of(&self, name: &str) -> u32 {
        let status = self.status(name);
        status.pid().unwrap_or_else(|| panic!("no pid: {status:?}"))
    }

    /// Waits until a process runs with another id than `old`.
    #[track_caller]
    pub fn wait_new_pid(&self, name: &str, old: u32) -> u32 {
        wait_for(&format!("{name} with another pid than {old}"), || {
            let status = self.status(name);
            status.pid().filter(|p| *p != old && status.state() == "RUNNING")
        })
    }

    /// The bytes of one process's log, rotated files first, oldest first.
    pub fn log(&self, file: &str) -> Vec<u8> {
        whole_log(&self.path(file))
    }

    /// Waits until a log file (with its rotated ones) holds these bytes in all.
    #[track_caller]
    pub fn wait_log(&self, file: &str, length: usize) -> Vec<u8> {
        let end = Instant::now() + DEADLINE;
        loop {
            let log = self.log(file);
            if log.len() >= length {
                return log;
            }
            assert!(Instant::now() < end, "{file}: {} of {length} bytes\n--- log\n{}", log.len(), self.own_log());
            std::thread::sleep(POLL);
        }
    }

    /// Sends a signal to the daemon.
    #[track_caller]
    pub fn signal(&self, sig: Signal) {
        kill(self.pid, sig);
    }

    /// Waits for the daemon to end by itself and gives its exit code (128 + n for a signal).
    #[track_caller]
    pub fn wait_exit(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.expect_exit = false;
        let status = wait_for("the daemon's end", || self.child.try_wait().unwrap());
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }

    /// Kills the daemon as a crash would, and gives the processes that it leaves behind: they are the caller's to clean.
    pub fn crash(&mut self) -> Strays {
        let strays = Strays(descendants(self.pid));
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
        self.expect_exit = false;
        strays
    }

    /// Starts the daemon anew over the same directory.
    #[track_caller]
    pub fn start_again(mut self) -> Daemon {
        assert!(!self.expect_exit, "the first one still runs");
        let setup = std::mem::take(&mut self.setup);
        setup.start()
    }

    /// Do not check this daemon at the end: the test has left it in an odd state on purpose.
    pub fn unchecked(&mut self) {
        self.checked = false;
    }

    /// How many fds of each kind the daemon has: pidfds, pipes, sockets, other. Without what it inherited from this
    /// test, and without the pipe that it stages log data in.
    pub fn fd_kinds(&self) -> (usize, usize, usize, usize) {
        let inherited: Vec<String> = fds(std::process::id()).into_values().collect();
        let open = fds(self.pid);
        let mut pipes = BTreeMap::new();
        open.values().filter(|t| t.starts_with("pipe:")).for_each(|t| *pipes.entry(t).or_insert(0) += 1);
        let mut kinds = (0, 0, 0, 0);
        for target in open.values() {
            let both_ends = pipes.get(target) == Some(&2);
            if both_ends || (target.starts_with("pipe:") && inherited.contains(target)) {
                continue;
            }
            if target.contains("pidfd") {
                kinds.0 += 1;
            } else if target.starts_with("pipe:") {
                kinds.1 += 1;
            } else if target.starts_with("socket:") {
                kinds.2 += 1;
            } else {
                kinds.3 += 1;
            }
        }
        kinds
    }

    /// What must hold of a daemon at rest: it answers; the processes that it shows are the ones it has; no zombie; one
    /// pidfd for each; no more pipes than their outputs; no connection left open.
    #[track_caller]
    pub fn oracle(&self) {
        let mut seen = String::new();
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let mut shown: Vec<u32> = self.all().iter().filter_map(Status::pid).collect();
            let kids = children(self.pid);
            let mut real: Vec<u32> = kids.iter().map(|(pid, _)| *pid).collect();
            let zombies = kids.iter().filter(|(_, zombie)| *zombie).count();
            let (pidfds, pipes, sockets, _) = self.fd_kinds();
            shown.sort_unstable();
            real.sort_unstable();
            if shown == real && zombies == 0 && pidfds == shown.len() && pipes <= 2 * shown.len() && sockets <= 2 {
                return;
            }
            seen = format!(
                "status shows {shown:?}, children are {real:?}, {zombies} zombies, {pidfds} pidfds, {pipes} pipes, {sockets} sockets"
            );
            std::thread::sleep(POLL);
        }
        panic!("the daemon is not at rest: {seen}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        if !self.expect_exit {
            return;
        }
        if self.checked && !panicking {
            // A failed check must not leave the daemon behind.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.oracle()));
            if let Err(why) = result {
                self.end();
                std::panic::resume_unwind(why);
            }
        }
        let complaint = self.end();
        if panicking {
            eprintln!("--- the daemon's log\n{}", last_lines(&self.own_log(), 60));
        } else if let Some(complaint) = complaint.filter(|_| self.checked) {
            panic!("{complaint}\n--- the daemon's log\n{}", last_lines(&self.own_log(), 60));
        }
    }
}

impl Daemon {
    /// Stops the daemon and what it leaves behind; says what it did wrong on the way.
    fn end(&mut self) -> Option<String> {
        self.expect_exit = false;
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(format!("the daemon ended by itself: {status}"));
        }
        let below = descendants(self.pid);
        let daemon = Proc::of(self.pid)?;
        daemon.kill(Signal::SIGCONT);
        daemon.kill(Signal::SIGTERM);
        let deadline = Instant::now() + DEADLINE;
        let mut status = None;
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            status = self.child.try_wait().ok().flatten();
        }
        let mut complaint = match status {
            Some(s) if s.success() => None,
            Some(s) => Some(format!("after SIGTERM the daemon ended with {s}")),
            None => Some("the daemon does not end after SIGTERM".to_owned()),
        };
        daemon.kill(Signal::SIGKILL);
        let _ = self.child.wait();
        let survivors: Vec<Proc> = below.into_iter().filter(|p| p.alive()).collect();
        if !survivors.is_empty() {
            complaint.get_or_insert_with(|| format!("the daemon left processes behind: {survivors:?}"));
        }
        survivors.iter().for_each(|p| p.kill(Signal::SIGKILL));
        complaint
    }
}

/// Processes that a test cleans up when it is done, by id.
pub struct Strays(pub Vec<Proc>);

impl Strays {
    pub fn alive(&self) -> usize {
        self.0.iter().filter(|p| p.alive()).count()
    }

    /// Ends them and waits until they are gone.
    #[track_caller]
    pub fn end(self) {
        self.0.iter().for_each(|p| p.kill(Signal::SIGKILL));
        wait_until("the strays are gone", || self.alive() == 0);
    }
}

impl Drop for Strays {
    fn drop(&mut self) {
        self.0.iter().for_each(|p| p.kill(Signal::SIGKILL));
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Reads one line from a connection.
#[track_caller]
pub fn read_line(stream: &mut UnixStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => panic!("the connection ended in the middle of a line: {:?}", String::from_utf8_lossy(&line)),
            Ok(_) if byte[0] == b'\n' => return String::from_utf8(line).unwrap(),
            Ok(_) => line.push(byte[0]),
            Err(e) => panic!("reading a line: {e} after {:?}", String::from_utf8_lossy(&line)),
        }
    }
}

/// Reads a text answer on a connection that stays open: up to `OK` or `ERROR`.
#[track_caller]
pub fn read_reply(stream: &mut UnixStream) -> Reply {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream);
        if line == "OK" || line.starts_with("ERROR ") {
            return Reply { body, last: line };
        }
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
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

/// The files of a log, oldest first, with their inodes.
pub fn segments(path: &Path) -> Vec<(PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt;
    let mut files = Vec::new();
    if let Ok(meta) = fs::metadata(path) {
        files.push((path.to_owned(), meta.ino()));
    }
    for n in 1.. {
        let file = PathBuf::from(format!("{}.{n}", path.display()));
        match fs::metadata(&file) {
            Ok(meta) => files.push((file, meta.ino())),
            Err(_) => break,
        }
    }
    files.reverse();
    files
}

/// The lines of a file that `probe stamp=FILE` writes: (nanoseconds, pid).
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

impl Daemon {
    /// The `auto` log of a process (`web`, `worker_00`) and stream.
    pub fn auto_log(&self, process: &str, stream: &str) -> PathBuf {
        self.path(&format!("logs/{process}-{stream}.log"))
    }
}

//! A running daemon: ways to ask it, to wait for what it says, and to see that it is in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{
    DEADLINE, POLL, Proc, Setup, Strays, TASKMASTERCTL, children, descendants, fds, handles, indent, kill, run_to_end,
    stat, wait_for, wait_until, whole_log,
};

/// A running daemon in a directory of its own. Dropped, it is checked and stopped.
pub struct Daemon {
    pub pid: u32,
    pub socket: PathBuf,
    pub setup: Setup,
    pub(super) child: Child,
    pub(super) checked: bool,
    pub(super) expect_exit: bool,
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

    /// The `auto` log of a process (`web`, `worker_00`) and stream.
    pub fn auto_log(&self, process: &str, stream: &str) -> PathBuf {
        self.path(&format!("logs/{process}-{stream}.log"))
    }

    /// What the daemon wrote to its own log and its console.
    pub fn own_log(&self) -> String {
        let read = |name: &str| fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("taskmasterd.log"), read("console")].concat()).into_owned()
    }

    #[track_caller]
    pub(super) fn wait_ready(&mut self) {
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

    /// A connection on which a line was sent: what follows is read by [`next_line`].
    pub fn ask(&self, line: &str) -> BufReader<UnixStream> {
        let mut stream = self.connect();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        BufReader::new(stream)
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

    /// Waits until a process runs and has said what these signals (by number) mean to it; gives its id. `RUNNING` alone says
    /// that it was there for a while, not that it has got so far.
    #[track_caller]
    pub fn wait_handles(&self, name: &str, signals: &[i32]) -> u32 {
        let pid = self.wait_state(name, "RUNNING").pid().unwrap();
        wait_until(&format!("{name} handles {signals:?}"), || handles(pid, signals));
        pid
    }

    /// The same for all processes.
    #[track_caller]
    pub fn wait_all_handle(&self, signals: &[i32]) -> Vec<u32> {
        self.wait_all("RUNNING").iter().map(|s| self.wait_handles(s.name(), signals)).collect()
    }

    /// How many descriptors the daemon has when no client is connected, which takes a moment after an answer.
    #[track_caller]
    pub fn fds_at_rest(&self) -> usize {
        let listeners = 1 + self.own_log().matches("listening for HTTP").count();
        wait_for("no client is connected", || {
            let open = fds(self.pid);
            let sockets = open.values().filter(|what| what.starts_with("socket:")).count();
            (sockets <= listeners).then_some(open.len())
        })
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

    /// Begins a client with a request that stays open, and waits until the daemon has it. Connections of before may
    /// close meanwhile, so it is told by one that was not there, not by their number.
    #[track_caller]
    pub fn client(&self, args: &[&str]) -> Child {
        let sockets =
            || -> BTreeSet<String> { fds(self.pid).into_values().filter(|what| what.starts_with("socket:")).collect() };
        let before = sockets();
        let mut command = Command::new(TASKMASTERCTL);
        command.arg("-s").arg(&self.socket).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let asleep = |pid: u32| stat(pid).is_some_and(|fields| fields[0] == "S");
        wait_until("the daemon has the request", || {
            !sockets().is_subset(&before) && asleep(child.id()) && asleep(self.pid)
        });
        child
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
        let log = self.own_log();
        let listeners = log.matches("listening for HTTP").count();
        // Each may have a copy that is polled. What is told to be closed is told to have been opened.
        let [told, closed] = ["listening on ", "no longer listening on "].map(|text| log.matches(text).count());
        let listeners = listeners + 2 * (told - 2 * closed);
        while Instant::now() < end {
            let mut shown: Vec<u32> = self.all().iter().filter_map(Status::pid).collect();
            let kids = children(self.pid);
            let mut real: Vec<u32> = kids.iter().map(|(pid, _)| *pid).collect();
            let zombies = kids.iter().filter(|(_, zombie)| *zombie).count();
            let (pidfds, pipes, sockets, _) = self.fd_kinds();
            shown.sort_unstable();
            real.sort_unstable();
            if shown == real
                && zombies == 0
                && pidfds == shown.len()
                && pipes <= 3 * shown.len()
                && sockets <= 2 + listeners
            {
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
        // What was killed needs a processor to die.
        let left = || below.iter().copied().filter(|p| p.alive()).collect::<Vec<Proc>>();
        let end = Instant::now() + DEADLINE;
        while !left().is_empty() && left().iter().all(|p| p.dying()) && Instant::now() < end {
            std::thread::sleep(POLL);
        }
        let survivors = left();
        if !survivors.is_empty() {
            complaint.get_or_insert_with(|| format!("the daemon left processes behind: {survivors:?}"));
        }
        survivors.iter().for_each(|p| p.kill(Signal::SIGKILL));
        complaint
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The next line of a connection that goes on.
#[track_caller]
pub fn next_line(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Reads one line from a connection, and nothing behind it.
#[track_caller]
pub fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    loop {
        match next_byte(stream) {
            Ok(None) => panic!("the connection ended in the middle of a line: {:?}", String::from_utf8_lossy(&line)),
            Ok(Some(b'\n')) => return String::from_utf8(line).unwrap(),
            Ok(Some(byte)) => line.push(byte),
            Err(e) => panic!("reading a line: {e} after {:?}", String::from_utf8_lossy(&line)),
        }
    }
}

/// The next byte, or `None` at the end. A socket with a time limit is interrupted when the process is stopped and goes on,
/// as it is where a whole machine is put aside for a while; then it is read again.
pub fn next_byte(stream: &mut impl Read) -> std::io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(n) => return Ok((n > 0).then_some(byte[0])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
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

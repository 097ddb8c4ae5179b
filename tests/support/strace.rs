//! strace(1) over a running process: system calls that are listed, fail or are slow.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{DEADLINE, Daemon, Proc};

/// One that looks at a daemon, until it is dropped.
pub struct Strace {
    child: Child,
    trace: PathBuf,
}

impl Strace {
    /// Attaches to a daemon and follows its children; `calls` are those that are listed, `more` further expressions. `None`
    /// if that is not possible here.
    pub fn attach(d: &Daemon, calls: &str, more: &[&str]) -> Option<Strace> {
        let trace = d.path("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &d.pid.to_string(), "-e", "signal=none", "-o"]).arg(&trace);
        // The daemon's call at each client says that its calls are looked at.
        command.args(["-e", &format!("trace=accept4,{calls}")]);
        command.args(more.iter().flat_map(|e| ["-e", e]));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        let mut strace = Strace { child, trace };
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            // It is attached before it is in force.
            drop(std::os::unix::net::UnixStream::connect(&d.socket));
            if !strace.lines_of(d.pid).is_empty() {
                return Some(strace);
            }
            if strace.child.try_wait().ok()?.is_some() {
                let stderr = strace.child.stderr.take()?;
                let told: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
                println!("strace: {told:?}");
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// The calls of a process, without those that are of no interest.
    fn lines_of(&self, pid: u32) -> Vec<String> {
        let text = fs::read_to_string(&self.trace).unwrap_or_default();
        text.lines().filter(|line| line.starts_with(&format!("{pid} "))).map(str::to_owned).collect()
    }

    /// Lets go, and gives the calls that a process has made.
    pub fn calls_of(mut self, pid: u32) -> Vec<String> {
        self.end();
        self.lines_of(pid).into_iter().filter(|line| !line.contains("accept4")).collect()
    }

    fn end(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Some(p) = Proc::of(self.child.id())
        {
            p.kill(Signal::SIGINT);
        }
        // Only if it does not let go by itself.
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && !matches!(self.child.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.end();
    }
}

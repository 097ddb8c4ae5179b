//! A terminal with a program on it: what it shows, and keys that are pressed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::Signal;

use super::{DEADLINE, Proc};

/// A terminal of its own, controlled by the program that runs on it. Needs `setsid`.
pub struct Terminal {
    master: File,
    child: Child,
    output: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    /// How far `expect` has looked.
    done: usize,
}

impl Terminal {
    /// Runs a command on a terminal of 80 columns, which is an xterm if the command does not say anything else.
    pub fn run(command: &mut Command) -> Terminal {
        Terminal::wide(80, command)
    }

    pub fn wide(columns: u16, command: &mut Command) -> Terminal {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let file = |fd: &std::os::fd::OwnedFd| fd.try_clone().unwrap();
        // It takes its standard input for its controlling terminal.
        let mut wrapped = Command::new("setsid");
        wrapped.arg("-c").arg(command.get_program()).args(command.get_args());
        wrapped.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("XDG_STATE_HOME");
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        wrapped.stdin(file(&pty.slave)).stdout(file(&pty.slave)).stderr(file(&pty.slave));
        let child = wrapped.spawn().unwrap();
        let master = File::from(pty.master);
        let (send, output) = channel();
        let mut reader = master.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // When the last one has closed the terminal, reading fails.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { master, child, output, seen: Vec::new(), done: 0 }
    }

    /// The process that runs on it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has shown.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Takes what comes next; `None` at the end.
    #[track_caller]
    fn more(&mut self, end: Instant, awaited: &str) -> Option<()> {
        let left = end.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(bytes) => self.seen.extend_from_slice(&bytes),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                panic!("still waiting for {awaited:?}: {:?}", self.seen())
            }
        }
        Some(())
    }

    /// Waits until this is shown behind what was waited for before. Gives what came up to its end.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let new = &self.seen[self.done..];
            if let Some(at) = new.windows(text.len()).position(|w| w == text.as_bytes()) {
                let found = String::from_utf8_lossy(&new[..at + text.len()]).into_owned();
                self.done += at + text.len();
                return found;
            }
            if self.more(end, text).is_none() {
                panic!("it ended without {text:?}: {:?}", self.seen());
            }
        }
    }

    /// Presses keys.
    pub fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Makes the terminal larger or smaller.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = taskmaster::sys::pty::Size { rows, columns };
        taskmaster::sys::pty::set_size(self.master.as_fd(), size).unwrap();
    }

    /// Waits for the prompt and types a line. Gives what came before.
    #[track_caller]
    pub fn line(&mut self, line: &str) -> String {
        let before = self.expect("taskmaster> ");
        self.keys(line);
        self.keys("\n");
        // Up to here the prompt may be shown again, with each letter.
        self.expect("\n");
        before
    }

    /// Waits until the program has ended and gives its exit code.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        let end = Instant::now() + DEADLINE;
        while self.more(end, "the end").is_some() {}
        self.child.wait().unwrap().code().unwrap_or_else(|| panic!("killed; seen: {:?}", self.seen()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let (Ok(None), Some(proc)) = (self.child.try_wait(), Proc::of(self.child.id())) {
            proc.kill(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

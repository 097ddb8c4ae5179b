//! The messages of sd_notify(3).

/// How much is kept of what a process says of itself.
const STATUS_CHARS: usize = 200;

/// What one message says. Each line of it is an assignment; what is not known here is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `READY=1`.
    pub ready: bool,
    /// `WATCHDOG=`.
    pub watchdog: Option<Watchdog>,
    /// `STATUS=`, which may be empty.
    pub status: Option<String>,
    /// `RELOADING=1` or `STOPPING=1`, in a word.
    pub doing: Option<&'static str>,
    /// `MAINPID=`.
    pub main_pid: Option<u32>,
}

/// What a process tells of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watchdog {
    /// `1`: it is well.
    Well,
    /// `trigger`: it is not.
    Trouble,
}

impl Message {
    /// Reads a message.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Message {
        let mut message = Message::default();
        for line in bytes.split(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(line);
            match line.split_once('=') {
                Some(("READY", "1")) => message.ready = true,
                Some(("WATCHDOG", "1")) => message.watchdog = Some(Watchdog::Well),
                Some(("WATCHDOG", "trigger")) => message.watchdog = Some(Watchdog::Trouble),
                Some(("STATUS", text)) => message.status = Some(shown(text)),
                Some(("RELOADING", "1")) => message.doing = Some("reloading"),
                Some(("STOPPING", "1")) => message.doing = Some("stopping"),
                Some(("MAINPID", pid)) => message.main_pid = pid.parse().ok().filter(|pid| *pid > 1),
                Some(_) | None => {}
            }
        }
        message
    }
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATUS_CHARS).collect::<String>().trim().to_owned()
}

/// What a run has said of itself so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    status: String,
    doing: Option<&'static str>,
    main_pid: Option<u32>,
    main_over: bool,
}

impl Said {
    /// Takes note of a message. A text counts more than the word for the same.
    pub fn hear(&mut self, message: &Message) {
        if message.ready {
            self.doing = None;
        }
        if message.doing.is_some() {
            self.doing = message.doing;
        }
        if let Some(status) = &message.status {
            (self.status, self.doing) = (status.clone(), None);
        }
    }

    /// Another process than the leader is the main one; `None` if it is the leader again.
    pub fn main(&mut self, pid: Option<u32>) {
        (self.main_pid, self.main_over) = (pid, false);
    }

    /// That process has ended.
    pub fn main_ended(&mut self) {
        self.main_over = true;
    }

    /// All of it in one text, empty if there is nothing to say.
    #[must_use]
    pub fn text(&self) -> String {
        let main = self.main_pid.map(|pid| {
            if self.main_over { format!("main process {pid} has ended") } else { format!("main process {pid}") }
        });
        let says = self.doing.unwrap_or(&self.status);
        [Some(says.to_owned()), main]
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_assignments_in_one_message() {
        let message = Message::read(b"READY=1\nSTATUS=up \x1b[1m and\trunning\nWATCHDOG=1\nMAINPID=77\nX_MINE=5\njunk");
        let status = Some("up  [1m and running".to_owned());
        let watchdog = Some(Watchdog::Well);
        assert_eq!(message, Message { ready: true, watchdog, status, doing: None, main_pid: Some(77) });
        for nothing in
            [&b""[..], b"\n\n", b"READY=0", b"ready=1", b"WATCHDOG_USEC=5", b"FDSTORE=1", b"MAINPID=x", b"\xff=\xfe"]
        {
            assert_eq!(Message::read(nothing), Message::default());
        }
        let long = [b"STATUS=".as_slice(), &[b'x'; 4000]].concat();
        assert_eq!(Message::read(&long).status.unwrap().len(), STATUS_CHARS);
    }

    #[test]
    fn what_is_said_last_counts() {
        let mut said = Said::default();
        let mut texts = Vec::new();
        for message in [
            &b"STATUS=loading"[..],
            b"READY=1\nSTATUS=",
            b"RELOADING=1",
            b"READY=1",
            b"STATUS=3 users",
            b"RELOADING=1",
            b"READY=1",
            b"STOPPING=1\nSTATUS=saving",
            b"STOPPING=1",
        ] {
            said.hear(&Message::read(message));
            texts.push(said.text());
        }
        let want = ["loading", "", "reloading", "", "3 users", "reloading", "3 users", "saving", "stopping"];
        assert_eq!(texts, want);
        said.main(Some(9));
        said.main_ended();
        assert_eq!(said.text(), "stopping; main process 9 has ended");
    }
}

//! Checks of a process: how it is found out whether it is ready, and whether it is well.

use std::time::Duration;

/// `readiness` or `healthcheck`. The times have the meaning that they have with Docker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at.
    pub probe: Probe,
    /// Time from the end of a check to the next.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// How long after the beginning a failure does not count.
    pub start_period: Duration,
    /// The interval during that time.
    pub start_interval: Duration,
    /// How many failures in a row are the verdict.
    pub retries: u32,
}

impl Check {
    /// A `healthcheck` with every default: those of Docker.
    #[must_use]
    pub fn health(probe: Probe) -> Check {
        Check {
            probe,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(5),
            retries: 3,
        }
    }

    /// A `readiness` with every default. Others wait for it, so it is looked at often; and a start may take a minute.
    #[must_use]
    pub fn readiness(probe: Probe) -> Check {
        let second = Duration::from_secs(1);
        Check {
            interval: second,
            start_interval: second,
            start_period: Duration::from_secs(60),
            ..Check::health(probe)
        }
    }
}

/// What a check looks at. Texts are not yet expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `exec`: a command, which exits with 0. Never empty.
    Exec(Vec<String>),
    /// `tcp`: an address that takes a connection: `HOST:PORT` or `unix:PATH`.
    Tcp(String),
    /// `http`: a GET request that is answered with one of some statuses.
    Http {
        /// `http://HOST:PORT/PATH` or `http://unix:SOCKET:/PATH`.
        url: String,
        /// The lowest and the highest status that is good.
        status: (u16, u16),
    },
    /// `log`: a line of its output that matches this regular expression.
    Log(String),
    /// `notify`: it says so by sd_notify(3): `READY=1`; for its health `WATCHDOG=1`.
    Notify,
    /// `fd`: it writes a line to this descriptor, as s6 has it.
    Fd(u32),
}

/// The statuses that are good unless others are given: success, and where to find it.
pub const GOOD_STATUS: (u16, u16) = (200, 399);

impl Probe {
    /// Whether the process itself gives a sign, rather than that somebody goes and looks. Such a check lasts until the sign
    /// comes.
    #[must_use]
    pub fn is_sign(&self) -> bool {
        match self {
            Probe::Log(_) | Probe::Notify | Probe::Fd(_) => true,
            Probe::Exec(_) | Probe::Tcp(_) | Probe::Http { .. } => false,
        }
    }

    /// The texts of it that may have variables in them.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Probe::Exec(argv) => argv,
            Probe::Tcp(text) | Probe::Http { url: text, .. } => std::slice::from_ref(text),
            Probe::Log(_) | Probe::Notify | Probe::Fd(_) => &[],
        }
    }

    /// The key that gives it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Probe::Exec(_) => "exec",
            Probe::Tcp(_) => "tcp",
            Probe::Http { .. } => "http",
            Probe::Log(_) => "log",
            Probe::Notify => "notify",
            Probe::Fd(_) => "fd",
        }
    }
}

/// `on_unhealthy`: what is done with a process that is not well any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnhealthy {
    /// It is stopped and counts as ended unexpectedly: `autorestart` says what follows.
    #[default]
    Restart,
    /// Nothing; it shows.
    None,
    /// It is stopped, and stays down.
    Stop,
}

impl OnUnhealthy {
    /// All of them by name.
    pub const NAMES: [(&'static str, OnUnhealthy); 3] =
        [("restart", OnUnhealthy::Restart), ("none", OnUnhealthy::None), ("stop", OnUnhealthy::Stop)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OnUnhealthy::Restart => "restart",
            OnUnhealthy::None => "none",
            OnUnhealthy::Stop => "stop",
        }
    }
}

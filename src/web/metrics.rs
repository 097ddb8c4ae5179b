//! Figures as Prometheus reads them (text format 0.0.4).
//!
//! What is counted as it happens is in [`Meters`]; the state of processes is what `status` says. Names go by Prometheus'
//! conventions: base units, `_total` for what only grows.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::base::id::Stream;
use crate::base::time::Mono;
use crate::control::message::{Health, ProcessStatus, StateName, Want};

/// The upper bounds of what is counted by how long it took, in seconds.
const START_STOP: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const TURNS: [f64; 9] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0];

/// How often something took how long.
#[derive(Clone, Debug)]
pub struct Histogram<const N: usize> {
    bounds: [f64; N],
    counts: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: [f64; N]) -> Histogram<N> {
        Histogram { bounds, counts: [0; N], count: 0, sum: 0.0 }
    }

    /// Takes note of one more.
    pub fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        let at = self.bounds.iter().zip(&mut self.counts).find(|(bound, _)| seconds <= **bound);
        if let Some((_, count)) = at {
            *count += 1;
        }
    }

    fn write(&self, page: &mut Page, name: &str) {
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            below += count;
            page.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {below}"));
        }
        page.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {}", self.count));
        page.line(format_args!("{name}_sum {}", self.sum));
        page.line(format_args!("{name}_count {}", self.count));
    }
}

/// Why a process was spawned once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It had ended, and its policy starts it again.
    Exit,
    /// A start had failed.
    Retry,
    /// Its health was bad, or it ran too long.
    Check,
    /// Somebody wanted it, or the configuration has changed.
    Request,
}

impl Reason {
    const ALL: [(Reason, &'static str); 4] =
        [(Reason::Exit, "exit"), (Reason::Retry, "retry"), (Reason::Check, "check"), (Reason::Request, "request")];
}

/// What is known of a process between two events.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    spawned: Option<Mono>,
    stopping: Option<Mono>,
    runs: u64,
    /// Why the next spawn will be, as far as is known.
    reason: Option<Reason>,
}

/// What has happened to a process, as far as it counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was spawned.
    Spawned,
    /// It counts as started.
    Running,
    /// It was asked to stop.
    Stopping,
    /// It had to be killed.
    Killed,
    /// It has ended.
    Exited,
    /// It is down by intent.
    Stopped,
    /// A start has failed.
    Failed,
    /// A check or its time limit is why it goes down.
    Condemned,
    /// It has become unhealthy.
    Unhealthy,
    /// It has given up.
    GaveUp,
}

/// What was counted since the daemon was started.
#[derive(Clone, Debug)]
pub struct Meters {
    processes: BTreeMap<String, Since>,
    restarts: BTreeMap<(String, Reason), u64>,
    exits: u64,
    kills: u64,
    gave_up: u64,
    unhealthy: u64,
    start: Histogram<11>,
    stop: Histogram<11>,
    /// How long the turns of the loop took.
    pub turns: Histogram<9>,
    /// Requests of HTTP, by what came of them: 2 for 200 to 299.
    pub requests: [u64; 6],
}

impl Default for Meters {
    fn default() -> Meters {
        Meters {
            processes: BTreeMap::new(),
            restarts: BTreeMap::new(),
            exits: 0,
            kills: 0,
            gave_up: 0,
            unhealthy: 0,
            start: Histogram::new(START_STOP),
            stop: Histogram::new(START_STOP),
            turns: Histogram::new(TURNS),
            requests: [0; 6],
        }
    }
}

impl Meters {
    /// Takes note of what has happened to a process.
    pub fn note(&mut self, process: &str, step: Step, now: Mono) {
        let since = self.processes.entry(process.to_owned()).or_default();
        match step {
            Step::Spawned => {
                since.runs += 1;
                since.spawned = Some(now);
                let reason = since.reason.take().unwrap_or(Reason::Request);
                if since.runs > 1 {
                    *self.restarts.entry((process.to_owned(), reason)).or_default() += 1;
                }
            }
            Step::Running => {
                if let Some(at) = since.spawned.take() {
                    self.start.add(now.since(at));
                }
            }
            Step::Stopping => {
                since.stopping = Some(now);
                since.spawned = None;
                since.reason = since.reason.filter(|reason| *reason == Reason::Check).or(Some(Reason::Request));
            }
            Step::Killed => self.kills += 1,
            Step::Exited => {
                self.exits += 1;
                since.spawned = None;
                match since.stopping.take() {
                    Some(at) => self.stop.add(now.since(at)),
                    None => since.reason = Some(Reason::Exit),
                }
            }
            Step::Stopped => since.reason = Some(Reason::Request),
            Step::Failed => since.reason = Some(Reason::Retry),
            Step::Condemned => since.reason = Some(Reason::Check),
            Step::Unhealthy => self.unhealthy += 1,
            Step::GaveUp => {
                self.gave_up += 1;
                since.reason = Some(Reason::Request);
            }
        }
    }

    /// Forgets processes that are no more.
    fn keep(&mut self, processes: &[ProcessStatus]) {
        if self.processes.len() <= processes.len() {
            return;
        }
        let known: std::collections::BTreeSet<&str> = processes.iter().map(|p| p.name.as_str()).collect();
        self.processes.retain(|name, _| known.contains(name.as_str()));
        self.restarts.retain(|(name, _), _| known.contains(name.as_str()));
    }
}

/// What is known of the daemon itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    /// When it was started, in seconds since 1970.
    pub started: f64,
    /// Its descriptors.
    pub open_fds: u64,
    /// How many it may have.
    pub max_fds: u64,
    /// Its resident memory.
    pub rss_bytes: u64,
    /// Its CPU time in seconds.
    pub cpu_seconds: f64,
    /// Bytes that went from programs into logs.
    pub log_bytes: u64,
    /// Bytes that could not be written.
    pub log_dropped: u64,
    /// Log files that were set aside.
    pub log_rotations: u64,
    /// Connections of HTTP.
    pub connections: u64,
}

/// What became of the output of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub process: String,
    /// Which output.
    pub stream: Stream,
    /// Bytes that went into its log file.
    pub bytes: u64,
    /// Bytes that could not be written.
    pub dropped: u64,
}

/// The whole page.
#[must_use]
pub fn write(meters: &mut Meters, processes: &[ProcessStatus], written: &[Written], own: &Own) -> Vec<u8> {
    meters.keep(processes);
    let mut page = Page(String::new());
    about_daemon(&mut page, meters, own);
    about_processes(&mut page, meters, processes);
    about_output(&mut page, written);
    page.0.into_bytes()
}

struct Page(String);

impl Page {
    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl core::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    /// A figure of each process that has one.
    fn each(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        processes: &[ProcessStatus],
        value: impl Fn(&ProcessStatus) -> Option<f64>,
    ) {
        self.head(name, kind, help);
        for p in processes {
            if let Some(value) = value(p) {
                self.line(format_args!("{name}{{process=\"{}\"}} {value}", Label(&p.name)));
            }
        }
    }
}

/// A text within quotes.
struct Label<'a>(&'a str);

impl core::fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' | '"' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

fn about_daemon(page: &mut Page, meters: &Meters, own: &Own) {
    page.head("taskmaster_build_info", "gauge", "The version of the daemon.");
    page.line(format_args!("taskmaster_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    page.one("process_start_time_seconds", "gauge", "When the daemon was started, in seconds since 1970.", own.started);
    page.one("process_cpu_seconds_total", "counter", "CPU time of the daemon itself.", own.cpu_seconds);
    page.one("process_resident_memory_bytes", "gauge", "Resident memory of the daemon itself.", own.rss_bytes);
    page.one("process_open_fds", "gauge", "Descriptors that the daemon has open.", own.open_fds);
    page.one("process_max_fds", "gauge", "Descriptors that the daemon may have open.", own.max_fds);
    page.one("taskmaster_http_connections", "gauge", "Connections of HTTP.", own.connections);
    page.head("taskmaster_http_requests_total", "counter", "Requests of HTTP that were answered, by class of status.");
    for (class, count) in meters.requests.iter().enumerate().skip(2) {
        page.line(format_args!("taskmaster_http_requests_total{{class=\"{class}xx\"}} {count}"));
    }
    let name = "taskmaster_loop_turn_seconds";
    page.head(name, "histogram", "How long a turn of the loop took, from waking up to sleeping again.");
    meters.turns.write(page, name);
    let name = "taskmaster_process_start_seconds";
    page.head(name, "histogram", "How long processes took from their spawn until they counted as started.");
    meters.start.write(page, name);
    let name = "taskmaster_process_stop_seconds";
    page.head(name, "histogram", "How long processes took from the stop signal until they had ended.");
    meters.stop.write(page, name);
    page.one("taskmaster_process_exits_total", "counter", "Processes that have ended.", meters.exits);
    page.one("taskmaster_process_kills_total", "counter", "Processes that had to be killed.", meters.kills);
    page.one("taskmaster_process_fatal_total", "counter", "Times that a process was given up.", meters.gave_up);
    page.one(
        "taskmaster_process_unhealthy_total",
        "counter",
        "Times that a process became unhealthy.",
        meters.unhealthy,
    );
    page.one("taskmaster_log_written_bytes_total", "counter", "Output that went into log files.", own.log_bytes);
    let help = "Output that was dropped because a log file could not be written.";
    page.one("taskmaster_log_dropped_bytes_total", "counter", help, own.log_dropped);
    page.one("taskmaster_log_rotations_total", "counter", "Log files that were set aside.", own.log_rotations);
}

fn about_processes(page: &mut Page, meters: &Meters, processes: &[ProcessStatus]) {
    const STATES: [StateName; 8] = [
        StateName::Stopped,
        StateName::Waiting,
        StateName::Starting,
        StateName::Running,
        StateName::Backoff,
        StateName::Stopping,
        StateName::Exited,
        StateName::Fatal,
    ];
    page.head("taskmaster_processes", "gauge", "How many processes are in each state.");
    for state in STATES {
        let count = processes.iter().filter(|p| p.state == state).count();
        page.line(format_args!("taskmaster_processes{{state=\"{}\"}} {count}", state.text().to_lowercase()));
    }
    let flag = |holds: bool| Some(f64::from(u8::from(holds)));
    let p = processes;
    page.each("taskmaster_process_up", "gauge", "Whether the process lives.", p, |p| flag(p.pid.is_some()));
    page.each("taskmaster_process_wanted", "gauge", "Whether it is meant to be up.", p, |p| flag(p.want == Want::Up));
    let help = "Whether what it is agrees with what it is meant to be.";
    page.each("taskmaster_process_as_wanted", "gauge", help, p, |p| flag(p.as_wanted));
    page.head("taskmaster_process_state", "gauge", "The state of the process: 1 for the one that it is in.");
    for p in processes {
        let (name, state) = (Label(&p.name), p.state.text().to_lowercase());
        page.line(format_args!("taskmaster_process_state{{process=\"{name}\",state=\"{state}\"}} 1"));
    }
    let help = "Whether its health check says that it is well; absent without one.";
    page.each("taskmaster_process_healthy", "gauge", help, p, |p| p.health.and_then(|h| flag(h == Health::Healthy)));
    let seconds = |ms: u64| Some(Duration::from_millis(ms).as_secs_f64());
    let help = "How long it has been in its state.";
    page.each("taskmaster_process_state_seconds", "gauge", help, p, |p| p.for_ms.and_then(seconds));
    page.head("taskmaster_process_restarts_total", "counter", "How often it was spawned once more, by why.");
    for ((name, reason), count) in &meters.restarts {
        let word = Reason::ALL.iter().find(|(known, _)| known == reason).map_or("", |(_, word)| word);
        let name = Label(name);
        page.line(format_args!("taskmaster_process_restarts_total{{process=\"{name}\",reason=\"{word}\"}} {count}"));
    }
    let usage = |p: &ProcessStatus| p.usage;
    #[allow(clippy::cast_precision_loss, reason = "what is lost are parts of 2^53 bytes")]
    let number = |n: u64| n as f64;
    let help = "CPU time of it and of those that it started.";
    let name = "taskmaster_process_cpu_seconds_total";
    page.each(name, "counter", help, p, |p| usage(p).and_then(|u| seconds(u.cpu_ms)));
    let help = "Resident memory of it and of those that it started.";
    page.each("taskmaster_process_resident_memory_bytes", "gauge", help, p, |p| usage(p).map(|u| number(u.rss_bytes)));
    let help = "Descriptors that it and those that it started have open.";
    page.each("taskmaster_process_open_fds", "gauge", help, p, |p| usage(p).and_then(|u| u.fds).map(number));
    let help = "Threads of it and of those that it started.";
    page.each("taskmaster_process_threads", "gauge", help, p, |p| usage(p).map(|u| f64::from(u.threads)));
}

fn about_output(page: &mut Page, all: &[Written]) {
    type Count = fn(&Written) -> u64;
    let counts: [(&str, &str, Count); 2] = [
        ("taskmaster_process_log_bytes_total", "Output of the process that went into its log file.", |w| w.bytes),
        (
            "taskmaster_process_log_dropped_bytes_total",
            "Output of the process that was dropped because its log file could not be written.",
            |w| w.dropped,
        ),
    ];
    for (name, help, count) in counts {
        page.head(name, "counter", help);
        for one in all {
            let (process, stream) = (Label(&one.process), one.stream);
            page.line(format_args!("{name}{{process=\"{process}\",stream=\"{stream}\"}} {}", count(one)));
        }
    }
}

#[cfg(test)]
mod tests;

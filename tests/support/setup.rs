//! Everything before a daemon runs: its directory, its configuration, its command line.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::{Daemon, TASKMASTERD, run_to_end};

/// Everything before the daemon runs.
pub struct Setup {
    dir: tempfile::TempDir,
    keys: String,
    defaults: String,
    roots: String,
    pub(super) programs: String,
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
            roots: String::new(),
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

    /// Other roots of the file, as they stand.
    pub fn roots(mut self, yaml: &str) -> Setup {
        self.roots = format!("{yaml}\n");
        self
    }

    /// Writes a file beside the configuration, its directory too.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
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
        text + &self.keys + &self.roots + &defaults + &programs
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
        command.stdout(out.try_clone().unwrap()).stderr(out);
        self.start_with_output(command)
    }

    /// The same, where the command says where its output goes.
    #[track_caller]
    pub fn start_with_output(self, command: &mut Command) -> Daemon {
        let child = command.spawn().unwrap();
        let socket = self.path("ctl");
        let mut daemon = Daemon { pid: child.id(), child, socket, setup: self, checked: true, expect_exit: true };
        daemon.wait_ready();
        daemon
    }
}

pub fn indent(yaml: &str) -> String {
    yaml.lines().filter(|l| !l.trim().is_empty()).fold(String::new(), |out, line| out + "  " + line + "\n")
}

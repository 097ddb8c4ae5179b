//! Completion in the real shells, with what `make install` puts into their places: bash alone and with bash-completion,
//! zsh, fish. Keys are pressed, and what has become of the line is shown by a function that prints its words, so that
//! quoting counts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

const BASH_COMPLETION: &str = "/usr/share/bash-completion/bash_completion";

const PROGRAMS: &str = "\
web: {cmd: sleep 1000, group_name: team}
a.b+c@d: {cmd: sleep 1000}
größe: {cmd: sleep 1000}
worker: {cmd: sleep 1000, numprocs: 2, group_name: team}
";

/// Where nobody answers.
const NOWHERE: &str = "/nowhere/s";

fn daemon() -> Daemon {
    let d = Daemon::with(PROGRAMS);
    d.wait_all("RUNNING");
    d
}

/// A tree that `make install` has filled, with a home in it.
struct Installed(tempfile::TempDir);

impl Installed {
    #[track_caller]
    fn new() -> Installed {
        let installed = Installed(tempfile::tempdir().unwrap());
        for directory in ["target/release", "home/logs", "home/other"] {
            fs::create_dir_all(installed.path(directory)).unwrap();
        }
        for (program, binary) in [(TASKMASTERD, "taskmasterd"), (TASKMASTERCTL, "taskmasterctl")] {
            symlink(program, installed.binary(binary)).unwrap();
        }
        // What an unquoted pattern or a name without its program would be taken for.
        for file in ["conf file.yaml", "team:web", "web.yaml"] {
            fs::write(installed.path("home").join(file), "").unwrap();
        }
        // A client of another version, so to speak.
        let other = installed.path("home/other/taskmasterctl");
        write_program(&other, "#!/bin/sh\nprintf 'words\\t\\nunheard-of\\n'\n");
        installed.make("install");
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.path("target/release").join(name)
    }

    #[track_caller]
    fn make(&self, target: &str) {
        let mut make = Command::new("make");
        make.args(["-s", "-C", env!("CARGO_MANIFEST_DIR"), target, "PREFIX=/usr"])
            .arg(format!("DESTDIR={}", self.0.path().display()))
            .arg(format!("CARGO_TARGET_DIR={}", self.path("target").display()))
            // They are what is tested, however old they are.
            .args(["taskmasterd", "taskmasterctl"].map(|name| format!("-o{}", self.binary(name).display())));
        // What a `make` that runs the tests was told is not for this one.
        let out = run_to_end(make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS"));
        assert!(out.status.success(), "make {target}: {}", said(&out));
    }

    /// A shell that finds all that is installed, and the daemon on this socket.
    fn command(&self, shell: &str, socket: &Path) -> Command {
        let mut command = Command::new(shell);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("usr/bin").display()));
        command.env("TASKMASTER_SOCKET", socket).env("HOME", self.path("home")).env("LC_ALL", "C.UTF-8");
        command.env("XDG_DATA_DIRS", format!("{}:/usr/share", self.path("usr/share").display()));
        for own in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env(own, self.path("own"));
        }
        command.env("INPUTRC", "/dev/null").current_dir(self.path("home"));
        command
    }

    fn bash(&self, socket: &Path, lines: &str) -> Typed {
        let quiet =
            ["show-all-if-ambiguous on", "bell-style none", "enable-bracketed-paste off", "page-completions off"];
        let quiet: String = quiet.iter().map(|setting| format!("bind 'set {setting}'\n")).collect();
        let file = self.path("bashrc");
        fs::write(&file, format!("PS1='ready> '\n{quiet}{lines}\n{SHOW}")).unwrap();
        let mut command = self.command("bash", socket);
        Typed::at(command.args(["--noprofile", "--rcfile"]).arg(file).arg("-i"))
    }

    fn bash_alone(&self, socket: &Path) -> Typed {
        let script = self.path("usr/share/bash-completion/completions/taskmasterctl");
        self.bash(socket, &format!("source {}", script.display()))
    }

    fn zsh(&self, socket: &Path) -> Typed {
        let functions = self.path("usr/share/zsh/site-functions");
        let path = format!("fpath=({} $fpath)", functions.display());
        let lines = format!("PS1='ready> '\n{path}\nautoload -Uz compinit\ncompinit -u -D\n{SHOW}");
        fs::create_dir_all(self.path("zsh")).unwrap();
        fs::write(self.path("zsh/.zshrc"), lines).unwrap();
        let mut command = self.command("zsh", socket);
        Typed::at(command.args(["-d", "-i"]).env("ZDOTDIR", self.path("zsh")))
    }

    /// What fish would offer for a line: the words, without what is said of them.
    #[track_caller]
    fn fish(&self, socket: &Path, line: &str) -> String {
        let mut command = self.command("fish", socket);
        let out = run_to_end(command.args(["-c", "complete -C $argv[1]", line]));
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{line}");
        let words: Vec<String> = stdout(&out).lines().map(|l| l.split('\t').next().unwrap().to_owned()).collect();
        words.join(" ")
    }

    fn complete(&self, socket: &Path, words: &[&str]) -> Output {
        run_to_end(self.command(TASKMASTERCTL, socket).args(["complete", "--"]).args(words))
    }
}

/// Prints its words.
const SHOW: &str = "show() { printf '<%s>' \"$@\"; printf '\\n'; }\n";

/// A shell that is typed at.
struct Typed(Terminal);

impl Typed {
    #[track_caller]
    fn at(command: &mut Command) -> Typed {
        let mut terminal = Terminal::run(command);
        terminal.expect("ready> ");
        Typed(terminal)
    }

    /// Types this, the tab key included, and asserts what words the line has then.
    #[track_caller]
    fn becomes(&mut self, keys: &str, words: &[&str]) {
        // To the beginning of the line.
        self.0.keys(&format!("{keys}\x01show \n"));
        let shown: String = words.iter().map(|word| format!("<{word}>")).collect();
        self.0.expect(&format!("{shown}\r"));
        self.0.expect("ready> ");
    }

    /// Types this and asserts that all of this is listed; then gives the line up.
    #[track_caller]
    fn lists(&mut self, keys: &str, words: &[&str]) {
        let before = self.0.seen().len();
        self.0.keys(keys);
        self.0.expect(words[0]);
        self.0.keys("\x05\x15");
        self.becomes("given up", &["given", "up"]);
        // In whatever order.
        let seen = self.0.seen();
        words.iter().for_each(|word| has(&seen[before..], word));
    }
}

/// Lines that bash and zsh complete alike: what is typed, and the words that it has become.
const ALIKE: [(&str, &[&str]); 20] = [
    ("taskmasterctl rel\t", &["taskmasterctl", "reload"]),
    ("taskmasterctl start --no\t", &["taskmasterctl", "start", "--no-wait"]),
    ("taskmasterctl stop we\t", &["taskmasterctl", "stop", "web"]),
    ("taskmasterctl stop gr\t", &["taskmasterctl", "stop", "größe"]),
    ("taskmasterctl stop web a.\t", &["taskmasterctl", "stop", "web", "a.b+c@d"]),
    ("taskmasterctl stop a.b+c@\t", &["taskmasterctl", "stop", "a.b+c@d"]),
    ("taskmasterctl stop te\t", &["taskmasterctl", "stop", "team:*"]),
    ("taskmasterctl stop team:\t", &["taskmasterctl", "stop", "team:*"]),
    ("taskmasterctl stop 'team:\t", &["taskmasterctl", "stop", "team:*"]),
    ("taskmasterctl stop \"te\t", &["taskmasterctl", "stop", "team:*"]),
    ("taskmasterctl stop worker:w\t1\t", &["taskmasterctl", "stop", "worker:worker_01"]),
    ("taskmasterctl tail worker:worker_01 stde\t", &["taskmasterctl", "tail", "worker:worker_01", "stderr"]),
    ("taskmasterctl signal USR\t1 web", &["taskmasterctl", "signal", "USR1", "web"]),
    ("taskmasterctl --color=nev\t", &["taskmasterctl", "--color=never"]),
    ("taskmasterctl check conf\t", &["taskmasterctl", "check", "conf file.yaml"]),
    ("taskmasterctl import --output=conf\t", &["taskmasterctl", "import", "--output=conf file.yaml"]),
    ("taskmasterctl -f conf\t", &["taskmasterctl", "-f", "conf file.yaml"]),
    ("taskmasterd --loglevel w\t", &["taskmasterd", "--loglevel", "warning"]),
    ("taskmasterd -c 'conf\t", &["taskmasterd", "-c", "conf file.yaml"]),
    ("taskmasterd -q lo\tx", &["taskmasterd", "-q", "logs/x"]),
];

/// What every shell is typed at for.
#[track_caller]
fn types_alike(shell: &mut Typed) {
    for (keys, words) in ALIKE {
        shell.becomes(keys, words);
    }
    shell.lists("taskmasterctl sta\t", &["start", "status"]);
    // Behind the colon, too, though some shells begin a word there.
    shell.lists("taskmasterctl stop worker:worker_0\t", &["worker_00", "worker_01"]);
    // A client that is called by its path is asked itself, also for the daemon beside it.
    for program in ["./other/taskmasterctl", "./other/taskmasterd"] {
        shell.becomes(&format!("{program} unh\t"), &[program, "unheard-of"]);
    }
    // With the cursor in the middle of the line.
    shell.becomes("taskmasterctl stat web\x1bb\x02\t", &["taskmasterctl", "status", "web"]);
}

/// Commands are there without a daemon, and nothing is written to the terminal beside the line.
#[track_caller]
fn is_silent_alone(shell: &mut Typed) {
    shell.becomes("taskmasterctl rel\t", &["taskmasterctl", "reload"]);
    shell.becomes("taskmasterctl stop we\tx", &["taskmasterctl", "stop", "wex"]);
    shell.becomes("taskmasterctl nonsense we\tx", &["taskmasterctl", "nonsense", "wex"]);
    let seen = shell.0.seen();
    assert!(!seen.contains("daemon") && !seen.contains("rror"), "{seen}");
}

#[test]
fn bash_by_itself() {
    needs!("setsid", "make", "bash");
    let installed = Installed::new();
    let d = daemon();
    types_alike(&mut installed.bash_alone(&d.socket));
    is_silent_alone(&mut installed.bash_alone(Path::new(NOWHERE)));
}

#[test]
fn bash_with_bash_completion() {
    needs!("setsid", "make", "bash");
    if !Path::new(BASH_COMPLETION).exists() {
        return skip(&test_name!(), "needs bash-completion");
    }
    let installed = Installed::new();
    let d = daemon();
    // It finds our script by itself, for both programs, and asks it behind other commands.
    let loads = format!("source {BASH_COMPLETION}");
    let mut shell = installed.bash(&d.socket, &loads);
    types_alike(&mut shell);
    shell.becomes("nohup taskmasterctl stop team:\t", &["nohup", "taskmasterctl", "stop", "team:*"]);
    installed.bash(&d.socket, &loads).becomes("taskmasterd --nod\t", &["taskmasterd", "--nodaemon"]);
}

#[test]
fn zsh() {
    needs!("setsid", "make", "zsh");
    let installed = Installed::new();
    let d = daemon();
    let mut shell = installed.zsh(&d.socket);
    types_alike(&mut shell);
    shell.lists("taskmasterctl sta\t", &["Start processes and wait"]);
    is_silent_alone(&mut installed.zsh(Path::new(NOWHERE)));
}

#[test]
fn fish() {
    needs!("make", "fish");
    let installed = Installed::new();
    let d = daemon();
    for (line, words) in [
        ("taskmasterctl sta", "start status"),
        ("taskmasterctl stop ", "a.b+c@d all größe team:* web worker:* worker:worker_00 worker:worker_01"),
        ("taskmasterctl stop worker:w", "worker:worker_00 worker:worker_01"),
        ("taskmasterctl stop worker:worker_00 worker:w", "worker:worker_01"),
        ("taskmasterctl stop 'team:", "team:*"),
        ("taskmasterctl stop \"te", "team:*"),
        ("taskmasterctl stop team\\:\\*", "team:*"),
        ("taskmasterctl --color=", "--color=always --color=auto --color=never"),
        ("taskmasterctl check conf", "conf file.yaml"),
        ("taskmasterctl check 'conf", "conf file.yaml"),
        ("taskmasterctl check ~/conf", "~/conf file.yaml"),
        ("~/other/taskmasterctl unh", "unheard-of"),
        ("taskmasterctl import --output=conf", "--output=conf file.yaml"),
        ("taskmasterctl signal SIGUSR", "SIGUSR1 SIGUSR2"),
        ("taskmasterd -q l", "logs/"),
        ("taskmasterd --loglevel w", "warning"),
        ("taskmasterctl nonsense ", ""),
    ] {
        assert_eq!(installed.fish(&d.socket, line), words, "{line}");
    }
    let alone = Path::new(NOWHERE);
    assert_eq!(installed.fish(alone, "taskmasterctl rel"), "reload");
    assert_eq!(installed.fish(alone, "taskmasterctl stop "), "");
}

#[test]
fn a_daemon_that_is_stuck_or_away_is_given_up_in_silence() {
    needs!("make");
    let installed = Installed::new();
    let d = daemon();
    d.signal(Signal::SIGSTOP);
    for socket in [d.socket.as_path(), Path::new(NOWHERE), Path::new("/dev/null")] {
        let begun = Instant::now();
        let out = installed.complete(socket, &["taskmasterctl", "stop", ""]);
        assert_eq!((out.status.code(), said(&out).as_str()), (Some(0), "words\t\n"), "{}", socket.display());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    d.signal(Signal::SIGCONT);
    // The daemon that the line names is asked, not the one that is meant otherwise.
    let named = ["taskmasterctl", "-s", d.socket.to_str().unwrap(), "stop", "we"];
    assert_eq!(said(&installed.complete(Path::new(NOWHERE), &named)), "words\t\nweb\tRUNNING\n");
    let wrong = ["taskmasterctl", "--daemon-user", "no-such-user", "stop", ""];
    for odd in [&[][..], &[""], &["taskmasterctl"], &["taskmasterctl", "-s"], &wrong] {
        let out = installed.complete(&d.socket, odd);
        assert!(out.status.success() && out.stderr.is_empty(), "{odd:?}: {}", said(&out));
    }
}

/// Every file below a directory.
fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

#[test]
fn what_is_installed_is_in_its_place_and_goes_away_again() {
    needs!("make");
    let installed = Installed::new();
    for name in [
        "bin/taskmasterctl",
        "bin/taskmasterd",
        "share/bash-completion/completions/taskmasterctl",
        "share/bash-completion/completions/taskmasterd",
        "share/zsh/site-functions/_taskmaster",
        "share/fish/vendor_completions.d/taskmasterctl.fish",
        "share/fish/vendor_completions.d/taskmasterd.fish",
        "share/doc/taskmaster/LICENSE-APACHE",
        "share/doc/taskmaster/LICENSE-MIT",
        "share/man/man1/taskmasterctl.1",
    ] {
        let path = installed.path("usr").join(name);
        assert!(fs::metadata(&path).is_ok_and(|meta| meta.len() > 0), "{name} is not there");
    }
    // Twice is as good as once.
    installed.make("install");
    installed.make("uninstall");
    let mut left = Vec::new();
    files(&installed.path("usr"), &mut left);
    assert!(left.is_empty(), "{left:?}");
}

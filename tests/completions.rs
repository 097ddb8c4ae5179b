//! Completion of command lines in bash, zsh and fish, as `make install` leaves it: the shells find the scripts at their
//! usual places and ask the installed client. Bash and zsh are typed at; what they made of the line is seen in the words
//! that a command gets from it, so that quoting counts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

const PROGRAMS: &str = "\
web_live: {cmd: sleep 1000, group_name: team}
worker: {cmd: sleep 1000, numprocs: 2}
größe.x-1: {cmd: sleep 1000, autostart: false}
b+c@d: {cmd: sleep 1000, autostart: false}
";

const BASH_COMPLETION: &str = "/usr/share/bash-completion/bash_completion";

/// Runs `make` with a target, in a directory that stands for the root.
#[track_caller]
fn make(target: &str, root: &Path) {
    let tree = env!("CARGO_MANIFEST_DIR");
    // The binaries of the tests are good enough, and nothing is to be built.
    let mut make = Command::new("make");
    make.arg("-C").arg(tree).args(["-o", TASKMASTERD, "-o", TASKMASTERCTL, target, "PREFIX=/usr"]);
    make.arg(format!("BINARIES={TASKMASTERD} {TASKMASTERCTL}")).arg(format!("DESTDIR={}", root.display()));
    // What a `make` that runs the tests was told is not for this one.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    let out = run_to_end(&mut make);
    assert!(out.status.success(), "{}", said(&out));
}

/// An installed taskmaster, and a directory with files to complete.
struct Installed {
    root: tempfile::TempDir,
    socket: PathBuf,
}

impl Installed {
    #[track_caller]
    fn new(socket: &Path) -> Installed {
        let root = tempfile::Builder::new().prefix("taskmaster-").tempdir().unwrap();
        make("install", root.path());
        let work = root.path().join("work");
        fs::create_dir_all(work.join("logs.d")).unwrap();
        // A pattern that is not quoted would become the name of a file.
        for file in ["conf.yaml", "two words.yaml", "team:web_live", "worker:x"] {
            fs::write(work.join(file), "").unwrap();
        }
        Installed { root, socket: socket.to_owned() }
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).to_str().unwrap().to_owned()
    }

    /// A shell that finds what is installed as if it were in /usr, and nothing of whoever runs the test.
    fn shell(&self, program: &str) -> Command {
        let path = |name: &str| std::env::var(name).unwrap_or_default();
        let mut command = Command::new(program);
        command.current_dir(self.path("work")).env("HOME", self.path("work")).env("LC_ALL", "C.UTF-8");
        command.env("PATH", format!("{}:{}", self.path("usr/bin"), path("PATH")));
        command.env("XDG_DATA_DIRS", format!("{}:/usr/share", self.path("usr/share")));
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_DATA_HOME", self.path("data"));
        command.env("TASKMASTER_SOCKET", &self.socket).env("INPUTRC", "/dev/null");
        command
    }

    /// Bash, and what it reads at its start.
    fn bash(&self, source: &str) -> Typist {
        let start = format!("PS1='ready> '; bind 'set enable-bracketed-paste off'; source {source}\n{SHOW}\n");
        fs::write(self.path("start"), start).unwrap();
        let mut bash = self.shell("bash");
        Typist::new(bash.args(["--rcfile", &self.path("start"), "-i"]), "\x1b*")
    }

    /// Bash without its package bash-completion.
    fn bash_alone(&self) -> Typist {
        self.bash(&self.path("usr/share/bash-completion/completions/taskmasterctl"))
    }

    fn zsh(&self) -> Typist {
        let start = format!(
            "PS1='ready> '; unsetopt prompt_sp beep; unset zle_bracketed_paste; bindkey -e\n\
             fpath=({} $fpath); autoload -Uz compinit; compinit -u -D\n\
             zle -C every complete-word _generic; bindkey '^Xa' every\n\
             zstyle ':completion:every:*' completer _all_matches _complete\n\
             zstyle ':completion:every:*' insert true\n{SHOW}\n",
            self.path("usr/share/zsh/site-functions")
        );
        fs::write(self.path(".zshrc"), start).unwrap();
        let mut zsh = self.shell("zsh");
        Typist::new(zsh.args(["-d", "-i"]).env("ZDOTDIR", self.path("")), "\x18a")
    }

    /// What fish would offer for a line, without descriptions.
    #[track_caller]
    fn fish(&self, line: &str) -> String {
        let mut fish = self.shell("fish");
        let out = run_to_end(fish.arg("-c").arg("complete -C $argv[1]").arg(line));
        assert!(out.status.success() && out.stderr.is_empty(), "{line}: {}", said(&out));
        let text = stdout(&out);
        text.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>().join(" ")
    }
}

/// Shows the words that it gets: `<a><b>|`.
const SHOW: &str = "show() { printf '<%s>' \"$@\"; echo '|'; }";

/// A shell with somebody at its keyboard.
struct Typist {
    terminal: Terminal,
    /// The keys that put in everything that fits.
    every: &'static str,
}

impl Typist {
    #[track_caller]
    fn new(command: &mut Command, every: &'static str) -> Typist {
        Typist { terminal: Terminal::wide(1000, command), every }
    }

    /// The words that a line has after some keys, as a command gets them.
    #[track_caller]
    fn words(&mut self, line: &str, keys: &str) -> String {
        self.terminal.expect("ready> ");
        self.terminal.keys(&format!("{line}{keys}\x01show \n"));
        let shown = self.terminal.expect("|");
        lacks(&shown, "rror");
        lacks(&shown, "no daemon");
        shown[shown.find('<').unwrap()..shown.len() - 1].to_owned()
    }

    /// What the tab key makes of the last word of lines.
    #[track_caller]
    fn completes(&mut self, cases: &[(&str, &str)]) {
        for (line, words) in cases {
            let wanted: String = words.split(' ').map(|word| format!("<{word}>").replace('~', " ")).collect();
            assert_eq!(self.words(line, "\t"), wanted, "{line}");
        }
    }

    /// Everything that may stand at the end of lines, with the last word before it.
    #[track_caller]
    fn offers(&mut self, cases: &[(&str, &str)]) {
        let every = self.every;
        for (line, words) in cases {
            let shown = self.words(line, every);
            let all: Vec<&str> = shown[1..shown.len() - 1].split("><").collect();
            let wanted: Vec<&str> = words.split(' ').collect();
            let mut last = all[all.len().saturating_sub(wanted.len())..].to_vec();
            // Zsh puts those together of which the same is said.
            last[1..].sort_unstable();
            assert_eq!(last, wanted, "{line}: {all:?}");
        }
    }

    #[track_caller]
    fn leave(mut self) {
        self.terminal.expect("ready> ");
        self.terminal.keys("exit 0\n");
        assert_eq!(self.terminal.end(), 0);
    }
}

#[track_caller]
fn lacks(text: &str, part: &str) {
    assert!(!text.contains(part), "{part:?} in {text:?}");
}

/// What bash and zsh make of these lines alike.
const LINES: [(&str, &str); 20] = [
    ("taskmasterctl stat", "taskmasterctl status"),
    ("taskmasterctl --color al", "taskmasterctl --color always"),
    ("taskmasterctl --color=al", "taskmasterctl --color=always"),
    ("taskmasterctl stop --no-w", "taskmasterctl stop --no-wait"),
    ("taskmasterctl stop web_", "taskmasterctl stop web_live"),
    ("taskmasterctl stop gr", "taskmasterctl stop größe.x-1"),
    ("taskmasterctl stop b", "taskmasterctl stop b+c@d"),
    ("taskmasterctl stop b+c@", "taskmasterctl stop b+c@d"),
    ("taskmasterctl stop te", "taskmasterctl stop team:*"),
    ("taskmasterctl stop team:", "taskmasterctl stop team:*"),
    ("taskmasterctl stop 'team:", "taskmasterctl stop team:*"),
    ("taskmasterctl stop \"te", "taskmasterctl stop team:*"),
    ("taskmasterctl stop worker:w", "taskmasterctl stop worker:worker_0"),
    ("taskmasterctl stop worker:worker_01 wor", "taskmasterctl stop worker:worker_01 worker:"),
    ("taskmasterctl check co", "taskmasterctl check conf.yaml"),
    ("taskmasterctl check 'two", "taskmasterctl check two~words.yaml"),
    ("taskmasterctl import -o two", "taskmasterctl import -o two~words.yaml"),
    ("taskmasterctl import --output=two", "taskmasterctl import --output=two~words.yaml"),
    ("taskmasterd --logl", "taskmasterd --loglevel"),
    ("taskmasterd -e crit", "taskmasterd -e critical"),
];

const LISTS: [(&str, &str); 4] = [
    ("taskmasterctl wait --for ", "--for healthy running stopped"),
    ("taskmasterctl signal SIGUS", "signal SIGUSR1 SIGUSR2"),
    ("taskmasterctl stop ", "stop all b+c@d größe.x-1 team:* web_live worker:* worker:worker_00 worker:worker_01"),
    ("taskmasterctl import --fro", "import --from"),
];

fn started() -> Daemon {
    let d = Daemon::with(PROGRAMS);
    d.wait_state("web_live", "RUNNING");
    d
}

#[test]
fn bash_completes() {
    needs!("setsid", "make", "bash");
    if !Path::new(BASH_COMPLETION).exists() {
        return skip(&test_name!(), "needs bash-completion");
    }
    let d = started();
    let place = Installed::new(&d.socket);
    let mut bash = place.bash(BASH_COMPLETION);
    bash.completes(&LINES);
    bash.offers(&LISTS);
    // In the middle of a line, and behind another command.
    assert_eq!(bash.words("taskmasterctl stat web_live", "\x01\x1bf\x1bf\t"), "<taskmasterctl><status><web_live>");
    bash.completes(&[("nice taskmasterctl stat", "nice taskmasterctl status")]);
    bash.completes(&[("taskmasterd -q lo", "taskmasterd -q logs.d/")]);
    // What bash does not take for a part of the word stays where it is.
    bash.offers(&[("taskmasterctl stop worker:", "stop worker:* worker_00 worker_01")]);
    let client = place.path("usr/bin/taskmasterctl");
    bash.completes(&[(&format!("{client} stat"), &format!("{client} status"))]);
    bash.leave();
}

#[test]
fn bash_completes_by_itself() {
    needs!("setsid", "make", "bash");
    let d = started();
    let place = Installed::new(&d.socket);
    let mut bash = place.bash_alone();
    bash.completes(&LINES);
    // As the manual says.
    bash.terminal.expect("ready> ");
    bash.terminal.keys("complete -F _taskmaster tm\n");
    bash.completes(&[("tm stop web_", "tm stop web_live")]);
    bash.leave();
}

#[test]
fn zsh_completes() {
    needs!("setsid", "make", "zsh");
    let d = started();
    let place = Installed::new(&d.socket);
    let mut zsh = place.zsh();
    zsh.completes(&LINES);
    zsh.offers(&LISTS);
    zsh.completes(&[("nice taskmasterctl stat", "nice taskmasterctl status")]);
    // It takes the slash away again.
    zsh.completes(&[("taskmasterd -q lo", "taskmasterd -q logs.d")]);
    zsh.offers(&[("taskmasterctl stop worker:", "stop worker:* worker:worker_00 worker:worker_01")]);
    let client = place.path("usr/bin/taskmasterctl");
    zsh.completes(&[(&format!("{client} stat"), &format!("{client} status"))]);
    zsh.leave();
}

#[test]
fn fish_completes() {
    needs!("make", "fish");
    let d = started();
    let place = Installed::new(&d.socket);
    for (line, offered) in [
        ("taskmasterctl st", "start status stop"),
        ("taskmasterctl 'st", "start status stop"),
        ("taskmasterctl --color=", "--color=always --color=auto --color=never"),
        ("taskmasterctl stop --no-w", "--no-wait"),
        ("taskmasterctl stop te", "team:*"),
        ("taskmasterctl stop worker:w", "worker:worker_00 worker:worker_01"),
        ("taskmasterctl stop 'worker:", "worker:* worker:worker_00 worker:worker_01"),
        ("taskmasterctl stop gr", "größe.x-1"),
        ("taskmasterctl signal SIGUS", "SIGUSR1 SIGUSR2"),
        ("taskmasterctl check co", "conf.yaml"),
        ("taskmasterctl check 'two", "two words.yaml"),
        ("taskmasterctl --file=co", "--file=conf.yaml"),
        ("taskmasterd -e crit", "critical"),
        ("taskmasterd -q lo", "logs.d/"),
    ] {
        assert_eq!(place.fish(line), offered, "{line}");
    }
}

#[test]
fn without_a_daemon_all_else_is_completed() {
    needs!("setsid", "make", "bash", "zsh", "fish");
    let place = Installed::new(Path::new("/nowhere/ctl"));
    let lines = [
        ("taskmasterctl stat", "taskmasterctl status"),
        ("taskmasterctl stop ", "taskmasterctl stop"),
        ("taskmasterctl stop a", "taskmasterctl stop a"),
    ];
    for mut shell in [place.bash_alone(), place.zsh()] {
        shell.completes(&lines);
        shell.leave();
    }
    assert_eq!([place.fish("taskmasterctl stat"), place.fish("taskmasterctl stop ")], ["status", ""]);
}

#[test]
fn a_daemon_that_is_stuck_holds_up_nobody() {
    let d = started();
    let ask = |words: &[&str]| {
        let begin = Instant::now();
        let out = d.ctl(&[&["complete", "--", "taskmasterctl", "-s", &d.file("ctl")], words].concat());
        assert!(out.status.success() && out.stderr.is_empty(), "{}", said(&out));
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        stdout(&out)
    };
    has(&ask(&["stop", "web"]), "\nweb_live\tRUNNING\n");
    d.signal(Signal::SIGSTOP);
    assert_eq!(ask(&["stop", "web"]), "words\t\n");
    has(&ask(&["stat"]), "\nstatus\t");
    d.signal(Signal::SIGCONT);
}

/// The files below a directory.
fn files(dir: &Path, out: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.insert(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn make_uninstall_removes_what_make_install_put_there() {
    needs!("make");
    let place = Installed::new(Path::new("/nowhere/ctl"));
    let mut there = BTreeSet::new();
    files(&place.root.path().join("usr"), &mut there);
    for file in [
        "bin/taskmasterd",
        "share/doc/taskmaster/LICENSE-MIT",
        "share/doc/taskmaster/LICENSE-APACHE",
        "share/taskmaster/taskmaster.schema.json",
        "share/bash-completion/completions/taskmasterctl",
        "share/bash-completion/completions/taskmasterd",
        "share/zsh/site-functions/_taskmaster",
        "share/fish/vendor_completions.d/taskmasterctl.fish",
        "share/fish/vendor_completions.d/taskmasterd.fish",
    ] {
        let path = place.path(&format!("usr/{file}"));
        assert!(there.contains(&path) && fs::metadata(&path).unwrap().len() > 0, "{file} is not in {there:?}");
    }
    make("uninstall", place.root.path());
    let mut left = BTreeSet::new();
    files(&place.root.path().join("usr"), &mut left);
    assert!(left.is_empty(), "{left:?}");
}

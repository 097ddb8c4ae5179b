//! How a service manager starts the daemon and what it is told: sd_notify(3), and the files in `etc/` for systemd, OpenRC
//! and SysV init.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use support::*;

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The side of the service manager.
struct Manager {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Manager {
    fn listen(address: &SocketAddr) -> Manager {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Manager { socket, said: Vec::new() }
    }

    /// Waits for a message that begins so, and gives the lines of all that were not given yet.
    #[track_caller]
    fn until(&mut self, begin: &str) -> Vec<String> {
        wait_until(&format!("the manager is told {begin}"), || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
                self.said.extend(text.lines().map(str::to_owned));
            }
            self.said.iter().any(|line| line.starts_with(begin))
        });
        let end = self.said.iter().position(|line| line.starts_with(begin)).unwrap() + 1;
        self.said.drain(..end).collect()
    }
}

#[test]
fn the_manager_is_told_of_start_reload_and_shutdown() {
    let setup = Setup::new().env("WATCHDOG_PID", "1").env("WATCHDOG_USEC", "1000");
    let path = setup.file("notify");
    let mut manager = Manager::listen(&SocketAddr::from_pathname(&path).unwrap());
    let programs = "x: {cmd: sleep 1000, env_pass: [NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH]}
y: {cmd: sleep 1000, autostart: false}";
    let mut d = setup.env("NOTIFY_SOCKET", &path).programs(programs).start();
    assert_eq!(manager.until("READY"), ["READY=1"]);
    has(&manager.until("STATUS")[0], "2 processes: ");
    manager.until("STATUS=2 processes: 1 running, 1 stopped");
    // What was meant for the daemon is not a program's, not even one that asks for it.
    let env = environ(d.pid_of("x"));
    assert!(
        env.contains_key("PATH") && !env.keys().any(|k| k.starts_with("NOTIFY") || k.starts_with("WATCHDOG")),
        "{env:?}"
    );

    d.signal(Signal::SIGHUP);
    assert_eq!(manager.until("RELOADING"), ["RELOADING=1"]);
    let told = manager.until("READY");
    let micros = told[0].strip_prefix("MONOTONIC_USEC=").unwrap_or_else(|| panic!("{told:?}"));
    assert!(micros.parse::<u64>().unwrap() > 0);
    assert_eq!(told[1..], ["READY=1"]);
    d.ok("reload --dry-run");
    // A file with errors is a reload that is over, too, and the programs go on.
    fs::write(d.setup.config_file(), "programs: {x: {cmd: }}").unwrap();
    assert!(!d.text("reload").ok());
    let told = manager.until("READY");
    assert_eq!((told[0].as_str(), told.len()), ("RELOADING=1", 3), "{told:?}");

    d.ok("start y");
    manager.until("STATUS=2 processes: 2 running");
    d.signal(Signal::SIGTERM);
    let told = manager.until("STOPPING");
    // The signs of life are meant for another process.
    assert!(!told.iter().any(|line| line.starts_with("WATCHDOG") || line.starts_with("READY")), "{told:?}");
    assert_eq!(d.wait_exit(), 0);
}

#[test]
fn the_watchdog_hears_from_an_idle_daemon() {
    let name = format!("taskmaster-test-{}", std::process::id());
    let mut manager = Manager::listen(&SocketAddr::from_abstract_name(&name).unwrap());
    let setup = Setup::new().env("NOTIFY_SOCKET", &format!("@{name}")).env("WATCHDOG_USEC", "200000");
    let d = setup.programs("x: {cmd: sleep 1000}").start();
    manager.until("STATUS=1 processes: 1 running");
    for _ in 0..5 {
        manager.until("WATCHDOG=1");
    }
    drop(d);
}

/// A service script or unit over the binaries under test and a configuration of the test.
struct Script {
    setup: Setup,
    file: PathBuf,
}

impl Script {
    /// The SysV script with its settings in the test's directory; with or without the functions of LSB.
    fn sysv(functions: &str) -> Script {
        let setup = Setup::new().programs("x: {cmd: sleep 1000, starttime: 0}");
        fs::write(setup.config_file(), setup.config()).unwrap();
        let settings = format!(
            "DAEMON={TASKMASTERD}\nCONFIG={}\nPIDFILE={}\nSTOP_TIME=20\nLOG_DIR={}\n",
            setup.config_file().display(),
            setup.file("pid"),
            setup.file("logs")
        );
        setup.write("settings", &settings);
        setup.write("lsb", functions);
        Script { setup, file: tree("etc/sysv/taskmasterd") }
    }

    fn run(&self, action: &str, functions: &str) -> (i32, String) {
        let mut command = Command::new("sh");
        command.arg(&self.file).arg(action);
        command.env("TASKMASTERD_SETTINGS", self.setup.file("settings")).env("TASKMASTERD_LSB", functions);
        let out = run_to_end(&mut command);
        (out.status.code().unwrap(), said(&out))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.setup.path("pid")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(daemon) = pid.and_then(Proc::of) {
            descendants(daemon.pid).iter().chain([&daemon]).for_each(|p| p.kill(Signal::SIGKILL));
        }
    }
}

/// Starts, looks, reloads and stops, as LSB wants the exit codes.
fn live_through(functions: &str) {
    let script = Script::sysv("");
    let run = |action: &str| script.run(action, functions);
    assert_eq!(run("status").0, 3);
    assert_eq!(run("reload").0, 7);
    assert_eq!(run("stop").0, 0);
    let (code, text) = run("start");
    assert_eq!(code, 0, "{text}");
    let pid = || fs::read_to_string(script.setup.path("pid")).unwrap().trim().to_owned();
    let first = pid();
    let (code, text) = run("status");
    assert_eq!(code, 0, "{text}");
    has(&text, &first);
    assert_eq!((run("start").0, pid()), (0, first.clone()), "a second start changes nothing");

    let socket = script.setup.path("ctl");
    let status = || said(&run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(&socket).arg("status")));
    let with = script.setup.config() + "  y: {cmd: sleep 1000, starttime: 0}\n";
    fs::write(script.setup.config_file(), with).unwrap();
    assert_eq!(run("reload").0, 0);
    wait_until("the new program is there", || status().contains("y  "));
    fs::write(script.setup.config_file(), "programs: {x: {cmd: }}\n").unwrap();
    assert_eq!(run("reload").0, 6);
    has(&status(), "y  ");
    fs::write(script.setup.config_file(), script.setup.config()).unwrap();
    let (code, text) = run("restart");
    assert_eq!(code, 0, "{text}");
    assert_ne!(pid(), first);
    assert_eq!(run("stop").0, 0);
    assert_eq!(run("status").0, 3);
    // The file of a daemon that is no more; its number is nobody's.
    fs::write(script.setup.path("pid"), "4194304\n").unwrap();
    assert_eq!(run("status").0, 1);
    fs::remove_file(script.setup.path("pid")).unwrap();
    fs::write(script.setup.config_file(), "programs: {x: {cmd: }}\n").unwrap();
    assert_eq!(run("start").0, 6);
    assert_eq!(run("nonsense").0, 2);
}

#[test]
fn the_sysv_script_serves_without_the_functions_of_lsb() {
    live_through("/nonexistent");
}

#[test]
fn the_sysv_script_serves_with_the_functions_of_lsb() {
    const FUNCTIONS: &str = "/lib/lsb/init-functions";
    if !Path::new(FUNCTIONS).exists() {
        return skip(&test_name!(), "there is no /lib/lsb/init-functions");
    }
    live_through(FUNCTIONS);
}

#[test]
fn the_systemd_unit_is_right() {
    needs!("systemd-analyze");
    let setup = Setup::new();
    let unit = fs::read_to_string(tree("etc/systemd/taskmasterd.service")).unwrap();
    let bin = Path::new(TASKMASTERD).parent().unwrap().display().to_string();
    setup.write("taskmasterd.service", &unit.replace("/usr/local/bin/", &format!("{bin}/")));
    let out =
        run_to_end(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(setup.path("taskmasterd.service")));
    assert!(out.status.success() && said(&out).is_empty(), "{}", said(&out));
}

#[test]
fn register_finds_the_init_and_keeps_what_is_there() {
    for (sign, init, file) in [
        ("run/systemd/system/x", "systemd", "etc/systemd/system/taskmasterd.service"),
        ("run/openrc/softlevel", "openrc", "etc/init.d/taskmasterd"),
        ("etc/inittab", "sysv", "etc/init.d/taskmasterd"),
    ] {
        let setup = Setup::new();
        setup.write(&format!("root/{sign}"), "");
        fs::create_dir_all(setup.path("root/etc/init.d")).unwrap();
        // As installed: the files beside the script.
        let share = setup.path("opt/tm/share/taskmaster");
        for (from, to) in [
            ("scripts/register", "register"),
            ("etc/service/system.yaml", "system.yaml"),
            ("etc/systemd/taskmasterd.service", "systemd/taskmasterd.service"),
            ("etc/openrc/taskmasterd", "openrc/taskmasterd"),
            ("etc/sysv/taskmasterd", "sysv/taskmasterd"),
        ] {
            let to = share.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(tree(from), to).unwrap();
        }
        let register = |args: &[&str]| {
            let mut command = Command::new("sh");
            command.arg(share.join("register")).args(args).env("DESTDIR", setup.path("root")).env_remove("PREFIX");
            let out = run_to_end(&mut command);
            assert!(out.status.success(), "{init}: {}", said(&out));
        };
        register(&[]);
        let read = |name: &str| fs::read_to_string(setup.path(&format!("root/{name}"))).unwrap();
        let text = read(file);
        has(&text, &setup.file("opt/tm/bin/taskmasterd"));
        assert!(!text.contains("/usr/local/bin/taskmasterd"), "{text}");
        has(&read("etc/taskmaster/taskmasterd.yaml"), "include: conf.d/*.yaml");
        setup.write("root/etc/taskmaster/taskmasterd.yaml", "mine\n");
        register(&[]);
        assert_eq!(read("etc/taskmaster/taskmasterd.yaml"), "mine\n");
        register(&["--remove"]);
        assert!(!setup.path(&format!("root/{file}")).exists());
        assert_eq!(read("etc/taskmaster/taskmasterd.yaml"), "mine\n");
    }
}

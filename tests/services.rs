//! How a service manager starts the daemon and what it is told: sd_notify(3), and the files in `etc/` for systemd, OpenRC
//! and SysV init.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

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

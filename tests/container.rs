//! The container examples in `etc/container/`: the root file system of the image FROM scratch, built as its Containerfile
//! says and run as the first process of namespaces, without a container engine; their configurations.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use support::*;
use tempfile::NamedTempFile;

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(tree(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The shared libraries that a binary is loaded with; none of a static one.
fn libraries(binary: &Path) -> BTreeSet<PathBuf> {
    let out = Command::new("ldd").arg(binary).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Copies a program into a root file system, with its libraries.
fn put(root: &Path, from: &Path, to: &str) {
    let copy = |from: &Path, to: &str| {
        let to = root.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        copy_program(from, to);
    };
    copy(from, to);
    if fs::metadata(from).unwrap().permissions().mode() & 0o111 != 0 {
        libraries(from).iter().for_each(|library| copy(library, library.to_str().unwrap()));
    }
}

/// What the instructions of the Containerfile make: the root file system, and the command that the container runs.
fn build(root: &Path) -> Vec<String> {
    let text = read("etc/container/Containerfile");
    let mut command = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (instruction, rest) = line.split_once(' ').unwrap();
        let words: Vec<&str> = rest.split_whitespace().collect();
        match instruction {
            "FROM" => assert_eq!(rest, "scratch"),
            "ARG" => assert!(rest.starts_with("STATIC=target/"), "{rest}"),
            "STOPSIGNAL" => assert_eq!(rest, "SIGTERM"),
            "VOLUME" => fs::create_dir_all(root.join(rest.trim_start_matches('/'))).unwrap(),
            "COPY" => {
                let (to, from) = words.split_last().unwrap();
                for from in from {
                    let source = match from.strip_prefix("${STATIC}/") {
                        Some("taskmasterd") => PathBuf::from(TASKMASTERD),
                        Some("taskmasterctl") => PathBuf::from(TASKMASTERCTL),
                        Some(other) => panic!("{other} is none of our binaries"),
                        None => tree(from),
                    };
                    let name = source.file_name().unwrap().to_str().unwrap();
                    put(root, &source, &if to.ends_with('/') { format!("{to}{name}") } else { (*to).to_owned() });
                }
            }
            "ENTRYPOINT" | "CMD" => command.extend(serde_json::from_str::<Vec<String>>(rest).unwrap()),
            _ => panic!("the test does not know {line}"),
        }
    }
    command
}

/// A container, killed with all that is in it when the test is over.
struct Container(Child, NamedTempFile);

impl Container {
    /// What it wrote to standard output, as its engine would show it.
    fn log(&self) -> String {
        fs::read_to_string(self.1.path()).unwrap()
    }

    /// The daemon as the machine sees it: the child of unshare.
    fn daemon(&self) -> u32 {
        wait_for("the first process", || {
            let (pid, _) = *children(self.0.id()).first()?;
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name.trim() == "taskmasterd").then_some(pid)
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command as the first process of new namespaces with this root, which is read-only but for what is mounted.
fn run(root: &Path, command: &[String]) -> Container {
    // Once the root is another one, what lets go of the old one is only to be found there, with its loader.
    let script = r#"
        mount --bind "$ROOT" "$ROOT"; cd "$ROOT"
        mount -t tmpfs tmpfs run/taskmaster; mount -t proc proc proc
        touch dev/null; mount --bind /dev/null dev/null
        mount -o remount,bind,ro .
        pivot_root . tmp; cd /
        "/tmp$LOADER" --library-path "$LIBRARIES" /tmp$UMOUNT -n -l /tmp
        exec "$@"
    "#;
    for dir in ["proc", "dev", "run/taskmaster", "tmp"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let umount = find_program("umount").unwrap();
    let libraries = libraries(&umount);
    let loader = libraries.iter().find(|path| path.to_str().unwrap().contains("/ld-")).unwrap().canonicalize().unwrap();
    let places = libraries.iter().map(|path| format!("/tmp{}", path.parent().unwrap().display()));
    let places: BTreeSet<String> = places.collect();
    let mut unshare = Command::new("unshare");
    unshare.args(["-pfmiu", "--propagation", "private", "--kill-child", "sh", "-ec", script, "sh"]).args(command);
    unshare.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("ROOT", root);
    unshare.env("LOADER", loader).env("UMOUNT", umount);
    unshare.env("LIBRARIES", places.into_iter().collect::<Vec<_>>().join(":"));
    let log = NamedTempFile::new().unwrap();
    let stdout = log.reopen().unwrap();
    Container(unshare.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::inherit()).spawn().unwrap(), log)
}

/// Whether namespaces can be made here; says so if not.
fn namespaces(test: &str) -> bool {
    let made = Command::new("unshare").args(["-pfmiu", "--mount-proc", "sh", "-c", "mount -t tmpfs x /mnt"]).output();
    let can = made.is_ok_and(|out| out.status.success()) && find_program("pivot_root").is_some();
    if !can {
        skip(test, "cannot make namespaces and mount in them, or there is no pivot_root");
    }
    can
}

/// Asks the daemon in the container by its socket, which the machine reaches through /proc.
fn ctl(pid: u32, words: &[&str]) -> String {
    let socket = format!("/proc/{pid}/root/run/taskmaster/control.sock");
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["-s", &socket]).args(words));
    said(&out)
}

#[test]
fn the_image_runs_as_the_first_process_and_stops_in_good_order() {
    if !namespaces(&test_name!()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let command = build(dir.path());
    assert_eq!(command[0], "/usr/bin/taskmasterd");
    let mut container = run(dir.path(), &command);
    let daemon = container.daemon();
    wait_until("the program of the image runs", || ctl(daemon, &["status", "app"]).contains("RUNNING"));
    has(&container.log(), "started pid=1 ");
    let status = fs::read_to_string(format!("/proc/{daemon}/status")).unwrap();
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(inside.split_whitespace().last(), Some("1"), "{inside}");
    // Nothing of this machine is to be seen.
    let names = fs::read_dir(format!("/proc/{daemon}/root")).unwrap().map(|e| e.unwrap().file_name());
    let names: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
    let expected = ["dev", "etc", "lib", "lib64", "proc", "run", "tmp", "usr"];
    assert!(names.iter().all(|name| expected.contains(&name.as_str())), "{names:?}");

    kill(daemon, Signal::SIGTERM);
    let status = wait_for("the end of the container", || container.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn orphans_are_reaped_and_stopped_with_the_container() {
    if !namespaces(&test_name!()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let command = build(dir.path());
    for program in ["sh", "sleep"] {
        put(dir.path(), &find_program(program).unwrap(), &format!("/bin/{program}"));
    }
    let config =
        "taskmasterd: {socket: {path: /run/taskmaster/control.sock}, logfile: '-', childlogdir: /run/taskmaster}
programs:
  # Leaves a process behind that ends, and one that stays, each in a session of nobody's.
  messy: {cmd: \"/bin/sh -c '(/bin/sleep 0.2 &) ; (/bin/sleep 1000 &) ; exec /bin/sleep 2000'\", stopgroup: false}
  loud: {cmd: /bin/sh -c 'while /bin/sleep 0.1; do echo x; done', stdout: inherit, log_format: json}
";
    fs::write(dir.path().join("etc/taskmaster/taskmasterd.yaml"), config).unwrap();
    let mut container = run(dir.path(), &command);
    let daemon = container.daemon();
    for name in ["messy", "loud"] {
        wait_until("all programs run", || ctl(daemon, &["status", name]).contains("RUNNING"));
    }
    let line =
        |log: String| log.lines().any(|line| line.contains(r#""program":"loud""#) && line.contains(r#""message":"x""#));
    wait_until("its output is in the container's log", || line(container.log()));
    let adopted = |time: &str| {
        children(daemon)
            .into_iter()
            .filter(|(pid, _)| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).split('\0').nth(1) == Some(time)
            })
            .count()
    };
    wait_until("the orphan that stays is adopted", || adopted("1000") == 1);
    let zombies = || {
        let state = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        children(daemon).into_iter().filter(|(pid, _)| state(*pid).contains(") Z ")).count()
    };
    wait_until("the orphan that ended is reaped", || adopted("0.2") == 0 && zombies() == 0);

    kill(daemon, Signal::SIGTERM);
    let status = wait_for("the end of the container", || container.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_configurations_of_the_examples_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let check = |what: &str, text: &str| {
        let file = dir.path().join("c.yaml");
        fs::write(&file, text).unwrap();
        let out = run_to_end(Command::new(TASKMASTERD).arg("-t").arg("-c").arg(&file));
        assert!(out.status.success(), "{what}: {}", said(&out));
        assert!(!said(&out).contains("error"), "{what}: {}", said(&out));
    };
    check("web.yaml", &read("etc/container/web.yaml"));
    check("taskmasterd.yaml", &read("etc/container/taskmasterd.yaml"));
    let pod = read("etc/container/pod.yaml");
    let inner = pod.split("taskmasterd.yaml: |\n").nth(1).unwrap().split("\n---").next().unwrap();
    let inner: String = inner.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    check("pod.yaml", &inner);
    // What the orchestrators ask for is what is served there.
    for file in ["pod.yaml", "web.nomad.hcl"] {
        let text = read(&format!("etc/container/{file}"));
        for part in ["/healthz", "/readyz", "9001"] {
            assert!(text.contains(part), "{file}: {part}");
        }
    }
}

#[test]
fn nothing_but_the_binaries_and_a_configuration_is_needed() {
    needs!(root);
    needs!("chroot");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    put(root, Path::new(TASKMASTERD), "/taskmasterd");
    put(root, Path::new(TASKMASTERCTL), "/taskmasterctl");
    let config = "taskmasterd: {socket: {path: /ctl}, logfile: '-', childlogdir: /}
programs: {look: {cmd: /taskmasterctl -s /ctl events, starttime: 0}}\n";
    fs::write(root.join("c.yaml"), config).unwrap();
    let chroot = |words: &[&str]| {
        let mut command = Command::new("chroot");
        command.arg(root).args(words);
        command
    };
    let mut daemon = chroot(&["/taskmasterd", "-n", "-c", "/c.yaml"]);
    let mut daemon =
        Container(daemon.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap(), NamedTempFile::new().unwrap());
    let ask = |words: &[&str]| said(&run_to_end(&mut chroot(&[&["/taskmasterctl", "-s", "/ctl"], words].concat())));
    wait_until("its program runs", || ask(&["status"]).contains("RUNNING"));
    has(&ask(&["reload"]), "unchanged 1");
    kill(daemon.0.id(), Signal::SIGTERM);
    let status = wait_for("its end", || daemon.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

//! The examples of five other systems of this kind, each started as that system is and looked at from outside: which
//! processes run, with which commands, variables, directories, masks and users, and where their output goes.
//!
//! The files are in tests/dialects. What differs from the originals: paths are below the directory of the test (`/DIR`
//! there), programs are scripts or what Debian has, users are those that every system has, and each configuration says
//! where the socket is. Each passes `taskmasterctl check`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use support::*;

/// A directory with the files of a system in it.
fn seed(name: &str) -> Setup {
    let setup = Setup::new();
    let port = free_port().to_string();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects").join(name);
    copy(
        &from,
        &setup.path(""),
        &[("/DIR", setup.path("").to_str().unwrap().trim_end_matches('/')), ("PORT;", &format!("{port};"))],
    );
    // Other users go in, and nginx has its temporary files below.
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(setup.path("run")).unwrap();
    setup
}

fn copy(from: &Path, to: &Path, replace: &[(&str, &str)]) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target, replace);
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let text = replace.iter().fold(text, |text, (old, new)| text.replace(old, new));
        let permissions = entry.metadata().unwrap().permissions();
        if permissions.mode() & 0o111 == 0 {
            fs::write(&target, text).unwrap()
        } else {
            write_program(&target, &text)
        }
        fs::set_permissions(&target, permissions).unwrap();
    }
}

/// Starts the daemon in the directory with these arguments and variables, as people start those systems.
#[track_caller]
fn start(setup: Setup, args: &[&str], env: &[(&str, &str)]) -> Daemon {
    let mut command = Command::new(TASKMASTERD);
    command.args(args).current_dir(setup.path("")).env_remove("CONFIG_PATH").envs(env.iter().copied());
    setup.start_as(&mut command)
}

/// What `taskmasterctl check` says of the file; it must be content.
#[track_caller]
fn checked(setup: &Setup, file: &str) -> String {
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["check", file]).current_dir(setup.path("")));
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    said(&out)
}

fn names(d: &Daemon) -> Vec<String> {
    d.all().iter().map(|s| s.name().to_owned()).collect()
}

fn cwd(pid: u32) -> String {
    fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str().unwrap().to_owned()
}

/// Real, effective, saved and file system user are this one.
#[track_caller]
fn is_user(pid: u32, name: &str) {
    let uid = nix::unistd::User::from_name(name).unwrap().unwrap().uid.as_raw().to_string();
    assert_eq!(status_field(pid, "Uid").split_whitespace().collect::<Vec<_>>(), vec![uid; 4], "{name}");
}

#[track_caller]
fn wait_file(path: &Path, want: &str) {
    let text = || fs::read_to_string(path).unwrap_or_default();
    wait_until(&format!("{want:?} in {}", path.display()), || text() == want);
}

/// The answer of a web server on a port of the loopback interface.
fn get(port: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// That nginx runs as www-data with this command and serves its page.
#[track_caller]
fn nginx_serves(d: &Daemon, arguments: &[&str]) {
    let pid = d.wait_state("nginx", "RUNNING").pid().unwrap();
    is_user(pid, "www-data");
    // nginx writes its arguments anew, blanks between them.
    let want = format!("nginx: master process /usr/sbin/nginx {}", arguments.join(" "));
    wait_until(&want, || words(pid).join(" ").trim_end() == want);
    let conf = fs::read_to_string(d.path("etc/nginx.conf")).unwrap();
    let port = conf.split("127.0.0.1:").nth(1).unwrap().split(';').next().unwrap();
    let page = wait_for("the page", || get(port));
    assert!(page.ends_with("supervised\n"), "{page}");
}

fn give_to_www_data(setup: &Setup) {
    let user = nix::unistd::User::from_name("www-data").unwrap().unwrap();
    nix::unistd::chown(&setup.path("run"), Some(user.uid), Some(user.gid)).unwrap();
}

#[test]
fn yaml_with_taskmasterd_and_programs() {
    needs!(root);
    needs!("nginx", "bash");
    let setup = seed("seed-0");
    give_to_www_data(&setup);
    fs::create_dir_all(setup.path("log/taskmasterd")).unwrap();
    let said = checked(&setup, "config.yaml");
    assert!(!said.contains("warning"), "{said}");
    let file = setup.file("config.yaml");
    let d = start(setup, &["-c", &file], &[]);
    let workers = ["worker:worker_00", "worker:worker_01", "worker:worker_02", "worker:worker_03"];
    assert_eq!(names(&d), [&["nginx"][..], &workers].concat());
    let command = ["/bin/bash", &d.file("app/worker"), "--config=/etc/worker.conf"];
    for (num, name) in workers.iter().enumerate() {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        wait_words(pid, &command);
        is_user(pid, "nobody");
        assert_eq!((cwd(pid), status_field(pid, "Umask")), (d.file("app"), "0044".to_owned()));
        assert_eq!(environ(pid)["LOG_LEVEL"], "info");
        wait_file(
            &d.path(&format!("log/taskmasterd/worker_{num:02}-stdout.log")),
            &format!("worker in {}\n", d.file("app")),
        );
    }
    nginx_serves(&d, &["-e", "stderr", "-c", &d.file("etc/nginx.conf"), "-g", "daemon off;"]);
    // on-failure: killed is failed. Stopped by its own signal it has time to say so.
    let old = d.pid_of(workers[3]);
    kill(old, Signal::SIGKILL);
    d.wait_new_pid(workers[3], old);
    d.ok("stop worker:*");
    assert!(workers.iter().all(|w| d.state(w) == "STOPPED") && d.state("nginx") == "RUNNING");
    wait_file(
        &d.path("log/taskmasterd/worker_00-stdout.log"),
        &format!("worker in {}\nstopped by USR1\n", d.file("app")),
    );
}

#[test]
fn a_file_in_place_of_options() {
    let setup = seed("seed-1");
    checked(&setup, "my_config.yaml");
    let d = start(setup, &["my_config.yaml"], &[]);
    assert_eq!(names(&d), ["my_app"]);
    let pid = d.wait_state("my_app", "RUNNING").pid().unwrap();
    wait_words(pid, &["sleep", "1000"]);
    assert_eq!(cwd(pid), d.path("").canonicalize().unwrap().to_str().unwrap());
    kill(pid, Signal::SIGTERM);
    d.wait_new_pid("my_app", pid);
    d.ok("stop my_app");
    assert_eq!(d.state("my_app"), "STOPPED");
}

/// That the programs of seed-1/configs run.
#[track_caller]
fn directory_runs(d: &Daemon) {
    let all = ["by_hand", "my_app", "worker:worker_00", "worker:worker_01"];
    assert_eq!(names(d), all);
    assert_eq!(d.state("by_hand"), "STOPPED");
    for name in &all[2..] {
        wait_words(d.wait_state(name, "RUNNING").pid().unwrap(), &["sleep", "1000"]);
    }
    let pid = d.wait_state("my_app", "RUNNING").pid().unwrap();
    wait_words(pid, &["/bin/bash", &d.file("app/my_app")]);
    is_user(pid, "nobody");
    assert_eq!((cwd(pid), status_field(pid, "Umask")), ("/".to_owned(), "0022".to_owned()));
    wait_file(&d.path("my_app.out"), "my_app as nobody\n");
    wait_file(&d.path("my_app.err"), "to stderr\n");
}

#[test]
fn a_directory_in_place_of_options() {
    needs!(root);
    let setup = seed("seed-1");
    checked(&setup, "configs");
    let place = setup.file("configs");
    let d = start(setup, &[&place], &[]);
    directory_runs(&d);
    // unexpected: a signal is, 3 is not.
    let old = d.pid_of("my_app");
    kill(old, Signal::SIGKILL);
    d.wait_new_pid("my_app", old);
    // It is there with what it holds, or not at all.
    fs::write(d.path("code.new"), "3").unwrap();
    fs::rename(d.path("code.new"), d.path("code")).unwrap();
    let ended = d.wait_state("my_app", "EXITED");
    assert_eq!((ended.runs(), ended.last_exit()), (2, "exit status 3"));
    fs::remove_file(d.path("code")).unwrap();
    d.ok("start my_app by_hand");
    wait_words(d.wait_state("by_hand", "RUNNING").pid().unwrap(), &["sleep", "1001"]);
}

#[test]
fn configs_of_the_current_directory_without_a_word() {
    needs!(root);
    let d = start(seed("seed-1"), &[], &[]);
    directory_runs(&d);
}

/// That the services of seed-2 run, in this order.
#[track_caller]
fn services_run(d: &Daemon) {
    assert_eq!(names(d), ["quiet", "web:web_00", "web:web_01"]);
    for name in ["web:web_00", "web:web_01"] {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        wait_words(pid, &["/bin/bash", &d.file("bin/bun"), "run", "web.ts"]);
        assert_eq!((cwd(pid), status_field(pid, "Umask")), (d.file("app/services"), "0022".to_owned()));
        let env = environ(pid);
        assert_eq!((env["PORT"].as_str(), env["NODE_ENV"].as_str()), ("3000", "production"));
    }
    let line = format!("run web.ts on 3000 for production in {}\n", d.file("app/services"));
    wait_file(&d.path("web-stdout.log"), &line.repeat(2));
    wait_file(&d.path("web-stderr.log"), &"a complaint\n".repeat(2));
    let quiet = d.wait_state("quiet", "RUNNING").pid().unwrap();
    wait_words(quiet, &["sleep", "1000"]);
    assert_eq!((cwd(quiet), status_field(quiet, "Umask")), ("/tmp".to_owned(), "0077".to_owned()));
    let open = fds(quiet);
    assert_eq!((open[&1].as_str(), open[&2].as_str()), ("/dev/null", "/dev/null"));
}

/// A `PATH` with the directory of the stand-in for the runtime in front.
fn path_with_bun(setup: &Setup) -> String {
    format!("{}:{}", setup.file("bin"), std::env::var("PATH").unwrap())
}

#[test]
fn json_with_services_that_config_path_names() {
    let setup = seed("seed-2");
    fs::create_dir(setup.path("elsewhere")).unwrap();
    fs::rename(setup.path("conf.json"), setup.path("elsewhere/services.json")).unwrap();
    let said = checked(&setup, "elsewhere/services.json");
    assert!(!said.contains("warning"), "{said}");
    let (path, place) = (path_with_bun(&setup), setup.file("elsewhere/services.json"));
    let d = start(setup, &[], &[("PATH", &path), ("CONFIG_PATH", &place)]);
    services_run(&d);
    // always: even after a good end.
    let old = d.pid_of("web:web_01");
    kill(old, Signal::SIGTERM);
    d.wait_new_pid("web:web_01", old);
    kill(d.pid_of("quiet"), Signal::SIGKILL);
    assert_eq!(d.wait_state("quiet", "EXITED").runs(), 1);
}

#[test]
fn conf_json_of_the_current_directory_without_a_word() {
    let setup = seed("seed-2");
    let path = path_with_bun(&setup);
    let d = start(setup, &[], &[("PATH", &path)]);
    services_run(&d);
}

/// That the processes of seed-3 run, and that the one that fails was tried as often as it says.
#[cfg(feature = "toml")]
#[track_caller]
fn toml_runs(setup: Setup, args: &[&str]) {
    give_to_www_data(&setup);
    let said = checked(&setup, "config.toml");
    assert_eq!(said.matches("warning: ").count(), 0, "{said}");
    let d = start(setup, args, &[]);
    assert_eq!(names(&d), ["flaky", "nginx"]);
    nginx_serves(&d, &["-e", "stderr", "-c", &d.file("etc/nginx.conf"), "-g", "daemon off;"]);
    let pid = d.pid_of("nginx");
    assert_eq!(cwd(pid), "/var");
    let failed = d.wait_state("flaky", "FATAL");
    assert_eq!(failed.runs(), 3, "{failed:?}");
    let complaints = || fs::read_to_string(d.path("flaky.stderr")).unwrap_or_default();
    wait_until("the complaints of all its runs", || complaints().matches("/nowhere").count() == 3);
    kill(pid, Signal::SIGKILL);
    d.wait_new_pid("nginx", pid);
}

#[cfg(feature = "toml")]
#[test]
fn toml_with_processes() {
    needs!(root);
    needs!("nginx");
    toml_runs(seed("seed-3"), &["config.toml"]);
}

#[cfg(feature = "toml")]
#[test]
fn config_toml_of_the_current_directory_without_a_word() {
    needs!(root);
    needs!("nginx");
    toml_runs(seed("seed-3"), &[]);
}

#[test]
fn config_yaml_of_the_current_directory_without_a_word() {
    let setup = seed("seed-4");
    checked(&setup, "config.yaml");
    let d = start(setup, &[], &[]);
    let all = ["worker:worker_00", "worker:worker_01", "worker:worker_02"];
    assert_eq!(names(&d), all);
    for name in all {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        wait_words(pid, &["/bin/bash", &d.file("scripts/worker.sh")]);
        assert_eq!(cwd(pid), d.path("").canonicalize().unwrap().to_str().unwrap());
        let env = environ(pid);
        assert_eq!((env["WORKER_ID"].as_str(), env["ENVIRONMENT"].as_str()), ("1", "production"));
    }
    let line = format!("worker 1 for production in {}\n", d.path("").display().to_string().trim_end_matches('/'));
    wait_file(&d.path("logs/worker.stdout"), &line.repeat(3));
    wait_file(&d.path("logs/worker.stderr"), &"a complaint\n".repeat(3));
    // The names that this system has for its processes mean the same ones.
    let told = d.ok("stop worker:0 worker:worker_01");
    has(&told, "worker:worker_00");
    let states: Vec<String> = all.iter().map(|name| d.state(name)).collect();
    assert_eq!(states, ["STOPPED", "STOPPED", "RUNNING"]);
    assert_eq!(d.status(all[0]).last_exit(), d.status(all[1]).last_exit());
    has(d.status(all[0]).last_exit(), "2");
    // never: not even when it was killed.
    kill(d.pid_of(all[2]), Signal::SIGKILL);
    assert_eq!(d.wait_state(all[2], "EXITED").runs(), 1);
}

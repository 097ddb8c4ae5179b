//! Programs that run as another user. All of it needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::Command;

use support::*;

#[test]
fn a_process_is_wholly_another_user() {
    needs!(root);
    let d = Setup::new()
        .programs("x: {cmd: sleep 1000, user: nobody, workingdir: /}")
        .env("HOME", "/root")
        .env("USER", "root")
        .start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let group = user.gid.as_raw().to_string();
    assert_eq!(status_field(pid, "Uid").split_whitespace().collect::<Vec<_>>(), vec![user.uid.as_raw().to_string(); 4]);
    assert_eq!(status_field(pid, "Gid").split_whitespace().collect::<Vec<_>>(), vec![group.clone(); 4]);
    assert_eq!(status_field(pid, "CapEff").trim_start_matches('0'), "");
    assert_eq!(status_field(pid, "CapPrm").trim_start_matches('0'), "");
    // What initgroups gives: ask id(1).
    let ids = stdout(&run_to_end(Command::new("id").args(["-G", "nobody"])));
    let mut want: Vec<&str> = ids.split_whitespace().collect();
    let groups = status_field(pid, "Groups");
    let mut got: Vec<&str> = groups.split_whitespace().collect();
    want.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, want);
    let env = environ(pid);
    assert_eq!(env["HOME"], user.dir.to_str().unwrap());
    assert_eq!((env["USER"].as_str(), env["LOGNAME"].as_str()), ("nobody", "nobody"));
    assert_eq!(env["SHELL"], user.shell.to_str().unwrap());
    d.ok("stop x");
}

#[test]
fn supplementary_groups_come_from_the_group_file() {
    needs!(root);
    needs!("unshare", "mount");
    // A group file of the daemon's own, in a mount namespace of its own.
    let setup = Setup::new();
    let groups = std::fs::read_to_string("/etc/group").unwrap() + "one:x:60001:nobody\ntwo:x:60002:daemon,nobody\n";
    std::fs::write(setup.path("group"), groups).unwrap();
    let mount = format!("mount --bind {} /etc/group && exec \"$@\"", setup.file("group"));
    let wrap = ["unshare", "--mount", "sh", "-c", &mount, "sh"];
    if !run_to_end(std::process::Command::new("unshare").args(&wrap[1..]).arg("true")).status.success() {
        return skip(&test_name!(), "no mount namespace can be made here");
    }
    let d = setup.wrap(&wrap).programs("x: {cmd: sleep 1000, user: nobody, workingdir: /}").start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let mut got: Vec<u32> = status_field(pid, "Groups").split_whitespace().map(|i| i.parse().unwrap()).collect();
    got.sort_unstable();
    let own = nix::unistd::User::from_name("nobody").unwrap().unwrap().gid.as_raw();
    got.retain(|gid| *gid != own);
    assert_eq!(got, [60001, 60002]);
}

#[test]
fn by_number_and_with_another_group() {
    needs!(root);
    let daemon = nix::unistd::Group::from_name("daemon").unwrap().unwrap().gid.as_raw().to_string();
    let d = Daemon::with(
        "a: {cmd: sleep 1000, user: 65534, workingdir: /}\nb: {cmd: sleep 1000, user: nobody, group: daemon, workingdir: /}\nc: {cmd: sleep 1000, user: '12345', workingdir: /}",
    );
    let pid = |name: &str| d.wait_state(name, "RUNNING").pid().unwrap();
    assert_eq!(status_field(pid("a"), "Uid").split_whitespace().next(), Some("65534"));
    assert_eq!(status_field(pid("b"), "Gid").split_whitespace().next(), Some(daemon.as_str()));
    assert_eq!(status_field(pid("b"), "Uid").split_whitespace().next(), Some("65534"));
    // A number that no user has: no name, but never the daemon's groups.
    let c = pid("c");
    assert_eq!(status_field(c, "Uid").split_whitespace().next(), Some("12345"));
    assert!(!status_field(c, "Groups").split_whitespace().any(|g| g == "0"), "{}", status_field(c, "Groups"));
}

#[test]
fn an_unknown_user_is_refused_and_never_root() {
    needs!(root);
    for user in ["nobdy", "0day", "'0x0'", "'-1'", "'4294967295'", "'99999999999'", "''"] {
        let setup = Setup::new().programs(&format!("x: {{cmd: sleep 1000, user: {user}}}"));
        let out = setup.run();
        assert!(!out.status.success(), "{user}: {}", said(&out));
        has(&said(&out), "user");
        if user == "nobdy" {
            has(&said(&out), "nobody");
        }
    }
}

#[test]
fn an_unknown_user_in_a_reload_changes_nothing() {
    needs!(root);
    let mut d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    d.rewrite("x: {cmd: sleep 1000, user: nosuchuser}");
    let reply = d.text("reload");
    assert!(!reply.ok());
    has(&reply.all(), "nosuchuser");
    assert_eq!(d.pid_of("x"), pid);
}

#[test]
fn the_log_is_written_by_the_daemon_not_by_the_user() {
    needs!(root);
    let setup = Setup::new();
    let out = setup.file("out");
    let d = setup
        .programs(&format!(
            "x: {{cmd: [sh, -c, 'id -u; exec sleep 1000'], user: nobody, workingdir: /, stdout: {out}}}"
        ))
        .start();
    assert_eq!(d.wait_log("out", 6), b"65534\n");
}

#[test]
fn a_user_can_open_its_standard_output_again() {
    needs!(root);
    let setup = Setup::new();
    let out = setup.file("out");
    let d = setup.programs(&format!("x: {{cmd: [sh, -c, 'echo again > /dev/stdout; exec sleep 1000'], user: nobody, workingdir: /, stdout: {out}}}")).start();
    assert_eq!(d.wait_log("out", 6), b"again\n");
}

#[test]
fn an_unprivileged_daemon_warns_and_runs_what_it_can() {
    needs!(root);
    needs!("setpriv", "chown");
    let setup = Setup::new().programs(
        "x: {cmd: sleep 1000, user: daemon, workingdir: /, startretries: 0}\ny: {cmd: sleep 1000, workingdir: /}",
    );
    let bin = readable_by_all(&setup);
    let config = setup.command();
    run_to_end(Command::new("chown").args(["-R", "65534:65534"]).arg(setup.path("")));
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", &bin]).args(config.get_args());
    let d = setup.start_as(command.current_dir("/"));
    d.wait_state("y", "RUNNING");
    let why = d.wait_state("x", "FATAL").why().to_owned();
    assert!(why.contains("EPERM"), "{why}");
    has(&d.own_log(), "warning: programs.x.user: only root may run a program as \"daemon\"");
}

/// A copy of taskmasterd where every user can execute it.
fn readable_by_all(setup: &Setup) -> String {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(setup.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(TASKMASTERD, setup.path("taskmasterd"));
    setup.file("taskmasterd")
}

//! Who may do what on the control socket, what the log says of it, and whom the client talks to. Most of it needs root,
//! who alone can be somebody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use support::*;

/// A user by number, with its group and the groups besides.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
    groups: &'static str,
}

const NOBODY: User = User { uid: 65534, gid: 65534, groups: "" };
/// In the group daemon (1) besides its own.
const MEMBER: User = User { uid: 4242, gid: 4242, groups: "1" };
/// In the group daemon by its own.
const DAEMON: User = User { uid: 4243, gid: 1, groups: "" };
const ADMIN: User = User { uid: 12345, gid: 12345, groups: "" };
const STRANGER: User = User { uid: 4244, gid: 4244, groups: "4245,4246" };

const ROLES: &str = "read: nobody, control: '@daemon', admin: [12345]";
const TWO: &str = "web: {cmd: sleep 1000}\nother: {cmd: sleep 1000}";

/// A daemon whose socket everybody may connect to, with these keys of `socket` besides.
fn shared(keys: &str, more: &str, programs: &str) -> Daemon {
    let setup = Setup::new();
    let socket = format!("socket: {{path: {}, mode: 0666, {keys}}}\n{more}", setup.file("ctl"));
    let d = setup.keys(&socket).programs(programs).start();
    fs::set_permissions(d.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the binary is built, others may not be let in.
    copy_program(TASKMASTERCTL, d.path("ctl-binary"));
    d
}

impl User {
    /// The command as this user would run it.
    fn run(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.gid));
        match self.groups {
            "" => command.arg("--clear-groups"),
            groups => command.arg(format!("--groups={groups}")),
        };
        command.arg(program);
        command
    }

    fn ctl(self, d: &Daemon, words: &str) -> Command {
        let mut command = self.run(&d.path("ctl-binary"));
        command.arg("-s").arg(&d.socket).args(words.split(' '));
        command
    }

    #[track_caller]
    fn asks(self, d: &Daemon, words: &str) -> Output {
        run_to_end(&mut self.ctl(d, words))
    }

    #[track_caller]
    fn may(self, d: &Daemon, words: &str) {
        let out = self.asks(d, words);
        assert!(out.status.success(), "{self:?} {words}: {}", said(&out));
    }

    #[track_caller]
    fn may_not(self, d: &Daemon, words: &str, why: &str) {
        let out = self.asks(d, words);
        assert!(!out.status.success(), "{self:?} may {words}");
        has(&said(&out), why);
    }
}

/// A connection of this user that stays.
struct Line {
    child: Child,
}

impl Line {
    fn open(user: User, d: &Daemon) -> Line {
        let mut command = user.run(&find_program("socat").unwrap());
        command.args(["-t", "20", "-"]).arg(format!("UNIX-CONNECT:{}", d.socket.display()));
        Line { child: command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap() }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The answer up to OK or ERROR.
    #[track_caller]
    fn hear(&mut self) -> String {
        let mut text = String::new();
        loop {
            let line = read_line(self.child.stdout.as_mut().unwrap());
            let last = line == "OK" || line.starts_with("ERROR ");
            text += &(line + "\n");
            if last {
                return text;
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes another text for a part of the configuration, and reloads.
#[track_caller]
fn reload_with(d: &Daemon, old: &str, new: &str) -> String {
    let text = fs::read_to_string(d.setup.config_file()).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(d.setup.config_file(), text.replace(old, new)).unwrap();
    d.ok("reload")
}

/// The lines of the daemon's log about commands.
fn commands(d: &Daemon) -> Vec<String> {
    let log = d.own_log();
    log.lines().filter(|line| line.contains(" command \"")).map(str::to_owned).collect()
}

#[test]
fn each_role_may_what_it_says_and_what_the_lower_ones_may() {
    needs!(root);
    needs!("setpriv");
    let d = shared(ROLES, "", TWO);
    d.wait_all("RUNNING");
    NOBODY.may(&d, "status");
    NOBODY.may(&d, "reload --dry-run");
    let text = "stop needs the role control; uid 65534 (nobody) has only read: taskmasterd.socket.control gives it";
    NOBODY.may_not(&d, "stop web", text);
    NOBODY.may_not(&d, "reload", "reload needs the role admin; uid 65534 (nobody) has only read");
    assert_eq!(d.state("web"), "RUNNING");
    for user in [MEMBER, DAEMON] {
        user.may(&d, "stop web");
        user.may(&d, "start web");
        user.may(&d, "status");
        user.may_not(&d, "shutdown", "has only control: taskmasterd.socket.admin gives it");
    }
    ADMIN.may(&d, "restart web");
    ADMIN.may(&d, "reload");
    STRANGER.may_not(&d, "status", "status needs the role read; uid 4244 has none: taskmasterd.socket.read gives it");
    STRANGER.may_not(&d, "version", "has none");
    let out = NOBODY.asks(&d, "--json signal HUP web");
    let error: Value = serde_json::from_str(stdout(&out).trim()).unwrap();
    assert_eq!(error["error"]["code"], json!(-32002), "{error}");
    ADMIN.may(&d, "shutdown");
    let mut d = d;
    assert_eq!(d.wait_exit(), 0);
}

#[test]
fn without_roles_nobody_else_may_anything() {
    needs!(root);
    needs!("setpriv");
    let d = shared("read: []", "", TWO);
    d.wait_all("RUNNING");
    for command in ["status", "version", "stop web", "shutdown"] {
        MEMBER.may_not(&d, command, "has none");
    }
    assert_eq!(d.all().iter().filter(|s| s.state() == "RUNNING").count(), 2);
}

#[test]
fn each_request_of_a_connection_and_of_a_batch_is_judged() {
    needs!(root);
    needs!("setpriv", "socat");
    let d = shared(ROLES, "", TWO);
    d.wait_all("RUNNING");
    let mut line = Line::open(NOBODY, &d);
    line.say("stop web");
    has(&line.hear(), "ERROR denied: stop needs the role control");
    line.say("pid");
    assert!(line.hear().ends_with("\nOK\n"));
    let call =
        |id, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let batch = json!([
        call(1, "version", json!({})),
        call(2, "stop", json!({"names": ["web"]})),
        call(3, "shutdown", json!({}))
    ]);
    line.say(&batch.to_string());
    let answers: Vec<Value> =
        serde_json::from_str(&read_line(line.child.stdout.as_mut().unwrap())).expect("an array of answers");
    for answer in &answers {
        assert_eq!(answer.get("error").is_some(), answer["id"] != json!(1), "{answer}");
    }
    // Whoever has no role at all is heard once.
    let mut line = Line::open(STRANGER, &d);
    line.say("status\nversion\nversion");
    has(&line.hear(), "ERROR denied: status needs the role read; uid 4244 has none");
    assert!(line.child.wait().unwrap().success());
    assert_eq!(d.state("web"), "RUNNING");
}

#[test]
fn a_reload_gives_and_takes_roles_on_connections_that_are_there() {
    needs!(root);
    needs!("setpriv", "socat");
    let d = shared(ROLES, "", TWO);
    d.wait_all("RUNNING");
    let (mut nobody, mut member) = (Line::open(NOBODY, &d), Line::open(MEMBER, &d));
    member.say("events --since 0");
    has(&read_line(member.child.stdout.as_mut().unwrap()), "spawned");
    nobody.say("stop web");
    has(&nobody.hear(), "denied");
    let plan = reload_with(&d, ROLES, "control: [nobody], admin: [12345]");
    has(&plan, "socket.read: nobody -> (unset)");
    has(&plan, "socket.control: @daemon -> nobody");
    nobody.say("stop web");
    has(&nobody.hear(), "OK");
    // What he follows ends, and his connection with it.
    has(&member.hear(), "ERROR denied: the right to see this was withdrawn");
    assert!(member.child.wait().unwrap().success());
    MEMBER.may_not(&d, "status", "has none");
    // The same for what processes write.
    let mut events = Line::open(NOBODY, &d);
    events.say("events --since 0");
    has(&read_line(events.child.stdout.as_mut().unwrap()), "spawned");
    let mut output = Line::open(NOBODY, &d);
    output.say(r#"{"jsonrpc":"2.0","id":9,"method":"logs","params":{"names":["other"],"follow":true}}"#);
    has(&read_line(output.child.stdout.as_mut().unwrap()), "\"result\"");
    reload_with(&d, "control: [nobody]", "read: '@daemon'");
    has(&events.hear(), "ERROR denied: the right to see this was withdrawn");
    has(&read_line(output.child.stdout.as_mut().unwrap()), "-32002");
    assert!(output.child.wait().unwrap().success());
    reload_with(&d, "read: '@daemon'", "control: [nobody]");
    let mut nobody = Line::open(NOBODY, &d);
    // A file with an unknown user changes nothing.
    let text = fs::read_to_string(d.setup.config_file()).unwrap();
    fs::write(d.setup.config_file(), text.replace("[nobody]", "[nobdy, '@deamon']")).unwrap();
    let told = d.text("reload").all();
    has(&told, "taskmasterd.socket.control: no user \"nobdy\" (did you mean \"nobody\"?)");
    has(&told, "taskmasterd.socket.control: no group \"deamon\" (did you mean \"daemon\"?)");
    nobody.say("start web");
    has(&nobody.hear(), "OK");
}

#[test]
fn what_is_done_and_what_is_refused_is_in_the_log() {
    needs!(root);
    needs!("setpriv", "socat");
    let d = shared(ROLES, "", &format!("{TWO}\nbad: {{cmd: /nowhere, autostart: false, startretries: 0}}"));
    d.wait_state("web", "RUNNING");
    d.wait_state("other", "RUNNING");
    MEMBER.may(&d, "stop web");
    DAEMON.asks(&d, "start bad web");
    NOBODY.asks(&d, "stop web");
    MEMBER.asks(&d, "stop wbe");
    NOBODY.may(&d, "status web other");
    STRANGER.asks(&d, "status");
    let lines = wait_for("a line for each", || Some(commands(&d)).filter(|lines| lines.len() >= 5));
    let parts: [(&str, &[&str]); 5] = [
        ("stop web", &["INFO ", "result=ok uid=4242 gid=4242 pid=", " duration="]),
        ("start bad web", &["INFO ", "result=partial uid=4243 gid=1 pid=", ": not done for bad"]),
        (
            "stop web",
            &["WARNING ", "result=denied uid=65534 user=nobody gid=65534 pid=", ": stop needs the role control"],
        ),
        ("stop wbe", &["WARNING ", "result=unknown-name uid=4242 ", "did you mean \"web\"?"]),
        ("status", &["WARNING ", "result=denied uid=4244 ", ": status needs the role read"]),
    ];
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, (command, parts)) in lines.iter().zip(parts) {
        has(line, &format!(" command \"{command}\" "));
        parts.iter().for_each(|part| has(line, part));
    }
}

#[test]
fn the_log_in_json_has_fields_and_nothing_forges_a_line() {
    needs!(root);
    needs!("setpriv", "socat");
    let d = shared(ROLES, "logformat: json", TWO);
    d.wait_all("RUNNING");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {"names": ["x\n{\"result\":\"ok\"}\u{1b}[2J", "y".repeat(60_000)]}});
    let mut line = Line::open(NOBODY, &d);
    line.say(&call.to_string());
    has(&read_line(line.child.stdout.as_mut().unwrap()), "-32002");
    MEMBER.may(&d, "restart --timeout 30s web");
    let log = d.own_log();
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<&Value> = records.iter().filter(|record| record["event"] == json!("command")).collect();
    assert_eq!(records.len(), 2, "{records:#?}");
    let denied = records[0];
    assert_eq!((&denied["result"], &denied["level"]), (&json!("denied"), &json!("warning")));
    assert_eq!((&denied["uid"], &denied["gid"], &denied["user"]), (&json!(65534), &json!(65534), &json!("nobody")));
    has(denied["cause"].as_str().unwrap(), "stop needs the role control");
    let command = denied["command"].as_str().unwrap();
    assert!(command.starts_with("stop \"x\\n{") && command.len() < 300 && !command.contains('\u{1b}'), "{command}");
    let done = records[1];
    assert_eq!((&done["command"], &done["result"]), (&json!("restart --timeout=30000ms web"), &json!("ok")));
    assert!(done["pid"].as_u64() > Some(1) && done["duration_ms"].is_u64() && done.get("user").is_none(), "{done}");
}

#[test]
fn a_flood_of_refusals_is_counted() {
    needs!(root);
    needs!("setpriv", "socat");
    const FLOOD: usize = 3000;
    let d = shared(ROLES, "", TWO);
    d.wait_all("RUNNING");
    let mut line = Line::open(NOBODY, &d);
    let mut stdin = line.child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all("stop web\n".repeat(FLOOD).as_bytes()));
    for _ in 0..FLOOD {
        has(&line.hear(), "denied");
    }
    writer.join().unwrap().unwrap();
    let told = || d.own_log().lines().filter(|l| l.contains("result=denied")).count();
    let counted = || -> usize {
        let log = d.own_log();
        let lines = log.lines().filter(|l| l.contains(" more requests of uid 65534 (nobody) were refused"));
        lines
            .map(|l| l.split_whitespace().nth(2).unwrap().parse::<usize>().unwrap_or_else(|e| panic!("{l}: {e}")))
            .sum()
    };
    // Nobody is lost, and it does not take another request to be told.
    wait_until("all are told or counted", || told() + counted() == FLOOD);
    assert!(told() < FLOOD / 4, "{} lines for {FLOOD} requests", told());
}

#[test]
fn who_does_not_wait_for_the_answer_is_in_the_log_all_the_same() {
    needs!(root);
    needs!("setpriv");
    let d = shared(ROLES, "", &format!("slow: {{cmd: {}, stoptime: 60}}", probe("ignore=15 forever")));
    d.wait_handles("slow", &[15]);
    let mut client = MEMBER.ctl(&d, "stop slow").spawn().unwrap();
    d.wait_state("slow", "STOPPING");
    kill(client.id(), Signal::SIGKILL);
    client.wait().unwrap();
    wait_until("the line", || !commands(&d).is_empty());
    has(&commands(&d)[0], "command \"stop slow\" result=gone uid=4242 ");
    d.ok("signal KILL slow");
}

#[test]
fn a_child_has_neither_the_socket_nor_a_connection() {
    let d = Daemon::with("web: {cmd: sleep 1000, numprocs: 20, autostart: false, stdout: none, stderr: none}");
    // Connections of before and of during the births.
    let mut held: Vec<_> = (0..10).map(|_| d.connect()).collect();
    writeln!(held[0], "start web").unwrap();
    assert!(read_reply(&mut held[0]).ok());
    let listing = fds(d.pid).into_values().filter(|what| what.starts_with("socket:")).count();
    assert!(listing > held.len(), "{listing} sockets in the daemon");
    for status in d.wait_all("RUNNING") {
        let open = wait_fds(status.pid().unwrap(), &[0, 1, 2]);
        assert!(!open.values().any(|what| what.contains("socket")), "{open:?}");
    }
}

#[test]
fn a_daemon_of_another_user_is_only_talked_to_where_he_alone_can_be() {
    needs!(root);
    needs!("setpriv");
    let setup = Setup::new();
    // What others may not look into, they cannot run.
    copy_program(TASKMASTERD, setup.path("daemon-binary"));
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    for place in ["own", "open", "team"] {
        fs::create_dir(setup.path(place)).unwrap();
    }
    chown(setup.path("own"), Some(NOBODY.uid), None).unwrap();
    chown(setup.path("team"), Some(NOBODY.uid), None).unwrap();
    fs::set_permissions(setup.path("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(setup.path("team"), fs::Permissions::from_mode(0o775)).unwrap();
    for (place, good) in [("own", true), ("open", false), ("team", false)] {
        let socket = setup.file(&format!("{place}/ctl"));
        let config = setup.file(&format!("{place}.yaml"));
        let text = format!(
            "taskmasterd: {{socket: {{path: {socket}, mode: 0666, read: [4242]}}, logfile: '-', childlogdir: {}}}\nprograms: {{}}\n",
            setup.file("own")
        );
        fs::write(&config, text).unwrap();
        let mut command = NOBODY.run(&setup.path("daemon-binary"));
        let mut daemon = Held(command.args(["-n", "-c", &config]).stdout(Stdio::null()).spawn().unwrap());
        wait_until("the socket answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        let ask = |options: &[&str]| {
            run_to_end(Command::new(TASKMASTERCTL).args(["-s", &socket]).args(options).arg("version"))
        };
        let out = ask(&[]);
        assert_eq!(out.status.code(), Some(if good { 0 } else { 4 }), "{place}: {}", said(&out));
        if !good {
            has(&said(&out), "not talking to");
            has(&said(&out), "--daemon-user 65534 says so");
        }
        // Whoever is named must be the one.
        assert!(ask(&["--daemon-user", "nobody"]).status.success());
        let out = ask(&["--daemon-user", "daemon"]);
        assert_eq!(out.status.code(), Some(4));
        has(&said(&out), "runs as user 65534, not as user 1 as --daemon-user says");
        kill(daemon.id(), Signal::SIGTERM);
        assert!(daemon.wait().unwrap().success());
    }
    // A link of somebody else in such a directory, though the daemon is a real one.
    let d = Daemon::with(TWO);
    let link = setup.path("open/link");
    std::os::unix::fs::symlink(&d.socket, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(NOBODY.uid), None).unwrap();
    let out = run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(&link).arg("shutdown"));
    assert_eq!(out.status.code(), Some(4), "{}", said(&out));
    has(&said(&out), "belongs to user 65534 and stands where everybody may put something");
    assert_eq!(d.wait_all("RUNNING").len(), 2);
}

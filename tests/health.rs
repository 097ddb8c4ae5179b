//! Readiness and health checks over real programs: by connection, request, command, line of output, message, descriptor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use nix::sys::signal::Signal;
use support::*;

/// Checks that follow one another soon.
const SOON: &str = "interval: 0.1, timeout: 5, retries: 2, start_period: 0";

/// A daemon whose descriptors are counted before anything runs: at the end of a test they are to be as many again.
struct Counted {
    d: Daemon,
    before: usize,
}

impl Counted {
    fn with(setup: Setup) -> Counted {
        let d = setup.start();
        let before = fds(d.pid).len();
        Counted { d, before }
    }

    /// Stops everything; nothing is left of it.
    fn end(self) {
        self.d.ok("stop all");
        let d = &self.d;
        wait_until("the descriptors are those of the beginning", || fds(d.pid).len() <= self.before);
        // What a check had started is nobody's any more, and is reaped when it has ended.
        wait_until("there are no children", || children(d.pid).is_empty());
    }
}

fn idle(programs: &str) -> Counted {
    let programs: Vec<String> = programs.trim().lines().map(str::to_owned).collect();
    let c = Counted::with(
        Setup::new()
            .defaults("autostart: false\nstarttime: 0.1\nstoptime: 5\nbackoff: {initial: 0.05, max: 0.2, floor: 0}")
            .programs(&programs.join("\n")),
    );
    c.d.text("start --no-wait all");
    c
}

fn wait_in_log(d: &Daemon, text: &str) {
    wait_until(&format!("{text:?} in the log"), || d.own_log().contains(text));
}

/// What a process says of itself.
fn says(d: &Daemon, name: &str) -> String {
    d.status(name).0["says"].as_str().unwrap_or_default().to_owned()
}

fn count_in_log(d: &Daemon, text: &str) -> usize {
    d.own_log().matches(text).count()
}

/// A web server that answers with this status as long as it lives, and counts.
fn web() -> (u16, Arc<AtomicU16>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (status, count) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
    let (answer, counter) = (Arc::clone(&status), Arc::clone(&count));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut room = [0; 512];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut room) {
                    Ok(n @ 1..) => request.extend_from_slice(&room[..n]),
                    _ => break,
                }
            }
            counter.fetch_add(1, Ordering::Relaxed);
            let asked = String::from_utf8_lossy(&request);
            let body = "body ".repeat(2000);
            // Nothing is answered to somebody who does not ask properly.
            if asked.starts_with("GET /check?x=1 HTTP/1.1\r\nHost: ") && asked.contains("\r\nConnection: close\r\n") {
                let _ = write!(stream, "HTTP/1.1 {} Text\r\n\r\n{body}", answer.load(Ordering::Relaxed));
            }
        }
    });
    (port, status, count)
}

fn nginx(setup: &Setup, port: u16) -> String {
    let dir = setup.file("");
    let config = format!(
        "daemon off;\nmaster_process off;\nerror_log {dir}/error.log;\npid {dir}/nginx.pid;\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;\n\
         uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;\nserver {{ listen 127.0.0.1:{port}; listen unix:{dir}/n.sock;\n\
         location / {{ if (-f {dir}/down) {{ return 503 \"in trouble\"; }} return 200 fine; }} }} }}\n"
    );
    setup.write("nginx.conf", &config);
    format!("nginx -e stderr -c {dir}/nginx.conf")
}

#[test]
fn nginx_is_ready_and_well_by_http() {
    needs!("nginx");
    let (setup, port) = (Setup::new(), free_port());
    let cmd = nginx(&setup, port);
    let sock = setup.file("n.sock");
    let programs = format!(
        "web:\n  cmd: {cmd}\n  readiness: {{http: 'http://127.0.0.1:{port}/', interval: 0.2}}\n  \
         healthcheck: {{http: 'http://unix:{sock}:/x', {SOON}}}"
    );
    let c = Counted::with(
        setup.defaults("autostart: false\nbackoff: {initial: 0.05, max: 0.2, floor: 0}").programs(&programs),
    );
    let d = &c.d;
    // Long before its starttime.
    d.ok("start web");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    wait_in_log(d, "web: healthy");
    fs::write(d.path("down"), "").unwrap();
    wait_in_log(d, "web: health check failed (1 of 2): answered 503");
    wait_in_log(d, "web: unhealthy: answered 503");
    let second = wait_for("it is started again", || d.status("web").pid().filter(|new| *new != pid));
    // It answers 503, so it is not ready.
    assert_eq!((d.state("web").as_str(), alive(pid)), ("STARTING", false));
    fs::remove_file(d.path("down")).unwrap();
    assert_eq!(d.wait_state("web", "RUNNING").pid(), Some(second));
    wait_until("it is well again", || count_in_log(d, "web: healthy") == 2);
    fs::remove_file(&sock).unwrap();
    wait_in_log(d, "web: unhealthy: no such file or directory (ENOENT)");
    c.end();
}

#[test]
fn redis_is_ready_by_tcp_and_by_its_log() {
    needs!("redis-server", "redis-cli");
    let (one, two, setup) = (free_port(), free_port(), Setup::new());
    let dir = setup.file("");
    let redis = |port: u16| format!("redis-server --port {port} --bind 127.0.0.1 --save '' --dir {dir} --daemonize no");
    let programs = format!(
        "line: {{cmd: \"{}\", readiness: {{log: 'Ready to accept connections'}}, \
         healthcheck: {{exec: [redis-cli, -p, '{one}', ping], {SOON}}}}}\n\
         port: {{cmd: \"{}\", readiness: {{tcp: 'localhost:{two}'}}, healthcheck: {{tcp: '127.0.0.1:{two}', {SOON}}}}}\n\
         cache: {{cmd: \"sleep 1000\", depends_on: {{port: healthy, line: ready}}}}",
        redis(one),
        redis(two)
    );
    let defaults = "autostart: false\nstarttime: 0.1\nbackoff: {initial: 0.05, max: 0.2, floor: 0}";
    let c = Counted::with(setup.defaults(defaults).programs(&programs));
    let d = &c.d;
    d.ok("start cache");
    wait_in_log(d, "port: healthy");
    let log = d.own_log();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is not in\n{log}"));
    assert!(
        place("cache: spawned") > place("port: healthy") && place("cache: spawned") > place("line: running"),
        "{log}"
    );
    wait_in_log(d, "line: healthy");
    // A server that stands still takes no commands, though its port is open.
    let pid = d.pid_of("line");
    kill(pid, Signal::SIGKILL);
    d.wait_new_pid("line", pid);
    wait_until("it is well again", || count_in_log(d, "line: healthy") == 2);
    has(&String::from_utf8_lossy(&d.log("logs/line-stdout.log")), "Ready to accept connections");
    c.end();
}

/// A Python program that speaks sd_notify(3): each line of its `steps` file is sent, or is a number of seconds to wait.
const NOTIFIER: &str = "import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])
print('pid', os.environ.get('WATCHDOG_PID') == str(os.getpid()), os.environ.get('WATCHDOG_USEC'), flush=True)
done = 0
while True:
    try:
        lines = open(sys.argv[1]).read().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines[done:]:
        s.send(line.replace('|', '\\n').encode())
    done = len(lines)
    if os.path.exists(sys.argv[1] + '.ping'):
        s.send(b'WATCHDOG=1')
    time.sleep(0.02)
";

struct Notifier<'a>(&'a Daemon);

impl Notifier<'_> {
    fn say(&self, line: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.0.path("steps")).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    fn ping(&self, on: bool) {
        let path = self.0.path("steps.ping");
        if on { fs::write(path, "").unwrap() } else { fs::remove_file(path).unwrap() }
    }
}

#[test]
fn a_program_says_by_sd_notify_how_it_is() {
    needs!("python3");
    let setup = Setup::new();
    setup.write("notifier.py", NOTIFIER);
    let (script, steps) = (setup.file("notifier.py"), setup.file("steps"));
    let python = find_program("python3").unwrap();
    let programs = format!(
        "app:\n  cmd: ['{}', '{script}', '{steps}']\n  readiness: {{notify: true}}\n  \
         healthcheck: {{notify: true, interval: 0.3, timeout: 3, retries: 1}}",
        python.display()
    );
    let defaults = "autostart: false\nstarttime: 0.1\nbackoff: {initial: 0.05, max: 0.2, floor: 0}";
    let c = Counted::with(setup.defaults(defaults).programs(&programs));
    let (d, app) = (&c.d, Notifier(&c.d));
    d.text("start --no-wait app");
    let pid = wait_for("it runs", || d.status("app").pid());
    wait_until("it tells its environment", || d.log("logs/app-stdout.log").starts_with(b"pid True 300000\n"));
    // Somebody else may write to the socket, but nobody listens to him.
    let address = environ(pid)["NOTIFY_SOCKET"].clone();
    let stranger = UnixDatagram::unbound().unwrap();
    let name = SocketAddr::from_abstract_name(address.strip_prefix('@').unwrap()).unwrap();
    stranger.connect_addr(&name).unwrap();
    stranger.send(b"READY=1\nSTATUS=hacked").unwrap();
    wait_in_log(d, &format!("process {} is none of its own", std::process::id()));
    assert_eq!(d.state("app"), "STARTING");
    app.ping(true);
    app.say("STATUS=loading");
    app.say("READY=1|STATUS=serving 3|X_NONE=1");
    d.wait_state("app", "RUNNING");
    wait_in_log(d, "app: healthy");
    wait_until("it says what it does", || says(d, "app").contains("serving 3"));
    app.say("RELOADING=1");
    wait_until("it says that it reloads", || says(d, "app").contains("reloading"));
    // A process that is not its own cannot become its main one.
    app.say("READY=1|MAINPID=1");
    wait_until("it serves", || says(d, "app").contains("serving 3"));
    assert!(!says(d, "app").contains("main process"));
    assert!(!d.own_log().contains("unhealthy"), "{}", d.own_log());
    // Its ping stops.
    fs::remove_file(d.path("steps")).unwrap();
    app.ping(false);
    wait_in_log(d, &format!("app: unhealthy: did not send WATCHDOG=1 (messages of process {}", std::process::id()));
    wait_in_log(d, "do not count) within 3s");
    wait_until("it is started again", || d.status("app").pid().is_some_and(|new| new != pid));
    app.ping(true);
    app.say("READY=1");
    wait_until("it is well again", || count_in_log(d, "app: healthy") == 2);
    app.say("WATCHDOG=trigger");
    wait_in_log(d, "app: unhealthy: it says so itself (WATCHDOG=trigger)");
    c.end();
}

#[test]
fn a_main_process_is_watched_and_messages_of_children_count() {
    needs!("python3");
    let setup = Setup::new();
    let script = "import os, socket, time
def send(text):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])
    s.send(text.encode())
pid = os.fork()
if pid == 0:
    # In a session of its own, but still a child.
    os.setsid()
    send('READY=1')
    time.sleep(1000)
time.sleep(0.3)
send('MAINPID=%d\\nSTATUS=with a child' % pid)
os.waitpid(pid, 0)
time.sleep(1000)
";
    setup.write("parent.py", script);
    let python = find_program("python3").unwrap();
    let programs = format!(
        "app: {{cmd: ['{}', '{}'], readiness: {{notify: true}}, healthcheck: {{notify: true, interval: 30, retries: 1}}, on_unhealthy: none}}",
        python.display(),
        setup.file("parent.py")
    );
    let c = Counted::with(setup.defaults("autostart: false").programs(&programs));
    let d = &c.d;
    d.ok("start app");
    let leader = d.pid_of("app");
    let child = wait_for("its child", || children(leader).first().map(|(pid, _)| *pid));
    wait_until("it is named", || says(d, "app") == format!("with a child; main process {child}"));
    kill(child, Signal::SIGKILL);
    wait_until("its end is told", || says(d, "app").contains(&format!("main process {child} has ended")));
    c.end();
}

#[test]
fn a_line_on_a_descriptor_is_a_sign() {
    let c = idle(
        "good: {cmd: [sh, -c, 'sleep 0.3; echo up >&5; exec sleep 1000'], readiness: {fd: 5}}
high: {cmd: [sh, -c, 'sh -c \"echo > /proc/self/fd/700\"; exec sleep 1000'], readiness: {fd: 700}}
closed: {cmd: [sh, -c, 'exec 3>&-; exec sleep 1000'], startretries: 1, readiness: {fd: 3}}
both: {cmd: [sh, -c, 'echo >&3; while :; do echo tick >&4; sleep 0.05; test -e stop && exec 4>&-; done; sleep 1000'], readiness: {fd: 3}, healthcheck: {fd: 4, interval: 0.2, timeout: 0.5, retries: 1}, on_unhealthy: none}",
    );
    let d = &c.d;
    for name in ["good", "high", "both"] {
        d.wait_state(name, "RUNNING");
    }
    has(d.wait_state("closed", "FATAL").why(), "closed its descriptor without a line");
    wait_in_log(d, "both: healthy");
    // The child has the end under its number, and nothing else that is the daemon's.
    let of_good = wait_fds(d.pid_of("good"), &[0, 1, 2, 5]);
    assert!(of_good[&5].starts_with("pipe:"), "{of_good:?}");
    c.end();
}

#[test]
fn commands_pass_and_fail_and_are_killed_when_they_are_late() {
    let c = idle(
        "passes: {cmd: sleep 1000, readiness: {exec: [test, -e, go]}, healthcheck: {exec: 'test \"$TASKMASTER_PROCESS$MINE\" = passesyes && test $PPID -gt 1 && kill -0 $TASKMASTER_PID', interval: 0.1}, env: {MINE: 'yes'}}
fails: {cmd: sleep 1000, healthcheck: {exec: 'echo looked; echo badly >&2; exit 3', interval: 0.1, retries: 2}, on_unhealthy: none}
missing: {cmd: sleep 1000, healthcheck: {exec: [/no/such/thing], interval: 0.1, retries: 1}, on_unhealthy: stop}
late: {cmd: sleep 1000, healthcheck: {exec: [sh, check.sh], interval: 0.05, timeout: 0.3, retries: 4}, on_unhealthy: none}",
    );
    let d = &c.d;
    // A check that finds what another one has started says so; what was killed, and needs a processor to die, does not live.
    d.setup.write(
        "check.sh",
        "lives() {\n\
         test -s helper && test -n \"$(tr '\\0' ' ' 2>/dev/null < /proc/$(cat helper)/cmdline)\" &&\n\
         ! grep -q 'Pnd:.*[13579bdf]..$' /proc/$(cat helper)/status; }\n\
         if lives && sleep 0.1 && lives; then echo OVERLAP >> checks; fi\n\
         echo start >> checks\nsleep 77777 &\necho $! > helper\nwait\n",
    );
    wait_in_log(d, "fails: unhealthy: exit status 3");
    wait_in_log(
        d,
        "missing: unhealthy: cannot execute (execve) \"/no/such/thing\": no such file or directory (ENOENT)",
    );
    d.wait_state("missing", "STOPPED");
    assert_eq!((d.state("passes").as_str(), d.state("fails").as_str()), ("STARTING", "RUNNING"));
    fs::write(d.path("go"), "").unwrap();
    d.wait_state("passes", "RUNNING");
    wait_in_log(d, "passes: healthy");
    wait_in_log(d, "late: unhealthy: took longer than its timeout (300ms)");
    let checks = || fs::read_to_string(d.path("checks")).unwrap_or_default();
    wait_until("several checks have begun", || checks().lines().count() >= 2);
    assert!(checks().lines().all(|line| line == "start"), "{}", checks());
    // The process ends, and with it its check.
    let helper: u32 = wait_for("the check's child", || fs::read_to_string(d.path("helper")).ok()?.trim().parse().ok());
    d.ok("stop late");
    wait_until("the check is gone", || !alive(helper));
    c.end();
}

#[test]
fn what_becomes_of_an_unhealthy_process_is_configured() {
    let (port, status, count) = web();
    let check = format!("healthcheck: {{http: 'http://localhost:{port}/check?x=1', {SOON}}}");
    let c = idle(&format!(
        "restart: {{cmd: sleep 1000, {check}}}\nnone: {{cmd: sleep 1000, on_unhealthy: none, {check}}}\n\
         stop: {{cmd: sleep 1000, on_unhealthy: stop, {check}}}\n\
         teapot: {{cmd: sleep 1000, on_unhealthy: none, healthcheck: {{http: 'http://127.0.0.1:{port}/check?x=1', status: 418, {SOON}}}}}"
    ));
    let d = &c.d;
    wait_in_log(d, "restart: healthy");
    wait_in_log(d, "none: healthy");
    wait_in_log(d, "stop: healthy");
    wait_in_log(d, "teapot: unhealthy: answered 200");
    let before = ["restart", "none", "stop"].map(|name| d.pid_of(name));
    status.store(418, Ordering::Relaxed);
    wait_in_log(d, "teapot: healthy");
    d.wait_state("stop", "STOPPED");
    d.wait_new_pid("restart", before[0]);
    wait_in_log(d, "none: unhealthy: answered 418");
    assert_eq!(d.pid_of("none"), before[1]);
    status.store(200, Ordering::Relaxed);
    wait_until("it is well again", || count_in_log(d, "none: healthy") == 2);
    assert_eq!(d.pid_of("none"), before[1]);
    assert!(count.load(Ordering::Relaxed) > 10);
    c.end();
}

#[test]
fn answers_that_are_none_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port();
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let closes = closing.local_addr().unwrap().port();
    std::thread::spawn(move || closing.incoming().for_each(drop));
    let ssh = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = ssh.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in ssh.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let nobody = free_port();
    let of = |name: &str, check: &str| {
        // Only what is silent is to be late.
        let timeout = if name == "silent" { 0.3 } else { 30.0 };
        let times = format!("interval: 0.1, timeout: {timeout}, retries: 1");
        format!("{name}: {{cmd: sleep 1000, on_unhealthy: none, healthcheck: {{{check}, {times}}}}}\n")
    };
    let c = idle(&format!(
        "{}{}{}{}{}",
        of("silent", &format!("http: 'http://127.0.0.1:{silent}/'")),
        of("closes", &format!("http: 'http://127.0.0.1:{closes}/'")),
        of("other", &format!("http: 'http://127.0.0.1:{other}/'")),
        of("nobody", &format!("tcp: 'localhost:{nobody}'")),
        of("open", &format!("tcp: '127.0.0.1:{silent}'")),
    ));
    let d = &c.d;
    wait_in_log(d, "silent: unhealthy: took longer than its timeout (300ms)");
    wait_until("its end is told", || {
        let log = d.own_log();
        log.contains("closes: unhealthy: ended without an answer")
            || log.contains("closes: unhealthy: connection reset")
    });
    wait_in_log(d, "other: unhealthy: answered with something that is not HTTP");
    wait_in_log(d, "nobody: unhealthy: connection refused (ECONNREFUSED)");
    wait_in_log(d, "open: healthy");
    c.end();
}

#[test]
fn lines_are_found_wherever_they_are_written() {
    let long = "x".repeat(20_000);
    let c = idle(&format!(
        "discarded: {{cmd: [sh, -c, 'sleep 0.1; printf \"now rea\"; sleep 0.2; echo dy; exec sleep 1000'], stdout: null, readiness: {{log: 'now ready$'}}}}
stderr: {{cmd: [sh, -c, 'echo now ready >&2; exec sleep 1000'], readiness: {{log: '^now ready$'}}}}
terminal: {{cmd: [sh, -c, 'echo now ready; exec sleep 1000'], tty: true, readiness: {{log: '^now ready$'}}}}
rotated: {{cmd: {}, stdout: r.log, stdout_logfile_maxbytes: 4096, stdout_logfile_backups: 100, readiness: {{log: '^000000999 '}}}}
long: {{cmd: [sh, -c, 'echo {long} now ready; exec sleep 1000'], startretries: 0, readiness: {{log: 'now ready', start_period: 0.1, timeout: 0.3}}}}
beats: {{cmd: [sh, -c, 'while ! test -e stop; do echo alive; sleep 0.05; done; exec sleep 1000'], healthcheck: {{log: alive, interval: 0.2, timeout: 3, retries: 1}}, on_unhealthy: stop}}",
        probe("lines=1000:50 forever")
    ));
    let d = &c.d;
    for name in ["discarded", "stderr", "terminal", "rotated"] {
        d.wait_state(name, "RUNNING");
    }
    assert_eq!(d.wait_log("r.log", 50_000), numbered(1000, 50).into_bytes(), "looking at it changes nothing");
    has(d.wait_state("long", "FATAL").why(), "no line matches within 400ms");
    wait_in_log(d, "beats: healthy");
    fs::write(d.path("stop"), "").unwrap();
    d.wait_state("beats", "STOPPED");
    has(&String::from_utf8_lossy(&d.log("logs/beats-stdout.log")), "alive\nalive\n");
    c.end();
}

#[test]
fn many_commands_at_once_are_bounded_and_all_have_their_turn() {
    let c = idle(
        "many: {cmd: sleep 1000, numprocs: 150, healthcheck: {exec: [sh, -c, 'echo >> started; while ! test -e go; do sleep 0.05; done'], interval: 0.1, timeout: 60}}",
    );
    let d = &c.d;
    wait_all_running(d);
    let started = || fs::read_to_string(d.path("started")).unwrap_or_default().lines().count();
    wait_until("as many as may be have started", || started() >= 64);
    let at_once = children(d.pid).len();
    assert!(at_once <= 150 + 64, "{at_once}");
    assert_eq!(started(), 64);
    fs::write(d.path("go"), "").unwrap();
    wait_until("each has had its turn", || count_in_log(d, ": healthy") == 150);
    c.end();
}

fn wait_all_running(d: &Daemon) {
    wait_until("all run", || d.all().iter().all(|status| status.state() == "RUNNING"));
}

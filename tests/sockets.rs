//! Sockets that are opened for programs: what a run gets, that no connection is refused over restarts, programs that the
//! first connection starts, and what reloads, removals and addresses in use do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::*;

/// What the server at this port answers: its process id.
#[track_caller]
fn ask(port: u16) -> u32 {
    answer(connect(port))
}

#[track_caller]
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[track_caller]
fn connect_unix(path: &str) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[track_caller]
fn answer(stream: impl Read) -> u32 {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim().parse().unwrap_or_else(|_| panic!("answered {line:?}"))
}

/// The socket that a process has as this descriptor: `socket:[123]`.
fn socket(pid: u32, fd: u32) -> String {
    fds(pid).remove(&fd).filter(|target| target.starts_with("socket:")).unwrap_or_default()
}

/// How many descriptors of the daemon are this socket. A second one is polled.
fn copies(d: &Daemon, socket: &str) -> usize {
    fds(d.pid).into_values().filter(|target| target == socket).count()
}

/// The socket that the daemon has open for programs, if it has one that is neither of these.
fn opened(d: &Daemon, before: &BTreeSet<String>) -> BTreeSet<String> {
    let sockets = fds(d.pid).into_values().filter(|target| target.starts_with("socket:"));
    sockets.filter(|target| !before.contains(target)).collect()
}

fn wait_in_log(d: &Daemon, text: &str) {
    wait_until(&format!("{text:?} in the log"), || d.own_log().contains(text));
}

fn octal_flags(pid: u32, fd: u32) -> u32 {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
    u32::from_str_radix(&flags, 8).unwrap()
}

#[test]
fn a_run_gets_its_sockets_as_others_hand_them_over() {
    let (setup, port) = (Setup::new(), free_port());
    let (path, marks) = (setup.file("web.sock"), setup.file("marks"));
    let name = format!("taskmaster-test-{}-{port}", std::process::id());
    let d = setup
        .programs(&format!(
            "web:\n  cmd: sh -c 'echo up >&6; exec {probe} serve=3:0'\n  readiness: {{fd: 6}}\n  listen:\n  \
             - 127.0.0.1:{port}\n  - {{address: unix:{path}, name: admin, mode: 660, backlog: 5}}\n  - unix:@{name}\n  \
             pre_start: {{cmd: 'env > {marks}; ls /proc/self/fd >> {marks}', shell: true}}\n\
             other: {{cmd: {other}}}",
            probe = probe_path().display(),
            other = probe("forever"),
        ))
        .start();
    d.wait_all("RUNNING");
    let pid = d.pid_of("web");
    let env = environ(pid);
    let told = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"].map(|name| env.get(name).map_or("", String::as_str));
    assert_eq!(told, ["3", "web:admin:web", pid.to_string().as_str()]);
    let theirs = wait_fds(pid, &[0, 1, 2, 3, 4, 5, 6]);
    for fd in 3..6 {
        assert!(theirs[&fd].starts_with("socket:"), "{theirs:?}");
        // Neither close-on-exec nor non-blocking.
        assert_eq!(octal_flags(pid, fd) & 0o2_004_000, 0);
    }
    assert_eq!(ask(port), pid);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    UnixStream::connect(&path).unwrap();
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    // Nobody else has any of it: neither another program nor a hook.
    let other = d.pid_of("other");
    assert!(fds(other).values().all(|target| !target.starts_with("socket:")), "{:?}", fds(other));
    assert!(!environ(other).keys().any(|name| name.starts_with("LISTEN_")));
    let marks = fs::read_to_string(marks).unwrap();
    assert!(marks.contains("PATH=") && !marks.contains("LISTEN_"), "{marks}");
    // The directory that is read is one more.
    assert!(!marks.lines().any(|line| line.parse::<u32>().is_ok_and(|fd| fd > 3)), "{marks}");
    assert_eq!(d.status("web").0["listen"][0], format!("127.0.0.1:{port}"));
    has(&d.ok("why web"), &format!("listens    127.0.0.1:{port}, unix:{path}, unix:@{name}"));
}

#[test]
fn no_connection_is_refused_over_restarts() {
    let port = free_port();
    let d = Daemon::with(&format!("web: {{cmd: {}, listen: '127.0.0.1:{port}'}}", probe("serve=3:0")));
    d.wait_state("web", "RUNNING");
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                let mut answers = Vec::new();
                // At least so many, and as long as there are restarts.
                while answers.len() < 250 || !over.load(Ordering::Relaxed) {
                    answers.push(ask(port));
                }
                answers
            })
        })
        .collect();
    let mut pids = BTreeSet::from([d.pid_of("web")]);
    for _ in 0..5 {
        d.ok("restart web");
        pids.insert(d.pid_of("web"));
    }
    over.store(true, Ordering::Relaxed);
    let answers: Vec<u32> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    assert!(answers.len() >= 500 && pids.len() == 6);
    assert!(answers.iter().all(|pid| pids.contains(pid)), "{pids:?}");
    // Also while nobody is there to accept.
    d.ok("stop web");
    let waiting: Vec<TcpStream> = (0..10).map(|_| connect(port)).collect();
    d.ok("start web");
    let pid = d.pid_of("web");
    assert!(waiting.into_iter().all(|stream| answer(stream) == pid));
}

#[test]
fn processes_share_a_socket_or_have_their_own() {
    let (setup, port) = (Setup::new(), free_port());
    let path = setup.file("own");
    let d = setup
        .programs(&format!(
            "web:\n  cmd: {probe}\n  numprocs: 3\n  listen: ['127.0.0.1:{port}', 'unix:{path}-${{num}}']",
            probe = probe("serve=3:0"),
        ))
        .start();
    let pids: Vec<u32> = d.wait_all("RUNNING").iter().filter_map(Status::pid).collect();
    let of = |fd: u32| pids.iter().map(|pid| socket(*pid, fd)).collect::<BTreeSet<String>>();
    assert_eq!((of(3).len(), of(4).len()), (1, 3));
    assert!(pids.contains(&ask(port)));
    assert_eq!(d.status("web:web_02").0["listen"][1], format!("unix:{path}-2"));
    d.ok("scale web 1");
    // What only those had that are gone is gone with them.
    wait_until("the sockets of two are closed", || !Path::new(&format!("{path}-2")).exists());
    assert!(Path::new(&format!("{path}-0")).exists());
    d.ok("scale web 2");
    d.wait_all("RUNNING");
    assert!(Path::new(&format!("{path}-1")).exists());
}

#[test]
fn the_first_connection_starts_it() {
    let port = free_port();
    let d = Setup::new()
        .defaults("starttime: 0\nbackoff: {initial: 0.05, max: 0.2, floor: 0}")
        .programs(&format!(
            "web: {{cmd: {}, listen: '127.0.0.1:{port}', on_demand: true}}\n\
             needs: {{cmd: {}, depends_on: web}}",
            probe("serve=3:200"),
            probe("forever"),
        ))
        .start();
    let waits = format!("waits for a connection to 127.0.0.1:{port}");
    let status = d.wait_state("web", "WAITING");
    assert_eq!((status.why(), status.as_wanted(), status.runs()), (waits.as_str(), true, 0));
    // Who needs it can connect.
    d.wait_state("needs", "RUNNING");
    has(&d.ok("why web"), "is started by the first one");
    has(&d.ok("graph web"), "web (on demand");
    let first = ask(port);
    wait_until("it runs by this connection", || d.status("web").runs() == 1);
    // Nobody has connected for a while, so it has ended.
    let status = d.wait_state("web", "WAITING");
    assert_eq!((status.why(), status.last_exit()), (waits.as_str(), "exit status 0"));
    let second = ask(port);
    assert_ne!(first, second);
    d.wait_state("web", "WAITING");
    assert_eq!(d.status("web").runs(), 2);
    has(&d.ok("why web"), "by a connection");
    // Somebody may start it, too.
    d.text("start web");
    wait_until("it has run once more", || d.status("web").runs() == 3);
    d.wait_state("web", "WAITING");
}

#[test]
fn a_stop_holds_until_a_start() {
    let port = free_port();
    let d = Daemon::with(&format!(
        "web: {{cmd: {}, listen: '127.0.0.1:{port}', on_demand: true}}\n\
         late: {{cmd: {}, listen: 'unix:@taskmaster-test-late-{port}', on_demand: true, autostart: false}}",
        probe("serve=3:0"),
        probe("serve=3:0"),
    ));
    d.wait_state("web", "WAITING");
    assert_eq!(d.state("late"), "STOPPED");
    assert_eq!(ask(port), d.pid_of("web"));
    let inode = socket(d.pid_of("web"), 3);
    assert_eq!(copies(&d, &inode), 1, "what runs is not polled for");
    has(&d.ok("stop web"), "stopped");
    let queued = connect(port);
    // Nobody looks at the socket, so nothing can come of it.
    assert_eq!((d.state("web").as_str(), copies(&d, &inode)), ("STOPPED", 1));
    has(&d.ok("why web"), "\"start web\" starts it");
    has(&d.ok("start web"), "started");
    let pid = d.pid_of("web");
    assert_eq!(answer(queued), pid);
    // One that waits is stopped at once.
    kill(pid, nix::sys::signal::Signal::SIGTERM);
    d.wait_state("web", "WAITING");
    wait_until("it is polled for", || copies(&d, &inode) == 2);
    has(&d.ok("stop web"), "stopped");
    assert_eq!((d.state("web").as_str(), copies(&d, &inode)), ("STOPPED", 1));
}

#[test]
fn what_gave_up_is_not_tried_again_by_what_waits() {
    let port = free_port();
    let mut d = Daemon::with(&format!(
        "web: {{cmd: {}, listen: '127.0.0.1:{port}', on_demand: true, startretries: 2, starttime: 60}}",
        probe("exit=3"),
    ));
    d.wait_state("web", "WAITING");
    let queued = connect(port);
    let status = d.wait_state("web", "FATAL");
    assert_eq!(status.runs(), 3);
    let log = d.own_log().len();
    d.oracle();
    assert_eq!((d.status("web").runs(), d.own_log().len()), (3, log));
    // A start is one try more, and what has come in is still there.
    d.rewrite(&format!(
        "web: {{cmd: {}, listen: '127.0.0.1:{port}', on_demand: true, startretries: 2}}",
        probe("serve=3:0")
    ));
    has(&d.ok("reload"), "waits for a connection");
    assert_eq!(answer(queued), d.pid_of("web"));
}

#[test]
fn what_a_demand_needs_is_started_for_it() {
    let port = free_port();
    let d = Daemon::with(&format!(
        "db: {{cmd: {}, autostart: false}}\n\
         web: {{cmd: {}, listen: '127.0.0.1:{port}', on_demand: true, depends_on: db, pre_start: 'true'}}",
        probe("forever"),
        probe("serve=3:0"),
    ));
    d.wait_state("web", "WAITING");
    assert_eq!(d.status("db").runs(), 0);
    assert_eq!(ask(port), d.pid_of("web"));
    assert_eq!(d.state("db"), "RUNNING");
}

#[test]
fn a_reload_keeps_the_very_same_socket() {
    let (setup, port) = (Setup::new(), free_port());
    let path = setup.file("s");
    let programs = |name: &str, env: u32, more: &str| {
        let listen = format!("['127.0.0.1:{port}', {{address: 'unix:{path}'{more}}}]");
        format!("{name}: {{cmd: {}, env: {{N: {env}}}, listen: {listen}}}", probe("serve=3:0"))
    };
    let mut d = setup.programs(&programs("web", 1, "")).start();
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    let both = |pid: u32| (socket(pid, 3), socket(pid, 4));
    let sockets = both(pid);
    let file = fs::metadata(&path).unwrap().ino();
    // Other keys need another run, with the same sockets.
    d.reload(&programs("web", 2, ""));
    let second = d.wait_new_pid("web", pid);
    assert_eq!(both(second), sockets);
    // What only concerns the socket itself is changed in place.
    d.reload(&programs("web", 2, ", mode: 666, backlog: 7"));
    assert_eq!(d.pid_of("web"), second);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    // Another name in LISTEN_FDNAMES is for another run again.
    d.reload(&programs("web", 2, ", mode: 666, name: x"));
    let third = d.wait_new_pid("web", second);
    assert_eq!((both(third), environ(third)["LISTEN_FDNAMES"].as_str()), (sockets.clone(), "web:x"));
    // So does a program of another name.
    d.reload(&programs("site", 2, ""));
    let fourth = d.wait_state("site", "RUNNING").pid().unwrap();
    assert_eq!((both(fourth), fs::metadata(&path).unwrap().ino()), (sockets, file));
    assert_eq!(ask(port), fourth);
    // A restart that takes its program from the file takes the new sockets, too.
    let other = free_port();
    d.rewrite(&programs("site", 2, "").replace(&port.to_string(), &other.to_string()));
    d.ok("restart site");
    assert_eq!(ask(other), d.pid_of("site"));
    wait_until("the old one is closed", || TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn what_is_removed_is_closed() {
    let (setup, port) = (Setup::new(), free_port());
    let (path, kept) = (setup.file("s"), setup.file("kept"));
    let keep = format!("keep: {{cmd: {}, listen: 'unix:{kept}', on_demand: true}}", probe("serve=3:0"));
    let web = format!("web: {{cmd: {}, listen: ['127.0.0.1:{port}', 'unix:{path}']}}", probe("serve=3:0"));
    let mut d = setup.programs(&keep).start();
    d.wait_state("keep", "WAITING");
    let before: BTreeSet<String> = fds(d.pid).into_values().collect();
    d.reload(&format!("{keep}\n{web}"));
    d.wait_state("web", "RUNNING");
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    wait_until("there are two more sockets", || opened(&d, &before).len() == 2);
    d.reload(&keep);
    wait_until("its socket is gone", || !Path::new(&path).exists());
    TcpListener::bind(("127.0.0.1", port)).unwrap();
    wait_until("its descriptors are gone", || opened(&d, &before).is_empty());
    wait_in_log(&d, &format!("no longer listening on unix:{path}"));
    assert!(UnixStream::connect(&kept).is_ok());
    // The last one goes with the daemon.
    d.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(d.wait_exit(), 0);
    assert!(!Path::new(&kept).exists());
}

#[test]
fn an_address_in_use_is_told() {
    let (setup, taken) = (Setup::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = taken.local_addr().unwrap().port();
    let path = setup.file("live");
    let live = UnixListener::bind(&path).unwrap();
    let at = format!("127.0.0.1:{port}");
    let serve = probe("serve=3:0");
    let first = format!(
        "web: {{cmd: {serve}, listen: '{at}', startretries: 1}}\n\
         lazy: {{cmd: {serve}, listen: 'unix:{path}', on_demand: true, startretries: 1}}\n\
         well: {{cmd: {}}}",
        probe("forever")
    );
    let mut d = setup.programs(&first).start();
    has(&d.own_log(), &format!("programs.web.listen: cannot listen on {at}: address already in use (EADDRINUSE)"));
    d.wait_state("well", "RUNNING");
    let why = |address: &str| format!("cannot listen on \"{address}\": address already in use (EADDRINUSE)");
    assert_eq!(d.wait_state("web", "FATAL").why(), why(&at));
    let lazy = d.wait_state("lazy", "FATAL");
    assert_eq!((lazy.why(), lazy.runs()), (why(&format!("unix:{path}")).as_str(), 0));
    // What is known already does not stand in the way of anything else.
    d.reload(&format!("{first}\nmore: {{cmd: {}}}", probe("forever")));
    d.wait_state("more", "RUNNING");
    // What is new does.
    let also = TcpListener::bind("127.0.0.1:0").unwrap();
    let new = format!("127.0.0.1:{}", also.local_addr().unwrap().port());
    let other = free_port();
    d.rewrite(&format!("{first}\nnew: {{cmd: {serve}, listen: ['127.0.0.1:{other}', '{new}']}}"));
    for line in ["reload --dry-run", "reload"] {
        let refused = d.text(line);
        has(&refused.all(), &format!("programs.new.listen: cannot listen on {new}: address already in use"));
        assert_eq!((refused.ok(), d.state("more").as_str()), (false, "RUNNING"));
        TcpListener::bind(("127.0.0.1", other)).unwrap();
    }
    // A restart says so and uses what is in force.
    d.rewrite(&first.replace(&at, &new));
    let reply = d.text("restart web");
    has(&reply.all(), &format!("cannot listen on {new}"));
    // Closing them might not end them yet: what another test starts has copies up to its execve(2).
    let end = |fd: i32| nix::sys::socket::shutdown(fd, nix::sys::socket::Shutdown::Both).unwrap();
    end(taken.as_raw_fd());
    end(live.as_raw_fd());
    drop((taken, live));
    d.rewrite(&first);
    d.ok("start web");
    assert_eq!(ask(port), d.pid_of("web"));
    // Nobody listens at the path any more, so it is replaced.
    d.ok("restart lazy");
    assert_eq!(answer(connect_unix(&path)), d.pid_of("lazy"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    d.rewrite("well: {cmd: sleep 100}");
    d.unchecked();
}

#[test]
fn a_leftover_of_a_daemon_that_died_is_replaced() {
    let setup = Setup::new();
    let path = setup.file("s");
    let mut d = setup.programs(&format!("web: {{cmd: {}, listen: 'unix:{path}'}}", probe("serve=3:0"))).start();
    d.wait_state("web", "RUNNING");
    d.crash().end();
    assert!(Path::new(&path).exists());
    let d = d.start_again();
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    assert_eq!(answer(connect_unix(&path)), pid);
}

/// Nothing ticks while connections are waited for, nor while some wait that nobody is to take.
#[test]
fn it_sleeps_while_it_waits_for_connections() {
    let (port, other) = (free_port(), free_port());
    let d = Daemon::with(&format!(
        "web: {{cmd: {serve}, listen: '127.0.0.1:{port}', on_demand: true}}\n\
         off: {{cmd: {serve}, listen: '127.0.0.1:{other}', on_demand: true, autostart: false}}",
        serve = probe("serve=3:0"),
    ));
    d.wait_state("web", "WAITING");
    let _queued = connect(other);
    let wakes = || status_field(d.pid, "voluntary_ctxt_switches").parse::<u64>().unwrap();
    let quiet = || {
        let before = wakes();
        thread::sleep(Duration::from_millis(1500));
        wakes() - before
    };
    wait_until("a second and a half without a wake-up", || quiet() == 0);
    assert_eq!(ask(port), d.pid_of("web"));
    wait_until("the same while it runs", || quiet() == 0);
}

#[test]
fn a_server_in_python_takes_its_socket() {
    needs!("python3");
    let (setup, port) = (Setup::new(), free_port());
    setup.write(
        "server.py",
        "import http.server, os, socket\n\
         assert int(os.environ['LISTEN_PID']) == os.getpid() and os.environ['LISTEN_FDS'] == '1'\n\
         class Server(http.server.HTTPServer):\n    \
             def __init__(self, handler):\n        \
                 super().__init__(('', 0), handler, bind_and_activate=False)\n        \
                 self.socket.close()\n        self.socket = socket.socket(fileno=3)\n\
         class Handler(http.server.BaseHTTPRequestHandler):\n    \
             def do_GET(self):\n        \
                 self.send_response(200)\n        self.end_headers()\n        self.wfile.write(b'%d' % os.getpid())\n    \
             def do_DELETE(self):\n        \
                 self.send_response(200)\n        self.end_headers()\n        \
                 self.server.socket.shutdown(socket.SHUT_RDWR)\n        os._exit(3)\n\
         Server(Handler).serve_forever()\n",
    );
    let (python, script) = (find_program("python3").unwrap(), setup.file("server.py"));
    let cmd = format!("{} {script}", python.display());
    let d = setup.programs(&format!("web: {{cmd: {cmd}, listen: '*:{port}', on_demand: true}}")).start();
    d.wait_state("web", "WAITING");
    let request = |method: &str| {
        let mut stream = connect(port);
        write!(stream, "{method} / HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let text = request("GET");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    assert!(text.starts_with("HTTP/1.0 200") && text.ends_with(&format!("\r\n\r\n{pid}")), "{text}");
    // One that shuts its socket down does so for all who have it. The next run gets one that listens again.
    assert!(request("DELETE").starts_with("HTTP/1.0 200"));
    d.wait_new_pid("web", pid);
    wait_for("it listens again", || TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(()));
    let text = request("GET");
    assert!(text.starts_with("HTTP/1.0 200"), "{text}");
}

#[test]
fn nginx_takes_its_socket() {
    needs!("nginx");
    let (setup, port) = (Setup::new(), free_port());
    let dir = setup.file("");
    setup.write(
        "nginx.conf",
        &format!(
            "daemon off;\nerror_log {dir}/error.log;\npid {dir}/nginx.pid;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;\n\
             uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 fine; }} }} }}\n"
        ),
    );
    // By this variable it knows the sockets that the program before it had.
    let d = setup
        .programs(&format!(
            "web: {{cmd: nginx -e stderr -c {dir}/nginx.conf, env: {{NGINX: '3;'}}, listen: '127.0.0.1:{port}', \
             on_demand: true}}"
        ))
        .start();
    d.wait_state("web", "WAITING");
    let mut stream = connect(port);
    write!(stream, "GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("fine"), "{text}");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    assert_eq!(copies(&d, &socket(pid, 3)), 1);
}

#[test]
fn another_user_gets_what_root_has_opened() {
    needs!(root);
    let (setup, port) = (Setup::new(), free_port());
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let path = setup.file("s");
    let d = setup
        .programs(&format!(
            "web: {{cmd: sleep 100, user: nobody, listen: ['127.0.0.1:{port}', 'unix:{path}', \
             {{address: 'unix:{path}2', owner: root, mode: 600}}]}}\n\
             jail: {{cmd: sleep 100, user: nobody, chroot: /, tty: true, kill_mode: cgroup, oom_score_adj: 5, \
             listen: 'unix:{path}3'}}"
        ))
        .start();
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    assert!((3..6).all(|fd| socket(pid, fd).starts_with("socket:")));
    assert!(status_field(pid, "Uid").starts_with("65534"));
    // What makes a birth another one – a memory of its own, a terminal, a cgroup – makes no difference.
    let jail = d.wait_state("jail", "RUNNING").pid().unwrap();
    assert_eq!((socket(jail, 3).is_empty(), fds(jail).len()), (false, 4));
    assert_eq!(environ(jail)["LISTEN_PID"], jail.to_string());
    let owners = [&path, &format!("{path}2")].map(|path| fs::metadata(path).unwrap().uid());
    assert_eq!(owners, [65534, 0]);
}

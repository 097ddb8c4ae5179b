//! What programs are confined to: limits, priorities, privileges, a root of their own, directories, cgroups.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::*;

/// The lines of `/proc/PID/limits`: name to soft and hard limit.
fn limits(pid: u32) -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = |line: &str| {
        let (name, values) = line.split_at(26);
        let mut values = values.split_whitespace().map(str::to_owned);
        (name.trim().to_owned(), (values.next().unwrap(), values.next().unwrap()))
    };
    text.lines().skip(1).map(line).collect()
}

#[track_caller]
fn has_limit(pid: u32, name: &str, soft: &str, hard: &str) {
    assert_eq!(limits(pid)[name], (soft.to_owned(), hard.to_owned()), "{name}");
}

fn oom_score(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().to_owned()
}

/// Field 19 of `/proc/PID/stat`.
fn nice(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().to_owned()
}

fn ionice(pid: u32) -> String {
    stdout(&run_to_end(Command::new("ionice").args(["-p", &pid.to_string()]))).trim().to_owned()
}

fn capabilities(pid: u32, set: &str) -> u64 {
    u64::from_str_radix(&status_field(pid, set), 16).unwrap()
}

#[test]
fn limits_and_priorities_are_the_childs_alone() {
    needs!("ionice");
    let d = Setup::new()
        .programs(
            "x:
  cmd: sleep 1000
  rlimits: {nofile: 100, core: 0, stack: \"1MB:2MB\", cpu: 1h, rttime: \"200ms:1s\", fsize: 64KB}
  nice: 7
  ionice: best-effort:6
  oom_score_adj: 500
  cpu_affinity: 0
  no_new_privs: true
y: {cmd: sleep 1000, ionice: idle, rlimits: {core: 0}}
z: {cmd: sleep 1000}",
        )
        .start();
    let pid = |name: &str| d.wait_state(name, "RUNNING").pid().unwrap();
    let (x, y, z) = (pid("x"), pid("y"), pid("z"));
    for (name, soft, hard) in [
        ("Max open files", "100", "100"),
        ("Max core file size", "0", "0"),
        ("Max stack size", "1048576", "2097152"),
        ("Max cpu time", "3600", "3600"),
        ("Max realtime timeout", "200000", "1000000"),
        ("Max file size", "65536", "65536"),
    ] {
        has_limit(x, name, soft, hard);
    }
    assert_eq!((nice(x).as_str(), oom_score(x).as_str()), ("7", "500"));
    assert_eq!((ionice(x).as_str(), ionice(y).as_str()), ("best-effort: prio 6", "idle"));
    assert_eq!((status_field(x, "Cpus_allowed_list"), status_field(x, "NoNewPrivs")), ("0".to_owned(), "1".to_owned()));
    // The daemon, whose memory a child may share while it sets all this, and the next child have nothing of it.
    let own = std::process::id();
    for pid in [d.pid, z] {
        for name in ["Max core file size", "Max stack size", "Max cpu time", "Max realtime timeout", "Max file size"] {
            assert_eq!(limits(pid)[name], limits(own)[name], "{name}");
        }
        assert_eq!((nice(pid), oom_score(pid), ionice(pid)), (nice(own), oom_score(own), ionice(own)));
        for field in ["Cpus_allowed_list", "NoNewPrivs", "CapEff", "CapPrm", "CapBnd", "Groups"] {
            assert_eq!(status_field(pid, field), status_field(own, field), "{field}");
        }
    }
    assert_eq!(limits(z)["Max open files"], limits(own)["Max open files"]);
}

#[test]
fn privileges_are_kept_and_given_up() {
    needs!(root);
    const NET_BIND: u64 = 1 << 10;
    const CHOWN: u64 = 1;
    let d = Setup::new()
        .programs(
            "a: {cmd: sleep 1000, user: nobody, workingdir: /, capabilities: {ambient: CAP_NET_BIND_SERVICE}}
b: {cmd: sleep 1000, capabilities: {bounding: [chown, net_bind_service]}}
c: {cmd: sleep 1000, user: nobody, workingdir: /, capabilities: {bounding: [chown], ambient: [chown]}, no_new_privs: true}
d: {cmd: sleep 1000, capabilities: {bounding: []}}
e: {cmd: sleep 1000, capabilities: {ambient: chown}}",
        )
        .start();
    let pid = |name: &str| d.wait_state(name, "RUNNING").pid().unwrap();
    let sets = |pid: u32| ["CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| capabilities(pid, set));
    let all = capabilities(std::process::id(), "CapBnd");
    assert_eq!(sets(pid("a")), [NET_BIND, NET_BIND, all, NET_BIND]);
    let both = CHOWN | NET_BIND;
    assert_eq!(sets(pid("b")), [both, both, both, 0]);
    assert_eq!(sets(pid("c")), [CHOWN; 4]);
    assert_eq!(status_field(pid("c"), "NoNewPrivs"), "1");
    assert_eq!(sets(pid("d")), [0; 4]);
    assert_eq!(sets(pid("e"))[3], CHOWN);
    assert_eq!(capabilities(d.pid, "CapBnd"), all);
    assert_eq!(capabilities(d.pid, "CapAmb"), capabilities(std::process::id(), "CapAmb"));
}

#[test]
fn groups_beside_those_of_the_user() {
    needs!(root);
    let d = Daemon::with(
        "a: {cmd: sleep 1000, user: nobody, workingdir: /, extra_groups: [daemon, 4711]}
b: {cmd: sleep 1000, extra_groups: 4711}",
    );
    let groups = |name: &str| {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        status_field(pid, "Groups").split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>()
    };
    let id = |name: &str| nix::unistd::Group::from_name(name).unwrap().unwrap().gid.as_raw();
    assert!(groups("a").contains(&4711) && groups("a").contains(&id("daemon")), "{:?}", groups("a"));
    assert!(!groups("a").contains(&0), "{:?}", groups("a"));
    assert!(groups("b").contains(&4711), "{:?}", groups("b"));
    assert_eq!(status_field(d.pid_of("b"), "Uid").split_whitespace().next(), Some("0"));
}

/// A directory with a program and the libraries that it needs, as a root.
fn jail(at: &Path, program: &str) {
    let path = find_program(program).unwrap();
    let listed = stdout(&run_to_end(Command::new("ldd").arg(&path)));
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for file in libraries.chain([path.clone()]) {
        let to = at.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        copy_program(file, to);
    }
    fs::create_dir_all(at.join("in")).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_root_of_its_own() {
    needs!(root);
    needs!("ldd");
    let setup = Setup::new();
    let sleep = find_program("sleep").unwrap();
    let root = setup.path("jail/x");
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    jail(&root, "sleep");
    let jail = setup.file("jail");
    let sleep = sleep.display();
    let d = setup
        .programs(&format!(
            "x: {{cmd: {sleep} 1000, chroot: '{jail}/${{program}}'}}
y: {{cmd: {sleep} 1000, chroot: {jail}/x, user: nobody, workingdir: /in}}
z: {{cmd: /bin/no-such-program, chroot: {jail}/x, startretries: 0}}
v: {{cmd: {sleep} 1000, chroot: {jail}/nope, startretries: 0}}
w: {{cmd: {sleep} 1000, chroot: {jail}/x, workingdir: {jail}, startretries: 0}}"
        ))
        .start();
    let pid = |name: &str| d.wait_state(name, "RUNNING").pid().unwrap();
    let link = |pid: u32, name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    let x = pid("x");
    assert_eq!((link(x, "root"), link(x, "cwd")), (root.clone(), root.clone()));
    let y = pid("y");
    assert_eq!((link(y, "root"), link(y, "cwd")), (root.clone(), root.join("in")));
    assert_eq!(status_field(y, "Uid").split_whitespace().next(), Some("65534"));
    let why = |name: &str| d.wait_state(name, "FATAL").why().to_owned();
    has(&why("z"), "cannot execute (execve) \"/bin/no-such-program\": no such file or directory (ENOENT)");
    has(&why("v"), &format!("cannot change its root directory (chroot) to \"{jail}/nope\": no such file"));
    has(&why("w"), &format!("cannot change to the directory (chdir) \"{jail}\": no such file"));
    has(&d.own_log(), &format!("programs.v.chroot: there is no directory \"{jail}/nope\""));
}

#[test]
fn directories_are_made_with_owner_and_mode() {
    needs!(root);
    let setup = Setup::new();
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let base = setup.file("run");
    let theirs = setup.path("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::create_dir(setup.path("there")).unwrap();
    std::os::unix::fs::chown(&theirs, Some(4711), None).unwrap();
    fs::create_dir(theirs.join("real")).unwrap();
    symlink(theirs.join("real"), setup.path("link")).unwrap();
    std::os::unix::fs::lchown(setup.path("link"), Some(4711), None).unwrap();
    let file = |name: &str| setup.file(name);
    let (there, link, strange) = (file("there"), file("link"), file("theirs"));
    let d = setup
        .programs(&format!(
            "x:
  cmd: [sh, -c, 'echo made > {base}/x/in/file; exec sleep 1000']
  user: nobody
  workingdir: {base}/x/in
  dirs:
    {base}/${{program}}/in: {{mode: 0750}}
    {base}/given: {{owner: 4711, group: daemon, mode: 0700}}
    {there}: {{owner: nobody}}
y: {{cmd: sleep 1000, dirs: {link}/x, startretries: 0}}
z: {{cmd: sleep 1000, dirs: ['{strange}'], startretries: 0}}
w: {{cmd: sleep 1000, dirs: [{base}/w, {strange}/w]}}"
        ))
        .start();
    d.wait_state("x", "RUNNING");
    d.wait_state("w", "RUNNING");
    let seen = |path: String| {
        let meta = fs::metadata(path).unwrap();
        (meta.uid(), meta.gid(), meta.mode() & 0o7777)
    };
    let group = |name: &str| nix::unistd::Group::from_name(name).unwrap().unwrap().gid.as_raw();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    assert_eq!(seen(format!("{base}/x/in")), (nobody.uid.as_raw(), nobody.gid.as_raw(), 0o750));
    assert_eq!(seen(format!("{base}/x")), (0, 0, 0o755));
    assert_eq!(seen(format!("{base}/given")), (4711, group("daemon"), 0o700));
    assert_eq!(seen(there), (nobody.uid.as_raw(), 0, 0o755));
    assert_eq!((seen(format!("{base}/w")), seen(format!("{strange}/w"))), ((0, 0, 0o755), (0, 0, 0o755)));
    wait_until("the program to write there", || fs::read_to_string(format!("{base}/x/in/file")).is_ok());
    let why = |name: &str| d.wait_state(name, "FATAL").why().to_owned();
    has(&why("y"), &format!("cannot make its directory \"{link}/x\": too many levels of symbolic links (ELOOP)"));
    has(&why("z"), &format!("cannot make its directory \"{strange}\": file exists (EEXIST)"));
    assert!(!theirs.join("real/x").exists());
}

/// Key, what the start says of it, what the check says of it, as a user without privileges.
const DENIED: [(&str, &str, &str); 8] = [
    ("nice: -5", "set its niceness (setpriority) to \"-5\": permission denied (EACCES)", "lower the niceness"),
    (
        "ionice: realtime:0",
        "(ioprio_set) to \"realtime:0\": operation not permitted (EPERM)",
        "before everybody else's",
    ),
    (
        "oom_score_adj: -500",
        "(/proc/self/oom_score_adj) to \"-500\": permission denied (EACCES)",
        "lower the OOM score",
    ),
    (
        "rlimits: {core: 0, nofile: 9999999}",
        "set resource limits (prlimit) \"nofile: 9999999\": operation not permitted (EPERM)",
        "nofile may be",
    ),
    (
        "capabilities: {bounding: [chown, kill]}",
        "drop the capability (PR_CAPBSET_DROP) \"dac_override\": operation not permitted (EPERM)",
        "only root (CAP_SETPCAP) may drop capabilities",
    ),
    (
        "capabilities: {ambient: [net_raw]}",
        "give it the capability (PR_CAP_AMBIENT) \"[net_raw]\": operation not permitted (EPERM)",
        "ambient has [net_raw], which taskmasterd would need itself",
    ),
    (
        "chroot: /",
        "change its root directory (chroot) to \"/\": operation not permitted (EPERM)",
        "only root (CAP_SYS_CHROOT)",
    ),
    (
        "extra_groups: [0]",
        "set the groups (setgroups) of the user \"0\": operation not permitted (EPERM)",
        "may set groups",
    ),
];

#[test]
fn steps_that_are_denied_are_named() {
    needs!(root);
    needs!("setpriv", "chown");
    let program = |(n, (key, _, _)): (usize, &(&str, &str, &str))| {
        format!("p{n}: {{cmd: sleep 1000, workingdir: /, startretries: 0, {key}}}\n")
    };
    let programs: String = DENIED.iter().enumerate().map(program).collect();
    let setup =
        Setup::new().programs(&(programs + "fine: {cmd: sleep 1000, workingdir: /, nice: 5, no_new_privs: true}"));
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(TASKMASTERD, setup.path("taskmasterd"));
    let config = setup.command();
    run_to_end(Command::new("chown").args(["-R", "65534:65534"]).arg(setup.path("")));
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", &setup.file("taskmasterd")]);
    command.args(config.get_args()).current_dir("/");
    let d = setup.start_as(&mut command);
    assert_eq!(nice(d.wait_state("fine", "RUNNING").pid().unwrap()), "5");
    for (n, (key, told, warned)) in DENIED.iter().enumerate() {
        let why = d.wait_state(&format!("p{n}"), "FATAL").why().to_owned();
        assert!(why.contains(told), "{key}: {why}");
        let name = key.split(':').next().unwrap();
        let log = d.own_log();
        let line = log.lines().find(|line| line.contains(&format!("warning: programs.p{n}.{name}: ")));
        assert!(line.is_some_and(|line| line.contains(warned)), "{key}: {line:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_what_may_have_been_meant() {
    let wrong = [
        ("rlimits: {nofiles: 5}", "is not a known key (did you mean \"nofile\"?)"),
        ("rlimits: {nofile: lots}", "\"lots\" is neither a whole number nor \"unlimited\""),
        ("rlimits: {stack: \"64MB:8MB\"}", "the soft limit is above the hard one"),
        ("rlimits: {cpu: 1.5}", "\"1.5\" is neither a time of whole seconds such as 10m nor \"unlimited\""),
        ("nice: 20", "20 is out of range (-20 to 19)"),
        ("ionice: best-efort:1", "did you mean \"best-effort\"?"),
        ("oom_score_adj: 2000", "2000 is out of range (-1000 to 1000)"),
        ("cpu_affinity: 3-1", "\"3-1\" goes backwards"),
        ("capabilities: {bounding: [CAP_CHOWM]}", "no capability \"CAP_CHOWM\" (did you mean \"chown\"?)"),
        (
            "capabilities: {bounding: [kill], ambient: [kill, chown]}",
            "ambient has [chown], which bounding does not have",
        ),
        ("capabilities: {bound: []}", "is not a known key (known are bounding, ambient)"),
        ("extra_groups: [no-such-group]", "no group \"no-such-group\""),
        ("chroot: relative", "\"relative\" is not an absolute path"),
        ("dirs: /a/../b", "\"/a/../b\" has \"..\" in it"),
        ("dirs: {/a: {ownr: x}}", "\"ownr\" is not a known key (did you mean \"owner\"?)"),
        ("dirs: {/a: {owner: no-such-user}}", "no user \"no-such-user\""),
        ("dirs: [/a, /a]", "names \"/a\" twice"),
        ("memory_max: 0", "is 0: nothing could run"),
        ("cpu_max: 50", "\"50\" is not a share of a processor such as 50% or 150%"),
        ("cpu_max: 0.5%", "is out of range (1% to 1000000%)"),
        ("pids_max: 0", "0 is out of range (1 to 4194304)"),
    ];
    let programs: String = wrong.iter().enumerate().map(|(n, (key, _))| format!("p{n}: {{cmd: x, {key}}}\n")).collect();
    let out = Setup::new().programs(&programs).run();
    assert!(!out.status.success());
    let said = said(&out);
    for (n, (key, told)) in wrong.iter().enumerate() {
        let line = said.lines().find(|line| line.contains(&format!("programs.p{n}.")));
        assert!(line.is_some_and(|line| line.contains(told)), "{key}: {line:?}");
    }
}

#[test]
fn a_change_needs_a_restart() {
    let mut d = Daemon::with("x: {cmd: sleep 1000, rlimits: {core: 0}}\ny: {cmd: sleep 1000, nice: 3}");
    let pids = ["x", "y"].map(|name| d.wait_state(name, "RUNNING").pid().unwrap());
    let plan = d.reload("x: {cmd: sleep 1000, rlimits: {core: 0, nofile: 64}, nice: 1}\ny: {cmd: sleep 1000, nice: 3}");
    has(&plan, "rlimits.nofile");
    let pid = d.wait_new_pid("x", pids[0]);
    assert_eq!(nice(pid), "1");
    has_limit(pid, "Max open files", "64", "64");
    assert_eq!(d.pid_of("y"), pids[1]);
}

/// The calls of this kind that a process with these keys makes before it is its program.
fn calls(keys: &str) -> Option<Vec<String>> {
    const OF_IT: &str = "prctl,setrlimit,setpriority,ioprio_set,sched_setaffinity,chroot,capget,capset,openat";
    let d = Daemon::with(&format!("x: {{cmd: /bin/sleep 1000, autostart: false{keys}}}"));
    let strace = Strace::attach(&d, OF_IT, &[])?;
    d.ok("start x");
    let own = strace.calls_of(d.pid_of("x"));
    // Up to where the program itself loads its libraries.
    Some(own.into_iter().take_while(|line| !line.contains("ld.so")).collect())
}

#[test]
fn a_program_without_any_of_it_makes_no_call_for_it() {
    needs!("strace");
    let Some(plain) = calls("") else { return skip(&test_name!(), "strace may not look at the daemon here") };
    assert!(plain.len() == 1 && plain[0].contains("RLIMIT_NOFILE"), "{plain:?}");
    let confined = calls(", nice: 1, cpu_affinity: 0, no_new_privs: true, rlimits: {core: 0}").unwrap();
    assert_eq!(confined.len(), 5, "{confined:?}");
    assert!(confined[4].contains("PR_SET_NO_NEW_PRIVS"), "it is not the last: {confined:?}");
}

/// What there is of cgroups here: the daemon's own directory, and why limits of a tree cannot be had, if they cannot.
fn cgroups() -> Result<PathBuf, String> {
    use taskmaster::sys::cgroup::Cgroup;
    let own = Cgroup::given().map_err(|trouble| trouble.to_string())?;
    own.permits(&["memory", "cpu", "pids"]).map_err(|trouble| trouble.to_string())?;
    Ok(own.path().to_owned())
}

#[test]
fn limits_of_a_tree_are_kept_by_a_cgroup() {
    let own = match cgroups() {
        Ok(own) => own,
        Err(why) => {
            // There is this to be seen: the check and the start both say why.
            println!("only the refusal is tested: no limits of a tree here: cannot {why}");
            let d = Daemon::with("x: {cmd: sleep 1000, memory_max: 64MB, startretries: 0}\ny: {cmd: sleep 1000}");
            let told = d.wait_state("x", "FATAL").why().to_owned();
            has(&told, "cannot put it into a cgroup: \"");
            has(&d.own_log(), "programs.x.memory_max: needs a cgroup (version 2) of taskmasterd's own; cannot ");
            d.wait_state("y", "RUNNING");
            return;
        }
    };
    let mut d = Daemon::with(
        "x: {cmd: sleep 1000, memory_max: 64MB, cpu_max: 12.5%, pids_max: 50}
y: {cmd: [sh, -c, 'sleep 1000 & sleep 1000'], pids_max: 20, numprocs: 2}
hungry: {cmd: [sh, -c, 'x=a; while :; do x=$$x$$x; done'], memory_max: 16MB, autorestart: never, starttime: 0}
z: {cmd: sleep 1000}",
    );
    let base = own.join(format!("taskmasterd-{}", d.pid));
    let read = |name: &str| fs::read_to_string(base.join(name)).unwrap_or_default().trim().to_owned();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let y = d.wait_state("y:y_01", "RUNNING").pid().unwrap();
    assert_eq!(read("x.process/cgroup.procs"), pid.to_string());
    assert_eq!(read("x.process/memory.max"), (64 << 20).to_string());
    assert_eq!(read("x.process/cpu.max"), "12500 100000");
    assert_eq!(read("x.process/pids.max"), "50");
    wait_until("the whole tree of y", || read("y:y_01.process/cgroup.procs").lines().count() == 3);
    assert!(read("y:y_01.process/cgroup.procs").lines().any(|line| line == y.to_string()));
    let z = d.wait_state("z", "RUNNING").pid().unwrap();
    let member = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert_eq!(member(z).lines().last(), member(d.pid).lines().last(), "z has no limits");
    // Out of memory: the end says so, and the daemon, whose memory is not the child's, lives.
    let hungry = d.wait_state("hungry", "EXITED");
    assert_eq!(hungry.last_exit(), "killed by SIGKILL (out of memory)");
    has(&d.own_log(), "killed by SIGKILL (out of memory)");
    wait_until("its cgroup to be removed", || !base.join("hungry.process").exists());
    // By hand it is no want of memory.
    kill(pid, nix::sys::signal::Signal::SIGKILL);
    d.wait_new_pid("x", pid);
    assert_eq!(d.status("x").last_exit(), "killed by SIGKILL");
    d.ok("stop all");
    assert!(!base.join("x.process").exists() && !base.join("y:y_00.process").exists());
    d.ok("shutdown");
    assert_eq!(d.wait_exit(), 0);
    let leaf = base.join("daemon");
    assert!(!base.exists() || leaf.exists(), "only the daemon's own leaf may be left");
}

/// A cgroup for a test, as a daemon that is not alone on its machine is given one.
struct Given(PathBuf);

impl Given {
    fn make(below: &Path, name: &str) -> Given {
        for controller in ["memory", "cpu", "pids"] {
            fs::write(below.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
        }
        let path = below.join(format!("test-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Given(path)
    }

    /// A command that goes into it and becomes another.
    fn wrap(&self) -> [String; 4] {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        ["sh".to_owned(), "-c".to_owned(), enter, "sh".to_owned()]
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let below = fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path());
        for part in below.filter(|path| path.is_dir()) {
            let _ = fs::remove_dir(part.join("daemon"));
            let _ = fs::remove_dir(part);
        }
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn elsewhere_than_in_the_root_the_daemon_moves_into_a_leaf() {
    let own = match cgroups() {
        Ok(own) => own,
        Err(why) => return println!("nothing of this can be seen here: cannot {why}"),
    };
    let given = Given::make(&own, "leaf");
    let wrap = given.wrap();
    let d = Setup::new()
        .programs("z: {cmd: sleep 1000}\nx: {cmd: sleep 1000, pids_max: 5, autostart: false}\ny: {cmd: sleep 1000, memory_max: 64MB, autostart: false}")
        .wrap(&wrap.each_ref().map(String::as_str))
        .start();
    let z = d.wait_state("z", "RUNNING").pid().unwrap();
    let procs = |path: &str| {
        let text = fs::read_to_string(given.0.join(path).join("cgroup.procs")).unwrap_or_default();
        let mut pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        pids.sort_unstable();
        pids
    };
    assert_eq!(procs(""), [d.pid, z], "it moves only when it has to");
    d.ok("start x");
    let base = format!("taskmasterd-{}", d.pid);
    assert_eq!((procs(""), procs(&format!("{base}/daemon"))), (vec![], vec![d.pid, z]));
    assert_eq!(procs(&format!("{base}/x.process")), [d.pid_of("x")]);
    d.ok("start y");
    assert_eq!(procs(&format!("{base}/y.process")), [d.pid_of("y")]);
    d.ok("stop all");
}

#[test]
fn a_stranger_in_the_daemons_cgroup_is_named() {
    let own = match cgroups() {
        Ok(own) => own,
        Err(why) => return println!("nothing of this can be seen here: cannot {why}"),
    };
    let given = Given::make(&own, "stranger");
    let wrap = given.wrap();
    let mut stranger = Held(Command::new(&wrap[0]).args(&wrap[1..]).args(["sleep", "1000"]).spawn().unwrap());
    let id = stranger.id();
    wait_until("the stranger", || {
        fs::read_to_string(given.0.join("cgroup.procs")).unwrap().trim() == id.to_string()
            && fs::read_to_string(format!("/proc/{id}/comm")).unwrap().trim() == "sleep"
    });
    let d = Setup::new()
        .programs("x: {cmd: sleep 1000, pids_max: 5, startretries: 0}")
        .wrap(&wrap.each_ref().map(String::as_str))
        .start();
    let why = d.wait_state("x", "FATAL").why().to_owned();
    has(&why, &format!("for itself: process {id} (sleep) is in it, too\": device or resource busy (EBUSY)"));
    drop(d);
    kill(id, nix::sys::signal::Signal::SIGKILL);
    stranger.wait().unwrap();
}

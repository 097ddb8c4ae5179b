//! Configurations of several files: includes, files of variables, who may write to them; and what `taskmasterctl check`
//! says about all that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};

use serde_json::Value;
use support::*;

/// `taskmasterctl check` of a file beside the configuration.
fn check(setup: &Setup, name: &str) -> Output {
    run_to_end(Command::new(TASKMASTERCTL).arg("check").arg(name).current_dir(setup.path("")).env_remove("CONFIG_PATH"))
}

#[track_caller]
fn good(setup: &Setup, name: &str) -> String {
    let out = check(setup, name);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    stdout(&out)
}

#[track_caller]
fn bad(setup: &Setup, name: &str) -> String {
    let out = check(setup, name);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    stdout(&out)
}

#[test]
fn included_files_are_part_of_the_configuration() {
    let setup = Setup::new().roots("include: [conf.d/*.yaml, 'more/${EXTRA}', dir]").env("EXTRA", "b.toml");
    setup.write("conf.d/2.yaml", "programs: {two: {cmd: sleep 1000}}");
    setup.write("conf.d/1.yaml", "include: ../conf.d/*.yaml\nprograms: {one: {cmd: sleep 1000}}");
    setup.write("conf.d/.hidden.yaml", "nonsense");
    setup.write("conf.d/notes.txt", "nonsense");
    setup.write("more/b.toml", "[programs.toml]\ncmd = 'sleep 1000'\nnumprocs = 2\n");
    setup.write("dir/x.json", "{\"services\": {\"json\": {\"cmd\": \"sleep 1000\"}}}");
    setup.write("dir/y.conf", "nonsense");
    // A file that includes itself by a pattern says so, too.
    let refused = setup.run();
    assert_eq!(refused.status.code(), Some(3));
    has(&said(&refused), "includes itself");
    setup.write("conf.d/1.yaml", "programs: {one: {cmd: sleep 1000}}");
    let mut d = setup.start();
    let names: Vec<String> = d.wait_all("RUNNING").iter().map(|s| s.name().to_owned()).collect();
    assert_eq!(names, ["json", "one", "toml:toml_00", "toml:toml_01", "two"]);
    // A file that comes and one that goes are seen by a reload.
    fs::write(d.path("conf.d/3.yaml"), "programs: {three: {cmd: sleep 1000}}").unwrap();
    fs::remove_file(d.path("conf.d/2.yaml")).unwrap();
    let plan = d.reload("");
    has(&plan, "three: added");
    has(&plan, "two: stopped and removed");
}

#[test]
fn includes_that_do_not_work_out_name_their_place() {
    let setup = Setup::new();
    setup.write("a.yaml", "include: [b.yaml, nothing.*, gone.yaml]\nprograms: {a: {cmd: x}}");
    setup.write("b.yaml", "include:\n  - ./c.yaml\n");
    setup.write("c.yaml", "# back\ninclude: a.yaml\n");
    let text = bad(&setup, "a.yaml");
    let dir = fs::canonicalize(setup.path("")).unwrap();
    let dir = dir.display();
    has(
        &text,
        &format!("includes itself: {dir}/a.yaml includes {dir}/b.yaml includes {dir}/c.yaml includes {dir}/a.yaml"),
    );
    has(&text, "c.yaml:2:1: include: ");
    has(&text, "    2 | include: a.yaml\n      | ^^^^^^^\n");
    has(&text, "a.yaml:1:1: warning: include: ");
    has(&text, "nothing.*\" matches no file");
    has(&text, "gone.yaml\" is not there");
    has(&text, "a.yaml: 2 errors, 1 warning\n");
    setup.write("deep.yaml", "include: {a: b}");
    has(&bad(&setup, "deep.yaml"), "include: is a map, not a path or a list of paths");
    setup.write("var.yaml", "include: ${NOT_THERE}/x");
    has(&bad(&setup, "var.yaml"), "the daemon's environment has no \"NOT_THERE\"");
    run_to_end(Command::new("mkfifo").arg(setup.path("pipe.yaml")));
    setup.write("p.yaml", "include: pipe.yaml");
    has(&bad(&setup, "p.yaml"), "is a pipe, a socket or a device, not a file");
}

#[test]
fn variables_come_from_files_and_directories() {
    let setup = Setup::new().env("LC_TEST", "c").env("LC_OTHER", "o").env("SECRET", "daemon's").programs(
        "x:
  cmd: [sh, -c, 'sleep 1000; :']
  args: ['${TOKEN}', '${LATER:-none}', '${BOTH}']
  env_from_dir: secrets
  env_file: [one.env, -two.env, -absent.env]
  env_pass: [LC_*]
  env: {BOTH: 'inline ${ONE}', PATH: '/opt/x:${PATH}'}",
    );
    setup.write("secrets/TOKEN", "s3cr$t ${ONE}\n");
    setup.write("secrets/BOTH", "dir");
    setup.write("secrets/..data/ignored", "x");
    setup.write("secrets/.hidden", "x");
    fs::create_dir(setup.path("secrets/dir")).unwrap();
    symlink("TOKEN", setup.path("secrets/LINK")).unwrap();
    setup.write("one.env", "# comment\nexport ONE='1 # one'\nBOTH=file\nORDER=one\n");
    setup.write("two.env", "ORDER=two\n");
    let mut d = setup.start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let env = environ(pid);
    let value = |name: &str| env.get(name).map(String::as_str);
    assert_eq!(value("TOKEN"), Some("s3cr$t ${ONE}"));
    assert_eq!(value("LINK"), value("TOKEN"));
    assert_eq!(value("BOTH"), Some("inline 1 # one"));
    assert_eq!(value("ORDER"), Some("two"));
    assert_eq!((value("LC_TEST"), value("LC_OTHER"), value("SECRET")), (Some("c"), Some("o"), None));
    assert!(value("PATH").unwrap().starts_with("/opt/x:/"), "{:?}", value("PATH"));
    assert!(env.keys().all(|name| !name.starts_with('.') && name != "dir" && name != "ignored"), "{env:?}");
    wait_words(pid, &["sh", "-c", "sleep 1000; :", "s3cr$t ${ONE}", "none", "inline 1 # one"]);
    // A secret that changes restarts the program, and is not told.
    fs::write(d.path("secrets/TOKEN"), "another").unwrap();
    let plan = d.ok("reload --dry-run");
    has(&plan, "env.TOKEN");
    assert!(!plan.contains("another") && !plan.contains("s3cr"), "{plan}");
    assert!(!d.ok("reload").contains("another"));
    assert_eq!(environ(d.wait_new_pid("x", pid)).get("TOKEN").map(String::as_str), Some("another"));
    assert!(!d.own_log().contains("another"));
    d.unchecked();
}

#[test]
fn a_restart_reads_a_file_of_variables_anew() {
    let setup = Setup::new().programs("x: {cmd: sleep 1000, env_file: v.env}");
    setup.write("v.env", "V=old\n");
    let mut d = setup.start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    fs::write(d.path("v.env"), "V=newer\n").unwrap();
    let text = d.ok("restart x");
    has(&text, "env.V");
    assert!(!text.contains("newer"), "{text}");
    let env = environ(d.wait_new_pid("x", pid));
    assert_eq!(env.get("V").map(String::as_str), Some("newer"));
    d.unchecked();
}

#[test]
fn files_of_variables_that_do_not_work_out_name_their_key() {
    let setup = Setup::new();
    setup.write(
        "c.yaml",
        "programs:\n  x:\n    cmd: y\n    env_file: [bad.env, gone.env]\n    env_from_dir: [d, nodir, -nodir]\n",
    );
    setup.write("bad.env", "A=1\nB\n");
    setup.write("d/A=B", "x");
    setup.write("d/NUL", "a\0b");
    let text = bad(&setup, "c.yaml");
    has(&text, "c.yaml:4:5: programs.x.env_file: \"bad.env\", line 2: \"B\" has no \"=\"");
    has(&text, "\"gone.env\" is not there; with a \"-\" before it, it may be absent");
    has(&text, "programs.x.env_from_dir: \"d\": \"A=B\" in it");
    has(&text, "\"d\": \"NUL\" in it has a NUL byte in it");
    has(&text, "\"nodir\" is not there");
    has(&text, "5 errors");
}

#[test]
fn a_name_in_env_pass_comes_before_what_follows_from_the_user() {
    needs!(root);
    let d = Setup::new()
        .env("HOME", "/daemon/home")
        .programs(
            "own: {cmd: sleep 1000, user: nobody, workingdir: /, env_pass: ['*']}
daemon: {cmd: sleep 1000, user: nobody, workingdir: /, env_pass: ['*', HOME]}",
        )
        .start();
    d.wait_all("RUNNING");
    let home = |name: &str| environ(d.pid_of(name)).get("HOME").cloned().unwrap();
    assert_eq!(home("daemon"), "/daemon/home");
    assert_ne!(home("own"), "/daemon/home");
}

#[test]
fn what_anybody_may_write_to_is_not_for_root() {
    needs!(root);
    let setup = Setup::new();
    setup.write("c.yaml", "programs: {x: {cmd: y, env_file: v.env}}");
    setup.write("v.env", "A=1");
    good(&setup, "c.yaml");
    let mode = |name: &str, mode: u32| fs::set_permissions(setup.path(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("c.yaml", 0o666);
    has(&bad(&setup, "c.yaml"), "c.yaml: may be written to by anybody, and root is to go by it: chmod o-w");
    mode("c.yaml", 0o664);
    good(&setup, "c.yaml");
    mode("v.env", 0o602);
    has(&bad(&setup, "c.yaml"), "programs.x.env_file: \"v.env\" may be written to by anybody");
    mode("v.env", 0o600);
    setup.write("dir/c.yaml", "programs: {x: {cmd: y}}");
    mode("dir", 0o777);
    has(&bad(&setup, "dir"), "may be written to by anybody");
    mode("dir", 0o1777);
    good(&setup, "dir");
}

#[test]
fn a_running_daemon_keeps_what_it_has_when_its_file_is_opened_to_all() {
    needs!(root);
    let d = Setup::new().programs("x: {cmd: sleep 1000}").start();
    let pid = d.wait_state("x", "RUNNING").pid();
    let file = d.path("taskmasterd.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
    let reply = d.text("reload");
    assert!(!reply.ok(), "{}", reply.all());
    has(&reply.all(), "may be written to by anybody");
    assert_eq!(d.status("x").pid(), pid);
}

#[test]
fn numbers_begin_where_the_program_says() {
    let mut d = Setup::new()
        .programs("w: {cmd: 'sleep ${num}', numprocs: 2, numprocs_start: 8000}\none: {cmd: 'sleep 10${num}', numprocs_start: 5}")
        .start();
    let names: Vec<String> = d.wait_all("RUNNING").iter().map(|s| s.name().to_owned()).collect();
    assert_eq!(names, ["one", "w:w_8000", "w:w_8001"]);
    wait_words(d.pid_of("w:w_8001"), &["sleep", "8001"]);
    wait_words(d.pid_of("one"), &["sleep", "105"]);
    let kept = d.pid_of("w:w_8001");
    let plan = d.reload(
        "w: {cmd: 'sleep ${num}', numprocs: 2, numprocs_start: 8001}\none: {cmd: 'sleep 10${num}', numprocs_start: 5}",
    );
    has(&plan, "w:w_8000: stopped and removed");
    has(&plan, "w:w_8002: added");
    d.wait_state("w:w_8002", "RUNNING");
    assert_eq!(d.pid_of("w:w_8001"), kept);
}

#[test]
fn programs_of_a_group_are_driven_as_one() {
    let d = Setup::new()
        .programs(
            "a: {cmd: sleep 1000, group_name: team}\nb: {cmd: 'sleep 1000', args: ['%(group_name)s0'], shell: false, group_name: team, numprocs: 2, autostart: false}\nc: {cmd: sleep 1000}",
        )
        .start();
    d.wait_state("a", "RUNNING");
    d.wait_state("c", "RUNNING");
    d.ok("stop team:*");
    let states = |names: &[&str]| names.iter().map(|n| d.state(n)).collect::<Vec<_>>();
    assert_eq!(states(&["a", "b:b_00", "b:b_01", "c"]), ["STOPPED", "STOPPED", "STOPPED", "RUNNING"]);
    d.ok("start team:a");
    assert_eq!(states(&["a", "b:b_00"]), ["RUNNING", "STOPPED"]);
    let reply = d.text("stop team");
    assert!(!reply.ok());
    has(&reply.all(), "did you mean \"team:*\"?");
    let taken = Setup::new();
    taken.write("c.yaml", "programs: {web: {cmd: x}, api: {cmd: x, group_name: web}}");
    has(&bad(&taken, "c.yaml"), "programs.api.group_name: web is a program too, and not in this group");
}

#[test]
fn check_finds_the_file_as_the_daemon_does() {
    let setup = Setup::new();
    let run = |env: Option<&str>| {
        let mut command = Command::new(TASKMASTERCTL);
        command.arg("check").current_dir(setup.path("")).env_remove("CONFIG_PATH");
        run_to_end(command.envs(env.map(|path| ("CONFIG_PATH", path))))
    };
    fs::create_dir(setup.path("configs")).unwrap();
    setup.write("conf.json", "{\"services\": {\"a\": {\"cmd\": \"x\"}}}");
    has(&stdout(&run(None)), "conf.json: ok, 1 program, 1 process\n");
    setup.write("configs/a.yaml", "programs: {a: {cmd: x, numprocs: 3}, b: {cmd: y}}");
    has(&stdout(&run(None)), "configs: ok, 2 programs, 4 processes\n");
    setup.write("other.toml", "[programs.a]\ncmd = 'x'\nstoptime = 0\n");
    let out = stdout(&run(Some("other.toml")));
    has(&out, "other.toml:3:1: warning: programs.a.stoptime: is 0");
    has(&out, "other.toml: ok, 1 program, 1 process, 1 warning\n");
}

#[test]
fn check_speaks_json() {
    let setup = Setup::new();
    setup.write("c.yaml", "programs:\n  a: {cmd: x, nmprocs: 2}\n  b: {cmd: x, stoptime: 0}\n");
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["check", "--json"]).arg(setup.path("c.yaml")));
    assert_eq!(out.status.code(), Some(1));
    let answer: Value = serde_json::from_str(&stdout(&out)).unwrap();
    assert_eq!((&answer["ok"], answer["findings"].as_array().unwrap().len()), (&Value::Bool(false), 2));
    let first = &answer["findings"][0];
    assert_eq!((first["line"].as_u64(), first["column"].as_u64()), (Some(2), Some(15)));
    assert_eq!(first["key"], "programs.a.nmprocs");
    assert_eq!(first["level"], "error");
    has(first["text"].as_str().unwrap(), "did you mean \"numprocs\"?");
    assert_eq!(first["source"], "  a: {cmd: x, nmprocs: 2}");
    assert_eq!(answer["findings"][1]["level"], "warning");
    setup.write("good.yaml", "include: more.toml\nprograms: {b: {cmd: 'x \"y z\"', stoptime: 10, env_file: v}}");
    setup.write("more.toml", "[processes.a]\ncmd = 'x'\nautorestart = 'on-failure:5'\n");
    setup.write("v", "TOKEN=secret");
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["check", "--print"]).arg(setup.path("good.yaml")));
    let printed = "programs:\n  a:\n    cmd: x\n    startretries: 5\n\n  b:\n    cmd: x \"y z\"\n    env:\n      # TOKEN: from a file\n";
    assert_eq!(stdout(&out), printed);
    for (args, code) in [(vec!["check", "a", "b"], 2), (vec!["check", "--nope"], 2), (vec!["check", "/gone"], 1)] {
        assert_eq!(run_to_end(Command::new(TASKMASTERCTL).args(&args)).status.code(), Some(code), "{args:?}");
    }
    has(
        &stdout(&run_to_end(Command::new(TASKMASTERCTL).args(["help", "check"]))),
        "check [--json] [--print] [FILE|DIRECTORY]",
    );
}

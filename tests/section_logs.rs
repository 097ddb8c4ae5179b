//! What becomes of what the programs write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

/// A daemon with one program `x` that carries out `steps`, its stdout in the file `out`, its stderr discarded; `keys`
/// are further keys of the program, as `, key: value`.
fn one(steps: &str, keys: &str) -> Daemon {
    let setup = Setup::new();
    let out = setup.file("out");
    let stderr = if keys.contains("stderr") { "" } else { ", stderr: none" };
    setup.programs(&format!("x: {{cmd: {}, stdout: {out}{stderr}{keys}}}", probe(steps))).start()
}

#[test]
fn every_byte_is_there_in_order() {
    let want = numbered(100_000, 60);
    let d = one("lines=100000:60 forever", "");
    let got = d.wait_log("out", want.len());
    assert!(got == want.as_bytes(), "{} bytes, not those expected", got.len());
}

#[test]
fn binary_data_is_not_touched() {
    let want = noise(3_000_000, 42);
    let d = one("bytes=3000000:42 forever", "");
    assert!(d.wait_log("out", want.len()) == want);
}

#[test]
fn a_long_line_without_an_end_is_not_held_back() {
    let d = one("bytes=100:7 forever", "");
    assert_eq!(d.wait_log("out", 100), noise(100, 7));
}

#[test]
fn rotation_cuts_at_line_ends_and_loses_nothing() {
    for (count, length, max) in [(20_000usize, 50usize, 65_536usize), (3000, 100, 4096), (2000, 997, 100_000)] {
        let want = numbered(count, length);
        let d = one(
            &format!("lines={count}:{length} forever"),
            &format!(", stdout_logfile_maxbytes: {max}, stdout_logfile_backups: 1000"),
        );
        let got = d.wait_log("out", want.len());
        assert!(got == want.as_bytes(), "the files together are not the stream ({count}:{length}, {max})");
        let files = segments(&d.path("out"));
        assert!(files.len() >= want.len() / (max + length) && files.len() > 3, "{} files", files.len());
        for (i, (file, _)) in files.iter().enumerate() {
            let bytes = fs::read(file).unwrap();
            if i + 1 < files.len() {
                assert_eq!(bytes.last(), Some(&b'\n'), "{} ends within a line", file.display());
                assert!(bytes.len() >= max - length, "{}: only {} bytes", file.display(), bytes.len());
            }
            assert!(bytes.len() <= max + 65_536, "{}: {} bytes", file.display(), bytes.len());
        }
    }
}

#[test]
fn only_so_many_backups_are_kept() {
    let d = one("lines=20000:50 forever", ", stdout_logfile_maxbytes: 64KB, stdout_logfile_backups: 3");
    let want = numbered(20_000, 50);
    let last = want.lines().last().unwrap().to_owned() + "\n";
    wait_until("the last line", || fs::read(d.path("out")).is_ok_and(|b| b.ends_with(last.as_bytes())));
    let got = d.log("out");
    assert!(want.as_bytes().ends_with(&got), "what is kept is the end of the stream");
    assert_eq!(segments(&d.path("out")).len(), 4);
    assert!(!d.path("out.4").exists());
}

#[test]
fn no_backups_means_starting_anew() {
    let d = one("lines=20000:50 forever", ", stdout_logfile_maxbytes: 64KB, stdout_logfile_backups: 0");
    let want = numbered(20_000, 50);
    wait_until("the last line", || {
        fs::read(d.path("out")).is_ok_and(|b| b.ends_with(&want.as_bytes()[want.len() - 50..]))
    });
    assert!(want.as_bytes().ends_with(&fs::read(d.path("out")).unwrap()));
    assert_eq!(segments(&d.path("out")).len(), 1);
}

#[test]
fn zero_means_never_rotate() {
    let want = numbered(20_000, 50);
    let d = one("lines=20000:50 forever", ", stdout_logfile_maxbytes: 0");
    assert!(d.wait_log("out", want.len()) == want.as_bytes());
    assert_eq!(segments(&d.path("out")).len(), 1);
}

#[test]
fn the_streams_are_apart_or_merged() {
    let setup = Setup::new();
    let (out, err, both) = (setup.file("out"), setup.file("err"), setup.file("both"));
    let cmd = probe("both=2000 forever");
    let d = setup
        .programs(&format!(
            "apart: {{cmd: {cmd}, stdout: {out}, stderr: {err}}}
merged: {{cmd: {cmd}, stdout: {both}, stderr: stdout}}"
        ))
        .start();
    let line = |n: usize| format!("{n:09}\n");
    let even: String = (0..2000).step_by(2).map(line).collect();
    let odd: String = (1..2000).step_by(2).map(line).collect();
    let all: String = (0..2000).map(line).collect();
    assert!(d.wait_log("out", 10_000) == even.as_bytes());
    assert!(d.wait_log("err", 10_000) == odd.as_bytes());
    assert!(d.wait_log("both", 20_000) == all.as_bytes(), "merged output keeps its order");
}

#[test]
fn redirect_stderr_is_known() {
    let d = one("both=100 forever", ", redirect_stderr: true, stderr_logfile: none");
    d.wait_log("out", 1000);
}

#[test]
fn auto_files_are_named_after_process_and_stream() {
    let d = Daemon::with(&format!("w: {{cmd: {}, numprocs: 2}}", probe("text=to-out err:text=to-err forever")));
    for n in 0..2 {
        let name = format!("w_0{n}");
        for (stream, text) in [("stdout", "to-out"), ("stderr", "to-err")] {
            let file = d.auto_log(&name, stream);
            wait_until("the text", || fs::read(&file).is_ok_and(|b| b == text.as_bytes()));
        }
    }
    assert_eq!(fs::read_dir(d.path("logs")).unwrap().count(), 4);
}

#[test]
fn old_auto_files_are_cleaned_up_unless_told_otherwise() {
    for keep in [false, true] {
        let setup = Setup::new();
        fs::write(setup.path("logs/x-stdout.log"), "old\n").unwrap();
        fs::write(setup.path("logs/x-stdout.log.1"), "older\n").unwrap();
        fs::write(setup.path("logs/bystander"), "not ours").unwrap();
        let d = setup
            .programs(&format!("x: {{cmd: {}}}", probe("text=new forever")))
            .args(if keep { &["-k"] } else { &[] })
            .start();
        let want = if keep { "older\nold\nnew" } else { "new" };
        wait_until("the text", || d.log("logs/x-stdout.log") == want.as_bytes());
        assert!(d.path("logs/bystander").exists(), "only auto logs are cleaned up");
    }
}

#[test]
fn output_of_an_earlier_run_is_kept() {
    let setup = Setup::new();
    let out = setup.file("out");
    fs::write(setup.path("out"), "before\n").unwrap();
    let d = setup.programs(&format!("x: {{cmd: [echo, now], stdout: {out}, oneshot: true}}")).start();
    d.wait_state("x", "EXITED");
    assert_eq!(d.log("out"), b"before\nnow\n");
    d.ok("start x");
    wait_until("the second", || d.log("out") == b"before\nnow\nnow\n");
}

#[test]
fn what_was_written_before_the_end_is_there_when_the_end_is_shown() {
    let want = numbered(1000, 60);
    for round in 0..10 {
        let d = one("lines=1000:60 exit=0", ", starttime: 0, autorestart: never");
        // No wait between seeing the state and reading the file.
        wait_until("EXITED", || d.state("x") == "EXITED");
        assert!(d.log("out") == want.as_bytes(), "round {round}: the end is shown before the output is stored");
    }
}

#[test]
fn a_grandchild_that_holds_stdout_does_not_delay_the_exit() {
    // It leaves the group, so that it is no member to be stopped; it only holds the pipe until it is told to let go.
    let setup = Setup::new();
    let (left, go, out) = (setup.file("left"), setup.file("go"), setup.file("out"));
    let steps = format!("text=parent child setsid stamp={left} await={go} text=late end await={left} exit=5");
    let program = format!("cmd: {}, stdout: {out}, stderr: none, starttime: 0, autorestart: never", probe(&steps));
    let d = setup.programs(&format!("x: {{{program}}}")).start();
    let s = d.wait_state("x", "EXITED");
    assert_eq!(s.last_exit(), "exit status 5");
    assert_eq!(d.log("out"), b"parent");
    d.setup.write("go", "");
    assert_eq!(d.wait_log("out", 10), b"parentlate");
    wait_until("the grandchild is gone", || children(d.pid).is_empty());
}

#[test]
fn a_closed_stdout_costs_nothing() {
    let d = one("text=bye close=1 close=2 forever", ", stderr: stdout");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    wait_until("closed", || fds(pid).keys().copied().collect::<Vec<_>>() == [0]);
    d.wait_log("out", 3);
    let before = cpu_seconds(d.pid);
    let begin = Instant::now();
    wait_until("a second", || begin.elapsed() > Duration::from_secs(1));
    let used = cpu_seconds(d.pid) - before;
    assert!(used < 0.1, "{used} s of CPU in a second");
}

#[test]
fn one_loud_child_starves_nobody() {
    let setup = Setup::new();
    let (loud, quiet) = (setup.file("loud"), setup.file("quiet"));
    let d = setup
        .programs(&format!(
            "loud: {{cmd: {}, stdout: {loud}, stdout_logfile_maxbytes: 10MB, stdout_logfile_backups: 1}}
quiet: {{cmd: {}, stdout: {quiet}}}",
            probe("lines=100000000:1000"),
            probe("drip=100000:20"),
        ))
        .start();
    d.wait_state("loud", "RUNNING");
    let mut worst = Duration::ZERO;
    for _ in 0..50 {
        let begin = Instant::now();
        d.ok("status");
        worst = worst.max(begin.elapsed());
    }
    assert!(worst < Duration::from_secs(5), "status took {worst:?}");
    let before = d.log("quiet").len();
    wait_until("the quiet one's lines", || d.log("quiet").len() > before + 50);
    d.ok("stop loud");
}

#[test]
fn a_program_survives_the_death_of_the_daemon() {
    let mut d = one("drip=100000:5 exit=0", "");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    d.wait_log("out", 500);
    let strays = d.crash();
    let begin = Instant::now();
    wait_until("half a second", || begin.elapsed() > Duration::from_millis(500));
    assert!(alive(pid), "the program died with the daemon");
    assert_eq!(strays.alive(), 1);
}

#[test]
fn tail_gives_the_last_lines() {
    let d = one("lines=1000:20 text=partial err:lines=5:20 forever", ", stdout_logfile_maxbytes: 4096, stderr: auto");
    wait_until("the partial line", || d.log("out").ends_with(b"partial"));
    let want = numbered(1000, 20);
    let lines: Vec<&str> = want.lines().collect();
    let text = d.ok("tail -n 3 x");
    assert_eq!(text.lines().collect::<Vec<_>>(), [lines[998], lines[999], "partial"]);
    // More than the present file holds: goes on in the files that were set aside.
    let text = d.ok("tail -n 500 x");
    assert_eq!(text.lines().count(), 500);
    assert_eq!(text.lines().next(), Some(lines[501]));
    wait_until("stderr", || {
        d.ok("tail -n 2 x stderr") == numbered(5, 20).lines().skip(3).map(|l| l.to_owned() + "\n").collect::<String>()
    });
    assert!(!d.text("tail nosuch").ok());
    let out = d.ctl(&["tail", "-n", "1", "x"]);
    assert!(stdout(&out).starts_with("partial"), "{}", said(&out));
}

#[test]
fn tail_of_a_discarded_stream_says_why() {
    let d = Daemon::with("x: {cmd: sleep 1000, stdout: none}");
    let reply = d.text("tail x");
    assert!(!reply.ok(), "{reply:?}");
}

#[test]
fn usr2_reopens_after_a_rename() {
    let d = one("drip=1000000:5 forever", "");
    d.wait_log("out", 200);
    fs::rename(d.path("out"), d.path("moved")).unwrap();
    let before = fs::read(d.path("moved")).unwrap().len();
    wait_until("it goes on in the old file", || fs::read(d.path("moved")).unwrap().len() > before);
    assert!(!d.path("out").exists());
    d.signal(Signal::SIGUSR2);
    wait_until("a new file", || fs::read(d.path("out")).is_ok_and(|b| b.len() > 100));
    d.ok("stop x");
    let all = [fs::read(d.path("moved")).unwrap(), fs::read(d.path("out")).unwrap()].concat();
    let want: String = (0..all.len() / 10).map(|n| format!("{n:09}\n")).collect();
    assert!(all == want.as_bytes(), "nothing is lost or doubled between the two");
}

#[test]
fn a_removed_directory_hurts_nobody() {
    let setup = Setup::new();
    fs::create_dir(setup.path("dir")).unwrap();
    let out = setup.file("dir/out");
    let d = setup
        .programs(&format!(
            "x: {{cmd: {}, stdout: {out}, stdout_logfile_maxbytes: 2000}}",
            probe("drip=1000000:2 forever")
        ))
        .start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    d.wait_log("dir/out", 500);
    fs::remove_dir_all(d.path("dir")).unwrap();
    wait_until("a line about it", || {
        d.own_log().lines().any(|l| l.contains("out") && l.contains("no such file or directory"))
    });
    let said = || d.own_log().lines().filter(|l| l.contains("no such file or directory")).count();
    let begin = Instant::now();
    wait_until("a second", || begin.elapsed() > Duration::from_secs(1));
    assert!(said() <= 2, "the same failure is told {} times", said());
    assert_eq!(d.pid_of("x"), pid);
    fs::create_dir(d.path("dir")).unwrap();
    wait_until("output again", || fs::read(d.path("dir/out")).is_ok_and(|b| !b.is_empty()));
    assert_eq!(d.pid_of("x"), pid);
}

#[test]
fn a_log_that_cannot_be_opened_does_not_keep_the_program_from_running() {
    let d = Daemon::with(&format!(
        "x: {{cmd: {}, stdout: /nonexistent/dir/out, stderr: none}}",
        probe("lines=100000:60 forever")
    ));
    d.wait_state("x", "RUNNING");
    wait_until("a line about it", || d.own_log().contains("/nonexistent/dir/out"));
}

#[test]
fn dev_full_and_dev_null_as_log() {
    let d = Daemon::with(&format!(
        "x: {{cmd: {0}, stdout: /dev/full, stderr: none}}\ny: {{cmd: {0}, stdout: /dev/null, stderr: none}}",
        probe("lines=1000:60 forever")
    ));
    d.wait_state("x", "RUNNING");
    d.wait_state("y", "RUNNING");
    wait_until("a line about it", || d.own_log().lines().any(|l| l.contains("/dev/full")));
}

/// A small file system in a directory of its own, unmounted and removed when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Option<Small> {
        let dir = tempfile::Builder::new().prefix("taskmaster-").tempdir().unwrap();
        let options = format!("size={size}");
        let done = run_to_end(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(dir.path()));
        done.status.success().then_some(Small(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    needs!(root);
    needs!("mount");
    // It is there until the daemon is gone.
    let Some(small) = Small::mount("256k") else {
        return skip(&test_name!(), "cannot mount a tmpfs here");
    };
    let (at, setup) = (small.0.path(), Setup::new());
    let (out, filler) = (at.join("out").display().to_string(), at.join("filler"));
    fs::write(&filler, vec![0; 100_000]).unwrap();
    let want = numbered(4000, 100);
    let d = setup
        .programs(&format!("x: {{cmd: {}, stdout: {out}, stderr: none}}", probe("lines=4000:100 forever")))
        .start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    wait_until("a line about it", || d.own_log().contains("no space left on device"));
    assert!(whole_log(Path::new(&out)).len() < want.len());
    let said = d.own_log().lines().filter(|l| l.contains("no space left on device")).count();
    assert!(said <= 2, "told {said} times");
    assert!(alive(pid) && d.state("x") == "RUNNING");
    d.ok("status");
    fs::remove_file(filler).unwrap();
    run_to_end(Command::new("mount").args(["-o", "remount,size=4m"]).arg(at));
    assert!(d.wait_log(&out, want.len()) == want.as_bytes(), "all bytes arrive once there is room");
    assert_eq!(d.pid_of("x"), pid);
}

#[test]
fn log_files_are_not_for_everyone_and_symlinks_do_no_harm() {
    let d = one("text=secret forever", "");
    d.wait_log("out", 6);
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(d.path("out")).unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "{mode:o}: writable by others");
}

#[test]
fn inherit_goes_to_the_daemons_own_output() {
    let d = Daemon::with(&format!(
        "x: {{cmd: {}, stdout: inherit, stderr: inherit}}",
        probe("text=on-the-console forever")
    ));
    wait_until("the text", || fs::read_to_string(d.path("console")).is_ok_and(|t| t.contains("on-the-console")));
}

#[test]
fn the_daemons_own_log_has_a_line_for_each_fact() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    kill(pid, Signal::SIGKILL);
    d.wait_new_pid("x", pid);
    d.ok("stop x");
    let log = wait_for("the last line", || {
        let log = fs::read_to_string(d.path("taskmasterd.log")).ok()?;
        log.contains("x: stopped").then_some(log)
    });
    for part in [format!("pid={pid}"), "killed by SIGKILL".to_owned(), "stopped".to_owned()] {
        let line = log.lines().find(|l| l.contains(&part)).unwrap_or_else(|| panic!("no {part} in {log}"));
        has(line, "x");
    }
}

#[test]
fn the_level_of_the_own_log_is_obeyed() {
    let d = Setup::new().keys("loglevel: error").programs("x: {cmd: sleep 1000}").start();
    d.wait_state("x", "RUNNING");
    d.ok("stop x");
    let log = fs::read_to_string(d.path("taskmasterd.log")).unwrap_or_default();
    assert!(!log.contains("spawned"), "{log}");
}

#[test]
fn the_own_log_is_rotated() {
    let d = Setup::new()
        .keys("logfile_maxbytes: 2000\nlogfile_backups: 2\nloglevel: debug")
        .programs("x: {cmd: sleep 1000, starttime: 0}")
        .start();
    d.wait_state("x", "RUNNING");
    wait_until("two backups", || {
        d.ok("restart x");
        d.path("taskmasterd.log.2").exists()
    });
    assert!(!d.path("taskmasterd.log.3").exists());
}

#[test]
fn the_daemon_s_log_can_be_json() {
    let mut d = Setup::new()
        .keys("logformat: json")
        .programs(&format!(
            "x: {{cmd: {}, starttime: 0, autorestart: never, exitcodes: 0}}\ny: {{cmd: /no/such/program, startretries: 0}}\nz: {{cmd: sleep 1000, numprocs: 2}}",
            probe("sleep=300 exit=3")
        ))
        .start();
    d.wait_state("x", "EXITED");
    d.wait_state("y", "FATAL");
    d.wait_state("z:z_01", "RUNNING");
    d.ok("stop z");
    let log = d.own_log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect();
    let of = |process: &str| -> Vec<String> {
        let own = lines.iter().filter(|line| line["process"] == process);
        own.map(|line| format!("{} {}>{}", line["event"], line["from"], line["to"]).replace('"', "")).collect()
    };
    assert_eq!(of("x")[0], "spawned STARTING>STARTING");
    assert_eq!(*of("x").last().unwrap(), "exited RUNNING>EXITED");
    assert_eq!(*of("y").last().unwrap(), "fatal STARTING>FATAL");
    assert_eq!(of("z:z_01")[2..], ["stopping RUNNING>STOPPING", "exited STOPPING>STOPPED", "stopped STOPPING>STOPPED"]);
    let exited = lines.iter().find(|line| line["process"] == "x" && line["event"] == "exited").unwrap();
    assert_eq!((&exited["program"], &exited["level"]), (&"x".into(), &"warning".into()));
    has(exited["cause"].as_str().unwrap(), "exit status 3");
    assert!(exited["pid"].as_u64().is_some() && exited["time"].as_str().unwrap().ends_with('Z'), "{exited}");
    assert!(lines.iter().all(|line| line["event"] != "message" || line.get("process").is_none()));
    // The other format comes with a reload, and so does the way back.
    d.unchecked();
    let file = d.path("taskmasterd.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("logformat: json", "logformat: text")).unwrap();
    has(&d.ok("reload"), "logformat: json -> text");
    d.ok("start z");
    has(&d.own_log(), " INFO     z:z_00: running");
}

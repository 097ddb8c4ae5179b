//! The misbehaving child of the tests: carries out the steps on its command line, one after the other.
//!
//! `probe stamp=FILE sleep=100 exit=3`. When the steps are used up it exits with 0. The steps:
//!
//! | step | what it does |
//! |---|---|
//! | `exit=CODE` | exit with this status |
//! | `die=SIGNAL` | die by this signal (a number), its default disposition restored |
//! | `core=0` `core=1` | no core dumps; as large as the hard limit allows |
//! | `sleep=MS` `forever` | sleep |
//! | `await=FILE` | sleep until the file exists |
//! | `ignore=SIG,SIG` | ignore signals (numbers) |
//! | `on=SIG:CODE:MS` | when SIGNAL comes, sleep so long, then exit with CODE |
//! | `note=SIG:FILE` | when SIGNAL comes, append its number to FILE, and go on |
//! | `stamp=FILE` | append a line `<CLOCK_MONOTONIC ns> <pid>` |
//! | `born=FILE` | the same, with the time of the fork(2), told in hundredths of a second |
//! | `lines=COUNT:LENGTH` | numbered lines of this length to stdout, at full speed; `err:lines=…` to stderr |
//! | `slow=COUNT:LENGTH` | the same, each line written by itself, not as fast as can be |
//! | `both=COUNT` | numbered lines, even ones to stdout, odd ones to stderr |
//! | `drip=COUNT:MS` | numbered lines to stdout, one in so many milliseconds |
//! | `text=TEXT` | the text without a newline to stdout; `err:text=…` to stderr |
//! | `bytes=COUNT:SEED` | pseudo-random bytes to stdout (xorshift64*, `dice::noise`) |
//! | `close=FD` | close a file descriptor |
//! | `serve=FD:MS` | answer each connection to the socket FD with a line `<pid>`; go on after so long without one (0: never), exit with 0 at SIGTERM |
//! | `setsid` | leave the session and the process group |
//! | `child … end` | start a child that carries out the steps up to `end`, and go on |
//! | `spin` | use up a CPU for ever |

// A child of its own that nobody waits for is one of the things that it is there to do.
#![allow(
    unsafe_code,
    clippy::zombie_processes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[allow(dead_code)]
mod dice;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The runtime of Rust ignores SIGPIPE; a plain program does not.
    disposition(libc::SIGPIPE, libc::SIG_DFL);
    block_what_threads_wait_for(&args);
    let mut at = 0;
    while at < args.len() {
        let (step, value) = args[at].split_once('=').unwrap_or((&args[at], ""));
        at += 1;
        if step == "child" {
            let length = matching_end(&args[at..]);
            Command::new("/proc/self/exe").args(&args[at..at + length]).spawn().expect("a child");
            at += length + 1;
            continue;
        }
        carry_out(step, value);
    }
}

/// How many arguments belong to a `child` up to its own `end`.
fn matching_end(args: &[String]) -> usize {
    let mut depth = 0;
    for (i, arg) in args.iter().enumerate() {
        match arg.as_str() {
            "child" => depth += 1,
            "end" if depth == 0 => return i,
            "end" => depth -= 1,
            _ => {}
        }
    }
    panic!("a child without an end");
}

/// Threads inherit the mask, so what any of them waits for is blocked before the first one starts.
fn block_what_threads_wait_for(args: &[String]) {
    let mut depth = 0;
    for arg in args {
        match (arg.as_str(), arg.split_once('=')) {
            ("child", _) => depth += 1,
            ("end", _) => depth -= 1,
            (_, Some(("on" | "note", value))) if depth == 0 => mask(libc::SIG_BLOCK, fields(value)[0]),
            _ => {}
        }
    }
}

fn carry_out(step: &str, value: &str) {
    let number = || value.parse::<i64>().unwrap_or_else(|_| panic!("{step}={value}: not a number"));
    let ms = || Duration::from_millis(value.parse().expect("milliseconds"));
    match step {
        "exit" => exit(i32::try_from(number()).unwrap()),
        "die" => die(i32::try_from(number()).unwrap()),
        "core" => limit_cores(number() != 0),
        "sleep" => std::thread::sleep(ms()),
        "forever" => loop {
            std::thread::sleep(Duration::from_secs(1000));
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "await" => {
            while !std::path::Path::new(value).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "ignore" => value.split(',').for_each(|s| disposition(s.parse().unwrap(), libc::SIG_IGN)),
        "on" => {
            let part = fields(value);
            on_signal(part[0], move |_| {
                std::thread::sleep(Duration::from_millis(u64::try_from(part[2]).unwrap()));
                exit(part[1]);
            });
        }
        "note" => {
            let (sig, file) = value.split_once(':').expect("note=SIG:FILE");
            let file = file.to_owned();
            on_signal(sig.parse().unwrap(), move |sig| append(&file, &format!("{sig}\n")));
        }
        "stamp" => {
            let now = nix_monotonic();
            append(value, &format!("{now} {}\n", std::process::id()));
        }
        "born" => append(value, &format!("{} {}\n", born(), std::process::id())),
        "lines" | "err:lines" => {
            let part = fields(value);
            lines(if step == "lines" { 1 } else { 2 }, part[0], usize::try_from(part[1]).unwrap());
        }
        "slow" => {
            // About half a megabyte a second.
            let part = fields(value);
            let length = usize::try_from(part[1]).unwrap();
            for n in 0..part[0] {
                numbered(1, n, length);
                if n % 10 == 9 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        "both" => {
            for n in 0..number() {
                put(if n % 2 == 0 { 1 } else { 2 }, format!("{n:09}\n").as_bytes());
            }
        }
        "drip" => {
            let part = fields(value);
            for n in 0..part[0] {
                put(1, format!("{n:09}\n").as_bytes());
                std::thread::sleep(Duration::from_millis(u64::try_from(part[1]).unwrap()));
            }
        }
        "text" => put(1, value.as_bytes()),
        "err:text" => put(2, value.as_bytes()),
        "bytes" => {
            let (count, seed) = value.split_once(':').expect("bytes=COUNT:SEED");
            put(1, &dice::noise(count.parse().unwrap(), seed.parse().unwrap()));
        }
        "close" => {
            // SAFETY: nothing in this program uses the descriptor as an owned one afterwards.
            unsafe { libc::close(i32::try_from(number()).unwrap()) };
        }
        "serve" => {
            let part = fields(value);
            serve(part[0], part[1]);
        }
        "setsid" => {
            nix::unistd::setsid().expect("setsid");
        }
        _ => panic!("no such step: {step}"),
    }
}

/// Whether SIGTERM has come.
static ASKED_TO_END: AtomicBool = AtomicBool::new(false);

extern "C" fn end_is_asked_for(_: i32) {
    ASKED_TO_END.store(true, Ordering::Relaxed);
}

/// A connection that is taken is answered: the signal gets through only while none is there.
fn serve(socket: i32, idle_ms: i32) {
    mask(libc::SIG_BLOCK, libc::SIGTERM);
    let handler = SigHandler::Handler(end_is_asked_for);
    // SAFETY: the handler sets a flag.
    unsafe { sigaction(Signal::SIGTERM, &SigAction::new(handler, SaFlags::empty(), SigSet::empty())) }.unwrap();
    let answer = format!("{}\n", std::process::id());
    loop {
        let mut poll = libc::pollfd { fd: socket, events: libc::POLLIN, revents: 0 };
        let patience = libc::timespec { tv_sec: (idle_ms / 1000).into(), tv_nsec: (idle_ms % 1000 * 1_000_000).into() };
        let limit = if idle_ms == 0 { std::ptr::null() } else { &raw const patience };
        // SAFETY: the set is initialised by sigemptyset before it is used, and all that is pointed to outlives the call.
        #[allow(clippy::multiple_unsafe_ops_per_block)]
        let ready = unsafe {
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::ppoll(&raw mut poll, 1, limit, &raw const none)
        };
        if ASKED_TO_END.load(Ordering::Relaxed) {
            exit(0);
        }
        if ready == 0 {
            return;
        }
        // Of several that share the socket another one may be quicker; then this one waits, and is to be interrupted.
        mask(libc::SIG_UNBLOCK, libc::SIGTERM);
        // SAFETY: the peer's address is not asked for.
        let peer = unsafe { libc::accept(socket, std::ptr::null_mut(), std::ptr::null_mut()) };
        mask(libc::SIG_BLOCK, libc::SIGTERM);
        if peer >= 0 {
            put(peer, answer.as_bytes());
            // SAFETY: nothing else uses it.
            unsafe { libc::close(peer) };
        }
    }
}

fn fields(value: &str) -> Vec<i32> {
    value.split(':').map_while(|f| f.parse().ok()).collect()
}

fn numbered(fd: i32, n: i32, length: usize) {
    let mut line = format!("{n:09} ").into_bytes();
    line.resize(length.max(11) - 1, b'x');
    line.push(b'\n');
    put(fd, &line);
}

fn lines(fd: i32, count: i32, length: usize) {
    let mut buffer = Vec::with_capacity(1 << 16);
    for n in 0..count {
        let start = buffer.len();
        buffer.extend_from_slice(format!("{n:09} ").as_bytes());
        buffer.resize(start + length.max(11) - 1, b'x');
        buffer.push(b'\n');
        if buffer.len() > 60_000 {
            put(fd, &buffer);
            buffer.clear();
        }
    }
    put(fd, &buffer);
}

fn put(fd: i32, mut bytes: &[u8]) {
    // SAFETY: borrowed for the write only; a descriptor that a step has closed makes it fail with EBADF.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => {
                eprintln!("probe: write: {e}");
                exit(99);
            }
        }
    }
}

fn append(file: &str, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(file).expect("the file to append to");
    file.write_all(text.as_bytes()).expect("appending");
}

fn nix_monotonic() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writes.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// When this process was born, in nanoseconds since the machine was started.
fn born() -> i64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc/self/stat");
    // Field 22 of proc(5); the name may have anything in it.
    let ticks = stat.rsplit_once(')').expect("a name").1.split_whitespace().nth(19).expect("a time");
    ticks.parse::<i64>().expect("a number") * 10_000_000
}

fn disposition(sig: i32, what: libc::sighandler_t) {
    // SAFETY: only SIG_DFL and SIG_IGN are passed; no handler of ours runs.
    unsafe { libc::signal(sig, what) };
}

fn mask(how: i32, sig: i32) {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    #[allow(clippy::multiple_unsafe_ops_per_block)]
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, sig);
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}

fn on_signal(sig: i32, mut act: impl FnMut(i32) + Send + 'static) {
    std::thread::spawn(move || {
        loop {
            let mut got = 0;
            // SAFETY: the set is initialised by sigemptyset before it is used, `got` is valid for writes.
            #[allow(clippy::multiple_unsafe_ops_per_block)]
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                libc::sigaddset(&raw mut set, sig);
                libc::sigwait(&raw const set, &raw mut got);
            }
            act(got);
        }
    });
}

fn die(sig: i32) {
    disposition(sig, libc::SIG_DFL);
    mask(libc::SIG_UNBLOCK, sig);
    let own = i32::try_from(std::process::id()).unwrap();
    // SAFETY: sends a signal to this process only.
    unsafe { libc::kill(own, sig) };
    // The default of some signals is to be ignored or to stop; those do not end here.
    std::thread::sleep(Duration::from_millis(50));
}

fn limit_cores(yes: bool) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).expect("getrlimit");
    setrlimit(Resource::RLIMIT_CORE, if yes { hard } else { 0 }, hard).expect("setrlimit");
}

//! The birth of a process.
//!
//! Everything that allocates or asks somebody is done before the clone, in `Command::new`. Between clone and execve the
//! child only makes system calls on memory that is already there. The parent does not wait for it, so a slow `chdir` or
//! `execve` holds up nobody; what became of them comes through a pipe: its end closes when `execve` succeeds
//! (close-on-exec), or carries the step and the error number.
//!
//! A child that keeps the daemon's user shares the daemon's memory until its `execve`, on a stack of its own: copying
//! the page tables of a daemon with a thousand programs would cost several times as much as all the rest. It reads only
//! what was prepared for it, which is kept until it is known to be done, and it stays away from the C library, whose
//! variables it shares (`raw`). A child that changes its user gets a copy: nobody but the daemon's user may ever be
//! near the daemon's memory. So do some that are confined (`confine`).

use std::ffi::{CString, c_char, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::base::errno::Errno;
use crate::base::stage::Stage;

use super::limits::OpenFiles;
use super::nursery::{Boarded, Left, Nursery, STACK_BYTES, Stacks};
use super::raw::{self, word};
use super::{fd, signals};

mod confine;
mod credentials;
mod report;

pub use confine::Confinement;
pub(super) use confine::{permitted, resource_number};
pub use credentials::Credentials;
pub use report::{Failed, Status, read_status};

use confine::Confined;

/// How many digits a process id has, at most.
const PID_DIGITS: usize = 10;

/// What a child is to become.
#[derive(Debug)]
pub struct Command {
    /// Owns what the pointers of `plan` point to.
    strings: Vec<CString>,
    plan: Plan,
    /// The directory of the cgroup that it is born into.
    cgroup: Option<OwnedFd>,
    /// What it gets besides its standard files, with the number that each is to have.
    extra: Vec<(RawFd, OwnedFd)>,
}

/// What the child reads. All of it is prepared; the pointers are into strings of the same `Command`.
#[derive(Debug)]
struct Plan {
    /// Ends with a null pointer.
    argv: Vec<*const c_char>,
    /// Ends with a null pointer.
    envp: Vec<*const c_char>,
    /// The paths to try in turn, as execvp(3) does.
    candidates: Vec<*const c_char>,
    directory: Option<*const c_char>,
    umask: Option<u32>,
    credentials: Option<Credentials>,
    open_files: Option<libc::rlimit>,
    confined: Option<Box<Confined>>,
    /// Where the child writes its process id: the ends of variables of its environment.
    own_pid: Vec<Box<[AtomicU8]>>,
    /// Become 0, 1 and 2.
    standard: [RawFd; 3],
    /// Become these numbers: which one, and what it becomes. Nothing else that the child uses has one of them.
    extra: Vec<(RawFd, RawFd)>,
    /// The first of them is a terminal, which becomes the child's controlling one.
    terminal: bool,
    /// Where to report a failure.
    report: RawFd,
    /// The child begins in its parent's table of descriptors and leaves it with those below this number. Of these it
    /// keeps only what it needs, in this order.
    leave: Option<(RawFd, [RawFd; 5])>,
    /// Set by the child when it has left.
    left: Left,
}

/// What the child gets as descriptors 0, 1 and 2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stdio<'a> {
    /// Standard input; `None` is `/dev/null`.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Standard output; `None` is `/dev/null`.
    pub stdout: Option<BorrowedFd<'a>>,
    /// Standard error; `None` is `/dev/null`.
    pub stderr: Option<BorrowedFd<'a>>,
    /// Standard input is a terminal that nobody has yet: it becomes the child's controlling terminal.
    pub terminal: bool,
}

/// A child that has been born.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id.
    pub pid: u32,
    /// Names exactly this process.
    pub pidfd: OwnedFd,
    /// Tells what became of `execve`: see [`read_status`].
    pub status: OwnedFd,
    /// To be kept until the child is done with it.
    pub launch: Launch,
}

/// The memory that a child uses until its `execve`. Given back by [`read_status`] or
/// [`Launch::child_is_gone`]; if it is dropped before, the memory
/// is not freed, since the child may still be using it.
#[derive(Debug)]
pub struct Launch(Option<Box<(Command, Vec<u8>)>>, Stacks);

impl Launch {
    /// Gives the memory back. Only for a child that has executed its program or has ended.
    fn free(&mut self) {
        if let Some(launch) = self.0.take() {
            // A child that is gone has left, whether it came to say so or not.
            launch.0.plan.left.store(true, Ordering::Release);
            self.1.give_back(launch.1);
        }
    }

    /// Gives the memory back after the child was reaped.
    pub fn child_is_gone(mut self) {
        self.free();
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

impl Command {
    /// Prepares a command. `argv` must not be empty; `env` is the whole environment, as `NAME=value`.
    ///
    /// A program name without a slash is looked for in the `PATH` of `env`, by the child, with its own rights.
    ///
    /// # Errors
    /// EINVAL for a NUL byte in a string.
    pub fn new(argv: &[String], env: &[(String, String)]) -> Result<Command, Failed> {
        let mut strings = Vec::with_capacity(argv.len() + env.len() + 8);
        let mut keep = |text: String| keep(&mut strings, Stage::Exec, text);
        let path = env.iter().rev().find(|(name, _)| name == "PATH").map_or("/usr/bin:/bin", |(_, value)| value);
        let program = argv.first().map_or("", String::as_str);
        let candidates = if program.contains('/') || program.is_empty() {
            vec![keep(program.to_owned())?]
        } else {
            let dirs = path.split(':').map(|dir| if dir.is_empty() { "." } else { dir });
            dirs.map(|dir| keep(format!("{dir}/{program}"))).collect::<Result<_, _>>()?
        };
        let mut argv: Vec<*const c_char> = argv.iter().map(|word| keep(word.clone())).collect::<Result<_, _>>()?;
        let mut envp: Vec<*const c_char> =
            env.iter().map(|(name, value)| keep(format!("{name}={value}"))).collect::<Result<_, _>>()?;
        argv.push(std::ptr::null());
        envp.push(std::ptr::null());
        let plan = Plan {
            argv,
            envp,
            candidates,
            directory: None,
            umask: None,
            credentials: None,
            open_files: None,
            confined: None,
            own_pid: Vec::new(),
            standard: [-1; 3],
            extra: Vec::new(),
            terminal: false,
            report: -1,
            leave: None,
            left: Left::default(),
        };
        Ok(Command { strings, plan, cgroup: None, extra: Vec::new() })
    }

    /// The directory to change to, after the change of user: where that user may not go, the program does not run.
    ///
    /// # Errors
    /// EINVAL for a NUL byte.
    pub fn directory(&mut self, path: &str) -> Result<(), Failed> {
        self.plan.directory = Some(keep(&mut self.strings, Stage::Directory, path.to_owned())?);
        Ok(())
    }

    /// The umask.
    pub fn umask(&mut self, mask: u32) {
        self.plan.umask = Some(mask);
    }

    /// The ids to take on.
    pub fn credentials(&mut self, credentials: Credentials) {
        self.plan.credentials = Some(credentials);
    }

    /// The limit on open files; the daemon has raised its own.
    pub fn open_files(&mut self, limit: OpenFiles) {
        self.plan.open_files = Some(libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard });
    }

    /// What it is confined to.
    ///
    /// # Errors
    /// EINVAL for a NUL byte.
    pub fn confine(&mut self, wanted: &Confinement<'_>) -> Result<(), Failed> {
        self.plan.confined = Some(Box::new(Confined::new(wanted)?));
        Ok(())
    }

    /// The directory of the cgroup that it is to be born into.
    pub fn cgroup(&mut self, directory: OwnedFd) {
        self.cgroup = Some(directory);
    }

    /// A descriptor that it is to have under this number, beyond its standard files.
    pub fn pass(&mut self, number: u32, fd: OwnedFd) {
        self.extra.push((RawFd::try_from(number).unwrap_or(RawFd::MAX), fd));
    }

    /// A variable of its environment that is to hold its process id, which is not known before it is there.
    pub fn own_pid(&mut self, name: &str) {
        let digits = std::iter::repeat_n(0, PID_DIGITS + 1);
        let text: Box<[AtomicU8]> = name.bytes().chain([b'=']).chain(digits).map(AtomicU8::new).collect();
        // It stays where it is when the box moves. Before the null pointer at the end.
        let at = self.plan.envp.len().saturating_sub(1);
        self.plan.envp.insert(at, text.as_ptr().cast());
        self.plan.own_pid.push(text);
    }

    /// Nobody but the daemon's user, with all that this process may do, may be near its memory. Nor may a child with a
    /// cgroup: when that runs out of memory, all are killed who share it.
    fn may_share_memory(&self) -> bool {
        let confined = self.plan.confined.as_ref().is_some_and(|confined| confined.needs_own_memory());
        self.plan.credentials.is_none() && self.cgroup.is_none() && !confined
    }

    /// Brings the child into being.
    ///
    /// # Errors
    /// The status pipe could not be made (`Pipe`), or clone3(2) failed (`Clone`): EAGAIN, ENOMEM.
    pub fn spawn(mut self, stdio: Stdio<'_>, nursery: &mut Nursery) -> Result<Spawned, Failed> {
        let (status, report) = fd::nonblocking_pipe().map_err(|e| Failed::new(Stage::Pipe, &e))?;
        let null = nursery.null().as_raw_fd();
        let number = |fd: Option<BorrowedFd<'_>>| fd.map_or(null, |fd| fd.as_raw_fd());
        self.plan.standard = [stdio.stdin, stdio.stdout, stdio.stderr].map(number);
        self.plan.terminal = stdio.terminal;
        let moved = self.pass_on(&report).map_err(|e| Failed::new(Stage::Pipe, &e))?;
        let share_memory = self.may_share_memory() && nursery.memory_may_be_shared();
        let cgroup = self.cgroup.take();
        let wanted = [Some(report.as_fd()), stdio.stdin, stdio.stdout, stdio.stderr];
        // The numbers of the pads may be among those that the extra ones are to have.
        let may_board = share_memory && self.extra.is_empty();
        let boarded = if may_board { nursery.board(wanted) } else { None };
        if let Some(Boarded { bound, places: [status_end, stdin, stdout, stderr], left }) = boarded {
            self.plan.standard = [stdin, stdout, stderr];
            let mut kept = [null, status_end, stdin, stdout, stderr];
            kept.sort_unstable();
            (self.plan.report, self.plan.leave, self.plan.left) = (status_end, Some((bound, kept)), left);
        }
        let stacks = nursery.stacks().clone();
        let mut launch = Box::new((self, stacks.take()));
        let (command, stack) = &mut *launch;
        let mut pidfd: RawFd = -1;
        // SAFETY: clone_args is plain numbers, for which zero means "not used".
        let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
        let share_table = command.plan.leave.is_some();
        let flags = libc::CLONE_PIDFD
            | if share_memory { libc::CLONE_VM } else { 0 }
            | if share_table { libc::CLONE_FILES } else { 0 };
        arguments.flags = u64::from(flags.unsigned_abs());
        if let Some(directory) = &cgroup {
            arguments.flags |= CLONE_INTO_CGROUP;
            arguments.cgroup = u64::from(directory.as_raw_fd().unsigned_abs());
        }
        arguments.pidfd = (&raw mut pidfd) as u64;
        arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
        let stack_at = stack.as_mut_ptr() as u64;
        let aligned = stack_at.next_multiple_of(16);
        arguments.stack = aligned;
        arguments.stack_size = (STACK_BYTES as u64 - (aligned - stack_at)) & !15;
        let plan: *const Plan = &raw const command.plan;
        // SAFETY: `become_program` never returns. What it uses is the plan, the strings behind it and the stack, which
        // `Launch` keeps until the child is done; this process only reads them. It shares nothing else but, where it
        // boarded, the table of descriptors, of which it uses only its own pad until it has left: signal dispositions
        // and directory are copies. This program has one thread.
        let pid = unsafe { raw::clone3(&arguments, become_program, plan.cast()) };
        drop((report, moved));
        launch.0.extra.clear();
        let pid = pid.map_err(|errno| {
            // Nobody boarded, so the pad is free.
            launch.0.plan.left.store(true, Ordering::Release);
            let of_cgroup = cgroup.is_some() && !Errno(errno).is_resource();
            Failed::of(if of_cgroup { Stage::Cgroup } else { Stage::Clone }, errno)
        })?;
        // SAFETY: the kernel has stored a new descriptor there, close-on-exec, for us to own.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Ok(Spawned { pid: u32::try_from(pid).unwrap_or(0), pidfd, status, launch: Launch(Some(launch), stacks) })
    }
}

impl Command {
    /// Sees to it that nothing that the child still uses when it puts its extra descriptors in place has one of their
    /// numbers. Gives what is to be kept open until the child is born.
    fn pass_on(&mut self, report: &OwnedFd) -> io::Result<Vec<OwnedFd>> {
        let numbers: Vec<RawFd> = self.extra.iter().map(|(number, _)| *number).collect();
        let mut kept = Vec::new();
        // Those that are in the way stay open meanwhile, so that none of their numbers is given out again.
        let mut elsewhere = |fd: &OwnedFd| -> io::Result<RawFd> {
            let mut at = fd.as_raw_fd();
            while numbers.contains(&at) {
                let copy = fd.try_clone()?;
                at = copy.as_raw_fd();
                kept.push(copy);
            }
            Ok(at)
        };
        let mut extra = Vec::with_capacity(numbers.len());
        for (number, fd) in &self.extra {
            extra.push((elsewhere(fd)?, *number));
        }
        self.plan.report = elsewhere(report)?;
        self.plan.extra = extra;
        Ok(kept)
    }
}

fn keep(strings: &mut Vec<CString>, stage: Stage, text: String) -> Result<*const c_char, Failed> {
    let string = CString::new(text).map_err(|_| Failed::of(stage, libc::EINVAL))?;
    // The bytes are on the heap and stay where they are when the CString moves.
    let pointer = string.as_ptr();
    strings.push(string);
    Ok(pointer)
}

/// Of clone3(2); beyond what fits into the type that the C library has for flags.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `TIOCSCTTY`, the same on all our architectures.
const TAKE_TERMINAL: u32 = 0x540e;

/// The child's part: system calls only; no allocation, no panic, no return.
///
/// # Safety
/// `plan` points to a `Plan` that stays as it is until this process has executed a program or ended.
unsafe extern "C" fn become_program(plan: *const c_void) -> ! {
    // SAFETY: the caller's promise.
    let plan = unsafe { &*plan.cast::<Plan>() };
    let failed = match plan.leave_table().and_then(|()| plan.prepare()) {
        Ok(()) => Failed::of(Stage::Exec, plan.execute()),
        Err(failed) => failed,
    };
    let message = report::message(failed);
    // A failed write leaves the exit status to tell of the failure.
    let _ = sys(libc::SYS_write, [word(plan.report), message.as_ptr() as usize, message.len()]);
    loop {
        let _ = sys(libc::SYS_exit_group, [127, 0, 0]);
    }
}

/// A system call of the child. Its pointers are into the plan or its own stack.
fn sys(number: libc::c_long, arguments: raw::Arguments) -> Result<usize, i32> {
    // SAFETY: see the callers: each passes pointers to memory that outlives the call, or numbers.
    unsafe { raw::call(number, arguments) }
}

/// The same, as a step.
fn step(stage: Stage, number: libc::c_long, arguments: raw::Arguments) -> Result<usize, Failed> {
    sys(number, arguments).map_err(|errno| Failed::of(stage, errno))
}

impl Plan {
    /// Leaves the parent's table of descriptors, if the child began in it. Before that it must not change any.
    fn leave_table(&self) -> Result<(), Failed> {
        let Some((bound, kept)) = self.leave else { return Ok(()) };
        let arguments = [word(bound), word(u32::MAX), word(libc::CLOSE_RANGE_UNSHARE)];
        step(Stage::Stdio, libc::SYS_close_range, arguments)?;
        self.left.store(true, Ordering::Release);
        // Copies of what others have on their pads, a status pipe among them: while they are open here, the others'
        // ends are not seen. Nothing in between can wait.
        let mut from = 3;
        for number in kept {
            if number > from {
                step(Stage::Stdio, libc::SYS_close_range, [word(from), word(number - 1), 0])?;
            }
            from = from.max(number + 1);
        }
        if bound > from {
            step(Stage::Stdio, libc::SYS_close_range, [word(from), word(bound - 1), 0])?;
        }
        Ok(())
    }

    fn prepare(&self) -> Result<(), Failed> {
        step(Stage::Session, libc::SYS_setsid, [0; 3])?;
        signals::reset_in_child().map_err(|errno| Failed::of(Stage::Signals, errno))?;
        for (to, from) in self.standard.into_iter().enumerate() {
            let from = word(from);
            // Close-on-exec is cleared by the copy; a descriptor copied onto itself would keep it.
            if from == to {
                step(Stage::Stdio, libc::SYS_fcntl, [to, word(libc::F_SETFD), 0])?;
            } else {
                step(Stage::Stdio, libc::SYS_dup3, [from, to, 0])?;
            }
        }
        for (from, to) in &self.extra {
            step(Stage::Stdio, libc::SYS_dup3, [word(*from), word(*to), 0])?;
        }
        if self.terminal {
            // The leader of a new session may take a terminal that no other session has.
            step(Stage::Terminal, libc::SYS_ioctl, [0, word(TAKE_TERMINAL), 0])?;
        }
        if let Some(confined) = &self.confined {
            confined.enter()?;
        }
        if let Some(limit) = &self.open_files {
            let limit: *const libc::rlimit = limit;
            step(Stage::Limits, libc::SYS_setrlimit, [word(libc::RLIMIT_NOFILE), limit as usize, 0])?;
        }
        if let Some(mask) = self.umask {
            let _ = sys(libc::SYS_umask, [word(mask), 0, 0]);
        }
        if let Some(credentials) = &self.credentials {
            credentials.take_on()?;
        }
        if let Some(confined) = &self.confined {
            confined.keep_ambient()?;
        }
        if let Some(directory) = self.directory {
            step(Stage::Directory, libc::SYS_chdir, [directory as usize, 0, 0])?;
        }
        self.write_own_pid();
        self.confined.as_ref().map_or(Ok(()), |confined| confined.seal())
    }

    fn write_own_pid(&self) {
        if self.own_pid.is_empty() {
            return;
        }
        let pid = sys(libc::SYS_getpid, [0; 3]).unwrap_or(0);
        // A zero at the beginning would make readers take it for an octal number.
        let digits = if pid == 0 { 1 } else { pid.ilog10() as usize + 1 };
        for text in &self.own_pid {
            let mut rest = pid;
            let room = text.len().saturating_sub(PID_DIGITS + 1);
            for place in text.iter().skip(room).take(digits).rev() {
                // Less than ten.
                #[allow(clippy::cast_possible_truncation)]
                place.store(b'0' + (rest % 10) as u8, Ordering::Relaxed);
                rest /= 10;
            }
        }
    }

    /// Tries the candidates in turn. Returns only if none could be executed, with the error that tells most.
    fn execute(&self) -> i32 {
        let mut seen = libc::ENOENT;
        for path in &self.candidates {
            let arguments = [*path as usize, self.argv.as_ptr() as usize, self.envp.as_ptr() as usize];
            match sys(libc::SYS_execve, arguments) {
                Err(libc::ENOENT | libc::ENOTDIR) | Ok(_) => {}
                Err(libc::EACCES) => seen = libc::EACCES,
                Err(other) => return other,
            }
        }
        seen
    }
}

/// Taken by unit tests that start processes, and by those that look for what follows when the last copy of a descriptor is
/// closed: a child has copies of all of them up to its execve(2), and the tests of a binary run at the same time.
#[cfg(test)]
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::base::exit::Exit;
    use std::os::fd::AsFd;

    fn run(command: Command) -> (Option<Failed>, Exit) {
        let _alone = alone();
        let mut nursery = Nursery::new().unwrap();
        let mut child = command.spawn(Stdio::default(), &mut nursery).unwrap();
        let exit = wait::reap_killed(child.pidfd.as_fd()).unwrap().unwrap();
        nursery.sweep();
        let failed = match read_status(child.status.as_fd(), &mut child.launch).unwrap() {
            Status::Failed(failed) => Some(failed),
            Status::Over => None,
            Status::Pending => panic!("the child is gone and its end is open"),
        };
        child.launch.child_is_gone();
        (failed, exit)
    }

    fn command(words: &[&str]) -> Command {
        let argv: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Command::new(&argv, &[("PATH".to_owned(), "/nowhere:/bin:/usr/bin".to_owned())]).unwrap()
    }

    #[test]
    fn a_program_is_found_on_the_path_and_its_exit_is_seen() {
        assert_eq!(run(command(&["sh", "-c", "exit 7"])), (None, Exit::Code(7)));
    }

    #[test]
    fn failing_steps_are_named() {
        let failed = |stage, errno| (Some(Failed::of(stage, errno)), Exit::Code(127));
        assert_eq!(run(command(&["/no/such/program"])), failed(Stage::Exec, libc::ENOENT));
        assert_eq!(run(command(&["/etc/passwd"])), failed(Stage::Exec, libc::EACCES));
        assert_eq!(run(command(&["no-such-program"])), failed(Stage::Exec, libc::ENOENT));
        let mut lost = command(&["true"]);
        lost.directory("/no/such/directory").unwrap();
        assert_eq!(run(lost), failed(Stage::Directory, libc::ENOENT));
    }

    #[test]
    fn a_child_with_a_user_of_its_own_is_told_apart_by_the_step_that_fails() {
        let mut other = command(&["true"]);
        other.credentials(Credentials { uid: 12_345, gid: 12_345, groups: vec![12_345], groups_matter: true });
        let outcome = run(other);
        if crate::sys::user::effective_uid() == 0 {
            assert_eq!(outcome, (None, Exit::Code(0)));
        } else {
            let failed = Failed::of(Stage::Groups, libc::EPERM);
            assert_eq!(outcome, (Some(failed), Exit::Code(127)));
        }
    }

    #[test]
    fn many_children_at_once_do_not_disturb_their_parent() {
        let _alone = alone();
        let mut nursery = Nursery::new().unwrap();
        let children: Vec<Spawned> = (0..50)
            .map(|n| {
                let command = command(&["sh", "-c", &format!("exit {n}")]);
                command.spawn(Stdio::default(), &mut nursery).unwrap()
            })
            .collect();
        for (n, child) in (0u8..).zip(children) {
            assert_eq!(wait::reap_killed(child.pidfd.as_fd()).unwrap(), Some(Exit::Code(n)));
            child.launch.child_is_gone();
        }
        assert!(!nursery.sweep(), "everybody has left");
    }

    #[test]
    fn a_child_gets_descriptors_by_number_and_its_own_id() {
        let _alone = alone();
        use std::io::Read;
        let script = "test $$ = $MY_PID && echo $MY_PID >&3 && echo seven >&7";
        let mut nursery = Nursery::new().unwrap();
        let mut command = command(&["sh", "-c", script]);
        let (three, end_three) = std::io::pipe().unwrap();
        let (seven, end_seven) = std::io::pipe().unwrap();
        // Whatever else has these numbers here must not be lost on the way.
        command.pass(3, end_three.into());
        command.pass(7, end_seven.into());
        command.own_pid("MY_PID");
        let child = command.spawn(Stdio::default(), &mut nursery).unwrap();
        let exit = wait::reap_killed(child.pidfd.as_fd()).unwrap().unwrap();
        let told = [three, seven].map(|mut pipe| {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!((exit, told), (Exit::Code(0), [format!("{}\n", child.pid), "seven\n".to_owned()]));
        child.launch.child_is_gone();
    }

    #[test]
    fn strings_with_a_nul_are_refused() {
        assert!(Command::new(&["a\0b".to_owned()], &[]).is_err());
        assert!(command(&["true"]).directory("/\0").is_err());
    }
}

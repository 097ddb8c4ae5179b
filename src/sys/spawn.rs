//! The birth of a process.
//!
//! Everything that allocates or asks somebody is done before the clone, in `Command::new`. Between clone and execve the
//! child only makes system calls on memory that is already there. The clone shares nothing with the parent, so the
//! parent does not wait for a slow `chdir` or `execve`; what became of them comes through a pipe: its end closes when
//! `execve` succeeds (close-on-exec), or carries the step and the error number.

use std::ffi::{CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::base::errno::Errno;
use crate::base::stage::Stage;

use super::limits::OpenFiles;
use super::{fd, signals};

/// What a child is to become. Made of owned C strings, so that the child needs no memory.
#[derive(Debug)]
pub struct Command {
    argv: Vec<CString>,
    envp: Vec<CString>,
    /// The paths to try in turn, as execvp(3) does.
    candidates: Vec<CString>,
    directory: Option<CString>,
    umask: Option<u32>,
    credentials: Option<Credentials>,
    open_files: Option<OpenFiles>,
}

/// The ids that the child takes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id: real, effective and saved.
    pub uid: u32,
    /// Group id: real, effective and saved.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// What the child gets as descriptors 0, 1 and 2.
#[derive(Clone, Copy, Debug)]
pub struct Stdio<'a> {
    /// Standard input.
    pub stdin: BorrowedFd<'a>,
    /// Standard output.
    pub stdout: BorrowedFd<'a>,
    /// Standard error.
    pub stderr: BorrowedFd<'a>,
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
}

/// A step of the spawn that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub stage: Stage,
    /// How.
    pub errno: Errno,
}

impl Failed {
    /// This stage, with the error number of `error`.
    #[must_use]
    pub fn new(stage: Stage, error: &io::Error) -> Failed {
        Failed { stage, errno: Errno(error.raw_os_error().unwrap_or(libc::EIO)) }
    }
}

impl Command {
    /// Prepares a command. `argv` must not be empty; `env` is the whole environment, as `NAME=value`.
    ///
    /// A program name without a slash is looked for in the `PATH` of `env`, by the child, with its own rights.
    ///
    /// # Errors
    /// EINVAL for a NUL byte in a string or an empty `argv`.
    pub fn new(argv: &[String], env: &[(String, String)]) -> Result<Command, Failed> {
        let c = |text: &str| CString::new(text).map_err(|_| Failed { stage: Stage::Exec, errno: Errno(libc::EINVAL) });
        let path = env.iter().rev().find(|(name, _)| name == "PATH").map_or("/usr/bin:/bin", |(_, value)| value);
        let program = argv.first().map_or("", String::as_str);
        let candidates = if program.contains('/') || program.is_empty() {
            vec![c(program)?]
        } else {
            path.split(':')
                .map(|dir| c(&format!("{}/{program}", if dir.is_empty() { "." } else { dir })))
                .collect::<Result<_, _>>()?
        };
        Ok(Command {
            argv: argv.iter().map(|word| c(word)).collect::<Result<_, _>>()?,
            envp: env.iter().map(|(name, value)| c(&format!("{name}={value}"))).collect::<Result<_, _>>()?,
            candidates,
            directory: None,
            umask: None,
            credentials: None,
            open_files: None,
        })
    }

    /// The directory to change to, after the change of user: where that user may not go, the program does not run.
    ///
    /// # Errors
    /// EINVAL for a NUL byte.
    pub fn directory(&mut self, path: &str) -> Result<(), Failed> {
        let path = CString::new(path).map_err(|_| Failed { stage: Stage::Directory, errno: Errno(libc::EINVAL) })?;
        self.directory = Some(path);
        Ok(())
    }

    /// The umask.
    pub fn umask(&mut self, mask: u32) {
        self.umask = Some(mask);
    }

    /// The ids to take on.
    pub fn credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    /// The limit on open files; the daemon has raised its own.
    pub fn open_files(&mut self, limit: OpenFiles) {
        self.open_files = Some(limit);
    }

    /// Brings the child into being.
    ///
    /// # Errors
    /// The status pipe could not be made (`Pipe`), or clone3(2) failed (`Clone`): EAGAIN, ENOMEM.
    pub fn spawn(&self, stdio: Stdio<'_>) -> Result<Spawned, Failed> {
        let (status, report) = fd::pipe().map_err(|e| Failed::new(Stage::Pipe, &e))?;
        let argv = pointers(&self.argv);
        let envp = pointers(&self.envp);
        let mut pidfd: RawFd = -1;
        // SAFETY: clone_args is plain numbers, for which zero means "not used".
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.flags = u64::try_from(libc::CLONE_PIDFD).unwrap_or(0);
        args.pidfd = (&raw mut pidfd) as u64;
        args.exit_signal = u64::try_from(libc::SIGCHLD).unwrap_or(0);
        // SAFETY: without CLONE_VM the child has its own copy of all memory, as after fork(2). This program has one
        // thread, so no lock is held by anybody else. The child goes straight into `become_program`, which only makes
        // system calls, and never returns from it.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
        if pid == 0 {
            self.become_program(stdio, &argv, &envp, report.as_raw_fd());
        }
        let pid = u32::try_from(pid).map_err(|_| Failed::new(Stage::Clone, &io::Error::last_os_error()))?;
        // SAFETY: the kernel has stored a new descriptor there, close-on-exec, for us to own.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Ok(Spawned { pid, pidfd, status })
    }

    /// The child's part. Only async-signal-safe calls; no allocation, no panic, no return.
    fn become_program(&self, stdio: Stdio<'_>, argv: &[*const c_char], envp: &[*const c_char], report: RawFd) -> ! {
        let failed = match self.prepare_child(stdio) {
            Ok(()) => Failed { stage: Stage::Exec, errno: self.execute(argv, envp) },
            Err(failed) => failed,
        };
        let stage = Stage::ALL.iter().position(|s| *s == failed.stage).unwrap_or(0);
        let mut message = [0u8; STATUS_BYTES];
        let (head, tail) = message.split_at_mut(4);
        head.copy_from_slice(&(u32::try_from(stage).unwrap_or(0)).to_ne_bytes());
        tail.copy_from_slice(&failed.errno.0.to_ne_bytes());
        // SAFETY: the buffer is on the stack; a failed write leaves the exit status 127 to tell of the failure.
        unsafe { libc::write(report, message.as_ptr().cast(), message.len()) };
        // SAFETY: _exit(2) ends the process without running anything of the parent's.
        unsafe { libc::_exit(127) }
    }

    fn prepare_child(&self, stdio: Stdio<'_>) -> Result<(), Failed> {
        // SAFETY: setsid(2) touches no memory.
        check(Stage::Session, unsafe { libc::setsid() })?;
        for number in signals::IGNORED {
            signals::set_disposition(number, libc::SIG_DFL);
        }
        signals::unblock_all();
        for (from, to) in [(stdio.stdin, 0), (stdio.stdout, 1), (stdio.stderr, 2)] {
            put_in_place(from.as_raw_fd(), to)?;
        }
        if let Some(limit) = self.open_files {
            let limit = libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard };
            // SAFETY: the limit is on the stack and outlives the call.
            check(Stage::Limits, unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
        }
        if let Some(mask) = self.umask {
            // SAFETY: umask(2) always succeeds and touches no memory.
            unsafe { libc::umask(mask) };
        }
        if let Some(credentials) = &self.credentials {
            credentials.take_on()?;
        }
        if let Some(directory) = &self.directory {
            // SAFETY: the string was made before the clone and is NUL-terminated.
            check(Stage::Directory, unsafe { libc::chdir(directory.as_ptr()) })?;
        }
        Ok(())
    }

    /// Tries the candidates in turn. Returns only if none could be executed, with the error that tells most.
    fn execute(&self, argv: &[*const c_char], envp: &[*const c_char]) -> Errno {
        let mut seen = libc::ENOENT;
        for path in &self.candidates {
            // SAFETY: path, argv and envp are NUL-terminated and were made before the clone.
            unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
            match last_errno() {
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => seen = libc::EACCES,
                other => return Errno(other),
            }
        }
        Errno(seen)
    }
}

impl Credentials {
    /// Groups, then group, then user, by system calls of their own: the C library's functions would look for other
    /// threads. The user is the last step that needs privilege; that all of it holds is asked of the kernel.
    fn take_on(&self) -> Result<(), Failed> {
        // SAFETY: the list outlives the call.
        let result = unsafe { libc::syscall(libc::SYS_setgroups, self.groups.len(), self.groups.as_ptr()) };
        // Without privilege the groups cannot be set, and need not be if the user stays the same.
        if result < 0 && !(last_errno() == libc::EPERM && self.is_own()) {
            return Err(Failed { stage: Stage::Groups, errno: Errno(last_errno()) });
        }
        // SAFETY: takes three numbers.
        let result = unsafe { libc::syscall(libc::SYS_setresgid, self.gid, self.gid, self.gid) };
        check(Stage::Gid, result)?;
        // SAFETY: takes three numbers.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, self.uid, self.uid, self.uid) };
        check(Stage::Uid, result)?;
        let (mut uids, mut gids) = ([u32::MAX; 3], [u32::MAX; 3]);
        let ([ur, ue, us], [gr, ge, gs]) = (&mut uids, &mut gids);
        // SAFETY: three places to store to, on the stack.
        let result = unsafe { libc::getresuid(ur, ue, us) };
        check(Stage::Uid, result)?;
        // SAFETY: three places to store to, on the stack.
        let result = unsafe { libc::getresgid(gr, ge, gs) };
        check(Stage::Gid, result)?;
        if uids != [self.uid; 3] || gids != [self.gid; 3] {
            return Err(Failed { stage: Stage::Uid, errno: Errno(libc::EPERM) });
        }
        // SAFETY: takes a number. It must fail: root's ids must not be within reach any more.
        if self.uid != 0 && unsafe { libc::syscall(libc::SYS_setresuid, u32::MAX, 0, u32::MAX) } == 0 {
            return Err(Failed { stage: Stage::Uid, errno: Errno(libc::EPERM) });
        }
        Ok(())
    }

    fn is_own(&self) -> bool {
        // SAFETY: takes nothing, always succeeds.
        let uid = unsafe { libc::geteuid() };
        uid == self.uid && uid != 0
    }
}

/// Makes `to` a copy of `from` that survives execve.
fn put_in_place(from: RawFd, to: RawFd) -> Result<(), Failed> {
    let result = if from == to {
        // dup2 to itself would leave close-on-exec set.
        // SAFETY: takes numbers.
        unsafe { libc::fcntl(to, libc::F_SETFD, 0) }
    } else {
        // SAFETY: takes two numbers.
        unsafe { libc::dup2(from, to) }
    };
    check(Stage::Stdio, result)
}

fn check(stage: Stage, result: impl Into<i64>) -> Result<(), Failed> {
    if result.into() < 0 { Err(Failed { stage, errno: Errno(last_errno()) }) } else { Ok(()) }
}

fn last_errno() -> i32 {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

const STATUS_BYTES: usize = 8;

/// What became of `execve`, from [`Spawned::status`]: `Ok(None)` while it is open, `Ok(Some(None))` if it succeeded,
/// the failure otherwise.
///
/// # Errors
/// read(2).
pub fn read_status(status: BorrowedFd<'_>) -> io::Result<Option<Option<Failed>>> {
    let mut message = [0u8; STATUS_BYTES];
    match fd::read(status, &mut message) {
        Ok(0) => Ok(Some(None)),
        Ok(_) => {
            let (stage, errno) = message.split_at(4);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0, i32::from_ne_bytes);
            let stage = usize::try_from(number(stage)).ok().and_then(|i| Stage::ALL.get(i).copied());
            Ok(Some(Some(Failed { stage: stage.unwrap_or(Stage::Exec), errno: Errno(number(errno)) })))
        }
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::base::exit::Exit;
    use std::os::fd::AsFd;

    fn run(command: &Command) -> (Option<Failed>, Exit) {
        let null = fd::null().unwrap();
        let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
        let child = command.spawn(stdio).unwrap();
        let exit = wait::reap_killed(child.pidfd.as_fd()).unwrap().unwrap();
        (read_status(child.status.as_fd()).unwrap().unwrap(), exit)
    }

    fn command(words: &[&str]) -> Command {
        let argv: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Command::new(&argv, &[("PATH".to_owned(), "/nowhere:/bin:/usr/bin".to_owned())]).unwrap()
    }

    #[test]
    fn a_program_is_found_on_the_path_and_its_exit_is_seen() {
        assert_eq!(run(&command(&["sh", "-c", "exit 7"])), (None, Exit::Code(7)));
    }

    #[test]
    fn failing_steps_are_named() {
        let failed = |stage, errno| (Some(Failed { stage, errno: Errno(errno) }), Exit::Code(127));
        assert_eq!(run(&command(&["/no/such/program"])), failed(Stage::Exec, libc::ENOENT));
        assert_eq!(run(&command(&["/etc/passwd"])), failed(Stage::Exec, libc::EACCES));
        assert_eq!(run(&command(&["no-such-program"])), failed(Stage::Exec, libc::ENOENT));
        let mut lost = command(&["true"]);
        lost.directory("/no/such/directory").unwrap();
        assert_eq!(run(&lost), failed(Stage::Directory, libc::ENOENT));
    }

    #[test]
    fn strings_with_a_nul_are_refused() {
        assert!(Command::new(&["a\0b".to_owned()], &[]).is_err());
        assert!(command(&["true"]).directory("/\0").is_err());
    }
}

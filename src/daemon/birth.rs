//! The birth of a run or a task: from a program's keys to a process. The only caller of spawn.
//!
//! Everything that a child is to be – words, environment, directory, ids, standard files – is worked out here; what
//! comes of it is told to the core as `Spawned` or `SpawnFailed`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use crate::base::errno::Errno;
use crate::base::id::{Key, ProgramName, Run, Stream, process_name};
use crate::base::select::glob;
use crate::base::stage::Stage;
use crate::config::expand::{self, Blueprint, ExpandError, Outside, Place};
use crate::config::model::{KillMode, OutputFormat, Program};
use crate::supervise::event::{Fact, Input};
use crate::supervise::state::Failure;
use crate::supervise::task::{Task, TaskOutput};
use crate::sys::fd;
use crate::sys::spawn::{Command, Credentials, Failed, Spawned, Stdio};
use crate::sys::tree::Mark;
use crate::sys::user::{self, Identity, effective_uid};

use super::children::Roots;
use super::confine::{self, Refused};
use super::console::Consoles;
use super::output::{self, Purposes, Speaker, Writer};
use super::run::Daemon;

/// What a child finds in `PATH` if the daemon has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What kind of terminal a program with one is told it has: what most terminals that people attach with are like.
const TERMINAL_KIND: &str = "xterm";

/// A file that takes everything: where output goes that is discarded, but looked at before.
pub(super) const NOWHERE: &str = "/dev/null";

/// The daemon's own variables that every child gets.
const PASSED_ON: [&str; 3] = ["PATH", "LANG", "TZ"];

impl Daemon {
    /// Brings a run into being and tells the core what came of it.
    pub(super) fn spawn(&mut self, key: Key, run: Run) {
        let Some(member) = self.fleet.member(key) else { return };
        let (program, name, num) = (Arc::clone(&member.program), member.name.clone(), member.num);
        let fact = match self.try_spawn(key, run, &program, &name, num) {
            Ok(pid) => Fact::Spawned { pid },
            Err(refused) => {
                self.outputs.cancel(&mut self.reactor, &mut self.files, Writer::Run(key, run));
                self.end_stdin((key, run));
                self.terminals.cancel(&mut self.reactor, (key, run));
                self.cgroups.over(key, run);
                self.signs_over((key, run));
                self.sockets_over(key);
                Fact::SpawnFailed(self.refusal(key, refused))
            }
        };
        self.inputs.push_back(Input::Fact(key, run, fact));
    }

    fn try_spawn(
        &mut self,
        key: Key,
        run: Run,
        program: &Program,
        name: &ProgramName,
        num: u32,
    ) -> Result<u32, Refused> {
        // The configuration was expanded once when it was checked; only the surroundings could make it fail now.
        let unfilled = Failed::of(Stage::Exec, Errno::EINVAL.0);
        let mut blueprint = self.blueprint(program, name, num).map_err(|_| unfilled)?;
        let signs = self.prepare_signs((key, run), program, &mut blueprint)?;
        let sockets = self.prepare_sockets(program, name, &mut blueprint)?;
        let mut command = self.command(program, &blueprint)?;
        for (number, end) in signs.descriptors {
            command.pass(number, end);
        }
        if signs.watchdog {
            command.own_pid("WATCHDOG_PID");
        }
        for (n, (number, socket)) in self.lend_sockets(key, sockets)?.into_iter().enumerate() {
            if n == 0 {
                command.own_pid("LISTEN_PID");
            }
            command.pass(number, socket);
        }
        let owner = self.credentials(program)?;
        self.make_directories(program, &blueprint, owner.as_ref())?;
        if let Some(directory) = self.cgroup((key, run), program, name, num)? {
            command.cgroup(directory);
        }
        let standard = self.standard_files((key, run), program, &blueprint, owner.as_ref())?;
        self.look_for_lines((key, run), program);
        let child = command.spawn(standard.stdio(), &mut self.nursery)?;
        let pid = child.pid;
        self.outputs.born(Writer::Run(key, run), pid);
        let cgroup = self.cgroups.of(key, run).filter(|_| program.policy.kill_mode == KillMode::Cgroup);
        let roots = Roots { marks: standard.marks(), cgroup };
        if let Err((error, unborn)) = self.children.born(&mut self.reactor, key, run, child, roots) {
            Daemon::discard(unborn);
            return Err(Failed::new(Stage::Pipe, &error).into());
        }
        Ok(pid)
    }

    /// Brings a task into being: as a run of its program would be, but for its words, its standard files, and that it
    /// is in none of the cgroups. With it the end that its output is read from, if that is kept.
    pub(super) fn spawn_task(&mut self, task: &Task) -> Result<(Spawned, Option<OwnedFd>), Failure> {
        // It is told its end in any case; nobody is left who would look at it.
        let Some(member) = self.fleet.member(task.key) else { return Err(Failure::Cancelled) };
        let (program, name, num) = (Arc::clone(&member.program), member.name.clone(), member.num);
        self.try_spawn_task(task, &program, &name, num).map_err(|refused| {
            self.outputs.cancel(&mut self.reactor, &mut self.files, Writer::Task(task.id));
            self.refusal(task.key, refused)
        })
    }

    fn try_spawn_task(
        &mut self,
        task: &Task,
        program: &Program,
        name: &ProgramName,
        num: u32,
    ) -> Result<(Spawned, Option<OwnedFd>), Refused> {
        let unfilled = Failed::of(Stage::Exec, Errno::EINVAL.0);
        let mut blueprint = self.blueprint(program, name, num).map_err(|_| unfilled)?;
        blueprint.argv = self.words(program, name, num, &task.argv).map_err(|_| unfilled)?;
        blueprint.env.extend(task.env.iter().cloned());
        let command = self.command(program, &blueprint)?;
        let owner = self.credentials(program)?;
        self.make_directories(program, &blueprint, owner.as_ref())?;
        let failed = |error: io::Error| Failed::new(Stage::Pipe, &error);
        let (stdout, stderr, kept) = match task.output {
            TaskOutput::Log => {
                let ends = self.ends(Writer::Task(task.id), task.key, program, &blueprint, owner.as_ref());
                let (stdout, stderr) = ends.map_err(failed)?;
                (stdout, stderr, None)
            }
            TaskOutput::Keep => {
                let (read, write) = fd::pipe().map_err(failed)?;
                (End::Pipe(write), End::Merged, Some(read))
            }
        };
        let standard = StandardFiles::Each { stdin: None, stdout, stderr };
        let child = command.spawn(standard.stdio(), &mut self.nursery)?;
        self.outputs.born(Writer::Task(task.id), child.pid);
        Ok((child, kept))
    }

    /// Brings a command into being that is told an event: as the daemon itself, with its environment. With it the end
    /// that its output is read from.
    pub(super) fn spawn_for_event(
        &mut self,
        argv: &[String],
        about: Vec<(String, String)>,
        event: &OwnedFd,
    ) -> Result<(Spawned, OwnedFd), Failed> {
        let failed = |error: io::Error| Failed::new(Stage::Pipe, &error);
        let mut env: Vec<(String, String)> =
            self.surroundings.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in about {
            set(&mut env, &name, &value);
        }
        let mut command = Command::new(argv, &env)?;
        command.directory(&self.surroundings.directory.to_string_lossy())?;
        command.open_files(self.surroundings.open_files);
        let (read, write) = fd::pipe().map_err(failed)?;
        let (stdout, stderr) = (Some(write.as_fd()), Some(write.as_fd()));
        let stdio = Stdio { stdin: Some(event.as_fd()), stdout, stderr, terminal: false };
        Ok((command.spawn(stdio, &mut self.nursery)?, read))
    }

    pub(super) fn outside<T>(&self, fill: impl FnOnce(&Outside<'_>) -> T) -> T {
        self.surroundings.fill(&self.fleet.config().daemon.childlogdir, fill)
    }

    /// The words of a task, with everything filled in.
    fn words(
        &self,
        program: &Program,
        name: &ProgramName,
        num: u32,
        words: &[String],
    ) -> Result<Vec<String>, Vec<ExpandError>> {
        self.outside(|outside| expand::words(program, name, num, outside, words))
    }

    /// What a process of the program is to be started with.
    pub(super) fn blueprint(
        &self,
        program: &Program,
        name: &ProgramName,
        num: u32,
    ) -> Result<Blueprint, Vec<ExpandError>> {
        self.outside(|outside| expand::blueprint(program, name, num, outside))
    }

    fn command(&self, program: &Program, blueprint: &Blueprint) -> Result<Command, Failed> {
        let env = self.environment(program, blueprint)?;
        let mut command = Command::new(&blueprint.argv, &env)?;
        let surrounding = if blueprint.chroot.is_some() { Path::new("/") } else { &self.surroundings.directory };
        let directory = blueprint.workingdir.as_deref().map_or(surrounding, Path::new);
        command.directory(&directory.to_string_lossy())?;
        if let Some(mask) = program.umask {
            command.umask(mask);
        }
        if let Some(credentials) = self.credentials(program)? {
            command.credentials(credentials);
        }
        if !confine::limits_open_files(program) {
            command.open_files(self.surroundings.open_files);
        }
        if let Some(confinement) = confine::confinement(program, blueprint) {
            command.confine(&confinement)?;
        }
        Ok(command)
    }

    /// The environment of a child, what comes later over what comes before: the daemon's variables that every child
    /// gets, those that patterns pass on, those that follow from the user, those that are passed on by name, the
    /// program's own.
    fn environment(&self, program: &Program, blueprint: &Blueprint) -> Result<Vec<(String, String)>, Failed> {
        let daemon = &self.surroundings.env;
        let mut env: Vec<(String, String)> = Vec::with_capacity(blueprint.env.len() + 8);
        let (patterns, names): (Vec<&String>, Vec<&String>) =
            program.env_pass.iter().partition(|name| name.contains(['*', '?', '[']));
        for pattern in patterns {
            env.extend(daemon.iter().filter(|(name, _)| glob(pattern, name)).map(|(n, v)| (n.clone(), v.clone())));
        }
        for name in PASSED_ON {
            match daemon.get(name) {
                Some(value) => set(&mut env, name, value),
                None if name == "PATH" => set(&mut env, name, DEFAULT_PATH),
                None => {}
            }
        }
        if let Some(identity) = self.identity(program)? {
            let (home, name, shell) = (&identity.home, &identity.name, &identity.shell);
            for (name, value) in [("HOME", home), ("USER", name), ("LOGNAME", name), ("SHELL", shell)] {
                if let Some(value) = value {
                    set(&mut env, name, value);
                }
            }
        }
        for name in names {
            if let Some(value) = daemon.get(name) {
                set(&mut env, name, value);
            }
        }
        for (name, value) in &blueprint.env {
            set(&mut env, name, value);
        }
        if !program.listen.is_empty() {
            // It is the child that knows it.
            env.retain(|(name, _)| name != "LISTEN_PID");
        }
        if program.tty && !env.iter().any(|(name, _)| name == "TERM") {
            set(&mut env, "TERM", TERMINAL_KIND);
        }
        Ok(env)
    }

    /// The user that a program names; `None` if it names none.
    ///
    /// A name that was not looked up is an error, whatever led to it: nothing may run as the daemon by mistake.
    fn identity(&self, program: &Program) -> Result<Option<&Identity>, Failed> {
        let unknown = Failed::of(Stage::Uid, Errno::EINVAL.0);
        program.user.as_deref().map(|user| self.people.user(user).ok_or(unknown)).transpose()
    }

    /// The ids of a program that names a user or groups; `None` if it keeps the daemon's.
    fn credentials(&self, program: &Program) -> Result<Option<Credentials>, Failed> {
        let unknown = Failed::of(Stage::Gid, Errno::EINVAL.0);
        let gid = program.group.as_deref().map(|group| self.people.group(group).ok_or(unknown)).transpose()?;
        let extra = self.extra_groups(program)?;
        let groups_matter = !extra.is_empty();
        Ok(match self.identity(program)? {
            Some(identity) => Some(Credentials {
                uid: identity.uid,
                gid: gid.unwrap_or(identity.gid),
                groups: [identity.groups.as_slice(), &extra].concat(),
                groups_matter,
            }),
            None if gid.is_none() && !groups_matter => None,
            None => {
                let own = if gid.is_none() { user::own_groups() } else { Vec::new() };
                let gid = gid.unwrap_or_else(user::effective_gid);
                let groups = [vec![gid], own, extra].concat();
                Some(Credentials { uid: effective_uid(), gid, groups, groups_matter })
            }
        })
    }

    /// The ids of `extra_groups`.
    fn extra_groups(&self, program: &Program) -> Result<Vec<u32>, Failed> {
        let unknown = Failed::of(Stage::Groups, Errno::EINVAL.0);
        program.extra_groups.iter().map(|group| self.people.group(group).ok_or(unknown)).collect()
    }

    fn standard_files(
        &mut self,
        id: (Key, Run),
        program: &Program,
        blueprint: &Blueprint,
        owner: Option<&Credentials>,
    ) -> Result<StandardFiles, Failed> {
        if program.tty {
            return self.open_terminal(id, program, blueprint, owner).map(StandardFiles::Terminal);
        }
        let failed = |error: io::Error| Failed::new(Stage::Pipe, &error);
        let stdin = self.input_end(id, program, owner).map_err(failed)?;
        let (stdout, stderr) = self.ends(Writer::Run(id.0, id.1), id.0, program, blueprint, owner).map_err(failed)?;
        Ok(StandardFiles::Each { stdin, stdout, stderr })
    }

    /// What a child of the program gets as standard output and standard error.
    fn ends(
        &mut self,
        writer: Writer,
        key: Key,
        program: &Program,
        blueprint: &Blueprint,
        owner: Option<&Credentials>,
    ) -> io::Result<(End, End)> {
        let mut end = |stream, place| self.end((writer, stream), key, place, program, owner);
        // With a terminal, what the program writes is one stream.
        let of_stderr = if program.tty { &Place::Merged } else { &blueprint.stderr };
        Ok((end(Stream::Stdout, &blueprint.stdout)?, end(Stream::Stderr, of_stderr)?))
    }

    /// Makes a pipe for a stream that the daemon reads, because it goes to a file or is passed on; its end to write to. `None`
    /// if it is neither.
    pub(super) fn output_end(
        &mut self,
        id: output::Id,
        key: Key,
        place: &Place,
        program: &Program,
    ) -> io::Result<Option<OwnedFd>> {
        let stream = id.1;
        let shown = self.speaker(key, stream, program);
        let file = match place {
            Place::File(path) => Some((Path::new(path), program.output(stream).rotation)),
            Place::Inherit if shown.is_some() => None,
            Place::Discard | Place::Inherit | Place::Merged => return Ok(None),
        };
        if let (Writer::Run(..), Some((path, _))) = (id.0, file)
            && path != Path::new(NOWHERE)
        {
            self.follow_new_run(key, stream, path);
        }
        self.outputs.open(&mut self.reactor, &mut self.files, id, Purposes { file, shown }).map(Some)
    }

    /// Whose a stream is that is passed on to the daemon's own.
    fn speaker(&self, key: Key, stream: Stream, program: &Program) -> Option<Speaker> {
        let format = program.passed_on(stream)?;
        let member = self.fleet.member(key)?;
        let process = self.fleet.display_name(member);
        let coloured = format == OutputFormat::Prefix
            && Consoles::is_terminal(stream)
            && self.surroundings.env.get("NO_COLOR").is_none_or(String::is_empty)
            && self.surroundings.env.get("TERM").is_none_or(|term| term != "dumb");
        let width = if format == OutputFormat::Prefix { self.widest_name() } else { 0 };
        Some(Speaker { program: member.name.to_string(), process, format, width, coloured })
    }

    /// How many characters the longest name has that stands before lines.
    fn widest_name(&self) -> usize {
        let of = |(name, program): (&ProgramName, &Arc<Program>)| {
            let shown = [Stream::Stdout, Stream::Stderr].into_iter().any(|s| program.passed_on(s).is_some());
            let numbers = program.numbers();
            let last = process_name(name, numbers.end.saturating_sub(1), numbers.len() > 1);
            if shown && program.log_format == OutputFormat::Prefix { last.chars().count() } else { 0 }
        };
        self.fleet.config().programs.iter().map(of).max().unwrap_or(0)
    }

    fn end(
        &mut self,
        id: output::Id,
        key: Key,
        place: &Place,
        program: &Program,
        owner: Option<&Credentials>,
    ) -> io::Result<End> {
        if let Some(end) = self.output_end(id, key, place, program)? {
            if let Some(owner) = owner {
                // So that the program may open /dev/stdout, which is this pipe by another name.
                fd::give_to(end.as_fd(), owner.uid, owner.gid)?;
            }
            return Ok(End::Pipe(end));
        }
        Ok(match place {
            Place::Inherit => End::Own,
            Place::Merged => End::Merged,
            Place::Discard | Place::File(_) => End::Null,
        })
    }
}

/// What a child gets as its standard files.
enum StandardFiles {
    /// A terminal for all three.
    Terminal(OwnedFd),
    Each {
        /// `None` for `/dev/null`.
        stdin: Option<OwnedFd>,
        stdout: End,
        stderr: End,
    },
}

impl StandardFiles {
    /// Those by which what the run starts is known as its own.
    fn marks(&self) -> Vec<Mark> {
        let fds: Vec<BorrowedFd<'_>> = match self {
            StandardFiles::Terminal(terminal) => vec![terminal.as_fd()],
            StandardFiles::Each { stdout, stderr, .. } => [stdout, stderr].into_iter().filter_map(End::pipe).collect(),
        };
        fds.into_iter().filter_map(Mark::of).collect()
    }

    fn stdio(&self) -> Stdio<'_> {
        match self {
            StandardFiles::Terminal(terminal) => {
                let terminal = Some(terminal.as_fd());
                Stdio { stdin: terminal, stdout: terminal, stderr: terminal, terminal: true }
            }
            StandardFiles::Each { stdin, stdout, stderr } => Stdio {
                stdin: stdin.as_ref().map(AsFd::as_fd),
                stdout: stdout.borrow(1),
                stderr: match stderr {
                    End::Merged => stdout.borrow(1),
                    end @ (End::Null | End::Own | End::Pipe(_)) => end.borrow(2),
                },
                terminal: false,
            },
        }
    }
}

/// What a child gets as one of its standard files.
enum End {
    Null,
    /// The daemon's own.
    Own,
    Pipe(OwnedFd),
    /// Only as standard error: what standard output is.
    Merged,
}

impl End {
    /// The pipe, if it is one of the run's own.
    fn pipe(&self) -> Option<BorrowedFd<'_>> {
        match self {
            End::Pipe(end) => Some(end.as_fd()),
            End::Null | End::Own | End::Merged => None,
        }
    }

    /// The descriptor; `None` for `/dev/null`.
    fn borrow(&self, number: i32) -> Option<BorrowedFd<'_>> {
        match self {
            End::Null | End::Merged => None,
            End::Own => Some(fd::standard(number)),
            End::Pipe(end) => Some(end.as_fd()),
        }
    }
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    match env.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => value.clone_into(old),
        None => env.push((name.to_owned(), value.to_owned())),
    }
}

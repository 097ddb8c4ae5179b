//! Requests of clients: who may ask what, what the shell answers alone, and what goes to the core.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::id::{ClientId, Key, Stream, Ticket};
use crate::config::diag::{self, Diagnostic};
use crate::config::expand::Place;
use crate::config::model::{Level, Sink};
use crate::control::help;
use crate::control::message::{PROTOCOL, Refusal, RefusalCode, Request, Response, VersionReport};
use crate::control::render::Clock;
use crate::load::Loaded;
use crate::supervise::event::{Command, Files, Input};

use super::audience;
use super::clients::{Asked, Served};
use super::clock;
use super::follow::LogsAsked;
use super::logfile::{TAIL_LIMIT_BYTES, tail};
use super::origin;
use super::output::Writer;
use super::run::Daemon;
use super::web::Web;
use crate::base::errno::plain;

impl Daemon {
    /// Takes in new connections.
    pub(super) fn accept_clients(&mut self) {
        let (gone, trouble) = self.clients.accept(&mut self.reactor, self.now);
        self.forget_clients(gone);
        if let Some(trouble) = trouble {
            self.log(Level::Warning, trouble);
        }
    }

    /// Serves a connection at which something happened.
    pub(super) fn serve_client(&mut self, id: ClientId) {
        let Served { asked, gone, trouble } = self.clients.serve(&mut self.reactor, id, self.now);
        if let Some(trouble) = trouble {
            self.log(Level::Warning, trouble);
        }
        for asked in asked {
            self.serve_request(asked);
        }
        if gone {
            self.forget_clients([id]);
        }
    }

    /// Serves the connections that could not be served to the end, and cuts off those that do not read.
    pub(super) fn serve_clients_again(&mut self) {
        for id in self.clients.take_again() {
            self.serve_client(id);
        }
        let gone = self.clients.send_streams(&mut self.reactor, self.now);
        for client in self.clients.take_drained() {
            self.resume_follower(client);
            self.follows.resume(client);
        }
        self.forget_clients(gone);
        if self.clients.next_deadline().is_some_and(|at| at <= self.now) {
            let late = self.clients.cut_off(&mut self.reactor, self.now);
            if !late.is_empty() {
                self.log(
                    Level::Warning,
                    format_args!("{} clients cut off: they did not read their answers", late.len()),
                );
            }
            self.forget_clients(late);
        }
    }

    pub(super) fn forget_clients(&mut self, ids: impl IntoIterator<Item = ClientId>) {
        for id in ids {
            self.write_unanswered(id);
            self.events.forget(id);
            self.follows.forget(id, &mut self.files);
            self.stdins.forget(id);
            self.inputs.push_back(Input::ClientGone(id));
        }
    }

    /// Answers a client.
    pub(super) fn reply(&mut self, ticket: Ticket, response: &Response) {
        self.write_answered(ticket, response);
        // Who has an answer finds in the log what it is about.
        self.journal.flush(&mut self.files, self.outputs.consoles(), self.now);
        if audience::is_of_web(ticket.client) {
            return self.reply_by_web(ticket, response);
        }
        let wall = clock::wall();
        let clock = Clock { now_unix: wall.secs, utc_offset: clock::utc_offset(wall) };
        self.clients.reply(&mut self.reactor, ticket, response, &clock, self.now);
    }

    /// Answers a request, or passes it on to the core.
    pub(super) fn serve_request(&mut self, asked: Asked) {
        if let Err(refusal) = self.permit(&asked) {
            return self.reply(asked.ticket, &Response::Refused(refusal));
        }
        let Asked { ticket, who, request, .. } = asked;
        let uid = who.uid();
        let tell = |daemon: &mut Daemon, command| daemon.inputs.push_back(Input::Command { ticket, uid, command });
        let response = match request {
            Request::Version => {
                Response::Version(VersionReport { version: env!("CARGO_PKG_VERSION").to_owned(), protocol: PROTOCOL })
            }
            Request::Help { command } => match help::help(command.as_deref()) {
                Ok(text) => Response::Help(text),
                Err(refusal) => Response::Refused(refusal),
            },
            Request::Pid { name: None } => Response::DaemonPid(std::process::id()),
            Request::Events { names, since, follow } => return self.tell_events(ticket, &names, since, follow),
            Request::Logs { names, stream, lines, follow, from } => {
                return self.tell_logs(ticket, &LogsAsked { names, stream, lines, follow, from });
            }
            Request::Tail { name, stream, lines } => {
                self.tail(&name, stream, lines).map_or_else(Response::Refused, Response::Tail)
            }
            Request::Input { name, bytes, eof } => return self.input(ticket, who.writer(), &name, bytes, eof),
            Request::Resize { name, rows, cols } => self.resize(&name, rows, cols).unwrap_or_else(Response::Refused),
            Request::Reload { dry_run } => return self.reload(Some(ticket), dry_run),
            Request::Status { names, usage } => return tell(self, Command::Status { names, usage }),
            Request::Why { names } => return tell(self, Command::Why { names }),
            Request::Wait { names, until, timeout_ms } => {
                return tell(self, Command::Wait { names, until, timeout_ms });
            }
            Request::Graph { names, dot } => return tell(self, Command::Graph { names, dot }),
            Request::Pid { name: Some(name) } => return tell(self, Command::Pids { name }),
            Request::Start { names, wait } => return tell(self, Command::Start { names, wait }),
            Request::Stop { names, wait } => return tell(self, Command::Stop { names, wait }),
            Request::Restart { names, wait, rolling } => {
                let files = self.files_now();
                let files = self.open_for_restart(files, &names);
                return tell(self, Command::Restart { names, wait, files, rolling });
            }
            Request::Scale { name, count, wait } => match origin::scaled(self.fleet.config(), &name, count) {
                Ok(config) => {
                    self.clients.allow(origin::room_for_clients(&config));
                    self.sockets_outdated();
                    return tell(self, Command::Scale { name, count, wait });
                }
                Err(text) => Response::Refused(Refusal::new(RefusalCode::BadConfig, text)),
            },
            Request::Signal { sig, names } => return tell(self, Command::Signal { sig, names }),
            Request::Shutdown => return tell(self, Command::Shutdown),
        };
        self.reply(ticket, &response);
    }

    /// Reads the configuration again. If anything is wrong with it, nothing changes.
    pub(super) fn reload(&mut self, ticket: Option<Ticket>, dry_run: bool) {
        if self.fleet.is_shutting_down() {
            let refusal = Refusal::new(RefusalCode::ShuttingDown, "the daemon is shutting down");
            return self.reply_if_asked(ticket, &Response::Refused(refusal));
        }
        if !dry_run {
            self.manager.reloads(self.now);
        }
        match self.origin.load() {
            Ok(Loaded { config, people, warnings, stamps }) => {
                self.write_problems(&warnings);
                let web = match Web::prepare(&config.daemon, dry_run) {
                    Ok(web) => web,
                    Err(error) => return self.not_reloaded(ticket, &error),
                };
                if let Err(problem) = self.open_new_sockets(&config, &people, &|_, _| true, dry_run) {
                    return self.not_reloaded(ticket, &problem);
                }
                if !dry_run {
                    self.web.configure(web);
                    let path = self.origin.path.display();
                    self.journal.write(Level::Info, format_args!("configuration read from {path}"));
                    self.people.extend(people);
                    // A name may be another's by now.
                    self.apply_roles();
                    self.clients.allow(origin::room_for_clients(&config));
                    self.stamps = Some(stamps);
                }
                self.inputs.push_back(Input::Reload { ticket, config: Box::new(config), dry_run });
            }
            Err(problems) => {
                let summary = format!("{}: {}, nothing was changed", self.origin.path.display(), errors(&problems));
                self.journal.write(Level::Error, format_args!("not reloaded: {summary}"));
                self.write_problems(&problems);
                let lines: Vec<String> = problems.iter().map(Diagnostic::in_full).collect();
                let text = format!("{summary}\n{}", lines.join("\n"));
                self.reply_if_asked(ticket, &Response::Refused(Refusal::new(RefusalCode::BadConfig, text)));
            }
        }
    }

    fn not_reloaded(&mut self, ticket: Option<Ticket>, problem: &dyn std::fmt::Display) {
        self.journal.write(Level::Error, format_args!("not reloaded: {problem}"));
        let refusal = Refusal::new(RefusalCode::BadConfig, format!("{problem}, nothing was changed"));
        self.reply_if_asked(ticket, &Response::Refused(refusal));
    }

    /// What the configuration's files say now, for a restart.
    fn files_now(&mut self) -> Files {
        let unchanged = self.stamps.as_ref().is_some_and(|stamps| !stamps.are_outdated());
        if unchanged || self.fleet.is_shutting_down() {
            return Files::Unchanged;
        }
        // What is in force may come from two readings after this.
        self.stamps = None;
        match self.origin.load() {
            Ok(Loaded { config, people, warnings, stamps }) => {
                if config != *self.fleet.config() {
                    self.write_problems(&warnings);
                } else if self.inputs.is_empty() {
                    // The warnings of the configuration in force have been told, and nothing waits that changes it.
                    self.stamps = Some(stamps);
                }
                self.people.extend(people);
                Files::Read(Box::new(config))
            }
            Err(mut problems) => {
                let count = errors(&problems);
                let first = problems.iter().position(|p| p.level == diag::Level::Error).map(|at| problems.remove(at));
                // The first one is in the note that is made of this.
                self.write_problems(&problems);
                let first = first.map(|p| format!(": {p}")).unwrap_or_default();
                Files::Broken(format!("{count}, so the keys in force are used{first}"))
            }
        }
    }

    fn write_problems(&mut self, problems: &[Diagnostic]) {
        for problem in problems {
            let level = match problem.level {
                diag::Level::Error => Level::Error,
                diag::Level::Warning => Level::Warning,
            };
            self.journal.write(level, problem);
        }
    }

    fn reply_if_asked(&mut self, ticket: Option<Ticket>, response: &Response) {
        if let Some(ticket) = ticket {
            self.reply(ticket, response);
        }
    }

    /// The last lines of one process's log.
    fn tail(&self, name: &str, stream: Stream, lines: u32) -> Result<Vec<u8>, Refusal> {
        let path = self.log_path(name, stream)?;
        let failed = |error: io::Error| {
            Refusal::new(RefusalCode::Failed, format!("cannot read {}: {}", path.display(), plain(&error)))
        };
        // A file that is not there yet is an empty log; a directory that is not there is a mistake.
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        dir.map_or(Ok(()), |dir| dir.read_dir().map(|_| ())).map_err(failed)?;
        tail(&path, lines, TAIL_LIMIT_BYTES).map(|(bytes, _)| bytes).map_err(failed)
    }

    /// The file that a process's stream goes to.
    fn log_path(&self, name: &str, stream: Stream) -> Result<PathBuf, Refusal> {
        self.log_path_of(self.one_process(name)?, name, stream)
    }

    /// The process of this name, which must mean one.
    pub(super) fn one_process(&self, name: &str) -> Result<Key, Refusal> {
        let keys = self.fleet.chosen(&[name.to_owned()])?;
        match keys.as_slice() {
            [key] => Ok(*key),
            _ => {
                let text = format!("\"{name}\" means {} processes; name one of them", keys.len());
                Err(Refusal::new(RefusalCode::BadArguments, text))
            }
        }
    }

    /// The same of a process that is known.
    pub(super) fn log_path_of(&self, key: Key, name: &str, stream: Stream) -> Result<PathBuf, Refusal> {
        let Some(member) = self.fleet.member(key) else {
            return Err(Refusal::new(RefusalCode::UnknownName, format!("no process \"{name}\"")));
        };
        // What runs writes to where it was told when it was started, whatever the configuration says by now.
        let run = member.inst.last_run;
        let merged = stream == Stream::Stderr && member.program.stderr.sink == Sink::Stdout;
        let pipe = if merged { Stream::Stdout } else { stream };
        if let Some(path) = self.outputs.path(&self.files, (Writer::Run(key, run), pipe)) {
            return Ok(path.to_owned());
        }
        let program = Arc::clone(&member.program);
        let blueprint = self.blueprint(&program, &member.name, member.num);
        let places = blueprint.map(|b| (b.stdout, b.stderr)).map_err(|_| {
            Refusal::new(RefusalCode::Failed, format!("the log path of \"{name}\" cannot be worked out"))
        })?;
        let place = match (stream, places) {
            (Stream::Stdout, (stdout, _)) | (Stream::Stderr, (stdout, Place::Merged)) => stdout,
            (Stream::Stderr, (_, stderr)) => stderr,
        };
        match place {
            Place::File(path) => Ok(PathBuf::from(path)),
            Place::Discard | Place::Merged => {
                Err(Refusal::new(RefusalCode::Failed, format!("{stream} of \"{name}\" is discarded")))
            }
            Place::Inherit => {
                let text = format!(
                    "{stream} of \"{name}\" is the daemon's own, it is not kept; [auto, inherit] keeps it as well"
                );
                Err(Refusal::new(RefusalCode::Failed, text))
            }
        }
    }
}

/// How many errors there are: `2 errors`.
fn errors(problems: &[Diagnostic]) -> String {
    match problems.iter().filter(|p| p.level == diag::Level::Error).count() {
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    }
}

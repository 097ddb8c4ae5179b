//! `taskmasterctl board`: the processes on the whole terminal, as they are at every moment.
//!
//! One thread waits for keys, signals and the daemon; all that comes goes into `model`, which says what to do, and `view`
//! draws it. `keys` reads the keyboard, `link` the daemon, `screen` has the terminal.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use ratatui_core::terminal::Terminal;

use crate::base::signal::Sig;
use crate::base::time::Mono;
use crate::control::render::Clock;
use crate::sys::poll::{self, For};
use crate::sys::signals::{self, Held};
use crate::sys::{fd, term, timer};

use super::connect::Address;
use super::exit::Exit;
use super::look;
use super::session::Session;
use super::show;

mod answers;
mod ask;
mod columns;
mod keys;
mod layout;
mod link;
mod model;
mod pane;
mod press;
mod rows;
mod safe;
mod screen;
mod view;

use keys::Decoder;
use link::{Came, Link};
use model::{Effect, Input, Model};
use pane::Written;
use screen::Screen;
use view::Glyphs;

/// How long a lone escape character is waited on: it may be the beginning of a key.
const ESCAPE_WAIT: Duration = Duration::from_millis(30);

/// Two frames are at least this far apart: more cannot be told apart.
const FRAME_GAP: Duration = Duration::from_millis(25);

/// How much is read from the keyboard at once.
const KEYS_BYTES: usize = 4096;

/// The signals that the board answers itself.
const SIGNALS: [Sig; 6] = [Sig::TERM, Sig::HUP, Sig::INT, Sig::TSTP, Sig::CONT, Sig::WINCH];

/// Runs the board until it is left.
#[must_use]
pub fn run(session: &Session) -> Exit {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        show::complain("board: needs a terminal for input and output; status and events are for pipes and files");
        return Exit::Usage;
    }
    if !look::terminal_moves() {
        show::complain("board: this terminal cannot move its cursor (TERM is not set or dumb)");
        return Exit::Usage;
    }
    // Where there is no daemon, the socket is most likely the wrong one: that is better told than shown.
    let link = match Link::open(&session.path) {
        Ok(link) => link,
        Err(text) => {
            show::complain(&text);
            return Exit::Unreachable;
        }
    };
    match Board::new(session, link).and_then(Board::watch) {
        Ok(exit) => exit,
        Err(error) => {
            show::complain(&format!("board: the terminal: {error}"));
            Exit::Failed
        }
    }
}

/// Why the loop ends.
enum End {
    /// By a key.
    Left,
    /// By a signal.
    Signal(Sig),
}

struct Board {
    daemon: Address,
    // Given back before signals have their effect again.
    terminal: Terminal<Screen>,
    signals: Held,
    glyphs: Glyphs,
    decoder: Decoder,
    link: Option<Link>,
    model: Model,
    /// When the last frame was drawn.
    drawn: Mono,
}

/// What is ready.
#[derive(Default)]
struct Ready {
    signal: bool,
    keys: bool,
    daemon: bool,
    screen: bool,
}

impl Board {
    fn new(session: &Session, link: Link) -> io::Result<Board> {
        let signals = Held::hold(&SIGNALS)?;
        let color = session.color.on(true);
        let screen = Screen::take(color)?;
        let size = term::size(io::stdout().as_fd()).unwrap_or((80, 24));
        let wall = timer::wall();
        let clock = Clock { now_unix: wall.secs, utc_offset: timer::utc_offset(wall) };
        let model = Model::new(session.path.display().to_string(), size, clock, timer::monotonic());
        let glyphs = if speaks_utf8() { Glyphs::RICH } else { Glyphs::PLAIN };
        Ok(Board {
            daemon: session.path.clone(),
            terminal: Terminal::new(screen)?,
            signals,
            glyphs,
            decoder: Decoder::default(),
            link: Some(link),
            model,
            drawn: Mono::default(),
        })
    }

    /// Round and round, until it is left.
    fn watch(mut self) -> io::Result<Exit> {
        self.take(Input::Time)?;
        let mut undrawn = true;
        loop {
            undrawn |= self.model.take_changed();
            let ready = self.wait(undrawn)?;
            if ready.screen {
                let (model, glyphs) = (&self.model, self.glyphs);
                self.terminal.draw(|frame| view::draw(frame, model, glyphs))?;
                undrawn = false;
                self.drawn = timer::monotonic();
            }
            let end = match self.serve(&ready)? {
                None => self.take(Input::Time)?,
                end => end,
            };
            match end {
                None => {}
                Some(End::Left) => return Ok(Exit::Done),
                Some(End::Signal(sig)) => return Ok(self.end_by(sig)),
            }
        }
    }

    /// Waits until something is to be done. A frame waits until the terminal has taken in the one before.
    fn wait(&self, undrawn: bool) -> io::Result<Ready> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let now = timer::monotonic();
        let next_frame = undrawn.then(|| self.drawn.after(FRAME_GAP));
        let draw = next_frame.is_some_and(|next| next <= now);
        let screen = draw.then(|| (stdout.as_fd(), For::Writing));
        let [questions, events, output] = self.link.as_ref().map_or([None; 3], Link::waits_for);
        let (signals, keys) = ((self.signals.fd(), For::Reading), (stdin.as_fd(), For::Reading));
        let due = self.model.due().into_iter().chain(next_frame.filter(|_| !draw)).min().map(|due| due.since(now));
        let limit = if self.decoder.waits() { Some(due.map_or(ESCAPE_WAIT, |due| due.min(ESCAPE_WAIT))) } else { due };
        let fds = [Some(signals), Some(keys), screen, questions, events, output];
        let [signal, keys, screen, questions, events, output] = poll::wait(fds, limit)?;
        Ok(Ready { signal, keys, screen, daemon: questions || events || output })
    }

    fn serve(&mut self, ready: &Ready) -> io::Result<Option<End>> {
        if ready.signal {
            while let Some(sig) = self.signals.next()? {
                if let Some(end) = self.signalled(sig)? {
                    return Ok(Some(end));
                }
            }
        }
        if (ready.keys || self.decoder.waits())
            && let Some(end) = self.read_keys(ready.keys)?
        {
            return Ok(Some(end));
        }
        if ready.daemon { self.hear() } else { Ok(None) }
    }

    fn read_keys(&mut self, there: bool) -> io::Result<Option<End>> {
        let keys = if there {
            let mut bytes = [0; KEYS_BYTES];
            match fd::read(io::stdin().as_fd(), &mut bytes) {
                // The terminal is gone.
                Ok(0) => return Ok(Some(End::Signal(Sig::HUP))),
                Ok(n) => self.decoder.feed(bytes.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Vec::new(),
                Err(_) => return Ok(Some(End::Signal(Sig::HUP))),
            }
        } else {
            self.decoder.settle()
        };
        for key in keys {
            provoked_by(&key);
            if let Some(end) = self.take(Input::Key(key))? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Takes what the daemon says.
    fn hear(&mut self) -> io::Result<Option<End>> {
        let came = match self.link.as_mut().map_or(Ok(Vec::new()), Link::serve) {
            Ok(came) => came,
            Err(why) => {
                self.link = None;
                return self.take(Input::Lost(why));
            }
        };
        for came in came {
            let input = match came {
                Came::Following => Input::Connected,
                Came::Answer(ask, response) => Input::Answer(ask, response),
                Came::Event(event) => Input::Event(event),
                Came::Written(written) => Input::Written(written),
            };
            if let Some(end) = self.take(input)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Tells the model, and does what it says.
    fn take(&mut self, input: Input) -> io::Result<Option<End>> {
        for effect in self.model.take(input, timer::monotonic()) {
            match effect {
                Effect::Leave => return Ok(Some(End::Left)),
                Effect::Suspend => self.suspend(true)?,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Ask(ask) => {
                    if let Some(link) = &mut self.link {
                        link.ask(ask);
                    }
                }
                Effect::Connect => self.connect(),
                Effect::Follow(what) => {
                    let followed = self.link.as_mut().map(|link| link.follow(&self.daemon, what));
                    if let Some(Err(why)) = followed {
                        drop(self.model.take(Input::Written(Written::Ends(why)), timer::monotonic()));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Connects, unless that is being done already. What comes of it is told by and by.
    fn connect(&mut self) {
        if self.link.is_some() {
            return;
        }
        match Link::open(&self.daemon) {
            Ok(link) => self.link = Some(link),
            // It gives no effect at once: the next try has its time.
            Err(why) => drop(self.model.take(Input::Lost(why), timer::monotonic())),
        }
    }

    fn signalled(&mut self, sig: Sig) -> io::Result<Option<End>> {
        match sig {
            Sig::TSTP => self.suspend(false).map(|()| None),
            Sig::CONT => self.resume().map(|()| None),
            Sig::WINCH => self.measure(),
            sig => Ok(Some(End::Signal(sig))),
        }
    }

    /// Stops, and goes on when it may.
    fn suspend(&mut self, job: bool) -> io::Result<()> {
        self.terminal.backend().leave();
        self.signals.stop(job)?;
        self.resume()
    }

    /// Somebody else may have had the terminal, and its size may be another.
    fn resume(&mut self) -> io::Result<()> {
        self.terminal.backend().enter()?;
        self.terminal.clear()?;
        self.measure().map(drop)
    }

    fn measure(&mut self) -> io::Result<Option<End>> {
        let (columns, rows) = term::size(io::stdout().as_fd()).unwrap_or((80, 24));
        self.take(Input::Size(columns, rows))
    }

    /// A signal ends it: whoever sent it shall see that, as with other programs.
    fn end_by(self, sig: Sig) -> Exit {
        drop(self.terminal);
        drop(self.signals);
        signals::end_by(sig);
        Exit::Failed
    }
}

/// Whether the locale says that the terminal shows UTF-8.
fn speaks_utf8() -> bool {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = value("LC_ALL").or_else(|| value("LC_CTYPE")).or_else(|| value("LANG")).unwrap_or_default();
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// A panic by a key, to see in a test what becomes of the terminal. Not in what is shipped.
#[allow(clippy::panic)]
fn provoked_by(key: &keys::Key) {
    let wanted = cfg!(debug_assertions) && std::env::var_os("TASKMASTER_TEST_PANIC").is_some();
    assert!(!wanted || *key != keys::Key::Char('!'), "a panic was asked for");
}

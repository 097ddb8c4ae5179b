//! Low descriptor numbers for children on their way.
//!
//! A daemon with a thousand programs has thousands of descriptors open, and a child would get a copy of each only to
//! close it again at its `execve`: a quarter of the cost of a mass start. So a child begins with its parent's own
//! table of descriptors, and its first act is to leave that table with a copy of the few below a bound. What it needs
//! – the status pipe and its standard files – is put below the bound before, on a pad that is its own until it has
//! left. That it has is told by a flag in memory that both share.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many children may be on their way at once; further ones take the slower road.
const PADS: usize = 16;

/// How many descriptors a child needs: its status pipe and its standard files.
const PLACES: usize = 4;

/// Whether a child has left its parent's table of descriptors.
pub(super) type Left = Arc<AtomicBool>;

/// The child's stack. It calls a handful of functions with small frames; this is many times what they take.
pub(super) const STACK_BYTES: usize = 32 << 10;

/// Stacks that no child uses. In a mass start each is used many times instead of being mapped anew, which in a process
/// whose memory others share has to be told to every processor.
#[derive(Clone, Debug, Default)]
pub(super) struct Stacks(Rc<RefCell<Vec<Vec<u8>>>>);

impl Stacks {
    /// A stack: room for [`STACK_BYTES`], and no bytes.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(STACK_BYTES))
    }

    /// Takes back the stack of a child that is done with it.
    pub(super) fn give_back(&self, stack: Vec<u8>) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < PADS {
            spare.push(stack);
        }
    }
}

/// The pads, and the bound below which they are.
#[derive(Debug)]
pub struct Nursery {
    null: OwnedFd,
    stacks: Stacks,
    pads: Vec<Pad>,
    bound: RawFd,
    share_memory: bool,
}

/// Reserved numbers. Unused ones hold `/dev/null`, so that nothing else gets them.
#[derive(Debug)]
struct Pad {
    places: [OwnedFd; PLACES],
    /// `Some` iff a child may still be using them.
    user: Option<Left>,
}

impl Nursery {
    /// Reserves the pads. To be called before other descriptors are opened, since these come below the bound as well.
    ///
    /// # Errors
    /// open(2), fcntl(2): no descriptors.
    pub fn new() -> io::Result<Nursery> {
        let null = super::fd::null()?;
        let mut pads = Vec::with_capacity(PADS);
        for _ in 0..PADS {
            let places = [null.try_clone()?, null.try_clone()?, null.try_clone()?, null.try_clone()?];
            pads.push(Pad { places, user: None });
        }
        let highest = pads.iter().flat_map(|pad| &pad.places).map(AsRawFd::as_raw_fd).max().unwrap_or(2);
        let share_memory = kernel().is_some_and(|version| version >= (5, 16));
        Ok(Nursery { null, stacks: Stacks::default(), pads, bound: highest + 1, share_memory })
    }

    /// `/dev/null`, below the bound.
    #[must_use]
    pub fn null(&self) -> BorrowedFd<'_> {
        self.null.as_fd()
    }

    /// Takes back the pads of children that have left. Whether there are others still.
    pub fn sweep(&mut self) -> bool {
        let mut in_use = false;
        for pad in &mut self.pads {
            match &pad.user {
                Some(left) if left.load(Ordering::Acquire) => {
                    for place in &pad.places {
                        // The number is ours and open, so only the table's own state could make this fail.
                        let _ = put(self.null.as_fd(), place);
                    }
                    pad.user = None;
                }
                Some(_) => in_use = true,
                None => {}
            }
        }
        in_use
    }

    /// Gives back the memory of a mass start that is over.
    pub fn rest(&mut self) {
        let mut spare = self.stacks.0.borrow_mut();
        if spare.len() > 1 {
            spare.truncate(1);
            spare.shrink_to_fit();
        }
    }

    /// The stacks for children that share our memory.
    pub(super) fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// Puts copies of these descriptors on a free pad; `None` among them stands for `/dev/null`, which needs no place.
    /// `None` if all pads are in use.
    pub(super) fn board(&mut self, wanted: [Option<BorrowedFd<'_>>; PLACES]) -> Option<Boarded> {
        let has_left = |left: &Left| left.load(Ordering::Acquire);
        let pad = self.pads.iter_mut().find(|pad| pad.user.as_ref().is_none_or(has_left))?;
        // What somebody else left there is replaced; nothing of it may stay.
        let used = pad.user.is_some();
        let mut places = [self.null.as_raw_fd(); PLACES];
        for ((number, from), place) in places.iter_mut().zip(wanted).zip(&pad.places) {
            if let Some(from) = from {
                put(from, place).ok()?;
                *number = place.as_raw_fd();
            } else if used {
                put(self.null.as_fd(), place).ok()?;
            }
        }
        let left = Left::default();
        pad.user = Some(Arc::clone(&left));
        Some(Boarded { bound: self.bound, places, left })
    }

    /// Whether a child may share its parent's memory until its `execve`. Before Linux 5.16 a signal that dumps core
    /// would end everybody who shares the memory.
    pub(super) fn memory_may_be_shared(&self) -> bool {
        self.share_memory
    }
}

/// What a child boards with.
#[derive(Debug)]
pub(super) struct Boarded {
    /// The child is to leave with the descriptors below this number.
    pub bound: RawFd,
    /// Where its descriptors are.
    pub places: [RawFd; PLACES],
    /// To be set by the child when it has left.
    pub left: Left,
}

/// The version of the running kernel.
fn kernel() -> Option<(u32, u32)> {
    let release = nix::sys::utsname::uname().ok()?;
    let mut numbers = release.release().to_str()?.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Makes the number of `place` a copy of `from`.
fn put(from: BorrowedFd<'_>, place: &OwnedFd) -> io::Result<()> {
    // SAFETY: both are open; the number stays owned by `place`, whose old file the call closes.
    let result = unsafe { libc::dup3(from.as_raw_fd(), place.as_raw_fd(), libc::O_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

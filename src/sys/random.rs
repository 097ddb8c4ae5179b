//! Numbers that nobody can guess.

use std::fs::File;
use std::io::{self, Read};

/// Fills the buffer from the kernel's source.
///
/// # Errors
/// `/dev/urandom` is not there.
pub fn fill(buffer: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(buffer)
}

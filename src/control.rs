//! The control protocol, shared by daemon and client: what may be said, and how it is written on the wire.
//!
//! Pure: bytes in, messages out, and back. Knows nothing of how the daemon supervises.

pub mod message;

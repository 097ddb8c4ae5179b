//! Error numbers of the kernel as data, so that the pure core can speak of them. Numbers and texts as errno(3).

use std::fmt;
use std::io;

/// An error number of a failed system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

/// What a supervisor meets: number, name, text.
const KNOWN: [(i32, &str, &str); 40] = [
    (1, "EPERM", "operation not permitted"),
    (2, "ENOENT", "no such file or directory"),
    (3, "ESRCH", "no such process"),
    (4, "EINTR", "interrupted"),
    (5, "EIO", "input/output error"),
    (6, "ENXIO", "no such device or address"),
    (7, "E2BIG", "argument list too long"),
    (8, "ENOEXEC", "exec format error"),
    (9, "EBADF", "bad file descriptor"),
    (11, "EAGAIN", "resource temporarily unavailable"),
    (12, "ENOMEM", "cannot allocate memory"),
    (13, "EACCES", "permission denied"),
    (14, "EFAULT", "bad address"),
    (16, "EBUSY", "device or resource busy"),
    (17, "EEXIST", "file exists"),
    (19, "ENODEV", "no such device"),
    (20, "ENOTDIR", "not a directory"),
    (21, "EISDIR", "is a directory"),
    (22, "EINVAL", "invalid argument"),
    (23, "ENFILE", "too many open files in system"),
    (24, "EMFILE", "too many open files"),
    (26, "ETXTBSY", "text file busy"),
    (27, "EFBIG", "file too large"),
    (28, "ENOSPC", "no space left on device"),
    (30, "EROFS", "read-only file system"),
    (32, "EPIPE", "broken pipe"),
    (36, "ENAMETOOLONG", "file name too long"),
    (38, "ENOSYS", "function not implemented"),
    (40, "ELOOP", "too many levels of symbolic links"),
    (88, "ENOTSOCK", "not a socket"),
    (95, "EOPNOTSUPP", "operation not supported"),
    (97, "EAFNOSUPPORT", "address family not supported"),
    (98, "EADDRINUSE", "address already in use"),
    (99, "EADDRNOTAVAIL", "cannot assign requested address"),
    (101, "ENETUNREACH", "network is unreachable"),
    (104, "ECONNRESET", "connection reset by peer"),
    (110, "ETIMEDOUT", "timed out"),
    (111, "ECONNREFUSED", "connection refused"),
    (113, "EHOSTUNREACH", "no route to host"),
    (122, "EDQUOT", "disk quota exceeded"),
];

impl Errno {
    /// No such process.
    pub const ESRCH: Errno = Errno(3);
    /// A terminal that was hung up, or a disk that is broken.
    pub const EIO: Errno = Errno(5);
    /// There are no children.
    pub const ECHILD: Errno = Errno(10);
    /// Resource temporarily unavailable: no more processes.
    pub const EAGAIN: Errno = Errno(11);
    /// Cannot allocate memory.
    pub const ENOMEM: Errno = Errno(12);
    /// Not a socket.
    pub const ENOTSOCK: Errno = Errno(88);
    /// Address already in use.
    pub const EADDRINUSE: Errno = Errno(98);
    /// Device or resource busy.
    pub const EBUSY: Errno = Errno(16);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno(22);
    /// Too many open files in the system.
    pub const ENFILE: Errno = Errno(23);
    /// Too many open files.
    pub const EMFILE: Errno = Errno(24);
    /// No space left on device.
    pub const ENOSPC: Errno = Errno(28);
    /// Disk quota exceeded.
    pub const EDQUOT: Errno = Errno(122);

    /// Whether the machine, not the program, ran out of something: EMFILE, ENFILE, EAGAIN, ENOMEM, ENOSPC, EDQUOT.
    /// Such a failure is no verdict on the program and costs it no start retry.
    #[must_use]
    pub fn is_resource(self) -> bool {
        matches!(self, Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN | Errno::ENOMEM | Errno::ENOSPC | Errno::EDQUOT)
    }
}

impl fmt::Display for Errno {
    /// `no such file or directory (ENOENT)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|(n, _, _)| *n == self.0) {
            Some((_, name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// An error of the system in this program's words: `no such file or directory (ENOENT)`.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| Errno(number).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_classes() {
        assert_eq!(Errno(2).to_string(), "no such file or directory (ENOENT)");
        assert_eq!(Errno(9999).to_string(), "error 9999");
        assert!(Errno(24).is_resource());
        assert!(!Errno(2).is_resource());
        assert!(KNOWN.is_sorted_by_key(|(n, _, _)| *n));
    }
}

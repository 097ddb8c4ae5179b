//! Log files on a real file system.

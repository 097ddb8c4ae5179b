//! Where a reader is in a log: in which file, and how far into it.
//!
//! A file that is set aside gets another name and stays what it is. So a place in a log is not told by a name but by what
//! a file keeps, and whoever comes back with it – after a rotation, or after the daemon was started anew – goes on with the
//! very next byte.

use std::fmt;
use std::str::FromStr;

/// What a file keeps when its name changes. The number of a removed file is soon given to a new one, which then has
/// another time of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileMark {
    /// Its inode number.
    pub ino: u64,
    /// When it was made, in nanoseconds since the Unix epoch; 0 where the file system does not know.
    pub born: u64,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// The file; `None` stands for the beginning of the first that will be there, and so is only for a log of which there
    /// is no file yet.
    pub file: Option<FileMark>,
    /// How many bytes of it are behind.
    pub offset: u64,
}

/// Where a position is found among a log and its backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In the file of this index, 0 being the log itself.
    At(u32),
    /// Nowhere: what came next is no longer kept. The oldest file that is there has this index.
    Lost(u32),
    /// There is no file.
    Nothing,
}

impl Position {
    /// Looks for it. `mark` tells what is at an index; the `backups` that are there are given from the newest on.
    pub fn find(&self, mark: impl Fn(u32) -> Option<FileMark>, backups: impl Iterator<Item = u32>) -> Found {
        let mut oldest = None;
        for index in std::iter::once(0).chain(backups) {
            let there = mark(index);
            if there.is_some() && there == self.file {
                return Found::At(index);
            }
            oldest = there.map(|_| index).or(oldest);
        }
        match (oldest, self.file) {
            (None, _) => Found::Nothing,
            (Some(index), None) => Found::At(index),
            (Some(index), Some(_)) => Found::Lost(index),
        }
    }
}

/// `2f.18a3b.1f0`: inode, birth and offset in hexadecimal.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileMark { ino, born } = self.file.unwrap_or(FileMark { ino: 0, born: 0 });
        write!(f, "{ino:x}.{born:x}.{:x}", self.offset)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Position, ()> {
        let mut parts = text.split('.').map(|part| match part.strip_prefix('+') {
            Some(_) => Err(()),
            None => u64::from_str_radix(part, 16).map_err(drop),
        });
        let mut next = || parts.next().unwrap_or(Err(()));
        let (ino, born, offset) = (next()?, next()?, next()?);
        let file = (ino != 0).then_some(FileMark { ino, born });
        if parts.next().is_some() { Err(()) } else { Ok(Position { file, offset }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(ino: u64) -> FileMark {
        FileMark { ino, born: 7 }
    }

    fn at(ino: u64) -> Position {
        Position { file: Some(mark(ino)), offset: 9 }
    }

    /// The log is inode `files[0]`, its backups are the others; 0 is a gap.
    fn find(position: Position, files: &[u64]) -> Found {
        let there = |i: u32| files.get(i as usize).copied().filter(|ino| *ino != 0).map(mark);
        position.find(there, (1..9).filter(|i| there(*i).is_some()))
    }

    #[test]
    fn a_file_is_found_under_any_name() {
        assert_eq!(find(at(5), &[5, 4, 3]), Found::At(0));
        assert_eq!(find(at(3), &[5, 4, 3]), Found::At(2));
        assert_eq!(find(at(4), &[0, 4]), Found::At(1));
        assert_eq!(find(at(2), &[5, 4, 3]), Found::Lost(2));
        assert_eq!(find(at(2), &[5]), Found::Lost(0));
        assert_eq!(find(at(2), &[]), Found::Nothing);
        assert_eq!(find(Position::default(), &[5]), Found::At(0));
        assert_eq!(find(Position::default(), &[0, 5, 4]), Found::At(2));
        assert_eq!(find(Position::default(), &[]), Found::Nothing);
        let reused = Position { file: Some(FileMark { ino: 5, born: 6 }), offset: 9 };
        assert_eq!(find(reused, &[5]), Found::Lost(0));
    }

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for position in
            [Position::default(), at(1), Position { file: Some(FileMark { ino: u64::MAX, born: 0 }), offset: u64::MAX }]
        {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert_eq!(at(0x2f).to_string(), "2f.7.9");
        for bad in ["", "1", "1.2", "1.2.3.4", "x.1.2", "1.+2.3", "-1.2.3", "1.2.10000000000000000"] {
            assert_eq!(bad.parse::<Position>(), Err(()), "{bad}");
        }
    }
}

//! The last lines of a stream that is read backwards, block by block.

/// Collects the last lines. Feed it blocks from the end towards the beginning until it [`is_done`](Tail::is_done).
#[derive(Debug)]
pub struct Tail {
    /// Line ends still to be met before the first wanted line begins.
    wanted: u32,
    /// Bytes that may still be kept: one more than the limit, to see whether the limit falls between two lines.
    room: usize,
    /// What is kept, last block first.
    blocks: Vec<Vec<u8>>,
    /// The first wanted line has been found to begin where the kept bytes begin.
    found: bool,
}

impl Tail {
    /// For the last `lines` lines, but at most `limit` bytes. A last line without a line end is a line.
    #[must_use]
    pub fn new(lines: u32, limit: usize) -> Tail {
        Tail { wanted: lines, room: limit.saturating_add(1), blocks: Vec::new(), found: lines == 0 || limit == 0 }
    }

    /// Whether nothing before what it was given is wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.found || self.room == 0
    }

    /// Takes the block before those that it was given.
    pub fn push_front(&mut self, block: &[u8]) {
        if self.is_done() || block.is_empty() {
            return;
        }
        let (_, block) = block.split_at(block.len().saturating_sub(self.room));
        // The line end at the very end of the stream ends the last wanted line; it does not begin another.
        let searched = if self.blocks.is_empty() { block.len() - 1 } else { block.len() };
        let mut begin = 0;
        for (at, _) in block.iter().enumerate().take(searched).rev().filter(|(_, b)| **b == b'\n') {
            self.wanted -= 1;
            if self.wanted == 0 {
                begin = at + 1;
                self.found = true;
                break;
            }
        }
        let (_, kept) = block.split_at(begin);
        self.room -= kept.len();
        self.blocks.push(kept.to_vec());
    }

    /// The lines. If the limit came first they begin with the first whole line, if there is one.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.blocks.iter().map(Vec::len).sum());
        for block in self.blocks.iter().rev() {
            bytes.extend_from_slice(block);
        }
        if self.room == 0 {
            let whole = bytes.iter().position(|b| *b == b'\n').map(|at| at + 1).filter(|at| *at < bytes.len());
            bytes.drain(..whole.unwrap_or(1));
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(text: &str, lines: u32, limit: usize, block: usize) -> String {
        let mut tail = Tail::new(lines, limit);
        for piece in text.as_bytes().rchunks(block) {
            if tail.is_done() {
                break;
            }
            tail.push_front(piece);
        }
        String::from_utf8(tail.finish()).unwrap()
    }

    #[test]
    fn the_last_lines_whatever_the_blocks() {
        for block in 1..12 {
            assert_eq!(tail("a\nbb\nccc\n", 2, 100, block), "bb\nccc\n");
            assert_eq!(tail("a\nbb\nccc", 2, 100, block), "bb\nccc");
            assert_eq!(tail("a\nbb\nccc\n", 3, 100, block), "a\nbb\nccc\n");
            assert_eq!(tail("a\nbb\nccc\n", 30, 100, block), "a\nbb\nccc\n");
            assert_eq!(tail("a\n\n\n", 2, 100, block), "\n\n");
            assert_eq!(tail("\n", 1, 100, block), "\n");
            assert_eq!(tail("abc", 1, 100, block), "abc");
            assert_eq!(tail("a\nbb\n", 0, 100, block), "");
            assert_eq!(tail("", 3, 100, block), "");
        }
    }

    #[test]
    fn the_limit_leaves_whole_lines_if_there_are_any() {
        for block in 1..12 {
            assert_eq!(tail("aa\nbb\ncc\n", 9, 8, block), "bb\ncc\n");
            assert_eq!(tail("aa\nbb\ncc\n", 9, 6, block), "bb\ncc\n");
            assert_eq!(tail("aa\nbb\ncc\n", 9, 9, block), "aa\nbb\ncc\n");
            assert_eq!(tail("abcdefgh\n", 1, 4, block), "fgh\n");
            assert_eq!(tail("abcdefgh", 1, 4, block), "efgh");
            assert_eq!(tail("abcdefgh", 1, 0, block), "");
        }
    }
}

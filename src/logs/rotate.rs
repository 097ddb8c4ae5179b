//! When a log file is set aside, and in which steps. A log `f` has the backups `f.1` (the newest) to `f.N`.
//!
//! **Where to cut.** Only at a line end: once the file is large enough it is set aside as soon as it ends with one. A
//! line that does not end within [`CUT_TOLERANCE`] bytes is cut.
//!
//! **How to shift.** Only up to the first index that is free. So a rotation that was interrupted anywhere – the
//! daemon was killed, a rename failed – leaves one free index, and planning anew from what is there finishes it: each
//! content is moved once and none is lost but the oldest. There is no other recovery: a file that is too
//! large at start-up is set aside when its next byte comes, and one that is missing is created.

/// How far a file may grow beyond its size to end with a whole line, in bytes.
pub const CUT_TOLERANCE: u64 = 64 << 10;

/// What may be done with the next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Up to so many may be written unseen.
    Write(u64),
    /// Of the next so many, those up to and including the first line end may be written, all of them if there is none;
    /// then ask again.
    Look(u64),
    /// None: the file is to be set aside first.
    Rotate,
}

/// What may be done with the next bytes of a file of `size` bytes that is to be set aside at `max`, 0 = never.
///
/// `since` is the size from which on it could have been set aside, if that is later than at `max`: its size when it was
/// opened, or when the limit was lowered. `ends_line` tells whether the file's last byte is a line end; it is asked only
/// when that matters.
pub fn cut(size: u64, max: u64, since: u64, ends_line: impl FnOnce() -> bool) -> Cut {
    if max == 0 {
        return Cut::Write(u64::MAX);
    }
    if size < max {
        return Cut::Write(max - size);
    }
    let end = max.max(since).saturating_add(CUT_TOLERANCE);
    if size >= end || ends_line() { Cut::Rotate } else { Cut::Look(end - size) }
}

/// How many of `bytes` belong before the cut: up to and including the first line end.
#[must_use]
pub fn line_head(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// One step of a rotation. 0 is the file itself, others are indices of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remove it.
    Remove(u32),
    /// Give it another name, which is free.
    Rename {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// Open a new file. Always the last step.
    Open,
}

/// The steps that set the file aside and keep `backups`; `exists` tells which indices are there, 0 being the file itself.
pub fn plan(backups: u32, exists: impl Fn(u32) -> bool) -> Vec<Step> {
    let mut steps: Vec<Step> = surplus(backups, &exists).into_iter().map(Step::Remove).collect();
    if exists(0) {
        if backups == 0 {
            steps.push(Step::Remove(0));
        } else {
            let free = (1..=backups).find(|i| !exists(*i)).unwrap_or_else(|| {
                // Not replaced by the rename: ext4 would begin to write the file that takes its name to the disk at
                // once, and the next bytes would wait for that.
                steps.push(Step::Remove(backups));
                backups
            });
            steps.extend((0..free).rev().map(|i| Step::Rename { from: i, to: i + 1 }));
        }
    }
    steps.push(Step::Open);
    steps
}

/// The backups beyond `kept`, oldest first, so that an interrupted removal can be taken up again.
pub fn surplus(kept: u32, exists: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut found: Vec<u32> = backups_after(kept, exists).collect();
    found.reverse();
    found
}

/// The backups with an index over `kept` in ascending order. An interrupted rotation leaves one index free, so one
/// that is missing is not the end, but two are.
pub fn backups_after(kept: u32, exists: impl Fn(u32) -> bool) -> impl Iterator<Item = u32> {
    let mut missing = 0;
    (1..u32::MAX - kept)
        .map(move |i| kept + i)
        .map(move |i| (i, exists(i)))
        .take_while(move |(_, there)| {
            missing = if *there { 0 } else { missing + 1 };
            missing < 2
        })
        .filter_map(|(i, there)| there.then_some(i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Contents by index; the higher a content, the newer.
    type Disk = BTreeMap<u32, u32>;

    fn perform(disk: &mut Disk, step: Step, new: u32) {
        match step {
            Step::Remove(i) => assert!(disk.remove(&i).is_some()),
            Step::Rename { from, to } => {
                let content = disk.remove(&from).expect("renames what is there");
                assert!(disk.insert(to, content).is_none(), "renames to a free name");
            }
            Step::Open => {
                disk.entry(0).or_insert(new);
            }
        }
    }

    fn rotate(disk: &mut Disk, backups: u32, new: u32) {
        for step in plan(backups, |i| disk.contains_key(&i)) {
            perform(disk, step, new);
        }
    }

    fn newest_first(disk: &Disk) -> Vec<u32> {
        disk.values().copied().collect()
    }

    #[test]
    fn backups_move_up_and_the_oldest_goes() {
        let mut disk = Disk::from([(0, 100)]);
        for content in 101..110 {
            rotate(&mut disk, 3, content);
        }
        assert_eq!(disk, Disk::from([(0, 109), (1, 108), (2, 107), (3, 106)]));
        rotate(&mut disk, 0, 110);
        assert_eq!(disk, Disk::from([(0, 110)]));
        rotate(&mut disk, 1, 111);
        assert_eq!(disk, Disk::from([(0, 111), (1, 110)]));
    }

    #[test]
    fn a_missing_file_is_only_opened() {
        let mut disk = Disk::from([(1, 5), (2, 4)]);
        rotate(&mut disk, 2, 6);
        assert_eq!(disk, Disk::from([(0, 6), (1, 5), (2, 4)]));
    }

    #[test]
    fn lowering_the_number_removes_what_is_beyond() {
        let mut disk: Disk = (0..=10).map(|i| (i, 100 - i)).collect();
        disk.remove(&7);
        rotate(&mut disk, 3, 101);
        assert_eq!(disk, Disk::from([(0, 101), (1, 100), (2, 99), (3, 98)]));
    }

    /// Whatever is on the disk, and wherever a rotation and the one that takes it up are interrupted: the third ends
    /// as the first would have, and at no point is a content missing that the first would not have dropped.
    #[test]
    fn an_interrupted_rotation_is_finished_by_the_next() {
        for backups in 0..5u32 {
            for present in 0..1u32 << (backups + 3) {
                let before: Disk = (0..backups + 3).filter(|i| present & (1 << i) != 0).map(|i| (i, 100 - i)).collect();
                let mut whole = before.clone();
                rotate(&mut whole, backups, 200);
                check_whole(&before, &whole, backups);
                let kept = |disk: &Disk| whole.values().filter(|c| **c < 200).all(|c| disk.values().any(|d| d == c));

                let steps = plan(backups, |i| before.contains_key(&i));
                for first in 0..steps.len() {
                    let mut once = before.clone();
                    steps.iter().take(first).for_each(|s| perform(&mut once, *s, 200));
                    assert!(kept(&once));
                    let again = plan(backups, |i| once.contains_key(&i));
                    for second in 0..again.len() {
                        let mut twice = once.clone();
                        again.iter().take(second).for_each(|s| perform(&mut twice, *s, 200));
                        assert!(kept(&twice));
                        rotate(&mut twice, backups, 200);
                        assert_eq!(twice, whole, "{before:?} interrupted after {first} and {second}");
                    }
                }
            }
        }
    }

    /// That a whole rotation keeps the order, drops nothing within the number but the oldest, and that only if all
    /// places were taken.
    fn check_whole(before: &Disk, after: &Disk, backups: u32) {
        assert!(newest_first(after).is_sorted_by(|a, b| a > b));
        assert_eq!(after.get(&0), Some(&200));
        let within: Vec<u32> = before.range(..=backups).map(|(_, c)| *c).collect();
        let full = within.len() > backups as usize;
        let expected: Vec<u32> = within.iter().copied().take(within.len() - usize::from(full)).collect();
        let kept: Vec<u32> = after.range(1..).filter(|(i, _)| **i <= backups).map(|(_, c)| *c).collect();
        assert_eq!(kept, expected, "{before:?} -> {after:?}");
    }

    #[test]
    fn cuts_only_at_line_ends() {
        let never = || -> bool { panic!("asked for nothing") };
        assert_eq!(cut(1 << 40, 0, 0, never), Cut::Write(u64::MAX));
        assert_eq!(cut(0, 1, 0, never), Cut::Write(1));
        assert_eq!(cut(90, 100, 0, never), Cut::Write(10));
        assert_eq!(cut(100, 100, 0, || true), Cut::Rotate);
        assert_eq!(cut(100, 100, 0, || false), Cut::Look(CUT_TOLERANCE));
        assert_eq!(cut(105, 100, 0, || false), Cut::Look(CUT_TOLERANCE - 5));
        assert_eq!(cut(100 + CUT_TOLERANCE, 100, 0, never), Cut::Rotate);
    }

    #[test]
    fn a_file_found_too_large_still_gets_its_line_end() {
        assert_eq!(cut(1 << 30, 100, 1 << 30, || false), Cut::Look(CUT_TOLERANCE));
        assert_eq!(cut(1 << 30, 100, 1 << 30, || true), Cut::Rotate);
        assert_eq!(cut((1 << 30) + CUT_TOLERANCE, 100, 1 << 30, || false), Cut::Rotate);
    }

    #[test]
    fn the_head_of_a_line() {
        assert_eq!(line_head(b"ab\ncd\n"), 3);
        assert_eq!(line_head(b"\n"), 1);
        assert_eq!(line_head(b"abcd"), 4);
        assert_eq!(line_head(b""), 0);
    }
}

//! Log files on a real file system, with real pipes.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::file::numbered;
use super::*;
use crate::config::model::Level;
use crate::logs::rotate::CUT_TOLERANCE;
use crate::sys::splice;

const BUDGET: usize = 256 << 10;

fn at(millis: u64) -> Mono {
    Mono(1_000_000_000_000).after(Duration::from_millis(millis))
}

fn rotation(max_bytes: u64, backups: u32) -> Rotation {
    Rotation { max_bytes, backups }
}

fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    crate::sys::splice::set_pipe_size(reader.as_fd(), 64 << 10).unwrap();
    (reader, writer)
}

/// One log file and one pipe into it.
struct Bench {
    dir: TempDir,
    path: PathBuf,
    files: LogFiles,
    id: FileId,
    reader: PipeReader,
    writer: PipeWriter,
    state: PipeState,
}

impl Bench {
    fn new(rotation: Rotation) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("a.log");
        Bench::at(dir, path, rotation)
    }

    fn at(dir: TempDir, path: PathBuf, rotation: Rotation) -> Bench {
        let mut files = LogFiles::new().unwrap();
        let id = files.open(&path, rotation);
        let (reader, writer) = pipe();
        Bench { dir, path, files, id, reader, writer, state: PipeState::default() }
    }

    /// Pumps until it is not told to go on.
    fn pump(&mut self, now: Mono) -> Pumped {
        let mut moved = 0;
        loop {
            let pumped = self.files.pump(self.id, self.reader.as_fd(), &mut self.state, BUDGET, now);
            moved += pumped.moved;
            if pumped.next != Pump::More {
                return Pumped { moved, next: pumped.next };
            }
        }
    }

    fn send(&mut self, bytes: &[u8], now: Mono) -> Pumped {
        self.writer.write_all(bytes).unwrap();
        self.pump(now)
    }

    fn waiting(&self) -> usize {
        splice::bytes_waiting(self.reader.as_fd()).unwrap()
    }

    fn content(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn facts(&mut self) -> Vec<String> {
        let facts = self.files.take_facts();
        let facts = facts.iter().filter(|f| f.level() < Level::Debug);
        facts.map(|f| f.to_string().replace(&format!("{}", f.path().display()), "LOG")).collect()
    }
}

/// Backups from the oldest on and the file itself.
fn segments(path: &Path) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (1..).map_while(|i| fs::read(numbered(path, i)).ok()).collect();
    all.reverse();
    all.extend(fs::read(path).ok());
    all
}

/// Bytes that never repeat soon, in lines of odd lengths.
fn lines(count: u64, longest: u64) -> Vec<u8> {
    let mut seed = 7u64;
    let mut out = Vec::new();
    for n in 0..count {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let filler = usize::try_from((seed >> 33) % longest).unwrap();
        out.extend_from_slice(format!("{n:09} {}\n", "x".repeat(filler)).as_bytes());
    }
    out
}

fn write_in_pieces(bench: &mut Bench, bytes: &[u8], piece: usize) {
    for chunk in bytes.chunks(piece) {
        bench.send(chunk, at(0));
    }
}

#[test]
fn every_byte_arrives_in_order_over_many_rotations_and_lines_stay_whole() {
    for (count, max, piece) in
        [(100, 1, 777), (1000, 1000, 4093), (20_000, 4096, 65_536), (20_000, 100_000, 50_000), (20_000, 64 << 10, 31)]
    {
        let stream = lines(count, 150);
        let mut bench = Bench::new(rotation(max, 100_000));
        write_in_pieces(&mut bench, &stream, piece);
        let segments = segments(&bench.path);
        assert_eq!(segments.concat(), stream, "{max} {piece}");
        assert!(segments.len() as u64 > stream.len() as u64 / (max + 200));
        for segment in &segments {
            assert_eq!(segment.last(), Some(&b'\n'));
            assert!(segment.len() as u64 <= max + 200);
        }
        for segment in segments.iter().rev().skip(1) {
            assert!(segment.len() as u64 >= max);
        }
    }
}

#[test]
fn only_so_many_backups_are_kept_and_they_are_the_newest() {
    let stream = lines(3000, 100);
    let mut bench = Bench::new(rotation(5000, 3));
    write_in_pieces(&mut bench, &stream, 1500);
    let kept = segments(&bench.path);
    assert_eq!(kept.len(), 4);
    assert!(stream.ends_with(&kept.concat()));
    bench.files.set_rotation(bench.id, rotation(5000, 1));
    bench.send(&lines(200, 100), at(0));
    assert_eq!(segments(&bench.path).len(), 2);
}

#[test]
fn no_backups_no_rotation() {
    let stream = lines(3000, 100);
    let mut bench = Bench::new(rotation(0, 3));
    write_in_pieces(&mut bench, &stream, 5000);
    assert_eq!(segments(&bench.path), std::slice::from_ref(&stream));
    let mut bench = Bench::new(rotation(5000, 0));
    write_in_pieces(&mut bench, &stream, 1500);
    let kept = segments(&bench.path);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].len() < 6000 && stream.ends_with(&kept[0]));
}

#[test]
fn a_line_without_end_is_cut_in_time() {
    let mut bench = Bench::new(rotation(10_000, 100));
    let stream = vec![b'x'; 1 << 20];
    write_in_pieces(&mut bench, &stream, 30_000);
    let segments = segments(&bench.path);
    assert_eq!(segments.concat(), stream);
    let limit = 10_000 + usize::try_from(CUT_TOLERANCE).unwrap();
    assert!(segments.iter().rev().skip(1).all(|s| s.len() == limit));
}

#[test]
fn binary_data_is_data() {
    let mut seed = 1u32;
    let mut byte = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    let stream: Vec<u8> = (0..300_000).map(|_| byte()).collect();
    let mut bench = Bench::new(rotation(10_000, 1000));
    write_in_pieces(&mut bench, &stream, 9999);
    let segments = segments(&bench.path);
    assert_eq!(segments.concat(), stream);
    assert!(segments.iter().rev().skip(1).all(|s| s.ends_with(b"\n")));
}

#[test]
fn an_existing_file_is_continued_and_nothing_is_opened_before_the_first_byte() {
    let mut bench = Bench::new(rotation(1000, 3));
    assert_eq!(bench.pump(at(0)), Pumped { moved: 0, next: Pump::Empty });
    assert!(!bench.path.exists());
    fs::write(&bench.path, "before\n").unwrap();
    assert_eq!(bench.send(b"after\nend", at(0)), Pumped { moved: 9, next: Pump::Empty });
    let (_, other) = pipe();
    bench.writer = other;
    assert_eq!(bench.pump(at(0)), Pumped { moved: 0, next: Pump::Eof });
    assert_eq!(bench.content(), b"before\nafter\nend");
}

#[test]
fn a_file_found_too_large_is_set_aside_at_its_next_line_end() {
    let mut bench = Bench::new(rotation(100, 3));
    let mut old = vec![b'o'; 200_000];
    fs::write(&bench.path, &old).unwrap();
    bench.send(b" end\nnext\n", at(0));
    old.extend_from_slice(b" end\n");
    assert_eq!(segments(&bench.path), [old, b"next\n".to_vec()]);
}

#[test]
fn several_pipes_into_one_file() {
    let mut bench = Bench::new(rotation(3000, 1000));
    let spelled = bench.dir.path().join(".").join("a.log");
    assert_eq!(bench.files.open(&spelled, rotation(3000, 1000)), bench.id);
    let (reader, mut writer) = pipe();
    let mut state = PipeState::default();
    let mut expected = Vec::new();
    for n in 0..500 {
        let (a, b) = (format!("a {n} {}\n", "x".repeat(n % 90)), format!("b {n}\n"));
        bench.send(a.as_bytes(), at(0));
        writer.write_all(b.as_bytes()).unwrap();
        while bench.files.pump(bench.id, reader.as_fd(), &mut state, BUDGET, at(0)).next == Pump::More {}
        expected.extend_from_slice(a.as_bytes());
        expected.extend_from_slice(b.as_bytes());
    }
    assert_eq!(segments(&bench.path).concat(), expected);
    bench.files.close(bench.id);
    bench.send(b"still open\n", at(0));
    assert!(bench.content().ends_with(b"still open\n"));
    bench.files.close(bench.id);
    bench.writer.write_all(b"closed\n").unwrap();
    assert_eq!(bench.pump(at(0)).moved, 0);
    assert_ne!(bench.files.open(&spelled, rotation(0, 0)), bench.id);
}

#[test]
fn the_budget_is_kept_and_a_full_pipe_is_made_larger() {
    let mut bench = Bench::new(rotation(0, 0));
    bench.writer.write_all(&[b'x'; 64 << 10]).unwrap();
    let pumped = bench.files.pump(bench.id, bench.reader.as_fd(), &mut bench.state, 1000, at(0));
    assert_eq!(pumped, Pumped { moved: 1000, next: Pump::More });
    assert_eq!(splice::pipe_size(bench.reader.as_fd()).unwrap(), 64 << 10);
    bench.pump(at(0));
    assert_eq!(splice::pipe_size(bench.reader.as_fd()).unwrap(), 64 << 10);
    bench.send(&[b'x'; 64 << 10], at(0));
    assert_eq!(splice::pipe_size(bench.reader.as_fd()).unwrap(), 256 << 10);
    assert_eq!(bench.content().len(), 128 << 10);
}

/// Leaves the disk as a daemon killed after each step of a rotation would, and goes on.
#[test]
fn a_rotation_that_was_interrupted_is_finished() {
    for killed_after in 0..4 {
        let mut bench = Bench::new(rotation(10, 4));
        for (index, text) in [(0, "newest line\n"), (1, "newer line\n"), (2, "old line\n")] {
            fs::write(numbered(&bench.path, index), text).unwrap();
        }
        for (from, to) in [(2, 3), (1, 2), (0, 1)].into_iter().take(killed_after) {
            fs::rename(numbered(&bench.path, from), numbered(&bench.path, to)).unwrap();
        }
        bench.send(b"next\n", at(0));
        let expected = ["old line\n", "newer line\n", "newest line\n", "next\n"];
        assert_eq!(segments(&bench.path), expected.map(|s| s.as_bytes().to_vec()));
    }
}

#[test]
fn a_missing_directory_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    assert_eq!(bench.send(b"one\n", at(0)), Pumped { moved: 0, next: Pump::Stalled { until: at(1000) } });
    assert_eq!(
        bench.facts(),
        ["LOG: cannot open: no such file or directory (ENOENT); the output waits and is tried again"]
    );
    assert_eq!(splice::pipe_size(bench.reader.as_fd()).unwrap(), 1 << 20);
    // Nothing is tried before the time; then the time doubles, to ten seconds at most.
    assert_eq!(bench.send(b"two\n", at(500)).next, Pump::Stalled { until: at(1000) });
    assert_eq!(bench.files.next_retry(), Some(at(1000)));
    assert_eq!(bench.files.take_due(at(999)), []);
    assert_eq!(bench.files.take_due(at(1000)), [bench.id]);
    assert_eq!(bench.files.next_retry(), None);
    assert_eq!(bench.pump(at(1000)).next, Pump::Stalled { until: at(3000) });
    assert_eq!(bench.pump(at(3000)).next, Pump::Stalled { until: at(7000) });
    assert_eq!(bench.pump(at(7000)).next, Pump::Stalled { until: at(15_000) });
    assert_eq!(bench.pump(at(15_000)).next, Pump::Stalled { until: at(25_000) });
    // When half a minute is over, the pipe is looked at.
    assert_eq!(bench.pump(at(25_000)).next, Pump::Stalled { until: at(30_000) });
    assert_eq!(bench.pump(at(30_000)).next, Pump::Stalled { until: at(35_000) });
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    assert_eq!(bench.pump(at(35_000)), Pumped { moved: 8, next: Pump::Empty });
    assert_eq!(bench.facts(), ["LOG: written again after 35s, nothing was dropped"]);
    assert_eq!(bench.content(), b"one\ntwo\n");
    assert_eq!(splice::pipe_size(bench.reader.as_fd()).unwrap(), 256 << 10);
}

#[test]
fn a_program_is_not_blocked_for_good_and_what_is_dropped_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.send(b"x", at(0));
    // Pieces that leave half of each page empty fill the pipe too.
    while !splice::is_full(bench.reader.as_fd()).unwrap() {
        bench.writer.write_all(&[b'x'; 2049]).unwrap();
    }
    let full = bench.waiting();
    assert!(matches!(bench.pump(at(29_000)).next, Pump::Stalled { .. }));
    assert_eq!(bench.waiting(), full);
    assert_eq!(bench.pump(at(30_000)), Pumped { moved: full, next: Pump::Empty });
    // From then on it is not held up again, whether there is a try or not.
    assert_eq!(bench.send(b"lost\n", at(30_001)), Pumped { moved: 5, next: Pump::Empty });
    assert_eq!(bench.send(b"lost\n", at(90_000)), Pumped { moved: 5, next: Pump::Empty });
    assert_eq!(bench.facts().len(), 2);
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    let retry = bench.files.next_retry().unwrap();
    assert_eq!(bench.send(b"found\n", retry), Pumped { moved: 6, next: Pump::Empty });
    let dropped = full + 10;
    let text = format!("[taskmaster: {dropped} bytes of output dropped: no such file or directory (ENOENT)]\nfound\n");
    assert_eq!(String::from_utf8(bench.content()).unwrap(), text);
    let facts = bench.facts();
    assert_eq!(facts.len(), 1);
    assert!(facts[0].ends_with(&format!("{dropped} bytes of output were dropped")), "{facts:?}");
    let moved = Moved { written: 6, dropped: dropped as u64 };
    assert_eq!((bench.files.moved(), bench.state.moved()), (moved, moved));
}

#[test]
fn what_was_dropped_is_mentioned_although_no_more_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.send(b"half a li", at(0));
    assert_eq!(bench.files.abandon(bench.id, bench.reader.as_fd(), at(10)), 9);
    assert_eq!(bench.files.moved(), Moved { written: 0, dropped: 9 });
    assert_eq!(bench.files.take_due(at(1000)), [bench.id]);
    let retry = bench.files.next_retry().unwrap();
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    fs::write(&bench.path, "no line end").unwrap();
    bench.files.take_due(retry);
    let text = "no line end\n[taskmaster: 9 bytes of output dropped: no such file or directory (ENOENT)]\n";
    assert_eq!(String::from_utf8(bench.content()).unwrap(), text);
    assert_eq!(bench.files.next_retry(), None);
}

#[test]
fn closing_a_file_that_fails_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.send(b"123", at(0));
    bench.files.abandon(bench.id, bench.reader.as_fd(), at(10));
    bench.facts();
    bench.files.close(bench.id);
    let facts = bench.facts();
    assert_eq!(
        facts,
        ["LOG: closed while failing, 3 bytes of output were dropped: no such file or directory (ENOENT)"]
    );
    assert_eq!(bench.files.next_retry(), None);
}

#[test]
fn a_path_under_a_file_a_link_a_directory_a_second_name() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::write(root.join("plain"), "secret").unwrap();
    fs::write(root.join("single"), "mine").unwrap();
    symlink("single", root.join("link")).unwrap();
    fs::create_dir(root.join("directory")).unwrap();
    fs::hard_link(root.join("plain"), root.join("twin")).unwrap();
    let mut files = LogFiles::new().unwrap();
    for (name, error) in [
        ("single/a.log", "cannot open: not a directory (ENOTDIR)"),
        ("link", "cannot open: it is a symbolic link"),
        ("directory", "cannot open: is a directory (EISDIR)"),
        ("twin", "cannot open: the file has another name (a hard link)"),
    ] {
        let id = files.open(&root.join(name), rotation(0, 0));
        let (reader, mut writer) = pipe();
        writer.write_all(b"text\n").unwrap();
        let pumped = files.pump(id, reader.as_fd(), &mut PipeState::default(), BUDGET, at(0));
        assert_eq!(pumped, Pumped { moved: 0, next: Pump::Stalled { until: at(1000) } });
        let facts = files.take_facts();
        assert!(facts.len() == 1 && facts[0].to_string().contains(error), "{facts:?}");
    }
    assert_eq!(fs::read(root.join("plain")).unwrap(), b"secret");
    assert_eq!(fs::read(root.join("single")).unwrap(), b"mine");
}

#[test]
fn a_full_device_in_copy_mode_keeps_the_bytes_in_the_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::at(dir, PathBuf::from("/dev/full"), rotation(1, 1));
    assert_eq!(bench.send(b"one\n", at(0)), Pumped { moved: 0, next: Pump::Stalled { until: at(1000) } });
    assert_eq!(
        bench.facts(),
        ["LOG: cannot write: no space left on device (ENOSPC); the output waits and is tried again"]
    );
    assert_eq!(bench.waiting(), 4);
}

#[test]
fn a_device_is_written_but_never_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::at(dir, PathBuf::from("/dev/null"), rotation(1, 1));
    assert_eq!(bench.send(&[b'\n'; 64 << 10], at(0)), Pumped { moved: 64 << 10, next: Pump::Empty });
    assert_eq!(bench.files.take_facts(), []);
}

#[test]
fn a_descriptor_of_our_own_is_shared() {
    use std::io::{Seek, SeekFrom};
    use std::os::fd::AsRawFd;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"before\n").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let mut bench = Bench::at(dir, path, rotation(1, 1));
    bench.send(b"log\n", at(0));
    file.write_all(b"after\n").unwrap();
    bench.send(b"log\n", at(0));
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(io::read_to_string(&file).unwrap(), "before\nlog\nafter\nlog\n");
}

#[test]
fn a_fifo_that_is_read_slowly_gets_everything_and_is_no_failure() {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    // The write end of a pipe, opened as /dev/stdout would be.
    let (mut slow, end) = pipe();
    let dir = tempfile::tempdir().unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", end.as_raw_fd()));
    let mut bench = Bench::at(dir, path, rotation(1, 1));
    let stream = lines(5000, 50);
    let mut got = Vec::new();
    let (mut sent, mut millis) = (0, 0);
    while got.len() < stream.len() {
        let chunk = &stream[sent..stream.len().min(sent + 30_000)];
        if !chunk.is_empty() && bench.waiting() == 0 {
            bench.writer.write_all(chunk).unwrap();
            sent += chunk.len();
        }
        bench.pump(at(millis));
        let there = splice::bytes_waiting(slow.as_fd()).unwrap().min(5000);
        let mut some = vec![0; there];
        slow.read_exact(&mut some).unwrap();
        got.extend_from_slice(&some);
        millis += 20;
    }
    assert_eq!(got, stream);
    assert_eq!(bench.facts(), [""; 0]);
}

#[test]
fn a_removed_file_is_created_anew() {
    let mut bench = Bench::new(rotation(0, 0));
    bench.send(b"one\n", at(0));
    fs::remove_file(&bench.path).unwrap();
    bench.send(b"two\n", at(9));
    assert!(!bench.path.exists());
    bench.send(b"three\n", at(10));
    assert_eq!(bench.content(), b"three\n");
    assert_eq!(bench.facts(), ["LOG: was removed, is created anew"]);
    let parent = bench.path.parent().unwrap().to_owned();
    fs::remove_dir_all(&parent).unwrap();
    assert_eq!(bench.send(b"four\n", at(2000)).next, Pump::Stalled { until: at(3000) });
    fs::create_dir(&parent).unwrap();
    bench.pump(at(3000));
    assert_eq!(bench.content(), b"four\n");
}

#[test]
fn a_file_moved_away_is_left_at_reopen_and_one_emptied_is_continued_at_its_end() {
    let mut bench = Bench::new(rotation(0, 0));
    bench.send(b"one\n", at(0));
    let moved = bench.path.with_extension("old");
    fs::rename(&bench.path, &moved).unwrap();
    bench.send(b"two\n", at(5000));
    bench.files.reopen_all();
    bench.send(b"three\n", at(5001));
    assert_eq!((fs::read(moved).unwrap(), bench.content()), (b"one\ntwo\n".to_vec(), b"three\n".to_vec()));
    fs::File::options().write(true).open(&bench.path).unwrap().set_len(0).unwrap();
    bench.send(b"four\n", at(9000));
    assert_eq!(bench.content(), b"four\n");
}

#[test]
fn reopening_tries_at_once_what_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.send(b"one\n", at(0));
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    bench.files.reopen_all();
    assert_eq!(bench.files.take_due(at(1)), [bench.id]);
    assert_eq!(bench.pump(at(1)).moved, 4);
}

#[test]
fn a_second_pipe_that_waits_is_told_when_the_first_gets_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.send(b"one\n", at(0));
    assert_eq!(bench.pump(at(1000)).next, Pump::Stalled { until: at(3000) });
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    assert_eq!(bench.pump(at(3000)).next, Pump::Empty);
    assert_eq!(bench.files.take_due(at(3000)), [bench.id]);
    assert_eq!(bench.files.next_retry(), None);
}

#[test]
fn a_rotation_that_fails_is_told_once_and_the_file_grows_on() {
    let mut bench = Bench::new(rotation(100, 3));
    fs::create_dir(numbered(&bench.path, 1)).unwrap();
    let stream = lines(100, 30);
    write_in_pieces(&mut bench, &stream, 70);
    let told = ["LOG: not rotated, cannot rename: backup 1 is not a regular file; it grows on, next try in a minute"];
    assert_eq!(bench.facts(), told);
    assert_eq!(bench.content(), stream);
    fs::remove_dir(numbered(&bench.path, 1)).unwrap();
    bench.send(b"more\nlast\n", at(60_000));
    assert_eq!(segments(&bench.path), [stream, b"more\nlast\n".to_vec()]);
    assert_eq!(bench.facts(), [""; 0]);
}

#[test]
fn a_new_file_that_cannot_be_opened_leaves_the_old_one_in_place() {
    // Without the right to write to the directory nothing can be renamed; root has it always, so a link does it.
    let mut bench = Bench::new(rotation(5, 2));
    bench.send(b"one line\n", at(0));
    fs::remove_file(&bench.path).unwrap();
    symlink("nowhere", &bench.path).unwrap();
    // The open file has no name any more; until that is noticed it is still written to, and the link is renamed.
    bench.send(b"two\n", at(5));
    assert!(numbered(&bench.path, 1).is_symlink());
    assert_eq!(bench.content(), b"two\n");
}

#[test]
fn permissions_that_are_taken_away_and_given_back() {
    let mut bench = Bench::new(rotation(0, 0));
    bench.send(b"one\n", at(0));
    fs::set_permissions(&bench.path, fs::Permissions::from_mode(0o000)).unwrap();
    // An open file is not asked again; a reopened one is, unless we are root.
    bench.send(b"two\n", at(1));
    bench.files.reopen_all();
    bench.send(b"three\n", at(2));
    fs::set_permissions(&bench.path, fs::Permissions::from_mode(0o600)).unwrap();
    bench.pump(at(2000));
    assert_eq!(bench.content(), b"one\ntwo\nthree\n");
}

#[test]
fn lines_of_the_daemon_rotate_and_failures_are_counted() {
    let mut bench = Bench::new(rotation(30, 2));
    for n in 0..10 {
        bench.files.write_lines(bench.id, format!("line {n} of the log\n").as_bytes(), at(0));
    }
    let kept = segments(&bench.path).concat();
    assert!(kept.ends_with(b"line 8 of the log\nline 9 of the log\n") && kept.len() < 130);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("sub/a.log");
    let mut bench = Bench::at(dir, path, rotation(0, 0));
    bench.files.write_lines(bench.id, b"lost\n", at(0));
    bench.files.write_lines(bench.id, b"lost\n", at(500));
    assert_eq!(bench.facts().len(), 2);
    fs::create_dir(bench.path.parent().unwrap()).unwrap();
    bench.files.write_lines(bench.id, b"kept\n", at(1000));
    let text = "[taskmaster: 10 bytes of output dropped: no such file or directory (ENOENT)]\nkept\n";
    assert_eq!(String::from_utf8(bench.content()).unwrap(), text);
    assert_eq!(bench.facts(), ["LOG: written again after 1s, 10 bytes of output were dropped"]);
}

#[test]
fn the_tail_goes_over_backups() {
    let stream = lines(5000, 100);
    let mut bench = Bench::new(rotation(20_000, 5));
    write_in_pieces(&mut bench, &stream, 5000);
    let text = String::from_utf8(stream.clone()).unwrap();
    for count in [0, 1, 10, 300, 1000] {
        let expected: String =
            text.split_inclusive('\n').rev().take(count as usize).collect::<Vec<_>>().into_iter().rev().collect();
        assert_eq!(String::from_utf8(tail(&bench.path, count, 1 << 20).unwrap().0).unwrap(), expected);
    }
    let all = tail(&bench.path, u32::MAX, 1 << 20).unwrap().0;
    assert_eq!(all, segments(&bench.path).concat());
    let some = tail(&bench.path, u32::MAX, 5000).unwrap().0;
    assert!(stream.ends_with(&some) && some.len() > 4800 && some.starts_with(b"0"));
    bench.send(b"no line end", at(0));
    assert_eq!(tail(&bench.path, 1, 100).unwrap().0, b"no line end");
    assert_eq!(tail(Path::new("/nonexistent/a.log"), 5, 100).unwrap().0, b"");
    assert!(tail(Path::new("/dev/null"), 5, 100).is_err());
}

#[test]
fn old_logs_are_removed_with_their_backups() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    for index in [0, 1, 2, 4] {
        fs::write(numbered(&path, index), "x").unwrap();
    }
    fs::write(dir.path().join("a.log.txt"), "x").unwrap();
    fs::create_dir(dir.path().join("b.log")).unwrap();
    let mut files = LogFiles::new().unwrap();
    files.cleanup([path.as_path(), &dir.path().join("b.log"), &dir.path().join("missing.log")]);
    let mut left: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["a.log.txt", "b.log"]);
    let facts = files.take_facts();
    assert!(matches!(facts.as_slice(), [LogFact::CleanupFailed { .. }]), "{facts:?}");
}

#[test]
fn a_fact_is_one_line() {
    let fact = LogFact::Removed { path: PathBuf::from("/tmp/a\nb\u{1b}[1m.log") };
    assert_eq!(fact.to_string(), "/tmp/a\\nb\\u{1b}[1m.log: was removed, is created anew");
}

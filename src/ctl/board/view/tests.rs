//! What the board looks like, on terminals of several sizes.

use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;

use super::*;
use crate::base::id::Stream;
use crate::base::position::Position;
use crate::control::message::{Chunk, LogList, LogPlace, ProcessStatus, StateName};
use crate::ctl::board::model::Input;
use crate::ctl::board::model::tests::{Bench, event, process};
use crate::ctl::board::pane::Written;

/// The lines of the screen, as they are.
fn screen(bench: &Bench, glyphs: Glyphs) -> Vec<String> {
    let (width, height) = bench.model.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, &bench.model, glyphs)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width));
    // Behind a wide letter there is a cell that is not shown.
    rows.map(|row| {
        let mut skip = 0;
        let mut line = String::new();
        for cell in row {
            if skip == 0 {
                line.push_str(cell.symbol());
                skip = Span::raw(cell.symbol()).width().max(1);
            }
            skip -= 1;
        }
        line.trim_end().to_owned()
    })
    .collect()
}

fn some() -> Vec<ProcessStatus> {
    let mut list = vec![
        process("api", StateName::Fatal),
        process("job", StateName::Exited),
        process("moody", StateName::Backoff),
        process("web", StateName::Running),
    ];
    list[0].why = Some("cannot execute (execve) \"/nowhere\": no such file or directory".into());
    (list[1].as_wanted, list[1].last_exit, list[1].runs) = (true, Some("exit status 0".into()), 3);
    (list[2].why, list[2].next_try_ms) = (Some("exited too quickly (exit status 3)".into()), Some(9_000));
    list[3].for_ms = Some(3_725_000);
    list
}

#[test]
fn at_eighty_by_twenty_four() {
    let mut bench = Bench::new((80, 24), some());
    bench.keys("j ");
    let lines = screen(&bench, Glyphs::RICH);
    assert_eq!(lines.len(), 24);
    assert_eq!(
        lines[..6],
        [
            " taskmaster  4 processes: 1 fatal  1 backoff  1 running  1 exited          live",
            " NAME▲    STATE        PID UPTIME  RST  CPU%    MEM WHY",
            " api      FATAL                      0              cannot execute (execve) \"/n…",
            "●job      EXITED                     2",
            " moody    BACKOFF                    0              next try in 9s: exited too …",
            " web      RUNNING     4711  1h02m    0     –      –",
        ]
    );
    assert_eq!(lines[22], "moody: BACKOFF for 5s: next try in 9s: exited too quickly (exit status 3)");
    assert_eq!(lines[23], " ? help  q quit  s start  x stop  r restart  / filter  Tab output  e events");
    // Times go on between two answers.
    bench.later(4_000);
    assert!(screen(&bench, Glyphs::RICH)[4].contains("next try in 5s"));
    let ascii = screen(&bench, Glyphs::PLAIN).join("\n");
    assert!(ascii.contains("NAME^") && ascii.contains("*job"), "{ascii}");
}

#[test]
fn a_narrow_terminal_keeps_what_matters() {
    let lines = screen(&Bench::new((60, 15), some()), Glyphs::RICH);
    assert_eq!(lines[1], " NAME▲    STATE        PID UPTIME  CPU%    MEM WHY");
    assert!(lines.iter().all(|line| Span::raw(line.as_str()).width() <= 60));
    let lines = screen(&Bench::new((40, 15), some()), Glyphs::RICH);
    assert_eq!(lines[1], " NAME▲    STATE    UPTIME WHY");
    let lines = screen(&Bench::new((20, 6), some()), Glyphs::RICH);
    assert_eq!(lines[1..5], [" NAME▲    STATE", " api      FATAL", " job      EXITED", " moody    BACKOFF"]);
}

#[test]
fn a_wide_terminal_has_everything() {
    let lines = screen(&Bench::new((200, 50), some()), Glyphs::RICH);
    assert_eq!(lines[1], " NAME▲    STATE        PID UPTIME  RST  CPU%    MEM LAST EXIT         WHY");
    assert!(lines[2].ends_with("cannot execute (execve) \"/nowhere\": no such file or directory"), "{}", lines[2]);
    assert!(lines[3].contains("  2 ") && lines[3].ends_with("exit status 0"), "{}", lines[3]);
    assert!(lines[0].ends_with("/run/ctl  live"), "{}", lines[0]);
}

#[test]
fn no_size_is_too_small_for_any_of_it() {
    for keys in ["", "\n", "e", "w", "?", "/x", "ax", "ez", "w\nz"] {
        let mut bench = Bench::new((80, 24), some());
        (1..40).for_each(|seq| drop(bench.take(Input::Event(event(seq, "web")))));
        bench.keys(keys);
        for width in [0, 1, 2, 5, 9, 17, 33, 80] {
            for height in 0..25 {
                bench.take(Input::Size(width, height));
                if width > 0 && height > 0 {
                    screen(&bench, Glyphs::RICH);
                }
            }
        }
    }
}

#[test]
fn wide_letters_and_hostile_names_do_not_break_columns() {
    let mut list = vec![process("網站伺服器", StateName::Running), process("web", StateName::Running)];
    list.push(process("e\x1b[31mvil\u{202e}", StateName::Running));
    list[1].why = Some("line\nfeed \u{9b}2J".into());
    list.push(process(&"long".repeat(30), StateName::Running));
    let lines = screen(&Bench::new((160, 24), list), Glyphs::RICH);
    let column = |line: &str| line.split_once("RUNNING").map(|(before, _)| Span::raw(before).width());
    assert!(lines[2..6].iter().all(|line| column(line) == Some(42)), "{lines:?}");
    let all = lines.join("");
    assert!(all.contains("e\\u{1b}[31mvil\\u{202e}") && all.contains("line\\nfeed \\u{9b}2J"), "{all}");
    assert!(!all.contains(char::is_control));
}

#[test]
fn what_a_program_writes_is_in_the_pane() {
    let mut bench = Bench::new((80, 24), some());
    bench.keys("G\n");
    let next = LogPlace { process: "web".into(), stream: Stream::Stdout, at: Position::default() };
    let bytes = "first\n\x1b[2J\x1b[31m網 red\x1b[0m plain\nunfinished".as_bytes().to_vec();
    let chunks = vec![Chunk { next, bytes, lost: false }];
    bench.take(Input::Written(Written::Begins(LogList { chunks, ..LogList::default() })));
    let lines = screen(&bench, Glyphs::RICH);
    let title = lines.iter().position(|line| line.starts_with("── stdout of web ──")).unwrap();
    assert_eq!(lines[title + 1..title + 4], ["first", "網 red plain", "unfinished"]);
    assert!(lines[title - 2].contains("web") || lines[title - 1].contains("web") || title > 4);
}

#[test]
fn stale_data_is_marked_and_its_times_stand_still() {
    let mut bench = Bench::new((80, 24), some());
    bench.take(Input::Lost("no daemon answers on /run/ctl".into()));
    bench.later(90_000);
    let lines = screen(&bench, Glyphs::RICH);
    assert!(lines[0].ends_with(" STALE for 1m30s"), "{}", lines[0]);
    assert!(lines[4].contains("next try in 9s"), "{}", lines[4]);
    assert!(lines[23].starts_with(" no daemon answers on /run/ctl"), "{}", lines[23]);
}

#[test]
fn help_has_every_key_and_fits_a_small_terminal() {
    let mut bench = Bench::new((80, 24), some());
    bench.keys("?");
    let lines = screen(&bench, Glyphs::RICH);
    for (keys, what) in crate::ctl::board::press::KEYS {
        assert!(lines.iter().any(|line| line.contains(keys) && line.ends_with(what)), "{keys}: {lines:#?}");
    }
}

#[test]
fn a_thousand_processes_are_drawn_fast() {
    let list: Vec<_> = (0..1000).map(|n| process(&format!("worker:worker_{n:03}"), StateName::Running)).collect();
    let mut bench = Bench::new((200, 50), list);
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
    let mut draw_all = |bench: &Bench| {
        let before = crate::sys::timer::monotonic();
        terminal.draw(|frame| draw(frame, &bench.model, Glyphs::RICH)).unwrap();
        crate::sys::timer::monotonic().since(before)
    };
    let mut least = draw_all(&bench);
    for _ in 0..20 {
        bench.later(1000);
        bench.keys("jO");
        least = least.min(draw_all(&bench));
    }
    println!("a frame of 200x50 with 1000 processes: {least:?}");
    // Without optimisation, and on a busy machine, the fastest counts.
    assert!(least < Duration::from_millis(if cfg!(debug_assertions) { 40 } else { 5 }), "{least:?}");
}

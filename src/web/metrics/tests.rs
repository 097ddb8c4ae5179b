//! What is counted, and how it is written down.

use super::*;
use crate::control::command::Verb;
use crate::control::jsonrpc::read_answer;
use crate::control::message::Response;

fn at(ms: u64) -> Mono {
    Mono::default().after(Duration::from_millis(ms))
}

fn page(meters: &mut Meters, names: &[&str]) -> String {
    let sample = r#"{"result":{"processes":[{"name":"x","program":"x","num":0,"state":"RUNNING","want":"up",
        "as_wanted":true,"pid":7,"for_ms":5,"runs":1,"health":"healthy"}]}}"#;
    let Ok(Response::Status(sample)) = read_answer(Verb::Status, sample) else { panic!("a status") };
    let process = |name: &&str| ProcessStatus { name: (*name).to_owned(), ..sample[0].clone() };
    let processes: Vec<ProcessStatus> = names.iter().map(process).collect();
    let written = |name: &&str| Written { process: (*name).to_owned(), stream: Stream::Stderr, bytes: 12, dropped: 3 };
    let written: Vec<Written> = names.iter().map(written).collect();
    String::from_utf8(write(meters, &processes, &written, &Own::default())).unwrap()
}

#[test]
fn restarts_are_counted_by_their_reason() {
    let mut m = Meters::default();
    for (ms, step) in [
        (0, Step::Spawned),
        (1000, Step::Running),
        (2000, Step::Exited),
        (2001, Step::Spawned),
        (2002, Step::Exited),
        (2003, Step::Failed),
        (2004, Step::Spawned),
        (2005, Step::Stopping),
        (2305, Step::Exited),
        (2305, Step::Stopped),
        (2306, Step::Spawned),
        (2307, Step::Condemned),
        (2307, Step::Stopping),
        (2308, Step::Exited),
        (2309, Step::Spawned),
    ] {
        m.note("a", step, at(ms));
    }
    let page = page(&mut m, &["a"]);
    for reason in ["exit", "retry", "request", "check"] {
        let line = format!("taskmaster_process_restarts_total{{process=\"a\",reason=\"{reason}\"}} 1\n");
        assert!(page.contains(&line), "{line} {page}");
    }
    assert!(page.contains("taskmaster_process_start_seconds_bucket{le=\"1\"} 1\n"), "{page}");
    assert!(page.contains("taskmaster_process_stop_seconds_bucket{le=\"0.25\"} 1\n"), "{page}");
    assert!(page.contains("taskmaster_process_stop_seconds_bucket{le=\"0.5\"} 2\n"), "{page}");
    assert!(page.contains("taskmaster_process_exits_total 4\n"), "{page}");
    for line in [
        "bytes_total{process=\"a\",stream=\"stderr\"} 12\n",
        "dropped_bytes_total{process=\"a\",stream=\"stderr\"} 3\n",
    ] {
        assert!(page.contains(&format!("taskmaster_process_log_{line}")), "{line} {page}");
    }
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut m = Meters::default();
    for _ in 0..2 {
        m.note("a", Step::Spawned, at(0));
        m.note("b", Step::Spawned, at(0));
    }
    assert!(page(&mut m, &["b"]).contains("restarts_total{process=\"b\""));
    assert!(!page(&mut m, &["b"]).contains("process=\"a\"") && m.processes.len() == 1);
}

#[test]
fn every_figure_is_documented() {
    let manual = include_str!("../../../man/taskmaster-http.7");
    for line in page(&mut Meters::default(), &["a"]).lines() {
        let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) else { continue };
        assert!(manual.contains(&format!("\n.It Li {name}")), "{name}");
    }
}

/// What `promtool check metrics` looks for, as far as it concerns the shape: it is not on every machine.
#[test]
fn the_format_is_kept() {
    let mut m = Meters::default();
    m.note("a\"b\\", Step::Spawned, at(0));
    let page = page(&mut m, &["a\"b\\", "c"]);
    let (mut known, mut current) = (Vec::new(), "");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!known.contains(&name) && !help.is_empty(), "{line}");
            known.push(name);
            current = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(name == current || base == current, "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(page.contains("process=\"a\\\"b\\\\\"") && page.ends_with('\n'));
}

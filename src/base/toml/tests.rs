//! Trees, places, mistakes, limits.

use super::*;
use crate::base::tree::shown;

fn tree(text: &str) -> String {
    shown(&parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).value)
}

#[test]
fn kinds_and_raw_texts() {
    for (text, want) in [
        ("", "{}"),
        ("# nothing\n", "{}"),
        ("a = 1", "{a: int:1}"),
        ("a = 0o22", "{a: int:0o22}"),
        ("a = 1_000", "{a: int:1000}"),
        ("a = 1.10", "{a: float:1.10}"),
        ("a = true", "{a: bool:true}"),
        ("a = \"022\"", "{a: \"022\"}"),
        ("a = 'x\\y'", "{a: \"x\\\\y\"}"),
        ("a = 1979-05-27", "{a: \"1979-05-27\"}"),
        ("a = [1, [], {}, {b = 2}, 'x']", "{a: [int:1, [], {}, {b: int:2}, \"x\"]}"),
        ("[p.b]\nx = 1\n[p.a]\ny = 2\n", "{p: {b: {x: int:1}, a: {y: int:2}}}"),
        ("[[a]]\nx = 1\n[[a]]\nx = 2\n", "{a: [{x: int:1}, {x: int:2}]}"),
        ("a = \"\"\"\nx\ny\"\"\"", "{a: \"x\\ny\"}"),
    ] {
        assert_eq!(tree(text), want, "{text}");
    }
}

#[test]
fn keys_have_their_places() {
    let text = "[processes.'wéb']\ncmd = 'x'\n\n[processes.a]\n  numprocs = 2\n";
    let root = parse(text).unwrap();
    let Value::Map(roots) = &root.value else { panic!() };
    let Value::Map(programs) = &roots[0].value.value else { panic!() };
    let at = |at: Option<usize>| line_and_column(text, at.unwrap());
    assert_eq!(at(programs[0].at), (1, 12));
    assert_eq!(at(programs[1].at), (4, 12));
    let Value::Map(keys) = &programs[1].value.value else { panic!() };
    assert_eq!((at(keys[0].at), at(keys[0].value.at)), ((5, 3), (5, 14)));
}

#[test]
fn every_mistake_is_told() {
    let mistakes = parse("a = \nb = 2\nc = [1\nb = 3\n").unwrap_err();
    assert!(mistakes.len() > 1, "{mistakes:?}");
    assert_eq!(mistakes[0].place.map(|(line, _)| line), Some(1));
    assert!(mistakes.iter().all(|m| m.text.starts_with("is not valid TOML: ")), "{mistakes:?}");
    let twice = parse("[p]\na = 1\na = 2\n").unwrap_err();
    assert_eq!((twice.len(), twice[0].place), (1, Some((3, 1))), "{twice:?}");
}

#[test]
fn limits_hold_and_hold_quickly() {
    let list = |n: usize| format!("a = {}{}", "[".repeat(n), "]".repeat(n));
    assert!(parse(&list(DEPTH - 1)).is_ok());
    assert_eq!(parse(&list(DEPTH)).unwrap_err(), [TreeError::whole(too_deep())]);
    for text in [list(100_000), format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{a = ".repeat(100_000))] {
        assert!(parse(&text).is_err());
    }
    assert!(parse(&vec!["a"; 100_000].join(".")).is_err());
    assert!(parse(&format!("a = '{}'", "x".repeat(TEXT_BYTES))).is_err());
    assert_eq!(parse(&format!("a = [{}]", "1,".repeat(NODES))).unwrap_err(), [TreeError::whole(too_many())]);
}

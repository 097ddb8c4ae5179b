//! Trees, places, limits.

use super::*;
use crate::base::tree::shown;

fn tree(text: &str) -> String {
    shown(&parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).value)
}

fn refused(text: &str) -> TreeError {
    parse(text).expect_err(text)
}

#[test]
fn kinds_and_raw_texts() {
    for (text, want) in [
        ("", "{}"),
        ("# nothing\n", "{}"),
        ("---\n", "{}"),
        ("null", "{}"),
        ("a:", "{a: null}"),
        ("a: ~", "{a: null}"),
        ("a: 'null'", "{a: \"null\"}"),
        ("a: 1.10", "{a: float:1.10}"),
        ("a: 0o22", "{a: int:0o22}"),
        ("a: 022", "{a: \"022\"}"),
        ("a: \"022\"", "{a: \"022\"}"),
        ("a: 18", "{a: int:18}"),
        ("a: -0x1F", "{a: int:-0x1F}"),
        ("a: 99999999999999999999999", "{a: int:99999999999999999999999}"),
        ("a: 1e400", "{a: \"1e400\"}"),
        ("a: .inf", "{a: float:.inf}"),
        ("a: TRUE", "{a: bool:TRUE}"),
        ("a: yes", "{a: \"yes\"}"),
        ("1: x\ntrue: y\n~: z", "{1: \"x\", true: \"y\", ~: \"z\"}"),
        ("a: [1, [], {}, {b: 2}, x]", "{a: [int:1, [], {}, {b: int:2}, \"x\"]}"),
        ("a: &x {n: 1}\nb: *x", "{a: {n: int:1}, b: {n: int:1}}"),
        ("a: &x 1.0\nb: [*x, *x]", "{a: float:1.0, b: [float:1.0, float:1.0]}"),
        ("a: 1\na: 2", "{a: int:1, a: int:2}"),
        ("a: |\n  x\n  y\n", "{a: \"x\\ny\\n\"}"),
        ("a: !!str 5", "{a: \"5\"}"),
        ("{\"a\": {\"b\": [1, null, \"\\u00e9\"]}}", "{a: {b: [int:1, null, \"é\"]}}"),
        ("[1]", "[int:1]"),
        ("5", "int:5"),
    ] {
        assert_eq!(tree(text), want, "{text}");
    }
}

/// Line and column, counted from 1, of a byte of the text.
#[test]
fn places_are_those_of_keys_and_scalars() {
    let text = "é: ö\n\"b\":\n    - 5\n    - 'x'\n    - c: {d: 1.5}\n";
    let root = parse(text).unwrap();
    let Value::Map(entries) = &root.value else { panic!() };
    let at = |at: Option<usize>| at.map(|at| line_and_column(text, at));
    assert_eq!(at(entries[0].at), Some((1, 1)));
    assert_eq!(at(entries[0].value.at), Some((1, 4)));
    assert_eq!(at(entries[1].at), Some((2, 1)));
    let Value::Seq(items) = &entries[1].value.value else { panic!() };
    let places: Vec<_> = items.iter().map(|i| at(i.at)).collect();
    // A number has no place unless its text had to be read again; what it belongs to has.
    assert_eq!(places, [Some((3, 7)), Some((4, 7)), Some((5, 7))]);
    let Value::Map(inner) = &items[2].value else { panic!() };
    assert_eq!(at(inner[0].value.at), Some((5, 11)));
    assert_eq!(at(parse("a: 5").unwrap().at), Some((1, 1)));
    for (text, place) in
        [("x: \"y\"\n\"a\\tb\": 1", (2, 1)), ("{x: 'y', 'it''s': 1}", (1, 10)), ("\"\\\"\\t\": 1", (1, 1))]
    {
        let root = parse(text).unwrap();
        let Value::Map(entries) = &root.value else { panic!() };
        let found = entries.last().unwrap().at.map(|at| line_and_column(text, at));
        // In single quotes a doubled quote ends the search too early: then there is no place, but never a wrong one.
        assert!(found == Some(place) || (text.contains("''") && found.is_none()), "{text}: {found:?}");
    }
}

#[test]
fn the_second_reading_changes_no_more_than_spellings() {
    // With a float in it a text is always read twice.
    for text in [
        "a: 5",
        "a: [1, true, -7, x]",
        "{b: {c: 18446744073709551615}}",
        "a: false\nb: 340282366920938463463374607431768211455",
    ] {
        let once = tree(text);
        let both = tree(&format!("{text}\nzzz: 1.0").replace("}\nzzz: 1.0", ", zzz: 1.0}"));
        assert_eq!(both, format!("{}, zzz: float:1.0}}", once.strip_suffix('}').unwrap()), "{text}");
    }
    for (text, want) in [
        ("a: +5", "{a: int:+5}"),
        ("a: -0", "{a: int:-0}"),
        ("a: 0b11", "{a: int:0b11}"),
        ("a: True\nb: FALSE\nc: 1", "{a: bool:True, b: bool:FALSE, c: int:1}"),
    ] {
        assert_eq!(tree(text), want, "{text}");
    }
}

#[test]
fn what_is_refused_says_why_and_where() {
    for (text, part, place) in [
        ("a: !secret x", TAGGED, Some((1, 4))),
        ("a:\n  - !x [1]", TAGGED, Some((2, 5))),
        ("a: 1\n---\nb: 2", "more than one document", None),
        ("? [a]\n: b", ODD_KEY, Some((1, 3))),
        ("a: [", "not valid YAML", Some((1, 5))),
        ("# \u{85}\r\u{2028}\nö: \u{1}", "not valid YAML", Some((2, 4))),
        ("a: 1\n b: 2", "not valid YAML", Some((2, 3))),
        ("a: *nope", "unknown anchor", Some((1, 4))),
        ("\t- x", "not valid YAML", Some((1, 1))),
        ("a: [b, @c]", "(a text that begins with @ must be in quotes)", Some((1, 8))),
        ("a: \"x", "not valid YAML", Some((1, 6))),
    ] {
        let error = refused(text);
        assert!(error.text.contains(part), "{text}: {error}");
        assert_eq!(error.place, place, "{text}: {error}");
    }
}

#[test]
fn limits_hold_and_hold_quickly() {
    let list = |n: usize| format!("a: {}{}", "[".repeat(n), "]".repeat(n));
    assert!(parse(&list(DEPTH - 1)).is_ok());
    assert_eq!(refused(&list(DEPTH)).text, too_deep());
    assert_eq!(refused(&"[".repeat(100_000)).text, too_deep());
    assert_eq!(refused(&"{a: ".repeat(100_000)).text, too_deep());
    assert_eq!(refused(&"- ".repeat(100_000)).text, too_deep());
    let steps: String = (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(refused(&steps).text, too_deep());
    assert!(refused(&"x".repeat(TEXT_BYTES + 1)).text.contains("1 MiB"));
    assert_eq!(refused(&format!("[{}]", "1,".repeat(NODES))).text, too_many());
}

#[test]
fn alias_bombs_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (last, next) in ('a'..'i').zip('b'..='i') {
        bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 9].join(", "));
    }
    assert_eq!(refused(&bomb).text, too_many());
    // An alias that contains itself.
    assert!(parse("a: &a [*a]").is_err());
}

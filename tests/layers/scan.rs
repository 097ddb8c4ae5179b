//! Rust text as the rules want to see it: without comments and the insides of literals, as the paths that it names.
//! Knows nothing of the rules.

/// A file without what is no code. Both texts have the same lines as the file.
pub struct Code {
    /// Comments and the insides of literals are blanks.
    pub code: String,
    /// Only the comments.
    pub comments: String,
}

pub fn mask(text: &str) -> Code {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    // Moves n characters, keeping them in one of the two texts, or in neither.
    let step = |i: &mut usize, n: usize, in_code: bool, in_comment: bool, code: &mut String, comments: &mut String| {
        for _ in 0..n.min(chars.len() - *i) {
            let c = chars[*i];
            code.push(if in_code { c } else { blank(c) });
            comments.push(if in_comment { c } else { blank(c) });
            *i += 1;
        }
    };
    while i < chars.len() {
        let before = if i == 0 { ' ' } else { chars[i - 1] };
        let word_before = before.is_alphanumeric() || before == '_';
        if at(i) == '/' && at(i + 1) == '/' {
            let n = chars[i..].iter().take_while(|c| **c != '\n').count();
            step(&mut i, n, false, true, &mut code, &mut comments);
        } else if at(i) == '/' && at(i + 1) == '*' {
            let (mut n, mut depth) = (2, 1);
            while depth > 0 && i + n < chars.len() {
                match (at(i + n), at(i + n + 1)) {
                    ('/', '*') => (depth, n) = (depth + 1, n + 2),
                    ('*', '/') => (depth, n) = (depth - 1, n + 2),
                    _ => n += 1,
                }
            }
            step(&mut i, n, false, true, &mut code, &mut comments);
        } else if let Some(n) = raw_string(&chars[i..]).filter(|_| !word_before) {
            step(&mut i, n, false, false, &mut code, &mut comments);
        } else if at(i) == '"' {
            let mut n = 1;
            while i + n < chars.len() && at(i + n) != '"' {
                n += if at(i + n) == '\\' { 2 } else { 1 };
            }
            step(&mut i, n + 1, false, false, &mut code, &mut comments);
        } else if at(i) == '\'' && at(i + 1) == '\\' {
            let n = 3 + chars[(i + 3).min(chars.len())..].iter().take_while(|c| **c != '\'').count();
            step(&mut i, n + 1, false, false, &mut code, &mut comments);
        } else if at(i) == '\'' && at(i + 2) == '\'' {
            step(&mut i, 3, false, false, &mut code, &mut comments);
        } else {
            step(&mut i, 1, true, false, &mut code, &mut comments);
        }
    }
    Code { code, comments }
}

/// The length of the raw string that begins here: `r"…"`, `br#"…"#`.
fn raw_string(chars: &[char]) -> Option<usize> {
    let prefix = chars.iter().take_while(|c| matches!(c, 'b' | 'c')).count().min(1);
    if chars.get(prefix) != Some(&'r') {
        return None;
    }
    let hashes = chars[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let start = prefix + 1 + hashes;
    if chars.get(start) != Some(&'"') {
        return None;
    }
    let closes = |i: usize| chars[i] == '"' && (1..=hashes).all(|k| chars.get(i + k) == Some(&'#'));
    let end = (start + 1..chars.len()).find(|i| closes(*i)).unwrap_or(chars.len());
    Some((end + hashes + 1).min(chars.len()))
}

/// The code with its unit tests blanked: modules under `#[cfg(test)]` that end with a brace in the first column.
pub fn without_tests(code: &str) -> String {
    let (mut out, mut inside, mut announced) = (String::new(), false, false);
    for line in code.lines() {
        let begins = announced && line.starts_with("mod ") && line.trim_end().ends_with('{');
        announced = line.trim() == "#[cfg(test)]" || (announced && line.starts_with("#["));
        inside |= begins;
        if !inside {
            out.push_str(line);
        }
        out.push('\n');
        if inside && !begins && line.starts_with('}') {
            inside = false;
        }
    }
    out
}

/// A path that the code names, and its line.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: String,
}

/// Every path in the code: `a::b`, each branch of `a::{b, c::d}`, and single words.
pub fn paths(code: &str) -> Vec<Named> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_alphanumeric() || c == '_' {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                tokens.push((n + 1, word));
            } else if c == ':' && chars.next_if_eq(&':').is_some() {
                tokens.push((n + 1, "::".to_owned()));
            } else if !c.is_whitespace() {
                tokens.push((n + 1, c.to_string()));
            }
        }
    }
    let mut out = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        path_at(&tokens, &mut i, "", &mut out);
    }
    out
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Takes the path that begins at token `i`, or passes over a token that begins none.
fn path_at(tokens: &[(usize, String)], i: &mut usize, prefix: &str, out: &mut Vec<Named>) {
    let word = |i: usize| tokens.get(i).map_or("", |(_, t)| t.as_str());
    // `::std::fs` is `std::fs`.
    if prefix.is_empty() && word(*i) == "::" {
        *i += 1;
    }
    let mut path = prefix.to_owned();
    let line = tokens.get(*i).map_or(0, |(line, _)| *line);
    loop {
        if is_word(word(*i)) || (word(*i) == "*" && !path.is_empty()) {
            let joint = if path.is_empty() { "" } else { "::" };
            path = format!("{path}{joint}{}", word(*i));
            *i += 1;
        } else if word(*i) == "{" && !path.is_empty() {
            *i += 1;
            while *i < tokens.len() && word(*i) != "}" {
                path_at(tokens, i, &path, out);
            }
            *i += 1;
            return;
        } else {
            *i += 1;
            return;
        }
        if word(*i) != "::" {
            out.push(Named { line, path });
            // `b as c` within a tree names nothing new.
            if !prefix.is_empty() && word(*i) == "as" {
                *i += 2;
            }
            return;
        }
        *i += 1;
        // `Vec::<T>::new` goes on behind the brackets; what is in them begins a path of its own.
        if word(*i) == "<" {
            out.push(Named { line, path });
            return;
        }
    }
}

/// The path as seen from the root of the crate: `super` and `self` resolved for a file of this name.
pub fn resolve(file: &str, path: &str) -> String {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut module: Vec<&str> = if inner == "lib" { Vec::new() } else { inner.split('/').collect() };
    let mut rest: Vec<&str> = path.split("::").collect();
    let relative = matches!(rest.first(), Some(&"super" | &"self"));
    while let Some(first @ (&"super" | &"self")) = rest.first() {
        if *first == "super" {
            module.pop();
        }
        rest.remove(0);
    }
    if relative {
        ["crate"].iter().chain(&module).chain(&rest).copied().collect::<Vec<_>>().join("::")
    } else {
        path.to_owned()
    }
}

#[test]
fn use_trees_are_taken_apart() {
    let found: Vec<String> =
        paths("use a::{b, c::{d, e as f}, g::*, self};\nx::y::<z::w>::v();").into_iter().map(|n| n.path).collect();
    let some = ["a::b", "a::c::d", "a::c::e", "a::g::*", "a::self", "x::y", "z::w"];
    for path in some {
        assert!(found.iter().any(|f| f == path), "{path} in {found:?}");
    }
    assert_eq!(resolve("src/a/b.rs", "super::super::d::E"), "crate::d::E");
    assert_eq!(resolve("src/a/b.rs", "super::c"), "crate::a::c");
    assert_eq!(resolve("src/a.rs", "self::b"), "crate::a::b");
    assert_eq!(resolve("src/lib.rs", "self::b"), "crate::b");
}

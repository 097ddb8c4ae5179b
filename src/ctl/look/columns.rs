//! How much room a text takes on a terminal.

/// The letters that are two columns wide: those of East Asia, and pictures.
const WIDE: [(char, char); 10] = [
    ('\u{1100}', '\u{115f}'),
    ('\u{2e80}', '\u{303e}'),
    ('\u{3041}', '\u{a4cf}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff00}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{1f300}', '\u{1faff}'),
    ('\u{20000}', '\u{3fffd}'),
];

/// How many columns a text takes.
pub(super) fn of(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let wide = |c: char| WIDE.iter().any(|(first, last)| (*first..=*last).contains(&c));
    text.chars().map(|c| 1 + usize::from(wide(c))).sum()
}

/// Appends blanks up to a column.
pub(super) fn pad(text: &mut String, column: usize) {
    let missing = column.saturating_sub(of(text));
    text.extend(std::iter::repeat_n(' ', missing));
}

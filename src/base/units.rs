//! Durations and sizes as people write them.

use std::time::Duration;

/// The longest duration that a configuration may name: a hundred years. Keeps all sums of times in range.
pub const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// Reads `10`, `0.5` (seconds), `250ms`, `1m30s`, `2h`, `1d`. Nothing negative, nothing over [`LONGEST`].
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(seconds) = decimal(text) {
        return from_seconds(seconds);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_len)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(from_seconds(decimal(number)? * seconds)?)?;
        rest = tail.trim_start();
    }
    (!text.is_empty() && total <= LONGEST).then_some(total)
}

/// Plain decimal digits with at most one point: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

fn from_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|d| *d <= LONGEST)
}

/// Prints a duration as it may be written in a configuration: `10s`, `1m30s`, `250ms`, `0s`.
#[must_use]
pub fn print_duration(d: Duration) -> String {
    let (total, millis) = (d.as_secs(), d.subsec_millis());
    let mut out = String::new();
    for (n, unit) in [(total / 86_400, "d"), (total / 3600 % 24, "h"), (total / 60 % 60, "m"), (total % 60, "s")] {
        if n > 0 {
            out.push_str(&format!("{n}{unit}"));
        }
    }
    if millis > 0 {
        out.push_str(&format!("{millis}ms"));
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Reads `1024`, `64KB`, `10MB`, `1GB` (also `K`, `KiB`, `k`, `B`, with a space or a decimal point). As in
/// supervisord, K, M and G are powers of 1024.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at)?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    if number.contains('.') {
        let bytes = decimal(number)? * (1u64 << shift) as f64;
        // Beyond 2^53 a float no longer counts single bytes; no log is that large.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return (bytes < 9e15).then_some(bytes as u64);
    }
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Prints a size as it may be written in a configuration: `50MB`, `64KB`, `1000`.
#[must_use]
pub fn print_size(bytes: u64) -> String {
    for (shift, unit) in [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("10", 10_000),
            ("0", 0),
            ("0.5", 500),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", " ", "-1", "1e3", "inf", "NaN", "5x", "s", "1m30", "1..5s", "99999999999999999999", "40000d"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_print_and_parse_back() {
        for ms in [0, 1, 250, 1000, 90_000, 86_400_000, 3_661_001] {
            let d = Duration::from_millis(ms);
            assert_eq!(parse_duration(&print_duration(d)), Some(d));
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("1000", 1000), ("64KB", 65_536), ("50 MB", 52_428_800), ("1.5k", 1536), ("1g", 1 << 30)]
        {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(parse_size(&print_size(bytes)), Some(bytes));
        }
        for text in ["", "MB", "-1", "1XB", "1e9", "99999999999TB", "."] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }
}

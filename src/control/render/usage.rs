//! What processes use, as columns of `status`.

use crate::control::message::{ProcessStatus, Usage};

use super::put;

/// What stands above the columns.
pub(super) const HEADER: &str = "      CPU    MEMORY  PROCS  THREADS  FILES";

/// Whether the lines of these processes have a line above them that names the columns.
#[must_use]
pub fn has_header(processes: &[ProcessStatus]) -> bool {
    processes.iter().any(|p| p.usage.is_some())
}

/// Appends the columns of one process, and what is between them and the description.
pub(super) fn columns(usage: Option<&Usage>, text: &mut String) {
    let Some(u) = usage else {
        return put(text, format_args!("{:>9}{:>10}{:>7}{:>9}{:>7}  ", "-", "-", "-", "-", "-"));
    };
    let fds = u.fds.map_or_else(|| "?".to_owned(), |fds| fds.to_string());
    let (cpu, memory) = (cpu(u.cpu_ms), memory(u.rss_bytes));
    put(text, format_args!("{cpu:>9}{memory:>10}{:>7}{:>9}{fds:>7}  ", u.processes, u.threads));
}

/// `5:23.4`: minutes, seconds and tenths.
fn cpu(ms: u64) -> String {
    format!("{}:{:02}.{}", ms / 60_000, ms / 1000 % 60, ms / 100 % 10)
}

/// `12.3M`, in units of 1024.
fn memory(bytes: u64) -> String {
    const UNITS: [(u64, char); 3] = [(1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M')];
    match UNITS.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(size);
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
        None => format!("{}K", bytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (ms, text) in [(0, "0:00.0"), (999, "0:00.9"), (61_250, "1:01.2"), (36_000_000, "600:00.0")] {
            assert_eq!(cpu(ms), text);
        }
        for (bytes, text) in [
            (0, "0K"),
            (2047, "1K"),
            (1 << 20, "1.0M"),
            ((5 << 20) / 2, "2.5M"),
            (3 << 30, "3.0G"),
            (u64::MAX, "16777215.9T"),
        ] {
            assert_eq!(memory(bytes), text);
        }
    }

    #[test]
    fn columns_stand_below_their_names() {
        let mut text = String::new();
        columns(Some(&Usage { cpu_ms: 1, rss_bytes: 2 << 20, processes: 3, threads: 4, fds: None }), &mut text);
        assert_eq!(text, "   0:00.0      2.0M      3        4      ?  ");
        let mut none = String::new();
        columns(None, &mut none);
        assert_eq!((none.len(), text.len()), (HEADER.len() + 2, HEADER.len() + 2));
    }
}

//! Times by the calendar as cron(8) writes them: `30 3 * * mon-fri`, `@daily`. What a text says is here, when that is
//! in `next`.

use std::fmt;

use super::text::quoted;

mod next;

pub use next::SMALL_SHIFT;

/// A schedule of five fields. Whatever can be made comes again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// As it was written, with one space between two fields.
    text: String,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

/// The values of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    /// Bit n is set iff the value n is in it.
    bits: u64,
    /// Whether it begins with `*`, which cron(8) takes for "not restricted" even before a step.
    star: bool,
}

impl Field {
    fn has(self, value: u32) -> bool {
        value < u64::BITS && self.bits & (1 << value) != 0
    }
}

/// What one field may hold.
struct Kind {
    what: &'static str,
    least: u32,
    most: u32,
    /// Names of values from `least` on.
    names: &'static [&'static str],
}

const MINUTE: Kind = Kind { what: "minute", least: 0, most: 59, names: &[] };
const HOUR: Kind = Kind { what: "hour", least: 0, most: 23, names: &[] };
const DAY: Kind = Kind { what: "day of the month", least: 1, most: 31, names: &[] };
const MONTH: Kind = Kind {
    what: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 0 and 7.
const WEEKDAY: Kind =
    Kind { what: "day of the week", least: 0, most: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// The words that stand for five fields.
pub const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The most days that each month can have.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads five fields or a word.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence about the text.
    pub fn parse(text: &str) -> Result<Cron, String> {
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        let fields = match word {
            Some((_, fields)) => fields,
            None if text.starts_with('@') => return Err(no_word(&text)),
            None => text.as_str(),
        };
        let fields: Vec<&str> = fields.split(' ').collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            let count = if text.is_empty() { 0 } else { fields.len() };
            return Err(format!(
                "{} has {count} fields, not five: minute, hour, day of the month, month, day of the week",
                quoted(&text)
            ));
        };
        let mut weekday = field(&WEEKDAY, weekday)?;
        if weekday.has(7) {
            weekday.bits |= 1;
        }
        let cron = Cron {
            minute: field(&MINUTE, minute)?,
            hour: field(&HOUR, hour)?,
            day: field(&DAY, day)?,
            month: field(&MONTH, month)?,
            weekday,
            text: word.map_or(text.clone(), |(word, _)| (*word).to_owned()),
        };
        if cron.ever_comes() {
            Ok(cron)
        } else {
            Err(format!("{} never comes: none of these months has such a day", quoted(&text)))
        }
    }

    /// Whether there is a day on which it is due.
    fn ever_comes(&self) -> bool {
        let by_weekday_too = !self.day.star && !self.weekday.star;
        let mut months = (1..).zip(DAYS).filter(|(month, _)| self.month.has(*month));
        by_weekday_too || months.any(|(_, days)| (1..=days).any(|day| self.day.has(day)))
    }

    /// Whether minute and hour are both given, so that a change of local time must neither lose nor double a run. What
    /// runs every hour, or every minute of an hour, simply goes by the new time.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.minute.star && !self.hour.star
    }

    fn on_day(&self, month: u32, day: u32, weekday: u32) -> bool {
        let (by_day, by_weekday) = (self.day.has(day), self.weekday.has(weekday));
        let either = !self.day.star && !self.weekday.star;
        self.month.has(month) && if either { by_day || by_weekday } else { by_day && by_weekday }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn no_word(text: &str) -> String {
    if text.eq_ignore_ascii_case("@reboot") {
        return "\"@reboot\" is no time: give \"run_on_start: true\", or a oneshot program without a schedule"
            .to_owned();
    }
    format!("{} is not one of {}", quoted(text), WORDS.map(|(word, _)| word).join(", "))
}

/// A list of ranges.
fn field(kind: &Kind, text: &str) -> Result<Field, String> {
    let mut bits = 0;
    for part in text.split(',') {
        bits |= range(kind, part).map_err(|problem| format!("{} in {}: {problem}", quoted(part), kind.what))?;
    }
    Ok(Field { bits, star: text.starts_with('*') })
}

/// `*`, `5`, `1-5`, any but the second with a step.
fn range(kind: &Kind, text: &str) -> Result<u64, String> {
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((range, step)) => {
            (range, Some(number(step).filter(|step| *step > 0).ok_or("the step is no number from 1 on")?))
        }
    };
    let (from, to) = match range.split_once('-') {
        // Both 0 and 7 are Sunday; of a step, only one of them may count.
        _ if range == "*" => (kind.least, if kind.most == 7 { 6 } else { kind.most }),
        Some((from, to)) => {
            let (from, to) = (value(kind, from)?, value(kind, to)?);
            // "fri-sun" ends with the week.
            let sunday = kind.most == 7 && to == 0 && from > 0;
            (from, if sunday { 7 } else { to })
        }
        None if step.is_some() => {
            return Err(format!("a step needs a range or *, as in {}-{}/5", kind.least, kind.most));
        }
        None => {
            let only = value(kind, range)?;
            (only, only)
        }
    };
    if from > to {
        return Err("the range ends before it begins: write it as two, joined by a comma".to_owned());
    }
    let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
    Ok((from..=to).step_by(step).fold(0, |bits, value| bits | 1 << value))
}

fn value(kind: &Kind, text: &str) -> Result<u32, String> {
    let named = (kind.least..).zip(kind.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
    let value = named.map(|(value, _)| value).or_else(|| number(text));
    value.filter(|value| (kind.least..=kind.most).contains(value)).ok_or_else(|| {
        let names =
            if kind.names.is_empty() { String::new() } else { format!(" or a name such as {}", kind.names.join(", ")) };
        format!("it takes {} to {}{names}", kind.least, kind.most)
    })
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(field: Field) -> Vec<u32> {
        (0..64).filter(|n| field.has(*n)).collect()
    }

    #[test]
    fn fields_hold_what_they_say() {
        let minutes = |text: &str| values(Cron::parse(&format!("{text} * * * *")).unwrap().minute);
        assert_eq!(minutes("*").len(), 60);
        assert_eq!(minutes("7"), [7]);
        assert_eq!(minutes("*/20"), [0, 20, 40]);
        assert_eq!(minutes("5-9"), [5, 6, 7, 8, 9]);
        assert_eq!(minutes("10-30/10,59,0"), [0, 10, 20, 30, 59]);
        assert_eq!(minutes("*/100"), [0]);
        assert_eq!(minutes("007"), [7]);
        let months = |text: &str| values(Cron::parse(&format!("0 0 1 {text} *")).unwrap().month);
        assert_eq!(months("jan,MAR-may"), [1, 3, 4, 5]);
        assert_eq!(months("*/5"), [1, 6, 11]);
        let weekdays = |text: &str| values(Cron::parse(&format!("0 0 * * {text}")).unwrap().weekday);
        assert_eq!(weekdays("0"), [0]);
        assert_eq!(weekdays("7"), [0, 7]);
        assert_eq!(weekdays("mon-fri"), [1, 2, 3, 4, 5]);
        assert_eq!(weekdays("fri-sun"), [0, 5, 6, 7]);
        assert_eq!(weekdays("sun"), [0]);
        assert_eq!(weekdays("*/2"), [0, 2, 4, 6]);
        let hours = |text: &str| values(Cron::parse(&format!("0 {text} * * *")).unwrap().hour);
        assert_eq!(hours("22-23,0-2"), [0, 1, 2, 22, 23]);
    }

    #[test]
    fn words_are_short_for_fields() {
        for (word, fields) in WORDS {
            let (short, long) = (Cron::parse(&word.to_uppercase()).unwrap(), Cron::parse(fields).unwrap());
            assert_eq!(short.to_string(), word);
            assert_eq!(Cron { text: fields.to_owned(), ..short }, long);
        }
        assert_eq!(Cron::parse("  5  4\t* * * ").unwrap().to_string(), "5 4 * * *");
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, told) in [
            ("", "\"\" has 0 fields, not five"),
            ("* * * *", "\"* * * *\" has 4 fields, not five"),
            ("0 0 * * * *", "has 6 fields"),
            ("60 * * * *", "\"60\" in minute: it takes 0 to 59"),
            ("* 24 * * *", "\"24\" in hour: it takes 0 to 23"),
            ("* * 0 * *", "\"0\" in day of the month: it takes 1 to 31"),
            ("* * * 13 *", "\"13\" in month: it takes 1 to 12 or a name such as jan"),
            ("* * * * 8", "\"8\" in day of the week: it takes 0 to 7"),
            ("* * * * day", "or a name such as sun"),
            ("30-10 * * * *", "ends before it begins"),
            ("5/15 * * * *", "a step needs a range or *"),
            ("*/0 * * * *", "the step is no number from 1 on"),
            ("*/x * * * *", "the step is no number from 1 on"),
            ("*/99999999999 * * * *", "the step is no number from 1 on"),
            ("1,,2 * * * *", "\"\" in minute"),
            ("-1 * * * *", "\"-1\" in minute"),
            ("? * * * *", "\"?\" in minute"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 31 4,6,9,11 *", "never comes"),
            ("@reboot", "run_on_start: true"),
            ("@often", "is not one of @hourly, @daily"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        // A day that never comes does not matter if weekdays count as well.
        assert!(Cron::parse("0 0 30 2 mon").is_ok());
        assert!(Cron::parse("0 0 29 2 *").is_ok());
    }
}

//! Recorded arrival times from a CSV file.

use crate::units::{Nanos, quoted};

/// Why a trace cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Times from the first column: seconds from the begin, or RFC 3339 instants (then counted from the earliest).
/// A first line that is no time is a header. Empty lines and lines that begin with `#` are skipped.
pub(crate) fn parse_trace(text: &str) -> Result<Vec<Nanos>, TraceError> {
    let mut offsets: Vec<Nanos> = Vec::new();
    let mut instants: Vec<i128> = Vec::new();
    let mut first = true;
    for (index, line) in text.lines().enumerate() {
        let field = line.split([',', ';', '\t']).next().unwrap_or("").trim().trim_matches('"').trim();
        if field.is_empty() || field.starts_with('#') {
            continue;
        }
        let is_first = std::mem::take(&mut first);
        let parsed = parse_time(field);
        let wrong = |message: String| Err(TraceError { line: index + 1, message });
        match parsed {
            Ok(Time::Offset(_)) if !instants.is_empty() => {
                return wrong(format!("{} is an offset, but the lines above are instants", quoted(field)));
            }
            Ok(Time::Instant(_)) if !offsets.is_empty() => {
                return wrong(format!("{} is an instant, but the lines above are offsets", quoted(field)));
            }
            Ok(Time::Offset(offset)) => offsets.push(offset),
            Ok(Time::Instant(instant)) => instants.push(instant),
            Err(_)
                if is_first && field.starts_with(|c: char| c.is_alphabetic() || c == '_') && !is_not_finite(field) => {}
            Err(message) => return wrong(message),
        }
    }
    if let Some(earliest) = instants.iter().min().copied() {
        offsets = Vec::with_capacity(instants.len());
        for instant in instants {
            let offset = u64::try_from(instant - earliest).ok().filter(|n| *n <= Nanos::MAX_INPUT.0);
            match offset {
                Some(offset) => offsets.push(Nanos(offset)),
                None => {
                    return Err(TraceError { line: 1, message: "the times span more than 100 years".to_owned() });
                }
            }
        }
    }
    if offsets.is_empty() {
        return Err(TraceError { line: 1, message: "the file has no arrival in it".to_owned() });
    }
    offsets.sort_unstable();
    Ok(offsets)
}

enum Time {
    Offset(Nanos),
    Instant(i128),
}

fn is_not_finite(field: &str) -> bool {
    let lower = field.to_ascii_lowercase();
    lower == "nan" || lower == "inf" || lower == "infinity"
}

fn parse_time(field: &str) -> Result<Time, String> {
    if let Ok(seconds) = field.parse::<f64>() {
        if !seconds.is_finite() {
            return Err(format!("{} is not a finite number of seconds", quoted(field)));
        }
        if seconds < 0.0 {
            return Err(format!("{} is negative", quoted(field)));
        }
        if seconds > Nanos::MAX_INPUT.as_secs_f64() {
            return Err(format!("{} seconds are longer than 100 years", quoted(field)));
        }
        return Ok(Time::Offset(Nanos::from_secs_f64(seconds)));
    }
    instant(field).map(Time::Instant).ok_or_else(|| {
        format!("{} is neither seconds (\"12.5\") nor an RFC 3339 time (\"2026-01-31T09:00:00Z\")", quoted(field))
    })
}

/// Nanoseconds since 1970 of an RFC 3339 time with offset (`Z` or ±hh:mm).
fn instant(text: &str) -> Option<i128> {
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i128> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    if separators.iter().any(|(at, c)| bytes.get(*at) != c.first()) || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    // RFC 3339 allows the second 60 of a leap second.
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = &text[19..];
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    if rest.starts_with('.') && fraction.is_empty() {
        return None;
    }
    let mut nanos = 0i128;
    for place in 0..9 {
        nanos = nanos * 10 + fraction.as_bytes().get(place).map_or(0, |digit| i128::from(digit - b'0'));
    }
    let offset_minutes = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let two = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i128>().ok())?;
            let (hours, minutes) = (two(zone.get(1..3)?)?, two(zone.get(4..6)?)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    Some(seconds * 1_000_000_000 + nanos)
}

/// Days since 1970-01-01 of a Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn offsets_are_sorted_and_a_header_is_skipped() {
        let times = parse_trace("seconds,kind\n2.5,a\n\n# comment\n0.25,b\n").unwrap();
        assert_eq!(times, [Nanos::from_millis(250), Nanos::from_millis(2_500)]);
    }

    #[test]
    fn instants_count_from_the_earliest_whatever_their_zone() {
        let times = parse_trace("2026-03-01T00:00:00.5Z\n2026-03-01T01:00:00+01:00\n2026-02-28T23:59:59Z").unwrap();
        assert_eq!(times, [Nanos::ZERO, Nanos::from_secs(1), Nanos::from_millis(1_500)]);
    }

    #[test]
    fn dates_count_days_as_the_calendar_does() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(instant("2026-11-21T10:25:12Z"), Some(1_795_256_712_000_000_000));
    }

    #[test]
    fn errors_name_their_line() {
        assert_eq!(parse_trace("1\n2\nx\n").unwrap_err().line, 3);
        assert!(parse_trace("1\n2026-03-01T00:00:00Z").unwrap_err().message.contains("instant"));
        assert!(parse_trace("nan\n").unwrap_err().message.contains("finite"));
        assert!(parse_trace("time\n").unwrap_err().message.contains("no arrival"));
        for broken in ["1e30", "-1", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"] {
            assert!(parse_trace(&format!("0\n{broken}")).is_err(), "{broken}");
        }
    }
}

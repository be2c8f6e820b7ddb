//! Quantities and texts as TOML, in the units a reader of the profile would have chosen.

use plimsoll_profiles::units::{Bytes, Nanos};

/// A TOML basic string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text for a comment: one line, without control characters.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const UNITS: [(u64, &str); 7] = [
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];

/// A configured span, exactly: the largest unit it is a whole number of.
pub fn exact(span: Nanos) -> String {
    if span == Nanos::ZERO {
        return "0s".to_owned();
    }
    let (size, unit) = UNITS.into_iter().find(|(size, _)| span.0.is_multiple_of(*size)).unwrap_or((1, "ns"));
    format!("{}{unit}", span.0 / size)
}

/// A measured span: three significant digits, at least a microsecond.
pub fn measured(span: Nanos) -> String {
    let span = span.0.max(1_000);
    // Minutes and hours with decimals are hard to read; days are not measured in.
    let (size, unit) = UNITS[3..6].iter().copied().find(|(size, _)| span >= *size).unwrap_or((1_000, "us"));
    let value = span as f64 / size as f64;
    let digits = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A size, exactly.
pub fn size(bytes: Bytes) -> String {
    for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes.0 >= factor && bytes.0.is_multiple_of(factor) {
            return format!("{}{unit}", bytes.0 / factor);
        }
    }
    format!("{}B", bytes.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_spans_are_exact_and_measured_ones_have_three_digits() {
        assert_eq!(exact(Nanos::from_secs(90)), "90s");
        assert_eq!(exact(Nanos::from_millis(1_250)), "1250ms");
        assert_eq!(exact(Nanos::from_secs(7_200)), "2h");
        assert_eq!(measured(Nanos(5_854_277)), "5.85ms");
        assert_eq!(measured(Nanos(1_207_182_000)), "1.21s");
        assert_eq!(measured(Nanos(3_000_000_000)), "3s");
        assert_eq!(measured(Nanos(100_000_000_000)), "100s");
        assert_eq!(measured(Nanos(120)), "1us");
        assert_eq!(measured(Nanos(999_999)), "1000us");
    }

    #[test]
    fn names_with_quotes_and_control_characters_stay_one_string() {
        assert_eq!(quoted("a\"b\\c\nd\u{7}"), "\"a\\\"b\\\\c\\nd\\u0007\"");
        assert_eq!(one_line("a\nb"), "a b");
    }
}

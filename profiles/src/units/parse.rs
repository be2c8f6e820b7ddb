//! Text to quantities. Every quantity carries its unit; a bare number is an error that says so.

use std::str::FromStr;

use super::{Bytes, Cores, Nanos, Probability, Rate};

/// Why a text is not a quantity, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; expected {expected}")]
pub struct UnitError {
    /// What is wrong with the text.
    pub reason: String,
    /// What a right text looks like.
    pub expected: &'static str,
}

/// What kind of quantity a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Duration,
    Size,
    Rate,
    Cores,
    Percentage,
}

/// A quantity whose kind is known only from its text: how `{ low, mid, high }` is put in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity {
    pub kind: Kind,
    pub value: f64,
}

impl Quantity {
    /// The quantity that `text` spells, if it spells one.
    pub fn read(text: &str) -> Option<Self> {
        let quantity = |kind, value| Some(Quantity { kind, value });
        if let Ok(rate) = text.parse::<Rate>() {
            return quantity(Kind::Rate, rate.as_per_second());
        }
        if text.trim_end().ends_with('%') {
            return text.parse::<Probability>().ok().and_then(|p| quantity(Kind::Percentage, p.get()));
        }
        if let Ok(bytes) = text.parse::<Bytes>() {
            return quantity(Kind::Size, bytes.0 as f64);
        }
        if let Ok(nanos) = text.parse::<Nanos>() {
            return quantity(Kind::Duration, nanos.0 as f64);
        }
        text.parse::<Cores>().ok().and_then(|cores| quantity(Kind::Cores, cores.get()))
    }
}

pub(crate) const DURATION: &str = "a duration with unit, e.g. \"250ms\", \"1.5s\", \"1h30m\" or \"30d\"";
pub(crate) const SIZE: &str = "a size with unit, e.g. \"512B\", \"64MiB\" or \"2GB\"";
pub(crate) const RATE: &str = "a rate with unit, e.g. \"120/s\", \"20/min\" or \"1M/day\"";
pub(crate) const CORES: &str = "a number of cores, e.g. 2, 0.5 or \"250m\" (thousandths, as in Kubernetes)";
pub(crate) const PROBABILITY: &str = "a probability from 0 to 1, e.g. 0.01 or \"1%\"";

/// `mo` is a twelfth of a year of 365 days, so that 12 months are one year.
const DURATION_UNITS: [(&str, u64); 18] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("sec", SECOND),
    ("m", 60 * SECOND),
    ("min", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("hour", 3_600 * SECOND),
    ("hours", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
    ("day", 86_400 * SECOND),
    ("days", 86_400 * SECOND),
    ("w", 7 * 86_400 * SECOND),
    ("mo", 2_628_000 * SECOND),
    ("y", 365 * 86_400 * SECOND),
];
const SECOND: u64 = 1_000_000_000;

/// `Ki`, `Mi`, `Gi` are Kubernetes' spelling of the binary units.
const SIZE_UNITS: [(&str, u64); 17] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];

/// A decimal number without sign or exponent, and what follows it.
struct Number<'a> {
    whole: &'a str,
    fraction: &'a str,
    rest: &'a str,
}

impl<'a> Number<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = text.split_at(digits(text));
        if whole.is_empty() {
            return None;
        }
        match rest.strip_prefix('.') {
            Some(after) if digits(after) > 0 => {
                let (fraction, rest) = after.split_at(digits(after));
                Some(Number { whole, fraction, rest })
            }
            _ => Some(Number { whole, fraction: "", rest }),
        }
    }

    /// The number times `unit`, rounded to the nearest whole; `None` with more than 20 digits before the point.
    fn times(&self, unit: u64) -> Option<u128> {
        let whole = self.whole.trim_start_matches('0');
        if whole.len() > 20 {
            return None;
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        // Digits past the 18th are below any unit's resolution.
        let fraction = &self.fraction[..self.fraction.len().min(18)];
        let scale = 10u128.pow(fraction.len() as u32);
        let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        Some(whole * u128::from(unit) + (part * u128::from(unit) + scale / 2) / scale)
    }

    fn as_f64(&self) -> Option<f64> {
        format!("{}.{}", self.whole, if self.fraction.is_empty() { "0" } else { self.fraction }).parse().ok()
    }
}

/// The text as it appears in a message: quoted, and cut when long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(LONGEST).collect();
    format!("{cut:?}…")
}

fn wrong(reason: impl Into<String>, expected: &'static str) -> UnitError {
    UnitError { reason: reason.into(), expected }
}

/// Errors that every quantity shares: nothing there, a sign, no number, not a number.
fn common(text: &str, expected: &'static str) -> Result<(), UnitError> {
    if text.is_empty() {
        return Err(wrong("the text is empty", expected));
    }
    if text.starts_with(['-', '−']) {
        return Err(wrong(format!("{} is negative", quoted(text)), expected));
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("nan") || lower.starts_with("inf") || lower.starts_with("+inf") {
        return Err(wrong(format!("{} is not a finite number", quoted(text)), expected));
    }
    if Number::split(text).is_none() {
        return Err(wrong(format!("{} does not begin with a number", quoted(text)), expected));
    }
    Ok(())
}

fn unknown_unit(
    text: &str,
    unit: &str,
    known: impl Iterator<Item = &'static str>,
    expected: &'static str,
) -> UnitError {
    if unit.is_empty() {
        return wrong(format!("{} has no unit", quoted(text)), expected);
    }
    let hint = crate::problems::nearest(unit, known).map(|near| format!(" (nearest: {near:?})")).unwrap_or_default();
    wrong(format!("{} has the unknown unit {}{hint}", quoted(text), quoted(unit)), expected)
}

impl FromStr for Nanos {
    type Err = UnitError;

    /// One or more numbers, each with its unit, longest first: `250ms`, `1.5s`, `1h30m`, `18mo`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        common(text, DURATION)?;
        let mut rest = text;
        let mut total = 0u128;
        let mut previous = u64::MAX;
        while !rest.is_empty() {
            let Some(number) = Number::split(rest) else {
                return Err(wrong(format!("{} does not begin with a number", quoted(rest)), DURATION));
            };
            let after = number.rest.trim_start();
            let end = after.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(after.len());
            let (unit, next) = after.split_at(end);
            let Some((_, size)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(unknown_unit(text, unit, DURATION_UNITS.iter().map(|(n, _)| *n), DURATION));
            };
            if *size >= previous {
                return Err(wrong(format!("{} names its units in the wrong order", quoted(text)), DURATION));
            }
            previous = *size;
            total = number.times(*size).and_then(|part| total.checked_add(part)).unwrap_or(u128::MAX);
            if total > u128::from(Nanos::MAX_INPUT.0) {
                return Err(wrong(format!("{} is longer than 100 years", quoted(text)), DURATION));
            }
            rest = next.trim_start();
        }
        Ok(Nanos(total as u64))
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// A number and a decimal (`MB`) or binary (`MiB`, `Mi`) unit.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        common(text, SIZE)?;
        let number = Number::split(text).ok_or_else(|| wrong("no number", SIZE))?;
        let unit = number.rest.trim();
        let Some((_, size)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(text, unit, SIZE_UNITS.iter().map(|(n, _)| *n), SIZE));
        };
        match number.times(*size) {
            Some(bytes) if bytes <= u128::from(Bytes::MAX_INPUT.0) => Ok(Bytes(bytes as u64)),
            _ => Err(wrong(format!("{} is larger than 1 EiB", quoted(text)), SIZE)),
        }
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    /// A number, with `k`, `M` or `G` for thousands, millions and thousands of millions, per unit of time.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        common(text, RATE)?;
        let number = Number::split(text).ok_or_else(|| wrong("no number", RATE))?;
        let Some((multiple, unit)) = number.rest.split_once('/') else {
            return Err(wrong(format!("{} does not say per what", quoted(text)), RATE));
        };
        let factor = match multiple.trim() {
            "" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            other => return Err(unknown_unit(text, other, ["k", "M", "G"].into_iter(), RATE)),
        };
        let unit = unit.trim();
        let Some((_, size)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(text, unit, DURATION_UNITS.iter().map(|(n, _)| *n), RATE));
        };
        let value = number.as_f64().unwrap_or(f64::INFINITY) * factor / (*size as f64 / SECOND as f64);
        if value.is_nan() || value > Rate::MAX_INPUT {
            return Err(wrong(format!("{} is more than 1G/s", quoted(text)), RATE));
        }
        Ok(Rate::per_second(value))
    }
}

impl FromStr for Cores {
    type Err = UnitError;

    /// A number, or thousandths with `m`: `0.5` and `500m` are the same.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        common(text, CORES)?;
        let number = Number::split(text).ok_or_else(|| wrong("no number", CORES))?;
        let divisor = match number.rest.trim() {
            "" => 1.0,
            "m" => 1_000.0,
            other => return Err(wrong(format!("{} has the unknown unit {}", quoted(text), quoted(other)), CORES)),
        };
        Cores::checked(number.as_f64().unwrap_or(f64::INFINITY) / divisor)
            .ok_or_else(|| wrong(format!("{} is more than a million cores", quoted(text)), CORES))
    }
}

impl FromStr for Probability {
    type Err = UnitError;

    /// A number from 0 to 1, or a percentage.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        common(text, PROBABILITY)?;
        let number = Number::split(text).ok_or_else(|| wrong("no number", PROBABILITY))?;
        let value = number.as_f64().unwrap_or(f64::INFINITY);
        let value = match number.rest.trim() {
            "" => value,
            "%" => value / 100.0,
            other => {
                let reason = format!("{} has the unknown unit {}", quoted(text), quoted(other));
                return Err(wrong(reason, PROBABILITY));
            }
        };
        Probability::checked(value).ok_or_else(|| wrong(format!("{} is more than 1", quoted(text)), PROBABILITY))
    }
}

impl Cores {
    /// A number of cores, if it is one a profile may hold.
    pub fn checked(value: f64) -> Option<Self> {
        (value.is_finite() && (0.0..=Cores::MAX_INPUT).contains(&value)).then(|| Cores::new(value))
    }
}

impl Probability {
    /// A probability, if the number is from 0 to 1.
    pub fn checked(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then(|| Probability::new(value))
    }
}

//! Quantities as text that parses back to the same value, and durations rounded for readers.

use std::fmt;

use super::{Bytes, Cores, Nanos, Probability, Rate};

/// Units in which a whole number is written, longest first.
const WHOLE: [(u64, &str); 7] = [
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];

impl fmt::Display for Nanos {
    /// Exact: parses back to the same span. For readers see [`Nanos::brief`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let whole = WHOLE.into_iter().find(|(size, _)| self.0.is_multiple_of(*size)).unwrap_or((1, "ns"));
        // A decimal fraction is shorter than a large whole number, and exact below one day's units.
        let decimal = WHOLE[3..].iter().copied().find(|(size, _)| self.0 >= *size).unwrap_or((1, "ns"));
        let text = if self.0 / whole.0 < 1_000 || whole.0 >= decimal.0 {
            format!("{}{}", self.0 / whole.0, whole.1)
        } else {
            let digits = decimal.0.ilog10() as usize;
            let fraction = format!("{:0digits$}", self.0 % decimal.0);
            format!("{}.{}{}", self.0 / decimal.0, fraction.trim_end_matches('0'), decimal.1)
        };
        f.pad(&text)
    }
}

/// A span rounded to three digits at most; made by [`Nanos::brief`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief(pub(super) Nanos);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.0;
        if nanos == 0 {
            return f.pad("0s");
        }
        let (size, name) = WHOLE.into_iter().find(|(size, _)| nanos >= *size).unwrap_or((1, "ns"));
        let value = nanos as f64 / size as f64;
        let digits = match value {
            v if v >= 100.0 || v.fract() == 0.0 => 0,
            v if v >= 10.0 => 1,
            _ => 2,
        };
        f.pad(&format!("{value:.digits$}{name}"))
    }
}

impl fmt::Display for Bytes {
    /// Exact: the largest binary unit that divides the size, else bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 6] = [
            (1 << 60, "EiB"),
            (1 << 50, "PiB"),
            (1 << 40, "TiB"),
            (1 << 30, "GiB"),
            (1 << 20, "MiB"),
            (1 << 10, "KiB"),
        ];
        let (size, name) = match self.0 {
            0 => (1, "B"),
            n => UNITS.into_iter().find(|(size, _)| n.is_multiple_of(*size)).unwrap_or((1, "B")),
        };
        f.pad(&format!("{}{name}", self.0 / size))
    }
}

impl fmt::Display for Rate {
    /// Events per second with the fewest digits that parse back to the same rate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", self.as_per_second()))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.get().to_string())
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.get().to_string())
    }
}

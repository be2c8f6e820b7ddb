//! Numbers as people read them, the same in text, HTML and tooltips.
//!
//! The documents hold plain JSON numbers whose key names carry the unit, so each function here is named by the unit
//! it reads. Memory is written in binary units (GiB: what Kubernetes requests are written in), disk and network in
//! decimal ones (GB, TB: what volumes are sold in). A non-breaking space never appears, so that text can be searched.

/// What is shown where a number is missing or not finite.
pub const MISSING: &str = "–";

/// A span given in seconds: `850 µs`, `61 ms`, `1.9 s`, `2.5 min`, `3 h`, `18 d`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    const UNITS: [(f64, &str); 7] =
        [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
    if value == 0.0 {
        return "0 s".into();
    }
    let size = value.abs();
    // Minutes, hours and days only from two of them on: 90 s is easier to compare with 45 s than 1.5 min is.
    // The small margins keep a value that rounds up to the next unit from being written as 1000 ms.
    let fits = |unit: f64| if unit >= 60.0 { size >= 2.0 * unit } else { size >= 0.9995 * unit };
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| fits(*unit)).unwrap_or((1e-9, "ns"));
    format!("{} {name}", short(value / unit))
}

/// Memory in bytes, binary units: `512 MiB`, `2 GiB`.
pub fn memory(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Disk or network bytes, decimal units: `310 GB`, `1.1 TB`.
pub fn storage(bytes: f64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes per second, decimal units: `12 MB/s`.
pub fn throughput(bytes_per_second: f64) -> String {
    if !bytes_per_second.is_finite() {
        return MISSING.into();
    }
    format!("{}/s", storage(bytes_per_second))
}

/// Events per second: `180/s`, `0.25/s`, `1,200/s`.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        return MISSING.into();
    }
    format!("{}/s", quantity(per_second))
}

/// A share from 0 to 1: `82 %`, `0.4 %`.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return MISSING.into();
    }
    let value = share * 100.0;
    if value != 0.0 && value.abs() < 0.95 {
        return format!("{} %", significant(value, 1));
    }
    format!("{} %", grouped(value.round()))
}

/// A signed relative difference: `+12 %`, `−3.5 %`, `0 %`.
pub fn difference(share: f64) -> String {
    if !share.is_finite() {
        return MISSING.into();
    }
    let value = share * 100.0;
    let digits = if value.abs() < 9.95 { format!("{:.1}", value.abs()) } else { grouped(value.abs().round()) };
    let digits = digits.strip_suffix(".0").unwrap_or(&digits).to_string();
    if digits == "0" {
        return "0 %".into();
    }
    format!("{}{digits} %", if value < 0.0 { "−" } else { "+" })
}

/// A ratio: `3.1×`, `40×`.
pub fn times(ratio: f64) -> String {
    if !ratio.is_finite() {
        return MISSING.into();
    }
    format!("{}×", short(ratio))
}

/// A whole number with thousands separators: `1,024`.
pub fn count(value: u64) -> String {
    group_digits(&value.to_string())
}

/// A large count in few letters: `950`, `12.4 M`, `3.1 G`.
pub fn large_count(value: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e12, "T"), (1e9, "G"), (1e6, "M")];
    let value_f64 = value as f64;
    for (unit, name) in UNITS {
        if value_f64 >= unit {
            return format!("{:.1} {name}", value_f64 / unit);
        }
    }
    count(value)
}

/// A plain number with up to three significant digits, thousands separated: `0.25`, `2.5`, `41`, `5,600`.
pub fn quantity(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    if value == 0.0 {
        return "0".into();
    }
    if value.abs() >= 99.95 {
        return grouped(value.round());
    }
    if value.abs() >= 9.995 {
        return trim_zeros(format!("{value:.1}"));
    }
    significant(value, 3)
}

/// A quantile as `p50`, `p99`, `p99.9`.
pub fn quantile(q: f64) -> String {
    format!("p{}", trim_zeros(format!("{:.4}", q * 100.0)))
}

/// Two significant digits below ten, whole above; the integer part is grouped.
fn short(value: f64) -> String {
    if value.abs() >= 9.95 {
        return grouped(value.round());
    }
    trim_zeros(format!("{value:.1}"))
}

/// `digits` significant digits of a value other than 0, without trailing zeros and without an exponent.
fn significant(value: f64, digits: i32) -> String {
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (digits - 1 - magnitude).clamp(0, 12) as usize;
    trim_zeros(format!("{value:.decimals$}"))
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    if !value.is_finite() {
        return MISSING.into();
    }
    let mut size = value;
    let mut step = 0;
    while size.abs() >= base * 0.9995 && step + 1 < units.len() {
        size /= base;
        step += 1;
    }
    let digits = if step == 0 { grouped(size.round()) } else { short(size) };
    format!("{digits} {}", units[step])
}

fn trim_zeros(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let sign = if value < 0.0 && digits != "0" { "−" } else { "" };
    format!("{sign}{}", group_digits(&digits))
}

fn group_digits(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_a_person_would() {
        for (value, text) in [
            (0.0, "0 s"),
            (4e-8, "40 ns"),
            (0.00085, "850 µs"),
            (0.061, "61 ms"),
            (0.0018, "1.8 ms"),
            (0.99996, "1 s"),
            (1.9, "1.9 s"),
            (90.0, "90 s"),
            (150.0, "2.5 min"),
            (10_800.0, "3 h"),
            (1_555_200.0, "18 d"),
            (f64::NAN, MISSING),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
    }

    #[test]
    fn memory_is_binary_and_storage_is_decimal() {
        assert_eq!(memory(2.0 * 1024.0 * 1024.0 * 1024.0), "2 GiB");
        assert_eq!(memory(536_870_912.0), "512 MiB");
        assert_eq!(storage(1.1e12), "1.1 TB");
        assert_eq!(storage(310e9), "310 GB");
        assert_eq!(storage(999.0), "999 B");
        assert_eq!(storage(999_950.0), "1 MB");
        assert_eq!(throughput(12e6), "12 MB/s");
    }

    #[test]
    fn counts_and_rates_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_024), "1,024");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(large_count(12_412_000), "12.4 M");
        assert_eq!(rate(5_600.0), "5,600/s");
        assert_eq!(rate(0.25), "0.25/s");
        assert_eq!(rate(41.27), "41.3/s");
        assert_eq!(quantity(-1_500.0), "−1,500");
    }

    #[test]
    fn shares_and_differences_keep_their_sign_and_small_values() {
        assert_eq!(percent(0.82), "82 %");
        assert_eq!(percent(0.004), "0.4 %");
        assert_eq!(difference(0.12), "+12 %");
        assert_eq!(difference(-0.035), "−3.5 %");
        assert_eq!(difference(0.0001), "0 %");
        assert_eq!(times(3.12), "3.1×");
        assert_eq!(quantile(0.5), "p50");
        assert_eq!(quantile(0.999), "p99.9");
    }
}

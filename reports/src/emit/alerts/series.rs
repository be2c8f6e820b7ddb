//! Series for promtool, and numbers as PromQL has them.

use super::{Case, Series};

/// Values of a fast series: one a minute, 60 in all; a slow one has one an hour.
const VALUES: u32 = 60;

/// A number without needless digits.
pub(in crate::emit) fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A label's value as PromQL has it.
pub(super) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Always the same.
pub(super) fn constant(series: impl Into<String>, value: f64) -> Series {
    Series { series: series.into(), values: format!("{}+0x{VALUES}", number(value)), slow: false }
}

/// A counter that grows by so much a second.
pub(super) fn counter(series: impl Into<String>, per_second: f64) -> Series {
    Series { series: series.into(), values: format!("0+{}x{VALUES}", number(per_second * 60.0)), slow: false }
}

/// A value that begins at `from` and grows by so much an hour.
pub(super) fn hourly(series: impl Into<String>, from: f64, per_hour: f64) -> Series {
    Series { series: series.into(), values: format!("{}+{}x{VALUES}", number(from), number(per_hour)), slow: true }
}

/// Nothing to see.
pub(super) fn quiet(series: Vec<Series>) -> Case {
    Case { series, value: 0.0, labels: Vec::new() }
}

/// A histogram in which every observation lies above `limit`, and the quantile that is then read from it; both in its unit. The upper bound is
/// such that the quantile, divided by `unit`, is not halfway between two thousandths: promtool compares text.
pub(super) fn late(name: &str, labels: &str, limit: f64, quantile: f64, unit: f64) -> (Vec<Series>, f64) {
    let read = |upper: f64| (limit + (upper - limit) * quantile) / unit;
    let clear = |upper: &f64| ((read(*upper) * 1_000.0).fract() - 0.5).abs() > 0.1;
    let upper = (20..100).map(|tenths| limit * f64::from(tenths) / 10.0).find(clear).unwrap_or(limit * 2.0);
    (buckets(name, labels, [(limit, 0.0), (upper, 2.0)]), read(upper))
}

/// A histogram in which every observation lies below `limit`.
pub(super) fn in_time(name: &str, labels: &str, limit: f64) -> Vec<Series> {
    buckets(name, labels, [(limit / 2.0, 2.0), (limit, 2.0)])
}

fn buckets(name: &str, labels: &str, bounds: [(f64, f64); 2]) -> Vec<Series> {
    let separator = if labels.is_empty() { "" } else { "," };
    let bucket = |le: String, rate| counter(format!("{name}_bucket{{{labels}{separator}le=\"{le}\"}}"), rate);
    let [(_, _), (_, all)] = bounds;
    let mut series: Vec<Series> = bounds.iter().map(|(le, rate)| bucket(number(*le), *rate)).collect();
    series.push(bucket("+Inf".to_owned(), all));
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_short() {
        assert_eq!(
            [number(0.0), number(-0.0), number(100.0), number(0.25), number(1.1e12)],
            ["0", "0", "100", "0.25", "1100000000000"]
        );
    }

    #[test]
    fn the_quantile_of_a_late_histogram_is_far_from_a_rounding_edge() {
        for limit in [0.2, 0.25, 0.5, 1.0, 0.05, 3.0] {
            for quantile in [0.5, 0.95, 0.99, 0.999] {
                let (_, value) = late("m", "", limit, quantile, 1.0);
                assert!(value > limit && ((value * 1_000.0).fract() - 0.5).abs() > 0.1, "{limit} {quantile} {value}");
            }
        }
    }
}

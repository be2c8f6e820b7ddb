//! The charts of a comparison: percentile curves, distribution functions and Q-Q plots per latency, and resources over time.

use maud::{Markup, html};

use super::named_percentiles;
use super::parts::{Cell, Figure, figure, table};
use crate::chart::{self, HALF, NARROW, Role};
use crate::compare::{MetricComparison, SeriesComparison};
use crate::number;
use crate::wording;

/// Latencies drawn at once; the others are a click away.
const SHOWN_LATENCIES: usize = 4;
/// Resources drawn at once.
const SHOWN_SERIES: usize = 4;

/// Three plots per latency.
pub fn latencies(metrics: &[MetricComparison], names: &[String; 2]) -> Markup {
    let (shown, more) = metrics.split_at(metrics.len().min(SHOWN_LATENCIES));
    html! {
        @for (index, metric) in shown.iter().enumerate() { (triple(metric, index, names)) }
        @if !more.is_empty() {
            details class="more" {
                summary { (format!("{} more latencies", more.len())) }
                @for (index, metric) in more.iter().enumerate() { (triple(metric, SHOWN_LATENCIES + index, names)) }
            }
        }
    }
}

fn triple(metric: &MetricComparison, index: usize, names: &[String; 2]) -> Markup {
    html! {
        div class="triple" {
            (curves(metric, index, names))
            @if metric.pairs.len() > 1 {
                (distributions(metric, index, names))
                (quantiles_against(metric, index, names))
            }
        }
    }
}

/// "the first run", "the simulated run".
fn the(name: &str) -> String {
    format!("the {name} run")
}

fn legend(names: &[String; 2]) -> Vec<(Role, String)> {
    vec![(Role::Series(0), names[0].clone()), (Role::Series(1), names[1].clone())]
}

fn curves(metric: &MetricComparison, index: usize, names: &[String; 2]) -> Markup {
    let distance = number::percent(metric.wasserstein_relative);
    let mut finding = format!("On average a sample moves by {distance} of the mean");
    if let Some(gap) = metric.largest_gap {
        let at = number::quantile(gap.quantile);
        finding.push_str(&format!("; the two are furthest apart at {at}, {}", number::difference(gap.relative)));
    }
    let title = wording::capital(&wording::metric(&metric.metric));
    let both = [&metric.curve_a, &metric.curve_b];
    let id = format!("metric-{index}");
    named_percentiles(&id, &title, wording::sentence(&finding), legend(names), &both, &[], NARROW)
}

fn distributions(metric: &MetricComparison, index: usize, names: &[String; 2]) -> Markup {
    let series = [
        metric.pairs.iter().map(|pair| (pair.a, pair.quantile)).collect::<Vec<_>>(),
        metric.pairs.iter().map(|pair| (pair.b, pair.quantile)).collect(),
    ];
    let title = format!("{}, distribution", wording::capital(&wording::metric(&metric.metric)));
    figure(Figure {
        id: &format!("distribution-{index}"),
        title: &title,
        finding: distribution_finding(metric, names),
        legend: legend(names),
        shape: NARROW,
        draw: &|shape| chart::distributions(&series, shape),
        numbers: pairs_table(&title, metric, names),
    })
}

/// What share of the second run is as fast as half of the first.
fn distribution_finding(metric: &MetricComparison, names: &[String; 2]) -> String {
    let Some(half) = metric.pairs.iter().find(|pair| pair.quantile >= 0.5) else { return String::new() };
    let share = metric.pairs.iter().filter(|pair| pair.b <= half.a).map(|pair| pair.quantile).fold(0.0, f64::max);
    format!(
        "Half of {} is done within {}, of {} {}.",
        the(&names[0]),
        number::seconds(half.a),
        the(&names[1]),
        number::percent(share)
    )
}

fn quantiles_against(metric: &MetricComparison, index: usize, names: &[String; 2]) -> Markup {
    let points: Vec<(f64, f64, f64)> = metric.pairs.iter().map(|pair| (pair.quantile, pair.a, pair.b)).collect();
    let title = format!("{}, Q-Q", wording::capital(&wording::metric(&metric.metric)));
    figure(Figure {
        id: &format!("qq-{index}"),
        title: &title,
        finding: against_finding(metric, names),
        legend: vec![
            (Role::Axis, "equal".into()),
            (Role::Series(1), format!("{} (up) against {} (across)", names[1], names[0])),
        ],
        shape: NARROW,
        draw: &|shape| chart::quantiles_against(&points, shape),
        numbers: pairs_table(&title, metric, names),
    })
}

/// Above, below, across or on the diagonal.
fn against_finding(metric: &MetricComparison, names: &[String; 2]) -> String {
    /// Quantiles closer than this are equal to the eye.
    const EQUAL: f64 = 0.02;
    let ratios: Vec<f64> = metric.pairs.iter().filter(|pair| pair.a > 0.0).map(|pair| pair.b / pair.a).collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    let second = the(&names[1]);
    let between = format!("{} to {}", number::difference(low - 1.0), number::difference(high - 1.0));
    if low > 1.0 - EQUAL && high < 1.0 + EQUAL {
        return "On the diagonal: the same distribution.".into();
    }
    if high / low < 1.0 + 2.0 * EQUAL {
        let apart = number::difference((low + high) / 2.0 - 1.0);
        return format!("Beside the diagonal all along: {second} has the same shape, {apart}.");
    }
    if low >= 1.0 {
        return format!("{} is slower at every quantile, {between}. Marked: p50, p90, p99.", wording::capital(&second));
    }
    if high <= 1.0 {
        return format!("{} is faster at every quantile, {between}. Marked: p50, p90, p99.", wording::capital(&second));
    }
    format!("The two cross: {second} lies {between} from the diagonal. Marked: p50, p90, p99.")
}

fn pairs_table(title: &str, metric: &MetricComparison, names: &[String; 2]) -> Markup {
    const SHOWN: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
    let pairs = metric.pairs.iter().filter(|pair| SHOWN.iter().any(|q| (q - pair.quantile).abs() < 1e-9));
    let rows = pairs.map(|pair| {
        vec![
            Cell::Text(number::quantile(pair.quantile)),
            Cell::Main(number::seconds(pair.a)),
            Cell::Main(number::seconds(pair.b)),
            Cell::Number(if pair.a > 0.0 { number::difference(pair.b / pair.a - 1.0) } else { number::MISSING.into() }),
        ]
    });
    table(title, "", &["", &names[0], &names[1], "difference"], rows.collect())
}

/// Resources over time, those furthest apart first.
pub fn series(series: &[SeriesComparison], names: &[String; 2]) -> Markup {
    let mut sorted: Vec<&SeriesComparison> = series.iter().filter(|series| !is_nothing(series)).collect();
    let gap = |series: &SeriesComparison| series.mean_gap.unwrap_or(f64::INFINITY);
    sorted.sort_by(|a, b| gap(b).total_cmp(&gap(a)).then_with(|| a.name.cmp(&b.name)));
    let (shown, more) = sorted.split_at(sorted.len().min(SHOWN_SERIES));
    let pairs = |list: &[&SeriesComparison], first: usize| {
        html! {
            @for (row, pair) in list.chunks(2).enumerate() {
                div class="pair" {
                    @for (index, series) in pair.iter().enumerate() { (over_time(series, first + 2 * row + index, names)) }
                }
            }
        }
    };
    html! {
        @if !sorted.is_empty() {
            h2 { "Over time" }
            p class="lead" { "From the begin of each run's measured window; the resources furthest apart first." }
            (pairs(shown, 0))
            @if !more.is_empty() {
                details class="more" { summary { (format!("{} more resources", more.len())) } (pairs(more, SHOWN_SERIES)) }
            }
        }
    }
}

fn is_nothing(series: &SeriesComparison) -> bool {
    series.points.iter().all(|point| point.a == 0.0 && point.b == 0.0)
}

fn over_time(series: &SeriesComparison, index: usize, names: &[String; 2]) -> Markup {
    let lines = [
        series.points.iter().map(|point| (point.seconds, point.a)).collect::<Vec<_>>(),
        series.points.iter().map(|point| (point.seconds, point.b)).collect(),
    ];
    let title = wording::capital(&wording::column(&series.name));
    let growth = |value: f64| {
        if value == 0.0 { "0".into() } else { format!("{} per second", wording::with_unit(value, &series.unit)) }
    };
    let rows = vec![
        vec![
            Cell::Text("apart at any one time".into()),
            Cell::Main(series.mean_gap.map_or_else(|| number::MISSING.into(), number::percent)),
        ],
        vec![
            Cell::Text("correlation".into()),
            Cell::Main(
                series
                    .correlation
                    .map_or_else(|| number::MISSING.into(), |r| number::quantity((r * 100.0).round() / 100.0)),
            ),
        ],
        vec![Cell::Text(format!("growth, {}", names[0])), Cell::Main(growth(series.growth_a))],
        vec![Cell::Text(format!("growth, {}", names[1])), Cell::Main(growth(series.growth_b))],
    ];
    figure(Figure {
        id: &format!("series-{index}"),
        title: &title,
        finding: series_finding(series),
        legend: legend(names),
        shape: HALF,
        draw: &|shape| chart::time(&lines, &|value| wording::tick(value, &series.unit), false, shape),
        numbers: table(&title, "", &["", "both"], rows),
    })
}

fn series_finding(series: &SeriesComparison) -> String {
    let number = series.points.len().max(1) as f64;
    let mean_a = series.points.iter().map(|point| point.a).sum::<f64>() / number;
    let mean_b = series.points.iter().map(|point| point.b).sum::<f64>() / number;
    let mut text =
        format!("Mean {} and {}", wording::with_unit(mean_a, &series.unit), wording::with_unit(mean_b, &series.unit));
    if let Some(gap) = series.mean_gap {
        text.push_str(&format!("; at any one time {} apart", number::percent(gap)));
    }
    if let Some(correlation) = series.correlation {
        text.push_str(&format!("; correlation {}", number::quantity((correlation * 100.0).round() / 100.0)));
    }
    wording::sentence(&text)
}

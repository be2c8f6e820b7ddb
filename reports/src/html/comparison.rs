//! A comparison as a page.

use maud::{Markup, html};

use super::named_percentiles;
use super::parts::{Cell, State, notes, page, table, tile, verdict};
use crate::chart::{HALF, Role};
use crate::compare::{Comparison, Difference, MetricComparison, QuantityGroup};
use crate::number;
use crate::text::{judgement, relative};
use crate::wording;

/// A comparison as one offline HTML page.
pub fn comparison(document: &Comparison) -> String {
    let names = names(document);
    let metrics: Vec<&MetricComparison> = document.metrics.iter().collect();
    let groups =
        [QuantityGroup::Throughput, QuantityGroup::PerWorkflow, QuantityGroup::Utilisation, QuantityGroup::Resource];
    let body = html! {
        (banner(document))
        (notes(&remarks(document)))
        h2 { "Latency, quantile by quantile" }
        p class="lead" {
            "A difference counts if it is beyond the tolerance and the two 95 % intervals do not overlap; otherwise it may be chance."
        }
        div class="card" { (quantiles(document, &names)) }
        @for (row, pair) in metrics.chunks(2).enumerate() {
            div class="pair" { @for (index, metric) in pair.iter().enumerate() { (curves(metric, 2 * row + index, &names)) } }
        }
        h2 { "Everything else" }
        p class="lead" { "Numbers without an interval are judged by their tolerance alone." }
        @for group in groups { (quantities(document, group, &names)) }
    };
    let title = if document.within { "Within tolerance" } else { "Outside tolerance" };
    page(title, "comparison", "comparison.json", document, &body)
}

/// What the two runs are called: by their kind where it differs, else by their order.
fn names(document: &Comparison) -> [String; 2] {
    if document.a.kind == document.b.kind {
        ["first".into(), "second".into()]
    } else {
        [document.a.word().into(), document.b.word().into()]
    }
}

fn banner(document: &Comparison) -> Markup {
    let (state, word) =
        if document.within { (State::Good, "Within tolerance") } else { (State::Bad, "Outside tolerance") };
    let sentence = document.verdict_text.split_once(": ").map_or(document.verdict_text.as_str(), |(_, rest)| rest);
    let worst = |values: &mut dyn Iterator<Item = (String, f64)>| values.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let mut medians = document.metrics.iter().filter_map(|metric| quantile_gap(metric, 0.5));
    let mut tails = document.metrics.iter().filter_map(|metric| quantile_gap(metric, 0.99));
    let mut distances = document.metrics.iter().map(|metric| (metric.metric.clone(), metric.wasserstein_relative));
    let mut tiles = Vec::new();
    for (name, found) in
        [("Largest p50 difference", worst(&mut medians)), ("Largest p99 difference", worst(&mut tails))]
    {
        if let Some((metric, gap)) = found {
            tiles.push(tile(name, number::difference(gap), wording::metric(&metric)));
        }
    }
    if let Some((metric, distance)) = worst(&mut distances) {
        tiles.push(tile(
            "Distance of the distributions",
            number::percent(distance),
            format!("of the mean, {}", wording::metric(&metric)),
        ));
    }
    let (a, b) = (&document.a, &document.b);
    let about = format!(
        "{} (seed {}) against {} (seed {}) · {} on {}",
        b.word(),
        b.seed,
        a.word(),
        a.seed,
        a.profile,
        a.cluster
    );
    verdict(state, word, &wording::capital(sentence), &about, &tiles)
}

fn quantile_gap(metric: &MetricComparison, quantile: f64) -> Option<(String, f64)> {
    let found = metric.quantiles.iter().find(|q| q.quantile == quantile)?;
    Some((metric.metric.clone(), found.difference.relative?))
}

fn remarks(document: &Comparison) -> Vec<String> {
    let mut remarks = document.notes.clone();
    for (which, only) in [("first", &document.only_in_a), ("second", &document.only_in_b)] {
        if !only.is_empty() {
            remarks.push(format!("Only in the {which} run: {}.", only.join(", ")));
        }
    }
    remarks.iter().map(|remark| wording::capital(&wording::sentence(remark))).collect()
}

fn judged(difference: &Difference) -> Cell {
    let state = match (difference.counts, difference.beyond_tolerance) {
        (true, _) => State::Bad,
        (false, true) => State::Warn,
        (false, false) => State::Good,
    };
    Cell::State(state, judgement(difference).to_lowercase())
}

fn quantiles(document: &Comparison, names: &[String; 2]) -> Markup {
    let interval = |i: &crate::quantity::Interval| format!("{} – {}", number::seconds(i.low), number::seconds(i.high));
    let rows = document.metrics.iter().flat_map(|metric| {
        metric.quantiles.iter().map(move |q| {
            vec![
                Cell::Text(format!(
                    "{} {}",
                    wording::capital(&wording::metric(&metric.metric)),
                    number::quantile(q.quantile)
                )),
                Cell::Main(number::seconds(q.a.estimate)),
                Cell::Main(number::seconds(q.b.estimate)),
                Cell::Main(relative(&q.difference)),
                Cell::Number(number::percent(q.difference.tolerance)),
                judged(&q.difference),
                Cell::Number(interval(&q.a)),
                Cell::Number(interval(&q.b)),
            ]
        })
    });
    let intervals = [format!("{} 95 %", names[0]), format!("{} 95 %", names[1])];
    let header = ["", &names[0], &names[1], "difference", "allowed", "", &intervals[0], &intervals[1]];
    table("Latency", "", &header, rows.collect())
}

fn curves(metric: &MetricComparison, index: usize, names: &[String; 2]) -> Markup {
    let distance = number::percent(metric.wasserstein_relative);
    let mut finding = format!("On average a sample moves by {distance} of the mean");
    if let Some(gap) = metric.largest_gap {
        let at = number::quantile(gap.quantile);
        finding.push_str(&format!("; the two are furthest apart at {at}, {}", number::difference(gap.relative)));
    }
    let legend = vec![(Role::Series(0), names[0].clone()), (Role::Series(1), names[1].clone())];
    let title = wording::capital(&wording::metric(&metric.metric));
    let curves = [&metric.curve_a, &metric.curve_b];
    named_percentiles(&format!("metric-{index}"), &title, wording::sentence(&finding), legend, &curves, &[], HALF)
}

fn quantities(document: &Comparison, group: QuantityGroup, names: &[String; 2]) -> Markup {
    let name = |key: &str| match group {
        QuantityGroup::PerWorkflow => wording::per_workflow(key),
        _ => wording::capital(&wording::column(key)),
    };
    let rows: Vec<Vec<Cell>> = document
        .quantities
        .iter()
        .filter(|quantity| quantity.group == group)
        .map(|quantity| {
            vec![
                Cell::Text(name(&quantity.name)),
                Cell::Main(wording::with_unit(quantity.a.estimate, &quantity.unit)),
                Cell::Main(wording::with_unit(quantity.b.estimate, &quantity.unit)),
                Cell::Main(relative(&quantity.difference)),
                Cell::Number(number::percent(quantity.difference.tolerance)),
                judged(&quantity.difference),
            ]
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            section class="card" {
                h3 { (group.heading()) }
                (table(group.heading(), "", &["", &names[0], &names[1], "difference", "allowed", ""], rows))
            }
        }
    }
}

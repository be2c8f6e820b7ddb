//! A comparison as a page.

use maud::{Markup, html};

use super::explanations::explanations;
use super::parts::{Cell, State, notes, page, table, tile, verdict};
use super::{comparison_charts, timeline_pair};
use crate::compare::{Comparison, Difference, MetricComparison, QuantityGroup, Residual, ResidualClass};
use crate::number;
use crate::text::{judgement, relative};
use crate::wording;

/// A comparison as one offline HTML page.
pub fn comparison(document: &Comparison) -> String {
    let names = names(document);
    let groups = [
        QuantityGroup::Throughput,
        QuantityGroup::PerWorkflow,
        QuantityGroup::Requests,
        QuantityGroup::Storage,
        QuantityGroup::Utilisation,
        QuantityGroup::Resource,
    ];
    let modelled = document.a.kind != document.b.kind;
    let lead = if modelled {
        "Patterns of what differs and what does not, and the part of the model that makes such a pattern."
    } else {
        "Patterns of what differs and what does not, and what makes such a pattern."
    };
    let body = html! {
        (banner(document))
        (notes(&remarks(document)))
        (only_in_one(document))
        (explanations("Where they differ, and why", lead, &document.explanations))
        @if let Some(timelines) = &document.timelines {
            (timeline_pair::section(timelines, &names, quantities(document, QuantityGroup::Event, &names)))
        }
        h2 { "Latency, quantile by quantile" }
        p class="lead" {
            "A difference counts if it is beyond the tolerance and the two 95 % intervals do not overlap; otherwise it may be chance."
        }
        div class="card" { (quantiles(document, &names)) }
        (comparison_charts::latencies(&document.metrics, &names))
        h2 { "Everything else" }
        p class="lead" { "Numbers without an interval are judged by their tolerance alone." }
        @for group in groups { (quantities(document, group, &names)) }
        (residuals(&document.residuals, &names))
        (comparison_charts::series(&document.series, &names))
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
    document.notes.iter().map(|remark| wording::capital(&wording::sentence(remark))).collect()
}

/// How many numbers one run has and the other has not; which they are is folded away.
fn only_in_one(document: &Comparison) -> Markup {
    let runs = [("first", &document.only_in_a), ("second", &document.only_in_b)];
    let runs: Vec<_> = runs.into_iter().filter(|(_, only)| !only.is_empty()).collect();
    html! {
        @if !runs.is_empty() {
            ul class="notes" {
                @for (which, only) in runs {
                    li {
                        b { "Note" }
                        @if only.len() == 1 { "1 number is" } @else { (only.len()) " numbers are" }
                        " only in the " (which) " run."
                        details { summary { "Which" } p { (only.join(", ")) "." } }
                    }
                }
            }
        }
    }
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
                Cell::Number(q.difference.allowed().words("s")),
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

fn quantities(document: &Comparison, group: QuantityGroup, names: &[String; 2]) -> Markup {
    let name = |key: &str| match group {
        QuantityGroup::PerWorkflow | QuantityGroup::Requests => wording::per_workflow(key),
        QuantityGroup::Event => wording::capital(key),
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
                Cell::Number(quantity.difference.allowed().words(&quantity.unit)),
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

/// Work per workflow by class, the largest residual of each class first.
fn residuals(residuals: &[Residual], names: &[String; 2]) -> Markup {
    let classes = [
        ResidualClass::FrontendRequests,
        ResidualClass::HistoryRequests,
        ResidualClass::MatchingRequests,
        ResidualClass::Statements,
        ResidualClass::Rows,
        ResidualClass::Cpu,
        ResidualClass::Other,
    ];
    let row = |residual: &Residual, largest: f64| {
        let share = if largest > 0.0 { residual.residual.abs() / largest } else { 0.0 };
        let name = if residual.name.contains('_') { wording::column(&residual.name) } else { residual.name.clone() };
        let sign = match residual.residual {
            0.0 => "",
            less if less < 0.0 => "−",
            _ => "+",
        };
        vec![
            Cell::Text(name),
            Cell::Number(wording::with_unit(residual.a, &residual.unit)),
            Cell::Number(wording::with_unit(residual.b, &residual.unit)),
            Cell::Main(format!("{sign}{}", wording::with_unit(residual.residual.abs(), &residual.unit))),
            Cell::Number(residual.relative.map_or_else(|| "was 0".into(), number::difference)),
            Cell::Bar(share, false),
        ]
    };
    let header = ["", &names[0], &names[1], "residual", "difference", "of the class's largest"];
    html! {
        @if !residuals.is_empty() {
            h2 { "Residuals by operation" }
            p class="lead" { "Work per workflow class by class: what is left between the two. These explain the sums above and are not judged themselves." }
            @for class in classes {
                @let of_class: Vec<&Residual> = residuals.iter().filter(|residual| residual.class == class).collect();
                @if !of_class.is_empty() {
                    @let largest = of_class.iter().map(|residual| residual.residual.abs()).fold(0.0, f64::max);
                    section class="card" {
                        h3 { (class.heading()) }
                        (table(class.heading(), "residuals", &header, of_class.iter().map(|residual| row(residual, largest)).collect()))
                    }
                }
            }
        }
    }
}

//! Documents as one offline HTML file each.
//!
//! A page has no external address at all, which its content security policy proves; charts are SVG coloured by the
//! page's style sheet, so light, dark and print need no script. Each chart says its finding in words and has its
//! numbers in a table. The same document gives the same bytes.

mod autoscale;
mod comparison;
mod comparison_charts;
mod database;
mod explanations;
mod finding;
mod measured;
mod parts;
mod plan;
mod run;
mod runs;
mod self_check;
mod sweep;
mod theme;
mod validation;
mod validation_accuracy;

use maud::{Markup, html};

pub use autoscale::autoscale;
pub use comparison::comparison;
pub use plan::{plan, plan_with_command};
pub use run::run;
pub use runs::{RunEntry, runs};
pub use sweep::sweep;
pub use validation::validation;
pub use validation_accuracy::accuracy;

use crate::chart::{self, PercentilePromise, Role, Shape};
use crate::number;
use crate::quantity::QuantileCurve;
use crate::wording;
use parts::{Cell, Figure, figure, table, tied};

/// Above this a resource is drawn as too busy: queues grow steeply from here on (M/M/1 waits 5.7 service times at 85 %).
const HOT: f64 = 0.85;

/// Percentile curves as a figure, promises as rings.
fn percentile_figure(
    id: &str,
    title: &str,
    curves: &[&QuantileCurve],
    promises: &[PercentilePromise],
    shape: Shape,
) -> Markup {
    let mut legend: Vec<(Role, String)> =
        curves.iter().enumerate().map(|(index, curve)| (Role::Series(index), wording::metric(&curve.metric))).collect();
    if let Some(first) = promises.first() {
        legend.push((Role::Promise(first.curve), "what is promised".into()));
    }
    named_percentiles(id, title, finding::percentiles(curves), legend, curves, promises, shape)
}

/// As [`percentile_figure`] with the words given.
fn named_percentiles(
    id: &str,
    title: &str,
    finding: String,
    legend: Vec<(Role, String)>,
    curves: &[&QuantileCurve],
    promises: &[PercentilePromise],
    shape: Shape,
) -> Markup {
    const SHOWN: [f64; 7] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
    let mut header: Vec<String> = vec![String::new()];
    header.extend(SHOWN.iter().map(|q| number::quantile(*q)));
    header.push("samples".into());
    let rows = curves.iter().enumerate().map(|(index, curve)| {
        let name = legend.get(index).map_or_else(|| wording::metric(&curve.metric), |(_, name)| name.clone());
        let mut row = vec![Cell::Text(name)];
        row.extend(SHOWN.iter().map(|q| {
            Cell::Number(finding::at(&curve.points, *q).map_or_else(|| number::MISSING.into(), number::seconds))
        }));
        row.push(Cell::Number(number::count(curve.samples)));
        row
    });
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let numbers = table(title, "", &header, rows.collect());
    figure(Figure {
        id,
        title,
        finding,
        legend,
        shape,
        draw: &|shape| chart::percentiles(curves, promises, shape),
        numbers,
    })
}

/// Shares from 0 to 1 as horizontal bars, in a table that is its own list of numbers.
fn bars(title: &str, finding: &str, what: &str, shares: impl Iterator<Item = (String, f64)>) -> Markup {
    let rows = shares
        .map(|(name, share)| vec![Cell::Text(name), Cell::Bar(share, share > HOT), Cell::Main(number::percent(share))]);
    html! {
        figure class="card" role="group" aria-label=(title) {
            figcaption { h3 { (title) } p class="finding" { (tied(finding)) } }
            (table(title, "bars", &["resource", "", what], rows.collect()))
        }
    }
}

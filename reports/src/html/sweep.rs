//! A sweep as a page.

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, page, table};
use crate::chart::{self, HALF, Role, SERIES};
use crate::number;
use crate::quantity::Interval;
use crate::run_document::{Latencies, Quantiles};
use crate::sweep_document::{SweepDocument, SweepPoint};
use crate::wording;

type Metric = (&'static str, fn(&Latencies) -> &Option<Quantiles>);

const METRICS: [Metric; 4] = [
    ("e2e", |latency| &latency.e2e),
    ("start", |latency| &latency.start),
    ("schedule_to_start_workflow", |latency| &latency.schedule_to_start_workflow),
    ("schedule_to_start_activity", |latency| &latency.schedule_to_start_activity),
];

/// A sweep as one offline HTML page: the grid, and the p99 of each latency against the first varied key where its
/// values are numbers, one line per combination of the others.
pub fn sweep(document: &SweepDocument) -> String {
    let figures: Vec<Markup> = METRICS.iter().filter_map(|metric| p99_figure(document, *metric)).collect();
    let body = html! {
        h1 class="title" { (document.vary.join(" × ")) }
        p class="lead" { (document.profile) " on " (document.cluster) " · " (document.points.len()) " simulations with seed " (document.seed) }
        @for pair in figures.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        div class="card" { (grid(document)) }
    };
    page(&format!("Sweep: {}", document.profile), "sweep", "sweep.json", document, &body)
}

fn grid(document: &SweepDocument) -> Markup {
    let mut header: Vec<&str> = document.vary.iter().map(String::as_str).collect();
    header.extend([
        "completed",
        "end to end p99",
        "start p99",
        "workflow task wait p99",
        "activity wait p99",
        "SLO",
        "busiest",
    ]);
    let rows = document.points.iter().map(|point| {
        let mut row: Vec<Cell> = (0..document.vary.len())
            .map(|index| Cell::Text(point.settings.get(index).cloned().unwrap_or_default()))
            .collect();
        row.push(Cell::Number(number::rate(point.throughput_per_second)));
        row.extend(
            METRICS
                .iter()
                .map(|(_, of)| Cell::Number(p99(point, *of).map_or_else(|| number::MISSING.into(), number::seconds))),
        );
        row.push(match point.slo_met {
            Some(true) => Cell::State(State::Good, "met".into()),
            Some(false) => Cell::State(State::Bad, "missed".into()),
            None => Cell::Text(number::MISSING.into()),
        });
        let busiest = point.utilisation.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        row.push(Cell::Prose(
            busiest.map_or_else(String::new, |(name, share)| format!("{name} {}", number::percent(*share))),
        ));
        row
    });
    table("Sweep", "", &header, rows.collect())
}

fn p99(point: &SweepPoint, of: fn(&Latencies) -> &Option<Quantiles>) -> Option<f64> {
    let interval: Option<Interval> = of(&point.latency).as_ref().and_then(|quantiles| quantiles.p99);
    interval.map(|interval| interval.estimate)
}

fn p99_figure(document: &SweepDocument, (metric, of): Metric) -> Option<Markup> {
    let key = document.vary.first()?;
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    let mut unit = None;
    for point in &document.points {
        let (first, others) = point.settings.split_first()?;
        let Some(value) = p99(point, of) else { continue };
        let (x, its_unit) = number_and_unit(first)?;
        // Values in different units have no place on one axis; the table has them.
        if *unit.get_or_insert(its_unit) != its_unit {
            return None;
        }
        let name = if others.is_empty() { wording::metric(metric) } else { others.join(", ") };
        match lines.iter_mut().find(|(line, _)| *line == name) {
            Some((_, points)) => points.push((x, value)),
            None => lines.push((name, vec![(x, value)])),
        }
    }
    for (_, points) in &mut lines {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines.truncate(SERIES);
    let all = || lines.iter().flat_map(|(_, points)| points);
    let lowest = all().copied().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let highest = all().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if all().count() < 2 {
        return None;
    }
    let label = |value: f64| wording::with_unit(value, unit.unwrap_or(""));
    let name = wording::capital(&format!("{} p99", wording::metric(metric)));
    let finding = if highest.1 <= 1.05 * lowest.1 {
        format!("Hardly moved by {key}: {} to {}.", number::seconds(lowest.1), number::seconds(highest.1))
    } else {
        format!(
            "From {} at {key} {} to {} at {}.",
            number::seconds(lowest.1),
            label(lowest.0),
            number::seconds(highest.1),
            label(highest.0)
        )
    };
    let legend = lines.iter().enumerate().map(|(index, (line, _))| (Role::Series(index), line.clone()));
    let series: Vec<Vec<(f64, f64)>> = lines.iter().map(|(_, points)| points.clone()).collect();
    let rows = lines.iter().flat_map(|(line, points)| {
        points
            .iter()
            .map(|(x, y)| vec![Cell::Text(line.clone()), Cell::Number(label(*x)), Cell::Number(number::seconds(*y))])
    });
    let numbers = table(&name, "", &["", key, "p99"], rows.collect());
    Some(figure(Figure {
        id: &format!("sweep-{metric}"),
        title: &name,
        finding,
        // A single line has its name above it already.
        legend: legend.filter(|_| lines.len() > 1).collect(),
        shape: HALF,
        draw: &|shape| chart::against(&series, &label, &number::seconds, shape),
        numbers,
    }))
}

/// The number and the unit of a setting: 4 and nothing of "4", 250 and "ms" of "250ms".
fn number_and_unit(setting: &str) -> Option<(f64, &str)> {
    let end = setting.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(setting.len());
    let value: f64 = setting[..end].parse().ok()?;
    value.is_finite().then_some((value, setting[end..].trim()))
}

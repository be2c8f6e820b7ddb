//! A validation as a page: the verdict, every number worst first, the model's curves over the range of the runs, steps.

use maud::{Markup, html};

use super::explanations::explanations;
use super::finding;
use super::parts::{Cell, Figure, State, Tile, figure, notes, page, table, tile, verdict};
use crate::chart::{self, HALF, RangePoint, Role};
use crate::number;
use crate::run_dir::Trust;
use crate::text::row_judgement;
use crate::validation::{self, AccuracyRow, ValidatedCurves, ValidatedRun, Validation, ValidationGroup, ValidationRow};
use crate::wording;

/// A validation as one offline HTML page.
pub fn validation(document: &Validation) -> String {
    let speed = document.speed.map(|speed| speed.words());
    let noted = speed.iter().chain(&document.notes);
    let body = html! {
        (banner(document))
        (notes(&noted.map(|note| wording::capital(&wording::sentence(note))).collect::<Vec<_>>()))
        h2 { "Predicted and measured" }
        p class="lead" {
            "Measured is the median over the runs, spread their range. A number passes within its tolerance; a latency also where it is no further from the median run than the runs are from each other. Worst first."
        }
        div class="card" { (rows_table("Numbers", "number", &document.rows.iter().map(|row| (None, row)).collect::<Vec<_>>())) }
        (explanations(
            "Where the model is off",
            "Patterns of what is outside and what is not, and the part of the model that makes such a pattern.",
            &document.explanations,
        ))
        @if !document.curves.is_empty() {
            h2 { "Latencies" }
            p class="lead" { "The model's percentiles over the range of the measured runs." }
            @for (row, pair) in document.curves.chunks(2).enumerate() {
                div class="pair" { @for (index, curves) in pair.iter().enumerate() { (banded(curves, 2 * row + index)) } }
            }
        }
        @if !document.steps.is_empty() {
            h2 { "Step by step" }
            p class="lead" { "How long each workflow task and activity waits for a worker, and how long it takes, from the server's event times." }
            div class="card" { (rows_table("Steps", "step", &document.steps.iter().map(|row| (None, row)).collect::<Vec<_>>())) }
        }
        h2 { "The runs" }
        div class="card" { (runs(document)) }
    };
    let title = if document.within { "Within tolerance" } else { "Outside tolerance" };
    page(title, "validation", "validation.json", document, &body)
}

fn banner(document: &Validation) -> Markup {
    let (state, word) =
        if document.within { (State::Good, "Within tolerance") } else { (State::Bad, "Outside tolerance") };
    let sentence = document.verdict_text.split_once(": ").map_or(document.verdict_text.as_str(), |(_, rest)| rest);
    let all = document.rows.len() + document.steps.len();
    let within = document.rows.iter().chain(&document.steps).filter(|row| row.within).count();
    let mut tiles = vec![tile("Within", format!("{within} of {all}"), "numbers and steps")];
    for (name, group) in [
        ("Worst per workflow", ValidationGroup::PerWorkflow),
        ("Worst latency", ValidationGroup::Latency),
        ("Worst step", ValidationGroup::Step),
    ] {
        tiles.extend(worst(document, group, name));
    }
    let used = document.measured.iter().filter(|run| run.left_out.is_none()).count();
    let versions: Vec<String> = document.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let about = format!(
        "Model (seed {}) against {used} of {} runs · {} on {} · {}",
        document.predicted.seed,
        document.measured.len(),
        document.profile,
        document.cluster,
        versions.join(", ")
    );
    verdict(state, word, &wording::capital(sentence), about.trim_end_matches([' ', '·']), &tiles)
}

/// The largest error of a group, by how much of its tolerance it uses up.
fn worst(document: &Validation, group: ValidationGroup, name: &str) -> Option<Tile> {
    let rows = document.rows.iter().chain(&document.steps).filter(|row| row.group == group);
    let worst = rows.max_by(|a, b| a.tolerance_used.total_cmp(&b.tolerance_used))?;
    Some(tile(name, validation::error_words(worst), validation::name(worst)))
}

/// Rows with the workload in front where there is one.
pub(super) fn rows_table(name: &str, what: &str, rows: &[(Option<&AccuracyRow>, &ValidationRow)]) -> Markup {
    let workloads = rows.iter().any(|(workload, _)| workload.is_some());
    let mut header = vec![what, "predicted", "measured", "error", "spread", "allowed", "", "range of the runs"];
    if workloads {
        header.insert(0, "workload");
    }
    let cells = rows.iter().map(|(workload, row)| {
        let (low, high) = row.range();
        let with_unit = |value| wording::with_unit(value, &row.unit);
        let spread = match row.spread {
            Some(spread) if row.runs.len() > 1 => number::percent(spread),
            _ => number::MISSING.into(),
        };
        let state = match (row.judged, row.within_tolerance, row.within) {
            (false, ..) => State::Warn,
            (true, true, _) => State::Good,
            (true, false, true) => State::Warn,
            (true, false, false) => State::Bad,
        };
        let mut cells = vec![
            Cell::Text(validation::name(row)),
            Cell::Main(with_unit(row.predicted)),
            Cell::Main(with_unit(row.measured)),
            Cell::Main(validation::error_words(row)),
            Cell::Number(spread),
            Cell::Number(row.allowed().words(&row.unit)),
            Cell::State(state, row_judgement(row).to_lowercase()),
            // Prose: on a phone a row becomes a block, so that the judgement is seen.
            Cell::Prose(format!("{} – {}", with_unit(low), with_unit(high))),
        ];
        if let Some(workload) = workload {
            cells.insert(0, Cell::Text(workload.workload.clone()));
        }
        cells
    });
    table(name, "", &header, cells.collect())
}

fn banded(curves: &ValidatedCurves, index: usize) -> Markup {
    const SHOWN: [f64; 5] = [0.5, 0.75, 0.9, 0.99, 0.999];
    let title = wording::capital(&wording::metric(&curves.metric));
    let range: Vec<RangePoint> = curves
        .measured
        .iter()
        .map(|point| RangePoint { quantile: point.quantile, low: point.low, median: point.median, high: point.high })
        .collect();
    let measured = |q: f64| {
        curves.measured.iter().filter(|p| p.quantile <= q + 1e-9).max_by(|a, b| a.quantile.total_cmp(&b.quantile))
    };
    let enough = |q: f64| curves.measured.last().is_some_and(|last| last.quantile + 1e-6 >= q);
    let rows = SHOWN.into_iter().filter(|q| enough(*q)).filter_map(|q| {
        let (of_model, of_runs) = (finding::at(&curves.predicted.points, q)?, measured(q)?);
        Some(vec![
            Cell::Text(number::quantile(q)),
            Cell::Main(number::seconds(of_model)),
            Cell::Main(number::seconds(of_runs.median)),
            Cell::Number(format!("{} – {}", number::seconds(of_runs.low), number::seconds(of_runs.high))),
        ])
    });
    let numbers = table(&title, "", &["", "model", "median run", "range of the runs"], rows.collect());
    figure(Figure {
        id: &format!("curves-{index}"),
        title: &title,
        finding: band_finding(curves),
        legend: vec![
            (Role::Series(0), "model".into()),
            (Role::Series(1), "measured, with the range of the runs".into()),
        ],
        shape: HALF,
        draw: &|shape| chart::over_range(&curves.predicted, &range, shape),
        numbers,
    })
}

/// Over which share of the percentiles the model lies among the runs, and where it is furthest from the median run.
fn band_finding(curves: &ValidatedCurves) -> String {
    let at = |q: f64| finding::at(&curves.predicted.points, q);
    let pairs: Vec<_> = curves.measured.iter().filter_map(|point| Some((point, at(point.quantile)?))).collect();
    let among = pairs.iter().filter(|(point, seconds)| (point.low..=point.high).contains(seconds)).count();
    let furthest = pairs
        .iter()
        .filter(|(point, _)| point.median > 0.0)
        .map(|(point, seconds)| (point.quantile, seconds / point.median - 1.0))
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let furthest = furthest.map_or(String::new(), |(q, relative)| {
        format!("; furthest from the median run at {}, {}", short_quantile(q), number::difference(relative))
    });
    let place = match among {
        0 => "The model lies beside the runs at every percentile".into(),
        all if all == pairs.len() => "The model lies among the runs at every percentile".into(),
        some => format!(
            "The model lies among the runs at {} of the percentiles drawn",
            number::percent(some as f64 / pairs.len() as f64)
        ),
    };
    format!("{place}{furthest}.")
}

/// A quantile between two round ones to a tenth of a per cent, in the tail to a hundredth.
fn short_quantile(q: f64) -> String {
    let digits = if q < 0.99 { 1e3 } else { 1e4 };
    number::quantile((q * digits).round() / digits)
}

fn runs(document: &Validation) -> Markup {
    let trust = |run: &ValidatedRun| match run.trust {
        Trust::Valid => Cell::State(State::Good, run.trust.word().to_lowercase()),
        Trust::Suspect => Cell::State(State::Warn, run.trust.word().to_lowercase()),
        Trust::Invalid | Trust::Incomplete => Cell::State(State::Bad, run.trust.word().to_lowercase()),
    };
    let row = |run: &ValidatedRun, what: &str| {
        let used = run.left_out.as_ref().map_or_else(|| "used".into(), |why| format!("left out: {why}"));
        vec![
            Cell::Text(run.name.clone()),
            Cell::Text(what.into()),
            Cell::Number(run.seed.to_string()),
            trust(run),
            Cell::Number(run.canary_seconds.map_or_else(|| number::MISSING.into(), |s| format!("{:.3} ms", s * 1e3))),
            Cell::Number(run.canary_moved.map_or_else(|| number::MISSING.into(), number::percent)),
            Cell::Prose(used),
        ]
    };
    let mut rows = vec![row(&document.predicted, "model")];
    rows.extend(document.measured.iter().map(|run| row(run, "measured")));
    table("Runs", "", &["run", "kind", "seed", "verdict", "canary", "machine speed moved", "used"], rows)
}

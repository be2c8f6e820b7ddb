//! Why to believe a measured run: every check with its number and its limit, and the generator's own series.

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, table};
use super::run::{latency_over_time, resource_over_time};
use crate::chart::{self, HALF};
use crate::measured::DISPATCH_LAG;
use crate::number;
use crate::run_dir::{CheckOutcome, CheckResult, Measurement, Run, columns};
use crate::wording;

/// The section; empty where the run has checked nothing, as one that was killed.
pub fn section(run: &Run, measurement: &Measurement) -> Markup {
    let mut figures: Vec<Markup> = latency_over_time(run, DISPATCH_LAG).into_iter().collect();
    figures.extend(resource_over_time(run, columns::GENERATOR_CPU, "cores"));
    figures.extend(canary(run, measurement));
    html! {
        @if !measurement.checks.is_empty() || !figures.is_empty() {
            h2 { "Self-check" }
            p class="lead" { (lead(measurement)) }
            @if !measurement.checks.is_empty() { div class="card" { (checks(measurement)) } }
            @for pair in figures.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        }
    }
}

fn lead(measurement: &Measurement) -> String {
    if measurement.checks.is_empty() {
        return "The run has not judged itself.".to_owned();
    }
    let made = measurement.checks.iter().filter(|check| check.outcome != CheckOutcome::NotChecked).count();
    let passed = measurement.checks.iter().filter(|check| check.outcome == CheckOutcome::Passed).count();
    let mut text = format!(
        "Was the load sent as intended, and did the generator itself stand in the way? {passed} of {made} checks passed."
    );
    match &measurement.self_test {
        Some(test) => text.push_str(&format!(
            " By its self-test this machine can send {} with a lag of {} at p99.",
            number::rate(test.starts_per_second),
            number::seconds(test.lag_p99_seconds)
        )),
        None => text.push_str(" No self-test was made."),
    }
    text
}

fn checks(measurement: &Measurement) -> Markup {
    let value = |value: Option<f64>, check: &CheckResult| {
        value.map_or_else(|| number::MISSING.to_owned(), |value| shown(value, &check.unit))
    };
    let rows = measurement.checks.iter().map(|check| {
        vec![
            Cell::Text(wording::capital(&check.check)),
            Cell::State(state(check.outcome), check.outcome.word().into()),
            Cell::Main(value(check.found, check)),
            Cell::Number(value(check.limit, check)),
            Cell::Prose(check.sentence.clone()),
        ]
    });
    table("Checks", "", &["check", "", "found", "limit", ""], rows.collect())
}

/// As everywhere, but counts of things keep no unit that the check's name has.
fn shown(value: f64, unit: &str) -> String {
    match unit {
        "starts" | "workflows" | "samples" => number::quantity(value),
        unit => wording::with_unit(value, unit),
    }
}

fn state(outcome: CheckOutcome) -> State {
    match outcome {
        CheckOutcome::Passed => State::Good,
        CheckOutcome::NotChecked | CheckOutcome::Remark | CheckOutcome::Suspect => State::Warn,
        CheckOutcome::Invalid => State::Bad,
    }
}

fn canary(run: &Run, measurement: &Measurement) -> Option<Markup> {
    let summary = measurement.canary?;
    let values = run.resources.column(columns::CANARY);
    if values.len() < 2 || summary.median_seconds <= 0.0 {
        return None;
    }
    let relative: Vec<(f64, f64)> =
        values.iter().map(|(seconds, value)| (*seconds, value / summary.median_seconds)).collect();
    let rows = relative
        .iter()
        .step_by(relative.len().div_ceil(60))
        .map(|(seconds, value)| vec![Cell::Text(number::seconds(*seconds)), Cell::Number(number::percent(*value))]);
    let numbers = table("Machine speed", "", &["at", "of the median"], rows.collect());
    Some(figure(Figure {
        id: "canary",
        title: "Machine speed",
        finding: format!(
            "CPU time of a fixed computation, of its median ({}): {} of {} samples are further than 10 % from it, the slowest by {}.",
            number::seconds(summary.median_seconds),
            number::percent(summary.deviating_share),
            number::count(summary.samples),
            number::difference(summary.slowest_relative)
        ),
        legend: Vec::new(),
        shape: HALF,
        draw: &|shape| chart::time(std::slice::from_ref(&relative), &number::percent, false, shape),
        numbers,
    }))
}

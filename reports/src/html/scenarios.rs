//! Failures as a page.

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, notes, page, table};
use crate::chart::{self, Flag, HALF, Line, Panel, Role};
use crate::number;
use crate::scenario_document::{Scenario, ScenariosDocument, TimelinePoint};
use crate::text::prevention;
use crate::wording;

/// The scenarios as one offline HTML page: a row per failure, and its minutes as small multiples.
pub fn scenarios(document: &ScenariosDocument) -> String {
    let header = ["failure", "backlog peak", "SLO minutes lost", "recovered", "failed", "unfinished", "prevention"];
    let rows = document.scenarios.iter().map(|scenario| {
        let impact = &scenario.failure.impact;
        let state = match (impact.slo_minutes_lost > 0.0, impact.time_to_recover_seconds) {
            (_, None) => Cell::State(State::Bad, "not while watched".into()),
            (true, Some(seconds)) => Cell::State(State::Bad, format!("after {}", number::seconds(seconds))),
            (false, Some(seconds)) => Cell::State(State::Good, format!("after {}", number::seconds(seconds))),
        };
        vec![
            Cell::Text(scenario.name.clone()),
            Cell::Number(number::count(impact.backlog_peak)),
            Cell::Main(number::quantity(impact.slo_minutes_lost)),
            state,
            Cell::Number(number::count(impact.workflows_failed)),
            Cell::Number(number::count(impact.workflows_unfinished)),
            Cell::Prose(prevention(&scenario.failure)),
        ]
    });
    let body = html! {
        h1 class="title" { "What happens when" }
        p class="lead" {
            (document.profile) " on " (document.cluster) " · " (document.scenarios.len()) " failures, each alone at "
            (number::rate(document.rate_per_second)) " · seed " (document.seed)
        }
        div class="card" { (table("Failures", "", &header, rows.collect())) }
        @for refused in &document.refused { p { "Not simulated: " (refused.name) ": " (refused.reason) "." } }
        h2 { "Minute by minute" }
        p class="lead" { "Times count from the failure, which is the band; minutes in which a promise was broken are shaded. Every chart has its own scale." }
        @for pair in document.scenarios.chunks(2) {
            div class="pair" { @for scenario in pair { (minutes(scenario)) } }
        }
        (notes(&document.warnings))
    };
    page(&format!("Failures: {}", document.profile), "scenarios", "scenarios.json", document, &body)
}

/// A point of the timeline stands for the minute before it.
const MINUTE: f64 = 60.0;

/// Open workflows and the backlog over time.
fn minutes(scenario: &Scenario) -> Markup {
    let points = &scenario.timeline;
    let (first, last) = (points.first(), points.last());
    let missed = points.iter().filter(|point| point.slo_missed);
    let failure = &scenario.failure;
    let event = Flag { at: 0.0, until: Some(failure.for_seconds), letter: String::new(), label: String::new() };
    let line = |role, value: fn(&TimelinePoint) -> u64| Line {
        role,
        points: points.iter().map(|point| (point.at_seconds, value(point) as f64)).collect(),
    };
    let panel = Panel {
        span: (first.map_or(0.0, |point| point.at_seconds - MINUTE), last.map_or(0.0, |point| point.at_seconds)),
        lines: vec![line(Role::Series(0), |point| point.open_workflows), line(Role::Series(1), |point| point.backlog)],
        shaded: missed.map(|point| (point.at_seconds - MINUTE, point.at_seconds)).collect(),
        flags: vec![event],
        dated: true,
        ..Panel::default()
    };
    let impact = &failure.impact;
    let lost = match impact.slo_minutes_lost {
        0.0 => "No promise was broken".to_owned(),
        minutes => format!("SLO minutes lost: {}", number::quantity(minutes)),
    };
    let rows = points.iter().map(|point| {
        vec![
            Cell::Number(number::seconds(point.at_seconds)),
            Cell::Number(number::count(point.open_workflows)),
            Cell::Number(number::count(point.backlog)),
            Cell::Text(if point.slo_missed { "broken" } else { "kept" }.into()),
        ]
    });
    figure(Figure {
        id: &super::run::identifier(&scenario.name),
        title: &wording::capital(&scenario.name),
        finding: format!("{lost}; up to {} workflows open.", number::count(impact.open_workflows_peak)),
        legend: vec![(Role::Series(0), "open workflows".into()), (Role::Series(1), "backlog of tasks".into())],
        shape: HALF,
        draw: &|shape| chart::panel(&panel, &number::quantity, shape),
        numbers: table(&scenario.name, "", &["at", "open", "backlog", "promises"], rows.collect()),
    })
}

//! Failures as a page.

use maud::html;

use super::parts::{Cell, State, page, table};
use crate::number;
use crate::scenario_document::ScenariosDocument;
use crate::text::prevention;
use crate::wording;

/// The scenarios as one offline HTML page: a row per failure. The document within holds the minutes of each.
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
        @for warning in &document.warnings { p { (wording::sentence(warning)) } }
    };
    page(&format!("Failures: {}", document.profile), "scenarios", "scenarios.json", document, &body)
}

//! Rollouts on a page.

use maud::{Markup, html};

use super::parts::{Cell, notes, page, table};
use crate::number;
use crate::rollout_document::{RolloutDocument, RolloutsDocument};
use crate::text::rollout::{matrix, quantiles, rows, span};
use crate::wording;

/// A rollout under a heading.
pub(super) fn section(heading: &str, document: &RolloutDocument) -> Markup {
    let latencies = document.latency.iter().map(|latency| {
        let parts = [&latency.before, &latency.during, &latency.after];
        let cells = parts.into_iter().flat_map(|part| quantiles(part.as_ref())).map(Cell::Number);
        std::iter::once(Cell::Text(wording::capital(&wording::metric(&latency.metric)))).chain(cells).collect()
    });
    let milestones = document
        .milestones
        .iter()
        .map(|milestone| vec![Cell::Text(span(milestone.at_seconds)), Cell::Prose(milestone.what.clone())]);
    html! {
        h2 { (heading) }
        p class="lead" { (wording::capital(&document.strategy)) ", " (number::count(u64::from(document.replicas))) " worker pods." }
        div class="pair" {
            div class="card" { (table("What it cost", "", &["During the rollout", ""],
                rows(document).into_iter().map(|(name, value)| vec![Cell::Text(wording::capital(&name)), Cell::Number(value)]).collect())) }
            div class="card" { (table("What happened", "", &["at", "what"], milestones.collect())) }
        }
        div class="card" { (table("Latency before, during and after", "",
            &["", "before p50", "p99", "during p50", "p99", "after p50", "p99"], latencies.collect())) }
    }
}

/// The strategies beside each other as one offline HTML page.
pub fn rollouts(document: &RolloutsDocument) -> String {
    let rows = matrix(document).into_iter().map(|(name, cells)| {
        let is_number = name.starts_with(' ');
        let cells = cells.into_iter().map(|cell| if is_number { Cell::Number(cell) } else { Cell::Text(cell) });
        std::iter::once(Cell::Text(wording::capital(name.trim_start()))).chain(cells).collect()
    });
    let body = html! {
        h1 class="title" { "Rollout strategies" }
        p class="lead" {
            (document.profile) " on " (document.cluster) " · " (document.replicas) " worker pods · seed " (document.seed)
            ". The source's decision matrix, and under each of its rows what this profile's simulation says."
        }
        div class="card" { (table("Rollout strategies", "", &["", "rolling", "blue-green", "canary"], rows.collect())) }
        @for outcome in &document.strategies { p { "Best for " (outcome.strategy) ": " (outcome.source.best_for) "." } }
        (notes(&document.warnings))
        @for outcome in &document.strategies { (section(&wording::capital(&outcome.strategy), &outcome.rollout)) }
    };
    page(&format!("Rollouts: {}", document.profile), "rollouts", "rollouts.json", document, &body)
}

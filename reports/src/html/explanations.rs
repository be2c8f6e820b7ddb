//! What differs and what is responsible, in words.

use maud::{Markup, html};

use super::parts::{Cell, table, tied};
use crate::compare::Explanation;
use crate::wording;

/// A card of explanations; nothing where there are none.
pub fn explanations(title: &str, lead: &str, explanations: &[Explanation]) -> Markup {
    let rows = explanations.iter().map(|explanation| {
        vec![
            Cell::Text(explanation.finding.trim_end_matches('.').to_string()),
            Cell::Text(explanation.evidence.join(", ")),
            Cell::Prose(wording::sentence(&wording::capital(&explanation.responsible))),
        ]
    });
    html! {
        @if !explanations.is_empty() {
            h2 { (title) }
            p class="lead" { (tied(lead)) }
            div class="card" { (table(title, "", &["what is seen", "by these numbers", "what is responsible"], rows.collect())) }
        }
    }
}

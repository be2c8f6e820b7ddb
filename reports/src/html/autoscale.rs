//! Autoscaling as HTML: the part in a run, and the page of `plan --autoscale`.

use maud::{Markup, html};

use super::parts::{Cell, State, notes, page, table, tile, verdict};
use crate::number;
use crate::scaling_document::{AutoscaleDocument, Scaling};
use crate::wording;

/// What an autoscaler did in a run.
pub(super) fn scaling(scaling: &Scaling) -> Markup {
    let rows = vec![
        vec![Cell::Text("Pod-hours".into()), Cell::Number(format!("{:.2}", scaling.pod_hours))],
        vec![Cell::Text("Pods, mean".into()), Cell::Number(format!("{:.1}", scaling.mean_pods))],
        vec![Cell::Text("Pods, fewest".into()), Cell::Number(scaling.fewest_pods.to_string())],
        vec![Cell::Text("Pods, most".into()), Cell::Number(scaling.most_pods.to_string())],
        vec![Cell::Text("Scale events up".into()), Cell::Number(scaling.scale_ups.to_string())],
        vec![Cell::Text("Scale events down".into()), Cell::Number(scaling.scale_downs.to_string())],
        vec![Cell::Text("Changes of direction within 10 min".into()), Cell::Number(scaling.reversals.to_string())],
        vec![
            Cell::Text("SLO minutes lost".into()),
            Cell::Number(format!("{} of {}", scaling.slo_minutes_lost, scaling.minutes)),
        ],
    ];
    html! {
        h2 { "Autoscaling" }
        p class="lead" { "By " (scaling.by) "." }
        div class="card" { (table("Worker pods", "", &["", ""], rows)) }
    }
}

/// The answer of `plan --autoscale` as one offline HTML page.
pub fn autoscale(document: &AutoscaleDocument) -> String {
    let (state, word) = match (document.kept, document.confirmed) {
        (true, true) => (State::Good, "Kept"),
        (true, false) => (State::Warn, "Kept, not confirmed"),
        (false, _) => (State::Bad, "Broken"),
    };
    let hours = |fleet: &crate::scaling_document::FleetOverCurve| format!("{:.2}", fleet.scaling.pod_hours);
    let tiles: Vec<_> =
        document.fleets.iter().map(|fleet| tile(&fleet.name, hours(fleet), "pod-hours over the curve")).collect();
    let about = format!("{} on {} · seed {}", document.profile, document.cluster, document.seed);
    let settings = document.settings.iter().map(|setting| {
        vec![
            Cell::Text(setting.name.clone()),
            Cell::Number(setting.written.clone()),
            Cell::Number(setting.found.clone()),
        ]
    });
    let fleets = document.fleets.iter().map(|fleet| {
        let scaling = &fleet.scaling;
        let promises = fleet.promises.iter().map(|promise| {
            format!(
                "{} {} {} (≤ {})",
                wording::metric(&promise.metric),
                number::quantile(promise.quantile),
                number::seconds(promise.value_seconds),
                number::seconds(promise.limit_seconds)
            )
        });
        vec![
            Cell::Text(fleet.name.clone()),
            Cell::Number(hours(fleet)),
            Cell::Number(format!("{}–{}", scaling.fewest_pods, scaling.most_pods)),
            Cell::Number((scaling.scale_ups + scaling.scale_downs).to_string()),
            Cell::Number(scaling.reversals.to_string()),
            Cell::Number(format!("{} of {}", scaling.slo_minutes_lost, scaling.minutes)),
            Cell::Prose(promises.collect::<Vec<_>>().join("; ")),
        ]
    });
    let header = ["Fleet", "pod-hours", "pods", "events", "flapping", "SLO min lost", "promises over the curve"];
    let body = html! {
        (verdict(state, word, "Least pod-hours that keep the SLO over the arrival curve.", &about, &tiles))
        (notes(&document.warnings))
        h2 { "Settings" }
        div class="card" { (table("Settings", "", &[document.autoscaler.as_str(), "written", "found"], settings.collect())) }
        h2 { "Before and after" }
        div class="card" { (table("Fleets over the curve", "", &header, fleets.collect())) }
        h2 { "In the profile" }
        pre { (document.toml) }
    };
    page(&format!("Autoscaling: {}", document.profile), "autoscaling", "autoscale.json", document, &body)
}

//! Autoscaling as text: the paragraph in a run, and the answer of `plan --autoscale`.

use super::layout::{Page, Style, Table};
use crate::number;
use crate::scaling_document::{AutoscaleDocument, Scaling};
use crate::wording;

/// What an autoscaler did in a run.
pub(super) fn scaling(page: &mut Page, scaling: &Scaling) {
    let mut table = Table::new(&["Worker pods", "", ""]);
    let rows = [
        ("scaled by", scaling.by.clone(), String::new()),
        ("pod-hours", format!("{:.2}", scaling.pod_hours), format!("{:.1} pods on average", scaling.mean_pods)),
        ("fewest / most", format!("{} / {}", scaling.fewest_pods, scaling.most_pods), String::new()),
        (
            "scale events",
            format!("{}", scaling.scale_ups + scaling.scale_downs),
            format!("{} up, {} down", scaling.scale_ups, scaling.scale_downs),
        ),
        ("flapping", scaling.reversals.to_string(), "changes of direction within 10 min".to_string()),
        (
            "SLO minutes lost",
            format!("{} of {}", scaling.slo_minutes_lost, scaling.minutes),
            "a promise was broken by what ended in them".to_string(),
        ),
    ];
    for (name, value, note) in rows {
        table.push(Style::Plain, vec![name.to_string(), value, note]);
    }
    page.table(&table);
    let shown = scaling.changes.len().min(MOST_CHANGES);
    if shown > 0 {
        let step = |change: &crate::scaling_document::ScaleChange| {
            format!("{} {}→{}", clock(change.at_seconds), change.before, change.after)
        };
        let list: Vec<String> = scaling.changes.iter().take(shown).map(step).collect();
        let more = match scaling.changes.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more, in resources.csv"),
        };
        page.hanging(Style::Dim, &format!("Pods over time: {}{more}.", list.join(", ")), 2);
    }
}

/// Changes that a text lists.
const MOST_CHANGES: usize = 24;

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 3_600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// The answer of `plan --autoscale` for a terminal of `width` columns.
pub fn autoscale(document: &AutoscaleDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(&format!("{} on {}", document.profile, document.cluster), &format!("seed {}", document.seed));
    let (style, sentence) = verdict(document);
    page.paragraph(style, &sentence);
    page.gap();
    let mut table = Table::new(&[&format!("{} setting", document.autoscaler), "written", "found"]);
    for setting in &document.settings {
        let style = if setting.written == setting.found { Style::Dim } else { Style::Plain };
        table.push(style, vec![setting.name.clone(), setting.written.clone(), setting.found.clone()]);
    }
    page.table(&table);
    page.gap();
    let mut table = Table::new(&["Fleet", "pod-hours", "pods", "events", "flapping", "SLO min lost", "SLO"]);
    for fleet in &document.fleets {
        let scaling = &fleet.scaling;
        table.push(
            if fleet.kept { Style::Plain } else { Style::Bad },
            vec![
                fleet.name.clone(),
                format!("{:.2}", scaling.pod_hours),
                match scaling.fewest_pods == scaling.most_pods {
                    true => scaling.most_pods.to_string(),
                    false => format!("{}–{}", scaling.fewest_pods, scaling.most_pods),
                },
                (scaling.scale_ups + scaling.scale_downs).to_string(),
                scaling.reversals.to_string(),
                format!("{} of {}", scaling.slo_minutes_lost, scaling.minutes),
                if fleet.kept { "kept" } else { "broken" }.to_string(),
            ],
        );
    }
    page.table(&table);
    page.gap();
    let mut header = vec!["Over the whole curve".to_string(), "limit".to_string()];
    header.extend(document.fleets.iter().map(|fleet| fleet.name.clone()));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(&header);
    if let Some(first) = document.fleets.first() {
        for (index, promise) in first.promises.iter().enumerate() {
            let name = format!("{} {}", wording::metric(&promise.metric), number::quantile(promise.quantile));
            let mut cells = vec![wording::capital(&name), number::seconds(promise.limit_seconds)];
            let value = |fleet: &crate::scaling_document::FleetOverCurve| {
                let promise = fleet.promises.get(index);
                promise.map_or_else(|| number::MISSING.to_string(), |promise| number::seconds(promise.value_seconds))
            };
            cells.extend(document.fleets.iter().map(value));
            table.push(Style::Plain, cells);
        }
    }
    page.table(&table);
    page.gap();
    page.paragraph(Style::Plain, "In the profile:");
    for line in document.toml.lines() {
        page.paragraph(Style::Plain, &format!("  {line}"));
    }
    page.gap();
    for warning in &document.warnings {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(warning)), 2);
    }
    page.paragraph(
        Style::Dim,
        &format!(
            "{} simulations of {}; a change of direction within 10 min counts as {:.2} pod-hours.",
            document.simulations,
            number::seconds(document.measured_seconds),
            document.reversal_pod_hours
        ),
    );
    page.finish()
}

fn verdict(document: &AutoscaleDocument) -> (Style, String) {
    let hours = |index: usize| document.fleets.get(index).map_or(0.0, |fleet| fleet.scaling.pod_hours);
    let kept = |index: usize| document.fleets.get(index).is_some_and(|fleet| fleet.kept);
    if !document.kept {
        return (Style::Bad, "No setting that was tried keeps the SLO over the arrival curve.".to_string());
    }
    let less = |before: f64| format!("{:.0} %", (1.0 - hours(2) / before.max(1e-9)) * 100.0);
    let mut parts = Vec::new();
    if kept(0) {
        parts.push(format!("{} less than the fixed fleet's {:.2}", less(hours(0)), hours(0)));
    }
    parts.push(match kept(1) {
        true if hours(2) < hours(1) - 0.005 => format!("{} less than the {:.2} as written", less(hours(1)), hours(1)),
        true => "as good as the settings written".to_string(),
        false => "the settings as written break the SLO".to_string(),
    });
    (Style::Good, format!("{:.2} pod-hours keep the SLO: {}.", hours(2), parts.join("; ")))
}

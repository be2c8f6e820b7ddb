//! The plan as text.

use super::layout::{Page, Row, Style, Table};
use crate::number;
use crate::plan_document::{PlanDocument, Verdict};
use crate::sizes;
use crate::wording;

/// The plan for a terminal of `width` columns (100 is what it is made for; below 60 it is taken as 60).
pub fn plan(document: &PlanDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(&format!("{} on {}", document.profile, document.cluster), &document.versions);
    verdict(&mut page, document);
    page.gap();
    numbers(&mut page, document);
    page.gap();
    promises(&mut page, document);
    bottlenecks(&mut page, document);
    storage(&mut page, document);
    for rule in &document.rules {
        page.hanging(Style::Plain, &format!("Rule of thumb for {}", wording::sentence(&wording::rule(rule))), 2);
    }
    page.hanging(Style::Plain, &format!("How wrong may this be? {}", wording::how_wrong(document)), 2);
    if !document.not_modelled.is_empty() {
        let list: Vec<String> =
            document.not_modelled.iter().map(|item| format!("{} ({})", item.what, item.effect)).collect();
        page.hanging(Style::Plain, &format!("Not modelled: {}.", list.join("; ")), 2);
    }
    for warning in &document.warnings {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(warning)), 2);
    }
    page.paragraph(Style::Dim, &wording::provenance(document));
    page.finish()
}

fn verdict(page: &mut Page, document: &PlanDocument) {
    let style = match document.verdict {
        Verdict::Fits => Style::Good,
        Verdict::Infeasible => Style::Bad,
    };
    let word = wording::verdict_word(document.verdict);
    let sentence = wording::verdict_sentence(document);
    // "FITS with 34 % headroom" reads on; "INFEASIBLE: 64 history pods …" begins anew.
    let joint = if sentence.starts_with("with ") { " " } else { ": " };
    page.paragraph(style, &format!("{word}{joint}{sentence}"));
}

fn numbers(page: &mut Page, document: &PlanDocument) {
    let mut table = Table::new(&["", "now", &document.horizon_label, "why not one less"]);
    table.wrap_last = true;
    for row in sizes::rows(document) {
        let label = if row.nested { format!("  {}", row.label) } else { row.label };
        table.rows.push(Row { cells: vec![label, row.now, row.horizon, row.why], style: Style::Plain });
    }
    let load = &document.load;
    let peak = vec![
        "Peak, starts per second".into(),
        number::quantity(load.peak_per_second_now),
        number::quantity(load.peak_per_second_horizon),
        format!("and {} above it", number::percent(load.headroom)),
    ];
    table.rows.insert(0, Row { cells: peak, style: Style::Dim });
    page.table(&table);
}

fn promises(page: &mut Page, document: &PlanDocument) {
    let kept: Vec<String> = document.slo.iter().filter(|slo| slo.met).map(wording::slo).collect();
    let broken: Vec<String> = document.slo.iter().filter(|slo| !slo.met).map(wording::slo).collect();
    if !broken.is_empty() {
        page.hanging(Style::Bad, &format!("SLO missed: {}", broken.join(" · ")), 2);
    }
    if !kept.is_empty() {
        page.hanging(Style::Plain, &format!("SLO: {}", kept.join(" · ")), 2);
    }
    if document.slo.is_empty() {
        page.paragraph(Style::Plain, "SLO: the profile makes no promise.");
    }
    let within: Vec<String> = document.limits.iter().filter(|limit| limit.ok).map(wording::limit).collect();
    let exceeded: Vec<String> = document.limits.iter().filter(|limit| !limit.ok).map(wording::limit).collect();
    if !exceeded.is_empty() {
        page.hanging(Style::Bad, &format!("Limits exceeded: {}", exceeded.join(" · ")), 2);
    }
    if !within.is_empty() {
        page.hanging(Style::Plain, &format!("Limits: {}", within.join(" · ")), 2);
    }
}

fn storage(page: &mut Page, document: &PlanDocument) {
    if let Some(storage) = wording::storage(document) {
        page.hanging(Style::Plain, &format!("Storage: {storage}."), 2);
    }
    let Some(recovery) = &document.recovery else { return };
    let style = if recovery.rto_met && recovery.rpo_met { Style::Plain } else { Style::Bad };
    let (restore, lost) = (wording::restore(recovery), wording::lost(recovery));
    page.hanging(style, &format!("Recovery: {restore}; {lost}; {}.", wording::backups(recovery)), 2);
}

fn bottlenecks(page: &mut Page, document: &PlanDocument) {
    let first: Vec<String> = document
        .bottlenecks
        .iter()
        .take(3)
        .map(|bottleneck| {
            let busy = number::percent(bottleneck.utilisation);
            let at = number::rate(bottleneck.saturates_at_per_second);
            format!("{} ({busy} busy, saturates at {at})", bottleneck.resource)
        })
        .collect();
    if !first.is_empty() {
        page.hanging(Style::Plain, &format!("Breaks first: {}.", first.join(", then ")), 2);
    }
}

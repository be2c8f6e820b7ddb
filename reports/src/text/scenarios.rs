//! Failures as text.

use super::layout::{Page, Style, Table};
use crate::number;
use crate::scenario_document::{FailureImpact, FailureReport, ScenariosDocument};
use crate::wording;

/// The scenarios for a terminal of `width` columns (below 60 it is taken as 60).
pub fn scenarios(document: &ScenariosDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(
        &format!("{} on {}", document.profile, document.cluster),
        &format!("{} failures · seed {}", document.scenarios.len(), document.seed),
    );
    let sizes = &document.sizes;
    page.paragraph(
        Style::Plain,
        &format!(
            "Each alone, at the schedule's peak of {}, with {} worker, {} frontend, {} history, {} matching pods and {} database cores.",
            number::rate(document.rate_per_second),
            sizes.worker_pods,
            sizes.frontend_pods,
            sizes.history_pods,
            sizes.matching_pods,
            number::quantity(sizes.database_cores)
        ),
    );
    page.paragraph(Style::Plain, &format!("Promised: {}.", document.slo.join("; ")));
    page.gap();
    let mut table = Table::new(&["Failure", "backlog peak", "SLO min lost", "recovered", "prevention"]);
    table.wrap_last = true;
    for scenario in &document.scenarios {
        let impact = &scenario.failure.impact;
        table.push(
            style(impact),
            vec![
                scenario.name.clone(),
                number::count(impact.backlog_peak),
                lost(impact),
                recovered(impact),
                prevention(&scenario.failure),
            ],
        );
    }
    page.table(&table);
    page.gap();
    for refused in &document.refused {
        page.hanging(Style::Plain, &format!("Not simulated: {}: {}.", refused.name, refused.reason), 2);
    }
    for warning in &document.warnings {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(warning)), 2);
    }
    page.hanging(
        Style::Dim,
        "backlog peak: tasks without a worker, calls and tasks held up by what is down; SLO min lost: minutes missed that are kept without the failure; recovered: from the failure's begin to backlog and promises as before, to the minute.",
        2,
    );
    page.finish()
}

/// What the events of a run did.
pub(super) fn failures(page: &mut Page, failures: &[FailureReport]) {
    if failures.is_empty() {
        return;
    }
    let mut table = Table::new(&["Event", "at", "for", "backlog peak", "SLO min lost", "recovered", "prevention"]);
    table.wrap_last = true;
    for failure in failures {
        let impact = &failure.impact;
        table.push(
            style(impact),
            vec![
                failure.kind.clone(),
                number::seconds(failure.at_seconds),
                number::seconds(failure.for_seconds),
                format!(
                    "{} after {}",
                    number::count(impact.backlog_peak),
                    number::seconds(impact.backlog_peak_at_seconds)
                ),
                lost(impact),
                recovered(impact),
                prevention(failure),
            ],
        );
    }
    page.table(&table);
    if let Some(requests) = failures.first().map(requests) {
        page.hanging(Style::Plain, &requests, 2);
    }
    page.gap();
}

fn style(impact: &FailureImpact) -> Style {
    if impact.slo_minutes_lost > 0.0 || impact.time_to_recover_seconds.is_none() { Style::Bad } else { Style::Plain }
}

fn lost(impact: &FailureImpact) -> String {
    number::quantity(impact.slo_minutes_lost)
}

fn recovered(impact: &FailureImpact) -> String {
    match impact.time_to_recover_seconds {
        Some(seconds) => format!("after {}", number::seconds(seconds)),
        None if impact.overloaded => "never: overloaded".to_owned(),
        None => format!("not within {}", number::seconds(impact.watched_seconds)),
    }
}

/// What helped most, and by how much.
pub(crate) fn prevention(failure: &FailureReport) -> String {
    let Some(best) = failure.best() else {
        let impact = &failure.impact;
        let over = impact.time_to_recover_seconds.is_some_and(|seconds| seconds <= failure.for_seconds + 60.0);
        return match (failure.prevention.is_empty(), impact.slo_minutes_lost <= 0.0 && over) {
            (_, true) => "not needed".to_owned(),
            (true, false) => number::MISSING.to_owned(),
            (false, false) => {
                let tried: Vec<&str> = failure.prevention.iter().map(|tried| tried.what.as_str()).collect();
                format!("nothing tried helped ({})", tried.join("; "))
            }
        };
    };
    let (before, after) = (&failure.impact, &best.impact);
    let mut by = Vec::new();
    if after.slo_minutes_lost != before.slo_minutes_lost {
        by.push(format!("{} min lost, not {}", lost(after), lost(before)));
    }
    if after.time_to_recover_seconds != before.time_to_recover_seconds {
        by.push(format!("recovered {}", recovered(after)));
    }
    if by.is_empty() || after.backlog_peak * 2 < before.backlog_peak {
        by.push(format!("peak {}", number::count(after.backlog_peak)));
    }
    format!("{}: {}", best.what, by.join(", "))
}

/// What happened to requests, of the numbers that are not zero.
fn requests(failure: &FailureReport) -> String {
    let r = &failure.requests;
    let counted = [
        (r.failed_calls, "calls and tasks met something that was down"),
        (r.retries, "tries were made again"),
        (r.given_up, "calls waited longer than an SDK tries (60 s)"),
        (r.shards_moved, "times a shard changed its owner"),
        (r.connections_opened, "connections were opened again"),
        (r.activities_cut, "activities lost their worker"),
        (r.workflow_tasks_cut, "workflow tasks lost theirs"),
        (r.poisoned, "activities were poisoned"),
        (r.poisoned_attempts, "attempts were made of them"),
        (r.refused_attempts, "attempts were refused by a circuit breaker"),
        (r.started_since_backup, "workflows were started since the newest backup and are lost"),
        (r.closed_since_backup, "were closed since it"),
        (r.activities_since_backup, "activities scheduled since it run twice"),
    ];
    let list: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", number::count(count)))
        .collect();
    match list.is_empty() {
        true => "No request met a failure.".to_owned(),
        false => format!(
            "In the whole run: {}; the longest wait was {}.",
            list.join(", "),
            number::seconds(r.longest_wait_seconds)
        ),
    }
}

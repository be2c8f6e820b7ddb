//! Rollouts as text.

use super::layout::{Page, Style, Table};
use crate::number;
use crate::rollout_document::{RolloutDocument, RolloutLatency, RolloutQuantiles, RolloutsDocument, StrategyOutcome};
use crate::wording;

/// A run's rollout.
pub(super) fn section(page: &mut Page, document: &RolloutDocument) {
    page.paragraph(Style::Bold, &format!("Rollout, {}, of {} worker pods.", document.strategy, document.replicas));
    page.paragraph(Style::Plain, &story(document));
    if let Some(rollback) = &document.rollback {
        let back = rollback.back_seconds.map_or_else(
            || "the old version did not have all new work again before the run ended".to_owned(),
            |seconds| format!("the old version had all new work again after {}", span(seconds)),
        );
        let line = format!(
            "Taken back {} after its begin ({}): {back}.",
            span(rollback.decided_seconds),
            rollback.why.as_str()
        );
        page.hanging(Style::Bold, &line, 2);
    }
    let mut table = Table::new(&["During the rollout", ""]);
    for (name, value) in rows(document) {
        table.push(Style::Plain, vec![name, value]);
    }
    page.table(&table);
    page.gap();
    latency(page, &document.latency);
    page.gap();
    let mut table = Table::new(&["at", "what"]);
    for milestone in &document.milestones {
        table.push(Style::Plain, vec![span(milestone.at_seconds), milestone.what.clone()]);
    }
    page.table(&table);
}

fn story(document: &RolloutDocument) -> String {
    let begun = span(document.begins_seconds);
    match (document.complete_seconds, document.gone_seconds) {
        (Some(complete), Some(gone)) if document.rollback.is_some() => {
            format!(
                "Begun at {begun}, complete after {}, the last new pod gone again after {}.",
                span(complete),
                span(gone)
            )
        }
        (Some(complete), Some(gone)) => {
            format!("Begun at {begun}, complete after {}, the last old pod gone after {}.", span(complete), span(gone))
        }
        (Some(complete), None) => {
            format!(
                "Begun at {begun}, complete after {}; old pods were still there at the end of the run.",
                span(complete)
            )
        }
        (None, Some(gone)) => {
            format!("Begun at {begun}; the last pod of the new version was gone after {}.", span(gone))
        }
        (None, None) => format!("Begun at {begun}; not complete when the run ended."),
    }
}

/// What a rollout cost, name and value.
pub(crate) fn rows(document: &RolloutDocument) -> Vec<(String, String)> {
    let pods = &document.pods;
    let retry = document.mean_wait_for_retry_seconds.map_or_else(String::new, |mean| {
        if mean < 0.001 {
            ", each tried again".to_owned()
        } else {
            format!(", noticed after {} on average", span(mean))
        }
    });
    let mut rows = vec![
        ("worker pods ready, fewest".to_owned(), number::count(u64::from(pods.fewest_ready))),
        ("worker pods starting or ready, most".to_owned(), number::count(u64::from(pods.most))),
        ("worker pods, draining ones included, most".to_owned(), number::count(u64::from(pods.most_with_draining))),
        (
            "pod-hours".to_owned(),
            format!("{:.2}, {:.2} more than without", document.pod_hours, document.extra_pod_hours),
        ),
        ("activities cut off".to_owned(), format!("{}{retry}", number::count(document.activities_cut_off))),
    ];
    let mut more = |name: &str, count: u64| {
        if count > 0 {
            rows.push((name.to_owned(), number::count(count)));
        }
    };
    more("activities lost on their way", document.activities_lost_on_their_way);
    more("workflow tasks lost with their worker", document.workflow_tasks_lost);
    rows.push(("workflows in lost sticky caches".to_owned(), number::count(document.caches_lost)));
    rows.push(("histories replayed".to_owned(), number::count(document.histories_replayed)));
    let (failed, attempts) = (document.new_version_failed, document.new_version_attempts);
    rows.push((
        "activity attempts on the new version".to_owned(),
        format!("{}, {} failed", number::count(attempts), number::count(failed)),
    ));
    rows
}

fn latency(page: &mut Page, latencies: &[RolloutLatency]) {
    let mut table = Table::new(&["Latency", "before p50", "p99", "during p50", "p99", "after p50", "p99"]);
    for latency in latencies {
        let mut cells = vec![short(&latency.metric)];
        for part in [&latency.before, &latency.during, &latency.after] {
            let [p50, p99] = quantiles(part.as_ref());
            cells.extend([p50, p99]);
        }
        table.push(Style::Plain, cells);
    }
    if !table.rows.is_empty() {
        page.table(&table);
    }
}

/// A metric that leaves room for six numbers.
fn short(metric: &str) -> String {
    match metric {
        "schedule_to_start_workflow" => "workflow task wait".to_owned(),
        "schedule_to_start_activity" => "activity wait".to_owned(),
        other => wording::metric(other),
    }
}

/// Median and p99 in words.
pub(crate) fn quantiles(of: Option<&RolloutQuantiles>) -> [String; 2] {
    match of {
        None => [number::MISSING.to_owned(), number::MISSING.to_owned()],
        Some(of) => [number::seconds(of.p50), of.p99.map_or_else(|| "few".to_owned(), number::seconds)],
    }
}

/// A span of a rollout.
pub(crate) fn span(seconds: f64) -> String {
    number::seconds(seconds)
}

/// The strategies beside each other: the source's matrix, each row with this profile's numbers under it.
pub fn rollouts(document: &RolloutsDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(
        &format!("{} on {}", document.profile, document.cluster),
        &format!("{} worker pods · seed {}", document.replicas, document.seed),
    );
    page.paragraph(
        Style::Plain,
        "The source's decision matrix (003, 10.1.5), and under each of its rows what this profile's simulation says.",
    );
    page.gap();
    let mut table = Table::new(&["", "rolling", "blue-green", "canary"]);
    for (name, cells) in matrix(document) {
        let style = if name.starts_with(' ') { Style::Plain } else { Style::Bold };
        table.push(style, std::iter::once(name).chain(cells).collect());
    }
    page.table(&table);
    page.gap();
    for outcome in &document.strategies {
        page.hanging(Style::Plain, &format!("Best for {}: {}.", outcome.strategy, outcome.source.best_for), 2);
    }
    page.paragraph(Style::Plain, &format!("The profile's own strategy: {}.", document.chosen));
    for warning in &document.warnings {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(warning)), 2);
    }
    page.finish()
}

/// The rows of the matrix: the source's words, and under them (indented) the profile's numbers; a cell per strategy.
pub(crate) fn matrix(document: &RolloutsDocument) -> Vec<(String, Vec<String>)> {
    let row = |name: &str, of: &dyn Fn(&StrategyOutcome) -> String| {
        (name.to_owned(), document.strategies.iter().map(of).collect::<Vec<_>>())
    };
    let optional = |seconds: Option<f64>| seconds.map_or_else(|| "not in time".to_owned(), span);
    let p99 = |outcome: &StrategyOutcome, metric: &str| {
        let latency = outcome.rollout.latency.iter().find(|latency| latency.metric == metric);
        let part = |of: Option<&RolloutQuantiles>| quantiles(of)[1].clone();
        latency.map_or_else(
            || number::MISSING.to_owned(),
            |latency| format!("{} → {}", part(latency.before.as_ref()), part(latency.during.as_ref())),
        )
    };
    vec![
        row("Complexity", &|o| o.source.complexity.clone()),
        row("  complete", &|o| optional(o.rollout.complete_seconds)),
        row("  last old pod gone", &|o| optional(o.rollout.gone_seconds)),
        row("Rollback speed", &|o| o.source.rollback_speed.clone()),
        row("  back after", &|o| optional(o.taken_back.rollback.as_ref().and_then(|rollback| rollback.back_seconds))),
        row("  last new pod gone", &|o| {
            let decided = o.taken_back.rollback.as_ref().map_or(0.0, |rollback| rollback.decided_seconds);
            optional(o.taken_back.gone_seconds.map(|gone| (gone - decided).max(0.0)))
        }),
        row("Resource cost", &|o| o.source.resource_cost.clone()),
        row("  most pods", &|o| number::count(u64::from(o.rollout.pods.most))),
        row("  with draining ones", &|o| number::count(u64::from(o.rollout.pods.most_with_draining))),
        row("  extra pod-hours", &|o| format!("{:.2}", o.rollout.extra_pod_hours)),
        row("Risk", &|o| o.source.risk.clone()),
        row("  attempts before back", &|o| number::count(o.taken_back.new_version_attempts)),
        row("  fewest pods ready", &|o| number::count(u64::from(o.rollout.pods.fewest_ready))),
        row("  activities cut off", &|o| number::count(o.rollout.activities_cut_off)),
        row("  sticky caches lost", &|o| number::count(o.rollout.caches_lost)),
        row("  histories replayed", &|o| number::count(o.rollout.histories_replayed)),
        row("  activity wait p99", &|o| p99(o, "schedule_to_start_activity")),
        row("  wf. task wait p99", &|o| p99(o, "schedule_to_start_workflow")),
        row("Temporal feature", &|o| o.source.temporal_feature.clone()),
    ]
}

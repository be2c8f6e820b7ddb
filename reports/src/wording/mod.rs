//! Findings in words, computed from the documents: shared by text and HTML.

pub mod episode;

use crate::number;
use crate::plan_document::{LimitCheck, PlanDocument, RecoveryPlan, RuleComparison, SloResult, TableBytes, Verdict};

/// A metric as people call it.
pub fn metric(name: &str) -> String {
    match name {
        "start" | "start.response" => "start".into(),
        "e2e" | "e2e.response" => "end to end".into(),
        "schedule_to_start" => "schedule-to-start".into(),
        "schedule_to_start_workflow" | "schedule_to_start.workflow" => "workflow task schedule-to-start".into(),
        "schedule_to_start_activity" | "schedule_to_start.activity" => "activity schedule-to-start".into(),
        "dispatch_lag" => "dispatch lag".into(),
        other if other.starts_with("history.") => server_times(other),
        other => match other.rsplit_once('.') {
            Some((what, "service")) => format!("{}, from the send", metric(what)),
            Some((what, "response")) => metric(what),
            Some((what, "failed")) => format!("{}, failed", metric(what)),
            _ => other.replace('_', " "),
        },
    }
}

/// What is between two events of histories, by the server's clock: `history.schedule_to_close.activity`.
fn server_times(name: &str) -> String {
    let mut parts = name.split('.').skip(1);
    let (what, of) = (parts.next().unwrap_or_default().replace('_', "-"), parts.next());
    match of {
        Some("workflow") => format!("server: workflow task {what}"),
        Some(of) => format!("server: {} {what}", of.replace('_', " ")),
        None => format!("server: {what} in all"),
    }
}

/// A series of the load curve: its metric in people's words, its quantile as it is.
pub fn series(name: &str) -> String {
    match name.rsplit_once(' ') {
        Some((of, quantile)) => format!("{} {quantile}", metric(of)),
        None => metric(name),
    }
}

/// A column of `resources.csv` or another machine name as people read it: `database_cpu` is "database CPU".
pub fn column(name: &str) -> String {
    let words = name.split(['_', ' ']).map(|word| match word {
        "cpu" => "CPU",
        "wal" => "WAL",
        "iops" => "IOPS",
        "sql" => "SQL",
        "rss" => "RSS",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The first letter a capital.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// `start p99 38 ms ≤ 250 ms`, `start p99 1.9 s > 250 ms`, or that there are too few samples.
pub fn slo(slo: &SloResult) -> String {
    let name = format!("{} {}", metric(&slo.metric), number::quantile(slo.quantile));
    let limit = number::seconds(slo.limit_seconds);
    match &slo.achieved_seconds {
        Some(achieved) => {
            let sign = if slo.met { "≤" } else { ">" };
            format!("{name} {} {sign} {limit}", number::seconds(achieved.estimate))
        }
        None => format!("{name} too few samples (limit {limit})"),
    }
}

/// `FITS`, `INFEASIBLE`.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "FITS",
        Verdict::Infeasible => "INFEASIBLE",
    }
}

/// The verdict sentence without the verdict's own word in front, which text and page set apart.
pub fn verdict_sentence(plan: &PlanDocument) -> &str {
    let text = plan.verdict_text.trim();
    let word = verdict_word(plan.verdict);
    match text.get(..word.len()) {
        Some(start) if start.eq_ignore_ascii_case(word) => {
            text[word.len()..].trim_start_matches(|c: char| c == ':' || c == '.' || c == '–' || c.is_whitespace())
        }
        _ => text,
    }
}

/// A value with its unit: bytes, seconds and shares as people read them, anything else as number and unit.
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "bytes" | "B" => number::storage(value),
        "bytes/s" => number::throughput(value),
        "s" | "seconds" => number::seconds(value),
        "share" => number::percent(value),
        "1/s" | "/s" => number::rate(value),
        "" => number::quantity(value),
        unit => format!("{} {unit}", number::quantity(value)),
    }
}

/// A value at an axis' tick, where there is room for a unit that people write beside a number, and for no word.
pub fn tick(value: f64, unit: &str) -> String {
    match unit {
        "bytes" | "B" | "bytes/s" | "s" | "seconds" | "share" | "1/s" | "/s" => with_unit(value, unit),
        _ => number::quantity(value),
    }
}

/// A value of a named number: the unit is left out where the name already ends in it ("worker pods: 151").
fn of_name(value: f64, name: &str, unit: &str) -> String {
    if !unit.is_empty() && name.ends_with(unit) { number::quantity(value) } else { with_unit(value, unit) }
}

/// The rule's value and the model's, as people read them.
pub fn rule_values(rule: &RuleComparison) -> (String, String) {
    let value = |value| of_name(value, &rule.number, &rule.unit);
    (value(rule.rule_value), value(rule.model_value))
}

/// `worker pods: 151, the model says 9; the rule counts …`.
pub fn rule(rule: &RuleComparison) -> String {
    let (by_rule, by_model) = rule_values(rule);
    format!("{}: {by_rule}, the model says {by_model}; {}", rule.number, rule.why.trim_end_matches('.'))
}

/// `database connections: 152 of 400`.
pub fn limit(limit: &LimitCheck) -> String {
    format!("{}: {} of {}", limit.limit, number::quantity(limit.needed), with_unit(limit.allowed, &limit.unit))
}

/// `1.1 TB in 18 months (310 GB when the first retention is over): executions_visibility 71 %, …`: the largest tables.
pub fn storage(plan: &PlanDocument) -> Option<String> {
    let storage = &plan.storage;
    let whole = |tables: &[TableBytes]| tables.iter().map(|table| table.bytes).sum::<f64>();
    let total = whole(&storage.at_horizon);
    if total <= 0.0 {
        return None;
    }
    let mut tables: Vec<&TableBytes> = storage.at_horizon.iter().collect();
    tables.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    let shares: Vec<String> = tables
        .iter()
        .take(3)
        .map(|table| format!("{} {}", table.table, number::percent(table.bytes / total)))
        .collect();
    let indexes = storage.at_horizon.iter().map(|table| table.indexes).sum::<f64>();
    let mut text = format!("{} in {}", number::storage(total), plan.horizon_label);
    let first = whole(&storage.at_retention);
    if first > 0.0 {
        text.push_str(&format!(" ({} after the first retention, at today's load)", number::storage(first)));
    }
    text.push_str(&format!(": {}", shares.join(", ")));
    if indexes > 0.0 {
        text.push_str(&format!("; {} of it indexes", number::percent(indexes / total)));
    }
    Some(text)
}

/// `a restore takes up to 12 min ≤ RTO 15 min`.
pub fn restore(recovery: &RecoveryPlan) -> String {
    let sign = if recovery.rto_met { "≤" } else { ">" };
    let (takes, allowed) = (number::seconds(recovery.restore_seconds), number::seconds(recovery.rto_seconds));
    let instead = if recovery.rto_met { "" } else { " (a standby that takes over would keep it)" };
    format!("a restore takes up to {takes} {sign} RTO {allowed}{instead}")
}

/// `up to 1 h of writes are lost ≤ RPO 1 h`.
pub fn lost(recovery: &RecoveryPlan) -> String {
    let sign = if recovery.rpo_met { "≤" } else { ">" };
    let (lost, allowed) = (number::seconds(recovery.lost_seconds), number::seconds(recovery.rpo_seconds));
    format!("up to {lost} of writes are lost {sign} RPO {allowed}")
}

/// `30 daily backups 8.2 TB, their WAL 3.1 TB, archived histories 1 TB`.
pub fn backups(recovery: &RecoveryPlan) -> String {
    let mut text = format!(
        "{} daily backups {}, their WAL {}",
        number::quantity(recovery.backups_kept),
        number::storage(recovery.backup_bytes),
        number::storage(recovery.wal_archive_bytes)
    );
    if recovery.archive_bytes > 0.0 {
        text.push_str(&format!(", archived histories {}", number::storage(recovery.archive_bytes)));
    }
    text
}

/// A per-workflow number by its key in the run document.
pub fn per_workflow(key: &str) -> String {
    match key {
        "wal_bytes" => "WAL".into(),
        "history_bytes" => "Event history".into(),
        "fsyncs" => "WAL flushes (fsync)".into(),
        "statements" => "SQL statements".into(),
        key => match key.strip_prefix("cpu_seconds.") {
            Some(service) => format!("CPU, {service}"),
            None => match key.strip_prefix("requests.") {
                Some(service) => format!("Requests to {service}"),
                None => capital(&key.replace('_', " ")),
            },
        },
    }
}

/// Known error, distance from the calibration, and the input most worth measuring: how wrong the plan may be.
pub fn how_wrong(plan: &PlanDocument) -> String {
    let calibration = &plan.calibration;
    let mut text = sentence(&calibration.known_error);
    if calibration.extrapolation > 1.0 {
        text.push_str(&format!(
            " The plan extrapolates {} beyond the calibrated {}.",
            number::times(calibration.extrapolation),
            number::rate(calibration.measured_up_to_per_second)
        ));
    } else {
        text.push_str(&format!(
            " The planned rate lies within the calibrated {}.",
            number::rate(calibration.measured_up_to_per_second)
        ));
    }
    if calibration.latency_error > 0.0 {
        text.push_str(&format!(
            " Its latencies may be off by {}, which is in their intervals.",
            number::percent(calibration.latency_error)
        ));
    }
    if let Some(first) = plan.sensitivity.first() {
        text.push_str(&format!(" Moves the plan most: {} ({} to {}). ", first.input, first.low, first.high));
        text.push_str(&sentence(&first.finding));
    }
    text.trim().to_string()
}

/// `12.4 M events in 33 simulations · seed 42`.
pub fn provenance(plan: &PlanDocument) -> String {
    let events = number::large_count(plan.events_simulated);
    let simulations = number::count(u64::from(plan.simulations));
    let word = if plan.simulations == 1 { "simulation" } else { "simulations" };
    format!("{events} events in {simulations} {word} · seed {}", plan.seed)
}

/// Ends with a full stop, unless it is empty or already ends.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.chars().last() {
        None => String::new(),
        Some('.' | '!' | '?' | '…') => text.to_string(),
        Some(_) => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_servers_events_are_named_by_what_they_are_of() {
        assert_eq!(metric("history.schedule_to_start.workflow"), "server: workflow task schedule-to-start");
        assert_eq!(metric("history.schedule_to_close.activity"), "server: activity schedule-to-close");
        assert_eq!(metric("history.workflow"), "server: workflow in all");
    }
}

//! What a manifest's profile says of a run's course: its events and its promises.
//!
//! The profile is read as it is written and not as today's program would check it: a manifest of another version, with kinds of
//! events this one does not know, still gives its marks.

use plimsoll_profiles::units::Nanos;
use serde_json::{Map, Value};

use crate::run_dir::{Manifest, Mark, MarkKind};

/// A promise: `quantile` of `metric` is at most `limit_seconds`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Metric by its name in `run.hlog`.
    pub metric: String,
    /// 0 to 1.
    pub quantile: f64,
    /// Limit.
    pub limit_seconds: f64,
}

/// The profile of a manifest as a tree; JSON as this program writes it, or TOML.
pub fn tree(manifest: &Manifest) -> Value {
    let text = manifest.profile.as_str();
    serde_json::from_str(text).or_else(|_| toml::from_str(text)).unwrap_or(Value::Null)
}

/// Where the profile's schedule begins, seconds from the start of the run.
pub fn begins_at(manifest: &Manifest) -> f64 {
    match (&manifest.scenario, &manifest.measurement) {
        (Some(scenario), _) => scenario.begins_at_seconds,
        // "A load generator's ramp and warm-up come before."
        (None, Some(measurement)) => measurement.window.start_seconds,
        (None, None) => 0.0,
    }
}

/// Everything that happened, by its time from the begin of the schedule: the profile's events, and the manifest's marks.
pub fn marks(manifest: &Manifest, profile: &Value) -> Vec<Mark> {
    let begins_at = begins_at(manifest);
    let mut marks: Vec<Mark> = entries(profile.get("event")).into_iter().filter_map(event).collect();
    let own = manifest.scenario.iter().flat_map(|scenario| scenario.marks.iter().cloned());
    marks.extend(own.map(|mark| Mark {
        at_seconds: mark.at_seconds - begins_at,
        until_seconds: mark.until_seconds.map(|until| until - begins_at),
        ..mark
    }));
    if !marks.iter().any(|mark| mark.label.starts_with("rollout")) {
        marks.extend(profile.get("rollout").and_then(Value::as_object).and_then(rollout));
    }
    marks.retain(|mark| mark.at_seconds.is_finite());
    marks.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    marks
}

fn entries(value: Option<&Value>) -> Vec<&Map<String, Value>> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(one)) => vec![one],
        _ => Vec::new(),
    }
}

fn event(event: &Map<String, Value>) -> Option<Mark> {
    let at_seconds = seconds(event.get("at")?)?;
    let until_seconds = event.get("for").and_then(seconds).map(|length| at_seconds + length);
    let kind = event.get("kind").and_then(Value::as_str).unwrap_or("event").replace(['_', '-'], " ");
    let label = described(kind, event, &["at", "for", "kind"]);
    Some(Mark { at_seconds, until_seconds, label, kind: MarkKind::Event })
}

/// A rollout that the run's own marks say nothing of: when it begins is known, when it ends is not.
fn rollout(rollout: &Map<String, Value>) -> Option<Mark> {
    let at_seconds = seconds(rollout.get("at")?)?;
    let strategy = rollout.get("strategy").or_else(|| rollout.get("kind")).and_then(Value::as_str);
    let label = strategy.map_or_else(|| "rollout".to_owned(), |name| format!("rollout, {}", name.replace('_', " ")));
    Some(Mark { at_seconds, until_seconds: None, label, kind: MarkKind::Event })
}

/// A name and what it was given: `workers stop, pods 2`.
fn described(name: String, given: &Map<String, Value>, known: &[&str]) -> String {
    let mut label = name;
    for (key, value) in given.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
        let key = key.replace('_', " ");
        match value {
            Value::String(text) => label.push_str(&format!(", {key} {text}")),
            Value::Number(number) => label.push_str(&format!(", {key} {number}")),
            Value::Bool(true) => label.push_str(&format!(", {key}")),
            _ => {}
        }
    }
    label
}

fn seconds(value: &Value) -> Option<f64> {
    let nanos: Nanos = value.as_str()?.parse().ok()?;
    Some(nanos.as_secs_f64())
}

/// What the profile promises, by the metrics of `run.hlog`; where it says nothing, the 200 ms that a profile without `[slo]` promises.
pub fn targets(profile: &Value, metrics: &[&str]) -> Vec<Target> {
    const WORKFLOW: &str = "schedule_to_start.workflow";
    const ACTIVITY: &str = "schedule_to_start.activity";
    let start = if metrics.contains(&"start.response") { "start.response" } else { "start" };
    let named = |key: &str| -> Vec<&str> {
        match key {
            "start" => vec![start],
            "schedule_to_start" => vec![WORKFLOW, ACTIVITY],
            "schedule_to_start_workflow" => vec![WORKFLOW],
            "schedule_to_start_activity" => vec![ACTIVITY],
            "end_to_end" => vec!["e2e.response"],
            _ => Vec::new(),
        }
    };
    let mut targets: Vec<Target> = Vec::new();
    let written = profile.get("slo").and_then(Value::as_object);
    for (key, quantiles) in written.into_iter().flatten() {
        let quantiles: Vec<(f64, f64)> = quantiles
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, limit)| Some((quantile(name)?, seconds(limit)?)))
            .collect();
        for metric in named(key) {
            targets.extend(quantiles.iter().map(|(quantile, limit)| Target {
                metric: metric.to_owned(),
                quantile: *quantile,
                limit_seconds: *limit,
            }));
        }
    }
    if written.is_none() && profile.is_object() {
        let default = |metric: &str| Target { metric: metric.to_owned(), quantile: 0.99, limit_seconds: 0.2 };
        targets.extend([WORKFLOW, ACTIVITY].map(default));
    }
    targets.retain(|target| metrics.contains(&target.metric.as_str()));
    targets.sort_by(|a, b| a.metric.cmp(&b.metric).then(a.quantile.total_cmp(&b.quantile)));
    targets
}

/// `p99` → 0.99.
fn quantile(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
    // 0.999 and not 0.9990000000000001.
    (percent > 0.0 && percent < 100.0).then(|| (percent * 1e6).round() / 1e8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run_dir::{Measurement, Scenario, Window};
    use crate::validation::fixture::run_of;

    fn manifest(profile: &str) -> Manifest {
        let summary = serde_json::from_str(include_str!("../../tests/fixtures/run.json")).unwrap();
        Manifest { profile: profile.into(), ..run_of(summary).manifest }
    }

    #[test]
    fn an_event_is_named_by_its_kind_and_what_it_was_given() {
        let text = r#"{"event": [
            {"at": "2min", "for": "20s", "kind": "workers_stop", "pods": 2},
            {"at": "60s", "kind": "kill_pod", "service": "history", "again": true, "never": false},
            {"at": "soon", "kind": "unreadable"}
        ]}"#;
        let manifest = manifest(text);
        let marks = marks(&manifest, &tree(&manifest));
        let told: Vec<_> = marks.iter().map(|m| (m.at_seconds, m.until_seconds, m.label.as_str())).collect();
        assert_eq!(
            told,
            [(60.0, None, "kill pod, service history, again"), (120.0, Some(140.0), "workers stop, pods 2")]
        );
    }

    #[test]
    fn own_marks_count_from_the_start_of_the_run_and_events_from_the_begin_of_the_schedule() {
        let mut manifest = manifest("[[event]]\nat = \"60s\"\nfor = \"20s\"\nkind = \"workers_stop\"\n");
        let own =
            Mark { at_seconds: 100.0, until_seconds: Some(130.0), label: "rolling update".into(), ..Mark::default() };
        manifest.scenario = Some(Scenario { begins_at_seconds: 25.0, marks: vec![own] });
        let marks = marks(&manifest, &tree(&manifest));
        assert_eq!((marks[0].at_seconds, marks[0].until_seconds), (60.0, Some(80.0)));
        assert_eq!((marks[1].at_seconds, marks[1].until_seconds), (75.0, Some(105.0)));
    }

    #[test]
    fn the_schedule_of_a_measured_run_begins_with_its_window() {
        let mut manifest = manifest("");
        assert_eq!(begins_at(&manifest), 0.0);
        let window = Window { start_seconds: 35.0, end_seconds: 335.0 };
        manifest.measurement = Some(Measurement { window, ..Measurement::default() });
        assert_eq!(begins_at(&manifest), 35.0);
        manifest.scenario = Some(Scenario { begins_at_seconds: -10.0, marks: Vec::new() });
        assert_eq!(begins_at(&manifest), -10.0);
    }

    #[test]
    fn promises_are_those_of_the_metrics_that_the_run_has() {
        let slo = r#"{"slo": {"schedule_to_start": {"p99": "200ms"}, "end_to_end": {"p50": "1s", "p99.9": "9s"}}}"#;
        let profile = serde_json::from_str(slo).unwrap();
        let found = targets(&profile, &["e2e.response", "schedule_to_start.workflow", "start"]);
        let told: Vec<_> = found.iter().map(|t| (t.metric.as_str(), t.quantile, t.limit_seconds)).collect();
        assert_eq!(
            told,
            [("e2e.response", 0.5, 1.0), ("e2e.response", 0.999, 9.0), ("schedule_to_start.workflow", 0.99, 0.2)]
        );
        let default = targets(&serde_json::json!({"name": "x"}), &["schedule_to_start.activity"]);
        assert_eq!((default.len(), default[0].limit_seconds), (1, 0.2));
        assert_eq!(targets(&Value::Null, &["schedule_to_start.activity"]), []);
    }
}

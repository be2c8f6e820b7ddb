//! `[rollout]` in `plimsoll simulate`, and `plimsoll rollouts`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{at, json, run, validate};
use serde_json::Value;

/// The shipped rolling update, in a quarter of its time.
const SHORTER: [&str; 6] = [
    "--set",
    "arrivals.phases=[{ for = \"8min\", rate = \"4/s\" }]",
    "--set",
    "rollout.at=2min",
    "--set",
    "rollout.wait=1min",
];

fn number(document: &Value, path: &str) -> f64 {
    at(document, path).as_f64().unwrap_or_else(|| panic!("{path} is no number in {document:#}"))
}

#[test]
fn the_shipped_rolling_update_keeps_eight_ready_and_twelve_at_most() {
    let document = json(&[&["simulate", "rolling-example"], &SHORTER[..]].concat());
    validate("simulate", &document);
    let rollout = &document["rollout"];
    assert_eq!((number(rollout, "pods.fewest_ready"), number(rollout, "pods.most")), (8.0, 12.0));
    assert_eq!(number(rollout, "begins_seconds"), 120.0);
    assert!(number(rollout, "complete_seconds") <= number(rollout, "gone_seconds"));
    assert!(number(rollout, "extra_pod_hours") > 0.0);
    let milestones: Vec<&str> =
        rollout["milestones"].as_array().unwrap().iter().map(|milestone| milestone["what"].as_str().unwrap()).collect();
    assert_eq!(milestones, ["rollout begins", "rollout complete", "last pod gone"]);
    let text = run(&[&["simulate", "rolling-example", "--quiet"], &SHORTER[..]].concat()).stdout;
    for line in ["Rollout, rolling, of 10 worker pods.", "activities cut off", "histories replayed", "last pod gone"] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn resources_have_the_pods_over_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let outcome = run(&[&["simulate", "rolling-example", "--quiet", "--out", out], &SHORTER[..]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = std::fs::read_to_string(format!("{out}/resources.csv")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| {
        header.iter().position(|column| column.starts_with(name)).unwrap_or_else(|| panic!("{name} in {header:?}"))
    };
    let columns = ["worker_pods_ready", "worker_pods_starting", "worker_pods_draining"].map(column);
    let rows: Vec<[f64; 3]> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            columns.map(|column| cells[column].parse().unwrap())
        })
        .collect();
    assert!(rows.iter().all(|[ready, starting, _]| *ready >= 8.0 && ready + starting <= 12.0));
    assert!(rows.iter().any(|[_, starting, _]| *starting > 0.0) && rows.iter().any(|[_, _, draining]| *draining > 0.0));
    assert_eq!(rows.last().unwrap(), &[10.0, 0.0, 0.0]);
}

#[test]
fn a_longer_drain_cuts_less() {
    let cut = |graceful: &str| {
        let graceful = format!("rollout.drain.graceful_timeout={graceful}");
        let settings = ["--set", graceful.as_str(), "--set", "rollout.drain.grace=600s"];
        let document = json(&[&["simulate", "rolling-example"], &SHORTER[..], &settings[..]].concat());
        number(&document, "rollout.activities_cut_off")
    };
    let (short, long) = (cut("5s"), cut("590s"));
    assert!(short > long && long == 0.0, "5 s: {short}, 590 s: {long}");
}

#[test]
fn the_three_strategies_stand_beside_the_sources_matrix() {
    let document = json(&[&["rollouts", "rolling-example"], &SHORTER[..]].concat());
    validate("rollouts", &document);
    let of = |index: usize, path: &str| number(&document["strategies"][index], path);
    let names: Vec<&Value> =
        document["strategies"].as_array().unwrap().iter().map(|strategy| &strategy["strategy"]).collect();
    assert_eq!(names, ["rolling", "blue-green", "canary"]);
    assert_eq!(document["strategies"][1]["source"]["resource_cost"], "High (2x)");
    assert_eq!(of(1, "rollout.pods.most"), 20.0, "blue-green has twice the pods");
    assert_eq!(of(1, "taken_back.rollback.back_seconds"), 0.0, "instant");
    assert!(of(0, "taken_back.rollback.back_seconds") > 30.0, "slow");
    assert!(of(1, "rollout.extra_pod_hours") > of(0, "rollout.extra_pod_hours"));
    assert!(
        of(2, "taken_back.new_version_attempts") < of(1, "taken_back.new_version_attempts"),
        "a canary risks least"
    );
    let human = run(&[&["rollouts", "rolling-example", "--quiet"], &SHORTER[..]].concat()).stdout;
    for line in ["Rollback speed", "Instant", "High (2x)", "The profile's own strategy: rolling."] {
        assert!(human.contains(line), "{line:?} is missing in\n{human}");
    }
}

#[test]
fn a_profile_without_a_rollout_is_told_what_to_add() {
    let outcome = run(&["rollouts", "one-activity", "--quiet"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("[rollout]") && outcome.stderr.contains("strategy"), "{}", outcome.stderr);
}

#[test]
fn a_defect_makes_the_rule_take_the_rollout_back() {
    let settings = [
        "--set",
        "rollout.strategy=blue_green",
        "--set",
        "rollout.defect.fails=0.3",
        "--set",
        "rollout.rollback.failure_share=0.1",
        "--set",
        "rollout.rollback.check_every=10s",
    ];
    let document = json(&[&["simulate", "rolling-example"], &SHORTER[..], &settings[..]].concat());
    let rollback = at(&document, "rollout.rollback");
    assert!(rollback["why"].as_str().unwrap().contains("attempts failed"), "{rollback}");
    assert_eq!(number(rollback, "back_seconds"), 0.0);
}

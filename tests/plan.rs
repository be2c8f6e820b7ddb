//! `plimsoll plan` from profile to document.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Outcome, SHIPPED, at, history, json, run, validate};
use serde_json::Value;

/// The keys that scripts rely on.
const KEYS: [&str; 29] = [
    "schema_version",
    "verdict",
    "workers.pods",
    "workers.activity_slots",
    "workers.workflow_task_slots",
    "workers.pollers.workflow",
    "workers.pollers.activity",
    "workers.cached_workflows",
    "workers.cpu",
    "workers.memory_bytes",
    "server.frontend.pods",
    "server.history.pods",
    "server.matching.pods",
    "server.worker.pods",
    "history_shards",
    "database.vcpu",
    "database.memory_bytes",
    "database.read_iops",
    "database.write_iops",
    "database.storage_bytes",
    "database.wal_bytes_per_second",
    "database.connections",
    "bottlenecks",
    "slo",
    "rules",
    "events_simulated",
    "not_modelled",
    "reasons",
    "seed",
];

fn check(plan: &Value) {
    for key in KEYS {
        at(plan, key);
    }
    validate("plan", plan);
    assert_eq!(at(plan, "verdict"), "fits");
    for positive in ["workers.pods", "server.history.pods", "history_shards", "database.vcpu", "events_simulated"] {
        assert!(at(plan, positive).as_u64().unwrap() > 0, "{positive} in\n{plan:#}");
    }
    for list in ["bottlenecks", "slo", "not_modelled", "reasons"] {
        assert!(!at(plan, list).as_array().unwrap().is_empty(), "{list} in\n{plan:#}");
    }
    assert!(at(plan, "slo").as_array().unwrap().iter().all(|slo| slo["met"] == true), "{plan:#}");
    let busy = at(plan, "bottlenecks").as_array().unwrap();
    assert!(busy.iter().all(|one| (0.0..=1.000_001).contains(&one["utilisation"].as_f64().unwrap())), "{plan:#}");
}

#[test]
fn every_shipped_profile_has_a_plan_that_is_what_its_schema_says() {
    // The others are as much slower as they are larger: `.ci/plans.sh` plans them as they are.
    for name in SHIPPED {
        let smaller: &[&str] = match name {
            "agent-pipeline" => &["--set", "growth.factor=1.0"],
            _ => &[],
        };
        let plan = json(&[&["plan", name], smaller].concat());
        check(&plan);
        assert!(at(&plan, "profile").as_str().unwrap().replace(' ', "-") == name, "{plan:#}");
    }
}

#[test]
fn the_worked_example_needs_5_to_8_workers_and_says_why() {
    let plan = json(&["plan", "worked-example"]);
    let pods = at(&plan, "workers.pods").as_u64().unwrap();
    assert!((5..=8).contains(&pods), "{pods}");
    let reasons = at(&plan, "reasons").as_array().unwrap();
    let why = reasons.iter().find(|reason| reason["number"] == "workers.pods").unwrap();
    assert!(!why["why"].as_str().unwrap().is_empty());
    let rules = at(&plan, "rules").to_string();
    assert!(rules.contains("151"), "the rule's number stands beside the model's: {rules}");
}

#[test]
fn what_no_capacity_can_meet_is_1_with_its_reason() {
    for (set, reason) in [
        // One pod may be lost, so one is left.
        ("workers.max_pods=1", "worker"),
        ("cluster.database.max_vcpu=1", "vCPU"),
        // Shorter than the round trips of the call itself.
        ("slo.start.p99=1ms", "start p99"),
        ("slo.schedule_to_start.p99=1ms", "schedule-to-start p99"),
    ] {
        let arguments = ["plan", "nightly-batch", "--quiet", "--set", set];
        let Outcome { code, stdout, stderr } = run(&arguments);
        assert_eq!((code, stderr.as_str()), (1, ""), "{set}\n{stdout}");
        let verdict: String = stdout.lines().skip(1).take(3).collect::<Vec<_>>().join(" ");
        assert!(verdict.starts_with("INFEASIBLE") && verdict.contains(reason), "{set}: {verdict}");
        let Outcome { code, stdout, .. } = run(&[&arguments[..], &["--format", "json"]].concat());
        let plan: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((code, at(&plan, "verdict").as_str()), (1, Some("infeasible")), "{set}");
        validate("plan", &plan);
    }
}

/// Paths of all keys; those of lists are of their elements together.
fn keys(value: &Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| keys(value, &format!("{path}.{key}"), found)),
        Value::Array(list) => list.iter().for_each(|value| keys(value, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn another_seed_gives_other_numbers_under_the_same_keys() {
    let of = |seed: &str| {
        let plan = json(&["plan", "one-activity", "--seed", seed]);
        let mut found = std::collections::BTreeSet::new();
        keys(&plan, "", &mut found);
        (plan, found)
    };
    let ((first, first_keys), (second, second_keys)) = (of("1"), of("2"));
    assert_eq!(first_keys, second_keys);
    assert_ne!(at(&first, "events_simulated"), at(&second, "events_simulated"));
}

#[test]
fn a_plan_is_text_of_100_columns_and_a_page_without_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let Outcome { code, stdout, stderr } = run(&["plan", "one-activity", "--html", page.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    assert!(stdout.lines().nth(1).unwrap().starts_with("FITS"), "{stdout}");
    let html = fs::read_to_string(page).unwrap();
    assert!(html.len() < 1_500_000 && html.contains("<svg") && html.contains("prefers-color-scheme: dark"));
    let external = html.replace("http://www.w3.org/", "");
    assert!(!external.contains("http://") && !external.contains("https://"));
}

#[test]
fn a_plan_on_disk_is_reported_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plan");
    let Outcome { code, stdout, .. } = run(&["plan", "one-activity", "--out", out.to_str().unwrap()]);
    assert_eq!(code, 0);
    let Outcome { code, stdout: again, stderr } = run(&["report", out.join("plan.json").to_str().unwrap()]);
    assert_eq!((code, stderr.as_str(), again), (0, "", stdout));
}

#[test]
fn imported_histories_plan_as_they_are_and_say_from_how_many_samples() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("imported.toml");
    let samples = history("act1-1");
    let Outcome { code, stderr, .. } =
        run(&["import", "history", samples.parent().unwrap().to_str().unwrap(), "--out", profile.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    let text = fs::read_to_string(&profile).unwrap();
    for inferred in ["# Inferred from 12 workflow histories", "takes: inferred from", "share = ", "input = "] {
        assert!(text.contains(inferred), "{inferred} in\n{text}");
    }
    check(&json(&["plan", profile.to_str().unwrap()]));
    let run = json(&["simulate", profile.to_str().unwrap(), "--set", "arrivals.phases.0.rate=10/s"]);
    assert!(at(&run, "counts.completed").as_u64().unwrap() > 1_000);
}

#[test]
fn four_history_shards_are_named_as_what_holds_the_load_back() {
    let load = ["plan", "worked-example", "--quiet", "--set", "growth.factor=1.0", "--set"];
    let with = |shards: &'static str, rate: &'static str| {
        let set = ["--set", rate, "--format", "json"];
        let Outcome { code, stdout, .. } = run(&[&load[..], &[shards], &set].concat());
        (code, serde_json::from_str::<Value>(&stdout).unwrap())
    };
    let rate = "arrivals.phases=[{ for = \"10min\", rate = \"30/s\" }]";
    let (code, few) = with("cluster.history_shards=4", rate);
    let first = at(&few, "bottlenecks")[0]["resource"].as_str().unwrap().to_owned();
    assert!(first.contains("shard"), "{code}, {first}: {few:#}");
    assert_eq!(code, 1, "{few:#}");
    assert!(at(&few, "verdict_text").as_str().unwrap().contains("shard"), "{few:#}");
    let (code, many) = with("cluster.history_shards=512", rate);
    assert_eq!(code, 0, "{many:#}");
    assert!(!at(&many, "bottlenecks")[0]["resource"].as_str().unwrap().contains("shard"), "{many:#}");
}

#[test]
fn a_rate_limit_that_binds_is_said_with_what_it_allows() {
    let set = [
        "plan",
        "worked-example",
        "--quiet",
        "--set",
        "growth.factor=1.0",
        "--set",
        "cluster.services.frontend.pods=3",
    ];
    let limited = [&set[..], &["--set", "cluster.server.namespace_rps=\"20/s\""]].concat();
    let Outcome { code, stdout, .. } = run(&limited);
    assert_eq!(code, 1, "{stdout}");
    let verdict: String = stdout.lines().skip(1).take(3).collect::<Vec<_>>().join(" ");
    assert!(verdict.contains("frontend requests") && verdict.contains("20"), "{verdict}");
    // More pods carry more: with pods to choose, the planner takes as many as the limit asks for.
    let plan = json(&[
        "plan",
        "worked-example",
        "--set",
        "growth.factor=1.0",
        "--set",
        "cluster.server.namespace_rps=\"20/s\"",
    ]);
    assert!(at(&plan, "server.frontend.pods").as_u64().unwrap() > 4, "{plan:#}");
}

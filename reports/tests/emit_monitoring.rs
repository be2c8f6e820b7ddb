//! Alerts and dashboards from a plan: their thresholds, the metrics they read, and what promtool says to them.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use common::emit::{expressions, only, orders, plans, settings, used, yaml};
use common::plan_of;
use plimsoll_reports::emit::{At, EmitError, Endpoint, Kind, MetricType, Settings, catalogue, emit, emit_all};
use serde::Serialize;
use serde_json::Value;

#[test]
fn on_temporal_cloud_there_is_only_what_is_ones_own() {
    let plan = plan_of("order-fulfilment", &["cluster={ use = \"temporal-cloud\" }"]);
    assert_eq!(emit(&plan, Kind::Helm, &settings()), Err(EmitError::OnCloud(Kind::Helm)));
    let everything = emit_all(&plan, &settings()).unwrap();
    let left_out: Vec<Kind> = everything.left_out.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(left_out, [Kind::Helm, Kind::Adapter, Kind::Dynamicconfig, Kind::Postgres]);
    let server: Vec<&str> = catalogue()
        .iter()
        .filter(|metric| metric.endpoint != Endpoint::Sdk)
        .map(|metric| metric.name.as_str())
        .collect();
    for file in everything.files.iter().filter(|file| file.path.starts_with("monitoring")) {
        for name in used(&expressions(file)) {
            assert!(!server.contains(&name.as_str()), "{} reads {name}", file.path);
        }
    }
}

#[test]
fn alerts_and_dashboards_read_listed_metrics_and_all_of_them() {
    let mut read_by_any = BTreeSet::new();
    for (name, plan) in plans() {
        let everything = emit_all(&plan, &settings()).unwrap().files;
        let read = everything.iter().filter(|file| !file.path.ends_with("_test.yml"));
        let names = used(&read.flat_map(expressions).collect::<Vec<_>>());
        let listed = everything.iter().find(|file| file.path.ends_with("metrics.tsv")).unwrap();
        let listed: BTreeSet<&str> = listed
            .text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').nth(1).unwrap())
            .collect();
        let unlisted: Vec<&String> = names.iter().filter(|name| !listed.contains(name.as_str())).collect();
        assert!(unlisted.is_empty(), "{name}: {unlisted:?}");
        read_by_any.extend(names);
    }
    // Some are read on Temporal Cloud only, where the server's are not to be had.
    let unread: Vec<&str> = catalogue()
        .iter()
        .filter(|metric| !read_by_any.iter().any(|name| name.starts_with(&metric.name)))
        .map(|metric| metric.name.as_str())
        .collect();
    assert!(unread.is_empty(), "{unread:?}");
    assert!(catalogue().iter().any(|metric| metric.r#type == MetricType::Histogram));
}

/// Temporal's worker service is a worker of the Go SDK and exposes that SDK's metrics about itself.
#[test]
fn the_servers_own_workers_are_not_taken_for_the_users() {
    for (name, plan) in plans().into_iter().filter(|(name, _)| *name != "cloud") {
        let everything = emit_all(&plan, &settings()).unwrap().files;
        let read = everything.iter().filter(|file| !file.path.ends_with("_test.yml"));
        let mut found = 0;
        for expr in read.flat_map(expressions) {
            for (at, _) in expr.match_indices("temporal_").filter(|(at, _)| !expr[*at..].starts_with("temporal_system"))
            {
                let rest = expr[at..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
                let selector = "{namespace!=\"temporal_system\",task_queue!~\"temporal.sys.*\"";
                assert!(rest.starts_with(selector), "{name}: {expr}");
                found += 1;
            }
        }
        assert!(found > 10, "{name}: {found}");
    }
}

#[test]
fn alerts_have_the_source_documents_names_and_the_plans_thresholds() {
    let plan = orders();
    let rules = yaml(&only(&plan, Kind::Alerts));
    let alerts: BTreeMap<&str, &Value> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| (rule["alert"].as_str().unwrap(), rule))
        .collect();
    let severity = |name: &str| alerts[name]["labels"]["severity"].as_str().unwrap();
    let threshold = |name: &str| alerts[name]["expr"].as_str().unwrap().rsplit(' ').next().unwrap();
    for (name, expected) in [
        ("TemporalFrontendDown", "critical"),
        ("TemporalHistoryDown", "critical"),
        ("HighWorkflowFailureRate", "warning"),
        ("WorkflowExecutionTimeout", "warning"),
        ("DatabaseConnectionIssue", "critical"),
    ] {
        assert_eq!(severity(name), expected, "{name}");
    }
    for (name, expected) in [
        ("HighWorkflowFailureRate", "0.1"),
        ("DatabaseConnectionIssue", "10"),
        // 60/s and 25 % above it; the plan breaks at 241/s.
        ("TemporalLoadAboveMark", "75"),
        ("TemporalLoadAtBreakingPoint", "241"),
        // 75 starts/s, 5 activities each, 200 ms: Little's law.
        ("TemporalActivityBacklog", "75"),
        ("TemporalActivityScheduleToStartHigh", "0.2"),
        ("TemporalStartLatencyHigh", "0.25"),
        ("TemporalShardLatencyHigh", "0.1"),
        // Three pods, one of them spare.
        ("TemporalHistoryPodsMissing", "2"),
        // 90 % of 310 GB.
        ("TemporalStorageNearlyFull", "279"),
    ] {
        assert_eq!(threshold(name), expected, "{name}: {}", alerts[name]["expr"]);
    }
    let python = plan_of("order-fulfilment", &["sdk=\"python\""]);
    let text = expressions(&emit(&python, Kind::Alerts, &settings()).unwrap()[0]).join("\n");
    let latency = "(rate(temporal_activity_schedule_to_start_latency_bucket{namespace!=\"temporal_system\",task_queue!~\"temporal.sys.*\"}[5m]))) / 1000 > 0.2";
    assert!(text.contains(latency), "{text}");
}

#[test]
fn each_alert_has_a_test_that_fires_and_one_that_does_not() {
    for (name, plan) in plans() {
        let files = emit(&plan, Kind::Alerts, &settings()).unwrap();
        let rules = yaml(&files[0].text);
        let alerts: Vec<String> = rules["groups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap())
            .map(|rule| rule["alert"].as_str().unwrap().to_owned())
            .collect();
        let unique: BTreeSet<&String> = alerts.iter().collect();
        assert_eq!(unique.len(), alerts.len(), "{name}: two alerts of one name would mix in a test");
        let tests = yaml(&files[1].text);
        for alert in &alerts {
            let fired: Vec<usize> = tests["tests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|test| &test["alert_rule_test"][0])
                .filter(|test| test["alertname"] == alert.as_str())
                .map(|test| test["exp_alerts"].as_array().unwrap().len())
                .collect();
            assert_eq!(fired, [1, 0], "{name}: {alert}");
        }
    }
}

#[test]
fn no_worker_is_not_missing_where_keda_may_leave_none() {
    for (keda, missed) in [
        (serde_json::json!({ "max_pods": 30 }), false),
        (serde_json::json!({ "min_pods": 2, "idle_pods": 0, "max_pods": 30 }), false),
        (serde_json::json!({ "min_pods": 2, "max_pods": 30 }), true),
    ] {
        let mut plan = orders();
        plan.basis.as_mut().unwrap().profile["autoscaler"] = serde_json::json!({ "keda": keda });
        let alerts = only(&plan, Kind::Alerts);
        assert_eq!(alerts.contains("TemporalWorkersMissing"), missed, "{keda}");
    }
}

#[test]
fn each_promise_has_an_alert_of_its_own() {
    let slo = "slo={ start = { p50 = \"50ms\", p99 = \"250ms\" }, schedule_to_start = { p99 = \"200ms\" }, schedule_to_start_activity = { p99 = \"100ms\" }, end_to_end = { p50 = \"1s\", \"p99.9\" = \"30s\" } }";
    let rules = yaml(&only(&plan_of("order-fulfilment", &[slo]), Kind::Alerts));
    let rules = rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let rules: BTreeMap<&str, &str> =
        rules.map(|rule| (rule["alert"].as_str().unwrap(), rule["expr"].as_str().unwrap())).collect();
    for (name, quantile, limit) in [
        ("TemporalStartLatencyHighP50", "0.5", "0.05"),
        ("TemporalStartLatencyHighP99", "0.99", "0.25"),
        ("TemporalEndToEndLatencyHighP50", "0.5", "1"),
        ("TemporalEndToEndLatencyHighP999", "0.999", "30"),
        ("TemporalActivityScheduleToStartHigh", "0.99", "0.1"),
        ("TemporalWorkflowTaskScheduleToStartHigh", "0.99", "0.2"),
    ] {
        let expr = rules.get(name).unwrap_or_else(|| panic!("{name} is missing: {rules:?}"));
        assert!(expr.starts_with(&format!("histogram_quantile({quantile},")), "{name}: {expr}");
        assert!(expr.ends_with(&format!(" > {limit}")), "{name}: {expr}");
    }
}

#[test]
fn a_task_queue_of_any_name_stays_one_label() {
    let settings = Settings { task_queue: Some("a\"b\\c".into()), ..settings() };
    let tests = yaml(&emit(&orders(), Kind::Alerts, &settings).unwrap()[1].text);
    let series: Vec<&str> = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["input_series"].as_array().unwrap())
        .map(|series| series["series"].as_str().unwrap())
        .filter(|series| series.contains("task_queue="))
        // The server's own workers, on queues of their own.
        .filter(|series| !series.contains("temporal_sys"))
        .collect();
    assert!(series.len() > 5);
    assert!(series.iter().all(|series| series.contains(r#"task_queue="a\"b\\c""#)), "{series:?}");
}

#[test]
fn dashboards_draw_the_plan_over_what_is_measured() {
    let plan = orders();
    let files = emit(&plan, Kind::Grafana, &settings()).unwrap();
    assert_eq!(files.len(), 4);
    let mut uids = BTreeSet::new();
    for file in &files {
        let dashboard: Value = serde_json::from_str(&file.text).unwrap();
        let uid = dashboard["uid"].as_str().unwrap();
        assert!(uid.len() <= 40 && uids.insert(uid.to_owned()), "{uid}");
        let panels = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{}", file.path);
        for panel in &panels[1..] {
            let targets = panel["targets"].as_array().unwrap();
            let references: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
            assert_eq!(references.len(), targets.len());
            let legend = |target: &Value| target["legendFormat"].as_str().unwrap().to_owned();
            let (planned, measured): (Vec<&Value>, Vec<&Value>) =
                targets.iter().partition(|target| legend(target).starts_with("plan: "));
            assert!(!measured.is_empty(), "{}", panel["title"]);
            assert!(planned.iter().all(|target| target["expr"].as_str().unwrap().starts_with("vector(")));
        }
    }
    let overview = &files[0].text;
    for predicted in
        ["vector(60)", "vector(75)", "vector(241)", "vector(0.25)", "vector(0.038)", "vector(310000000000)"]
    {
        assert!(overview.contains(predicted), "{predicted}\n{overview}");
    }
}

/// Runs promtool in a folder.
fn promtool(folder: &Path, arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(folder).output().expect("promtool is there");
    assert!(
        output.status.success(),
        "{arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs promtool (Debian: prometheus): bash .ci/emit.sh"]
fn promtool_accepts_the_alerts_and_each_fires_and_does_not() {
    for (name, plan) in plans() {
        for at in [At::Now, At::Horizon] {
            let folder = tempfile::tempdir().unwrap();
            for file in emit(&plan, Kind::Alerts, &Settings { at, ..settings() }).unwrap() {
                std::fs::write(folder.path().join(Path::new(&file.path).file_name().unwrap()), &file.text).unwrap();
            }
            eprintln!("{name} {at:?}");
            promtool(folder.path(), &["check", "rules", "alerts.yml"]);
            promtool(folder.path(), &["test", "rules", "alerts_test.yml"]);
        }
    }
}

#[test]
#[ignore = "needs promtool (Debian: prometheus): bash .ci/emit.sh"]
fn prometheus_can_read_every_expression_of_the_dashboards() {
    #[derive(Serialize)]
    struct Record {
        record: String,
        expr: String,
    }
    for (_, plan) in plans() {
        let files = emit(&plan, Kind::Grafana, &settings()).unwrap();
        let records: Vec<Record> = files
            .iter()
            .flat_map(expressions)
            .enumerate()
            .map(|(index, expr)| Record { record: format!("panel:{index}"), expr })
            .collect();
        assert!(records.len() > 10);
        let rules = serde_json::json!({ "groups": [{ "name": "dashboards", "rules": records }] });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rules.yml"), rules.to_string()).unwrap();
        promtool(folder.path(), &["check", "rules", "rules.yml"]);
    }
}

//! Files to deploy from a plan: what Kubernetes, Helm, Prometheus and the profile parser say to them.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use common::plan_of;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use plimsoll_profiles::{Document, World};
use plimsoll_reports::emit::{
    At, EmitError, EmittedFile, Endpoint, Kind, MetricType, Settings, catalogue, emit, emit_all, plan_hash,
};
use plimsoll_reports::plan_document::PlanDocument;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn settings() -> Settings {
    Settings { plan_hash: plan_hash(b"the plan"), ..Settings::default() }
}

fn orders() -> PlanDocument {
    plan_of("order-fulfilment", &[])
}

/// Plans that differ in what the files depend on.
fn plans() -> Vec<(&'static str, PlanDocument)> {
    vec![
        ("go", orders()),
        ("python", plan_of("order-fulfilment", &["sdk=\"python\""])),
        ("no promise", plan_of("order-fulfilment", &["slo={ end_to_end = { p95 = \"30s\" } }"])),
        ("one-activity", plan_of("one-activity", &[])),
        ("cloud", plan_of("order-fulfilment", &["cluster={ use = \"temporal-cloud\" }"])),
    ]
}

fn only(plan: &PlanDocument, kind: Kind) -> String {
    emit(plan, kind, &settings()).unwrap().remove(0).text
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Nothing is lost on the way through a type: every key is one it has.
fn survives<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let written = yaml(text);
    let typed: T = serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(serde_json::to_value(&typed).unwrap(), written, "{text}");
    typed
}

#[test]
fn the_same_plan_gives_the_same_bytes_and_another_one_others() {
    let all = |plan: &PlanDocument, settings: &Settings| emit_all(plan, settings).unwrap().files;
    let plan = orders();
    assert_eq!(all(&plan, &settings()), all(&plan, &settings()));
    let horizon = all(&plan, &Settings { at: At::Horizon, ..settings() });
    assert_ne!(all(&plan, &settings()), horizon);
}

#[test]
fn every_file_says_which_plan_made_it() {
    for (name, plan) in plans() {
        let command = &plan.basis.as_ref().unwrap().command;
        for file in emit_all(&plan, &settings()).unwrap().files {
            for word in [&plan.profile, &settings().plan_hash, &plan.versions, command] {
                assert!(file.text.contains(word.as_str()), "{name}: {} lacks {word}\n{}", file.path, file.text);
            }
            assert!(file.text.ends_with('\n') && !file.text.contains("\n\n\n"), "{}", file.path);
        }
    }
}

#[test]
fn kubernetes_knows_every_key() {
    for (_, plan) in plans() {
        survives::<Deployment>(&only(&plan, Kind::Worker));
        survives::<HorizontalPodAutoscaler>(&only(&plan, Kind::Hpa));
        survives::<PodDisruptionBudget>(&only(&plan, Kind::Pdb));
    }
    let wrong = only(&orders(), Kind::Pdb).replace("maxUnavailable", "maxUnavailible");
    assert!(std::panic::catch_unwind(|| survives::<PodDisruptionBudget>(&wrong)).is_err(), "a wrong key is noticed");
}

#[test]
fn workers_have_the_plans_size_and_time_to_finish() {
    let plan = orders();
    let deployment: Deployment = survives(&only(&plan, Kind::Worker));
    let spec = deployment.spec.unwrap();
    assert_eq!(spec.replicas, Some(i32::try_from(plan.now.workers.pods).unwrap()));
    let rolling = spec.strategy.unwrap().rolling_update.unwrap();
    assert_eq!(serde_json::to_value(rolling).unwrap(), serde_json::json!({ "maxUnavailable": 1, "maxSurge": 1 }));
    let pod = spec.template.spec.unwrap();
    let container = &pod.containers[0];
    let resources = serde_json::to_value(container.resources.as_ref().unwrap()).unwrap();
    let size = serde_json::json!({ "cpu": "1", "memory": "2Gi" });
    assert_eq!(resources, serde_json::json!({ "requests": size, "limits": size }));
    let environment: BTreeMap<&str, &str> =
        container.env.iter().flatten().map(|one| (one.name.as_str(), one.value.as_deref().unwrap_or(""))).collect();
    assert_eq!(environment["MAX_CONCURRENT_ACTIVITIES"], plan.now.workers.activity_slots.to_string());
    let graceful: i64 = environment["GRACEFUL_SHUTDOWN_TIMEOUT_SECONDS"].parse().unwrap();
    assert_eq!((graceful, pod.termination_grace_period_seconds), (300, Some(360)), "the source documents' numbers");
    assert!(container.lifecycle.as_ref().unwrap().pre_stop.is_some() && container.readiness_probe.is_some());
}

#[test]
fn a_long_activity_has_longer_to_finish_and_the_grace_is_always_longer_still() {
    for (takes, graceful) in [("10s", 300), ("20min", 1_200), ("5h", 3_600)] {
        let set =
            format!("workflow.0.steps=[{{ activity = \"render\", takes = \"{takes}\", start_to_close = \"6h\" }}]");
        let text = only(&plan_of("order-fulfilment", &[&set]), Kind::Worker);
        let pod = survives::<Deployment>(&text).spec.unwrap().template.spec.unwrap();
        let set = pod.containers[0].env.as_ref().unwrap().iter().find(|one| one.name.starts_with("GRACEFUL")).unwrap();
        assert_eq!(set.value, Some(graceful.to_string()), "{takes}");
        assert!(pod.termination_grace_period_seconds.unwrap() > graceful + 5, "{takes}: preStop comes before it");
    }
}

#[test]
fn the_profiles_own_rollout_is_what_the_deployment_does() {
    let mut plan = orders();
    plan.basis.as_mut().unwrap().profile["rollout"] = serde_json::json!({
        "strategy": "rolling", "max_unavailable": "25%", "max_surge": 2, "drain": { "graceful_timeout": "60s", "grace": "75s" },
    });
    let text = only(&plan, Kind::Worker);
    let spec = survives::<Deployment>(&text).spec.unwrap();
    let rolling = serde_json::to_value(spec.strategy.unwrap().rolling_update.unwrap()).unwrap();
    assert_eq!(rolling, serde_json::json!({ "maxUnavailable": "25%", "maxSurge": 2 }));
    assert_eq!(spec.template.spec.unwrap().termination_grace_period_seconds, Some(75));
    let profile = &mut plan.basis.as_mut().unwrap().profile;
    profile["rollout"]["drain"]["grace"] = "30s".into();
    let spec = survives::<Deployment>(&only(&plan, Kind::Worker)).spec.unwrap();
    assert_eq!(spec.template.spec.unwrap().termination_grace_period_seconds, Some(65), "never shorter than it takes");
}

#[test]
fn an_autoscaler_stays_around_the_plan_whatever_the_plan() {
    for pods in [1, 2, 3, 10, 200] {
        for (mean, peak, breaks) in
            [(31.5, 60.0, Some(241.0)), (60.0, 60.0, None), (0.001, 60.0, Some(70.0)), (1.0, 1.0, Some(1e6))]
        {
            let mut plan = orders();
            plan.now.workers.pods = pods;
            (plan.load.mean_per_second_now, plan.load.peak_per_second_now) = (mean, peak);
            plan.load.breaks_at_per_second = breaks;
            let spec = survives::<HorizontalPodAutoscaler>(&only(&plan, Kind::Hpa)).spec.unwrap();
            let (min, max) = (spec.min_replicas.unwrap(), spec.max_replicas);
            let pods = i32::try_from(pods).unwrap();
            assert!((1..=pods.max(2)).contains(&min) && max > pods, "{pods} pods: {min} to {max}");
            assert_eq!(spec.metrics.unwrap().len(), 3);
        }
    }
}

#[test]
fn the_profiles_own_autoscaler_is_what_kubernetes_gets() {
    let mut plan = orders();
    let profile = &mut plan.basis.as_mut().unwrap().profile;
    profile["autoscaler"] = serde_json::json!({ "pod_startup": "20s", "hpa": {
        "min_pods": 5, "max_pods": 50,
        "metrics": [
            { "resource": "cpu", "utilisation": 70 },
            { "resource": "memory", "average_value": 1_073_741_824.0 },
            { "pods": "backlog", "average_value": 100.0 },
            { "external": "activity_backlog", "value": 2.5 },
            { "pods": "activity_slots_used", "average_value": 80.0 },
        ],
        "behaviour": { "scale_down": { "window": "300s", "select": "min", "policies": [{ "percent": 50, "period": "1min" }] } },
    } });
    let text = only(&plan, Kind::Hpa);
    survives::<HorizontalPodAutoscaler>(&text);
    let spec = yaml(&text)["spec"].clone();
    assert_eq!((&spec["minReplicas"], &spec["maxReplicas"]), (&5.into(), &50.into()));
    let metrics = spec["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 4, "{text}");
    assert_eq!(metrics[1]["resource"]["target"]["averageValue"], "1Gi");
    assert_eq!(metrics[2]["external"]["target"], serde_json::json!({ "type": "AverageValue", "averageValue": "100" }));
    assert_eq!(metrics[3]["external"]["target"], serde_json::json!({ "type": "Value", "value": "2.5" }));
    assert!(text.contains("Left out: activity_slots_used"), "{text}");
    let down = serde_json::json!({
        "stabilizationWindowSeconds": 300, "selectPolicy": "Min", "policies": [{ "type": "Percent", "value": 50, "periodSeconds": 60 }],
    });
    assert_eq!(spec["behavior"], serde_json::json!({ "scaleDown": down }));
    let names = yaml(&only(&plan, Kind::Adapter));
    let served: Vec<&Value> =
        names["externalRules"].as_array().unwrap().iter().map(|rule| &rule["name"]["as"]).collect();
    assert!(served.contains(&&metrics[3]["external"]["metric"]["name"]), "{served:?}");

    plan.basis.as_mut().unwrap().profile["autoscaler"] = serde_json::json!({ "keda": { "max_pods": 30, "target_queue_size": 7, "queues": "activity", "cooldown_period": "2min" } });
    let spec = yaml(&only(&plan, Kind::Keda))["spec"].clone();
    assert_eq!(
        (&spec["minReplicaCount"], &spec["maxReplicaCount"], &spec["cooldownPeriod"]),
        (&0.into(), &30.into(), &120.into())
    );
    assert_eq!(spec["triggers"].as_array().unwrap().len(), 1, "a trigger of CPU would keep the last pod");
    assert_eq!(spec["triggers"][0]["metadata"]["targetQueueSize"], "7");
    assert_eq!(spec["triggers"][0]["metadata"]["queueTypes"], "activity");
    assert_eq!(yaml(&only(&plan, Kind::Hpa))["spec"]["minReplicas"], 1, "none is KEDA's to do");
}

#[test]
fn the_autoscalers_agree_and_keep_the_source_documents_behaviour() {
    let plan = orders();
    let hpa = yaml(&only(&plan, Kind::Hpa));
    let keda = yaml(&only(&plan, Kind::Keda));
    assert_eq!(hpa["spec"]["behavior"], keda["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]);
    assert_eq!(hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 300);
    assert_eq!(hpa["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    assert_eq!(hpa["spec"]["minReplicas"], keda["spec"]["minReplicaCount"]);
    assert_eq!(hpa["spec"]["maxReplicas"], keda["spec"]["maxReplicaCount"]);
    let backlog = &hpa["spec"]["metrics"][2]["external"];
    let trigger = &keda["spec"]["triggers"][0];
    assert_eq!(
        (&trigger["type"], &trigger["metadata"]["taskQueue"]),
        (&"temporal".into(), &"order-fulfilment-invented-for-tests".into())
    );
    assert_eq!(backlog["target"]["averageValue"], trigger["metadata"]["targetQueueSize"]);
    // 75 starts/s, 11.5 tasks each, 0.2 s, over the three pods that are left of four.
    assert_eq!(backlog["target"]["averageValue"], "57");
    let adapter = yaml(&only(&plan, Kind::Adapter));
    assert_eq!(adapter["externalRules"][0]["name"]["as"], backlog["metric"]["name"]);
    // Without a promise there is no number of the plan's.
    let unpromised = plan_of("order-fulfilment", &["slo={ end_to_end = { p95 = \"30s\" } }"]);
    let hpa = yaml(&only(&unpromised, Kind::Hpa));
    assert_eq!(hpa["spec"]["metrics"][2]["external"]["target"]["averageValue"], "100", "the source documents' number");
}

/// Paths of everything that has a value, elements of lists as `[]`.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            paths(value, &path, found);
        }),
        Value::Array(list) if !list.is_empty() => {
            list.iter().for_each(|value| paths(value, &format!("{path}[]"), found));
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn is_key_of_the_chart(path: &str) -> bool {
    let keys = include_str!("data/helm_chart_keys.txt");
    keys.lines().filter(|line| !line.starts_with('#')).any(|key| {
        let mut parts = path.split('.');
        for wanted in key.split('.') {
            match (wanted, parts.next()) {
                ("**", _) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(part)) if wanted == part => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    })
}

#[test]
fn helm_values_use_keys_of_the_chart_only() {
    assert!(!is_key_of_the_chart("server.frontend.replicas") && !is_key_of_the_chart("postgresql.enabled"));
    for set in [
        "cluster.name=\"x\"",
        "cluster.visibility.store=\"elasticsearch\"",
        "cluster.visibility.store=\"separate_database\"",
        "cluster.temporal_version=\"1.27.2\"",
    ] {
        let Ok(plan) = std::panic::catch_unwind(|| plan_of("order-fulfilment", &[set])) else {
            panic!("{set} is no longer how a profile says it");
        };
        let mut found = BTreeSet::new();
        paths(&yaml(&only(&plan, Kind::Helm)), "", &mut found);
        assert!(found.len() > 40, "{found:?}");
        let unknown: Vec<&String> = found.iter().filter(|path| !is_key_of_the_chart(path)).collect();
        assert!(unknown.is_empty(), "{set}: {unknown:?}");
    }
}

#[test]
fn helm_values_are_the_plans_numbers() {
    let plan = orders();
    let values = yaml(&only(&plan, Kind::Helm));
    let server = &values["server"];
    assert_eq!(server["config"]["persistence"]["numHistoryShards"], plan.history_shards);
    for (service, size) in [("frontend", &plan.now.server.frontend), ("history", &plan.now.server.history)] {
        assert_eq!(server[service]["replicaCount"], size.pods, "{service}");
    }
    assert_eq!(server["history"]["resources"]["limits"], serde_json::json!({ "cpu": "2", "memory": "4Gi" }));
    let sql = &server["config"]["persistence"]["datastores"]["default"]["sql"];
    assert_eq!((&sql["pluginName"], &sql["maxConns"]), (&"postgres12".into(), &20.into()));
    assert_eq!(server["config"]["namespaces"]["namespace"][0]["retention"], "30d");
    assert_eq!(server["dynamicConfig"], yaml(&only(&plan, Kind::Dynamicconfig)));
    assert_eq!(server["dynamicConfig"]["matching.numTaskqueueReadPartitions"][0]["value"], 4);
    assert_eq!(server["dynamicConfig"]["history.cacheTTL"][0]["value"], "3600s");
    assert_eq!(values["shims"]["dockerize"], false, "1.31 needs no shim");
}

#[test]
fn worker_pools_have_the_source_documents_keys() {
    let config = yaml(&only(&orders(), Kind::Config));
    let mut found = BTreeSet::new();
    paths(&config, "", &mut found);
    let keys = ["maxConcurrentActivities", "maxConcurrentWorkflowTasks", "name", "taskQueue", "workerCount"];
    assert_eq!(found, keys.map(|key| format!("production.workerPools[].{key}")).into());
    assert_eq!(config["production"]["workerPools"][0]["workerCount"], 4);
}

#[test]
fn postgresql_has_each_setting_once_and_room_for_the_connections() {
    let plan = orders();
    let text = only(&plan, Kind::Postgres);
    let mut settings = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, value) = line.split_once(" = ").unwrap();
        assert!(settings.insert(name, value).is_none(), "{name} twice");
    }
    let connections: u32 = settings["max_connections"].parse().unwrap();
    assert!(connections > plan.now.database.connections, "{connections}");
    assert_eq!((settings["shared_buffers"], settings["effective_cache_size"]), ("4GB", "12GB"));
    assert_eq!(settings["checkpoint_timeout"], "5min");
    let pooled = plan_of("order-fulfilment", &["cluster.database.pgbouncer={ server_connections = 40 }"]);
    let files = emit(&pooled, Kind::Postgres, &Settings::default()).unwrap();
    assert!(files[1].path.ends_with("pgbouncer.ini") && files[1].text.contains("max_db_connections = 40\n"));
}

#[test]
fn the_load_test_is_a_profile_of_the_plans_sizes_and_load() {
    for (name, plan) in plans() {
        let text = only(&plan, Kind::Loadtest);
        let document = Document::parse(&text, "loadtest.toml", &[])
            .unwrap_or_else(|problems| panic!("{name}: {:?}\n{text}", problems.problems));
        let profile = document.profile(&World::mid()).unwrap();
        let rate = profile.arrivals.peak(plimsoll_profiles::units::Nanos::from_secs(60)).rate.as_per_second();
        assert!((rate - 75.0).abs() < 0.01, "60/s and 25 % above it: {rate}");
        assert_eq!(profile.workers.pods, Some(4));
        if name != "cloud" {
            assert_eq!(profile.cluster.history_shards, Some(1024));
            assert_eq!(profile.cluster.services.history.pods, Some(3));
            assert_eq!(profile.cluster.database.vcpu, Some(4));
        }
        let original = plan.basis.unwrap().profile;
        let workflows = |value: &Value| value["workflow"].clone();
        assert_eq!(workflows(&document.to_json(&World::mid())), workflows(&original), "the same workflows");
    }
}

#[test]
fn what_cannot_be_deployed_says_why() {
    let settings = settings();
    let infeasible = common::infeasible_plan();
    assert!(matches!(emit_all(&infeasible, &settings), Err(EmitError::Infeasible(_))));
    assert_eq!(emit_all(&common::plan(), &settings), Err(EmitError::NoBasis));
    let other = PlanDocument { schema_version: 99, ..orders() };
    assert_eq!(emit_all(&other, &settings), Err(EmitError::OtherVersion(99)));
    let mut broken = orders();
    broken.basis.as_mut().unwrap().profile["workflow"] = Value::Null;
    assert!(matches!(emit_all(&broken, &settings), Err(EmitError::Profile(_))));
}

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

/// Expressions of rules and panels.
fn expressions(file: &EmittedFile) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match (key.as_str(), value) {
                ("expr", Value::String(expr)) => found.push(expr.clone()),
                _ => collect(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let value = match Path::new(&file.path).extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&file.text).unwrap(),
        Some("yml" | "yaml") => yaml(&file.text),
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    collect(&value, &mut found);
    found
}

/// Names of metrics in expressions: what is left without selectors, groupings, ranges, functions and operators.
fn used(expressions: &[String]) -> BTreeSet<String> {
    const WORDS: [&str; 13] = [
        "sum",
        "max",
        "count",
        "rate",
        "increase",
        "deriv",
        "predict_linear",
        "histogram_quantile",
        "vector",
        "or",
        "by",
        "le",
        "min",
    ];
    let mut names = BTreeSet::new();
    for expr in expressions {
        let mut rest = String::new();
        let mut depth = 0;
        for c in expr.chars() {
            match c {
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                c if depth == 0 => rest.push(c),
                _ => {}
            }
        }
        while let Some(start) = rest.find("by (") {
            let end = start + rest[start..].find(')').unwrap();
            rest.replace_range(start..=end, "");
        }
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let words = rest.split(word).filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
        names.extend(words.filter(|word| !WORDS.contains(word)).map(str::to_owned));
    }
    names
}

#[test]
fn alerts_and_dashboards_read_listed_metrics_and_all_of_them() {
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
        if name == "go" {
            let unread: Vec<&str> = catalogue()
                .iter()
                .filter(|metric| !names.iter().any(|name| name.starts_with(&metric.name)))
                .map(|metric| metric.name.as_str())
                .collect();
            assert!(unread.is_empty(), "{unread:?}");
        }
    }
    assert!(catalogue().iter().any(|metric| metric.r#type == MetricType::Histogram));
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
    let text = only(&python, Kind::Alerts);
    assert!(text.contains("temporal_activity_schedule_to_start_latency_bucket[5m])))"), "{text}");
    assert!(text.contains("/ 1000 > 0.2"), "Core measures in milliseconds\n{text}");
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

#[test]
fn names_are_those_that_were_asked_for() {
    let settings = Settings {
        image: Some("ghcr.io/shop/worker:v7".into()),
        namespace: Some("shop".into()),
        task_queue: Some("orders/v2".into()),
        temporal_namespace: "shop-prod".into(),
        address: "temporal:7233".into(),
        database: Some("pg.internal:5433".into()),
        ..settings()
    };
    let file = |kind| emit(&orders(), kind, &settings).unwrap().remove(0).text;
    let worker = yaml(&file(Kind::Worker));
    assert_eq!(worker["metadata"]["namespace"], "shop");
    assert_eq!(worker["spec"]["template"]["spec"]["containers"][0]["image"], "ghcr.io/shop/worker:v7");
    assert_eq!(yaml(&file(Kind::Keda))["spec"]["triggers"][0]["metadata"]["taskQueue"], "orders/v2");
    let adapter = file(Kind::Adapter);
    assert!(adapter.contains("taskqueue=~\"orders.v2\""), "as tally and as OpenTelemetry write it\n{adapter}");
    assert!(file(Kind::Helm).contains("connectAddr: pg.internal:5433") && file(Kind::Helm).contains("name: shop-prod"));
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

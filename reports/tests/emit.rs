//! Files to deploy from a plan: what Kubernetes, Helm, Prometheus and the profile parser say to them.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::emit::{only, orders, plans, settings, yaml};
use common::plan_of;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use plimsoll_profiles::{Document, World};
use plimsoll_reports::emit::{At, EmitError, Kind, Settings, emit, emit_all};
use plimsoll_reports::plan_document::PlanDocument;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
fn a_name_cannot_leave_its_comment() {
    let mut plan = orders();
    plan.profile = "a\u{2028}kind: Secret\u{85}b\u{7}\nc".into();
    for file in emit_all(&plan, &settings()).unwrap().files {
        let comments = file.text.lines().filter(|line| line.starts_with(['#', ';']));
        for comment in comments {
            assert!(!comment.contains(|c: char| c.is_control() || c == '\u{2028}'), "{}: {comment:?}", file.path);
        }
    }
    assert!(Document::parse(&only(&plan, Kind::Loadtest), "loadtest.toml", &[]).is_ok());
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

/// `maxUnavailable` and `maxSurge` as the Deployment has them.
fn rolling(plan: &PlanDocument) -> (Value, Value) {
    let deployment = yaml(&only(plan, Kind::Worker));
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    (rolling["maxUnavailable"].clone(), rolling["maxSurge"].clone())
}

#[test]
fn what_a_rollout_leaves_out_is_kubernetes_default_and_never_both_nothing() {
    let mut plan = plan_of("order-fulfilment", &["growth.survive_pod_loss=false"]);
    for (rollout, expected) in [
        (serde_json::json!({ "strategy": "rolling", "max_surge": 0 }), ("25%".into(), 0.into())),
        (serde_json::json!({ "strategy": "rolling", "max_unavailable": 0 }), (0.into(), "25%".into())),
        (
            serde_json::json!({ "strategy": "rolling", "max_unavailable": "10 %", "max_surge": "+5%" }),
            ("10%".into(), "5%".into()),
        ),
    ] {
        plan.basis.as_mut().unwrap().profile["rollout"] = rollout;
        assert_eq!(rolling(&plan), expected);
    }
}

#[test]
fn the_only_worker_is_not_taken_away_in_a_rollout() {
    let mut plan = orders();
    plan.now.workers.pods = 1;
    assert_eq!(rolling(&plan), (0.into(), 1.into()));
    assert!(only(&plan, Kind::Worker).contains("maxUnavailable 0"));
}

#[test]
fn workers_request_what_the_profiles_autoscaler_measures_them_by() {
    let mut plan = orders();
    plan.basis.as_mut().unwrap().profile["autoscaler"] = serde_json::json!({
        "request": { "cpu": 0.5, "memory": "1GiB" },
        "hpa": { "max_pods": 50, "metrics": [{ "resource": "cpu", "utilisation": 70 }] },
    });
    let text = only(&plan, Kind::Worker);
    survives::<Deployment>(&text);
    let resources = yaml(&text)["spec"]["template"]["spec"]["containers"][0]["resources"].clone();
    assert_eq!(resources["requests"], serde_json::json!({ "cpu": "500m", "memory": "1Gi" }));
    assert_eq!(resources["limits"], serde_json::json!({ "cpu": "1", "memory": "2Gi" }));
}

#[test]
fn workers_of_temporal_cloud_connect_to_it() {
    let plan = plan_of("order-fulfilment", &["cluster={ use = \"temporal-cloud\" }"]);
    let file = |kind, settings: &Settings| emit(&plan, kind, settings).unwrap().remove(0).text;
    let named = Settings { temporal_namespace: "shop.a1b2c".into(), ..settings() };
    let address = |text: &str| {
        let worker = yaml(text);
        let env = worker["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        env.into_iter().find(|one| one["name"] == "TEMPORAL_ADDRESS").unwrap()["value"].clone()
    };
    assert_eq!(address(&file(Kind::Worker, &named)), "shop.a1b2c.tmprl.cloud:7233");
    let trigger = yaml(&file(Kind::Keda, &named))["spec"]["triggers"][0]["metadata"]["endpoint"].clone();
    assert_eq!(trigger, "shop.a1b2c.tmprl.cloud:7233");
    for kind in [Kind::Worker, Kind::Keda] {
        assert!(file(kind, &named).contains("needs an API key") && !file(kind, &named).contains("placeholders"));
        assert!(
            file(kind, &settings()).contains("--temporal-namespace NAME.ACCOUNT"),
            "`default` is no namespace there"
        );
    }
    assert!(!only(&orders(), Kind::Worker).contains("API key"));
}

#[test]
fn a_metric_that_nobody_serves_is_left_out_and_an_autoscaler_of_none_too() {
    let mut plan = plan_of("order-fulfilment", &["cluster={ use = \"temporal-cloud\" }"]);
    let hpa = |metrics: Value| serde_json::json!({ "hpa": { "max_pods": 50, "metrics": metrics } });
    let backlog = serde_json::json!({ "pods": "backlog", "average_value": 100.0 });
    let cpu = serde_json::json!({ "resource": "cpu", "utilisation": 70 });
    plan.basis.as_mut().unwrap().profile["autoscaler"] = hpa(serde_json::json!([cpu, backlog]));
    let text = only(&plan, Kind::Hpa);
    let spec = survives::<HorizontalPodAutoscaler>(&text).spec.unwrap();
    assert_eq!(spec.metrics.unwrap().len(), 1, "there is no adapter's rule on Temporal Cloud");
    assert!(text.contains("Left out: temporal_task_queue_backlog"), "{text}");
    plan.basis.as_mut().unwrap().profile["autoscaler"] = hpa(serde_json::json!([backlog]));
    assert_eq!(emit(&plan, Kind::Hpa, &settings()), Err(EmitError::NoMetric));
    let everything = emit_all(&plan, &settings()).unwrap();
    assert!(everything.left_out.contains(&(Kind::Hpa, EmitError::NoMetric)));
    assert!(everything.files.iter().any(|file| file.path.ends_with("scaledobject.yaml")));
}

#[test]
fn another_database_has_no_helm_values_and_any_postgresql_has() {
    let of = |engine: &str| {
        emit(&plan_of("order-fulfilment", &[&format!("cluster.database.engine={engine}")]), Kind::Helm, &settings())
    };
    assert_eq!(of("MySQL 8"), Err(EmitError::OtherDatabase("MySQL 8".into())));
    assert!(of("Aurora PostgreSQL 15").is_ok());
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

    plan.basis.as_mut().unwrap().profile["autoscaler"] = serde_json::json!({ "keda": {} });
    let spec = yaml(&only(&plan, Kind::Keda))["spec"].clone();
    assert_eq!(
        spec["triggers"][0]["metadata"]["targetQueueSize"], "5",
        "KEDA's default: the profile's was simulated with it"
    );
    assert_eq!(spec["pollingInterval"], 30);
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
fn names_are_those_that_were_asked_for() {
    let settings = Settings {
        image: Some("ghcr.io/shop/worker:v7".into()),
        namespace: Some("shop".into()),
        task_queue: Some("orders/v2".into()),
        temporal_namespace: "shop-prod".into(),
        address: Some("temporal:7233".into()),
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

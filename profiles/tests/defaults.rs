//! What holds when a profile says nothing, and files that a profile refers to.
#![allow(clippy::unwrap_used)]

use std::fs;

use plimsoll_profiles::profile::{Activity, Placement, Profile, Sdk, SloMetric, Span, Step, StorageClass};
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Bytes, Nanos, Probability};
use plimsoll_profiles::{Document, World};

const MINIMAL: &str = r#"
name = "x"
[arrivals]
phases = [{ for = "1min", rate = "10/s" }]
[[workflow]]
type = "W"
steps = [STEPS]
"#;

fn profile(steps: &str) -> Profile {
    let document = Document::parse(&MINIMAL.replace("STEPS", steps), "p.toml", &[]);
    document.unwrap_or_else(|problems| panic!("{problems}")).profile(&World::mid()).unwrap()
}

fn activity(step: &str) -> Activity {
    match profile(step).workflows.remove(0).steps.remove(0) {
        Step::Activity(activity) => activity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_minimal_profile_has_the_documented_defaults() {
    let profile = profile(r#"{ timer = "1s" }"#);
    assert_eq!(profile.sdk, Sdk::Go);
    assert_eq!(profile.workflows[0].share, Some(Probability::ONE));
    let slo: Vec<_> = profile.slo.targets.iter().map(|t| (t.metric, t.quantile, t.limit)).collect();
    let limit = Nanos::from_millis(200);
    assert_eq!(
        slo,
        [(SloMetric::ScheduleToStartWorkflow, 0.99, limit), (SloMetric::ScheduleToStartActivity, 0.99, limit)]
    );
    assert_eq!(profile.growth.horizon, Nanos::from_secs(365 * 86_400));
    assert_eq!((profile.growth.factor, profile.growth.headroom), (1.0, 0.25));
    assert_eq!(profile.growth.retention, Nanos::from_secs(7 * 86_400));
    assert!(profile.growth.survive_pod_loss);
    assert_eq!(profile.workers.pods, None);
    assert_eq!(profile.workers.pod.memory, Bytes::gib(2));
    assert_eq!(profile.cluster.name, "kubernetes-production");
    assert_eq!(profile.calibration, plimsoll_profiles::calibration::REFERENCE);
}

#[test]
fn an_inline_cluster_has_the_documented_defaults() {
    let text = MINIMAL.replace("STEPS", r#"{ timer = "1s" }"#)
        + "[cluster]\nname = \"ours\"\ndatabase.storage_class = \"local-ssd\"\n";
    let cluster = Document::parse(&text, "p.toml", &[]).unwrap().profile(&World::mid()).unwrap().cluster;
    assert_eq!(cluster.history_shards, None);
    assert_eq!((cluster.max_connections, cluster.visibility_max_connections), (20, 10));
    assert_eq!(cluster.task_queue_partitions, 4);
    assert_eq!(
        (cluster.database.storage_class, cluster.database.fsync.clone()),
        (StorageClass::LocalSsd, Span::MeanCv { mean: Nanos::from_micros(580), cv: 1.0 })
    );
    assert_eq!((cluster.services.history.pods, cluster.services.history.min_pods), (None, 1));
    assert_eq!(cluster.placement, Placement::Separate);
}

#[test]
fn retries_and_time_outs_are_the_servers() {
    let plain = activity(r#"{ activity = "a", takes = { p50 = "1s", p99 = "5s" } }"#);
    assert_eq!((plain.retry.initial, plain.retry.backoff, plain.retry.attempts), (Nanos::from_secs(1), 2.0, 0));
    assert_eq!(plain.retry.maximum, Nanos::from_secs(100));
    assert_eq!(plain.timeouts.start_to_close, Some(Nanos::from_secs(50)));
    assert_eq!(plain.timeouts.schedule_to_start, None);
    let short = activity(r#"{ activity = "a", takes = "1ms" }"#);
    assert_eq!(short.timeouts.start_to_close, Some(Nanos::from_secs(10)));
    let whole = activity(r#"{ activity = "a", takes = "1ms", schedule_to_close = "1min" }"#);
    assert_eq!(whole.timeouts.start_to_close, None);
}

#[test]
fn sdk_defaults_are_those_of_the_sdks() {
    let go = Sdk::Go.defaults();
    assert_eq!((go.activity_slots, go.activity_pollers, go.cached_workflows), (1_000, 2, 10_000));
    assert_eq!(go.sticky_timeout, Nanos::from_secs(5));
    let java = Sdk::Java.defaults();
    assert_eq!((java.workflow_task_slots, java.workflow_task_pollers, java.cached_workflows), (200, 5, 600));
    assert_eq!(Sdk::TypeScript.defaults().workflow_task_slots, 40);
    assert_eq!(Sdk::Python.defaults().sticky_timeout, Nanos::from_secs(10));
    assert_eq!(Sdk::Rust.defaults().cached_workflows, 1_000);
}

#[test]
fn every_span_that_is_taken_has_a_distribution() {
    for takes in [
        "\"40ms\"",
        "\"0s\"",
        "{ p50 = \"40ms\", p99 = \"400ms\" }",
        "{ p1 = \"1ns\", p50 = \"1s\", \"p99.999\" = \"100d\" }",
        "{ mean = \"1s\", cv = 0 }",
        "{ mean = \"1s\", cv = 100 }",
    ] {
        let step = format!("{{ activity = \"a\", takes = {takes} }}");
        match activity(&step).takes {
            Span::Constant(_) => {}
            Span::MeanCv { mean, cv } => assert!(Distribution::from_mean_cv(mean, cv).mean() > Nanos::ZERO, "{takes}"),
            Span::Quantiles(points) => {
                Distribution::from_quantiles(&points).unwrap_or_else(|error| panic!("{takes}: {error}"));
            }
        }
    }
}

#[test]
fn a_count_of_activities_is_a_repeat() {
    let steps = profile(r#"{ activity = "a", takes = "1s", count = 3 }"#).workflows.remove(0).steps;
    assert!(matches!(&steps[..], [Step::Repeat { times: 3, steps }] if steps.len() == 1), "{steps:?}");
}

#[test]
fn clusters_and_traces_are_files_beside_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("clusters")).unwrap();
    fs::write(at("clusters/ours.toml"), "name = \"ours\"\nhistory_shards = 128\n").unwrap();
    fs::write(at("times.csv"), "at\n2026-01-01T00:00:10Z\n2026-01-01T00:00:00Z\n").unwrap();
    let text = r#"
name = "x"
arrivals.phases = [{ trace = { file = "times.csv" } }]
workflow = [{ type = "W", steps = [{ timer = "1s" }] }]
cluster = { use = "clusters/ours.toml", max_connections = 7 }
"#;
    fs::write(at("profile.toml"), text).unwrap();
    let profile = Document::read(at("profile.toml"), &[]).unwrap().profile(&World::mid()).unwrap();
    assert_eq!(profile.cluster.name, "ours");
    assert_eq!((profile.cluster.history_shards, profile.cluster.max_connections), (Some(128), 7));
    let times: Vec<Nanos> = profile.arrivals.schedule(1).collect();
    assert_eq!(times, [Nanos::ZERO, Nanos::from_secs(10)]);
    fs::write(at("clusters/ours.toml"), "name = \"ours\"\nhistory_shards = 0\n").unwrap();
    let problems = Document::read(at("profile.toml"), &[]).unwrap_err();
    let source = problems.source_of(&problems.problems[0]).unwrap();
    assert!(source.name.ends_with("ours.toml"), "{}", source.name);
    fs::write(at("clusters/ours.toml"), "use = \"staging\"\n").unwrap();
    assert!(Document::read(at("profile.toml"), &[]).unwrap_err().to_string().contains("cannot use another"));
}

#[test]
fn overrides_reach_into_arrays_tables_and_clusters() {
    let text = MINIMAL.replace("STEPS", r#"{ activity = "a", takes = "1s" }, { timer = "1s" }"#);
    let set = [
        "workflow.0.steps.0.takes=40ms",
        "cluster.use=staging",
        "cluster.database.vcpu=8",
        "workers.pods=3",
        "growth.headroom=0.5",
        "slo.start.p99=1s",
        "arrivals.phases.0.rate=5/min",
    ]
    .map(str::to_owned);
    let profile = Document::parse(&text, "p.toml", &set).unwrap().profile(&World::mid()).unwrap();
    let Step::Activity(activity) = &profile.workflows[0].steps[0] else { panic!() };
    assert_eq!(activity.takes, Span::Constant(Nanos::from_millis(40)));
    assert_eq!((profile.cluster.name.as_str(), profile.cluster.database.vcpu), ("staging", Some(8)));
    assert_eq!((profile.workers.pods, profile.growth.headroom), (Some(3), 0.5));
    assert_eq!(profile.slo.targets.len(), 1);
    assert!((profile.arrivals.mean_rate().as_per_second() - 5.0 / 60.0).abs() < 1e-12);
}

//! The profiles that come with Plimsoll are valid, say what their comments claim, and are small enough to simulate.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::profile::{ClusterKind, Placement, Span, Step};
use plimsoll_profiles::units::{Bytes, Nanos};
use plimsoll_profiles::{Document, World, shipped};

fn document(name: &str) -> Document {
    let shipped = shipped::profile(name).unwrap();
    Document::parse(shipped.text, &format!("{name}.toml"), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_shipped_profile_reads_from_its_file() {
    for shipped in shipped::PROFILES {
        let path = format!("{}/{}.toml", env!("CARGO_MANIFEST_DIR"), shipped.name);
        let document = Document::read(&path, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}"));
        for n in 0..50 {
            document.profile(&World::sampled(1, n)).unwrap_or_else(|problems| panic!("world {n}: {problems}"));
        }
    }
}

#[test]
fn every_shipped_cluster_can_be_used() {
    for shipped in shipped::CLUSTERS {
        let set = [format!("cluster.use={}", shipped.name)];
        let text = shipped::profile("one-activity").unwrap().text;
        let document = Document::parse(text, "p.toml", &set).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(document.profile(&World::mid()).unwrap().cluster.name, shipped.name);
    }
}

#[test]
fn a_minute_at_the_peak_is_small_enough_to_simulate() {
    for shipped in shipped::PROFILES {
        let profile = document(shipped.name).profile(&World::mid()).unwrap();
        let peak = profile.arrivals.peak(Nanos::from_secs(60));
        let workflows = peak.rate.as_per_second() * 60.0;
        assert!((0.0..=50_000.0).contains(&workflows), "{}: {workflows}", shipped.name);
    }
}

#[test]
fn the_worked_example_keeps_500_slots_busy_for_300_seconds() {
    let profile = document("worked-example").profile(&World::mid()).unwrap();
    let (mut busy, mut open) = (Nanos::ZERO, Nanos::ZERO);
    fn add(steps: &[Step], times: u64, busy: &mut Nanos, open: &mut Nanos) {
        for step in steps {
            match step {
                Step::Activity(activity) => {
                    let Span::Constant(takes) = activity.takes else { panic!("not constant") };
                    *busy += takes * times;
                    *open += takes * times;
                    assert_eq!(activity.cpu.0 * 10, takes.0, "a tenth of a core");
                    assert_eq!(activity.memory, Some(Bytes::mib(256)));
                }
                Step::Timer(Span::Constant(takes)) => *open += *takes * times,
                Step::Repeat { times: n, steps } => add(steps, times * u64::from(*n), busy, open),
                other => panic!("{other:?}"),
            }
        }
    }
    add(&profile.workflows[0].steps, 1, &mut busy, &mut open);
    assert_eq!(open, Nanos::from_secs(300));
    let rate = profile.arrivals.mean_rate().as_per_second();
    assert_eq!(rate * busy.as_secs_f64(), 500.0);
    assert_eq!(profile.workers.activity_slots, Some(100));
}

#[test]
fn production_values_are_the_sources() {
    let cluster = document("worked-example").profile(&World::mid()).unwrap().cluster;
    let services = &cluster.services;
    let pods = [&services.frontend, &services.history, &services.matching, &services.worker].map(|s| s.min_pods);
    assert_eq!(pods, [3, 5, 3, 2]);
    assert_eq!(cluster.history_shards, Some(512));
    assert_eq!((cluster.max_connections, cluster.visibility_max_connections), (20, 20));
    assert_eq!(services.history.limit.cpu.get(), 2.0);
    assert_eq!(services.history.request.memory, Bytes::gib(4));
    assert_eq!(cluster.placement, Placement::Separate);
}

#[test]
fn the_measured_machine_is_shared_by_everything() {
    let cluster = document("one-activity").profile(&World::mid()).unwrap().cluster;
    let Placement::Shared(host) = cluster.placement else { panic!("not shared") };
    assert_eq!((host.size.cpu.get(), host.size.memory), (2.0, Bytes::gib(24)));
    assert_eq!(cluster.history_shards, Some(64));
    assert_eq!(cluster.database.fsync, Span::MeanCv { mean: Nanos::from_micros(580), cv: 1.0 });
    assert_eq!(cluster.kind, ClusterKind::SelfHosted);
}

#[test]
fn temporal_cloud_is_not_sized() {
    let text = shipped::profile("order-fulfilment").unwrap().text;
    let document = Document::parse(text, "p.toml", &["cluster.use=temporal-cloud".into()]).unwrap();
    let ClusterKind::Cloud(limits) = document.profile(&World::mid()).unwrap().cluster.kind else {
        panic!("self-hosted")
    };
    assert_eq!(limits.actions_per_second.as_per_second(), 500.0);
    assert_eq!((limits.start_p50, limits.start_p99), (Nanos::from_millis(14), Nanos::from_millis(69)));
}

#[test]
fn an_inline_cluster_key_overrides_the_used_cluster() {
    let text = shipped::profile("order-fulfilment").unwrap().text;
    let profile = Document::parse(text, "p.toml", &[]).unwrap().profile(&World::mid()).unwrap();
    assert_eq!(profile.cluster.history_shards, None);
    assert_eq!(profile.cluster.services.history.min_pods, 5);
}

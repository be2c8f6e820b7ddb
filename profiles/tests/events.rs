//! Events: what a profile says of them, and bursts as arrivals.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::profile::{EventKind, Profile, ServiceName};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_profiles::{Document, World};
use proptest::prelude::*;

fn profile(arrivals: &str, events: &str) -> Profile {
    let text = format!(
        "name = \"events\"\n[arrivals]\nphases = [{arrivals}]\n[[workflow]]\ntype = \"W\"\nsteps = [{{ activity = \"pay\", takes = \"1s\" }}]\n{events}"
    );
    let document = Document::parse(&text, "events.toml", &[]).unwrap_or_else(|problems| panic!("{problems}"));
    document.profile(&World::mid()).unwrap()
}

#[test]
fn events_are_in_order_of_time_with_the_sources_defaults() {
    let events = "[[event]]\nat = \"20min\"\nkind = \"region_lost\"\n[[event]]\nat = \"5min\"\nfor = \"1min\"\nkind = \"zone_lost\"\n\
                  [[event]]\nat = \"10min\"\nfor = \"1min\"\nkind = \"pod_lost\"\nservice = \"worker_service\"\n";
    let events = profile("{ for = \"1h\", rate = \"1/s\" }", events).events;
    let names: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["zone_lost", "pod_lost", "region_lost"]);
    assert_eq!(events[0].kind, EventKind::ZoneLost { of: 3, shards_move: None });
    let pod = EventKind::PodLost { service: ServiceName::WorkerService, pods: 1, shards_move: None };
    assert_eq!(events[1].kind, pod);
    // The sources' recovery objectives: 15 minutes, 1 hour.
    assert_eq!(events[2].kind, EventKind::RegionLost { rpo: Nanos::from_secs(3_600) });
    assert_eq!(events[2].duration, Nanos::from_secs(900));
}

#[test]
fn a_plan_does_not_see_a_burst_and_a_run_does() {
    let burst = "[[event]]\nat = \"20s\"\nfor = \"10s\"\nkind = \"burst\"\n";
    let profile = profile("{ for = \"60s\", rate = \"5/s\", process = \"even\" }", burst);
    assert_eq!(profile.arrivals.schedule(1).count(), 300);
    assert_eq!(profile.sent_arrivals(Nanos::ZERO).schedule(1).count(), 300 + 9 * 50);
    // The load generator's events come after its ramp and warm-up.
    let later = profile.sent_arrivals(Nanos::from_secs(30));
    let in_burst = later.schedule(1).filter(|at| (50..60).contains(&(at.0 / 1_000_000_000)));
    assert_eq!(in_burst.count(), 500);
}

proptest! {
    #[test]
    fn a_burst_has_exactly_as_many_times_as_many_arrivals_and_changes_none_before(
        rate in 1_u64..50, seconds in 10_u64..200, at in 0_u64..220, length in 1_u64..100, factor in 1_u64..12, seed: u64,
    ) {
        let constant = |process| Arrivals {
            phases: vec![Phase {
                duration: Nanos::from_secs(seconds),
                pattern: Pattern::Constant(Rate::per_second(rate as f64)),
                process,
            }],
        };
        let (from, span) = (Nanos::from_secs(at), Nanos::from_secs(length));
        let within = at.min(seconds)..(at + length).min(seconds);
        let even = constant(Process::Even).with_burst(from, span, factor as f64);
        let more = (within.end - within.start) * rate * (factor - 1);
        prop_assert_eq!(even.schedule(seed).count() as u64, seconds * rate + more);
        prop_assert_eq!(even.duration(), Nanos::from_secs(seconds));
        let poisson = constant(Process::Poisson);
        let burst = poisson.with_burst(from, span, factor as f64);
        let before = |arrivals: &Arrivals| arrivals.schedule(seed).take_while(|time| *time < from).collect::<Vec<_>>();
        prop_assert_eq!(before(&poisson), before(&burst));
        let expected = (seconds * rate + more) as f64;
        prop_assert!((burst.expected_arrivals(burst.duration()) - expected).abs() < 1e-6 * expected);
    }
}

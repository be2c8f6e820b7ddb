//! Stories whose end is known.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::units::Nanos;

use super::story::outage;
use super::*;
use crate::run_dir::{Measurement, Scenario, Window};

#[test]
fn an_outage_costs_what_it_costs() {
    let timeline = Timeline::of(&outage(0, 1.0));
    // Ten a second: a window holds a hundred.
    assert_eq!(timeline.window, 10.0);
    assert_eq!(timeline.span, (0.0, 300.0));
    let [episode] = timeline.episodes.as_slice() else { panic!("{:?}", timeline.episodes) };
    assert_eq!((episode.at_seconds, episode.until_seconds, episode.horizon_seconds), (60.0, 80.0, 300.0));
    // Who came between 60 s and 100 s waited for longer than 200 ms: four windows of ten seconds.
    assert_eq!(episode.missed_seconds, 40.0);
    assert_eq!(timeline.latencies[0].missed(10.0), [(60.0, 100.0)]);
    assert_eq!(episode.time_to_recover_seconds, Some(20.0));
    assert_eq!(episode.backlog_peak, Some(200.0));
    assert!((episode.backlog_growth.unwrap() - 10.0).abs() < 1e-9);
    // 190 of 200 tasks, ten a second.
    assert_eq!(episode.drain_seconds, Some(19.0));
}

#[test]
fn the_parts_of_an_outage_have_the_numbers_of_their_time() {
    let timeline = Timeline::of(&outage(0, 1.0));
    let episode = &timeline.episodes[0];
    let told: Vec<_> = episode.parts.iter().map(|p| (p.part, p.from_seconds, p.until_seconds)).collect();
    let wanted = [
        (PartKind::Before, 0.0, 60.0),
        (PartKind::During, 60.0, 80.0),
        (PartKind::Recovering, 80.0, 100.0),
        (PartKind::After, 100.0, 300.0),
    ];
    assert_eq!(told, wanted);
    let throughput: Vec<_> = episode.parts.iter().map(|part| part.completed_per_second.unwrap()).collect();
    assert_eq!(throughput, [10.0, 0.0, 20.0, 10.0]);
    let missed: Vec<_> = episode.parts.iter().map(|part| part.missed_seconds).collect();
    assert_eq!(missed, [0.0, 20.0, 20.0, 0.0]);
    let p99: Vec<_> = episode.parts.iter().map(|part| part.latency[0].p99.unwrap()).collect();
    assert!((p99[0] - 0.01).abs() < 1e-4 && (p99[3] - 0.01).abs() < 1e-4, "{p99:?}");
    // The first waits 20 s, the last of the outage 10 s.
    assert!((19.5..=20.0).contains(&p99[1]) && (9.5..=10.0).contains(&p99[2]), "{p99:?}");
    let samples: Vec<_> = episode.parts.iter().map(|part| part.latency[0].samples).collect();
    assert_eq!(samples, [600, 200, 200, 2_000]);
    assert_eq!(episode.part(PartKind::Before).unwrap().backlog_peak, Some(0.0));
}

#[test]
fn what_comes_before_the_schedule_moves_nothing() {
    let (at_once, after_a_ramp) = (Timeline::of(&outage(0, 1.0)), Timeline::of(&outage(45, 1.0)));
    assert_eq!(at_once.episodes, after_a_ramp.episodes);
    assert_eq!(at_once.latencies, after_a_ramp.latencies);
    // A measured run says by its window where the schedule begins.
    let mut measured = outage(45, 1.0);
    measured.manifest.scenario = None;
    let window = Window { start_seconds: 45.0, end_seconds: 345.0 };
    measured.manifest.measurement = Some(Measurement { window, ..Measurement::default() });
    assert_eq!(Timeline::of(&measured).episodes, at_once.episodes);
}

#[test]
fn a_run_that_ends_before_all_is_as_before_has_no_time_to_recover() {
    let mut run = outage(0, 1.0);
    run.resources.rows.truncate(95);
    run.intervals.truncate(95);
    let episode = Timeline::of(&run).episodes.remove(0);
    assert_eq!(episode.time_to_recover_seconds, None);
    assert_eq!(episode.drain_seconds, None);
    assert!(episode.part(PartKind::After).is_none());
    assert_eq!(episode.part(PartKind::Recovering).unwrap().until_seconds, 95.0);
}

#[test]
fn the_next_event_ends_the_story_of_the_one_before() {
    let mut run = outage(0, 1.0);
    run.manifest.profile = run
        .manifest
        .profile
        .replace(r#""kind": "workers_stop"}"#, r#""kind": "workers_stop"}, {"at": "200s", "kind": "kill_pod"}"#);
    let episodes = Timeline::of(&run).episodes;
    assert_eq!(episodes[0].horizon_seconds, 200.0);
    assert_eq!(episodes[0].time_to_recover_seconds, Some(20.0));
    // It did no harm: all is as before at once.
    assert_eq!((episodes[1].time_to_recover_seconds, episodes[1].missed_seconds), (Some(0.0), 0.0));
    assert_eq!(episodes[1].part(PartKind::Before).unwrap().from_seconds, 100.0);
    assert!(episodes[1].part(PartKind::During).is_none());
}

#[test]
fn a_promise_that_was_never_kept_is_no_sign_of_recovery() {
    let mut run = outage(0, 1.0);
    run.manifest.profile = run.manifest.profile.replace("200ms", "1ms");
    let timeline = Timeline::of(&run);
    assert_eq!(timeline.missed_seconds(0.0, 300.0), 300.0);
    // The backlog alone tells: at 99 s ten tasks are left, which is a queue that breathes.
    assert_eq!(timeline.episodes[0].time_to_recover_seconds, Some(18.0));
}

#[test]
fn a_window_in_which_work_was_offered_and_never_answered_is_missed() {
    let mut run = outage(0, 1.0);
    run.manifest.profile = r#"{"slo": {"end_to_end": {"p99": "60s"}}}"#.into();
    for interval in &mut run.intervals {
        interval.metric = "e2e.response".into();
    }
    run.intervals.retain(|interval| !(Nanos::from_secs(60)..Nanos::from_secs(80)).contains(&interval.start));
    let timeline = Timeline::of(&run);
    assert_eq!(timeline.latencies[0].missed(timeline.window), [(60.0, 80.0)]);
    // Nothing was offered: nothing was missed.
    run.resources.rows.iter_mut().for_each(|(_, values)| values[1] = Some(0.0));
    assert_eq!(Timeline::of(&run).latencies[0].missed(timeline.window), []);
}

#[test]
fn a_run_without_events_and_with_steady_pods_has_no_story() {
    let mut run = outage(0, 1.0);
    assert!(Timeline::of(&run).has_a_story());
    run.manifest.profile = "{}".into();
    assert!(Timeline::of(&run).has_a_story(), "its pods went away and came back");
    run.resources.rows.iter_mut().for_each(|(_, values)| values[3] = Some(4.0));
    assert!(!Timeline::of(&run).has_a_story());
}

#[test]
fn pod_hours_are_the_pods_that_were_there() {
    // Four pods for 299 s, less those of 20 s.
    let hours = Timeline::of(&outage(0, 1.0)).pod_hours().unwrap();
    assert!((hours * 3_600.0 - 4.0 * 279.0).abs() < 1e-6, "{hours}");
}

#[test]
fn nothing_is_a_timeline_too() {
    let mut run = outage(0, 1.0);
    run.intervals.clear();
    run.resources.rows.clear();
    run.manifest.scenario = Some(Scenario::default());
    let timeline = Timeline::of(&run);
    assert_eq!((timeline.span, timeline.episodes.len()), ((0.0, 0.0), 0));
}

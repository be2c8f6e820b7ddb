//! The Kubernetes controller's own test cases, as facts: the numbers of `replica_calculator_test.go` and `horizontal_test.go`
//! (`pkg/controller/podautoscaler`, versions 1.21 and 1.30), and the replicas that they expect.
// A table of cases is read best as what it is.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

use plimsoll_profiles::profile::{
    HostSize, Hpa, Milli, QueueTarget, ResourceName, ResourceTarget, ScalingAmount, ScalingBehaviour, ScalingMetric,
    ScalingPolicy, ScalingRules, SelectPolicy, WorkerMetric,
};
use plimsoll_profiles::units::{Bytes, Cores, Nanos};

use super::hpa::{self, Limit, MetricReading, Observation, PodAutoscaler, Recommendation, Replicas, ScaleEvent};
use super::replicas::{
    Phase, PodStatus, Pods, Proposal, Readiness, Reading, Sensing, Standing, Unavailable, by_average, by_utilisation,
    by_value, by_value_per_pod,
};

const NOW: Nanos = Nanos::from_secs(24 * 3_600);
const SENSING: Sensing = Sensing {
    tolerance: 0.1,
    cpu_initialisation_period: Nanos::from_secs(120),
    initial_readiness_delay: Nanos::from_secs(10),
};

fn ago(seconds: u64) -> Nanos {
    NOW - Nanos::from_secs(seconds)
}

fn pod(phase: Phase, started: Nanos, ready: bool, terminating: bool) -> PodStatus {
    PodStatus { phase, terminating, started: Some(started), readiness: Some(Readiness { ready, since: Nanos::ZERO }) }
}

/// One letter a pod: `r`eady, `u`nready, `h`ot (just started), hot and not ready `x`, `p`ending, `f`ailed, `d`eleted.
fn pods(letters: &str) -> Vec<PodStatus> {
    let one = |letter| match letter {
        'r' => pod(Phase::Running, ago(180), true, false),
        'u' => pod(Phase::Running, Nanos::ZERO, false, false),
        'h' => pod(Phase::Running, NOW, true, false),
        'x' => pod(Phase::Running, NOW, false, false),
        'p' => pod(Phase::Pending, Nanos::ZERO, false, false),
        'f' => pod(Phase::Failed, Nanos::ZERO, false, false),
        'd' => pod(Phase::Running, Nanos::ZERO, false, true),
        other => panic!("no such pod: {other}"),
    };
    letters.chars().map(one).collect()
}

fn readings(values: &[i64], pods: usize) -> Vec<Option<Reading>> {
    let reading = |value: &i64| Some(Reading { value: *value, at: Nanos::ZERO, window: Nanos::from_secs(60) });
    let mut readings: Vec<_> = values.iter().map(reading).collect();
    readings.resize(pods, None);
    readings
}

fn view(status: &[PodStatus]) -> Pods<'_> {
    Pods { status, now: NOW, sensing: SENSING }
}

/// What, pods, wanted now, CPU in thousandths of a core, target in per cent; expected: pods and utilisation. Each requests one core.
type CpuCase = (&'static str, &'static str, u32, &'static [i64], u32, u32, i64);

const CPU: &[CpuCase] = &[
    ("up", "rrr", 3, &[300, 500, 700], 30, 5, 50),
    ("up, one not ready", "urr", 3, &[300, 500, 700], 30, 4, 60),
    ("up, one just started", "hrr", 3, &[300, 500, 700], 30, 4, 60),
    ("two not ready keep it", "ruu", 3, &[400, 500, 700], 30, 3, 40),
    ("two just started and not ready keep it", "rxx", 3, &[400, 500, 700], 30, 3, 40),
    ("up, failed pods do not count", "rrff", 2, &[500, 700], 30, 4, 60),
    ("up, deleted pods do not count", "rrdd", 2, &[500, 700], 30, 4, 60),
    ("down", "rrrrr", 5, &[100, 300, 500, 250, 250], 50, 3, 28),
    ("down, two not ready", "rrruu", 5, &[100, 300, 500, 250, 250], 50, 2, 30),
    ("down, four not scheduled", "rpppp", 5, &[100], 50, 1, 10),
    ("down, two just started", "rrrhh", 5, &[100, 300, 500, 250, 250], 50, 2, 30),
    ("down, failed pods do not count", "rrrrrff", 5, &[100, 300, 500, 250, 250], 50, 3, 28),
    ("down, deleted pods do not count", "rrrrrdd", 5, &[100, 300, 500, 250, 250], 50, 3, 28),
    ("two readings missing slow it down", "rrrr", 4, &[400, 95], 100, 3, 24),
    ("missing, at the target", "rr", 2, &[1_000], 100, 2, 100),
    ("missing, above the target", "rr", 2, &[1_900], 100, 2, 190),
    ("missing, below the target", "rr", 2, &[600], 100, 2, 60),
    ("one missing, one not ready", "urr", 3, &[100, 450], 50, 3, 45),
    ("one missing, one just started", "hrr", 3, &[100, 450], 50, 3, 45),
    ("up, one missing, one not ready", "urr", 3, &[100, 2_000], 50, 4, 200),
    ("up, one missing, one started and not ready", "xrr", 3, &[100, 2_000], 50, 4, 200),
    ("down, one missing, one not ready", "urrr", 4, &[100, 100, 100], 50, 3, 10),
    ("during a rolling update with a surge", "rrr", 2, &[100, 100], 50, 2, 10),
];

#[test]
fn cpu_utilisation_asks_for_the_published_replicas() {
    for (what, letters, current, levels, target, expected, usage) in CPU {
        let status = pods(letters);
        let requests = vec![1_000; status.len()];
        let readings = readings(levels, status.len());
        let proposal = by_utilisation(&view(&status), &readings, &requests, true, *target, *current);
        assert_eq!(proposal, Ok(Proposal { replicas: *expected, usage: *usage }), "{what}");
    }
}

#[test]
fn unequal_requests_are_summed_before_they_are_compared() {
    let status = pods("rrr");
    let readings_of_three = readings(&[1_010, 1_030, 1_020], 3);
    let proposal = by_utilisation(&view(&status), &readings_of_three, &[900, 1_000, 1_100], true, 100, 3);
    assert_eq!(proposal, Ok(Proposal { replicas: 3, usage: 102 }), "within the tolerance");
    let status = pods("rrrrrrrrrr");
    let requests = [400, 200, 310, 290, 302, 298, 301, 299, 300, 300];
    for (target, expected) in [(56, 9), (55, 10)] {
        let proposal = by_utilisation(&view(&status), &readings(&[150; 10], 10), &requests, true, target, 10);
        assert_eq!(proposal, Ok(Proposal { replicas: expected, usage: 50 }), "just past and just within the tolerance");
    }
}

#[test]
fn no_reading_and_no_pod_say_nothing() {
    let status = pods("rrrr");
    let nothing = by_utilisation(&view(&status), &readings(&[], 4), &[1_000; 4], true, 100, 4);
    assert_eq!(nothing, Err(Unavailable::NoReadings));
    assert_eq!(by_average(&view(&[]), &[], false, 100, 1), Err(Unavailable::NoPods));
    let no_request = by_utilisation(&view(&status), &readings(&[200; 4], 4), &[0; 4], true, 100, 4);
    assert_eq!(no_request, Err(Unavailable::NoReadings));
}

#[test]
fn the_mean_of_a_metric_of_pods_asks_for_the_published_replicas() {
    let cases: &[(&str, &str, u32, &[i64], i64, u32, i64)] = &[
        ("up", "rrr", 3, &[20_000, 10_000, 30_000], 15_000, 4, 20_000),
        ("readiness is for CPU only", "rrx", 3, &[50_000, 10_000, 30_000], 15_000, 6, 30_000),
        ("and so is the start", "xrx", 3, &[50_000, 15_000, 30_000], 15_000, 7, 31_666),
        ("one pod", "r", 1, &[8_600], 4_400, 2, 8_600),
        ("down", "rrrrr", 5, &[12_000; 5], 20_000, 3, 12_000),
        ("within the tolerance", "rrr", 3, &[20_000, 21_000, 21_000], 20_000, 3, 20_666),
    ];
    for (what, letters, current, levels, target, expected, usage) in cases {
        let status = pods(letters);
        let readings = readings(levels, status.len());
        let proposal = by_average(&view(&status), &readings, false, *target, *current);
        assert_eq!(proposal, Ok(Proposal { replicas: *expected, usage: *usage }), "{what}");
    }
}

#[test]
fn one_number_for_all_pods_asks_for_the_published_replicas() {
    let cases = [
        ("object up", "rrr", 3, 20_000, 15_000, 4),
        ("object, ready pods only", "uru", 3, 50_000, 10_000, 5),
        ("object down", "rrrrr", 5, 12_000, 20_000, 3),
        ("object within the tolerance", "rrr", 3, 20_666, 20_000, 3),
        ("external, ready pods only", "uru", 3, 8_600, 4_400, 2),
        ("external down", "rrrrr", 5, 8_600, 14_334, 3),
        ("external within the tolerance", "rrr", 3, 8_600, 8_888, 3),
        ("from zero", "", 0, 25_000, 10_000, 3),
    ];
    for (what, letters, current, value, target, expected) in cases {
        let status = pods(letters);
        let proposal = by_value(&view(&status), value, target, current);
        assert_eq!(proposal, Ok(Proposal { replicas: expected, usage: value }), "{what}");
    }
}

#[test]
fn one_number_per_pod_asks_for_the_published_replicas() {
    let cases = [
        ("object up", 3, 20_000, 5_000, 4, 6_667),
        ("object down", 5, 6_000, 2_000, 3, 1_200),
        ("object within the tolerance", 4, 20_166, 5_000, 4, 5_042),
        ("external up", 3, 8_600, 2_150, 4, 2_867),
        ("external down", 5, 8_600, 2_867, 3, 1_720),
        ("external within the tolerance", 3, 8_600, 2_900, 3, 2_867),
    ];
    for (what, replicas, value, target, expected, usage) in cases {
        let proposal = by_value_per_pod(value, target, replicas, 0.1);
        assert_eq!(proposal, Proposal { replicas: expected, usage }, "{what}");
    }
}

#[test]
fn pods_are_grouped_as_published() {
    let status = |phase, started: Option<u64>, readiness: Option<(bool, u64)>| PodStatus {
        phase,
        terminating: false,
        started: started.map(ago),
        readiness: readiness.map(|(ready, since)| Readiness { ready, since: ago(since) }),
    };
    let reading = |age, window| Some(Reading { value: 1, at: ago(age), window: Nanos::from_secs(window) });
    let running = Phase::Running;
    let cases = [
        ("memory needs no readiness", status(running, None, None), reading(0, 60), false, Standing::Counted),
        ("no readiness condition", status(running, Some(0), None), reading(0, 0), true, Standing::Unready),
        ("fresh while young", status(running, Some(60), Some((true, 30))), reading(0, 30), true, Standing::Counted),
        ("stale while young", status(running, Some(60), Some((true, 30))), reading(0, 60), true, Standing::Unready),
        (
            "lost readiness at once",
            status(running, Some(600), Some((false, 594))),
            reading(0, 0),
            true,
            Standing::Unready,
        ),
        ("stale when old", status(running, Some(180), Some((true, 180))), reading(120, 60), true, Standing::Counted),
        ("was ready once", status(running, Some(600), Some((false, 540))), reading(0, 0), true, Standing::Counted),
        ("unready 10 s after", status(running, Some(600), Some((false, 590))), reading(0, 0), true, Standing::Counted),
        ("no reading", status(running, Some(180), None), None, true, Standing::Missing),
        ("pending", status(Phase::Pending, None, None), None, true, Standing::Unready),
    ];
    for (what, pod, reading, cpu, expected) in cases {
        assert_eq!(view(&[]).standing(&pod, reading.as_ref(), cpu), expected, "{what}");
    }
}

#[test]
fn without_behaviour_the_old_rule_holds() {
    let cases = [
        (5, 7, 3, 8, 7, Limit::WithinRange),
        (3, 1, 2, 8, 2, Limit::TooFew),
        (1, 0, 0, 10, 0, Limit::WithinRange),
        (20, 1_000, 1, 10, 10, Limit::TooMany),
        // Twice as many, or four where that is more.
        (3, 1_000, 1, 2_000, 6, Limit::ScaleUp),
        (1, 1_000, 1, 2_000, 4, Limit::ScaleUp),
    ];
    for (current, desired, min, max, expected, limit) in cases {
        assert_eq!(hpa::within_old_rule(current, desired, min, max), (expected, limit), "{current} → {desired}");
    }
}

/// So many pods within so many seconds, or so many per cent; zero for no such policy.
fn rules(pods: u32, pods_period: u64, percent: u32, percent_period: u64, window: u64) -> ScalingRules {
    let policy = |amount, period| ScalingPolicy { amount, period: Nanos::from_secs(period) };
    let mut policies = Vec::new();
    if pods > 0 {
        policies.push(policy(ScalingAmount::Pods(pods), pods_period));
    }
    if percent > 0 {
        policies.push(policy(ScalingAmount::Percent(percent), percent_period));
    }
    ScalingRules { window: Nanos::from_secs(window), select: SelectPolicy::Max, policies }
}

/// Changes spread evenly over the last seconds, each in the middle of its part.
fn spread(changes: &[u32], seconds: u64) -> Vec<ScaleEvent> {
    let part = seconds as f64 / changes.len() as f64;
    let age = |index: usize| (seconds as f64 - part * (index + 1) as f64 + part / 2.0) as u64;
    changes.iter().enumerate().map(|(index, change)| ScaleEvent { change: *change, at: ago(age(index)) }).collect()
}

const REQUEST_CORES: f64 = 1.0;

fn autoscaler(min_pods: u32, max_pods: u32, metrics: Vec<ScalingMetric>) -> PodAutoscaler {
    let spec = Hpa {
        min_pods,
        max_pods,
        metrics,
        behaviour: None,
        tolerance: Hpa::TOLERANCE,
        cpu_initialisation_period: SENSING.cpu_initialisation_period,
        initial_readiness_delay: SENSING.initial_readiness_delay,
        downscale_stabilisation: Hpa::DOWNSCALE_STABILISATION,
    };
    PodAutoscaler::new(spec, HostSize { cpu: Cores::new(REQUEST_CORES), memory: Bytes::gib(1) })
}

struct PolicyCase {
    what: &'static str,
    bounds: (u32, u32),
    change: (u32, u32),
    expected: (u32, Limit),
    up: Option<ScalingRules>,
    down: Option<ScalingRules>,
    ups: Vec<ScaleEvent>,
    downs: Vec<ScaleEvent>,
}

fn case(what: &'static str, bounds: (u32, u32), change: (u32, u32), expected: (u32, Limit)) -> PolicyCase {
    PolicyCase { what, bounds, change, expected, up: None, down: None, ups: Vec::new(), downs: Vec::new() }
}

impl PolicyCase {
    fn up(mut self, rules: ScalingRules) -> Self {
        self.up = Some(rules);
        self
    }

    fn down(mut self, rules: ScalingRules) -> Self {
        self.down = Some(rules);
        self
    }

    fn after(mut self, ups: &[u32], downs: &[u32]) -> Self {
        (self.ups, self.downs) = (spread(ups, 120), spread(downs, 120));
        self
    }
}

#[test]
fn policies_allow_what_is_published() {
    use Limit::{ScaleDown, ScaleUp, TooFew, TooMany, WithinRange};
    let wide = (1, 1_000);
    let cases = [
        case("within range", (3, 8), (5, 7), (7, WithinRange)),
        case("below the minimum", (2, 8), (3, 1), (2, TooFew)),
        case("to zero", (0, 10), (1, 0), (0, WithinRange)),
        case("above the maximum already", (1, 10), (20, 1_000), (10, TooMany)),
        case("the maximum is nearer", (100, 150), (100, 1_000), (150, TooMany)),
        case("a small share is rounded up", (1, 2_000), (3, 1_000), (4, ScaleUp)).up(rules(0, 0, 1, 60, 0)),
        case("down by pods", (3, 2_000), (1_000, 3), (980, ScaleDown)).down(rules(20, 60, 0, 0, 0)),
        case("default behaviour up", wide, (10, 50), (20, ScaleUp)),
        case("pods allow more", wide, (10, 500), (110, ScaleUp)).up(rules(100, 60, 100, 60, 0)),
        case("per cent allow more", wide, (10, 500), (20, ScaleUp)).up(rules(2, 60, 100, 60, 0)),
        case("pods allow it", wide, (10, 50), (50, WithinRange)).up(rules(100, 60, 0, 0, 0)),
        case("pods allow it easily", wide, (10, 50), (50, WithinRange)).up(rules(10_000, 60, 0, 0, 0)),
        case("pods limit it", wide, (10, 50), (40, ScaleUp)).up(rules(30, 60, 0, 0, 0)),
        case("per cent limit it", wide, (10, 50), (30, ScaleUp)).up(rules(0, 0, 200, 60, 0)),
        case("down: pods allow more", wide, (100, 2), (80, ScaleDown)).down(rules(20, 60, 1, 60, 300)),
        case("down: two pods", wide, (100, 2), (98, ScaleDown)).down(rules(2, 60, 1, 60, 300)),
        case("down to the minimum by pods", wide, (10, 0), (1, TooFew)).down(rules(100, 60, 0, 0, 300)),
        case("down to the minimum by share", (5, 1_000), (10, 2), (5, TooFew)).down(rules(0, 0, 100, 60, 300)),
        case("down: five pods", wide, (10, 2), (5, ScaleDown)).down(rules(5, 60, 0, 0, 300)),
        case("down by half is allowed", wide, (10, 5), (5, WithinRange)).down(rules(0, 0, 50, 60, 300)),
        case("maximum, large policy, events", (1, 200), (100, 500), (200, TooMany))
            .up(rules(300, 60, 0, 0, 0))
            .after(&[1, 5, 9], &[]),
        case("maximum, large share, events", (1, 200), (100, 500), (200, TooMany))
            .up(rules(0, 0, 10_000, 60, 0))
            .after(&[1, 5, 9], &[]),
        case("more was added than the policy allows", wide, (100, 500), (100, ScaleUp))
            .up(rules(5, 120, 0, 0, 0))
            .after(&[1, 5, 9], &[]),
        case("85 two minutes ago, 150 more", wide, (100, 500), (235, ScaleUp))
            .up(rules(150, 120, 0, 0, 0))
            .after(&[1, 5, 9], &[]),
        case("85 two minutes ago, three times as many", wide, (100, 500), (255, ScaleUp))
            .up(rules(0, 0, 200, 120, 0))
            .after(&[1, 5, 9], &[]),
        case("what was taken away counts as well", wide, (6, 24), (16, ScaleUp))
            .up(rules(0, 0, 300, 300, 0))
            .after(&[4], &[2]),
        case("default behaviour down", wide, (10, 5), (5, WithinRange)).after(&[], &[1, 5, 9]),
        case("minimum, large policy, events", wide, (100, 0), (1, TooFew))
            .down(rules(115, 120, 0, 0, 300))
            .after(&[], &[1, 5, 9]),
        case("minimum of 5, events", (5, 1_000), (100, 0), (5, TooFew))
            .down(rules(130, 120, 0, 0, 300))
            .after(&[], &[1, 5, 9]),
        case("all of them, down to the minimum", (5, 1_000), (100, 2), (5, TooFew))
            .down(rules(0, 0, 100, 120, 300))
            .after(&[], &[1, 5, 9]),
        case("more was taken away than the policy allows", wide, (100, 2), (100, ScaleDown))
            .down(rules(5, 120, 0, 0, 300))
            .after(&[], &[1, 5, 9]),
        case("112 two minutes ago, half of it", wide, (100, 0), (56, ScaleDown))
            .down(rules(0, 0, 50, 120, 300))
            .after(&[], &[2, 4, 6]),
        case("what was added counts as well", wide, (10, 1), (6, ScaleDown))
            .down(rules(0, 0, 50, 180, 0))
            .after(&[2], &[4]),
        case("130 two minutes ago, a tenth of it was gone before", wide, (100, 0), (100, ScaleDown))
            .down(rules(0, 0, 10, 120, 300))
            .after(&[], &[10, 10, 10]),
        case("a limit below zero", wide, (10, 5), (5, WithinRange))
            .down(rules(0, 0, 1_000, 120, 300))
            .after(&[], &[10, 10, 10]),
        case("up, old events", wide, (100, 200), (200, WithinRange))
            .up(rules(1_000, 60, 0, 0, 0))
            .after(&[8, 12, 9, 11], &[]),
        case("up, two periods", wide, (100, 200), (200, WithinRange))
            .up(rules(1_000, 120, 100, 60, 0))
            .after(&[8, 12, 9, 11], &[]),
        case("up, a short period", wide, (100, 200), (200, WithinRange))
            .up(rules(1_000, 30, 100, 60, 0))
            .after(&[8, 12, 9, 11], &[]),
        case("down, old events", wide, (100, 5), (5, WithinRange))
            .down(rules(1_000, 60, 0, 0, 300))
            .after(&[], &[8, 12, 9, 11]),
        case("down, two periods", wide, (100, 5), (5, WithinRange))
            .down(rules(1_000, 120, 100, 60, 300))
            .after(&[], &[8, 12, 9, 11]),
        case("down, a short period", wide, (100, 5), (5, WithinRange))
            .down(rules(1_000, 30, 100, 60, 300))
            .after(&[], &[8, 12, 9, 11]),
    ];
    let default = ScalingBehaviour::default_of_kubernetes();
    for case in cases {
        let mut scaler = autoscaler(case.bounds.0, case.bounds.1, Vec::new());
        (scaler.ups, scaler.downs) = (case.ups, case.downs);
        let (up, down) = (case.up.unwrap_or(default.scale_up.clone()), case.down.unwrap_or(default.scale_down.clone()));
        let (current, desired) = case.change;
        assert_eq!(scaler.within_policies(NOW, current, desired, &up, &down), case.expected, "{}", case.what);
    }
}

#[test]
fn the_smallest_change_and_no_change_can_be_selected() {
    let scaler = autoscaler(1, 100, Vec::new());
    let selecting = |select| ScalingRules { select, ..rules(2, 60, 50, 60, 300) };
    assert_eq!(scaler.most_allowed(NOW, 1, &selecting(SelectPolicy::Min)), 2);
    assert_eq!(scaler.fewest_allowed(NOW, 5, &selecting(SelectPolicy::Min)), 3);
    let disabled = selecting(SelectPolicy::Disabled);
    assert_eq!((scaler.most_allowed(NOW, 7, &disabled), scaler.fewest_allowed(NOW, 7, &disabled)), (7, 7));
}

fn recommendations(list: &[(u32, u64)]) -> Vec<Recommendation> {
    list.iter().map(|(replicas, minutes)| Recommendation { replicas: *replicas, at: ago(minutes * 60) }).collect()
}

#[test]
fn without_behaviour_the_highest_recommendation_of_five_minutes_counts() {
    let cases: &[(&str, &[(u32, u64)], u32, usize)] = &[
        ("none yet", &[], 3, 1),
        ("higher ones", &[(4, 2), (5, 1)], 5, 3),
        ("lower ones", &[(1, 2), (2, 1)], 3, 3),
        ("old ones", &[(10, 10), (9, 9)], 3, 2),
        ("old and higher ones", &[(10, 10), (4, 1), (5, 2), (9, 9)], 5, 4),
    ];
    for (what, before, expected, kept) in cases {
        let mut scaler = autoscaler(1, 100, Vec::new());
        scaler.recommendations = recommendations(before);
        assert_eq!(scaler.stabilise(NOW, 3), *expected, "{what}");
        assert_eq!(scaler.recommendations.len(), *kept, "{what}");
    }
}

#[test]
fn with_behaviour_each_direction_has_its_window() {
    let cases: &[(&str, &[(u32, u64)], u32, u32, [u64; 2], u32, &[u32])] = &[
        ("down, none yet", &[], 100, 5, [0, 0], 5, &[5]),
        ("down", &[(4, 2), (5, 1)], 100, 3, [0, 180], 5, &[4, 5, 3]),
        ("up", &[(4, 2), (5, 1)], 1, 7, [300, 0], 4, &[4, 5, 7]),
        ("down, lower ones", &[(1, 2), (2, 1)], 100, 3, [300, 0], 3, &[1, 2, 3]),
        ("up, higher ones", &[(4, 2), (5, 1)], 1, 3, [0, 300], 3, &[4, 5, 3]),
        ("down, old ones", &[(10, 10), (9, 9)], 100, 3, [0, 0], 3, &[10, 3]),
        ("up, old ones", &[(10, 10), (9, 9)], 1, 100, [0, 0], 100, &[10, 100]),
        ("down, old and new", &[(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, [0, 180], 5, &[10, 4, 5, 3]),
        ("up, old and new", &[(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, [300, 0], 5, &[100, 6, 5, 9]),
        ("not up when it goes down", &[(2, 100), (3, 3)], 2, 1, [300, 300], 2, &[1, 3]),
        ("not down when it goes up", &[(2, 100), (1, 3)], 2, 3, [300, 300], 2, &[3, 1]),
    ];
    for (what, before, current, desired, windows, expected, kept) in cases {
        let mut scaler = autoscaler(1, 100, Vec::new());
        scaler.recommendations = recommendations(before);
        let windows = windows.map(Nanos::from_secs);
        assert_eq!(scaler.stabilise_both(NOW, *current, *desired, windows), *expected, "{what}");
        let left: Vec<_> = scaler.recommendations.iter().map(|recommendation| recommendation.replicas).collect();
        assert_eq!(left, *kept, "{what}");
    }
}

#[test]
fn scale_events_are_kept_as_long_as_a_policy_asks_for_them() {
    let cases: &[(&str, &[(u32, u64)], ScalingRules, u32, &[u32])] = &[
        ("none", &[], rules(10, 60, 100, 60, 0), 0, &[5]),
        ("an old one is replaced", &[(7, 61)], rules(10, 60, 100, 60, 0), 0, &[5]),
        ("a young one stays", &[(7, 58)], rules(10, 60, 100, 60, 0), 7, &[7, 5]),
        ("one of two is replaced", &[(7, 61), (6, 59)], rules(10, 60, 0, 0, 0), 6, &[5, 6]),
        (
            "the last old one is replaced",
            &[(8, 29), (6, 59), (7, 61), (9, 61)],
            rules(10, 60, 100, 30, 0),
            14,
            &[8, 6, 7, 5],
        ),
        ("the longest period counts", &[(7, 58), (6, 59)], rules(10, 120, 100, 30, 0), 13, &[7, 6, 5]),
    ];
    for (what, before, rules, within_a_minute, kept) in cases {
        let mut events: Vec<_> =
            before.iter().map(|(change, age)| ScaleEvent { change: *change, at: ago(*age) }).collect();
        assert_eq!(hpa::changed_within(&events, Nanos::from_secs(60), NOW), *within_a_minute, "{what}");
        hpa::store(&mut events, rules, NOW, 5);
        let left: Vec<_> = events.iter().map(|event| event.change).collect();
        assert_eq!(left, *kept, "{what}");
    }
}

fn cpu(percent: u32) -> ScalingMetric {
    ScalingMetric::Resource { resource: ResourceName::Cpu, target: ResourceTarget::Utilisation(percent) }
}

fn qps(thousandths: i64) -> ScalingMetric {
    ScalingMetric::Pods { metric: WorkerMetric::Backlog, average: Milli(thousandths) }
}

fn queue(target: QueueTarget) -> ScalingMetric {
    ScalingMetric::Queue { metric: WorkerMetric::Backlog, target }
}

fn of_pods(levels: &[i64], pods: usize) -> MetricReading {
    MetricReading::OfPods(readings(levels, pods))
}

#[test]
fn a_whole_pass_sets_the_published_replicas() {
    let external = || queue(QueueTarget::Value(Milli(100)));
    // What, minimum, maximum, wanted, pods, metrics with their readings, expected.
    type Case = (&'static str, (u32, u32), u32, &'static str, Vec<(ScalingMetric, MetricReading)>, u32);
    let cases: Vec<Case> = vec![
        ("up by CPU", (2, 6), 3, "rrr", vec![(cpu(30), of_pods(&[300, 500, 700], 3))], 5),
        ("up, one just started", (2, 6), 3, "hrr", vec![(cpu(30), of_pods(&[300, 500, 700], 3))], 4),
        ("up, the failed do not count", (2, 6), 2, "rrff", vec![(cpu(30), of_pods(&[500, 700], 4))], 4),
        ("up by a metric of pods", (2, 6), 3, "rrr", vec![(qps(15_000), of_pods(&[20_000, 10_000, 30_000], 3))], 4),
        ("at most the maximum", (2, 6), 3, "xrx", vec![(qps(15_000), of_pods(&[50_000, 15_000, 30_000], 3))], 6),
        (
            "one metric without an answer does not keep it from going up",
            (2, 6),
            3,
            "rrr",
            vec![(cpu(30), of_pods(&[300, 400, 500], 3)), (external(), MetricReading::None)],
            4,
        ),
        (
            "but from going down",
            (2, 6),
            5,
            "rrrrr",
            vec![(cpu(50), of_pods(&[100, 300, 500, 250, 250], 5)), (external(), MetricReading::None)],
            5,
        ),
        ("no answer at all", (2, 6), 4, "rrrr", vec![(external(), MetricReading::None)], 4),
        ("to the minimum without asking", (2, 6), 1, "rrrr", vec![(cpu(80), of_pods(&[0; 4], 4))], 2),
        ("to the maximum without asking", (2, 5), 6, "rrr", vec![(cpu(50), of_pods(&[8_000, 9_500, 1_000], 3))], 5),
        ("switched off at zero", (1, 6), 0, "", vec![(external(), MetricReading::OfQueue(9_000))], 0),
        (
            "the metric that asks for most decides",
            (1, 20),
            4,
            "rrrr",
            vec![
                (cpu(50), of_pods(&[500; 4], 4)),
                (queue(QueueTarget::Average(Milli(1_000))), MetricReading::OfQueue(7_000)),
            ],
            7,
        ),
    ];
    for (what, (min, max), wanted, letters, metrics, expected) in cases {
        let status = pods(letters);
        let (metrics, readings): (Vec<_>, Vec<_>) = metrics.into_iter().unzip();
        let mut scaler = autoscaler(min, max, metrics);
        let observation = Observation { now: NOW, pods: &status, readings: &readings };
        let there = status.iter().filter(|pod| pod.phase != Phase::Failed && !pod.terminating).count() as u32;
        let decision = scaler.sync(Replicas { wanted, there }, &observation);
        assert_eq!(decision.replicas, expected, "{what}: {decision:?}");
    }
}

#[test]
fn the_first_pass_remembers_where_it_began() {
    let mut scaler = autoscaler(1, 10, vec![cpu(50)]);
    let status = pods("rrrrr");
    let readings = [of_pods(&[100; 5], 5)];
    let mut at = |seconds: u64| {
        let now = NOW + Nanos::from_secs(seconds);
        scaler.sync(Replicas { wanted: 5, there: 5 }, &Observation { now, pods: &status, readings: &readings }).replicas
    };
    assert_eq!(at(0), 5);
    assert_eq!(at(300), 5, "the five it began with are not older than the window");
    assert_eq!(at(301), 1);
}

//! Random policies against random metrics: what the autoscaler must never do, told from the numbers of pods alone.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::profile::{
    HostSize, Hpa, Milli, QueueTarget, ScalingAmount, ScalingBehaviour, ScalingMetric, ScalingPolicy, ScalingRules,
    SelectPolicy, WorkerMetric,
};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Bytes, Cores, Nanos};

use super::hpa::{MetricReading, Observation, PodAutoscaler, Replicas};
use super::replicas::{Phase, PodStatus, Readiness};

fn rules(random: &mut Stream) -> ScalingRules {
    let policies = (0..1 + random.below(3))
        .map(|_| ScalingPolicy {
            amount: match random.below(2) {
                0 => ScalingAmount::Pods(1 + random.below(20) as u32),
                _ => ScalingAmount::Percent(1 + random.below(200) as u32),
            },
            period: Nanos::from_secs(1 + random.below(300)),
        })
        .collect();
    let select = match random.below(5) {
        0 => SelectPolicy::Disabled,
        1 | 2 => SelectPolicy::Min,
        _ => SelectPolicy::Max,
    };
    ScalingRules { window: Nanos::from_secs([0, 15, 60, 300, 600][random.below(5) as usize]), select, policies }
}

/// Pods from a time on.
type Trace = Vec<(Nanos, u32)>;

/// How many there were, what happened at that instant included.
fn at(trace: &Trace, time: Option<Nanos>) -> u32 {
    let Some(time) = time else { return trace[0].1 };
    trace.iter().rev().find(|(since, _)| *since <= time).unwrap_or(&trace[0]).1
}

/// The most and the fewest pods the rules allow, told from what there was at each period's begin.
fn allowed(rules: &ScalingRules, trace: &Trace, now: Nanos, up: bool) -> Option<f64> {
    let limits = rules.policies.iter().map(|policy| {
        let start = f64::from(at(trace, now.0.checked_sub(policy.period.0).map(Nanos)));
        match (policy.amount, up) {
            (ScalingAmount::Pods(pods), true) => start + f64::from(pods),
            (ScalingAmount::Pods(pods), false) => start - f64::from(pods),
            (ScalingAmount::Percent(percent), true) => (start * (1.0 + f64::from(percent) / 100.0)).ceil(),
            (ScalingAmount::Percent(percent), false) => (start * (1.0 - f64::from(percent) / 100.0)).floor(),
        }
    });
    let widest = |a: f64, b: f64| if up { a.max(b) } else { a.min(b) };
    let narrowest = |a: f64, b: f64| if up { a.min(b) } else { a.max(b) };
    match rules.select {
        SelectPolicy::Disabled => None,
        SelectPolicy::Max => limits.reduce(widest),
        SelectPolicy::Min => limits.reduce(narrowest),
    }
}

#[test]
fn no_policy_is_broken_whatever_the_metrics_say() {
    for seed in 0..300 {
        let mut random = Streams::new(seed).stream("test", "policies", 0);
        let behaviour = ScalingBehaviour { scale_up: rules(&mut random), scale_down: rules(&mut random) };
        let min_pods = 1 + random.below(6) as u32;
        let max_pods = min_pods + random.below(60) as u32;
        let spec = Hpa {
            min_pods,
            max_pods,
            metrics: vec![ScalingMetric::Queue {
                metric: WorkerMetric::Backlog,
                target: QueueTarget::Average(Milli::whole(10)),
            }],
            behaviour: Some(behaviour.clone()),
            tolerance: Hpa::TOLERANCE,
            cpu_initialisation_period: Hpa::CPU_INITIALISATION_PERIOD,
            initial_readiness_delay: Hpa::INITIAL_READINESS_DELAY,
            downscale_stabilisation: Hpa::DOWNSCALE_STABILISATION,
        };
        let mut scaler = PodAutoscaler::new(spec, HostSize { cpu: Cores::new(1.0), memory: Bytes::gib(1) });
        let mut pods = min_pods + random.below(u64::from(max_pods - min_pods) + 1) as u32;
        let mut trace: Trace = vec![(Nanos::ZERO, pods)];
        let mut recommendations: Trace = Vec::new();
        let mut load = 100.0;
        let mut now = Nanos::ZERO;
        for _ in 0..400 {
            now += Nanos::from_secs([15, 15, 15, 16, 7][random.below(5) as usize]);
            load = (load * (0.7 + 0.6 * random.uniform())).clamp(1.0, 2_000.0);
            if random.below(20) == 0 {
                load = 1.0 + 900.0 * random.uniform();
            }
            let status: Vec<_> = (0..pods)
                .map(|_| PodStatus {
                    phase: Phase::Running,
                    terminating: false,
                    started: Some(Nanos::ZERO),
                    readiness: Some(Readiness { ready: true, since: Nanos::ZERO }),
                })
                .collect();
            let answer = match random.below(30) {
                0 => MetricReading::None,
                _ => MetricReading::OfQueue((load * 1_000.0) as i64),
            };
            let observation = Observation { now, pods: &status, readings: &[answer] };
            if recommendations.is_empty() {
                recommendations.push((now, pods));
            }
            let decision = scaler.sync(Replicas { wanted: pods, there: pods }, &observation);
            if let Some(recommended) = decision.recommended {
                recommendations.push((now, recommended));
            }
            let after = decision.replicas;
            assert!((min_pods..=max_pods).contains(&after), "seed {seed}, {now}: {after} pods");
            let recent = |window: Nanos| {
                let recommendations = recommendations.iter().filter(move |(since, _)| *since + window > now);
                recommendations.map(|(_, replicas)| *replicas).chain(decision.recommended)
            };
            if after > pods {
                let most = allowed(&behaviour.scale_up, &trace, now, true);
                assert!(
                    most.is_some_and(|most| f64::from(after) <= most),
                    "seed {seed}, {now}: {pods} to {after}, {most:?}"
                );
                let lowest = recent(behaviour.scale_up.window).min().unwrap();
                assert!(after <= lowest, "seed {seed}, {now}: up to {after} though {lowest} was recommended");
            }
            if after < pods {
                let fewest = allowed(&behaviour.scale_down, &trace, now, false);
                let keeps = fewest.is_some_and(|fewest| f64::from(after) >= fewest);
                assert!(keeps, "seed {seed}, {now}: {pods} to {after}, {fewest:?}");
                let highest = recent(behaviour.scale_down.window).max().unwrap();
                assert!(
                    after >= highest.min(max_pods),
                    "seed {seed}, {now}: down to {after} though {highest} was recommended"
                );
            }
            if after != pods {
                trace.push((now, after));
            }
            pods = after;
        }
        assert!(recommendations.len() > 300, "seed {seed}");
    }
}

#[test]
fn the_policies_of_the_random_test_are_reached() {
    // The same fleet under the largest load goes up exactly as fast as its policy says: what is tested above is not empty.
    let policy = |amount, period| ScalingPolicy { amount, period: Nanos::from_secs(period) };
    let up = ScalingRules {
        window: Nanos::ZERO,
        select: SelectPolicy::Max,
        policies: vec![policy(ScalingAmount::Percent(100), 15), policy(ScalingAmount::Pods(5), 15)],
    };
    let down = ScalingRules {
        window: Nanos::from_secs(300),
        select: SelectPolicy::Max,
        policies: vec![policy(ScalingAmount::Percent(50), 60)],
    };
    let target = QueueTarget::Average(Milli::whole(1));
    let spec = Hpa {
        min_pods: 5,
        max_pods: 50,
        metrics: vec![ScalingMetric::Queue { metric: WorkerMetric::Backlog, target }],
        behaviour: Some(ScalingBehaviour { scale_up: up, scale_down: down }),
        tolerance: Hpa::TOLERANCE,
        cpu_initialisation_period: Hpa::CPU_INITIALISATION_PERIOD,
        initial_readiness_delay: Hpa::INITIAL_READINESS_DELAY,
        downscale_stabilisation: Hpa::DOWNSCALE_STABILISATION,
    };
    let mut scaler = PodAutoscaler::new(spec, HostSize { cpu: Cores::new(1.0), memory: Bytes::gib(1) });
    let mut pods = 5;
    let mut sequence = Vec::new();
    for pass in 0..60 {
        let now = Nanos::from_secs(15 * pass);
        let load = if pass < 10 { 1_000_000 } else { 0 };
        let observation = Observation { now, pods: &[], readings: &[MetricReading::OfQueue(load)] };
        let after = scaler.sync(Replicas { wanted: pods, there: pods }, &observation).replicas;
        if after != pods {
            sequence.push((15 * pass, after));
        }
        pods = after;
    }
    // Up at once and doubling; down 300 s after the last high recommendation, by half a minute.
    assert_eq!(sequence, [(0, 10), (15, 20), (30, 40), (45, 50), (435, 25), (495, 12), (555, 6), (615, 5)]);
}

//! A made-up measured run, the same every time: a queue with ten servers stands for the cluster.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::measured;
use plimsoll_reports::run_dir::{
    self, AbortRule, CanarySummary, Cap, CheckOutcome, CheckResult, Clock, DispatchLag, GeneratorCpu,
    MANIFEST_SCHEMA_VERSION, Manifest, MeasuredCounts, Measurement, Phase, ResourceColumn, Run, RunVerdict,
    SamplerProblem, SelfTest, Target, Trust, Window, Writer, columns,
};
use plimsoll_reports::run_document::{RunKind, SteadyState};

/// What kind of run to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// 40/s on a cluster that carries 60/s.
    Steady,
    /// 40/s on a cluster that carries 34/s.
    Overloaded,
    /// As steady, but the target stands still for two seconds, and the in-flight cap holds starts back.
    Frozen,
}

const SECONDS: usize = 180;
const WARMUP: usize = 30;
const OFFERED_PER_SECOND: f64 = 40.0;
const SERVERS: usize = 10;

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 1e-17
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -self.next().ln() * mean
    }
}

struct Start {
    intended: f64,
    sent: f64,
    answered: f64,
    closed: f64,
}

fn starts(story: Story) -> Vec<Start> {
    let mut random = Uniform(7);
    let carries = if story == Story::Overloaded { 34.0 } else { 60.0 };
    let mut free = [0.0f64; SERVERS];
    let mut starts = Vec::new();
    let mut intended = 0.0;
    loop {
        intended += random.exponential(1.0 / OFFERED_PER_SECOND);
        if intended >= SECONDS as f64 {
            return starts;
        }
        let frozen = story == Story::Frozen && (100.0..102.0).contains(&intended);
        let sent =
            if frozen { 102.0 + (intended - 100.0) * 0.01 } else { intended + 20e-6 + random.exponential(60e-6) };
        let answered = sent + 0.004 + random.exponential(0.003);
        let server = (0..SERVERS).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
        let begin = free[server].max(answered);
        let closed = begin + random.exponential(SERVERS as f64 / carries);
        free[server] = closed;
        starts.push(Start { intended, sent, answered, closed });
    }
}

/// Writes the run and reads it back.
pub fn write(folder: &Path, story: Story) -> Run {
    let starts = starts(story);
    let end = SECONDS as f64 + 5.0;
    let (closed, open): (Vec<&Start>, Vec<&Start>) = starts.iter().partition(|start| start.closed <= end);
    let failed = closed.len() as u64 / 400;
    let counts = MeasuredCounts {
        offered: starts.len() as u64 + 3,
        sent: starts.len() as u64,
        completed: closed.len() as u64 - failed,
        failed,
        unfinished: open.len() as u64,
        unsent: 3,
        delayed: starts.iter().filter(|start| start.sent - start.intended > 0.01).count() as u64,
        retries: 2,
    };
    let manifest = manifest(story, counts);
    let mut writer = Writer::create(folder, &manifest).unwrap();
    for second in 0..SECONDS {
        let of_second: Vec<&Start> = starts.iter().filter(|start| start.intended as usize == second).collect();
        let histogram = |value: &dyn Fn(&Start) -> f64, keep: &dyn Fn(&Start) -> bool| {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            for start in of_second.iter().filter(|start| keep(start)) {
                histogram.record((value(start) * 1e9) as u64).unwrap();
            }
            histogram
        };
        let (all, done) = (|_: &Start| true, |start: &Start| start.closed <= end);
        let metrics = [
            ("e2e.response", histogram(&|start| start.closed - start.intended, &done)),
            ("e2e.service", histogram(&|start| start.closed - start.sent, &done)),
            ("start.response", histogram(&|start| start.answered - start.intended, &all)),
            ("start.service", histogram(&|start| start.answered - start.sent, &all)),
            ("schedule_to_start.workflow", histogram(&|start| (start.answered - start.sent) * 0.8, &all)),
            ("dispatch_lag", histogram(&|start| (start.sent - start.intended).min(0.002), &all)),
        ];
        let metrics: Vec<(&str, &Histogram<u64>)> =
            metrics.iter().map(|(name, histogram)| (*name, histogram)).collect();
        let at = Nanos::from_secs(second as u64);
        writer.interval(at, Nanos::from_secs(1), &metrics).unwrap();
        writer.resources(at + Nanos::from_secs(1), &row(&starts, second)).unwrap();
    }
    let steady = if story == Story::Overloaded { SteadyState::Overloaded } else { SteadyState::Steady };
    writer.finish(&manifest).unwrap();
    let mut run = run_dir::read(folder).unwrap();
    run.manifest.summary = measured::summarise(&run, steady);
    // The summary is of what the files hold, so it is written after them.
    let text = serde_json::to_string_pretty(&run.manifest).unwrap() + "\n";
    std::fs::write(folder.join(run_dir::MANIFEST_FILE), text).unwrap();
    run_dir::read(folder).unwrap()
}

fn row(starts: &[Start], second: usize) -> Vec<Option<f64>> {
    let (begin, end) = (second as f64, second as f64 + 1.0);
    let count = |of: &dyn Fn(&Start) -> f64| starts.iter().filter(|s| of(s) >= begin && of(s) < end).count() as f64;
    let open = starts.iter().filter(|start| start.sent < end && start.closed >= end).count() as f64;
    let unanswered = starts.iter().filter(|start| start.sent < end && start.answered >= end).count() as f64;
    let busy = count(&|start| start.closed);
    let wave = ((second * 7_919) % 97) as f64 / 97.0;
    let canary = if (60..64).contains(&second) { 0.0013 } else { 0.001 + 2e-5 * wave };
    [
        Some(count(&|start| start.intended)),
        Some(count(&|start| start.sent)),
        Some(busy),
        Some(if second.is_multiple_of(20) { 1.0 } else { 0.0 }),
        Some(open),
        Some(unanswered),
        Some((open - SERVERS as f64).max(0.0)),
        Some(0.08 + 0.002 * busy),
        Some(canary),
        Some(0.02 + 0.006 * busy),
        Some(0.05 + 0.014 * busy),
        Some(0.01 + 0.004 * busy),
        Some(0.03 + 0.02 * busy),
        Some(20.0 + 41.0 * busy),
        Some(4_000.0 + 62_000.0 * busy),
        // This sampler fails for a while.
        if (70..80).contains(&second) { None } else { Some(0.2 + 0.3 * wave) },
    ]
    .to_vec()
}

fn manifest(story: Story, counts: MeasuredCounts) -> Manifest {
    let column = |name: &str, unit: &str| ResourceColumn { name: name.into(), unit: unit.into() };
    let check = |check: &str, found: f64, limit: f64, unit: &str, outcome, sentence: &str| CheckResult {
        check: check.into(),
        found: Some(found),
        limit: Some(limit),
        unit: unit.into(),
        outcome,
        sentence: sentence.into(),
    };
    let lag = "99 % of the starts were sent within 0.3 ms of their intended time; the limit is 2 ms.";
    let mut checks = vec![
        check("dispatch lag p99", 0.000_3, 0.002, "s", CheckOutcome::Passed, lag),
        check("offered as intended", 1.0, 1.0, "share", CheckOutcome::Passed, "Every second's starts were offered."),
        check("unsent", 3.0, 0.0, "starts", CheckOutcome::Suspect, "3 starts of 7,203 were not sent; raise the cap."),
    ];
    let (trust, reasons) = match story {
        Story::Steady => (Trust::Suspect, vec![checks[2].sentence.clone()]),
        Story::Overloaded => {
            let sentence = "The target did not keep up: 34/s were completed of 40/s offered, and the work in flight \
                            grew by 6/s; the load was sent as intended, so this is a valid measurement of an overload, \
                            but quantiles of its latencies are not defined.";
            checks.push(check("steady state", 0.15, 0.02, "share", CheckOutcome::Remark, sentence));
            (Trust::Valid, vec![sentence.to_owned()])
        }
        Story::Frozen => {
            let sentence = "80 starts were held back at the in-flight cap of 32, the longest for 2 s; the target got \
                            less load than intended then. Raise --max-in-flight.";
            checks.push(check("delayed at the cap", 80.0, 0.0, "starts", CheckOutcome::Suspect, sentence));
            (Trust::Suspect, vec![checks[2].sentence.clone(), sentence.to_owned()])
        }
    };
    Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind: RunKind::Measured,
        profile_name: "order fulfilment (invented for tests)".into(),
        profile: "name = \"order fulfilment\"\n".into(),
        cluster_name: "staging".into(),
        cluster: "name = \"staging\"\n".into(),
        seed: 42,
        versions: BTreeMap::from(
            [("plimsoll", "0.1.0"), ("temporal", "1.31.2"), ("postgresql", "15.8"), ("sdk", "1.1.1")]
                .map(|(name, version)| (name.to_owned(), version.to_owned())),
        ),
        clock: Clock::wall("2026-01-02T03:04:05Z".parse().unwrap()),
        phases: vec![
            Phase { name: "warm-up".into(), start_seconds: 0.0, end_seconds: WARMUP as f64 },
            Phase { name: "steady".into(), start_seconds: WARMUP as f64, end_seconds: SECONDS as f64 },
        ],
        sent: counts.sent(),
        verdict: RunVerdict { verdict: trust, reasons },
        resources: vec![
            column(columns::OFFERED, "1/s"),
            column(columns::SENT, "1/s"),
            column(columns::COMPLETED, "1/s"),
            column(columns::FAILED, "1/s"),
            column(columns::OPEN_WORKFLOWS, "workflows"),
            column(columns::IN_FLIGHT, "requests"),
            column(columns::BACKLOG, "tasks"),
            column(columns::GENERATOR_CPU, "cores"),
            column(columns::CANARY, "s"),
            column("frontend_cpu", "cores"),
            column("history_cpu", "cores"),
            column("matching_cpu", "cores"),
            column("database_cpu", "cores"),
            column("statements", "1/s"),
            column("wal_bytes", "bytes/s"),
            column("database_connections", "share"),
        ],
        measurement: Some(Measurement {
            run_id: "plimsoll-20260102T030405Z-abc123".into(),
            target: Target {
                address: "127.0.0.1:7233".into(),
                namespace: "default".into(),
                task_queue: "plimsoll-20260102T030405Z-abc123".into(),
                ..Target::default()
            },
            window: Window { start_seconds: WARMUP as f64, end_seconds: SECONDS as f64 },
            counts,
            dispatch_lag: Some(DispatchLag {
                samples: counts.sent,
                p50_seconds: 6e-5,
                p99_seconds: 3e-4,
                max_seconds: 0.000_7,
            }),
            generator_cpu: Some(GeneratorCpu { limit_cores: 2.0, mean_cores: 0.16, p95_cores: 0.2 }),
            canary: Some(CanarySummary {
                samples: 150,
                median_seconds: 0.001_01,
                deviating_share: 4.0 / 150.0,
                slowest_relative: 0.29,
            }),
            self_test: Some(SelfTest {
                starts_per_second: 14_200.0,
                lag_p99_seconds: 0.000_8,
                measured_at: "2026-01-02T03:03:00Z".into(),
            }),
            idle_baseline: BTreeMap::from([("database_cpu".to_owned(), 0.03), ("statements".to_owned(), 20.0)]),
            sampler_problems: vec![SamplerProblem {
                sampler: "postgresql".into(),
                problem: "connection refused".into(),
                times: 10,
            }],
            caps: vec![Cap { of: "starts in flight".into(), limit: 32.0, reached: story == Story::Frozen }],
            abort_rules: vec![AbortRule {
                rule: "errors above 10 % over 10 s".into(),
                fired_at_seconds: None,
                found: None,
            }],
            checks,
            ..Measurement::default()
        }),
        scenario: None,
        summary: None,
    }
}

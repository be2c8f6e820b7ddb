//! Whether a run kept the profile's promise.

use plimsoll_profiles::profile::{Slo, SloMetric, SloTarget};
use plimsoll_reports::number;
use plimsoll_reports::quantity::Interval;
use plimsoll_reports::run_dir::{Buckets, Run};
use plimsoll_reports::run_document::{Quantiles, RunDocument, SteadyState};
use statrs::distribution::{Beta, ContinuousCDF};

/// Left out at each side of the intervals here: 95 % stay, as in a run's report.
const TAIL: f64 = 0.025;
/// Completions may stay behind the starts by so many standard deviations of the difference of two Poisson counts.
const BEHIND: f64 = 3.0;

/// Whether a run kept a promise, and how sure that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Whether it did.
    pub kept: bool,
    /// Whether every interval lies on one side of its limit.
    pub sure: bool,
    /// One sentence per target.
    pub because: Vec<String>,
}

/// Holds a run against the promise: its results, and the samples behind them. A target that does not keep up with the load keeps no promise
/// about its latency.
pub fn kept(slo: &Slo, run: &RunDocument, directory: &Run) -> Kept {
    held(slo, run, &|metric| directory.merged(metric))
}

fn held(slo: &Slo, run: &RunDocument, samples: &dyn Fn(&str) -> Buckets) -> Kept {
    let mut answer = Kept { kept: true, sure: true, because: Vec::new() };
    if run.steady_state == Some(SteadyState::Overloaded) {
        answer.kept = false;
        answer.because.push("the target did not keep up".to_owned());
        return answer;
    }
    let (offered, completed) =
        (run.offered_per_second * run.measured_seconds, run.throughput_per_second * run.measured_seconds);
    if offered - completed > BEHIND * libm::sqrt(2.0 * offered) {
        answer.kept = false;
        answer.because.push(format!(
            "{} completed of {} offered in the measured window: the target fell behind",
            number::rate(run.throughput_per_second),
            number::rate(run.offered_per_second)
        ));
        return answer;
    }
    if run.counts.failed > 0 || run.counts.unfinished > 0 {
        let counts = run.counts;
        answer.because.push(format!("{} failed, {} unfinished", counts.failed, counts.unfinished));
        // A hundredth may fail by the profile's own intention; more is no service.
        answer.kept = (counts.failed + counts.unfinished) * 100 <= counts.offered;
    }
    for target in &slo.targets {
        let name = name(target.metric);
        let Some(interval) = latency(run, target.metric).and_then(|quantiles| at(quantiles, target)) else {
            let Some(found) = within(run, target, samples) else {
                answer.sure = false;
                answer.because.push(format!("{name} was not seen"));
                continue;
            };
            answer.kept &= found.met;
            answer.sure &= found.sure;
            answer.because.push(format!("{name}: {}", found.words));
            continue;
        };
        let limit = target.limit.as_secs_f64();
        let met = interval.estimate <= limit;
        answer.kept &= met;
        answer.sure &= interval.high <= limit || interval.low > limit;
        answer.because.push(format!(
            "{name} p{} {:.1} ms ({:.1} to {:.1}) {} {}",
            percent(target),
            interval.estimate * 1e3,
            interval.low * 1e3,
            interval.high * 1e3,
            if met { "≤" } else { ">" },
            target.limit
        ));
    }
    answer
}

fn name(metric: SloMetric) -> &'static str {
    match metric {
        SloMetric::Start => "start",
        SloMetric::ScheduleToStartWorkflow => "schedule-to-start (workflow tasks)",
        SloMetric::ScheduleToStartActivity => "schedule-to-start (activities)",
        SloMetric::EndToEnd => "end to end",
    }
}

fn percent(target: &SloTarget) -> f64 {
    (target.quantile * 1e5).round() / 1e3
}

fn latency(run: &RunDocument, metric: SloMetric) -> Option<&Quantiles> {
    match metric {
        SloMetric::Start => run.latency.start.as_ref(),
        SloMetric::ScheduleToStartWorkflow => run.latency.schedule_to_start_workflow.as_ref(),
        SloMetric::ScheduleToStartActivity => run.latency.schedule_to_start_activity.as_ref(),
        SloMetric::EndToEnd => run.latency.e2e.as_ref(),
    }
}

/// A target that is held against the share of samples within its limit, not against a quantile.
struct Share {
    met: bool,
    sure: bool,
    words: String,
}

/// With too few samples for the quantile: how many are within the limit? "99 % within 250 ms" asks for no estimate of the p99, and a run
/// of 200 starts of which 30 take longer has answered it.
///
/// The interval is that of Clopper and Pearson (1934) for the independent samples that the correlated ones are worth.
fn within(run: &RunDocument, target: &SloTarget, samples: &dyn Fn(&str) -> Buckets) -> Option<Share> {
    let all = metrics(target.metric).iter().map(|metric| samples(metric)).find(|buckets| buckets.total() > 0)?;
    let (good, total) = (all.at_most(target.limit.0), all.total());
    let share = good as f64 / total as f64;
    let effective = latency(run, target.metric).and_then(|quantiles| quantiles.effective_samples);
    let independent = effective.unwrap_or(total as f64).clamp(1.0, total as f64);
    let (low, high) = clopper_pearson(share * independent, independent, TAIL);
    let words = format!(
        "{} of {} within {} ({} to {}; {} promised)",
        number::count(good),
        number::count(total),
        target.limit,
        number::percent(low),
        number::percent(high),
        number::percent(target.quantile)
    );
    Some(Share { met: share >= target.quantile, sure: low >= target.quantile || high < target.quantile, words })
}

/// The interval of a share of which `good` of `all` were seen;
/// `tail` is left out at each side.
pub(super) fn clopper_pearson(good: f64, all: f64, tail: f64) -> (f64, f64) {
    let at = |a: f64, b: f64, q: f64| Beta::new(a, b).ok().map(|beta| beta.inverse_cdf(q));
    let low = if good <= 0.0 { Some(0.0) } else { at(good, all - good + 1.0, tail) };
    let high = if good >= all { Some(1.0) } else { at(good + 1.0, all - good, 1.0 - tail) };
    (low.unwrap_or(0.0), high.unwrap_or(1.0))
}

/// Names of a target's metric in the curves.
fn metrics(metric: SloMetric) -> &'static [&'static str] {
    match metric {
        SloMetric::Start => &["start.response", "start"],
        SloMetric::ScheduleToStartWorkflow => &["schedule_to_start.workflow"],
        SloMetric::ScheduleToStartActivity => &["schedule_to_start.activity"],
        SloMetric::EndToEnd => &["e2e.response"],
    }
}

/// The reported quantile at or next above the promised one: what holds there holds below.
fn at(quantiles: &Quantiles, target: &SloTarget) -> Option<Interval> {
    let reported = [
        (0.5, &quantiles.p50),
        (0.9, &quantiles.p90),
        (0.95, &quantiles.p95),
        (0.99, &quantiles.p99),
        (0.999, &quantiles.p999),
    ];
    let (_, interval) = reported.into_iter().find(|(quantile, _)| *quantile >= target.quantile - 1e-9)?;
    *interval
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::units::Nanos;
    use plimsoll_reports::run_document::{RUN_SCHEMA_VERSION, RunKind};

    use super::*;

    /// A run of 30 s at 10/s, of whose starts so many took 20 ms and 300 ms.
    fn told(fast: u64, slow: u64, throughput: f64) -> Kept {
        let run = RunDocument {
            schema_version: RUN_SCHEMA_VERSION,
            kind: RunKind::Measured,
            profile: String::new(),
            cluster: String::new(),
            seed: 0,
            steady_state: Some(SteadyState::Steady),
            per_workflow: Default::default(),
            latency: Default::default(),
            latency_curves: Vec::new(),
            throughput_per_second: throughput,
            offered_per_second: 10.0,
            counts: Default::default(),
            utilisation: Default::default(),
            measured_seconds: 30.0,
            warmup_seconds: 0.0,
            events_simulated: 0,
            scaling: None,
            not_modelled: Vec::new(),
            warnings: Vec::new(),
        };
        let target = SloTarget { metric: SloMetric::Start, quantile: 0.99, limit: Nanos::from_millis(250) };
        let samples = |metric: &str| match metric {
            "start.response" => Buckets::from_pairs([(20_000_000, fast), (300_000_000, slow)]),
            _ => Buckets::default(),
        };
        held(&Slo { targets: vec![target] }, &run, &samples)
    }

    #[test]
    fn a_promise_is_held_against_the_share_within_its_limit_where_samples_are_few() {
        let slow = told(270, 30, 10.0);
        assert_eq!((slow.kept, slow.sure), (false, true), "{slow:?}");
        let fast = told(300, 0, 10.0);
        assert_eq!((fast.kept, fast.sure), (true, false), "300 of 300 leave 98.8 % possible: {fast:?}");
        let many = told(900, 0, 10.0);
        assert_eq!((many.kept, many.sure), (true, true), "{many:?}");
    }

    #[test]
    fn what_was_not_seen_is_not_sure() {
        let nothing = told(0, 0, 10.0);
        assert_eq!((nothing.kept, nothing.sure), (true, false), "{nothing:?}");
    }

    #[test]
    fn a_target_that_falls_behind_keeps_no_promise() {
        let behind = told(300, 0, 5.0);
        assert_eq!((behind.kept, behind.sure), (false, true), "{behind:?}");
        assert!(behind.because[0].contains("fell behind"));
        assert!(told(300, 0, 9.8).kept);
    }

    #[test]
    fn the_interval_of_a_share_is_clopper_and_pearsons() {
        // Tables: 0 of 10: 0 to 30.85 %; 5 of 10: 18.71 to 81.29 %; 10 of 10: 69.15 % to 1.
        let close = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-4 && (b - d).abs() < 1e-4;
        assert!(close(clopper_pearson(0.0, 10.0, TAIL), (0.0, 0.3085)));
        assert!(close(clopper_pearson(5.0, 10.0, TAIL), (0.1871, 0.8129)));
        assert!(close(clopper_pearson(10.0, 10.0, TAIL), (0.6915, 1.0)));
    }
}

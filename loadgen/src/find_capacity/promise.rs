//! Whether a run kept the profile's promise.

use plimsoll_profiles::profile::{Slo, SloMetric, SloTarget};
use plimsoll_reports::quantity::Interval;
use plimsoll_reports::run_document::{Quantiles, RunDocument, SteadyState};

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

/// Holds a run against the promise. A target that does not keep up with the load keeps no promise about its latency.
pub fn kept(slo: &Slo, run: &RunDocument) -> Kept {
    let mut answer = Kept { kept: true, sure: true, because: Vec::new() };
    if run.steady_state == Some(SteadyState::Overloaded) {
        answer.kept = false;
        answer.because.push("the target did not keep up".to_owned());
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
            answer.sure = false;
            answer.because.push(format!("{name} p{} has too few samples", percent(target)));
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

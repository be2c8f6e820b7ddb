//! The course of a run: pods, backlog, latencies by windows, throughput and CPU on one axis of time, what happened on it, and what
//! each event cost.
//!
//! Times count from the begin of the profile's schedule, as `at` of its `[[event]]` entries does: so a simulated and a measured run
//! of one profile are aligned whatever came before the schedule. A latency belongs to the time at which its operation was
//! intended or its task scheduled, not to that at which it ended.

pub mod backlog;
mod columns;
mod episode;
mod profile;
mod summary;
mod windows;

pub use columns::{Role, Series, column_role};
pub use episode::{Episode, Part, PartKind, PartLatency, RECOVERED_FOR};
pub use profile::{Target, begins_at, marks, targets, tree};
pub use summary::{Recovery, ScenarioSummary};
pub use windows::{LatencyWindow, LatencyWindows, window_length};

use crate::run_dir::{Mark, MarkKind, Run};

/// The course of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Where the schedule begins, seconds from the start of the run.
    pub begins_at: f64,
    /// First and last instant with data, seconds from the begin of the schedule.
    pub span: (f64, f64),
    /// First and last instant of the measured window, as [`Timeline::span`].
    pub measured: (f64, f64),
    /// Length of a window of latencies, seconds.
    pub window: f64,
    /// What happened, in order of time.
    pub marks: Vec<Mark>,
    /// Pods by state.
    pub pods: Vec<Series>,
    /// Tasks waiting, by queue where that is known.
    pub backlog: Vec<Series>,
    /// Workflows started and completed per second.
    pub throughput: Vec<Series>,
    /// Cores in use.
    pub cpu: Vec<Series>,
    /// Latencies: those with a promise, or the end-to-end latency where there is none.
    pub latencies: Vec<LatencyWindows>,
    /// What was before, during and after each event.
    pub episodes: Vec<Episode>,
}

impl Timeline {
    /// The course of a run, in windows of latencies as long as its samples ask for.
    pub fn of(run: &Run) -> Timeline {
        Self::in_windows(run, None)
    }

    /// The courses of several runs in windows of one length, so that what they missed can be compared.
    pub fn of_all(runs: &[Run]) -> Vec<Timeline> {
        let each: Vec<Timeline> = runs.iter().map(Timeline::of).collect();
        let window = each.iter().map(|timeline| timeline.window).fold(0.0, f64::max);
        let again = |(run, timeline): (&Run, Timeline)| match timeline.window == window {
            true => timeline,
            false => Timeline::in_windows(run, Some(window)),
        };
        runs.iter().zip(each).map(again).collect()
    }

    /// The course of a run in windows of a given length in seconds, as two runs need that are held against each other.
    pub fn in_windows(run: &Run, window: Option<f64>) -> Timeline {
        let profile = profile::tree(&run.manifest);
        let begins_at = profile::begins_at(&run.manifest);
        let metrics = run.metrics();
        let targets = profile::targets(&profile, &metrics);
        let span = span(run, begins_at);
        let shown: Vec<&str> = shown(&metrics, &targets);
        let fewest = shown.iter().map(|metric| windows::samples(run, metric)).min().unwrap_or(0);
        let longest = run.intervals.iter().map(|interval| interval.length.as_secs_f64()).fold(0.0, f64::max);
        let window = window.unwrap_or_else(|| window_length(span.1 - span.0, longest, fewest));
        let series = |role| columns::series(run, role, begins_at);
        let throughput = series(Role::Throughput);
        let (backlog, pods, cpu) = (series(Role::Backlog), series(Role::Pods), series(Role::Cpu));
        let latencies: Vec<LatencyWindows> = shown
            .into_iter()
            .map(|metric| {
                let of_metric = targets.iter().filter(|target| target.metric == metric).cloned().collect();
                LatencyWindows::of(run, metric, of_metric, window, begins_at, &throughput)
            })
            .collect();
        let mut marks = profile::marks(&run.manifest, &profile);
        marks.retain(|mark| mark.at_seconds <= span.1 && mark.until_seconds.unwrap_or(mark.at_seconds) >= span.0);
        let measured = run.window();
        let measured =
            ((measured.0.as_secs_f64() - begins_at).max(span.0), (measured.1.as_secs_f64() - begins_at).min(span.1));
        let mut timeline = Timeline {
            begins_at,
            span,
            measured,
            window,
            marks,
            pods,
            backlog,
            throughput,
            cpu,
            latencies,
            episodes: Vec::new(),
        };
        timeline.episodes = episode::episodes(&timeline, run);
        timeline
    }

    /// Whether there is a story to tell: something happened, or the number of pods changed.
    pub fn has_a_story(&self) -> bool {
        let changes = |series: &Series| {
            let mut values = series.points.iter().map(|(_, value)| *value);
            let first = values.next();
            first.is_some_and(|first| values.any(|value| value != first))
        };
        !self.marks.is_empty() || self.pods.iter().any(changes)
    }

    /// The events, without the small steps.
    pub fn events(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(|mark| mark.kind == MarkKind::Event)
    }

    /// All tasks waiting, (seconds, tasks).
    pub fn whole_backlog(&self) -> Vec<(f64, f64)> {
        columns::whole_backlog(&self.backlog)
    }

    /// Seconds of windows in which any promise was missed, between two instants.
    pub fn missed_seconds(&self, from: f64, until: f64) -> f64 {
        windows::missed_seconds(&self.latencies, self.window, from, until)
    }

    /// Hours of pods that were there, starting and draining ones included; `None` where pods are not known.
    pub fn pod_hours(&self) -> Option<f64> {
        columns::pod_seconds(&self.pods).map(|seconds| seconds / 3_600.0)
    }
}

/// The metrics with a promise; without one, the end-to-end latency or else the first there is.
fn shown<'a>(metrics: &[&'a str], targets: &[Target]) -> Vec<&'a str> {
    let promised: Vec<&str> =
        metrics.iter().copied().filter(|metric| targets.iter().any(|target| target.metric == *metric)).collect();
    if !promised.is_empty() {
        return promised;
    }
    let fallback = metrics.iter().find(|metric| **metric == "e2e.response").or(metrics.first());
    fallback.copied().into_iter().collect()
}

fn span(run: &Run, begins_at: f64) -> (f64, f64) {
    let rows = run.resources.rows.iter().map(|(seconds, _)| (*seconds, *seconds));
    let intervals = run
        .intervals
        .iter()
        .map(|interval| (interval.start.as_secs_f64(), (interval.start + interval.length).as_secs_f64()));
    let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
    for (from, until) in rows.chain(intervals) {
        first = first.min(from);
        last = last.max(until);
    }
    if first > last { (0.0, 0.0) } else { (first - begins_at, last - begins_at) }
}

#[cfg(test)]
pub(crate) mod story;
#[cfg(test)]
mod tests;

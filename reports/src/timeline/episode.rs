//! An event and what it cost: before, during, until recovery, and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Timeline, backlog, columns, windows};
use crate::run_dir::{Mark, Run, columns as names};

/// Everything must be as before for so long, in seconds, for an event to be over (own choice).
pub const RECOVERED_FOR: f64 = 60.0;
/// Where a promise was missed for more than this share of the time before an event, its being kept is no sign of recovery.
const OFTEN: f64 = 0.5;
/// A backlog of so few tasks is that of a queue that breathes (own choice).
const FEW_TASKS: f64 = 10.0;

/// An event, and what it cost. Times are seconds from the begin of the schedule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Episode {
    /// What happened.
    pub label: String,
    /// When it began.
    pub at_seconds: f64,
    /// When it was over; as `at_seconds` where it took no time.
    pub until_seconds: f64,
    /// The next event begins, or the run ends: what is later is not counted here.
    pub horizon_seconds: f64,
    /// From the end of the event until all was as before for a minute: every promise that was kept before is kept, and the
    /// backlog is not above its highest before the event (or 5 % of its peak, or ten tasks). Absent where that did not come before
    /// the horizon.
    pub time_to_recover_seconds: Option<f64>,
    /// Windows from the begin of the event to the horizon in which a promise was missed, seconds.
    pub missed_seconds: f64,
    /// The most tasks that waited; absent where that was not recorded.
    pub backlog_peak: Option<f64>,
    /// Tasks per second by which they gathered; absent where the backlog was small (below 50 tasks or two seconds of the load).
    pub backlog_growth: Option<f64>,
    /// From the peak until 5 % of it were left, seconds; absent as `backlog_growth`, and where that did not come.
    pub drain_seconds: Option<f64>,
    /// Before, during, recovering, after; those that lasted.
    pub parts: Vec<Part>,
}

/// A stretch of time around an event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Part {
    /// Which.
    pub part: PartKind,
    /// Begin.
    pub from_seconds: f64,
    /// End.
    pub until_seconds: f64,
    /// Latencies of what began in it, by metric.
    pub latency: Vec<PartLatency>,
    /// The most tasks that waited.
    pub backlog_peak: Option<f64>,
    /// Workflows completed per second.
    pub completed_per_second: Option<f64>,
    /// Windows in which a promise was missed, seconds.
    pub missed_seconds: f64,
}

/// A latency over a stretch of time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PartLatency {
    /// Metric by its name in `run.hlog`.
    pub metric: String,
    /// Samples.
    pub samples: u64,
    /// Median, seconds.
    pub p50: Option<f64>,
    /// 99 %, seconds.
    pub p99: Option<f64>,
}

/// The stretches of time around an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// From the end of what was before (warm-up, or the event before) to its begin.
    Before,
    /// From its begin to its end.
    During,
    /// From its end until all is as before, or to the horizon.
    Recovering,
    /// From then to the horizon.
    After,
}

impl PartKind {
    /// All, in order of time.
    pub const ALL: [PartKind; 4] = [PartKind::Before, PartKind::During, PartKind::Recovering, PartKind::After];

    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            PartKind::Before => "before",
            PartKind::During => "during",
            PartKind::Recovering => "recovering",
            PartKind::After => "after",
        }
    }
}

impl Episode {
    /// One of its parts.
    pub fn part(&self, kind: PartKind) -> Option<&Part> {
        self.parts.iter().find(|part| part.part == kind)
    }

    /// When it was over; nothing where it took no time.
    pub fn span_end(&self) -> Option<f64> {
        (self.until_seconds > self.at_seconds).then_some(self.until_seconds)
    }

    /// When it was over and all as before.
    pub fn recovered_at(&self) -> Option<f64> {
        self.time_to_recover_seconds.map(|seconds| self.until_seconds + seconds)
    }
}

/// The episodes of a run's events. Events that begin while another is under way share its time.
pub(super) fn episodes(timeline: &Timeline, run: &Run) -> Vec<Episode> {
    let events: Vec<&Mark> = timeline.events().collect();
    let mut episodes: Vec<Episode> = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let until = event.until_seconds.unwrap_or(event.at_seconds).max(event.at_seconds);
        let next =
            events[index + 1..].iter().map(|next| next.at_seconds).find(|at| *at >= until && *at > event.at_seconds);
        let horizon = next.unwrap_or(timeline.span.1).min(timeline.span.1).max(until.min(timeline.span.1));
        let begin = episodes
            .iter()
            .map(|earlier| earlier.recovered_at().unwrap_or(earlier.until_seconds))
            .filter(|end| *end <= event.at_seconds)
            .fold(timeline.measured.0, f64::max);
        let around = Around { begin, at: event.at_seconds, until, horizon };
        episodes.push(episode(timeline, run, &event.label, around));
    }
    episodes
}

/// The instants of an event.
#[derive(Clone, Copy)]
struct Around {
    begin: f64,
    at: f64,
    until: f64,
    horizon: f64,
}

fn episode(timeline: &Timeline, run: &Run, label: &str, around: Around) -> Episode {
    let Around { begin, at, until, horizon } = around;
    let waiting = timeline.whole_backlog();
    let within = |from: f64, until: f64| -> Vec<(f64, f64)> {
        waiting.iter().copied().filter(|(seconds, _)| *seconds >= from && *seconds <= until).collect()
    };
    let since = within(at, horizon);
    let offered = timeline
        .throughput
        .iter()
        .find(|series| series.name == names::OFFERED)
        .and_then(|series| columns::mean(&series.points, begin, horizon))
        .or_else(|| run.manifest.summary.as_ref().map(|summary| summary.offered_per_second));
    let peak = backlog::peak(&since, offered.unwrap_or(0.0));
    let recovered = recovered_at(timeline, &within(begin, at), &since, around);
    let parts = [
        (PartKind::Before, begin, at),
        (PartKind::During, at, until.min(horizon)),
        (PartKind::Recovering, until, recovered.unwrap_or(horizon)),
        (PartKind::After, recovered.unwrap_or(horizon), horizon),
    ];
    let parts = parts.into_iter().filter(|(_, from, until)| until > from);
    Episode {
        label: label.to_owned(),
        at_seconds: at,
        until_seconds: until,
        horizon_seconds: horizon,
        time_to_recover_seconds: recovered.map(|recovered| recovered - until),
        missed_seconds: timeline.missed_seconds(at, horizon),
        backlog_peak: backlog::highest(&since).map(|(_, tasks)| tasks),
        backlog_growth: peak.and_then(|peak| backlog::rise(&since, peak)),
        drain_seconds: peak.and_then(|peak| backlog::drain_seconds(&since, peak)),
        parts: parts.map(|(kind, from, until)| part(timeline, run, kind, from, until)).collect(),
    }
}

fn part(timeline: &Timeline, run: &Run, kind: PartKind, from: f64, until: f64) -> Part {
    let latency = timeline.latencies.iter().filter_map(|latency| {
        let all = windows::merged(run, &latency.metric, timeline.begins_at, from, until);
        let quantile = |q: f64| all.quantile(q).map(|nanos| nanos as f64 / 1e9);
        let (samples, p50, p99) = (all.total(), quantile(0.5), quantile(0.99));
        (samples > 0).then(|| PartLatency { metric: latency.metric.clone(), samples, p50, p99 })
    });
    let completed = timeline.throughput.iter().find(|series| series.name == names::COMPLETED);
    let waiting = timeline.whole_backlog();
    let within: Vec<(f64, f64)> =
        waiting.into_iter().filter(|(seconds, _)| *seconds > from && *seconds <= until).collect();
    Part {
        part: kind,
        from_seconds: from,
        until_seconds: until,
        latency: latency.collect(),
        backlog_peak: backlog::highest(&within).map(|(_, tasks)| tasks),
        completed_per_second: completed.and_then(|series| columns::mean(&series.points, from, until)),
        missed_seconds: timeline.missed_seconds(from, until),
    }
}

/// The first instant from the end of the event on after which all is as before for [`RECOVERED_FOR`], or to the horizon where that is
/// nearer; `None` where there is none.
fn recovered_at(timeline: &Timeline, before: &[(f64, f64)], since: &[(f64, f64)], around: Around) -> Option<f64> {
    let Around { begin, at, until, horizon } = around;
    let highest = |series: &[(f64, f64)]| backlog::highest(series).map_or(0.0, |(_, tasks)| tasks);
    let calm = highest(before).max(backlog::DRAINED * highest(since)).max(FEW_TASKS);
    // Each disturbed stretch by its begin and end.
    let mut disturbed: Vec<(f64, f64)> =
        since.iter().filter(|(_, tasks)| *tasks > calm).map(|(seconds, _)| (*seconds, *seconds)).collect();
    for latency in &timeline.latencies {
        let known = |window: &&windows::LatencyWindow| window.start >= begin && window.start + timeline.window <= at;
        let earlier: Vec<bool> = latency.windows.iter().filter(known).map(|window| window.missed).collect();
        let often = earlier.iter().filter(|missed| **missed).count() as f64 > OFTEN * earlier.len() as f64;
        if !often {
            disturbed.extend(latency.missed(timeline.window));
        }
    }
    disturbed.retain(|(from, end)| *end >= until && *from < horizon);
    disturbed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut recovered = until;
    for (from, end) in disturbed {
        if from > recovered + RECOVERED_FOR {
            break;
        }
        recovered = recovered.max(end);
    }
    (recovered < horizon).then_some(recovered)
}

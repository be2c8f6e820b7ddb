//! Two runs of one schedule over each other: what happened, what it cost in each, and the course of both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, QuantityComparison, QuantityGroup, Tolerance, Tolerances, point};
use crate::number;
use crate::run_dir::{Mark, Run};
use crate::timeline::{Episode, LatencyWindow, LatencyWindows, Series, Timeline};

/// Points that a line of the document has at most: what a chart can show.
const POINTS: usize = 600;

/// The course of both runs, by the time from the begin of the schedule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TimelineComparison {
    /// First and last second that both have.
    pub span_seconds: (f64, f64),
    /// Length of a window of latencies, seconds; the same in both.
    pub window_seconds: f64,
    /// Time between two rows of the coarser `resources.csv`, seconds.
    pub row_seconds: f64,
    /// What happened, as `a` tells it, and what only `b` does.
    pub marks: Vec<Mark>,
    /// Tasks waiting, all queues.
    pub backlog: LinePair,
    /// The p99 by windows of each metric that both have.
    pub latencies: Vec<LatencyPair>,
    /// Number of pods that are ready, by the column's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<(String, LinePair)>,
    /// Event by event; absent on a side that does not have it.
    pub events: Vec<EpisodePair>,
}

/// A line of each run: (seconds, value).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LinePair {
    /// Of `a`.
    pub a: Vec<(f64, f64)>,
    /// Of `b`.
    pub b: Vec<(f64, f64)>,
}

/// A latency of each run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LatencyPair {
    /// Metric, by its name in `a`.
    pub metric: String,
    /// The limits promised, seconds.
    pub limits: Vec<f64>,
    /// Median by windows.
    pub p50: LinePair,
    /// 99 % by windows.
    pub p99: LinePair,
}

/// An event in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct EpisodePair {
    /// In `a`.
    pub a: Option<Episode>,
    /// In `b`.
    pub b: Option<Episode>,
}

/// The course of both; `None` where neither has a story.
pub(super) fn timelines(a: &Run, b: &Run) -> Option<TimelineComparison> {
    let (of_a, of_b) = (Timeline::of(a), Timeline::of(b));
    if !of_a.has_a_story() && !of_b.has_a_story() {
        return None;
    }
    let window = of_a.window.max(of_b.window);
    let (of_a, of_b) = (Timeline::in_windows(a, Some(window)), Timeline::in_windows(b, Some(window)));
    let span = (of_a.span.0.max(of_b.span.0), of_a.span.1.min(of_b.span.1));
    let shown = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        let within: Vec<(f64, f64)> = points.into_iter().filter(|(at, _)| (span.0..=span.1).contains(at)).collect();
        crate::chart::thinned(&within, POINTS)
    };
    let line = |latency: &LatencyWindows, of: &dyn Fn(&LatencyWindow) -> Option<f64>| shown(latency.line(window, of));
    let latencies = of_a.latencies.iter().filter_map(|latency| {
        let other = of_b.latencies.iter().find(|other| same_metric(&other.metric, &latency.metric))?;
        let pair = |of: &dyn Fn(&LatencyWindow) -> Option<f64>| LinePair { a: line(latency, of), b: line(other, of) };
        Some(LatencyPair {
            metric: latency.metric.clone(),
            limits: latency.targets.iter().map(|target| target.limit_seconds).collect(),
            p50: pair(&|window| window.p50),
            p99: pair(&|window| window.p99),
        })
    });
    let ready = |series: &&Series| series.name.ends_with("_ready");
    let pods = of_a.pods.iter().filter(ready).filter_map(|series| {
        let other = of_b.pods.iter().find(|other| other.name == series.name)?;
        Some((series.name.clone(), LinePair { a: shown(series.points.clone()), b: shown(other.points.clone()) }))
    });
    let mut marks = of_a.marks.clone();
    marks.extend(of_b.marks.iter().filter(|mark| !of_a.marks.iter().any(|known| same_mark(known, mark))).cloned());
    marks.sort_by(|x, y| x.at_seconds.total_cmp(&y.at_seconds));
    Some(TimelineComparison {
        span_seconds: span,
        window_seconds: window,
        row_seconds: row_seconds(a).max(row_seconds(b)),
        marks,
        backlog: LinePair { a: shown(of_a.whole_backlog()), b: shown(of_b.whole_backlog()) },
        latencies: latencies.collect(),
        pods: pods.collect(),
        events: paired(&of_a.episodes, &of_b.episodes),
    })
}

/// Mean time between two rows of `resources.csv`.
fn row_seconds(run: &Run) -> f64 {
    let rows = &run.resources.rows;
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if rows.len() > 1 => (last.0 - first.0) / (rows.len() - 1) as f64,
        _ => 0.0,
    }
}

/// The start call has one name in a simulated run and another in a measured one.
fn same_metric(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.strip_suffix(".response").unwrap_or(name).to_owned();
    plain(a) == plain(b)
}

/// Two marks of one thing: the same words at about the same time.
fn same_mark(a: &Mark, b: &Mark) -> bool {
    a.label == b.label && (a.at_seconds - b.at_seconds).abs() < 1.0
}

/// Events by label, the first with the first.
fn paired(a: &[Episode], b: &[Episode]) -> Vec<EpisodePair> {
    let mut of_b: Vec<Option<&Episode>> = b.iter().map(Some).collect();
    let mut pairs: Vec<EpisodePair> = Vec::new();
    for episode in a {
        let place = of_b.iter_mut().find(|other| other.is_some_and(|other| other.label == episode.label));
        let other = place.and_then(Option::take).cloned();
        pairs.push(EpisodePair { a: Some(episode.clone()), b: other });
    }
    pairs.extend(of_b.into_iter().flatten().map(|other| EpisodePair { a: None, b: Some(other.clone()) }));
    pairs
}

/// What each event cost in both, judged by the tolerances of a backlog. A time that is told by windows or by rows may be off by one of
/// them.
pub(super) fn quantities(timelines: &TimelineComparison, tolerances: &Tolerances) -> Vec<QuantityComparison> {
    type Of = fn(&Episode) -> Option<f64>;
    let (window, row) = (timelines.window_seconds, timelines.row_seconds);
    let numbers: [(&str, &str, &str, f64, Of); 5] = [
        ("backlog_peak", "backlog peak", "tasks", 0.0, |episode| episode.backlog_peak),
        ("backlog_growth", "backlog growth", "1/s", 0.0, |episode| episode.backlog_growth),
        ("drain_time", "time to drain", "s", row, |episode| episode.drain_seconds),
        ("recovery_time", "time to recover", "s", window, |episode| episode.time_to_recover_seconds),
        ("missed_time", "promises missed for", "s", window, |episode| Some(episode.missed_seconds)),
    ];
    let mut quantities = Vec::new();
    for pair in &timelines.events {
        let (Some(a), Some(b)) = (&pair.a, &pair.b) else { continue };
        for (key, name, unit, resolution, of) in numbers {
            let (Some(of_a), Some(of_b)) = (of(a), of(b)) else { continue };
            if of_a == 0.0 && of_b == 0.0 {
                continue;
            }
            let allowed = tolerances.named(&tolerances.backlog, key);
            let allowed = Tolerance { absolute: allowed.absolute.max(resolution), ..allowed };
            // A few tasks more or less are chance.
            let floor = if key == "backlog_peak" { FEW_TASKS } else { 0.0 };
            let (of_a, of_b) = (point(of_a), point(of_b));
            quantities.push(QuantityComparison {
                group: QuantityGroup::Event,
                name: format!("{} at {}: {name}", a.label, number::seconds(a.at_seconds)),
                unit: unit.into(),
                a: of_a,
                b: of_b,
                difference: Difference::judge(&of_a, &of_b, allowed, floor),
            });
        }
    }
    quantities
}

/// Peaks that differ by no more are equal (own choice).
const FEW_TASKS: f64 = 10.0;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::compare::compare;
    use crate::timeline::story::outage;

    fn named<'a>(quantities: &'a [QuantityComparison], what: &str) -> &'a QuantityComparison {
        quantities.iter().find(|quantity| quantity.name == format!("workers stop at 60 s: {what}")).unwrap()
    }

    #[test]
    fn runs_are_aligned_by_the_begin_of_their_schedule() {
        let (a, b) = (outage(0, 1.0), outage(45, 1.0));
        let compared = timelines(&a, &b).unwrap();
        assert_eq!(compared.marks.len(), 1);
        assert_eq!(compared.backlog.a, compared.backlog.b);
        assert_eq!(compared.latencies[0].p99.a, compared.latencies[0].p99.b);
        let event = &compared.events[0];
        assert_eq!((compared.events.len(), &event.a), (1, &event.b));
        let same = quantities(&compared, &Tolerances::accuracy());
        assert_eq!(same.len(), 5);
        assert!(same.iter().all(|quantity| quantity.difference.relative == Some(0.0)), "{same:?}");
    }

    #[test]
    fn what_an_event_cost_is_judged_number_by_number() {
        let (a, b) = (outage(0, 1.0), outage(20, 1.5));
        let quantities = quantities(&timelines(&a, &b).unwrap(), &Tolerances::accuracy());
        let peak = named(&quantities, "backlog peak");
        assert_eq!((peak.a.estimate, peak.b.estimate, peak.difference.counts), (200.0, 300.0, true));
        let growth = named(&quantities, "backlog growth");
        assert!((growth.b.estimate - 15.0).abs() < 1e-9 && growth.difference.counts);
        assert!(!named(&quantities, "time to drain").difference.counts, "both drain in 19 s");
        assert!(!named(&quantities, "promises missed for").difference.counts);
    }

    #[test]
    fn the_comparison_has_the_events_and_counts_them() {
        let comparison = compare(&outage(0, 1.0), &outage(0, 1.5), &Tolerances::accuracy());
        assert!(comparison.timelines.is_some() && !comparison.within);
        let mut quiet = outage(0, 1.0);
        quiet.manifest.profile = "{}".into();
        quiet.resources.rows.iter_mut().for_each(|(_, values)| values[3] = Some(4.0));
        assert!(compare(&quiet, &quiet, &Tolerances::accuracy()).timelines.is_none());
    }

    #[test]
    fn an_event_of_one_run_only_is_told_and_not_judged() {
        let (a, mut b) = (outage(0, 1.0), outage(0, 1.0));
        b.manifest.profile = b.manifest.profile.replace("workers_stop", "kill_pod");
        let compared = timelines(&a, &b).unwrap();
        assert_eq!(compared.events.len(), 2);
        assert_eq!(compared.marks.len(), 2);
        assert_eq!(quantities(&compared, &Tolerances::default()), []);
    }
}

//! Overload and recovery: how fast a backlog grows, and how long it takes to drain.

use super::document::{Named, OfferedLoad, ValidationGroup, ValidationRow};
use crate::compare::{Tolerances, statistics};
use crate::run_dir::{Run, columns};

/// The row's name.
const GROWTH: &str = "backlog_growth";
/// The row of the time that a backlog takes to drain.
pub(super) const DRAIN: &str = "drain_time";
/// Open workflows that grow by less than this share of the offered load are a queue that breathes, not an overload (own choice).
const GROWING: f64 = 0.05;
/// A backlog below this many tasks, or below so many seconds of the offered load, is no backlog to drain (own choice).
const FEWEST_TASKS: f64 = 50.0;
const FEWEST_SECONDS: f64 = 2.0;
/// A backlog is drained at this share of its peak: the last tasks are those of new workflows.
const DRAINED: f64 = 0.05;

/// Rows for a growing number of open workflows, and for a backlog that drained; none for a run without either.
pub(super) fn rows(model: &Run, runs: &[&Run], tolerances: &Tolerances) -> Vec<ValidationRow> {
    let named = |metric: &str, unit: &str| Named {
        group: ValidationGroup::Backlog,
        metric: metric.into(),
        quantile: None,
        step: None,
        unit: unit.into(),
    };
    let tolerance = |metric| tolerances.named(&tolerances.backlog, metric);
    let mut rows = Vec::new();
    if let Some(predicted) = rise(model) {
        let measured = runs.iter().filter_map(|run| rise(run)).collect();
        rows.extend(ValidationRow::judge(named(GROWTH, "1/s"), predicted, measured, tolerance(GROWTH)));
    }
    let growing = |run: &&Run| growth(run).is_some_and(|growth| growth > GROWING * offered(run));
    let overload = rows.is_empty() && (growing(&model) || runs.iter().any(growing));
    if overload {
        let measured = runs.iter().filter_map(|run| growth(run)).collect();
        let row = growth(model).and_then(|predicted| {
            let named = named(GROWTH, "1/s");
            ValidationRow::judge(named, predicted, measured, tolerance(GROWTH))
        });
        rows.extend(row);
    }
    let measured = runs.iter().filter_map(|run| drain_seconds(run)).collect();
    let row = drain_seconds(model)
        .and_then(|predicted| ValidationRow::judge(named(DRAIN, "s"), predicted, measured, tolerance(DRAIN)));
    rows.extend(row);
    rows
}

/// The model's number for a row that there is; `drains` where the measured backlog drained again, so that it grew for a time only.
pub(super) fn predicted(model: &Run, metric: &str, drains: bool) -> Option<f64> {
    match metric {
        DRAIN => drain_seconds(model),
        _ if drains => rise(model),
        _ => growth(model),
    }
}

/// Whether the measured runs were overloaded for a time: their open workflows grew. What depends on how long that lasted is shown, and not
/// judged: latencies, and the growth of tables per closed workflow, as tables hold the open ones too.
pub(super) fn show_only_in_overload(
    rows: &mut [ValidationRow],
    steps: &mut [ValidationRow],
    offered: Option<OfferedLoad>,
) {
    let Some(offered) = offered else { return };
    if !rows.iter().any(|row| row.metric == GROWTH && row.measured > GROWING * offered.measured) {
        return;
    }
    let depends = |row: &&mut ValidationRow| row.is_latency() || row.group == ValidationGroup::Storage;
    rows.iter_mut().chain(steps).filter(depends).for_each(ValidationRow::show_only);
}

fn offered(run: &Run) -> f64 {
    run.manifest.summary.as_ref().map_or(0.0, |summary| summary.offered_per_second)
}

/// Open workflows per second, by least squares over the measured window.
fn growth(run: &Run) -> Option<f64> {
    let (begin, end) = run.window();
    let open = run.resources.column(columns::OPEN_WORKFLOWS);
    let within = |seconds: f64| seconds >= begin.as_secs_f64() && seconds <= end.as_secs_f64();
    let points: Vec<(f64, f64)> = open.into_iter().filter(|(seconds, _)| within(*seconds)).collect();
    statistics::slope(&points)
}

/// What waits in a run that builds up a backlog of tasks: its open workflows, which both sides count every second (the server refreshes
/// the backlog that it tells every five seconds only: `matching.TaskQueueInfoByBuildIdTTL`); the tasks, where open workflows are not counted.
struct Waiting {
    /// Seconds and workflows or tasks.
    series: Vec<(f64, f64)>,
    /// When it is highest, and how high.
    peak: (f64, f64),
    /// What is there while nothing waits: the median until the rise.
    level: f64,
    /// When it begins to rise.
    begin: f64,
}

impl Waiting {
    /// `None` where no backlog is worth the name.
    fn of(run: &Run) -> Option<Waiting> {
        let notable = |(_, height): &(f64, f64)| *height >= FEWEST_TASKS && *height >= FEWEST_SECONDS * offered(run);
        let highest = |series: &[(f64, f64)]| series.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).filter(notable);
        let tasks = run.resources.column(columns::BACKLOG);
        let tasks_peak = highest(&tasks)?;
        let open = run.resources.column(columns::OPEN_WORKFLOWS);
        let (series, peak) = match highest(&open) {
            Some(peak) => (open, peak),
            None => (tasks, tasks_peak),
        };
        let first_half = series.iter().filter(|(at, height)| *at < peak.0 && *height <= 0.5 * peak.1);
        let mut before: Vec<f64> = first_half.map(|(_, height)| *height).collect();
        before.sort_by(f64::total_cmp);
        // A rise at a steady rate spends half of its time below half of its height: what was there before it is lower still.
        let level = before.get(before.len() / 4).copied().unwrap_or(0.0);
        let low = level + DRAINED * (peak.1 - level);
        let begin = series.iter().filter(|(at, height)| *at < peak.0 && *height <= low).map(|(at, _)| *at);
        let begin = begin.fold(0.0, f64::max);
        Some(Waiting { peak, level, begin, series })
    }

    /// Per second, by least squares from the begin to the peak.
    fn rise(&self) -> Option<f64> {
        let within = |(at, _): &&(f64, f64)| (self.begin..=self.peak.0).contains(at);
        let rising: Vec<(f64, f64)> = self.series.iter().filter(within).copied().collect();
        statistics::slope(&rising)
    }

    /// From the peak until it is drained; `None` where the run ended first.
    fn drain_seconds(&self) -> Option<f64> {
        let low = self.level + DRAINED * (self.peak.1 - self.level);
        let drained = self.series.iter().find(|(at, height)| *at > self.peak.0 && *height <= low)?;
        Some(drained.0 - self.peak.0)
    }
}

/// By how much a second a backlog that drains again grew.
fn rise(run: &Run) -> Option<f64> {
    let waiting = Waiting::of(run)?;
    waiting.drain_seconds()?;
    waiting.rise()
}

/// From the peak of a backlog until it is drained, over the whole run; `None` where there was none to speak of, or the run ended first.
fn drain_seconds(run: &Run) -> Option<f64> {
    Waiting::of(run)?.drain_seconds()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run_dir::ResourceSeries;

    fn run(open: impl Fn(f64) -> f64, backlog: impl Fn(f64) -> f64) -> Run {
        let manifest = include_str!("../../tests/fixtures/run.json");
        let mut summary: crate::run_document::RunDocument = serde_json::from_str(manifest).unwrap();
        summary.offered_per_second = 10.0;
        summary.warmup_seconds = 0.0;
        summary.measured_seconds = 120.0;
        let rows = (0..120).map(|second| {
            let at = f64::from(second);
            (at, vec![Some(open(at)), Some(backlog(at))])
        });
        let mut run = crate::validation::fixture::run_of(summary);
        run.resources = ResourceSeries {
            columns: vec![columns::OPEN_WORKFLOWS.into(), columns::BACKLOG.into()],
            rows: rows.collect(),
        };
        run
    }

    #[test]
    fn a_steady_run_has_no_rows() {
        let steady = run(|_| 12.0, |at| at % 3.0);
        assert_eq!(rows(&steady, &[&steady], &Tolerances::accuracy()), []);
    }

    #[test]
    fn growth_is_the_slope_of_the_open_workflows() {
        let (model, measured) = (run(|at| 5.0 + 2.0 * at, |_| 0.0), run(|at| 9.0 + 2.5 * at, |_| 0.0));
        let rows = rows(&model, &[&measured], &Tolerances::accuracy());
        assert_eq!(rows.len(), 1);
        assert!((rows[0].predicted - 2.0).abs() < 1e-9 && (rows[0].measured - 2.5).abs() < 1e-9, "{rows:?}");
        assert!((rows[0].error.unwrap() + 0.2).abs() < 1e-9 && !rows[0].within);
    }

    #[test]
    fn a_backlog_drains_from_its_peak_to_a_twentieth() {
        // Workers stop at 20 s and return at 40 s: 200 tasks, drained by 5 or 4 a second.
        let story =
            |rate: f64| move |at: f64| ((at - 20.0).clamp(0.0, 20.0) * 10.0 - (at - 40.0).max(0.0) * rate).max(0.0);
        let (model, measured) = (run(|_| 0.0, story(5.0)), run(|_| 0.0, story(4.0)));
        let rows = rows(&model, &[&measured], &Tolerances::accuracy());
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1].metric.as_str(), rows[1].predicted, rows[1].measured), ("drain_time", 38.0, 48.0));
        assert!(!rows[1].within);
        // With open workflows, which never are none, it is theirs.
        let open = |rate: f64| move |at: f64| 7.0 + at % 3.0 + story(rate)(at);
        let (model, measured) = (run(open(5.0), story(5.0)), run(open(4.0), story(4.0)));
        let of_open = super::rows(&model, &[&measured], &Tolerances::accuracy());
        assert!((of_open[1].predicted - 38.0).abs() <= 1.0 && (of_open[1].measured - 48.0).abs() <= 1.0, "{of_open:?}");
        assert!((of_open[0].predicted - 10.0).abs() < 0.3, "{of_open:?}");
        // It grew as fast in both.
        assert_eq!(rows[0].metric, "backlog_growth");
        assert!((rows[0].predicted - 10.0).abs() < 0.2 && rows[0].within, "{rows:?}");
    }
}

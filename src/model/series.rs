//! What a simulated run leaves over time: latencies interval by interval, and resources row by row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hdrhistogram::Histogram;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::run_dir::{ResourceColumn, columns as names};
use plimsoll_sim::temporal::{Metric, Outcome, Process, Sample};

use super::RunInterval;

/// The latencies by the interval in which each began, as a measured run has them: what was intended, or scheduled, in it. Those that began
/// before the first interval are in it.
pub fn intervals(outcome: &Outcome, warmup: Nanos, length: Nanos) -> Vec<RunInterval> {
    const NAMES: [(Metric, &str); 4] = [
        (Metric::EndToEnd, "e2e.response"),
        (Metric::Start, "start"),
        (Metric::ScheduleToStartWorkflow, "schedule_to_start.workflow"),
        (Metric::ScheduleToStartActivity, "schedule_to_start.activity"),
    ];
    let mut list: Vec<RunInterval> = Vec::new();
    for (metric, name) in NAMES {
        let mut begun: BTreeMap<usize, Histogram<u64>> = BTreeMap::new();
        for (ended, latencies) in outcome.recorder.intervals(metric).enumerate() {
            // All of an interval are taken to have ended in its middle.
            let middle = length.0 * ended as u64 + length.0 / 2;
            for (value, count) in latencies.counts() {
                let index = (middle.saturating_sub(value) / length.0.max(1)) as usize;
                let histogram = match begun.entry(index) {
                    Entry::Occupied(place) => place.into_mut(),
                    // It grows to its largest value; `saturating_record` would not let it.
                    Entry::Vacant(place) => match Histogram::<u64>::new(3) {
                        Ok(histogram) => place.insert(histogram),
                        Err(_) => continue,
                    },
                };
                if histogram.record_n(value, count).is_err() {
                    histogram.saturating_record_n(value, count);
                }
            }
        }
        for (index, histogram) in begun {
            while list.len() <= index {
                let start = warmup + length * list.len() as u64;
                list.push(RunInterval { start, length, metrics: Vec::new() });
            }
            list[index].metrics.push((name.to_owned(), histogram));
        }
    }
    list
}

/// The columns of the time series; calls held up only where something may hold them up.
pub fn columns(held_up: bool) -> Vec<ResourceColumn> {
    let column = |name: &str, unit: &str| ResourceColumn { name: name.to_owned(), unit: unit.to_owned() };
    let mut columns = vec![
        column("frontend_cpu", "cores"),
        column("history_cpu", "cores"),
        column("matching_cpu", "cores"),
        column("database_cpu", "cores"),
        column("worker_cpu", "cores"),
        column("statements", "1/s"),
        column("commits", "1/s"),
        column("fsyncs", "1/s"),
        column("wal_bytes", "bytes/s"),
        column("full_page_images", "1/s"),
        column("open_workflows", "workflows"),
        column("backlog", "tasks"),
        column("activities", "activities"),
        column("history_connections", "connections"),
        column("worker_pods_ready", "pods"),
        column("worker_pods_starting", "pods"),
        column("worker_pods_draining", "pods"),
        column("activities_cut_off", "1/s"),
        column("backlog_workflow_tasks", "tasks"),
        column("backlog_activities", "tasks"),
        column(names::OFFERED, "1/s"),
        column(names::COMPLETED, "1/s"),
        column(names::FAILED, "1/s"),
    ];
    columns.extend(held_up.then(|| column("held_up", "requests")));
    columns
}

/// A row of `resources`: when, and a value per column.
pub type Row = (Nanos, Vec<Option<f64>>);

/// The mean of the replications' rows; one that has ended is at rest.
pub fn mean_rows(replications: Vec<Vec<Row>>) -> Vec<Row> {
    let count = replications.len() as f64;
    let mut all = replications.into_iter();
    let mut mean = all.next().unwrap_or_default();
    for rows in all {
        for (index, (at, values)) in rows.into_iter().enumerate() {
            match mean.get_mut(index) {
                Some((_, sums)) => {
                    sums.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum = Some(sum.unwrap_or(0.0) + value.unwrap_or(0.0)));
                }
                None => mean.push((at, values)),
            }
        }
    }
    for (_, values) in &mut mean {
        values.iter_mut().flatten().for_each(|value| *value /= count);
    }
    mean
}

pub fn resources(samples: &[Sample], interval: Nanos, held_up: bool) -> Vec<Row> {
    let seconds = interval.as_secs_f64();
    samples
        .windows(2)
        .map(|pair| {
            let work = pair[1].work.since(&pair[0].work);
            let cores = |process: Process| Some(work.cpu[process as usize].as_secs_f64() / seconds);
            let rate = |count: u64| Some(Rate::per_second(count as f64 / seconds).as_per_second());
            let mut values = vec![
                cores(Process::Frontend),
                cores(Process::History),
                cores(Process::Matching),
                cores(Process::Database),
                cores(Process::Worker),
                rate(work.statements + work.visibility_statements),
                rate(work.commits),
                rate(work.fsyncs),
                rate(work.wal_bytes),
                rate(work.full_page_images),
                Some(f64::from(pair[1].open)),
                Some(pair[1].backlog as f64),
                Some(pair[1].activities as f64),
                Some(pair[1].connections as f64),
                Some(f64::from(pair[1].pods.ready)),
                Some(f64::from(pair[1].pods.starting)),
                Some(f64::from(pair[1].pods.draining)),
                rate(pair[1].cut_off - pair[0].cut_off),
                Some(pair[1].workflow_task_backlog as f64),
                Some(pair[1].backlog.saturating_sub(pair[1].workflow_task_backlog) as f64),
                rate(pair[1].counts.offered.saturating_sub(pair[0].counts.offered)),
                rate(pair[1].counts.completed.saturating_sub(pair[0].counts.completed)),
                rate(pair[1].counts.failed.saturating_sub(pair[0].counts.failed)),
            ];
            values.extend(held_up.then_some(Some(pair[1].held_up as f64)));
            (pair[1].at, values)
        })
        .collect()
}

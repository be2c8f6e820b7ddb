//! What is measured as it is, without a regression: WAL and execution time by statement, idle load, table growth, what batches.

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_sim::temporal::IdleLoad;
use serde::{Deserialize, Serialize};

use super::counters::{Counters, Sum};
use super::nnls::System;
use super::statement::Kind;

/// A run's counters as they are, and what the model says of it.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Of the whole window.
    pub counters: Counters,
    /// Workflows that ended.
    pub workflows: f64,
    /// From the first start to the last end, seconds.
    pub busy_seconds: f64,
    /// Runs that closed, by the model, per workflow.
    pub closed_runs: f64,
    /// Bytes of event histories, by the model, per workflow.
    pub history_bytes: f64,
    /// Whether each workflow is one run.
    pub one_run: bool,
}

/// A value of the calibration file that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Its section, `wal` for one.
    pub section: String,
    /// Its key.
    pub key: String,
    /// The value, in `unit`.
    pub value: f64,
    /// 5th and 95th percentile of a bootstrap over runs; the value itself where it was measured once.
    pub interval: [f64; 2],
    /// ms, us, s, B or nothing.
    pub unit: String,
}

/// A value of the calibration file that was not measured, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Section and key, or what they have in common.
    pub what: String,
    /// Why it is the base calibration's.
    pub why: String,
}

/// Bootstrap samples.
const SAMPLES: usize = 200;
/// Tables grow by whole pages of 8 KiB: a value per row means something after so many pages.
const ENOUGH_GROWTH: f64 = 40.0 * 8192.0;

/// What says something of some runs.
type Estimator = fn(&[&Counted], &Calibration, u32) -> Estimates;

/// What runs and an idle window say.
pub fn values(runs: &[Counted], idle: &Counters, base: &Calibration, shards: u32) -> (Vec<Value>, Vec<Kept>) {
    let mut values = Vec::new();
    let mut kept = Vec::new();
    values.extend(idle_cpu(idle, base, shards));
    let estimators: [Estimator; 5] = [execution, wal, forwards, stored, checkpoint_interval];
    for estimate in estimators {
        let all: Vec<&Counted> = runs.iter().collect();
        let Ok(point) = estimate(&all, base, shards).map_err(|why| kept.push(why)) else { continue };
        let mut draws = Streams::new(1).stream("calibrate", "direct", 0);
        let mut samples: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for _ in 0..SAMPLES {
            let drawn = resampled(runs, &mut draws);
            for one in estimate(&drawn, base, shards).unwrap_or_default() {
                samples.entry(one.key).or_default().push(one.value);
            }
        }
        for one in point {
            let mut list = samples.remove(one.key).unwrap_or_default();
            list.sort_by(f64::total_cmp);
            let at =
                |q: f64| list.get(((list.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(one.value);
            values.push(Value {
                section: one.section.to_owned(),
                key: one.key.to_owned(),
                value: one.value,
                interval: [at(0.05).min(one.value), at(0.95).max(one.value)],
                unit: one.unit.to_owned(),
            });
        }
    }
    kept.extend(never_measured());
    (values, kept)
}

fn resampled<'a>(runs: &'a [Counted], draws: &mut Stream) -> Vec<&'a Counted> {
    runs.iter().map(|_| &runs[draws.below(runs.len() as u64) as usize]).collect()
}

fn never_measured() -> Vec<Kept> {
    let kept = |what: &str, why: &str| Kept { what: what.to_owned(), why: why.to_owned() };
    vec![
        kept("[operation]", "the operation table: `plimsoll-load operations` compares it with this server"),
        kept("[runtime]", "garbage collections and time slices: too few collections in ten minutes"),
        kept("wal.full_page_image", "pages written whole after a checkpoint: none is forced"),
        kept("bytes.event_*", "sizes of history events: they are the same on any machine"),
        kept("bytes.executions, bytes.current_executions", "their growth depends on when vacuum ran"),
        kept(
            "bytes.timer_tasks, queues.timer_look_ahead, queues.timer_read_window, queues.continue_as_new_interval",
            "the server's own times",
        ),
    ]
}

struct Estimated {
    section: &'static str,
    key: &'static str,
    value: f64,
    unit: &'static str,
}

type Estimates = Result<Vec<Estimated>, Kept>;

fn unknown(what: &str, why: &str) -> Kept {
    Kept { what: what.to_owned(), why: why.to_owned() }
}

fn idle_cpu(idle: &Counters, base: &Calibration, shards: u32) -> Vec<Value> {
    // The file's values are those of the reference's shards; the model adds more by shard.
    let more = IdleLoad::of(base, shards);
    let of_shards = [
        ("frontend", "idle_frontend", 0.0),
        (
            "history",
            "idle_history",
            more.history.as_secs_f64() - base.cpu.idle_history.as_secs_f64() - base.cpu.idle_worker.as_secs_f64(),
        ),
        ("matching", "idle_matching", 0.0),
        ("system_worker", "idle_worker", 0.0),
        ("database", "idle_database", more.database.as_secs_f64() - base.cpu.idle_database.as_secs_f64()),
    ];
    of_shards
        .into_iter()
        .filter_map(|(process, key, shards)| {
            let per_second = idle.cpu.get(process)? / idle.seconds;
            let value = (per_second - shards).max(0.0) * 1e3;
            Some(Value {
                section: "cpu".to_owned(),
                key: key.to_owned(),
                value,
                interval: [value, value],
                unit: "ms".to_owned(),
            })
        })
        .collect()
}

/// Sums of all runs by kind.
fn kinds(runs: &[&Counted]) -> BTreeMap<Kind, Sum> {
    let mut all: BTreeMap<Kind, Sum> = BTreeMap::new();
    for run in runs {
        for (kind, sum) in run.counters.kinds() {
            let total = all.entry(kind).or_default();
            *total = total.plus(sum);
        }
    }
    all
}

fn sum_of(kinds: &BTreeMap<Kind, Sum>, wanted: impl Fn(&str) -> bool) -> Sum {
    kinds.iter().filter(|(kind, _)| wanted(kind.name())).fold(Sum::default(), |all, (_, sum)| all.plus(*sum))
}

const LOCKS: [&str; 5] = ["shards_share", "current_join", "current_lock", "executions_lock", "task_queue_lock"];

fn is_read(kind: &str) -> bool {
    kind.ends_with("_read")
}

fn is_of_main(kind: &str) -> bool {
    !["visibility_upsert", "visibility_delete"].contains(&kind)
}

/// Execution time by class.
fn execution(runs: &[&Counted], _: &Calibration, _: u32) -> Estimates {
    let kinds = kinds(runs);
    let mean = |sum: Sum| (sum.calls > 0.0).then(|| sum.seconds / sum.calls * 1e6);
    let of = |wanted: &dyn Fn(&str) -> bool| mean(sum_of(&kinds, wanted));
    let is_write = |kind: &str| {
        is_of_main(kind)
            && !LOCKS.contains(&kind)
            && !is_read(kind)
            && !["begin", "commit", "range_delete"].contains(&kind)
    };
    let classes: [(&'static str, Option<f64>); 7] = [
        ("mean", of(&is_of_main)),
        ("begin", of(&|kind| kind == "begin")),
        ("commit", of(&|kind| kind == "commit")),
        ("read", of(&is_read)),
        ("lock", of(&|kind| LOCKS.contains(&kind))),
        ("write", of(&is_write)),
        ("range_delete", of(&|kind| kind == "range_delete")),
    ];
    let list: Vec<Estimated> = classes
        .into_iter()
        .filter_map(|(key, value)| Some(Estimated { section: "statements", key, value: value?, unit: "us" }))
        .collect();
    match list.is_empty() {
        true => Err(unknown("[statements]", "no statement was seen")),
        false => Ok(list),
    }
}

/// Bytes of a full-page image in these runs. Images of young tables are small (a page's free space is left out), so they are not those of the
/// base: each kind of statement has so many bytes per row, and all have so many per image, by least squares over all runs. `None` where hardly
/// any were written.
pub fn image_size(runs: &[&Counted]) -> Option<f64> {
    let mut points: Vec<(Kind, Sum)> = Vec::new();
    for run in runs {
        points.extend(run.counters.kinds().into_iter().filter(|(_, sum)| sum.rows > 0.0 && sum.wal_bytes > 0.0));
    }
    let images: f64 = points.iter().map(|(_, sum)| sum.images).sum();
    if images < 50.0 {
        return None;
    }
    let mut all: Vec<&Kind> = points.iter().map(|(kind, _)| kind).collect();
    all.sort();
    all.dedup();
    let mut system = System::default();
    for (kind, sum) in &points {
        let mut row = vec![0.0; all.len() + 1];
        row[all.binary_search(&kind).ok()?] = sum.rows;
        row[all.len()] = sum.images;
        system.add(&row, sum.wal_bytes, sum.rows.sqrt());
    }
    system.solve().ok()?.pop().filter(|size| *size > 0.0)
}

/// WAL bytes per commit that no statement has, images taken off: the commits' own records (a COMMIT's WAL is written after its statement was counted). The runs'
/// median: in every second or third run PostgreSQL vacuums or analyses a table, which writes as well. Seen: 63 to 90 B in half of the runs, up to 2,900 B
/// in the others.
fn commit_bytes(runs: &[&Counted], image: f64) -> Option<f64> {
    let mut each: Vec<f64> = runs
        .iter()
        .filter_map(|run| {
            let kinds = kinds(&[run]);
            let of = |kind: &str| sum_of(&kinds, |one| one == kind).calls;
            let commits = of("commit") + of("node_insert") - of("tree_insert") + of("visibility_upsert");
            let wal = |name: &str| run.counters.wal.get(name).copied().unwrap_or_default();
            let of_statements = run.counters.statements.values().fold(Sum::default(), |all, one| all.plus(*one));
            let bytes = wal("bytes") - of_statements.wal_bytes;
            let images = (wal("images") - of_statements.images).max(0.0);
            (commits > 0.0 && bytes > 0.0).then(|| (bytes - images * image).max(0.0) / commits)
        })
        .collect();
    each.sort_by(f64::total_cmp);
    each.get(each.len() / 2).copied()
}

/// WAL bytes per row by table, from each statement's own WAL, its full-page images taken off.
fn wal(runs: &[&Counted], base: &Calibration, _: u32) -> Estimates {
    let kinds = kinds(runs);
    let image = image_size(runs).unwrap_or(base.wal.full_page_image.0 as f64);
    let bytes = |sum: Sum| (sum.wal_bytes - sum.images * image).max(0.0);
    let of = |names: &[&str]| sum_of(&kinds, |kind| names.contains(&kind));
    let each = |key, sum: Sum, rows: f64| {
        (rows > 0.0).then(|| Estimated { section: "wal", key, value: bytes(sum) / rows, unit: "B" })
    };
    let node = of(&["node_insert"]);
    let tree = of(&["tree_insert"]);
    let visibility = of(&["visibility_upsert"]);
    // The lock of a row is a record of its own, and belongs to the update that follows.
    let executions = of(&["executions_insert", "executions_update", "executions_lock"]);
    let executions_rows = of(&["executions_insert", "executions_update"]).rows;
    let current = of(&["current_insert", "current_update", "current_lock", "current_join"]);
    let current_rows = of(&["current_insert", "current_update"]).rows;
    const TASKS: [&str; 3] = ["transfer_insert", "timer_insert", "visibility_insert"];
    const SIDE: [&str; 6] = [
        "activity_upsert",
        "timer_info_upsert",
        "child_upsert",
        "signals_requested_insert",
        "buffered_insert",
        "tasks_insert",
    ];
    let is_side_delete = |kind: &str| {
        kind == "range_delete"
            || kind == "tasks_delete"
            || ["activity_delete", "timer_info_delete", "child_delete", "signals_requested_delete", "buffered_delete"]
                .contains(&kind)
    };
    let inserted = sum_of(&kinds, |kind| TASKS.contains(&kind) || SIDE.contains(&kind));
    let tasks = sum_of(&kinds, |kind| TASKS.contains(&kind) || SIDE.contains(&kind) || is_side_delete(kind));
    let commit = commit_bytes(runs, image).map(|value| Estimated { section: "wal", key: "commit", value, unit: "B" });
    let list: Vec<Estimated> = [
        each("history_node", node, node.rows),
        each("history_tree", tree, tree.rows),
        each("executions", executions, executions_rows),
        each("current_executions", current, current_rows),
        each("task", tasks, inserted.rows),
        commit,
        each("visibility", visibility, visibility.rows),
    ]
    .into_iter()
    .flatten()
    .collect();
    match list.is_empty() {
        true => Err(unknown("[wal]", "pg_stat_statements counts no WAL (PostgreSQL 13 or later)")),
        false => Ok(list),
    }
}

/// Polls of the normal workflow task queue that are passed on to another partition, per task of it.
fn forwards(runs: &[&Counted], _: &Calibration, _: u32) -> Estimates {
    let (mut passed_on, mut tasks) = (0.0, 0.0);
    for run in runs.iter().filter(|run| run.one_run) {
        let count = |service: &str| run.counters.requests.get(&format!("{service} requests PollWorkflowTaskQueue"));
        if let (Some(matching), Some(frontend)) = (count("matching"), count("frontend")) {
            passed_on += matching - frontend;
            tasks += run.workflows;
        }
    }
    match tasks > 0.0 {
        true => Ok(vec![Estimated {
            section: "matching",
            key: "poll_forwards_workflow",
            value: (passed_on / tasks).max(0.0),
            unit: "",
        }]),
        false => Err(unknown("matching.poll_forwards_workflow", "no metrics of frontend and matching (--prometheus)")),
    }
}

/// Stored bytes of closed workflows, from the growth of the tables.
fn stored(runs: &[&Counted], _: &Calibration, _: u32) -> Estimates {
    let grown = |table: &str| -> f64 { runs.iter().filter_map(|run| run.counters.tables.get(table)).sum() };
    let closed: f64 = runs.iter().map(|run| run.closed_runs * run.workflows).sum();
    let events: f64 = runs.iter().map(|run| run.history_bytes * run.workflows).sum();
    let nodes = sum_of(&kinds(runs), |kind| kind == "node_insert").rows;
    if closed <= 0.0 || grown("history_node") < ENOUGH_GROWTH {
        return Err(unknown(
            "bytes.history_node_row, bytes.history_tree, bytes.visibility_*",
            "tables grew by too few pages",
        ));
    }
    let heap = grown("executions_visibility heap");
    let of = |key, value: f64| Estimated { section: "bytes", key, value, unit: "B" };
    let mut list = vec![of("history_node_row", ((grown("history_node") - events) / nodes.max(1.0)).max(0.0))];
    if grown("history_tree") > 0.0 {
        list.push(of("history_tree", grown("history_tree") / closed));
    }
    if grown("executions_visibility") >= ENOUGH_GROWTH {
        list.push(of("visibility_heap", heap / closed));
        list.push(of("visibility_indexes", (grown("executions_visibility") - heap) / closed));
    }
    Ok(list)
}

/// Time between two range deletes of a shard with progress. A shard whose tasks come at rate λ has had one in an interval I with probability
/// 1 − exp(−λ I): so shards × (1 − exp(−λ I)) / I deletes a second are made, which is solved for I.
fn checkpoint_interval(runs: &[&Counted], _: &Calibration, shards: u32) -> Estimates {
    let what = "queues.checkpoint_interval";
    let seconds: f64 = runs.iter().map(|run| run.counters.seconds).sum();
    let workflows: f64 = runs.iter().map(|run| run.workflows * run.closed_runs).sum();
    let trims = |run: &&&Counted| -> f64 {
        let all = run.counters.statements.iter();
        all.filter(|(text, _)| text.contains("DELETE FROM visibility_tasks")).map(|(_, sum)| sum.calls).sum()
    };
    let deletes: f64 = runs.iter().map(|run| trims(&run)).sum();
    let (arrivals, rate) = (workflows / seconds / f64::from(shards), deletes / seconds / f64::from(shards));
    let at = |interval: f64| (1.0 - libm::exp(-arrivals * interval)) / interval;
    let (mut low, mut high) = (0.5, 600.0);
    if deletes < 30.0 || !(at(high)..at(low)).contains(&rate) {
        return Err(unknown(what, "too few range deletes were seen"));
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at(middle) > rate { low = middle } else { high = middle }
    }
    Ok(vec![Estimated { section: "queues", key: "checkpoint_interval", value: low, unit: "s" }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(statements: &[(&str, Sum)]) -> Counted {
        let mut counters = Counters { seconds: 20.0, ..Counters::default() };
        counters.statements = statements.iter().map(|(text, sum)| ((*text).to_owned(), *sum)).collect();
        counters.wal.insert("bytes".to_owned(), 100_000.0);
        Counted { counters, workflows: 50.0, busy_seconds: 10.0, closed_runs: 1.0, history_bytes: 900.0, one_run: true }
    }

    fn value(list: &[Estimated], key: &str) -> f64 {
        list.iter().find(|one| one.key == key).map(|one| one.value).expect(key)
    }

    #[test]
    fn wal_of_a_row_is_its_statements_wal_without_images() {
        let base = Calibration::reference();
        let image = base.wal.full_page_image.0 as f64;
        let node = Sum { calls: 100.0, rows: 100.0, wal_bytes: 50_000.0 + 3.0 * image, images: 3.0, seconds: 0.1 };
        let lock = Sum { calls: 50.0, rows: 50.0, wal_bytes: 2_500.0, ..Sum::default() };
        let update = Sum { calls: 50.0, rows: 50.0, wal_bytes: 40_000.0, ..Sum::default() };
        let run = counted(&[
            ("m:INSERT INTO history_node (a) VALUES ($)", node),
            ("m:SELECT a FROM executions WHERE b = $ FOR UPDATE", lock),
            ("m:UPDATE executions SET a = $", update),
        ]);
        let list = wal(&[&run], &base, 64).expect("values");
        assert_eq!(value(&list, "history_node"), 500.0);
        assert_eq!(value(&list, "executions"), 850.0, "an update's lock belongs to it");
    }

    #[test]
    fn a_vacuum_in_one_of_the_runs_is_not_in_the_commits_wal() {
        let (base, work) = (Calibration::reference(), Sum { calls: 100.0, wal_bytes: 90_000.0, ..Sum::default() });
        let runs: Vec<Counted> = [100_000.0, 101_000.0, 400_000.0]
            .map(|bytes| {
                let mut run = counted(&[
                    ("m:COMMIT", Sum { calls: 100.0, ..Sum::default() }),
                    ("m:UPDATE executions SET a = $", work),
                ]);
                run.counters.wal.insert("bytes".to_owned(), bytes);
                run
            })
            .into();
        let list = wal(&runs.iter().collect::<Vec<_>>(), &base, 64).expect("values");
        assert_eq!(value(&list, "commit"), 110.0);
    }

    #[test]
    fn execution_times_are_means_by_class() {
        let run = counted(&[
            ("m:BEGIN READ WRITE", Sum { calls: 10.0, seconds: 100e-6, ..Sum::default() }),
            (
                "m:SELECT range_id FROM shards WHERE a = $ FOR SHARE",
                Sum { calls: 10.0, seconds: 300e-6, ..Sum::default() },
            ),
            ("v:INSERT INTO executions_visibility (a) VALUES ($)", Sum { calls: 10.0, seconds: 1.0, ..Sum::default() }),
        ]);
        let list = execution(&[&run], &Calibration::reference(), 64).expect("values");
        assert!((value(&list, "begin") - 10.0).abs() < 1e-9 && (value(&list, "lock") - 30.0).abs() < 1e-9);
        assert!((value(&list, "mean") - 20.0).abs() < 1e-9, "visibility is not in the mean");
    }

    #[test]
    fn the_interval_between_range_deletes_is_found_again() {
        let (shards, interval, workflows, seconds) = (64_u32, 25.0, 2_000.0, 400.0);
        let arrivals = workflows / seconds / f64::from(shards);
        let deletes = seconds * f64::from(shards) * (1.0 - libm::exp(-arrivals * interval)) / interval;
        let delete = Sum { calls: deletes, rows: workflows, ..Sum::default() };
        let mut run = counted(&[("m:DELETE FROM visibility_tasks WHERE shard_id = $", delete)]);
        (run.workflows, run.counters.seconds) = (workflows, seconds);
        let list = checkpoint_interval(&[&run], &Calibration::reference(), shards).expect("a value");
        assert!((value(&list, "checkpoint_interval") - interval).abs() < 0.01);
    }

    #[test]
    fn what_cannot_be_measured_is_kept_and_said() {
        let (values, kept) = values(&[counted(&[])], &Counters::default(), &Calibration::reference(), 64);
        assert!(values.is_empty(), "{values:?}");
        for what in ["[statements]", "queues.checkpoint_interval", "matching.poll_forwards_workflow", "[runtime]"] {
            assert!(kept.iter().any(|one| one.what == what), "{what}: {kept:?}");
        }
    }
}

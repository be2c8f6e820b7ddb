//! PostgreSQL under Temporal: commits, pages, storage, and what stands between the services and the database.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::random::{Distribution, Streams};
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::BatchServer;
use plimsoll_sim::planner::{PlanSettings, per_workflow};
use plimsoll_sim::temporal::{Metric, Outcome, Pages, Process, distinct_pages};
use serde_json::Value;
use temporal_support::shapes::*;
use temporal_support::{on_measured_machine, profile, run, settings};

fn data(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// One-activity workflows on a cluster whose parts have cores of their own, with further lines of its `[cluster]` table.
fn cluster(lines: &str) -> Outcome {
    let text = format!(
        "name = \"test\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"20/s\" }}]\n{}\n[cluster]\nuse = \"kubernetes-production\"\n\
         services.frontend.pods = 2\nservices.history.pods = 2\nservices.matching.pods = 2\ndatabase.vcpu = 8\n\
         database.fsync = \"1ms\"\n{lines}\n",
        workflows("act1", SHAPES[0].1)
    );
    run(&profile(&text), settings(3, 20.0, 1_000.0))
}

fn mean_ms(outcome: &Outcome) -> f64 {
    outcome.recorder.total(Metric::EndToEnd).mean().unwrap().as_secs_f64() * 1e3
}

fn database_cpu(outcome: &Outcome) -> f64 {
    outcome.work.cpu[Process::Database as usize].as_secs_f64()
}

/// Poisson commits on a log for a while: flushes per second, and the mean wait of a commit.
fn group_commit(rate: f64, flush: &Distribution) -> (f64, f64) {
    let streams = Streams::new(11);
    let (mut gaps, mut flushes) = (streams.stream("test", "commits", 0), streams.stream("test", "flushes", 0));
    let mut log = BatchServer::new(None);
    let (mut next, mut ends) = (Nanos::ZERO, Nanos::FOREVER);
    // Half a million commits, so that the few that wait at a low rate are enough.
    let end = Nanos::from_secs_f64(5e5 / rate);
    while next.min(ends) < end {
        if next <= ends {
            if log.arrive(next, 0) {
                ends = next + flush.sample(&mut flushes);
            }
            next += Nanos::from_secs_f64(gaps.exponential() / rate);
        } else {
            let (_, again) = log.complete(ends);
            ends = if again { ends + flush.sample(&mut flushes) } else { Nanos::FOREVER };
        }
    }
    let report = log.report(end);
    (report.flushes as f64 / end.as_secs_f64(), report.station.mean_wait.as_secs_f64())
}

#[test]
fn group_commit_flushes_as_often_as_the_closed_formula_says() {
    // Flushes per second: 1 / (E[S] + E[e^(−λS)] / λ). A commit waits only when it meets a flush, and then for the rest of it, of mean
    // E[S²] / 2E[S].
    let constant = Distribution::Constant(Nanos::from_micros(1_000));
    let exponential = Distribution::Exponential { mean: Nanos::from_micros(1_000) };
    for rate in [50.0, 400.0, 1_000.0, 5_000.0] {
        let s: f64 = 0.001;
        let laws = [(&constant, (-rate * s).exp(), s * s), (&exponential, 1.0 / (1.0 + rate * s), 2.0 * s * s)];
        for (flush, idle, square) in laws {
            let (flushes, wait) = group_commit(rate, flush);
            let expected = 1.0 / (s + idle / rate);
            assert!((flushes / expected - 1.0).abs() < 0.02, "{rate}/s: {flushes} flushes/s, formula {expected}");
            let expected = expected * s * square / (2.0 * s);
            assert!((wait / expected - 1.0).abs() < 0.05, "{rate}/s: waits {wait} s, formula {expected}");
        }
    }
}

#[test]
fn first_touches_of_index_pages_are_those_of_the_replayed_server_schema() {
    let replay = data(include_str!("data/postgresql_replay.json"));
    let runs = numbers(&replay["runs"]);
    let mut worst: f64 = 0.0;
    for series in replay["series"].as_array().unwrap() {
        for (table, pages) in series["index_pages"].as_object().unwrap() {
            let images = numbers(&series["images"][table]);
            for (run, measured) in runs.iter().zip(images) {
                let formula = distinct_pages(pages.as_f64().unwrap(), *run);
                // Small counts are random themselves: two standard deviations of a Poisson count.
                let off = (measured - formula).abs();
                assert!(
                    off <= 0.10 * formula + 2.0 * formula.sqrt(),
                    "{table}, {run} runs: {measured}, formula {formula}"
                );
                worst = worst.max((measured / formula - 1.0).abs());
            }
        }
    }
    assert!(worst > 0.0, "nothing was compared");
}

#[test]
fn full_page_images_of_all_pages_are_within_a_third_of_the_replayed_ones() {
    // Vacuum and statistics write some too, which is why the replayed ones are more.
    let replay = data(include_str!("data/postgresql_replay.json"));
    let runs = numbers(&replay["runs"]);
    for series in replay["series"].as_array().unwrap() {
        let before = series["runs_before"].as_f64().unwrap();
        let pages = Pages::of(&Calibration::reference(), before, series["shards"].as_u64().unwrap() as u32, true);
        for (run, measured) in runs.iter().zip(numbers(&series["all_images"])) {
            let model = pages.touched(*run);
            println!("{before} runs stored, {run} since the checkpoint: {model:.0} images, replayed {measured}");
            assert!((model / measured - 1.0).abs() < 0.34, "{run} runs on {before}: {model}, replayed {measured}");
        }
    }
}

#[test]
fn wal_by_table_adds_up_to_the_replayed_workflow() {
    let replay = data(include_str!("data/postgresql_replay.json"));
    let of = |tables: &[&str]| tables.iter().map(|t| replay["wal_per_run"][t].as_f64().unwrap()).sum::<f64>();
    let wal = Calibration::reference().wal;
    let side = ["timer_tasks", "transfer_tasks", "visibility_tasks", "activity_info_maps"];
    for (name, model, replayed) in [
        ("history_node", 6 * wal.history_node.0, of(&["history_node"])),
        ("executions", 7 * wal.executions.0, of(&["executions"])),
        ("current_executions", 7 * wal.current_executions.0, of(&["current_executions"])),
        ("task tables", 14 * wal.task.0, of(&side)),
        ("visibility", 3 * wal.visibility.0, of(&["executions_visibility"])),
        ("commits", 16 * wal.commit.0, of(&["commits"])),
    ] {
        assert!((model as f64 / replayed - 1.0).abs() < 0.06, "{name}: {model} B, replayed {replayed} B");
    }
}

#[test]
fn history_tables_grow_as_on_the_measured_server() {
    let tables = data(include_str!("data/measured_tables.json"));
    let (mut model_sum, mut measured_sum) = (0.0, 0.0);
    for measured in tables["runs"].as_array().unwrap() {
        let name = measured["name"].as_str().unwrap();
        let shape = name.split("_rate").next().unwrap();
        let steps = SHAPES.iter().find(|(shape_name, _)| *shape_name == shape).unwrap().1;
        let mut profile = on_measured_machine(&workflows(shape, steps), 5.0);
        // The payloads were padding: 64 KiB of it grew the table by 0.9 KB.
        profile.cluster.database.toast_compression = plimsoll_profiles::units::Probability::new(0.014);
        let outcome = run(&profile, settings(1, 5.0, 300.0));
        let (work, workflows) = outcome.work_and_workflows();
        let storage = per_workflow(&profile, &Calibration::reference(), work, workflows);
        let model = storage.tables[0].per_workflow;
        assert_eq!(storage.tables[0].table, "history_node");
        let real = number(measured, "/history_node");
        // Keys are random, so the leaves of the index split all at about the same time: over one run it grows by nothing
        // or by twice its mean. Beyond ten per cent only that half of the index is excused.
        let allowed = 0.10 * real + 0.5 * storage.tables[0].indexes;
        println!(
            "{name:<30} history_node {model:>7.0} B, measured {real:>7.0} B, {:+.1} %",
            (model / real - 1.0) * 100.0
        );
        assert!((model - real).abs() <= allowed, "{name}: {model} B, measured {real} B");
        model_sum += model * number(measured, "/workflows");
        measured_sum += real * number(measured, "/workflows");
    }
    assert!((model_sum / measured_sum - 1.0).abs() < 0.05, "{model_sum} B over all runs, measured {measured_sum} B");
}

#[test]
fn a_commit_waits_for_what_synchronous_commit_says() {
    let on = cluster("");
    let replica = cluster("database.replica_commit_delay = \"2ms\"");
    let apply = cluster(
        "database.replica_commit_delay = \"2ms\"\ndatabase.replica_apply_delay = \"3ms\"\ndatabase.synchronous_commit = \"remote_apply\"",
    );
    let local = cluster("database.replica_commit_delay = \"2ms\"\ndatabase.synchronous_commit = \"local\"");
    let off = cluster("database.synchronous_commit = \"off\"");
    // On the way from start to result lie 13 commits and more, each a replica's delay longer.
    let later = mean_ms(&replica) - mean_ms(&on);
    assert!((later - 13.0 * 2.0).abs() < 5.0, "{later} ms");
    // The longer a poll takes to come back, the more tasks meet none and are written to matching's database: a commit more.
    let later = mean_ms(&apply) - mean_ms(&replica);
    assert!((37.0..50.0).contains(&later), "{later} ms");
    assert!((mean_ms(&local) / mean_ms(&on) - 1.0).abs() < 0.01, "{} and {} ms", mean_ms(&local), mean_ms(&on));
    assert!(mean_ms(&off) < mean_ms(&on) - 13.0, "{} ms without waiting, {} ms with", mean_ms(&off), mean_ms(&on));
    // The WAL writer flushes every 200 ms.
    let seconds = 1_000.0 / 20.0;
    assert!(off.work.fsyncs as f64 <= seconds * 5.0 * 1.6, "{} flushes", off.work.fsyncs);
    // Nothing else changes: the work is the same.
    assert_eq!(on.work.state_transitions, off.work.state_transitions);
    // The flushes of others go on while a commit waits for its replica.
    assert!((replica.work.fsyncs as f64 / on.work.fsyncs as f64 - 1.0).abs() < 0.05);
}

#[test]
fn a_commit_delay_makes_fewer_flushes_where_enough_siblings_are_busy() {
    let none = cluster("");
    let delayed = cluster("database.commit_delay = \"10ms\"\ndatabase.commit_siblings = 0");
    let alone = cluster("database.commit_delay = \"10ms\"\ndatabase.commit_siblings = 1000");
    assert_eq!(none.work.fsyncs, alone.work.fsyncs, "nobody to wait for");
    let per_commit = |outcome: &Outcome| outcome.work.fsyncs as f64 / outcome.work.commits as f64;
    assert!(per_commit(&delayed) < 0.6 * per_commit(&none), "{} of {}", per_commit(&delayed), per_commit(&none));
    assert!(mean_ms(&delayed) > mean_ms(&none));
}

#[test]
fn pgbouncer_adds_a_hop_and_cpu_and_its_few_connections_are_waited_for() {
    let without = cluster("");
    let plenty =
        cluster("database.pgbouncer = { server_connections = 200, cpu_per_statement = \"50us\", hop = \"0s\" }");
    let hop = cluster("database.pgbouncer = { server_connections = 200, cpu_per_statement = \"0s\", hop = \"1ms\" }");
    let few = cluster("database.pgbouncer = { server_connections = 4, cpu_per_statement = \"0s\", hop = \"0s\" }");
    assert_eq!(without.work.state_transitions, plenty.work.state_transitions);
    let statements = (plenty.work.statements + plenty.work.visibility_statements) as f64;
    let added = database_cpu(&plenty) - database_cpu(&without);
    // Visibility's upserts pass PgBouncer too, but are not charged: three statements of a hundred.
    let expected = statements * 50e-6;
    assert!((added / expected - 1.0).abs() < 0.06, "{added} s of CPU, expected {expected}");
    assert!(mean_ms(&hop) > mean_ms(&without) + 40.0, "{} ms", mean_ms(&hop));
    assert!(mean_ms(&few) > mean_ms(&plenty), "{} ms with four connections", mean_ms(&few));
    assert!(few.utilisation.server_connections > 0.3 && without.utilisation.server_connections == 0.0);
}

#[test]
fn visibility_on_its_own_server_takes_its_cpu_and_flushes_along() {
    let main = cluster("");
    let own = cluster("visibility = { store = \"separate_database\", vcpu = 2 }");
    let visibility = own.work.cpu[Process::VisibilityDatabase as usize].as_secs_f64();
    let upserts = own.work.visibility_statements as f64;
    assert_eq!(main.work.visibility_statements, own.work.visibility_statements);
    let expected = upserts * Calibration::reference().cpu.database_visibility.as_secs_f64();
    assert!(visibility >= expected && visibility < 1.2 * expected, "{visibility} s, upserts take {expected}");
    assert_eq!(main.work.cpu[Process::VisibilityDatabase as usize], Nanos::ZERO);
    assert!((database_cpu(&main) - database_cpu(&own) - expected).abs() < 0.2 * expected);
    let wal = own.work.wal_bytes as f64 / main.work.wal_bytes as f64;
    assert!((wal - 1.0).abs() < 0.001, "both servers' WAL is counted: {wal}");
}

#[test]
fn elasticsearch_takes_documents_instead_of_upserts() {
    let main = cluster("");
    let documents = cluster("visibility = { store = \"elasticsearch\" }");
    assert_eq!(documents.work.visibility_statements, 0);
    assert_eq!(documents.work.documents, main.work.visibility_statements);
    assert!(documents.work.wal_bytes < main.work.wal_bytes / 3);
    let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 5.0);
    let mut elastic = profile.clone();
    let store = plimsoll_profiles::profile::Elasticsearch {
        flush_interval: Nanos::from_secs(1),
        document_size: plimsoll_profiles::units::Bytes(1_000),
        replicas: 1,
    };
    elastic.cluster.visibility = plimsoll_profiles::profile::Visibility::Elasticsearch(store);
    let (work, workflows) = documents.work_and_workflows();
    let storage = |profile| per_workflow(profile, &Calibration::reference(), work, workflows);
    let (sql, documents) = (storage(&profile), storage(&elastic));
    assert_eq!(documents.visibility(), 2_000.0, "a document and its replica");
    assert!((sql.per_workflow() - sql.visibility() - documents.per_workflow()).abs() < 1e-6);
}

#[test]
fn a_checkpoint_makes_pages_be_written_whole_again() {
    // 100 s at 20/s with a checkpoint every 30 s, and with one at the end of time.
    let often = cluster("database.checkpoint_interval = \"30s\"\ndatabase.max_wal_size = \"1TiB\"");
    let by_size = cluster("database.max_wal_size = \"64MiB\"");
    let never = cluster("database.checkpoint_interval = \"1d\"\ndatabase.max_wal_size = \"1TiB\"");
    assert_eq!(never.work.checkpoints, 0);
    assert!(often.work.checkpoints >= 1 && often.work.full_page_images > never.work.full_page_images);
    assert!(by_size.work.checkpoints > often.work.checkpoints, "{}", by_size.work.checkpoints);
    assert_eq!(often.work.wal_bytes, never.work.wal_bytes, "images are counted apart");
}

fn plan(lines: &str) -> plimsoll_sim::planner::Plan {
    let text = format!(
        "name = \"test\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"20/s\" }}]\n{}\n[growth]\nretention = \"10d\"\n\
         [cluster]\nuse = \"kubernetes-production\"\n{lines}\n",
        workflows("act1", SHAPES[0].1)
    );
    let settings = PlanSettings { seed: 1, threads: 2, cancelled: &|| false, progress: &|_| {} };
    plimsoll_sim::planner::plan(&profile(&text), &Calibration::reference(), &settings).unwrap()
}

#[test]
fn a_plan_says_when_checkpoints_come_by_size_and_what_a_restore_takes() {
    let by_size = plan(
        "database.max_wal_size = \"256MiB\"\nbackup = { keep = \"7d\", compression = 0.5, wal_compression = 0.25, restore_per_second = \"100MiB\", replay_per_second = \"20MiB\" }",
    );
    let database = &by_size.horizon.database;
    // The WAL of one interval, images and all, is what max_wal_size allows between two checkpoints.
    let interval = database.checkpoint_interval.as_secs_f64();
    let allowed = 256.0 * 1_048_576.0 / 1.9;
    assert!((database.wal_bytes_per_second * interval / allowed - 1.0).abs() < 0.01, "{interval} s");
    assert!(interval < 299.0);
    // As much as that, and checkpoints come by time.
    let enough = format!("database.max_wal_size = \"{}B\"", database.max_wal_size_needed.0 * 11 / 10);
    let by_time = plan(&enough);
    assert_eq!(by_time.horizon.database.checkpoint_interval, Nanos::from_secs(300));
    assert!(by_time.horizon.database.full_page_share < database.full_page_share);
    assert!(by_time.horizon.database.write_iops < database.write_iops);

    // 20/s kept for ten days and the moment they are open.
    let stored = by_size.storage.per_workflow() * 20.0 * (864_000.0 + by_size.lifetime.as_secs_f64());
    assert!((database.storage.0 as f64 / stored - 1.0).abs() < 1e-6);
    let recovery = &database.recovery;
    assert!((recovery.backups / (7.0 * 0.5 * stored) - 1.0).abs() < 1e-6);
    assert!((recovery.wal_archive / (7.0 * 0.25 * recovery.wal_per_day) - 1.0).abs() < 1e-9);
    let restore = stored / (100.0 * 1_048_576.0) + recovery.wal_per_day / (20.0 * 1_048_576.0);
    assert!((recovery.restore.as_secs_f64() / restore - 1.0).abs() < 1e-6);
    // Every full-page image in a day, and all else.
    assert!(recovery.wal_per_day > 20.0 * 86_400.0 * 97_000.0);
}

#[test]
fn a_plan_sizes_visibilitys_own_server_and_asks_less_of_the_main_one() {
    let main = plan("");
    let own = plan("visibility = { store = \"separate_database\" }");
    let elastic = plan("visibility = { store = \"elasticsearch\", document_size = \"1KB\", replicas = 1 }");
    assert_eq!((main.horizon.database.visibility_vcpu, elastic.horizon.database.visibility_vcpu), (0, 0));
    // 25/s of three upserts of 2.19 ms each: a sixth of a core.
    assert_eq!(own.horizon.database.visibility_vcpu, 1);
    assert!(own.horizon.database.vcpu <= main.horizon.database.vcpu);
    // Three of each run started, one of each deleted. A measured window of some seconds holds as many more or less as a Poisson process does.
    let documents = elastic.horizon.database.documents_per_second;
    assert!((documents / 100.0 - 1.0).abs() < 0.15, "{documents} documents/s");
    assert!(elastic.horizon.database.storage.0 < main.horizon.database.storage.0 / 3);
    assert!((elastic.storage.visibility() - 2_000.0).abs() < 40.0, "{}", elastic.storage.visibility());
}

//! The library simulates the load that the load generator sends.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll::model::{self, LoadWindow, ModelError, Watcher};
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, World, shipped};
use plimsoll_reports::run_dir;
use plimsoll_reports::validation::StepTimes;

struct Patient;

impl Watcher for Patient {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn say(&self, _: &str) {}
}

fn document(arrivals: &str) -> Document {
    let text = shipped::profile("one-activity").unwrap().text;
    Document::parse(text, "test.toml", &[format!("arrivals={arrivals}")]).unwrap()
}

fn window(until: u64) -> LoadWindow {
    LoadWindow {
        seed: 7,
        measured_from: Nanos::from_secs(5),
        until: Nanos::from_secs(until),
        canary_cpu: None,
        own_workers: false,
    }
}

const WARMED: &str = r#"{ phases = [{ for = "5s", rate = "4/s" }, { for = "30s", rate = "4/s" }] }"#;

#[test]
fn every_intended_start_of_the_window_is_simulated_and_none_after_it() {
    let document = document(WARMED);
    let arrivals = document.profile(&World::mid()).unwrap().arrivals;
    for until in [35, 20, 5, 3] {
        let end = Nanos::from_secs(until);
        let sent = arrivals.schedule(7).take_while(|at| *at < end).count() as u64;
        let run = model::simulate_load(&document, &window(until), &Patient).unwrap();
        assert_eq!(run.document.counts.offered, sent, "{until} s");
        assert_eq!(run.document.counts.unfinished, 0);
        let measured = Nanos::from_secs_f64(run.document.measured_seconds);
        assert!(until <= 5 || measured == end - Nanos::from_secs(5), "{until} s: {measured}");
    }
}

#[test]
fn a_run_directory_holds_the_steps_of_the_measured_window() {
    let folder = tempfile::tempdir().unwrap();
    let document = document(WARMED);
    let run = model::simulate_load(&document, &window(35), &Patient).unwrap();
    model::write_run_directory(folder.path(), &document, &run, false).unwrap();
    let steps = StepTimes::read(folder.path()).unwrap();
    assert_eq!(steps, model::step_times(&run.steps));
    let from = Nanos::from_secs(5);
    let arrivals = document.profile(&World::mid()).unwrap().arrivals;
    let measured = arrivals.schedule(7).filter(|at| *at >= from).count() as u64;
    assert_eq!(steps.iter().count(), 6, "two workflow tasks and an activity, each with two spans");
    // Once for each replication: all of them have the same intended times.
    let all = steps.iter().map(|(_, times)| times.total()).max().unwrap();
    assert!(all > measured && all.is_multiple_of(measured), "{all} of {measured}");
    assert!(steps.iter().all(|(key, times)| key.workflow == "OneActivity" && times.total() == all));
    let read = run_dir::read(folder.path()).unwrap();
    assert_eq!(read.manifest.summary, Some(run.document));
}

#[test]
fn a_time_out_that_outlives_the_run_costs_it_nothing() {
    let statements = |timeout: &str| {
        let text = shipped::profile("one-activity").unwrap().text;
        let set = [format!("arrivals={WARMED}"), format!("workflow.0.steps.0.start_to_close={timeout:?}")];
        let document = Document::parse(text, "test.toml", &set).unwrap();
        let run = model::simulate_load(&document, &window(35), &Patient).unwrap();
        run.document.per_workflow.statements.unwrap()
    };
    let (within, beyond) = (statements("5s"), statements("2h"));
    assert!((1.0..4.0).contains(&(within - beyond)), "{within} with a timer that fires, {beyond} without");
}

#[test]
fn who_has_had_enough_gets_no_run() {
    struct Impatient(AtomicBool);

    impl Watcher for Impatient {
        fn is_cancelled(&self) -> bool {
            self.0.swap(true, Ordering::Relaxed);
            true
        }

        fn say(&self, _: &str) {}
    }

    let watcher = Impatient(AtomicBool::new(false));
    let idle = document(r#"{ phases = [{ for = "10min", rate = "0/s" }, { for = "1min", rate = "4/s" }] }"#);
    let result = model::simulate_load(&idle, &LoadWindow { until: Nanos::from_secs(660), ..window(0) }, &watcher);
    assert!(matches!(result, Err(ModelError::Cancelled)), "{:?}", result.map(|run| run.document));
    assert!(watcher.0.load(Ordering::Relaxed), "it was asked");
}

/// CPU of the services and the database per workflow, milliseconds, on machines of this speed with a calibration whose canary took 200 us.
fn cpu_ms(folder: &Path, set: &[&str], window: &LoadWindow) -> Result<f64, ModelError> {
    let shipped_file = include_str!("../profiles/calibrations/temporal-1.31-postgresql-15.toml");
    fs::write(folder.join("calibration.toml"), format!("canary_cpu = \"200us\"\n{shipped_file}")).unwrap();
    let name = folder.join("profile.toml");
    let set = [format!("arrivals={WARMED}")].into_iter().chain(set.iter().map(|set| (*set).to_owned()));
    let text = shipped::profile("one-activity").unwrap().text;
    let document = Document::parse(text, name.to_str().unwrap(), &set.collect::<Vec<String>>()).unwrap();
    let run = model::simulate_load(&document, window, &Patient)?;
    let cpu = &run.document.per_workflow.cpu_seconds;
    Ok((cpu.frontend.unwrap() + cpu.history.unwrap() + cpu.matching.unwrap() + cpu.database.unwrap()) * 1e3)
}

#[test]
fn a_machine_half_as_fast_as_the_calibrations_costs_twice_the_cpu_of_work_and_no_more_of_waking() {
    let folder = tempfile::tempdir().unwrap();
    let of = |set: &[&str], canary_cpu| {
        let set: Vec<&str> = set.iter().chain(&["calibration=calibration.toml"]).copied().collect();
        cpu_ms(folder.path(), &set, &LoadWindow { canary_cpu, ..window(35) }).unwrap()
    };
    let twice = Some(Nanos::from_micros(400));
    let (same, measured, told) = (of(&[], None), of(&[], twice), of(&["cluster.canary_cpu=400us"], None));
    // A third to a half of it is waking at this load.
    assert!((1.4..1.75).contains(&(measured / same)), "{same} and {measured} ms");
    assert_eq!(measured, told, "by the runs' canary and by the profile");
}

#[test]
fn a_canary_needs_a_calibration_that_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let error = cpu_ms(folder.path(), &["cluster.canary_cpu=400us"], &window(35)).unwrap_err();
    let ModelError::Unsupported(message) = error else { panic!("{error:?}") };
    assert!(message.contains("temporal-1.31-postgresql-15") && message.contains("cluster.canary_cpu"), "{message}");
}

#[test]
fn the_load_generators_workers_and_clients_cost_what_the_calibration_says() {
    let document = document(WARMED);
    let start_p50 = |own_workers| {
        let run = model::simulate_load(&document, &LoadWindow { own_workers, ..window(35) }, &Patient).unwrap();
        run.document.latency.start.unwrap().p50.unwrap().estimate
    };
    // A profile knows no client's costs; the generator's start is 0.37 ms of CPU and more where that finds it asleep.
    let later = start_p50(true) - start_p50(false);
    assert!((0.000_3..0.002).contains(&later), "a start is {later} s later");
}

//! A validation of runs that are known says what is known of them.
#![allow(clippy::unwrap_used)]

mod common;

use plimsoll_reports::compare::{Tolerance, Tolerances};
use plimsoll_reports::run_dir::{self, Run, Trust};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::text::{self, Order};
use plimsoll_reports::validation::{
    AccuracyTable, MeasuredRun, PredictedRun, StepKey, StepSpan, StepTask, StepTimes, Validation, ValidationRow,
};
use plimsoll_reports::{csv, html};

/// A run whose latencies are `micros` slower than the model's, and which makes `statements` per workflow.
fn run(kind: RunKind, micros: u64, statements: f64) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let seconds = common::shape(60, 100, micros);
    let mut manifest = common::manifest(kind, seconds.len() as f64);
    let summary = manifest.summary.as_mut().unwrap();
    // The same fixture on both sides: what differs is what the test changes.
    *summary = plimsoll_reports::run_document::RunDocument { kind, ..common::run() };
    summary.warmup_seconds = 0.0;
    summary.measured_seconds = 60.0;
    summary.per_workflow.statements = Some(statements);
    run_dir::read(&common::write_run(folder.path(), &manifest, &seconds)).unwrap()
}

fn step(ordinal: u32, task: StepTask) -> StepKey {
    StepKey { workflow: "Order".into(), ordinal, task, span: StepSpan::ScheduleToStart }
}

/// 200 times, 1 ms to 2 ms, all `micros` later.
fn times(micros: u64) -> Vec<u64> {
    (0..200).map(|i| (1_000 + 5 * i + micros) * 1_000).collect()
}

fn predicted(statements: f64, steps: StepTimes) -> PredictedRun {
    PredictedRun { name: "model".into(), run: run(RunKind::Simulated, 0, statements), steps, speed: None }
}

fn measured(name: &str, statements: f64, canary_moved: Option<f64>) -> MeasuredRun {
    MeasuredRun {
        name: name.into(),
        run: run(RunKind::Measured, 0, statements),
        steps: StepTimes::new(),
        canary_moved,
        canary_seconds: canary_moved.map(|_| 0.000_25),
    }
}

fn find<'a>(validation: &'a Validation, metric: &str) -> &'a ValidationRow {
    validation.rows.iter().find(|row| row.metric == metric).unwrap()
}

#[test]
fn a_model_that_is_right_is_within_and_says_so() {
    let runs = [100.0, 100.0, 100.0].map(|statements| measured("run", statements, Some(0.01)));
    let validation = Validation::new(&predicted(100.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    assert!(validation.within, "{}", validation.verdict_text);
    assert!(
        validation.rows.iter().all(|row| row.error == Some(0.0) && row.spread == Some(0.0)),
        "{:#?}",
        validation.rows
    );
    assert!(validation.explanations.is_empty() && validation.notes.is_empty(), "{:?}", validation.notes);
    for metric in ["workflows_completed", "statements", "fsyncs", "cpu_seconds.history", "e2e.response", "start"] {
        find(&validation, metric);
    }
    assert_eq!(validation.curves.len(), 2);
}

#[test]
fn the_worst_row_stands_first_and_is_explained() {
    let runs = [96.0, 100.0, 104.0].map(|statements| measured("run", statements, None));
    let validation = Validation::new(&predicted(130.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    assert!(!validation.within);
    let worst = &validation.rows[0];
    assert_eq!((worst.metric.as_str(), worst.measured, worst.spread), ("statements", 100.0, Some(0.08)));
    assert!((worst.error.unwrap() - 0.3).abs() < 1e-12 && (worst.tolerance_used - 15.0).abs() < 1e-9);
    assert!(validation.verdict_text.ends_with("Furthest: SQL statements, +30 %."), "{}", validation.verdict_text);
    assert_eq!(validation.explanations[0].rule, "operation_table");
    // A count has its tolerance, however far the runs are from each other.
    let validation = Validation::new(&predicted(103.9, StepTimes::new()), &runs, &Tolerances::accuracy());
    let row = find(&validation, "statements");
    assert!(!validation.within && !row.within_tolerance && !row.within_spread);
}

#[test]
fn runs_on_a_machine_that_changed_its_speed_are_marked_and_left_out() {
    let mut runs = vec![measured("even", 100.0, Some(0.02)), measured("slow", 300.0, Some(-0.11))];
    let mut broken = measured("broken", 500.0, None);
    broken.run.manifest.verdict.verdict = Trust::Invalid;
    broken.run.manifest.verdict.reasons = vec!["the generator was too slow".into()];
    runs.push(broken);
    let validation = Validation::new(&predicted(101.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    assert_eq!(find(&validation, "statements").runs, [100.0]);
    let left_out: Vec<bool> = validation.measured.iter().map(|run| run.left_out.is_some()).collect();
    assert_eq!(left_out, [false, true, true]);
    assert!(validation.notes.iter().any(|note| note.contains("slow was left out: the machine's speed moved by 11 %")));
    assert!(validation.notes.iter().any(|note| note.contains("the generator was too slow")));
    runs.push(measured("slower", 310.0, Some(0.26)));
    let together = Validation::new(&predicted(101.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    let said = "slow, slower were left out: the machine's speed moved by 11 % to 26 %";
    assert_eq!(together.notes.iter().filter(|note| note.contains("speed moved")).count(), 1);
    assert!(together.notes.iter().any(|note| note.starts_with(said)), "{:?}", together.notes);
    let none = Validation::new(&predicted(100.0, StepTimes::new()), &runs[1..], &Tolerances::accuracy());
    assert!(!none.within && none.verdict_text.contains("every measured run was left out"));
}

#[test]
fn a_cluster_that_was_offered_another_load_is_told_before_the_model_is_blamed() {
    let mut runs = [100.0; 3].map(|statements| measured("run", statements, None));
    for run in &mut runs {
        let summary = run.run.manifest.summary.as_mut().unwrap();
        summary.offered_per_second *= 0.8;
        summary.throughput_per_second *= 0.8;
    }
    let validation = Validation::new(&predicted(100.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    assert!(!validation.within && (validation.offered.unwrap().relative() - 0.25).abs() < 1e-9);
    let rules: Vec<&str> = validation.explanations.iter().map(|found| found.rule.as_str()).collect();
    assert_eq!(rules, ["offered_load"], "not the capacity");
    assert!(validation.notes.iter().any(|note| note.contains("not of the same load")), "{:?}", validation.notes);
}

/// Workers away from 20 s to 40 s: 600 tasks wait, which `rate` a second work off.
fn recovering(run: &mut Run, rate: f64) {
    let backlog = |at: f64| ((at - 20.0).clamp(0.0, 20.0) * 30.0 - (at - 40.0).max(0.0) * rate).max(0.0);
    let index = run.resources.columns.iter().position(|column| column == "backlog").unwrap();
    for (seconds, values) in &mut run.resources.rows {
        values[index] = Some(backlog(*seconds));
    }
    run.manifest.summary.as_mut().unwrap().offered_per_second = 30.0;
}

#[test]
fn a_backlog_that_drains_later_than_predicted_is_found_and_explained() {
    let mut model = predicted(100.0, StepTimes::new());
    recovering(&mut model.run, 60.0);
    let mut runs = [100.0; 3].map(|statements| measured("run", statements, None));
    let validation = |runs: &[MeasuredRun]| Validation::new(&model, runs, &Tolerances::accuracy());
    runs.iter_mut().for_each(|run| recovering(&mut run.run, 60.0));
    let alike = validation(&runs);
    assert!(alike.within && find(&alike, "drain_time").predicted == 10.0, "{:?}", find(&alike, "drain_time"));
    runs.iter_mut().for_each(|run| recovering(&mut run.run, 40.0));
    let later = validation(&runs);
    let row = find(&later, "drain_time");
    assert_eq!((row.predicted, row.measured, row.within), (10.0, 15.0, false));
    assert_eq!(later.explanations.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(), ["drain"]);
}

#[test]
fn steps_are_held_against_each_other_one_by_one() {
    let (task, activity) = (step(1, StepTask::WorkflowTask), step(1, StepTask::Activity));
    let of = |late: u64| StepTimes::of([(task.clone(), times(0)), (activity.clone(), times(late))]);
    let runs: Vec<MeasuredRun> =
        ["a", "b", "c"].into_iter().map(|name| MeasuredRun { steps: of(0), ..measured(name, 100.0, None) }).collect();
    let validation = Validation::new(&predicted(100.0, of(1_500)), &runs, &Tolerances::accuracy());
    // 200 samples have a p50 and a p90; a p99 would stand on two.
    let names: Vec<(String, Option<f64>)> =
        validation.steps.iter().map(|row| (row.step.as_ref().unwrap().words(), row.quantile)).collect();
    assert_eq!(
        names,
        [
            ("workflow task 1, schedule-to-start".to_string(), Some(0.5)),
            ("workflow task 1, schedule-to-start".into(), Some(0.9)),
            ("activity 1, schedule-to-start".into(), Some(0.5)),
            ("activity 1, schedule-to-start".into(), Some(0.9)),
        ]
    );
    assert!(validation.steps[..2].iter().all(|row| row.within && row.error == Some(0.0)));
    let late = &validation.steps[2];
    assert!((late.predicted - late.measured - 0.0015).abs() < 1e-9, "{late:?}");
    assert!(!late.within && !validation.within);
    assert!(validation.rows.iter().all(|row| row.within), "steps alone are off");
    let tolerant = Tolerances {
        step: [("default".to_string(), [("default".to_string(), Tolerance::relative(2.0))].into())].into(),
        ..Tolerances::accuracy()
    };
    assert!(Validation::new(&predicted(100.0, of(1_500)), &runs, &tolerant).within);
    let without = Validation::new(&predicted(100.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    assert!(without.steps.is_empty() && without.notes.iter().any(|note| note.contains("step by step")));
}

fn table() -> AccuracyTable {
    let mut table = AccuracyTable::default();
    let steps = |late| StepTimes::of([(step(1, StepTask::Activity), times(late))]);
    for (workload, statements, late) in
        [("signals", 101.0, 20), ("timers | held out", 130.0, 0), ("children", 98.5, 900)]
    {
        let runs: Vec<MeasuredRun> = [99.0, 100.0, 100.5]
            .into_iter()
            .map(|of_run| MeasuredRun { steps: steps(0), ..measured("run", of_run, None) })
            .collect();
        table.add(workload, &Validation::new(&predicted(statements, steps(late)), &runs, &Tolerances::accuracy()));
    }
    table
}

#[test]
fn the_accuracy_table_names_the_worst_workload_of_each_number() {
    let table = table();
    assert!(!table.within());
    let worst = table.worst_first()[0];
    assert_eq!((worst.workload.as_str(), worst.row.metric.as_str()), ("timers | held out", "statements"));
    let metrics = table.by_metric();
    let statements = metrics.iter().find(|metric| metric.metric == "SQL statements").unwrap();
    assert_eq!((statements.rows, statements.within), (3, 2));
    assert!((statements.median_error.unwrap() - 0.015).abs() < 1e-12, "{statements:?}");
    assert_eq!(metrics[0].metric, "SQL statements");
    assert!(metrics.iter().any(|metric| metric.metric == "each activity, schedule to start p50" && metric.within == 2));

    let markdown = text::accuracy_markdown(&table, 3);
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(
        rows[2].starts_with("| SQL statements | 3 | 2 | 1.5 %") || rows[2].contains("SQL statements"),
        "{markdown}"
    );
    assert!(markdown.contains("timers \\| held out"), "a bar in a name would be a cell");
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let tables: Vec<&str> = markdown.split("\n\n").collect();
    for part in &tables {
        let mut lines = part.lines().filter(|line| !line.is_empty());
        let first = cells(lines.next().unwrap());
        assert!(lines.all(|line| cells(line) == first), "{part}");
    }
    assert_eq!(tables[1].lines().count(), 2 + 3, "as many of the worst rows as asked for");

    let (first, last) = (Order::WorstFirst, Order::WorstLast);
    let first: String =
        text::accuracy(&table, first, 100, false).lines().find(|line| line.ends_with(" OUT")).unwrap().into();
    let last: String = text::accuracy(&table, last, 100, false).lines().last().unwrap().into();
    assert!(first.contains("SQL statements") && first == last, "{first}\n{last}");
}

#[test]
fn text_keeps_its_width_and_says_every_row() {
    let steps = |late| StepTimes::of([(step(1, StepTask::WorkflowTask), times(late))]);
    let runs = [99.0, 100.0, 100.5]
        .map(|of_run| MeasuredRun { steps: steps(0), ..measured("a run with a long name", of_run, Some(0.03)) });
    let validation = Validation::new(&predicted(130.0, steps(900)), &runs, &Tolerances::accuracy());
    for width in [60, 80, 100, 140] {
        for text in
            [text::validation(&validation, width, false), text::accuracy(&table(), Order::WorstFirst, width, false)]
        {
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        }
    }
    let text = text::validation(&validation, 100, false);
    let rows = text.lines().filter(|line| line.ends_with(" ok") || line.ends_with("OUTSIDE")).count();
    assert_eq!(rows, validation.rows.len() + validation.steps.len(), "{text}");
    assert_eq!(csv::validation(&validation).lines().count(), 1 + rows);
    insta::assert_snapshot!("validation", text);
}

#[test]
fn the_page_shows_the_verdict_the_rows_and_the_band() {
    let runs = [99.0, 100.0, 100.5].map(|of_run| measured("run", of_run, Some(0.03)));
    let validation = Validation::new(&predicted(130.0, StepTimes::new()), &runs, &Tolerances::accuracy());
    let page = html::validation(&validation);
    for part in ["Outside tolerance", "SQL statements", "<polygon", "operation table", "default-src 'none'"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.find("<h1").unwrap() < page.find("Predicted and measured").unwrap());
    let accuracy = html::accuracy(&table());
    assert!(accuracy.contains("timers | held out") && accuracy.contains("2 of 3"));
    for address in ["http:", "https:", "url(", " src=", " href="] {
        assert!(!page.contains(address) && !accuracy.contains(address), "{address}");
    }
}

#[test]
fn a_validation_alone_is_enough_to_hold_another_model_against_its_runs() {
    let key = || step(1, StepTask::Activity);
    let steps = |micros| StepTimes::of([(key(), times(micros))]);
    let runs = [(96.0, 10), (100.0, 0), (104.0, 30)]
        .map(|(statements, micros)| MeasuredRun { steps: steps(micros), ..measured("run", statements, Some(0.01)) });
    let tolerances = Tolerances::accuracy();
    let right = Validation::new(&predicted(100.0, steps(0)), &runs, &tolerances);
    let wrong_model = PredictedRun { run: run(RunKind::Simulated, 900, 140.0), ..predicted(140.0, steps(700)) };
    let wrong = Validation::new(&wrong_model, &runs, &tolerances);
    assert!(!wrong.within && wrong.rows != right.rows && wrong.steps != right.steps && wrong.curves != right.curves);
    assert_eq!(right.against(&wrong_model, &tolerances), wrong);
    assert_eq!(wrong.against(&predicted(100.0, steps(0)), &tolerances), right);
    assert_eq!(right.other_predictions(&right.clone()), [""; 0]);
    let differences = right.other_predictions(&wrong);
    assert!(differences.iter().any(|one| one.contains("statements: predicted 100, now 140")), "{differences:?}");
    assert!(differences.iter().any(|one| one.starts_with("Order, activity 1")), "{differences:?}");
}

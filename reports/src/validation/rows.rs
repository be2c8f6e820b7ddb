//! From runs to rows.

use std::collections::BTreeMap;

use super::document::{
    CurveRange, Named, OfferedLoad, VALIDATION_SCHEMA_VERSION, ValidatedCurves, ValidatedRun, Validation,
    ValidationGroup, ValidationRow, median,
};
use super::{CANARY_LIMIT, MeasuredRun, PredictedRun, StepTimes, backlog, late_by, unusable};
use crate::compare::{self, Tolerance, Tolerances};
use crate::number;
use crate::quantity::Interval;
use crate::run_dir::{Buckets, Run, Trust};
use crate::run_document::{Quantiles, RunDocument, SteadyState};
use crate::text::latency_rows;
use crate::wording;

/// The quantiles that are held against each other. Tails beyond take more samples than a run of a few minutes has.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// Samples that must lie beyond a quantile of a step: fewer say nothing of it.
const FEWEST_TAIL_SAMPLES: f64 = 10.0;

/// What a run says: a number and how it is named, by an order that is the same in all runs.
pub(super) type Numbers = BTreeMap<(ValidationGroup, String, u64), (Named, f64)>;

impl Validation {
    /// Holds the model's run against runs of the cluster.
    ///
    /// Left out are runs that are invalid or incomplete, and those whose canary moved by more than [`CANARY_LIMIT`].
    pub fn new(model: &PredictedRun, runs: &[MeasuredRun], tolerances: &Tolerances) -> Validation {
        let measured: Vec<ValidatedRun> = runs.iter().map(measured_run).collect();
        let used: Vec<&MeasuredRun> =
            runs.iter().zip(&measured).filter(|(_, named)| named.left_out.is_none()).map(|(run, _)| run).collect();
        let first = used.first().map_or(&model.run, |run| &run.run);
        let mut validation = Validation {
            schema_version: VALIDATION_SCHEMA_VERSION,
            profile: first.manifest.profile_name.clone(),
            cluster: first.manifest.cluster_name.clone(),
            versions: first.manifest.versions.clone(),
            predicted: predicted_run(model),
            offered: offered(&model.run, &used),
            speed: model.speed,
            within: false,
            verdict_text: String::new(),
            rows: rows(&model.run, &used, tolerances),
            steps: steps(&model.steps, &used, tolerances),
            curves: curves(&model.run, &used),
            explanations: Vec::new(),
            notes: Vec::new(),
            measured,
        };
        validation.conclude();
        validation.notes = notes(model, &used, &validation.measured, &validation.rows);
        validation
    }

    /// What follows from the rows: which are judged, their order, the verdict, the explanations.
    pub(super) fn conclude(&mut self) {
        backlog::show_only_in_overload(&mut self.rows, &mut self.steps, self.offered);
        self.rows.sort_by(worst_first);
        self.within = !self.rows.is_empty() && self.rows.iter().chain(&self.steps).all(|row| row.within);
        self.verdict_text = verdict_text(&self.rows, &self.steps, &self.measured);
        self.explanations = compare::explain_validation(self);
    }
}

/// Rows outside first, those that are shown only last; then by how much of its tolerance each uses up.
pub(super) fn worst_first(a: &ValidationRow, b: &ValidationRow) -> std::cmp::Ordering {
    let place = |row: &ValidationRow| (row.group, row.metric.clone());
    a.within
        .cmp(&b.within)
        .then(b.judged.cmp(&a.judged))
        .then(b.tolerance_used.total_cmp(&a.tolerance_used))
        .then_with(|| place(a).cmp(&place(b)))
        .then(a.quantile.unwrap_or(0.0).total_cmp(&b.quantile.unwrap_or(0.0)))
}

fn offered(model: &Run, used: &[&MeasuredRun]) -> Option<OfferedLoad> {
    let of = |run: &Run| run.manifest.summary.as_ref().map(|summary| summary.offered_per_second);
    let mut measured: Vec<f64> = used.iter().filter_map(|run| of(&run.run)).filter(|offered| *offered > 0.0).collect();
    measured.sort_by(f64::total_cmp);
    Some(OfferedLoad { predicted: of(model)?, measured: median(&measured)? })
}

/// The model's run as the validation names it.
pub(super) fn predicted_run(model: &PredictedRun) -> ValidatedRun {
    let manifest = &model.run.manifest;
    ValidatedRun {
        name: model.name.clone(),
        seed: manifest.seed,
        trust: manifest.verdict.verdict,
        canary_moved: None,
        canary_seconds: model.speed.map(|speed| speed.measured),
        left_out: None,
    }
}

/// Why a run is left out whose machine had another speed than the others', `by` so much.
fn speed_moved(by: &str) -> String {
    format!("the machine's speed moved by {by}; {} is allowed", number::percent(CANARY_LIMIT))
}

fn measured_run(run: &MeasuredRun) -> ValidatedRun {
    let verdict = &run.run.manifest.verdict;
    let left_out = match (unusable(&run.run), run.canary_moved) {
        (Some(why), _) => Some(why),
        (None, Some(moved)) if moved.abs() > CANARY_LIMIT => Some(speed_moved(&number::percent(moved.abs()))),
        _ => None,
    };
    ValidatedRun {
        name: run.name.clone(),
        seed: run.run.manifest.seed,
        trust: verdict.verdict,
        canary_moved: run.canary_moved,
        canary_seconds: run.canary_seconds,
        left_out,
    }
}

fn verdict_text(rows: &[ValidationRow], steps: &[ValidationRow], measured: &[ValidatedRun]) -> String {
    let used = measured.iter().filter(|run| run.left_out.is_none()).count();
    let all = rows.iter().chain(steps).filter(|row| row.judged).count();
    if used == 0 {
        return "Nothing to hold the model against: every measured run was left out.".into();
    }
    if all == 0 {
        return "The model's run and the measured ones have no number in common.".into();
    }
    let runs = if used == 1 { "one measured run".into() } else { format!("{used} measured runs") };
    let outside = rows.iter().chain(steps).filter(|row| !row.within).count();
    if outside == 0 {
        return format!(
            "Within tolerance: all {all} numbers are as close to {runs} as is asked, or as the runs are to each other."
        );
    }
    let worst =
        rows.iter().chain(steps).filter(|row| !row.within).max_by(|a, b| a.tolerance_used.total_cmp(&b.tolerance_used));
    let worst = worst.map_or(String::new(), |row| format!(" Furthest: {}, {}.", name(row), error_words(row)));
    format!("Outside tolerance: {outside} of {all} numbers are further from {runs} than is allowed.{worst}")
}

/// A row as people call it: `end to end p99`, `SQL statements`, `activity 1, schedule-to-start p50`.
pub(crate) fn name(row: &ValidationRow) -> String {
    let name = match (&row.step, row.group) {
        (Some(step), _) => step.words(),
        (None, ValidationGroup::PerWorkflow) => wording::per_workflow(&row.metric),
        (None, ValidationGroup::Latency) => wording::capital(&wording::metric(&row.metric)),
        (None, ValidationGroup::Storage) => format!("{}, growth per workflow", wording::column(&row.metric)),
        (None, _) => wording::capital(&row.metric.replace('_', " ")),
    };
    match row.quantile {
        Some(quantile) => format!("{name} {}", number::quantile(quantile)),
        None => name,
    }
}

/// As [`name`], steps of a kind under one name.
pub(super) fn kind_name(row: &ValidationRow) -> String {
    let Some(step) = &row.step else { return name(row) };
    let name = format!("each {}", step.kind().replace('.', ", ").replace('_', " "));
    row.quantile.map_or(name.clone(), |quantile| format!("{name} {}", number::quantile(quantile)))
}

/// `+12 %`, or that nothing was measured.
pub(crate) fn error_words(row: &ValidationRow) -> String {
    row.error.map_or_else(|| "measured 0".into(), number::difference)
}

fn notes(
    model: &PredictedRun,
    used: &[&MeasuredRun],
    measured: &[ValidatedRun],
    rows: &[ValidationRow],
) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(left_out(measured));
    if (1..3).contains(&used.len()) {
        notes.push("fewer than three runs were used: their range says little of how the cluster repeats itself".into());
    }
    for run in used {
        let manifest = &run.run.manifest;
        if let Some(lag) = late_by(&run.run) {
            notes.push(format!(
                "{} sent a hundredth of its starts {} late or later, and was used: latencies count from the intended time",
                run.name,
                number::seconds(lag)
            ));
        }
        if manifest.summary.as_ref().and_then(|summary| summary.steady_state) == Some(SteadyState::Overloaded) {
            notes.push(format!("{} was an overload: latencies that grow with the queue are not compared", run.name));
        }
    }
    if rows.iter().any(|row| !row.judged) {
        notes.push(
            "the runs were overloaded for a time: latencies and the growth of tables are shown, and not judged".into(),
        );
    }
    notes.extend(suspect(used));
    if let Some(offered) = offered(&model.run, used).filter(OfferedLoad::differs) {
        let (predicted, measured) = (number::rate(offered.predicted), number::rate(offered.measured));
        notes.push(format!(
            "the model was offered {predicted}, the cluster {measured}: the two are not of the same load"
        ));
    }
    if used.iter().any(|run| run.run.manifest.profile != model.run.manifest.profile) {
        notes.push("the profile of the model's run is not that of the measured ones".into());
    }
    if model.steps.is_empty() != used.iter().all(|run| run.steps.is_empty()) {
        let side = if model.steps.is_empty() { "the model's run has" } else { "the measured runs have" };
        notes.push(format!("{side} no times step by step, so that steps are not compared"));
    }
    notes
}

/// Which runs were left out, and why: those of another speed in one sentence, since there are as many of them as the machine is restless.
fn left_out(measured: &[ValidatedRun]) -> Vec<String> {
    let own = |run: &&ValidatedRun| run.canary_moved.map(|moved| speed_moved(&number::percent(moved.abs())));
    let (moved, others): (Vec<&ValidatedRun>, Vec<&ValidatedRun>) =
        measured.iter().filter(|run| run.left_out.is_some()).partition(|run| run.left_out == own(run));
    let mut notes: Vec<String> = others.iter().filter_map(|run| told(run)).collect();
    if moved.len() < 2 {
        notes.extend(moved.iter().filter_map(|run| told(run)));
        return notes;
    }
    let names: Vec<&str> = moved.iter().map(|run| run.name.as_str()).collect();
    let by: Vec<f64> = moved.iter().filter_map(|run| run.canary_moved).map(f64::abs).collect();
    let [least, most] = [by.iter().copied().fold(f64::MAX, f64::min), by.iter().copied().fold(0.0, f64::max)];
    let range = format!("{} to {}", number::percent(least), number::percent(most));
    notes.push(format!("{} were left out: {}", names.join(", "), speed_moved(&range)));
    notes
}

fn told(run: &ValidatedRun) -> Option<String> {
    run.left_out.as_ref().map(|why| format!("{} was left out: {why}", run.name))
}

/// Which runs are suspect, and why the first of them is: the others' reasons are mostly the same with other numbers.
fn suspect(used: &[&MeasuredRun]) -> Option<String> {
    let is_suspect = |run: &&&MeasuredRun| run.run.manifest.verdict.verdict == Trust::Suspect;
    let runs: Vec<&&MeasuredRun> = used.iter().filter(is_suspect).collect();
    let first = runs.first()?;
    let reasons = first.run.manifest.verdict.reasons.join("; ");
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    Some(match names[..] {
        [name] => format!("{name} is SUSPECT: {reasons}"),
        _ => format!("{} are SUSPECT; {}: {reasons}", names.join(", "), first.name),
    })
}

fn rows(model: &Run, used: &[&MeasuredRun], tolerances: &Tolerances) -> Vec<ValidationRow> {
    let predicted = numbers(model);
    let measured: Vec<Numbers> = used.iter().map(|run| numbers(&run.run)).collect();
    let mut rows: Vec<ValidationRow> = predicted
        .into_iter()
        .filter_map(|(key, (named, value))| {
            let runs: Vec<f64> = measured.iter().filter_map(|run| Some(run.get(&key)?.1)).collect();
            let tolerance = tolerance_of(&named, tolerances);
            ValidationRow::judge(named, value, runs, tolerance)
        })
        .collect();
    let runs: Vec<&Run> = used.iter().map(|run| &run.run).collect();
    rows.extend(backlog::rows(model, &runs, tolerances));
    rows
}

/// What a number may be off by.
pub(super) fn tolerance_of(named: &Named, tolerances: &Tolerances) -> Tolerance {
    let quantile = named.quantile.unwrap_or(0.5);
    match named.group {
        ValidationGroup::Throughput => tolerances.throughput.unwrap_or(tolerances.default),
        ValidationGroup::PerWorkflow => tolerances.named(&tolerances.per_workflow, &named.metric),
        ValidationGroup::Storage => tolerances.named(&tolerances.storage, &named.metric),
        ValidationGroup::Backlog => tolerances.named(&tolerances.backlog, &named.metric),
        ValidationGroup::Latency => {
            no_finer_than(tolerances.latency_floor_seconds, tolerances.latency(&named.metric, quantile))
        }
        ValidationGroup::Step => {
            no_finer_than(tolerances.latency_floor_seconds, tolerances.step(&named.metric, quantile))
        }
    }
}

/// Every number of a run that has a place in a row.
pub(super) fn numbers(run: &Run) -> Numbers {
    let mut numbers = Numbers::new();
    let mut add = |group, metric: &str, quantile: Option<f64>, unit: &str, value: f64| {
        let named = Named { group, metric: metric.into(), quantile, step: None, unit: unit.into() };
        numbers.insert((group, metric.into(), quantile.unwrap_or(0.0).to_bits()), (named, value));
    };
    let Some(summary) = &run.manifest.summary else { return numbers };
    add(ValidationGroup::Throughput, "workflows_completed", None, "1/s", summary.throughput_per_second);
    for (name, unit, value) in compare::per_workflow(summary) {
        add(ValidationGroup::PerWorkflow, name, None, unit, value);
    }
    for (service, requests) in compare::requests_by_service(summary) {
        add(ValidationGroup::PerWorkflow, &format!("requests.{service}"), None, "", requests);
    }
    for (metric, quantile, seconds) in latencies(summary) {
        add(ValidationGroup::Latency, &metric, Some(quantile), "s", seconds);
    }
    for (table, bytes) in &summary.per_workflow.table_bytes {
        add(ValidationGroup::Storage, table, None, "bytes", *bytes);
    }
    for (column, bytes) in compare::storage_growth(run) {
        add(ValidationGroup::Storage, &column, None, "bytes", bytes);
    }
    numbers
}

/// The quantiles that a run's summary gives: where the tail has too few samples, or under overload, it gives none.
fn latencies(summary: &RunDocument) -> Vec<(String, f64, f64)> {
    let of = |quantiles: &Quantiles, q: f64| -> Option<Interval> {
        match q {
            0.5 => quantiles.p50,
            0.9 => quantiles.p90,
            _ => quantiles.p99,
        }
    };
    let rows = latency_rows(&summary.latency).into_iter();
    let each = rows.flat_map(|(name, quantiles)| {
        let metric = match name {
            "e2e" => "e2e.response",
            "schedule_to_start_workflow" => "schedule_to_start.workflow",
            "schedule_to_start_activity" => "schedule_to_start.activity",
            other => other,
        };
        let values = QUANTILES.into_iter().filter_map(move |q| Some((q, of(quantiles, q)?.estimate)));
        values.map(move |(q, seconds)| (metric.to_string(), q, seconds))
    });
    each.collect()
}

fn steps(model: &StepTimes, used: &[&MeasuredRun], tolerances: &Tolerances) -> Vec<ValidationRow> {
    let mut rows = Vec::new();
    for (key, predicted) in model.iter() {
        for q in QUANTILES {
            let Some(seconds) = step_quantile(predicted, q) else { continue };
            let runs = used.iter().filter_map(|run| step_quantile(run.steps.get(key)?, q)).collect();
            let named = Named {
                group: ValidationGroup::Step,
                metric: key.kind(),
                quantile: Some(q),
                step: Some(key.clone()),
                unit: "s".into(),
            };
            let tolerance = tolerance_of(&named, tolerances);
            rows.extend(ValidationRow::judge(named, seconds, runs, tolerance));
        }
    }
    rows
}

/// Differences below the floor never count.
fn no_finer_than(floor_seconds: f64, tolerance: Tolerance) -> Tolerance {
    Tolerance { absolute: tolerance.absolute.max(floor_seconds), ..tolerance }
}

pub(super) fn step_quantile(times: &Buckets, q: f64) -> Option<f64> {
    if (1.0 - q).min(q) * (times.total() as f64) < FEWEST_TAIL_SAMPLES {
        return None;
    }
    Some(times.quantile(q)? as f64 / 1e9)
}

fn curves(model: &Run, used: &[&MeasuredRun]) -> Vec<ValidatedCurves> {
    let metrics = compare::canonical_metrics(model).into_iter();
    let curves = metrics.map(|metric| {
        let predicted = compare::curve(metric, &compare::merged(model, metric));
        let runs: Vec<Buckets> =
            used.iter().map(|run| compare::merged(&run.run, metric)).filter(|all| all.total() > 0).collect();
        let points = runs.iter().map(|all| compare::curve(metric, all).points.len()).min().unwrap_or(0);
        let measured = compare::curve_quantiles().take(points).filter_map(|quantile| {
            let mut seconds: Vec<f64> =
                runs.iter().filter_map(|all| Some(all.quantile(quantile)? as f64 / 1e9)).collect();
            seconds.sort_by(f64::total_cmp);
            let (low, high) = (*seconds.first()?, *seconds.last()?);
            Some(CurveRange { quantile, low, median: median(&seconds)?, high })
        });
        ValidatedCurves { metric: metric.to_string(), predicted, measured: measured.collect() }
    });
    curves.filter(|curves| !curves.measured.is_empty() && !curves.predicted.points.is_empty()).collect()
}

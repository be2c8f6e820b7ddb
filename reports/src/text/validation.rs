//! A validation as text: what the model said, what was measured, worst first.

use super::comparison::explanations;
use super::layout::{Page, Style, Table};
use crate::number;
use crate::validation::{self, StepSpan, StepTask, Validation, ValidationGroup, ValidationRow};
use crate::wording;

/// The validation for a terminal of `width` columns (below 60 it is taken as 60).
pub fn validation(document: &Validation, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let used = document.measured.iter().filter(|run| run.left_out.is_none()).count();
    page.ends(
        &format!("{} on {}", document.profile, document.cluster),
        &format!("model (seed {}) against {used} of {} runs", document.predicted.seed, document.measured.len()),
    );
    page.paragraph(if document.within { Style::Good } else { Style::Bad }, &document.verdict_text);
    page.gap();
    explanations(&mut page, &document.explanations);

    let mut table = Table::new(&["Worst first", "", "predicted", "measured", "error", "spread", "allowed", ""]);
    for row in &document.rows {
        let mut cells = vec![short_name(row), quantile(row)];
        cells.extend(numbers(row));
        table.push(style(row), cells);
    }
    if !table.rows.is_empty() {
        page.table(&table);
        page.gap();
    }
    let mut table = Table::new(&["Step by step", "", "", "predicted", "measured", "error", "spread", "allowed", ""]);
    let types: std::collections::BTreeSet<&String> =
        document.steps.iter().filter_map(|row| Some(&row.step.as_ref()?.workflow)).collect();
    for row in &document.steps {
        let Some(step) = &row.step else { continue };
        let task = match step.task {
            StepTask::WorkflowTask => "workflow task",
            StepTask::Activity => "activity",
        };
        let span = match step.span {
            StepSpan::ScheduleToStart => "schedule-to-start",
            StepSpan::StartToComplete => "start-to-complete",
        };
        let name = if types.len() > 1 {
            format!("{} {task} {}", step.workflow, step.ordinal)
        } else {
            format!("{task} {}", step.ordinal)
        };
        let mut cells = vec![name, span.into(), quantile(row)];
        cells.extend(numbers(row));
        table.push(style(row), cells);
    }
    if !table.rows.is_empty() {
        page.table(&table);
        page.gap();
    }
    let speed = document.speed.map(|speed| speed.words());
    for note in speed.iter().chain(&document.notes) {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(note)), 2);
    }
    page.finish()
}

/// The row's name without its quantile, short enough for a column.
pub(super) fn short_name(row: &ValidationRow) -> String {
    match (row.group, row.metric.as_str()) {
        (ValidationGroup::Latency, "schedule_to_start.workflow") => "schedule-to-start, workflow".into(),
        (ValidationGroup::Latency, "schedule_to_start.activity") => "schedule-to-start, activity".into(),
        (ValidationGroup::Latency, metric) => wording::metric(metric),
        _ => validation::name(&ValidationRow { quantile: None, ..row.clone() }),
    }
}

pub(super) fn quantile(row: &ValidationRow) -> String {
    row.quantile.map_or_else(String::new, number::quantile)
}

/// Predicted, measured, error, spread, allowed, judgement.
pub(super) fn numbers(row: &ValidationRow) -> [String; 6] {
    [
        wording::with_unit(row.predicted, &row.unit),
        wording::with_unit(row.measured, &row.unit),
        validation::error_words(row),
        if row.runs.len() < 2 {
            number::MISSING.into()
        } else {
            row.spread.map_or_else(|| number::MISSING.into(), number::percent)
        },
        row.allowed().words(&row.unit),
        row_judgement(row).into(),
    ]
}

/// In words, what became of a row: text must not depend on colour.
pub(crate) fn row_judgement(row: &ValidationRow) -> &'static str {
    match (row.judged, row.within_tolerance, row.within) {
        (false, ..) => "not judged",
        (true, true, _) => "ok",
        (true, false, true) => "as the runs",
        (true, false, false) => "OUTSIDE",
    }
}

pub(super) fn style(row: &ValidationRow) -> Style {
    if row.within { Style::Plain } else { Style::Bad }
}

//! The accuracy of the model over many workloads, as text and as Markdown for a README.

use super::layout::{Page, Style, Table};
use super::validation::{numbers, quantile, row_judgement, short_name, style};
use crate::number;
use crate::validation::{self, AccuracyRow, AccuracyTable};
use crate::wording;

/// Where the worst row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First: for pages, which are read from the top.
    WorstFirst,
    /// Last: for terminals, which show the end.
    WorstLast,
}

/// Every row of every workload, for a terminal of `width` columns (below 60 it is taken as 60).
pub fn accuracy(table: &AccuracyTable, order: Order, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.paragraph(if table.within() { Style::Good } else { Style::Bad }, &verdict(table));
    page.gap();
    let mut rows = table.worst_first();
    if order == Order::WorstLast {
        rows.reverse();
    }
    let header = ["Workload", "number", "", "predicted", "measured", "error", "spread", "allowed", ""];
    let mut shown = Table::new(&header);
    for AccuracyRow { workload, row } in rows {
        let name = match (&row.step, row.metric.as_str()) {
            (Some(step), _) => {
                step.words().replace("workflow task ", "wft").replace("activity ", "act").replace(',', "")
            }
            (None, "schedule_to_start.workflow") => "wft schedule-to-start".into(),
            (None, "schedule_to_start.activity") => "act schedule-to-start".into(),
            _ => short_name(row),
        };
        let mut cells = vec![workload.clone(), name, quantile(row)];
        let [predicted, measured, error, spread, allowed, _] = numbers(row);
        // Short: a column that is cut must not be the one that says it.
        let judgement = match (row.judged, row.within_tolerance, row.within) {
            (false, ..) => "load",
            (true, true, _) => "ok",
            (true, false, true) => "runs",
            (true, false, false) => "OUT",
        };
        cells.extend([predicted, measured, error, spread, allowed, judgement.into()]);
        shown.push(style(row), cells);
    }
    if table.rows.iter().any(|row| row.row.step.is_some() || row.row.metric.starts_with("schedule_to_start")) {
        page.paragraph(Style::Dim, "wft: workflow task, act: activity; each by its place in the workflow");
    }
    if table.judged().any(|row| row.row.within && !row.row.within_tolerance) {
        page.paragraph(
            Style::Dim,
            "runs: beyond the tolerance, but as close to the median run as the runs are to each other",
        );
    }
    if table.rows.iter().any(|row| !row.row.judged) {
        page.paragraph(Style::Dim, "load: a latency above 80 % of saturation, shown and not judged");
    }
    if !shown.rows.is_empty() {
        page.table(&shown);
    }
    page.finish()
}

/// `Within tolerance: all 312 numbers of 14 workloads.`
pub(crate) fn verdict(table: &AccuracyTable) -> String {
    let workloads: std::collections::BTreeSet<&String> = table.rows.iter().map(|row| &row.workload).collect();
    let judged = table.judged().count();
    let all = format!("{} numbers of {} workloads", number::count(judged as u64), workloads.len());
    let outside = table.judged().filter(|row| !row.row.within).count();
    match (judged == 0, outside) {
        (true, _) => "Nothing was measured.".into(),
        (false, 0) => format!("Within tolerance: all {all}."),
        (false, _) => format!("Outside tolerance: {outside} of {all}."),
    }
}

/// Two tables in Markdown: each metric over all workloads, and the `most` worst rows, none when 0 are asked for; the worst first.
pub fn accuracy_markdown(table: &AccuracyTable, most: usize) -> String {
    let mut text = String::from(
        "| number | rows | within | median error | median spread | allowed | worst case | predicted | measured | error |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |\n",
    );
    let share = |value: Option<f64>| value.map_or_else(|| number::MISSING.into(), number::percent);
    for metric in table.by_metric() {
        let AccuracyRow { workload, row } = &metric.worst;
        let cells = [
            metric.metric.clone(),
            metric.rows.to_string(),
            metric.within.to_string(),
            share(metric.median_error),
            share(metric.median_spread),
            row.allowed().words(&row.unit),
            workload.clone(),
            wording::with_unit(row.predicted, &row.unit),
            wording::with_unit(row.measured, &row.unit),
            validation::error_words(row),
        ];
        text.push_str(&line(&cells));
    }
    if most == 0 {
        return text;
    }
    text.push_str(
        "\n| workload | number | predicted | measured | error | spread | allowed | |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for AccuracyRow { workload, row } in table.worst_first().into_iter().take(most) {
        let [predicted, measured, error, spread, allowed, _] = numbers(row);
        let judgement = row_judgement(row).to_lowercase();
        text.push_str(&line(&[
            workload.clone(),
            validation::name(row),
            predicted,
            measured,
            error,
            spread,
            allowed,
            judgement,
        ]));
    }
    text
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

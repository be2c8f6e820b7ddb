//! Money as text.

use super::{ActionsDocument, CloudCost, CostColumn, CostDocument, CostItem, SelfHostedCost};
use crate::number;
use crate::text::layout::{Page, Style, Table};

/// The costs for a terminal of `width` columns (below 60 it is taken as 60).
pub fn cost_text(document: &CostDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(&format!("{} on {}", document.profile, document.cluster), &format!("seed {}", document.seed));
    page.gap();
    page.paragraph(Style::Bold, "Billable actions, step by step");
    let mut table = Table::new(&["step", "", "actions", "what"]);
    table.wrap_last = true;
    let several = document.steps.iter().any(|step| step.workflow != document.steps[0].workflow);
    for step in &document.steps {
        let name = if several { format!("{}: {}", step.workflow, step.step) } else { step.step.clone() };
        table.push(Style::Plain, vec![name, step.place.clone(), actions(step.actions), step.what.clone()]);
    }
    page.table(&table);
    page.paragraph(
        Style::Plain,
        &format!(
            "{} actions a workflow (a simulation of them counts {}); a history of {}, open for {}.",
            actions(document.actions_per_workflow),
            actions(document.simulated_actions_per_workflow),
            number::storage(document.history_bytes_per_workflow),
            number::seconds(document.lifetime_seconds),
        ),
    );
    page.gap();
    costs(&mut page, document);
    page.gap();
    page.paragraph(Style::Bold, "Break-even");
    document.break_even.iter().for_each(|row| page.hanging(Style::Plain, &row.finding, 2));
    page.gap();
    page.paragraph(Style::Bold, "Temporal Cloud or self-hosted: the sources' matrix, for this profile");
    let mut table = Table::new(&["factor", "Cloud", "self-hosted", "here"]);
    table.wrap_last = true;
    for row in &document.matrix {
        table
            .push(Style::Plain, vec![row.factor.clone(), row.cloud.clone(), row.self_hosted.clone(), row.here.clone()]);
    }
    page.table(&table);
    if !document.warnings.is_empty() {
        page.gap();
    }
    document.warnings.iter().for_each(|warning| page.hanging(Style::Plain, &format!("- {warning}"), 2));
    page.finish()
}

fn costs(page: &mut Page, document: &CostDocument) {
    let (now, then) = (&document.now, &document.horizon);
    page.paragraph(Style::Bold, "A month in US dollars");
    let mut table = Table::new(&["", &now.label, &then.label, "how"]);
    table.wrap_last = true;
    let mut row = |style: Style, name: &str, of: &dyn Fn(&CostColumn) -> String, how: &str| {
        table.push(style, vec![name.to_owned(), of(now), of(then), how.to_owned()]);
    };
    row(Style::Plain, "starts per second, mean", &|c| number::rate(c.mean_per_second), "");
    row(Style::Plain, "actions a month", &|c| number::large_count(c.actions_per_month as u64), "");
    row(Style::Plain, "actions per second, peak", &|c| number::rate(c.peak_actions_per_second), &limit(now, then));
    for bill in &now.cloud {
        let name = match &bill.replaced_by {
            Some(_) => format!("Cloud, {} (old)", bill.plan),
            None => format!("Cloud, {}", bill.plan),
        };
        let style = if bill.plan == now.cloud_plan { Style::Bold } else { Style::Plain };
        row(style, &name, &|c| total(c.cloud.iter().find(|other| other.plan == bill.plan)), &parts(bill));
    }
    for own in &now.self_hosted {
        let other = |c: &CostColumn| c.self_hosted.iter().find(|other| other.prices == own.prices).cloned();
        let name = format!("Self-hosted, {}", own.prices);
        row(Style::Bold, &name, &|c| other(c).map_or(number::MISSING.into(), |own| usd(own.server_usd)), &own.region);
        for item in &own.items {
            row(Style::Plain, &format!("  {}", item.name), &|c| amount(other(c), &item.name), &item.how);
        }
        row(Style::Dim, "  workers, on both sides", &|c| amount(other(c), &own.workers.name), &own.workers.how);
    }
    page.table(&table);
}

/// The limit of a namespace against the peak.
fn limit(now: &CostColumn, then: &CostColumn) -> String {
    let units = |column: &CostColumn| match column.capacity_units {
        1 => "within".to_owned(),
        units => format!("{units} TRUs for"),
    };
    format!(
        "{} the default limit of {} now, {} it then",
        units(now),
        number::rate(now.allowed_actions_per_second),
        units(then)
    )
}

fn parts(bill: &CloudCost) -> String {
    let storage = bill.active_storage_usd + bill.retained_storage_usd;
    let fee =
        bill.plan_fee_usd.map_or("plan: ask sales, not in the sum".to_owned(), |fee| format!("plan {}", usd(fee)));
    let steps = if bill.beyond_listed_steps { " (beyond the listed steps: sales gives less)" } else { "" };
    format!("actions {}{steps}, storage {}, {fee}", usd(bill.actions_usd), usd(storage))
}

fn total(bill: Option<&CloudCost>) -> String {
    match bill {
        Some(bill) if bill.plan_fee_usd.is_none() => format!("{} + fee", usd(bill.total_usd)),
        Some(bill) => usd(bill.total_usd),
        None => number::MISSING.to_owned(),
    }
}

fn amount(own: Option<SelfHostedCost>, name: &str) -> String {
    let all = own.map(|own| own.items.into_iter().chain([own.workers]).collect::<Vec<CostItem>>());
    let found = all.and_then(|items| items.into_iter().find(|item| item.name == name));
    found.and_then(|item| item.usd).map_or(number::MISSING.to_owned(), usd)
}

/// Dollars: cents below ten, whole ones above.
pub fn usd(value: f64) -> String {
    match value {
        v if !v.is_finite() => number::MISSING.to_owned(),
        v if v.abs() < 9.995 => format!("${v:.2}"),
        v => format!("${}", number::count(v.round().max(0.0) as u64)),
    }
}

/// Actions: two decimals, none where they are whole.
pub(super) fn actions(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    if value > 0.0 && rounded == 0.0 { "< 0.01".to_owned() } else { format!("{rounded}") }
}

/// The actions of histories for a terminal of `width` columns.
pub fn actions_text(document: &ActionsDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let runs = if document.runs == 1 { "run" } else { "runs" };
    page.ends(
        &format!("{} billable actions in {} {runs}", number::count(document.billed), number::count(document.runs)),
        &format!("the server's counter: {}", number::count(document.server_counter)),
    );
    page.gap();
    let mut table = Table::new(&["action", "events", "billed", "server", "event"]);
    table.wrap_last = true;
    for row in &document.kinds {
        let numbers = [row.count, row.billed, row.server_counter].map(number::count);
        let [count, billed, server] = numbers;
        table.push(Style::Plain, vec![row.kind.clone(), count, billed, server, row.event.clone()]);
    }
    page.table(&table);
    page.gap();
    page.paragraph(Style::Bold, "The server's counter `action` by its label `action_type`");
    let mut table = Table::new(&["count", "action_type"]);
    for row in &document.server_labels {
        table.push(Style::Plain, vec![number::count(row.count), row.action_type.clone()]);
    }
    page.table(&table);
    page.gap();
    let mut table = Table::new(&["workflow type", "runs", "billed", "a run", ""]);
    for row in &document.types {
        let mean = row.billed as f64 / row.runs.max(1) as f64;
        let cells = [row.workflow_type.clone(), number::count(row.runs), number::count(row.billed), actions(mean)];
        table.push(Style::Plain, cells.into_iter().chain([String::new()]).collect());
    }
    page.table(&table);
    page.gap();
    page.paragraph(Style::Bold, "What histories do not show");
    document.not_in_histories.iter().for_each(|what| page.hanging(Style::Plain, &format!("- {what}"), 2));
    document.notes.iter().for_each(|note| page.hanging(Style::Plain, &format!("- {note}"), 2));
    page.finish()
}

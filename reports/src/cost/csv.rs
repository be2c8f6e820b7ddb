//! Money as CSV.

use super::{ActionsDocument, CostColumn, CostDocument};
use crate::csv::Table;

/// `when,side,prices,line,usd_per_month,how`: every line of every bill; an empty amount has no price. Actions by step come first.
pub fn cost_csv(document: &CostDocument) -> String {
    let mut table = Table::new(["when", "side", "prices", "line", "value", "unit", "how"]);
    for step in &document.steps {
        let line = format!("{} {} {}", step.workflow, step.place, step.step);
        table.push(["", "step", "", &line, &step.actions.to_string(), "actions/workflow", &step.what]);
    }
    for column in [&document.now, &document.horizon] {
        bills(&mut table, column);
    }
    for row in &document.break_even {
        let rate = row.workflows_per_second.map_or(String::new(), |rate| rate.to_string());
        table.push(["", "break-even", &row.prices, "workflows", &rate, "1/s", &row.finding]);
    }
    table.finish()
}

fn bills(table: &mut Table, column: &CostColumn) {
    let when = column.label.as_str();
    for bill in &column.cloud {
        for (line, usd) in [
            ("actions", Some(bill.actions_usd)),
            ("active storage", Some(bill.active_storage_usd)),
            ("retained storage", Some(bill.retained_storage_usd)),
            ("plan", bill.plan_fee_usd),
            ("total", Some(bill.total_usd)),
        ] {
            let usd = usd.map_or(String::new(), |usd| usd.to_string());
            table.push([when, "temporal-cloud", &bill.plan, line, &usd, "usd/month", ""]);
        }
    }
    for own in &column.self_hosted {
        for item in own.items.iter().chain([&own.workers]) {
            let usd = item.usd.map_or(String::new(), |usd| usd.to_string());
            table.push([when, "self-hosted", &own.prices, &item.name, &usd, "usd/month", &item.how]);
        }
        table.push([when, "self-hosted", &own.prices, "total", &own.total_usd.to_string(), "usd/month", ""]);
    }
}

/// `group,name,count,billed,server_counter`: kinds, labels of the server's counter, types and files.
pub fn actions_csv(document: &ActionsDocument) -> String {
    let mut table = Table::new(["group", "name", "count", "billed", "server_counter"]);
    let mut push = |group: &str, name: &str, count: String, billed: String, server: u64| {
        table.push([group, name, &count, &billed, &server.to_string()]);
    };
    push("all", "all", document.runs.to_string(), document.billed.to_string(), document.server_counter);
    for row in &document.kinds {
        push("kind", &row.kind, row.count.to_string(), row.billed.to_string(), row.server_counter);
    }
    for row in &document.server_labels {
        push("action_type", &row.action_type, String::new(), String::new(), row.count);
    }
    for row in &document.types {
        push("type", &row.workflow_type, row.runs.to_string(), row.billed.to_string(), row.server_counter);
    }
    for row in &document.files {
        push("file", &row.file, String::new(), row.billed.to_string(), row.server_counter);
    }
    table.finish()
}

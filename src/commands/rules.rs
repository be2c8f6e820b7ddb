//! `plimsoll rules …`.

use serde::Serialize;

use crate::cli::{ChangeKind, DatabaseArgs, Format, RulesCommand, StorageArgs, StrategyArgs, WorkersArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rules::database::{Method, database_size};
use crate::rules::storage::{HistoryVolume, storage_growth};
use crate::rules::strategy::{Change, choose_deployment_strategy};
use crate::rules::workers::{WorkerLoad, worker_capacity};

/// Prints what a rule says.
///
/// # Errors
/// When a result does not fit, or stdout cannot be written.
pub fn run(rule: &RulesCommand, console: &Console) -> Result<Exit, Failure> {
    let answer = match rule {
        RulesCommand::Workers(arguments) => workers(arguments)?,
        RulesCommand::Storage(arguments) => storage(arguments)?,
        RulesCommand::Database(arguments) => database(arguments)?,
        RulesCommand::Strategy(arguments) => strategy(arguments)?,
    };
    console.answer(&answer)?;
    Ok(Exit::Success)
}

fn workers(arguments: &WorkersArgs) -> Result<String, Failure> {
    let load = WorkerLoad {
        workflows_per_second: arguments.workflows_per_second,
        workflow_duration: arguments.workflow_duration,
        activities_per_workflow: arguments.activities,
        activity_duration: arguments.activity_duration,
        activity_cpu: arguments.cpu,
        activity_memory: arguments.memory,
    };
    let capacity = worker_capacity(&load).map_err(|error| Failure::usage(error.to_string()))?;
    let running = capacity.concurrent_workflows as f64;
    let human = format!(
        "Worker rule of thumb (10.3.1)\n\
         \x20 Concurrent workflows   {:>12}\n\
         \x20 Concurrent activities  {:>12}   every activity of a workflow counts as running at once\n\
         \x20 Required workers       {:>12}   of 100 slots\n\
         \x20 Total CPU              {:>12} cores\n\
         \x20 Total memory           {:>12} GB\n\
         \x20 Per worker             {:>12} cores, {} GB\n\
         The rule does not use the activities' duration. One after the other they keep about {:.0} slots\n\
         busy (starts per second × activities × their duration); `plimsoll plan` simulates that.\n",
        running,
        capacity.concurrent_activities,
        capacity.required_workers,
        decimal(capacity.total_cpu_cores),
        decimal(capacity.total_memory_gb),
        decimal(capacity.cpu_per_worker),
        decimal(capacity.memory_per_worker_gb),
        load.workflows_per_second.as_per_second()
            * f64::from(load.activities_per_workflow)
            * load.activity_duration.as_secs_f64(),
    );
    written(&capacity, human, arguments.format)
}

fn storage(arguments: &StorageArgs) -> Result<String, Failure> {
    let growth = storage_growth(&HistoryVolume {
        workflows_per_day: arguments.workflows_per_day,
        events_per_workflow: arguments.events_per_workflow,
        event_size: arguments.event_size,
        retention_days: arguments.retention,
    })
    .map_err(|error| Failure::usage(error.to_string()))?;
    let human = format!(
        "Storage rule of thumb (10.3.3)\n\
         \x20 Workflows kept    {:>14}\n\
         \x20 Events kept       {:>14}\n\
         \x20 Storage required  {:>14} GB   with 50 % for indexes\n\
         \x20 Daily growth      {:>14} GB   without\n",
        growth.total_workflows,
        growth.total_events,
        decimal(growth.storage_required_gb),
        decimal(growth.daily_growth_gb),
    );
    written(&growth, human, arguments.format)
}

fn database(arguments: &DatabaseArgs) -> Result<String, Failure> {
    let size = database_size(arguments.active_workflows);
    let method = match size.method {
        Method::Table => "a row of the table",
        Method::Interpolated => "interpolated between two rows (log-log)",
        Method::Extrapolated => "extrapolated: outside the table's 1M to 100M",
    };
    let human = format!(
        "PostgreSQL size table (10.3.3), {} active workflows: {method}\n\
         \x20 Storage  {:>10} GB\n\
         \x20 CPU      {:>10} cores\n\
         \x20 Memory   {:>10} GB\n\
         \x20 IOPS     {:>10}\n",
        size.active_workflows, size.storage_gb, size.cpu_cores, size.memory_gb, size.iops,
    );
    written(&size, human, arguments.format)
}

fn strategy(arguments: &StrategyArgs) -> Result<String, Failure> {
    let change = match arguments.change {
        ChangeKind::Hotfix => Change::Hotfix,
        ChangeKind::MajorRelease => Change::MajorRelease,
        ChangeKind::ExperimentalFeature => Change::ExperimentalFeature,
        ChangeKind::RoutineUpdate => Change::RoutineUpdate,
        ChangeKind::Other => Change::Other,
    };
    let choice = choose_deployment_strategy(change);
    let human = format!(
        "{}: {}\n\
         \x20 Complexity        {}\n\
         \x20 Rollback          {}\n\
         \x20 Resource cost     {}\n\
         \x20 Risk              {}\n\
         \x20 Best for          {}\n\
         \x20 Temporal feature  {}\n",
        choice.strategy,
        choice.reason,
        choice.complexity,
        choice.rollback_speed,
        choice.resource_cost,
        choice.risk,
        choice.best_for.join(", "),
        choice.temporal_feature,
    );
    written(&choice, human, arguments.format)
}

/// As Python prints a rounded float: at least one decimal.
fn decimal(value: f64) -> String {
    format!("{value:?}")
}

fn written(answer: &impl Serialize, human: String, format: Format) -> Result<String, Failure> {
    let failed = |error: serde_json::Error| Failure::usage(format!("cannot write the answer: {error}"));
    match format {
        Format::Human => Ok(human),
        Format::Json => Ok(serde_json::to_string_pretty(answer).map_err(failed)? + "\n"),
        Format::Csv => Ok(csv(&serde_json::to_value(answer).map_err(failed)?)),
    }
}

/// A header and one row.
fn csv(answer: &serde_json::Value) -> String {
    let Some(fields) = answer.as_object() else { return String::new() };
    let cell = |value: &serde_json::Value| {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let header: Vec<&str> = fields.keys().map(String::as_str).collect();
    let row: Vec<String> = fields.values().map(cell).collect();
    format!("{}\n{}\n", header.join(","), row.join(","))
}

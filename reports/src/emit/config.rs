//! `temporal-config.yml`: the worker pools, with the source documents' keys.

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;

#[derive(Serialize)]
struct Config {
    production: Environment,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    worker_pools: Vec<Pool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pool {
    name: String,
    task_queue: String,
    worker_count: u32,
    max_concurrent_workflow_tasks: u32,
    max_concurrent_activities: u32,
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let workers = &context.sizes.workers;
    let config = Config {
        production: Environment {
            worker_pools: vec![Pool {
                name: context.name.clone(),
                task_queue: context.task_queue.clone(),
                worker_count: workers.pods,
                max_concurrent_workflow_tasks: workers.workflow_task_slots,
                max_concurrent_activities: workers.activity_slots,
            }],
        },
    };
    let about = [format!("Worker pools of \"{}\"; the limits are those of each worker.", context.plan.profile)];
    Ok(vec![context.yaml(Kind::Config, "temporal-config.yml", &about, &config)?])
}

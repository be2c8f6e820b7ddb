//! The rules of thumb beside the model.

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Bytes, Cores, Nanos};
use plimsoll_reports::number;
use plimsoll_reports::plan_document::RuleComparison;
use plimsoll_sim::planner::Plan;
use plimsoll_sim::temporal::{Process, is_cloud};

use crate::rules::database::database_size;
use crate::rules::storage::{HistoryVolume, storage_growth};
use crate::rules::workers::{WorkerLoad, worker_capacity};

/// The rules' numbers for the plan's horizon, as far as they can be computed.
pub fn comparisons(profile: &Profile, plan: &Plan) -> Vec<RuleComparison> {
    let mut list = Vec::new();
    list.extend(workers(profile, plan));
    if !is_cloud(profile) {
        list.extend(storage(profile, plan));
        list.push(database(plan));
        list.push(storage_table(plan));
    }
    list
}

fn workers(profile: &Profile, plan: &Plan) -> Option<RuleComparison> {
    let demand = &plan.demand;
    let activities = demand.per_workflow(demand.work.activities);
    let running = demand.activity_slots.as_secs_f64() / activities.max(1e-9);
    let cpu = demand.cpu[Process::Worker as usize].as_secs_f64() / demand.activity_slots.as_secs_f64().max(1e-9);
    let load = WorkerLoad {
        workflows_per_second: plan.horizon.peak,
        workflow_duration: plan.lifetime,
        activities_per_workflow: activities.round() as u32,
        activity_duration: Nanos::from_secs_f64(running),
        activity_cpu: Cores::new(cpu.min(1e6)),
        activity_memory: profile.workers.memory_per_activity,
    };
    let rule = worker_capacity(&load).ok()?;
    let busy = demand.activities(plan.horizon.peak);
    Some(RuleComparison {
        rule: "workers".to_owned(),
        number: "worker pods".to_owned(),
        rule_value: rule.required_workers as f64,
        model_value: f64::from(plan.horizon.size.workers.pods.count),
        unit: "pods".to_owned(),
        why: format!(
            "the rule multiplies running workflows by all their activities as if all ran at once; one after the other, \
             {} run at the peak",
            number::quantity(busy)
        ),
    })
}

fn storage(profile: &Profile, plan: &Plan) -> Option<RuleComparison> {
    let demand = &plan.demand;
    let events = demand.per_workflow(demand.work.history_events).max(1.0);
    let volume = HistoryVolume {
        workflows_per_day: (plan.horizon.mean_rate.as_per_second() * 86_400.0).round() as u64,
        events_per_workflow: events.round() as u64,
        event_size: Bytes((demand.per_workflow(demand.work.history_bytes) / events).round() as u64),
        retention_days: (profile.growth.retention.as_secs_f64() / 86_400.0).ceil() as u64,
    };
    let rule = storage_growth(&volume).ok()?;
    Some(RuleComparison {
        rule: "storage".to_owned(),
        number: "storage".to_owned(),
        rule_value: rule.storage_required_gb * Bytes::gib(1).0 as f64,
        model_value: plan.horizon.database.storage.0 as f64,
        unit: "bytes".to_owned(),
        why: "the rule counts events and half as much again; visibility with its 70 indexes, executions and row overhead \
              are most of what is stored, and workflows that are still open are stored too"
            .to_owned(),
    })
}

fn storage_table(plan: &Plan) -> RuleComparison {
    let open = plan.horizon.mean_rate.as_per_second() * plan.lifetime.as_secs_f64();
    let rule = database_size(open.round() as u64);
    RuleComparison {
        rule: "database".to_owned(),
        number: "storage by the size table".to_owned(),
        rule_value: rule.storage_gb * 1e9,
        model_value: plan.horizon.database.storage.0 as f64,
        unit: "bytes".to_owned(),
        why: "the table goes by open workflows; closed ones are stored until their retention is over".to_owned(),
    }
}

fn database(plan: &Plan) -> RuleComparison {
    let open = plan.horizon.mean_rate.as_per_second() * plan.lifetime.as_secs_f64();
    let rule = database_size(open.round() as u64);
    RuleComparison {
        rule: "database".to_owned(),
        number: "database cores".to_owned(),
        rule_value: rule.cpu_cores,
        model_value: f64::from(plan.horizon.database.vcpu),
        unit: "vCPU".to_owned(),
        why: "the rule goes by open workflows (interpolated in its table), and a workflow that waits costs no CPU; \
              the model by state transitions per second"
            .to_owned(),
    }
}

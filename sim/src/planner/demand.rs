//! What one workflow asks of each resource.

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Cores, Nanos, Rate};

use super::evaluate::{Evaluator, Verdict};
use crate::temporal::{Metric, Outcome, Pods, Process, SystemSize, Work};

/// Demands of one workflow, measured by a pilot simulation on a generous system.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// CPU by process.
    pub cpu: [Nanos; Process::COUNT],
    /// Activity slot time.
    pub activity_slots: Nanos,
    /// Workflow task slot time.
    pub workflow_task_slots: Nanos,
    /// Time one history shard's permit is held; of a shard with several, the part of all.
    pub shard: Nanos,
    /// Connection time.
    pub connections: Nanos,
    /// Time from a poller's match until it is back at its queue.
    pub poll_cycle: Nanos,
    /// Tasks handed to workers.
    pub tasks: f64,
    /// Requests at frontend, history and matching, as the part of what one pod's rate limit allows in a second.
    pub limits: [f64; 3],
    /// Everything counted, per workflow.
    pub work: Work,
    /// Workflows behind the counts.
    pub workflows: f64,
}

/// A system that nothing queues on, for the pilot.
fn generous(size: SystemSize) -> SystemSize {
    let pods = Pods { count: 16, cores: Cores::new(16.0) };
    let mut generous = size;
    generous.frontend = pods;
    generous.history = pods;
    generous.matching = pods;
    generous.database = Cores::new(128.0);
    generous.visibility_database = Cores::new(128.0);
    generous.history_shards = 4096;
    generous.workers.pods = Pods { count: 16, cores: Cores::new(32.0) };
    generous.workers.activity_slots = 100_000;
    generous.workers.workflow_task_slots = 100_000;
    generous.workers.activity_pollers = 50;
    generous.workers.workflow_task_pollers = 50;
    generous
}

/// Workflows of a pilot.
const PILOT_WORKFLOWS: f64 = 400.0;

impl Evaluator<'_> {
    /// The pilot: a generous system at the planned rate.
    pub fn pilot(&self, size: SystemSize, rate: Rate) -> (Demand, Verdict) {
        let verdict = self.run(generous(size), rate, PILOT_WORKFLOWS);
        let outcome = &verdict.outcome;
        // Over the whole measured window flow in equals flow out but for the edges; starts are what drives the load.
        let workflows = (outcome.measured_offered as f64).max(1.0);
        let per_workflow = |busy: f64| Nanos::from_secs_f64(busy * outcome.measured.as_secs_f64() / workflows);
        let size = &outcome.size;
        let history_pods = f64::from(size.history.count);
        let work = outcome.measured_work;
        let cpu = work.cpu.map(|cpu| Nanos((cpu.0 as f64 / workflows) as u64));
        let demand = Demand {
            cpu,
            activity_slots: per_workflow(outcome.populations.activities),
            workflow_task_slots: per_workflow(outcome.populations.workflow_tasks),
            // Of a shard with several permits each is held as long; the shard is as much less busy.
            shard: per_workflow(
                outcome.populations.shards_held / f64::from(self.profile.cluster.server.shard_io_concurrency),
            ),
            // A match, the record of the start, and the next poll take about as long as a task from schedule to start.
            poll_cycle: outcome.recorder.total(Metric::ScheduleToStartWorkflow).mean().unwrap_or(Nanos::ZERO),
            tasks: work.dispatched as f64 / workflows,
            limits: LIMITED.map(|process| match limit_of(self.profile, process) {
                Some(limit) => work.requests.served(process, self.calibration) / workflows / limit.as_per_second(),
                None => 0.0,
            }),
            connections: per_workflow(outcome.utilisation.connections * history_pods * 20.0),
            work,
            workflows,
        };
        (demand, verdict)
    }
}

/// Services whose pods have rate limits.
pub const LIMITED: [Process; 3] = [Process::Frontend, Process::History, Process::Matching];

/// Requests per second that one pod of a service admits.
pub fn limit_of(profile: &Profile, process: Process) -> Option<Rate> {
    let server = &profile.cluster.server;
    match process {
        Process::Frontend => server.frontend_limit(),
        Process::History => server.history_rps,
        Process::Matching => server.matching_rps,
        Process::Database | Process::Worker | Process::VisibilityDatabase => None,
    }
}

impl Demand {
    /// The part of the rate limits of so many pods that a rate uses.
    pub fn limit_utilisation(&self, process: Process, rate: Rate, pods: u32) -> f64 {
        rate.as_per_second() * self.limits[process as usize] / f64::from(pods)
    }

    /// The same with the CPU that another simulation measured.
    pub fn refined(&self, outcome: &Outcome) -> Self {
        let workflows = outcome.measured_offered.max(1);
        Demand { cpu: outcome.measured_work.cpu.map(|cpu| Nanos(cpu.0 / workflows)), ..*self }
    }

    /// Cores of a process busy at a rate.
    pub fn cores(&self, process: Process, rate: Rate) -> f64 {
        rate.as_per_second() * self.cpu[process as usize].as_secs_f64()
    }

    /// Activity slots busy at a rate (Little's law).
    pub fn activities(&self, rate: Rate) -> f64 {
        rate.as_per_second() * self.activity_slots.as_secs_f64()
    }
}

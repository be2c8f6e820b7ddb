//! Worker capacity: source document 003, section 10.3.1.

use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};
use serde::Serialize;

use super::rounding::{int, round_2};
use super::{RULES_SCHEMA_VERSION, TooLarge};

/// The rule takes 100 activity slots per worker.
const SLOTS_PER_WORKER: f64 = 100.0;

/// What the rule needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerLoad {
    /// Workflow starts.
    pub workflows_per_second: Rate,
    /// Mean time from start to close of a workflow.
    pub workflow_duration: Nanos,
    /// Activities of one workflow.
    pub activities_per_workflow: u32,
    /// Mean time of an activity. The rule asks for it and does not use it.
    pub activity_duration: Nanos,
    /// Cores one running activity takes.
    pub activity_cpu: Cores,
    /// Memory one running activity takes.
    pub activity_memory: Bytes,
}

/// What the rule answers. Gigabytes are 1,024 mebibytes, as there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkerCapacity {
    /// Version of this document.
    pub schema_version: u32,
    /// Starts per second × duration.
    pub concurrent_workflows: u64,
    /// That × activities per workflow: every activity of a workflow counts as running at once.
    pub concurrent_activities: u64,
    /// Workers of 100 slots, one more than the quotient.
    pub required_workers: u64,
    /// Cores of all running activities.
    pub total_cpu_cores: f64,
    /// Memory of all running activities.
    pub total_memory_gb: f64,
    /// Cores of one worker.
    pub cpu_per_worker: f64,
    /// Memory of one worker.
    pub memory_per_worker_gb: f64,
}

/// `calculate_required_workers` of section 10.3.1, operation by operation in its order.
///
/// # Errors
/// When a count passes 2^63.
pub fn worker_capacity(load: &WorkerLoad) -> Result<WorkerCapacity, TooLarge> {
    let concurrent_workflows = load.workflows_per_second.as_per_second() * load.workflow_duration.as_secs_f64();
    let concurrent_activities = concurrent_workflows * f64::from(load.activities_per_workflow);
    let required_workers = int(concurrent_activities / SLOTS_PER_WORKER, "required_workers")? + 1;
    let memory_mb = load.activity_memory.0 as f64 / 1_048_576.0;
    let total_cpu = concurrent_activities * load.activity_cpu.get();
    let total_memory_gb = (concurrent_activities * memory_mb) / 1024.0;
    Ok(WorkerCapacity {
        schema_version: RULES_SCHEMA_VERSION,
        concurrent_workflows: int(concurrent_workflows, "concurrent_workflows")?,
        concurrent_activities: int(concurrent_activities, "concurrent_activities")?,
        required_workers,
        total_cpu_cores: round_2(total_cpu),
        total_memory_gb: round_2(total_memory_gb),
        cpu_per_worker: round_2(total_cpu / required_workers as f64),
        memory_per_worker_gb: round_2(total_memory_gb / required_workers as f64),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::rounding::tests::round_2_by_integers;
    use proptest::prelude::*;

    #[test]
    fn gives_the_source_documents_own_output() {
        let capacity = worker_capacity(&WorkerLoad {
            workflows_per_second: Rate::per_second(10.0),
            workflow_duration: Nanos::from_secs(300),
            activities_per_workflow: 5,
            activity_duration: Nanos::from_secs(10),
            activity_cpu: Cores::new(0.1),
            activity_memory: Bytes::mib(256),
        })
        .unwrap();
        assert_eq!(
            capacity,
            WorkerCapacity {
                schema_version: 1,
                concurrent_workflows: 3000,
                concurrent_activities: 15000,
                required_workers: 151,
                total_cpu_cores: 1500.0,
                total_memory_gb: 3750.0,
                cpu_per_worker: 9.93,
                memory_per_worker_gb: 24.83,
            }
        );
    }

    #[test]
    fn no_load_still_needs_one_worker() {
        let capacity = worker_capacity(&WorkerLoad {
            workflows_per_second: Rate::ZERO,
            workflow_duration: Nanos::from_secs(1),
            activities_per_workflow: 0,
            activity_duration: Nanos::ZERO,
            activity_cpu: Cores::new(0.1),
            activity_memory: Bytes::mib(256),
        })
        .unwrap();
        assert_eq!((capacity.required_workers, capacity.total_cpu_cores), (1, 0.0));
    }

    proptest! {
        /// In whole numbers: rates in milli-starts per second, durations in milliseconds, so that the exact product is an
        /// integer; the floats of the rule may be off by an ulp, so values within a millionth of a step are left out.
        #[test]
        fn agrees_with_exact_integer_arithmetic(
            millirate in 1u64..5_000_000,
            millis in 1u64..100_000_000,
            activities in 1u32..200,
            mebibytes in 1u64..4096,
        ) {
            let capacity = worker_capacity(&WorkerLoad {
                workflows_per_second: Rate::per_second(millirate as f64 / 1000.0),
                workflow_duration: Nanos::from_millis(millis),
                activities_per_workflow: activities,
                activity_duration: Nanos::ZERO,
                activity_cpu: Cores::new(0.25),
                activity_memory: Bytes::mib(mebibytes),
            }).unwrap();
            let micro_workflows = u128::from(millirate) * u128::from(millis);
            let micro_activities = micro_workflows * u128::from(activities);
            prop_assume!(micro_workflows % 1_000_000 > 10 && micro_workflows % 1_000_000 < 999_990);
            prop_assume!(micro_activities % 100_000_000 > 100_000 && micro_activities % 100_000_000 < 99_900_000);
            prop_assert_eq!(u128::from(capacity.concurrent_workflows), micro_workflows / 1_000_000);
            let workers = micro_activities / 100_000_000 + 1;
            prop_assert_eq!(u128::from(capacity.required_workers), workers);
            // The rounding once more from the unrounded quotient, by integers.
            let cpu = (millirate as f64 / 1000.0 * (millis as f64 / 1000.0)) * f64::from(activities) * 0.25;
            prop_assert_eq!(capacity.total_cpu_cores, round_2_by_integers(cpu));
            prop_assert_eq!(capacity.cpu_per_worker, round_2_by_integers(cpu / workers as f64));
        }
    }
}

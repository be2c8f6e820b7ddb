//! The same costs on a machine of another speed.

use super::{Calibration, CalibrationError, CpuCosts, RuntimeCosts, SdkCosts, StatementCosts};
use crate::units::Nanos;

impl Calibration {
    /// This calibration on a machine whose canary takes `canary_cpu`: work takes as much more or less CPU as the canary does against the
    /// calibration's own. Bytes, counts, the kernel's time slices and what it costs to wake a process or a core stay. `None` is a machine as
    /// fast as the calibration's.
    ///
    /// One machine can have two speeds, by what runs on the sibling threads of its cores. Beside busy ones the canary took 1.9 times as long,
    /// calibrate fitted 1.5 to 2 times the CPU to work, and a workflow took 1.1 to 1.3 times the CPU at 5/s, of which half is waking, but 1.5
    /// to 1.7 times in overload, where nothing sleeps (`docs/calibration.md`).
    ///
    /// # Errors
    /// When the calibration does not say how long its own canary took.
    pub fn on_machine(self, canary_cpu: Option<Nanos>) -> Result<Calibration, CalibrationError> {
        let Some(canary_cpu) = canary_cpu else { return Ok(self) };
        let Some(own) = self.canary_cpu else { return Err(CalibrationError::NoCanary { name: self.name }) };
        let ratio = canary_cpu.as_secs_f64() / own.as_secs_f64();
        Ok(Calibration {
            canary_cpu: Some(canary_cpu),
            cpu: self.cpu.times(ratio),
            generator: self.generator.map(|costs| costs.times(ratio)),
            statements: self.statements.times(ratio),
            runtime: self.runtime.times(ratio),
            ..self
        })
    }
}

fn times(cost: Nanos, ratio: f64) -> Nanos {
    Nanos((cost.0 as f64 * ratio).round() as u64)
}

impl CpuCosts {
    fn times(&self, ratio: f64) -> CpuCosts {
        let of = |cost: Nanos| times(cost, ratio);
        CpuCosts {
            frontend_request: of(self.frontend_request),
            frontend_wake: self.frontend_wake,
            frontend_idle_core: self.frontend_idle_core,
            matching_request: of(self.matching_request),
            matching_forward: of(self.matching_forward),
            matching_wake: self.matching_wake,
            matching_idle_core: self.matching_idle_core,
            history_request: of(self.history_request),
            history_update: of(self.history_update),
            history_task: of(self.history_task),
            history_timer: of(self.history_timer),
            history_wake: self.history_wake,
            history_idle_core: self.history_idle_core,
            database_statement: of(self.database_statement),
            database_visibility: of(self.database_visibility),
            database_wake: self.database_wake,
            database_idle_core: self.database_idle_core,
            frontend_payload: of(self.frontend_payload),
            history_payload: of(self.history_payload),
            matching_payload: of(self.matching_payload),
            database_payload: of(self.database_payload),
            idle_frontend: of(self.idle_frontend),
            idle_history: of(self.idle_history),
            idle_matching: of(self.idle_matching),
            idle_worker: of(self.idle_worker),
            idle_database: of(self.idle_database),
        }
    }
}

impl SdkCosts {
    fn times(self, ratio: f64) -> SdkCosts {
        let of = |cost: Nanos| times(cost, ratio);
        SdkCosts {
            workflow_task: of(self.workflow_task),
            activity: of(self.activity),
            local_activity: of(self.local_activity),
            client_request: of(self.client_request),
            wake: self.wake,
            idle_core: self.idle_core,
        }
    }
}

impl StatementCosts {
    fn times(&self, ratio: f64) -> StatementCosts {
        let of = |cost: Nanos| times(cost, ratio);
        StatementCosts {
            mean: of(self.mean),
            begin: of(self.begin),
            commit: of(self.commit),
            read: of(self.read),
            lock: of(self.lock),
            write: of(self.write),
            range_delete: of(self.range_delete),
        }
    }
}

impl RuntimeCosts {
    /// A collection comes after so many bytes, so after so much more CPU where each byte takes more.
    fn times(&self, ratio: f64) -> RuntimeCosts {
        let of = |cost: Nanos| times(cost, ratio);
        RuntimeCosts {
            time_slice: self.time_slice,
            collector_slice: self.collector_slice,
            frontend_collection_every: of(self.frontend_collection_every),
            frontend_collection: of(self.frontend_collection),
            history_collection_every: of(self.history_collection_every),
            history_collection: of(self.history_collection),
            matching_collection_every: of(self.matching_collection_every),
            matching_collection: of(self.matching_collection),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn calibrated() -> Calibration {
        Calibration { canary_cpu: Some(Nanos::from_micros(200)), ..Calibration::reference() }
    }

    #[test]
    fn a_machine_a_quarter_slower_costs_a_quarter_more_cpu_and_no_more_bytes() {
        let (fast, slow) = (calibrated(), calibrated().on_machine(Some(Nanos::from_micros(250))).unwrap());
        assert_eq!(slow.cpu.frontend_request, times(fast.cpu.frontend_request, 1.25));
        assert_eq!(slow.cpu.idle_database, times(fast.cpu.idle_database, 1.25));
        let wakes = |costs: &Calibration| (costs.cpu.history_wake, costs.cpu.database_idle_core);
        assert_eq!(wakes(&slow), wakes(&fast));
        assert_eq!(slow.statements.write, times(fast.statements.write, 1.25));
        assert_eq!(slow.runtime.history_collection, times(fast.runtime.history_collection, 1.25));
        assert_eq!(slow.runtime.time_slice, fast.runtime.time_slice);
        assert_eq!((slow.wal, slow.bytes, slow.queues), (fast.wal, fast.bytes, fast.queues));
    }

    #[test]
    fn the_calibrations_own_machine_changes_nothing() {
        let same = calibrated().on_machine(Some(Nanos::from_micros(200))).unwrap();
        assert_eq!((same, calibrated().on_machine(None).unwrap()), (calibrated(), calibrated()));
    }

    #[test]
    fn a_calibration_that_has_no_canary_cannot_be_taken_to_another_machine() {
        let nothing = Calibration { canary_cpu: None, ..Calibration::reference() };
        let message = nothing.on_machine(Some(Nanos::from_micros(200))).unwrap_err().to_string();
        assert!(message.contains("cluster.canary_cpu") && message.contains("calibrate"), "{message}");
    }
}

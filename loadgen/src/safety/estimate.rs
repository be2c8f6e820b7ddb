//! What a run makes the target do and keep, from a pilot simulation of the profile.
//!
//! The simulator counts what each operation visits, statement by statement, by a table that was checked on a real server; so the
//! estimate is the model's, with the model's accuracy (statements and actions within a few per cent; bytes within ten).

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Rate;
use plimsoll_sim::planner::{Evaluator, Storage};
use plimsoll_sim::temporal::SystemSize;

/// What one started workflow makes the target do and keep, in the mean over the profile's types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Activities scheduled, retries not counted.
    pub activities: f64,
    /// State transitions of the server.
    pub state_transitions: f64,
    /// Events of histories.
    pub history_events: f64,
    /// Bytes of events.
    pub history_bytes: f64,
    /// Actions that Temporal Cloud would count.
    pub actions: f64,
    /// Statements of both databases, those of the deletion after the retention included.
    pub statements: f64,
    /// Bytes of write-ahead log, without full-page images.
    pub wal_bytes: f64,
    /// Rows of history_node kept until the retention ends.
    pub rows: f64,
    /// Bytes on disk kept until the retention ends, indexes and visibility included.
    pub stored_bytes: f64,
}

impl Demand {
    /// Simulates a few hundred workflows of the profile where nothing queues.
    pub fn of(profile: &Profile, calibration: &Calibration, seed: u64) -> Demand {
        let rate = profile.arrivals.mean_rate().as_per_second().clamp(1.0, 1_000.0);
        let evaluator = Evaluator::new(profile, calibration, seed, &|| false);
        let (demand, _) = evaluator.pilot(SystemSize::of(profile), Rate::per_second(rate));
        let storage = Storage::of(profile, calibration, &demand);
        let work = &demand.work;
        let per = |count: u64| count as f64 / demand.workflows;
        Demand {
            activities: per(work.activities),
            state_transitions: per(work.state_transitions),
            history_events: per(work.history_events),
            history_bytes: per(work.history_bytes),
            actions: per(work.actions),
            statements: per(work.statements + work.visibility_statements),
            wal_bytes: per(work.wal_bytes),
            rows: per(work.history_rows),
            stored_bytes: storage.per_workflow(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use plimsoll_profiles::{Document, World};

    use super::*;

    /// facts: a one-activity workflow on a real server is 7 state transitions, 95 + 3 statements, 11 events, 18 to 20 KB of WAL in the
    /// main database and some 26 KB for each of 3 visibility writes, and 32 KB on disk; on Cloud a start and an activity.
    #[test]
    fn a_one_activity_workflow_asks_for_what_was_measured_on_a_real_server() {
        let shipped = plimsoll_profiles::shipped::profile("one-activity").unwrap();
        let profile = Document::parse(shipped.text, shipped.name, &[]).unwrap().profile(&World::mid()).unwrap();
        let demand = Demand::of(&profile, &Calibration::reference(), 1);
        let near = |what, value: f64, low: f64, high: f64| {
            assert!((low..=high).contains(&value), "{what}: {value} of {demand:?}")
        };
        near("activities", demand.activities, 0.97, 1.03);
        near("state transitions", demand.state_transitions, 6.8, 7.2);
        near("events", demand.history_events, 10.7, 11.3);
        near("actions", demand.actions, 1.95, 2.05);
        near("statements", demand.statements, 90.0, 150.0);
        near("WAL", demand.wal_bytes, 70e3, 130e3);
        near("stored", demand.stored_bytes, 25e3, 40e3);
    }
}

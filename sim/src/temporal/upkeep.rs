//! What history does by itself: range deletes of finished tasks, and the deletion of workflows past their retention.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::state::{Chain, NONE, Purpose};
use crate::engine::Schedule;

impl Model {
    /// Range deletes of shards that made progress: as one Poisson process over all shards.
    pub(super) fn checkpoint(&mut self, schedule: &mut Schedule<Event>) {
        let shard = self.random.background.below(u64::from(self.size.history_shards)) as u32;
        self.background(OperationKind::Checkpoint, shard, schedule);
        self.schedule_checkpoint(schedule);
    }

    pub(super) fn schedule_checkpoint(&mut self, schedule: &mut Schedule<Event>) {
        self.look_at_cache(schedule.now());
        let interval = self.calibration.queues.checkpoint_interval.as_secs_f64();
        let shards = f64::from(self.size.history_shards);
        let elapsed = schedule.now().as_secs_f64().max(1.0);
        let per_shard = self.counts.offered as f64 / elapsed / shards;
        let busy_share = 1.0 - libm::exp(-per_shard * interval);
        let rate = (shards * busy_share / interval).max(0.1);
        let gap = self.random.background.exponential() / rate;
        schedule.after(Nanos::from_secs_f64(gap), Event::Checkpoint);
    }

    pub(super) fn retention(&mut self, schedule: &mut Schedule<Event>) {
        let shard = self.random.background.below(u64::from(self.size.history_shards)) as u32;
        let chain = self.chain(Purpose::RetentionDelete, OperationKind::RetentionDelete, NONE, shard);
        self.launch(chain, schedule);
    }

    /// A stage of a deletion is over.
    pub(super) fn retention_goes_on(&mut self, mut chain: Chain, schedule: &mut Schedule<Event>) {
        chain.operation = match chain.operation {
            OperationKind::RetentionDelete => OperationKind::RetentionDeleteExecution,
            OperationKind::RetentionDeleteExecution => OperationKind::RetentionDeleteHistory,
            // The visibility record goes by a task of its own queue.
            _ => return self.background(OperationKind::Visibility, chain.shard, schedule),
        };
        chain.place = self.visits.start(chain.operation);
        self.launch(chain, schedule);
    }
}

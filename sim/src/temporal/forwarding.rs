//! Which partition of its queue a task comes to, and whether it is passed on to the root or written to the database there.
//!
//! [src] server 1.31 `service/matching/pri_matcher.go`: a task goes to a partition at random. The root hands it to any poller: those of the other
//! partitions are passed on to it, one of each partition at a time (`forwarderMaxOutstandingPolls` 1), and only a second one waits
//! where it came. A task on another partition takes such a poller if there is one, else it is passed on to the root by the
//! partition's only forwarder (`forwarderMaxOutstandingTasks` 1), which is busy until the task's start is recorded. A task that finds it busy
//! is written to the database.
//!
//! Measured (one worker, 8 pollers of each kind, 4 partitions): 0.75 of the workflow tasks of the normal queue are passed on at any load, 0.02 of the activities
//! at 5/s and 0.19 at 32/s, 0.24 of those that are scheduled four at a time; 0.03 tasks per workflow are written at 15/s, 0.11 to 0.20 at 25/s, 0.32
//! to 0.64 at 32/s.

use super::model::Model;
use super::state::Chain;

/// As chains carry them: in 1/256.
const ONE_FORWARD: u16 = 256;

/// What happens to a task where it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// It is offered to pollers where it is.
    Here,
    /// It is passed on to the root by this partition's forwarder.
    PassedOn(u32),
    /// The forwarder is busy, and no poller waits here.
    Refused,
}

/// Kinds of task queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Workflow,
    Activity,
}

/// The forwarders of a task queue's partitions other than the root.
#[derive(Clone, Debug)]
pub(super) struct Forwarders {
    partitions: u32,
    busy: [u64; 2],
}

impl Forwarders {
    /// More partitions than a queue may have are counted as the most: the root and 63 more.
    pub(super) fn new(partitions: u32) -> Self {
        Forwarders { partitions: partitions.clamp(1, 64), busy: [0; 2] }
    }

    /// The forwarder of a partition has its answer.
    pub(super) fn free(&mut self, kind: Kind, partition: u32) {
        self.busy[kind as usize] &= !(1 << partition);
    }
}

impl Model {
    /// Where a task on its way to its queue comes, and who passes it on.
    pub(super) fn place_task(&mut self, kind: Kind, chain: &mut Chain) {
        match self.task_comes(kind) {
            Arrival::Here => {}
            Arrival::Refused => chain.refused = true,
            Arrival::PassedOn(partition) => {
                chain.forwards = ONE_FORWARD;
                chain.partition = partition;
            }
        }
    }

    /// A task comes to its queue.
    fn task_comes(&mut self, kind: Kind) -> Arrival {
        let partitions = self.forwarders.partitions;
        let partition = self.random.route.below(u64::from(partitions)) as u32;
        if partition == 0 {
            return Arrival::Here;
        }
        // Half of a Go worker's idle workflow pollers wait at its sticky queue.
        let waiting = match kind {
            Kind::Workflow => self.workflow_tasks.pollers() as f64 / 2.0,
            Kind::Activity => self.activity_tasks.pollers() as f64,
        };
        let second = waiting / f64::from(partitions) - 1.0;
        if second >= 1.0 || (second > 0.0 && self.random.route.uniform() < second) {
            return Arrival::Here;
        }
        let busy = &mut self.forwarders.busy[kind as usize];
        if *busy & (1 << partition) != 0 {
            return Arrival::Refused;
        }
        *busy |= 1 << partition;
        Arrival::PassedOn(partition)
    }
}

//! Which partition of its queue a task comes to, and whether it is passed on to the root or written to the database there.
//!
//! [src] server 1.31 `service/matching/pri_matcher.go`: a task goes to a partition at random. The root hands it to any poller: those of the other
//! partitions are passed on to it, one of each partition at a time (`forwarderMaxOutstandingPolls` 1), and only a second one waits
//! where it came. A task on another partition takes such a poller if there is one, else it is passed on to the root by the
//! partition's only forwarder (`forwarderMaxOutstandingTasks` 1), which is busy until the task's start is recorded. A task that finds it busy
//! is written to the database.
//!
//! Measured (one worker, 8 pollers of each kind, 4 partitions): 0.75 of the workflow tasks of the normal queue are passed on at any load, 0.02 of the activities
//! at 5/s and 0.19 at 32/s, 0.24 of those that are scheduled four at a time (with two polls at each partition, as many as meet a poll of their
//! partition that was taken by another of the four: 3 · 0.75⁴ / 4 = 0.237); 0.03 tasks per workflow are written at 15/s, 0.11 to 0.20 at 25/s, 0.32
//! to 0.64 at 32/s.

use plimsoll_profiles::random::Stream;

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
    /// Where the activity queue's pollers are.
    pub(super) activity_polls: Polls,
}

/// How many polls each partition of the activity queue has. A poll goes to the partition that has the fewest (server, `client/matching`,
/// `PickReadPartition`). The first that waits at a partition other than the root is passed on to the root and waits there too.
#[derive(Clone, Debug)]
pub(super) struct Polls {
    waiting: Vec<u32>,
    coming: Vec<u32>,
    /// Polls to be passed on because the one before was taken at the root.
    owed: u32,
}

impl Polls {
    /// A poll sets out: where to, and how often it is passed on.
    pub(super) fn sets_out(&mut self) -> (u32, u16) {
        let load = |partition: usize| self.waiting[partition] + self.coming[partition];
        let partition = (0..self.waiting.len()).min_by_key(|partition| load(*partition)).unwrap_or(0);
        let passed_on = u32::from(partition > 0 && load(partition) == 0) + std::mem::take(&mut self.owed);
        self.coming[partition] += 1;
        (partition as u32, passed_on as u16 * ONE_FORWARD)
    }

    /// It has come to its partition.
    pub(super) fn arrives(&mut self, partition: u32) {
        self.coming[partition as usize] -= 1;
    }

    /// It found no task, and waits.
    pub(super) fn waits(&mut self, partition: u32) {
        self.waiting[partition as usize] += 1;
    }

    /// A poll at the root is taken: its own, or one that was passed on to it.
    fn take_at_root(&mut self, random: &mut Stream) -> bool {
        let passed_on = self.waiting[1..].iter().filter(|waiting| **waiting > 0).count() as u64;
        let own = u64::from(self.waiting[0]);
        if own + passed_on == 0 {
            return false;
        }
        let mut taken = random.below(own + passed_on);
        if taken < own {
            self.waiting[0] -= 1;
            return true;
        }
        taken -= own;
        for waiting in self.waiting[1..].iter_mut().filter(|waiting| **waiting > 0) {
            if taken == 0 {
                *waiting -= 1;
                self.owed += u32::from(*waiting > 0);
                break;
            }
            taken -= 1;
        }
        true
    }

    /// A poll is taken wherever most are: by a task from the backlog, or because its worker stops.
    pub(super) fn take_any(&mut self) {
        if let Some(waiting) = self.waiting.iter_mut().max() {
            *waiting = waiting.saturating_sub(1);
        }
    }
}

impl Forwarders {
    /// More partitions than a queue may have are counted as the most: the root and 63 more.
    pub(super) fn new(partitions: u32) -> Self {
        let partitions = partitions.clamp(1, 64);
        let none = vec![0; partitions as usize];
        let activity_polls = Polls { waiting: none.clone(), coming: none, owed: 0 };
        Forwarders { partitions, busy: [0; 2], activity_polls }
    }

    /// Partitions of a task queue.
    pub(super) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The forwarder of a partition has its answer.
    pub(super) fn free(&mut self, kind: Kind, partition: u32) {
        self.busy[kind as usize] &= !(1 << partition);
    }
}

impl Model {
    /// Where a task on its way to its queue comes, and who passes it on.
    pub(super) fn place_task(&mut self, kind: Kind, chain: &mut Chain) {
        let arrival = match kind {
            Kind::Workflow => self.workflow_task_comes(chain.target),
            Kind::Activity => self.activity_comes(chain),
        };
        match arrival {
            Arrival::Here => {}
            Arrival::Refused => chain.refused = true,
            Arrival::PassedOn(partition) => {
                chain.forwards = ONE_FORWARD;
                chain.partition = partition as u8;
            }
        }
    }

    /// An activity comes to its queue: the poll it meets is taken at once.
    fn activity_comes(&mut self, chain: &mut Chain) -> Arrival {
        let partition = self.random.route.below(u64::from(self.forwarders.partitions)) as usize;
        let polls = &mut self.forwarders.activity_polls;
        if partition > 0 && polls.waiting[partition] > 1 {
            polls.waiting[partition] -= 1;
            chain.has_poller = true;
            return Arrival::Here;
        }
        let arrival = self.passed_on(Kind::Activity, partition as u32);
        if arrival != Arrival::Refused {
            chain.has_poller = self.forwarders.activity_polls.take_at_root(&mut self.random.route);
        }
        arrival
    }

    /// A workflow task comes to the normal queue.
    fn workflow_task_comes(&mut self, run: u32) -> Arrival {
        let partitions = self.forwarders.partitions;
        let partition = self.random.route.below(u64::from(partitions)) as u32;
        // Taken as evenly spread over the partitions.
        let queue = self.runs[run].queue;
        let waiting = self.workflow_queue(queue).normal_polls() as f64;
        let second = waiting / f64::from(partitions) - 1.0;
        if partition > 0 && (second >= 1.0 || (second > 0.0 && self.random.route.uniform() < second)) {
            return Arrival::Here;
        }
        self.passed_on(Kind::Workflow, partition)
    }

    /// A task that no poll waits for at its partition: the root's is where it is to be.
    fn passed_on(&mut self, kind: Kind, partition: u32) -> Arrival {
        if partition == 0 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;

    fn polls(partitions: u32, pollers: u32) -> Polls {
        let mut polls = Forwarders::new(partitions).activity_polls;
        (0..pollers).for_each(|_| a_poll_comes(&mut polls));
        polls
    }

    fn a_poll_comes(polls: &mut Polls) {
        let (partition, _) = polls.sets_out();
        polls.arrives(partition);
        polls.waits(partition);
    }

    #[test]
    fn polls_are_spread_evenly_and_one_of_each_partition_but_the_root_is_passed_on() {
        let mut polls = Forwarders::new(4).activity_polls;
        let passed_on: u32 = (0..8).map(|_| u32::from(polls.sets_out().1 / ONE_FORWARD)).sum();
        assert_eq!(polls.coming, [2, 2, 2, 2]);
        assert_eq!(passed_on, 3);
    }

    #[test]
    fn a_poll_at_the_root_is_taken_once_and_the_next_of_its_partition_is_passed_on() {
        for seed in 0..100 {
            let mut random = Streams::new(seed).stream("test", "polls", 0);
            let mut polls = polls(4, 8);
            // Own ones of the root, and one of each other partition.
            for left in (3..8).rev() {
                assert!(polls.take_at_root(&mut random), "seed {seed}");
                assert_eq!(polls.waiting.iter().sum::<u32>(), left, "seed {seed}");
            }
            let own = polls.waiting[0];
            let owed = polls.owed;
            let (_, forwards) = polls.sets_out();
            assert!(u32::from(forwards / ONE_FORWARD) >= owed, "seed {seed}");
            assert!(own <= 2, "seed {seed}");
        }
    }

    #[test]
    fn no_poll_is_lost_or_taken_twice() {
        for seed in 0..100 {
            let mut random = Streams::new(seed).stream("test", "polls", 1);
            let partitions = 1 + random.below(8) as u32;
            let (mut polls, mut waiting) = (polls(partitions, 3), 3);
            for step in 0..500 {
                match random.below(3) {
                    0 => {
                        a_poll_comes(&mut polls);
                        waiting += 1;
                    }
                    1 => {
                        let there = polls.waiting[0] > 0 || polls.waiting.iter().any(|waiting| *waiting > 0);
                        assert_eq!(polls.take_at_root(&mut random), there, "seed {seed}, step {step}");
                        waiting -= u32::from(there);
                    }
                    _ => {
                        polls.take_any();
                        waiting = waiting.saturating_sub(1);
                    }
                }
                assert_eq!(polls.waiting.iter().sum::<u32>(), waiting, "seed {seed}, step {step}");
            }
        }
    }
}

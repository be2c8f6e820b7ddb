//! The backlog of a task queue: tasks that met no poller, by partition.
//!
//! [src] server 1.31 `service/matching`, `client/matching/loadbalancer.go`: a task goes to a write partition at random; a partition
//! hands its own tasks out in the order they were written; a poller goes to the read partition with the fewest polls, which
//! is one after the other while all are answered at once. A poller that finds its partition empty is forwarded, and so gets a
//! task of another. So tasks of one partition keep their order, tasks of different ones may overtake each other. A task that
//! comes while others wait does not pass them by a synchronous match: no poller waits then.

use std::collections::VecDeque;

use plimsoll_profiles::random::Stream;

/// Waiting tasks by partition.
pub(super) struct Backlog {
    partitions: Vec<VecDeque<u32>>,
    waiting: usize,
    /// The partition the next poller goes to.
    next: usize,
    stream: Stream,
}

impl Backlog {
    /// No tasks in so many partitions; `stream` draws the partition of each task.
    ///
    /// # Panics
    /// Without partitions.
    pub fn new(partitions: u32, stream: Stream) -> Self {
        assert!(partitions > 0, "a task queue has a partition");
        Backlog { partitions: vec![VecDeque::new(); partitions as usize], waiting: 0, next: 0, stream }
    }

    /// A task is written.
    pub fn push(&mut self, task: u32) {
        let partition = match self.partitions.len() {
            1 => 0,
            partitions => self.stream.below(partitions as u64) as usize,
        };
        self.partitions[partition].push_back(task);
        self.waiting += 1;
    }

    /// A poller comes: the oldest task of its partition, else of the next that has one.
    pub fn pop(&mut self) -> Option<u32> {
        if self.waiting == 0 {
            return None;
        }
        self.waiting -= 1;
        let partitions = self.partitions.len();
        let first = self.next;
        self.next = (first + 1) % partitions;
        (0..partitions).find_map(|step| self.partitions[(first + step) % partitions].pop_front())
    }

    /// Tasks that wait.
    pub fn len(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::random::Streams;

    fn backlog(partitions: u32) -> Backlog {
        Backlog::new(partitions, Streams::new(1).stream("test", "partitions", 0))
    }

    #[test]
    fn one_partition_is_first_in_first_out() {
        let mut backlog = backlog(1);
        (0..100).for_each(|task| backlog.push(task));
        let order: Vec<u32> = std::iter::from_fn(|| backlog.pop()).collect();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn each_partition_keeps_its_order_and_every_task_is_handed_out_once() {
        let mut backlog = backlog(4);
        let mut partition = vec![0; 1_000];
        for task in 0..1_000 {
            let before: Vec<usize> = backlog.partitions.iter().map(VecDeque::len).collect();
            backlog.push(task);
            partition[task as usize] = (0..4).find(|p| backlog.partitions[*p].len() > before[*p]).unwrap();
        }
        let order: Vec<u32> = std::iter::from_fn(|| backlog.pop()).collect();
        for p in 0..4 {
            let of: Vec<u32> = order.iter().copied().filter(|task| partition[*task as usize] == p).collect();
            assert!((200..300).contains(&of.len()), "partition {p} got {} of 1000 tasks", of.len());
            assert!(of.is_sorted(), "partition {p}: {of:?}");
        }
        assert!(!order.is_sorted(), "tasks of different partitions overtake each other");
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, (0..1_000).collect::<Vec<_>>());
        assert_eq!(backlog.len(), 0);
    }
}

//! Task queues: tasks meet pollers, or wait.

use std::collections::VecDeque;

use plimsoll_profiles::units::Nanos;

use crate::engine::{Matcher, Report, TimeWeighted};

/// The workflow task queue: one normal queue, and one sticky queue per worker pod.
///
/// A poller of a pod takes from the pod's sticky queue first, then from the normal queue. (Go's pollers are shared out between
/// the two by backlog, with the same effect while both are short.)
pub struct WorkflowTaskQueue {
    normal: VecDeque<u32>,
    sticky: Vec<VecDeque<u32>>,
    idle: Vec<u32>,
    /// Pods in the order their pollers came; entries of pollers that took a sticky task meanwhile are skipped.
    order: VecDeque<u32>,
    entries: Vec<u32>,
}

impl WorkflowTaskQueue {
    /// Queues for this many worker pods.
    pub fn new(pods: u32) -> Self {
        let pods = pods as usize;
        WorkflowTaskQueue {
            normal: VecDeque::new(),
            sticky: vec![VecDeque::new(); pods],
            idle: vec![0; pods],
            order: VecDeque::new(),
            entries: vec![0; pods],
        }
    }

    /// A task looks for a poller: any, or one of the pod whose cache holds the run.
    pub fn take_poller(&mut self, sticky_pod: Option<u32>) -> Option<u32> {
        if let Some(pod) = sticky_pod {
            let idle = &mut self.idle[pod as usize];
            if *idle == 0 {
                return None;
            }
            *idle -= 1;
            return Some(pod);
        }
        while let Some(pod) = self.order.pop_front() {
            let index = pod as usize;
            self.entries[index] -= 1;
            if self.entries[index] < self.idle[index] {
                self.idle[index] -= 1;
                return Some(pod);
            }
        }
        None
    }

    /// A task waits for a poller.
    pub fn wait(&mut self, run: u32, sticky_pod: Option<u32>) {
        match sticky_pod {
            Some(pod) => self.sticky[pod as usize].push_back(run),
            None => self.normal.push_back(run),
        }
    }

    /// A poller of a pod asks: the task it gets, or it waits.
    pub fn offer_poller(&mut self, pod: u32) -> Option<u32> {
        let index = pod as usize;
        if let Some(run) = self.sticky[index].pop_front().or_else(|| self.normal.pop_front()) {
            return Some(run);
        }
        self.idle[index] += 1;
        self.order.push_back(pod);
        self.entries[index] += 1;
        // Entries of pollers that left by the sticky queue must not pile up.
        if self.order.len() > 64 && self.order.len() > 4 * self.idle.iter().sum::<u32>() as usize {
            self.order.clear();
            for (pod, idle) in self.idle.iter().enumerate() {
                self.order.extend(std::iter::repeat_n(pod as u32, *idle as usize));
                self.entries[pod] = *idle;
            }
        }
        None
    }

    /// A pod's pollers give up: how many there were.
    pub fn withdraw_pollers(&mut self, pod: u32) -> u32 {
        // Their entries are skipped when their turn comes.
        std::mem::take(&mut self.idle[pod as usize])
    }

    /// The tasks of a pod's sticky queue, which is gone.
    pub fn close_sticky(&mut self, pod: u32) -> VecDeque<u32> {
        std::mem::take(&mut self.sticky[pod as usize])
    }

    /// Pollers that wait.
    pub fn pollers(&self) -> usize {
        self.idle.iter().sum::<u32>() as usize
    }

    /// Tasks that wait.
    pub fn backlog(&self) -> usize {
        self.normal.len() + self.sticky.iter().map(VecDeque::len).sum::<usize>()
    }
}

/// The activity task queue.
pub struct ActivityQueue {
    matcher: Matcher,
}

impl ActivityQueue {
    /// An empty queue.
    pub fn new() -> Self {
        ActivityQueue { matcher: Matcher::new() }
    }

    /// Whether a task offered now meets a poller at once.
    pub fn has_poller(&self) -> bool {
        self.matcher.pollers() > 0
    }

    /// A task comes: the pod that takes it, or it waits.
    pub fn offer_task(&mut self, now: Nanos, activity: u32) -> Option<u32> {
        self.matcher.offer_task(now, activity)
    }

    /// A poller of a pod asks: the activity it gets, or it waits.
    pub fn offer_poller(&mut self, now: Nanos, pod: u32) -> Option<u32> {
        self.matcher.offer_poller(now, pod)
    }

    /// A pod's pollers give up: how many there were.
    pub fn withdraw_pollers(&mut self, now: Nanos, pod: u32) -> u32 {
        let mut withdrawn = 0;
        while self.matcher.withdraw_poller(now, pod) {
            withdrawn += 1;
        }
        withdrawn
    }

    /// Pollers that wait.
    pub fn pollers(&self) -> usize {
        self.matcher.pollers()
    }

    /// The backlog as a station.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.matcher.report(now).station
    }

    /// Tasks that wait.
    pub fn backlog(&self) -> usize {
        self.matcher.backlog()
    }
}

/// A worker pod: slots and pollers. A poller takes a slot before it polls.
#[derive(Clone, Debug)]
pub struct WorkerPod {
    /// Free workflow task slots.
    pub workflow_slots: u32,
    /// Free activity slots.
    pub activity_slots: u32,
    /// Workflow pollers that wait for a slot.
    pub workflow_pollers: u32,
    /// Of them, those that took their last task from the normal queue.
    pub normal_pollers: u32,
    /// Activity pollers that wait for a slot.
    pub activity_pollers: u32,
    /// Workflows in its sticky cache.
    pub cached: u32,
    /// Outages it is in.
    pub stops: u32,
    /// Activities running.
    pub activities: TimeWeighted,
    /// Workflow tasks running.
    pub workflow_tasks: TimeWeighted,
    /// Memory of running activities, in bytes.
    pub activity_memory: TimeWeighted,
}

impl WorkerPod {
    /// A pod with all its slots free.
    pub fn new(workflow_slots: u32, activity_slots: u32) -> Self {
        WorkerPod {
            workflow_slots,
            activity_slots,
            workflow_pollers: 0,
            normal_pollers: 0,
            activity_pollers: 0,
            cached: 0,
            stops: 0,
            activities: TimeWeighted::new(Nanos::ZERO, 0),
            workflow_tasks: TimeWeighted::new(Nanos::ZERO, 0),
            activity_memory: TimeWeighted::new(Nanos::ZERO, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normal_task_takes_the_poller_that_waited_longest() {
        let mut queue = WorkflowTaskQueue::new(3);
        for pod in [2, 0, 1] {
            assert_eq!(queue.offer_poller(pod), None);
        }
        let taken: Vec<_> = (0..4).map(|_| queue.take_poller(None)).collect();
        assert_eq!(taken, [Some(2), Some(0), Some(1), None]);
    }

    #[test]
    fn a_sticky_task_takes_a_poller_of_its_pod_or_none() {
        let mut queue = WorkflowTaskQueue::new(2);
        queue.offer_poller(0);
        assert_eq!(queue.take_poller(Some(1)), None);
        assert_eq!(queue.take_poller(Some(0)), Some(0));
        // That poller is gone for normal tasks too.
        assert_eq!(queue.take_poller(None), None);
        assert_eq!(queue.pollers(), 0);
    }

    #[test]
    fn a_poller_prefers_its_pods_sticky_backlog_and_never_sees_anothers() {
        let mut queue = WorkflowTaskQueue::new(2);
        queue.wait(10, None);
        queue.wait(11, Some(0));
        queue.wait(12, Some(1));
        assert_eq!(queue.backlog(), 3);
        assert_eq!(queue.offer_poller(0), Some(11));
        assert_eq!(queue.offer_poller(0), Some(10));
        assert_eq!(queue.offer_poller(0), None);
        assert_eq!(queue.offer_poller(1), Some(12));
        assert_eq!((queue.backlog(), queue.pollers()), (0, 1));
    }

    /// A list of waiting pollers in order of arrival: slow, and plainly right.
    #[derive(Default)]
    struct Reference(Vec<u32>);

    impl Reference {
        fn take(&mut self, sticky: Option<u32>) -> Option<u32> {
            let index = match sticky {
                Some(pod) => self.0.iter().position(|waiting| *waiting == pod)?,
                None if self.0.is_empty() => return None,
                None => 0,
            };
            Some(self.0.remove(index))
        }
    }

    #[test]
    fn pollers_are_neither_lost_nor_taken_twice() {
        use plimsoll_profiles::random::Streams;
        for seed in 0..50 {
            let mut random = Streams::new(seed).stream("test", "pollers", 0);
            let pods = 1 + random.below(5) as u32;
            let mut queue = WorkflowTaskQueue::new(pods);
            let mut reference = Reference::default();
            for step in 0..2_000 {
                let pod = random.below(u64::from(pods)) as u32;
                match random.below(4) {
                    0 | 1 => {
                        assert_eq!(queue.offer_poller(pod), None);
                        reference.0.push(pod);
                    }
                    2 => {
                        assert_eq!(queue.take_poller(Some(pod)), reference.take(Some(pod)), "seed {seed}, step {step}")
                    }
                    _ => {
                        // Which pod it is may differ once sticky tasks took pollers out of turn; that there is one may not.
                        let taken = queue.take_poller(None);
                        assert_eq!(taken.is_some(), !reference.0.is_empty(), "seed {seed}, step {step}");
                        if let Some(pod) = taken {
                            reference.take(Some(pod)).expect("a poller that waits");
                        }
                    }
                }
                assert_eq!(queue.pollers(), reference.0.len(), "seed {seed}, step {step}");
            }
            // Entries of pollers long gone do not pile up.
            assert!(
                queue.order.len() <= 64.max(4 * reference.0.len()) + 1,
                "seed {seed}: {} entries",
                queue.order.len()
            );
        }
    }
}

//! Task queues: tasks meet pollers, or wait.

use std::collections::VecDeque;

use plimsoll_profiles::units::Nanos;

use super::backlog::Backlog;
use super::fleet::PodState;
use super::fleet_versions::OLD;
use crate::engine::{Matcher, Report, TimeWeighted};

/// The workflow task queue: one normal queue, and one sticky queue per worker pod. A poll asks one of them.
pub struct WorkflowTaskQueue {
    normal: Backlog,
    sticky: Vec<VecDeque<u32>>,
    /// Polls that wait at each pod's sticky queue.
    sticky_polls: Vec<u32>,
    /// Pods whose polls wait at the normal queue, in the order they came.
    normal_polls: VecDeque<u32>,
}

impl WorkflowTaskQueue {
    /// Queues for this many worker pods.
    pub fn new(pods: u32, backlog: Backlog) -> Self {
        let pods = pods as usize;
        WorkflowTaskQueue {
            normal: backlog,
            sticky: vec![VecDeque::new(); pods],
            sticky_polls: vec![0; pods],
            normal_polls: VecDeque::new(),
        }
    }

    /// A task looks for a poll: at the normal queue, or at the sticky queue of the pod whose cache holds the run.
    pub fn take_poller(&mut self, sticky_pod: Option<u32>) -> Option<u32> {
        let Some(pod) = sticky_pod else { return self.normal_polls.pop_front() };
        let polls = &mut self.sticky_polls[pod as usize];
        *polls = polls.checked_sub(1)?;
        Some(pod)
    }

    /// A task waits for a poller.
    pub fn wait(&mut self, run: u32, sticky_pod: Option<u32>) {
        match sticky_pod {
            Some(pod) => self.sticky[pod as usize].push_back(run),
            None => self.normal.push(run),
        }
    }

    /// A task that waits on a pod's sticky queue no longer does; false when it does not wait there.
    pub fn remove_sticky(&mut self, pod: u32, run: u32) -> bool {
        let Some(queue) = self.sticky.get_mut(pod as usize) else { return false };
        let Some(place) = queue.iter().position(|waiting| *waiting == run) else { return false };
        queue.remove(place);
        true
    }

    /// A poll of a pod comes to its sticky queue, or to the normal one: the task it gets, or it waits.
    pub fn offer_poller(&mut self, pod: u32, sticky: bool) -> Option<u32> {
        let index = pod as usize;
        let task = if sticky { self.sticky[index].pop_front() } else { self.normal.pop() };
        match (task, sticky) {
            (None, true) => self.sticky_polls[index] += 1,
            (None, false) => self.normal_polls.push_back(pod),
            (Some(_), _) => {}
        }
        task
    }

    /// A pod's polls end: how many there were at the normal queue, and at its sticky one.
    pub fn withdraw_pollers(&mut self, pod: u32) -> (u32, u32) {
        let before = self.normal_polls.len();
        self.normal_polls.retain(|waiting| *waiting != pod);
        ((before - self.normal_polls.len()) as u32, std::mem::take(&mut self.sticky_polls[pod as usize]))
    }

    /// The tasks of a pod's sticky queue, which is gone.
    pub fn close_sticky(&mut self, pod: u32) -> VecDeque<u32> {
        std::mem::take(&mut self.sticky[pod as usize])
    }

    /// A task that waits in the normal queue is taken away, to another one.
    pub fn take_waiting(&mut self) -> Option<u32> {
        self.normal.pop()
    }

    /// Polls that wait at the normal queue.
    pub fn normal_polls(&self) -> usize {
        self.normal_polls.len()
    }

    /// Polls that wait.
    pub fn pollers(&self) -> usize {
        self.normal_polls.len() + self.sticky_polls.iter().sum::<u32>() as usize
    }

    /// Tasks that wait in the normal queue.
    pub fn normal_backlog(&self) -> usize {
        self.normal.len()
    }

    /// Tasks that wait in a pod's sticky queue.
    pub fn sticky_backlog(&self, pod: u32) -> usize {
        self.sticky[pod as usize].len()
    }

    /// Tasks that wait.
    pub fn backlog(&self) -> usize {
        self.normal.len() + self.sticky.iter().map(VecDeque::len).sum::<usize>()
    }
}

/// The activity task queue.
pub struct ActivityQueue {
    /// Who waits for whom, and how long: tasks without names, in order of arrival.
    matcher: Matcher,
    /// Which tasks wait.
    waiting: Backlog,
}

impl ActivityQueue {
    /// A queue with this backlog.
    pub fn new(backlog: Backlog) -> Self {
        ActivityQueue { matcher: Matcher::new(), waiting: backlog }
    }

    /// Whether a task offered now meets a poller at once.
    pub fn has_poller(&self) -> bool {
        self.matcher.pollers() > 0
    }

    /// A task comes: the pod that takes it, or it waits.
    pub fn offer_task(&mut self, now: Nanos, activity: u32) -> Option<u32> {
        let poller = self.matcher.offer_task(now, 0);
        if poller.is_none() {
            self.waiting.push(activity);
        }
        poller
    }

    /// A poller of a pod asks: the activity it gets, or it waits.
    pub fn offer_poller(&mut self, now: Nanos, pod: u32) -> Option<u32> {
        self.matcher.offer_poller(now, pod).and_then(|_| self.waiting.pop())
    }

    /// A pod's pollers give up: how many there were.
    pub fn withdraw_pollers(&mut self, now: Nanos, pod: u32) -> u32 {
        let mut withdrawn = 0;
        while self.matcher.withdraw_poller(now, pod) {
            withdrawn += 1;
        }
        withdrawn
    }

    /// A waiting task is taken away, to another queue.
    pub fn take_waiting(&mut self, now: Nanos) -> Option<u32> {
        if !self.matcher.withdraw_task(now, 0) {
            return None;
        }
        self.waiting.pop()
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
    /// Of them, those that ask the normal queue, where each poller asks one only.
    pub normal_pollers: u32,
    /// Polls for workflow tasks under way or waiting: at the normal queue, and at the sticky one.
    pub polls: [u32; 2],
    /// Activity pollers that wait for a slot.
    pub activity_pollers: u32,
    /// Pollers of workflow tasks and of activities that were added because tasks waited.
    pub added_pollers: [u32; 2],
    /// Workflows in its sticky cache.
    pub cached: u32,
    /// Outages it is in, and one where it is absent, not yet polling or draining.
    pub stops: u32,
    /// Which version of the code it runs.
    pub version: u8,
    /// Which version's task queues it polls.
    pub queue: u8,
    /// How far its process is.
    pub state: PodState,
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
            polls: [0; 2],
            activity_pollers: 0,
            cached: 0,
            stops: 0,
            version: OLD,
            queue: OLD,
            state: PodState::Ready,
            added_pollers: [0; 2],
            activities: TimeWeighted::new(Nanos::ZERO, 0),
            workflow_tasks: TimeWeighted::new(Nanos::ZERO, 0),
            activity_memory: TimeWeighted::new(Nanos::ZERO, 0),
        }
    }

    /// Whether it takes work that comes without a poll: it is ready, and not stopped.
    pub fn takes_work(&self) -> bool {
        self.state == PodState::Ready && self.stops == 0
    }

    /// A workflow task poller waits for a slot.
    pub fn park_workflow_poller(&mut self, sticky: bool) {
        self.workflow_pollers += 1;
        self.normal_pollers += u32::from(!sticky);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;

    fn queue(pods: u32) -> WorkflowTaskQueue {
        WorkflowTaskQueue::new(pods, Backlog::new(1, Streams::new(1).stream("test", "partitions", 0)))
    }

    #[test]
    fn a_normal_task_takes_the_poll_that_waited_longest() {
        let mut queue = queue(3);
        for pod in [2, 0, 1] {
            assert_eq!(queue.offer_poller(pod, false), None);
        }
        let taken: Vec<_> = (0..4).map(|_| queue.take_poller(None)).collect();
        assert_eq!(taken, [Some(2), Some(0), Some(1), None]);
    }

    #[test]
    fn a_task_takes_a_poll_of_its_own_queue_or_none() {
        let mut queue = queue(2);
        queue.offer_poller(0, true);
        assert_eq!((queue.take_poller(Some(1)), queue.take_poller(None)), (None, None));
        assert_eq!((queue.take_poller(Some(0)), queue.take_poller(Some(0))), (Some(0), None));
        queue.offer_poller(1, false);
        assert_eq!((queue.take_poller(Some(1)), queue.take_poller(None)), (None, Some(1)));
        assert_eq!(queue.pollers(), 0);
    }

    #[test]
    fn a_poll_sees_the_backlog_of_its_own_queue_only() {
        let mut queue = queue(2);
        queue.wait(10, None);
        queue.wait(11, Some(0));
        queue.wait(12, Some(1));
        assert_eq!((queue.backlog(), queue.normal_backlog(), queue.sticky_backlog(0)), (3, 1, 1));
        assert_eq!(queue.offer_poller(0, true), Some(11));
        assert_eq!(queue.offer_poller(0, true), None);
        assert_eq!(queue.offer_poller(1, false), Some(10));
        assert_eq!(queue.offer_poller(1, true), Some(12));
        assert_eq!((queue.backlog(), queue.pollers()), (0, 1));
    }

    #[test]
    fn pollers_are_neither_lost_nor_taken_twice() {
        for seed in 0..50 {
            let mut random = Streams::new(seed).stream("test", "pollers", 0);
            let pods = 1 + random.below(5) as u32;
            let mut queue = queue(pods);
            // Polls that wait, in order of arrival: slow, and plainly right.
            let mut reference: Vec<(u32, bool)> = Vec::new();
            for step in 0..2_000 {
                let (pod, sticky) = (random.below(u64::from(pods)) as u32, random.below(2) == 0);
                match random.below(5) {
                    0 | 1 => {
                        assert_eq!(queue.offer_poller(pod, sticky), None);
                        reference.push((pod, sticky));
                    }
                    2 | 3 => {
                        let fits = |waiting: &(u32, bool)| waiting.1 == sticky && (!sticky || waiting.0 == pod);
                        let expected = reference.iter().position(fits).map(|index| reference.remove(index).0);
                        let taken = queue.take_poller(sticky.then_some(pod));
                        assert_eq!(taken, expected, "seed {seed}, step {step}");
                    }
                    _ => {
                        let of =
                            |sticky: bool| reference.iter().filter(|waiting| **waiting == (pod, sticky)).count() as u32;
                        let expected = (of(false), of(true));
                        reference.retain(|waiting| waiting.0 != pod);
                        assert_eq!(queue.withdraw_pollers(pod), expected, "seed {seed}, step {step}");
                    }
                }
                assert_eq!(queue.pollers(), reference.len(), "seed {seed}, step {step}");
            }
        }
    }
}

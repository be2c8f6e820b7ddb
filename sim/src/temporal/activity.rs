//! Activities: scheduling, attempts, heartbeats, retries; and the worker pods that run them.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::{Bytes, Nanos};

use super::failures::Attempt;
use super::fleet_versions::OLD;
use super::forwarding::Kind;
use super::model::{Event, Model};
use super::program::HeartbeatSpec;
use super::record::Metric;
use super::state::{Chain, Ending, NONE, Purpose, WorkflowTask};
use super::timeouts::Timeout;
use super::visits::Process;
use crate::engine::Schedule;

impl Model {
    /// An activity is scheduled: it waits for a worker from now on.
    pub(super) fn activity_waits(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        self.activities[activity].first_scheduled = schedule.now();
        self.await_worker(activity, schedule);
    }

    /// The transfer tasks of an activity and of its siblings. One read finds all of them; each is a task of its own from then on.
    pub(super) fn schedule_activities(&mut self, first: u32, shard: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chain(Purpose::ScheduleActivity, OperationKind::TransferRead, first, shard);
        self.launch(chain, schedule);
        // Nobody knows what a provider reads.
        if self.provider.is_some() {
            self.siblings_read(first, shard, schedule);
        }
    }

    /// The read of a chain's queue task is over.
    #[inline]
    pub(super) fn read_is_over(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let Chain { purpose, target, shard, .. } = self.chains[id];
        if purpose == Purpose::ScheduleActivity && self.activities[target].sibling != NONE {
            self.siblings_read(target, shard, schedule);
        }
    }

    /// The read that found the transfer task of an activity is over: those of its siblings go on, too.
    fn siblings_read(&mut self, first: u32, shard: u32, schedule: &mut Schedule<Event>) {
        let mut sibling = std::mem::replace(&mut self.activities[first].sibling, NONE);
        while sibling != NONE {
            let next = std::mem::replace(&mut self.activities[sibling].sibling, NONE);
            let mut chain = self.chain(Purpose::ScheduleActivity, OperationKind::TransferRead, sibling, shard);
            chain.place = self.visits.after_read(OperationKind::TransferRead);
            self.launch(chain, schedule);
            sibling = next;
        }
    }

    /// A step of [`Purpose::ScheduleActivity`] is over: read, then matching.
    pub(super) fn activity_scheduled(&mut self, id: u32, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let activity = chain.target;
        if !chain.flag {
            chain.flag = true;
            chain.place = self.visits.dispatch();
            self.place_task(Kind::Activity, &mut chain);
            self.chains[id] = chain;
            self.advance(id, schedule);
            return;
        }
        self.chains.remove(id);
        let queue = self.queue_of_activity(activity);
        if self.activity_queue(queue).has_poller() && !chain.refused {
            if !chain.has_poller {
                self.forwarders.activity_polls.take_any();
            }
            if let Some(pod) = self.activity_queue(queue).offer_task(schedule.now(), activity) {
                self.deliver_passed_on_activity(activity, pod, u32::from(chain.partition), schedule);
            }
        } else {
            self.forwarders.free(Kind::Activity, u32::from(chain.partition));
            self.spool(Purpose::SpoolActivity, activity, chain, schedule);
        }
    }

    /// The task meets a poller, or waits in the backlog.
    pub(super) fn activity_spooled(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let queue = self.queue_of_activity(activity);
        if let Some(pod) = self.activity_queue(queue).offer_task(schedule.now(), activity) {
            self.forwarders.activity_polls.take_any();
            self.deliver_activity(activity, pod, schedule);
        }
    }

    /// Matching writes a task to its database because no poller waited.
    pub(super) fn spool(&mut self, purpose: Purpose, target: u32, from: Chain, schedule: &mut Schedule<Event>) {
        self.work.spooled += 1;
        let mut chain = self.chain(purpose, OperationKind::Spool, target, from.shard);
        chain.pods[Process::Matching as usize] = from.pods[Process::Matching as usize];
        self.launch(chain, schedule);
    }

    /// A task met a poller of this pod.
    pub(super) fn deliver_activity(&mut self, activity: u32, pod: u32, schedule: &mut Schedule<Event>) {
        self.deliver_passed_on_activity(activity, pod, 0, schedule);
    }

    /// The same for a task whose partition's forwarder waits for the answer.
    fn deliver_passed_on_activity(&mut self, activity: u32, pod: u32, partition: u32, schedule: &mut Schedule<Event>) {
        self.work.dispatched += 1;
        self.activities[activity].pod = pod;
        let shard = self.runs[self.activities[activity].run].shard;
        let mut chain = self.chain(Purpose::StartActivity, OperationKind::ActivityStarted, activity, shard);
        chain.worker = pod;
        chain.partition = partition as u8;
        chain.payload = self.program.activities[self.activities[activity].spec as usize].input.0 as u32;
        self.launch(chain, schedule);
    }

    /// The first running activity of a run has its time-out timer; the next gets one when that is done.
    pub(super) fn decide_activity_start(&mut self, id: u32) {
        let run = self.activities[self.chains[id].target].run;
        if !std::mem::replace(&mut self.runs[run].activity_timer, true) {
            self.chains[id].extra_statements += 1;
            self.chains[id].extra_writes += 1;
            self.chains[id].flag = true;
        }
    }

    pub(super) fn activity_started(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        self.stop_waiting(self.chains[id].target);
        let activity = self.activities[self.chains[id].target];
        let latency = schedule.now() - activity.scheduled;
        self.record(Metric::ScheduleToStartActivity, latency, schedule);
        if let Some(steps) = &mut self.steps {
            steps.activity_started(self.chains[id].target, activity.attempt, &self.runs[activity.run], schedule.now());
        }
        self.runs[activity.run].activities_started += 1;
        self.activities[self.chains[id].target].has_timer = self.chains[id].flag;
    }

    /// An attempt is going to end before its time-out: that finds nothing to do then. (The earliest of an activity's time-outs has a timer: where there are
    /// heartbeats, theirs.)
    fn plan_idle_timeout(&mut self, run: u32, timeout: Nanos, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        if timeout <= self.settings.longest_wait {
            self.plan_timer_read(shard, timeout, Timeout::Activity, schedule);
        } else {
            self.late_timeout(shard, timeout, schedule);
        }
    }

    /// The worker has the activity: it runs in its slot.
    pub(super) fn run_activity(&mut self, activity: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        if self.is_gone(pod) {
            return self.activity_lost_on_its_way(activity, pod, schedule);
        }
        let is_defective = self.workers[pod as usize].version != OLD && self.defect_strikes();
        let state = self.activities[activity];
        let spec = &self.program.activities[state.spec as usize];
        let takes = spec.takes.sample(&mut self.random.activity);
        let fails = self.random.failure.chance(spec.fails) || state.attempt <= spec.fails_first;
        let for_good = fails && spec.non_retryable.get() > 0.0 && self.random.failure.chance(spec.non_retryable);
        let attempt = Attempt { takes, cpu: spec.cpu, fails, for_good };
        let Attempt { takes, cpu, fails, for_good } = self.disturbed(activity, attempt);
        let spec = &self.program.activities[state.spec as usize];
        let timeout = spec.start_to_close.min(spec.schedule_to_close.saturating_sub(now - state.first_scheduled));
        let times_out = takes > timeout;
        let (memory, heartbeat) = (in_kib(spec.memory), spec.heartbeat);
        let start_to_close = spec.start_to_close;
        if state.has_timer && !times_out && heartbeat.is_none_or(|heartbeat| heartbeat.timeout.is_none()) {
            self.plan_idle_timeout(state.run, start_to_close, schedule);
        }
        self.activities[activity].started = now;
        self.activities[activity].ending = match (times_out, fails || is_defective) {
            (true, _) => Ending::TimesOut,
            (false, true) if for_good => Ending::FailsForGood,
            (false, true) => Ending::Fails,
            (false, false) => Ending::Completes,
        };
        let worker = &mut self.workers[pod as usize];
        worker.activities.add(now, 1);
        worker.activity_memory.add(now, u64::from(memory) << 10);
        let shard = self.runs[state.run].shard;
        let mut chain = self.chain(Purpose::RunActivity, OperationKind::Query, activity, shard);
        chain.place = self.visits.worker();
        chain.worker = pod;
        chain.work = cpu;
        chain.wait = takes.saturating_sub(cpu);
        chain.payload = memory;
        if times_out {
            // The worker goes on; the server does not wait for it.
            chain.purpose = Purpose::RunAbandonedActivity;
            schedule.after(timeout, Event::TimedOut(activity));
        }
        if let Some(heartbeat) = heartbeat {
            self.plan_heartbeats(state.run, pod, takes.min(timeout), heartbeat, schedule);
        }
        self.launch(chain, schedule);
    }

    /// Heartbeats and checks of their time-out while the activity runs. One due at the very end is not sent.
    fn plan_heartbeats(
        &mut self,
        run: u32,
        pod: u32,
        takes: Nanos,
        spec: HeartbeatSpec,
        schedule: &mut Schedule<Event>,
    ) {
        let mut at = spec.first;
        while at < takes {
            self.runs[run].references += 1;
            schedule.after(at, Event::Heartbeat { pod: pod as u16, run });
            at += spec.every;
        }
        let Some(timeout) = spec.timeout else { return };
        // A check that finds a heartbeat since sets the next timer to a time-out after that heartbeat. A timer takes as long as the queue
        // looks ahead at the least: 2.07 checks were measured of five heartbeats in 2.5 s with a time-out of 625 ms.
        let look_ahead = self.calibration.queues.timer_look_ahead;
        let mut check = timeout.max(look_ahead);
        while check < takes {
            self.runs[run].references += 1;
            schedule.after(check, Event::HeartbeatCheck(run));
            let last = match check >= spec.first {
                true => spec.first + spec.every * ((check - spec.first).0 / spec.every.0.max(1)),
                false => Nanos::ZERO,
            };
            check += (last + timeout).saturating_sub(check).max(look_ahead);
        }
    }

    pub(super) fn heartbeat_due(&mut self, run: u32, pod: u16, schedule: &mut Schedule<Event>) {
        self.work.actions += 1;
        let mut chain = self.chain(Purpose::Heartbeat, OperationKind::Heartbeat, run, self.runs[run].shard);
        chain.worker = u32::from(pod);
        self.launch(chain, schedule);
    }

    pub(super) fn heartbeat_check_due(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chain(Purpose::HeartbeatCheck, OperationKind::HeartbeatCheck, run, self.runs[run].shard);
        self.launch(chain, schedule);
    }

    /// The activity's code is done: the worker answers.
    pub(super) fn answer_activity(&mut self, activity: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let state = self.activities[activity];
        if self.fleet.is_some() {
            self.note_finished(&state, pod, schedule.now());
        }
        let last = self.last_attempt(activity, schedule.now());
        let (purpose, operation) = match state.ending {
            Ending::Fails if !last => (Purpose::FailActivity, OperationKind::ActivityFailed),
            Ending::Fails | Ending::FailsForGood => (Purpose::CompleteActivity, OperationKind::ActivityFailedForGood),
            _ => (Purpose::CompleteActivity, OperationKind::ActivityCompleted),
        };
        let shard = self.runs[state.run].shard;
        let mut chain = self.chain(purpose, operation, activity, shard);
        chain.worker = pod;
        chain.payload = self.program.activities[state.spec as usize].output.0 as u32;
        self.launch(chain, schedule);
    }

    /// Whether no attempt follows this one: the policy allows none, or it would begin after schedule-to-close.
    fn last_attempt(&self, activity: u32, now: Nanos) -> bool {
        let state = &self.activities[activity];
        let spec = &self.program.activities[state.spec as usize];
        let attempts = spec.attempts;
        if attempts > 0 && state.attempt >= attempts {
            return true;
        }
        now - state.first_scheduled + self.backoff(activity) >= spec.schedule_to_close
    }

    /// The wait before the next attempt, as the retry policy says.
    fn backoff(&self, activity: u32) -> Nanos {
        let state = &self.activities[activity];
        let spec = &self.program.activities[state.spec as usize];
        let growth = libm::pow(spec.retry_backoff, f64::from(state.attempt - 1));
        Nanos::from_secs_f64(spec.retry_initial.as_secs_f64() * growth).min(spec.retry_maximum)
    }

    /// The server gives an attempt up.
    pub(super) fn attempt_timed_out(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let run = self.activities[activity].run;
        if self.runs[run].closed {
            // Its own time-out is read with the run's, or nothing is left to be done.
            return self.forget_activity(activity);
        }
        let shard = self.runs[run].shard;
        let (purpose, operation) = match self.last_attempt(activity, schedule.now()) {
            true => (Purpose::CompleteActivity, OperationKind::ActivityGivenUp),
            false => (Purpose::FailActivity, OperationKind::ActivityTimedOut),
        };
        let mut chain = self.chain(purpose, operation, activity, shard);
        // No worker waits for the answer.
        chain.flag = true;
        self.launch(chain, schedule);
    }

    /// What an activity's end adds to its transaction.
    pub(super) fn decide_activity_end(&mut self, id: u32) {
        let run = self.activities[self.chains[id].target].run;
        self.decide_event(id, run, Some(OperationKind::ActivityCompletedBuffered));
        let scheduled = self.runs[run].task == WorkflowTask::None;
        if self.runs[run].activities_started > 1 {
            // The next activity's time-out timer: a row of the same INSERT, and an upsert of its activity.
            self.chains[id].extra_statements += if scheduled { 1 } else { 2 };
            self.chains[id].extra_writes += 2;
        }
    }

    pub(super) fn activity_ended(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chains[id];
        let state = self.activities[chain.target];
        let run = state.run;
        if let Some(steps) = &mut self.steps {
            steps.activity_ended(chain.target, &self.runs[run], schedule.now());
        }
        self.runs[run].activities_started -= 1;
        self.runs[run].activity_timer = self.runs[run].activities_started > 0;
        if state.ending != Ending::Completes {
            self.runs[run].failed = true;
        }
        let bytes = self.calibration.bytes.event_activity_closed.0 + u64::from(chain.payload);
        self.add_payload(run, chain.payload);
        self.add_events(run, 2, bytes);
        self.work.history_rows += u64::from(chain.operation != OperationKind::ActivityCompletedBuffered);
        self.notify(run, state.thread, schedule);
    }

    /// An attempt failed; another follows after the back-off (never sooner than the timer queue looks ahead).
    pub(super) fn attempt_failed(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let state = self.activities[activity];
        let run = state.run;
        self.runs[run].activities_started -= 1;
        self.runs[run].activity_timer = self.runs[run].activities_started > 0;
        let backoff = self.backoff(activity);
        let wait = self.wait_of(run, backoff.max(self.calibration.queues.timer_look_ahead), schedule);
        self.runs[run].references += 1;
        schedule.after(wait, Event::Retry(activity));
    }

    pub(super) fn retry_due(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let run = self.activities[activity].run;
        self.activities[activity].attempt += 1;
        self.work.actions += 1;
        let shard = self.runs[run].shard;
        let chain = self.chain(Purpose::RetryActivity, OperationKind::RetryFired, activity, shard);
        self.launch(chain, schedule);
    }

    /// An activity slot is free again.
    pub(super) fn leave_activity_slot(&mut self, pod: u32, memory_kib: u32, schedule: &mut Schedule<Event>) {
        let worker = &mut self.workers[pod as usize];
        worker.activities.sub(schedule.now(), 1);
        worker.activity_memory.sub(schedule.now(), u64::from(memory_kib) << 10);
        self.free_activity_slot(pod, schedule);
    }
}

/// Memory as chains carry it: whole KiB.
pub(super) fn in_kib(memory: Bytes) -> u32 {
    (memory.0 >> 10) as u32
}

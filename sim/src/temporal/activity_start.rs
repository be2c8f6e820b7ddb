//! Activities before they run: how long they may wait for a worker, and those that start with their workflow task's answer.

use plimsoll_profiles::EAGER_ACTIVITIES_PER_TASK;
use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::ends::QueueLimit;
use super::model::{Event, Model};
use super::state::{Chain, Command, NONE, Purpose};
use crate::engine::Schedule;

impl Model {
    /// An attempt waits for a worker from now on; where there is a limit to that, its timer runs.
    pub(super) fn await_worker(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let state = &mut self.activities[activity];
        state.scheduled = now;
        state.waiting = true;
        let spec = &self.program.activities[state.spec as usize];
        let left = spec.schedule_to_close.saturating_sub(now - state.first_scheduled);
        let limit = spec.schedule_to_start.min(left);
        // No task waits for longer than a simulation lasts.
        if limit > self.settings.longest_wait {
            return;
        }
        let index = self.lifecycle.queue_limits.insert(QueueLimit { activity });
        state.limit = index;
        schedule.after(limit, Event::QueueLimit(index));
    }

    /// The attempt has started, or the activity is no more: its timer finds nothing to do.
    pub(super) fn stop_waiting(&mut self, activity: u32) {
        let state = &mut self.activities[activity];
        state.waiting = false;
        let limit = std::mem::replace(&mut state.limit, NONE);
        if limit != NONE {
            self.lifecycle.queue_limits[limit].activity = NONE;
        }
    }

    /// The limit of a wait is over.
    pub(super) fn queue_limit_due(&mut self, index: u32, schedule: &mut Schedule<Event>) {
        let activity = self.lifecycle.queue_limits[index].activity;
        self.lifecycle.queue_limits.remove(index);
        if activity == NONE {
            return;
        }
        self.activities[activity].limit = NONE;
        let run = self.activities[activity].run;
        self.runs[run].references += 1;
        let mut chain =
            self.chain(Purpose::GiveUpActivity, OperationKind::ActivityGivenUp, activity, self.runs[run].shard);
        chain.run = run;
        self.launch(chain, schedule);
    }

    /// The activity failed because no worker took it in time. (Neither time-out is retried.) Matching learns of that when a
    /// poller takes the task.
    pub(super) fn activity_given_up(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.run;
        let state = &mut self.activities[chain.target];
        state.given_up = true;
        state.waiting = false;
        let thread = std::mem::replace(&mut state.thread, NONE);
        self.runs[run].failed = true;
        self.add_events(run, 1, self.calibration.bytes.event_activity_closed.0);
        self.work.history_rows += 1;
        self.notify(run, thread, schedule);
    }

    /// Which timers an activity sets with its scheduling: whether it starts at once, and whether its wait has a limit.
    pub(super) fn timers_with_schedule(&self, activity: u32) -> (bool, bool) {
        let state = &self.activities[activity];
        let spec = &self.program.activities[state.spec as usize];
        let limited = spec.schedule_to_start.min(spec.schedule_to_close) < Nanos::MAX_INPUT;
        (state.eager, limited)
    }

    /// A worker completes a task: it reserves slots for the first of the activities it schedules.
    pub(super) fn reserve_eager_activities(&mut self, run: u32, pod: u32) {
        if !self.workers[pod as usize].takes_work() {
            return;
        }
        let mut thread = self.runs[run].commands;
        let mut reserved = 0;
        while thread != NONE && reserved < EAGER_ACTIVITIES_PER_TASK {
            if let Command::Activity(activity) = self.threads[thread].command {
                let slots = &mut self.workers[pod as usize].activity_slots;
                if *slots == 0 {
                    return;
                }
                *slots -= 1;
                self.activities[activity].eager = true;
                self.activities[activity].pod = pod;
                reserved += 1;
            }
            thread = self.threads[thread].next;
        }
    }

    /// An activity that will not start gives the slot back that was reserved for it.
    pub(super) fn give_back_reservation(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let state = self.activities[activity];
        if state.eager {
            self.free_activity_slot(state.pod, schedule);
        }
    }

    /// The workflow task's completion started the activity: its worker learns that from the answer.
    pub(super) fn start_eager_activity(&mut self, activity: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let state = &mut self.activities[activity];
        state.scheduled = now;
        state.first_scheduled = now;
        // A retry goes the usual way.
        state.eager = false;
        state.has_timer = true;
        let run = state.run;
        if let Some(steps) = &mut self.steps {
            steps.activity_started(activity, 1, &self.runs[run], now);
        }
        self.runs[run].activities_started += 1;
        self.runs[run].activity_timer = true;
        let shard = self.runs[run].shard;
        let mut chain = self.chain(Purpose::StartEagerActivity, OperationKind::Query, activity, shard);
        chain.place = self.visits.worker();
        chain.worker = pod;
        chain.wait = Nanos(self.client_trip.0 / 2);
        self.launch(chain, schedule);
    }
}

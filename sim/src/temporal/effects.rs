//! What a chain does at the three places where the model takes part: when it holds the shard, when its write is durable,
//! and when it is done.

use super::activity::in_kib;
use super::forwarding::Kind;
use super::model::{Event, Model};
use super::state::{Chain, NONE, Purpose};
use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use crate::engine::Schedule;

impl Model {
    /// The chain decides now what it will write.
    pub(super) fn decide_at(&mut self, id: u32, schedule: &Schedule<Event>) {
        self.date(id, schedule.now());
        self.decide(id);
    }

    /// The event that a chain makes bears this time.
    pub(super) fn date(&mut self, id: u32, now: Nanos) {
        if let Some(steps) = &mut self.steps {
            steps.decided(id, now);
        }
    }

    /// The shard's permit is held: state cannot change until the write is durable, so what it is can be decided.
    fn decide(&mut self, id: u32) {
        let chain = self.chains[id];
        if self.is_for_a_closed_run(&chain) {
            self.chains[id].refused = true;
            let operation = chain.operation;
            // An activity's or a child's end that comes to a closed run makes the server load the run again. Measured: nine SELECTs more for each
            // activity that was under way when its workflow was cancelled or terminated.
            self.chains[id].place = match chain.purpose {
                // A timer that ends an attempt just finds nothing to do.
                Purpose::CompleteActivity | Purpose::FailActivity if chain.flag => self.visits.refused(operation),
                Purpose::CompleteActivity | Purpose::FailActivity | Purpose::Heartbeat | Purpose::ChildCompleted => {
                    self.visits.refused_and_loaded(operation)
                }
                _ => self.visits.refused(operation),
            };
            return;
        }
        match chain.purpose {
            Purpose::CompleteWorkflowTask => self.decide_completion(id),
            Purpose::StartActivity => self.decide_activity_start(id),
            Purpose::CompleteActivity => self.decide_activity_end(id),
            Purpose::FireTimer => {
                let run = chain.run;
                self.decide_event(id, run, Some(OperationKind::TimerFiredBuffered));
            }
            Purpose::HeartbeatWorkflowTask => self.decide_task_heartbeat(id),
            Purpose::Cancel => {
                self.decide_event(id, chain.target, Some(OperationKind::CancelRequestedBuffered));
            }
            Purpose::GiveUpActivity => {
                let run = chain.run;
                self.decide_event(id, run, None);
            }
            Purpose::Message | Purpose::Signal => {
                let run = chain.run;
                let buffered = (chain.operation == OperationKind::Signal).then_some(OperationKind::SignalBuffered);
                self.decide_event(id, run, buffered);
            }
            Purpose::ChildStarted => {
                let run = chain.run;
                self.decide_event(id, run, None);
            }
            Purpose::ChildCompleted => {
                let run = chain.run;
                self.decide_event(id, run, Some(OperationKind::ChildCompletedBuffered));
            }
            _ => {}
        }
    }

    /// Whether the server answers NotFound: the run was closed meanwhile (an activity of a failed workflow, its timers, its
    /// signals).
    fn is_for_a_closed_run(&self, chain: &Chain) -> bool {
        match chain.purpose {
            Purpose::StartActivity if self.activities[chain.target].given_up => return true,
            Purpose::GiveUpActivity if !self.activities[chain.target].waiting => return true,
            _ => {}
        }
        self.run_of(chain).is_some_and(|run| self.runs[run].closed)
    }

    /// The run that a chain writes to, if it is there already.
    pub(super) fn run_of(&self, chain: &Chain) -> Option<u32> {
        match chain.purpose {
            Purpose::StartActivity | Purpose::CompleteActivity | Purpose::FailActivity | Purpose::GiveUpActivity => {
                Some(self.activities[chain.target].run)
            }
            Purpose::FireTimer
            | Purpose::Message
            | Purpose::Signal
            | Purpose::ChildStarted
            | Purpose::ChildCompleted => Some(chain.run),
            Purpose::Heartbeat
            | Purpose::HeartbeatCheck
            | Purpose::StartWorkflowTask
            | Purpose::CompleteWorkflowTask
            | Purpose::HeartbeatWorkflowTask
            | Purpose::StickyTimeout
            | Purpose::ChildFirstTask
            | Purpose::FirstTask
            | Purpose::Cancel
            | Purpose::Terminate => Some(chain.target),
            _ => None,
        }
    }

    /// The write is durable.
    pub(super) fn committed(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        if let Some(steps) = &mut self.steps {
            steps.writes(id);
        }
        self.make_effects(id, schedule);
        if let Some(steps) = &mut self.steps {
            steps.written();
        }
    }

    fn make_effects(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chains[id];
        let bytes = &self.calibration.bytes;
        if !matches!(
            chain.purpose,
            Purpose::SpoolWorkflow | Purpose::SpoolActivity | Purpose::RetentionDelete | Purpose::Background
        ) {
            self.work.state_transitions += 1;
            // The old run's and the new run's.
            self.work.state_transitions += u64::from(chain.operation == OperationKind::ContinueAsNew);
        }
        match chain.purpose {
            Purpose::Start => self.started(&chain, schedule),
            Purpose::CreateChild => {
                self.started(&chain, schedule);
                let parent = self.threads[self.runs[chain.target].parent].run;
                self.link_child(parent, chain.target, schedule);
            }
            Purpose::StartWorkflowTask => self.workflow_task_started(chain.target, schedule),
            Purpose::CompleteWorkflowTask => self.workflow_task_completed(id, schedule),
            Purpose::HeartbeatWorkflowTask => self.task_heartbeat_recorded(chain.target, schedule),
            Purpose::StickyTimeout => self.sticky_timed_out(chain.target, schedule),
            Purpose::Cancel => self.cancel_requested(&chain, schedule),
            Purpose::Terminate => self.ended_from_outside(&chain, schedule),
            Purpose::GiveUpActivity => self.activity_given_up(&chain, schedule),
            Purpose::ScheduleFires => {
                self.work.history_rows += 1;
                self.work.history_bytes += bytes.event_task_started.0;
            }
            Purpose::StartActivity => self.activity_started(id, schedule),
            Purpose::CompleteActivity => self.activity_ended(id, schedule),
            Purpose::FailActivity => self.attempt_failed(chain.target, schedule),
            Purpose::FireTimer => {
                let run = chain.run;
                let added = bytes.event_timer_fired.0;
                self.add_events(run, 1, added);
                self.work.history_rows += 1;
                self.notify(run, chain.target, schedule);
            }
            Purpose::Message => {
                let run = chain.run;
                let added = bytes.event_signal.0 + u64::from(chain.payload);
                self.add_payload(run, chain.payload);
                self.add_events(run, 1, added);
                self.work.history_rows += u64::from(chain.operation != OperationKind::SignalBuffered);
                self.notify(run, chain.target, schedule);
            }
            Purpose::Signal => self.signal_arrived(&chain, schedule),
            Purpose::ChildStarted => {
                let run = chain.run;
                let added = bytes.event_child_started.0;
                self.add_events(run, 1, added);
                self.work.history_rows += 1;
                self.notify(run, if chain.flag { chain.target } else { NONE }, schedule);
            }
            Purpose::ChildFirstTask | Purpose::FirstTask => {
                self.work.history_rows += 1;
                self.schedule_workflow_task(chain.target, schedule);
            }
            Purpose::ChildCompleted => {
                let run = chain.run;
                let added = bytes.event_child_closed.0;
                self.add_events(run, 1, added);
                // A child's failure fails its parent, as an activity's does.
                self.runs[run].failed |= chain.flag;
                self.work.history_rows += 1;
                self.notify(run, chain.target, schedule);
            }
            _ => {}
        }
    }

    /// The chain is done.
    pub(super) fn ended(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chains[id];
        self.chains.remove(id);
        match chain.purpose {
            // These go on to matching as a chain of the same kind.
            Purpose::ScheduleWorkflowTask => {
                let id = self.chains.insert(chain);
                self.workflow_task_scheduled(id, chain, schedule);
            }
            Purpose::ScheduleActivity => {
                let id = self.chains.insert(chain);
                self.activity_scheduled(id, chain, schedule);
            }
            Purpose::RetryActivity => {
                let chain = Chain { purpose: Purpose::ScheduleActivity, ..chain };
                let id = self.chains.insert(chain);
                self.await_worker(chain.target, schedule);
                self.activity_scheduled(id, chain, schedule);
            }
            Purpose::Start => self.start_answered(&chain, schedule),
            Purpose::ShowStart => self.start_shown(chain, schedule),
            Purpose::ScheduleFires => self.schedule_goes_on(chain, schedule),
            Purpose::SpoolWorkflow => self.workflow_task_spooled(chain.target, schedule),
            Purpose::SpoolActivity => self.activity_spooled(chain.target, schedule),
            // Matching drops the task, and the poller waits for another.
            Purpose::StartWorkflowTask if self.runs[chain.target].closed => {
                self.forwarders.free(Kind::Workflow, u32::from(chain.partition));
                self.polled(Purpose::PollWorkflow, chain.worker, chain.flag, 0, schedule);
                self.release(chain.target);
            }
            Purpose::StartWorkflowTask => {
                self.forwarders.free(Kind::Workflow, u32::from(chain.partition));
                if chain.operation == OperationKind::SpeculativeTaskStarted {
                    self.speculative_task_started(id, chain.target, schedule);
                }
                self.workers[chain.worker as usize].workflow_tasks.add(schedule.now(), 1);
                self.workflow_poll_returned(chain.worker, chain.flag, schedule);
                self.run_workflow_task(chain.target, chain.worker, schedule);
            }
            Purpose::RunWorkflowTask => self.answer_workflow_task(chain.target, chain.worker, schedule),
            Purpose::LoadRun => self.answer_workflow_task(chain.target, chain.worker, schedule),
            Purpose::FetchHistory if self.runs[chain.target].closed => {
                self.answer_workflow_task(chain.target, chain.worker, schedule);
            }
            Purpose::FetchHistory => self.run_workflow_code(chain.target, chain.worker, true, schedule),
            Purpose::HeartbeatWorkflowTask if !chain.refused => {
                self.go_on_with_task(chain.target, chain.worker, schedule);
            }
            Purpose::RejectUpdate => self.update_rejected(&chain, schedule),
            Purpose::CompleteWorkflowTask | Purpose::HeartbeatWorkflowTask => {
                if chain.purpose == Purpose::CompleteWorkflowTask {
                    self.send_wanted_queries(chain.target, schedule);
                }
                if chain.flag {
                    self.run_workflow_task(chain.target, chain.worker, schedule);
                } else {
                    self.leave_workflow_slot(chain.worker, schedule);
                    self.release(chain.target);
                }
            }
            // Matching drops the task, and the poller waits for another.
            Purpose::StartActivity if chain.refused => {
                self.forwarders.free(Kind::Activity, u32::from(chain.partition));
                self.forget_activity(chain.target);
                self.polled(Purpose::PollActivity, chain.worker, false, u32::from(chain.partition), schedule);
            }
            Purpose::StartActivity => {
                self.forwarders.free(Kind::Activity, u32::from(chain.partition));
                self.activity_poller_free(chain.worker, schedule);
                self.run_activity(chain.target, chain.worker, schedule);
            }
            Purpose::StartEagerActivity => self.run_activity(chain.target, chain.worker, schedule),
            Purpose::GiveUpActivity => self.release(chain.run),
            Purpose::RunActivity => self.answer_activity(chain.target, chain.worker, schedule),
            Purpose::RunAbandonedActivity => {
                self.leave_activity_slot(chain.worker, chain.payload, schedule);
            }
            Purpose::CompleteActivity | Purpose::FailActivity => {
                let state = self.activities[chain.target];
                if !chain.flag {
                    let memory = in_kib(self.program.activities[state.spec as usize].memory);
                    self.leave_activity_slot(chain.worker, memory, schedule);
                }
                if chain.refused {
                    self.forget_activity(chain.target);
                    return;
                }
                if chain.purpose == Purpose::CompleteActivity {
                    self.activities.remove(chain.target);
                }
                self.release(state.run);
            }
            Purpose::Heartbeat | Purpose::HeartbeatCheck => self.release(chain.target),
            Purpose::FireTimer | Purpose::Message => self.leave(&chain),
            Purpose::Update => self.update_admitted(&chain, schedule),
            Purpose::SentUpdate => self.sent_update_admitted(&chain, schedule),
            Purpose::Query | Purpose::RunQuery => self.query_goes_on(chain, schedule),
            Purpose::Cancel | Purpose::Terminate | Purpose::StickyTimeout => self.release(chain.target),
            Purpose::RetentionDelete => self.retention_goes_on(chain, schedule),
            Purpose::Signal => self.signal_answered(chain.target, schedule),
            Purpose::StartChild => self.create_child(chain.target, schedule),
            Purpose::CreateChild => self.child_created(chain.target, schedule),
            // A thread that waits for the child's end is forgotten there.
            Purpose::ChildStarted if !chain.flag => self.release(chain.run),
            Purpose::ChildStarted => self.leave(&chain),
            Purpose::ChildFirstTask | Purpose::FirstTask => self.release(chain.target),
            Purpose::ChildCompleted => self.leave(&chain),
            Purpose::Result => self.result(chain.target, schedule),
            Purpose::PollWorkflow | Purpose::PollActivity => self.poll_arrives(&chain, schedule),
            Purpose::Lost => self.lost_chain_ended(),
            _ => {}
        }
    }

    /// What a thread waited for is over; of a closed run the thread goes as well.
    fn leave(&mut self, chain: &Chain) {
        if chain.refused && chain.target != NONE {
            self.free_thread(chain.target);
        }
        self.release(chain.run);
    }

    /// An activity of a closed run.
    pub(super) fn forget_activity(&mut self, activity: u32) {
        self.stop_waiting(activity);
        let state = self.activities[activity];
        self.activities.remove(activity);
        if state.thread != NONE {
            self.free_thread(state.thread);
        }
        self.release(state.run);
    }
}

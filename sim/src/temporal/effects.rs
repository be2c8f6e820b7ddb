//! What a chain does at the three places where the model takes part: when it holds the shard, when its write is durable,
//! and when it is done.

use super::model::{Event, Model};
use super::record::Metric;
use super::state::{NONE, Purpose};
use plimsoll_profiles::calibration::OperationKind;

use crate::engine::Schedule;

impl Model {
    /// The shard's permit is held: state cannot change until the write is durable, so what it is can be decided.
    pub(super) fn decide(&mut self, id: u32) {
        let chain = self.chains[id];
        match chain.purpose {
            Purpose::CompleteWorkflowTask => self.decide_completion(id),
            Purpose::StartActivity => self.decide_activity_start(id),
            Purpose::CompleteActivity => self.decide_activity_end(id),
            Purpose::FireTimer => {
                let run = chain.run;
                self.decide_event(id, run, Some(OperationKind::TimerFiredBuffered));
            }
            Purpose::Message => {
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

    /// The write is durable.
    pub(super) fn committed(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chains[id];
        let bytes = &self.calibration.bytes;
        if !matches!(chain.purpose, Purpose::SpoolWorkflow | Purpose::SpoolActivity | Purpose::Background) {
            self.work.state_transitions += 1;
        }
        match chain.purpose {
            Purpose::Start | Purpose::CreateChild => {
                let added = bytes.event_start.0 + u64::from(chain.payload);
                self.add_events(chain.target, 2, added);
                self.work.history_rows += 1;
                self.background(OperationKind::Visibility, chain.shard, schedule);
                if chain.purpose == Purpose::Start {
                    self.schedule_workflow_task(chain.target, schedule);
                }
            }
            Purpose::StartWorkflowTask => self.workflow_task_started(chain.target, schedule),
            Purpose::CompleteWorkflowTask => self.workflow_task_completed(id, schedule),
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
                self.add_events(run, 1, added);
                self.work.history_rows += u64::from(chain.operation != OperationKind::SignalBuffered);
                self.notify(run, chain.target, schedule);
            }
            Purpose::ChildStarted => {
                let run = chain.run;
                let added = bytes.event_child_started.0;
                self.add_events(run, 1, added);
                self.work.history_rows += 1;
                self.notify(run, if chain.flag { chain.target } else { NONE }, schedule);
            }
            Purpose::ChildFirstTask => {
                self.work.history_rows += 1;
                self.schedule_workflow_task(chain.target, schedule);
            }
            Purpose::ChildCompleted => {
                let run = chain.run;
                let added = bytes.event_child_closed.0;
                self.add_events(run, 1, added);
                self.work.history_rows += 1;
                self.notify(run, chain.target, schedule);
            }
            _ => {}
        }
    }

    /// The chain is done.
    pub(super) fn ended(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chains[id];
        match chain.purpose {
            // These go on to matching as the same chain.
            Purpose::ScheduleWorkflowTask => return self.workflow_task_scheduled(id, chain, schedule),
            Purpose::ScheduleActivity => return self.activity_scheduled(id, chain, schedule),
            Purpose::RetryActivity => {
                self.chains[id].purpose = Purpose::ScheduleActivity;
                self.activities[chain.target].scheduled = schedule.now();
                let chain = self.chains[id];
                return self.activity_scheduled(id, chain, schedule);
            }
            _ => self.chains.remove(id),
        }
        match chain.purpose {
            Purpose::Start => {
                let latency = schedule.now() - self.runs[chain.target].intended;
                self.record(Metric::Start, latency, schedule);
            }
            Purpose::SpoolWorkflow => self.workflow_task_spooled(chain.target, schedule),
            Purpose::SpoolActivity => self.activity_spooled(chain.target, schedule),
            Purpose::StartWorkflowTask => {
                self.workers[chain.worker as usize].workflow_tasks.add(schedule.now(), 1);
                self.poller_free(Purpose::PollWorkflow, chain.worker, schedule);
                self.run_workflow_task(chain.target, chain.worker, schedule);
            }
            Purpose::RunWorkflowTask => self.answer_workflow_task(chain.target, chain.worker, schedule),
            Purpose::CompleteWorkflowTask => {
                if chain.flag {
                    self.run_workflow_task(chain.target, chain.worker, schedule);
                } else {
                    self.leave_workflow_slot(chain.worker, schedule);
                    self.release(chain.target);
                }
            }
            Purpose::StartActivity => {
                self.poller_free(Purpose::PollActivity, chain.worker, schedule);
                self.run_activity(chain.target, chain.worker, schedule);
            }
            Purpose::RunActivity => self.answer_activity(chain.target, chain.worker, schedule),
            Purpose::RunAbandonedActivity => {
                self.leave_activity_slot(chain.worker, u64::from(chain.payload) << 10, schedule);
            }
            Purpose::CompleteActivity | Purpose::FailActivity => {
                let state = self.activities[chain.target];
                if !chain.flag {
                    let memory = self.program.activities[state.spec as usize].memory.0 >> 10 << 10;
                    self.leave_activity_slot(chain.worker, memory, schedule);
                }
                if chain.purpose == Purpose::CompleteActivity {
                    self.activities.remove(chain.target);
                }
                self.release(state.run);
            }
            Purpose::Heartbeat | Purpose::HeartbeatCheck => self.release(chain.target),
            Purpose::FireTimer | Purpose::Message => self.release(chain.run),
            Purpose::StartChild => self.create_child(chain.target, schedule),
            Purpose::CreateChild => self.child_created(chain.target, schedule),
            Purpose::ChildStarted => self.release(chain.run),
            Purpose::ChildFirstTask => self.release(chain.target),
            Purpose::ChildCompleted => self.release(chain.run),
            Purpose::Result => self.result(chain.target, schedule),
            Purpose::PollWorkflow | Purpose::PollActivity => self.polled(chain.purpose, chain.target, schedule),
            _ => {}
        }
    }
}

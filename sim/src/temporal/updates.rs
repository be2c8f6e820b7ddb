//! Updates: requests that reach a workflow without a write of their own.
//!
//! An update is kept in history's memory. When no workflow task is pending it causes a *speculative* one, which goes to matching
//! without a transfer task and starts without a write; the task's completion writes all its events at once, or nothing when every
//! update was rejected (server, `service/history/api/updateworkflow`, `respondworkflowtaskcompleted`).

use plimsoll_profiles::calibration::OperationKind;

use super::model::{Event, Model};
use super::program::Instruction;
use super::state::{Chain, NONE, Purpose, SentUpdate, WorkflowTask};
use crate::engine::Schedule;

impl Model {
    /// An update is in history's memory: the pending workflow task will carry it, or a speculative one does.
    pub(super) fn update_admitted(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let (run, thread) = (chain.run, chain.target);
        if self.runs[run].closed {
            self.free_thread(thread);
            return self.release(run);
        }
        self.threads[thread].next = self.runs[run].updates;
        self.runs[run].updates = thread;
        self.runs[run].has_updates = true;
        if self.runs[run].task == WorkflowTask::None {
            self.schedule_speculative_task(run, schedule);
        }
        self.release(run);
    }

    /// A workflow task that nothing is written of: history hands it to matching itself.
    fn schedule_speculative_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.runs[run];
        state.task = WorkflowTask::Scheduled;
        state.task_scheduled = schedule.now();
        state.task_number = state.task_number.wrapping_add(1);
        state.speculative = true;
        state.references += 1;
        if let Some(steps) = &mut self.steps {
            steps.task_scheduled(run, schedule.now());
        }
        let (shard, cold) = (state.shard, std::mem::take(&mut state.cold));
        let chain = self.chain(Purpose::ScheduleWorkflowTask, OperationKind::ColdLoad, run, shard);
        if cold {
            return self.launch(chain, schedule);
        }
        self.dispatch_workflow_task(chain, schedule);
    }

    /// A speculative task has reached a worker: nothing is durable yet.
    pub(super) fn speculative_task_started(&mut self, chain: u32, run: u32, schedule: &mut Schedule<Event>) {
        let latency = schedule.now() - self.runs[run].task_scheduled;
        self.record(super::record::Metric::ScheduleToStartWorkflow, latency, schedule);
        if let Some(steps) = &mut self.steps {
            steps.writes(chain);
        }
        self.begin_speculative_task(run, schedule);
        if let Some(steps) = &mut self.steps {
            steps.written();
        }
    }

    fn begin_speculative_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if let Some(steps) = &mut self.steps {
            steps.task_started(run, &self.runs[run], schedule.now());
        }
        let state = &mut self.runs[run];
        state.task = WorkflowTask::Started;
        state.accepted = false;
        state.visible = std::mem::replace(&mut state.ready, NONE);
        self.carry_queries(run);
        self.deliver_updates(run, schedule);
    }

    /// A workflow task carries the admitted updates: the code of those that its validator lets pass goes on, the client of
    /// another will send the next.
    pub(super) fn deliver_updates(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.runs[run].has_updates = false;
        self.deliver_sent_updates(run);
        let mut thread = std::mem::replace(&mut self.runs[run].updates, NONE);
        while thread != NONE {
            let next = self.threads[thread].next;
            let place = self.threads[thread].place - 1;
            let workflow = self.runs[run].workflow as usize;
            let instruction = self.program.types[workflow].instructions[place as usize];
            let (Instruction::Update(index) | Instruction::MessageFromStart(index)) = instruction else {
                unreachable!("an update for a thread that waits at {instruction:?}");
            };
            if self.accepts(run, index) {
                self.make_visible(run, thread);
            } else {
                self.threads[thread].next = NONE;
                self.expect_message(run, thread, index, schedule);
            }
            thread = next;
        }
    }

    /// Whether the workflow's validator lets an update pass; of one that it does, the events come with the task's completion.
    fn accepts(&mut self, run: u32, span: u32) -> bool {
        let spec = &self.program.spans[span as usize];
        if spec.rejected.get() > 0.0 && self.random.branch.chance(spec.rejected) {
            return false;
        }
        let bytes = self.calibration.bytes.event_update.0 + spec.payload.0;
        self.add_events(run, 2, bytes);
        self.runs[run].accepted = true;
        true
    }

    fn make_visible(&mut self, run: u32, thread: u32) {
        self.threads[thread].next = self.runs[run].visible;
        self.runs[run].visible = thread;
    }

    /// The same for updates that are sent whether or not the workflow waits for them.
    fn deliver_sent_updates(&mut self, run: u32) {
        let mut signaller = self.runs[run].signallers;
        while signaller != NONE {
            let state = self.signallers[signaller];
            if state.update == SentUpdate::Admitted {
                let accepted = self.accepts(run, state.span);
                self.runs[run].carries = true;
                let state = &mut self.signallers[signaller];
                state.update = if accepted { SentUpdate::Accepted } else { SentUpdate::Rejected };
                if accepted {
                    let thread = std::mem::replace(&mut state.thread, NONE);
                    match thread {
                        NONE => state.arrived += 1,
                        thread => self.make_visible(run, thread),
                    }
                }
            }
            signaller = state.next;
        }
    }

    /// An update that no thread may wait for yet is in history's memory.
    pub(super) fn sent_update_admitted(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.run;
        if self.signallers[chain.target].dismissed {
            self.signallers.remove(chain.target);
            return self.release(run);
        }
        self.signallers[chain.target].update = SentUpdate::Admitted;
        self.runs[run].has_updates = true;
        if self.runs[run].task == WorkflowTask::None {
            self.schedule_speculative_task(run, schedule);
        }
    }

    /// The workflow task that carried updates is over: their clients have their answers.
    pub(super) fn answer_updates(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if !std::mem::take(&mut self.runs[run].carries) {
            return;
        }
        let mut signaller = self.runs[run].signallers;
        while signaller != NONE {
            let state = &mut self.signallers[signaller];
            let next = state.next;
            match std::mem::replace(&mut state.update, SentUpdate::No) {
                SentUpdate::Accepted => self.signal_answered(signaller, schedule),
                SentUpdate::Rejected => self.plan_signal(signaller, schedule),
                waiting => state.update = waiting,
            }
            signaller = next;
        }
    }

    /// How a worker answers a speculative task: nothing is written when all it did was to reject.
    pub(super) fn speculative_answer(&mut self, run: u32) -> (Purpose, OperationKind) {
        match self.runs[run].accepted {
            true => (Purpose::CompleteWorkflowTask, OperationKind::SpeculativeTaskCompleted),
            false => (Purpose::RejectUpdate, OperationKind::UpdateRejected),
        }
    }

    /// A speculative task that only rejected is forgotten; one that an event was written with meanwhile is completed after all.
    pub(super) fn update_rejected(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        if !self.runs[run].closed && !self.runs[run].speculative {
            return self.answer_workflow_task(run, chain.worker, schedule);
        }
        if !self.runs[run].closed {
            self.runs[run].speculative = false;
            self.runs[run].task = WorkflowTask::None;
            self.answer_updates(run, schedule);
            self.answer_queries(run, schedule);
            match self.runs[run].has_updates {
                true => self.schedule_speculative_task(run, schedule),
                false => self.free_queries(run, schedule),
            }
        }
        self.leave_workflow_slot(chain.worker, schedule);
        self.release(run);
    }

    /// A workflow task is done and no event waits: updates that came meanwhile travel with its answer, in a speculative task.
    pub(super) fn task_done(&mut self, id: u32, run: u32, schedule: &mut Schedule<Event>) {
        if !self.runs[run].has_updates {
            self.runs[run].task = WorkflowTask::None;
            return self.free_queries(run, schedule);
        }
        self.runs[run].speculative = true;
        self.begin_speculative_task(run, schedule);
        self.chains[id].flag = true;
    }

    /// The run ends: updates that wait for a workflow task are aborted.
    pub(super) fn drop_updates(&mut self, run: u32) {
        self.runs[run].has_updates = false;
        let mut thread = std::mem::replace(&mut self.runs[run].updates, NONE);
        while thread != NONE {
            let next = self.threads[thread].next;
            self.free_thread(thread);
            thread = next;
        }
    }
}

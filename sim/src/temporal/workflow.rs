//! Workflow tasks: their way to a worker and back, their commands, and the end of a run.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::forwarding::Kind;
use super::model::{Event, Model};
use super::program::Instruction;
use super::record::Metric;
use super::state::{Chain, Closing, LostTask, NONE, Purpose, WorkflowTask};
use super::timeouts::Timeout;
use crate::engine::Schedule;

/// The server gives a workflow task this long (default `workflowTaskTimeout`); its timer is not deleted when the task is done.
pub(super) const WORKFLOW_TASK_TIMEOUT: Nanos = Nanos::from_secs(10);
/// A worker whose local activities last longer completes its task and asks for another at once, at this share of the time-out
/// (SDKs: 80 %; Go `internal_task_handlers.go`, Core `workflow_task_timeout` heartbeat).
const WORKFLOW_TASK_HEARTBEAT: Nanos = Nanos::from_secs(8);

impl Model {
    /// One thing less knows the run; a closed run nobody knows is forgotten.
    pub(super) fn release(&mut self, run: u32) {
        self.runs[run].references -= 1;
        if self.runs[run].references == 0 && self.runs[run].closed {
            self.queries.forget(run);
            self.runs.remove(run);
        }
    }

    /// An event of a thread is in the history (or buffered): a workflow task will see it.
    pub(super) fn notify(&mut self, run: u32, thread: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.runs[run];
        if state.closed || matches!(state.closing, Closing::Failed | Closing::Cancelled) {
            if thread != NONE {
                self.free_thread(thread);
            }
            return;
        }
        let buffered = state.task == WorkflowTask::Started;
        // With the event's write the task is written too: it becomes one like any other.
        state.speculative = false;
        self.runs[run].has_buffered |= buffered;
        if thread != NONE {
            let list = if buffered { &mut self.runs[run].buffered } else { &mut self.runs[run].ready };
            self.threads[thread].next = *list;
            *list = thread;
        }
        if self.runs[run].task == WorkflowTask::None {
            self.schedule_workflow_task(run, schedule);
        }
    }

    /// A workflow task is in the transfer queue: read it, load the run if need be, hand it to matching.
    pub(super) fn schedule_workflow_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.runs[run].task = WorkflowTask::Scheduled;
        self.runs[run].task_scheduled = schedule.now();
        self.runs[run].task_number = self.runs[run].task_number.wrapping_add(1);
        self.runs[run].references += 1;
        if let Some(steps) = &mut self.steps {
            steps.task_scheduled(run, schedule.now());
        }
        self.hand_to_matching(run, schedule);
    }

    /// A workflow task that waited for a worker that is gone is scheduled again.
    pub(super) fn reschedule_workflow_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.runs[run].task_scheduled = schedule.now();
        self.hand_to_matching(run, schedule);
    }

    fn hand_to_matching(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        let cold = std::mem::replace(&mut self.runs[run].cold, false);
        let operation = if cold { OperationKind::ColdLoad } else { OperationKind::TransferRead };
        let chain = self.chain(Purpose::ScheduleWorkflowTask, operation, run, shard);
        if self.runs[run].sticky_pod != NONE {
            self.plan_timer_read(shard, self.sticky_timeout, Timeout::Sticky, schedule);
        }
        self.launch(chain, schedule);
    }

    /// A workflow task that nothing has to be read for goes to matching.
    pub(super) fn dispatch_workflow_task(&mut self, chain: Chain, schedule: &mut Schedule<Event>) {
        let id = self.chains.insert(chain);
        self.workflow_task_scheduled(id, chain, schedule);
    }

    /// A step of [`Purpose::ScheduleWorkflowTask`] is over: load, read, matching.
    pub(super) fn workflow_task_scheduled(&mut self, id: u32, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        if self.runs[run].closed {
            self.chains.remove(id);
            return self.release(run);
        }
        if chain.operation == OperationKind::ColdLoad && !chain.flag && !self.runs[run].speculative {
            chain.operation = OperationKind::TransferRead;
            chain.place = self.visits.start(OperationKind::TransferRead);
        } else if !chain.flag {
            chain.flag = true;
            chain.place = self.visits.dispatch();
            if self.sticky_worker(run).is_none() {
                self.place_task(Kind::Workflow, &mut chain);
            }
        } else if chain.refused {
            self.spool(Purpose::SpoolWorkflow, run, chain, schedule);
            self.chains.remove(id);
            return;
        } else {
            let sticky = self.sticky_worker(run);
            let queue = self.runs[run].queue;
            match self.workflow_queue(queue).take_poller(sticky) {
                Some(pod) => {
                    let partition = u32::from(chain.partition);
                    self.deliver_passed_on_task(run, pod, sticky.is_some(), partition, schedule);
                }
                None => {
                    self.forwarders.free(Kind::Workflow, u32::from(chain.partition));
                    self.spool(Purpose::SpoolWorkflow, run, chain, schedule);
                }
            }
            self.chains.remove(id);
            return;
        }
        self.chains[id] = chain;
        self.advance(id, schedule);
    }

    /// A task that was written to matching's database waits for a poller.
    pub(super) fn workflow_task_spooled(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let sticky = self.sticky_worker(run);
        let queue = self.runs[run].queue;
        match self.workflow_queue(queue).take_poller(sticky) {
            Some(pod) => self.deliver_workflow_task(run, pod, sticky.is_some(), schedule),
            None => {
                self.workflow_queue(queue).wait(run, sticky);
                if sticky.is_some() {
                    let waited = schedule.now() - self.runs[run].task_scheduled;
                    let event = Event::StickyTimeout { run, task: self.runs[run].task_number as u16 };
                    self.runs[run].references += 1;
                    schedule.after(self.sticky_timeout.saturating_sub(waited), event);
                }
            }
        }
    }

    /// A task may have waited on its sticky queue for as long as it may.
    pub(super) fn sticky_timeout_due(&mut self, run: u32, task: u16, schedule: &mut Schedule<Event>) {
        let state = &self.runs[run];
        let waits = !state.closed && state.task == WorkflowTask::Scheduled && state.task_number as u16 == task;
        let (pod, queue, shard) = (state.sticky_pod, state.queue, state.shard);
        if !waits || !self.workflow_queue(queue).remove_sticky(pod, run) {
            return self.release(run);
        }
        let chain = self.chain(Purpose::StickyTimeout, OperationKind::WorkflowTaskTimedOut, run, shard);
        self.launch(chain, schedule);
    }

    /// The time-out is durable: the worker's cache is given up, and the next task goes to the normal queue.
    pub(super) fn sticky_timed_out(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.add_task_started(run);
        self.work.history_rows += 1;
        self.leave_cache(run);
        self.runs[run].speculative = false;
        self.schedule_workflow_task(run, schedule);
        // The task that timed out is no more.
        self.release(run);
    }

    /// The worker that held the run no longer does.
    pub(super) fn leave_cache(&mut self, run: u32) {
        let pod = std::mem::replace(&mut self.runs[run].sticky_pod, NONE);
        if pod != NONE {
            self.workers[pod as usize].cached -= 1;
        }
    }

    /// A task met a poll of this pod, at its sticky queue or at the normal one: matching records its start with history, and the poll
    /// returns.
    pub(super) fn deliver_workflow_task(&mut self, run: u32, pod: u32, sticky: bool, schedule: &mut Schedule<Event>) {
        self.deliver_passed_on_task(run, pod, sticky, 0, schedule);
    }

    /// The same for a task whose partition's forwarder waits for the answer.
    fn deliver_passed_on_task(
        &mut self,
        run: u32,
        pod: u32,
        sticky: bool,
        partition: u32,
        schedule: &mut Schedule<Event>,
    ) {
        self.work.dispatched += 1;
        let shard = self.runs[run].shard;
        let operation = match self.runs[run].speculative {
            true => OperationKind::SpeculativeTaskStarted,
            false => OperationKind::WorkflowTaskStarted,
        };
        let mut chain = self.chain(Purpose::StartWorkflowTask, operation, run, shard);
        chain.worker = pod;
        chain.partition = partition as u8;
        chain.flag = sticky;
        // A worker that has the run in its cache is sent the new events only.
        let state = &mut self.runs[run];
        let new = std::mem::take(&mut state.payload_new);
        chain.payload = if sticky { new } else { new.saturating_add(state.payload_seen) };
        state.payload_seen = state.payload_seen.saturating_add(new);
        self.launch(chain, schedule);
    }

    /// The start of a workflow task is durable.
    pub(super) fn workflow_task_started(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let latency = schedule.now() - self.runs[run].task_scheduled;
        self.record(Metric::ScheduleToStartWorkflow, latency, schedule);
        self.work.history_rows += 1;
        self.begin_workflow_task(run, schedule);
        if self.runs[run].end != NONE {
            self.schedule_end_if_near(run, schedule);
        }
    }

    /// A workflow task has started: from now on what happens is buffered.
    pub(super) fn begin_workflow_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.carry_queries(run);
        if self.runs[run].lost != LostTask::No {
            return self.begin_lost_task(run, schedule);
        }
        if let Some(steps) = &mut self.steps {
            steps.task_started(run, &self.runs[run], schedule.now());
        }
        self.runs[run].task = WorkflowTask::Started;
        self.runs[run].accepted = false;
        self.runs[run].visible = std::mem::replace(&mut self.runs[run].ready, NONE);
        self.add_task_started(run);
        self.plan_timer_read(self.runs[run].shard, WORKFLOW_TASK_TIMEOUT, Timeout::WorkflowTask, schedule);
        if self.runs[run].has_updates {
            self.deliver_updates(run, schedule);
        }
    }

    /// The worker has the task: its poller asks again, its code runs.
    pub(super) fn run_workflow_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        if self.is_gone(pod) {
            return self.lose_task(run, pod, LostTask::BeforeItsCode, schedule);
        }
        if self.runs[run].closed {
            // The worker does not know; its answer will be refused.
            return self.answer_workflow_task(run, pod, schedule);
        }
        let cached_by = self.runs[run].sticky_pod;
        let replay = cached_by != pod && self.runs[run].first_task_done;
        if replay && self.fleet.is_some() {
            self.note_replay(schedule.now());
        }
        if self.size.workers.cached_workflows == 0 {
            // Nothing is sticky: the next task goes to any worker.
        } else if cached_by != pod {
            if cached_by != NONE {
                self.workers[cached_by as usize].cached -= 1;
            }
            self.workers[pod as usize].cached += 1;
            self.runs[run].sticky_pod = pod;
        } else if self.workers[pod as usize].cached > self.size.workers.cached_workflows {
            let cached = f64::from(self.workers[pod as usize].cached);
            let room = f64::from(self.size.workers.cached_workflows);
            if self.random.branch.uniform() > room / cached {
                // The sticky task has the new events only: the worker asks for the whole history first.
                let shard = self.runs[run].shard;
                let mut chain = self.chain(Purpose::FetchHistory, OperationKind::HistoryRead, run, shard);
                chain.worker = pod;
                return self.launch(chain, schedule);
            }
        }
        self.run_workflow_code(run, pod, replay, schedule);
    }

    /// The worker has all the events it needs; `replay` when it has to run the code from the start.
    pub(super) fn run_workflow_code(&mut self, run: u32, pod: u32, replay: bool, schedule: &mut Schedule<Event>) {
        if self.is_gone(pod) {
            return self.lose_task(run, pod, LostTask::BeforeItsCode, schedule);
        }
        let mut work = match std::mem::replace(&mut self.runs[run].lost, LostTask::No) {
            LostTask::No => self.run_code(run),
            lost => self.run_code_again(run, lost),
        };
        if replay {
            work.cpu += self.replay_cost(run);
        }
        self.work_on_task(run, pod, work.cpu, work.wait, schedule);
    }

    /// CPU of a replay: the code of every earlier workflow task again; each left about three events.
    pub(super) fn replay_cost(&self, run: u32) -> Nanos {
        self.sdk_cpu.workflow_task * u64::from(self.runs[run].events / 3)
    }

    fn work_on_task(&mut self, run: u32, pod: u32, cpu: Nanos, wait: Nanos, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        let mut chain = self.chain(Purpose::RunWorkflowTask, OperationKind::Query, run, shard);
        chain.place = self.visits.worker();
        chain.worker = pod;
        chain.work = cpu;
        chain.wait = wait.min(WORKFLOW_TASK_HEARTBEAT);
        // In microseconds: what has to be waited for again when the worker is killed.
        chain.payload = (chain.wait.0 / 1_000) as u32;
        self.runs[run].wait_left = wait.saturating_sub(WORKFLOW_TASK_HEARTBEAT);
        self.launch(chain, schedule);
    }

    /// The code is done, or its local activities take longer than a workflow task may: the worker answers.
    pub(super) fn answer_workflow_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        if self.is_gone(pod) {
            return self.lose_task(run, pod, LostTask::AfterItsCode, schedule);
        }
        let state = &mut self.runs[run];
        let shard = state.shard;
        if std::mem::take(&mut state.cold) {
            // Started eagerly: nothing has loaded the run yet.
            let mut chain = self.chain(Purpose::LoadRun, OperationKind::ColdLoad, run, shard);
            chain.worker = pod;
            return self.launch(chain, schedule);
        }
        let (purpose, operation) = match (state.wait_left > Nanos::ZERO, state.speculative) {
            (true, _) => (Purpose::HeartbeatWorkflowTask, OperationKind::WorkflowTaskCompleted),
            (false, false) => (Purpose::CompleteWorkflowTask, OperationKind::WorkflowTaskCompleted),
            (false, true) => self.speculative_answer(run),
        };
        if self.eager_activities && purpose == Purpose::CompleteWorkflowTask {
            self.reserve_eager_activities(run, pod);
        }
        let mut chain = self.chain(purpose, operation, run, shard);
        chain.worker = pod;
        if purpose == Purpose::CompleteWorkflowTask {
            chain.payload = self.payload_of_commands(run);
        }
        self.launch(chain, schedule);
    }

    /// What a workflow task's heartbeat adds to its transaction: no commands yet.
    pub(super) fn decide_task_heartbeat(&mut self, id: u32) {
        let run = self.runs[self.chains[id].target];
        // The next task's time-out; the first task's visibility upsert; DELETE FROM buffered_events.
        let statements = 1 + u16::from(!run.first_task_done) + u16::from(run.has_buffered);
        self.chains[id].extra_statements = statements;
        self.chains[id].extra_writes = 1 + u16::from(!run.first_task_done);
    }

    /// A heartbeat is durable: the worker has the next task, with what happened meanwhile.
    pub(super) fn task_heartbeat_recorded(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if let Some(steps) = &mut self.steps {
            steps.task_completed(run, &self.runs[run], schedule.now());
        }
        let shard = self.runs[run].shard;
        self.add_events(run, 1, self.calibration.bytes.event_task_completed.0);
        self.work.history_rows += 1;
        self.runs[run].speculative = false;
        if !std::mem::replace(&mut self.runs[run].first_task_done, true) {
            self.background(OperationKind::Visibility, shard, schedule);
        }
        if self.runs[run].closing != Closing::No {
            // The code is at its end; what came meanwhile comes too late.
            self.add_task_started(run);
            return self.plan_timer_read(shard, WORKFLOW_TASK_TIMEOUT, Timeout::WorkflowTask, schedule);
        }
        self.take_buffered(run);
        self.begin_workflow_task(run, schedule);
    }

    /// What came while a workflow task was running is in the history: the next one sees it.
    pub(super) fn take_buffered(&mut self, run: u32) {
        if !std::mem::replace(&mut self.runs[run].has_buffered, false) {
            return;
        }
        self.flush_signals(run);
        self.runs[run].ready = std::mem::replace(&mut self.runs[run].buffered, NONE);
    }

    /// The worker has the next task of a heartbeat: its local activities go on.
    pub(super) fn go_on_with_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        if self.is_gone(pod) {
            return self.lose_task(run, pod, LostTask::BeforeItsCode, schedule);
        }
        if self.runs[run].closed {
            return self.answer_workflow_task(run, pod, schedule);
        }
        let left = std::mem::take(&mut self.runs[run].wait_left);
        let new = match self.runs[run].visible {
            NONE => super::code::TaskWork::default(),
            _ => self.run_code(run),
        };
        self.work_on_task(run, pod, new.cpu, left + new.wait, schedule);
    }

    /// A timer's time has come.
    pub(super) fn timer_due(&mut self, thread: u32, schedule: &mut Schedule<Event>) {
        let chain = self.thread_chain(Purpose::FireTimer, OperationKind::TimerFired, thread);
        self.launch(chain, schedule);
    }

    /// A client sends the signal or update that a thread waits for.
    pub(super) fn message_due(&mut self, thread: u32, schedule: &mut Schedule<Event>) {
        let run = self.threads[thread].run;
        let place = self.threads[thread].place - 1;
        let instruction = self.program.types[self.runs[run].workflow as usize].instructions[place as usize];
        let (purpose, operation, index) = match instruction {
            Instruction::Update(index) => (Purpose::Update, OperationKind::UpdateSent, index),
            Instruction::MessageFromStart(index) if self.program.spans[index as usize].update => {
                (Purpose::Update, OperationKind::UpdateSent, index)
            }
            Instruction::Signal(index) | Instruction::MessageFromStart(index) => {
                (Purpose::Message, OperationKind::Signal, index)
            }
            other => unreachable!("a message for a thread that waits at {other:?}"),
        };
        self.work.actions += 1;
        let mut chain = self.thread_chain(purpose, operation, thread);
        chain.payload = self.program.spans[index as usize].payload.0 as u32;
        self.launch(chain, schedule);
    }

    /// Which write an event makes of this run, and what it adds: while a workflow task runs it is buffered; with none it schedules one.
    pub(super) fn decide_event(&mut self, id: u32, run: u32, buffered: Option<OperationKind>) {
        let task = self.runs[run].task;
        match (task, buffered) {
            (WorkflowTask::Started, Some(operation)) => {
                self.chains[id].operation = operation;
                self.chains[id].place = self.visits.decided(operation);
            }
            (WorkflowTask::None, _) => {
                // A transfer task, and a sticky schedule-to-start timer.
                self.chains[id].extra_statements += 2;
                self.chains[id].extra_writes += 2;
            }
            _ => {}
        }
    }

    /// The client has its result.
    pub(super) fn result(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let state = self.runs[run];
        self.open_roots -= 1;
        if state.closing == Closing::Completed {
            self.counts.completed += 1;
        } else {
            self.counts.failed += 1;
        }
        let latency = schedule.now() - state.intended + state.skipped;
        self.record(Metric::EndToEnd, latency, schedule);
        if let Some(fleet) = &mut self.fleet {
            fleet.watched.ended(latency);
        }
        self.release(run);
    }
}

/// Forwards to another partition per call, in 1/256.
pub(super) fn forwards(value: f64) -> u16 {
    (value * 256.0) as u16
}

//! The end of a workflow task: what its commands write, what they set going, and the end of the run or the beginning of the next.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::program::StartKind;
use super::state::{Closing, Command, NONE, Purpose, WorkflowTask};
use crate::engine::Schedule;

impl Model {
    /// What a workflow task's commands add to its transaction.
    pub(super) fn decide_completion(&mut self, id: u32) {
        let run = self.runs[self.chains[id].target];
        let (mut activities, mut timers, mut children) = (0, 0, 0);
        let (mut eagers, mut limits, mut fired) = (0, 0, 0);
        let mut thread = run.commands;
        while thread != NONE {
            match self.threads[thread].command {
                Command::Activity(activity) => {
                    activities += 1;
                    let (eager, limited) = self.timers_with_schedule(activity);
                    eagers += u32::from(eager);
                    limits += u32::from(limited);
                }
                Command::Timer(span) => {
                    timers += 1;
                    fired += u32::from(!self.outlives_run(run.workflow, span));
                }
                Command::Child { .. } => {
                    children += 1;
                }
                Command::Message(_) | Command::None => {}
            }
            thread = self.threads[thread].next;
        }
        let closing = run.closing != Closing::No;
        let (mut statements, mut writes) = (0u32, 0u32);
        let mut add = |rows: u32| {
            statements += u32::from(rows > 0);
            writes += rows;
        };
        add(activities - eagers + children + u32::from(closing)); // transfer_tasks
        add(activities); // activity_info_maps
        let one_timer = u32::from(eagers + limits > 0);
        add(fired + one_timer + u32::from(closing) + u32::from(run.has_buffered && !closing)); // timer_tasks
        add(timers); // timer_info_maps
        add(children); // child_execution_info_maps
        // Of several visibility tasks of one transaction the server keeps the last (closeTransactionCollapseVisibilityTasks).
        add(u32::from(closing || !run.first_task_done || run.upserts > 0)); // visibility_tasks
        statements += u32::from(run.has_buffered); // DELETE FROM buffered_events
        if run.closing == Closing::ContinuedAsNew {
            statements += self.timeout_timer(run.workflow);
            writes += self.timeout_timer(run.workflow);
            let operation = OperationKind::ContinueAsNew;
            self.chains[id].operation = operation;
            self.chains[id].place = self.visits.decided(operation);
        }
        let chain = &mut self.chains[id];
        chain.extra_statements = statements as u16;
        chain.extra_writes = writes as u16;
    }

    /// Payload bytes of the commands that a worker answers a workflow task with.
    pub(super) fn payload_of_commands(&self, run: u32) -> u32 {
        let run = &self.runs[run];
        let types = &self.program.types;
        let mut payload = if run.closing == Closing::No { 0 } else { types[run.workflow as usize].result.0 };
        let mut thread = run.commands;
        while thread != NONE {
            payload += match self.threads[thread].command {
                Command::Activity(activity) => self.program.activities[self.activities[activity].spec as usize].input.0,
                Command::Child { workflow, .. } => types[workflow as usize].input.0,
                Command::Timer(_) | Command::Message(_) | Command::None => 0,
            };
            thread = self.threads[thread].next;
        }
        u32::try_from(payload).unwrap_or(u32::MAX)
    }

    /// A workflow task's completion is durable: its commands happen.
    pub(super) fn workflow_task_completed(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let run = self.chains[id].target;
        if let Some(steps) = &mut self.steps {
            steps.task_completed(run, &self.runs[run], schedule.now());
        }
        let first = !std::mem::replace(&mut self.runs[run].first_task_done, true);
        let bytes = self.calibration.bytes.event_task_completed.0 + u64::from(self.chains[id].payload);
        self.add_payload(run, self.chains[id].payload);
        self.add_events(run, 1, bytes);
        self.work.history_rows += 1;
        if self.chains[id].operation == OperationKind::SpeculativeTaskCompleted {
            self.work.history_rows += 1;
            self.add_task_started(run);
        }
        self.runs[run].speculative = false;
        self.answer_updates(run, schedule);
        self.answer_queries(run, schedule);
        let shard = self.runs[run].shard;
        let upserts = std::mem::take(&mut self.runs[run].upserts) > 0;
        let pod = self.chains[id].worker;
        let mut thread = std::mem::replace(&mut self.runs[run].commands, NONE);
        let (mut first_activity, mut last_activity) = (NONE, NONE);
        while thread != NONE {
            let next = std::mem::replace(&mut self.threads[thread].next, NONE);
            let command = std::mem::replace(&mut self.threads[thread].command, Command::None);
            self.runs[run].references += 1;
            match command {
                Command::Activity(activity) => {
                    self.add_events(run, 1, self.calibration.bytes.event_activity_scheduled.0);
                    self.work.actions += 1;
                    self.work.activities += 1;
                    if let Some(steps) = &mut self.steps {
                        steps.activity_scheduled(run, activity, schedule.now());
                    }
                    if self.activities[activity].eager {
                        self.start_eager_activity(activity, pod, schedule);
                        thread = next;
                        continue;
                    }
                    self.activity_waits(activity, schedule);
                    match last_activity {
                        NONE => first_activity = activity,
                        last => self.activities[last].sibling = activity,
                    }
                    last_activity = activity;
                }
                Command::Timer(span) => {
                    self.add_events(run, 1, self.calibration.bytes.event_timer_started.0);
                    self.work.actions += 1;
                    let span = self.wait_of(run, span.max(self.calibration.queues.timer_look_ahead), schedule);
                    schedule.after(span, Event::Timer(thread));
                }
                Command::Child { .. } => {
                    self.add_events(run, 1, self.calibration.bytes.event_child_initiated.0);
                    self.threads[thread].command = command;
                    self.work.actions += 2;
                    let chain = self.thread_chain(Purpose::StartChild, OperationKind::TransferRead, thread);
                    self.launch(chain, schedule);
                }
                Command::Message(index) => {
                    self.runs[run].references -= 1;
                    self.expect_message(run, thread, index, schedule);
                }
                Command::None => self.runs[run].references -= 1,
            }
            thread = next;
        }
        if first_activity != NONE {
            self.schedule_activities(first_activity, shard, schedule);
        }
        if self.runs[run].closing != Closing::No {
            self.close(run, schedule);
            return;
        }
        if first || upserts {
            self.background(OperationKind::Visibility, shard, schedule);
        }
        if self.runs[run].has_buffered {
            // The answer carries the next task at once.
            self.take_buffered(run);
            self.begin_workflow_task(run, schedule);
            self.chains[id].flag = true;
            return;
        }
        self.task_done(id, run, schedule);
    }

    /// The run's end is durable.
    pub(super) fn close(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        self.work.closed_runs += 1;
        self.add_events(run, 1, self.calibration.bytes.event_closed.0);
        self.runs[run].has_buffered = false;
        while self.runs[run].buffered != NONE {
            let thread = self.runs[run].buffered;
            self.runs[run].buffered = self.threads[thread].next;
            self.free_thread(thread);
        }
        self.dismiss_signallers(run);
        self.drop_updates(run);
        self.free_queries(run, schedule);
        self.close_children(run, schedule);
        self.background(OperationKind::Visibility, shard, schedule);
        self.background(OperationKind::TransferRead, shard, schedule);
        if self.settings.retention_deletes {
            let delay = Nanos((self.random.skip.uniform() * 1e9) as u64);
            schedule.after(delay, Event::Retention);
        }
        self.runs[run].upserts = 0;
        if self.runs[run].closing == Closing::ContinuedAsNew {
            self.continue_as_new(run, schedule);
            return;
        }
        self.runs[run].closed = true;
        if self.new_version.is_some() {
            self.leave_version(run);
        }
        self.runs[run].task = WorkflowTask::None;
        self.leave_cache(run);
        self.forget_end(run);
        self.unlink_child(run);
        if self.runs[run].root {
            if self.program.types[self.runs[run].workflow as usize].start == StartKind::Scheduled {
                // No client waits for what a schedule started.
                return self.result(run, schedule);
            }
            let mut chain = self.chain(Purpose::Result, OperationKind::Result, run, shard);
            chain.payload = self.program.types[self.runs[run].workflow as usize].result.0 as u32;
            self.launch(chain, schedule);
            return;
        }
        self.tell_parent(run, schedule);
        self.release(run);
    }

    /// The next run of the same workflow; one whose predecessor lived less than the minimal interval waits for the rest of it.
    fn continue_as_new(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let age = now.saturating_sub(self.runs[run].executes_from);
        let shard = self.runs[run].shard;
        let wait = self.calibration.queues.continue_as_new_interval.saturating_sub(age);
        self.work.actions += 1;
        self.run_written(now);
        let bytes = self.calibration.bytes.event_start.0 + self.program.types[self.runs[run].workflow as usize].input.0;
        let next = &mut self.runs[run];
        next.started = now;
        // When it is to begin; the timer that begins it takes as long as the queue looks ahead at the least.
        next.executes_from = now + wait;
        next.skipped_before = next.skipped;
        next.closing = Closing::No;
        next.task = WorkflowTask::None;
        next.runs_made += 1;
        self.runs_made += 1;
        let next = &mut self.runs[run];
        next.events = 0;
        next.cold = true;
        next.first_task_done = false;
        next.activity_timer = false;
        self.leave_cache(run);
        self.plan_next_runs_end(run, schedule);
        self.add_events(run, 1, bytes);
        self.work.history_rows += 1;
        self.show_start(run, schedule);
        let scheduled = self.program.types[self.runs[run].workflow as usize].start == StartKind::Scheduled;
        if self.runs[run].root && !scheduled {
            // The client follows the chain of runs: its long poll answers and is made again for the next run.
            self.background(OperationKind::Result, shard, schedule);
        }
        self.send_signals(run, schedule);
        if wait == Nanos::ZERO {
            self.schedule_workflow_task(run, schedule);
            return;
        }
        self.runs[run].task = WorkflowTask::Scheduled;
        self.runs[run].references += 1;
        schedule.after(wait.max(self.calibration.queues.timer_look_ahead), Event::FirstTask(run));
    }

    /// The minimal interval between two runs of a chain is over.
    pub(super) fn first_task_due(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        let chain = self.chain(Purpose::FirstTask, OperationKind::FirstTaskDue, run, shard);
        self.launch(chain, schedule);
    }
}

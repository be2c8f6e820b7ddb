//! Workflows: starts, workflow tasks, their commands, timers, signals, children, ends.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::record::Metric;
use super::state::{Chain, Closing, Command, NONE, Purpose, Run, WorkflowTask};
use super::timeouts::Timeout;
use crate::engine::Schedule;

/// The server gives a workflow task this long (default `workflowTaskTimeout`); its timer is not deleted when the task is done.
const WORKFLOW_TASK_TIMEOUT: Nanos = Nanos::from_secs(10);

impl Model {
    /// The next intended start.
    pub(super) fn arrive(&mut self, schedule: &mut Schedule<Event>) {
        let intended = self.next_arrival;
        self.plan_arrival(schedule);
        self.counts.offered += 1;
        let u = self.random.kind.uniform();
        let workflow =
            self.shares.iter().find(|(_, up_to)| u < *up_to).or(self.shares.last()).map_or(0, |share| share.0);
        let run = self.new_run(workflow, intended);
        self.runs[run].root = true;
        self.open_roots += 1;
        self.most_open = self.most_open.max(self.open_roots);
        if self.open_roots > self.settings.max_open {
            self.overloaded = true;
        }
        let mut chain = self.chain(Purpose::Start, OperationKind::Start, run, self.runs[run].shard);
        chain.payload = self.program.types[workflow as usize].input.0 as u32;
        self.work.actions += 1;
        self.launch(chain, schedule);
    }

    /// Schedules the next intended start, if there is one.
    pub(super) fn plan_arrival(&mut self, schedule: &mut Schedule<Event>) {
        if let Some(next) = self.arrivals.next() {
            self.next_arrival = next;
            schedule.at(next, Event::Arrive);
        }
    }

    fn new_run(&mut self, workflow: u32, now: Nanos) -> u32 {
        let shard = self.random.route.below(u64::from(self.size.history_shards)) as u32;
        let run = self.runs.insert(Run {
            workflow,
            shard,
            intended: now,
            started: now,
            skipped: Nanos::ZERO,
            skipped_before: Nanos::ZERO,
            parent: NONE,
            parent_waits: false,
            signallers: NONE,
            task: WorkflowTask::None,
            task_scheduled: now,
            sticky_pod: NONE,
            cold: true,
            first_task_done: false,
            activity_timer: false,
            activities_started: 0,
            ready: NONE,
            has_buffered: false,
            buffered: NONE,
            visible: NONE,
            commands: NONE,
            closing: Closing::No,
            closed: false,
            failed: false,
            runs_made: 0,
            references: 1,
            events: 0,
            root: false,
        });
        self.runs_made += 1;
        let thread = self.new_thread(run, 0, NONE);
        self.runs[run].ready = thread;
        run
    }

    /// One thing less knows the run; a closed run nobody knows is forgotten.
    pub(super) fn release(&mut self, run: u32) {
        self.runs[run].references -= 1;
        if self.runs[run].references == 0 && self.runs[run].closed {
            self.runs.remove(run);
        }
    }

    /// An event of a thread is in the history (or buffered): a workflow task will see it.
    pub(super) fn notify(&mut self, run: u32, thread: u32, schedule: &mut Schedule<Event>) {
        if self.runs[run].closed || self.runs[run].closing == Closing::Failed {
            if thread != NONE {
                self.free_thread(thread);
            }
            return;
        }
        let buffered = self.runs[run].task == WorkflowTask::Started;
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
        self.runs[run].references += 1;
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

    /// A step of [`Purpose::ScheduleWorkflowTask`] is over: load, read, matching.
    pub(super) fn workflow_task_scheduled(&mut self, id: u32, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        if chain.operation == OperationKind::ColdLoad {
            chain.operation = OperationKind::TransferRead;
            chain.place = self.visits.start(OperationKind::TransferRead);
        } else if !chain.flag {
            chain.flag = true;
            chain.place = self.visits.dispatch();
            chain.forwards = match self.runs[run].sticky_pod {
                NONE => forwards(self.calibration.matching.forwards_workflow),
                _ => 0,
            };
        } else {
            let sticky = self.sticky_worker(run);
            match self.workflow_tasks.take_poller(sticky) {
                Some(pod) => self.deliver_workflow_task(run, pod, schedule),
                None => self.spool(Purpose::SpoolWorkflow, run, chain, schedule),
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
        match self.workflow_tasks.take_poller(sticky) {
            Some(pod) => self.deliver_workflow_task(run, pod, schedule),
            None => self.workflow_tasks.wait(run, sticky),
        }
    }

    /// A task met a poller of this pod: matching records its start with history, and the poll returns.
    pub(super) fn deliver_workflow_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        self.work.dispatched += 1;
        let shard = self.runs[run].shard;
        let mut chain = self.chain(Purpose::StartWorkflowTask, OperationKind::WorkflowTaskStarted, run, shard);
        chain.worker = pod;
        chain.flag = self.runs[run].sticky_pod == pod;
        self.launch(chain, schedule);
    }

    /// The start of a workflow task is durable: from now on what happens is buffered.
    pub(super) fn workflow_task_started(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let latency = schedule.now() - self.runs[run].task_scheduled;
        self.record(Metric::ScheduleToStartWorkflow, latency, schedule);
        self.runs[run].task = WorkflowTask::Started;
        self.runs[run].visible = std::mem::replace(&mut self.runs[run].ready, NONE);
        self.add_events(run, 2, self.calibration.bytes.event_task_started.0);
        self.work.history_rows += 1;
        self.plan_timer_read(self.runs[run].shard, WORKFLOW_TASK_TIMEOUT, Timeout::WorkflowTask, schedule);
    }

    /// The worker has the task: its poller asks again, its code runs.
    pub(super) fn run_workflow_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let cached_by = self.runs[run].sticky_pod;
        let mut replay = cached_by != pod && self.runs[run].first_task_done;
        if cached_by != pod {
            if cached_by != NONE {
                self.workers[cached_by as usize].cached -= 1;
            }
            self.workers[pod as usize].cached += 1;
            self.runs[run].sticky_pod = pod;
        } else {
            let cached = f64::from(self.workers[pod as usize].cached);
            let room = f64::from(self.size.workers.cached_workflows);
            replay |= cached > room && self.random.branch.uniform() > room / cached;
        }
        let events = self.runs[run].events;
        let mut work = self.run_code(run, schedule);
        if replay {
            // Replay runs the code of every earlier workflow task again; each left about three events.
            work.cpu += self.cpu_per_workflow_task * u64::from(events / 3);
        }
        let shard = self.runs[run].shard;
        let mut chain = self.chain(Purpose::RunWorkflowTask, OperationKind::Query, run, shard);
        chain.place = self.visits.worker();
        chain.worker = pod;
        chain.work = work.cpu;
        chain.wait = work.wait;
        self.launch(chain, schedule);
    }

    /// The code is done: the worker answers.
    pub(super) fn answer_workflow_task(&mut self, run: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let shard = self.runs[run].shard;
        let operation = OperationKind::WorkflowTaskCompleted;
        let mut chain = self.chain(Purpose::CompleteWorkflowTask, operation, run, shard);
        chain.worker = pod;
        self.launch(chain, schedule);
    }

    /// What a workflow task's commands add to its transaction.
    pub(super) fn decide_completion(&mut self, id: u32) {
        let run = self.runs[self.chains[id].target];
        let (mut activities, mut timers, mut children, mut payload) = (0, 0, 0, 0);
        let mut thread = run.commands;
        while thread != NONE {
            match self.threads[thread].command {
                Command::Activity(activity) => {
                    activities += 1;
                    payload += self.program.activities[self.activities[activity].spec as usize].input.0;
                }
                Command::Timer(_) => timers += 1,
                Command::Child { workflow, .. } => {
                    children += 1;
                    payload += self.program.types[workflow as usize].input.0;
                }
                Command::None => {}
            }
            thread = self.threads[thread].next;
        }
        let closing = run.closing != Closing::No;
        let (mut statements, mut writes) = (0u32, 0u32);
        let mut add = |rows: u32| {
            statements += u32::from(rows > 0);
            writes += rows;
        };
        add(activities + children + u32::from(closing)); // transfer_tasks
        add(activities); // activity_info_maps
        add(timers + u32::from(closing) + u32::from(run.has_buffered && !closing)); // timer_tasks
        add(timers); // timer_info_maps
        add(children); // child_execution_info_maps
        add(u32::from(closing || !run.first_task_done)); // visibility_tasks
        statements += u32::from(run.has_buffered); // DELETE FROM buffered_events
        if closing {
            payload += self.program.types[run.workflow as usize].result.0;
        }
        if run.closing == Closing::ContinuedAsNew {
            let operation = OperationKind::ContinueAsNew;
            self.chains[id].operation = operation;
            self.chains[id].place = self.visits.decided(operation);
        }
        let chain = &mut self.chains[id];
        chain.extra_statements = statements as u16;
        chain.extra_writes = writes as u16;
        chain.payload = payload as u32;
    }

    /// A workflow task's completion is durable: its commands happen.
    pub(super) fn workflow_task_completed(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let run = self.chains[id].target;
        let first = !std::mem::replace(&mut self.runs[run].first_task_done, true);
        let bytes = self.calibration.bytes.event_task_completed.0 + u64::from(self.chains[id].payload);
        self.add_events(run, 1, bytes);
        self.work.history_rows += 1;
        let shard = self.runs[run].shard;
        let mut thread = std::mem::replace(&mut self.runs[run].commands, NONE);
        // One read finds all transfer tasks of the transaction.
        let mut transfer_read = false;
        while thread != NONE {
            let next = std::mem::replace(&mut self.threads[thread].next, NONE);
            let command = std::mem::replace(&mut self.threads[thread].command, Command::None);
            self.runs[run].references += 1;
            match command {
                Command::Activity(activity) => {
                    self.add_events(run, 1, self.calibration.bytes.event_activity_scheduled.0);
                    self.work.actions += 1;
                    self.work.activities += 1;
                    self.schedule_activity(activity, shard, transfer_read, schedule);
                    transfer_read = true;
                }
                Command::Timer(span) => {
                    self.add_events(run, 1, self.calibration.bytes.event_timer_started.0);
                    self.work.actions += 1;
                    let span = self.shortened(run, span.max(self.calibration.queues.timer_look_ahead));
                    schedule.after(span, Event::Timer(thread));
                }
                Command::Child { .. } => {
                    self.add_events(run, 1, self.calibration.bytes.event_child_initiated.0);
                    self.threads[thread].command = command;
                    self.work.actions += 2;
                    let chain = self.thread_chain(Purpose::StartChild, OperationKind::TransferRead, thread);
                    self.launch(chain, schedule);
                }
                Command::None => self.runs[run].references -= 1,
            }
            thread = next;
        }
        if self.runs[run].closing != Closing::No {
            self.close(run, schedule);
            return;
        }
        if first {
            self.background(OperationKind::Visibility, shard, schedule);
        }
        if std::mem::replace(&mut self.runs[run].has_buffered, false) {
            // The answer carries the next task at once.
            self.flush_signals(run);
            self.runs[run].visible = std::mem::replace(&mut self.runs[run].buffered, NONE);
            self.add_events(run, 2, self.calibration.bytes.event_task_started.0);
            self.plan_timer_read(shard, WORKFLOW_TASK_TIMEOUT, Timeout::WorkflowTask, schedule);
            self.chains[id].flag = true;
            return;
        }
        self.runs[run].task = WorkflowTask::None;
    }

    /// The run's end is durable.
    fn close(&mut self, run: u32, schedule: &mut Schedule<Event>) {
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
        self.background(OperationKind::Visibility, shard, schedule);
        self.background(OperationKind::TransferRead, shard, schedule);
        if self.settings.retention_deletes {
            let delay = Nanos((self.random.skip.uniform() * 1e9) as u64);
            schedule.after(delay, Event::Retention);
        }
        if self.runs[run].closing == Closing::ContinuedAsNew {
            self.continue_as_new(run, schedule);
            return;
        }
        self.runs[run].closed = true;
        self.runs[run].task = WorkflowTask::None;
        let sticky = std::mem::replace(&mut self.runs[run].sticky_pod, NONE);
        if sticky != NONE {
            self.workers[sticky as usize].cached -= 1;
        }
        if self.runs[run].root {
            let chain = self.chain(Purpose::Result, OperationKind::Result, run, shard);
            self.launch(chain, schedule);
            return;
        }
        let parent = self.runs[run].parent;
        if parent != NONE && self.runs[run].parent_waits {
            let mut chain = self.thread_chain(Purpose::ChildCompleted, OperationKind::ChildCompleted, parent);
            chain.flag = self.runs[run].closing == Closing::Failed;
            self.launch(chain, schedule);
        }
        self.release(run);
    }

    /// The next run of the same workflow; one whose predecessor lived less than the minimal interval waits for the rest of it.
    fn continue_as_new(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let age = now - self.runs[run].started;
        let shard = self.runs[run].shard;
        let wait = self.calibration.queues.continue_as_new_interval.saturating_sub(age);
        self.work.actions += 1;
        let bytes = self.calibration.bytes.event_start.0 + self.program.types[self.runs[run].workflow as usize].input.0;
        let next = &mut self.runs[run];
        next.started = now;
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
        let sticky = std::mem::replace(&mut next.sticky_pod, NONE);
        if sticky != NONE {
            self.workers[sticky as usize].cached -= 1;
        }
        self.add_events(run, 1, bytes);
        self.work.history_rows += 1;
        self.background(OperationKind::Visibility, shard, schedule);
        if self.runs[run].root {
            // The client follows the chain of runs: its long poll answers and is made again for the next run.
            self.background(OperationKind::Result, shard, schedule);
        }
        self.send_signals(run, schedule);
        if wait == Nanos::ZERO {
            self.schedule_workflow_task(run, schedule);
            return;
        }
        self.runs[run].task = WorkflowTask::Scheduled;
        schedule.after(wait, Event::FirstTask(run));
    }

    /// The minimal interval between two runs of a chain is over.
    pub(super) fn first_task_due(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.schedule_workflow_task(run, schedule);
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
        let (operation, index) = match instruction {
            super::program::Instruction::Update(index) => (OperationKind::Update, index),
            super::program::Instruction::Signal(index) | super::program::Instruction::SignalFromStart(index) => {
                (OperationKind::Signal, index)
            }
            other => unreachable!("a message for a thread that waits at {other:?}"),
        };
        self.work.actions += 1;
        let mut chain = self.thread_chain(Purpose::Message, operation, thread);
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

    /// The parent's transfer task is done: the child is created, on a shard of its own.
    pub(super) fn create_child(&mut self, thread: u32, schedule: &mut Schedule<Event>) {
        let command = std::mem::replace(&mut self.threads[thread].command, Command::None);
        let Command::Child { workflow, wait } = command else {
            unreachable!("a child's transfer task without a child: {command:?}");
        };
        let child = self.new_run(workflow, schedule.now());
        self.runs[child].parent = thread;
        self.runs[child].parent_waits = wait;
        if wait {
            let parent = self.threads[thread].run;
            self.runs[parent].references += 1;
        }
        self.runs[child].references += 1;
        let mut chain = self.chain(Purpose::CreateChild, OperationKind::ChildStart, child, self.runs[child].shard);
        chain.payload = self.program.types[workflow as usize].input.0 as u32;
        self.launch(chain, schedule);
    }

    /// The child exists: the parent learns it, then the child gets its first workflow task.
    pub(super) fn child_created(&mut self, child: u32, schedule: &mut Schedule<Event>) {
        let parent = self.runs[child].parent;
        let mut chain = self.thread_chain(Purpose::ChildStarted, OperationKind::ChildStarted, parent);
        chain.flag = !self.runs[child].parent_waits;
        self.launch(chain, schedule);
        let chain = self.chain(Purpose::ChildFirstTask, OperationKind::ChildFirstTask, child, self.runs[child].shard);
        self.launch(chain, schedule);
    }

    /// A client's query: answered by the worker whose cache holds the run, without a trace in the database.
    pub(super) fn query(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.work.actions += 1;
        let shard = self.runs[run].shard;
        self.background(OperationKind::Query, shard, schedule);
    }

    /// The client has its result.
    pub(super) fn result(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let state = self.runs[run];
        self.open_roots -= 1;
        if state.closing == Closing::Failed {
            self.counts.failed += 1;
        } else {
            self.counts.completed += 1;
        }
        let latency = schedule.now() - state.intended + state.skipped;
        self.record(Metric::EndToEnd, latency, schedule);
        self.release(run);
    }
}

/// Forwards to another partition per call, in 1/256.
pub(super) fn forwards(value: f64) -> u16 {
    (value * 256.0) as u16
}

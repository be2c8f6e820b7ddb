//! How workflows are started: by a client, with a signal, eagerly, or by a schedule.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::ParentClosePolicy;
use plimsoll_profiles::units::Nanos;

use super::fleet_versions::OLD;
use super::model::{Event, Model};
use super::program::StartKind;
use super::record::Metric;
use super::state::{Chain, Closing, LostTask, NONE, Purpose, Run, WorkflowTask};
use crate::engine::Schedule;

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
        if self.new_version.is_some() {
            self.draw_version(run);
        }
        self.open_roots += 1;
        self.most_open = self.most_open.max(self.open_roots);
        if self.open_roots > self.settings.max_open {
            self.overloaded = true;
        }
        // A schedule's run is two actions beside the start (docs.temporal.io/cloud/actions).
        self.work.actions += match self.program.types[workflow as usize].start {
            StartKind::Scheduled => 3,
            _ => 1,
        };
        let input = self.program.types[workflow as usize].input.0;
        let (operation, payload) = match self.program.types[workflow as usize].start {
            StartKind::Plain => (OperationKind::Start, input),
            StartKind::WithSignal { payload } => (OperationKind::SignalWithStart, input + payload.0),
            StartKind::Eager => return self.start_eagerly(run, input as u32, schedule),
            StartKind::Scheduled => return self.schedule_fires(run, schedule),
        };
        let mut chain = self.chain(Purpose::Start, operation, run, self.runs[run].shard);
        chain.payload = payload as u32;
        chain.extra_statements = self.timeout_timer(workflow) as u16;
        chain.extra_writes = chain.extra_statements;
        self.launch(chain, schedule);
    }

    /// A start that asks for its first workflow task, if the worker beside the client has a slot free for it.
    fn start_eagerly(&mut self, run: u32, payload: u32, schedule: &mut Schedule<Event>) {
        let pod = self.any_worker();
        let queue = self.runs[run].queue;
        let worker = &mut self.workers[pod as usize];
        let eager = worker.workflow_slots > 0 && worker.takes_work() && worker.queue == queue;
        worker.workflow_slots -= u32::from(eager);
        let operation = if eager { OperationKind::StartEager } else { OperationKind::Start };
        let mut chain = self.chain(Purpose::Start, operation, run, self.runs[run].shard);
        chain.payload = payload;
        chain.worker = pod;
        self.launch(chain, schedule);
    }

    /// The start is durable.
    pub(super) fn started(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        if let Some(steps) = &mut self.steps {
            steps.run_started(run);
        }
        let bytes = &self.calibration.bytes;
        let signal = if chain.operation == OperationKind::SignalWithStart { bytes.event_signal.0 } else { 0 };
        let added = bytes.event_start.0 + signal + u64::from(chain.payload);
        self.add_payload(run, chain.payload);
        self.add_events(run, 1 + u32::from(signal > 0), added);
        self.work.history_rows += 1;
        self.run_written(schedule.now());
        self.show_start(run, schedule);
        self.send_signals(run, schedule);
        self.plan_end(run, schedule);
        if chain.operation == OperationKind::StartEager {
            self.runs[run].references += 1;
            self.begin_workflow_task(run, schedule);
        } else if chain.purpose == Purpose::Start {
            self.schedule_workflow_task(run, schedule);
        }
    }

    /// A start's visibility task: one whose workflow is closed by the time it is run, or is being closed by a task that came first and has the
    /// run locked, is skipped (server, `processStartExecution` of the visibility queue).
    pub(super) fn show_start(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        self.runs[run].references += 1;
        let chain = self.chain(Purpose::ShowStart, OperationKind::TransferRead, run, self.runs[run].shard);
        self.launch(chain, schedule);
    }

    /// A step of [`Purpose::ShowStart`] is over: the task is read, then written to the visibility store.
    pub(super) fn start_shown(&mut self, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        let state = &self.runs[run];
        let closes = state.closed || (state.closing != Closing::No && !state.cold);
        if !closes {
            chain.purpose = Purpose::Background;
            chain.operation = OperationKind::Visibility;
            chain.place = self.visits.after_request(OperationKind::Visibility);
            self.launch(chain, schedule);
        }
        self.release(run);
    }

    /// The client has the answer to its start.
    pub(super) fn start_answered(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        let latency = schedule.now() - self.runs[run].intended;
        self.record(Metric::Start, latency, schedule);
        if chain.operation == OperationKind::StartEager {
            self.workers[chain.worker as usize].workflow_tasks.add(schedule.now(), 1);
            self.run_workflow_task(run, chain.worker, schedule);
        }
    }

    /// A schedule's own workflow wakes up: its timer fires, and its workflow task starts the workflow in a local activity
    /// (server, `service/worker/scheduler/workflow.go`). Which shard it is on depends on how many schedules there are: any.
    fn schedule_fires(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let shard = self.random.route.below(self.shards.len() as u64) as u32;
        let chain = self.chain(Purpose::ScheduleFires, OperationKind::TimerFired, run, shard);
        let stand = self.schedules_stand_until();
        if schedule.now() < stand {
            let id = self.chains.insert(chain);
            return schedule.at(stand, Event::Step(id));
        }
        self.launch(chain, schedule);
    }

    /// A step of [`Purpose::ScheduleFires`] is over.
    pub(super) fn schedule_goes_on(&mut self, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let next = match chain.operation {
            OperationKind::TimerFired => OperationKind::TransferRead,
            OperationKind::TransferRead if !chain.flag => {
                chain.flag = true;
                chain.place = self.visits.dispatch();
                return self.launch(chain, schedule);
            }
            OperationKind::TransferRead => OperationKind::WorkflowTaskStarted,
            OperationKind::WorkflowTaskStarted => {
                let mut start =
                    self.chain(Purpose::Start, OperationKind::Start, chain.target, self.runs[chain.target].shard);
                start.payload = self.program.types[self.runs[chain.target].workflow as usize].input.0 as u32;
                self.launch(start, schedule);
                // The next wake-up's timer, and the upsert of what the schedule did last.
                chain.extra_statements = 3;
                chain.extra_writes = 3;
                OperationKind::WorkflowTaskCompleted
            }
            _ => return self.background(OperationKind::Visibility, chain.shard, schedule),
        };
        chain.operation = next;
        chain.place = self.visits.start(next);
        self.launch(chain, schedule);
    }

    /// Schedules the next intended start, if there is one.
    pub(super) fn plan_arrival(&mut self, schedule: &mut Schedule<Event>) {
        if let Some(next) = self.arrivals.next() {
            self.next_arrival = next;
            schedule.at(next, Event::Arrive);
        }
    }

    pub(super) fn new_run(&mut self, workflow: u32, now: Nanos) -> u32 {
        let shard = self.random.route.below(self.shards.len() as u64) as u32;
        let run = self.runs.insert(Run {
            workflow,
            shard,
            intended: now,
            started: now,
            skipped: Nanos::ZERO,
            skipped_before: Nanos::ZERO,
            parent: NONE,
            parent_waits: false,
            parent_run: NONE,
            on_parent_close: ParentClosePolicy::Terminate,
            children: NONE,
            link: NONE,
            end: NONE,
            signallers: NONE,
            task: WorkflowTask::None,
            task_scheduled: now,
            executes_from: now,
            task_number: 0,
            speculative: false,
            queue: OLD,
            lost: LostTask::No,
            updates: NONE,
            accepted: false,
            carries: false,
            has_updates: false,
            upserts: 0,
            wait_left: Nanos::ZERO,
            payload_seen: 0,
            payload_new: 0,
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
            cancelled: false,
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
}

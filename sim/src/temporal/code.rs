//! Workflow code: what the threads of a run do within one workflow task.

use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::program::Instruction;
use super::signals::Taken;
use super::state::{Closing, Command, Ending, NONE, RunningActivity, Thread};
use crate::engine::Schedule;

/// What a workflow task costs its worker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TaskWork {
    /// CPU.
    pub cpu: Nanos,
    /// Waiting in local activities.
    pub wait: Nanos,
}

impl Model {
    pub(super) fn new_thread(&mut self, run: u32, place: u32, parent: u32) -> u32 {
        self.threads.insert(Thread {
            run,
            place,
            parent,
            branches: 0,
            clock: Nanos::ZERO,
            next: NONE,
            command: Command::None,
        })
    }

    /// Advances every visible thread of a run until it blocks; their commands are left in the run's list.
    pub(super) fn run_code(&mut self, run: u32) -> TaskWork {
        let mut work = TaskWork { cpu: self.sdk_cpu.workflow_task, wait: Nanos::ZERO };
        let mut markers = false;
        if self.runs[run].failed {
            self.runs[run].closing = Closing::Failed;
        } else if self.runs[run].cancelled {
            self.runs[run].closing = Closing::Cancelled;
        }
        while self.runs[run].visible != NONE {
            let thread = self.runs[run].visible;
            self.runs[run].visible = self.threads[thread].next;
            self.threads[thread].next = NONE;
            if self.runs[run].closing == Closing::No {
                markers |= self.run_thread(run, thread, &mut work);
            } else {
                self.free_thread(thread);
            }
        }
        // All markers of one workflow task are one action (docs.temporal.io/cloud/actions; server: `command_BatchMarkers`).
        self.work.actions += u64::from(markers);
        work
    }

    /// Runs one thread until it blocks or ends. Answers whether it left a marker.
    fn run_thread(&mut self, run: u32, thread: u32, work: &mut TaskWork) -> bool {
        let mut markers = false;
        let workflow = self.runs[run].workflow as usize;
        let mut clock = std::mem::take(&mut self.threads[thread].clock);
        loop {
            let place = self.threads[thread].place;
            self.threads[thread].place = place + 1;
            match self.program.types[workflow].instructions[place as usize] {
                Instruction::Jump(to) => self.threads[thread].place = to,
                Instruction::Unless { p, otherwise } => {
                    if self.random.branch.uniform() >= p {
                        self.threads[thread].place = otherwise;
                    }
                }
                Instruction::LocalActivity(index) => {
                    let spec = &self.program.local_activities[index as usize];
                    let takes = spec.takes.sample(&mut self.random.activity);
                    let marker = spec.marker.0;
                    work.cpu += spec.cpu + self.sdk_cpu.local_activity;
                    self.work.local_activities += 1;
                    clock += takes.saturating_sub(spec.cpu);
                    work.wait = work.wait.max(clock);
                    markers = true;
                    self.add_events(run, 1, self.calibration.bytes.event_marker.0 + marker);
                }
                Instruction::UpsertSearchAttributes(payload) => {
                    self.runs[run].upserts += 1;
                    self.work.actions += 1;
                    self.add_events(run, 1, self.calibration.bytes.event_upsert.0 + u64::from(payload));
                }
                Instruction::SideEffect(payload) => {
                    markers = true;
                    self.add_events(run, 1, self.calibration.bytes.event_side_effect.0 + u64::from(payload));
                }
                Instruction::Query(count) => self.want_queries(run, count),
                Instruction::Activity(spec) => {
                    let activity = self.activities.insert(RunningActivity {
                        run,
                        thread,
                        spec,
                        attempt: 1,
                        scheduled: Nanos::ZERO,
                        first_scheduled: Nanos::ZERO,
                        sibling: NONE,
                        limit: NONE,
                        waiting: false,
                        has_timer: false,
                        given_up: false,
                        eager: false,
                        pod: 0,
                        ending: Ending::Completes,
                        started: Nanos::ZERO,
                    });
                    self.command(run, thread, Command::Activity(activity));
                    return markers;
                }
                Instruction::Timer(index) => {
                    let span = self.program.spans[index as usize].span.sample(&mut self.random.span);
                    self.command(run, thread, Command::Timer(span));
                    return markers;
                }
                Instruction::MessageFromStart(index) => match self.take_signal(run, thread, index) {
                    Taken::Yes => {}
                    Taken::NotYet => return markers,
                    Taken::NotSent => {
                        self.command(run, thread, Command::Message(index));
                        return markers;
                    }
                },
                Instruction::Signal(index) | Instruction::Update(index) => {
                    self.command(run, thread, Command::Message(index));
                    return markers;
                }
                Instruction::Child { workflow, wait, policy } => {
                    self.command(run, thread, Command::Child { workflow, wait, policy });
                    return markers;
                }
                Instruction::ContinueAsNew { runs } => {
                    if self.runs[run].runs_made < runs {
                        self.threads[thread].place = 0;
                        self.runs[run].closing = Closing::ContinuedAsNew;
                        self.runs[run].ready = thread;
                        return markers;
                    }
                }
                Instruction::Fork { count } => {
                    self.threads[thread].branches = count;
                    self.threads[thread].place = place + 1 + count;
                    for branch in 0..count {
                        let child = self.new_thread(run, place + 1 + branch, thread);
                        self.threads[child].clock = clock;
                        self.threads[child].next = self.runs[run].visible;
                        self.runs[run].visible = child;
                    }
                    if count > 0 {
                        return markers;
                    }
                }
                Instruction::Join => {
                    let parent = self.threads[thread].parent;
                    self.threads.remove(thread);
                    self.threads[parent].branches -= 1;
                    self.threads[parent].clock = self.threads[parent].clock.max(clock);
                    if self.threads[parent].branches == 0 {
                        self.threads[parent].next = self.runs[run].visible;
                        self.runs[run].visible = parent;
                    }
                    return markers;
                }
                Instruction::Done => {
                    self.threads.remove(thread);
                    self.runs[run].closing = Closing::Completed;
                    return markers;
                }
            }
        }
    }

    fn command(&mut self, run: u32, thread: u32, command: Command) {
        self.threads[thread].command = command;
        self.threads[thread].next = self.runs[run].commands;
        self.runs[run].commands = thread;
    }

    /// A client will send what the thread waits for.
    pub(super) fn expect_message(&mut self, run: u32, thread: u32, index: u32, schedule: &mut Schedule<Event>) {
        let spec = &self.program.spans[index as usize];
        let span = spec.span.sample(&mut self.random.span);
        let state = &self.runs[run];
        let age = schedule.now() - state.started + (state.skipped - state.skipped_before);
        let wait = if spec.from_start { span.saturating_sub(age) } else { span };
        let wait = self.wait_of(run, wait, schedule);
        self.runs[run].references += 1;
        schedule.after(wait, Event::Message(thread));
    }

    /// A thread of a closed run will not go on: it goes, and the threads that waited for nothing else.
    pub(super) fn free_thread(&mut self, thread: u32) {
        let mut thread = thread;
        loop {
            let parent = self.threads[thread].parent;
            self.threads.remove(thread);
            if parent == NONE {
                return;
            }
            self.threads[parent].branches -= 1;
            if self.threads[parent].branches > 0 {
                return;
            }
            thread = parent;
        }
    }

    /// A wait of a run as the simulation makes it, which ends the run at its time if something from outside does.
    pub(super) fn wait_of(&mut self, run: u32, wait: Nanos, schedule: &mut Schedule<Event>) -> Nanos {
        match self.runs[run].end {
            NONE => self.shortened(run, wait),
            _ => self.wait_beside_end(run, wait, schedule),
        }
    }

    /// A wait as the simulation makes it: see the module's note on long waits.
    pub(super) fn shortened(&mut self, run: u32, wait: Nanos) -> Nanos {
        let longest = self.settings.longest_wait;
        if wait <= longest {
            let cold = self.left_the_cache(wait);
            self.runs[run].cold |= cold;
            return wait;
        }
        let short = Nanos((self.random.skip.uniform() * longest.0 as f64) as u64);
        let cache = self.cache_residence();
        let cold = self.left_the_cache(wait);
        self.work.skipped += u128::from((wait - short).0);
        let run = &mut self.runs[run];
        run.skipped += wait - short;
        run.cold |= cold;
        if wait > cache && run.sticky_pod != NONE {
            self.workers[run.sticky_pod as usize].cached -= 1;
            run.sticky_pod = NONE;
        }
        short
    }

    /// How long a workflow stays in a worker's cache after its last task: entries over the rate of new ones (Che's
    /// approximation, for a cache where each workflow is touched in one burst).
    fn cache_residence(&self) -> Nanos {
        let fleet = &self.size.workers;
        let rate = self.start_rate / f64::from(self.worker_pods());
        if rate <= 0.0 {
            return Nanos::FOREVER;
        }
        Nanos::from_secs_f64(f64::from(fleet.cached_workflows) / rate)
    }

    /// Counts a workflow task's scheduled and started event.
    pub(super) fn add_task_started(&mut self, run: u32) {
        let sticky = if self.runs[run].sticky_pod == NONE { 0 } else { self.sticky_task_bytes };
        self.add_events(run, 2, self.calibration.bytes.event_task_started.0 + sticky);
    }

    /// A run's next workflow task brings so much more to its worker.
    #[inline]
    pub(super) fn add_payload(&mut self, run: u32, bytes: u32) {
        self.runs[run].payload_new = self.runs[run].payload_new.saturating_add(bytes);
    }

    /// Counts events of a run's history.
    pub(super) fn add_events(&mut self, run: u32, events: u32, bytes: u64) {
        self.runs[run].events += events;
        self.work.history_events += u64::from(events);
        self.work.history_bytes += bytes;
    }
}

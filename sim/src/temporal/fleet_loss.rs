//! What is lost with a worker pod that is killed, and with the workers of a lost node: activities, workflow tasks.
//!
//! The server does not see a worker die. An activity that ran there is given up at its start-to-close time-out, or at its heartbeat time-out after the
//! last heartbeat, and tried again as its retry policy says. A workflow task is given up after 10 s (`workflowTaskTimeout`) and scheduled again on the
//! normal queue; whoever gets it runs the whole history. What happens to the workflow meanwhile waits for that task.
//!
//! Not modelled: a lost activity's heartbeats, planned when it started, still cost the server their calls; a job on a CPU of the lost pod is
//! not taken from it, which matters only if the same pod is started again before the job's own CPU time is over.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::code::TaskWork;
use super::failures::Failures;
use super::fleet::{CutActivity, FinishedActivity, PodState};
use super::matching::WorkerPod;
use super::model::{Event, Model};
use super::outages::StoppedWorkers;
use super::state::{Ending, LostTask, NONE, Purpose, RunningActivity, WorkflowTask};
use super::timeouts::Timeout;
use super::workflow::WORKFLOW_TASK_TIMEOUT;
use crate::engine::Schedule;

impl Model {
    /// All that runs on a pod is lost. Requests it has sent are with the server, which answers them.
    pub(super) fn lose_what_it_has(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        for id in self.chains_of(&[pod]) {
            let chain = self.chains[id];
            match chain.purpose {
                Purpose::RunActivity => {
                    self.abandon(id);
                    self.leave_activity_slot(pod, chain.payload, schedule);
                    self.lose_activity(chain.target, schedule);
                }
                Purpose::RunAbandonedActivity => {
                    self.abandon(id);
                    self.leave_activity_slot(pod, chain.payload, schedule);
                }
                Purpose::RunWorkflowTask => {
                    self.abandon(id);
                    self.runs[chain.target].wait_left += Nanos::from_micros(u64::from(chain.payload));
                    self.lose_task(chain.target, pod, LostTask::AfterItsCode, schedule);
                }
                _ => {}
            }
        }
    }

    /// What the workers of a lost node have in hand comes to nothing; they are there again after it. Slots are free when they would have been.
    pub(super) fn kill_work(
        &mut self,
        failures: &mut Failures,
        workers: StoppedWorkers,
        schedule: &mut Schedule<Event>,
    ) {
        for id in self.chains_of(&self.pods_of(workers)) {
            let chain = self.chains[id];
            match chain.purpose {
                Purpose::RunActivity => {
                    self.chains[id].purpose = Purpose::RunAbandonedActivity;
                    let gives_up = self.gives_up(chain.target, schedule.now()).max(schedule.now());
                    self.activities[chain.target].ending = Ending::TimesOut;
                    schedule.at(gives_up, Event::TimedOut(chain.target));
                    failures.counts.activities_cut += 1;
                }
                Purpose::RunWorkflowTask => {
                    self.chains[id].wait += WORKFLOW_TASK_TIMEOUT;
                    failures.counts.workflow_tasks_cut += 1;
                }
                _ => {}
            }
        }
    }

    /// The worker cancels its activities, and each reports a failure.
    pub(super) fn cancel_activities(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        for id in self.chains_of(&[pod]) {
            let chain = self.chains[id];
            match chain.purpose {
                Purpose::RunActivity => {
                    self.abandon(id);
                    self.note_cut(chain.target, now, now);
                    self.activities[chain.target].ending = Ending::Fails;
                    self.answer_activity(chain.target, pod, schedule);
                }
                Purpose::RunAbandonedActivity => {
                    self.abandon(id);
                    self.leave_activity_slot(pod, chain.payload, schedule);
                }
                _ => {}
            }
        }
    }

    /// Work that runs on these pods.
    fn chains_of(&self, pods: &[u32]) -> Vec<u32> {
        let runs = |id: &u32| {
            let chain = &self.chains[*id];
            let purposes = [Purpose::RunActivity, Purpose::RunAbandonedActivity, Purpose::RunWorkflowTask];
            pods.contains(&chain.worker) && purposes.contains(&chain.purpose)
        };
        self.chains.indices().into_iter().filter(runs).collect()
    }

    /// Nothing comes of a chain any more; it is forgotten when what it waits for is over.
    fn abandon(&mut self, id: u32) {
        let chain = &mut self.chains[id];
        chain.purpose = Purpose::Lost;
        chain.target = NONE;
        chain.run = NONE;
        chain.work = Nanos::ZERO;
        chain.wait = Nanos::ZERO;
        if let Some(fleet) = &mut self.fleet {
            fleet.lost_chains += 1;
        }
    }

    /// What a lost chain waited for is over.
    pub(super) fn lost_chain_ended(&mut self) {
        if let Some(fleet) = &mut self.fleet {
            fleet.lost_chains -= 1;
        }
    }

    /// The server hears no more of an attempt: it will give it up.
    fn lose_activity(&mut self, activity: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let gives_up = self.gives_up(activity, now).max(now);
        self.note_cut(activity, now, gives_up);
        self.await_timeout(activity, gives_up, schedule);
    }

    /// An attempt that was recorded as started for a worker that is gone.
    pub(super) fn activity_lost_on_its_way(&mut self, activity: u32, pod: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        self.activities[activity].started = now;
        self.free_activity_slot(pod, schedule);
        if let Some(fleet) = &mut self.fleet {
            fleet.record.lost_on_their_way += 1;
        }
        let gives_up = self.gives_up(activity, now);
        self.await_timeout(activity, gives_up, schedule);
    }

    fn await_timeout(&mut self, activity: u32, gives_up: Nanos, schedule: &mut Schedule<Event>) {
        let run = self.activities[activity].run;
        self.activities[activity].ending = Ending::TimesOut;
        let wait = self.wait_of(run, gives_up - schedule.now(), schedule);
        schedule.after(wait, Event::TimedOut(activity));
    }

    /// When the server gives an attempt up that sends nothing after `last`: the earliest of its time-outs.
    fn gives_up(&self, activity: u32, last: Nanos) -> Nanos {
        let state = &self.activities[activity];
        let spec = &self.program.activities[state.spec as usize];
        let left = spec.schedule_to_close.saturating_sub(state.started - state.first_scheduled);
        let closes = state.started + spec.start_to_close.min(left);
        let Some(heartbeat) = spec.heartbeat else { return closes };
        let Some(timeout) = heartbeat.timeout else { return closes };
        let ran = last - state.started;
        let heard = match ran >= heartbeat.first {
            true => heartbeat.first + heartbeat.every * ((ran - heartbeat.first).0 / heartbeat.every.0.max(1)),
            false => Nanos::ZERO,
        };
        closes.min(state.started + heard + timeout)
    }

    fn note_cut(&mut self, activity: u32, at: Nanos, noticed: Nanos) {
        let RunningActivity { pod, started, attempt, .. } = self.activities[activity];
        if let Some(fleet) = &mut self.fleet {
            fleet.record.cut.push(CutActivity { at, pod, started, attempt, noticed });
        }
    }

    /// An activity's code ended: counted by version, and noted of draining pods.
    pub(super) fn note_finished(&mut self, activity: &RunningActivity, pod: u32, ended: Nanos) {
        let WorkerPod { state, version, .. } = self.workers[pod as usize];
        if let Some(fleet) = &mut self.fleet {
            let failed = activity.ending != Ending::Completes;
            fleet.record.attempts[usize::from(version)] += 1;
            fleet.record.failed_attempts[usize::from(version)] += u64::from(failed);
            fleet.watched.attempt(version, failed);
        }
        let draining = state == PodState::Draining;
        if let Some(fleet) = self.fleet.as_mut().filter(|_| draining && activity.ending != Ending::TimesOut) {
            fleet.record.finished.push(FinishedActivity { pod, started: activity.started, ended });
        }
    }

    /// A worker runs a workflow's code from the start of its history.
    pub(super) fn note_replay(&mut self, now: Nanos) {
        if let Some(fleet) = &mut self.fleet {
            fleet.record.replays.push(now);
        }
    }

    /// The worker that has a workflow task is no more.
    pub(super) fn lose_task(&mut self, run: u32, pod: u32, lost: LostTask, schedule: &mut Schedule<Event>) {
        self.leave_workflow_slot(pod, schedule);
        if self.runs[run].closed {
            return self.release(run);
        }
        self.runs[run].lost = lost;
        if let Some(fleet) = &mut self.fleet {
            fleet.record.tasks_lost += 1;
        }
        schedule.after(WORKFLOW_TASK_TIMEOUT, Event::TaskLost(run));
    }

    /// The server gives a workflow task up and schedules it again, on the normal queue.
    pub(super) fn lost_task_timed_out(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if self.runs[run].closed {
            return self.release(run);
        }
        self.leave_cache(run);
        self.runs[run].speculative = false;
        self.add_events(run, 1, self.calibration.bytes.event_task_started.0);
        self.work.history_rows += 1;
        let shard = self.runs[run].shard;
        self.background(OperationKind::WorkflowTaskTimedOut, shard, schedule);
        self.reschedule_workflow_task(run, schedule);
    }

    /// A task that was lost has started again. What happened meanwhile comes with the next one.
    pub(super) fn begin_lost_task(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if let Some(steps) = &mut self.steps {
            steps.task_started(run, &self.runs[run], schedule.now());
        }
        self.runs[run].task = WorkflowTask::Started;
        self.add_task_started(run);
        self.plan_timer_read(self.runs[run].shard, WORKFLOW_TASK_TIMEOUT, Timeout::WorkflowTask, schedule);
    }

    /// The work of a task that was lost: its code, once more if it had been run.
    pub(super) fn run_code_again(&mut self, run: u32, lost: LostTask) -> TaskWork {
        let left = std::mem::take(&mut self.runs[run].wait_left);
        let mut work = match lost {
            LostTask::AfterItsCode => TaskWork { cpu: self.sdk_cpu.workflow_task, wait: Nanos::ZERO },
            LostTask::No | LostTask::BeforeItsCode => self.run_code(run),
        };
        work.wait += left;
        work
    }
}

//! Workflows that do not end by themselves: cancelled, terminated, timed out, or closed with their parent.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::children::ChildLink;
use super::model::{Event, Model};
use super::slab::Slab;
use super::state::{Chain, Closing, Command, NONE, Purpose};
use crate::engine::Schedule;

/// What only some workflows need: ends from outside, children, waits in the queue with a limit.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    /// Ends to come.
    pub ends: Slab<PlannedEnd>,
    /// Open children of open parents.
    pub children: Slab<ChildLink>,
    /// Activities that may not wait for a worker for ever.
    pub queue_limits: Slab<QueueLimit>,
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Lifecycle { ends: Slab::new(), children: Slab::new(), queue_limits: Slab::new() }
    }
}

/// How a run ends from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndKind {
    /// A client requests its cancellation.
    Cancel,
    /// A client terminates it.
    Terminate,
    /// Its time is over.
    TimeOut,
}

/// An end that comes at a certain age, if the run lives that long.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedEnd {
    run: u32,
    kind: EndKind,
    /// Age of the chain of runs then.
    at: Nanos,
    /// What ends the chain of runs: it outlives a single run.
    chain: Option<(EndKind, Nanos)>,
    /// Its event is scheduled.
    scheduled: bool,
    /// The run is over, or has another planned end.
    stale: bool,
}

/// An activity's schedule-to-start time-out, or what is left to it of its schedule-to-close.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimit {
    /// The activity, or none: it has started, or is no more.
    pub activity: u32,
}

impl Model {
    /// Age of a run's chain of runs, the long waits that were cut short included.
    fn chain_age(&self, run: u32, now: Nanos) -> Nanos {
        let run = &self.runs[run];
        now.saturating_sub(run.intended) + run.skipped
    }

    /// A chain of runs begins: what will end it, if it does not end before.
    pub(super) fn plan_end(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let workflow = self.runs[run].workflow as usize;
        let Some(ends) = &self.program.types[workflow].ends else { return };
        let mut chain = ends.execution_timeout.map(|timeout| (EndKind::TimeOut, timeout));
        for (kind, by_client) in [(EndKind::Cancel, &ends.cancelled), (EndKind::Terminate, &ends.terminated)] {
            let Some((probability, after)) = by_client else { continue };
            if !self.random.ends.chance(*probability) {
                continue;
            }
            let after = after.sample(&mut self.random.ends) + self.client_trip;
            if chain.is_none_or(|(_, at)| after < at) {
                chain = Some((kind, after));
            }
        }
        self.plan_run_end(run, chain, schedule);
    }

    /// Timers that a run's start sets: one where it has a time-out (server, `GenerateWorkflowStartTasks`).
    pub(super) fn timeout_timer(&self, workflow: u32) -> u32 {
        let ends = self.program.types[workflow as usize].ends.as_ref();
        u32::from(ends.is_some_and(|ends| ends.run_timeout.or(ends.execution_timeout).is_some()))
    }

    /// Whether a timer would fire after its run timed out: the server then writes no task for it (`CreateNextUserTimer`).
    pub(super) fn outlives_run(&self, workflow: u32, span: Nanos) -> bool {
        let ends = self.program.types[workflow as usize].ends.as_ref();
        ends.and_then(|ends| ends.run_timeout.or(ends.execution_timeout)).is_some_and(|timeout| span > timeout)
    }

    /// The next run of a chain begins: its own time-out starts again.
    pub(super) fn plan_next_runs_end(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let chain = match self.runs[run].end {
            NONE => None,
            end => self.lifecycle.ends[end].chain,
        };
        self.forget_end(run);
        self.plan_run_end(run, chain, schedule);
    }

    fn plan_run_end(&mut self, run: u32, chain: Option<(EndKind, Nanos)>, schedule: &mut Schedule<Event>) {
        let workflow = self.runs[run].workflow as usize;
        let run_timeout = self.program.types[workflow].ends.as_ref().and_then(|ends| ends.run_timeout);
        let age = self.chain_age(run, schedule.now());
        let own = run_timeout.map(|timeout| (EndKind::TimeOut, age + timeout));
        let first = match (own, chain) {
            (Some(own), Some(chain)) => Some(if own.1 < chain.1 { own } else { chain }),
            (own, chain) => own.or(chain),
        };
        let Some((kind, at)) = first else { return };
        let end = PlannedEnd { run, kind, at, chain, scheduled: false, stale: false };
        self.runs[run].end = self.lifecycle.ends.insert(end);
        self.schedule_end_if_near(run, schedule);
    }

    /// An end within the longest wait becomes an event.
    pub(super) fn schedule_end_if_near(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let Some(left) = self.time_to_end(run, schedule.now()) else { return };
        if left <= self.settings.longest_wait {
            self.schedule_end(run, left, schedule);
        }
    }

    /// How long until the run's planned end; none when there is none.
    fn time_to_end(&self, run: u32, now: Nanos) -> Option<Nanos> {
        match self.runs[run].end {
            NONE => None,
            end => Some(self.lifecycle.ends[end].at.saturating_sub(self.chain_age(run, now))),
        }
    }

    fn schedule_end(&mut self, run: u32, after: Nanos, schedule: &mut Schedule<Event>) {
        let index = self.runs[run].end;
        let end = &mut self.lifecycle.ends[index];
        if end.scheduled {
            return;
        }
        end.scheduled = true;
        self.runs[run].references += 1;
        schedule.after(after, Event::End(index));
    }

    /// A wait of a run with a planned end, as the simulation makes it: one that the end cuts off is over after it.
    pub(super) fn wait_beside_end(&mut self, run: u32, wait: Nanos, schedule: &mut Schedule<Event>) -> Nanos {
        self.schedule_end_if_near(run, schedule);
        let longest = self.settings.longest_wait;
        let Some(left) = self.time_to_end(run, schedule.now()).filter(|left| *left <= wait && wait > longest) else {
            return self.shortened(run, wait);
        };
        if left > longest {
            let short = Nanos((self.random.skip.uniform() * longest.0 as f64) as u64);
            self.runs[run].skipped += left - short;
            self.work.skipped += u128::from((left - short).0);
            self.schedule_end(run, short, schedule);
            return short + longest;
        }
        // Long enough that the run is over by then.
        left + longest
    }

    /// The run ends, or begins anew: its planned end is none any more.
    pub(super) fn forget_end(&mut self, run: u32) {
        let index = std::mem::replace(&mut self.runs[run].end, NONE);
        if index == NONE {
            return;
        }
        let end = &mut self.lifecycle.ends[index];
        if end.scheduled {
            end.stale = true;
        } else {
            self.lifecycle.ends.remove(index);
        }
    }

    /// A planned end is due.
    pub(super) fn end_due(&mut self, index: u32, schedule: &mut Schedule<Event>) {
        let end = self.lifecycle.ends[index];
        self.lifecycle.ends.remove(index);
        if end.stale {
            // The time-out's timer is still in the queue; nobody sends a request to a workflow that is known to be over.
            if end.kind == EndKind::TimeOut {
                let shard = self.runs[end.run].shard;
                self.timer_read(shard, schedule);
            }
            return self.release(end.run);
        }
        self.runs[end.run].end = NONE;
        self.end_run(end.run, end.kind, true, schedule);
        self.release(end.run);
    }

    /// Ends a run from outside; `asked` by a client or a timer of its own, else by its parent's end.
    pub(super) fn end_run(&mut self, run: u32, kind: EndKind, asked: bool, schedule: &mut Schedule<Event>) {
        let (purpose, operation) = match kind {
            EndKind::Cancel => (Purpose::Cancel, OperationKind::CancelRequested),
            EndKind::Terminate => (Purpose::Terminate, OperationKind::Terminate),
            EndKind::TimeOut => (Purpose::Terminate, OperationKind::WorkflowTimedOut),
        };
        self.runs[run].references += 1;
        let mut chain = self.chain(purpose, operation, run, self.runs[run].shard);
        if !asked {
            chain.place = self.visits.after_request(operation);
        }
        self.launch(chain, schedule);
    }

    /// A request for cancellation is durable: the next workflow task sees it.
    pub(super) fn cancel_requested(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        let added = self.calibration.bytes.event_signal.0;
        self.add_events(run, 1, added);
        self.work.history_rows += u64::from(chain.operation != OperationKind::CancelRequestedBuffered);
        self.runs[run].cancelled = true;
        self.notify(run, NONE, schedule);
    }

    /// The server's own end of a run is durable.
    pub(super) fn ended_from_outside(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        self.work.history_rows += 1;
        self.runs[run].closing = match chain.operation {
            OperationKind::WorkflowTimedOut => Closing::TimedOut,
            _ => Closing::Terminated,
        };
        self.drop_threads(run, schedule);
        self.close(run, schedule);
    }

    /// Threads in the lists of a run that ends; those that wait for something go when that comes.
    fn drop_threads(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.runs[run];
        let lists =
            [&mut state.ready, &mut state.visible, &mut state.commands].map(|list| std::mem::replace(list, NONE));
        for mut thread in lists {
            while thread != NONE {
                let next = self.threads[thread].next;
                if let Command::Activity(activity) = self.threads[thread].command {
                    self.give_back_reservation(activity, schedule);
                    self.activities.remove(activity);
                }
                self.free_thread(thread);
                thread = next;
            }
        }
    }
}

//! Signals and updates that clients send from a workflow's start on, whether or not it waits for them yet.

use plimsoll_profiles::calibration::OperationKind;

use super::model::{Event, Model};
use super::state::{Chain, NONE, Purpose, SentUpdate, Signaller, WorkflowTask};
use crate::engine::Schedule;

/// What a thread finds that comes to a signal sent from the start on.
pub(super) enum Taken {
    /// It was there, and is taken.
    Yes,
    /// It will come; the thread waits.
    NotYet,
    /// It is sent only when the workflow waits for it.
    NotSent,
}

impl Model {
    /// A run begins: its clients begin to send. The first signal comes its span after the start was answered, each further
    /// one its span after the one before was. A signal that comes after days is sent when the workflow waits for it, and
    /// so is the long wait cut short (see [`super::Settings::longest_wait`]).
    pub(super) fn send_signals(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let workflow = self.runs[run].workflow as usize;
        for index in 0..self.program.types[workflow].from_start.len() {
            let (span, count) = self.program.types[workflow].from_start[index];
            if self.program.spans[span as usize].span.mean() > self.settings.longest_wait {
                continue;
            }
            let signaller = self.signallers.insert(Signaller {
                run,
                span,
                left: count,
                untaken: count,
                arrived: 0,
                update: SentUpdate::No,
                buffered: 0,
                thread: NONE,
                dismissed: false,
                next: self.runs[run].signallers,
            });
            self.runs[run].signallers = signaller;
            self.runs[run].references += 1;
            self.plan_signal(signaller, schedule);
        }
    }

    pub(super) fn plan_signal(&mut self, signaller: u32, schedule: &mut Schedule<Event>) {
        let span = self.signallers[signaller].span as usize;
        let wait = self.program.spans[span].span.sample(&mut self.random.span);
        schedule.after(wait + self.client_trip, Event::Signal(signaller));
    }

    /// A client sends its next signal.
    pub(super) fn signal_due(&mut self, signaller: u32, schedule: &mut Schedule<Event>) {
        let state = self.signallers[signaller];
        self.work.actions += 1;
        let shard = self.runs[state.run].shard;
        let (purpose, operation) = match self.program.spans[state.span as usize].update {
            true => (Purpose::SentUpdate, OperationKind::UpdateSent),
            false => (Purpose::Signal, OperationKind::Signal),
        };
        let mut chain = self.chain(purpose, operation, signaller, shard);
        chain.run = state.run;
        chain.payload = self.program.spans[state.span as usize].payload.0 as u32;
        self.launch(chain, schedule);
    }

    /// A signal is durable: the thread that waits for it goes on, or it waits for a thread.
    pub(super) fn signal_arrived(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        let run = chain.run;
        let added = self.calibration.bytes.event_signal.0 + u64::from(chain.payload);
        self.add_payload(run, chain.payload);
        self.add_events(run, 1, added);
        self.work.history_rows += u64::from(chain.operation != OperationKind::SignalBuffered);
        let running = self.runs[run].task == WorkflowTask::Started;
        let state = &mut self.signallers[chain.target];
        let thread = std::mem::replace(&mut state.thread, NONE);
        if thread == NONE && running {
            state.buffered += 1;
        } else if thread == NONE {
            state.arrived += 1;
        }
        self.notify(run, thread, schedule);
    }

    /// The client has its answer: it sends the next, or is done.
    pub(super) fn signal_answered(&mut self, signaller: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.signallers[signaller];
        state.left -= 1;
        let (run, more) = (state.run, state.left > 0 && !state.dismissed);
        if more {
            return self.plan_signal(signaller, schedule);
        }
        if state.dismissed {
            self.signallers.remove(signaller);
        }
        self.release(run);
    }

    /// The code of a thread comes to a signal: is one there to be taken?
    pub(super) fn take_signal(&mut self, run: u32, thread: u32, span: u32) -> Taken {
        let mut signaller = self.runs[run].signallers;
        while signaller != NONE {
            let state = &mut self.signallers[signaller];
            if state.span == span && state.untaken > 0 {
                state.untaken -= 1;
                if state.arrived > 0 {
                    state.arrived -= 1;
                    return Taken::Yes;
                }
                state.thread = thread;
                return Taken::NotYet;
            }
            signaller = state.next;
        }
        Taken::NotSent
    }

    /// What came while a workflow task was running is in the history: the next task's code sees it.
    pub(super) fn flush_signals(&mut self, run: u32) {
        let mut signaller = self.runs[run].signallers;
        while signaller != NONE {
            let state = &mut self.signallers[signaller];
            state.arrived += std::mem::take(&mut state.buffered);
            signaller = state.next;
            // A thread that came to wait in the same task, after the signal: it goes on in the next.
            if state.arrived > 0 && state.thread != NONE {
                state.arrived -= 1;
                let thread = std::mem::replace(&mut state.thread, NONE);
                self.threads[thread].next = self.runs[run].buffered;
                self.runs[run].buffered = thread;
            }
        }
    }

    /// The run ends: threads that wait for signals go, and so do the senders that are done.
    pub(super) fn dismiss_signallers(&mut self, run: u32) {
        let mut signaller = std::mem::replace(&mut self.runs[run].signallers, NONE);
        while signaller != NONE {
            let state = &mut self.signallers[signaller];
            let (next, thread) = (state.next, std::mem::replace(&mut state.thread, NONE));
            state.dismissed = true;
            if state.update != SentUpdate::No {
                // Its update is aborted, and the client learns that the workflow is over.
                self.signallers.remove(signaller);
                self.release(run);
            } else if state.left == 0 {
                self.signallers.remove(signaller);
            }
            if thread != NONE {
                self.free_thread(thread);
            }
            signaller = next;
        }
    }
}

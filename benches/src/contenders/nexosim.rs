//! M/M/10 on nexosim: one model that schedules its own arrivals and departures, on one thread
//! (with more it wakes its thread pool at every time step and is far slower).

use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::Duration;

use nexosim::model::{BuildContext, Context, Model, ProtoModel, schedulable};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, Recorder, SERVERS, Task};

/// The model's state lives in its environment: random streams and histogram are not serialisable.
#[derive(Serialize, Deserialize)]
struct Station;

struct State {
    draws: QueueDraws,
    record: Option<Recorder>,
    queue: VecDeque<u64>,
    busy: u32,
    to_arrive: u64,
    to_depart: u64,
    outcome: mpsc::Sender<Outcome>,
}

#[Model(type Env = State)]
impl Station {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>, state: &mut State) {
        schedule_arrival(state, cx);
    }

    #[nexosim(schedulable)]
    fn arrive(&mut self, _: (), cx: &Context<Self>, state: &mut State) {
        let now = nanos(cx);
        state.to_arrive -= 1;
        if state.to_arrive > 0 {
            schedule_arrival(state, cx);
        }
        let Some(record) = &mut state.record else { return };
        if state.busy < SERVERS {
            state.busy += 1;
            record.busy_servers(now, state.busy);
            record.wait(0);
            schedule_departure(state, cx);
        } else {
            state.queue.push_back(now);
            record.queue_length(now, state.queue.len());
        }
    }

    #[nexosim(schedulable)]
    fn depart(&mut self, _: (), cx: &Context<Self>, state: &mut State) {
        let now = nanos(cx);
        let Some(record) = &mut state.record else { return };
        state.to_depart -= 1;
        if let Some(arrived) = state.queue.pop_front() {
            record.queue_length(now, state.queue.len());
            record.wait(now - arrived);
            schedule_departure(state, cx);
        } else {
            state.busy -= 1;
            record.busy_servers(now, state.busy);
        }
        if state.to_depart == 0
            && let Some(record) = state.record.take()
        {
            // The receiver is gone only when the run has failed already.
            let _ = state.outcome.send(record.finish(now));
        }
    }
}

fn nanos(cx: &Context<Station>) -> u64 {
    let time = cx.time();
    time.as_secs() as u64 * 1_000_000_000 + u64::from(time.subsec_nanos())
}

fn schedule_arrival(state: &mut State, cx: &Context<Station>) {
    let gap = Duration::from_nanos(state.draws.inter_arrival().0);
    cx.schedule_event(gap, schedulable!(Station::arrive), ()).expect("the gap is not zero");
}

fn schedule_departure(state: &mut State, cx: &Context<Station>) {
    let service = Duration::from_nanos(state.draws.service().0);
    cx.schedule_event(service, schedulable!(Station::depart), ()).expect("the service time is not zero");
}

struct Prototype {
    state: State,
}

impl ProtoModel for Prototype {
    type Model = Station;

    fn build(self, _: &mut BuildContext<Self>) -> (Station, State) {
        (Station, self.state)
    }
}

/// Simulates `task`.
///
/// # Panics
/// When nexosim reports an error or ends before the last customer has left.
pub fn run(task: Task) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let state = State {
        draws: QueueDraws::new(task.seed),
        record: Some(Recorder::new()),
        queue: VecDeque::with_capacity(1024),
        busy: 0,
        to_arrive: task.customers,
        to_depart: task.customers,
        outcome: sender,
    };
    let mut simulation = SimInit::with_num_threads(1)
        .add_model(Prototype { state }, Mailbox::new(), "station")
        .init(MonotonicTime::EPOCH)
        .expect("nexosim starts");
    simulation.run().expect("nexosim runs to the end");
    receiver.try_recv().expect("the last customer has left")
}

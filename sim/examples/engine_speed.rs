//! A brief look at the engine's speed: M/M/10 per customer and the hold model per operation, beside the same work on
//! `std::collections::BinaryHeap`. `cargo run --release -p plimsoll-sim --example engine_speed`

use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::{EventQueue, Fcfs, LatencyHistogram, Model, Schedule, Simulation};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Instant;

const SECOND: f64 = 1e9;
const CUSTOMERS: u64 = 1_000_000;

#[derive(Clone, Copy)]
enum Event {
    Arrival,
    Departure(u32),
}

struct Queue {
    station: Fcfs,
    arrivals: Stream,
    services: Stream,
    arrived: Vec<Nanos>,
    free: Vec<u32>,
    responses: LatencyHistogram,
    left: u64,
}

impl Model for Queue {
    type Event = Event;

    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let starting = match event {
            Event::Arrival => {
                if self.left > 0 {
                    self.left -= 1;
                    schedule.after(Nanos((self.arrivals.exponential() * SECOND / 8.0) as u64), Event::Arrival);
                }
                let token = self.free.pop().unwrap_or_else(|| {
                    self.arrived.push(now);
                    self.arrived.len() as u32 - 1
                });
                self.arrived[token as usize] = now;
                self.station.arrive(now, token)
            }
            Event::Departure(token) => {
                self.responses.record(now - self.arrived[token as usize]);
                self.free.push(token);
                self.station.complete(now, token)
            }
        };
        if let Some(token) = starting {
            schedule.after(Nanos((self.services.exponential() * SECOND) as u64), Event::Departure(token));
        }
    }
}

fn queue() -> Queue {
    let streams = Streams::new(1);
    Queue {
        station: Fcfs::new(10),
        arrivals: streams.stream("customers", "arrivals", 0),
        services: streams.stream("customers", "services", 0),
        arrived: Vec::new(),
        free: Vec::new(),
        responses: LatencyHistogram::new(),
        left: CUSTOMERS,
    }
}

fn ours() -> (f64, f64) {
    let start = Instant::now();
    let mut simulation = Simulation::new(queue());
    simulation.schedule_mut().at(Nanos::ZERO, Event::Arrival);
    simulation.run_while(|_, _| true);
    let time = start.elapsed().as_secs_f64() * SECOND / CUSTOMERS as f64;
    (time, simulation.model().responses.mean().unwrap_or_default().as_secs_f64())
}

/// The same model and statistics by hand: one heap of (time, sequence, event), one loop.
fn by_hand() -> (f64, f64) {
    let start = Instant::now();
    let streams = Streams::new(1);
    let mut arrivals = streams.stream("customers", "arrivals", 0);
    let mut services = streams.stream("customers", "services", 0);
    let mut heap: BinaryHeap<Reverse<(u64, u64, u32)>> = BinaryHeap::new();
    let mut waiting = std::collections::VecDeque::new();
    let mut arrived: Vec<u64> = Vec::new();
    let mut free: Vec<u32> = Vec::new();
    let mut responses = LatencyHistogram::new();
    let (mut sequence, mut busy, mut left, mut last) = (1u64, 0u32, CUSTOMERS, 0u64);
    let (mut waiting_area, mut busy_area, mut total_wait) = (0u128, 0u128, 0u128);
    let (mut max_waiting, mut max_wait) = (0, 0);
    heap.push(Reverse((0, 0, u32::MAX)));
    while let Some(Reverse((now, _, token))) = heap.pop() {
        waiting_area += u128::from(now - last) * waiting.len() as u128;
        busy_area += u128::from(now - last) * u128::from(busy);
        last = now;
        let mut starting = None;
        if token == u32::MAX {
            if left > 0 {
                left -= 1;
                heap.push(Reverse((now + (arrivals.exponential() * SECOND / 8.0) as u64, sequence, u32::MAX)));
                sequence += 1;
            }
            let token = free.pop().unwrap_or_else(|| {
                arrived.push(now);
                arrived.len() as u32 - 1
            });
            arrived[token as usize] = now;
            if busy < 10 {
                busy += 1;
                starting = Some(token);
            } else {
                waiting.push_back((now, token));
                max_waiting = max_waiting.max(waiting.len());
            }
        } else {
            responses.record(Nanos(now - arrived[token as usize]));
            free.push(token);
            busy -= 1;
            if let Some((since, token)) = waiting.pop_front() {
                total_wait += u128::from(now - since);
                max_wait = max_wait.max(now - since);
                busy += 1;
                starting = Some(token);
            }
        }
        if let Some(token) = starting {
            heap.push(Reverse((now + (services.exponential() * SECOND) as u64, sequence, token)));
            sequence += 1;
        }
    }
    black_box((waiting_area, busy_area, total_wait, max_waiting, max_wait));
    let time = start.elapsed().as_secs_f64() * SECOND / CUSTOMERS as f64;
    (time, responses.mean().unwrap_or_default().as_secs_f64())
}

/// Nanoseconds per hold: pop the first event, push it again after a random delay.
fn hold<Q>(
    pending: usize,
    delay: fn(&mut Stream) -> u64,
    mut queue: Q,
    push: fn(&mut Q, u64),
    pop: fn(&mut Q) -> u64,
) -> f64 {
    let mut stream = Streams::new(2).stream("hold", "delays", 0);
    for _ in 0..pending {
        push(&mut queue, delay(&mut stream));
    }
    let mut holds = |count: usize| {
        for _ in 0..count {
            let now = pop(&mut queue);
            push(&mut queue, now + delay(&mut stream));
        }
    };
    holds(2 * pending);
    let count = 1_000_000;
    let start = Instant::now();
    holds(count);
    start.elapsed().as_secs_f64() * SECOND / count as f64
}

fn exponential(stream: &mut Stream) -> u64 {
    (stream.exponential() * SECOND) as u64
}

fn bimodal(stream: &mut Stream) -> u64 {
    let span = if stream.uniform() < 0.9 { 0.1 } else { 1000.0 };
    (stream.uniform() * span * SECOND) as u64
}

type StdHeap = (BinaryHeap<Reverse<(u64, u64, u64)>>, u64);

fn std_push(heap: &mut StdHeap, time: u64) {
    heap.1 += 1;
    heap.0.push(Reverse((time, heap.1, time)));
}

fn std_pop(heap: &mut StdHeap) -> u64 {
    heap.0.pop().map_or(0, |Reverse(top)| top.0)
}

fn own_push(queue: &mut EventQueue<u64>, time: u64) {
    queue.push(Nanos(time), time);
}

fn own_pop(queue: &mut EventQueue<u64>) -> u64 {
    queue.pop().map_or(0, |(time, _)| time.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    if std::env::args().any(|argument| argument == "once") {
        println!("{:?}", ours());
        return;
    }
    let rounds: Vec<_> = (0..7).map(|_| (ours(), by_hand())).collect();
    println!("mean response: ours {:.6} by hand {:.6}", rounds[0].0.1, rounds[0].1.1);
    let own = median(rounds.iter().map(|round| round.0.0).collect());
    let hand = median(rounds.iter().map(|round| round.1.0).collect());
    println!("M/M/10 ns/customer: engine {own:.1}, std heap by hand {hand:.1}, ratio {:.2}", hand / own);
    for (name, delay) in [("exponential", exponential as fn(&mut Stream) -> u64), ("bimodal", bimodal)] {
        for pending in [10, 100, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000] {
            let rounds: Vec<_> = (0..3)
                .map(|_| {
                    let own = hold(pending, delay, EventQueue::new(), own_push, own_pop);
                    (own, hold(pending, delay, StdHeap::default(), std_push, std_pop))
                })
                .collect();
            let own = median(rounds.iter().map(|round| round.0).collect());
            let std = median(rounds.iter().map(|round| round.1).collect());
            println!("hold {name} {pending:>8}: engine {own:6.1} ns, std heap {std:6.1} ns, ratio {:.2}", std / own);
        }
    }
}

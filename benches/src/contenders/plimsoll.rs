//! M/M/10 on Plimsoll's engine as any model uses it: event loop, station, tally and histogram, nothing written for the
//! benchmark. The station keeps queue length and busy servers; the model keeps when each task in the system arrived.

use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::{Fcfs, LatencyHistogram, Model, Schedule, Simulation, Tally};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, SERVERS, Task};

#[derive(Clone, Copy)]
enum Event {
    Arrival,
    Departure { token: u32 },
}

struct Station {
    draws: QueueDraws,
    servers: Fcfs,
    wait: Tally,
    waits: LatencyHistogram,
    /// Arrival times of the tasks in the system, by token; tokens of those that left are used again.
    arrived: Vec<Nanos>,
    free: Vec<u32>,
    to_arrive: u64,
}

impl Station {
    #[inline]
    fn start(&mut self, token: u32, schedule: &mut Schedule<Event>) {
        let wait = schedule.now() - self.arrived[token as usize];
        self.wait.record(wait.0 as f64);
        self.waits.record(wait);
        schedule.after(self.draws.service(), Event::Departure { token });
    }

    #[inline]
    fn token(&mut self, now: Nanos) -> u32 {
        if let Some(token) = self.free.pop() {
            self.arrived[token as usize] = now;
            return token;
        }
        self.arrived.push(now);
        self.arrived.len() as u32 - 1
    }
}

impl Model for Station {
    type Event = Event;

    #[inline]
    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        match event {
            Event::Arrival => {
                self.to_arrive -= 1;
                if self.to_arrive > 0 {
                    schedule.after(self.draws.inter_arrival(), Event::Arrival);
                }
                let token = self.token(now);
                if let Some(token) = self.servers.arrive(now, token) {
                    self.start(token, schedule);
                }
            }
            Event::Departure { token } => {
                self.free.push(token);
                if let Some(next) = self.servers.complete(now, token) {
                    self.start(next, schedule);
                }
            }
        }
    }
}

/// Simulates `task`.
///
/// # Panics
/// When no customer was served.
pub fn run(task: Task) -> Outcome {
    let mut draws = QueueDraws::new(task.seed);
    let first = draws.inter_arrival();
    let mut simulation = Simulation::new(Station {
        draws,
        servers: Fcfs::new(SERVERS),
        wait: Tally::new(),
        waits: LatencyHistogram::new(),
        arrived: Vec::new(),
        free: Vec::new(),
        to_arrive: task.customers,
    });
    simulation.schedule_mut().at(first, Event::Arrival);
    simulation.run_while(|_, _| true);

    let end = simulation.schedule().now();
    let Station { mut servers, wait, waits, .. } = simulation.into_model();
    let report = servers.report(end);
    let seconds = |nanos: Option<f64>| nanos.expect("customers were served") / 1e9;
    Outcome {
        customers: wait.count(),
        mean_wait: seconds(wait.mean()),
        wait_deviation: seconds(wait.variance().map(f64::sqrt)),
        min_wait: seconds(wait.min()),
        max_wait: seconds(wait.max()),
        p99_wait: seconds(waits.quantile(0.99).ok().map(|wait| wait.0 as f64)),
        mean_queue_length: report.mean_waiting,
        max_queue_length: report.max_waiting,
        mean_busy_servers: report.mean_busy,
        end: end.as_secs_f64(),
    }
}

//! Queueing models and checks that the engine tests share.

#![allow(clippy::unwrap_used, dead_code)]

use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_sim::engine::statistics::BatchMeans;
use plimsoll_sim::engine::{Arrival, Fcfs, Interval, Model, Report, Schedule, Simulation, Tally, laws, replications};
use serde_json::Value;

pub const SECOND: Nanos = Nanos(1_000_000_000);
pub const CONFIDENCE: f64 = 0.999;
pub const REPLICATIONS: u32 = 20;

/// Tokens that are used again when their task has left.
#[derive(Default)]
pub struct Tokens {
    arrived: Vec<Nanos>,
    free: Vec<u32>,
}

impl Tokens {
    pub fn take(&mut self, now: Nanos) -> u32 {
        let token = self.free.pop().unwrap_or_else(|| {
            self.arrived.push(now);
            self.arrived.len() as u32 - 1
        });
        self.arrived[token as usize] = now;
        token
    }

    pub fn arrived(&self, token: u32) -> Nanos {
        self.arrived[token as usize]
    }

    /// The time from arrival to now, of a task that leaves.
    pub fn give_back(&mut self, now: Nanos, token: u32) -> Nanos {
        self.free.push(token);
        now - self.arrived[token as usize]
    }
}

/// A distribution with its stream.
pub struct Source {
    pub distribution: Distribution,
    pub stream: Stream,
}

impl Source {
    pub fn new(distribution: Distribution, purpose: &str, seed: u64, replication: u32) -> Self {
        Source { distribution, stream: Streams::new(seed).stream("engine tests", purpose, replication) }
    }

    pub fn poisson(rate: f64, seed: u64, replication: u32) -> Self {
        let mean = Nanos::from_secs_f64(1.0 / rate);
        Source::new(Distribution::Exponential { mean }, "arrivals", seed, replication)
    }

    pub fn draw(&mut self) -> Nanos {
        self.distribution.sample(&mut self.stream)
    }
}

#[derive(Clone, Copy, Hash)]
pub enum Event {
    Arrival,
    Departure(u32),
}

/// One FCFS station: G/G/c/K.
pub struct Line {
    pub station: Fcfs,
    pub gaps: Source,
    pub services: Source,
    pub tokens: Tokens,
    /// Services begun before measuring starts, and to be measured.
    pub warm_up: usize,
    pub customers: usize,
    pub started: usize,
    /// Waits in seconds, in the order of arrival.
    pub waits: Vec<f64>,
    pub responses: Tally,
    pub total_service: Nanos,
}

impl Line {
    pub fn new(station: Fcfs, gaps: Source, services: Source, warm_up: usize, customers: usize) -> Self {
        Line {
            station,
            gaps,
            services,
            tokens: Tokens::default(),
            warm_up,
            customers,
            started: 0,
            waits: Vec::with_capacity(customers),
            responses: Tally::new(),
            total_service: Nanos::ZERO,
        }
    }

    fn start(&mut self, token: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        self.started += 1;
        if self.started == self.warm_up + 1 {
            self.station.reset_statistics(now);
            self.responses = Tally::new();
            self.total_service = Nanos::ZERO;
        }
        if self.started > self.warm_up {
            self.waits.push((now - self.tokens.arrived(token)).as_secs_f64());
        }
        let service = self.services.draw();
        self.total_service += service;
        schedule.after(service, Event::Departure(token));
    }

    /// The waits alone, to the nanosecond, also of runs that have no steady state.
    pub fn run_without_laws(self) -> Vec<Nanos> {
        let customers = self.customers;
        let mut simulation = Simulation::new(self);
        simulation.schedule_mut().at(Nanos::ZERO, Event::Arrival);
        simulation.run_while(|line, _| line.waits.len() < customers);
        let now = simulation.schedule().now();
        let mut line = simulation.into_model();
        laws::exact(&line.station.report(now)).unwrap();
        line.waits.into_iter().map(Nanos::from_secs_f64).collect()
    }

    /// Runs until the customers asked for have begun service, checks the laws, and gives the station's report.
    pub fn run(self) -> (Line, Report) {
        let customers = self.customers;
        let mut simulation = Simulation::new(self);
        simulation.schedule_mut().at(Nanos::ZERO, Event::Arrival);
        simulation.run_while(|line, _| line.waits.len() < customers);
        let now = simulation.schedule().now();
        let mut line = simulation.into_model();
        let report = line.station.report(now);
        check_laws(&report, Nanos(line.total_service.0 / customers as u64), 0.03);
        if let Some(response) = line.responses.mean() {
            laws::little_response(&report, Nanos::from_secs_f64(response), 0.03).unwrap();
        }
        (line, report)
    }
}

/// Conservation and Little's law exactly, utilisation law and flow balance within the tolerance for tasks cut by the window.
pub fn check_laws(report: &Report, mean_service: Nanos, tolerance: f64) {
    laws::exact(report).unwrap();
    laws::utilisation(report, mean_service, tolerance).unwrap();
    laws::flow_balance(report, tolerance).unwrap();
}

impl Model for Line {
    type Event = Event;

    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        match event {
            Event::Arrival => {
                schedule.after(self.gaps.draw(), Event::Arrival);
                let token = self.tokens.take(now);
                match self.station.try_arrive(now, token) {
                    Arrival::Starts => self.start(token, schedule),
                    Arrival::Waits => {}
                    Arrival::Blocked => {
                        self.tokens.give_back(now, token);
                    }
                }
            }
            Event::Departure(token) => {
                let response = self.tokens.give_back(now, token);
                self.responses.record(response.as_secs_f64());
                if let Some(next) = self.station.complete(now, token) {
                    self.start(next, schedule);
                }
            }
        }
    }
}

/// Runs the replications on two threads.
pub fn replicate<R: Send>(run: impl Fn(u32) -> R + Sync + Send) -> Vec<R> {
    replications(REPLICATIONS, 2, run).unwrap()
}

/// The mean of one value per replication must have the exact value within its 99.9 % interval.
pub fn assert_holds(what: &str, values: impl IntoIterator<Item = f64>, exact: f64) -> Interval {
    let mut tally = Tally::new();
    values.into_iter().for_each(|value| tally.record(value));
    let interval = Interval::of_mean(&tally, CONFIDENCE).unwrap();
    assert!(interval.contains(exact), "{what}: exact {exact}, simulated {interval:?}");
    interval
}

/// As [`assert_holds`], and the interval must be narrow enough to mean something.
pub fn assert_mean(what: &str, values: impl IntoIterator<Item = f64>, exact: f64) {
    let interval = assert_holds(what, values, exact);
    assert!(interval.half_width() < 0.5 * exact.abs(), "{what}: the interval says little: {interval:?}");
}

/// A quantile of all replications together, with the replications as sections.
pub fn assert_quantile(what: &str, runs: &[&[f64]], q: f64, exact: f64) {
    let interval = BatchMeans::new(runs.len(), CONFIDENCE).quantile(&runs.concat(), q).unwrap();
    assert!(interval.contains(exact), "{what} quantile {q}: exact {exact}, simulated {interval:?}");
    assert!(interval.half_width() <= 0.5 * exact.abs(), "{what} quantile {q}: the interval says little: {interval:?}");
}

pub fn golden(section: &str) -> Vec<(String, Value)> {
    let all: Value = serde_json::from_str(include_str!("../data/queueing.json")).unwrap();
    match &all[section] {
        Value::Object(map) => map.clone().into_iter().collect(),
        Value::Array(list) => list.iter().enumerate().map(|(i, value)| (i.to_string(), value.clone())).collect(),
        other => panic!("{section} is {other}"),
    }
}

pub fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// `c=10,lam=8,mu=1` as numbers.
pub fn parameters(key: &str) -> Vec<f64> {
    key.split(',').map(|part| part.rsplit('=').next().unwrap().parse().unwrap()).collect()
}

pub fn exponential(mean: Nanos) -> Distribution {
    Distribution::Exponential { mean }
}

pub fn rate(value: f64) -> Rate {
    Rate::per_second(value)
}

//! A load sent to an embedded target by the parts that a run is made of: dispatcher, driver, books.
#![allow(clippy::unwrap_used, dead_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use plimsoll_load::clock::RunClock;
use plimsoll_load::connect::Endpoint;
use plimsoll_load::driver::{Books, Completions, Settings, Target};
use plimsoll_load::engine::{Engine, Load, driver_runtime};
use plimsoll_load::identity::RunId;
use plimsoll_load::record::ledger::Tally;
use plimsoll_load::record::recorder::{Recording, add, empty};
use plimsoll_load::record::{Errors, Ledger, Metric, Recorder};
use plimsoll_load::workload::Workload;
use plimsoll_profiles::arrivals::Arrivals;
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, World, shipped};

/// What is sent.
pub struct Sending {
    /// In the short form, e.g. `2s@200/s`.
    pub phases: &'static str,
    pub max_in_flight: usize,
    pub max_waiting: usize,
    /// Give up what is not done this long after the last intended start.
    pub drain: Duration,
}

impl Default for Sending {
    fn default() -> Self {
        Sending { phases: "2s@200/s", max_in_flight: 10_000, max_waiting: 1_000_000, drain: Duration::from_secs(10) }
    }
}

/// What the generator saw.
pub struct Seen {
    pub tally: Tally,
    pub delayed: u64,
    pub retries: u64,
    /// What failed and how often, as the books have it.
    pub errors: String,
    recordings: Vec<Recording>,
}

impl Seen {
    pub fn histogram(&self, metric: Metric) -> Histogram<u64> {
        let mut sum = empty();
        self.recordings.iter().filter(|part| part.metric == metric).for_each(|part| add(&mut sum, &part.histogram));
        sum
    }

    pub fn p99(&self, metric: Metric) -> Duration {
        Duration::from_nanos(self.histogram(metric).value_at_quantile(0.99))
    }
}

/// Sends, and waits until everything is done or the drain is over. Blocks.
pub fn send(address: SocketAddr, sending: &Sending) -> Seen {
    send_while(address, sending, |_| {})
}

/// The same, and calls `meanwhile` again and again with the time since the first intended start.
pub fn send_while(address: SocketAddr, sending: &Sending, mut meanwhile: impl FnMut(Duration)) -> Seen {
    let runtime = driver_runtime(1).unwrap();
    let endpoint = Endpoint::plain(address, "default");
    let services = runtime.handle().block_on(async {
        let connected = endpoint.connect("tests").await.unwrap();
        tokio::spawn(async move { connected.channels(2).await }).await.unwrap().unwrap()
    });
    let run = RunId::new();
    let document = Document::parse(shipped::profile("one-activity").unwrap().text, "profile", &[]).unwrap();
    let profile = document.profile(&World::mid()).unwrap();
    let workload = Workload::new(&profile, 1, &run, "default", &run.task_queue()).unwrap().unattended();
    let books = Books {
        recorder: Arc::new(Recorder::default()),
        ledger: Arc::new(Ledger::new(Nanos::ZERO)),
        errors: Arc::new(Errors::default()),
    };
    let arrivals: Arrivals = sending.phases.parse().unwrap();
    let until = arrivals.duration();
    let settings = Settings {
        max_in_flight: sending.max_in_flight,
        max_waiting: sending.max_waiting,
        completions: Completions::LongPoll,
    };
    let load = Load { arrivals, seed: 1, until, settings, spin: Duration::ZERO };
    let target = Target { services, namespace: "default".into(), run, workload: Some(workload.clone()) };
    let lead = Duration::from_millis(100);
    let begin = Instant::now() + lead;
    let clock = RunClock::starting_in(lead);
    let mut engine = Engine::start(&load, &workload, target, books.clone(), clock, &runtime).unwrap();
    let deadline = begin + Duration::from_nanos(until.0) + sending.drain;
    while !engine.is_done() && Instant::now() < deadline {
        meanwhile(begin.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    engine.abort();
    // What was handed to a connection just now arrives before the connection goes.
    std::thread::sleep(Duration::from_millis(50));
    let counters = engine.driver().counters();
    let seen = Seen {
        tally: books.ledger.whole(),
        delayed: counters.starts_delayed.load(Ordering::Acquire),
        retries: counters.retries.load(Ordering::Acquire),
        errors: format!("{:?}", books.errors),
        recordings: books.recorder.take(),
    };
    drop(runtime);
    assert!(seen.tally.adds_up(), "{:?}", seen.tally);
    seen
}

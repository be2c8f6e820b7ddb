//! Criterion benches of the engine's parts. They assert no time; `speed` compares with others, these show where time goes.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_benches::contenders::{PLIMSOLL, POP_PUSH, REPLACE_TOP, binary_heap, plimsoll};
use plimsoll_benches::draws::QueueDraws;
use plimsoll_benches::hold::{EngineQueue, Hold, Increment, StdBinaryHeap};
use plimsoll_benches::mm10::Task;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::{Fcfs, LatencyHistogram, Tally, TimeWeighted};

const SEED: u64 = 1;

/// One hold of the event queue, at sizes from a handful of events to a million.
fn hold(criterion: &mut Criterion) {
    for increment in [Increment::Exponential, Increment::Bimodal] {
        let mut group = criterion.benchmark_group(format!("hold/{}", increment.name()));
        for pending in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
            let mut engine = Hold::<EngineQueue>::new(pending, increment, SEED);
            engine.run(u64::from(pending));
            group.bench_function(BenchmarkId::new(PLIMSOLL, pending), |bencher| bencher.iter(|| engine.run(1)));
            let mut heap = Hold::<StdBinaryHeap>::new(pending, increment, SEED);
            heap.run(u64::from(pending));
            group.bench_function(BenchmarkId::new(POP_PUSH, pending), |bencher| bencher.iter(|| heap.run(1)));
        }
        group.finish();
    }
}

/// A whole M/M/10 run; the throughput is in customers.
fn queue(criterion: &mut Criterion) {
    let task = Task { customers: 50_000, seed: SEED };
    let mut group = criterion.benchmark_group("mm10");
    group.throughput(Throughput::Elements(task.customers));
    group.bench_function(PLIMSOLL, |bencher| bencher.iter(|| plimsoll::run(black_box(task))));
    group.bench_function(POP_PUSH, |bencher| bencher.iter(|| binary_heap::pop_push(black_box(task))));
    group.bench_function(REPLACE_TOP, |bencher| bencher.iter(|| binary_heap::replace_top(black_box(task))));
    group.finish();
}

/// A customer's way through a station, without an event queue.
fn station(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("station");
    group.bench_function("Fcfs arrive and complete, idle", |bencher| {
        let mut station = Fcfs::new(10);
        let mut now = Nanos::ZERO;
        bencher.iter(|| {
            now += Nanos(100);
            black_box(station.arrive(now, 1));
            now += Nanos(100);
            black_box(station.complete(now, 1))
        });
    });
    group.bench_function("Fcfs arrive and complete, waiting", |bencher| {
        let mut station = Fcfs::new(1);
        let mut now = Nanos::ZERO;
        for token in 0..20 {
            station.arrive(now, token);
        }
        bencher.iter(|| {
            now += Nanos(100);
            black_box(station.arrive(now, 1));
            now += Nanos(100);
            black_box(station.complete(now, 1))
        });
    });
    group.finish();
}

/// Recording one observation, and drawing one span.
fn statistics(criterion: &mut Criterion) {
    let mut draws = QueueDraws::new(SEED);
    let spans: Vec<Nanos> = (0..4_096).map(|_| draws.service()).collect();
    let mut group = criterion.benchmark_group("per observation");
    group.throughput(Throughput::Elements(spans.len() as u64));
    group.bench_function("Tally", |bencher| {
        bencher.iter_batched_ref(
            Tally::new,
            |tally| spans.iter().for_each(|span| tally.record(span.0 as f64)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("LatencyHistogram", |bencher| {
        let mut histogram = LatencyHistogram::new();
        bencher.iter(|| spans.iter().for_each(|span| histogram.record(*span)));
    });
    group.bench_function("TimeWeighted", |bencher| {
        bencher.iter_batched_ref(
            || (TimeWeighted::new(Nanos::ZERO, 0), Nanos::ZERO),
            |(number, now)| {
                for span in &spans {
                    *now += *span;
                    number.set(*now, span.0 & 7);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("exponential span", |bencher| {
        bencher.iter(|| (0..spans.len()).fold(0, |sum, _| sum ^ draws.service().0));
    });
    group.finish();
}

criterion_group!(benches, hold, queue, station, statistics);
criterion_main!(benches);

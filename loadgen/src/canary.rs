//! A fixed small computation four times a second, so that a slow spell of a shared machine is seen for what it is.
//!
//! The computation is the same each time: its CPU time changes only when the processor is slower (frequency, a busy sibling
//! thread, stolen time), its wall time also when it had to wait for a core.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

/// Rounds of the computation: 0.12 to 0.24 ms of one core on the machine of `docs/calibration.md`.
const ROUNDS: u32 = 24;
/// Records of a round.
const RECORDS: usize = 64;
/// Computations of one reading, of which the middle one counts.
const TRIES: usize = 3;
/// From one reading to the next: a neighbour comes and goes within a second, and the mean over a run is to see how often.
const PERIOD: Duration = Duration::from_millis(250);
/// The readings that [`Canary::latest`] tells of.
const LATEST: Duration = Duration::from_secs(1);

/// A reading this much above the median is a slow one.
pub const SLOW_SHARE: f64 = 0.10;

/// One run of the computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When it ended.
    pub at: Instant,
    /// CPU time of its thread, of the middle one of a few tries.
    pub cpu: Nanos,
    /// The same, and how long all tries together waited for a core.
    pub wall: Nanos,
}

/// The running canary; it ends when dropped.
#[derive(Debug)]
pub struct Canary {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    readings: Mutex<Vec<Reading>>,
    ended: AtomicBool,
}

impl Canary {
    /// Starts the thread; the first reading is there after about ten milliseconds, then four come each second.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> Result<Canary, Failure> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("canary".to_owned())
            .spawn(move || sing(&theirs))
            .map_err(|error| Failure::io(format!("cannot start the canary's thread: {error}")))?;
        Ok(Canary { shared, thread: Some(thread) })
    }

    /// The mean of the last second's readings, dated as the newest.
    pub fn latest(&self) -> Option<Reading> {
        let readings = self.shared.readings.lock();
        let newest = readings.last()?.at;
        let last: Vec<&Reading> =
            readings.iter().rev().take_while(|reading| newest.duration_since(reading.at) < LATEST).collect();
        let (cpu, wall) = (mean(last.iter().map(|one| one.cpu)), mean(last.iter().map(|one| one.wall)));
        Some(Reading { at: newest, cpu, wall })
    }

    /// All readings so far, oldest first.
    pub fn readings(&self) -> Vec<Reading> {
        self.shared.readings.lock().clone()
    }

    /// What the readings from an instant on say; `None` before there are three.
    pub fn summary_since(&self, start: Instant) -> Option<CanarySummary> {
        let readings: Vec<Reading> = self.readings().into_iter().filter(|reading| reading.at >= start).collect();
        CanarySummary::of(&readings)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been printed; there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

/// How steady the machine was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CanarySummary {
    /// Readings it is made of.
    pub readings: usize,
    /// Median CPU time of the computation.
    pub median_cpu: Nanos,
    /// Its mean: what the machine's speed was worth over the readings, where it was now one and now another.
    pub mean_cpu: Nanos,
    /// The largest CPU time above the median, as a share of the median: 0.25 is a quarter slower.
    pub largest_deviation: f64,
    /// Share of readings whose CPU time was more than [`SLOW_SHARE`] above the median.
    pub slow_share: f64,
    /// Median of wall time less CPU time: waiting for a core.
    pub median_wait: Nanos,
    /// The longest wait for a core.
    pub longest_wait: Nanos,
}

impl CanarySummary {
    /// `None` for fewer than three readings, of which no median can be told.
    pub fn of(readings: &[Reading]) -> Option<CanarySummary> {
        if readings.len() < 3 {
            return None;
        }
        let cpu = sorted(readings.iter().map(|reading| reading.cpu));
        let wait = sorted(readings.iter().map(|reading| reading.wall.saturating_sub(reading.cpu)));
        let median = median(&cpu);
        let above = |value: &Nanos| value.0 as f64 / median.0.max(1) as f64 - 1.0;
        let slow = cpu.iter().filter(|value| above(value) > SLOW_SHARE).count();
        Some(CanarySummary {
            readings: readings.len(),
            median_cpu: median,
            mean_cpu: mean(cpu.iter().copied()),
            largest_deviation: cpu.last().map_or(0.0, above).max(0.0),
            slow_share: slow as f64 / readings.len() as f64,
            median_wait: self::median(&wait),
            longest_wait: wait.last().copied().unwrap_or(Nanos(0)),
        })
    }

    /// About how much CPU the readings themselves took.
    pub fn cpu_spent(&self) -> Nanos {
        self.mean_cpu * (self.readings as u64 * TRIES as u64)
    }

    /// Whether some reading was more than [`SLOW_SHARE`] slower than the median one.
    pub fn has_slow_spell(&self) -> bool {
        self.largest_deviation > SLOW_SHARE
    }
}

fn sorted(values: impl Iterator<Item = Nanos>) -> Vec<Nanos> {
    let mut values: Vec<Nanos> = values.collect();
    values.sort_unstable();
    values
}

/// Zero of none.
fn mean(values: impl ExactSizeIterator<Item = Nanos>) -> Nanos {
    let count = values.len().max(1) as u64;
    Nanos(values.map(|value| value.0).sum::<u64>() / count)
}

fn median(sorted: &[Nanos]) -> Nanos {
    let middle = sorted.len() / 2;
    match sorted {
        [] => Nanos(0),
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => Nanos(sorted[middle - 1].0.midpoint(sorted[middle].0)),
    }
}

fn sing(shared: &Shared) {
    // The first run warms the caches and the processor's frequency; it would be an outlier.
    black_box(compute());
    let mut due = Instant::now();
    while !shared.ended.load(Ordering::Acquire) {
        let reading = measure();
        shared.readings.lock().push(reading);
        due += PERIOD;
        // After a stall the seconds that were missed are not made up for.
        due = due.max(Instant::now());
        while !shared.ended.load(Ordering::Acquire) && Instant::now() < due {
            thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
    }
}

fn measure() -> Reading {
    let (began, before) = (Instant::now(), thread_cpu());
    let mut tries = [Nanos::ZERO; TRIES];
    for one in &mut tries {
        let cpu = thread_cpu();
        black_box(compute());
        *one = thread_cpu().saturating_sub(cpu);
    }
    let (at, spent) = (Instant::now(), thread_cpu().saturating_sub(before));
    let elapsed = Nanos(u64::try_from(at.duration_since(began).as_nanos()).unwrap_or(u64::MAX));
    tries.sort_unstable();
    let cpu = median(&tries);
    Reading { at, cpu, wall: cpu + elapsed.saturating_sub(spent) }
}

/// CPU time of the calling thread (`CLOCK_THREAD_CPUTIME_ID`).
fn thread_cpu() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Nanos(u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Records written as bytes, read back, sorted and looked up: what a service does with a request.
///
/// It keeps all units of a core busy, as a service does. A chain in which each step waits for the one before leaves most of them to a busy sibling
/// thread, and took 1.3 times as long beside one where this takes 1.9 times and services 1.5 to 2 (`docs/calibration.md`).
fn compute() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut sum = 0_u64;
    let mut bytes = Vec::with_capacity(RECORDS * 48);
    for _ in 0..ROUNDS {
        bytes.clear();
        for number in 0..RECORDS as u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            write_varint(&mut bytes, number);
            write_varint(&mut bytes, state >> (state % 57));
            bytes.extend_from_slice(NAME);
        }
        let mut read: Vec<(u64, u64)> = Vec::with_capacity(RECORDS);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let number = read_varint(&mut rest);
            let key = read_varint(&mut rest);
            rest = rest.get(NAME.len()..).unwrap_or_default();
            read.push((key, number));
        }
        read.sort_unstable();
        let index: BTreeMap<u64, u64> = read.iter().copied().collect();
        sum = read.iter().filter_map(|(key, _)| index.get(key)).fold(sum, |sum, number| sum.wrapping_add(*number));
    }
    sum
}

/// What stands in each record beside its numbers.
const NAME: &[u8] = b"workflow_task_completed";

/// Seven bits a byte, the lowest first, as protocol buffers have them.
fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    while let Some((byte, after)) = rest.split_first() {
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn readings(cpu: &[u64], wait: u64) -> Vec<Reading> {
        let at = Instant::now();
        cpu.iter().map(|cpu| Reading { at, cpu: Nanos(*cpu), wall: Nanos(cpu + wait) }).collect()
    }

    #[test]
    fn a_steady_machine_has_no_slow_spell() {
        let summary = CanarySummary::of(&readings(&[1000, 1010, 990, 1005, 1090], 7)).unwrap();
        assert_eq!((summary.median_cpu, summary.median_wait), (Nanos(1005), Nanos(7)));
        assert!(!summary.has_slow_spell() && summary.slow_share == 0.0, "{summary:?}");
    }

    #[test]
    fn one_slow_second_in_ten_is_seen_with_its_size() {
        let summary = CanarySummary::of(&readings(&[100, 100, 100, 100, 100, 100, 100, 100, 100, 150], 0)).unwrap();
        assert!(summary.has_slow_spell());
        assert!((summary.largest_deviation - 0.5).abs() < 1e-12 && (summary.slow_share - 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_mean_tells_of_a_machine_that_is_slow_for_a_third_of_the_time() {
        let summary = CanarySummary::of(&readings(&[100, 200, 100, 100, 200, 100], 0)).unwrap();
        assert_eq!((summary.median_cpu, summary.mean_cpu), (Nanos(100), Nanos(133)));
    }

    #[test]
    fn two_readings_say_nothing() {
        assert_eq!(CanarySummary::of(&readings(&[1, 2], 0)), None);
    }

    #[test]
    fn the_computation_is_the_same_each_time_and_takes_cpu_time() {
        assert_eq!(compute(), compute());
        let reading = measure();
        assert!(reading.cpu > Nanos(0) && reading.cpu.0 <= reading.wall.0 + 1_000_000, "{reading:?}");
    }

    #[test]
    fn numbers_of_all_lengths_are_read_as_they_were_written() {
        let numbers: Vec<u64> = (0..64).map(|bits| u64::MAX >> bits).chain([0, 127, 128]).collect();
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| write_varint(&mut bytes, *number));
        let mut rest = bytes.as_slice();
        let read: Vec<u64> = numbers.iter().map(|_| read_varint(&mut rest)).collect();
        assert_eq!((read, rest.len()), (numbers, 0));
    }

    /// Prints both for a minute, for `docs/calibration.md`: run it while the machine's neighbours come and go.
    #[test]
    #[ignore = "prints what the machine does, in a minute"]
    fn what_a_busy_sibling_does_to_the_computation_and_to_a_chain() {
        for _ in 0..60 {
            let mut tries = [Nanos::ZERO; TRIES];
            for one in &mut tries {
                let cpu = thread_cpu();
                black_box(chain());
                *one = thread_cpu().saturating_sub(cpu);
            }
            let quickest = tries.iter().min().unwrap();
            println!("computation {:>4} us, chain {:>4} us", measure().cpu.0 / 1000, quickest.0 / 1000);
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// Each step needs the one before and a read from a table of 32 KiB, so that nothing runs ahead: the computation of earlier canaries.
    fn chain() -> u64 {
        const WORDS: usize = 4096;
        let mut table = [0_u64; WORDS];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for round in 0..80_000_u32 {
            state ^= state >> 27;
            state = state.wrapping_mul(0x94D0_49BB_1331_11EB) ^ table[(state >> 52) as usize % WORDS];
            table[(state >> 40) as usize % WORDS] = state.wrapping_add(u64::from(round));
        }
        state
    }

    #[test]
    fn a_canary_gives_readings_and_ends_when_dropped() {
        let canary = Canary::start().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while canary.latest().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(canary.latest().is_some());
        drop(canary);
    }
}

//! Hosts whose cores are shared.

use super::line::Line;
use super::report::Report;
use plimsoll_profiles::units::{Cores, Nanos};

/// Fractional bits of virtual time and of a number of cores.
const FRACTION_BITS: u32 = 16;
const ONE: u64 = 1 << FRACTION_BITS;
/// What the roundings of virtual time usually add up to at most, 2^-12 ns, so that a job due on a whole nanosecond is not found a nanosecond late.
const ROUNDING: u64 = 1 << 4;
/// 19 hours of CPU time in one job: the bound that keeps virtual time within 64 bits.
const LONGEST_DEMAND: u64 = 1 << 46;

/// A host of `n` cores (fractions allowed) that `k` jobs share: each runs on `min(1, n / k)` of a core.
///
/// Inside runs a virtual clock: the CPU time a job present since the start would have had. It advances at one rate for all jobs, so a job ends
/// when the clock shows its demand plus what it showed at its arrival, and an arrival changes nothing but the rate. It is kept to
/// 2^-16 ns; a completion is rounded up to the next whole nanosecond, which delays the rest of its busy period by less than one.
///
/// # Protocol
/// The host needs one wake-up event at a time. After each `arrive`, `complete` or `set_cores` ask [`ProcessorSharing::wake`]:
/// it gives a time and a generation when an event has to be scheduled, and `None` when the pending one will do. When an event
/// fires, [`ProcessorSharing::woken`] tells whether it is the current one; then take all finished jobs with
/// [`ProcessorSharing::complete`], and ask `wake` again. A wake-up made too early by a later arrival finds no finished job and is simply set again;
/// one made too late by a short job is replaced, and its generation is stale when it fires.
///
/// ```
/// use plimsoll_profiles::units::{Cores, Nanos};
/// use plimsoll_sim::engine::ProcessorSharing;
///
/// let mut host = ProcessorSharing::new(Cores::new(1.0));
/// host.arrive(Nanos(0), 1, Nanos(100));
/// assert_eq!(host.wake(), Some((Nanos(100), 1))); // schedule.at(100, HostDone { generation: 1 })
/// host.arrive(Nanos(50), 2, Nanos(10)); // two jobs at half speed: 2 ends at 70
/// assert_eq!(host.wake(), Some((Nanos(70), 2))); // schedule.at(70, HostDone { generation: 2 })
///
/// assert!(host.woken(2)); // at 70
/// assert_eq!(host.complete(Nanos(70)), Some(2));
/// assert_eq!(host.complete(Nanos(70)), None);
/// assert_eq!(host.wake(), Some((Nanos(110), 3))); // 1 has had 50 + 10, 40 are left
///
/// assert!(!host.woken(1)); // at 100: stale, nothing to do
/// assert!(host.woken(3)); // at 110
/// assert_eq!(host.complete(Nanos(110)), Some(1));
/// ```
#[derive(Clone, Debug)]
pub struct ProcessorSharing {
    cores: u64,
    now: Nanos,
    virtual_time: u64,
    /// Virtual time of the end, and token; by the end.
    jobs: Line<(u64, u32)>,
    generation: u32,
    pending: Option<Nanos>,
    window: Window,
}

/// What is measured since the last reset.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: Nanos,
    population_at_start: u64,
    arrivals: u64,
    completions: u64,
    population_area: u128,
    busy_area: u128,
    /// Up to the last change of the cores.
    cores_area: u128,
    cores_changed: Nanos,
    max_population: u64,
}

impl ProcessorSharing {
    /// An idle host.
    pub fn new(cores: Cores) -> Self {
        ProcessorSharing {
            cores: fixed(cores),
            now: Nanos::ZERO,
            virtual_time: 0,
            jobs: Line::default(),
            generation: 0,
            pending: None,
            window: Window::default(),
        }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        let elapsed = now.0 - self.now.0;
        self.now = now;
        let jobs = self.jobs.len() as u64;
        if jobs == 0 || elapsed == 0 {
            return;
        }
        let wanted = jobs << FRACTION_BITS;
        self.window.population_area += u128::from(elapsed) * u128::from(jobs);
        self.window.busy_area += u128::from(elapsed) * u128::from(wanted.min(self.cores));
        self.virtual_time += if wanted <= self.cores {
            elapsed << FRACTION_BITS
        } else {
            ((u128::from(elapsed) * u128::from(self.cores) + u128::from(jobs / 2)) / u128::from(jobs)) as u64
        };
        if self.virtual_time >= 1 << 62 {
            self.rebase();
        }
    }

    /// Sets the virtual clock back to zero, after 19 hours without an idle moment at full speed.
    #[cold]
    fn rebase(&mut self) {
        let base = self.virtual_time;
        self.jobs.items_mut().iter_mut().for_each(|job| job.0 = job.0.saturating_sub(base));
        self.virtual_time = 0;
    }

    /// A job comes that needs this much CPU time (taken as 19 hours when longer).
    #[inline]
    pub fn arrive(&mut self, now: Nanos, token: u32, demand: Nanos) {
        self.advance(now);
        if self.jobs.len() == 0 {
            self.virtual_time = 0;
        }
        let end = self.virtual_time + (demand.0.min(LONGEST_DEMAND) << FRACTION_BITS);
        self.jobs.insert((end, token), |job| job.0);
        self.window.arrivals += 1;
        self.window.max_population = self.window.max_population.max(self.jobs.len() as u64);
    }

    /// When the next job ends if nothing changes; `None` on an idle host or one without cores.
    #[inline]
    pub fn next_completion(&self) -> Option<Nanos> {
        let (end, _) = self.jobs.first()?;
        let left = end.saturating_sub(self.virtual_time + ROUNDING);
        let jobs = self.jobs.len() as u64;
        if jobs << FRACTION_BITS <= self.cores {
            return Some(self.now + Nanos(left.div_ceil(ONE)));
        }
        if self.cores == 0 {
            return None;
        }
        Some(self.now + Nanos((u128::from(left) * u128::from(jobs)).div_ceil(u128::from(self.cores)) as u64))
    }

    /// The wake-up that the model has to schedule now, with its generation; `None` when the pending one is early enough.
    #[inline]
    pub fn wake(&mut self) -> Option<(Nanos, u32)> {
        let next = self.next_completion()?;
        Some((next, self.wake_by(next)?))
    }

    /// The same for a model that knows of jobs to come which may end before those that are here: the generation of the wake-up it
    /// has to schedule for `next`, or `None` when the pending one is early enough.
    #[inline]
    pub fn wake_by(&mut self, next: Nanos) -> Option<u32> {
        if self.pending.is_some_and(|pending| pending <= next) {
            return None;
        }
        self.pending = Some(next);
        self.generation = self.generation.wrapping_add(1);
        Some(self.generation)
    }

    /// The generation of the wake-up given last.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// A wake-up fires. False when it is stale and must be ignored.
    #[inline]
    pub fn woken(&mut self, generation: u32) -> bool {
        let current = generation == self.generation;
        if current {
            self.pending = None;
        }
        current
    }

    /// Removes one job that has ended by `now`; `None` when no more have.
    #[inline]
    pub fn complete(&mut self, now: Nanos) -> Option<u32> {
        self.advance(now);
        let (end, token) = self.jobs.first()?;
        if end > self.virtual_time + ROUNDING {
            return None;
        }
        self.jobs.take_first();
        self.window.completions += 1;
        Some(token)
    }

    /// Changes the number of cores.
    pub fn set_cores(&mut self, now: Nanos, cores: Cores) {
        self.advance(now);
        self.window.cores_area = self.cores_area(now);
        self.window.cores_changed = now;
        self.cores = fixed(cores);
    }

    fn cores_area(&self, now: Nanos) -> u128 {
        self.window.cores_area + u128::from(now.0 - self.window.cores_changed.0) * u128::from(self.cores)
    }

    /// The number of jobs.
    #[inline]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Whether a job that came now would find a core without work.
    #[inline]
    pub fn has_idle_core(&self) -> bool {
        self.would_have_idle_core(0)
    }

    /// The same after so many others have come.
    #[inline]
    pub fn would_have_idle_core(&self, others: usize) -> bool {
        ((self.jobs.len() + others) as u64) << FRACTION_BITS < self.cores
    }

    /// Forgets the measurements so far, at the end of the warm-up; the jobs stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        let population = self.jobs.len() as u64;
        self.window = Window {
            start: now,
            cores_changed: now,
            population_at_start: population,
            max_population: population,
            ..Window::default()
        };
    }

    /// The measurements since the last reset: servers are cores, and those that have less than a core to themselves count as waiting for the rest.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.advance(now);
        let window = (now.0 - self.window.start.0) as f64;
        let mean = |area: f64| if window == 0.0 { 0.0 } else { area / window };
        let busy = self.window.busy_area as f64 / ONE as f64;
        Report {
            window: Nanos(now.0 - self.window.start.0),
            arrivals: self.window.arrivals,
            starts: self.window.arrivals,
            completions: self.window.completions,
            population_at_start: self.window.population_at_start,
            population: self.jobs.len() as u64,
            mean_waiting: mean(self.window.population_area as f64 - busy),
            mean_busy: mean(busy),
            max_busy: self.window.max_population,
            mean_servers: mean(self.cores_area(now) as f64 / ONE as f64),
            busy_area: self.window.busy_area >> FRACTION_BITS,
            ..Report::default()
        }
    }
}

/// Cores in fixed point.
fn fixed(cores: Cores) -> u64 {
    (cores.get() * ONE as f64 + 0.5) as u64
}

//! Hosts whose cores are handed round in time slices.

use std::collections::VecDeque;

use super::report::Report;
use plimsoll_profiles::units::{Cores, Nanos};

/// Fractional bits of the factor by which a fraction of a core is slower.
const FRACTION_BITS: u32 = 16;
/// Whole cores.
const WHOLE: u64 = 1 << FRACTION_BITS;
/// Over what time the kernel averages how busy cores are: load halves in 32 ms (`PELT`, `kernel/sched/pelt.c`).
const AVERAGED_OVER: f64 = 32e6 / std::f64::consts::LN_2;
/// How busy cores count for more than they are when the kernel decides whether to look for an idle one (`imbalance_pct`, squared).
const IMBALANCE: f64 = 1.17 * 1.17;

/// A job: who it is, the CPU time it still needs, and the longest piece of it that it gets while others wait.
#[derive(Clone, Copy, Debug)]
struct Job {
    token: u64,
    left: u64,
    piece: u64,
}

/// A core: what it runs since when, and what waits for it.
#[derive(Clone, Debug)]
struct Core {
    /// When what runs here has to give way; `FOREVER` when nothing does.
    until: Nanos,
    started: Nanos,
    /// The job that runs, if one does; its `left` is what will be left when it has to give way.
    running: Job,
    waiting: VecDeque<Job>,
}

/// A host of `n` cores, each with its own queue, on which a job runs for a time slice at most while others wait.
///
/// What Linux does, as far as it matters here (`kernel/sched/fair.c`, `select_idle_sibling`): a thread that wakes up goes to the core where it
/// ran last (here: to any, drawn for it) if that one is idle, else to another idle core if the kernel looks for one, else to the end of
/// the first one's queue. It runs until it sleeps or its slice is over, and then waits for its turn again. The kernel looks
/// for `n · (1 − (1.17 · load)²)` idle cores (`update_idle_cpu_scan`), so that on two cores above 60 % load it looks for none, and work waits for one core while the
/// other is idle. A core that becomes idle takes a job of more than a slice from another's queue, as the kernel's balancing does; it takes no
/// shorter one, which would be done before it was moved.
///
/// A job of several parts (statements of a transaction, each answered before the next is sent) sleeps after each of them, and so
/// waits for its turn more often than its time alone would ask for.
///
/// A fraction of a core makes every core slower by the same factor: 1.5 cores are two of three quarters each.
///
/// # Protocol
/// Each core has wake-ups of its own. [`TimeSlicing::arrive`] and [`TimeSlicing::complete`] tell when one has to be scheduled; when it
/// fires, ask `complete` what has ended. A wake-up that a later arrival made too late is not taken back: it finds nothing to do.
///
/// ```
/// use plimsoll_profiles::units::{Cores, Nanos};
/// use plimsoll_sim::engine::{Ended, TimeSlicing, WakeUp};
///
/// let mut host = TimeSlicing::new(Cores::new(1.0), Nanos(100));
/// let wake = |at| Some(WakeUp { at: Nanos(at), core: 0 });
/// assert_eq!(host.arrive(Nanos(0), 1, Nanos(250), Nanos(250)), wake(250)); // nobody waits: it may run to its end
/// assert_eq!(host.arrive(Nanos(120), 2, Nanos(30), Nanos(30)), wake(200)); // its second slice ends there
///
/// assert_eq!(host.complete(Nanos(200), 0), Ended { token: None, wake: wake(230) });
/// assert_eq!(host.complete(Nanos(230), 0), Ended { token: Some(2), wake: wake(280) }); // 1 has had 200 and runs its last 50
/// assert_eq!(host.complete(Nanos(250), 0), Ended::default()); // the first wake-up, too late by now
/// assert_eq!(host.complete(Nanos(280), 0), Ended { token: Some(1), wake: None });
/// ```
#[derive(Clone, Debug)]
pub struct TimeSlicing {
    cores: Vec<Core>,
    /// One bit per idle core, of hosts with up to 64.
    idle: u64,
    busy: u32,
    jobs: u32,
    /// One core of all.
    share: f64,
    /// Wall time of a nanosecond of CPU, in 2^-16.
    stretch: u64,
    slice: u64,
    now: Nanos,
    drawn: u64,
    /// Share of cores that was busy lately, and the share above which nobody looks for an idle one.
    load: f64,
    looks_below: f64,
    window: Window,
}

/// A wake-up that the model has to schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeUp {
    /// When.
    pub at: Nanos,
    /// For which core.
    pub core: u16,
}

/// What a wake-up found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The job that is done.
    pub token: Option<u64>,
    /// The core's next wake-up.
    pub wake: Option<WakeUp>,
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
    max_population: u64,
}

impl TimeSlicing {
    /// An idle host.
    ///
    /// # Panics
    /// With more than 65,536 cores.
    pub fn new(cores: Cores, slice: Nanos) -> Self {
        let count = libm::ceil(cores.get()).max(1.0);
        assert!(count <= 65_536.0, "a host of {count} cores");
        let nothing = Job { token: 0, left: 0, piece: 0 };
        let idle = Core { until: Nanos::FOREVER, started: Nanos::ZERO, running: nothing, waiting: VecDeque::new() };
        TimeSlicing {
            cores: vec![idle; count as usize],
            idle: u64::MAX >> (64 - (count as u32).min(64)),
            busy: 0,
            jobs: 0,
            share: 1.0 / count,
            stretch: (count / cores.get() * f64::from(1u32 << FRACTION_BITS) + 0.5) as u64,
            slice: slice.0.max(1),
            now: Nanos::ZERO,
            drawn: 0x9e37_79b9_7f4a_7c15,
            load: 0.0,
            looks_below: libm::sqrt((1.0 - 1.0 / count) / IMBALANCE),
            window: Window::default(),
        }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        let elapsed = now.0 - self.now.0;
        self.now = now;
        if self.cores.len() > 1 {
            let busy = f64::from(self.busy) * self.share;
            // By way of i64, for which processors have an instruction.
            self.load += (busy - self.load) * (elapsed as i64 as f64 * (1.0 / AVERAGED_OVER)).min(1.0);
        }
        self.window.busy_area += u128::from(elapsed * u64::from(self.busy));
        self.window.population_area += u128::from(elapsed) * u128::from(self.jobs);
    }

    #[inline]
    fn wall(&self, cpu: u64) -> u64 {
        if self.stretch == WHOLE {
            return cpu;
        }
        ((u128::from(cpu) * u128::from(self.stretch)) >> FRACTION_BITS) as u64
    }

    /// Runs a job on a core: to its end when nobody waits there, else for its part or slice.
    #[inline]
    fn start(&mut self, core: usize, mut job: Job) -> Option<WakeUp> {
        let place = &self.cores[core];
        let run = if place.waiting.is_empty() { job.left } else { job.left.min(job.piece) };
        let at = self.now + Nanos(self.wall(run));
        job.left -= run;
        let place = &mut self.cores[core];
        place.until = at;
        place.started = self.now;
        place.running = job;
        Some(WakeUp { at, core: core as u16 })
    }

    /// Somebody waits now where nobody did: the running job keeps the core until the end of its part or slice.
    #[inline]
    fn cut_short(&mut self, core: usize) -> Option<WakeUp> {
        let &Core { until, started, running, .. } = &self.cores[core];
        let piece = self.wall(running.piece).max(1);
        let end = Nanos(started.0 + ((self.now.0 - started.0) / piece + 1) * piece);
        if end >= until {
            return None;
        }
        let back = match self.stretch {
            WHOLE => until.0 - end.0,
            stretch => ((u128::from(until.0 - end.0) << FRACTION_BITS) / u128::from(stretch)) as u64,
        };
        let place = &mut self.cores[core];
        place.running.left += back.max(1);
        place.until = end;
        Some(WakeUp { at: end, core: core as u16 })
    }

    /// A core for a job: any.
    #[inline]
    fn draw(&mut self) -> usize {
        if self.cores.len() == 1 {
            return 0;
        }
        // Xorshift: which core a thread ran on last is nobody's business but the host's.
        self.drawn ^= self.drawn << 13;
        self.drawn ^= self.drawn >> 7;
        self.drawn ^= self.drawn << 17;
        ((u128::from(self.drawn) * self.cores.len() as u128) >> 64) as usize
    }

    /// A job comes that needs this much CPU time, in parts of the given length. The answer is the wake-up that it makes necessary.
    #[inline(always)]
    pub fn arrive(&mut self, now: Nanos, token: u64, demand: Nanos, part: Nanos) -> Option<WakeUp> {
        // Often one job has just ended here and brought the next. Elsewhere no branch: no time changes nothing.
        if now != self.now {
            self.advance(now);
        }
        self.jobs += 1;
        self.window.arrivals += 1;
        self.window.max_population = self.window.max_population.max(u64::from(self.jobs));
        let job = Job { token, left: demand.0, piece: part.0.max(1).min(self.slice) };
        let last = self.draw();
        if let Some(core) = self.idle_core(last) {
            self.busy += 1;
            self.idle &= !(1 << (core % 64));
            return self.start(core, job);
        }
        let waiting = &mut self.cores[last].waiting;
        waiting.push_back(job);
        if waiting.len() == 1 { self.cut_short(last) } else { None }
    }

    /// The idle core that a job takes that ran on this one last: this one, or the first if the kernel looks for one.
    #[inline]
    fn idle_core(&self, last: usize) -> Option<usize> {
        let looks = self.has_idle_core() & (self.load < self.looks_below);
        if self.cores.len() > 64 {
            if self.cores[last].until == Nanos::FOREVER {
                return Some(last);
            }
            return if looks { self.cores.iter().position(|core| core.until == Nanos::FOREVER) } else { None };
        }
        // Whether this one is idle is as good as a coin's toss: no branch depends on it alone.
        let is_last = self.idle >> last & 1 == 1;
        let core = std::hint::select_unpredictable(is_last, last, self.idle.trailing_zeros() as usize);
        (is_last | looks).then_some(core)
    }

    /// Whether some core has nothing to do.
    #[inline]
    pub fn has_idle_core(&self) -> bool {
        (self.busy as usize) < self.cores.len()
    }

    /// A core's wake-up fires. Nothing has ended when it is stale.
    #[inline(always)]
    pub fn complete(&mut self, now: Nanos, core: u16) -> Ended {
        let core = usize::from(core);
        if self.cores[core].until > now {
            return Ended::default();
        }
        self.advance(now);
        let place = &mut self.cores[core];
        let job = place.running;
        if job.left > 0 {
            place.waiting.push_back(job);
        }
        let next = place.waiting.pop_front().or_else(|| self.pull());
        let wake = match next {
            Some(next) => self.start(core, next),
            None => {
                self.cores[core].until = Nanos::FOREVER;
                self.idle |= 1 << (core % 64);
                self.busy -= 1;
                None
            }
        };
        let done = job.left == 0;
        self.jobs -= u32::from(done);
        self.window.completions += u64::from(done);
        Ended { token: done.then_some(job.token), wake }
    }

    /// For a core that has nothing left to do: a long job that waits for another one.
    #[inline]
    fn pull(&mut self) -> Option<Job> {
        if self.jobs <= self.busy {
            return None;
        }
        // Those that ran out of a slice are at the end of their queue.
        let long = |core: &Core| core.waiting.back().is_some_and(|job| job.left > self.slice);
        let from = self.cores.iter().position(long)?;
        self.cores[from].waiting.pop_back()
    }

    /// How many cores, a fraction counted as one.
    #[inline]
    pub fn cores(&self) -> u32 {
        self.cores.len() as u32
    }

    /// The number of jobs.
    #[inline]
    pub fn jobs(&self) -> usize {
        self.jobs as usize
    }

    /// Forgets the measurements so far, at the end of the warm-up; the jobs stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        let population = u64::from(self.jobs);
        self.window =
            Window { start: now, population_at_start: population, max_population: population, ..Window::default() };
    }

    /// The measurements since the last reset: servers are cores.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.advance(now);
        let window = (now.0 - self.window.start.0) as f64;
        let mean = |area: u128| if window == 0.0 { 0.0 } else { area as f64 / window };
        // Cores of a fraction each: busy for longer, and fewer.
        let whole = WHOLE as f64 / self.stretch as f64;
        let busy = mean(self.window.busy_area);
        Report {
            window: Nanos(now.0 - self.window.start.0),
            arrivals: self.window.arrivals,
            starts: self.window.arrivals,
            completions: self.window.completions,
            population_at_start: self.window.population_at_start,
            population: u64::from(self.jobs),
            mean_waiting: mean(self.window.population_area) - busy,
            mean_busy: busy * whole,
            max_busy: self.window.max_population,
            mean_servers: self.cores.len() as f64 * whole,
            busy_area: (self.window.busy_area << FRACTION_BITS) / u128::from(self.stretch),
            ..Report::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;
    use std::collections::BTreeSet;

    /// Runs jobs to their ends; the answer is the token and end of each, and the host.
    fn run(cores: f64, jobs: &[(u64, u64, u64)]) -> (Vec<(u64, Nanos)>, TimeSlicing) {
        let mut host = TimeSlicing::new(Cores::new(cores), Nanos(1_000));
        let (mut ends, mut wakes, mut next) = (Vec::new(), BTreeSet::new(), 0);
        loop {
            let wake = wakes.first().copied().unwrap_or((Nanos::FOREVER, 0));
            match jobs.get(next) {
                Some((at, demand, part)) if Nanos(*at) < wake.0 => {
                    let new = host.arrive(Nanos(*at), next as u64, Nanos(*demand), Nanos(*part));
                    wakes.extend(new.map(|new| (new.at, new.core)));
                    next += 1;
                }
                _ if wakes.pop_first().is_some() => {
                    let ended = host.complete(wake.0, wake.1);
                    ends.extend(ended.token.map(|token| (token, wake.0)));
                    wakes.extend(ended.wake.map(|new| (new.at, new.core)));
                }
                _ => return (ends, host),
            }
        }
    }

    #[test]
    fn every_job_ends_once_with_all_the_time_it_needs() {
        for seed in 0..60 {
            let mut random = Streams::new(seed).stream("test", "time slicing", 0);
            let cores = [1.0, 2.0, 4.0, 1.5, 7.0][seed as usize % 5];
            let mut at = 0;
            let mut jobs = Vec::new();
            for _ in 0..500 {
                at += random.below((3_000.0 / cores) as u64);
                jobs.push((at, random.below(2_500), 500 + random.below(1_000)));
            }
            let (mut ends, mut host) = run(cores, &jobs);
            ends.sort_unstable();
            assert_eq!(ends.len(), jobs.len(), "seed {seed}");
            let slower = cores.ceil() / cores;
            for ((token, end), (number, (at, demand, _))) in ends.iter().zip(jobs.iter().enumerate()) {
                assert_eq!(*token, number as u64, "seed {seed}");
                // A piece is rounded to nanoseconds.
                assert!(end.0 as f64 + 16.0 >= *at as f64 + *demand as f64 * slower, "seed {seed}, job {number}");
            }
            let last = ends.iter().map(|(_, end)| *end).max().unwrap_or(Nanos::ZERO);
            let (report, all) = (host.report(last), jobs.iter().map(|job| job.1).sum::<u64>());
            let error = (report.busy_area as f64 - all as f64).abs();
            assert!(
                error <= 4.0 * (ends.len() as f64 + all as f64 / 1_000.0),
                "seed {seed}: {} of {all}",
                report.busy_area
            );
            assert_eq!(host.jobs(), 0, "seed {seed}");
        }
    }

    #[test]
    fn those_who_wait_on_a_core_share_it_in_slices() {
        let (ends, _) = run(1.0, &[(0, 10_000, 10_000), (1, 2_000, 2_000), (2, 1_000, 1_000)]);
        let expected = [(2, 3_000), (1, 5_000), (0, 13_000)];
        assert_eq!(ends, expected.map(|(token, end)| (token, Nanos(end))));
    }
}

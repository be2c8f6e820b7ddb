//! The schedule itself: a pure iterator of intended start times.

use std::iter::FusedIterator;
use std::sync::Arc;

use super::{Arrivals, Pattern, Phase, Process};
use crate::random::{Stream, Streams};
use crate::units::Nanos;

impl Arrivals {
    /// The intended start times for a seed: non-decreasing, from the begin of the run, all before [`Arrivals::duration`].
    ///
    /// A function of phases and seed and of nothing else. Each phase has a random stream of its own, so that changing
    /// one phase redraws no other.
    pub fn schedule(&self, seed: u64) -> Schedule {
        Schedule { phases: self.phases.clone().into(), seed, next_phase: 0, begin: Nanos::ZERO, running: None }
    }
}

/// Intended start times, made by [`Arrivals::schedule`].
#[derive(Clone, Debug)]
pub struct Schedule {
    phases: Arc<[Phase]>,
    seed: u64,
    next_phase: usize,
    /// Begin of the running phase.
    begin: Nanos,
    running: Option<Running>,
}

impl Schedule {
    /// The share of agent `agent` of `agents`: every `agents`-th time, starting with the `agent`-th. Merging the shares
    /// of all agents in time order gives back the whole schedule, exactly.
    ///
    /// # Panics
    /// When `agent` is not below `agents`.
    pub fn split(self, agents: usize, agent: usize) -> Split {
        assert!(agent < agents, "agent {agent} of {agents}");
        Split { inner: self.skip(agent).step_by(agents) }
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        loop {
            if let Some(running) = &mut self.running {
                let phase = &self.phases[self.next_phase - 1];
                if let Some(at) = running.next(phase) {
                    return Some(self.begin + at);
                }
                self.begin += phase.duration;
                self.running = None;
            }
            let phase = self.phases.get(self.next_phase)?;
            self.running = Some(Running::new(phase, self.seed, self.next_phase));
            self.next_phase += 1;
        }
    }
}

impl FusedIterator for Schedule {}

/// One agent's share of a schedule, made by [`Schedule::split`].
#[derive(Clone, Debug)]
pub struct Split {
    inner: std::iter::StepBy<std::iter::Skip<Schedule>>,
}

impl Iterator for Split {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        self.inner.next()
    }
}

/// Where a phase is. Times are kept as seconds from the phase's begin, and rounded once.
#[derive(Clone, Debug)]
enum Running {
    /// `reached` is the unit-rate process so far, `at` the last time.
    Poisson { stream: Stream, reached: f64, total: f64, at: f64 },
    /// `next` arrivals have been placed.
    Even { next: u64, total: f64, at: f64 },
    /// Sorted uniforms on (0, 1), one after the other; `left` are still to come.
    Count { stream: Stream, left: u64, reached: f64, total: f64, at: f64 },
    /// Bursts: the state lasts until `until`; times from there are drawn anew, which a memoryless process allows.
    Mmpp { stays: Stream, stream: Stream, bursting: bool, at: f64, until: f64, owed: f64 },
    /// Index of the next recorded time.
    Trace { next: usize },
}

impl Running {
    fn new(phase: &Phase, seed: u64, index: usize) -> Self {
        let source = format!("arrivals phase {index}");
        let stream = |purpose: &str| Streams::new(seed).stream(&source, purpose, 0);
        let total = phase.cumulative(phase.duration.as_secs_f64());
        match (&phase.pattern, phase.process) {
            (Pattern::Trace(_), _) => Running::Trace { next: 0 },
            (Pattern::Mmpp { .. }, _) => {
                let (stays, mut stream) = (stream("states"), stream("gaps"));
                let owed = stream.exponential();
                // Leaving a burst of no length makes the phase begin calm.
                let mut running = Running::Mmpp { stays, stream, bursting: true, at: 0.0, until: 0.0, owed };
                running.change_state(&phase.pattern);
                running
            }
            (_, Process::Poisson) => Running::Poisson { stream: stream("gaps"), reached: 0.0, total, at: 0.0 },
            (_, Process::Even) => Running::Even { next: 0, total, at: 0.0 },
            (_, Process::Count(left)) => Running::Count { stream: stream("gaps"), left, reached: 0.0, total, at: 0.0 },
        }
    }

    /// The next time from the phase's begin, if there is one before its end.
    fn next(&mut self, phase: &Phase) -> Option<Nanos> {
        let end = phase.duration;
        match self {
            Running::Trace { next } => {
                let Pattern::Trace(times) = &phase.pattern else { return None };
                let time = times.get(*next).copied().filter(|time| *time < end)?;
                *next += 1;
                Some(time)
            }
            Running::Poisson { stream, reached, total, at } => {
                *reached += stream.exponential();
                step_to(phase, *reached, *total, at)
            }
            Running::Even { next, total, at } => {
                let target = *next as f64;
                *next += 1;
                if target == 0.0 {
                    // The first is at the begin, however low the rate is there; a phase without arrivals has none.
                    return (*total > 0.0).then_some(Nanos::ZERO);
                }
                step_to(phase, target, *total, at)
            }
            Running::Count { stream, left, reached, total, at } => {
                if *left == 0 || *total <= 0.0 {
                    return None;
                }
                // The smallest of `left` uniforms on (reached, 1) (Bentley & Saxe 1980, "Generating sorted lists of
                // random numbers", ACM TOMS 6).
                let remaining = libm::pow(stream.uniform_open(), 1.0 / *left as f64);
                *reached = 1.0 - (1.0 - *reached) * remaining;
                *left -= 1;
                let time = phase.inverse(*reached * *total, *at).max(*at);
                *at = time;
                Some(Nanos::from_secs_f64(time).min(Nanos(end.0.saturating_sub(1))))
            }
            Running::Mmpp { .. } => self.next_of_bursts(phase),
        }
    }

    fn next_of_bursts(&mut self, phase: &Phase) -> Option<Nanos> {
        let Pattern::Mmpp { calm, burst, .. } = &phase.pattern else { return None };
        let end = phase.duration.as_secs_f64();
        loop {
            let Running::Mmpp { stream, bursting, at, until, owed, .. } = self else { return None };
            let rate = if *bursting { burst } else { calm }.as_per_second();
            let reachable = rate * (*until - *at);
            if *owed < reachable {
                *at += *owed / rate;
                *owed = stream.exponential();
                let time = Nanos::from_secs_f64(*at);
                return (time < phase.duration).then_some(time);
            }
            *owed -= reachable;
            *at = *until;
            if *at >= end {
                return None;
            }
            self.change_state(&phase.pattern);
        }
    }

    fn change_state(&mut self, pattern: &Pattern) {
        let (Running::Mmpp { stays, bursting, until, .. }, Pattern::Mmpp { mean_calm, mean_burst, .. }) =
            (self, pattern)
        else {
            return;
        };
        *bursting = !*bursting;
        let mean = if *bursting { mean_burst } else { mean_calm };
        *until += mean.as_secs_f64() * stays.exponential();
    }
}

/// The time at which the cumulative rate reaches `target`, never before the last one; `None` from the phase's end on.
fn step_to(phase: &Phase, target: f64, total: f64, at: &mut f64) -> Option<Nanos> {
    if target.is_nan() || target >= total {
        return None;
    }
    *at = phase.inverse(target, *at).max(*at);
    let time = Nanos::from_secs_f64(*at);
    (time < phase.duration).then_some(time)
}

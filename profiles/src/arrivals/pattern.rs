//! The rate of a phase, its integral, and the integral's inverse.
//!
//! With the cumulative rate Λ, the times Λ⁻¹(S) of a unit-rate Poisson process S are a Poisson process of the wanted
//! rate (Çinlar 1975, Introduction to Stochastic Processes, ch. 4.7). Inversion keeps the random numbers common when
//! a rate is changed: every arrival moves, none is redrawn. Only `libm` is used, so that times are the same on any machine.

use std::f64::consts::TAU;

use super::{Arrivals, Pattern, Phase};
use crate::units::{Nanos, Rate};

/// The busiest stretch of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Where the stretch begins.
    pub start: Nanos,
    /// Its mean rate.
    pub rate: Rate,
}

impl Phase {
    /// The expected rate at `at` from the begin of the phase. Of bursts: the mean over both states; of a trace: its mean.
    pub fn rate_at(&self, at: Nanos) -> Rate {
        Rate::per_second(self.rate_at_seconds(at.as_secs_f64()).max(0.0))
    }

    fn rate_at_seconds(&self, at: f64) -> f64 {
        let seconds = self.duration.as_secs_f64();
        match &self.pattern {
            Pattern::Constant(rate) => rate.as_per_second(),
            Pattern::Ramp { from, to } => {
                let part = if seconds > 0.0 { at / seconds } else { 0.0 };
                from.as_per_second() + (to.as_per_second() - from.as_per_second()) * part.min(1.0)
            }
            Pattern::Diurnal { low, high, peak_at, begins_at, period } => {
                let (low, high) = (low.as_per_second(), high.as_per_second());
                let angle = phase_angle(begins_at.as_secs_f64() + at, *peak_at, *period);
                (low + high) / 2.0 + (high - low) / 2.0 * libm::cos(angle)
            }
            Pattern::Mmpp { calm, burst, mean_calm, mean_burst } => mmpp_mean(*calm, *burst, *mean_calm, *mean_burst),
            Pattern::Trace(times) if seconds > 0.0 => times.len() as f64 / seconds,
            Pattern::Trace(_) => 0.0,
        }
    }

    /// Expected arrivals from the begin of the phase to `at`.
    pub fn expected_arrivals(&self, at: Nanos) -> f64 {
        let at = at.min(self.duration);
        match &self.pattern {
            Pattern::Trace(times) => times.partition_point(|time| *time < at) as f64,
            _ => self.cumulative(at.as_secs_f64()),
        }
    }

    /// Λ: the integral of the rate, in seconds from the begin of the phase.
    pub(super) fn cumulative(&self, t: f64) -> f64 {
        match &self.pattern {
            Pattern::Constant(rate) => rate.as_per_second() * t,
            Pattern::Ramp { from, to } => {
                let seconds = self.duration.as_secs_f64();
                let slope = if seconds > 0.0 { (to.as_per_second() - from.as_per_second()) / seconds } else { 0.0 };
                t * (from.as_per_second() + 0.5 * slope * t)
            }
            Pattern::Diurnal { low, high, peak_at, begins_at, period } => {
                let (low, high) = (low.as_per_second(), high.as_per_second());
                let begin = begins_at.as_secs_f64();
                let wave = libm::sin(phase_angle(begin + t, *peak_at, *period))
                    - libm::sin(phase_angle(begin, *peak_at, *period));
                (low + high) / 2.0 * t + (high - low) / 2.0 * period.as_secs_f64() / TAU * wave
            }
            Pattern::Mmpp { calm, burst, mean_calm, mean_burst } => {
                mmpp_mean(*calm, *burst, *mean_calm, *mean_burst) * t
            }
            Pattern::Trace(times) => times.partition_point(|time| time.as_secs_f64() < t) as f64,
        }
    }

    /// Λ⁻¹: the time, at or after `from`, at which the cumulative rate reaches `target`; the duration if it never does.
    pub(super) fn inverse(&self, target: f64, from: f64) -> f64 {
        let end = self.duration.as_secs_f64();
        match &self.pattern {
            Pattern::Constant(rate) => target / rate.as_per_second(),
            Pattern::Ramp { from: start, to } => {
                let (a, b) = (start.as_per_second(), to.as_per_second());
                // a·t + (b−a)/(2·end)·t² = target, in the form that stays exact when the slope is tiny or negative.
                let discriminant = a * a + 2.0 * (b - a) / end * target;
                2.0 * target / (a + libm::sqrt(discriminant.max(0.0)))
            }
            _ => self.inverse_by_search(target, from, end),
        }
    }

    /// Newton's method kept inside a bracket that bisection shrinks: Λ is monotone, but flat where the rate is zero.
    fn inverse_by_search(&self, target: f64, from: f64, end: f64) -> f64 {
        // Below half a nanosecond the rounded time no longer changes.
        const CLOSE: f64 = 1e-10;
        let (mut low, mut high) = (from, end);
        let mut t = from;
        for _ in 0..200 {
            let miss = self.cumulative(t) - target;
            let rate = self.rate_at_seconds(t);
            let step = t - miss / rate;
            if rate > 0.0 && (step - t).abs() < CLOSE {
                return step.clamp(from, end);
            }
            if miss > 0.0 {
                high = t
            } else {
                low = t
            }
            if high - low < CLOSE {
                return low;
            }
            t = if rate > 0.0 && step > low && step < high { step } else { 0.5 * (low + high) };
        }
        t
    }

    /// The phase from `start` to `end`, both from its begin.
    fn cut(&self, start: Nanos, end: Nanos) -> Phase {
        let pattern = match &self.pattern {
            Pattern::Ramp { .. } => Pattern::Ramp { from: self.rate_at(start), to: self.rate_at(end) },
            Pattern::Diurnal { low, high, peak_at, begins_at, period } => Pattern::Diurnal {
                low: *low,
                high: *high,
                peak_at: *peak_at,
                begins_at: Nanos((begins_at.0 + start.0) % period.0.max(1)),
                period: *period,
            },
            Pattern::Trace(times) => {
                Pattern::Trace(times.iter().filter(|t| **t >= start && **t < end).map(|t| *t - start).collect())
            }
            other => other.clone(),
        };
        let process = match self.process {
            super::Process::Count(count) => {
                let all = self.expected_arrivals(self.duration);
                let part = self.expected_arrivals(end) - self.expected_arrivals(start);
                let share = if all > 0.0 { part / all } else { 0.0 };
                super::Process::Count(libm::round(count as f64 * share) as u64)
            }
            other => other,
        };
        Phase { duration: end - start, pattern, process }
    }

    fn scaled(&self, factor: f64) -> Phase {
        let times = |rate: &Rate| Rate::per_second(rate.as_per_second() * factor);
        let pattern = match &self.pattern {
            Pattern::Constant(rate) => Pattern::Constant(times(rate)),
            Pattern::Ramp { from, to } => Pattern::Ramp { from: times(from), to: times(to) },
            Pattern::Diurnal { low, high, peak_at, begins_at, period } => Pattern::Diurnal {
                low: times(low),
                high: times(high),
                peak_at: *peak_at,
                begins_at: *begins_at,
                period: *period,
            },
            Pattern::Mmpp { calm, burst, mean_calm, mean_burst } => {
                Pattern::Mmpp { calm: times(calm), burst: times(burst), mean_calm: *mean_calm, mean_burst: *mean_burst }
            }
            Pattern::Trace(recorded) => Pattern::Trace(scaled_trace(recorded, factor)),
        };
        let process = match self.process {
            super::Process::Count(count) => super::Process::Count(libm::round(count as f64 * factor) as u64),
            other => other,
        };
        Phase { duration: self.duration, pattern, process }
    }

    /// The busiest `window` that begins within bursts counts one burst of mean length.
    fn burst_peak(&self, window: f64) -> Option<f64> {
        let Pattern::Mmpp { calm, burst, mean_burst, .. } = &self.pattern else { return None };
        let (calm, burst) = (calm.as_per_second(), burst.as_per_second());
        let in_burst = mean_burst.as_secs_f64().min(window);
        Some((burst.max(calm) * in_burst + calm.min(burst) * (window - in_burst)) / window)
    }
}

/// Every recorded arrival `factor` times: the whole part as copies, the rest as an even choice among the arrivals.
fn scaled_trace(recorded: &[Nanos], factor: f64) -> std::sync::Arc<[Nanos]> {
    let mut owed = 0.0;
    let mut times = Vec::with_capacity((recorded.len() as f64 * factor) as usize + 1);
    for time in recorded {
        owed += factor;
        while owed >= 1.0 {
            times.push(*time);
            owed -= 1.0;
        }
    }
    times.into()
}

fn phase_angle(clock_seconds: f64, peak_at: Nanos, period: Nanos) -> f64 {
    let period = period.as_secs_f64();
    TAU * libm::fmod(clock_seconds - peak_at.as_secs_f64(), period) / period
}

fn mmpp_mean(calm: Rate, burst: Rate, mean_calm: Nanos, mean_burst: Nanos) -> f64 {
    let (calm_time, burst_time) = (mean_calm.as_secs_f64(), mean_burst.as_secs_f64());
    (calm.as_per_second() * calm_time + burst.as_per_second() * burst_time) / (calm_time + burst_time)
}

impl Arrivals {
    /// How long all phases last together.
    pub fn duration(&self) -> Nanos {
        self.phases.iter().fold(Nanos::ZERO, |sum, phase| sum + phase.duration)
    }

    /// The expected rate at `at`; zero after the end.
    pub fn rate_at(&self, at: Nanos) -> Rate {
        let mut begin = Nanos::ZERO;
        for phase in &self.phases {
            if at < begin + phase.duration {
                return phase.rate_at(at - begin);
            }
            begin += phase.duration;
        }
        Rate::ZERO
    }

    /// Expected arrivals from the begin to `at`.
    pub fn expected_arrivals(&self, at: Nanos) -> f64 {
        let mut begin = Nanos::ZERO;
        let mut sum = 0.0;
        for phase in &self.phases {
            if at <= begin {
                break;
            }
            sum += phase.arrivals_until(at - begin);
            begin += phase.duration;
        }
        sum
    }

    /// Expected arrivals over the whole duration, per second.
    pub fn mean_rate(&self) -> Rate {
        let seconds = self.duration().as_secs_f64();
        if seconds <= 0.0 {
            return Rate::ZERO;
        }
        Rate::per_second(self.expected_arrivals(self.duration()) / seconds)
    }

    /// The busiest stretch of the given length (or of the whole schedule, when that is shorter) by expected arrivals.
    ///
    /// Exact for constant rates and traces; a ramp or a curve is searched on 1,024 starts per phase and then refined.
    /// A phase of bursts counts as one burst of mean length inside the window, at the phase's begin.
    pub fn peak(&self, window: Nanos) -> Peak {
        let total = self.duration();
        let window = window.min(total).max(Nanos(1));
        let last = total.saturating_sub(window);
        let mean = |start: Nanos| {
            (self.expected_arrivals(start + window) - self.expected_arrivals(start)) / window.as_secs_f64()
        };
        let starts = self.candidate_starts(window, last);
        let mut best = Peak { start: Nanos::ZERO, rate: Rate::ZERO };
        for (index, start) in starts.iter().enumerate() {
            let rate = mean(*start);
            if rate <= best.rate.as_per_second() * (1.0 + 1e-12) && index > 0 {
                continue;
            }
            best = Peak { start: *start, rate: Rate::per_second(rate.max(0.0)) };
        }
        let near = starts.partition_point(|start| *start < best.start);
        let mut low = starts[near.saturating_sub(1)];
        let mut high = starts[(near + 1).min(starts.len() - 1)];
        for _ in 0..80 {
            let third = Nanos((high.0 - low.0) / 3);
            let (one, two) = (low + third, high - third);
            if mean(one) < mean(two) { low = one } else { high = two }
        }
        if mean(low) > best.rate.as_per_second() * (1.0 + 1e-9) {
            best = Peak { start: low, rate: Rate::per_second(mean(low)) };
        }
        let mut begin = Nanos::ZERO;
        for phase in &self.phases {
            let within = window.min(phase.duration).max(Nanos(1)).as_secs_f64();
            match phase.burst_peak(within) {
                Some(rate) if rate > best.rate.as_per_second() => {
                    best = Peak { start: begin.min(last), rate: Rate::per_second(rate) };
                }
                _ => {}
            }
            begin += phase.duration;
        }
        best
    }

    /// Window starts worth looking at, sorted: phase ends, a grid, and the recorded arrivals of traces.
    fn candidate_starts(&self, window: Nanos, last: Nanos) -> Vec<Nanos> {
        const GRID: u64 = 1_024;
        let mut starts = vec![Nanos::ZERO, last];
        let mut begin = Nanos::ZERO;
        for phase in &self.phases {
            let end = begin + phase.duration;
            starts.extend([begin.min(last), end.min(last), end.saturating_sub(window), begin.saturating_sub(window)]);
            match &phase.pattern {
                Pattern::Constant(_) | Pattern::Mmpp { .. } => {}
                // A busiest window begins at an arrival, or ends just after one.
                Pattern::Trace(times) => starts.extend(times.iter().flat_map(|time| {
                    let at = begin + *time;
                    [at.min(last), (at + Nanos(1)).saturating_sub(window).min(last)]
                })),
                _ => starts.extend((0..GRID).map(|i| (begin + Nanos(phase.duration.0 / GRID * i)).min(last))),
            }
            begin = end;
        }
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// The same schedule with every rate `factor` times as high. Inversion keeps each arrival's random number.
    pub fn scaled(&self, factor: f64) -> Arrivals {
        Arrivals { phases: self.phases.iter().map(|phase| phase.scaled(factor)).collect() }
    }

    /// The schedule whose rates are those from `start` to `end` of this one; its random numbers are its own.
    /// `None` where nothing is left: `start` at or after the end, or not before `end`.
    pub fn window(&self, start: Nanos, end: Nanos) -> Option<Arrivals> {
        let mut phases = Vec::new();
        let mut begin = Nanos::ZERO;
        for phase in &self.phases {
            let phase_end = begin + phase.duration;
            let (from, to) = (start.max(begin), end.min(phase_end));
            if from < to {
                phases.push(phase.cut(from - begin, to - begin));
            }
            begin = phase_end;
        }
        (!phases.is_empty()).then_some(Arrivals { phases })
    }
}

impl Phase {
    /// Expected arrivals with the process: a count (which a trace and bursts do not have) replaces the rate's own number.
    fn arrivals_until(&self, at: Nanos) -> f64 {
        let expected = self.expected_arrivals(at);
        match (self.process, &self.pattern) {
            (_, Pattern::Trace(_) | Pattern::Mmpp { .. }) => expected,
            (super::Process::Count(count), _) => {
                let all = self.expected_arrivals(self.duration);
                if all > 0.0 { expected / all * count as f64 } else { 0.0 }
            }
            _ => expected,
        }
    }
}

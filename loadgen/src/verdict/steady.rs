//! Is the measured window a steady state? Only of one has a latency a distribution.
//!
//! Two series are looked at, in batches long against the correlation of neighbours: the work in flight and the median
//! response. When the work in flight grows by a share of the offered rate and the response rises with it, the target
//! does not keep up: the queue has no stationary distribution (Loynes 1962), and any percentile is one of the length of
//! the run. When only one of them moves, the window is not stationary, which is most often a warm-up too short.

use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::run_dir::Buckets;
use plimsoll_reports::run_document::SteadyState;

use super::evidence::Evidence;
use super::limits;
use super::trend::{Trend, median};

/// What was found about the measured window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steadiness {
    /// What follows.
    pub state: SteadyState,
    /// How fast the work in flight grew; `None` where completions are not observed or the window is too short.
    pub growth: Option<Growth>,
    /// How the median response changed.
    pub response: Option<ResponseTrend>,
}

/// Growth of the work in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Workflows more per second; negative when it shrinks.
    pub per_second: f64,
    /// The growth as a share of the offered rate.
    pub share: f64,
    /// Mann–Kendall's probability of as much without a trend.
    pub p: f64,
    /// Mann–Kendall finds it, and it is large enough to count.
    pub counts: bool,
    /// Workflows open at the end of the window.
    pub at_end: u64,
}

/// Change of the median response over the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseTrend {
    /// The metric it was seen in.
    pub metric: &'static str,
    /// Change over the whole window, relative to the median of the batches' medians.
    pub relative: f64,
    /// Mann–Kendall's probability of as much without a trend.
    pub p: f64,
    /// Significant, and large enough to count.
    pub counts: bool,
}

/// Looks for a steady state.
pub fn assess(evidence: &Evidence) -> Steadiness {
    let growth = growth(evidence);
    let response = ["e2e.response", "start.response"].into_iter().find_map(|metric| response(evidence, metric));
    let rises = response.is_some_and(|response| response.counts && response.relative > 0.0);
    let grows = growth.is_some_and(|growth| growth.counts && growth.per_second > 0.0);
    let state = match (grows, rises) {
        _ if keeps_growing(evidence) => SteadyState::Overloaded,
        (true, true) => SteadyState::Overloaded,
        // Nothing closes often enough to have a trend: what grows without end is an overload all the same.
        (true, false) if response.is_none() => SteadyState::Overloaded,
        (true, false) => SteadyState::Drifting,
        _ if response.is_some_and(|response| response.counts) => SteadyState::Drifting,
        _ if growth.is_some_and(|growth| growth.counts) => SteadyState::Drifting,
        _ if growth.is_none() && response.is_none() => SteadyState::Undecided,
        _ => SteadyState::Steady,
    };
    Steadiness { state, growth, response }
}

/// Whether the work in flight grows by much of what is offered even in the second half of the window, which begins later after the
/// first start than the quickest tenth of the workflows takes: then it is not that the target fills.
fn keeps_growing(evidence: &Evidence) -> bool {
    let (open, offered) = (open(evidence), evidence.offered_rate().as_per_second());
    let late = means(&open[open.len() / 2..]);
    let shortest =
        Buckets::merged(evidence.intervals("e2e.response").iter().map(|interval| &interval.buckets)).quantile(0.1);
    let (Some(shortest), Some((begin, _))) = (shortest, late.first()) else { return false };
    if late.len() < limits::FEWEST_TREND_POINTS || offered <= 0.0 || Nanos(shortest).as_secs_f64() > *begin {
        return false;
    }
    Trend::of(&late)
        .is_some_and(|trend| trend.significant(limits::SIGNIFICANCE) && trend.slope > limits::OVERLOAD_GROWTH * offered)
}

fn open(evidence: &Evidence) -> Vec<(f64, f64)> {
    evidence
        .measured()
        .filter_map(|second| Some(((second.start + second.length).as_secs_f64(), second.open? as f64)))
        .collect()
}

fn growth(evidence: &Evidence) -> Option<Growth> {
    let open = open(evidence);
    let offered = evidence.offered_rate();
    let points = means(&open);
    if points.len() < limits::FEWEST_TREND_POINTS || offered == Rate::ZERO {
        return None;
    }
    let trend = Trend::of(&points)?;
    let share = trend.slope / offered.as_per_second();
    let counts = trend.significant(limits::SIGNIFICANCE) && share.abs() > limits::GROWTH;
    let at_end = open.last().map_or(0, |(_, open)| *open as u64);
    Some(Growth { per_second: trend.slope, share, p: trend.p, counts, at_end })
}

/// Means of neighbouring points, in at most [`limits::TREND_BATCHES`] batches.
fn means(series: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let length = series.len().div_ceil(limits::TREND_BATCHES).max(1);
    let mean =
        |part: &[(f64, f64)], of: &dyn Fn(&(f64, f64)) -> f64| part.iter().map(of).sum::<f64>() / part.len() as f64;
    series.chunks(length).map(|part| (mean(part, &|point| point.0), mean(part, &|point| point.1))).collect()
}

fn response(evidence: &Evidence, metric: &'static str) -> Option<ResponseTrend> {
    let intervals = evidence.intervals(metric);
    let length = evidence.end.saturating_sub(evidence.begin);
    let batch = Nanos((length.0 / limits::TREND_BATCHES as u64).max(1));
    let points: Vec<(f64, f64)> = intervals
        .chunk_by(|a, b| (a.start - evidence.begin).0 / batch.0 == (b.start - evidence.begin).0 / batch.0)
        .filter_map(|part| {
            let median = Buckets::merged(part.iter().map(|interval| &interval.buckets)).quantile(0.5)?;
            Some((part[0].start.as_secs_f64(), Nanos(median).as_secs_f64()))
        })
        .collect();
    if points.len() < limits::FEWEST_TREND_POINTS {
        return None;
    }
    let trend = Trend::of(&points)?;
    let typical =
        median(&mut points.iter().map(|(_, value)| *value).collect::<Vec<_>>()).filter(|value| *value > 0.0)?;
    let relative = trend.slope * length.as_secs_f64() / typical;
    let counts = trend.significant(limits::SIGNIFICANCE) && relative.abs() > limits::DRIFT;
    Some(ResponseTrend { metric, relative, p: trend.p, counts })
}

//! How many pods one metric asks for.
//!
//! As Kubernetes' controller computes it (`pkg/controller/podautoscaler/replica_calculator.go` and `metrics/utilization.go`, version 1.30):
//! readings are integers in thousandths, sums are divided as integers, and only the ratio of that to the target is a float.

use plimsoll_profiles::units::Nanos;

/// What a controller knows of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// Where it is in its life.
    pub phase: Phase,
    /// Told to stop: its readings no longer count.
    pub terminating: bool,
    /// When its process was started; none before that.
    pub started: Option<Nanos>,
    /// Its readiness condition; none before the first one.
    pub readiness: Option<Readiness>,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its containers do not all run yet.
    Pending,
    /// It runs.
    Running,
    /// It ended with an error, and is not started again.
    Failed,
}

/// A pod's readiness condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it is ready.
    pub ready: bool,
    /// Since when.
    pub since: Nanos,
}

/// A value of one pod, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Thousandths.
    pub value: i64,
    /// When it was taken.
    pub at: Nanos,
    /// The mean over so long before.
    pub window: Nanos,
}

/// What the controller's flags say about readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensing {
    /// A ratio this close to 1 changes nothing.
    pub tolerance: f64,
    /// So long after its start a pod's CPU counts only while it is ready.
    pub cpu_initialisation_period: Nanos,
    /// A pod that became unready so soon after its start has never been ready.
    pub initial_readiness_delay: Nanos,
}

/// How many pods a metric asks for, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Pods.
    pub replicas: u32,
    /// Per cent of the request for a utilisation, thousandths else; the mean over the pods whose readings counted.
    pub usage: i64,
}

/// Why a metric says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// There is no pod.
    NoPods,
    /// No ready pod has a reading.
    NoReadings,
}

/// The pods a metric is about, at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Pods<'a> {
    /// Their states.
    pub status: &'a [PodStatus],
    /// Now.
    pub now: Nanos,
    /// How readings are judged.
    pub sensing: Sensing,
}

/// What a pod's reading is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It counts.
    Counted,
    /// The pod is not ready, or its reading is from before it was.
    Unready,
    /// There is none.
    Missing,
    /// The pod is on its way out.
    Gone,
}

impl Pods<'_> {
    pub(super) fn standing(&self, pod: &PodStatus, reading: Option<&Reading>, cpu: bool) -> Standing {
        if pod.terminating || pod.phase == Phase::Failed {
            return Standing::Gone;
        }
        if pod.phase == Phase::Pending {
            return Standing::Unready;
        }
        let Some(reading) = reading else { return Standing::Missing };
        if cpu && self.cpu_is_ignored(pod, reading) {
            return Standing::Unready;
        }
        Standing::Counted
    }

    /// A starting process uses CPU that says nothing about the load.
    fn cpu_is_ignored(&self, pod: &PodStatus, reading: &Reading) -> bool {
        let (Some(started), Some(readiness)) = (pod.started, pod.readiness) else { return true };
        if started + self.sensing.cpu_initialisation_period > self.now {
            return !readiness.ready || reading.at < readiness.since + reading.window;
        }
        !readiness.ready && started + self.sensing.initial_readiness_delay > readiness.since
    }

    /// Ready pods, those that terminate included: the controller does not ask whether they do (`getReadyPodsCount`).
    fn ready(&self) -> u32 {
        let is_ready =
            |pod: &&PodStatus| pod.phase == Phase::Running && pod.readiness.is_some_and(|readiness| readiness.ready);
        self.status.iter().filter(is_ready).count() as u32
    }

    fn within_tolerance(&self, ratio: f64) -> bool {
        (1.0 - ratio).abs() <= self.sensing.tolerance
    }
}

/// The readings that count, and how many pods are which.
struct Sorted {
    values: Vec<Option<i64>>,
    standing: Vec<Standing>,
}

impl Sorted {
    fn of(pods: &Pods<'_>, readings: &[Option<Reading>], cpu: bool) -> Sorted {
        let reading = |index: usize| readings.get(index).and_then(Option::as_ref);
        let standing: Vec<_> =
            pods.status.iter().enumerate().map(|(index, pod)| pods.standing(pod, reading(index), cpu)).collect();
        let value = |(index, standing): (usize, &Standing)| match standing {
            Standing::Counted => reading(index).map(|reading| reading.value),
            _ => None,
        };
        let values = standing.iter().enumerate().map(value).collect();
        Sorted { values, standing }
    }

    fn count(&self, which: Standing) -> usize {
        self.standing.iter().filter(|standing| **standing == which).count()
    }

    fn fill(&mut self, which: Standing, value: impl Fn(usize) -> i64) {
        for (index, _) in self.standing.iter().enumerate().filter(|(_, standing)| **standing == which) {
            self.values[index] = Some(value(index));
        }
    }

    fn filled(&self) -> usize {
        self.values.iter().flatten().count()
    }
}

/// A ratio of usage to target, and the usage.
type Usage = (f64, i64);

/// Pods for a mean utilisation of a resource, in per cent of the requests; `requests` and `readings` one per pod, in thousandths.
///
/// # Errors
/// When there are no pods, or none with a reading.
pub fn by_utilisation(
    pods: &Pods<'_>,
    readings: &[Option<Reading>],
    requests: &[i64],
    cpu: bool,
    target_percent: u32,
    current: u32,
) -> Result<Proposal, Unavailable> {
    let usage = |values: &[Option<i64>]| -> Option<Usage> {
        let with_request = || values.iter().zip(requests).filter_map(|(value, request)| Some(((*value)?, *request)));
        let used: i64 = with_request().map(|(value, _)| value).sum();
        let requested: i64 = with_request().map(|(_, request)| request).sum();
        let percent = (used * 100).checked_div(requested)?;
        Some((percent as f64 / f64::from(target_percent), percent))
    };
    // A pod without a reading counts as all of its request, or as the target where that is above it.
    let fallback = |index: usize| requests[index] * i64::from(target_percent.max(100)) / 100;
    by_ratio(pods, Sorted::of(pods, readings, cpu), &usage, &fallback, current, false)
}

/// Pods for a mean value of a metric, in thousandths.
///
/// # Errors
/// When there are no pods, or none with a reading.
pub fn by_average(
    pods: &Pods<'_>,
    readings: &[Option<Reading>],
    cpu: bool,
    target: i64,
    current: u32,
) -> Result<Proposal, Unavailable> {
    let usage = |values: &[Option<i64>]| -> Option<Usage> {
        let mean = values.iter().flatten().sum::<i64>().checked_div(values.iter().flatten().count() as i64)?;
        Some((mean as f64 / target as f64, mean))
    };
    by_ratio(pods, Sorted::of(pods, readings, cpu), &usage, &|_| target, current, true)
}

fn by_ratio(
    pods: &Pods<'_>,
    mut sorted: Sorted,
    usage: &dyn Fn(&[Option<i64>]) -> Option<Usage>,
    fallback: &dyn Fn(usize) -> i64,
    current: u32,
    missing_at_target_are_idle: bool,
) -> Result<Proposal, Unavailable> {
    if pods.status.is_empty() {
        return Err(Unavailable::NoPods);
    }
    let (ratio, used) = usage(&sorted.values).ok_or(Unavailable::NoReadings)?;
    let propose = |replicas: u32| Ok(Proposal { replicas, usage: used });
    let missing = sorted.count(Standing::Missing) > 0;
    let unready = sorted.count(Standing::Unready) > 0 && ratio > 1.0;
    if !missing && !unready {
        if pods.within_tolerance(ratio) {
            return propose(current);
        }
        return propose((ratio * sorted.count(Standing::Counted) as f64).ceil() as u32);
    }
    if missing && ratio < 1.0 {
        sorted.fill(Standing::Missing, fallback);
    } else if missing && (ratio > 1.0 || missing_at_target_are_idle) {
        sorted.fill(Standing::Missing, |_| 0);
    }
    if unready {
        sorted.fill(Standing::Unready, |_| 0);
    }
    let (new_ratio, _) = usage(&sorted.values).ok_or(Unavailable::NoReadings)?;
    let turned = (ratio < 1.0 && new_ratio > 1.0) || (ratio > 1.0 && new_ratio < 1.0);
    if pods.within_tolerance(new_ratio) || turned {
        return propose(current);
    }
    let replicas = (new_ratio * sorted.filled() as f64).ceil() as u32;
    if (new_ratio < 1.0 && replicas > current) || (new_ratio > 1.0 && replicas < current) {
        return propose(current);
    }
    propose(replicas)
}

/// Pods for one number of all pods, in thousandths (`type: Object` or `External` with a `Value`).
///
/// # Errors
/// When there are no pods, though there should be.
pub fn by_value(pods: &Pods<'_>, value: i64, target: i64, current: u32) -> Result<Proposal, Unavailable> {
    let ratio = value as f64 / target as f64;
    let propose = |replicas: u32| Ok(Proposal { replicas, usage: value });
    if current == 0 {
        return propose(ratio.ceil() as u32);
    }
    if pods.within_tolerance(ratio) {
        return propose(current);
    }
    if pods.status.is_empty() {
        return Err(Unavailable::NoPods);
    }
    propose((ratio * f64::from(pods.ready())).ceil() as u32)
}

/// Pods for one number divided by the pods, in thousandths (`type: Object` or `External` with an `AverageValue`); `replicas` are the pods
/// there are, ready or not.
pub fn by_value_per_pod(value: i64, target: i64, replicas: u32, tolerance: f64) -> Proposal {
    let ratio = value as f64 / (target as f64 * f64::from(replicas));
    let usage = (value as f64 / f64::from(replicas)).ceil() as i64;
    // Not-a-number, for no pods and no value, changes nothing.
    if (1.0 - ratio).abs() > tolerance {
        return Proposal { replicas: (value as f64 / target as f64).ceil() as u32, usage };
    }
    Proposal { replicas, usage }
}

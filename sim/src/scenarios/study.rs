//! Simulations of failures and of what might prevent them, in parallel.

use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Nanos;
use rayon::prelude::*;

use super::impact::{Impact, impact, window};
use super::minutes::{Minute, minutes};
use super::remedies::{Case, remedies};
use crate::temporal::{Counts, FailureCounts, Outcome, Sample, Settings, SystemSize, simulate};

/// How failures are tried.
pub struct Study<'a> {
    /// Costs.
    pub calibration: &'a Calibration,
    /// Of every simulation; the same random numbers for all.
    pub settings: Settings,
    /// Threads; the answer does not depend on it.
    pub threads: usize,
    /// Whether what might prevent a failure is simulated, too.
    pub prevention: bool,
    /// Asked now and then whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Hears what is being simulated.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// A run with an event.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What the event did.
    pub impact: Impact,
    /// What failures did to requests.
    pub failures: FailureCounts,
    /// Workflows of the run.
    pub workflows: Counts,
    /// Those open at its end.
    pub unfinished: u64,
    /// The system did not keep up: the run ended early.
    pub overloaded: bool,
}

/// Something that might prevent a failure, simulated.
#[derive(Clone, Debug)]
pub struct Prevention {
    /// What was changed.
    pub what: String,
    /// Sizes with it.
    pub size: SystemSize,
    /// What the event did all the same.
    pub tried: Tried,
}

/// All that is known of an event of a case.
#[derive(Clone, Debug)]
pub struct Studied {
    /// Which event.
    pub event: usize,
    /// What it did.
    pub tried: Tried,
    /// What might have prevented it, in the order tried.
    pub prevention: Vec<Prevention>,
    /// The run, a sample an interval.
    pub samples: Vec<Sample>,
    /// The run, minute by minute.
    pub minutes: Vec<Minute>,
    /// The same without events.
    pub minutes_without: Vec<Minute>,
}

impl Study<'_> {
    /// The minutes of a case without its events.
    pub fn without(&self, case: &Case) -> Vec<Minute> {
        let mut calm = case.clone();
        calm.profile.events.clear();
        let outcome = self.run(&calm, &self.settings);
        minutes(&outcome, &case.profile.slo, &self.settings)
    }

    /// Tries every event of several cases on their schedules, each with its settings, and then what might have prevented those that cost
    /// anything. `without` are the minutes of the same schedule without events. `None` for a case that was interrupted.
    pub fn all(&self, cases: &[(String, Case, Settings)], without: &[Minute]) -> Vec<Option<Vec<Studied>>> {
        let plain = |(index, (name, case, settings)): (usize, &(String, Case, Settings))| Job {
            name: name.clone(),
            of: index,
            event: None,
            what: String::new(),
            case: case.clone(),
            settings: *settings,
        };
        let mut jobs: Vec<Job> = cases.iter().enumerate().map(plain).collect();
        let mut results = self.ran(&jobs, without);
        if self.prevention {
            let more: Vec<Job> = jobs.iter().zip(&results).flat_map(|(job, ran)| against(job, ran.as_ref())).collect();
            results.extend(self.ran(&more, without));
            jobs.extend(more);
        }
        (0..cases.len()).map(|index| gathered(index, &cases[index].1, &jobs, &results, without)).collect()
    }

    /// Simulates the jobs, in parallel.
    fn ran(&self, jobs: &[Job], without: &[Minute]) -> Vec<Option<Ran>> {
        let (done, all) = (AtomicUsize::new(0), jobs.len());
        let one = |job: &Job| {
            if (self.cancelled)() {
                return None;
            }
            (self.progress)(&format!("{} of {all} simulated; now {}", done.load(Ordering::Relaxed), job.name));
            let outcome = self.run(&job.case, &job.settings);
            done.fetch_add(1, Ordering::Relaxed);
            if (self.cancelled)() {
                return None;
            }
            Some(ran(job, &outcome, without))
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        match pool {
            Ok(pool) => pool.install(|| jobs.par_iter().map(one).collect()),
            Err(_) => jobs.iter().map(one).collect(),
        }
    }

    fn run(&self, case: &Case, settings: &Settings) -> Outcome {
        simulate(&case.profile, self.calibration, case.size, *settings, self.cancelled)
    }
}

/// What is tried against the events of a run that cost anything.
fn against(job: &Job, ran: Option<&Ran>) -> Vec<Job> {
    let Some(ran) = ran else { return Vec::new() };
    let mut list = Vec::new();
    for (event, _) in ran.tried.iter().enumerate().filter(|(event, tried)| tried.costs(&job.case, *event)) {
        list.extend(remedies(&job.case, event).into_iter().map(|remedy| Job {
            name: format!("{}, with {}", job.name, remedy.what),
            of: job.of,
            event: Some(event),
            what: remedy.what,
            case: remedy.case,
            settings: job.settings,
        }));
    }
    list
}

impl Tried {
    /// Whether the event was seen and cost anything: a lost minute, or a recovery that took a minute more than the event itself.
    fn costs(&self, case: &Case, event: usize) -> bool {
        let event = &case.profile.events[event];
        let over = event.until() + Nanos::from_secs(60);
        let was_seen = event.at < self.impact.watched_until;
        was_seen && (self.impact.slo_lost > Nanos::ZERO || self.impact.recovered.is_none_or(|at| at > over))
    }
}

/// One simulation.
struct Job {
    name: String,
    of: usize,
    /// Against which event, for a remedy.
    event: Option<usize>,
    what: String,
    case: Case,
    settings: Settings,
}

/// What is kept of it.
struct Ran {
    /// By event.
    tried: Vec<Tried>,
    /// Of runs without a remedy.
    samples: Vec<Sample>,
    minutes: Vec<Minute>,
}

fn ran(job: &Job, outcome: &Outcome, without: &[Minute]) -> Ran {
    let events = &job.case.profile.events;
    let list = minutes(outcome, &job.case.profile.slo, &job.settings);
    let tried = (0..events.len()).map(|index| tried(job, outcome, index, &list, without)).collect();
    let plain = job.event.is_none();
    Ran { tried, samples: if plain { outcome.samples.clone() } else { Vec::new() }, minutes: list }
}

fn tried(job: &Job, outcome: &Outcome, index: usize, with: &[Minute], without: &[Minute]) -> Tried {
    let events = &job.case.profile.events;
    let end = job.settings.warmup + job.settings.measured;
    let overloaded = outcome.ended_early.is_some();
    let mut impact = impact(outcome, &events[index], window(events, index, end), with, without);
    if overloaded {
        let seen = outcome.samples.last().map_or(Nanos::ZERO, |sample| sample.at).max(events[index].at);
        impact.ended_early(seen);
    }
    Tried { impact, failures: outcome.failures, workflows: outcome.counts, unfinished: outcome.unfinished, overloaded }
}

fn gathered(
    index: usize,
    case: &Case,
    jobs: &[Job],
    results: &[Option<Ran>],
    without: &[Minute],
) -> Option<Vec<Studied>> {
    let own: Vec<(&Job, &Ran)> = jobs
        .iter()
        .zip(results)
        .filter(|(job, _)| job.of == index)
        .map(|(job, ran)| ran.as_ref().map(|ran| (job, ran)))
        .collect::<Option<_>>()?;
    let (_, plain) = own.iter().find(|(job, _)| job.event.is_none())?;
    let studied = |event: usize| Studied {
        event,
        tried: plain.tried[event].clone(),
        prevention: own
            .iter()
            .filter(|(job, _)| job.event == Some(event))
            .map(|(job, ran)| Prevention {
                what: job.what.clone(),
                size: job.case.size,
                tried: ran.tried[event].clone(),
            })
            .collect(),
        samples: plain.samples.clone(),
        minutes: plain.minutes.clone(),
        minutes_without: without.to_vec(),
    };
    Some((0..case.profile.events.len()).map(studied).collect())
}

impl Studied {
    /// What helped most: fewest lost minutes, then the soonest recovery, to the minute, then a lower backlog, to a tenth of it. `None` where nothing tried
    /// was better: finer differences are chance.
    pub fn best(&self) -> Option<&Prevention> {
        let tenth = (self.tried.impact.backlog_peak / 10).max(5);
        let rank = |tried: &Tried| {
            let impact = &tried.impact;
            let minute = impact.recovered.map_or(u64::MAX, |at| at.0 / Nanos::from_secs(60).0);
            (impact.slo_lost, minute, impact.backlog_peak / tenth)
        };
        let best = self.prevention.iter().min_by_key(|prevention| rank(&prevention.tried))?;
        (rank(&best.tried) < rank(&self.tried)).then_some(best)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::profile::{Event, EventKind};
    use plimsoll_profiles::{Document, World, shipped};

    use super::*;

    #[test]
    fn nothing_is_tried_against_an_event_after_the_end_of_the_schedule() {
        let text = shipped::profile("one-activity").expect("a shipped profile").text;
        let document = Document::parse(text, "p.toml", &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let mut profile = document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}"));
        let seconds = Nanos::from_secs;
        profile.events = vec![Event { at: seconds(500), duration: seconds(60), kind: EventKind::DatabaseFailover }];
        let case = Case { size: SystemSize::of(&profile), profile };
        let watched_until = |end| {
            let (at, until) = window(&case.profile.events, 0, end);
            let impact = Impact {
                backlog_before: 0,
                backlog_peak: 0,
                backlog_peak_at: at,
                open_peak: 0,
                slo_lost: Nanos::ZERO,
                backlog_gone: None,
                recovered: None,
                watched_until: until,
            };
            let (failures, workflows) = (FailureCounts::default(), Counts::default());
            Tried { impact, failures, workflows, unfinished: 0, overloaded: false }
        };
        assert!(!watched_until(seconds(400)).costs(&case, 0));
        assert!(watched_until(seconds(600)).costs(&case, 0), "it did not recover while it was watched");
    }
}

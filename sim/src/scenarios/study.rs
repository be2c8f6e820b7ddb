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

    /// Tries every event of several cases on their schedules, each with its settings. `without` are the minutes of the same schedule without events; a
    /// case's run may be given. `None` for a case that was interrupted.
    pub fn all(&self, cases: &[(String, Case, Settings)], without: &[Minute]) -> Vec<Option<Vec<Studied>>> {
        let jobs: Vec<Job> = cases.iter().enumerate().flat_map(|(index, case)| self.jobs(index, case)).collect();
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
        let results: Vec<Option<Ran>> = match pool {
            Ok(pool) => pool.install(|| jobs.par_iter().map(one).collect()),
            Err(_) => jobs.iter().map(one).collect(),
        };
        (0..cases.len()).map(|index| gathered(index, &cases[index].1, &jobs, &results, without)).collect()
    }

    fn jobs(&self, index: usize, (name, case, settings): &(String, Case, Settings)) -> Vec<Job> {
        let job = |event: Option<usize>, what: String, case: Case| Job {
            name: if what.is_empty() { name.clone() } else { format!("{name}, with {what}") },
            of: index,
            event,
            what,
            case,
            settings: *settings,
        };
        let mut jobs = vec![job(None, String::new(), case.clone())];
        if self.prevention {
            for event in 0..case.profile.events.len() {
                jobs.extend(remedies(case, event).into_iter().map(|remedy| job(Some(event), remedy.what, remedy.case)));
            }
        }
        jobs
    }

    fn run(&self, case: &Case, settings: &Settings) -> Outcome {
        simulate(&case.profile, self.calibration, case.size, *settings, self.cancelled)
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
        // The minutes after its end are lost as well.
        let seen = outcome.samples.last().map_or(Nanos::ZERO, |sample| sample.at).max(events[index].at);
        impact.slo_lost += impact.watched_until.saturating_sub(seen);
        impact.recovered = None;
    }
    Tried {
        impact,
        failures: outcome.failures,
        workflows: outcome.counts,
        unfinished: outcome.unfinished,
        overloaded,
    }
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
    /// What helped most: fewest lost minutes, then the soonest recovery, then the lowest backlog. `None` where nothing tried was better.
    pub fn best(&self) -> Option<&Prevention> {
        let rank = |tried: &Tried| {
            let impact = &tried.impact;
            (impact.slo_lost, impact.recovered.unwrap_or(Nanos::FOREVER), tried.workflows.failed, impact.backlog_peak)
        };
        let best = self.prevention.iter().min_by_key(|prevention| rank(&prevention.tried))?;
        (rank(&best.tried) < rank(&self.tried)).then_some(best)
    }
}

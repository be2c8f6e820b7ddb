//! A profile as rules look at it: its steps with their places, and its load.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Activity, Profile, Step};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_sim::planner::{Demand, Evaluator, PEAK_WINDOW};
use plimsoll_sim::temporal::{Program, SystemSize};
use serde_json::Value;

use super::lengths::all_events;

/// A profile and what is known of it.
pub struct Subject<'a> {
    /// The checked profile of one world.
    pub profile: &'a Profile,
    /// Its costs.
    pub calibration: &'a Calibration,
    /// What its load asks for; `None` where nothing arrives.
    pub load: Option<&'a LoadOf>,
    /// Every step of every type, blocks included, in the order of the text.
    pub steps: Vec<Placed<'a>>,
    written: &'a Value,
}

/// A step and where it stands.
#[derive(Clone, Debug)]
pub struct Placed<'a> {
    /// Index of its workflow type.
    pub workflow: usize,
    /// Its key: `workflow.0.steps.3.repeat.steps.1`.
    pub path: String,
    /// The step.
    pub step: &'a Step,
    /// How often it runs in one run of its workflow, branches taken.
    pub times: u64,
}

impl<'a> Subject<'a> {
    /// Walks the steps.
    pub fn new(
        profile: &'a Profile,
        calibration: &'a Calibration,
        written: &'a Value,
        load: Option<&'a LoadOf>,
    ) -> Self {
        let mut steps = Vec::new();
        for (index, workflow) in profile.workflows.iter().enumerate() {
            let path = format!("workflow.{index}.steps");
            let walk = Walk { workflow: index, times: 1 };
            walk.all(&workflow.steps, &path, at(written, &path), &mut steps);
        }
        Subject { profile, calibration, load, steps, written }
    }

    /// Whether a key is written, in the profile or its cluster; defaults are not.
    pub fn is_written(&self, path: &str) -> bool {
        at(self.written, path).is_some()
    }

    /// A duration under a key that the checked profile does not hold.
    pub fn written_duration(&self, path: &str) -> Option<Nanos> {
        at(self.written, path)?.as_str()?.parse().ok()
    }

    /// Every activity.
    pub fn activities(&self) -> impl Iterator<Item = (&Placed<'a>, &'a Activity)> {
        self.steps.iter().filter_map(|placed| match placed.step {
            Step::Activity(activity) => Some((placed, activity)),
            _ => None,
        })
    }

    /// Starts a second of a step's workflow type at today's peak; of a type that only children are of, all starts as an upper bound.
    pub fn starts_at_peak(&self, placed: &Placed<'_>) -> f64 {
        let share = self.profile.workflows.get(placed.workflow).and_then(|workflow| workflow.share);
        self.load.map_or(0.0, |load| load.peak.as_per_second()) * share.map_or(1.0, |share| share.get())
    }

    /// Worker pods that are left when one is lost, where the profile gives their number.
    pub fn worker_pods(&self) -> Option<u32> {
        let pods = self.profile.workers.pods?;
        let spare = u32::from(self.profile.growth.survive_pod_loss);
        Some(pods.saturating_sub(spare).max(1))
    }
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

/// Where a walk over steps stands.
#[derive(Clone, Copy)]
struct Walk {
    workflow: usize,
    times: u64,
}

impl Walk {
    fn all<'a>(self, steps: &'a [Step], path: &str, written: Option<&Value>, out: &mut Vec<Placed<'a>>) {
        for (index, step) in steps.iter().enumerate() {
            let below = written.and_then(|steps| steps.get(index));
            self.one(step, format!("{path}.{index}"), below, out);
        }
    }

    fn one<'a>(self, step: &'a Step, path: String, written: Option<&Value>, out: &mut Vec<Placed<'a>>) {
        let Walk { workflow, times } = self;
        out.push(Placed { workflow, path: path.clone(), step, times });
        let under = |key: &str| written.and_then(|step| step.get(key));
        match step {
            Step::Parallel(steps) => self.all(steps, &format!("{path}.parallel"), under("parallel"), out),
            Step::Sequence(steps) => self.all(steps, &format!("{path}.sequence"), under("sequence"), out),
            Step::Repeat { times: more, steps } => {
                let walk = Walk { times: times.saturating_mul(u64::from(*more)), ..self };
                match under("repeat").and_then(|repeat| repeat.get("steps")) {
                    Some(inner) => walk.all(steps, &format!("{path}.repeat.steps"), Some(inner), out),
                    // A step with a `count`: the repeat is written into the step itself.
                    None => steps.iter().for_each(|step| walk.one(step, path.clone(), written, out)),
                }
            }
            Step::Branch(arms) => {
                for (index, arm) in arms.iter().enumerate() {
                    let inner = under("branch").and_then(|arms| arms.get(index)).and_then(|arm| arm.get("steps"));
                    self.all(&arm.steps, &format!("{path}.branch.{index}.steps"), inner, out);
                }
            }
            _ => {}
        }
    }
}

/// What the load at its peak asks for, measured by the planner's pilot: a short simulation of a generous system.
pub struct LoadOf {
    /// Demands of one workflow.
    pub demand: Demand,
    /// Starts per second at today's peak.
    pub peak: Rate,
    /// Starts per second at the peak of the growth horizon.
    pub horizon: Rate,
    /// Starts per second, mean over the schedule.
    pub mean: Rate,
    /// Mean time a started workflow is open.
    pub lifetime: Nanos,
}

/// Events of the simulator for each event of a history: about what the pilots of the shipped profiles take.
const SIMULATED_PER_EVENT: f64 = 25.0;
/// A pilot of more than this many events takes longer than a lint should; the shipped profiles take up to five million.
const MOST_SIMULATED: f64 = 2e7;
/// Workflows that the planner's pilot measures.
const PILOT_WORKFLOWS: f64 = 400.0;

impl LoadOf {
    /// Simulates the pilot.
    ///
    /// # Errors
    /// Why there is none, as a sentence for readers: nothing arrives, or it would take too long.
    pub fn measure(profile: &Profile, calibration: &Calibration, seed: u64) -> Result<Self, String> {
        let peak = profile.arrivals.peak(PEAK_WINDOW).rate;
        if peak == Rate::ZERO {
            return Err("the arrival schedule starts no workflow: the rules on load were not checked".to_owned());
        }
        let never = || false;
        let evaluator = Evaluator::new(profile, calibration, seed, &never);
        let open = peak.as_per_second() * evaluator.residence.as_secs_f64();
        let started = profile.workflows.iter().filter_map(|workflow| Some((workflow.share?.get(), workflow)));
        let events: f64 = started.map(|(share, w)| share * all_events(profile, &calibration.bytes, w)).sum();
        if (PILOT_WORKFLOWS + 1.25 * open) * events * SIMULATED_PER_EVENT > MOST_SIMULATED {
            let what = "the rules on load were not checked: to simulate so long or so many workflows takes more time than a lint should";
            return Err(format!("{what}; `plimsoll plan` takes that time"));
        }
        let (demand, _) = evaluator.pilot(SystemSize::of(profile), peak);
        let horizon = Rate::per_second(peak.as_per_second() * profile.growth.factor);
        let lifetime = Program::of(profile).mean_lifetime(profile);
        Ok(LoadOf { demand, peak, horizon, mean: profile.arrivals.mean_rate(), lifetime })
    }
}

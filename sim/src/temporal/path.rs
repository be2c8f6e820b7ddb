//! How long a workflow lasts when nothing queues.

use plimsoll_profiles::profile::{Profile, Span, Step};
use plimsoll_profiles::units::Nanos;

use super::program::{Program, distribution};

/// Time of the server and the workers that every step costs beside its own: about what an idle cluster takes (measured: 8–12 ms
/// per workflow task or activity, both ways).
const PER_STEP: Nanos = Nanos::from_millis(20);

impl Program {
    /// Mean time a started workflow spends in a simulation whose waits beyond `longest` are shortened.
    pub fn mean_residence(&self, profile: &Profile, longest: Nanos) -> Nanos {
        mean(profile, Some(longest))
    }

    /// Mean time a started workflow is open.
    pub fn mean_lifetime(&self, profile: &Profile) -> Nanos {
        mean(profile, None)
    }
}

fn mean(profile: &Profile, longest: Option<Nanos>) -> Nanos {
    let path = Path { profile, longest: longest.map(Nanos::as_secs_f64) };
    let started = profile.workflows.iter().filter_map(|workflow| Some((workflow, workflow.share?.get())));
    let (mut total, mut shares) = (0.0, 0.0);
    for (workflow, share) in started {
        total += share * path.all(&workflow.steps, 0);
        shares += share;
    }
    Nanos::from_secs_f64(total / if shares > 0.0 { shares } else { 1.0 }) + PER_STEP
}

struct Path<'a> {
    profile: &'a Profile,
    longest: Option<f64>,
}

impl Path<'_> {
    fn all(&self, steps: &[Step], depth: u32) -> f64 {
        let mut total = 0.0;
        for step in steps {
            // All steps so far once more per further run.
            if let Step::ContinueAsNew { runs } = step {
                total *= 1.0 + f64::from(*runs);
            }
            total += self.step(step, depth);
        }
        total
    }

    fn wait(&self, span: &Span) -> f64 {
        let mean = distribution(span).mean().as_secs_f64();
        match self.longest {
            Some(longest) if mean > longest => longest / 2.0,
            _ => mean,
        }
    }

    fn step(&self, step: &Step, depth: u32) -> f64 {
        let own = match step {
            Step::Activity(activity) => {
                let takes = distribution(&activity.takes).mean().as_secs_f64();
                let fails = activity.fails.get().min(0.99);
                let retries = fails / (1.0 - fails) + f64::from(activity.fails_first);
                takes * (1.0 + retries) + retries * activity.retry.initial.as_secs_f64().max(1.0)
            }
            Step::LocalActivity(local) => distribution(&local.takes).mean().as_secs_f64(),
            Step::Timer(span) => self.wait(span),
            Step::WaitSignal(wait) => self.wait(&wait.after) * f64::from(wait.count),
            Step::Update(update) => self.wait(&update.after),
            Step::Query(_) | Step::ContinueAsNew { .. } => 0.0,
            // Children have no cycles; the depth is a second line of defence.
            Step::Child(child) if child.wait && depth < 64 => {
                self.all(&self.profile.workflows[child.workflow].steps, depth + 1)
            }
            Step::Child(_) => 0.0,
            Step::Parallel(branches) => branches.iter().map(|step| self.step(step, depth)).fold(0.0, f64::max),
            Step::Sequence(steps) => self.all(steps, depth),
            Step::Repeat { times, steps } => f64::from(*times) * self.all(steps, depth),
            Step::Branch(arms) => arms.iter().map(|arm| arm.probability.get() * self.all(&arm.steps, depth)).sum(),
        };
        own + PER_STEP.as_secs_f64()
    }
}

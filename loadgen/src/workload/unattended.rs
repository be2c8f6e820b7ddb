//! When messages are sent to workflows whose workers are not this program's.

use plimsoll_profiles::units::Nanos;

use super::draw::{Draws, Place};
use super::message::FollowUp;
use super::program::{PlanStep, Program, TypePlan};

/// Everything that is sent to a workflow's first run, planned from its start on: a step is reached when what stands
/// before it takes the time drawn for it and nothing else takes time.
pub(super) fn follow_ups(program: &Program, plan: &TypePlan, draws: &Draws) -> Vec<FollowUp> {
    let mut plan_of = Plan { program, draws, list: Vec::new(), with_start: plan.signal_with_start };
    plan_of.steps(&plan.steps, &Place::root(), Nanos::ZERO);
    let mut list = plan_of.list;
    list.extend(super::sent_from_start(program, plan, draws));
    list.extend(super::ends_by_client(&plan.ends, draws));
    list.sort_by_key(|follow_up| follow_up.after);
    list
}

struct Plan<'a> {
    program: &'a Program,
    draws: &'a Draws,
    list: Vec<FollowUp>,
    with_start: Option<usize>,
}

impl Plan<'_> {
    /// Plans steps that begin at `at`; gives when they are over.
    fn steps(&mut self, steps: &[PlanStep], place: &Place, mut at: Nanos) -> Nanos {
        for (index, step) in steps.iter().enumerate() {
            at = self.step(step, &place.below(index as u64), at);
        }
        at
    }

    fn step(&mut self, step: &PlanStep, place: &Place, at: Nanos) -> Nanos {
        match step {
            PlanStep::Activity(index) | PlanStep::LocalActivity(index) => {
                at + self.draws.span(&self.program.activities[*index].takes, &format!("{}/takes/1", place.text()))
            }
            PlanStep::Timer(span) => at + self.draws.span(span, place.text()),
            PlanStep::Message { message, count, sent_from_start } => {
                let mut at = at;
                for number in 0..*count {
                    let with_start = self.with_start == Some(*message);
                    if with_start {
                        self.with_start = None;
                    }
                    if with_start || *sent_from_start {
                        continue;
                    }
                    let spec = &self.program.messages[*message];
                    let name = format!("{}/{number}", place.text());
                    at += self.draws.span(&spec.after, &name);
                    self.list.push(FollowUp::new(at, spec.message(), self.draws, &name));
                }
                at
            }
            PlanStep::Query(message, times) => {
                let message = self.program.messages[*message].query(*times);
                self.list.push(FollowUp::new(at, message, self.draws, place.text()));
                at
            }
            PlanStep::Child { .. } | PlanStep::ContinueAsNew { .. } | PlanStep::UpsertSearchAttributes(_) => at,
            PlanStep::Parallel(steps) => {
                let ends =
                    steps.iter().enumerate().map(|(index, step)| self.step(step, &place.below(index as u64), at));
                ends.max().unwrap_or(at)
            }
            PlanStep::Sequence(steps) => self.steps(steps, place, at),
            PlanStep::Repeat(times, steps) => {
                (0..*times).fold(at, |at, turn| self.steps(steps, &place.below(u64::from(turn)), at))
            }
            PlanStep::Branch(arms) => {
                let drawn = self.draws.uniform(place.text());
                match arms.iter().position(|(end, _)| drawn < *end) {
                    Some(index) => self.steps(&arms[index].1, &place.below(index as u64), at),
                    None => at,
                }
            }
        }
    }
}

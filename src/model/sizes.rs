//! What one run of a workflow holds at most: pending activities and children, payloads, signals. For the server's size limits.

use plimsoll_profiles::profile::{Profile, Step, WorkflowType};

/// The most that one run of any type has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peak {
    /// Activities scheduled at once.
    pub activities: u64,
    /// Children open at once, taken as open until their parent ends where it does not wait for them.
    pub children: u64,
    /// Signals in one run.
    pub signals: u64,
    /// Updates in one run.
    pub updates: u64,
    /// Updates that may be under way at once.
    pub updates_at_once: u64,
    /// The largest payload, in bytes.
    pub payload: u64,
    /// Payloads that one workflow task's answer carries, in bytes.
    pub transaction: u64,
    /// Of `children`, those nobody waits for.
    abandoned: u64,
}

impl Peak {
    /// Over all types of a profile.
    pub fn of(profile: &Profile) -> Self {
        profile.workflows.iter().fold(Peak::default(), |peak, workflow| peak.or(Self::of_type(profile, workflow)))
    }

    /// Of one type.
    pub fn of_type(profile: &Profile, workflow: &WorkflowType) -> Self {
        let ends = workflow.input.0.max(workflow.result.0);
        let mut own = sequence(profile, &workflow.steps);
        own.payload = own.payload.max(ends);
        own.transaction = own.transaction.max(ends);
        own
    }

    fn or(self, other: Peak) -> Peak {
        Peak {
            activities: self.activities.max(other.activities),
            children: self.children.max(other.children),
            signals: self.signals.max(other.signals),
            updates: self.updates.max(other.updates),
            updates_at_once: self.updates_at_once.max(other.updates_at_once),
            payload: self.payload.max(other.payload),
            transaction: self.transaction.max(other.transaction),
            abandoned: self.abandoned.max(other.abandoned),
        }
    }

    /// At the same time.
    fn and(self, other: Peak) -> Peak {
        Peak {
            activities: self.activities + other.activities,
            children: self.children + other.children,
            signals: self.signals + other.signals,
            updates: self.updates + other.updates,
            updates_at_once: self.updates_at_once + other.updates_at_once,
            payload: self.payload.max(other.payload),
            transaction: self.transaction + other.transaction,
            abandoned: self.abandoned + other.abandoned,
        }
    }

    /// One after the other, in the same run.
    fn then(self, next: Peak) -> Peak {
        Peak {
            children: self.children.max(self.abandoned + next.children),
            signals: self.signals + next.signals,
            updates: self.updates + next.updates,
            abandoned: self.abandoned + next.abandoned,
            ..self.or(next)
        }
    }
}

fn sequence(profile: &Profile, steps: &[Step]) -> Peak {
    let mut longest = Peak::default();
    let mut run = Peak::default();
    for step in steps {
        if let Step::ContinueAsNew { .. } = step {
            longest = longest.or(std::mem::take(&mut run));
        } else {
            run = run.then(one(profile, step));
        }
    }
    longest.or(run)
}

fn one(profile: &Profile, step: &Step) -> Peak {
    let none = Peak::default();
    match step {
        Step::Activity(activity) => {
            let payload = activity.input.0.max(activity.output.0);
            Peak { activities: 1, payload, transaction: activity.input.0, ..none }
        }
        Step::LocalActivity(local) => Peak { payload: local.output.0, transaction: local.output.0, ..none },
        Step::WaitSignal(signal) => Peak { signals: u64::from(signal.count), payload: signal.payload.0, ..none },
        Step::Update(update) => Peak {
            updates: u64::from(update.count),
            updates_at_once: 1,
            payload: update.input.0.max(update.output.0),
            ..none
        },
        Step::Child(child) => {
            let input = profile.workflows[child.workflow].input.0;
            Peak { children: 1, abandoned: u64::from(!child.wait), payload: input, transaction: input, ..none }
        }
        Step::Parallel(branches) => branches.iter().fold(none, |peak, branch| peak.and(one(profile, branch))),
        Step::Sequence(steps) => sequence(profile, steps),
        Step::Repeat { times, steps } => {
            let once = sequence(profile, steps);
            let more = u64::from(times.saturating_sub(1));
            Peak {
                children: once.children + once.abandoned * more,
                abandoned: once.abandoned * (more + 1),
                signals: once.signals * (more + 1),
                updates: once.updates * (more + 1),
                ..once
            }
        }
        Step::Branch(arms) => arms.iter().fold(none, |peak, arm| peak.or(sequence(profile, &arm.steps))),
        _ => none,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::{Document, World};

    fn peak(steps: &str) -> Peak {
        let child = if steps.contains("child") {
            "[[workflow]]\ntype = \"C\"\ninput = \"3KiB\"\nsteps = [ { timer = \"1s\" } ]\n"
        } else {
            ""
        };
        let text = format!(
            "name = \"t\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"1/s\" }}]\n[[workflow]]\ntype = \"W\"\nshare = 1.0\ninput = \"1KiB\"\nsteps = [ {steps} ]\n{child}"
        );
        Peak::of(&Document::parse(&text, "test.toml", &[]).unwrap().profile(&World::mid()).unwrap())
    }

    #[test]
    fn branches_are_pending_together_and_steps_one_after_the_other() {
        let activity = "{ activity = \"a\", takes = \"1s\", input = \"2KiB\", output = \"5KiB\" }";
        let after_each_other = peak(&format!("{activity}, {activity}, {{ child = \"C\" }}"));
        assert_eq!((after_each_other.activities, after_each_other.children), (1, 1));
        let together = peak(&format!("{{ parallel = [ {activity}, {activity}, {activity} ] }}"));
        assert_eq!((together.activities, together.transaction, together.payload), (3, 6 << 10, 5 << 10));
    }

    #[test]
    fn signals_and_abandoned_children_add_up_until_the_run_continues_as_new() {
        let steps = "{ repeat = { times = 100, steps = [ { wait_signal = \"s\", after = \"1s\", count = 3 }, { child = \"C\", wait = false } ] } }";
        let one = peak(steps);
        assert_eq!((one.signals, one.children), (300, 100));
        let twice = peak(&format!("{steps}, {{ continue_as_new = {{ runs = 1 }} }}, {steps}"));
        assert_eq!((twice.signals, twice.children), (300, 100));
    }
}

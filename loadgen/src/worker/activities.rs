//! The generic activity: takes its time, burns its CPU, reports, fails, answers with its payload.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use plimsoll_profiles::units::Nanos;
use rustix::time::{ClockId, clock_gettime};
use temporalio_common::ActivityDefinition;
use temporalio_common::data_converters::RawValue;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{
    ActivityContext, ActivityDefinitions, ActivityError, ActivityImplementer, ExecutableActivity,
};
use tokio::time::sleep_until;

use super::{Shared, registry};
use crate::workload::draw::Draws;
use crate::workload::payload;
use crate::workload::program::ActivityPlan;

/// Which activity of the program, in which run, at which place: an activity's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActivityName {
    pub(super) index: usize,
    pub(super) run_number: u32,
    pub(super) place: String,
}

impl ActivityName {
    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}", self.index, self.run_number, self.place)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        Some(ActivityName {
            index: parts.next()?.parse().ok()?,
            run_number: parts.next()?.parse().ok()?,
            place: parts.next()?.to_owned(),
        })
    }
}

/// The generic activity under one name.
pub(super) struct GenericActivity {
    name: String,
}

impl ActivityDefinition for GenericActivity {
    type Input = RawValue;
    type Output = RawValue;

    fn name(&self) -> &str {
        &self.name
    }
}

/// What all activities of a worker share.
pub(super) struct Activities {
    pub(super) shared: Arc<Shared>,
}

impl ActivityImplementer for Activities {
    fn register_all(self: Arc<Self>, definitions: &mut ActivityDefinitions) {
        for name in self.shared.workload.program().activity_names() {
            registry::under_name(name, || {
                definitions.register_activity::<GenericActivity>(self.clone());
            });
        }
    }
}

impl ExecutableActivity for GenericActivity {
    type Implementer = Activities;
    const REQUIRES_INSTANCE: bool = true;

    fn definition() -> Self {
        GenericActivity { name: registry::name() }
    }

    fn execute(
        receiver: Option<Arc<Activities>>,
        context: ActivityContext,
        _input: RawValue,
    ) -> BoxFuture<'static, Result<RawValue, ActivityError>> {
        async move {
            let info = context.info();
            let name = ActivityName::parse(&info.activity_id);
            let (Some(name), Some(activities), Some(workflow_id)) = (name, receiver, &info.workflow_id) else {
                return Err(not_ours(&info.activity_id));
            };
            let shared = &activities.shared;
            let Some(plan) = shared.workload.program().activities.get(name.index) else {
                return Err(not_ours(&info.activity_id));
            };
            let draws = shared.workload.draws(&shared.workload.key_of(workflow_id), name.run_number);
            attempt(&context, plan, &name, &draws, shared).await?;
            Ok(RawValue::new(vec![payload::of(plan.output, workflow_id, u64::from(info.attempt))]))
        }
        .boxed()
    }
}

fn not_ours(activity_id: &str) -> ActivityError {
    let text = format!("activity id '{activity_id}' is not one that plimsoll-load's workflows give");
    ApplicationFailure::non_retryable(text).into()
}

async fn attempt(
    context: &ActivityContext,
    plan: &ActivityPlan,
    name: &ActivityName,
    draws: &Draws,
    shared: &Shared,
) -> Result<(), ActivityError> {
    let begin = Instant::now();
    let attempt = context.info().attempt;
    let purpose = |what: &str| format!("{}/{}/{attempt}", name.place, what);
    let takes = draws.span(&plan.takes, &purpose("takes"));
    let burning = (plan.cpu > Nanos::ZERO).then(|| {
        let cpu = plan.cpu;
        tokio::task::spawn_blocking(move || burn(cpu))
    });
    let stopped = wait(context, plan, begin, takes, shared).await;
    if let Some(burning) = burning {
        // A burn does not panic; were it to, the activity would only have used less CPU.
        let _ = burning.await;
    }
    if stopped {
        return Err(ApplicationFailure::new("the worker stops").into());
    }
    if attempt > plan.fails_first && !draws.chance(plan.fails, &purpose("fails")) {
        return Ok(());
    }
    let text = "failed as the profile says";
    let for_good = attempt > plan.fails_first && draws.chance(plan.non_retryable, &purpose("for-good"));
    Err(if for_good { ApplicationFailure::non_retryable(text) } else { ApplicationFailure::new(text) }.into())
}

/// Waits until the activity has taken its time, reporting in between; true when the worker stops first. A heartbeat that
/// is due at the very end is not sent, as in the model.
async fn wait(context: &ActivityContext, plan: &ActivityPlan, begin: Instant, takes: Nanos, shared: &Shared) -> bool {
    let end = begin + Duration::from_nanos(takes.0);
    let mut due = plan.heartbeat_every.map(|every| begin + Duration::from_nanos(every.0));
    loop {
        let next = due.filter(|due| *due < end).unwrap_or(end);
        if next > Instant::now() {
            tokio::select! {
                () = sleep_until(next.into()) => {}
                () = shared.stopping.cancelled() => return true,
            }
        }
        if next == end {
            return false;
        }
        // What is sent of these, and how often, is for the SDK's throttle to say. Nothing but an empty value is encoded.
        let _ = context.record_heartbeat(()).await;
        due = plan.heartbeat_every.map(|every| next + Duration::from_nanos(every.0));
    }
}

/// Uses this much CPU time, as this thread's own clock measures it: on a busy machine it takes longer, not less CPU.
pub(super) fn burn(cpu: Nanos) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Nanos(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
    };
    let end = now() + cpu;
    let mut value = 0x9E37_79B9_7F4A_7C15_u64;
    while now() < end {
        // Some 2 µs between two looks at the clock.
        for _ in 0..1_000 {
            value = std::hint::black_box(value.wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ (value >> 31));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burn_uses_the_cpu_it_is_told_to() {
        let cpu = || clock_gettime(ClockId::ThreadCPUTime);
        let nanos = |time: rustix::time::Timespec| time.tv_sec * 1_000_000_000 + time.tv_nsec;
        let before = nanos(cpu());
        burn(Nanos::from_millis(20));
        let used = nanos(cpu()) - before;
        assert!((20_000_000..24_000_000).contains(&used), "{used} ns of CPU");
    }

    #[test]
    fn an_activitys_id_reads_back() {
        for place in ["0", "2.0.13", ""] {
            let name = ActivityName { index: 7, run_number: 3, place: place.to_owned() };
            assert_eq!(ActivityName::parse(&name.text()), Some(name));
        }
        for other in ["5", "a/0/0", "1/2", ""] {
            assert_eq!(ActivityName::parse(other), None, "{other}");
        }
    }
}

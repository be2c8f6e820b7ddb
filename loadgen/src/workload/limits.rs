//! What of a profile is not replayed, in words.

use plimsoll_profiles::profile::{Profile, Sdk, Step, WorkflowType};
use plimsoll_profiles::units::{Bytes, Nanos};

use super::payload::RUN_NUMBER_BYTES;

/// The most a search attribute's value may have (server, `frontend.searchAttributesSizeOfValueLimit`, 2 KiB), its quotes and
/// brackets included.
pub const LARGEST_SEARCH_ATTRIBUTE: Bytes = Bytes(2_000);

pub(super) fn not_replayed(profile: &Profile) -> Vec<String> {
    let mut list = Vec::new();
    if profile.sdk != Sdk::Rust {
        list.push(
            "The workers are this program's, on the Rust SDK: CPU per workflow task and per activity, and what a cache \
             miss costs, are its own, not those of the profile's SDK."
                .to_owned(),
        );
    }
    if profile.workflows.iter().any(|workflow| workflow.eager_start) {
        list.push("eager_start: workflows are started without asking for the first workflow task.".to_owned());
    }
    if profile.workflows.iter().any(|workflow| workflow.scheduled) {
        list.push("scheduled: a client starts them; the schedule's own workflow does not run.".to_owned());
    }
    if any(profile, |step| matches!(step, Step::SideEffect { .. })) {
        list.push(
            "side_effect: a local activity that does nothing, because the SDK has no side effects; the marker carries about \
             300 B more."
                .to_owned(),
        );
    }
    if any(profile, |step| matches!(step, Step::UpsertSearchAttributes { .. })) {
        list.push(
            "upsert_search_attributes: always BinaryChecksums, which every namespace has, whatever the profile's \
             name for it."
                .to_owned(),
        );
    }
    let too_large = |step: &Step| matches!(step, Step::UpsertSearchAttributes { payload, .. } if *payload > LARGEST_SEARCH_ATTRIBUTE);
    if any(profile, too_large) {
        list.push(format!(
            "upsert_search_attributes: values above {LARGEST_SEARCH_ATTRIBUTE} are cut to it, the server refuses larger ones."
        ));
    }
    for workflow in profile.workflows.iter().filter(|workflow| continues_with_small_input(workflow)) {
        list.push(format!(
            "{}: the input of continued runs is {RUN_NUMBER_BYTES} B instead of {}, to hold the number of the run.",
            workflow.name, workflow.input
        ));
    }
    if any(profile, |step| matches!(step, Step::Activity(activity) if activity.memory.is_some()))
        || profile.workers.memory_per_activity > Bytes(0)
    {
        list.push("memory of running activities and cached workflows: not allocated.".to_owned());
    }
    if profile.workers.sdk_cpu.activity + profile.workers.sdk_cpu.workflow_task > Nanos::ZERO {
        list.push("workers.pod: neither its CPU nor its memory limits the worker's process.".to_owned());
    }
    list
}

fn continues_with_small_input(workflow: &WorkflowType) -> bool {
    let continues = workflow.steps.iter().any(|step| matches!(step, Step::ContinueAsNew { runs } if *runs > 0));
    continues && workflow.input < Bytes(RUN_NUMBER_BYTES as u64)
}

fn any(profile: &Profile, is: impl Fn(&Step) -> bool + Copy) -> bool {
    fn within(steps: &[Step], is: impl Fn(&Step) -> bool + Copy) -> bool {
        steps.iter().any(|step| {
            is(step)
                || match step {
                    Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => within(steps, is),
                    Step::Branch(arms) => arms.iter().any(|arm| within(&arm.steps, is)),
                    _ => false,
                }
        })
    }
    profile.workflows.iter().any(|workflow| within(&workflow.steps, is))
}

//! Billable actions of real histories, event by event.
//!
//! What Temporal Cloud bills is written at docs.temporal.io/cloud/actions; what a server's own counter `action` counts, in its
//! `common/rpc/interceptor/telemetry.go` (v1.31.2, `emitActionMetric`). The two differ where `Kind::weights` says so.

mod events;
mod kind;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use events::{Event, History, Started};
use kind::{Kind, NOT_SHOWN};
use plimsoll_reports::cost::{ActionKindRow, ActionsDocument, COST_SCHEMA_VERSION, FileRow, LabelRow, TypeRow};

use super::{bytes, files, not_a_history};
use crate::failure::Failure;
use crate::progress::Progress;

/// One run's counts.
#[derive(Debug, Default)]
struct Counted {
    workflow_type: String,
    run_id: String,
    kinds: BTreeMap<Kind, u64>,
    /// The run before, where this one continues it by a command.
    continues: Option<String>,
    /// The run after, where it continues by a command.
    continued_to: Option<String>,
    has_parent: bool,
    /// Its events before a reset belong to this run.
    reset_of: Option<String>,
    /// Activities that were scheduled but never seen started, or are still running.
    unseen_activities: u64,
    from_another: u64,
    signals_after_reset: u64,
}

/// Reads the files and counts.
///
/// # Errors
/// A file that cannot be read or is not a history; nothing to read; Ctrl-C.
pub fn count(paths: &[PathBuf], progress: &Progress) -> Result<ActionsDocument, Failure> {
    let files = files(paths)?;
    let mut runs: Vec<(PathBuf, Counted)> = Vec::new();
    let mut known = HashSet::new();
    let mut repeated = 0;
    for (index, file) in files.iter().enumerate() {
        if progress.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        progress.say(format!("reading {} of {}: {}", index + 1, files.len(), file.display()));
        let run = run_of(file)?;
        if run.run_id.is_empty() || known.insert(run.run_id.clone()) {
            runs.push((file.clone(), run));
        } else {
            repeated += 1;
        }
    }
    Ok(document(runs, repeated))
}

fn run_of(file: &Path) -> Result<Counted, Failure> {
    let bytes = bytes(file)?;
    let refused = |reason: String| not_a_history(file, &reason);
    let events = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice::<Vec<Event>>(&bytes),
        _ => serde_json::from_slice::<History>(&bytes).map(|history| history.events),
    };
    of_events(&events.map_err(|error| refused(error.to_string()))?).map_err(refused)
}

/// `EVENT_TYPE_TIMER_STARTED` and `TimerStarted` are one name.
fn plain(event_type: &str) -> String {
    let name = event_type.strip_prefix("EVENT_TYPE_").unwrap_or(event_type);
    name.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase()
}

fn of_events(events: &[Event]) -> Result<Counted, String> {
    let Some(first) = events.first() else { return Err("it holds no events".to_owned()) };
    if plain(&first.event_type) != "workflowexecutionstarted" {
        let found = if first.event_type.is_empty() { "of no type" } else { &first.event_type };
        return Err(format!("its first event is {found}, not WORKFLOW_EXECUTION_STARTED: the whole history is needed"));
    }
    let started = &first.workflow_execution_started_event_attributes;
    let mut run = Counted {
        workflow_type: started.workflow_type.name.clone(),
        run_id: started.original_execution_run_id.clone(),
        has_parent: started.parent_workflow_execution.is_some(),
        ..Counted::default()
    };
    let is_reset = |event: &&Event| {
        let cause = plain(&event.workflow_task_failed_event_attributes.cause);
        plain(&event.event_type) == "workflowtaskfailed" && cause.ends_with("resetworkflow")
    };
    // What is before the last reset was copied from the run that was reset, and counted there.
    let reset = events.iter().rposition(|event| is_reset(&event));
    let own = match reset {
        Some(at) => {
            let failed = &events[at].workflow_task_failed_event_attributes;
            run.run_id.clone_from(&failed.new_run_id);
            run.reset_of = Some(failed.base_run_id.clone());
            run.add(Kind::Reset, 1);
            &events[at + 1..]
        }
        None => {
            run.start(started, events.get(1));
            &events[1..]
        }
    };
    let signalled_with_start = reset.is_none() && run.kinds.contains_key(&Kind::SignalWithStart);
    run.walk(if signalled_with_start { &own[1..] } else { own }, reset.is_some());
    Ok(run)
}

impl Counted {
    fn add(&mut self, kind: Kind, count: u64) {
        if count > 0 {
            *self.kinds.entry(kind).or_default() += count;
        }
    }

    fn start(&mut self, started: &Started, second: Option<&Event>) {
        let initiator = plain(&started.initiator);
        if self.has_parent && started.continued_execution_run_id.is_empty() {
            return;
        }
        if !started.continued_execution_run_id.is_empty() {
            if initiator.ends_with("retry") || initiator.ends_with("cronschedule") {
                self.add(Kind::StartByServer, 1);
            } else {
                self.continues = Some(started.continued_execution_run_id.clone());
                self.add(Kind::ContinueAsNew, 1);
            }
            return;
        }
        if started.search_attributes.indexed_fields.contains_key("TemporalScheduledById") {
            return self.add(Kind::StartBySchedule, 1);
        }
        let at_once = matches!(started.first_workflow_task_backoff.as_str(), "" | "0s");
        let signal = second.is_some_and(|event| {
            plain(&event.event_type) == "workflowexecutionsignaled"
                && event.workflow_execution_signaled_event_attributes.external_workflow_execution.is_none()
        });
        self.add(if at_once && signal { Kind::SignalWithStart } else { Kind::Start }, 1);
    }

    fn walk(&mut self, events: &[Event], after_reset: bool) {
        let mut tasks_with_markers = BTreeSet::new();
        let mut scheduled = BTreeSet::new();
        for event in events {
            match plain(&event.event_type).as_str() {
                "activitytaskscheduled" => {
                    scheduled.insert(event.event_id);
                    self.add(Kind::Activity, 1);
                }
                "activitytaskstarted" => {
                    let started = &event.activity_task_started_event_attributes;
                    scheduled.remove(&started.scheduled_event_id);
                    self.add(Kind::ActivityRetry, started.attempt.saturating_sub(1));
                }
                "timerstarted" => self.add(Kind::Timer, 1),
                "markerrecorded" => {
                    let task = event.marker_recorded_event_attributes.workflow_task_completed_event_id;
                    if tasks_with_markers.insert(task) {
                        self.add(Kind::Markers, 1);
                    }
                }
                "workflowtaskcompleted" => {
                    let metering = &event.workflow_task_completed_event_attributes.metering_metadata;
                    // Capped, as the documentation says.
                    self.add(Kind::LocalActivityRetry, metering.nonfirst_local_activity_execution_attempts.min(100));
                }
                "workflowexecutionsignaled" => {
                    match event.workflow_execution_signaled_event_attributes.external_workflow_execution {
                        Some(_) => self.from_another += 1,
                        None => {
                            self.signals_after_reset += u64::from(after_reset);
                            self.add(Kind::Signal, 1);
                        }
                    }
                }
                "signalexternalworkflowexecutioninitiated" => self.add(Kind::SignalExternal, 1),
                "workflowexecutionupdateaccepted" => self.add(Kind::Update, 1),
                "startchildworkflowexecutioninitiated" => self.add(Kind::Child, 1),
                "upsertworkflowsearchattributes" => {
                    let fields =
                        &event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields;
                    let exempt = fields.len() == 1 && fields.contains_key("TemporalChangeVersion");
                    self.add(if exempt { Kind::ChangeVersion } else { Kind::SearchAttributes }, 1);
                }
                "workflowpropertiesmodified" => self.add(Kind::Memo, 1),
                "workflowexecutionoptionsupdated" => self.add(Kind::Options, 1),
                "workflowexecutionpaused" => self.add(Kind::Pause, 1),
                "workflowexecutionunpaused" => self.add(Kind::Unpause, 1),
                "nexusoperationscheduled" => self.add(Kind::NexusOperation, 1),
                "nexusoperationcancelrequested" => self.add(Kind::NexusCancel, 1),
                "workflowexecutioncontinuedasnew" => {
                    let continued = &event.workflow_execution_continued_as_new_event_attributes;
                    let initiator = plain(&continued.initiator);
                    if !(initiator.ends_with("retry") || initiator.ends_with("cronschedule")) {
                        self.continued_to = Some(continued.new_execution_run_id.clone());
                    }
                }
                _ => {}
            }
        }
        self.unseen_activities = scheduled.len() as u64;
    }

    fn billed(&self) -> u64 {
        self.kinds.iter().map(|(kind, count)| kind.weights().billed * count).sum()
    }

    fn server(&self) -> u64 {
        self.kinds.iter().map(|(kind, count)| kind.weights().labels.len() as u64 * count).sum()
    }
}

fn document(mut runs: Vec<(PathBuf, Counted)>, repeated: u64) -> ActionsDocument {
    let present: HashSet<String> = runs.iter().map(|(_, run)| run.run_id.clone()).collect();
    // A continue-as-new is counted where the new run begins; where that run is not here, where the old one ends.
    for (_, run) in &mut runs {
        if run.continued_to.as_ref().is_some_and(|next| !present.contains(next)) {
            run.add(Kind::ContinueAsNew, 1);
        }
    }
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    let mut types: BTreeMap<String, TypeRow> = BTreeMap::new();
    for (_, run) in &runs {
        run.kinds.iter().for_each(|(kind, count)| *kinds.entry(*kind).or_default() += count);
        let row = types.entry(run.workflow_type.clone()).or_insert_with(|| TypeRow {
            workflow_type: run.workflow_type.clone(),
            runs: 0,
            billed: 0,
            server_counter: 0,
        });
        row.runs += 1;
        row.billed += run.billed();
        row.server_counter += run.server();
    }
    let mut labels: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in &kinds {
        kind.weights().labels.iter().for_each(|label| *labels.entry(label).or_default() += count);
    }
    let row = |(kind, count): (&Kind, &u64)| {
        let weights = kind.weights();
        ActionKindRow {
            kind: weights.name.to_owned(),
            metric: weights.metric.to_owned(),
            event: weights.event.to_owned(),
            count: *count,
            billed: weights.billed * count,
            server_counter: weights.labels.len() as u64 * count,
        }
    };
    let file = |(path, run): &(PathBuf, Counted)| FileRow {
        file: path.display().to_string(),
        workflow_type: run.workflow_type.clone(),
        billed: run.billed(),
        server_counter: run.server(),
    };
    ActionsDocument {
        schema_version: COST_SCHEMA_VERSION,
        runs: runs.len() as u64,
        billed: runs.iter().map(|(_, run)| run.billed()).sum(),
        server_counter: runs.iter().map(|(_, run)| run.server()).sum(),
        kinds: kinds.iter().map(row).collect(),
        server_labels: labels
            .iter()
            .map(|(label, count)| LabelRow { action_type: (*label).to_owned(), count: *count })
            .collect(),
        types: types.into_values().collect(),
        notes: notes(&runs, &present, repeated),
        files: runs.iter().map(file).collect(),
        not_in_histories: NOT_SHOWN.map(str::to_owned).to_vec(),
    }
}

/// What these histories leave open.
fn notes(runs: &[(PathBuf, Counted)], present: &HashSet<String>, repeated: u64) -> Vec<String> {
    let sum = |of: fn(&Counted) -> u64| runs.iter().map(|(_, run)| of(run)).sum::<u64>();
    let count = |of: &dyn Fn(&Counted) -> bool| runs.iter().filter(|(_, run)| of(run)).count() as u64;
    let missing = |id: &Option<String>| id.as_ref().is_some_and(|id| !present.contains(id));
    let kind = |kind: Kind| sum_of(runs, kind);
    let initiated = kind(Kind::Child);
    let children = count(&|run| run.has_parent && run.continues.is_none());
    [
        (repeated, "files hold a run that another file holds too: counted once"),
        (count(&|run| missing(&run.continues)), "runs continue a run that is not here: its actions are not counted (`temporal workflow show` prints one run; give it each --run-id)"),
        (count(&|run| missing(&run.continued_to)), "runs continue as a run that is not here: the continue-as-new is counted, the rest of that run is not"),
        (initiated.saturating_sub(children), "children were started whose histories are not here: the two actions of each start are counted, their own are not"),
        (children.saturating_sub(initiated), "children are here without their parents: the two actions of each start are in the parent's history"),
        (count(&|run| missing(&run.reset_of)), "runs were reset from a run that is not here: what came before the reset is counted there"),
        (sum(|run| run.signals_after_reset), "signals come after a reset: those that the reset applied again were counted in the run before"),
        (sum(|run| run.unseen_activities), "activities have no started event (still running, timed out in a back-off, or the workflow ended first): their retries cannot be seen"),
        (sum(|run| run.from_another), "signals came from other workflows: each is counted in the sender's history"),
        (kind(Kind::StartBySchedule), "runs were started by a schedule: billed as 3 each; a self-hosted server's counter has 1, and what the scheduler's own workflow does"),
        (kind(Kind::StartByServer), "runs were started by cron or a retry policy: the documentation counts starts by continue-as-new, the server's counter does not count these"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect()
}

fn sum_of(runs: &[(PathBuf, Counted)], kind: Kind) -> u64 {
    runs.iter().filter_map(|(_, run)| run.kinds.get(&kind)).sum()
}

#[cfg(test)]
mod tests;

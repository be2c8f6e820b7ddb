//! One history: what the workflow did, step by step.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll::payloads;
use plimsoll_profiles::units::Nanos;

use super::arrange::{Arrangement, Item};
use super::marker::LocalActivityData;
use super::raw::{ActivityScheduled, Event, History, Id, RetryPolicy, Time};

/// What kind of step, and its name: what makes two steps the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Activity(String),
    LocalActivity(String),
    Timer,
    Signal { name: String, from_start: bool },
    Update(String),
    Child { workflow_type: String, wait: bool },
}

/// What was seen of a step, once.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Activity: start to close of the last attempt. Timer: as set. Signal, update: since the step began. Child: its life.
    pub span: Option<Nanos>,
    /// Payload in.
    pub input: Option<u64>,
    /// Payload out.
    pub output: Option<u64>,
    /// Attempts of an activity, and how many of them failed.
    pub attempts: u32,
    pub failed_attempts: u32,
    /// An activity's options.
    pub options: Option<Options>,
    /// A child's run.
    pub child: Option<String>,
}

/// An activity's options, as its schedule event holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub schedule_to_close: Nanos,
    pub schedule_to_start: Nanos,
    pub start_to_close: Nanos,
    pub heartbeat: Nanos,
    pub retry: Option<RetryPolicy>,
}

/// A step of a run: one thing, seen once or several times in a row, or branches at once.
#[derive(Clone, Debug)]
pub enum Step {
    One(Kind, Vec<Seen>),
    Parallel(Vec<Vec<Step>>),
    /// A loop of several steps: its iterations, all of one shape.
    Repeat(Vec<Vec<Step>>),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Completed,
    /// Failed, timed out, was cancelled or terminated.
    Unsuccessful,
    ContinuedAsNew,
    Open,
}

/// One run of a workflow.
#[derive(Debug)]
pub struct Run {
    pub workflow_type: String,
    pub run_id: String,
    pub started: Time,
    pub outcome: Outcome,
    pub input: u64,
    pub result: Option<u64>,
    pub has_parent: bool,
    /// The run before and after this one, by continue-as-new.
    pub continued_from: Option<String>,
    pub continued_to: Option<String>,
    pub sdk: Option<String>,
    pub steps: Vec<Step>,
    /// Events that a profile cannot say, by type.
    pub left_out: BTreeMap<String, u64>,
}

/// Reads one history.
///
/// # Errors
/// When it is not a whole history from its first event on.
pub fn read(history: History) -> Result<Run, String> {
    let first = history.events.first().ok_or("it holds no events")?;
    let Some(started) = &first.workflow_execution_started_event_attributes else {
        return Err(format!(
            "its first event is {}, not WORKFLOW_EXECUTION_STARTED: the whole history is needed",
            if first.event_type.is_empty() { "of no type" } else { &first.event_type }
        ));
    };
    let by_cron_or_retry = matches!(
        started.initiator.as_str(),
        "CONTINUE_AS_NEW_INITIATOR_RETRY" | "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE" | "Retry" | "CronSchedule"
    );
    let mut run = Run {
        workflow_type: started.workflow_type.name.clone(),
        run_id: started.original_execution_run_id.clone(),
        started: first.event_time,
        outcome: Outcome::Open,
        input: started.input.0,
        result: None,
        has_parent: started.parent_workflow_execution.is_some(),
        continued_from: (!started.continued_execution_run_id.is_empty() && !by_cron_or_retry)
            .then(|| started.continued_execution_run_id.clone()),
        continued_to: None,
        sdk: None,
        steps: Vec::new(),
        left_out: BTreeMap::new(),
    };
    if by_cron_or_retry {
        run.leave_out("WORKFLOW_EXECUTION_STARTED by cron or workflow retry (counted as a start of its own)");
    }
    Reader::new(&mut run, &history.events).read();
    Ok(run)
}

impl Run {
    fn leave_out(&mut self, what: &str) {
        *self.left_out.entry(what.to_owned()).or_default() += 1;
    }
}

/// The name of an event type without its prefix; older tools write `WorkflowTaskStarted`.
fn type_name(event_type: &str) -> String {
    if let Some(name) = event_type.strip_prefix("EVENT_TYPE_") {
        return name.to_owned();
    }
    let mut name = String::new();
    for (at, c) in event_type.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

struct Reader<'a> {
    run: &'a mut Run,
    events: &'a [Event],
    /// Which event closes the one that opened: by the opening event's number.
    closed_by: HashMap<Id, usize>,
    activity_started: HashMap<Id, (Time, u32)>,
    child_started: HashMap<Id, (Time, String)>,
    /// Timers that were cancelled cost commands and no time: they are guards around other waits.
    cancelled_timers: HashSet<Id>,
    arrangement: Arrangement,
    workflow_task_started: Time,
    /// Up to where local activities of this workflow task account for the time.
    local_until: Option<Time>,
}

impl<'a> Reader<'a> {
    fn new(run: &'a mut Run, events: &'a [Event]) -> Self {
        let started = run.started;
        let mut reader = Reader {
            run,
            events,
            closed_by: HashMap::new(),
            activity_started: HashMap::new(),
            child_started: HashMap::new(),
            cancelled_timers: HashSet::new(),
            arrangement: Arrangement::new(started),
            workflow_task_started: started,
            local_until: None,
        };
        for (index, event) in events.iter().enumerate() {
            reader.note_ends(index, event);
        }
        reader
    }

    fn note_ends(&mut self, index: usize, event: &Event) {
        let activity_ends = [
            &event.activity_task_completed_event_attributes,
            &event.activity_task_failed_event_attributes,
            &event.activity_task_timed_out_event_attributes,
            &event.activity_task_canceled_event_attributes,
        ];
        for closes in activity_ends.into_iter().flatten() {
            self.closed_by.insert(closes.scheduled_event_id, index);
        }
        let child_ends = [
            &event.child_workflow_execution_completed_event_attributes,
            &event.child_workflow_execution_failed_event_attributes,
            &event.child_workflow_execution_canceled_event_attributes,
            &event.child_workflow_execution_timed_out_event_attributes,
            &event.child_workflow_execution_terminated_event_attributes,
            &event.start_child_workflow_execution_failed_event_attributes,
        ];
        for closes in child_ends.into_iter().flatten() {
            self.closed_by.insert(closes.initiated_event_id, index);
        }
        if let Some(closes) = &event.timer_fired_event_attributes {
            self.closed_by.insert(closes.started_event_id, index);
        }
        if let Some(closes) = &event.timer_canceled_event_attributes {
            self.cancelled_timers.insert(closes.started_event_id);
        }
        if let Some(started) = &event.activity_task_started_event_attributes {
            self.activity_started.insert(started.scheduled_event_id, (event.event_time, started.attempt.max(1)));
        }
        if let Some(started) = &event.child_workflow_execution_started_event_attributes {
            let run_id = started.workflow_execution.run_id.clone();
            self.child_started.insert(started.initiated_event_id, (event.event_time, run_id));
        }
        if let Some(completed) = &event.workflow_execution_update_completed_event_attributes {
            self.closed_by.insert(completed.accepted_event_id, index);
        }
    }

    fn read(mut self) {
        for (index, event) in self.events.iter().enumerate() {
            self.event(index, event);
        }
        self.run.steps = self.arrangement.finish();
    }

    fn event(&mut self, index: usize, event: &Event) {
        let name = type_name(&event.event_type);
        match name.as_str() {
            "WORKFLOW_EXECUTION_STARTED" | "WORKFLOW_TASK_SCHEDULED" | "ACTIVITY_TASK_STARTED" => {}
            "WORKFLOW_TASK_STARTED" => {
                self.workflow_task_started = event.event_time;
                self.local_until = None;
            }
            "WORKFLOW_TASK_COMPLETED" => {
                let sdk = event.workflow_task_completed_event_attributes.as_ref().map(|a| &a.sdk_metadata.sdk_name);
                if let Some(sdk) = sdk.filter(|name| !name.is_empty()) {
                    self.run.sdk = Some(sdk.clone());
                }
            }
            "ACTIVITY_TASK_SCHEDULED" => self.activity(index, event),
            "TIMER_STARTED" => self.timer(index, event),
            "TIMER_CANCELED" => self.run.leave_out(
                "TIMER_CANCELED (a timer that guards something else; its server work is not in the profile)",
            ),
            "START_CHILD_WORKFLOW_EXECUTION_INITIATED" => self.child(index, event),
            "WORKFLOW_EXECUTION_SIGNALED" => self.signal(index, event),
            "WORKFLOW_EXECUTION_UPDATE_ACCEPTED" => self.update(index, event),
            "MARKER_RECORDED" => self.marker(index, event),
            "ACTIVITY_TASK_COMPLETED"
            | "ACTIVITY_TASK_FAILED"
            | "TIMER_FIRED"
            | "CHILD_WORKFLOW_EXECUTION_COMPLETED"
            | "CHILD_WORKFLOW_EXECUTION_STARTED"
            | "WORKFLOW_EXECUTION_UPDATE_COMPLETED" => {
                self.arrangement.passed(index, event.event_time);
            }
            "ACTIVITY_TASK_TIMED_OUT"
            | "ACTIVITY_TASK_CANCELED"
            | "CHILD_WORKFLOW_EXECUTION_FAILED"
            | "CHILD_WORKFLOW_EXECUTION_CANCELED"
            | "CHILD_WORKFLOW_EXECUTION_TIMED_OUT"
            | "CHILD_WORKFLOW_EXECUTION_TERMINATED"
            | "START_CHILD_WORKFLOW_EXECUTION_FAILED" => {
                self.arrangement.passed(index, event.event_time);
                self.run.leave_out(&format!("{name} (counted as if it had completed)"));
            }
            "WORKFLOW_EXECUTION_COMPLETED" => {
                self.run.outcome = Outcome::Completed;
                self.run.result = event.workflow_execution_completed_event_attributes.as_ref().map(|a| a.result.0);
            }
            "WORKFLOW_EXECUTION_CONTINUED_AS_NEW" => {
                self.run.outcome = Outcome::ContinuedAsNew;
                let attributes = event.workflow_execution_continued_as_new_event_attributes.as_ref();
                self.run.continued_to = attributes.map(|a| a.new_execution_run_id.clone());
            }
            "WORKFLOW_EXECUTION_FAILED"
            | "WORKFLOW_EXECUTION_TIMED_OUT"
            | "WORKFLOW_EXECUTION_CANCELED"
            | "WORKFLOW_EXECUTION_TERMINATED" => {
                self.run.outcome = Outcome::Unsuccessful;
                self.run.leave_out(&format!("{name} (the steps up to there are counted)"));
            }
            "" => self.run.leave_out("events without a type"),
            other => self.run.leave_out(other),
        }
    }

    fn activity(&mut self, index: usize, event: &Event) {
        let Some(attributes) = &event.activity_task_scheduled_event_attributes else {
            return self.run.leave_out("ACTIVITY_TASK_SCHEDULED without its attributes");
        };
        let Some(&closed) = self.closed_by.get(&event.event_id) else {
            return self.run.leave_out("ACTIVITY_TASK_SCHEDULED that never closed");
        };
        let end = &self.events[closed];
        let failed = end.activity_task_failed_event_attributes.is_some()
            || end.activity_task_timed_out_event_attributes.is_some();
        let start = self.activity_started.get(&event.event_id);
        let attempts = start.map_or(1, |(_, attempt)| *attempt);
        let seen = Seen {
            span: start.map(|(started, _)| end.event_time.since(*started)),
            input: Some(attributes.input.0),
            output: end.activity_task_completed_event_attributes.as_ref().map(|a| a.result.0),
            attempts,
            failed_attempts: if failed { attempts } else { attempts - 1 },
            options: Some(options(attributes)),
            ..Seen::default()
        };
        self.arrangement.open(Item {
            kind: Kind::Activity(attributes.activity_type.name.clone()),
            seen,
            opened: index,
            closed,
            closed_at: end.event_time,
        });
    }

    fn timer(&mut self, index: usize, event: &Event) {
        if self.cancelled_timers.contains(&event.event_id) {
            return;
        }
        let Some(&closed) = self.closed_by.get(&event.event_id) else {
            return self.run.leave_out("TIMER_STARTED that neither fired nor was cancelled");
        };
        let span = event.timer_started_event_attributes.as_ref().map(|a| a.start_to_fire_timeout.0);
        self.arrangement.open(Item {
            kind: Kind::Timer,
            seen: Seen { span, ..Seen::default() },
            opened: index,
            closed,
            closed_at: self.events[closed].event_time,
        });
    }

    fn child(&mut self, index: usize, event: &Event) {
        let Some(attributes) = &event.start_child_workflow_execution_initiated_event_attributes else {
            return self.run.leave_out("START_CHILD_WORKFLOW_EXECUTION_INITIATED without its attributes");
        };
        let started = self.child_started.get(&event.event_id);
        let closed = self.closed_by.get(&event.event_id).copied();
        let end = closed.unwrap_or(index);
        let begin = started.map_or(event.event_time, |(time, _)| *time);
        self.arrangement.open(Item {
            kind: Kind::Child { workflow_type: attributes.workflow_type.name.clone(), wait: closed.is_some() },
            seen: Seen {
                span: closed.map(|closed| self.events[closed].event_time.since(begin)),
                child: started.map(|(_, run_id)| run_id.clone()),
                ..Seen::default()
            },
            opened: index,
            closed: end,
            closed_at: self.events[end].event_time,
        });
    }

    fn signal(&mut self, index: usize, event: &Event) {
        let Some(attributes) = &event.workflow_execution_signaled_event_attributes else {
            return self.run.leave_out("WORKFLOW_EXECUTION_SIGNALED without its attributes");
        };
        self.arrangement.signal(index, &attributes.signal_name, attributes.input.0, event.event_time);
    }

    fn update(&mut self, index: usize, event: &Event) {
        let Some(attributes) = &event.workflow_execution_update_accepted_event_attributes else {
            return self.run.leave_out("WORKFLOW_EXECUTION_UPDATE_ACCEPTED without its attributes");
        };
        let closed = self.closed_by.get(&event.event_id).copied().unwrap_or(index);
        let end = &self.events[closed];
        let input = &attributes.accepted_request.input;
        let output = end.workflow_execution_update_completed_event_attributes.as_ref().map(|a| a.outcome.success.0);
        self.arrangement.open(Item {
            kind: Kind::Update(input.name.clone()),
            seen: Seen {
                span: Some(event.event_time.since(self.arrangement.idle_since())),
                input: Some(input.args.0),
                output,
                ..Seen::default()
            },
            opened: index,
            closed,
            closed_at: end.event_time,
        });
    }

    fn marker(&mut self, index: usize, event: &Event) {
        let Some(marker) = &event.marker_recorded_event_attributes else {
            return self.run.leave_out("MARKER_RECORDED without its attributes");
        };
        if marker.marker_name != "LocalActivity" && marker.marker_name != "core_local_activity" {
            return self.run.leave_out(&format!("MARKER_RECORDED {} (no step)", marker.marker_name));
        }
        let data = LocalActivityData::of(marker);
        // The SDK records when the local activity ended, by the workflow's own clock; they run from the workflow
        // task's start, one after the other.
        let from = data.started.or(self.local_until).unwrap_or(self.workflow_task_started);
        let span = data.ended.map(|ended| ended.since(from));
        self.local_until = data.ended;
        let output = marker
            .details
            .get("result")
            .map(|result| result.payloads.iter().map(|payload| payloads::decoded_length(&payload.data)).sum());
        self.arrangement.open(Item {
            kind: Kind::LocalActivity(data.name),
            seen: Seen { span, output, ..Seen::default() },
            opened: index,
            closed: index,
            closed_at: event.event_time,
        });
    }
}

fn options(attributes: &ActivityScheduled) -> Options {
    Options {
        schedule_to_close: attributes.schedule_to_close_timeout.0,
        schedule_to_start: attributes.schedule_to_start_timeout.0,
        start_to_close: attributes.start_to_close_timeout.0,
        heartbeat: attributes.heartbeat_timeout.0,
        retry: attributes.retry_policy,
    }
}

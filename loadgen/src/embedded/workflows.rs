//! The workflows of the target: their ids, when they were started, and when they close.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::enums::v1::{
    WorkflowExecutionStatus as Status, WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse,
};
use tokio::sync::Notify;

use super::messages::{Execution, StartRequest};

/// Closed workflows are forgotten from the oldest on when there are more runs than this, so that hours at 10,000/s
/// stay within some hundred megabytes.
const REMEMBERED: usize = 1_000_000;

/// One run of a workflow.
pub(super) struct Run {
    pub workflow_id: Arc<str>,
    pub workflow_type: Arc<str>,
    pub task_queue: Arc<str>,
    request_id: Box<str>,
    number: u64,
    pub started: Nanos,
    /// When it closes by itself, and how.
    closes: Option<(Nanos, Status)>,
    /// When it was closed by a request, and how.
    closed: Option<(Nanos, Status)>,
    /// Wakes the long polls that wait for its close.
    waiters: Option<Arc<Notify>>,
}

impl Run {
    /// Its run id: its number in the form of a UUID.
    pub fn run_id(&self) -> String {
        run_id(self.number)
    }

    /// When it closed and how; `None` while it is open.
    pub fn close(&self, now: Nanos) -> Option<(Nanos, Status)> {
        self.closed.or(self.closes.filter(|&(at, _)| at <= now))
    }

    /// Its status.
    pub fn status(&self, now: Nanos) -> Status {
        self.close(now).map_or(Status::Running, |(_, status)| status)
    }

    /// When it will close by itself.
    pub fn closes_at(&self) -> Option<Nanos> {
        self.closes.map(|(at, _)| at)
    }

    /// Woken when a request closes it.
    pub fn waiter(&mut self) -> Arc<Notify> {
        self.waiters.get_or_insert_with(Arc::default).clone()
    }
}

fn run_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// The number of a run id this target gave; `None` for any other text.
fn run_number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("00000000-0000-4000-8000-")?, 16).ok()
}

/// What became of a start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// A new run.
    New(String),
    /// The id's open run was used: the same request came twice, or the policy says so.
    Existing(String),
    /// Refused: the id has a run, and the policy forbids another.
    Refused {
        /// The run in the way.
        run_id: String,
        /// The request that started it.
        request_id: String,
        /// Whether that run is open.
        open: bool,
    },
}

/// Why a workflow cannot be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// There is none of this id.
    Unknown,
    /// It has closed.
    Closed,
}

/// All runs the target remembers, in the order of their starts.
#[derive(Default)]
pub(super) struct Workflows {
    first: u64,
    runs: VecDeque<Option<Run>>,
    latest: HashMap<Arc<str>, u64>,
    names: Vec<Arc<str>>,
}

impl Workflows {
    /// Starts a workflow as Temporal does: the same request again gives the same run; an open run of the id refuses
    /// unless the conflict policy allows it; a closed one refuses when the reuse policy says so.
    pub fn start(&mut self, request: StartRequest, now: Nanos, closes: Option<(Nanos, Status)>) -> Started {
        if let Some(&number) = self.latest.get(request.workflow_id.as_str())
            && let Some(run) = self.run_mut(number)
            && let Some(answer) = settled_by(run, &request, now)
        {
            return answer;
        }
        let number = self.first + self.runs.len() as u64;
        let workflow_id: Arc<str> = request.workflow_id.into();
        let run = Run {
            workflow_type: self.interned(request.workflow_type.unwrap_or_default().name),
            task_queue: self.interned(request.task_queue.unwrap_or_default().name),
            request_id: request.request_id.into(),
            workflow_id: workflow_id.clone(),
            number,
            started: now,
            closes,
            closed: None,
            waiters: None,
        };
        self.runs.push_back(Some(run));
        self.latest.insert(workflow_id, number);
        self.forget(now);
        Started::New(run_id(number))
    }

    /// The run of an execution: the latest of its workflow id, or the one of its run id.
    pub fn find(&mut self, execution: &Execution) -> Result<&mut Run, Missing> {
        let number = match execution.run_id.as_str() {
            "" => self.latest.get(execution.workflow_id.as_str()).copied(),
            run_id => run_number(run_id),
        };
        let run = number.and_then(|number| self.run_mut(number));
        run.filter(|run| *run.workflow_id == *execution.workflow_id).ok_or(Missing::Unknown)
    }

    /// The same, when it is open.
    pub fn find_open(&mut self, execution: &Execution, now: Nanos) -> Result<&mut Run, Missing> {
        let run = self.find(execution)?;
        match run.close(now) {
            Some(_) => Err(Missing::Closed),
            None => Ok(run),
        }
    }

    /// Closes an open run.
    pub fn close(&mut self, execution: &Execution, now: Nanos, status: Status) -> Result<(), Missing> {
        let run = self.find_open(execution, now)?;
        run.closed = Some((now, status));
        if let Some(waiters) = run.waiters.take() {
            waiters.notify_waiters();
        }
        Ok(())
    }

    /// Deletes a run, open or closed.
    pub fn delete(&mut self, execution: &Execution, now: Nanos) -> Result<(), Missing> {
        let run = self.find(execution)?;
        let (number, waiters) = (run.number, run.waiters.take());
        if run.closed.is_none() {
            run.closed = Some((now, Status::Terminated));
        }
        if let Some(waiters) = waiters {
            waiters.notify_waiters();
        }
        if self.latest.get(execution.workflow_id.as_str()) == Some(&number) {
            self.latest.remove(execution.workflow_id.as_str());
        }
        if let Some(slot) = self.runs.get_mut((number - self.first) as usize) {
            *slot = None;
        }
        Ok(())
    }

    /// The runs from number `from` on, with their numbers.
    pub fn iter_from(&self, from: u64) -> impl Iterator<Item = (u64, &Run)> {
        let skipped = from.saturating_sub(self.first).min(self.runs.len() as u64) as usize;
        self.runs.range(skipped..).filter_map(|run| run.as_ref().map(|run| (run.number, run)))
    }

    /// The number of runs ever started.
    pub fn started(&self) -> u64 {
        self.first + self.runs.len() as u64
    }

    /// The number of runs that are open.
    pub fn open(&self, now: Nanos) -> u64 {
        self.iter_from(0).filter(|(_, run)| run.close(now).is_none()).count() as u64
    }

    fn run_mut(&mut self, number: u64) -> Option<&mut Run> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.runs.get_mut(index)?.as_mut()
    }

    fn forget(&mut self, now: Nanos) {
        while self.runs.len() > REMEMBERED {
            match self.runs.front() {
                Some(Some(run)) if run.close(now).is_none() => return,
                Some(Some(run)) if self.latest.get(&run.workflow_id) == Some(&run.number) => {
                    self.latest.remove(&run.workflow_id);
                }
                _ => {}
            }
            self.runs.pop_front();
            self.first += 1;
        }
    }

    /// One copy of a name, however many runs have it: a load has a handful of types and task queues.
    fn interned(&mut self, name: String) -> Arc<str> {
        if let Some(known) = self.names.iter().find(|known| ***known == *name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        if self.names.len() < 64 {
            self.names.push(name.clone());
        }
        name
    }
}

/// What an existing run makes of a start; `None`: a new run may start.
fn settled_by(run: &Run, request: &StartRequest, now: Nanos) -> Option<Started> {
    if !request.request_id.is_empty() && *run.request_id == *request.request_id {
        return Some(Started::Existing(run.run_id()));
    }
    let refused = |open| Started::Refused { run_id: run.run_id(), request_id: run.request_id.to_string(), open };
    let Some((_, status)) = run.close(now) else {
        return Some(match Conflict::try_from(request.conflict_policy) {
            Ok(Conflict::UseExisting) => Started::Existing(run.run_id()),
            _ => refused(true),
        });
    };
    match Reuse::try_from(request.reuse_policy) {
        Ok(Reuse::RejectDuplicate) => Some(refused(false)),
        Ok(Reuse::AllowDuplicateFailedOnly) if status == Status::Completed => Some(refused(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MS: u64 = 1_000_000;

    fn request(id: &str, request_id: &str) -> StartRequest {
        StartRequest { workflow_id: id.into(), request_id: request_id.into(), ..StartRequest::default() }
    }

    fn execution(id: &str) -> Execution {
        Execution { workflow_id: id.into(), run_id: String::new() }
    }

    fn completes(at_ms: u64) -> Option<(Nanos, Status)> {
        Some((Nanos(at_ms * MS), Status::Completed))
    }

    #[test]
    fn a_workflow_is_open_until_its_close() {
        let mut workflows = Workflows::default();
        workflows.start(request("a", "1"), Nanos(0), completes(10));
        let run = workflows.find(&execution("a")).unwrap();
        assert_eq!(run.status(Nanos(10 * MS - 1)), Status::Running);
        assert_eq!(run.status(Nanos(10 * MS)), Status::Completed);
        assert!(workflows.find_open(&execution("a"), Nanos(10 * MS)).is_err_and(|why| why == Missing::Closed));
        assert!(workflows.find(&execution("b")).is_err_and(|why| why == Missing::Unknown));
    }

    #[test]
    fn a_start_sent_twice_is_one_workflow_and_another_of_the_same_id_is_refused() {
        let mut workflows = Workflows::default();
        let Started::New(run_id) = workflows.start(request("a", "1"), Nanos(0), completes(10)) else { panic!("new") };
        assert_eq!(workflows.start(request("a", "1"), Nanos(0), None), Started::Existing(run_id.clone()));
        let refused = Started::Refused { run_id: run_id.clone(), request_id: "1".into(), open: true };
        assert_eq!(workflows.start(request("a", "2"), Nanos(0), None), refused);
        let mut lenient = request("a", "3");
        lenient.conflict_policy = Conflict::UseExisting as i32;
        assert_eq!(workflows.start(lenient, Nanos(0), None), Started::Existing(run_id));
        assert_eq!(workflows.started(), 1);

        let later = Nanos(20 * MS);
        let mut strict = request("a", "4");
        strict.reuse_policy = Reuse::RejectDuplicate as i32;
        assert!(matches!(workflows.start(strict, later, None), Started::Refused { open: false, .. }));
        assert!(matches!(workflows.start(request("a", "5"), later, None), Started::New(_)));
        assert_eq!((workflows.started(), workflows.open(later)), (2, 1));
    }

    #[test]
    fn a_run_id_names_its_run_and_no_other() {
        let mut workflows = Workflows::default();
        let Started::New(first) = workflows.start(request("a", "1"), Nanos(0), completes(1)) else { panic!("new") };
        workflows.start(request("a", "2"), Nanos(2 * MS), None);
        let old = Execution { workflow_id: "a".into(), run_id: first.clone() };
        assert_eq!(workflows.find(&old).unwrap().run_id(), first);
        let other = Execution { workflow_id: "b".into(), run_id: first };
        assert!(workflows.find(&other).is_err());
    }

    #[test]
    fn closing_and_deleting_leave_nothing_open() {
        let mut workflows = Workflows::default();
        for id in ["a", "b", "c"] {
            workflows.start(request(id, id), Nanos(0), None);
        }
        workflows.close(&execution("a"), Nanos(1), Status::Terminated).unwrap();
        assert_eq!(workflows.close(&execution("a"), Nanos(2), Status::Terminated), Err(Missing::Closed));
        workflows.delete(&execution("b"), Nanos(2)).unwrap();
        assert_eq!(workflows.open(Nanos(3)), 1);
        assert_eq!(workflows.started(), 3);
        assert!(workflows.find(&execution("b")).is_err());
        assert_eq!(workflows.iter_from(1).map(|(number, _)| number).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_oldest_closed_runs_are_forgotten_and_open_ones_are_not() {
        let mut workflows = Workflows::default();
        for n in 0..REMEMBERED as u64 + 10 {
            workflows.start(request(&n.to_string(), ""), Nanos(n), Some((Nanos(n + 1), Status::Completed)));
        }
        assert_eq!(workflows.started(), REMEMBERED as u64 + 10);
        assert_eq!(workflows.runs.len(), REMEMBERED);
        assert!(workflows.find(&execution("9")).is_err());
        assert!(workflows.find(&execution("10")).is_ok());
        assert_eq!(workflows.latest.len(), REMEMBERED);
    }
}

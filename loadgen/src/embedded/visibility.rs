//! The list filter the target understands: conditions on id, type, task queue and status, joined by AND.
//!
//! Temporal's own is SQL-like and richer; what is not understood is refused, never ignored.

use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::workflows::Run;

/// A parsed list filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<Condition>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    field: Field,
    relation: Relation,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    WorkflowId,
    WorkflowType,
    TaskQueue,
    ExecutionStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Is,
    IsNot,
    StartsWith,
}

impl Filter {
    /// Reads a filter; the error says what is not understood.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        let mut conditions = Vec::new();
        while !rest.is_empty() {
            if !conditions.is_empty() {
                rest = keyword(rest, "AND").ok_or_else(|| format!("expected AND before '{rest}'"))?;
            }
            let (condition, after) = condition(rest)?;
            conditions.push(condition);
            rest = after.trim_start();
        }
        Ok(Filter(conditions))
    }

    /// Whether a run meets all conditions.
    pub fn matches(&self, run: &Run, now: Nanos) -> bool {
        self.0.iter().all(|condition| condition.holds(run, now))
    }
}

impl Condition {
    fn holds(&self, run: &Run, now: Nanos) -> bool {
        let found: &str = match self.field {
            Field::WorkflowId => &run.workflow_id,
            Field::WorkflowType => &run.workflow_type,
            Field::TaskQueue => &run.task_queue,
            Field::ExecutionStatus => status_name(run.status(now)),
        };
        match self.relation {
            Relation::Is => found == self.value,
            Relation::IsNot => found != self.value,
            Relation::StartsWith => found.starts_with(&self.value),
        }
    }
}

fn condition(text: &str) -> Result<(Condition, &str), String> {
    let name_end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let field = match name.trim_matches('`') {
        "WorkflowId" => Field::WorkflowId,
        "WorkflowType" => Field::WorkflowType,
        "TaskQueue" => Field::TaskQueue,
        "ExecutionStatus" => Field::ExecutionStatus,
        _ => return Err(format!("the embedded target cannot filter by '{name}'")),
    };
    let rest = rest.trim_start();
    let (relation, rest) = if let Some(rest) = rest.strip_prefix("!=") {
        (Relation::IsNot, rest)
    } else if let Some(rest) = rest.strip_prefix('=') {
        (Relation::Is, rest)
    } else if let Some(rest) = keyword(rest, "STARTS_WITH") {
        (Relation::StartsWith, rest)
    } else {
        return Err(format!("the embedded target knows =, != and STARTS_WITH, not '{rest}'"));
    };
    let rest = rest.trim_start();
    let quote =
        rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(|| format!("'{rest}' has no quotes"))?;
    let (value, rest) = rest[1..].split_once(quote).ok_or_else(|| format!("the quotes of {rest} do not end"))?;
    Ok((Condition { field, relation, value: value.to_owned() }, rest))
}

/// The text after a keyword in any case, when it begins with it.
fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = rest.starts_with(|c: char| c.is_whitespace() || c == '\'' || c == '"');
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

/// The name of a status in a list filter.
fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "Running",
        Status::Completed => "Completed",
        Status::Failed => "Failed",
        Status::Canceled => "Canceled",
        Status::Terminated => "Terminated",
        Status::ContinuedAsNew => "ContinuedAsNew",
        Status::TimedOut => "TimedOut",
        _ => "Unspecified",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::messages::{Named, StartRequest};
    use super::super::workflows::Workflows;
    use super::*;

    fn matching(query: &str) -> Vec<String> {
        let mut workflows = Workflows::default();
        for (id, kind, closes) in [("run1-0", "Order", 5), ("run1-1", "Refund", 50), ("run10-0", "Order", 50)] {
            let request = StartRequest {
                workflow_id: id.into(),
                workflow_type: Some(Named { name: kind.into() }),
                ..StartRequest::default()
            };
            workflows.start(request, Nanos(0), Some((Nanos(closes), Status::Completed)));
        }
        let filter = Filter::read(query).unwrap();
        workflows
            .iter_from(0)
            .filter(|(_, run)| filter.matches(run, Nanos(10)))
            .map(|(_, run)| run.workflow_id.to_string())
            .collect()
    }

    #[test]
    fn a_filter_finds_what_it_says() {
        assert_eq!(matching(""), ["run1-0", "run1-1", "run10-0"]);
        assert_eq!(matching("WorkflowId STARTS_WITH 'run1-'"), ["run1-0", "run1-1"]);
        assert_eq!(matching("WorkflowId STARTS_WITH \"run1-\" and ExecutionStatus=\"Running\""), ["run1-1"]);
        assert_eq!(matching("ExecutionStatus != 'Running'"), ["run1-0"]);
        assert_eq!(matching("WorkflowType = 'Order' AND WorkflowId = 'run10-0'"), ["run10-0"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in [
            "StartTime > '2026-01-01'",
            "WorkflowId LIKE 'a'",
            "WorkflowId = 'a' OR WorkflowId = 'b'",
            "WorkflowId = 'a",
            "WorkflowId = a",
            "WorkflowId",
            "AND",
        ] {
            assert!(Filter::read(query).is_err(), "{query}");
        }
    }
}

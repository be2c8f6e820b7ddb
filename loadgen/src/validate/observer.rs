//! What is read beside a measured run, and never while its load lasts: reading histories and counters costs the cluster what is to be counted.

use std::time::Duration;

use futures::StreamExt;
use plimsoll_reports::run_document::PerWorkflow;
use plimsoll_reports::validation::{StepKey, StepTimes};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest,
};

use super::{per_workflow, steps};
use crate::calibrate::counters::Counters;
use crate::calibrate::reader::{Reader, Reading};
use crate::connect::Connected;
use crate::samplers::SamplerSettings;

/// Workers make their first polls, and matching loads the queues: that is neither idle time nor load. Services hand their counters to
/// Prometheus once a second.
const FIRST_POLLS: Duration = Duration::from_secs(3);
/// Time-outs of workflow tasks (10 s) fire in this time after the load; the model's counts reach as far.
pub const AFTERMATH: Duration = Duration::from_secs(15);
/// Histories read of a run, evenly spread over its measured window.
const HISTORIES: usize = 1_000;
/// Histories read at once.
const AT_ONCE: usize = 4;
/// Longest answer.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads around one run.
#[derive(Default)]
pub struct Observer {
    reader: Option<Reader>,
    idle_since: Option<Reading>,
    idle: Option<Counters>,
    load_since: Option<Reading>,
    observed: Observed,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Costs of a workflow; none where nothing could be counted.
    pub per_workflow: Option<PerWorkflow>,
    /// How long single tasks waited and took.
    pub steps: StepTimes,
    /// What could not be read.
    pub problems: Vec<String>,
}

impl Observer {
    /// The workers poll, and nothing is sent: an idle time begins. Without a database that can be read nothing is counted.
    pub async fn idle_begins(&mut self, settings: &SamplerSettings) {
        if settings.postgres.is_none() {
            self.observed.problems.push(
                "no PostgreSQL is known (--postgres): statements, transactions, WAL and CPU per workflow are not compared".to_owned(),
            );
            return;
        }
        match Reader::open(settings).await {
            Ok(reader) => self.reader = Some(reader),
            Err(failure) => self.observed.problems.push(failure.to_string()),
        }
        tokio::time::sleep(FIRST_POLLS).await;
        self.idle_since = self.read().await;
    }

    /// The idle time ends; the first start follows at once.
    pub async fn load_begins(&mut self) {
        let reading = self.read().await;
        self.idle = reading.as_ref().zip(self.idle_since.as_ref()).map(|(now, then)| now.since(then));
        self.load_since = reading;
    }

    /// Every workflow has closed, and [`AFTERMATH`] is over. `workflows` were started in all.
    pub async fn load_ended(&mut self, workflows: u64) {
        let reading = self.read().await;
        let window = reading.zip(self.load_since.as_ref()).map(|(now, then)| now.since(then));
        if let Some((window, idle)) = window.zip(self.idle.as_ref()).filter(|_| workflows > 0) {
            self.observed.per_workflow = Some(per_workflow::per_workflow(&window, idle, workflows as f64));
        }
    }

    /// Reads histories of these workflows, which were intended within the measured window.
    pub async fn read_histories(&mut self, connected: &Connected, workflow_ids: &[String]) {
        let chosen = spread(workflow_ids, HISTORIES);
        let read = futures::stream::iter(chosen.iter().map(|id| first_history(connected, id)));
        let histories: Vec<Result<Vec<HistoryEvent>, String>> = read.buffered(AT_ONCE).collect().await;
        let mut list: std::collections::BTreeMap<StepKey, Vec<u64>> = std::collections::BTreeMap::new();
        let (mut others, mut failed) = (false, Vec::new());
        for history in histories {
            match history {
                Ok(events) => {
                    others |= steps::has_others(&events);
                    steps::times(&events).into_iter().for_each(|(key, took)| list.entry(key).or_default().push(took));
                }
                Err(problem) => failed.push(problem),
            }
        }
        if let Some(first) = failed.first() {
            let problem = format!("{} of {} histories could not be read: {first}", failed.len(), chosen.len());
            self.observed.problems.push(problem);
        }
        self.observed.steps = StepTimes::of(list);
        // The server tells the size of one run's history: where a workflow has children or further runs it is not the whole.
        if !others && let Some(costs) = &mut self.observed.per_workflow {
            costs.history_bytes = history_bytes(connected, &chosen).await;
        }
    }

    /// Whether anything is counted: then what a load leaves to be done has to be waited for.
    pub fn counts(&self) -> bool {
        self.load_since.is_some()
    }

    /// What was read so far.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    async fn read(&mut self) -> Option<Reading> {
        let reading = self.reader.as_mut()?.read().await;
        reading.map_err(|failure| self.observed.problems.push(failure.to_string())).ok()
    }
}

/// At most `count` of a list, evenly spread.
fn spread(list: &[String], count: usize) -> Vec<String> {
    let count = count.min(list.len());
    (0..count).map(|n| list[n * list.len() / count].clone()).collect()
}

/// The history of a workflow's first run.
async fn first_history(connected: &Connected, workflow_id: &str) -> Result<Vec<HistoryEvent>, String> {
    let events = history(connected, workflow_id, "").await?;
    match steps::first_run(&events) {
        Some(first) => history(connected, workflow_id, first).await,
        None => Ok(events),
    }
}

async fn history(connected: &Connected, workflow_id: &str, run_id: &str) -> Result<Vec<HistoryEvent>, String> {
    let mut events = Vec::new();
    let mut next_page_token = Vec::new();
    loop {
        let mut request = tonic::Request::new(GetWorkflowExecutionHistoryRequest {
            namespace: connected.endpoint.namespace().to_owned(),
            execution: Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: run_id.to_owned() }),
            maximum_page_size: 1000,
            next_page_token,
            ..GetWorkflowExecutionHistoryRequest::default()
        });
        request.set_timeout(LONGEST);
        let page = connected.service().get_workflow_execution_history(request).await;
        let page = page.map_err(|status| format!("{workflow_id}: {}", status.message()))?.into_inner();
        events.extend(page.history.map(|history| history.events).unwrap_or_default());
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            return Ok(events);
        }
    }
}

/// Mean size of the workflows' histories as the server has it; `None` when it does not tell. Every one counts: where a workflow takes
/// one branch or another, means of ten were 5 % below and 6 % above that of all.
async fn history_bytes(connected: &Connected, workflow_ids: &[String]) -> Option<f64> {
    let asked = futures::stream::iter(workflow_ids.iter().map(|id| history_size(connected, id)));
    let sizes: Vec<f64> = asked.buffered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect::<Option<_>>()?;
    (!sizes.is_empty()).then(|| sizes.iter().sum::<f64>() / sizes.len() as f64)
}

/// The size of a workflow's history.
async fn history_size(connected: &Connected, workflow_id: &str) -> Option<f64> {
    let mut request = tonic::Request::new(DescribeWorkflowExecutionRequest {
        namespace: connected.endpoint.namespace().to_owned(),
        execution: Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }),
    });
    request.set_timeout(LONGEST);
    let answer = connected.service().describe_workflow_execution(request).await.ok()?.into_inner();
    Some(answer.workflow_execution_info?.history_size_bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_are_spread_over_all() {
        let all: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(spread(&all, 4), ["0", "25", "50", "75"]);
        assert_eq!(spread(&all[..3], 4), ["0", "1", "2"]);
        assert_eq!(spread(&[], 4), [""; 0]);
    }
}

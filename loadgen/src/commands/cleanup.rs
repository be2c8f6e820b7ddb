//! `plimsoll-load cleanup`: terminates what a run left open.
//!
//! Everything a run starts has the run's id in front of its workflow id, children included; visibility finds it by that
//! prefix. Nothing else is ever touched.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt;
use plimsoll_reports::run_dir::{MANIFEST_FILE, read_manifest};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    ListWorkflowExecutionsRequest, TerminateWorkflowExecutionRequest,
};
use tonic::Code;

use crate::cli::CleanupArgs;
use crate::connect::{Connected, Endpoint};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::identity::RunId;

/// Terminations under way at once: enough to be quick, too few to disturb.
const AT_ONCE: usize = 16;
/// Workflows per list request.
const PAGE: i32 = 500;
/// Visibility lags behind (it is written by a queue of its own): nothing found counts when it is so again after this time.
const SETTLE: Duration = Duration::from_secs(2);
/// How often nothing must be found.
const QUIET_LOOKS: u32 = 2;

/// What a cleanup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Workflows terminated.
    pub terminated: u64,
    /// Workflows that could not be, or that were found and only counted.
    pub left: u64,
}

impl Swept {
    /// What it did, in one sentence.
    pub fn words(&self, run_id: &RunId) -> String {
        match self.left {
            0 => format!("{run_id}: {} workflows terminated, none is open", self.terminated),
            left => format!("{run_id}: {} workflows terminated, {left} are still open", self.terminated),
        }
    }
}

/// Terminates what a run left open, and checks that nothing is.
///
/// # Errors
/// When the run's id is wrong, the target is not reached, or something is still open at the end of the time.
pub fn run(arguments: &CleanupArgs, console: &Console) -> Result<Exit, Failure> {
    let mut connect = arguments.connect.clone();
    let text = match (&arguments.run_id, &arguments.run) {
        (Some(id), _) => id.clone(),
        (None, Some(folder)) => {
            let (id, address, namespace) = of_directory(folder)?;
            connect.address.get_or_insert(address);
            connect.namespace.get_or_insert(namespace);
            id
        }
        (None, None) => return Err(Failure::usage("give --run-id ID or --run DIR")),
    };
    let run_id = RunId::parse(&text).ok_or_else(|| {
        Failure::usage(format!("'{text}' is no run id: expected one such as plimsoll-20261121T163646Z-3f09a1"))
    })?;
    let endpoint = Endpoint::resolve(&connect)?;
    let swept = super::block_on(async {
        let connected = endpoint.connect(&format!("{run_id}-cleanup")).await?;
        sweep(&connected, &run_id, Duration::from_nanos(arguments.at_most.0), arguments.dry_run).await
    })?;
    if arguments.dry_run {
        console.answer(&format!("{run_id}: {} workflows are open\n", swept.left))?;
        return Ok(Exit::Success);
    }
    console.answer(&format!("{}\n", swept.words(&run_id)))?;
    Ok(if swept.left == 0 { Exit::Success } else { Exit::Finding })
}

/// The run's id, address and namespace, from its manifest: it is written before the first start.
fn of_directory(folder: &Path) -> Result<(String, String, String), Failure> {
    let file = if folder.is_dir() { folder.join(MANIFEST_FILE) } else { folder.to_path_buf() };
    let manifest = read_manifest(&file).map_err(|error| Failure::io(error.to_string()))?;
    let measurement = manifest
        .measurement
        .ok_or_else(|| Failure::usage(format!("{}: a simulated run leaves nothing on a cluster", file.display())))?;
    let target = measurement.target;
    if target.embedded {
        return Err(Failure::usage(format!(
            "{}: the run was on the embedded target, which is gone with everything in it",
            file.display()
        )));
    }
    Ok((measurement.run_id, target.address, target.namespace))
}

/// Terminates every open workflow of the run until none is found any more, or `at_most` is over.
///
/// # Errors
/// When the target does not list workflows.
pub async fn sweep(connected: &Connected, run_id: &RunId, at_most: Duration, dry_run: bool) -> Result<Swept, Failure> {
    let until = Instant::now() + at_most;
    let mut swept = Swept::default();
    let mut quiet = 0;
    let mut over: HashSet<String> = HashSet::new();
    loop {
        let mut open = open_workflows(connected, run_id).await?;
        if dry_run {
            return Ok(Swept { terminated: 0, left: open.len() as u64 });
        }
        // Visibility may still show what was terminated a moment ago.
        open.retain(|execution| !over.contains(&execution.run_id));
        if open.is_empty() {
            quiet += 1;
            if quiet >= QUIET_LOOKS {
                return Ok(Swept { left: 0, ..swept });
            }
        } else {
            quiet = 0;
        }
        let found = open.len();
        let ends = futures::stream::iter(open).map(|execution| terminate(connected, run_id, execution));
        let ended: Vec<String> = ends.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        swept.terminated += ended.len() as u64;
        swept.left = (found - ended.len()) as u64;
        over.extend(ended);
        if Instant::now() >= until {
            return Ok(swept);
        }
        tokio::time::sleep(SETTLE).await;
    }
}

async fn open_workflows(connected: &Connected, run_id: &RunId) -> Result<Vec<WorkflowExecution>, Failure> {
    // A run id has letters, digits and hyphens only: there is nothing to escape.
    let query = format!("WorkflowId STARTS_WITH '{run_id}-' AND ExecutionStatus = 'Running'");
    let mut request = ListWorkflowExecutionsRequest {
        namespace: connected.endpoint.namespace().to_owned(),
        page_size: PAGE,
        query,
        ..ListWorkflowExecutionsRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let answer = connected
            .service()
            .list_workflow_executions(request.clone())
            .await
            .map_err(|status| {
                Failure::io(format!("the target does not list the run's workflows: {}", status.message()))
            })?
            .into_inner();
        // The prefix is checked again here: whatever the server makes of the query, nothing else is terminated.
        let ours = answer.executions.into_iter().filter_map(|info| info.execution);
        found.extend(ours.filter(|execution| is_of(run_id, &execution.workflow_id)));
        if answer.next_page_token.is_empty() {
            return Ok(found);
        }
        request.next_page_token = answer.next_page_token;
    }
}

fn is_of(run_id: &RunId, workflow_id: &str) -> bool {
    workflow_id.strip_prefix(run_id.as_str()).is_some_and(|rest| rest.starts_with('-'))
}

/// The run's id when it is over afterwards.
async fn terminate(connected: &Connected, run_id: &RunId, execution: WorkflowExecution) -> Option<String> {
    let id = execution.run_id.clone();
    let request = TerminateWorkflowExecutionRequest {
        namespace: connected.endpoint.namespace().to_owned(),
        workflow_execution: Some(execution),
        reason: format!("cleanup of {run_id}"),
        identity: connected.identity().to_owned(),
        ..TerminateWorkflowExecutionRequest::default()
    };
    match connected.service().terminate_workflow_execution(request).await {
        Ok(_) => Some(id),
        // It ended between the list and now.
        Err(status) => (status.code() == Code::NotFound).then_some(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_workflows_of_the_run_are_touched() {
        let run_id = RunId::parse("plimsoll-20261121T163646Z-3f09a1").expect("a run id");
        assert!(is_of(&run_id, "plimsoll-20261121T163646Z-3f09a1-7"));
        assert!(is_of(&run_id, "plimsoll-20261121T163646Z-3f09a1-7/child/0"));
        for other in ["plimsoll-20261121T163646Z-3f09a12-7", "plimsoll-20261121T163646Z-3f09a1", "order-7", ""] {
            assert!(!is_of(&run_id, other), "{other}");
        }
    }
}

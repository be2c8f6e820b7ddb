//! Backlog of the run's task queues, as `DescribeTaskQueue` tells it.
//!
//! The server brings these figures up to date every few seconds only (seen with 1.31.2: five to six), and sticky queues are not in them.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use plimsoll_reports::run_dir::ResourceColumn;
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::{TaskQueue, TaskQueueStats};
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeTaskQueueRequest;

use super::sampler::{Sampler, column};
use crate::connect::Service;

/// The longest a request may take.
const LONGEST: Duration = Duration::from_secs(4);

/// All task queues of the run, workflow and activity tasks.
pub(super) struct TaskQueues {
    service: Service,
    namespace: String,
    names: Vec<String>,
}

impl TaskQueues {
    pub(super) fn new(service: Service, namespace: &str, names: &[String]) -> TaskQueues {
        TaskQueues { service, namespace: namespace.to_owned(), names: names.to_vec() }
    }

    async fn describe(&self, name: &str, kind: TaskQueueType) -> Result<(TaskQueueType, TaskQueueStats), String> {
        let mut request = tonic::Request::new(DescribeTaskQueueRequest {
            namespace: self.namespace.clone(),
            task_queue: Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() }),
            task_queue_type: kind.into(),
            report_stats: true,
            ..DescribeTaskQueueRequest::default()
        });
        request.set_timeout(LONGEST);
        let response = self.service.clone().describe_task_queue(request).await;
        let response = response.map_err(|status| {
            format!("DescribeTaskQueue of '{name}' failed: {} ({:?})", status.message(), status.code())
        })?;
        Ok((kind, response.into_inner().stats.unwrap_or_default()))
    }

    async fn sample(&mut self) -> Result<Vec<Option<f64>>, String> {
        let kinds = [TaskQueueType::Workflow, TaskQueueType::Activity];
        let requests = self.names.iter().flat_map(|name| kinds.map(|kind| self.describe(name, kind)));
        let all = try_join_all(requests).await?;
        Ok(values(&all))
    }
}

/// The row of what the queues said.
fn values(all: &[(TaskQueueType, TaskQueueStats)]) -> Vec<Option<f64>> {
    let of = |kind: TaskQueueType| all.iter().filter(move |(other, _)| *other == kind).map(|(_, stats)| stats);
    let count = |kind| of(kind).map(|stats| stats.approximate_backlog_count as f64).sum::<f64>();
    let age = all
        .iter()
        .filter_map(|(_, stats)| stats.approximate_backlog_age.as_ref())
        .map(|age| age.seconds as f64 + f64::from(age.nanos) * 1e-9);
    let (workflow, activity) = (count(TaskQueueType::Workflow), count(TaskQueueType::Activity));
    vec![
        Some(workflow + activity),
        Some(workflow),
        Some(activity),
        Some(age.fold(0.0, f64::max)),
        Some(all.iter().map(|(_, stats)| f64::from(stats.tasks_add_rate)).sum()),
        Some(all.iter().map(|(_, stats)| f64::from(stats.tasks_dispatch_rate)).sum()),
    ]
}

impl Sampler for TaskQueues {
    fn name(&self) -> String {
        format!("DescribeTaskQueue ({})", self.names.join(", "))
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        vec![
            column("backlog", "tasks"),
            column("backlog_workflow_tasks", "tasks"),
            column("backlog_activity_tasks", "tasks"),
            column("backlog_age", "s"),
            column("tasks_added", "1/s"),
            column("tasks_dispatched", "1/s"),
        ]
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        self.sample().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_rates_add_up_and_the_oldest_task_gives_the_age() {
        let stats = |count, seconds: i64, rate| {
            let mut stats = TaskQueueStats {
                approximate_backlog_count: count,
                tasks_add_rate: rate,
                tasks_dispatch_rate: rate / 2.0,
                ..TaskQueueStats::default()
            };
            stats.approximate_backlog_age.get_or_insert_default().seconds = seconds;
            stats
        };
        let all = [
            (TaskQueueType::Workflow, stats(3, 5, 2.0)),
            (TaskQueueType::Activity, stats(4, 9, 1.0)),
            (TaskQueueType::Workflow, stats(10, 1, 1.0)),
        ];
        assert_eq!(values(&all), [17.0, 13.0, 4.0, 9.0, 4.0, 2.0].map(Some));
    }
}

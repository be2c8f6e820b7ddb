//! The methods the target speaks.

use std::fmt;
use std::str::FromStr;

macro_rules! methods {
    ($($name:ident),* $(,)?) => {
        /// A method of the target: of `temporal.api.workflowservice.v1.WorkflowService`, and the health check of gRPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Method { $($name),* }

        impl Method {
            /// All of them.
            pub const ALL: &[Method] = &[$(Method::$name),*];

            /// Its name, as in the proto file.
            pub fn name(self) -> &'static str {
                match self { $(Method::$name => stringify!($name)),* }
            }
        }
    };
}

methods!(
    StartWorkflowExecution,
    SignalWithStartWorkflowExecution,
    SignalWorkflowExecution,
    QueryWorkflow,
    UpdateWorkflowExecution,
    RequestCancelWorkflowExecution,
    TerminateWorkflowExecution,
    DeleteWorkflowExecution,
    GetWorkflowExecutionHistory,
    DescribeWorkflowExecution,
    ListWorkflowExecutions,
    CountWorkflowExecutions,
    DescribeTaskQueue,
    GetSystemInfo,
    GetClusterInfo,
    DescribeNamespace,
    Check,
);

const WORKFLOW_SERVICE: &str = "/temporal.api.workflowservice.v1.WorkflowService/";
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

impl Method {
    /// The method of a request's path; `None` when the target does not speak it.
    pub fn of_path(path: &str) -> Option<Self> {
        match path.strip_prefix(WORKFLOW_SERVICE) {
            Some(name) => name.parse().ok().filter(|&method| method != Method::Check),
            None => (path == HEALTH_CHECK).then_some(Method::Check),
        }
    }

    /// Whether it makes a workflow: the clock of freezes and resets starts with the first of these.
    pub fn starts_workflow(self) -> bool {
        matches!(self, Method::StartWorkflowExecution | Method::SignalWithStartWorkflowExecution)
    }

    /// Whether it is asked once by whoever connects, and not part of the load: such a method is never delayed by capacity.
    pub fn is_handshake(self) -> bool {
        matches!(self, Method::GetSystemInfo | Method::GetClusterInfo | Method::DescribeNamespace | Method::Check)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The most frequent ones come first in the list.
        Method::ALL.iter().copied().find(|method| method.name() == text).ok_or_else(|| {
            let names: Vec<_> = Method::ALL.iter().map(|method| method.name()).collect();
            format!("the embedded target has no method '{text}'; it has {}", names.join(", "))
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_method_of_its_own_service_only() {
        let path = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
        assert_eq!(Method::of_path(path), Some(Method::StartWorkflowExecution));
        assert_eq!(Method::of_path("/grpc.health.v1.Health/Check"), Some(Method::Check));
        assert_eq!(Method::of_path("/temporal.api.workflowservice.v1.WorkflowService/Check"), None);
        assert_eq!(Method::of_path("/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue"), None);
    }
}

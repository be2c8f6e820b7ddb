//! What a driver sends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::workload::{FollowUp, StartKind};

/// One thing to send, with everything it needs.
#[derive(Debug)]
pub enum Operation {
    /// Starts a workflow.
    Start(Box<StartOperation>),
    /// Something for a workflow that runs.
    FollowUp(Box<FollowUpOperation>),
}

/// A start.
#[derive(Debug)]
pub struct StartOperation {
    /// Its number in the order of intended starts.
    pub ordinal: u64,
    /// The request.
    pub request: StartKind,
    /// Told of the answer, where something follows.
    pub answered: Option<Answered>,
    /// Whether it may end without a worker seeing it.
    pub may_end_unseen: bool,
}

/// A signal, query, update, cancellation or termination.
#[derive(Debug)]
pub struct FollowUpOperation {
    /// Which workflow.
    pub workflow_id: String,
    /// What.
    pub follow_up: FollowUp,
    /// The start that has to be answered first; `None` where the workflow is known to run.
    pub after: Option<Answered>,
}

/// Whether a start has been answered, and how; cheap to clone.
#[derive(Clone, Debug)]
pub struct Answered(Arc<watch::Sender<Option<bool>>>);

impl Default for Answered {
    fn default() -> Self {
        Answered(Arc::new(watch::Sender::new(None)))
    }
}

impl Answered {
    /// The server took it (or not, or it was never sent). The first answer counts.
    pub fn set(&self, accepted: bool) {
        self.0.send_if_modified(|known| match known {
            Some(_) => false,
            None => {
                *known = Some(accepted);
                true
            }
        });
    }

    /// What is known.
    pub fn known(&self) -> Option<bool> {
        *self.0.borrow()
    }

    /// Waits for it.
    pub async fn wait(&self) {
        // The sender is this very value: it cannot go away while we wait.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

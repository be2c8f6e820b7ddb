//! Who does the work.

use std::sync::Arc;

use super::prepare::Prepared;
use super::target::Reached;
use crate::cli::{RunArgs, WorkersChoice};
use crate::clock::RunClock;
use crate::driver::Driver;
use crate::engine::Follower;
use crate::failure::Failure;
use crate::record::Recorder;
use crate::workload::Workload;

/// The workers of a run.
pub enum Crew {
    /// The user's, or none.
    Foreign,
}

impl Crew {
    /// Starts them.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn start(
        arguments: &RunArgs,
        _: &Prepared,
        reached: &Reached,
        _: &Workload,
    ) -> Result<Crew, Failure> {
        match arguments.workers {
            _ if reached.embedded.is_some() => Ok(Crew::Foreign),
            WorkersChoice::Own => Ok(Crew::Foreign),
            _ => Err(Failure::usage("workers of this program are not there yet: use --workers own")),
        }
    }

    /// From now on, tells what they see.
    pub fn report_to(&self, _: Driver, _: Follower, _: Arc<Recorder>, _: RunClock) {}

    /// Ends them.
    pub async fn stop(self) {}
}

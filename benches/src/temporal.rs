//! Speed of the Temporal model: workflows simulated per second and core, and peak memory.

use serde::Serialize;

/// What one run of the Temporal model cost.
#[derive(Clone, Debug, Serialize)]
pub struct TemporalSpeed {
    /// The profile that was simulated.
    pub profile: String,
    /// Workflows simulated from start to close.
    pub workflows: u64,
    /// Workflows simulated per second of wall clock on one core: median of the rounds.
    pub workflows_per_second_per_core: f64,
    /// Events simulated per second of wall clock on one core: median of the rounds.
    pub events_per_second_per_core: f64,
    /// The largest resident set of the process while only this model ran, in bytes.
    pub peak_memory_bytes: u64,
}

/// Measures the Temporal model over `rounds` rounds.
///
/// `None` while the model is not part of the simulator: the report then leaves the section out.
/// To be filled in with the model: run one shipped profile single-threaded per round, and take the peak memory from
/// a child process of its own, so that the other benchmarks' memory does not count.
pub fn temporal_model(_rounds: usize) -> Option<TemporalSpeed> {
    None
}

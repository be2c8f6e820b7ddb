//! Independent replications on several threads.

use rayon::prelude::*;

/// Why replications could not run.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} threads: {source}")]
pub struct ThreadsError {
    threads: usize,
    source: rayon::ThreadPoolBuildError,
}

/// Runs replications `0..count` on `threads` threads (0 means one per core) and gives their results in the order of their numbers.
///
/// A replication must depend on nothing but its number, which belongs in the names of its streams; then the results are the same for any
/// number of threads.
///
/// # Errors
/// When the operating system does not give the threads.
pub fn replications<R: Send>(
    count: u32,
    threads: usize,
    run: impl Fn(u32) -> R + Sync + Send,
) -> Result<Vec<R>, ThreadsError> {
    if threads == 1 {
        return Ok((0..count).map(run).collect());
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| ThreadsError { threads, source })?;
    Ok(pool.install(|| (0..count).into_par_iter().with_max_len(1).map(run).collect()))
}

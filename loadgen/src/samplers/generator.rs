//! The generator's own CPU and memory: at which rate it is itself the bottleneck is part of what a run is worth.

use futures::FutureExt;
use futures::future::BoxFuture;
use plimsoll_reports::run_dir::ResourceColumn;
use rustix::time::{ClockId, clock_gettime};

use super::sampler::{Counter, Lap, Sampler, column};

/// This process.
#[derive(Default)]
pub(super) struct Generator {
    cpu: Counter,
    lap: Lap,
}

impl Sampler for Generator {
    fn name(&self) -> String {
        "the generator itself".to_owned()
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        vec![column("generator_cpu", "cores"), column("generator_memory", "bytes")]
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        // Finer than /proc's hundredths of a second.
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = self.lap.seconds();
        let added = self.cpu.added(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9);
        let memory = procfs::process::Process::myself().and_then(|process| process.stat());
        let memory = memory.map(|stat| stat.rss as f64 * procfs::page_size() as f64);
        let values =
            memory.map(|memory| vec![added.zip(seconds).map(|(added, seconds)| added / seconds), Some(memory)]);
        std::future::ready(values.map_err(|error| format!("/proc/self cannot be read: {error}"))).boxed()
    }
}

//! CPU, memory and disk writes of processes on this machine, from `/proc`.

pub(crate) mod process;
mod source;

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use plimsoll_reports::run_dir::ResourceColumn;
use procfs::CurrentSI;

use process::{Identity, Usage};
pub use source::ProcessSource;

use super::sampler::{Counter, Lap, Sampler, column};

/// Processes whose use is added up: a service's replicas on this machine, or PostgreSQL with all its backends.
pub(super) struct ProcessGroup {
    name: String,
    sources: Vec<ProcessSource>,
    known: Vec<Option<Known>>,
    lap: Lap,
}

#[derive(Clone, Copy)]
struct Known {
    identity: Identity,
    usage: Usage,
}

impl ProcessGroup {
    pub(super) fn new(name: &str, sources: Vec<ProcessSource>) -> ProcessGroup {
        let known = vec![None; sources.len()];
        ProcessGroup { name: name.to_owned(), sources, known, lap: Lap::default() }
    }

    fn sample(&mut self) -> Result<Vec<Option<f64>>, String> {
        let seconds = self.lap.seconds();
        let (mut cpu, mut written, mut memory) = (None, None, None);
        let mut missing = Vec::new();
        for (source, known) in self.sources.iter().zip(&mut self.known) {
            match process::find(source, known.as_ref().map(|known| known.identity)) {
                Ok(identity) => {
                    let usage = process::usage(identity, self.name == "database")?;
                    let before = known.replace(Known { identity, usage });
                    let added = usage.since(
                        before.filter(|before| before.identity == identity).map(|b| b.usage),
                        identity,
                        seconds,
                    );
                    sum(&mut cpu, added.map(|added| added.cpu_seconds));
                    sum(&mut written, added.and_then(|added| added.written_bytes));
                    sum(&mut memory, Some(usage.memory));
                }
                Err(reason) => missing.push(reason),
            }
        }
        match missing.is_empty() {
            true => Ok(vec![rate(cpu, seconds), memory, rate(written, seconds)]),
            false => Err(missing.join("; ")),
        }
    }
}

fn sum(total: &mut Option<f64>, more: Option<f64>) {
    if let Some(more) = more {
        *total = Some(total.unwrap_or(0.0) + more);
    }
}

fn rate(amount: Option<f64>, seconds: Option<f64>) -> Option<f64> {
    Some(amount? / seconds?)
}

impl Sampler for ProcessGroup {
    fn name(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        format!("{} ({})", self.name.replace('_', " "), sources.join(", "))
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        let own = |what: &str, unit: &str| column(format!("{}_{what}", self.name), unit);
        vec![own("cpu", "cores"), own("memory", "bytes"), own("disk_writes", "bytes/s")]
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        std::future::ready(self.sample()).boxed()
    }
}

/// The machine as a whole: what other programs take is part of why a run was slow.
#[derive(Default)]
pub(super) struct Host {
    busy: Counter,
    stolen: Counter,
    lap: Lap,
}

impl Host {
    fn sample(&mut self) -> Result<Vec<Option<f64>>, String> {
        let stat = procfs::KernelStats::current().map_err(|error| format!("/proc/stat cannot be read: {error}"))?;
        let ticks = procfs::ticks_per_second() as f64;
        let total = stat.total;
        // As in /proc/stat's own description: idle and iowait are not work, and guests are in user time already.
        let busy = [Some(total.user), Some(total.nice), Some(total.system), total.irq, total.softirq];
        let busy: u64 = busy.into_iter().flatten().sum();
        let seconds = self.lap.seconds();
        let busy = self.busy.added(busy as f64 / ticks);
        let stolen = self.stolen.added(total.steal.unwrap_or(0) as f64 / ticks);
        Ok(vec![rate(busy, seconds), rate(stolen, seconds)])
    }
}

impl Sampler for Host {
    fn name(&self) -> String {
        "this machine".to_owned()
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        vec![column("host_cpu", "cores"), column("host_stolen_cpu", "cores")]
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        std::future::ready(self.sample()).boxed()
    }
}

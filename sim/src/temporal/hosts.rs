//! CPU: what a visit costs where it runs, whom it waits for, and the garbage collections of the services.

use plimsoll_profiles::units::{Cores, Nanos};

use super::idle::IDLE_JOB;
use super::model::{Event, Model};
use super::visits::Process;
use crate::engine::{Schedule, TimeSlicing, WakeUp};

/// The collector has one core of so many.
const COLLECTOR_SHARE: u64 = 4;

/// The pods of one process: their hosts, how many of their jobs are on a CPU, and what they have used since their last garbage collection.
pub(super) struct PodGroup {
    pub hosts: Vec<u32>,
    pub running: Vec<u32>,
    since_collection: Vec<Nanos>,
    /// What is left of the collection under way.
    collecting: Vec<Nanos>,
}

impl PodGroup {
    pub(super) fn new(hosts: Vec<u32>) -> Self {
        PodGroup {
            running: vec![0; hosts.len()],
            since_collection: vec![Nanos::ZERO; hosts.len()],
            collecting: vec![Nanos::ZERO; hosts.len()],
            hosts,
        }
    }
}

/// What is added to a visit of a process, and its garbage collector.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessCosts {
    wake: Nanos,
    idle_core: Nanos,
    /// Longest piece of a visit done without sleeping in between.
    part: Nanos,
    collection_every: Nanos,
    collection: Nanos,
}

impl ProcessCosts {
    pub(super) fn of(calibration: &plimsoll_profiles::calibration::Calibration) -> [Self; Process::COUNT] {
        let (cpu, runtime) = (&calibration.cpu, &calibration.runtime);
        let go = |wake, idle_core, collection_every, collection| ProcessCosts {
            wake,
            idle_core,
            part: runtime.time_slice,
            collection_every,
            collection,
        };
        let never = Nanos::FOREVER;
        let mut costs = [go(Nanos::ZERO, Nanos::ZERO, never, Nanos::ZERO); Process::COUNT];
        costs[Process::Frontend as usize] = go(
            cpu.frontend_wake,
            cpu.frontend_idle_core,
            runtime.frontend_collection_every,
            runtime.frontend_collection,
        );
        costs[Process::History as usize] =
            go(cpu.history_wake, cpu.history_idle_core, runtime.history_collection_every, runtime.history_collection);
        costs[Process::Matching as usize] = go(
            cpu.matching_wake,
            cpu.matching_idle_core,
            runtime.matching_collection_every,
            runtime.matching_collection,
        );
        let database = &mut costs[Process::Database as usize];
        *database = go(cpu.database_wake, cpu.database_idle_core, never, Nanos::ZERO);
        database.part = cpu.database_statement;
        costs[Process::VisibilityDatabase as usize] = costs[Process::Database as usize];
        costs
    }
}

impl Model {
    /// Puts a chain's work on its process's host.
    pub(super) fn use_cpu(&mut self, id: u32, process: Process, demand: Nanos, schedule: &mut Schedule<Event>) {
        let pod = self.pod_of(id, process);
        let costs = self.costs[process as usize];
        let group = &mut self.groups[process as usize];
        let host = group.hosts[pod];
        // One upsert is one statement: it does not sleep in between.
        let part = if demand == self.calibration.cpu.database_visibility { demand } else { costs.part };
        let mut demand = demand;
        if group.running[pod] == 0 {
            demand += costs.wake;
            self.work.wake_ups[process as usize] += 1;
        }
        if self.hosts[host as usize].has_idle_core() {
            demand += costs.idle_core;
            self.work.idle_cores[process as usize] += 1;
        }
        group.running[pod] += 1;
        group.since_collection[pod] += demand;
        let collect = group.since_collection[pod] >= costs.collection_every;
        self.work.cpu[process as usize] += demand;
        self.run_on(host, job(id, process), demand, part, schedule);
        if collect {
            self.collect_garbage(process, pod, schedule);
        }
    }

    /// A job comes to a host.
    #[inline]
    pub(super) fn run_on(&mut self, host: u32, job: u32, demand: Nanos, part: Nanos, schedule: &mut Schedule<Event>) {
        if let Some(WakeUp { at, core }) = self.hosts[host as usize].arrive(schedule.now(), job, demand, part) {
            schedule.at(at, Event::Host { host, core });
        }
    }

    /// A simulation begins at any moment between two collections of each pod.
    pub(super) fn begin_between_collections(&mut self) {
        for process in [Process::Frontend, Process::History, Process::Matching] {
            let every = self.costs[process as usize].collection_every.0 as f64;
            let random = &mut self.random.background;
            for since in &mut self.groups[process as usize].since_collection {
                *since = Nanos((random.uniform() * every) as u64);
            }
        }
    }

    /// A Go process has allocated as much as it holds: its collector marks what is alive, beside the requests.
    ///
    /// Measured with `GODEBUG=gctrace=1` at 25 one-activity workflows a second on 2 cores: history once in 1.8 s for 90 to 220 ms of
    /// CPU, frontend once in 2.2 s for 25 to 140 ms, matching once in 3.7 s for 30 to 180 ms. How long one takes, and how seldom it
    /// comes, grows with what is alive: with the cache of mutable state.
    fn collect_garbage(&mut self, process: Process, pod: usize, schedule: &mut Schedule<Event>) {
        let collection = self.costs[process as usize].collection;
        let group = &mut self.groups[process as usize];
        group.since_collection[pod] = Nanos::ZERO;
        let under_way = std::mem::replace(&mut group.collecting[pod], collection) > Nanos::ZERO;
        if !under_way {
            self.collect_on(process, pod, schedule);
        }
    }

    /// The next piece of a collection: the collector takes a quarter of the cores its process may use (`gcBackgroundUtilization`
    /// in Go's `runtime/mgcpacer.go`), in pieces of a slice.
    fn collect_on(&mut self, process: Process, pod: usize, schedule: &mut Schedule<Event>) {
        let group = &mut self.groups[process as usize];
        let host = group.hosts[pod];
        let piece = group.collecting[pod].min(self.calibration.runtime.collector_slice);
        group.collecting[pod] = group.collecting[pod] - piece;
        let more = group.collecting[pod] > Nanos::ZERO;
        self.work.cpu[process as usize] += piece;
        self.run_on(host, job(IDLE_JOB, process), piece, piece, schedule);
        if more {
            let pause = Nanos(piece.0 * COLLECTOR_SHARE / u64::from(self.hosts[host as usize].cores()));
            schedule.after(pause.max(piece), Event::Collect((pod as u32) << 3 | process as u32));
        }
    }

    /// A collector's turn.
    pub(super) fn collector_due(&mut self, token: u32, schedule: &mut Schedule<Event>) {
        let (pod, process) = chain_of(token);
        self.collect_on(process, pod as usize, schedule);
    }

    pub(super) fn pod_of(&self, id: u32, process: Process) -> usize {
        let chain = &self.chains[id];
        let pod = match process {
            Process::Frontend => u32::from(chain.frontend),
            Process::History => u32::from(chain.history),
            Process::Matching => u32::from(chain.matching),
            Process::Database | Process::VisibilityDatabase => 0,
            Process::Worker => chain.worker,
        };
        pod as usize
    }

    #[inline]
    pub(super) fn host_woken(&mut self, host: u32, core: u16, schedule: &mut Schedule<Event>) {
        let ended = self.hosts[host as usize].complete(schedule.now(), core);
        if let Some(WakeUp { at, core }) = ended.wake {
            schedule.at(at, Event::Host { host, core });
        }
        let Some(token) = ended.token else { return };
        let (id, process) = chain_of(token);
        if id == IDLE_JOB {
            return;
        }
        let pod = self.pod_of(id, process);
        self.groups[process as usize].running[pod] -= 1;
        self.advance(id, schedule);
    }
}

/// A host's token: the chain, and which of its processes is on the CPU.
pub(super) fn job(id: u32, process: Process) -> u32 {
    debug_assert!(id <= IDLE_JOB, "more than half a billion chains at once");
    id << 3 | process as u32
}

fn chain_of(token: u32) -> (u32, Process) {
    let process = match token & 7 {
        0 => Process::Frontend,
        1 => Process::History,
        2 => Process::Matching,
        3 => Process::Database,
        4 => Process::Worker,
        _ => Process::VisibilityDatabase,
    };
    (token >> 3, process)
}

/// A host of this many cores.
pub(super) fn host(cores: Cores, slice: Nanos) -> TimeSlicing {
    TimeSlicing::new(cores, slice)
}

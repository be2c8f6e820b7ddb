//! CPU: what a visit costs where it runs, whom it waits for, and the garbage collections of the services.

use std::hint::select_unpredictable;

use plimsoll_profiles::calibration::{Calibration, SdkCosts};
use plimsoll_profiles::units::{Cores, Nanos};

use super::idle::IDLE_JOB;
use super::model::{Event, Model};
use super::visits::Process;
use super::walk::per_kib;
use crate::engine::{Schedule, TimeSlicing, WakeUp};

/// The collector has one core of so many.
const COLLECTOR_SHARE: u64 = 4;
/// Bits of [`ProcessCosts::collected`] behind the point.
const COLLECTED_BITS: u32 = 16;

/// A pod: its host, how many of its jobs are on a CPU, and what it has used since its last garbage collection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod {
    pub host: u32,
    running: u32,
    since_collection: Nanos,
    /// What is left of the collection under way.
    collecting: Nanos,
    costs: ProcessCosts,
}

impl Pod {
    /// CPU that its work has asked for since its last collection: of a process without a collector, since the begin.
    pub(super) fn demand(&self) -> Nanos {
        self.since_collection
    }
}

/// The pods of every process, one process after the other.
#[derive(Clone, Debug)]
pub(super) struct PodTable {
    pods: Vec<Pod>,
    /// By process, where its pods begin; at the end, where the last process's end.
    first: [u32; Process::COUNT + 1],
}

impl PodTable {
    /// Pods on these hosts.
    pub(super) fn new(hosts: [Vec<u32>; Process::COUNT], costs: [ProcessCosts; Process::COUNT]) -> Self {
        let mut table = PodTable { pods: Vec::new(), first: [0; Process::COUNT + 1] };
        for (process, (hosts, costs)) in hosts.into_iter().zip(costs).enumerate() {
            let (running, since_collection, collecting) = (0, Nanos::ZERO, Nanos::ZERO);
            table.pods.extend(hosts.into_iter().map(|host| Pod { host, running, since_collection, collecting, costs }));
            table.first[process + 1] = table.pods.len() as u32;
        }
        table
    }

    /// The pods of a process.
    pub(super) fn of(&self, process: Process) -> &[Pod] {
        &self.pods[self.first[process as usize] as usize..self.first[process as usize + 1] as usize]
    }

    fn of_mut(&mut self, process: Process) -> &mut [Pod] {
        &mut self.pods[self.first[process as usize] as usize..self.first[process as usize + 1] as usize]
    }
}

/// What is added to a visit of a process, and its garbage collector.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessCosts {
    wake: Nanos,
    idle_core: Nanos,
    /// Of a KiB that a chain carries.
    payload: Nanos,
    /// Longest piece of a visit done without sleeping in between.
    part: Nanos,
    collection_every: Nanos,
    collection: Nanos,
    /// CPU of collections for each nanosecond of the process's own, in units of 2⁻¹⁶.
    collected: u64,
}

impl ProcessCosts {
    pub(super) fn of(calibration: &Calibration, sdk: SdkCosts) -> [Self; Process::COUNT] {
        let (cpu, runtime) = (&calibration.cpu, &calibration.runtime);
        let go = |wake, idle_core, collection_every, collection| ProcessCosts {
            wake,
            idle_core,
            payload: Nanos::ZERO,
            part: runtime.time_slice,
            collection_every,
            collection,
            collected: (u128::from(collection.0) << COLLECTED_BITS)
                .checked_div(u128::from(collection_every.0))
                .map_or(0, |share| share as u64),
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
        costs[Process::Frontend as usize].payload = cpu.frontend_payload;
        costs[Process::History as usize].payload = cpu.history_payload;
        let database = &mut costs[Process::Database as usize];
        *database = go(cpu.database_wake, cpu.database_idle_core, never, Nanos::ZERO);
        database.part = cpu.database_statement;
        costs[Process::VisibilityDatabase as usize] = costs[Process::Database as usize];
        costs[Process::Worker as usize] = go(sdk.wake, sdk.idle_core, never, Nanos::ZERO);
        costs
    }
}

impl Model {
    /// Puts a chain's work on its process's host.
    #[inline(always)]
    pub(super) fn use_cpu(&mut self, id: u32, process: Process, demand: Nanos, schedule: &mut Schedule<Event>) {
        let place = self.pods.first[process as usize] + self.chains[id].pod(process);
        let pod = &mut self.pods.pods[place as usize];
        let host = &mut self.hosts[pod.host as usize];
        let costs = &pod.costs;
        // One upsert is one statement: it does not sleep in between.
        let part = if demand == self.calibration.cpu.database_visibility { demand } else { costs.part };
        // Both are as good as coins' tosses: no branch depends on them.
        let (wakes, idle_core) = (pod.running == 0, host.has_idle_core());
        let wake = select_unpredictable(wakes, costs.wake, Nanos::ZERO);
        let carried = per_kib(costs.payload, u64::from(self.chains[id].payload));
        let demand = demand + carried + wake + select_unpredictable(idle_core, costs.idle_core, Nanos::ZERO);
        self.work.wake_ups[process as usize] += u64::from(wakes);
        self.work.idle_cores[process as usize] += u64::from(idle_core);
        self.work.cpu[process as usize] += with_collections(demand, costs.collected);
        pod.running += 1;
        pod.since_collection += demand;
        let collect = pod.since_collection >= costs.collection_every;
        if let Some(WakeUp { at, core }) = host.arrive(schedule.now(), job(id, place), demand, part) {
            schedule.at(at, Event::Host { host: pod.host, core });
        }
        if collect {
            self.collect_garbage(process, place - self.pods.first[process as usize], schedule);
        }
    }

    /// CPU of passing on what a chain carries.
    pub(super) fn delivery(&self, id: u32, process: Process) -> Nanos {
        let cpu = &self.calibration.cpu;
        let cost = if process == Process::Matching { cpu.matching_payload } else { cpu.frontend_payload };
        per_kib(cost, u64::from(self.chains[id].payload))
    }

    /// A process passes on what a chain carries.
    #[cold]
    pub(super) fn pass_on(&mut self, id: u32, process: Process, schedule: &mut Schedule<Event>) {
        let demand = self.delivery(id, process);
        let place = self.pods.first[process as usize] + self.chains[id].pod(process);
        let pod = &mut self.pods.pods[place as usize];
        pod.running += 1;
        pod.since_collection += demand;
        let (host, part) = (pod.host, pod.costs.part);
        self.work.cpu[process as usize] += with_collections(demand, pod.costs.collected);
        if let Some(WakeUp { at, core }) =
            self.hosts[host as usize].arrive(schedule.now(), job(id, place), demand, part)
        {
            schedule.at(at, Event::Host { host, core });
        }
    }

    /// Polls that end empty cost a pod of a process; the pod's host.
    pub(super) fn poll_in_vain(&mut self, process: Process, pod: usize, demand: Nanos) -> u32 {
        let pod = &mut self.pods.of_mut(process)[pod];
        pod.since_collection += demand;
        self.work.cpu[process as usize] += with_collections(demand, pod.costs.collected);
        pod.host
    }

    /// Work of no chain comes to a host.
    pub(super) fn run_idle_work(&mut self, host: u32, demand: Nanos, schedule: &mut Schedule<Event>) {
        if let Some(WakeUp { at, core }) =
            self.hosts[host as usize].arrive(schedule.now(), job(IDLE_JOB, 0), demand, demand)
        {
            schedule.at(at, Event::Host { host, core });
        }
    }

    /// A simulation begins at any moment between two collections of each pod.
    pub(super) fn begin_between_collections(&mut self) {
        for process in [Process::Frontend, Process::History, Process::Matching] {
            let random = &mut self.random.background;
            for pod in self.pods.of_mut(process) {
                pod.since_collection = Nanos((random.uniform() * pod.costs.collection_every.0 as f64) as u64);
            }
        }
    }

    /// A Go process has allocated as much as it holds: its collector marks what is alive, beside the requests.
    ///
    /// Its CPU has been counted with the work that made it necessary ([`with_collections`]).
    ///
    /// Measured with `GODEBUG=gctrace=1` at 25 one-activity workflows a second on 2 cores: history once in 1.8 s for 90 to 220 ms of
    /// CPU, frontend once in 2.2 s for 25 to 140 ms, matching once in 3.7 s for 30 to 180 ms. How long one takes, and how seldom it
    /// comes, grows with what is alive: with the cache of mutable state.
    #[cold]
    fn collect_garbage(&mut self, process: Process, pod: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.pods.of_mut(process)[pod as usize];
        state.since_collection = Nanos::ZERO;
        let under_way = std::mem::replace(&mut state.collecting, state.costs.collection) > Nanos::ZERO;
        if !under_way {
            self.collect_on(process, pod, schedule);
        }
    }

    /// The next piece of a collection: the collector takes a quarter of the cores its process may use (`gcBackgroundUtilization`
    /// in Go's `runtime/mgcpacer.go`), in pieces of a slice.
    fn collect_on(&mut self, process: Process, pod: u32, schedule: &mut Schedule<Event>) {
        let state = &mut self.pods.of_mut(process)[pod as usize];
        let host = state.host;
        let piece = state.collecting.min(self.calibration.runtime.collector_slice);
        state.collecting = state.collecting - piece;
        let more = state.collecting > Nanos::ZERO;
        self.work.collections += piece;
        self.run_idle_work(host, piece, schedule);
        if more {
            let pause = Nanos(piece.0 * COLLECTOR_SHARE / u64::from(self.hosts[host as usize].cores()));
            schedule.after(pause.max(piece), Event::Collect(pod << 3 | process as u32));
        }
    }

    /// A collector's turn.
    pub(super) fn collector_due(&mut self, token: u32, schedule: &mut Schedule<Event>) {
        let process = match token & 7 {
            0 => Process::Frontend,
            1 => Process::History,
            _ => Process::Matching,
        };
        self.collect_on(process, token >> 3, schedule);
    }

    /// A host's core may have finished a job: the chain that goes on, if any.
    #[inline(always)]
    pub(super) fn host_woken(&mut self, host: u32, core: u16, schedule: &mut Schedule<Event>) -> Option<u32> {
        let ended = self.hosts[host as usize].complete(schedule.now(), core);
        if let Some(WakeUp { at, core }) = ended.wake {
            schedule.at(at, Event::Host { host, core });
        }
        let token = ended.token?;
        let id = token as u32;
        if id == IDLE_JOB {
            return None;
        }
        self.pods.pods[(token >> 32) as usize].running -= 1;
        Some(id)
    }
}

/// CPU of garbage collection for each second of a process's own.
pub fn collection_share(process: Process, calibration: &Calibration) -> f64 {
    let runtime = &calibration.runtime;
    let (takes, every) = match process {
        Process::Frontend => (runtime.frontend_collection, runtime.frontend_collection_every),
        Process::History => (runtime.history_collection, runtime.history_collection_every),
        Process::Matching => (runtime.matching_collection, runtime.matching_collection_every),
        _ => return 0.0,
    };
    takes.as_secs_f64() / every.as_secs_f64().max(1e-9)
}

/// Work and its share of the collection that follows from it. Counted when one begins, a workflow's CPU would go by whether one falls into the counted time: history's
/// takes 3 s of every 16 (`[runtime]` of the shipped calibration), and 240 workflows of 45 ms are 11 s.
#[inline(always)]
fn with_collections(demand: Nanos, collected: u64) -> Nanos {
    Nanos(demand.0 + ((demand.0 * collected) >> COLLECTED_BITS))
}

/// A host's token: the chain, and the pod it is on.
#[inline]
fn job(id: u32, pod: u32) -> u64 {
    u64::from(pod) << 32 | u64::from(id)
}

/// A host of this many cores.
pub(super) fn host(cores: Cores, slice: Nanos) -> TimeSlicing {
    TimeSlicing::new(cores, slice)
}

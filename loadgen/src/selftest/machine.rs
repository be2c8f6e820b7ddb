//! Cores, and the target in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use procfs::CurrentSI;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::Failure;

/// Which cores generator and target get.
pub(super) struct CpuPlan {
    generator: CpuSet,
    target: CpuSet,
}

impl CpuPlan {
    /// All of this process's cores for both; or one for the generator and the others for the target, where there are others.
    pub fn of_this_machine(one_core: bool) -> Self {
        let all = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        if !one_core || all.count() == 0 {
            return CpuPlan { generator: all, target: all };
        }
        // The last one: interrupts and whoever else does not choose go to the first.
        let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| all.is_set(cpu)).unwrap_or_default();
        let mut generator = CpuSet::new();
        generator.set(last);
        let mut target = all;
        if all.count() > 1 {
            target.unset(last);
        }
        CpuPlan { generator, target }
    }

    /// Binds this thread, and what it starts from now on, to the generator's cores.
    pub fn bind_to_generator(&self) {
        bind(&self.generator);
    }

    /// The same with the target's.
    pub fn bind_to_target(&self) {
        bind(&self.target);
    }

    /// Number of the generator's cores; zero where the system does not tell.
    pub fn generator(&self) -> u32 {
        self.generator.count()
    }

    /// Number of the target's cores.
    pub fn target(&self) -> u32 {
        self.target.count()
    }
}

/// CPU time that the hypervisor gave to other machines so far, in seconds over all cores; zero where the system does not tell.
pub(super) fn stolen() -> f64 {
    let ticks = procfs::KernelStats::current().ok().and_then(|stat| stat.total.steal).unwrap_or(0);
    ticks as f64 / procfs::ticks_per_second() as f64
}

fn bind(cpus: &CpuSet) {
    if cpus.count() > 0 {
        // Refused, the test is made on all cores; the outcome's lag is true all the same.
        let _ = sched_setaffinity(None, cpus);
    }
}

/// `plimsoll-load target` as a child that ends when this value does, however this process ends.
pub(super) struct TargetProcess {
    child: Child,
    /// Closed by the system when this process ends: then the child ends.
    stdin: Option<ChildStdin>,
    address: SocketAddr,
}

impl TargetProcess {
    /// Starts one that answers at once and whose workflows stay open.
    ///
    /// In real time, as the generator: it stands for a target on another machine. One that other programs of this machine hold up answers in
    /// bursts, and these are lag of the starts behind them (at 10,000/s on one core: p99 2.4 to 15 ms instead of 0.5 to 1.1 ms).
    pub fn start(program: &Path) -> Result<Self, Failure> {
        let failed = |what: String| Failure::io(format!("the self-test's target ({}) {what}", program.display()));
        let mut child = Command::new(program)
            .args(["target", "--listen", "127.0.0.1:0", "--until-stdin-closes", "--for", "2min", "--real-time"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(format!("cannot be started: {error}")))?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let address = line.trim().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        let address = match (read, address) {
            (Some(Ok(_)), Some(address)) => address,
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed("did not say where it listens".to_owned()));
            }
        };
        Ok(TargetProcess { child, stdin, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TargetProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Its pipe is closed; it has nothing left to do that could be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

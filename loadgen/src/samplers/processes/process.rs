//! One process, or PostgreSQL's postmaster with its backends.

use std::fs;

use procfs::process::{Process, Stat};
use rustix::time::{ClockId, clock_gettime};

use super::source::ProcessSource;

/// A process for good: an id is used again, with another start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: i32,
    /// Start in clock ticks after boot.
    started: u64,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    /// `None` where we may not see it: another user's process.
    pub(crate) written_bytes: Option<f64>,
    pub(crate) memory: f64,
}

/// The process of a source; the one known already as long as it lives.
pub(crate) fn find(source: &ProcessSource, known: Option<Identity>) -> Result<Identity, String> {
    if let Some(identity) = known
        && identify(identity.pid).is_ok_and(|now| now == identity)
    {
        return Ok(identity);
    }
    let pid = source.pid()?;
    identify(pid).map_err(|_| format!("process {pid} has ended"))
}

fn identify(pid: i32) -> Result<Identity, String> {
    let stat = stat(pid)?;
    match stat.state {
        'Z' | 'X' => Err(format!("process {pid} has ended")),
        _ => Ok(Identity { pid, started: stat.starttime }),
    }
}

fn stat(pid: i32) -> Result<Stat, String> {
    let unreadable =
        |error: procfs::ProcError| format!("process {pid} has ended, or /proc/{pid} cannot be read ({error})");
    Process::new(pid).and_then(|process| process.stat()).map_err(unreadable)
}

/// What it has used; with `tree` also what its children use and those it has waited for did: PostgreSQL's backends come and go, and
/// the time of one that ended is in the postmaster's.
pub(crate) fn usage(identity: Identity, tree: bool) -> Result<Usage, String> {
    let own = stat(identity.pid)?;
    if !tree {
        return Ok(Usage {
            cpu_seconds: cpu(own.utime + own.stime),
            written_bytes: written(identity.pid),
            memory: own.rss as f64 * procfs::page_size() as f64,
        });
    }
    // The time of a child that ends between the two readings is in one of them at most: it is caught by the next.
    let mut members = vec![own];
    members.extend(
        children(identity.pid).into_iter().filter_map(|pid| stat(pid).ok()).filter(|stat| stat.ppid == identity.pid),
    );
    let ticks = |stat: &Stat| stat.utime + stat.stime + u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
    let bytes: Vec<f64> = members.iter().filter_map(|stat| written(stat.pid)).collect();
    Ok(Usage {
        cpu_seconds: cpu(members.iter().map(ticks).sum()),
        written_bytes: (!bytes.is_empty()).then(|| bytes.iter().sum()),
        memory: memory_of(&members),
    })
}

fn cpu(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

/// Bytes it sent to the disk (`write_bytes` of `/proc/PID/io`), those of writes that were cancelled by a deletion taken off.
fn written(pid: i32) -> Option<f64> {
    let io = Process::new(pid).ok()?.io().ok()?;
    Some(io.write_bytes.saturating_sub(io.cancelled_write_bytes) as f64)
}

/// What is private to each, and the largest part of the shared buffers that one of them has touched, once.
fn memory_of(members: &[Stat]) -> f64 {
    let status = |stat: &Stat| Process::new(stat.pid).ok()?.status().ok();
    let (mut private, mut shared) = (0, 0);
    for status in members.iter().filter_map(status) {
        private += status.rssanon.unwrap_or(0);
        shared = shared.max(status.rssshmem.unwrap_or(0));
    }
    (private + shared) as f64 * 1024.0
}

/// Living children, from the kernel's own list; a kernel without it has every process looked at.
fn children(pid: i32) -> Vec<i32> {
    if let Ok(list) = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        return list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    }
    let all = procfs::process::all_processes().into_iter().flatten().flatten();
    all.filter_map(|process| process.stat().ok()).filter(|stat| stat.ppid == pid).map(|stat| stat.pid).collect()
}

/// What was used between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Added {
    pub(crate) cpu_seconds: f64,
    pub(crate) written_bytes: Option<f64>,
}

impl Usage {
    /// What has been used since an earlier reading of the same process. Without one: everything, if it started after the reading
    /// before (a restart); nothing is known if it did not.
    pub(crate) fn since(self, before: Option<Usage>, identity: Identity, seconds: Option<f64>) -> Option<Added> {
        let zero = Usage { cpu_seconds: 0.0, written_bytes: Some(0.0), memory: 0.0 };
        let is_new = seconds.is_some_and(|seconds| uptime() - cpu(identity.started) <= seconds);
        let before = before.or(is_new.then_some(zero))?;
        Some(Added {
            cpu_seconds: (self.cpu_seconds - before.cpu_seconds).max(0.0),
            // Of a tree, a child's end takes its bytes away.
            written_bytes: self.written_bytes.zip(before.written_bytes).map(|(now, then)| (now - then).max(0.0)),
        })
    }
}

/// Seconds since boot, as `/proc/PID/stat` counts them.
fn uptime() -> f64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::hint::black_box;
    use std::process::Command;

    use super::*;

    fn own() -> Identity {
        identify(i32::try_from(std::process::id()).unwrap()).unwrap()
    }

    /// CPU time of this process by another way than `/proc`.
    fn process_clock() -> f64 {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }

    #[test]
    fn burnt_cpu_time_is_seen_to_the_clock_tick() {
        let (before, clock) = (usage(own(), false).unwrap(), process_clock());
        let mut value = 1_u64;
        while process_clock() - clock < 0.3 {
            value = black_box(value.wrapping_mul(3).rotate_left(5));
        }
        let added = usage(own(), false).unwrap().since(Some(before), own(), None).unwrap();
        let burnt = process_clock() - clock;
        // A tick is a hundredth of a second; user and system time are each cut to one, at both ends.
        assert!((added.cpu_seconds - burnt).abs() <= 0.05, "{} of {burnt}", added.cpu_seconds);
        assert!(usage(own(), false).unwrap().memory > 1e6);
    }

    #[test]
    fn the_time_of_a_child_that_ended_counts_in_a_tree() {
        let before = usage(own(), true).unwrap();
        let script = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        let with_children = usage(own(), true).unwrap().since(Some(before), own(), None).unwrap();
        let children = rustix_children();
        assert!(children >= 0.05, "the child was too fast to be seen: {children}");
        assert!(with_children.cpu_seconds >= children * 0.5, "{} of {children}", with_children.cpu_seconds);
    }

    fn rustix_children() -> f64 {
        let stat = stat(own().pid).unwrap();
        (stat.cutime + stat.cstime) as f64 / procfs::ticks_per_second() as f64
    }

    #[test]
    fn a_process_that_ended_is_said_to_have_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let source = ProcessSource::Pid(i32::try_from(child.id()).unwrap());
        let known = find(&source, None).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(find(&source, Some(known)), Err(format!("process {} has ended", child.id())));
    }

    #[test]
    fn a_new_process_after_a_restart_counts_from_its_start() {
        let usage = Usage { cpu_seconds: 0.25, written_bytes: None, memory: 0.0 };
        let old = Identity { pid: 1, started: 0 };
        assert_eq!(usage.since(None, old, Some(1.0)), None, "it ran before we looked");
        let young = own();
        assert_eq!(usage.since(None, young, Some(1e9)).map(|added| added.cpu_seconds), Some(0.25));
    }
}

//! Jobs on their way to a host.
//!
//! A round trip and the CPU time after it would be two events: the job reaches its host, the job is done. Nobody but the host can see
//! the first, so the host is told of the job when the trip begins, and takes it in when its time has come: one event.

use plimsoll_profiles::units::Nanos;

use crate::engine::Line;

/// A job on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Coming {
    /// When it reaches the host.
    pub at: Nanos,
    /// CPU time, a wake-up of its process apart.
    pub demand: Nanos,
    /// Its token at the host.
    pub token: u32,
    /// Which process and pod of the host it is for.
    pub pod: u32,
    /// CPU time for a wake-up that it will need, as far as is known now: its pod is idle, and nothing reaches it before.
    pub wake: Nanos,
    /// CPU time more because it will find an idle core, as far as is known now.
    pub idle_core: Nanos,
}

impl Coming {
    /// The earliest time at which it can be done.
    #[inline]
    fn end(&self) -> Nanos {
        self.at + self.demand + self.wake + self.idle_core
    }
}

/// The jobs on their way to one host, in the order in which they reach it.
#[derive(Clone, Debug, Default)]
pub(super) struct ComingJobs {
    jobs: Line<Coming>,
    /// Of them, those that expect to wake their process.
    waking: u32,
    /// Whether one expects to find an idle core.
    idle_cores: bool,
}

impl ComingJobs {
    /// Adds a job; those that reach the host at the same time keep their order. The answer is the earliest time at which it, or one
    /// whose process it wakes, may be done.
    #[inline]
    pub fn add(&mut self, mut job: Coming) -> Nanos {
        if job.wake > Nanos::ZERO {
            // An idle pod: rarely so where many jobs are on their way.
            if self.jobs.items().iter().any(|other| other.pod == job.pod && other.at <= job.at) {
                job.wake = Nanos::ZERO;
            } else {
                self.waking += 1;
            }
        }
        self.idle_cores |= job.idle_core > Nanos::ZERO;
        let end = job.end();
        let place = self.jobs.insert(job, |other| other.at.0);
        if self.waking == 0 || place + 1 == self.jobs.len() {
            return end;
        }
        end.min(self.overtaken(place + 1, job.pod))
    }

    /// A job of this pod reaches it before those from `place` on: none of them will wake the process. The answer is the earliest
    /// time at which one for which that is news may be done.
    #[inline]
    pub fn overtaken(&mut self, place: usize, pod: u32) -> Nanos {
        let mut earliest = Nanos::FOREVER;
        if self.waking == 0 {
            return earliest;
        }
        for other in &mut self.jobs.items_mut()[place..] {
            if other.pod == pod && other.wake > Nanos::ZERO {
                other.wake = Nanos::ZERO;
                self.waking -= 1;
                earliest = earliest.min(other.end());
            }
        }
        earliest
    }

    /// How many.
    #[inline]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether one of them expects to find an idle core.
    #[inline]
    pub fn counts_on_idle_cores(&self) -> bool {
        self.idle_cores
    }

    /// None expects to find an idle core any more. The answer is the earliest time at which one may be done.
    #[cold]
    pub fn without_idle_cores(&mut self) -> Nanos {
        self.idle_cores = false;
        let mut earliest = Nanos::FOREVER;
        for job in self.jobs.items_mut() {
            job.idle_core = Nanos::ZERO;
            earliest = earliest.min(job.end());
        }
        earliest
    }

    /// Removes the first job that has reached the host by `now`.
    #[inline]
    pub fn arrived(&mut self, now: Nanos) -> Option<Coming> {
        if self.jobs.first()?.at > now {
            return None;
        }
        let job = self.jobs.take_first()?;
        self.waking -= u32::from(job.wake > Nanos::ZERO);
        Some(job)
    }

    /// The earliest time at which one of them may be done if that is before `other`, else `other`.
    #[inline]
    pub fn earliest_end(&self, other: Option<Nanos>) -> Option<Nanos> {
        let mut earliest = other.unwrap_or(Nanos::FOREVER);
        for job in self.jobs.items() {
            if job.at >= earliest {
                break;
            }
            earliest = earliest.min(job.end());
        }
        (earliest < Nanos::FOREVER).then_some(earliest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(at: u64, demand: u64, pod: u32, wake: u64) -> Coming {
        Coming {
            at: Nanos(at),
            demand: Nanos(demand),
            token: at as u32,
            pod,
            wake: Nanos(wake),
            idle_core: Nanos::ZERO,
        }
    }

    #[test]
    fn jobs_arrive_in_order_of_time_and_then_as_they_were_added() {
        let mut jobs = ComingJobs::default();
        for (at, demand) in [(30, 1), (10, 2), (30, 3), (20, 4)] {
            jobs.add(job(at, demand, 0, 0));
        }
        assert_eq!(jobs.arrived(Nanos(9)), None);
        let order: Vec<_> = std::iter::from_fn(|| jobs.arrived(Nanos(30))).map(|job| job.demand.0).collect();
        assert_eq!(order, [2, 4, 1, 3]);
    }

    #[test]
    fn only_the_first_job_of_an_idle_pod_waits_for_its_process_to_wake() {
        let mut jobs = ComingJobs::default();
        assert_eq!(jobs.add(job(20, 5, 1, 7)), Nanos(32));
        assert_eq!(jobs.earliest_end(None), Some(Nanos(32)));
        // One that comes after it does not change that; another pod's neither.
        jobs.add(job(21, 50, 1, 7));
        jobs.add(job(10, 50, 2, 7));
        assert_eq!(jobs.earliest_end(None), Some(Nanos(32)));
        // One that comes before it does.
        assert_eq!(jobs.add(job(19, 50, 1, 7)), Nanos(25));
        assert_eq!(jobs.earliest_end(None), Some(Nanos(25)));
        assert_eq!(jobs.earliest_end(Some(Nanos(22))), Some(Nanos(22)));
    }

    #[test]
    fn a_job_that_overtakes_all_others_wakes_the_pod() {
        let mut jobs = ComingJobs::default();
        jobs.add(job(20, 5, 1, 7));
        assert_eq!(jobs.overtaken(0, 1), Nanos(25));
        assert_eq!(jobs.overtaken(0, 1), Nanos::FOREVER);
        assert_eq!(jobs.earliest_end(None), Some(Nanos(25)));
    }
    #[test]
    fn jobs_that_no_longer_find_an_idle_core_end_sooner() {
        let mut jobs = ComingJobs::default();
        assert_eq!(jobs.add(Coming { idle_core: Nanos(3), ..job(20, 5, 1, 0) }), Nanos(28));
        assert_eq!(jobs.add(Coming { idle_core: Nanos(3), ..job(21, 5, 1, 0) }), Nanos(29));
        assert!(jobs.counts_on_idle_cores());
        assert_eq!(jobs.without_idle_cores(), Nanos(25));
        assert!(!jobs.counts_on_idle_cores());
        assert_eq!((jobs.earliest_end(None), jobs.len()), (Some(Nanos(25)), 2));
    }
}

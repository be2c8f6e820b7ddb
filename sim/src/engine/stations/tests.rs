#![allow(clippy::unwrap_used)]

use super::*;
use crate::engine::laws;
use plimsoll_profiles::random::Streams;
use plimsoll_profiles::units::{Cores, Nanos};

#[test]
fn fcfs_starts_in_order_of_arrival_and_accounts_every_nanosecond() {
    let mut station = Fcfs::new(2);
    assert_eq!(station.arrive(Nanos(0), 1), Some(1));
    assert_eq!(station.arrive(Nanos(10), 2), Some(2));
    assert_eq!(station.arrive(Nanos(20), 3), None);
    assert_eq!(station.arrive(Nanos(30), 4), None);
    assert_eq!(station.complete(Nanos(50), 2), Some(3));
    assert_eq!(station.complete(Nanos(60), 1), Some(4));
    assert_eq!(station.complete(Nanos(70), 3), None);
    let report = station.report(Nanos(100));
    assert_eq!(report.waiting_area, 30 + 30);
    assert_eq!(report.busy_area, 60 + 60 + 40);
    assert_eq!((report.mean_wait, report.max_wait), (Nanos(15), Nanos(30)));
    assert_eq!((report.arrivals, report.starts, report.waited, report.completions), (4, 4, 2, 3));
    assert_eq!((report.population, report.max_waiting, report.max_busy), (1, 2, 2));
    assert_eq!(report.utilisation(), 0.8);
    laws::exact(&report).unwrap();
}

#[test]
fn a_full_station_turns_away_and_counts_it() {
    let mut station = Fcfs::with_room(1, 2);
    assert_eq!(station.try_arrive(Nanos(0), 1), Arrival::Starts);
    assert_eq!(station.try_arrive(Nanos(1), 2), Arrival::Waits);
    assert_eq!(station.try_arrive(Nanos(2), 3), Arrival::Blocked);
    assert_eq!(station.complete(Nanos(3), 1), Some(2));
    assert_eq!(station.try_arrive(Nanos(3), 4), Arrival::Waits);
    let report = station.report(Nanos(4));
    assert_eq!((report.arrivals, report.blocked, report.population), (4, 1, 2));
    laws::exact(&report).unwrap();
}

#[test]
fn servers_can_be_added_and_taken_away_while_tasks_are_served() {
    let mut station = Fcfs::new(1);
    (1..=4).for_each(|token| {
        station.arrive(Nanos(0), token);
    });
    station.set_servers(Nanos(10), 3);
    let started: Vec<u32> = std::iter::from_fn(|| station.start_waiting(Nanos(10))).collect();
    assert_eq!(started, [2, 3]);
    station.set_servers(Nanos(20), 1);
    assert_eq!(station.complete(Nanos(20), 1), None, "two are still busy on one server");
    assert_eq!(station.complete(Nanos(20), 2), None);
    assert_eq!(station.complete(Nanos(30), 3), Some(4));
    let report = station.report(Nanos(40));
    assert_eq!(report.mean_servers, (10.0 + 30.0 + 20.0) / 40.0);
    laws::exact(&report).unwrap();
}

#[test]
fn a_reset_cuts_waits_at_the_start_of_the_window() {
    let mut station = Fcfs::new(1);
    (1..=3).for_each(|token| {
        station.arrive(Nanos(0), token);
    });
    station.reset_statistics(Nanos(100));
    station.complete(Nanos(110), 1);
    assert!(station.withdraw(Nanos(130), 3));
    assert!(!station.withdraw(Nanos(130), 3));
    let report = station.report(Nanos(150));
    assert_eq!((report.waiting_area, report.waiting_time), (10 + 30, 40));
    assert_eq!(report.max_wait, Nanos(110), "the task waited that long, within the window or not");
    assert_eq!((report.population_at_start, report.reneged, report.population), (3, 1, 1));
    laws::exact(&report).unwrap();
}

#[test]
fn exact_laws_hold_at_any_time_of_random_operation() {
    for seed in 0..50 {
        let mut stream = Streams::new(3).stream("stations", "operation", seed);
        let servers = 1 + stream.below(4) as u32;
        let mut fcfs = Fcfs::with_room(servers, 12);
        let mut permit = Permit::new(servers);
        let mut matcher = Matcher::new();
        let mut batch = BatchServer::new((seed % 2 == 0).then_some(3));
        let (mut now, mut flushing) = (Nanos(0), false);
        for token in 0..2_000 {
            now += Nanos(stream.below(20));
            let priority = if stream.below(3) == 0 { Priority::High } else { Priority::Low };
            match stream.below(5) {
                0 | 1 => {
                    fcfs.try_arrive(now, token);
                    permit.arrive(now, token, priority);
                    matcher.offer_task(now, token);
                    flushing |= batch.arrive(now, token);
                }
                2 | 3 => {
                    if fcfs.busy() > 0 {
                        fcfs.complete(now, 0);
                    }
                    if permit.held() > 0 {
                        permit.complete(now, 0);
                    }
                    matcher.offer_poller(now, token);
                    if flushing {
                        flushing = batch.complete(now).1;
                    }
                }
                _ => {
                    fcfs.withdraw(now, token.saturating_sub(3));
                    matcher.withdraw_poller(now, token.saturating_sub(2));
                    matcher.withdraw_task(now, token.saturating_sub(4));
                }
            }
            if token % 500 == 250 {
                fcfs.reset_statistics(now);
                permit.reset_statistics(now);
                matcher.reset_statistics(now);
                batch.reset_statistics(now);
            }
            laws::exact(&fcfs.report(now)).unwrap();
            laws::exact(&permit.report(now)).unwrap();
            laws::exact(&matcher.report(now).station).unwrap();
            laws::exact(&batch.report(now).station).unwrap();
        }
    }
}

#[test]
fn high_priority_gets_a_permit_before_low() {
    let mut lock = Permit::new(1);
    assert_eq!(lock.arrive(Nanos(0), 1, Priority::Low), Some(1));
    assert_eq!(lock.arrive(Nanos(1), 2, Priority::Low), None);
    assert_eq!(lock.arrive(Nanos(2), 3, Priority::High), None);
    assert_eq!(lock.arrive(Nanos(3), 4, Priority::High), None);
    assert_eq!(lock.complete(Nanos(5), 1), Some(3));
    assert_eq!(lock.complete(Nanos(6), 3), Some(4));
    assert_eq!(lock.complete(Nanos(7), 4), Some(2));
    assert_eq!(lock.complete(Nanos(8), 2), None);
    assert_eq!(lock.report(Nanos(8)).max_wait, Nanos(6));
}

#[test]
fn a_pool_measures_waits_and_its_high_water_mark() {
    let mut pool = ConnectionPool::new(2);
    assert_eq!(pool.arrive(Nanos(0), 1), Some(1));
    assert_eq!(pool.high_water(Nanos(0)), 1);
    assert_eq!(pool.arrive(Nanos(0), 2), Some(2));
    assert_eq!(pool.arrive(Nanos(10), 3), None);
    assert_eq!(pool.complete(Nanos(25), 1), Some(3));
    let report = pool.report(Nanos(25));
    assert_eq!((pool.high_water(Nanos(25)), report.waited, report.waiting_time), (2, 1, 15));
}

#[test]
fn a_limited_flush_leaves_the_rest_for_the_next() {
    let mut log = BatchServer::new(Some(2));
    assert!(log.arrive(Nanos(0), 1));
    (2..=4).for_each(|token| assert!(!log.arrive(Nanos(1), token)));
    assert_eq!(log.complete(Nanos(10)), (&[1][..], true));
    assert_eq!((log.in_flight(), log.waiting()), (2, 1));
    assert_eq!(log.complete(Nanos(20)), (&[2, 3][..], true));
    assert_eq!(log.complete(Nanos(30)), (&[4][..], false));
    let report = log.report(Nanos(40));
    assert_eq!((report.flushes, report.largest_batch), (3, 2));
    assert!((report.mean_batch - 4.0 / 3.0).abs() < 1e-12);
    assert_eq!(report.station.utilisation(), 0.75);
}

#[test]
fn tasks_and_pollers_meet_in_order_whoever_waits() {
    let mut matcher = Matcher::new();
    assert_eq!(matcher.offer_poller(Nanos(0), 70), None);
    assert_eq!(matcher.offer_poller(Nanos(0), 71), None);
    assert_eq!(matcher.offer_poller(Nanos(0), 72), None);
    assert!(matcher.withdraw_poller(Nanos(5), 71));
    assert!(!matcher.withdraw_poller(Nanos(5), 71));
    assert_eq!(matcher.offer_task(Nanos(10), 1), Some(70));
    assert_eq!(matcher.offer_task(Nanos(10), 2), Some(72));
    assert_eq!(matcher.offer_task(Nanos(10), 3), None);
    assert_eq!(matcher.offer_task(Nanos(20), 4), None);
    assert_eq!(matcher.report(Nanos(30)).oldest, Nanos(20));
    assert_eq!(matcher.offer_poller(Nanos(30), 73), Some(3));
    let report = matcher.report(Nanos(40));
    assert_eq!((report.sync_matches, report.station.max_wait, matcher.backlog()), (2, Nanos(20), 1));
    assert_eq!(report.mean_pollers, (3.0 * 5.0 + 2.0 * 5.0) / 40.0);
    laws::exact(&report.station).unwrap();
}

/// Runs jobs (arrival, demand) on a host by the protocol; gives each job's end.
fn share(cores: f64, jobs: &[(u64, u64)]) -> Vec<u64> {
    let mut host = ProcessorSharing::new(Cores::new(cores));
    let mut ends = vec![0; jobs.len()];
    let mut wakes: Vec<(Nanos, u32)> = Vec::new();
    let mut next = 0;
    loop {
        let wake = wakes.iter().enumerate().min_by_key(|(_, wake)| wake.0).map(|(place, wake)| (place, *wake));
        match (jobs.get(next), wake) {
            (Some(job), wake) if wake.is_none_or(|(_, (time, _))| job.0 < time.0) => {
                host.arrive(Nanos(job.0), next as u32, Nanos(job.1));
                next += 1;
            }
            (_, Some((place, (time, generation)))) => {
                wakes.swap_remove(place);
                if host.woken(generation) {
                    while let Some(token) = host.complete(time) {
                        ends[token as usize] = time.0;
                    }
                }
            }
            (_, None) => return ends,
        }
        wakes.extend(host.wake());
        assert!(wakes.len() <= 1 + next, "stale wake-ups pile up");
    }
}

/// Processor sharing by small steps of exact rational arithmetic: the remaining work of each job.
fn share_exactly(cores: f64, jobs: &[(u64, u64)]) -> Vec<f64> {
    let mut left: Vec<f64> = jobs.iter().map(|job| job.1 as f64).collect();
    let mut ends = vec![f64::NAN; jobs.len()];
    let (mut now, mut next) = (0.0, 0);
    loop {
        let present: Vec<usize> = (0..next).filter(|job| ends[*job].is_nan()).collect();
        let rate = if present.is_empty() { 1.0 } else { (cores / present.len() as f64).min(1.0) };
        let first = present.iter().copied().min_by(|a, b| left[*a].total_cmp(&left[*b]));
        let end = first.map_or(f64::INFINITY, |job| now + left[job] / rate);
        let arrival = jobs.get(next).map_or(f64::INFINITY, |job| job.0 as f64);
        let time = end.min(arrival);
        if time.is_infinite() {
            return ends;
        }
        present.iter().for_each(|job| left[*job] -= (time - now) * rate);
        now = time;
        if end <= arrival {
            ends[first.unwrap()] = now;
        } else {
            next += 1;
        }
    }
}

#[test]
fn shared_jobs_end_within_nanoseconds_of_exact_arithmetic() {
    assert_eq!(share(1.0, &[(0, 100), (50, 10)]), [110, 70]);
    assert_eq!(share(2.0, &[(0, 100), (0, 100), (0, 100)]), [150, 150, 150]);
    assert_eq!(share(0.5, &[(0, 100)]), [200]);
    for seed in 0..100 {
        let mut stream = Streams::new(4).stream("host", "jobs", seed);
        let cores = [0.25, 1.0, 1.5, 4.0][seed as usize % 4];
        let mut arrival = 0;
        let jobs: Vec<(u64, u64)> = (0..200)
            .map(|_| {
                arrival += stream.below((6_000.0 / cores) as u64);
                (arrival, stream.below(10_000))
            })
            .collect();
        let ends = share(cores, &jobs);
        for (job, exact) in share_exactly(cores, &jobs).into_iter().enumerate() {
            let late = ends[job] as f64 - exact;
            let before = ends.iter().filter(|end| **end <= ends[job]).count();
            // Each completion is rounded up, which delays the rest of its busy period by less than a nanosecond.
            assert!((-0.2..=before as f64).contains(&late), "seed {seed} job {job}: {} instead of {exact}", ends[job]);
        }
    }
}

#[test]
fn a_host_without_cores_waits_for_some() {
    let mut host = ProcessorSharing::new(Cores::new(0.0));
    host.arrive(Nanos(0), 1, Nanos(100));
    assert_eq!(host.wake(), None);
    host.set_cores(Nanos(1_000), Cores::new(1.0));
    assert_eq!(host.wake(), Some((Nanos(1_100), 1)));
    host.set_cores(Nanos(1_050), Cores::new(0.5));
    assert_eq!(host.wake(), None, "the pending one comes early and is set again");
    assert!(host.woken(1));
    assert_eq!(host.complete(Nanos(1_100)), None);
    assert_eq!(host.wake(), Some((Nanos(1_150), 2)));
    assert!(host.woken(2));
    assert_eq!(host.complete(Nanos(1_150)), Some(1));
    let report = host.report(Nanos(1_150));
    assert_eq!((report.busy_area, report.completions, report.population), (100, 1, 0));
}

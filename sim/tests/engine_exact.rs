//! Simulated results against exact ones: each must lie within its 99.9 % interval, and the laws must hold in every run.
//!
//! Seeds are fixed, so the tests either pass always or never.

#![allow(clippy::unwrap_used)]

mod engine_support;

use engine_support::*;
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Cores, Nanos, Probability};
use plimsoll_sim::engine::{Delay, Fcfs, Model, ProcessorSharing, Report, Schedule, Simulation, Tally, laws};

const SEED: u64 = 20_261_121;

fn waits(runs: &[(Line, Report)]) -> Vec<&[f64]> {
    runs.iter().map(|(line, _)| &line.waits[..]).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn lines(
    servers: u32,
    room: usize,
    arrival_rate: f64,
    service: &Distribution,
    warm_up: usize,
    customers: usize,
) -> Vec<(Line, Report)> {
    replicate(|replication| {
        let gaps = Source::poisson(arrival_rate, SEED, replication);
        let services = Source::new(service.clone(), "services", SEED, replication);
        Line::new(Fcfs::with_room(servers, room), gaps, services, warm_up, customers).run()
    })
}

#[test]
fn many_servers_have_the_waits_of_erlang() {
    for (key, value) in golden("mmc") {
        let p = parameters(&key);
        let runs = lines(p[0] as u32, usize::MAX, p[1], &exponential(SECOND), 20_000, 300_000);
        assert_mean(&key, runs.iter().map(|(line, _)| mean(&line.waits)), number(&value["Wq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.mean_waiting), number(&value["Lq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.mean_population()), number(&value["L"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.wait_share()), number(&value["P_wait"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.utilisation()), p[1] / p[0]);
        assert_mean(&key, runs.iter().map(|(line, _)| line.responses.mean().unwrap()), number(&value["W"]));
        let variance = |waits: &[f64]| {
            let exact = number(&value["Wq"]);
            waits.iter().map(|wait| (wait - exact) * (wait - exact)).sum::<f64>() / waits.len() as f64
        };
        assert_holds(&key, runs.iter().map(|(line, _)| variance(&line.waits)), number(&value["var_Wq"]));
        for (name, q) in [("q50", 0.5), ("q90", 0.9), ("q99", 0.99), ("q999", 0.999)] {
            assert_quantile(&key, &waits(&runs), q, number(&value[name]));
        }
    }
}

#[test]
fn one_server_waits_as_pollaczek_and_khinchine_say() {
    for (key, value) in golden("mg1") {
        let p = parameters(&key);
        let service = if p[1] == 1.0 { exponential(SECOND) } else { Distribution::from_mean_cv(SECOND, p[1].sqrt()) };
        let runs = lines(1, usize::MAX, p[0], &service, 20_000, 250_000);
        assert_mean(&key, runs.iter().map(|(line, _)| mean(&line.waits)), number(&value["Wq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.mean_waiting), number(&value["Lq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.utilisation()), number(&value["rho"]));
    }
}

#[test]
fn a_station_with_limited_room_blocks_and_serves_as_its_birth_death_chain() {
    for (key, value) in golden("mmck") {
        let p = parameters(&key);
        let runs = lines(p[0] as u32, p[1] as usize, p[2], &exponential(SECOND), 5_000, 100_000);
        assert_mean(&key, runs.iter().map(|(_, report)| report.blocking_share()), number(&value["P_block"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.mean_population()), number(&value["L"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.throughput()), number(&value["X"]));
        assert_mean(&key, runs.iter().map(|(line, _)| line.responses.mean().unwrap()), number(&value["W"]));
        let exact_wait = number(&value["Wq"]);
        if exact_wait == 0.0 {
            assert!(runs.iter().all(|(_, report)| report.waited == 0), "{key}: no room to wait");
        } else {
            assert_mean(&key, runs.iter().map(|(line, _)| mean(&line.waits)), exact_wait);
        }
    }
}

#[test]
fn constant_services_wait_as_the_embedded_chain_says() {
    for (key, value) in golden("mdc") {
        let p = parameters(&key);
        let runs = lines(p[0] as u32, usize::MAX, p[0] * p[1], &Distribution::Constant(SECOND), 10_000, 120_000);
        assert_mean(&key, runs.iter().map(|(line, _)| mean(&line.waits)), number(&value["Wq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.mean_waiting), number(&value["Lq"]));
        assert_mean(&key, runs.iter().map(|(_, report)| report.wait_share()), number(&value["P_wait"]));
    }
}

/// Poisson arrivals to a station without limit.
struct Crowd {
    station: Delay,
    gaps: Source,
    stays: Source,
}

impl Model for Crowd {
    type Event = Event;

    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        match event {
            Event::Arrival => {
                schedule.after(self.gaps.draw(), Event::Arrival);
                self.station.arrive(schedule.now());
                schedule.after(self.stays.draw(), Event::Departure(0));
            }
            Event::Departure(_) => self.station.complete(schedule.now()),
        }
    }
}

#[test]
fn the_number_in_an_unlimited_station_depends_only_on_the_mean_stay() {
    for (key, value) in golden("minf_mean_p0") {
        let p = parameters(&key);
        for cv in [0.0, 1.0, 2.0] {
            let stay = Distribution::from_mean_cv(Nanos::from_secs_f64(p[1]), cv);
            let reports = replicate(|replication| {
                let gaps = Source::poisson(p[0], SEED, replication);
                let stays = Source::new(stay.clone(), "stays", SEED, replication);
                let mut simulation = Simulation::new(Crowd { station: Delay::new(), gaps, stays });
                simulation.schedule_mut().at(Nanos::ZERO, Event::Arrival);
                simulation.run_until(SECOND * 200);
                simulation.model_mut().station.reset_statistics(SECOND * 200);
                simulation.run_until(SECOND * 2_200);
                let report = simulation.model_mut().station.report(SECOND * 2_200);
                laws::exact(&report).unwrap();
                report
            });
            assert_mean(&format!("{key} cv {cv}"), reports.iter().map(|r| r.mean_busy), number(&value[0]));
        }
    }
}

#[derive(Clone, Copy)]
enum TandemEvent {
    Arrival,
    First(u32),
    Second(u32),
}

/// Two stations; half of those that leave the first go on to the second.
struct Tandem {
    stations: [Fcfs; 2],
    gaps: Source,
    services: [Source; 2],
    tokens: Tokens,
    waits: [Vec<f64>; 2],
    measuring: bool,
}

impl Tandem {
    fn start(&mut self, station: usize, token: u32, schedule: &mut Schedule<TandemEvent>) {
        if self.measuring {
            self.waits[station].push((schedule.now() - self.tokens.arrived(token)).as_secs_f64());
        }
        let service = self.services[station].draw();
        schedule.after(service, [TandemEvent::First(token), TandemEvent::Second(token)][station]);
    }

    fn arrive(&mut self, station: usize, schedule: &mut Schedule<TandemEvent>) {
        let token = self.tokens.take(schedule.now());
        if let Some(token) = self.stations[station].arrive(schedule.now(), token) {
            self.start(station, token, schedule);
        }
    }

    fn leave(&mut self, station: usize, token: u32, schedule: &mut Schedule<TandemEvent>) {
        self.tokens.give_back(schedule.now(), token);
        if let Some(next) = self.stations[station].complete(schedule.now(), token) {
            self.start(station, next, schedule);
        }
    }
}

impl Model for Tandem {
    type Event = TandemEvent;

    fn handle(&mut self, event: TandemEvent, schedule: &mut Schedule<TandemEvent>) {
        match event {
            TandemEvent::Arrival => {
                schedule.after(self.gaps.draw(), TandemEvent::Arrival);
                self.arrive(0, schedule);
            }
            TandemEvent::First(token) => {
                self.leave(0, token, schedule);
                if self.gaps.stream.chance(Probability::new(0.5)) {
                    self.arrive(1, schedule);
                }
            }
            TandemEvent::Second(token) => self.leave(1, token, schedule),
        }
    }
}

#[test]
fn stations_in_tandem_behave_as_if_alone() {
    let runs = replicate(|replication| {
        let service = |purpose| Source::new(exponential(SECOND), purpose, SEED, replication);
        let mut simulation = Simulation::new(Tandem {
            stations: [Fcfs::new(10), Fcfs::new(5)],
            gaps: Source::poisson(8.0, SEED, replication),
            services: [service("first"), service("second")],
            tokens: Tokens::default(),
            waits: [Vec::new(), Vec::new()],
            measuring: false,
        });
        simulation.schedule_mut().at(Nanos::ZERO, TandemEvent::Arrival);
        simulation.run_until(SECOND * 1_000);
        simulation.model_mut().stations.iter_mut().for_each(|station| station.reset_statistics(SECOND * 1_000));
        simulation.model_mut().measuring = true;
        simulation.run_until(SECOND * 31_000);
        let mut tandem = simulation.into_model();
        let reports = [0, 1].map(|station| tandem.stations[station].report(SECOND * 31_000));
        reports.iter().for_each(|report| check_laws(report, SECOND, 0.05));
        (tandem.waits, reports)
    });
    for (station, (key, value)) in golden("jackson_tandem").into_iter().enumerate() {
        let key = format!("station {key}");
        assert_mean(&key, runs.iter().map(|(waits, _)| mean(&waits[station])), number(&value["Wq"]));
        assert_mean(&key, runs.iter().map(|(_, reports)| reports[station].mean_population()), number(&value["L"]));
        assert_mean(&key, runs.iter().map(|(_, reports)| reports[station].wait_share()), number(&value["P_wait"]));
        let waits: Vec<&[f64]> = runs.iter().map(|(waits, _)| &waits[station][..]).collect();
        assert_quantile(&key, &waits, 0.9, number(&value["q90"]));
        assert_quantile(&key, &waits, 0.99, number(&value["q99"]));
    }
}

#[derive(Clone, Copy)]
enum HostEvent {
    Arrival,
    Wake(u32),
}

/// Poisson arrivals to a host whose cores are shared.
struct Shared {
    host: ProcessorSharing,
    gaps: Source,
    demands: Source,
    tokens: Tokens,
    responses: Tally,
    demanded: Nanos,
}

impl Model for Shared {
    type Event = HostEvent;

    fn handle(&mut self, event: HostEvent, schedule: &mut Schedule<HostEvent>) {
        let now = schedule.now();
        match event {
            HostEvent::Arrival => {
                schedule.after(self.gaps.draw(), HostEvent::Arrival);
                let token = self.tokens.take(now);
                let demand = self.demands.draw();
                self.demanded += demand;
                self.host.arrive(now, token, demand);
            }
            HostEvent::Wake(generation) => {
                if !self.host.woken(generation) {
                    return;
                }
                while let Some(token) = self.host.complete(now) {
                    self.responses.record(self.tokens.give_back(now, token).as_secs_f64());
                }
            }
        }
        if let Some((time, generation)) = self.host.wake() {
            schedule.at(time, HostEvent::Wake(generation));
        }
    }
}

fn hosts(cores: f64, arrival_rate: f64, demand: &Distribution) -> Vec<(f64, Report)> {
    replicate(|replication| {
        let mut simulation = Simulation::new(Shared {
            host: ProcessorSharing::new(Cores::new(cores)),
            gaps: Source::poisson(arrival_rate, SEED, replication),
            demands: Source::new(demand.clone(), "demands", SEED, replication),
            tokens: Tokens::default(),
            responses: Tally::new(),
            demanded: Nanos::ZERO,
        });
        simulation.schedule_mut().at(Nanos::ZERO, HostEvent::Arrival);
        let (start, end) = (SECOND * 5_000, Nanos::from_secs_f64(150_000.0 / arrival_rate) + SECOND * 5_000);
        simulation.run_until(start);
        let shared = simulation.model_mut();
        shared.host.reset_statistics(start);
        (shared.responses, shared.demanded) = (Tally::new(), Nanos::ZERO);
        simulation.run_until(end);
        let report = simulation.model_mut().host.report(end);
        let shared = simulation.model();
        laws::conservation(&report).unwrap();
        laws::utilisation(&report, Nanos(shared.demanded.0 / report.arrivals), 0.03).unwrap();
        laws::little_response(&report, Nanos::from_secs_f64(shared.responses.mean().unwrap()), 0.03).unwrap();
        (shared.responses.mean().unwrap(), report)
    })
}

#[test]
fn a_shared_core_is_insensitive_to_the_shape_of_demands() {
    for demand in [
        exponential(SECOND),
        Distribution::Constant(SECOND),
        Distribution::from_mean_cv(SECOND, 0.5),
        Distribution::from_mean_cv(SECOND, 2.0),
    ] {
        let runs = hosts(1.0, 0.8, &demand);
        assert_mean(&format!("{demand:?}"), runs.iter().map(|(response, _)| *response), 1.0 / (1.0 - 0.8));
        assert_mean("busy", runs.iter().map(|(_, report)| report.mean_busy), 0.8);
    }
}

#[test]
fn half_a_core_serves_at_half_speed() {
    let runs = hosts(0.5, 0.8, &exponential(Nanos::from_millis(500)));
    assert_mean("half a core", runs.iter().map(|(response, _)| *response), 1.0 / (1.0 - 0.8));
    assert_mean("utilisation", runs.iter().map(|(_, report)| report.utilisation()), 0.8);
}

#[test]
fn ten_shared_cores_hold_as_many_jobs_as_ten_servers() {
    let runs = hosts(10.0, 8.0, &exponential(SECOND));
    let (_, exact) = golden("mmc").into_iter().find(|(key, _)| key == "c=10,lam=8,mu=1").unwrap();
    assert_mean("population", runs.iter().map(|(_, report)| report.mean_population()), number(&exact["L"]));
    assert_mean("response", runs.iter().map(|(response, _)| *response), number(&exact["W"]));
}

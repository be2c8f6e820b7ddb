//! The formulas against values computed to 40 digits with another program.

#![allow(clippy::unwrap_used)]

use plimsoll_profiles::units::{Nanos, Probability, Rate};
use plimsoll_sim::engine::analytic::*;
use serde_json::Value;

const TOLERANCE: f64 = 1e-10;

fn golden(section: &str) -> Vec<(String, Value)> {
    let all: Value = serde_json::from_str(include_str!("data/queueing.json")).unwrap();
    all[section].as_object().unwrap().clone().into_iter().collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// `c=10,lam=8,mu=1` as numbers.
fn parameters(key: &str) -> Vec<f64> {
    key.split(',').map(|part| part.rsplit('=').next().unwrap().parse().unwrap()).collect()
}

fn assert_close(what: &str, actual: f64, expected: f64) {
    let allowed = TOLERANCE * expected.abs();
    assert!((actual - expected).abs() <= allowed, "{what}: {actual} instead of {expected}");
}

fn rate(value: f64) -> Rate {
    Rate::per_second(value)
}

#[test]
fn erlang_formulas() {
    for (key, value) in golden("erlang_b") {
        let p = parameters(&key);
        assert_close(&key, erlang_b(p[0] as u32, p[1]), number(&value));
    }
    for (key, value) in golden("erlang_c") {
        let p = parameters(&key);
        assert_close(&key, erlang_c(p[0] as u32, p[1]), number(&value));
    }
    assert_eq!(erlang_c(3, 3.0), 1.0);
}

#[test]
fn many_servers() {
    for (key, value) in golden("mmc") {
        let p = parameters(&key);
        let station = MultiServer::new(p[0] as u32, rate(p[1]), rate(p[2])).unwrap();
        assert_close(&key, station.wait_probability(), number(&value["P_wait"]));
        assert_close(&key, station.mean_wait_seconds(), number(&value["Wq"]));
        assert_close(&key, station.mean_response_seconds(), number(&value["W"]));
        assert_close(&key, station.mean_waiting(), number(&value["Lq"]));
        assert_close(&key, station.mean_population(), number(&value["L"]));
        assert_close(&key, station.wait_variance(), number(&value["var_Wq"]));
        for (name, q) in [("q50", 0.5), ("q90", 0.9), ("q99", 0.99), ("q999", 0.999)] {
            assert_close(&key, station.wait_quantile_seconds(q), number(&value[name]));
        }
    }
    assert!(MultiServer::new(2, rate(2.0), rate(1.0)).is_none());
}

#[test]
fn one_server_with_any_service_time() {
    for (key, value) in golden("mg1") {
        let p = parameters(&key);
        let station = SingleServer::new(rate(p[0]), Nanos::from_secs(1), p[1]).unwrap();
        assert_close(&key, station.utilisation(), number(&value["rho"]));
        assert_close(&key, station.mean_wait_seconds(), number(&value["Wq"]));
        assert_close(&key, station.mean_waiting(), number(&value["Lq"]));
    }
}

#[test]
fn limited_room() {
    for (key, value) in golden("mmck") {
        let p = parameters(&key);
        let station = FiniteRoom::new(p[0] as u32, p[1] as u32, rate(p[2]), rate(1.0)).unwrap();
        assert_close(&key, station.blocking_probability(), number(&value["P_block"]));
        assert_close(&key, station.mean_population(), number(&value["L"]));
        assert_close(&key, station.mean_response_seconds(), number(&value["W"]));
        assert_close(&key, station.mean_wait_seconds(), number(&value["Wq"]));
        assert_close(&key, station.throughput(), number(&value["X"]));
    }
    let huge = FiniteRoom::new(1, 5_000, rate(10.0), rate(1.0)).unwrap();
    assert_close("overload", huge.throughput(), 1.0);
}

#[test]
fn unlimited_servers() {
    for (key, value) in golden("minf_mean_p0") {
        let p = parameters(&key);
        let mean = infinite_servers_mean_population(rate(p[0]), Nanos::from_secs_f64(p[1]));
        assert_close(&key, mean, number(&value[0]));
        assert_close(&key, (-mean).exp(), number(&value[1]));
    }
}

#[test]
fn staffing() {
    for (key, value) in golden("halfin_whitt") {
        assert_close(&key, halfin_whitt(parameters(&key)[0]), number(&value));
    }
    for (key, value) in golden("staffing") {
        let p = parameters(&key);
        let exact = u32::try_from(value.as_u64().unwrap()).unwrap();
        assert_eq!(servers_for_wait_probability(p[0], Probability::new(p[1])), exact, "{key}");
        let guess = square_root_staffing(p[0], Probability::new(p[1]));
        assert!(guess.abs_diff(exact) <= 1, "{key}: square-root staffing gives {guess}, exact is {exact}");
    }
}

#[test]
fn a_closed_network_of_a_text_book() {
    // Jain, The Art of Computer Systems Performance Analysis, example 34.2: visits 16, 10, 5, services 0.125, 0.3, 0.2 s, think time 4 s, 20 users.
    let demands = [Nanos::from_secs(2), Nanos::from_secs(3), Nanos::from_secs(1)];
    let network = mean_value_analysis(20, Nanos::from_secs(4), &demands).unwrap();
    let all: Value = serde_json::from_str(include_str!("data/queueing.json")).unwrap();
    let expected = &all["mva_jain_3_42"];
    assert_close("throughput", network.throughput, number(&expected["X"]));
    assert_close("response", network.response_seconds, number(&expected["R"]));
    for (station, population) in network.populations.iter().enumerate() {
        assert_close("population", *population, number(&expected["Q"][station]));
    }
}

#[test]
fn an_open_network() {
    // Half of what leaves the first station goes on to the second.
    let routing = [vec![Probability::ZERO, Probability::new(0.5)], vec![Probability::ZERO, Probability::ZERO]];
    let stations = [(10, rate(1.0)), (5, rate(1.0))];
    let network = jackson(&[rate(8.0), Rate::ZERO], &routing, &stations).unwrap();
    let all: Value = serde_json::from_str(include_str!("data/queueing.json")).unwrap();
    for (station, expected) in network.iter().zip(all["jackson_tandem"].as_array().unwrap()) {
        assert_close("wait", station.mean_wait_seconds(), number(&expected["Wq"]));
        assert_close("population", station.mean_population(), number(&expected["L"]));
        assert_close("q99", station.wait_quantile_seconds(0.99), number(&expected["q99"]));
    }
    // With feedback, half of the second's output returns to the first: rates a = 2 + b/2 and b = a.
    let routing = [vec![Probability::ZERO, Probability::ONE], vec![Probability::new(0.5), Probability::ZERO]];
    let network = jackson(&[rate(2.0), Rate::ZERO], &routing, &stations).unwrap();
    assert_close("utilisation", network[0].utilisation(), 0.4);
    assert_close("utilisation", network[1].utilisation(), 0.8);
    assert!(jackson(&[rate(8.0), Rate::ZERO], &routing, &stations).is_none(), "overloaded");
}

#[test]
fn processor_sharing_and_the_approximation_agree_with_the_markovian_case() {
    let station = SingleServer::new(rate(0.8), Nanos::from_secs(1), 7.0).unwrap();
    assert_close("shared response", station.mean_response_shared_seconds(), 1.0 / (1.0 - 0.8));
    let markovian = MultiServer::new(4, rate(3.0), rate(1.0)).unwrap();
    assert_close("scv of 1", allen_cunneen_mean_wait_seconds(&markovian, 1.0, 1.0), markovian.mean_wait_seconds());
}

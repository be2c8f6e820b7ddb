//! Networks of stations.

use super::MultiServer;
use plimsoll_profiles::units::{Nanos, Probability, Rate};

/// A closed network in steady state.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedNetwork {
    /// Cycles per second.
    pub throughput: f64,
    /// The mean time of a cycle without the think time, in seconds.
    pub response_seconds: f64,
    /// The mean number at each station.
    pub populations: Vec<f64>,
}

/// Exact mean value analysis (Reiser and Lavenberg 1980) of `population` users who think, then visit single-server stations.
///
/// A demand is visits per cycle times service time. `None` when all spans are zero, which has no finite throughput.
pub fn mean_value_analysis(population: u32, think_time: Nanos, demands: &[Nanos]) -> Option<ClosedNetwork> {
    let think = think_time.as_secs_f64();
    let mut network = ClosedNetwork { throughput: 0.0, response_seconds: 0.0, populations: vec![0.0; demands.len()] };
    for users in 1..=population {
        let residences: Vec<f64> =
            demands.iter().zip(&network.populations).map(|(demand, n)| demand.as_secs_f64() * (1.0 + n)).collect();
        network.response_seconds = residences.iter().sum();
        let cycle = think + network.response_seconds;
        if cycle == 0.0 {
            return None;
        }
        network.throughput = f64::from(users) / cycle;
        network.populations = residences.iter().map(|residence| network.throughput * residence).collect();
    }
    Some(network)
}

/// An open network of M/M/c stations (Jackson 1957): each behaves as if alone with the arrival rate that the traffic equations give it.
///
/// `external[i]` arrives from outside at station `i`, `routing[i][j]` is the share that goes from `i` to `j`, `stations[i]` are servers and the
/// service rate of one. `None` when a station is overloaded, when nothing ever leaves, or when the sizes differ.
pub fn jackson(external: &[Rate], routing: &[Vec<Probability>], stations: &[(u32, Rate)]) -> Option<Vec<MultiServer>> {
    let n = stations.len();
    if external.len() != n || routing.len() != n || routing.iter().any(|row| row.len() != n) {
        return None;
    }
    // (I - routing transposed) rates = external, by elimination with pivots.
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|j| {
            let coefficients = (0..n).map(|i| f64::from(u8::from(i == j)) - routing[i][j].get());
            coefficients.chain([external[j].as_per_second()]).collect()
        })
        .collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, pivot);
        if rows[column][column].abs() < 1e-12 {
            return None;
        }
        let pivot_row = rows[column].clone();
        for (place, row) in rows.iter_mut().enumerate() {
            if place != column {
                let factor = row[column] / pivot_row[column];
                row.iter_mut().zip(&pivot_row).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
    }
    let rates = (0..n).map(|i| Rate::per_second((rows[i][n] / rows[i][i]).max(0.0)));
    rates.zip(stations).map(|(rate, (servers, service_rate))| MultiServer::new(*servers, rate, *service_rate)).collect()
}

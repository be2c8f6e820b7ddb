//! Stations with limited room.

use plimsoll_profiles::units::Rate;

/// M/M/c/K: `c` servers and room for `K` tasks, those in service included; who finds it full is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteRoom {
    servers: u32,
    arrival_rate: f64,
    /// The probability of each number present, 0..=K.
    probabilities: Vec<f64>,
}

impl FiniteRoom {
    /// A station with the service rate of one server, which has a steady state under any load.
    ///
    /// `None` without servers, without room, or with a service rate of zero.
    pub fn new(servers: u32, room: u32, arrival_rate: Rate, service_rate: Rate) -> Option<Self> {
        let (arrival_rate, service_rate) = (arrival_rate.as_per_second(), service_rate.as_per_second());
        if servers == 0 || room == 0 || service_rate <= 0.0 {
            return None;
        }
        let offered = arrival_rate / service_rate;
        let mut probabilities = vec![1.0];
        let (mut last, mut sum) = (1.0, 1.0);
        for n in 1..=room {
            last *= offered / f64::from(n.min(servers));
            sum += last;
            probabilities.push(last);
            if sum > 1e200 {
                probabilities.iter_mut().for_each(|p| *p /= sum);
                (last, sum) = (last / sum, 1.0);
            }
        }
        probabilities.iter_mut().for_each(|p| *p /= sum);
        Some(FiniteRoom { servers, arrival_rate, probabilities })
    }

    /// The share of arrivals lost, equal to the share of time the station is full, since Poisson arrivals see time averages.
    pub fn blocking_probability(&self) -> f64 {
        self.probabilities[self.probabilities.len() - 1]
    }

    /// Tasks served per second.
    pub fn throughput(&self) -> f64 {
        self.arrival_rate * (1.0 - self.blocking_probability())
    }

    /// The mean number present.
    pub fn mean_population(&self) -> f64 {
        self.probabilities.iter().enumerate().map(|(n, p)| n as f64 * p).sum()
    }

    /// The mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.probabilities
            .iter()
            .enumerate()
            .skip(self.servers as usize + 1)
            .fold(0.0, |sum, (n, p)| sum + (n - self.servers as usize) as f64 * p)
    }

    /// The mean response of those served, in seconds.
    pub fn mean_response_seconds(&self) -> f64 {
        self.mean_population() / self.throughput()
    }

    /// The mean wait of those served, in seconds.
    pub fn mean_wait_seconds(&self) -> f64 {
        self.mean_waiting() / self.throughput()
    }
}

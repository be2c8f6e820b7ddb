//! Open stations with unlimited room.

use super::erlang_c;
use plimsoll_profiles::units::{Nanos, Rate};

/// M/M/c: Poisson arrivals, exponential services, `c` servers, one queue, in steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiServer {
    servers: u32,
    arrival_rate: f64,
    service_rate: f64,
    wait_probability: f64,
}

impl MultiServer {
    /// A station with the service rate of one server; `None` when it has no steady state.
    pub fn new(servers: u32, arrival_rate: Rate, service_rate: Rate) -> Option<Self> {
        let (arrival_rate, service_rate) = (arrival_rate.as_per_second(), service_rate.as_per_second());
        if service_rate <= 0.0 || arrival_rate >= f64::from(servers) * service_rate {
            return None;
        }
        let wait_probability = erlang_c(servers, arrival_rate / service_rate);
        Some(MultiServer { servers, arrival_rate, service_rate, wait_probability })
    }

    /// The rate at which the servers gain on the arrivals while all are busy.
    fn spare_rate(&self) -> f64 {
        f64::from(self.servers) * self.service_rate - self.arrival_rate
    }

    /// The share of servers busy.
    pub fn utilisation(&self) -> f64 {
        self.arrival_rate / (f64::from(self.servers) * self.service_rate)
    }

    /// The share of arrivals that wait (Erlang C).
    pub fn wait_probability(&self) -> f64 {
        self.wait_probability
    }

    /// The mean wait of all arrivals, in seconds.
    pub fn mean_wait_seconds(&self) -> f64 {
        self.wait_probability / self.spare_rate()
    }

    /// The variance of the wait, in seconds squared.
    pub fn wait_variance(&self) -> f64 {
        self.wait_probability * (2.0 - self.wait_probability) / (self.spare_rate() * self.spare_rate())
    }

    /// The wait that the share `q` of arrivals does not exceed, in seconds.
    pub fn wait_quantile_seconds(&self, q: f64) -> f64 {
        if q <= 1.0 - self.wait_probability {
            return 0.0;
        }
        libm::log(self.wait_probability / (1.0 - q)) / self.spare_rate()
    }

    /// The mean time from arrival to departure, in seconds.
    pub fn mean_response_seconds(&self) -> f64 {
        self.mean_wait_seconds() + 1.0 / self.service_rate
    }

    /// The mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.arrival_rate * self.mean_wait_seconds()
    }

    /// The mean number present.
    pub fn mean_population(&self) -> f64 {
        self.arrival_rate * self.mean_response_seconds()
    }
}

/// M/G/1: Poisson arrivals, one server, any service time of which mean and squared coefficient of variation are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SingleServer {
    arrival_rate: f64,
    mean_service: f64,
    service_scv: f64,
}

impl SingleServer {
    /// A station; `None` when it has no steady state. `service_scv` is variance divided by squared mean.
    pub fn new(arrival_rate: Rate, mean_service: Nanos, service_scv: f64) -> Option<Self> {
        let (arrival_rate, mean_service) = (arrival_rate.as_per_second(), mean_service.as_secs_f64());
        (arrival_rate * mean_service < 1.0).then_some(SingleServer { arrival_rate, mean_service, service_scv })
    }

    /// The share of time the server is busy.
    pub fn utilisation(&self) -> f64 {
        self.arrival_rate * self.mean_service
    }

    /// The mean wait by the formula of Pollaczek and Khinchine, in seconds.
    pub fn mean_wait_seconds(&self) -> f64 {
        let rho = self.utilisation();
        rho / (1.0 - rho) * 0.5 * (1.0 + self.service_scv) * self.mean_service
    }

    /// The mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.arrival_rate * self.mean_wait_seconds()
    }

    /// The mean response under processor sharing, in seconds: it depends on the service time only through its mean.
    pub fn mean_response_shared_seconds(&self) -> f64 {
        self.mean_service / (1.0 - self.utilisation())
    }
}

/// The mean wait in G/G/c by the approximation of Allen and Cunneen (1978), in seconds: that of M/M/c times the mean of the squared
/// coefficients of variation of gaps and services. Good for a first guess; measured up to 30 % off at a service variability of 4.
pub fn allen_cunneen_mean_wait_seconds(markovian: &MultiServer, arrival_scv: f64, service_scv: f64) -> f64 {
    markovian.mean_wait_seconds() * 0.5 * (arrival_scv + service_scv)
}

/// The mean of the Poisson number present in M/G/∞.
pub fn infinite_servers_mean_population(arrival_rate: Rate, mean_service: Nanos) -> f64 {
    arrival_rate.as_per_second() * mean_service.as_secs_f64()
}

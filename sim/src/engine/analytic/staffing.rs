//! How many servers.

use super::erlang_b;
use plimsoll_profiles::random::normal_cdf;
use plimsoll_profiles::units::Probability;

/// The limit of the wait probability for many servers, c = a + β√a (Halfin and Whitt 1981): 1 / (1 + β Φ(β) / φ(β)).
pub fn halfin_whitt(beta: f64) -> f64 {
    let density = libm::exp(-0.5 * beta * beta) / libm::sqrt(2.0 * std::f64::consts::PI);
    1.0 / (1.0 + beta * normal_cdf(beta) / density)
}

/// The servers that square-root staffing gives: ⌈a + β√a⌉ with the β at which [`halfin_whitt`] is the wait probability.
///
/// At most a few servers from [`servers_for_wait_probability`], in constant time.
///
/// # Panics
/// In debug builds, when the probability is 0 or the load negative.
pub fn square_root_staffing(offered_load: f64, wait_probability: Probability) -> u32 {
    debug_assert!(offered_load >= 0.0 && wait_probability.get() > 0.0);
    let (mut low, mut high) = (0.0, 40.0);
    while high - low > 1e-12 {
        let beta = 0.5 * (low + high);
        if halfin_whitt(beta) > wait_probability.get() {
            low = beta;
        } else {
            high = beta;
        }
    }
    libm::ceil(offered_load + high * libm::sqrt(offered_load)) as u32
}

/// The fewest servers of M/M/c at which no larger share of arrivals waits.
///
/// Exact, in time proportional to the answer.
///
/// # Panics
/// In debug builds, when the probability is 0 or the load negative.
pub fn servers_for_wait_probability(offered_load: f64, wait_probability: Probability) -> u32 {
    debug_assert!(offered_load >= 0.0 && wait_probability.get() > 0.0);
    let first = libm::floor(offered_load) as u32 + 1;
    let mut blocking = erlang_b(first, offered_load);
    let mut servers = first;
    loop {
        let idle = 1.0 - offered_load / f64::from(servers) * (1.0 - blocking);
        if blocking / idle <= wait_probability.get() {
            return servers;
        }
        servers += 1;
        let carried = offered_load * blocking;
        blocking = carried / (f64::from(servers) + carried);
    }
}

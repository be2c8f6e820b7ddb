//! Exact and approximate results of queueing theory: the planner's first guess, and the check beside every simulation.
//!
//! Results in seconds are plain numbers named so, since they keep more digits than whole nanoseconds. Formulas as in
//! Gross, Shortle, Thompson and Harris, *Fundamentals of Queueing Theory*, unless another source is named.

mod loss;
mod multi_server;
mod networks;
mod staffing;

pub use loss::FiniteRoom;
pub use multi_server::{MultiServer, SingleServer, allen_cunneen_mean_wait_seconds, infinite_servers_mean_population};
pub use networks::{ClosedNetwork, jackson, mean_value_analysis};
pub use staffing::{halfin_whitt, servers_for_wait_probability, square_root_staffing};

/// Erlang's loss formula B(c, a): the share of arrivals that find all `servers` busy when none may wait, for an offered load in erlangs.
pub fn erlang_b(servers: u32, offered_load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocking, n| {
        let carried = offered_load * blocking;
        carried / (f64::from(n) + carried)
    })
}

/// Erlang's delay formula C(c, a): the share of arrivals that wait in M/M/c; 1 for an offered load that the servers cannot carry.
pub fn erlang_c(servers: u32, offered_load: f64) -> f64 {
    let servers_f = f64::from(servers);
    if offered_load >= servers_f {
        return 1.0;
    }
    let blocking = erlang_b(servers, offered_load);
    blocking / (1.0 - offered_load / servers_f * (1.0 - blocking))
}

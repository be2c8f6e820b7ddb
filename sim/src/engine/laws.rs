//! Laws that hold on every run, whatever its distributions: to be asserted after each.

use super::Report;
use plimsoll_profiles::units::Nanos;

/// A law that a report breaks, which means an error in the model or the station.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Violation {
    /// The integral of the number waiting is not the sum of the waits.
    #[error("Little's law: {area} task-ns of queue, but tasks waited {waited} ns in all")]
    Little {
        /// The integral, in task-nanoseconds.
        area: u128,
        /// The sum of waits within the window, in nanoseconds.
        waited: u128,
    },
    /// The number in the system is not arrival rate times response time.
    #[error("Little's law: {population} tasks on average, but rate times response time is {product}")]
    Response {
        /// The average number present.
        population: f64,
        /// Rate times mean response time.
        product: f64,
    },
    /// Busy servers are not throughput times service time.
    #[error("utilisation law: {busy} servers busy on average, but throughput times service time is {product}")]
    Utilisation {
        /// The average number of busy servers.
        busy: f64,
        /// Throughput times mean service time.
        product: f64,
    },
    /// Completions are far from arrivals.
    #[error("flow balance: {arrivals} arrivals were let in, {completions} left")]
    Flow {
        /// Arrivals that were let in.
        arrivals: u64,
        /// Completions, and tasks that left unserved.
        completions: u64,
    },
    /// Tasks appeared or vanished.
    #[error("conservation: {at_start} at the start, {entered} entered, {left} left, but {present} are present")]
    Conservation {
        /// Tasks at the start of the window.
        at_start: u64,
        /// Tasks that entered.
        entered: u64,
        /// Tasks that left.
        left: u64,
        /// Tasks present at the end.
        present: u64,
    },
}

/// Little's law for the queue, exact to the nanosecond: the integral of the number waiting equals the time waited, task by task.
///
/// # Errors
/// [`Violation::Little`].
pub fn little(report: &Report) -> Result<(), Violation> {
    if report.waiting_area == report.waiting_time {
        return Ok(());
    }
    Err(Violation::Little { area: report.waiting_area, waited: report.waiting_time })
}

/// Little's law for the whole station against response times that the model measured itself, within a relative tolerance for tasks cut
/// off by the ends of the window.
///
/// # Errors
/// [`Violation::Response`].
pub fn little_response(report: &Report, mean_response: Nanos, tolerance: f64) -> Result<(), Violation> {
    let population = report.mean_population();
    let product = report.throughput() * mean_response.as_secs_f64();
    if close(population, product, tolerance) { Ok(()) } else { Err(Violation::Response { population, product }) }
}

/// The utilisation law: busy servers = throughput × mean service time, within a relative tolerance for services cut off by the ends of the window.
///
/// # Errors
/// [`Violation::Utilisation`].
pub fn utilisation(report: &Report, mean_service: Nanos, tolerance: f64) -> Result<(), Violation> {
    let busy = report.mean_busy;
    let product = report.throughput() * mean_service.as_secs_f64();
    let within_servers = report.mean_servers == 0.0 || busy <= report.mean_servers * (1.0 + 1e-12);
    if within_servers && close(busy, product, tolerance) {
        return Ok(());
    }
    Err(Violation::Utilisation { busy, product })
}

/// Flow balance: what enters leaves, within a relative tolerance; it fails for an overloaded station, whose results are no steady state.
///
/// # Errors
/// [`Violation::Flow`].
pub fn flow_balance(report: &Report, tolerance: f64) -> Result<(), Violation> {
    let arrivals = report.arrivals - report.blocked;
    let completions = report.completions + report.reneged;
    if close(arrivals as f64, completions as f64, tolerance) {
        return Ok(());
    }
    Err(Violation::Flow { arrivals, completions })
}

/// Conservation, exact: those at the start and those that entered have left or are present.
///
/// # Errors
/// [`Violation::Conservation`].
pub fn conservation(report: &Report) -> Result<(), Violation> {
    let entered = report.arrivals - report.blocked;
    let left = report.completions + report.reneged;
    if report.population_at_start + entered == left + report.population {
        return Ok(());
    }
    let (at_start, present) = (report.population_at_start, report.population);
    Err(Violation::Conservation { at_start, entered, left, present })
}

/// The exact laws, which hold for any window of any run: Little's law of the queue, and conservation.
///
/// # Errors
/// The first law that is broken.
pub fn exact(report: &Report) -> Result<(), Violation> {
    little(report)?;
    conservation(report)
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

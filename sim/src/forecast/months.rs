//! Bins by month.

use plimsoll_profiles::units::Nanos;

use super::hours::Hour;

/// Hours of a month: 8,760 / 12.
pub const HOURS_PER_MONTH: u64 = 730;

/// A month of 730 hours; the last one may be shorter.
#[derive(Clone, Debug)]
pub struct Month {
    /// From 1.
    pub number: u32,
    /// Its length.
    pub length: Nanos,
    /// Workflows started.
    pub started: f64,
    /// Highest bin, starts per second.
    pub peak: f64,
    /// The busiest resource of the busiest bin.
    pub busiest: &'static str,
    /// How busy.
    pub busy: f64,
    /// The worst bin's promised quantiles, in seconds.
    pub worst: Vec<Option<f64>>,
    /// Time within bins that break a promise or leave work waiting.
    pub unfit: Nanos,
    /// Most workflows waiting at the end of a bin.
    pub backlog: f64,
    /// Bytes in PostgreSQL at the month's end.
    pub stored: f64,
    /// The most bytes within the month.
    pub most_stored: f64,
    /// Mean bytes over the month.
    pub mean_stored: f64,
    /// Mean starts per second.
    pub mean: f64,
}

/// Groups bins by months.
pub(super) fn of(hours: &[Hour], bin: Nanos) -> Vec<Month> {
    let month = Nanos::from_secs(HOURS_PER_MONTH * 3_600);
    let per_month = (month.0 / bin.0.max(1)).max(1) as usize;
    let seconds = bin.as_secs_f64();
    hours
        .chunks(per_month)
        .zip(1..)
        .map(|(bins, number)| {
            let busiest = bins.iter().map(Hour::busiest).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("", 0.0));
            let most = |of: fn(&Hour) -> f64| bins.iter().map(of).fold(0.0, f64::max);
            let targets = bins.first().map_or(0, |hour| hour.latencies.len());
            let worst = |index: usize| bins.iter().filter_map(|hour| hour.latencies[index]).max_by(f64::total_cmp);
            let unfit = bins.iter().filter(|hour| !hour.fits).count() as u64;
            let started: f64 = bins.iter().map(|hour| hour.offered * seconds).sum();
            let length = Nanos(bin.0 * bins.len() as u64);
            Month {
                number,
                length,
                started,
                peak: most(|hour| hour.offered),
                busiest: busiest.0,
                busy: busiest.1,
                worst: (0..targets).map(worst).collect(),
                unfit: Nanos(bin.0 * unfit),
                backlog: most(|hour| hour.backlog),
                stored: bins.last().map_or(0.0, |hour| hour.stored),
                most_stored: most(|hour| hour.stored),
                mean_stored: bins.iter().map(|hour| hour.stored).sum::<f64>() / bins.len().max(1) as f64,
                mean: started / length.as_secs_f64().max(1e-9),
            }
        })
        .collect()
}

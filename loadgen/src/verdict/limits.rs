//! The thresholds of the verdict. Each says where it comes from; "own choice" is one that no source gives.

use plimsoll_profiles::units::Nanos;

/// 99 % of the sends must be at most this late, or 1 % of the median response where that is more (own choice: an error
/// of one part in a hundred is below what quantile intervals of usual runs resolve; Fortio and Nighthawk warn of late
/// sends at any size).
pub const DISPATCH_LAG_P99: Nanos = Nanos::from_millis(1);

/// The share of the median response that dispatch lag may be. See [`DISPATCH_LAG_P99`].
pub const DISPATCH_LAG_SHARE: f64 = 0.01;

/// Starts whose 99 % can be told from their largest: with fewer, late ones make the run suspect and not invalid.
pub const FEWEST_FOR_LAG: u64 = 100;

/// Own CPU below this share means that late sends are not the generator's own doing (own choice: far from its limit).
pub const LITTLE_CPU: f64 = 0.5;

/// Sent against intended over the measured window: below it the run is invalid. Lancet accepts ±10 % of the target
/// rate (Kogias, Mallon, Bugnion, "Lancet", USENIX ATC 2019, its coordinator's load state).
pub const SENT_SHARE_INVALID: f64 = 0.90;

/// Sent against intended over the measured window: below it the run is suspect (own choice: ten times stricter).
pub const SENT_SHARE_SUSPECT: f64 = 0.99;

/// A second deviates when its sends are further than this share, and [`SECOND_DEVIATION_STARTS`], from the intended
/// ones (Lancet's ±10 %, per second).
pub const SECOND_DEVIATION: f64 = 0.10;

/// See [`SECOND_DEVIATION`]: sends just after a second's end are no deviation.
pub const SECOND_DEVIATION_STARTS: f64 = 3.0;

/// Seconds that may deviate (own choice: as many as a p99 leaves out).
pub const DEVIATING_SECONDS: f64 = 0.01;

/// Largest distance of two distribution functions of gaps, beyond the tolerance of the dispatch lag, that passes. With
/// thousands of gaps Anderson–Darling rejects on timer noise alone (Lancet's code accepts twice its 1 % value for that
/// reason), so the size of the effect decides, here that of a change in the rate by some 14 % (own choice).
pub const GAP_DISTANCE_SUSPECT: f64 = 0.05;

/// From this distance on the sends are another process than the intended one (own choice).
pub const GAP_DISTANCE_INVALID: f64 = 0.20;

/// Gaps needed to judge their distribution (own choice: the 1 % limit of Kolmogorov's distance is 0.16 there).
pub const FEWEST_GAPS: usize = 100;

/// Level of significance of every test: small, because a run makes several.
pub const SIGNIFICANCE: f64 = 0.01;

/// Level at which gaps are no longer exponential. A schedule is drawn once per seed: at 1 % one seed in a hundred would make
/// every run of that rate suspect (measured: seed 42 at 6, 8 and 10 a second, A² of 3.9 to 4.7 in the intended gaps
/// themselves), while bunches that a generator makes give an A² in the tens.
pub const GAPS_SIGNIFICANCE: f64 = 0.001;

/// Points of a series that a trend is sought in (the normal approximation of Kendall's S holds from 10 on: Mann 1945).
pub const FEWEST_TREND_POINTS: usize = 10;

/// Batches that a measured window is cut into for trends: neighbouring seconds of a queue are correlated, for which
/// Mann–Kendall would find trends that are none (Hamed & Rao 1998); means of long batches hardly are.
pub const TREND_BATCHES: usize = 20;

/// A trend of the response's median that changes it by less than this share over the window is none (own choice).
pub const DRIFT: f64 = 0.20;

/// The work in flight may grow by this share of the offered rate: completed and offered rates that differ by less
/// balance for every purpose (own choice; by flow balance, Denning & Buzen 1978, growth is their difference).
pub const GROWTH: f64 = 0.02;

/// Own CPU at or above this share of what the generator may use makes it a bottleneck (Locust warns from 90 %).
pub const OWN_CPU: f64 = 0.90;

/// Seconds whose readings make a spell: their mean is what is held against the run's. On two cores that a target and its workers keep busy, single readings
/// differ by 7 to 16 % (standard deviation) with what runs on the sibling thread at that moment. So much of it is chance: with a run's readings in shuffled
/// order some spell of nine was more than 10 % off by its median in half of the shuffles (two of 19 runs; in another nine in one of twenty), one of
/// fifteen by its mean in fewer than one of twenty (all 19; 2026-11-23, `resources.csv` of "update and queries" and "three signals").
pub const CANARY_SPELL: usize = 15;

/// From this growth of the work in flight on, as a share of the offered rate, a window that is longer than workflows take is one of
/// an overload, whatever the response does (own choice, five times [`GROWTH`]).
pub const OVERLOAD_GROWTH: f64 = 0.10;

/// The canary's computation deviates when its CPU time is further than this share from the median.
pub const CANARY_DEVIATION: f64 = 0.10;

/// Share of canary samples that may deviate (own choice: 3 s of a minute).
pub const CANARY_DEVIATING: f64 = 0.05;

/// Share of starts not sent that makes a run invalid (own choice, as [`SENT_SHARE_SUSPECT`]).
pub const UNSENT_INVALID: f64 = 0.01;

/// Share of starts held at the in-flight cap that makes a run invalid: the load was then closed-loop in part (Lancet's
/// 10 %).
pub const DELAYED_INVALID: f64 = 0.10;

/// Share of failed starts and workflows from which latencies, which are of the others, are suspect (own choice).
pub const FAILED_SUSPECT: f64 = 0.01;

/// Share of failures from which a run measures mostly errors (own choice).
pub const FAILED_INVALID: f64 = 0.50;

/// Share of lost completions that makes a run invalid (own choice: they may all be of the tail that a p99 is).
pub const LOST_INVALID: f64 = 0.01;

/// Effective samples that must lie beyond a quantile (the reports' statistics use the same number).
pub const TAIL_SAMPLES: f64 = 10.0;

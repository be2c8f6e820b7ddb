//! What people write for Plimsoll, read and checked: units, workload and cluster profiles, calibration files,
//! and the arrival schedule that simulator and load generator share.

pub mod arrivals;
pub mod calibration;
pub mod profile;
pub mod random;
pub mod units;

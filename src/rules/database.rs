//! The PostgreSQL size table: source document 003, section 10.3.3.

use serde::Serialize;

use super::RULES_SCHEMA_VERSION;
use super::rounding::round_2;

/// A row of the table. Gigabytes as written there: "2 TB" is 2,000 GB.
struct Row {
    active_workflows: u64,
    storage_gb: f64,
    cpu_cores: f64,
    memory_gb: f64,
    iops: f64,
}

const TABLE: [Row; 3] = [
    Row { active_workflows: 1_000_000, storage_gb: 100.0, cpu_cores: 4.0, memory_gb: 16.0, iops: 3_000.0 },
    Row { active_workflows: 10_000_000, storage_gb: 500.0, cpu_cores: 8.0, memory_gb: 32.0, iops: 10_000.0 },
    Row { active_workflows: 100_000_000, storage_gb: 2_000.0, cpu_cores: 16.0, memory_gb: 64.0, iops: 30_000.0 },
];

/// Where a size comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A row of the table.
    Table,
    /// Between two rows: a straight line on logarithmic axes. The table itself says nothing here.
    Interpolated,
    /// Outside the rows: the nearest line prolonged. Further from the table the less it means.
    Extrapolated,
}

/// What the rule answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatabaseSize {
    /// Version of this document.
    pub schema_version: u32,
    /// Open workflows asked for.
    pub active_workflows: u64,
    /// Where the numbers come from.
    pub method: Method,
    /// Storage.
    pub storage_gb: f64,
    /// Cores.
    pub cpu_cores: f64,
    /// Memory.
    pub memory_gb: f64,
    /// I/O operations per second.
    pub iops: f64,
}

/// The size for so many open workflows: the row itself where there is one, else log-log linear, to two decimals.
/// No open workflows need nothing.
pub fn database_size(active_workflows: u64) -> DatabaseSize {
    let size = |method, storage_gb, cpu_cores, memory_gb, iops| DatabaseSize {
        schema_version: RULES_SCHEMA_VERSION,
        active_workflows,
        method,
        storage_gb,
        cpu_cores,
        memory_gb,
        iops,
    };
    if active_workflows == 0 {
        return size(Method::Extrapolated, 0.0, 0.0, 0.0, 0.0);
    }
    if let Some(row) = TABLE.iter().find(|row| row.active_workflows == active_workflows) {
        return size(Method::Table, row.storage_gb, row.cpu_cores, row.memory_gb, row.iops);
    }
    let [first, middle, last] = &TABLE;
    let (low, high) = if active_workflows < middle.active_workflows { (first, middle) } else { (middle, last) };
    let inside = (first.active_workflows..=last.active_workflows).contains(&active_workflows);
    let method = if inside { Method::Interpolated } else { Method::Extrapolated };
    let between = libm::log(active_workflows as f64 / low.active_workflows as f64)
        / libm::log(high.active_workflows as f64 / low.active_workflows as f64);
    let line = |from: f64, to: f64| round_2(from * libm::pow(to / from, between));
    size(
        method,
        line(low.storage_gb, high.storage_gb),
        line(low.cpu_cores, high.cpu_cores),
        line(low.memory_gb, high.memory_gb),
        line(low.iops, high.iops),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_exact_at_the_rows() {
        for (workflows, storage, cpu, memory, iops) in [
            (1_000_000, 100.0, 4.0, 16.0, 3_000.0),
            (10_000_000, 500.0, 8.0, 32.0, 10_000.0),
            (100_000_000, 2_000.0, 16.0, 64.0, 30_000.0),
        ] {
            let size = database_size(workflows);
            assert_eq!(size.method, Method::Table);
            assert_eq!((size.storage_gb, size.cpu_cores, size.memory_gb, size.iops), (storage, cpu, memory, iops));
        }
    }

    /// Half way on logarithmic axes is the geometric mean.
    #[test]
    fn is_the_geometric_mean_half_way_and_says_that_it_interpolates() {
        let size = database_size(3_162_278);
        assert_eq!(size.method, Method::Interpolated);
        assert!((size.storage_gb - (100.0f64 * 500.0).sqrt()).abs() < 0.01, "{size:?}");
        assert!((size.cpu_cores - 32.0f64.sqrt()).abs() < 0.01, "{size:?}");
    }

    #[test]
    fn says_that_it_extrapolates_outside_the_rows() {
        assert_eq!(database_size(999_999).method, Method::Extrapolated);
        assert_eq!(database_size(100_000_001).method, Method::Extrapolated);
        let tenfold = database_size(1_000_000_000);
        assert_eq!((tenfold.storage_gb, tenfold.cpu_cores, tenfold.iops), (8_000.0, 32.0, 90_000.0));
    }

    proptest! {
        #[test]
        fn more_workflows_never_need_less(a in 1u64..10_000_000_000, b in 1u64..10_000_000_000) {
            let (few, many) = (database_size(a.min(b)), database_size(a.max(b)));
            prop_assert!(few.storage_gb <= many.storage_gb);
            prop_assert!(few.cpu_cores <= many.cpu_cores);
            prop_assert!(few.iops <= many.iops);
        }
    }
}

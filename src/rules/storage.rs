//! Storage growth: source document 003, section 10.3.3.

use plimsoll_profiles::units::Bytes;
use serde::Serialize;

use super::rounding::round_2;
use super::{RULES_SCHEMA_VERSION, TooLarge};

/// The rule's overhead for indexes and the rest.
const OVERHEAD: f64 = 1.5;

/// What the rule needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryVolume {
    /// Workflows started each day.
    pub workflows_per_day: u64,
    /// Mean history events of a workflow.
    pub events_per_workflow: u64,
    /// Mean size of an event.
    pub event_size: Bytes,
    /// Whole days that closed workflows are kept.
    pub retention_days: u64,
}

/// What the rule answers. Gigabytes are 1,024³ bytes, as there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StorageGrowth {
    /// Version of this document.
    pub schema_version: u32,
    /// Workflows within the retention.
    pub total_workflows: u64,
    /// Their events.
    pub total_events: u64,
    /// Their bytes, with half as much again for indexes.
    pub storage_required_gb: f64,
    /// Bytes added each day, without that overhead.
    pub daily_growth_gb: f64,
}

/// `estimate_storage_growth` of section 10.3.3.
///
/// # Errors
/// When a count passes 2^63.
pub fn storage_growth(volume: &HistoryVolume) -> Result<StorageGrowth, TooLarge> {
    let total_workflows = u128::from(volume.workflows_per_day) * u128::from(volume.retention_days);
    let total_events = product(total_workflows, volume.events_per_workflow, "total_events")?;
    let total_bytes = product(total_events, volume.event_size.0, "storage_required_gb")?;
    let daily_events = u128::from(volume.workflows_per_day) * u128::from(volume.events_per_workflow);
    let daily_bytes = product(daily_events, volume.event_size.0, "daily_growth_gb")?;
    Ok(StorageGrowth {
        schema_version: RULES_SCHEMA_VERSION,
        total_workflows: whole(total_workflows, "total_workflows")?,
        total_events: whole(total_events, "total_events")?,
        storage_required_gb: round_2(gigabytes(total_bytes) * OVERHEAD),
        daily_growth_gb: round_2(gigabytes(daily_bytes)),
    })
}

fn product(a: u128, b: u64, number: &'static str) -> Result<u128, TooLarge> {
    a.checked_mul(u128::from(b)).ok_or(TooLarge { number })
}

fn whole(value: u128, number: &'static str) -> Result<u64, TooLarge> {
    i64::try_from(value).map(i64::cast_unsigned).map_err(|_| TooLarge { number })
}

/// Division by a power of two is exact, so only the conversion rounds, as in Python's division of integers.
fn gigabytes(bytes: u128) -> f64 {
    bytes as f64 / 1_073_741_824.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::rounding::tests::round_2_by_integers;
    use proptest::prelude::*;

    /// The example's inputs; the document prints no output, so these are from running its code in CPython.
    #[test]
    fn gives_what_the_source_documents_code_gives_on_its_example() {
        let growth = storage_growth(&HistoryVolume {
            workflows_per_day: 100_000,
            events_per_workflow: 50,
            event_size: Bytes::kib(1),
            retention_days: 90,
        })
        .unwrap();
        assert_eq!(
            growth,
            StorageGrowth {
                schema_version: 1,
                total_workflows: 9_000_000,
                total_events: 450_000_000,
                storage_required_gb: 643.73,
                daily_growth_gb: 4.77,
            }
        );
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let volume = HistoryVolume {
            workflows_per_day: u64::MAX,
            events_per_workflow: u64::MAX,
            event_size: Bytes(u64::MAX),
            retention_days: u64::MAX,
        };
        assert!(storage_growth(&volume).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_exact_integer_arithmetic(
            per_day in 0u64..10_000_000,
            events in 0u64..10_000,
            size in 0u64..10_000,
            days in 0u64..400,
        ) {
            let growth = storage_growth(&HistoryVolume {
                workflows_per_day: per_day,
                events_per_workflow: events,
                event_size: Bytes(size),
                retention_days: days,
            }).unwrap();
            let bytes = u128::from(per_day) * u128::from(events) * u128::from(size);
            prop_assert_eq!(u128::from(growth.total_events), u128::from(per_day) * u128::from(events) * u128::from(days));
            prop_assert_eq!(growth.daily_growth_gb, round_2_by_integers(bytes as f64 / (1u64 << 30) as f64));
            let total = (bytes * u128::from(days)) as f64 / (1u64 << 30) as f64 * 1.5;
            prop_assert_eq!(growth.storage_required_gb, round_2_by_integers(total));
        }
    }
}

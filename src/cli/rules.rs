//! `rules workers|storage|database|strategy`.

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};

use super::Format;

/// Which calculator.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Worker capacity (10.3.1): counts every activity of a workflow as running at once
    Workers(WorkersArgs),
    /// Storage growth (10.3.3)
    Storage(StorageArgs),
    /// PostgreSQL size table (10.3.3), interpolated between its rows
    Database(DatabaseArgs),
    /// Deployment strategy (10.1.5)
    Strategy(StrategyArgs),
}

/// `plimsoll rules workers`.
#[derive(Debug, Args)]
pub struct WorkersArgs {
    /// Workflow starts per second, e.g. 10 or "600/min"
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub workflows_per_second: Rate,
    /// Mean time from start to close of a workflow, e.g. 300s
    #[arg(long, value_name = "DURATION")]
    pub workflow_duration: Nanos,
    /// Activities of one workflow
    #[arg(long, value_name = "N")]
    pub activities: u32,
    /// Mean time of an activity, e.g. 10s (the rule asks for it and does not use it)
    #[arg(long, value_name = "DURATION")]
    pub activity_duration: Nanos,
    /// Cores one running activity takes
    #[arg(long, value_name = "CORES", default_value = "0.1")]
    pub cpu: Cores,
    /// Memory one running activity takes
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub memory: Bytes,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `plimsoll rules storage`.
#[derive(Debug, Args)]
pub struct StorageArgs {
    /// Workflows started each day, e.g. 100000 or 100k
    #[arg(long, value_name = "N", value_parser = count)]
    pub workflows_per_day: u64,
    /// Mean history events of a workflow
    #[arg(long, value_name = "N", value_parser = count)]
    pub events_per_workflow: u64,
    /// Mean size of an event
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    pub event_size: Bytes,
    /// How long closed workflows are kept, in whole days
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = whole_days)]
    pub retention: u64,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `plimsoll rules database`.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// Open workflows, e.g. 5M
    #[arg(long, value_name = "N", value_parser = count)]
    pub active_workflows: u64,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `plimsoll rules strategy`.
#[derive(Debug, Args)]
pub struct StrategyArgs {
    /// What kind of change is deployed
    #[arg(long, value_enum)]
    pub change: ChangeKind,
    /// Format of the answer
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What kind of change is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChangeKind {
    /// A fix that cannot wait
    Hotfix,
    /// A major release
    MajorRelease,
    /// An experimental feature
    ExperimentalFeature,
    /// A routine update
    RoutineUpdate,
    /// Anything else
    Other,
}

/// The flag's name says "per second", so a bare number is one.
fn rate(text: &str) -> Result<Rate, String> {
    let with_unit = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    with_unit.parse::<Rate>().map_err(|error| error.to_string())
}

/// A whole number, with `k`, `M` or `G` for thousands, millions and thousands of millions.
fn count(text: &str) -> Result<u64, String> {
    let expected = || format!("{text:?} is not a count; expected a whole number, e.g. 100000, 100k or 5M");
    let (digits, factor) = match text.char_indices().last() {
        Some((end, 'k')) => (&text[..end], 1_000),
        Some((end, 'M')) => (&text[..end], 1_000_000),
        Some((end, 'G')) => (&text[..end], 1_000_000_000),
        _ => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.len() > 9 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(expected());
    }
    let scale = 10u64.pow(fraction.len() as u32);
    let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| expected())? };
    if !(part * factor).is_multiple_of(scale) {
        return Err(expected());
    }
    let whole: u64 = whole.parse().map_err(|_| expected())?;
    whole.checked_mul(factor).and_then(|value| value.checked_add(part * factor / scale)).ok_or_else(expected)
}

fn whole_days(text: &str) -> Result<u64, String> {
    const DAY: u64 = 86_400_000_000_000;
    let retention: Nanos = text.parse().map_err(|error: plimsoll_profiles::units::UnitError| error.to_string())?;
    if !retention.0.is_multiple_of(DAY) {
        return Err(format!("{text:?} is not a whole number of days; the rule counts days, e.g. 90d"));
    }
    Ok(retention.0 / DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_take_thousands_and_millions() {
        for (text, expected) in
            [("0", 0), ("100000", 100_000), ("100k", 100_000), ("5M", 5_000_000), ("1.5M", 1_500_000)]
        {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        for text in ["", "k", "-1", "1.5", "1e6", "NaN", "1.00001k", "99999999999999999999", "99999999999G", "5 M", "٣"]
        {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn retention_is_whole_days() {
        assert_eq!(whole_days("90d"), Ok(90));
        assert_eq!(whole_days("2w"), Ok(14));
        assert!(whole_days("36h").is_err());
        assert!(whole_days("90").is_err());
    }
}

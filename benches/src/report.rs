//! What was measured, against what was promised: as JSON and as text.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::contenders::{self, Entry};
use crate::hold::{Compared, Increment, State};
use crate::interleave::Measured;
use crate::machine::Machine;
use crate::mm10::{self, EVENTS_PER_CUSTOMER, Outcome, SERVERS, UTILISATION};
use crate::scale::ScaleRun;
use crate::temporal::TemporalSpeed;

/// Version of the JSON's shape.
pub const SCHEMA_VERSION: u32 = 1;

/// How the run was set.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Fewer customers, holds and rounds.
    pub quick: bool,
    /// Rounds measured, after one that is not.
    pub rounds: usize,
    /// Seed of all random streams.
    pub seed: u64,
}

/// The whole result.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What it ran on.
    pub machine: Machine,
    /// How it was set.
    pub settings: Settings,
    /// The M/M/10 queue in every engine; absent when not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mm10: Option<QueueSection>,
    /// The hold model; empty when not asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<HoldSection>,
    /// The Temporal model; absent while there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub temporal: Vec<TemporalSpeed>,
    /// The Temporal model at scale; empty when not asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scale: Vec<ScaleRun>,
    /// What was promised, and whether this run kept it.
    pub targets: Vec<Target>,
    /// Results that are wrong. Empty, or the speeds mean nothing.
    pub failures: Vec<String>,
}

/// Nanoseconds of processor time per unit.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// Median over the rounds.
    pub median: f64,
    /// The fastest round.
    pub min: f64,
    /// The slowest round.
    pub max: f64,
    /// Every round.
    pub rounds: Vec<f64>,
}

impl Times {
    fn of<T>(measured: &Measured<T>) -> Self {
        Self {
            median: measured.median(),
            min: measured.min(),
            max: measured.max(),
            rounds: measured.nanos_per_unit.clone(),
        }
    }
}

/// The M/M/10 queue.
#[derive(Clone, Debug, Serialize)]
pub struct QueueSection {
    /// Servers.
    pub servers: u32,
    /// Utilisation.
    pub utilisation: f64,
    /// Mean wait in steady state by Erlang's C formula, in seconds.
    pub theory_mean_wait: f64,
    /// Every engine.
    pub contenders: Vec<QueueContender>,
}

/// One engine on the M/M/10 queue.
#[derive(Clone, Debug, Serialize)]
pub struct QueueContender {
    /// Its name.
    pub name: &'static str,
    /// Its version on crates.io, for a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
    /// Customers per run.
    pub customers: u64,
    /// Nanoseconds per customer.
    pub nanos_per_customer: Times,
    /// Model events (two per customer) per second, from the median.
    pub events_per_second: f64,
    /// Customers per second, from the median.
    pub customers_per_second: f64,
    /// Its time per customer divided by Plimsoll's: above one, Plimsoll is faster.
    pub times_plimsoll: f64,
    /// Standard error of the mean wait of this many customers, in seconds.
    pub standard_error: f64,
    /// What it found.
    pub outcome: Outcome,
}

/// The hold model at one size and distribution.
#[derive(Clone, Debug, Serialize)]
pub struct HoldSection {
    /// Events pending.
    pub pending: u32,
    /// Distribution of the increments.
    pub increment: &'static str,
    /// Holds per round.
    pub holds: u64,
    /// The event lists.
    pub lists: Vec<HoldList>,
    /// Time of BinaryHeap by pop and push, which is what the engine's queue does too, divided by Plimsoll's.
    pub ratio: f64,
}

/// One event list on the hold model.
#[derive(Clone, Debug, Serialize)]
pub struct HoldList {
    /// Its name.
    pub name: &'static str,
    /// Nanoseconds per hold: one event taken, one drawn and scheduled.
    pub nanos_per_hold: Times,
}

/// A promise and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// The ratio meant.
    pub name: String,
    /// Its value in this run.
    pub value: f64,
    /// The bound.
    #[serde(flatten)]
    pub bound: Bound,
    /// What is hoped for beyond the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<f64>,
    /// Whether the value keeps the bound.
    pub met: bool,
}

/// The side on which a ratio must lie.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
}

impl Target {
    fn new(name: impl Into<String>, value: f64, bound: Bound, aim: Option<f64>) -> Self {
        let met = match bound {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        };
        Self { name: name.into(), value, bound, aim, met }
    }
}

impl Report {
    /// A report with no sections yet.
    pub fn new(machine: Machine, settings: Settings) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            machine,
            settings,
            mm10: None,
            hold: Vec::new(),
            temporal: Vec::new(),
            scale: Vec::new(),
            targets: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds the M/M/10 queue, its targets and its checks.
    pub fn add_queue(&mut self, entries: &[Entry], measured: &[Measured<Outcome>]) {
        self.failures.extend(contenders::check(self.settings.seed, measured));
        let rows: Vec<QueueContender> = entries
            .iter()
            .zip(measured)
            .filter_map(|(entry, one)| {
                let task = mm10::Task { customers: one.units, seed: self.settings.seed };
                let median = one.median();
                Some(QueueContender {
                    name: one.name,
                    version: entry.version,
                    customers: one.units,
                    nanos_per_customer: Times::of(one),
                    events_per_second: EVENTS_PER_CUSTOMER as f64 * 1e9 / median,
                    customers_per_second: 1e9 / median,
                    times_plimsoll: ratio(Some(one), find(measured, contenders::PLIMSOLL)),
                    standard_error: mm10::expected(task).standard_error,
                    outcome: *one.outcomes.first()?,
                })
            })
            .collect();
        for (name, aim) in [(contenders::POP_PUSH, Some(1.3)), (contenders::REPLACE_TOP, None)] {
            if let Some(by_hand) = rows.iter().find(|row| row.name == name) {
                let name = format!("M/M/10: speed against a hand-written {name} loop");
                self.targets.push(Target::new(name, by_hand.times_plimsoll, Bound::AtLeast(1.0), aim));
            }
        }
        let peers = rows.iter().filter(|row| row.version.is_some());
        if let Some(peer) = peers.min_by(|a, b| a.times_plimsoll.total_cmp(&b.times_plimsoll)) {
            let name = format!("M/M/10: speed against the fastest peer ({})", peer.name);
            self.targets.push(Target::new(name, peer.times_plimsoll, Bound::AtLeast(3.0), None));
        }
        self.mm10 = Some(QueueSection {
            servers: SERVERS,
            utilisation: UTILISATION,
            theory_mean_wait: mm10::erlang_c_mean_wait(),
            contenders: rows,
        });
    }

    /// Adds the hold model, its targets and its checks.
    pub fn add_hold(&mut self, compared: &[Compared]) {
        for one in compared {
            let increment = one.increment.name();
            if !same_events(&one.measured) {
                let text = format!("hold model, {} pending, {increment}: the lists took different events", one.pending);
                self.failures.push(text);
            }
            let lists = one.measured.iter().map(|list| HoldList { name: list.name, nanos_per_hold: Times::of(list) });
            self.hold.push(HoldSection {
                pending: one.pending,
                increment,
                holds: one.measured.first().map_or(0, |list| list.units),
                lists: lists.collect(),
                ratio: against_binary_heap(&one.measured),
            });
        }
        let of_size =
            |pending| compared.iter().find(|one| one.pending == pending && one.increment == Increment::Exponential);
        if let (Some(large), Some(small)) = (of_size(1_000_000), of_size(1_000)) {
            let name = "hold, 1,000,000 pending: speed against BinaryHeap";
            self.targets.push(Target::new(name, against_binary_heap(&large.measured), Bound::AtLeast(8.0), None));
            let name = "hold: time at 1,000,000 pending against 1,000";
            let own = ratio(find(&large.measured, contenders::PLIMSOLL), find(&small.measured, contenders::PLIMSOLL));
            self.targets.push(Target::new(name, own, Bound::AtMost(2.0), Some(1.2)));
        }
    }
}

/// The time of BinaryHeap divided by Plimsoll's, both by pop and push.
fn against_binary_heap(measured: &[Measured<State>]) -> f64 {
    ratio(find(measured, contenders::POP_PUSH), find(measured, contenders::PLIMSOLL))
}

fn find<'a, T>(measured: &'a [Measured<T>], name: &str) -> Option<&'a Measured<T>> {
    measured.iter().find(|one| one.name == name)
}

/// How many times longer the first takes; not a number when one is missing.
fn ratio<T>(slow: Option<&Measured<T>>, fast: Option<&Measured<T>>) -> f64 {
    slow.zip(fast).map_or(f64::NAN, |(slow, fast)| slow.times(fast))
}

/// Whether every list reached the same state in every round.
fn same_events(measured: &[Measured<State>]) -> bool {
    measured.windows(2).all(|pair| pair[0].outcomes == pair[1].outcomes)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_head(&mut text)?;
        self.write_queue(&mut text)?;
        self.write_hold(&mut text)?;
        self.write_temporal(&mut text)?;
        self.write_scale(&mut text)?;
        self.write_targets(&mut text)?;
        f.write_str(&text)
    }
}

impl Report {
    fn write_head(&self, out: &mut String) -> fmt::Result {
        let machine = &self.machine;
        let processor = machine.processor.as_deref().unwrap_or("unknown processor");
        writeln!(out, "Speed of Plimsoll's engine")?;
        writeln!(out, "  {processor}, {} cores, {}, {}", machine.cores, machine.platform, machine.rustc)?;
        let kind = if self.settings.quick { "quick run" } else { "full run" };
        writeln!(
            out,
            "  {kind}: medians of {} interleaved rounds after one to warm up, seed {}",
            self.settings.rounds, self.settings.seed
        )?;
        if let Some(load) = machine.load_average.filter(|load| *load > machine.cores as f64) {
            writeln!(out, "  the machine is busy (load {load:.1}): trust the ratios, not the times")?;
        }
        if !machine.optimised {
            writeln!(out, "  NOT OPTIMISED: a debug build's times mean nothing; use --release")?;
        }
        Ok(())
    }

    fn write_queue(&self, out: &mut String) -> fmt::Result {
        let Some(section) = &self.mm10 else { return Ok(()) };
        writeln!(
            out,
            "\nM/M/{} at utilisation {}, all with statistics: wait (mean, variance, histogram), queue length, busy servers",
            section.servers, section.utilisation
        )?;
        writeln!(
            out,
            "  {:<22} {:>10} {:>9} {:>15} {:>9} {:>8}  {:>16}",
            "", "customers", "ns/cust.", "min - max", "M ev/s", "x ours", "mean wait (s)"
        )?;
        for row in &section.contenders {
            let name = row.version.map_or(row.name.to_owned(), |version| format!("{} {version}", row.name));
            let times = &row.nanos_per_customer;
            writeln!(
                out,
                "  {name:<22} {:>10} {:>9.1} {:>15} {:>9.2} {:>8.2}  {:>16}",
                row.customers,
                times.median,
                format!("{:.1} - {:.1}", times.min, times.max),
                row.events_per_second / 1e6,
                row.times_plimsoll,
                format!("{:.5} ± {:.5}", row.outcome.mean_wait, row.standard_error),
            )?;
        }
        writeln!(out, "  Erlang C: {:.6} s. Same random numbers, same waits in all.", section.theory_mean_wait)
    }

    fn write_hold(&self, out: &mut String) -> fmt::Result {
        if self.hold.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nHold model: nanoseconds to take the earliest of n events, draw, and schedule it again")?;
        write!(out, "  {:>9} {:<12}", "pending", "increments")?;
        for list in self.hold.iter().take(1).flat_map(|row| &row.lists) {
            write!(out, " {:>22}", list.name)?;
        }
        writeln!(out, " {:>6}", "ratio")?;
        for row in &self.hold {
            write!(out, "  {:>9} {:<12}", row.pending, row.increment)?;
            for list in &row.lists {
                let times = &list.nanos_per_hold;
                write!(out, " {:>22}", format!("{:.1} ({:.1} - {:.1})", times.median, times.min, times.max))?;
            }
            writeln!(out, " {:>6.2}", row.ratio)?;
        }
        Ok(())
    }

    fn write_temporal(&self, out: &mut String) -> fmt::Result {
        for temporal in &self.temporal {
            writeln!(
                out,
                "\nTemporal model: {} on {} at {}/s, {} workflows",
                temporal.profile, temporal.cluster, temporal.rate, temporal.workflows
            )?;
            writeln!(
                out,
                "  {:.0} workflows/s and {:.2} M events/s simulated per core, {:.1} events per workflow, peak memory {:.1} MiB",
                temporal.workflows_per_second_per_core,
                temporal.events_per_second_per_core / 1e6,
                temporal.events_per_workflow,
                mebibytes(temporal.peak_memory_bytes)
            )?;
        }
        Ok(())
    }

    /// Adds the runs at scale, their targets and their checks.
    pub fn add_scale(&mut self, runs: Vec<ScaleRun>) {
        for run in &runs {
            let gibibytes = mebibytes(run.peak_memory_bytes) / 1_024.0;
            let name = format!("{}: peak memory in GiB", run.name);
            self.targets.push(Target::new(
                name,
                gibibytes,
                Bound::AtMost(if run.open.is_some() { 2.0 } else { 1.0 }),
                None,
            ));
            if run.unfinished > 0 {
                self.failures.push(format!("{}: {} workflows did not complete", run.name, run.unfinished));
            }
            let Some(open) = &run.open else { continue };
            if (open.simulated / open.expected - 1.0).abs() > 0.1 {
                let text =
                    format!("{}: {:.3e} open, Little's law says {:.3e}", run.name, open.simulated, open.expected);
                self.failures.push(text);
            }
        }
        self.scale = runs;
    }

    fn write_scale(&self, out: &mut String) -> fmt::Result {
        if self.scale.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nTemporal model at scale, on one core")?;
        for run in &self.scale {
            writeln!(
                out,
                "  {}: {} workflows at {:.0}/s over {} simulated seconds, {} shards, {} pods",
                run.name, run.workflows, run.starts_per_second, run.simulated_seconds, run.history_shards, run.pods
            )?;
            writeln!(
                out,
                "    {:.1} s ({:.1} s of processor time), {} events, {:.2} M events/s, {:.0} workflows/s, peak memory {:.1} MiB",
                run.wall_seconds,
                run.processor_seconds,
                run.events,
                run.events_per_second_per_core / 1e6,
                run.workflows_per_second_per_core,
                mebibytes(run.peak_memory_bytes)
            )?;
            let Some(open) = &run.open else { continue };
            writeln!(
                out,
                "    open workflows {:.4e} (Little's law {:.4e}), {} of them held one by one{}; {:.2} cold loads per workflow, {:.1} GB in the database",
                open.simulated,
                open.expected,
                open.held,
                match open.memory_per_held_workflow {
                    0.0 => String::new(),
                    bytes => format!(" in {bytes:.0} bytes each"),
                },
                open.cold_loads_per_workflow,
                open.database_bytes / 1e9
            )?;
        }
        Ok(())
    }

    fn write_targets(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nTargets")?;
        for target in &self.targets {
            let bound = match target.bound {
                Bound::AtLeast(least) => format!(">= {least:.1}"),
                Bound::AtMost(most) => format!("<= {most:.1}"),
            };
            let aim = target.aim.map_or(String::new(), |aim| format!(" (aim {aim:.1})"));
            let verdict = if target.met { "met" } else { "NOT MET" };
            writeln!(out, "  {:<65} {:>6.2}  {bound}{aim}: {verdict}", target.name, target.value)?;
        }
        if self.failures.is_empty() {
            return writeln!(out, "\nAll contenders agree with the independent solution and with each other.");
        }
        writeln!(out, "\nWRONG RESULTS, so the speeds mean nothing:")?;
        for failure in &self.failures {
            writeln!(out, "  {failure}")?;
        }
        Ok(())
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

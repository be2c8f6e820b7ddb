//! `plimsoll-load calibrate`: what a cluster's operations cost.

use std::path::Path;
use std::time::Duration;

use plimsoll_profiles::calibration::Calibration;

use super::interrupts::Interrupts;
use crate::calibrate::analysis::{Repeats, analyse};
use crate::calibrate::bench::{Bench, Measured};
use crate::calibrate::speed::Idle;
use crate::calibrate::store::{CALIBRATION_FILE, Cluster, RESULT_FILE, SCHEMA_VERSION, Store};
use crate::calibrate::workloads::{Workload, workloads};
use crate::calibrate::{file, text};
use crate::cli::{CalibrateArgs, Format};
use crate::connect::Endpoint;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::identity::RunId;
use crate::safety::{Terminal, consent};
use crate::samplers::SamplerSettings;

/// Measures what is not measured yet, fits, and writes the calibration file.
///
/// # Errors
/// When the cluster or its database is not reached, or the directory cannot be used.
pub fn run(arguments: &CalibrateArgs, console: &Console) -> Result<Exit, Failure> {
    let base = Calibration::load(&arguments.base, Path::new("")).map_err(|error| Failure::usage(error.to_string()))?;
    let base_text = file::base_text(&arguments.base)?;
    let store = Store::open(&arguments.out)?;
    if !arguments.fit_only {
        let missing = missing(arguments, &store)?;
        let starts: u32 = missing.iter().map(|(workload, _)| workload.count).sum();
        let seconds: f64 = missing.iter().map(|(workload, _)| seconds(arguments, workload)).sum();
        let what = format!(
            "start {starts} small workflows in {} workloads, in about {:.0} minutes",
            missing.len(),
            (seconds / 60.0).ceil()
        );
        let endpoint = Endpoint::resolve(&arguments.connect)?;
        if arguments.safety.dry_run {
            console.answer(&format!("This would {what} at {}.\n", endpoint.address().value))?;
            return Ok(Exit::Success);
        }
        consent(&endpoint, &arguments.safety, &what, &mut Terminal)?;
        super::block_on(measure(arguments, &store, &endpoint, missing, console))?;
    }
    let (cluster, idle, all) = gathered(arguments, &store)?;
    console.note("fitting");
    let (findings, _) = analyse(&all, &idle, &cluster, &base)?;
    let head = text::head(&findings, &arguments.name, &arguments.base);
    let written = file::written(&base_text, &head, &text::entries(&findings), &arguments.base)?;
    let path = store.keep_text(CALIBRATION_FILE, &written)?;
    let json = serde_json::to_string_pretty(&findings).map_err(|error| Failure::io(error.to_string()))?;
    store.keep_text(RESULT_FILE, &format!("{json}\n"))?;
    console.answer(&match arguments.format {
        Format::Human => text::text(&findings, &path.display().to_string()),
        Format::Json => format!("{json}\n"),
    })?;
    Ok(Exit::Success)
}

/// The workloads that are not in the directory, in the order in which they are run: repeat by repeat, so that a drift of the
/// machine is in all workloads alike.
fn missing(arguments: &CalibrateArgs, store: &Store) -> Result<Vec<(Workload, u32)>, Failure> {
    let mut list = Vec::new();
    for repeat in 0..arguments.repeats {
        for workload in workloads() {
            if store.run::<Measured>(workload.name, repeat)?.is_none() {
                list.push((workload, repeat));
            }
        }
    }
    Ok(list)
}

fn seconds(arguments: &CalibrateArgs, workload: &Workload) -> f64 {
    f64::from(workload.count) / workload.rate.as_per_second() + arguments.settle.as_secs_f64() + 5.0
}

async fn measure(
    arguments: &CalibrateArgs,
    store: &Store,
    endpoint: &Endpoint,
    missing: Vec<(Workload, u32)>,
    console: &Console,
) -> Result<(), Failure> {
    let interrupts = Interrupts::listen()?;
    let connected = endpoint.connect(&format!("{}-calibrate", RunId::new())).await?;
    let address = connected.endpoint.address().value.to_string();
    let settings = SamplerSettings::resolve(&arguments.samplers, Some(&address), &[], 1)?;
    let temporal = connected.server.version.clone();
    let mut bench = Bench::new(connected, &settings, &arguments.set, arguments.settle).await?;
    let cluster = Cluster {
        schema_version: SCHEMA_VERSION,
        address,
        temporal,
        database: bench.reader().version().await?,
        history_shards: bench.shards(),
        machine: machine(),
        round_trip_seconds: bench.reader().round_trip().await?,
    };
    store.belongs_to(&cluster)?;
    let work = async {
        if let Some((warm_up, _)) = missing.first() {
            console.note("warm-up");
            bench.run(&warm_up.shape, warm_up.rate, 10, 0).await?;
        }
        let all = missing.len();
        for (index, (workload, repeat)) in missing.iter().enumerate() {
            console.note(&format!("{:>3}/{all}  {} (repeat {})", index + 1, workload.name, repeat + 1));
            let seed = 100 * u64::from(*repeat) + index as u64 + 1;
            let measured = bench.run(&workload.shape, workload.rate, workload.count, seed).await?;
            store.keep_run(workload.name, *repeat, &measured)?;
        }
        // Last: half a minute after its start an idle cluster's history and PostgreSQL used 23 and 15 ms of CPU a second, ten minutes later 14
        // and 6 (measured); workflows would be said to cost that much less.
        if store.idle::<Idle>()?.is_none() {
            console.note("idle cluster");
            let idle = bench.idle(Duration::from_nanos(arguments.idle.0)).await?;
            store.keep_idle(&idle)?;
        }
        Ok(())
    };
    let mut interrupted = interrupts.clone();
    tokio::select! {
        done = work => done,
        () = interrupted.next() => Err(Failure::Message(
            Exit::Interrupted,
            format!("interrupted; what is finished is in {}: the same command goes on from there", arguments.out.display()),
        )),
    }
}

/// What is in the directory.
fn gathered(arguments: &CalibrateArgs, store: &Store) -> Result<(Cluster, Idle, Vec<Repeats>), Failure> {
    let nothing =
        || Failure::usage(format!("{} holds no measurements; run without --fit-only first", arguments.out.display()));
    let cluster = store.cluster()?.ok_or_else(nothing)?;
    let idle: Idle = store.idle()?.ok_or_else(nothing)?;
    let mut all = Vec::new();
    for workload in workloads() {
        let mut measured = Vec::new();
        for repeat in 0..arguments.repeats {
            measured.extend(store.run::<Measured>(workload.name, repeat)?);
        }
        if !measured.is_empty() {
            let profile =
                workload.shape.profile(workload.rate, workload.count, cluster.history_shards, &arguments.set)?;
            all.push(Repeats { workload, profile, measured });
        }
    }
    if all.is_empty() {
        return Err(nothing());
    }
    Ok((cluster, idle, all))
}

/// This machine, in words.
fn machine() -> String {
    use procfs::Current;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = procfs::CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
    let memory = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.map(|model| format!(" of {model}")).unwrap_or_default();
    format!(
        "generator's machine: {cores} cores{model}, {} GiB, Linux {}",
        (memory as f64 / f64::from(1 << 30)).round(),
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;
    use crate::calibrate::counters::Counters;
    use crate::cli::{Cli, Command};

    fn arguments(out: &Path) -> CalibrateArgs {
        let line = ["plimsoll-load", "calibrate", "--yes", "--out"];
        match Cli::try_parse_from(line.iter().map(AsRef::as_ref).chain([out.as_os_str()])).unwrap().command {
            Command::Calibrate(arguments) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    fn finished() -> Measured {
        Measured {
            workflows: 50,
            lost: 0,
            busy_seconds: 10.0,
            counters: Counters::default(),
            latency_ms: [40.0, 50.0, 60.0],
            busy_cores: 1.0,
            own_cores: 0.9,
            stolen_cores: 0.0,
            canary: Some(0.25e-3),
        }
    }

    #[test]
    fn what_is_finished_is_not_run_again() {
        let folder = tempfile::tempdir().unwrap();
        let (arguments, store) = (arguments(folder.path()), Store::open(folder.path()).unwrap());
        let all = workloads().len();
        assert_eq!(missing(&arguments, &store).unwrap().len(), 2 * all);
        for workload in workloads() {
            store.keep_run(workload.name, 0, &finished()).unwrap();
        }
        store.keep_run(workloads()[3].name, 1, &finished()).unwrap();
        let left = missing(&arguments, &Store::open(folder.path()).unwrap()).unwrap();
        assert_eq!(left.len(), all - 1);
        assert!(left.iter().all(|(workload, repeat)| *repeat == 1 && workload.name != workloads()[3].name));
    }

    #[test]
    fn a_directory_without_measurements_is_said_to_hold_none() {
        let folder = tempfile::tempdir().unwrap();
        let (arguments, store) = (arguments(folder.path()), Store::open(folder.path()).unwrap());
        let message = gathered(&arguments, &store).unwrap_err().to_string();
        assert!(message.contains("no measurements"), "{message}");
    }
}

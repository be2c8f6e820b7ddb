//! Measures the suite on a cluster of its own, on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_reports::run_dir;
use plimsoll_reports::validation::Validation;

use super::results::{self, MachineFacts, Measured};
use super::suite::{ClusterOptions, Suite, Workload};

/// The cluster's name.
const CLUSTER: &str = "accuracy";

/// What is measured, and where it goes.
pub struct Runner<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The repository.
    pub root: PathBuf,
    /// `plimsoll-load`.
    pub program: PathBuf,
    /// Where the run directories are kept.
    pub runs: PathBuf,
    /// Where the results are written.
    pub results: PathBuf,
    /// First port of the cluster.
    pub ports: u16,
    /// The costs that the model uses.
    pub calibration: PathBuf,
}

impl Runner<'_> {
    /// Measures one workload on a fresh cluster. One that served others writes the metrics of each of their task queues at every scrape, each run's being its
    /// own (seen: 12 MB by matching after 25 runs, and 60 ms of its CPU a second, idle, where a fresh one's takes 10).
    ///
    /// # Errors
    /// In words: a cluster that does not start, a measurement that failed.
    pub fn measure(&self, workload: &Workload) -> Result<Validation, String> {
        self.start(&workload.cluster)?;
        let folder = self.folder(workload);
        fs::create_dir_all(&self.runs).map_err(|error| format!("cannot make {}: {error}", self.runs.display()))?;
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("cannot clear {}: {error}", folder.display()))?;
        }
        let flags = ["--yes", "--pause", &self.suite.pause].map(str::to_owned);
        self.validate(workload, flags, |folder| Ok((measured_at(&folder.join("run-1"))?, MachineFacts::look())))
    }

    /// Holds the model, as it is now, against what was measured: the runs that [`Runner::measure`] left, where they are still there, and the
    /// numbers of its `result` otherwise.
    ///
    /// # Errors
    /// In words: a workload without either.
    pub fn predict(&self, workload: &Workload, result: Option<&Measured>) -> Result<Validation, String> {
        let folder = self.folder(workload);
        if folder.join("run-1").is_dir() {
            let machine = result.map_or_else(MachineFacts::look, |result| result.machine.clone());
            let flags = ["--measured".to_owned(), folder.display().to_string()];
            return self.validate(workload, flags, |folder| Ok((measured_at(&folder.join("run-1"))?, machine)));
        }
        let Some(result) = result else {
            return Err(format!("{} has no result: measure it with --run", workload.title()));
        };
        let kept = self.runs.join(format!("{}-measured.json", workload.file_stem()));
        let text = serde_json::to_string(&result.validation).map_err(|error| error.to_string())?;
        fs::create_dir_all(&self.runs)
            .and_then(|()| fs::write(&kept, text))
            .map_err(|error| format!("cannot write {}: {error}", kept.display()))?;
        let mut flags = vec!["--measured".to_owned(), kept.display().to_string()];
        let told = [("history_shards", workload.cluster.shards), ("max_connections", workload.cluster.connections)];
        let told = told.into_iter().filter_map(|(key, number)| Some(format!("cluster.{key}={}", number?)));
        flags.extend(told.flat_map(|set| ["--set".to_owned(), set]));
        self.validate(workload, flags, |_| Ok((result.at.clone(), result.machine.clone())))
    }

    fn folder(&self, workload: &Workload) -> PathBuf {
        self.runs.join(workload.file_stem())
    }

    /// Validates, and keeps the result; `facts` says when and on what it was measured.
    fn validate(
        &self,
        workload: &Workload,
        flags: impl IntoIterator<Item = String>,
        facts: impl FnOnce(&Path) -> Result<(String, MachineFacts), String>,
    ) -> Result<Validation, String> {
        let (stem, folder) = (workload.file_stem(), self.folder(workload));
        let text = self.suite.profile(workload)?;
        let profile = self.runs.join(format!("{stem}.toml"));
        fs::write(&profile, &text).map_err(|error| format!("cannot write {}: {error}", profile.display()))?;
        let mut command = Command::new(&self.program);
        command.arg("validate").arg(&profile).arg("--out").arg(&folder).args(flags);
        command.args(["--rate", &workload.rate, "--duration", self.suite.duration(workload)]);
        command.args(["--repeats", &self.suite.repeats(workload).to_string()]);
        command.args(["--address", &format!("127.0.0.1:{}", self.ports + 33)]);
        let calibration = match &workload.calibration {
            Some(file) => self.calibration.with_file_name(file),
            None => self.calibration.clone(),
        };
        command.arg("--calibration").arg(calibration);
        for value in &workload.set_values {
            command.args(["--set", value]);
        }
        let status = command.stdout(std::process::Stdio::null()).status();
        let status = status.map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        // 1 is a finding: outside the tolerance, which is what the suite is there to show.
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("{}: plimsoll-load validate ended with {status}", workload.name));
        }
        let document = folder.join("validation.json");
        let read =
            fs::read_to_string(&document).map_err(|error| format!("cannot read {}: {error}", document.display()))?;
        let validation: Validation =
            serde_json::from_str(&read).map_err(|error| format!("{}: {error}", document.display()))?;
        let (at, machine) = facts(&folder)?;
        let measured = Measured {
            workload: workload.name.clone(),
            set: workload.set,
            rate: workload.rate.clone(),
            at,
            machine,
            profile: text,
            validation: validation.clone(),
        };
        results::write(&self.results, &stem, &measured)?;
        Ok(validation)
    }

    /// A fresh cluster.
    fn start(&self, options: &ClusterOptions) -> Result<(), String> {
        self.stop();
        let mut command = Command::new(self.root.join("loadgen/cluster/up"));
        command.args(["--name", CLUSTER, "--ports", &self.ports.to_string()]);
        if let Some(shards) = options.shards {
            command.args(["--shards", &shards.to_string()]);
        }
        if let Some(connections) = options.connections {
            command.args(["--connections", &connections.to_string()]);
        }
        if let Some(text) = &options.dynamic_config {
            let file = self.runs.join("dynamic-config.yaml");
            fs::create_dir_all(&self.runs)
                .and_then(|()| fs::write(&file, format!("{text}\n")))
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            command.arg("--dynamic-config").arg(&file);
        }
        for setting in &options.postgres {
            command.args(["--pg-setting", setting]);
        }
        let status = command.stdout(std::process::Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("loadgen/cluster/up ended with {status}")),
            Err(error) => Err(format!("cannot run loadgen/cluster/up: {error}")),
        }
    }

    /// The cluster and its data are gone.
    pub fn stop(&self) {
        let mut command = Command::new(self.root.join("loadgen/cluster/reset"));
        // A cluster that is not there is as good as gone.
        let _ = command.args(["--name", CLUSTER]).stdout(std::process::Stdio::null()).status();
    }
}

/// When a run began, in UTC.
fn measured_at(run: &Path) -> Result<String, String> {
    let manifest = run_dir::read_manifest(&run.join(run_dir::MANIFEST_FILE)).map_err(|error| error.to_string())?;
    manifest
        .clock
        .started_at
        .and_then(|at| at.parse::<jiff::Timestamp>().ok())
        .map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
        .ok_or_else(|| format!("{}: a measured run has a time at which it began; measure again", run.display()))
}

/// `plimsoll-load` beside this program.
pub fn program() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let beside: &Path = own.parent()?;
    Some(beside.join(format!("plimsoll-load{}", std::env::consts::EXE_SUFFIX))).filter(|program| program.is_file())
}

//! Scratch.
use plimsoll::model::{self, LoadWindow, Watcher};
use plimsoll_profiles::Document;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::compare::Tolerances;
use plimsoll_reports::run_dir;
use plimsoll_reports::validation::{MeasuredRun, PredictedRun, StepTimes, Validation};
use std::path::Path;
struct W;
impl Watcher for W {
    fn is_cancelled(&self) -> bool {
        false
    }
    fn say(&self, _: &str) {}
}
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for folder in &arguments {
        let folder = Path::new(folder);
        let text = std::fs::read_to_string(folder.join("held.toml")).unwrap();
        let document = Document::parse(&text, &folder.join("held.toml").display().to_string(), &[])
            .unwrap_or_else(|e| panic!("{e}"));
        let base = run_dir::read(&folder.join("sim")).unwrap();
        let phases = &base.manifest.phases;
        let window = LoadWindow {
            seed: base.manifest.seed,
            measured_from: Nanos::from_secs_f64(phases.last().unwrap().start_seconds),
            until: Nanos::from_secs_f64(phases.last().unwrap().end_seconds),
        };
        let simulated = model::simulate_load(&document, &window, &W).unwrap_or_else(|e| panic!("{e:?}"));
        let into = std::env::temp_dir().join(format!("held-{}", std::process::id())).join(folder.file_name().unwrap());
        model::write_run_directory(&into, &document, &simulated, false).unwrap();
        let run = run_dir::read(&into).unwrap();
        let model_run = PredictedRun { name: "sim".into(), run, steps: model::step_times(&simulated.steps) };
        let mut runs = Vec::new();
        for number in 1.. {
            let name = format!("run-{number}");
            let directory = folder.join(&name);
            if !directory.is_dir() {
                break;
            }
            let Ok(run) = run_dir::read(&directory) else { continue };
            let steps = StepTimes::read(&directory).unwrap();
            runs.push(MeasuredRun { name, run, steps, canary_moved: None });
        }
        let validation = Validation::new(&model_run, &runs, &Tolerances::accuracy());
        println!(
            "{} used {}",
            folder.file_name().unwrap().to_str().unwrap(),
            validation.measured.iter().filter(|r| r.left_out.is_none()).count()
        );
        for row in validation.rows.iter().chain(&validation.steps) {
            let unit = if row.unit == "s" { 1000.0 } else { 1.0 };
            println!(
                "  {:3} {:<46} {:>4} {:>12.4} {:>12.4} {:>+7.1}% spread {:>5.1}%",
                if row.within { "ok" } else { "OUT" },
                row.step.as_ref().map_or(row.metric.clone(), |s| s.words()),
                row.quantile.map_or(String::new(), |q| format!("p{}", (q * 100.0).round())),
                row.predicted * unit,
                row.measured * unit,
                row.error.unwrap_or(f64::NAN) * 100.0,
                row.spread.unwrap_or(f64::NAN) * 100.0
            );
        }
    }
}

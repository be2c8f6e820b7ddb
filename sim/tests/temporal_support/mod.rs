//! Profiles from text, and simulations of them, for the tests of the Temporal model.
#![allow(dead_code, clippy::unwrap_used)]

pub mod shapes;
pub mod steps;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_profiles::{Document, World, shipped};
use plimsoll_sim::engine::{Simulation, laws};
use plimsoll_sim::temporal::{Leftovers, Model, Outcome, Settings, SystemSize, simulate};

/// The machine and the worker of the measured runs: one Go worker, 8 + 8 pollers, 200 + 200 slots.
const MEASURED_SYSTEM: &str = r#"
[workers]
pods = 1
activity_slots = 200
workflow_task_slots = 200
workflow_task_pollers = 8
activity_pollers = 8
pod = { cpu = 2, memory = "24GiB" }
cpu_per_workflow_task = "1800us"   # client and worker: whole host less the services; with 0.8 ms an activity

[growth]
retention = "1d"

[cluster]
use = "measured-2-core"
"#;

/// The middle world of a profile's text.
pub fn profile(text: &str) -> Profile {
    let document = Document::parse(text, "test.toml", &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A shipped profile.
pub fn shipped_profile(name: &str) -> Profile {
    profile(shipped::profile(name).expect("a shipped profile").text)
}

/// Workflows of these tables on the measured machine, started by a Poisson process.
pub fn on_measured_machine(workflows: &str, rate_per_second: f64) -> Profile {
    profile(&measured_machine(workflows, rate_per_second))
}

/// The same where the tables may hold what a profile does not know.
pub fn try_on_measured_machine(workflows: &str, rate_per_second: f64) -> Result<Profile, String> {
    let text = measured_machine(workflows, rate_per_second);
    let document = Document::parse(&text, "test.toml", &[]).map_err(|problems| first_line(&problems))?;
    document.profile(&World::mid()).map_err(|problems| first_line(&problems))
}

fn first_line(problems: &impl std::fmt::Display) -> String {
    problems.to_string().lines().next().unwrap_or_default().to_owned()
}

fn measured_machine(workflows: &str, rate_per_second: f64) -> String {
    format!(
        "name = \"test\"\nsdk = \"go\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"{rate_per_second}/s\" }}]\n{workflows}\n{MEASURED_SYSTEM}"
    )
}

/// A Poisson load, everything measured from the first start, running workflows awaited; waits beyond five seconds are cut short.
pub fn settings(seed: u64, rate_per_second: f64, workflows: f64) -> Settings {
    let counted = Settings::counted(Rate::per_second(rate_per_second), workflows, 0);
    Settings { seed, longest_wait: Nanos::from_secs(5), ..counted }
}

/// Simulates a profile on the sizes it gives.
pub fn run(profile: &Profile, settings: Settings) -> Outcome {
    simulate(profile, &Calibration::reference(), SystemSize::of(profile), settings, &|| false)
}

/// Runs a simulation on from `end`, by so many short turns at most, until nothing of any workflow is left; then all that was offered has
/// ended, and the laws hold exactly.
pub fn run_out(simulation: &mut Simulation<Model>, mut end: Nanos, turns: u64, what: &str) {
    simulation.run_until(end);
    for turn in 0..turns {
        if simulation.model().leftovers() == Leftovers::default() {
            break;
        }
        end += Nanos::from_millis(137 + turn % 7);
        simulation.run_until(end);
    }
    assert_eq!(simulation.model().leftovers(), Leftovers::default(), "{what}");
    let counts = simulation.model().counts();
    assert_eq!(counts.offered, counts.completed + counts.failed, "{what}");
    for (name, report) in simulation.model_mut().reports(end) {
        laws::exact(&report).unwrap_or_else(|broken| panic!("{what}, {name}: {broken}"));
    }
}

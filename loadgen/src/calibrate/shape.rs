//! A small workload: workflows of one shape, started at one rate.

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_profiles::{Document, World};

use crate::failure::Failure;
use crate::validate::cluster;

/// The worker that calibration runs beside itself: its numbers are part of the profile, so that the model has the same one.
const WORKER: &str = r#"
[slo]
start = { p99 = "1s" }
[workers]
pods = 1
activity_slots = 200
workflow_task_slots = 200
workflow_task_pollers = 8
activity_pollers = 8
pod = { cpu = 2, memory = "24GiB" }
[growth]
retention = "1d"
[cluster]
use = "measured-2-core"
"#;

/// A step that is never taken: a workflow type has one step at least.
pub const NOTHING: &str = "{ branch = [ { probability = 0.0, steps = [ { side_effect = \"none\" } ] } ] }";

/// An activity with payloads of ten bytes that ends at once. Its time-out is long, so that its timer is in nobody's window, and
/// shorter than history keeps a run in its cache: a later one costs a cold load, which the model counts.
pub const ACTIVITY: &str =
    r#"{ activity = "a", takes = "0s", cpu = "200us", input = "10B", output = "10B", start_to_close = "50min" }"#;

/// The same with further keys, or another time.
pub fn activity(takes: &str, keys: &str) -> String {
    format!(
        "{{ activity = \"a\", takes = \"{takes}\", cpu = \"200us\", input = \"10B\", output = \"10B\", start_to_close = \"50min\"{keys} }}"
    )
}

/// Workflows of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// The profile's `[[workflow]]` tables.
    pub workflows: String,
}

impl Shape {
    /// A workflow of these steps.
    pub fn of(name: &'static str, steps: &str) -> Shape {
        Shape::with(name, "", steps)
    }

    /// The same with further keys of the workflow's table.
    pub fn with(name: &'static str, keys: &str, steps: &str) -> Shape {
        let workflows = format!(
            "[[workflow]]\ntype = \"Root\"\nshare = 1.0\ninput = \"10B\"\nresult = \"10B\"\n{keys}\nsteps = [ {steps} ]\n"
        );
        Shape { name, workflows }
    }

    /// The same with a type `Child` of these steps.
    pub fn and_child(mut self, steps: &str) -> Shape {
        self.workflows +=
            &format!("[[workflow]]\ntype = \"Child\"\ninput = \"10B\"\nresult = \"10B\"\nsteps = [ {steps} ]\n");
        self
    }

    /// The profile that runs `workflows` of them at `rate` in a Poisson process, on a cluster with so many shards. `overrides` are the
    /// user's, for machine and database.
    ///
    /// # Errors
    /// When an override is wrong.
    pub fn profile(&self, rate: Rate, workflows: u32, shards: u32, overrides: &[String]) -> Result<Profile, Failure> {
        let span = length(rate, workflows);
        let text = format!(
            "name = \"{}\"\nsdk = \"rust\"\n[arrivals]\nphases = [{{ for = \"{}ms\", rate = \"{}/s\" }}]\n{}\n{WORKER}history_shards = {shards}\n",
            self.name,
            span.0 / 1_000_000,
            rate.as_per_second(),
            self.workflows
        );
        // The workers are this program's, and so are the names in their events.
        let overrides = [overrides, &cluster::names(overrides)].concat();
        let document = Document::parse(&text, &format!("{}.toml", self.name), &overrides).map_err(Failure::Problems)?;
        document.profile(&World::mid()).map_err(Failure::Problems)
    }
}

/// How long so many starts take at a rate.
pub fn length(rate: Rate, workflows: u32) -> Nanos {
    Nanos::from_secs_f64(f64::from(workflows) / rate.as_per_second().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_a_profile() {
        let shape = Shape::of("child", r#"{ child = "Child" }"#).and_child(NOTHING);
        let profile = shape.profile(Rate::per_second(6.0), 30, 4, &[]).expect("a profile");
        assert_eq!((profile.workflows.len(), profile.cluster.history_shards), (2, Some(4)));
        assert_eq!(length(Rate::per_second(6.0), 30), Nanos::from_secs(5));
    }
}

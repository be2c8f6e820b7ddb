//! What the suite measures: `benches/accuracy/suite.toml`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// All workloads, and how they are measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Measured runs of each workload.
    pub repeats: u16,
    /// How long each run's load lasts.
    pub duration: String,
    /// Time between two runs.
    pub pause: String,
    /// The workloads, in the order in which they are measured.
    #[serde(rename = "workload")]
    pub workloads: Vec<Workload>,
    /// Shapes that several workloads share.
    #[serde(default)]
    pub shapes: BTreeMap<String, Shape>,
}

/// Whether the model was fitted to a workload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Its numbers went into the calibration or the model.
    Fitting,
    /// The model was not changed to meet it.
    HeldOut,
}

/// A load on a cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its name, in tables.
    pub name: String,
    /// Whether the model was fitted to it.
    pub set: Set,
    /// Starts per unit of time.
    pub rate: String,
    /// How long each run's load lasts, where that is not the suite's.
    #[serde(default)]
    pub duration: Option<String>,
    /// How many runs are measured, where that is not the suite's.
    #[serde(default)]
    pub repeats: Option<u16>,
    /// The costs measured in the same hours, beside the suite, where they are not those of `calibration.toml`: a machine with neighbours is not
    /// as fast at every hour.
    #[serde(default)]
    pub calibration: Option<String>,
    /// A shape of `[shapes]`; or the next four.
    #[serde(default, rename = "use")]
    pub shape: Option<String>,
    /// Steps of the workflow, as a profile has them.
    #[serde(default)]
    pub steps: Option<String>,
    /// Steps of the workflow type `Child`.
    #[serde(default)]
    pub child: Option<String>,
    /// Bytes of the workflow's input.
    #[serde(default)]
    pub input: Option<String>,
    /// Bytes of its result.
    #[serde(default)]
    pub result: Option<String>,
    /// Keys of the profile's `[[event]]`.
    #[serde(default)]
    pub event: Option<String>,
    /// The cluster it runs on, where that is not the default one.
    #[serde(default)]
    pub cluster: ClusterOptions,
    /// Values of the profile that follow from it.
    #[serde(default)]
    pub set_values: Vec<String>,
}

/// Steps and payloads of a workflow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Steps, as a profile has them.
    pub steps: String,
    /// Steps of the workflow type `Child`.
    #[serde(default)]
    pub child: Option<String>,
    /// Bytes of the workflow's input.
    #[serde(default)]
    pub input: Option<String>,
    /// Bytes of its result.
    #[serde(default)]
    pub result: Option<String>,
}

/// What `loadgen/cluster/up` is told.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ClusterOptions {
    /// `--shards`.
    pub shards: Option<u32>,
    /// `--connections`.
    pub connections: Option<u32>,
    /// Appended to the dynamic configuration.
    pub dynamic_config: Option<String>,
    /// `--pg-setting`.
    #[serde(default)]
    pub postgres: Vec<String>,
}

impl Suite {
    /// Reads the suite.
    ///
    /// # Errors
    /// What is wrong, in words, with the place in the file.
    pub fn parse(text: &str) -> Result<Suite, String> {
        let suite: Suite = toml::from_str(text).map_err(|error| error.to_string())?;
        for workload in &suite.workloads {
            suite.shape(workload)?;
        }
        let mut names: Vec<String> = suite.workloads.iter().map(Workload::file_stem).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                Err(format!("two workloads are called {:?}: name and rate are those of a file of results", pair[0]))
            }
            None => Ok(suite),
        }
    }

    fn shape(&self, workload: &Workload) -> Result<Shape, String> {
        match (&workload.shape, &workload.steps) {
            (Some(name), None) => self
                .shapes
                .get(name)
                .cloned()
                .ok_or_else(|| format!("workload {:?} uses the shape {name:?}, which is not there", workload.name)),
            (None, Some(steps)) => Ok(Shape {
                steps: steps.clone(),
                child: workload.child.clone(),
                input: workload.input.clone(),
                result: workload.result.clone(),
            }),
            _ => Err(format!("workload {:?} needs either `use` or `steps`", workload.name)),
        }
    }

    /// How long each run's load lasts.
    pub fn duration<'a>(&'a self, workload: &'a Workload) -> &'a str {
        workload.duration.as_deref().unwrap_or(&self.duration)
    }

    /// How many runs of a workload are measured.
    pub fn repeats(&self, workload: &Workload) -> u16 {
        workload.repeats.unwrap_or(self.repeats)
    }

    /// A workload as a profile.
    ///
    /// # Errors
    /// When it names a shape that is not there.
    pub fn profile(&self, workload: &Workload) -> Result<String, String> {
        let shape = self.shape(workload)?;
        let bytes = |given: &Option<String>| given.clone().unwrap_or_else(|| "10B".to_owned());
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# Made from benches/accuracy/suite.toml.\nname = {:?}\nsdk = \"rust\"\n\n\
             [arrivals]\nphases = [{{ for = {:?}, rate = {:?} }}]\n\n\
             [[workflow]]\ntype = \"Root\"\nshare = 1.0\ninput = {:?}\nresult = {:?}\nsteps = [\n{}\n]\n",
            workload.name,
            self.duration(workload),
            workload.rate,
            bytes(&shape.input),
            bytes(&shape.result),
            shape.steps.trim(),
        );
        if let Some(child) = &shape.child {
            let _ = write!(
                text,
                "\n[[workflow]]\ntype = \"Child\"\ninput = \"10B\"\nresult = \"10B\"\nsteps = [\n{}\n]\n",
                child.trim()
            );
        }
        if let Some(event) = &workload.event {
            let _ = write!(text, "\n[[event]]\n{}\n", event.trim());
        }
        text.push_str(WORKERS);
        Ok(text)
    }
}

/// The generator's own workers, in its process, on the machine that carries everything.
const WORKERS: &str = r#"
[workers]
pods = 1
activity_slots = 200
workflow_task_slots = 200
workflow_task_pollers = 8
activity_pollers = 8
pod = { cpu = 2, memory = "24GiB" }

[cluster]
use = "measured-2-core"
"#;

impl Workload {
    /// What tables call it.
    pub fn title(&self) -> String {
        format!("{} at {}", self.name, self.rate)
    }

    /// Whether a name on the command line means it: that of all its rates, or with one of them.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.title() == name
    }

    /// The name of its files: its own, and its rate.
    pub fn file_stem(&self) -> String {
        let mut stem = String::new();
        for letter in self.name.chars().chain([' ']).chain(self.rate.chars()) {
            match letter {
                'a'..='z' | 'A'..='Z' | '0'..='9' => stem.push(letter.to_ascii_lowercase()),
                _ if stem.ends_with('-') || stem.is_empty() => {}
                _ => stem.push('-'),
            }
        }
        stem.trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::{Document, World};

    fn shipped() -> Suite {
        Suite::parse(include_str!("../../accuracy/suite.toml")).unwrap()
    }

    #[test]
    fn every_workload_is_a_profile_without_problems() {
        let suite = shipped();
        for workload in &suite.workloads {
            let text = suite.profile(workload).unwrap();
            let document = Document::parse(&text, &workload.name, &workload.set_values);
            document
                .and_then(|document| document.profile(&World::mid()))
                .unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        }
    }

    #[test]
    fn there_are_two_disjoint_sets_with_at_least_twelve_workloads() {
        let suite = shipped();
        let of = |set| suite.workloads.iter().filter(|workload| workload.set == set).count();
        assert!(of(Set::Fitting) >= 4 && of(Set::HeldOut) >= 12);
    }

    #[test]
    fn a_workload_without_steps_or_with_an_unknown_shape_is_named() {
        let text = "repeats = 3\nduration = \"1min\"\npause = \"15s\"\n[[workload]]\nname = \"a\"\nset = \"held-out\"\nrate = \"1/s\"\n";
        assert!(Suite::parse(text).unwrap_err().contains("\"a\" needs either"));
        assert!(Suite::parse(&format!("{text}use = \"b\"\n")).unwrap_err().contains("\"b\", which is not there"));
    }

    #[test]
    fn file_names_are_plain() {
        let suite = shipped();
        let stems: Vec<String> = suite.workloads.iter().map(Workload::file_stem).collect();
        assert!(stems.iter().any(|stem| stem == "mixed-16-s"), "{stems:?}");
    }
}

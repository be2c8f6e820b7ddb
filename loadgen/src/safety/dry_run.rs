//! What a run would do, before anything is sent.

use std::fmt;
use std::time::Duration;

use plimsoll_profiles::arrivals::Arrivals;
use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::number;

use super::abort::AbortRule;
use super::caps::Caps;
use super::estimate::Demand;
use super::price;
use crate::connect::{Endpoint, Server};
use crate::failure::Failure;
use crate::identity::RunId;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// Where.
    pub endpoint: &'a Endpoint,
    /// What the target said of itself, when it was asked already.
    pub server: Option<&'a Server>,
    /// The workload.
    pub profile: &'a Profile,
    /// Costs for the estimate.
    pub calibration: &'a Calibration,
    /// The schedule as it would be sent: rate and duration of the command line applied, the ramp in front.
    pub arrivals: &'a Arrivals,
    /// Length of that ramp.
    pub ramp: Nanos,
    /// Seed of the schedule.
    pub seed: u64,
    /// Hard caps.
    pub caps: Caps,
    /// Abort rules.
    pub rules: &'a [AbortRule],
    /// The run.
    pub run: &'a RunId,
    /// What else the user should know, a sentence each: steps that are not replayed, for one.
    pub notes: &'a [String],
}

/// What a run would start, make the target do, leave behind and cost. Shown with `Display`, several lines.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// Workflows started, counted from the schedule.
    pub starts: u64,
    /// Length of the schedule.
    pub duration: Nanos,
    /// Most starts within one second, as a rate (expected).
    pub peak: Rate,
    /// What one started workflow asks for.
    pub demand: Demand,
    /// How long closed workflows are kept, and whether the target said so itself.
    pub retention: (Duration, bool),
    /// Dollars at list price, on Temporal Cloud.
    pub dollars: Option<f64>,
    lines: Vec<(String, String)>,
    notes: Vec<String>,
}

impl DryRun {
    /// Works out what the run would do.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::failure::Exit::Usage) when it would go beyond a cap.
    pub fn of(intent: &Intent<'_>) -> Result<DryRun, Failure> {
        let starts = intent.caps.starts(intent.arrivals, intent.seed)?;
        let demand = Demand::of(intent.profile, intent.calibration, intent.seed);
        let said = intent.server.map(|server| server.retention).filter(|retention| !retention.is_zero());
        let retention = (said.unwrap_or(Duration::from_nanos(intent.profile.growth.retention.0)), said.is_some());
        let total = |per: f64| per * starts as f64;
        let hours = retention.0.as_secs_f64() / 3_600.0;
        let cost = price::actions(total(demand.actions)) + price::retained(total(demand.history_bytes), hours);
        let mut dry_run = DryRun {
            starts,
            duration: intent.arrivals.duration(),
            peak: intent.arrivals.peak(Nanos::from_secs(1)).rate,
            demand,
            retention,
            dollars: intent.endpoint.is_cloud().then_some(cost),
            lines: Vec::new(),
            notes: intent.endpoint.notes().iter().chain(intent.notes).cloned().collect(),
        };
        dry_run.describe(intent);
        Ok(dry_run)
    }

    /// One sentence of what would be done, for the question.
    pub fn what(&self) -> String {
        format!("start {} workflows in {}", number::count(self.starts), self.duration.brief())
    }

    fn line(&mut self, name: &str, text: String) {
        self.lines.push((name.to_owned(), text));
    }

    fn describe(&mut self, intent: &Intent<'_>) {
        for (name, value, origin) in intent.endpoint.describe() {
            let text = if origin.is_empty() { value } else { format!("{value} ({origin})") };
            self.line(name, text);
        }
        if let Some(server) = intent.server.filter(|server| !server.version.is_empty()) {
            self.line("server", format!("Temporal {}", server.version));
        }
        let d = self.demand;
        let total = |per: f64| number::large_count(libm::round(per * self.starts as f64).max(0.0) as u64);
        let bytes = |per: f64| number::storage(per * self.starts as f64);
        let types: Vec<String> = intent
            .profile
            .workflows
            .iter()
            .filter_map(|workflow| Some(format!("{} {}", workflow.name, number::percent(workflow.share?.get()))))
            .collect();
        let lines = [
            ("run", format!("{}; everything it starts has this name in front", intent.run)),
            ("workflows", format!("{} ({})", number::count(self.starts), types.join(", "))),
            ("rate", {
                let ramp = if intent.ramp == Nanos::ZERO {
                    "no ramp".to_owned()
                } else {
                    format!("the first {} a ramp", intent.ramp.brief())
                };
                format!(
                    "mean {}, at most {}, {ramp}",
                    number::rate(intent.arrivals.mean_rate().as_per_second()),
                    number::rate(self.peak.as_per_second())
                )
            }),
            ("duration", self.duration.brief().to_string()),
            (
                "operations",
                format!(
                    "about {} state transitions, {} activities, {} history events",
                    total(d.state_transitions),
                    total(d.activities),
                    total(d.history_events)
                ),
            ),
        ];
        let work = match self.dollars {
            Some(dollars) => vec![(
                "cost",
                format!(
                    "about ${dollars:.2} at list price: {} actions at the month's first prices, {} of histories for {}",
                    total(d.actions),
                    bytes(d.history_bytes),
                    Nanos::from_secs(self.retention.0.as_secs()).brief()
                ),
            )],
            None => vec![
                (
                    "database",
                    format!("about {} statements, {} of write-ahead log", total(d.statements), bytes(d.wal_bytes)),
                ),
                (
                    "stored",
                    format!(
                        "about {} on disk and {} rows of history, for {} after each workflow closes ({})",
                        bytes(d.stored_bytes),
                        total(d.rows),
                        Nanos::from_secs(self.retention.0.as_secs()).brief(),
                        if self.retention.1 {
                            "the namespace's retention"
                        } else {
                            "the profile's retention; the namespace's own counts"
                        }
                    ),
                ),
            ],
        };
        for (name, text) in lines.into_iter().chain(work) {
            self.line(name, text);
        }
        let rules: Vec<String> = intent.rules.iter().map(ToString::to_string).collect();
        self.line(
            "caps",
            format!(
                "{} in flight, {} starts, {}",
                number::count(u64::from(intent.caps.max_in_flight)),
                number::count(intent.caps.max_starts),
                intent.caps.max_duration.brief()
            ),
        );
        self.line(
            "stops when",
            if rules.is_empty() { "nothing: there are no abort rules".to_owned() } else { rules.join(", ") },
        );
        self.line("clean-up", format!("plimsoll load cleanup --run-id {}", intent.run));
    }
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in &self.lines {
            writeln!(f, "{name:<18}  {text}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use plimsoll_profiles::{Document, World};

    use super::*;
    use crate::connect::{ConnectFlags, Environment};

    fn dry_run(address: &str, profile: &str) -> Result<DryRun, Failure> {
        let flags = ConnectFlags {
            address: Some(address.to_owned()),
            api_key_env: Some("KEY".to_owned()),
            ..ConnectFlags::default()
        };
        let endpoint = Endpoint::resolve_in(&flags, &Environment::of([("KEY", "sesame-open-sesame")])).unwrap();
        let shipped = plimsoll_profiles::shipped::profile(profile).unwrap();
        let overrides = ["arrivals.phases=[{ for = \"60s\", rate = \"10/s\" }]".to_owned()];
        let profile = Document::parse(shipped.text, shipped.name, &overrides).unwrap().profile(&World::mid()).unwrap();
        DryRun::of(&Intent {
            endpoint: &endpoint,
            server: None,
            profile: &profile,
            calibration: &Calibration::reference(),
            arrivals: &profile.arrivals,
            ramp: Nanos::ZERO,
            seed: 7,
            caps: Caps { max_in_flight: 100, max_starts: 1_000, max_duration: Nanos::from_secs(60) },
            rules: &AbortRule::defaults(true),
            run: &RunId::parse("20261121T120000Z-abcdef").unwrap(),
            notes: &["no step is left out".to_owned()],
        })
    }

    #[test]
    fn what_would_be_started_is_what_the_schedule_gives() {
        let run = dry_run("localhost:1", "order-fulfilment").unwrap();
        assert!((520..=680).contains(&run.starts), "{}", run.starts);
        let text = run.to_string();
        for part in [
            "localhost:1 (from --address)",
            "OrderWorkflow 100 %",
            "on disk",
            "error-ratio>90%/30s",
            "cleanup --run-id plimsoll-20261121T120000Z-abcdef",
            "note: no step",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(run.dollars, None);
        assert!(!text.contains('$'), "{text}");
    }

    #[test]
    fn on_cloud_it_says_what_is_to_be_paid() {
        let run = dry_run("load.a1b2c.tmprl.cloud:7233", "one-activity").unwrap();
        // 600 or so starts with one activity each: two actions a workflow at 50 dollars per million.
        let dollars = run.dollars.unwrap();
        assert!((dollars - run.starts as f64 * 2.0 * 50e-6).abs() < 0.002, "{dollars}");
        assert!(run.to_string().contains("actions"));
    }

    #[test]
    fn the_key_is_not_in_it() {
        let run = dry_run("load.a1b2c.tmprl.cloud:7233", "one-activity").unwrap();
        let text = format!("{run} {run:?}");
        assert!(!text.contains("sesame") && text.contains("KEY in the environment"), "{text}");
    }
}

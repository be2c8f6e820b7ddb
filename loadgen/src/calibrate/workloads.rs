//! The fixed set of small workloads: those that costs are fitted to, and those that only judge the fit.

use plimsoll_profiles::units::Rate;

use super::shape::{ACTIVITY, NOTHING, Shape, activity};

/// A shape at a rate, so many times.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name: the file's, too.
    pub name: &'static str,
    /// The workflow.
    pub shape: Shape,
    /// Starts per second, a Poisson process.
    pub rate: Rate,
    /// How many.
    pub count: u32,
    /// Whether costs are not fitted to it.
    pub held_out: bool,
    /// Whether all its workflows are of one run without children, so that each has one task of the normal queue.
    pub one_run: bool,
}

/// All of them, in the order in which they are run: loads and shapes take turns, so that a drift of the machine is no shape's.
pub fn workloads() -> Vec<Workload> {
    let of = |name, shape: Shape, rate, count| Workload {
        name,
        shape,
        rate: Rate::per_second(rate),
        count,
        held_out: false,
        one_run: true,
    };
    let held = |workload: Workload| Workload { held_out: true, ..workload };
    let several = |workload: Workload| Workload { one_run: false, ..workload };
    let timer = r#"{ timer = "1200ms" }"#;
    let local = r#"{ local_activity = "l", takes = "0s", cpu = "200us", output = "10B", count = 3 }"#;
    let signal = r#"{ wait_signal = "s", after = "200ms", payload = "10B" }"#;
    let update = r#"{ update = "u", after = "200ms", input = "10B", output = "10B" }"#;
    let child = Shape::of("child", r#"{ child = "Child" }"#).and_child(ACTIVITY);
    let again = Shape::of("continue", &format!("{}, {{ continue_as_new = {{ runs = 1 }} }}", activity("1200ms", "")));
    vec![
        of("activity-at-5", Shape::of("activity", ACTIVITY), 5.0, 36),
        of("empty-at-10", Shape::of("empty", NOTHING), 10.0, 70),
        held(of("activity-at-10", Shape::of("activity", ACTIVITY), 10.0, 70)),
        of("timer-at-8", Shape::of("timer", timer), 8.0, 56),
        of("local-activities-at-10", Shape::of("local", local), 10.0, 70),
        held(of("activity-timer-signal-at-5", Shape::of("mixed", &format!("{ACTIVITY}, {timer}, {signal}")), 5.0, 36)),
        several(of("child-at-4", child, 4.0, 30)),
        of("activity-at-25", Shape::of("activity", ACTIVITY), 25.0, 175),
        held(of("update-activity-at-6", Shape::of("update", &format!("{update}, {ACTIVITY}")), 6.0, 50)),
        of(
            "activities-side-by-side-at-5",
            Shape::of("parallel", &format!("{{ parallel = [ {} ] }}", [ACTIVITY; 4].join(", "))),
            5.0,
            36,
        ),
        several(held(of("continue-as-new-at-4", again, 4.0, 30))),
        // More than two cores carry: what a workflow costs at the least, when nothing sleeps.
        of("activity-at-100", Shape::of("activity", ACTIVITY), 100.0, 240),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_profiles_and_fit_into_ten_minutes_twice() {
        let all = workloads();
        let mut seconds = 0.0;
        for workload in &all {
            workload.shape.profile(workload.rate, workload.count, 64, &[]).expect(workload.name);
            // A worker's start and its last polls, the last workflow, the time afterwards.
            seconds += f64::from(workload.count) / workload.rate.as_per_second() + 5.0 + 12.0;
        }
        assert!(2.0 * seconds < 600.0, "{seconds} s");
        assert!(all.iter().filter(|workload| workload.held_out).count() >= 4);
        let names: std::collections::BTreeSet<&str> = all.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), all.len());
    }
}

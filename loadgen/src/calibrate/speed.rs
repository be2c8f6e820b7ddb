//! Runs that met the machine at another speed than the others, by the canary: a virtual machine's depends on its neighbours.

use plimsoll_reports::validation::{CANARY_LIMIT, STOLEN_SHARE};
use serde::{Deserialize, Serialize};

use super::analysis::Repeats;
use super::bench::Measured;
use super::counters::Counters;
use crate::validate::machine::median;

/// What the cluster does without workflows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// In so many seconds.
    #[serde(flatten)]
    pub counters: Counters,
    /// CPU seconds of the canary's computation meanwhile, the mean; `None` where it was not run.
    #[serde(default)]
    pub canary: Option<f64>,
}

impl Idle {
    /// The same on a machine of another speed, where that of both is known: idle CPU goes by the canary, as the model takes it
    /// ([`Calibration::on_machine`](plimsoll_profiles::calibration::Calibration::on_machine)). Two idle windows at the machine's two speeds had 1.7 times as much in frontend, 1.6 in matching,
    /// 1.25 in history, and no more in PostgreSQL, whose windows differ by more than that at one speed.
    pub fn at(&self, canary: Option<f64>) -> Counters {
        let ratio = canary.zip(self.canary).map_or(1.0, |(now, then)| now / then);
        let mut counters = self.counters.clone();
        counters.cpu.values_mut().for_each(|seconds| *seconds *= ratio);
        counters
    }
}

/// The canary of the middle run: the speed that costs are told for.
pub fn usual_speed(all: &[Repeats]) -> Option<f64> {
    let medians: Vec<f64> = all.iter().flat_map(|one| &one.measured).filter_map(|one| one.canary).collect();
    median(&medians)
}

/// How many times as long as usual a run's work took, by its canary; 1 where that is not known.
pub fn slowness(run: &Measured, usual: Option<f64>) -> f64 {
    usual.zip(run.canary).map_or(1.0, |(usual, canary)| canary / usual)
}

/// The workload's runs on a machine of the usual speed, for what is not CPU: latencies, and how long statements take. Where none was, all of them, the statements' times
/// by the ratio of the canaries. The fit takes all runs, each at its own speed.
pub fn at_usual_speed(mut one: Repeats, usual: Option<f64>) -> Repeats {
    if one.measured.iter().any(|run| is_usual(run, usual)) {
        one.measured.retain(|run| is_usual(run, usual));
        return one;
    }
    for run in &mut one.measured {
        let slowness = slowness(run, usual);
        run.counters.statements.values_mut().for_each(|sum| sum.seconds /= slowness);
    }
    one
}

/// Of each run, whether its latencies are those of the usual speed; all are where none is.
pub fn with_latencies(one: &Repeats, usual: Option<f64>) -> Vec<bool> {
    let are: Vec<bool> = one.measured.iter().map(|run| is_usual(run, usual)).collect();
    if are.contains(&true) { are } else { vec![true; are.len()] }
}

fn is_usual(run: &Measured, usual: Option<f64>) -> bool {
    (slowness(run, usual) - 1.0).abs() <= CANARY_LIMIT
}

/// Which runs met a machine of another speed, in words.
pub fn other_speeds(all: &[Repeats], usual: Option<f64>) -> Option<String> {
    let names: Vec<String> = all
        .iter()
        .filter_map(|one| match one.measured.iter().filter(|run| !is_usual(run, usual)).count() {
            0 => None,
            every if every == one.measured.len() => Some(format!("{} (all its runs)", one.workload.name)),
            _ => Some(one.workload.name.to_owned()),
        })
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "the machine's speed was another by more than {:.0} % in runs of {}: CPU is fitted at each run's own speed, and latencies are left out where the workload has other runs; to measure them anew, delete their files",
            CANARY_LIMIT * 100.0,
            names.join(", ")
        )
    })
}

/// In which workloads the host gave too much of the busy time to other machines, in words. The canary's CPU
/// time does not have it.
pub fn stolen(all: &[Repeats]) -> Option<String> {
    let is_stolen = |run: &Measured| run.stolen_cores > STOLEN_SHARE * run.busy_cores;
    let named = all.iter().filter(|one| one.measured.iter().any(is_stolen));
    let names: Vec<&str> = named.map(|one| one.workload.name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "the host gave more than {:.0} % of the busy time to other machines in runs of {}: CPU costs are theirs, too; delete the files of these workloads and run again when they are quiet",
            STOLEN_SHARE * 100.0,
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::counters::Sum;
    use crate::calibrate::workloads::workloads;

    /// Runs of the first workload: each canary in microseconds, and seconds of CPU.
    fn repeats(runs: &[(f64, f64)]) -> Repeats {
        let workload = workloads().swap_remove(0);
        let profile = workload.shape.profile(workload.rate, workload.count, 64, &[]).expect("a profile");
        let measured = |(canary, cpu): &(f64, f64)| Measured {
            workflows: 36,
            lost: 0,
            busy_seconds: 8.0,
            counters: Counters { cpu: [("history".to_owned(), *cpu)].into(), ..Counters::default() },
            latency_ms: [40.0, 50.0, 60.0],
            busy_cores: 1.0,
            own_cores: 0.9,
            stolen_cores: 0.0,
            canary: Some(canary * 1e-6),
        };
        Repeats { workload, profile, measured: runs.iter().map(measured).collect() }
    }

    fn cpu(one: &Repeats) -> Vec<f64> {
        one.measured.iter().map(|run| run.counters.cpu["history"]).collect()
    }

    #[test]
    fn a_run_of_another_speed_is_left_out_where_there_is_one_of_the_usual() {
        let one = repeats(&[(218.0, 1.0), (290.0, 1.7)]);
        assert_eq!(cpu(&at_usual_speed(one, Some(218e-6))), [1.0]);
    }

    #[test]
    fn where_all_runs_were_slow_all_are_kept_and_their_statements_times_go_by_the_canarys_ratio() {
        let mut one = repeats(&[(300.0, 1.5), (240.0, 1.2)]);
        let spent = |seconds| [("m:COMMIT".to_owned(), Sum { calls: 1.0, seconds, ..Sum::default() })].into();
        one.measured[0].counters.statements = spent(3.0);
        one.measured[1].counters.statements = spent(2.4);
        let scaled = at_usual_speed(one, Some(200e-6));
        assert_eq!(cpu(&scaled), [1.5, 1.2]);
        let seconds = scaled.measured.iter().map(|run| run.counters.statements["m:COMMIT"].seconds);
        assert!(seconds.clone().all(|seconds| (seconds - 2.0).abs() < 1e-12), "{:?}", seconds.collect::<Vec<f64>>());
    }

    #[test]
    fn the_usual_speed_is_that_of_the_middle_run_and_the_others_are_named() {
        let all = [repeats(&[(218.0, 1.0), (290.0, 1.7)]), repeats(&[(217.0, 1.0), (219.0, 1.0), (218.0, 1.0)])];
        let usual = usual_speed(&all);
        assert!(usual.is_some_and(|seconds| (seconds - 218e-6).abs() < 1e-12), "{usual:?}");
        assert!(other_speeds(&all, usual).is_some_and(|note| note.contains(all[0].workload.name)));
        assert_eq!(other_speeds(&all[1..], usual), None);
    }

    #[test]
    fn workloads_whose_time_was_stolen_are_named() {
        let mut all = [repeats(&[(218.0, 1.0), (218.0, 1.0)])];
        all[0].measured[1].stolen_cores = 0.04;
        assert_eq!(stolen(&all), None);
        all[0].measured[1].stolen_cores = 0.2;
        assert!(stolen(&all).is_some_and(|note| note.contains(all[0].workload.name)));
    }

    #[test]
    fn an_idle_cluster_uses_more_on_a_slower_machine() {
        let counters = Counters { cpu: [("history".to_owned(), 0.3)].into(), seconds: 20.0, ..Counters::default() };
        let idle = Idle { counters: counters.clone(), canary: Some(200e-6) };
        assert!((idle.at(Some(300e-6)).cpu["history"] - 0.45).abs() < 1e-12);
        assert_eq!(idle.at(None), counters);
        assert_eq!(Idle { canary: None, ..idle }.at(Some(300e-6)), counters);
    }

    #[test]
    fn an_idle_window_of_before_there_was_a_canary_is_read() {
        let read: Idle = serde_json::from_str(r#"{ "seconds": 20.0, "statements": {}, "cpu": { "history": 0.3 }, "wal": {}, "requests": {}, "tables": {} }"#)
            .expect("an idle window");
        assert_eq!((read.counters.cpu["history"], read.counters.seconds, read.canary), (0.3, 20.0, None));
    }

    #[test]
    fn runs_without_a_canary_stay_as_they_are() {
        let mut one = repeats(&[(218.0, 1.0), (290.0, 1.7)]);
        one.measured.iter_mut().for_each(|run| run.canary = None);
        assert_eq!(usual_speed(std::slice::from_ref(&one)), None);
        assert_eq!(cpu(&at_usual_speed(one, None)), [1.0, 1.7]);
    }
}

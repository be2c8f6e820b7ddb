//! Runs that met the machine at another speed than the others, by the canary: a virtual machine's depends on its neighbours.

use plimsoll_reports::validation::{CANARY_LIMIT, STOLEN_SHARE};

use super::analysis::Repeats;
use super::bench::Measured;
use crate::validate::machine::median;

/// The canary of the middle run: the speed that costs are told for.
pub fn usual_speed(all: &[Repeats]) -> Option<f64> {
    let medians: Vec<f64> = all.iter().flat_map(|one| &one.measured).filter_map(|one| one.canary).collect();
    median(&medians)
}

/// The workload's runs on a machine of the usual speed; where none was, all of them, their CPU times by the ratio of the canaries. That is a little
/// too much for what is waking and not work (`docs/calibration.md`), which nobody can tell apart before the fit.
pub fn at_usual_speed(mut one: Repeats, usual: Option<f64>) -> Repeats {
    let ratio = |run: &Measured| usual.zip(run.canary).map_or(1.0, |(usual, canary)| usual / canary);
    let is_usual = |run: &Measured| (1.0 / ratio(run) - 1.0).abs() <= CANARY_LIMIT;
    if one.measured.iter().any(is_usual) {
        one.measured.retain(is_usual);
        return one;
    }
    for run in &mut one.measured {
        let ratio = ratio(run);
        run.counters.cpu.values_mut().for_each(|seconds| *seconds *= ratio);
        run.counters.statements.values_mut().for_each(|sum| sum.seconds *= ratio);
    }
    one
}

/// Which runs met a machine of another speed, in words.
pub fn other_speeds(all: &[Repeats], usual: Option<f64>) -> Option<String> {
    let moved = |run: &&Measured| {
        usual.zip(run.canary).is_some_and(|(usual, canary)| (canary / usual - 1.0).abs() > CANARY_LIMIT)
    };
    let names: Vec<String> = all
        .iter()
        .filter_map(|one| match one.measured.iter().filter(moved).count() {
            0 => None,
            every if every == one.measured.len() => Some(format!("{} (all its runs, scaled)", one.workload.name)),
            _ => Some(one.workload.name.to_owned()),
        })
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "the machine's speed was another by more than {:.0} % in runs of {}: they are left out where the workload has others; to measure them anew, delete their files",
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
    use crate::calibrate::counters::Counters;
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
    fn where_all_runs_were_slow_their_cpu_is_taken_by_the_canarys_ratio() {
        let scaled = cpu(&at_usual_speed(repeats(&[(300.0, 1.5), (240.0, 1.2)]), Some(200e-6)));
        assert!(scaled.iter().all(|seconds| (seconds - 1.0).abs() < 1e-12), "{scaled:?}");
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
    fn runs_without_a_canary_stay_as_they_are() {
        let mut one = repeats(&[(218.0, 1.0), (290.0, 1.7)]);
        one.measured.iter_mut().for_each(|run| run.canary = None);
        assert_eq!(usual_speed(std::slice::from_ref(&one)), None);
        assert_eq!(cpu(&at_usual_speed(one, None)), [1.0, 1.7]);
    }
}

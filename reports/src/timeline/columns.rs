//! Which columns of `resources.csv` belong into which timeline.

use crate::run_dir::{Run, columns};

/// A column over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Column.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Seconds from the begin of the schedule, and the value.
    pub points: Vec<(f64, f64)>,
}

/// A timeline that columns belong into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Pods by state.
    Pods,
    /// Tasks waiting.
    Backlog,
    /// Workflows per second.
    Throughput,
    /// Cores in use.
    Cpu,
}

/// The timeline of a column; most columns have none.
///
/// Pods are told by their names, `worker_pods_ready`, `history_pods_starting`, whoever writes them.
pub fn column_role(name: &str, unit: &str) -> Option<Role> {
    const STATES: [&str; 3] = ["_pods_ready", "_pods_starting", "_pods_draining"];
    if STATES.iter().any(|state| name.ends_with(state)) {
        return Some(Role::Pods);
    }
    match name {
        columns::BACKLOG => Some(Role::Backlog),
        _ if name.starts_with("backlog_") && unit == "tasks" => Some(Role::Backlog),
        columns::OFFERED | columns::COMPLETED | columns::FAILED => Some(Role::Throughput),
        columns::GENERATOR_CPU | columns::CANARY => None,
        _ if name.ends_with("_cpu") && unit == "cores" => Some(Role::Cpu),
        _ => None,
    }
}

/// The columns of a role; those that are 0 throughout are left out, unless there is but one.
pub(super) fn series(run: &Run, role: Role, begins_at: f64) -> Vec<Series> {
    let of_role = run.manifest.resources.iter().filter(|column| column_role(&column.name, &column.unit) == Some(role));
    let mut series: Vec<Series> = of_role
        .map(|column| Series {
            name: column.name.clone(),
            unit: column.unit.clone(),
            points: run
                .resources
                .column(&column.name)
                .into_iter()
                .map(|(seconds, value)| (seconds - begins_at, value))
                .collect(),
        })
        .filter(|series| series.points.len() > 1)
        .collect();
    if series.len() > 1 {
        let idle = |series: &Series| series.points.iter().all(|(_, value)| *value == 0.0);
        let all_idle = series.iter().all(idle);
        series.retain(|series| all_idle || !idle(series));
    }
    series
}

/// All tasks waiting: the column of the whole, or else the sum of the queues.
pub(super) fn whole_backlog(series: &[Series]) -> Vec<(f64, f64)> {
    if let Some(whole) = series.iter().find(|series| series.name == columns::BACKLOG) {
        return whole.points.clone();
    }
    let Some((first, more)) = series.split_first() else { return Vec::new() };
    let sum = |(seconds, value): &(f64, f64)| {
        let at = |series: &Series| series.points.iter().find(|point| point.0 == *seconds).map_or(0.0, |point| point.1);
        (*seconds, value + more.iter().map(at).sum::<f64>())
    };
    first.points.iter().map(sum).collect()
}

/// Pod-seconds of all states: each value counts until the next row.
pub(super) fn pod_seconds(pods: &[Series]) -> Option<f64> {
    if pods.is_empty() {
        return None;
    }
    let of =
        |series: &Series| -> f64 { series.points.windows(2).map(|pair| pair[0].1 * (pair[1].0 - pair[0].0)).sum() };
    Some(pods.iter().map(of).sum())
}

/// Mean of the values between two instants: those of rows after the first, up to the second, as rates are those of the time
/// before their row.
pub(super) fn mean(points: &[(f64, f64)], from: f64, until: f64) -> Option<f64> {
    let within = points.iter().filter(|(seconds, _)| *seconds > from && *seconds <= until);
    let (sum, number) = within.fold((0.0, 0u32), |(sum, number), (_, value)| (sum + value, number + 1));
    (number > 0).then(|| sum / f64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_find_their_timeline_by_name_and_unit() {
        for (name, unit, role) in [
            ("worker_pods_ready", "pods", Some(Role::Pods)),
            ("history_pods_draining", "", Some(Role::Pods)),
            ("backlog", "tasks", Some(Role::Backlog)),
            ("backlog_activities", "tasks", Some(Role::Backlog)),
            ("backlog_age", "s", None),
            ("completed", "1/s", Some(Role::Throughput)),
            ("database_cpu", "cores", Some(Role::Cpu)),
            ("database_cpu", "share", None),
            ("generator_cpu", "cores", None),
            ("statements", "1/s", None),
        ] {
            assert_eq!(column_role(name, unit), role, "{name}");
        }
    }

    #[test]
    fn pod_seconds_are_the_area_under_the_states() {
        let series = |points: &[(f64, f64)]| Series { name: "p".into(), unit: "pods".into(), points: points.to_vec() };
        let ready = series(&[(0.0, 3.0), (10.0, 5.0), (30.0, 5.0)]);
        let starting = series(&[(0.0, 2.0), (10.0, 0.0), (30.0, 0.0)]);
        assert_eq!(pod_seconds(&[ready, starting]), Some(30.0 + 100.0 + 20.0));
        assert_eq!(pod_seconds(&[]), None);
    }
}

//! Which uncertain input moves the plan most.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::{Document, Level, UncertainInput, World};
use plimsoll_reports::number;
use plimsoll_reports::plan_document::Sensitivity;
use plimsoll_sim::planner::{Influence, Plan, influence};

use super::{ModelError, PlanSettings, Watcher};

/// Inputs looked at; more would take longer than the plan.
const MOST_INPUTS: usize = 8;

/// Each uncertain input low and high, everything else in the middle; the one that moves most first.
///
/// # Errors
/// When a low or high estimate makes the profile wrong.
pub fn of(
    document: &Document,
    calibration: &Calibration,
    plan: &Plan,
    settings: &PlanSettings,
    watcher: &dyn Watcher,
) -> Result<Vec<Sensitivity>, ModelError> {
    let cancelled = || watcher.is_cancelled();
    let world = |input: &UncertainInput, level: Level| -> Result<Influence, ModelError> {
        let profile = document.profile(&World::mid().with(&input.path, level)).map_err(ModelError::Problems)?;
        let peak = profile.arrivals.peak(plimsoll_sim::planner::PEAK_WINDOW).rate;
        Ok(influence(&profile, calibration, settings.seed, peak, &cancelled))
    };
    let mut list = Vec::new();
    for input in document.uncertain_inputs().iter().take(MOST_INPUTS) {
        let (low, high) = (world(input, Level::Low)?, world(input, Level::High)?);
        list.push((moved(&low, &high), finding(input, &low, &high, plan)));
    }
    list.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(list.into_iter().map(|(_, sensitivity)| sensitivity).collect())
}

/// How far apart two worlds are: the largest ratio of their sizes.
fn moved(low: &Influence, high: &Influence) -> f64 {
    let ratio = |a: f64, b: f64| (a.max(1e-9) / b.max(1e-9)).max(b.max(1e-9) / a.max(1e-9)) - 1.0;
    let pods = ratio(f64::from(low.worker_pods), f64::from(high.worker_pods));
    let cores = ratio(f64::from(low.database_vcpu), f64::from(high.database_vcpu));
    let lifetime = ratio(low.lifetime.as_secs_f64(), high.lifetime.as_secs_f64());
    // Pods and cores are bought; open workflows cost storage only.
    10.0 * (pods + cores) + lifetime
}

fn finding(input: &UncertainInput, low: &Influence, high: &Influence, plan: &Plan) -> Sensitivity {
    let spare = plan.horizon.size.workers.pods.count - plan.horizon.needed.workers.pods.count;
    let pods = (low.worker_pods + spare, high.worker_pods + spare);
    let cores = (low.database_vcpu, high.database_vcpu);
    let mean = plan.horizon.mean_rate.as_per_second();
    let open = |world: &Influence| number::large_count((mean * world.lifetime.as_secs_f64()) as u64);
    let changes = |name: &str, (low, high): (u32, u32)| (low != high).then(|| format!("{name} {low} to {high}"));
    let changed: Vec<String> =
        [changes("worker pods", pods), changes("database cores", cores)].into_iter().flatten().collect();
    let finding = if !changed.is_empty() {
        changed.join(", ")
    } else if low.lifetime != high.lifetime {
        format!("pods and cores stay; open workflows {} to {}, and storage with them", open(low), open(high))
    } else {
        "changes no size of the plan".to_owned()
    };
    Sensitivity {
        input: input.path.clone(),
        low: input.low.clone(),
        high: input.high.clone(),
        worker_pods: pods,
        database_vcpu: cores,
        finding,
    }
}

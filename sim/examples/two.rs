//! Scratch.
use plimsoll_profiles::{Document, World, calibration::Calibration};
use plimsoll_sim::planner::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let doc = Document::read(&args[1], &args[2..].to_vec()).unwrap_or_else(|e| panic!("{e}"));
    let profile = doc.profile(&World::mid()).unwrap_or_else(|e| panic!("{e}"));
    let cal = Calibration::reference();
    let t = std::time::Instant::now();
    let p = plan(&profile, &cal, &PlanSettings { seed: 42, threads: 2, cancelled: &|| false, progress: &|m| eprintln!("{:.2}s {m}", t.elapsed().as_secs_f64()) }).unwrap();
    println!("{} in {:.2}s, {} events {} sims", args[1], t.elapsed().as_secs_f64(), p.events, p.simulations);
    for (n, s) in [("now", &p.now), ("horizon", &p.horizon)] {
        let z = &s.size;
        println!("{n}: planned {:.2}/s workers {} (slots {} pollers {}/{}) fe {} hi {} ma {} shards {} db {:?} infeasible {:?}", s.planned.as_per_second(), z.workers.pods.count, z.workers.activity_slots, z.workers.workflow_task_pollers, z.workers.activity_pollers, z.frontend.count, z.history.count, z.matching.count, z.history_shards, s.database, s.infeasible);
        for w in &s.why { println!("    {:?}: {:?}", w.dimension, w.reason); }
        for k in &s.verdict.promises { println!("    {:?}", k); }
    }
    println!("demand cpu {:?} act slots {:?} st {}", p.demand.cpu, p.demand.activity_slots, p.demand.per_workflow(p.demand.work.state_transitions));
    for l in &p.limiting { println!("  {} {:.2} sat {:.1}", l.resource, l.utilisation, l.saturates_at.as_per_second()); }
    println!("knee {:?} cloud {:?} per wf bytes {:.0}", p.knee.map(|r| r.as_per_second()), p.cloud, p.storage.per_workflow());
}

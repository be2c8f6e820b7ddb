//! Scratch.
use plimsoll_profiles::{Document, World, calibration::Calibration, units::*};
use plimsoll_sim::temporal::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rate: f64 = args[2].parse().unwrap();
    let secs: u64 = args[3].parse().unwrap();
    let doc = Document::read(&args[1], &args[4..].to_vec()).unwrap_or_else(|e| panic!("{e}"));
    let profile = doc.profile(&World::mid()).unwrap_or_else(|e| panic!("{e}"));
    let cal = Calibration::reference();
    let size = SystemSize::of(&profile);
    println!("{size:?}");
    let settings = Settings { seed: 42, replication: 0, load: Load::Poisson(Rate::per_second(rate)), warmup: Nanos::from_secs(secs / 5), measured: Nanos::from_secs(secs), drain: Nanos::from_secs(600), interval: Nanos::from_secs(1), longest_wait: Nanos::from_secs(10), retention_deletes: false, max_events: 1_000_000_000, max_open: 1_000_000 };
    let t = std::time::Instant::now();
    let o = simulate(&profile, &cal, size, settings, &|| false);
    let el = t.elapsed().as_secs_f64();
    let (w, n) = o.work_and_workflows();
    println!("workflows {n} unfinished {} events {} ({:.1}/wf) {:.2}s {:.1} Mev/s {:.0} wf/s early {:?}", o.unfinished, o.events, o.events as f64 / n, el, o.events as f64 / el / 1e6, n / el, o.ended_early);
    println!("statements {:.2}+{:.2} tx {:.2} st {:.2} fsync {:.2} commits {:.2} wal {:.0} hist {:.0} rows {:.2} spooled {:.3} actions {:.2}", w.statements as f64 / n, w.visibility_statements as f64 / n, w.write_transactions as f64 / n, w.state_transitions as f64 / n, w.fsyncs as f64 / n, w.commits as f64 / n, w.wal_bytes as f64 / n, w.history_bytes as f64 / n, w.history_rows as f64/n, w.spooled as f64 / n, w.actions as f64 / n);
    println!("cpu ms {:?}", w.cpu.map(|c| (c.as_secs_f64() * 1e5 / n).round() / 100.0));
    println!("{:?}\n{:?}", o.utilisation, o.populations);
    for m in Metric::ALL {
        let h = o.recorder.total(m);
        if h.count() > 0 { let q = |p| h.inner().value_at_quantile(p) as f64 / 1e6; println!("{:28} n {:7} p10 {:.1} p50 {:.1} p90 {:.1} p99 {:.1} ms", m.name(), h.count(), q(0.1), q(0.5), q(0.9), q(0.99)); }
    }
}

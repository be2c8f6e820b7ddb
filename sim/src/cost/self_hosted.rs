//! A month of hosting it oneself.
//!
//! # Equations
//! Machines = max(cores of all pods / cores of a machine, memory likewise), rounded up; or cores and memory of the pods by the hour.
//! Database: its cores (more of them where memory asks for it), or cores and memory, × standby; storage, operations beyond the included ones,
//! backups beyond as much as is stored. People: `fte` × a year's pay / 12. A month has 730 hours.

use plimsoll_profiles::prices::PriceFile;
use plimsoll_profiles::units::{Bytes, Cores};

/// Hours of a month, as providers multiply by: 8,760 / 12.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// Pods of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct PodGroup {
    /// Which, e.g. "history".
    pub name: String,
    /// How many.
    pub pods: u32,
    /// Cores of each.
    pub cores: Cores,
    /// Memory of each.
    pub memory: Bytes,
    /// Whether Temporal Cloud would need them too: workers.
    pub on_cloud_too: bool,
}

/// Everything that is paid for.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// Pods of the services and the workers.
    pub pods: Vec<PodGroup>,
    /// Cores of the database, visibility's own included.
    pub database: Cores,
    /// Its memory.
    pub memory: Bytes,
    /// Bytes stored.
    pub storage: f64,
    /// Input and output operations per second at the peak.
    pub iops: f64,
    /// Bytes of backups and archived WAL.
    pub backups: f64,
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What.
    pub name: String,
    /// Dollars a month; `None` where the price file has no price for it.
    pub usd: Option<f64>,
    /// How it comes about.
    pub how: String,
}

/// A month in dollars.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfHostedBill {
    /// Pods of the workers: on Temporal Cloud they are needed too.
    pub workers: Item,
    /// Everything else.
    pub items: Vec<Item>,
}

impl SelfHostedBill {
    /// What Temporal Cloud saves: everything but the workers.
    pub fn server(&self) -> f64 {
        self.items.iter().filter_map(|item| item.usd).sum()
    }

    /// With the workers.
    pub fn total(&self) -> f64 {
        self.server() + self.workers.usd.unwrap_or(0.0)
    }

    /// Lines without a price.
    pub fn without_price(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().chain([&self.workers]).filter(|item| item.usd.is_none())
    }
}

/// The bill of a footprint. `fte` goes before the price file's.
pub fn self_hosted(prices: &PriceFile, footprint: &Footprint, fte: Option<f64>) -> SelfHostedBill {
    let (workers, services): (Vec<&PodGroup>, Vec<&PodGroup>) =
        footprint.pods.iter().partition(|group| group.on_cloud_too);
    let workers = pods(prices, "workers", &workers);
    let mut items = vec![pods(prices, "Temporal services", &services)];
    // One machine needs no cluster of machines.
    if let Some(kubernetes) = prices.kubernetes.as_ref().filter(|_| footprint.pods.len() > 1) {
        let usd = Some(kubernetes.hour.usd * HOURS_PER_MONTH);
        items.push(Item { name: "Kubernetes".to_owned(), usd, how: kubernetes.what.clone() });
    }
    items.extend(database(prices, footprint));
    items.push(people(prices, fte));
    SelfHostedBill { workers, items }
}

fn pods(prices: &PriceFile, name: &str, groups: &[&PodGroup]) -> Item {
    let cores: f64 = groups.iter().map(|group| f64::from(group.pods) * group.cores.get()).sum();
    let memory: f64 = groups.iter().map(|group| f64::from(group.pods) * gib(group.memory)).sum();
    let name = name.to_owned();
    if let Some(machines) = &prices.machines {
        let by_cores = cores / f64::from(machines.vcpu.max(1));
        let count = by_cores.max(memory / gib(machines.memory).max(1e-9)).ceil();
        let how = format!("{count} × {} for {} cores, {} GiB", machines.what, amount(cores), amount(memory));
        return Item { name, usd: Some(count * machines.hour.usd * HOURS_PER_MONTH), how };
    }
    let usd = prices
        .pods
        .as_ref()
        .map(|pods| (cores * pods.vcpu_hour.usd + memory * pods.memory_gib_hour.usd) * HOURS_PER_MONTH);
    let what = prices.pods.as_ref().map_or("", |pods| pods.what.as_str());
    Item { name, usd, how: format!("{} cores, {} GiB: {what}", amount(cores), amount(memory)) }
}

fn database(prices: &PriceFile, footprint: &Footprint) -> Vec<Item> {
    let database = &prices.database;
    let standby = database.standby.as_ref().map_or(1.0, |standby| standby.factor);
    let zones = if database.standby.is_some() { "with a standby" } else { "without a standby: no price for one" };
    let memory = gib(footprint.memory);
    let paid = match database.memory_per_vcpu {
        Some(per_core) => footprint.database.get().max((memory / gib(per_core).max(1e-9)).ceil()),
        None => footprint.database.get(),
    };
    let hour =
        paid * database.vcpu_hour.usd + database.memory_gib_hour.as_ref().map_or(0.0, |price| price.usd) * memory;
    let item = |name: &str, usd: Option<f64>, how: String| Item { name: name.to_owned(), usd, how };
    let gb = footprint.storage / 1e9;
    let mut items = Vec::new();
    // A database that shares its machine with everything else is paid with that.
    if footprint.database.get() > 0.0 {
        items.push(item(
            "database",
            Some(hour * standby * HOURS_PER_MONTH),
            format!("{paid:.0} vCPU, {memory:.0} GiB, {zones}: {}", database.what),
        ));
    }
    items.push(item(
        "storage",
        Some(gb * database.storage_gb_month.usd * standby),
        format!("{} GB, {zones}", amount(gb)),
    ));
    let beyond = (footprint.iops - f64::from(database.iops_included.unwrap_or(0))).max(0.0);
    match &database.iops_month {
        Some(price) if beyond > 0.0 => {
            let how = format!("{beyond:.0} operations per second beyond those included");
            items.push(item("I/O", Some(beyond * price.usd * standby), how));
        }
        _ => {}
    }
    let backups = (footprint.backups - footprint.storage).max(0.0) / 1e9;
    let usd = database.backup_gb_month.as_ref().map(|price| backups * price.usd);
    items.push(item("backups", usd, format!("{} GB of backups and WAL beyond as much as is stored", amount(backups))));
    items
}

fn people(prices: &PriceFile, fte: Option<f64>) -> Item {
    let name = "people".to_owned();
    let fte = fte.or_else(|| prices.people.as_ref().and_then(|people| people.fte));
    match (&prices.people, fte) {
        (Some(people), Some(fte)) => {
            let usd = Some(fte * people.year.usd / 12.0);
            Item { name, usd, how: format!("{fte} × ${:.0} a year: {}", people.year.usd, people.what) }
        }
        _ => Item { name, usd: None, how: "not counted: say how many with --fte".to_owned() },
    }
}

fn gib(bytes: Bytes) -> f64 {
    bytes.0 as f64 / Bytes::gib(1).0 as f64
}

/// A tenth counts below a hundred.
fn amount(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn footprint() -> Footprint {
        let group = |name: &str, pods, on_cloud_too| PodGroup {
            name: name.to_owned(),
            pods,
            cores: Cores::new(1.0),
            memory: Bytes::gib(2),
            on_cloud_too,
        };
        Footprint {
            pods: vec![group("frontend", 3, false), group("history", 6, false), group("workers", 4, true)],
            database: Cores::new(4.0),
            memory: Bytes::gib(16),
            storage: 100e9,
            iops: 4_000.0,
            backups: 150e9,
        }
    }

    #[test]
    fn every_line_is_amount_times_price() {
        let prices = PriceFile::find("aws").unwrap();
        let bill = self_hosted(&prices, &footprint(), Some(0.5));
        let usd = |name: &str| bill.items.iter().find(|item| item.name == name).unwrap().usd.unwrap();
        // 9 cores and 18 GiB on machines of 2 and 8: five of them.
        assert!((usd("Temporal services") - 5.0 * 0.0816 * 730.0).abs() < 1e-9);
        assert!((bill.workers.usd.unwrap() - 2.0 * 0.0816 * 730.0).abs() < 1e-9);
        assert!((usd("Kubernetes") - 73.0).abs() < 1e-9);
        assert!((usd("database") - 4.0 * 0.1195 * 2.0 * 730.0).abs() < 1e-9);
        assert!((usd("storage") - 100.0 * 0.115 * 2.0).abs() < 1e-9);
        assert!((usd("I/O") - 1_000.0 * 0.02 * 2.0).abs() < 1e-9);
        assert!((usd("backups") - 50.0 * 0.095).abs() < 1e-9);
        assert!((usd("people") - 144_570.0 / 24.0).abs() < 1e-9);
        let sum: f64 = bill.items.iter().filter_map(|item| item.usd).sum::<f64>() + bill.workers.usd.unwrap();
        assert!((bill.total() - sum).abs() < 1e-9);
    }

    #[test]
    fn people_that_nobody_counted_are_not_in_the_sum_and_it_says_so() {
        let bill = self_hosted(&PriceFile::find("gcp").unwrap(), &footprint(), None);
        let missing: Vec<&str> = bill.without_price().map(|item| item.name.as_str()).collect();
        assert_eq!(missing, ["people"]);
        assert!(bill.total().is_finite() && bill.total() > 0.0);
    }

    #[test]
    fn memory_that_cores_do_not_bring_is_paid_as_cores() {
        let prices = PriceFile::find("azure").unwrap();
        let large = Footprint { memory: Bytes::gib(32), ..footprint() };
        let bill = self_hosted(&prices, &large, None);
        let database = bill.items.iter().find(|item| item.name == "database").unwrap();
        assert!((database.usd.unwrap() - 8.0 * 0.0975 * 730.0).abs() < 1e-9, "{database:?}");
    }
}

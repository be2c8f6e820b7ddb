//! Prices of self-hosting.

use serde::Deserialize;

use super::{Fault, Price, amount};
use crate::units::Bytes;

/// List prices of one provider's machines, database and storage.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// Name of the file.
    pub name: String,
    /// Region of the prices.
    pub region: String,
    /// When they were read.
    pub read: String,
    /// Machines that pods run on; or `pods`.
    pub machines: Option<Machines>,
    /// Pods that are paid by what they request; or `machines`.
    pub pods: Option<PodPrices>,
    /// The cluster itself.
    pub kubernetes: Option<Kubernetes>,
    /// Managed PostgreSQL.
    pub database: DatabasePrices,
    /// What people cost.
    pub people: Option<People>,
}

/// Machines by the hour.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// Which.
    pub what: String,
    /// Cores of one.
    pub vcpu: u32,
    /// Its memory.
    pub memory: Bytes,
    /// Per hour.
    pub hour: Price,
}

/// Pods by the hour.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PodPrices {
    /// Which.
    pub what: String,
    /// Per core and hour.
    pub vcpu_hour: Price,
    /// Per GiB and hour.
    pub memory_gib_hour: Price,
}

/// A cluster's control plane.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Which.
    pub what: String,
    /// Per hour.
    pub hour: Price,
}

/// Managed PostgreSQL.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DatabasePrices {
    /// Which.
    pub what: String,
    /// Per core and hour.
    pub vcpu_hour: Price,
    /// Memory that comes with a core; with more than that, more cores are paid.
    pub memory_per_vcpu: Option<Bytes>,
    /// Per GiB and hour, where memory is paid by itself.
    pub memory_gib_hour: Option<Price>,
    /// What a standby in another zone multiplies cores, memory and storage by; `None`: one zone is counted.
    pub standby: Option<Factor>,
    /// Per GB (10⁹ bytes) and month.
    pub storage_gb_month: Price,
    /// I/O operations per second that storage includes.
    pub iops_included: Option<u32>,
    /// Per operation per second beyond those, and month.
    pub iops_month: Option<Price>,
    /// Per GB of backups and month, beyond as much as is stored.
    pub backup_gb_month: Option<Price>,
}

/// A factor and where it was read.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// The factor.
    pub factor: f64,
    /// Address of the page or file.
    pub source: String,
    /// Of when.
    pub date: String,
}

/// What people cost.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Whose pay.
    pub what: String,
    /// A year of one of them.
    pub year: Price,
    /// How many it takes; `None`: not counted.
    pub fte: Option<f64>,
}

impl PriceFile {
    /// Every price of the file with its key.
    pub fn prices(&self) -> Vec<(&'static str, &Price)> {
        let database = &self.database;
        let pods = self.pods.as_ref();
        let optional = [
            ("machines.hour", self.machines.as_ref().map(|machines| &machines.hour)),
            ("pods.vcpu_hour", pods.map(|pods| &pods.vcpu_hour)),
            ("pods.memory_gib_hour", pods.map(|pods| &pods.memory_gib_hour)),
            ("kubernetes.hour", self.kubernetes.as_ref().map(|kubernetes| &kubernetes.hour)),
            ("database.vcpu_hour", Some(&database.vcpu_hour)),
            ("database.memory_gib_hour", database.memory_gib_hour.as_ref()),
            ("database.storage_gb_month", Some(&database.storage_gb_month)),
            ("database.iops_month", database.iops_month.as_ref()),
            ("database.backup_gb_month", database.backup_gb_month.as_ref()),
            ("people.year", self.people.as_ref().map(|people| &people.year)),
        ];
        optional.into_iter().filter_map(|(key, price)| Some((key, price?))).collect()
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.prices().iter().for_each(|(key, price)| amount(&mut faults, key, price.usd));
        if self.machines.is_some() == self.pods.is_some() {
            let help = "give [machines] (paid by the machine) or [pods] (paid by what pods request)";
            faults.push(Fault::new("pods are paid in two ways or in none", help));
        }
        if self.machines.as_ref().is_some_and(|machines| machines.vcpu == 0 || machines.memory.0 == 0) {
            faults.push(Fault::new("a machine without cores or memory", "give machines.vcpu and machines.memory"));
        }
        if self.database.memory_per_vcpu == Some(Bytes(0)) {
            faults.push(Fault::new("database.memory_per_vcpu is zero", "give e.g. \"8GiB\", or leave it out"));
        }
        if let Some(standby) = &self.database.standby {
            amount(&mut faults, "database.standby.factor", standby.factor);
        }
        if let Some(fte) = self.people.as_ref().and_then(|people| people.fte) {
            amount(&mut faults, "people.fte", fte);
        }
        faults
    }
}

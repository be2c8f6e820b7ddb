//! What is driven, connected.

use std::collections::BTreeMap;

use crate::cli::{RunArgs, TargetChoice};
use crate::connect::{Connected, Endpoint};
use crate::driver;
use crate::embedded::{Behaviour, Embedded};
use crate::engine::DriverRuntime;
use crate::failure::Failure;
use crate::identity::RunId;
use crate::workload::Workload;

/// A target that answers.
pub struct Reached {
    /// The connection.
    pub connected: Connected,
    /// The target itself, where it is this program's.
    pub embedded: Option<Embedded>,
}

impl Reached {
    /// Connects to the cluster, or starts the embedded target.
    ///
    /// # Errors
    /// When the settings are wrong, or the target is not reached or refuses.
    pub async fn open(arguments: &RunArgs, run_id: &RunId) -> Result<Reached, Failure> {
        if arguments.target == TargetChoice::Embedded {
            let embedded = Embedded::start(Behaviour::default()).await?;
            let endpoint = Endpoint::plain(embedded.address(), "default");
            let connected = endpoint.connect(&format!("{run_id}-driver")).await?;
            return Ok(Reached { connected, embedded: Some(embedded) });
        }
        let endpoint = Endpoint::resolve(&arguments.connect)?;
        let connected = endpoint.connect(&format!("{run_id}-driver")).await?;
        Ok(Reached { connected, embedded: None })
    }

    /// What the driver drives, over connections that live on its runtime.
    ///
    /// # Errors
    /// When a connection is refused.
    pub async fn target(
        &self,
        run_id: &RunId,
        workload: &Workload,
        connections: usize,
        runtime: &DriverRuntime,
    ) -> Result<driver::Target, Failure> {
        let connected = self.connected.clone();
        // A connection's task runs where it is made.
        let services = runtime
            .handle()
            .spawn(async move { connected.channels(connections).await })
            .await
            .map_err(|error| Failure::io(format!("cannot connect: {error}")))??;
        Ok(driver::Target {
            services,
            namespace: self.connected.endpoint.namespace().to_owned(),
            run: run_id.clone(),
            workload: Some(workload.clone()),
        })
    }

    /// Versions by component.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        versions.insert("plimsoll".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let server = &self.connected.server.version;
        if self.embedded.is_none() && !server.is_empty() {
            versions.insert("temporal".to_owned(), server.clone());
        }
        versions
    }
}

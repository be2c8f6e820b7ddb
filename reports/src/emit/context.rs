//! What every kind of file is made from.

use plimsoll_profiles::profile::{ClusterKind, Profile};
use plimsoll_profiles::{Document, World};
use serde::Serialize;
use serde_json::{Value, json};

use super::EmittedFile;
use super::error::EmitError;
use super::kind::Kind;
use super::provenance;
use crate::plan_basis::PlanBasis;
use crate::plan_document::{PLAN_SCHEMA_VERSION, PlanDocument, ServicePlan, SizedPlan, Verdict};

/// For which load the sizes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// Today's: what to deploy now.
    #[default]
    Now,
    /// The end of the planning horizon.
    Horizon,
}

/// Names that a plan cannot know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For which load.
    pub at: At,
    /// Image of the workers.
    pub image: Option<String>,
    /// Kubernetes namespace of the workers; none is written when not given.
    pub namespace: Option<String>,
    /// Task queue; the profile's name when not given.
    pub task_queue: Option<String>,
    /// Temporal namespace.
    pub temporal_namespace: String,
    /// Host and port of the frontend, as workers see it; the chart's service, or Temporal Cloud's, when not given.
    pub address: Option<String>,
    /// Host and port of PostgreSQL, or of the PgBouncer before it, as the services see it.
    pub database: Option<String>,
    /// SHA-256 of the plan document: see [`super::plan_hash`].
    pub plan_hash: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            at: At::Now,
            image: None,
            namespace: None,
            task_queue: None,
            temporal_namespace: "default".to_owned(),
            address: None,
            database: None,
            plan_hash: String::new(),
        }
    }
}

/// What every kind of file is made from.
pub(super) struct Context<'a> {
    pub plan: &'a PlanDocument,
    pub basis: &'a PlanBasis,
    pub profile: Profile,
    /// The sizes that are deployed.
    pub sizes: SizedPlan,
    pub settings: &'a Settings,
    /// The profile's name as Kubernetes allows it.
    pub name: String,
    pub task_queue: String,
}

impl<'a> Context<'a> {
    pub fn new(plan: &'a PlanDocument, settings: &'a Settings) -> Result<Self, EmitError> {
        if plan.schema_version != PLAN_SCHEMA_VERSION {
            return Err(EmitError::OtherVersion(plan.schema_version));
        }
        if plan.verdict == Verdict::Infeasible {
            return Err(EmitError::Infeasible(plan.verdict_text.clone()));
        }
        let basis = plan.basis.as_ref().ok_or(EmitError::NoBasis)?;
        let sizes = match settings.at {
            At::Now => plan.now.clone(),
            At::Horizon => SizedPlan {
                workers: plan.workers.clone(),
                server: plan.server.clone(),
                database: plan.database.clone(),
            },
        };
        let name = slug(&plan.profile);
        let task_queue = settings.task_queue.clone().unwrap_or_else(|| name.clone());
        Ok(Context { profile: profile(basis)?, plan, basis, sizes, settings, name, task_queue })
    }

    /// The workers' Deployment, and what goes with it.
    pub fn worker_name(&self) -> String {
        format!("{}-worker", self.name)
    }

    /// Peak starts per second of the load that the sizes are for.
    pub fn peak(&self) -> f64 {
        match self.settings.at {
            At::Now => self.plan.load.peak_per_second_now,
            At::Horizon => self.plan.load.peak_per_second_horizon,
        }
    }

    /// The peak and the headroom above it: what the sizes must carry.
    pub fn planned(&self) -> f64 {
        self.peak() * (1.0 + self.plan.load.headroom)
    }

    /// Mean starts per second of the load that the sizes are for.
    pub fn mean(&self) -> f64 {
        let load = &self.plan.load;
        load.mean_per_second_now * self.peak() / load.peak_per_second_now.max(f64::MIN_POSITIVE)
    }

    /// Workflow tasks a second at the planned load.
    pub fn workflow_tasks(&self) -> f64 {
        self.planned() * self.basis.tasks.workflow
    }

    /// Activity tasks a second at the planned load.
    pub fn activity_tasks(&self) -> f64 {
        self.planned() * self.basis.tasks.activity
    }

    /// Pods that the plan holds without.
    pub fn spare(&self) -> u32 {
        u32::from(self.profile.growth.survive_pod_loss)
    }

    /// The four services by the name they give themselves in their metrics.
    pub fn services(&self) -> [(&'static str, &ServicePlan); 4] {
        let server = &self.sizes.server;
        [
            ("frontend", &server.frontend),
            ("history", &server.history),
            ("matching", &server.matching),
            ("worker", &server.worker),
        ]
    }

    /// Host and port of the frontend: as asked for, else the chart's service, or on Temporal Cloud the namespace's own.
    pub fn address(&self) -> String {
        match &self.settings.address {
            Some(address) => address.clone(),
            None if self.is_cloud() => format!("{}:7233", self.cloud_host()),
            None => "temporal-frontend.temporal.svc:7233".to_owned(),
        }
    }

    /// Temporal Cloud calls namespaces `NAME.ACCOUNT`; without an account it is a placeholder.
    fn cloud_host(&self) -> String {
        let namespace = &self.settings.temporal_namespace;
        if namespace.contains('.') { format!("{namespace}.tmprl.cloud") } else { CLOUD_PLACEHOLDER.to_owned() }
    }

    /// What whoever connects to Temporal Cloud has to be given beside this file.
    pub fn cloud_access(&self, who: &str) -> Vec<String> {
        if !self.is_cloud() {
            return Vec::new();
        }
        let mut lines =
            vec![format!("{who} needs an API key or a client certificate of Temporal Cloud: put it into a Secret.")];
        if self.settings.address.is_none() && !self.settings.temporal_namespace.contains('.') {
            lines.push(
                "Namespace and address are placeholders: `--temporal-namespace NAME.ACCOUNT` says which, or `--address`."
                    .to_owned(),
            );
        }
        lines
    }

    /// Whether the database is PostgreSQL, whoever runs it.
    pub fn is_postgresql(&self) -> bool {
        self.profile.cluster.database.engine.to_ascii_lowercase().contains("postgres")
    }

    pub fn is_cloud(&self) -> bool {
        matches!(self.profile.cluster.kind, ClusterKind::Cloud(_))
    }

    /// Refuses what only a cluster of one's own needs.
    pub fn self_hosted(&self, kind: Kind) -> Result<(), EmitError> {
        if self.is_cloud() { Err(EmitError::OnCloud(kind)) } else { Ok(()) }
    }

    pub fn sdk_is_core(&self) -> bool {
        self.profile.sdk.is_on_core()
    }

    /// Regular expression of the task queue in a label: tally writes `_` for what is neither letter nor digit, OpenTelemetry does not.
    pub fn task_queue_pattern(&self) -> String {
        self.task_queue.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect()
    }

    /// A file of YAML documents under a comment that says which plan made it.
    pub fn yaml<T: Serialize>(
        &self,
        kind: Kind,
        path: &str,
        about: &[String],
        document: &T,
    ) -> Result<EmittedFile, EmitError> {
        let body = serde_saphyr::to_string(document).map_err(|error| EmitError::Write(error.to_string()))?;
        Ok(EmittedFile {
            path: path.to_owned(),
            text: format!("{}{body}", provenance::comment(self, kind, about, "#")),
        })
    }
}

/// The profile within the plan. Its arrivals are in the plan's numbers already, and a trace may lie elsewhere: a stand-in is read.
fn profile(basis: &PlanBasis) -> Result<Profile, EmitError> {
    let mut tree = basis.profile.clone();
    if let Value::Object(root) = &mut tree {
        root.insert("arrivals".to_owned(), json!({ "phases": [{ "for": "1min", "rate": "1/s" }] }));
        // Later events, and what scales and replaces the fleet, are of no concern to sizes.
        for key in ["event", "autoscaler", "rollout"] {
            root.shift_remove(key);
        }
        // Its cluster is in the tree already; the file it was in may be elsewhere.
        if let Some(Value::Object(cluster)) = root.get_mut("cluster") {
            cluster.shift_remove("use");
        }
    }
    let text = toml::to_string(&tree).map_err(|error| EmitError::Profile(error.to_string()))?;
    Document::parse(&text, "the plan's profile", &[]).and_then(|document| document.profile(&World::mid())).map_err(
        |problems| {
            let first = problems.problems.first();
            EmitError::Profile(
                first.map_or_else(String::new, |problem| format!("{}: {}", problem.path, problem.message)),
            )
        },
    )
}

/// Stands for a namespace's host on Temporal Cloud.
const CLOUD_PLACEHOLDER: &str = "NAMESPACE.ACCOUNT.tmprl.cloud";

/// Longest name from which those of objects are made: theirs are a label of DNS at most, 63.
const LONGEST: usize = 40;

/// A name as Kubernetes allows it: lower-case letters, digits, and hyphens within.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if slug.len() >= LONGEST {
            break;
        }
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "workflows".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_profile_name_is_a_kubernetes_name() {
        for (name, expected) in [
            ("order fulfilment", "order-fulfilment"),
            ("  Über-Größe (v2) ", "ber-gr-e-v2"),
            ("订单", "workflows"),
            ("a", "a"),
        ] {
            assert_eq!(slug(name), expected);
        }
        let long = slug(&"a b".repeat(100));
        assert!(long.len() <= LONGEST && !long.ends_with('-'), "{long}");
    }
}

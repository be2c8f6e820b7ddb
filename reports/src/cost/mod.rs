//! Money: what `plimsoll cost` prints, of a profile ([`CostDocument`]) and of histories ([`ActionsDocument`]).

mod csv;
mod html;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use csv::{actions_csv, cost_csv};
pub use html::{actions_html, cost_html};
pub use text::{actions_text, cost_text, usd};

/// Version of both documents; rises when a key changes its meaning or goes away.
pub const COST_SCHEMA_VERSION: u32 = 1;

/// The answer of `plimsoll cost PROFILE`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CostDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// The cluster that is hosted.
    pub cluster: String,
    /// Seed.
    pub seed: u64,
    /// Billable actions step by step.
    pub steps: Vec<StepCost>,
    /// Billable actions of one workflow, from its steps.
    pub actions_per_workflow: f64,
    /// The same as a simulation counted them.
    pub simulated_actions_per_workflow: f64,
    /// Bytes of one workflow's history.
    pub history_bytes_per_workflow: f64,
    /// Mean time that a workflow is open.
    pub lifetime_seconds: f64,
    /// Costs today.
    pub now: CostColumn,
    /// Costs at the horizon.
    pub horizon: CostColumn,
    /// Where the one becomes cheaper than the other, by price file.
    pub break_even: Vec<BreakEvenRow>,
    /// The sources' decision matrix, answered.
    pub matrix: Vec<MatrixRow>,
    /// Prices that were used, with their sources.
    pub prices: Vec<PriceUsed>,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// Actions of one step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct StepCost {
    /// Workflow type that is started.
    pub workflow: String,
    /// Its part of all starts.
    pub share: f64,
    /// Where the step is, e.g. "3.2"; steps of a child after its parent's with a `>`.
    pub place: String,
    /// The step in words.
    pub step: String,
    /// Actions per started workflow of this type.
    pub actions: f64,
    /// What they are.
    pub what: String,
}

/// Costs of one load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CostColumn {
    /// E.g. "now", "18 months".
    pub label: String,
    /// Mean starts per second.
    pub mean_per_second: f64,
    /// Peak starts per second.
    pub peak_per_second: f64,
    /// Actions of a month.
    pub actions_per_month: f64,
    /// Actions per second at the peak.
    pub peak_actions_per_second: f64,
    /// What a namespace allows without asking for more.
    pub allowed_actions_per_second: f64,
    /// Capacity units (TRUs) that the peak needs.
    pub capacity_units: u32,
    /// Temporal Cloud under each plan.
    pub cloud: Vec<CloudCost>,
    /// The plan that is compared: the one asked for, else the cheapest whose fee is known.
    pub cloud_plan: String,
    /// Self-hosted by price file.
    pub self_hosted: Vec<SelfHostedCost>,
}

impl CostColumn {
    /// The bill that is compared.
    pub fn chosen(&self) -> Option<&CloudCost> {
        self.cloud.iter().find(|bill| bill.plan == self.cloud_plan)
    }
}

/// A month under one plan, in US dollars.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CloudCost {
    /// The plan.
    pub plan: String,
    /// The plan that replaced it, where it is no longer sold.
    pub replaced_by: Option<String>,
    /// Actions beyond the included ones.
    pub actions_usd: f64,
    /// Whether they go beyond the last listed volume step: sales gives a better price than is counted here.
    pub beyond_listed_steps: bool,
    /// Active storage beyond the included.
    pub active_storage_usd: f64,
    /// Retained storage beyond the included.
    pub retained_storage_usd: f64,
    /// The plan's fee; null where sales says it.
    pub plan_fee_usd: Option<f64>,
    /// Everything that is known, workers excluded.
    pub total_usd: f64,
}

/// A month of one's own, in US dollars.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SelfHostedCost {
    /// The price file.
    pub prices: String,
    /// Region of the prices.
    pub region: String,
    /// Lines but the workers.
    pub items: Vec<CostItem>,
    /// The worker pods, which Temporal Cloud needs too.
    pub workers: CostItem,
    /// All lines but the workers.
    pub server_usd: f64,
    /// With the workers.
    pub total_usd: f64,
}

/// One line of a bill.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CostItem {
    /// What.
    pub name: String,
    /// US dollars a month; null where there is no price.
    pub usd: Option<f64>,
    /// How it comes about.
    pub how: String,
}

/// Where the costs meet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct BreakEvenRow {
    /// The price file.
    pub prices: String,
    /// Mean workflows per second from which on self-hosting stays cheaper; null: Temporal Cloud is cheaper as far as was looked.
    pub workflows_per_second: Option<f64>,
    /// Highest mean rate looked at.
    pub looked_up_to_per_second: f64,
    /// In words.
    pub finding: String,
}

/// One line of the sources' decision matrix.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct MatrixRow {
    /// The factor.
    pub factor: String,
    /// What the sources say of Temporal Cloud.
    pub cloud: String,
    /// What the sources say of self-hosting.
    pub self_hosted: String,
    /// What it comes to for this profile.
    pub here: String,
}

/// A price and where it is from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PriceUsed {
    /// Price file and key, e.g. "aws: machines.hour".
    pub key: String,
    /// US dollars.
    pub usd: f64,
    /// Address of the page or file.
    pub source: String,
    /// Of when.
    pub date: String,
}

/// The answer of `plimsoll cost --history`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ActionsDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Runs counted; a run in two files is counted once.
    pub runs: u64,
    /// Actions that Temporal Cloud bills, as far as histories show them.
    pub billed: u64,
    /// Actions that a server's own counter `action` counts.
    pub server_counter: u64,
    /// By kind of action.
    pub kinds: Vec<ActionKindRow>,
    /// By label of the server's counter: `action_type` and how many.
    pub server_labels: Vec<LabelRow>,
    /// By workflow type.
    pub types: Vec<TypeRow>,
    /// File by file.
    pub files: Vec<FileRow>,
    /// What histories never show.
    pub not_in_histories: Vec<String>,
    /// What these histories leave open.
    pub notes: Vec<String>,
}

/// One kind of action.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ActionKindRow {
    /// E.g. "activity scheduled".
    pub kind: String,
    /// Temporal Cloud's metric name, e.g. `schedule_activity`.
    pub metric: String,
    /// The event that shows it.
    pub event: String,
    /// How many events, or groups of events.
    pub count: u64,
    /// Actions billed.
    pub billed: u64,
    /// Actions in the server's counter.
    pub server_counter: u64,
}

/// One label of the server's counter.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LabelRow {
    /// Value of `action_type`.
    pub action_type: String,
    /// How many.
    pub count: u64,
}

/// One workflow type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TypeRow {
    /// Its name.
    pub workflow_type: String,
    /// Runs.
    pub runs: u64,
    /// Actions billed.
    pub billed: u64,
    /// Actions in the server's counter.
    pub server_counter: u64,
}

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct FileRow {
    /// The file.
    pub file: String,
    /// Workflow type.
    pub workflow_type: String,
    /// Actions billed.
    pub billed: u64,
    /// Actions in the server's counter.
    pub server_counter: u64,
}

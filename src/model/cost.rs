//! What a profile costs: on Temporal Cloud, and of one's own.

use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_profiles::profile::{Profile, Visibility};
use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};
use plimsoll_profiles::{Document, World};
use plimsoll_reports::cost::{
    BreakEvenRow, COST_SCHEMA_VERSION, CloudCost, CostColumn, CostDocument, CostItem, MatrixRow, PriceUsed,
    SelfHostedCost, StepCost,
};
use plimsoll_reports::number;
use plimsoll_reports::plan_document::{PlanDocument, ServicePlan, SizedPlan, Verdict};
use plimsoll_sim::cost::{
    CloudBill, CloudMonth, CloudTerms, Footprint, Item, PlanFee, PodGroup, SelfHostedBill, Usage, bills, break_even,
    one_machine, self_hosted, step_actions,
};

use super::plan::span_label;
use super::{ModelError, Watcher, calibration};

/// How costs are counted.
#[derive(Clone, Copy, Debug)]
pub struct CostSettings<'a> {
    /// Seed of the pilot simulation.
    pub seed: u64,
    /// Price files of self-hosting, at least one.
    pub prices: &'a [PriceFile],
    /// Temporal Cloud's prices.
    pub cloud: &'a CloudPrices,
    /// The plan to compare; else the cheapest whose fee is known.
    pub cloud_plan: Option<&'a str>,
    /// People that self-hosting takes; else as the price files say.
    pub fte: Option<f64>,
    /// Whether the namespace has a replica.
    pub replicated: bool,
    /// Whether fairness is on.
    pub fairness: bool,
}

impl CostSettings<'_> {
    fn terms(&self) -> CloudTerms<'_> {
        CloudTerms { replicated: self.replicated, fairness: self.fairness, plan: self.cloud_plan }
    }
}

/// What the profile of a hosted cluster costs, with the sizes of its plan.
///
/// # Errors
/// See [`ModelError`]; a plan that Temporal Cloud does not sell.
pub fn cost(
    document: &Document,
    plan: &PlanDocument,
    settings: &CostSettings<'_>,
    watcher: &dyn Watcher,
) -> Result<CostDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    known_plan(settings.cloud, settings.cloud_plan)?;
    watcher.say("counting actions");
    let nothing =
        || ModelError::Unsupported("the arrival schedule starts no workflow, so nothing costs anything".to_owned());
    let usage = Usage::of(&profile, &calibration, settings.seed, &|| watcher.is_cancelled()).ok_or_else(nothing)?;
    if watcher.is_cancelled() {
        return Err(ModelError::Cancelled);
    }
    let load = &plan.load;
    let then = load.peak_per_second_horizon / load.peak_per_second_now.max(1e-12);
    let later =
        SizedPlan { workers: plan.workers.clone(), server: plan.server.clone(), database: plan.database.clone() };
    let column = |label: &str, factor: f64, sized: &SizedPlan| {
        let mean = Rate::per_second(load.mean_per_second_now * factor);
        let month = month(&usage, mean, profile.growth.retention, settings);
        let footprint = footprint(&profile, sized, plan);
        column(label, mean, load.peak_per_second_now * factor, &month, &footprint, settings)
    };
    let now = column("now", 1.0, &plan.now);
    let horizon = column(&plan.horizon_label, then, &later);
    let break_even = settings
        .prices
        .iter()
        .map(|prices| even(&usage, prices, settings, profile.growth.retention, now.mean_per_second))
        .collect();
    let mut document = CostDocument {
        schema_version: COST_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        seed: settings.seed,
        steps: steps(&profile),
        actions_per_workflow: usage.actions,
        simulated_actions_per_workflow: usage.simulated_actions,
        history_bytes_per_workflow: usage.history_bytes,
        lifetime_seconds: usage.lifetime.as_secs_f64(),
        now,
        horizon,
        break_even,
        matrix: Vec::new(),
        prices: used(settings),
        warnings: Vec::new(),
    };
    document.matrix = matrix(&profile, plan, &document, settings);
    document.warnings = warnings(&profile, plan, &document, settings);
    Ok(document)
}

/// Refuses a plan that is not sold.
///
/// # Errors
/// When Temporal Cloud has none of this name.
pub fn known_plan(cloud: &CloudPrices, asked: Option<&str>) -> Result<(), ModelError> {
    let Some(asked) = asked else { return Ok(()) };
    if cloud.plans.iter().any(|plan| plan.name == asked) {
        return Ok(());
    }
    let names: Vec<&str> = cloud.plans.iter().map(|plan| plan.name.as_str()).collect();
    let message = format!("Temporal Cloud has no plan {asked:?}; expected one of: {}", names.join(", "));
    Err(ModelError::Unsupported(message))
}

fn month(usage: &Usage<'_>, mean: Rate, retention: Nanos, settings: &CostSettings<'_>) -> CloudMonth {
    let longest = settings.cloud.storage.longest_retention;
    settings.terms().of(usage.cloud_month(mean, retention.min(longest)))
}

fn steps(profile: &Profile) -> Vec<StepCost> {
    let row = |row: plimsoll_sim::cost::StepActions| StepCost {
        workflow: row.workflow,
        share: row.share,
        place: row.place,
        step: row.step,
        actions: row.actions,
        what: row.what,
    };
    step_actions(profile).into_iter().map(row).collect()
}

/// What a plan's sizes are paid for; backups as far as its recovery says them.
fn footprint(profile: &Profile, sized: &SizedPlan, plan: &PlanDocument) -> Footprint {
    let server = &sized.server;
    let group = |name: &str, service: &ServicePlan| PodGroup {
        name: name.to_owned(),
        pods: service.pods,
        cores: Cores::new(service.cpu),
        memory: Bytes(service.memory_bytes),
        on_cloud_too: false,
    };
    let database = &sized.database;
    let storage = database.storage_bytes as f64;
    let part = storage / (plan.database.storage_bytes as f64).max(1.0);
    let backups = plan.recovery.as_ref().map_or(0.0, |recovery| {
        (recovery.backup_bytes + recovery.wal_archive_bytes + recovery.archive_bytes) * part.min(1.0)
    });
    let iops = database.read_iops + database.write_iops;
    if let Some(machine) = one_machine(profile) {
        return Footprint { pods: vec![machine], database: Cores::new(0.0), memory: Bytes(0), storage, iops, backups };
    }
    Footprint {
        pods: vec![
            group("frontend", &server.frontend),
            group("history", &server.history),
            group("matching", &server.matching),
            group("worker service", &server.worker),
            PodGroup {
                name: "workers".to_owned(),
                pods: sized.workers.pods,
                cores: Cores::new(sized.workers.cpu),
                memory: Bytes(sized.workers.memory_bytes),
                on_cloud_too: true,
            },
        ],
        database: Cores::new(f64::from(database.vcpu + database.visibility_vcpu)),
        memory: Bytes(database.memory_bytes),
        storage,
        iops,
        backups,
    }
}

fn column(
    label: &str,
    mean: Rate,
    peak: f64,
    month: &CloudMonth,
    footprint: &Footprint,
    settings: &CostSettings<'_>,
) -> CostColumn {
    let bills = bills(settings.cloud, month);
    let own = settings.prices.iter().map(|prices| own(prices, &self_hosted(prices, footprint, settings.fte)));
    CostColumn {
        label: label.to_owned(),
        mean_per_second: mean.as_per_second(),
        peak_per_second: peak,
        actions_per_month: month.actions,
        peak_actions_per_second: month.peak_actions.as_per_second(),
        allowed_actions_per_second: settings.cloud.capacity.actions_per_second.as_per_second(),
        capacity_units: bills.first().map_or(1, |bill| bill.units),
        cloud_plan: compared(&bills, settings.cloud_plan),
        cloud: bills.iter().map(cloud).collect(),
        self_hosted: own.collect(),
    }
}

/// The plan asked for, else the cheapest that is sold and whose fee is known.
pub(super) fn compared(bills: &[CloudBill], asked: Option<&str>) -> String {
    let known = |bill: &&CloudBill| bill.fee != PlanFee::Unknown && bill.replaced_by.is_none();
    let cheapest = bills.iter().filter(known).min_by(|a, b| a.total().total_cmp(&b.total()));
    asked.map_or_else(|| cheapest.map_or_else(String::new, |bill| bill.plan.clone()), str::to_owned)
}

fn cloud(bill: &CloudBill) -> CloudCost {
    CloudCost {
        plan: bill.plan.clone(),
        replaced_by: bill.replaced_by.clone(),
        actions_usd: bill.actions_usd,
        beyond_listed_steps: bill.beyond_steps,
        active_storage_usd: bill.active_usd,
        retained_storage_usd: bill.retained_usd,
        plan_fee_usd: match bill.fee {
            PlanFee::Usd(fee) => Some(fee),
            PlanFee::Unknown => None,
        },
        total_usd: bill.total(),
    }
}

fn own(prices: &PriceFile, bill: &SelfHostedBill) -> SelfHostedCost {
    let item = |item: &Item| CostItem { name: item.name.clone(), usd: item.usd, how: item.how.clone() };
    SelfHostedCost {
        prices: prices.name.clone(),
        region: prices.region.clone(),
        items: bill.items.iter().map(item).collect(),
        workers: item(&bill.workers),
        server_usd: bill.server(),
        total_usd: bill.total(),
    }
}

fn even(
    usage: &Usage<'_>,
    prices: &PriceFile,
    settings: &CostSettings<'_>,
    retention: Nanos,
    mean: f64,
) -> BreakEvenRow {
    let retention = retention.min(settings.cloud.storage.longest_retention);
    let found = break_even(usage, prices, (settings.cloud, settings.terms()), retention, settings.fte);
    let name = &prices.name;
    let people = match settings.fte.or(prices.people.as_ref().and_then(|people| people.fte)) {
        Some(fte) => format!("with {fte} people"),
        None => "people not counted".to_owned(),
    };
    let (rate, looked, finding) = match found {
        None => (None, 0.0, format!("{name}: no allowed size carries the least load, so there is nothing to compare.")),
        Some(found) if found.always => {
            let looked = found.looked_up_to.as_per_second();
            (
                Some(0.0),
                looked,
                format!("{name}: self-hosting is cheaper at every rate up to {} ({people}).", number::rate(looked)),
            )
        }
        Some(found) => {
            let looked = found.looked_up_to.as_per_second();
            let finding = match found.rate {
                None => format!(
                    "{name}: Temporal Cloud is cheaper at every rate up to {} ({people}).",
                    number::rate(looked)
                ),
                Some(rate) => {
                    let rate = rate.as_per_second();
                    let here = if mean >= rate { "above it" } else { "below it" };
                    format!(
                        "{name}: from {} on average on (${} a month either way, {people}) self-hosting is cheaper; this profile's mean of {} is {here}.",
                        number::rate(rate),
                        number::count(found.usd.round().max(0.0) as u64),
                        number::rate(mean),
                    )
                }
            };
            (found.rate.map(Rate::as_per_second), looked, finding)
        }
    };
    BreakEvenRow { prices: name.clone(), workflows_per_second: rate, looked_up_to_per_second: looked, finding }
}

fn used(settings: &CostSettings<'_>) -> Vec<PriceUsed> {
    let own = settings.prices.iter().flat_map(|file| {
        file.prices().into_iter().map(|(key, price)| PriceUsed {
            key: format!("{}: {key}", file.name),
            usd: price.usd,
            source: price.source.clone(),
            date: price.date.clone(),
        })
    });
    let cloud = settings.cloud;
    let theirs = |key: &str, usd: f64| PriceUsed {
        key: format!("{}: {key}", cloud.name),
        usd,
        source: cloud.source.clone(),
        date: cloud.date.clone(),
    };
    let steps = cloud.actions.steps.iter();
    let steps = steps.map(|step| {
        theirs(&format!("million actions up to {}", number::large_count(step.up_to)), step.usd_per_million)
    });
    let storage = [
        theirs("storage.active_gbh", cloud.storage.active_gbh),
        theirs("storage.retained_gbh", cloud.storage.retained_gbh),
    ];
    own.chain(steps).chain(storage).collect()
}

/// The sources' matrix (chapter 10.2.1, "Temporal Cloud vs Self-Hosted") with a last column for this profile.
fn matrix(profile: &Profile, plan: &PlanDocument, costs: &CostDocument, settings: &CostSettings<'_>) -> Vec<MatrixRow> {
    let row = |factor: &str, cloud: &str, own: &str, here: String| MatrixRow {
        factor: factor.to_owned(),
        cloud: cloud.to_owned(),
        self_hosted: own.to_owned(),
        here,
    };
    let now = &plan.now.server;
    let pods = now.frontend.pods + now.history.pods + now.matching.pods + now.worker.pods;
    let cloud = costs.now.chosen().map_or(0.0, |bill| bill.total_usd);
    let then = costs.horizon.chosen().map_or(0.0, |bill| bill.total_usd);
    let dollars = |usd: f64| number::count(usd.round().max(0.0) as u64);
    let own: Vec<String> = costs
        .now
        .self_hosted
        .iter()
        .zip(&costs.horizon.self_hosted)
        .map(|(now, then)| {
            format!("{} ${} now, ${} then", now.prices, dollars(now.server_usd), dollars(then.server_usd))
        })
        .collect();
    let people = people(costs, settings);
    let limits = match (costs.now.capacity_units, costs.horizon.capacity_units) {
        (1, 1) => "its peak is within a namespace's default limit".to_owned(),
        (now, then) => format!(
            "its peak needs {now} capacity units now and {then} at the horizon, {} actions/s each",
            number::quantity(settings.cloud.capacity.per_unit.as_per_second())
        ),
    };
    let best = |cheaper: bool| match cheaper {
        true => "self-hosting",
        false => "Temporal Cloud",
    };
    let cheapest =
        |column: &CostColumn| column.self_hosted.iter().map(|own| own.server_usd).fold(f64::INFINITY, f64::min);
    vec![
        row(
            "Setup time",
            "Minutes",
            "Days/weeks",
            format!(
                "{pods} service pods, a database of {} vCPU, {} history shards that can never be changed",
                plan.now.database.vcpu, plan.history_shards
            ),
        ),
        row("Operational overhead", "None", "High", people),
        row(
            "Cost",
            "Pay-per-use",
            "Infrastructure + team",
            format!("Cloud ${} now, ${} then; {}", dollars(cloud), dollars(then), own.join("; ")),
        ),
        row("Control", "Limited", "Full", format!("{limits}{}", retention(profile, settings))),
        row("Compliance", "SOC2, HIPAA", "Your responsibility", "no profile says what yours asks for".to_owned()),
        row("Customisation", "Limited", "Unlimited", customised(profile)),
        row("Scaling", "Automatic", "Manual", scaling(profile, plan)),
        row(
            "Best for",
            "Start-ups, fast to market",
            "Enterprise, full control",
            format!(
                "by the money: {} now, {} at the horizon",
                best(cheapest(&costs.now) < cloud),
                best(cheapest(&costs.horizon) < then)
            ),
        ),
    ]
}

/// How many people the difference would pay.
fn people(costs: &CostDocument, settings: &CostSettings<'_>) -> String {
    let counted = |prices: &PriceFile| settings.fte.or(prices.people.as_ref().and_then(|people| people.fte));
    let lines = settings.prices.iter().zip(&costs.horizon.self_hosted).filter_map(|(prices, own)| {
        let year = prices.people.as_ref()?.year.usd;
        let without = own.server_usd
            - own.items.iter().find(|item| item.name == "people").and_then(|item| item.usd).unwrap_or(0.0);
        let saved = costs.horizon.chosen()?.total_usd - without;
        let pays = saved * 12.0 / year;
        let counted = counted(prices).map_or(String::new(), |fte| format!(" ({fte} counted)"));
        Some(match saved > 0.0 {
            true => format!(
                "{}: what it saves at the horizon pays {pays:.1} people{counted}; with more it is dearer",
                prices.name
            ),
            false => format!("{}: dearer at the horizon before anybody is paid{counted}", prices.name),
        })
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn retention(profile: &Profile, settings: &CostSettings<'_>) -> String {
    let longest = settings.cloud.storage.longest_retention;
    match profile.growth.retention > longest {
        true => format!(
            "; its retention of {} is more than the {} that Cloud keeps",
            span_label(profile.growth.retention),
            span_label(longest)
        ),
        false => String::new(),
    }
}

fn customised(profile: &Profile) -> String {
    let mut list = Vec::new();
    if matches!(profile.cluster.visibility, Visibility::Elasticsearch(_)) {
        list.push("its own Elasticsearch");
    }
    if profile.cluster.archival.is_some() {
        list.push("archival (Cloud: export, one action a workflow)");
    }
    if profile.cluster.database.pgbouncer.is_some() {
        list.push("PgBouncer");
    }
    match list.is_empty() {
        true => "nothing in it that Cloud would not do as it is".to_owned(),
        false => format!("it has {}", list.join(", ")),
    }
}

fn scaling(profile: &Profile, plan: &PlanDocument) -> String {
    let (now, then) = (&plan.now, &plan.server);
    format!(
        "load grows {}× over {}: history pods {} to {}, database {} to {} vCPU, by hand; Cloud follows the last 7 days' use",
        number::quantity(profile.growth.factor),
        plan.horizon_label,
        now.server.history.pods,
        then.history.pods,
        now.database.vcpu,
        plan.database.vcpu
    )
}

fn warnings(profile: &Profile, plan: &PlanDocument, costs: &CostDocument, settings: &CostSettings<'_>) -> Vec<String> {
    let mut list = Vec::new();
    if plan.verdict == Verdict::Infeasible {
        list.push("the plan does not fit: self-hosted costs are those of the largest sizes it allows".to_owned());
    }
    if settings.fte.is_none()
        && settings.prices.iter().any(|file| file.people.as_ref().is_none_or(|people| people.fte.is_none()))
    {
        list.push(
            "people are not counted: no source says how many it takes; give --fte (the sources only say \"High\")"
                .to_owned(),
        );
    }
    for file in settings.prices.iter().filter(|file| file.database.standby.is_none()) {
        list.push(format!("{}: no price of a standby was found, one zone is counted", file.name));
    }
    if one_machine(profile).is_some() {
        list.push(
            "everything shares one machine: it is counted as one, on the self-hosted side, its workers too".to_owned(),
        );
    }
    list.push(
        "not counted: network between zones and out, load balancers, monitoring, log storage, taxes, discounts"
            .to_owned(),
    );
    let (steps, simulated) = (costs.actions_per_workflow, costs.simulated_actions_per_workflow);
    if (steps / simulated.max(1e-9) - 1.0).abs() > 0.05 {
        list.push(format!(
            "the steps have {steps:.2} actions, a simulation of them {simulated:.2}: time-outs, cancellation or parallel branches make the difference"
        ));
    }
    if profile.growth.retention > settings.cloud.storage.longest_retention {
        list.push("Temporal Cloud's storage is counted for the longest retention it has".to_owned());
    }
    list.push(
        "Temporal Cloud: open histories are counted as whole for as long as they are open, an upper bound".to_owned(),
    );
    list
}

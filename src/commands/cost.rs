//! `plimsoll cost`.

use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_profiles::profile::ClusterKind;
use plimsoll_profiles::{Document, World};
use plimsoll_reports::cost::{actions_csv, actions_html, actions_text, cost_csv, cost_html, cost_text};
use plimsoll_reports::plan_document::PlanDocument;

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::{CostArgs, ModelArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::history::actions;
use crate::model::{self, CostSettings, PlanSettings};
use crate::plan_file;
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// Prints the costs of a profile, or the billable actions of histories.
///
/// # Errors
/// When the profile, a price file or a history is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &CostArgs, console: &Console) -> Result<Exit, Failure> {
    let cancel = prepare::cancel()?;
    let Some(path) = arguments.profile.as_deref().filter(|_| arguments.history.is_empty()) else {
        return histories(arguments, console, Progress::new(console.quiet, cancel));
    };
    let source = ProfileSource::find(path)?;
    let (document, on_cloud) = hosted(&source, &arguments.set)?;
    let prices: Vec<PriceFile> = arguments
        .prices
        .iter()
        .map(|name| PriceFile::find(name).map_err(Failure::Problems))
        .collect::<Result<_, _>>()?;
    let cloud = CloudPrices::find(arguments.money.cloud_prices.as_deref()).map_err(Failure::Problems)?;
    // Before minutes of planning.
    model::known_plan(&cloud, arguments.money.cloud_plan.as_deref()).map_err(prepare::failure)?;
    let files = answer::Files::create(&arguments.output, "cost")?;
    let progress = Progress::new(console.quiet, cancel);
    let costs = costs(arguments, &document, (&prices, &cloud), &progress);
    progress.finish();
    let mut costs = costs?;
    if on_cloud {
        costs.warnings.insert(
            0,
            "the profile is on Temporal Cloud: what is hosted beside it is kubernetes-production".to_owned(),
        );
    }
    files.write(
        console,
        Rendered {
            json: &costs,
            csv: &|| cost_csv(&costs),
            human: &|width, colour| cost_text(&costs, width, colour),
            html: &|| cost_html(&costs),
        },
    )?;
    Ok(Exit::Success)
}

/// The profile on a cluster that one hosts; whether it is on Temporal Cloud itself.
fn hosted(source: &ProfileSource, set: &[String]) -> Result<(Document, bool), Failure> {
    let document = source.document(set)?;
    let profile = document.profile(&World::mid()).map_err(Failure::Problems)?;
    if !matches!(profile.cluster.kind, ClusterKind::Cloud(_)) {
        return Ok((document, false));
    }
    let other = [set, &["cluster={ use = \"kubernetes-production\", history_shards = \"auto\" }".to_owned()]].concat();
    Ok((source.document(&other)?, true))
}

fn costs(
    arguments: &CostArgs,
    document: &Document,
    (prices, cloud): (&[PriceFile], &CloudPrices),
    progress: &Progress,
) -> Result<plimsoll_reports::cost::CostDocument, Failure> {
    let model = ModelArgs {
        profile: arguments.profile.clone().unwrap_or_default(),
        set: arguments.set.clone(),
        seed: arguments.seed,
        threads: arguments.threads,
    };
    let plan: PlanDocument = match &arguments.money.plan {
        Some(file) => plan_file::read_for(&document.profile(&World::mid()).map_err(Failure::Problems)?, file)?,
        None => {
            let settings = PlanSettings { seed: arguments.seed, threads: prepare::threads(&model) };
            model::plan(document, &settings, progress).map_err(prepare::failure)?
        }
    };
    let settings = CostSettings {
        seed: arguments.seed,
        prices,
        cloud,
        cloud_plan: arguments.money.cloud_plan.as_deref(),
        fte: arguments.money.fte,
        replicated: arguments.replicated,
        fairness: arguments.fairness,
    };
    model::cost(document, &plan, &settings, progress).map_err(prepare::failure)
}

fn histories(arguments: &CostArgs, console: &Console, progress: Progress) -> Result<Exit, Failure> {
    let files = answer::Files::create(&arguments.output, "actions")?;
    let counted = actions::count(&arguments.history, &progress);
    progress.finish();
    let counted = counted?;
    files.write(
        console,
        Rendered {
            json: &counted,
            csv: &|| actions_csv(&counted),
            human: &|width, colour| actions_text(&counted, width, colour),
            html: &|| actions_html(&counted),
        },
    )?;
    Ok(Exit::Success)
}

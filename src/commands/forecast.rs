//! `plimsoll forecast`.

use plimsoll_profiles::World;
use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_reports::forecast::{forecast_csv, forecast_html, forecast_text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::ForecastArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, LookAhead, PlanSettings};
use crate::plan_file;
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// Prints what lies ahead; that it does not fit any longer is a finding.
///
/// # Errors
/// When the profile, a price file or the plan is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &ForecastArgs, console: &Console) -> Result<Exit, Failure> {
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let prices = PriceFile::find(&arguments.prices).map_err(Failure::Problems)?;
    let cloud = CloudPrices::find(arguments.money.cloud_prices.as_deref()).map_err(Failure::Problems)?;
    let profile = document.profile(&World::mid()).map_err(Failure::Problems)?;
    let plan = arguments.money.plan.as_deref().map(|file| plan_file::read_for(&profile, file)).transpose()?;
    let cancel = prepare::cancel()?;
    let files = answer::Files::create(&arguments.output, "forecast")?;
    let settings = LookAhead {
        run: PlanSettings { seed: arguments.model.seed, threads: prepare::threads(&arguments.model) },
        horizon: arguments.horizon,
        empty: arguments.empty,
        plan: plan.as_ref(),
        then: arguments.then,
        prices: &prices,
        cloud: &cloud,
        cloud_plan: arguments.money.cloud_plan.as_deref(),
        fte: arguments.money.fte,
    };
    let progress = Progress::new(console.quiet, cancel);
    let forecast = model::forecast(&document, &settings, &progress);
    progress.finish();
    let forecast = forecast.map_err(prepare::failure)?;
    files.write(
        console,
        Rendered {
            json: &forecast,
            csv: &|| forecast_csv(&forecast),
            human: &|width, colour| forecast_text(&forecast, width, colour),
            html: &|| forecast_html(&forecast),
        },
    )?;
    Ok(if forecast.fits { Exit::Success } else { Exit::Finding })
}

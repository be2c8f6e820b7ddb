//! Price files: what Temporal Cloud and self-hosting cost, each number with its source.
//!
//! The shipped ones are in `profiles/prices/`. A price that a file does not have is not guessed: what it would buy is not counted, and whoever
//! prints a sum says so.

mod cloud;
mod infrastructure;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problems::{Problem, Problems, Source, nearest};
use crate::shipped::Shipped;

pub use cloud::{ActionPrices, ActionStep, Capacity, CloudPlan, CloudPrices, StoragePrices};
pub use infrastructure::{DatabasePrices, Factor, Kubernetes, Machines, People, PodPrices, PriceFile};

/// The shipped price files of self-hosting.
pub const INFRASTRUCTURE: [Shipped; 3] = [
    Shipped { name: "aws", text: include_str!("../../prices/aws.toml") },
    Shipped { name: "gcp", text: include_str!("../../prices/gcp.toml") },
    Shipped { name: "azure", text: include_str!("../../prices/azure.toml") },
];

/// Temporal Cloud's shipped list prices.
pub const CLOUD: Shipped = Shipped { name: "temporal-cloud", text: include_str!("../../prices/temporal-cloud.toml") };

/// A number of dollars and where it was read.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars, per what the key says.
    pub usd: f64,
    /// Address of the page or file.
    pub source: String,
    /// Of when: the page's date, or the commit of the file.
    pub date: String,
}

impl PriceFile {
    /// A shipped file by its name, or a file.
    ///
    /// # Errors
    /// When there is neither, or it is not a price file; every place that is wrong.
    pub fn find(name: &str) -> Result<Self, Problems> {
        let (text, name) = found(name, &INFRASTRUCTURE)?;
        let prices: PriceFile = read(&text, &name)?;
        checked(&text, &name, prices.faults()).map(|()| prices)
    }
}

impl CloudPrices {
    /// The shipped prices, or those of a file.
    ///
    /// # Errors
    /// As [`PriceFile::find`].
    pub fn find(name: Option<&str>) -> Result<Self, Problems> {
        let (text, name) = found(name.unwrap_or(CLOUD.name), &[CLOUD])?;
        let prices: CloudPrices = read(&text, &name)?;
        checked(&text, &name, prices.faults()).map(|()| prices)
    }
}

/// Text and name of a price file.
fn found(name: &str, shipped: &[Shipped]) -> Result<(String, String), Problems> {
    let path = Path::new(name);
    if !path.exists()
        && let Some(file) = shipped.iter().find(|file| file.name == name)
    {
        return Ok((file.text.to_owned(), format!("{name}.toml (shipped)")));
    }
    let names: Vec<&str> = shipped.iter().map(|file| file.name).collect();
    std::fs::read_to_string(path).map(|text| (text, name.to_owned())).map_err(|error| {
        let meant =
            nearest(name, names.iter().copied()).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let help = format!("give a price file (TOML), or the name of a shipped one: {}{meant}", names.join(", "));
        Problems::whole_file(name, format!("cannot read the prices: {error}"), help)
    })
}

fn read<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, Problems> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let fault = Fault { message: error.message().to_owned(), span: error.span(), help: HELP.to_owned() };
        problems(text, name, vec![fault])
    })
}

const HELP: &str = "the shipped files in profiles/prices/ show what a price file has: `plimsoll cost --help`";

/// Something wrong with a file that reads.
pub(super) struct Fault {
    /// What.
    pub message: String,
    /// Where, if it is known.
    pub span: Option<std::ops::Range<usize>>,
    /// What to do.
    pub help: String,
}

impl Fault {
    /// Without a place.
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Fault { message: message.into(), span: None, help: help.into() }
    }
}

/// Complains about an amount that no price can be.
pub(super) fn amount(faults: &mut Vec<Fault>, key: &str, value: f64) {
    if !(value.is_finite() && value >= 0.0) {
        faults.push(Fault::new(format!("{key} is {value}"), "give a number of dollars, 0 or more"));
    }
}

fn checked(text: &str, name: &str, faults: Vec<Fault>) -> Result<(), Problems> {
    if faults.is_empty() { Ok(()) } else { Err(problems(text, name, faults)) }
}

fn problems(text: &str, name: &str, faults: Vec<Fault>) -> Problems {
    let problem = |fault: Fault| Problem {
        message: fault.message.replace('\n', " "),
        path: String::new(),
        source: 0,
        span: fault.span,
        label: "here".to_owned(),
        help: Some(fault.help),
    };
    Problems {
        sources: vec![Source { name: name.to_owned(), text: text.to_owned() }],
        problems: faults.into_iter().map(problem).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shipped_price_files_read_and_every_number_names_its_source() {
        for file in INFRASTRUCTURE {
            let prices = PriceFile::find(file.name).unwrap();
            assert_eq!(prices.name, file.name);
            let all = prices.prices();
            assert!(all.len() >= 5, "{}: {}", file.name, all.len());
            for (key, price) in all {
                assert!(price.source.starts_with("https://"), "{}: {key}", file.name);
                assert!(!price.date.is_empty() && price.usd > 0.0, "{}: {key}", file.name);
            }
        }
        let cloud = CloudPrices::find(None).unwrap();
        assert!(cloud.source.starts_with("https://"));
        assert_eq!(cloud.plans.len(), 5);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let text = INFRASTRUCTURE[0].text.replace("hour = { usd = 0.0816", "hour = { dollars = 0.0816");
        std::fs::write(&file, text).unwrap();
        let problems = PriceFile::find(file.to_str().unwrap()).unwrap_err();
        let shown = problems.to_string();
        assert!(shown.contains("mine.toml:12:") && shown.contains("dollars"), "{shown}");

        let text = INFRASTRUCTURE[0].text.replace("usd = 0.0816", "usd = -1.0");
        std::fs::write(&file, text).unwrap();
        let shown = PriceFile::find(file.to_str().unwrap()).unwrap_err().to_string();
        assert!(shown.contains("machines.hour is -1"), "{shown}");

        let shown = PriceFile::find("awss").unwrap_err().to_string();
        assert!(shown.contains("did you mean aws?") && shown.contains("azure"), "{shown}");
    }

    #[test]
    fn steps_that_do_not_rise_are_refused() {
        let text = CLOUD.text.replace("up_to = 10_000_000", "up_to = 5_000_000");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cloud.toml");
        std::fs::write(&file, text).unwrap();
        let shown = CloudPrices::find(file.to_str()).unwrap_err().to_string();
        assert!(shown.contains("do not rise"), "{shown}");
    }
}

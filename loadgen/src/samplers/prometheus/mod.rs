//! Counters and gauges of Temporal's services, from the text each serves to Prometheus.
//!
//! A scrape costs the service CPU time (a busy history or matching service writes a megabyte), so it is made every five seconds
//! unless asked for more often; the rows between have empty cells.

mod measure;
pub(crate) mod text;

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use plimsoll_reports::run_dir::ResourceColumn;
use url::Url;

pub use measure::Service;
use measure::{Measure, Scraped, measures};
use text::{Series, parse};

use super::sampler::{Counter, Lap, Sampler};

/// The longest a scrape may take.
const LONGEST_SCRAPE: Duration = Duration::from_secs(4);

/// The services of one kind: what they count is added up.
pub(super) struct Prometheus {
    service: Service,
    interval: Duration,
    client: reqwest::Client,
    measures: Vec<(ResourceColumn, Measure)>,
    targets: Vec<Target>,
    lap: Lap,
}

/// One process of the service, with its counters for each measure: it may restart on its own.
struct Target {
    url: Url,
    counters: Vec<[Counter; 2]>,
}

impl Prometheus {
    pub(super) fn new(service: Service, urls: &[Url], interval: Duration) -> Prometheus {
        let measures = measures(service);
        let target = |url: &Url| Target { url: url.clone(), counters: vec![[Counter::default(); 2]; measures.len()] };
        Prometheus {
            service,
            interval,
            client: reqwest::Client::new(),
            targets: urls.iter().map(target).collect(),
            measures,
            lap: Lap::default(),
        }
    }

    async fn scrape(&self, url: &Url) -> Result<Vec<Series>, String> {
        let what = |problem: String| format!("{}: {problem}", shown(url));
        let response = self.client.get(url.clone()).timeout(LONGEST_SCRAPE).send().await;
        let response = response.map_err(|error| what(reason(&error)))?;
        if !response.status().is_success() {
            return Err(what(format!(
                "the answer is HTTP {}; is it the service's metrics endpoint?",
                response.status()
            )));
        }
        let text = response.text().await.map_err(|error| what(reason(&error)))?;
        let wanted = |name: &str| self.measures.iter().any(|(_, measure)| measure.needs(name));
        parse(&text, wanted).map_err(|bad| {
            what(format!(
                "line {} is not Prometheus's text format ('{}'); is it the service's metrics endpoint?",
                bad.number, bad.text
            ))
        })
    }

    async fn scrape_all(&mut self) -> Result<Vec<Option<f64>>, String> {
        let scrapes = try_join_all(self.targets.iter().map(|target| self.scrape(&target.url))).await;
        // A counter that was not read for a while would be divided by too short a time.
        let scrapes = scrapes.inspect_err(|_| self.lap.reset())?;
        let seconds = self.lap.seconds();
        let value = |index: usize, measure: &Measure, targets: &mut [Target]| {
            let mut total = Total::default();
            for (target, series) in targets.iter_mut().zip(&scrapes) {
                total.add(measure, measure.of(series), &mut target.counters[index]);
            }
            total.value(measure, seconds)
        };
        let measures = &self.measures;
        let targets = &mut self.targets;
        Ok(measures.iter().enumerate().map(|(index, (_, measure))| value(index, measure, targets)).collect())
    }
}

impl Sampler for Prometheus {
    fn name(&self) -> String {
        let urls: Vec<String> = self.targets.iter().map(|target| shown(&target.url)).collect();
        format!("Prometheus of {} ({})", self.service.name().replace('_', " "), urls.join(", "))
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        self.measures.iter().map(|(column, _)| column.clone()).collect()
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        self.scrape_all().boxed()
    }
}

/// A measure over all processes of a service.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    part: Option<f64>,
    whole: Option<f64>,
    gauge: Option<f64>,
}

impl Total {
    fn add(&mut self, measure: &Measure, scraped: Scraped, counters: &mut [Counter; 2]) {
        let sum = |total: &mut Option<f64>, more: Option<f64>| {
            if let Some(more) = more {
                *total = Some(total.unwrap_or(0.0) + more);
            }
        };
        match scraped {
            Scraped::Count(count) => sum(&mut self.part, counters[0].added(count)),
            Scraped::Pair(part, whole) => {
                sum(&mut self.part, counters[0].added(part));
                sum(&mut self.whole, counters[1].added(whole));
            }
            Scraped::Gauge(Some(value)) if matches!(measure, Measure::Largest(_)) => {
                self.gauge = Some(self.gauge.map_or(value, |largest| largest.max(value)));
            }
            Scraped::Gauge(value) => sum(&mut self.gauge, value),
        }
    }

    fn value(&self, measure: &Measure, seconds: Option<f64>) -> Option<f64> {
        match measure {
            Measure::Rate(_) => Some(self.part? / seconds?),
            // Without a new value there is no mean.
            Measure::Mean(_) | Measure::Share(..) => Some(self.part? / self.whole.filter(|whole| *whole > 0.0)?),
            Measure::Sum(_) | Measure::Largest(_) => self.gauge,
        }
    }
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url.to_string()
}

/// Why a request failed, without the URL, which may hold a password.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", LONGEST_SCRAPE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.is_connect() {
        true => format!("cannot connect ({cause}); is the service running, and is this the address of its metrics?"),
        false => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn columns_of(service: Service, texts: &[&str]) -> Vec<(String, Option<f64>)> {
        let mut sampler =
            Prometheus::new(service, &[Url::parse("http://127.0.0.1:1/metrics").unwrap()], Duration::ZERO);
        let mut values = Vec::new();
        for text in texts {
            let wanted = |name: &str| sampler.measures.iter().any(|(_, measure)| measure.needs(name));
            let series = parse(text, wanted).unwrap();
            values = (0..sampler.measures.len())
                .map(|index| {
                    let measure = sampler.measures[index].1;
                    let mut total = Total::default();
                    total.add(&measure, measure.of(&series), &mut sampler.targets[0].counters[index]);
                    (sampler.measures[index].0.name.clone(), total.value(&measure, Some(2.0)))
                })
                .collect();
        }
        values
    }

    fn value(values: &[(String, Option<f64>)], name: &str) -> Option<f64> {
        values.iter().find(|(column, _)| column == name).unwrap().1
    }

    #[test]
    fn rates_means_and_shares_are_of_what_came_between_two_scrapes() {
        let first = "service_requests{operation=\"A\"} 10\nlock_latency_sum{operation=\"ShardInfo\"} 1\nlock_latency_count{operation=\"ShardInfo\"} 100\nlock_latency_count{operation=\"Other\"} 5\n";
        let second = "service_requests{operation=\"A\"} 14\nservice_requests{operation=\"B\"} 2\nlock_latency_sum{operation=\"ShardInfo\"} 1.5\nlock_latency_count{operation=\"ShardInfo\"} 110\nlock_latency_count{operation=\"Other\"} 500\nmemory_heapinuse 7e6\n";
        let values = columns_of(Service::History, &[first, second]);
        assert_eq!(value(&values, "history_requests"), Some(3.0));
        assert_eq!(value(&values, "shard_lock_latency"), Some(0.05));
        assert_eq!(value(&values, "history_heap"), Some(7e6));
        assert_eq!(value(&values, "history_cache_misses"), None, "no request, no share");
        assert_eq!(value(&columns_of(Service::History, &[first]), "history_requests"), None, "one scrape has no rate");
    }

    #[test]
    fn a_restart_does_not_make_a_negative_rate() {
        let values = columns_of(Service::Frontend, &["service_requests 1000", "service_requests 40"]);
        assert_eq!(value(&values, "frontend_requests"), Some(20.0));
    }

    #[test]
    fn names_as_opentelemetry_writes_them_are_the_same_metrics() {
        let text = |count: f64| {
            format!(
                "service_requests_total {count}\npersistence_latency_milliseconds_sum {}\npersistence_latency_milliseconds_count {count}\n",
                count * 3.0
            )
        };
        let values = columns_of(Service::Frontend, &[&text(10.0), &text(20.0)]);
        assert_eq!(value(&values, "frontend_requests"), Some(5.0));
        assert_eq!(value(&values, "frontend_persistence_latency"), Some(0.003));
    }

    /// Part of what a server 1.31.2 wrote; the expected figures were taken from the files with awk.
    #[test]
    fn a_real_servers_text_is_read() {
        let scraped = |service: Service, text: &str, name: &str| {
            let measures = measures(service);
            let wanted = |name: &str| measures.iter().any(|(_, measure)| measure.needs(name));
            let series = parse(text, wanted).unwrap();
            measures.iter().find(|(column, _)| column.name == name).unwrap().1.of(&series)
        };
        let history = include_str!("../../../tests/data/scrape_history.txt");
        let of_history = |name| scraped(Service::History, history, name);
        assert_eq!(of_history("history_requests"), Scraped::Count(105.0));
        assert_eq!(of_history("shard_lock_latency"), Scraped::Pair(0.000_730_681_999_999_999_5, 1792.0));
        assert_eq!(of_history("history_cache_entries"), Scraped::Gauge(Some(40.0)));
        assert_eq!(of_history("history_cache_misses"), Scraped::Pair(40.0, 255.0));
        assert_eq!(of_history("history_heap"), Scraped::Gauge(Some(2.566_553_6e7)));
        let matching = include_str!("../../../tests/data/scrape_matching.txt");
        assert_eq!(
            scraped(Service::Matching, matching, "matching_dispatch_latency"),
            Scraped::Pair(1.429_661_924, 20.0)
        );
        assert_eq!(scraped(Service::Matching, matching, "matching_sync_matches"), Scraped::Pair(20.0, 20.0));
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        let url = Url::parse("http://user:hunter2@127.0.0.1:1/metrics?token=hunter2").unwrap();
        assert_eq!(shown(&url), "http://127.0.0.1:1/metrics");
        let sampler = Prometheus::new(Service::Frontend, &[url], Duration::ZERO);
        assert_eq!(sampler.name(), "Prometheus of frontend (http://127.0.0.1:1/metrics)");
    }
}

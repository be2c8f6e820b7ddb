//! Checks of the server's dynamic configuration, and its defaults.

use super::Checker;
use crate::profile::ServerSettings;
use crate::raw::server::{RawLimit, RawServer};
use crate::units::Rate;

impl Checker {
    pub(super) fn server(&mut self, raw: &RawServer) -> ServerSettings {
        let default = ServerSettings::default();
        let burst = raw.namespace_burst_ratio.unwrap_or(default.namespace_burst_ratio);
        if !(1.0..=1000.0).contains(&burst) {
            let help = "the server's default is 2; below 1 it admits nothing";
            self.note("namespace_burst_ratio", "a burst below 1 s or above 1000 s of the rate", "out of range", help);
        }
        self.not_zero("polls_per_frontend", raw.polls_per_frontend, "polls");
        self.not_zero("shard_io_concurrency", raw.shard_io_concurrency, "permits of a shard");
        self.not_zero("history_cache_entries", raw.history_cache_entries, "cache entries");
        ServerSettings {
            frontend_rps: self.limit("frontend_rps", raw.frontend_rps, default.frontend_rps),
            namespace_rps: self.limit("namespace_rps", raw.namespace_rps, default.namespace_rps),
            namespace_burst_ratio: burst.clamp(1.0, 1000.0),
            visibility_rps: self.limit("visibility_rps", raw.visibility_rps, default.visibility_rps),
            polls_per_frontend: raw.polls_per_frontend.unwrap_or(default.polls_per_frontend),
            history_rps: self.limit("history_rps", raw.history_rps, default.history_rps),
            matching_rps: self.limit("matching_rps", raw.matching_rps, default.matching_rps),
            history_persistence_qps: self.limit(
                "history_persistence_qps",
                raw.history_persistence_qps,
                default.history_persistence_qps,
            ),
            matching_persistence_qps: self.limit(
                "matching_persistence_qps",
                raw.matching_persistence_qps,
                default.matching_persistence_qps,
            ),
            shard_io_concurrency: raw.shard_io_concurrency.unwrap_or(default.shard_io_concurrency).clamp(1, 1_024),
            history_cache_entries: raw.history_cache_entries.unwrap_or(default.history_cache_entries),
            history_cache_ttl: raw.history_cache_ttl.unwrap_or(default.history_cache_ttl),
            events_cache: raw.events_cache.unwrap_or(default.events_cache),
        }
    }

    fn limit(&mut self, key: &str, raw: Option<RawLimit>, default: Option<Rate>) -> Option<Rate> {
        match raw {
            None => default,
            Some(RawLimit::Unlimited) => None,
            Some(RawLimit::At(rate)) if rate.as_per_second() < 1.0 => {
                let help = "a server that admits nothing serves nobody; \"unlimited\" is no limit";
                self.note(key, format!("a limit of {rate}"), "below one a second", help);
                default
            }
            Some(RawLimit::At(rate)) => Some(rate),
        }
    }
}

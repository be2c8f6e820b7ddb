//! Names of what a run starts.

use std::fmt;

/// The id of a run. Every workflow id and task queue of the run begins with it, so that nothing else is ever touched
/// and `cleanup` finds all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId(String);

impl RunId {
    /// What every run id begins with.
    pub const PREFIX: &str = "plimsoll-";

    /// A new one: the time in UTC to the second, and six hexadecimal digits so that two runs at once differ.
    pub fn new() -> Self {
        let now = jiff::Timestamp::now();
        let random = uuid::Uuid::new_v4().simple().to_string();
        RunId(format!("{}{}-{}", Self::PREFIX, now.strftime("%Y%m%dT%H%M%SZ"), &random[..6]))
    }

    /// Reads one as the user gives it; the prefix may be left out. `None` when it could match other runs: it must have
    /// at least eight letters, digits or hyphens after the prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(Self::PREFIX).unwrap_or(text);
        let fits = rest.len() >= 8 && rest.len() <= 64 && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then(|| RunId(format!("{}{rest}", Self::PREFIX)))
    }

    /// The id of the run's workflow with this number (counted from 0 in the order of intended starts).
    pub fn workflow_id(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.0)
    }

    /// The task queue of the run's own workers.
    pub fn task_queue(&self) -> String {
        self.0.clone()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> Self {
        RunId::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_reads_back_with_and_without_its_prefix() {
        let id = RunId::new();
        assert_eq!(RunId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(RunId::parse(id.as_str().trim_start_matches(RunId::PREFIX)), Some(id));
    }

    #[test]
    fn a_run_id_that_could_match_other_runs_is_refused() {
        for text in ["", "plimsoll-", "plimsoll-2026", "a", "plimsoll-%%%%%%%%%%", "' OR 1=1 --aaaa"] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}

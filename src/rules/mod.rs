//! The rule-of-thumb calculators of the project's source documents, exactly as they stand there.
//!
//! They are pure functions with the documents' own examples as tests. They are shown beside every plan, and the
//! `rules` command prints them alone. Where they are wrong (the worker rule counts every activity of a workflow as
//! running at once) they stay wrong: the plan says why it differs.

pub mod database;
mod rounding;
pub mod storage;
pub mod strategy;
pub mod workers;

/// Version of the documents the rules print as JSON.
pub const RULES_SCHEMA_VERSION: u32 = 1;

/// A result too large for the rule's whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Which number.
    pub number: &'static str,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is larger than 2^63: check the units of the inputs", self.number)
    }
}

impl std::error::Error for TooLarge {}

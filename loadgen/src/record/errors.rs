//! Refusals and failures by kind.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// More kinds than this are counted as one: an error text may hold an id.
const MOST_KINDS: usize = 64;

/// Counts what went wrong, by operation and kind, with the first message of each kind.
#[derive(Debug, Default)]
pub struct Errors(Mutex<BTreeMap<(String, String), ErrorCount>>);

/// One kind of error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// How often.
    pub count: u64,
    /// The first one's own words.
    pub example: String,
}

impl Errors {
    /// Counts one: the operation ("start"), the kind ("unavailable") and what it says.
    pub fn count(&self, operation: &str, kind: &str, message: &str) {
        let mut errors = self.0.lock();
        let mut key = (operation.to_owned(), kind.to_owned());
        if errors.len() >= MOST_KINDS && !errors.contains_key(&key) {
            key.1 = "other".to_owned();
        }
        let entry = errors.entry(key).or_insert_with(|| ErrorCount { count: 0, example: brief(message) });
        entry.count += 1;
    }

    /// All kinds, by operation and kind.
    pub fn kinds(&self) -> Vec<(String, String, ErrorCount)> {
        self.0
            .lock()
            .iter()
            .map(|((operation, kind), count)| (operation.clone(), kind.clone(), count.clone()))
            .collect()
    }

    /// Requests that failed, each attempt of one that was sent again included; how workflows ended is not among them.
    pub fn refusals(&self) -> u64 {
        let errors = self.0.lock();
        errors.iter().filter(|((operation, _), _)| operation != "workflow").map(|(_, error)| error.count).sum()
    }
}

/// One line of bounded length.
fn brief(message: &str) -> String {
    const LONGEST: usize = 200;
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

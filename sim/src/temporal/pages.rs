//! Pages of the database: which of them a workflow's rows touch, and what that costs after a checkpoint.
//!
//! After a checkpoint began, the first write to a page puts the whole page into the WAL (`full_page_writes`), and the next
//! checkpoint writes each touched page back once. So both costs follow from one number: the distinct pages touched since.
//! Rows with random keys (run ids, tree ids) touch pages of their index at random: of `L` pages, `k` touches meet
//! `L (1 − (1 − 1/L)^k)` distinct ones. Measured on the server's own schema (`sim/tests/data/postgresql_replay.json`):
//! with 224 pages of `history_node`'s index, 100 runs touched 86 (the formula: 81), 400 runs 181 (187), 800 runs 212 (218).

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Bytes;

/// PostgreSQL's page.
pub const PAGE: f64 = 8192.0;

/// Distinct pages among `touches` touches of `pages` pages at random.
pub fn distinct_pages(pages: f64, touches: f64) -> f64 {
    if pages <= 1.0 {
        return pages.max(0.0).min(touches);
    }
    -pages * libm::expm1(touches * libm::log1p(-1.0 / pages))
}

/// Pages that rows of a run touch at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageSet {
    /// What they belong to.
    pub name: &'static str,
    /// How many there are.
    pub pages: f64,
    /// Touched by one run.
    pub per_run: f64,
}

/// The pages of the main database and of visibility.
#[derive(Clone, Debug, PartialEq)]
pub struct Pages {
    /// Pages touched at random.
    pub sets: Vec<PageSet>,
    /// Pages that every run touches: the ends of indexes that grow by time, and pages with free space.
    pub hot: f64,
}

/// Index bytes of a run in the order of run and tree ids, as grown on the replayed schema: 7,800 runs.
const NODE_INDEX: f64 = 620.0;
const TREE_INDEX: f64 = 83.0;
const EXECUTIONS_INDEX: f64 = 157.0;
const CURRENT_INDEX: f64 = 130.0;
/// One visibility index by a random key (primary key, workflow id, root workflow id, root run id).
const VISIBILITY_KEY_INDEX: f64 = 260.0;
/// Heap pages with free space that a run's rows land in, each: replayed, the slope of 100 to 800 runs.
const EXECUTIONS_HEAP_TOUCHES: f64 = 0.6;
const CURRENT_HEAP_TOUCHES: f64 = 0.3;
const VISIBILITY_HEAP_TOUCHES: f64 = 0.6;
/// Pages touched by the first few runs after a checkpoint whatever their keys are, replayed: heaps with free space.
const HOT_MAIN: f64 = 100.0;
/// The same of visibility: its 73 indexes grow by time at two or three places each.
const HOT_VISIBILITY: f64 = 250.0;
/// Pages that a run touches again when it goes on after a long wait: its rows in `executions`, `current_executions` and
/// `history_node`'s index, and at its close four visibility indexes by key and the row. Derived from the sets above.
pub const TOUCHED_AGAIN: f64 = 8.0;

impl Pages {
    /// The pages of a database that holds `runs` runs in `shards` history shards.
    pub fn of(calibration: &Calibration, runs: f64, shards: u32, visibility: bool) -> Self {
        let bytes = &calibration.bytes;
        let set = |name, bytes: f64, per_run| PageSet { name, pages: (runs * bytes / PAGE).max(1.0), per_run };
        let heap = |size: Bytes, index: f64| (size.0 as f64 - index).max(0.0);
        let mut sets = vec![
            set("history_node index", NODE_INDEX, 1.0),
            set("history_tree index", TREE_INDEX, 1.0),
            set("executions index", EXECUTIONS_INDEX, 1.0),
            set("current_executions index", CURRENT_INDEX, 1.0),
            set("executions", heap(bytes.executions, EXECUTIONS_INDEX), EXECUTIONS_HEAP_TOUCHES),
            set("current_executions", heap(bytes.current_executions, CURRENT_INDEX), CURRENT_HEAP_TOUCHES),
            // Each shard's tasks are next to each other.
            PageSet { name: "timer_tasks index", pages: f64::from(shards).max(1.0), per_run: 1.0 },
        ];
        if visibility {
            sets.push(set("executions_visibility", bytes.visibility_heap.0 as f64, VISIBILITY_HEAP_TOUCHES));
            sets.extend([set("executions_visibility indexes by key", VISIBILITY_KEY_INDEX, 1.0); 4]);
        }
        Pages { sets, hot: HOT_MAIN + if visibility { HOT_VISIBILITY } else { 0.0 } }
    }

    /// Distinct pages that `runs` runs touch: full-page images since a checkpoint began, and pages it has to write back.
    pub fn touched(&self, runs: f64) -> f64 {
        // The hot pages are met within the first few runs.
        let hot = distinct_pages(self.hot, 0.1 * self.hot * runs);
        hot + self.sets.iter().map(|set| distinct_pages(set.pages, set.per_run * runs)).sum::<f64>()
    }
}

/// Full-page images as a simulation goes on: the expected number, run by run.
#[derive(Clone, Debug)]
pub(super) struct PageImages {
    /// Pages not touched since the checkpoint, and touches of a run, by set.
    sets: Vec<(f64, f64, f64)>,
    images: f64,
}

impl PageImages {
    pub fn new(pages: &Pages) -> Self {
        let hot = (pages.hot, pages.hot, 0.1 * pages.hot);
        let mut sets: Vec<_> = pages.sets.iter().map(|set| (set.pages, set.pages, set.per_run)).collect();
        sets.push(hot);
        PageImages { sets, images: 0.0 }
    }

    /// A checkpoint begins.
    pub fn checkpoint(&mut self) {
        for (pages, untouched, _) in &mut self.sets {
            *untouched = *pages;
        }
    }

    /// A run was written: answers how many whole images that adds to those of before.
    pub fn run(&mut self) -> u64 {
        let before = self.images as u64;
        for (pages, untouched, per_run) in &mut self.sets {
            let first = (*untouched * *per_run / *pages).min(*untouched);
            *untouched -= first;
            self.images += first;
        }
        self.images as u64 - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;

    #[test]
    fn distinct_pages_are_those_of_random_touches() {
        let mut stream = Streams::new(7).stream("test", "pages", 0);
        for (pages, touches) in [(50u64, 20u64), (50, 200), (1_000, 700), (1_000, 5_000)] {
            let repeats = 400;
            let mut met = 0u64;
            for _ in 0..repeats {
                let mut seen = vec![false; pages as usize];
                (0..touches).for_each(|_| seen[stream.below(pages) as usize] = true);
                met += seen.iter().filter(|seen| **seen).count() as u64;
            }
            let mean = met as f64 / f64::from(repeats);
            let expected = distinct_pages(pages as f64, touches as f64);
            assert!((mean / expected - 1.0).abs() < 0.01, "{touches} touches of {pages}: {mean}, formula {expected}");
        }
    }

    #[test]
    fn no_more_pages_are_touched_than_there_are_nor_than_touches() {
        for pages in [0.0, 0.5, 1.0, 2.0, 1e3, 1e9] {
            for touches in [0.0, 1.0, 10.0, 1e6] {
                let met = distinct_pages(pages, touches);
                assert!(met >= 0.0 && met <= pages + 1e-9 && met <= touches + 1e-6, "{touches} of {pages}: {met}");
            }
        }
    }

    #[test]
    fn images_run_by_run_add_up_to_the_formula() {
        let pages = Pages::of(&Calibration::reference(), 10_000.0, 64, true);
        let mut images = PageImages::new(&pages);
        for _ in 0..2 {
            let total: u64 = (0..500).map(|_| images.run()).sum();
            let expected = pages.touched(500.0);
            assert!((total as f64 / expected - 1.0).abs() < 0.01, "{total}, formula {expected}");
            images.checkpoint();
        }
    }
}

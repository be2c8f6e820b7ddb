//! What became of every intended start, so that nothing can get lost.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;

/// Seconds that are counted one by one: four months.
const MOST_SECONDS: usize = 10_000_000;

/// How a workflow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Completed.
    Completed,
    /// Failed, timed out, cancelled or terminated.
    Failed,
}

/// Times of a workflow that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The intended start.
    pub intended: Nanos,
    /// When the start was sent.
    pub sent: Nanos,
}

/// Counts of starts: `offered = completed + failed + unfinished + unsent`, at any time and to the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Intended starts whose time has come.
    pub offered: u64,
    /// Starts that were sent.
    pub sent: u64,
    /// Starts the server took.
    pub accepted: u64,
    /// Starts the server refused, or that had no answer within their time.
    pub refused: u64,
    /// Workflows that completed.
    pub completed: u64,
    /// Refused starts, and workflows that ended otherwise than completed.
    pub failed: u64,
    /// Sent, and neither refused nor seen to end; starts that wait at the in-flight cap are here until they are sent or given up.
    pub unfinished: u64,
    /// Never sent.
    pub unsent: u64,
}

impl Tally {
    /// Whether everything offered is accounted for.
    pub fn adds_up(&self) -> bool {
        self.offered == self.completed + self.failed + self.unfinished + self.unsent
    }

    /// What happened between an earlier tally and this one; `unfinished` is this one's.
    pub fn since(&self, earlier: &Tally) -> Tally {
        Tally {
            offered: self.offered - earlier.offered,
            sent: self.sent - earlier.sent,
            accepted: self.accepted - earlier.accepted,
            refused: self.refused - earlier.refused,
            completed: self.completed - earlier.completed,
            failed: self.failed - earlier.failed,
            unfinished: self.unfinished,
            unsent: self.unsent - earlier.unsent,
        }
    }
}

/// The book of all starts of a run.
#[derive(Debug)]
pub struct Ledger {
    measured_from: Nanos,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    open: HashMap<u64, Entry>,
    /// How many of these are still observed: asked often, so it is kept.
    awaited: usize,
    whole: Tally,
    /// Only starts intended in the measured window.
    measured: Tally,
    /// Sends that have not been handed on, because an earlier start is still to be sent; `None` will never be.
    sends: BTreeMap<u64, Option<(Nanos, Nanos)>>,
    /// Number of the first start whose send is not known.
    next_send: u64,
    /// Intended time and send of each start, in the order of the schedule.
    in_order: Vec<(Nanos, Nanos)>,
    offered_by_second: Vec<u64>,
    sent_by_second: Vec<u64>,
}

/// Adds one to the second in which a time lies.
fn count_in(seconds: &mut Vec<u64>, at: Nanos) {
    let second = usize::try_from(at.0 / 1_000_000_000).unwrap_or(usize::MAX);
    if second >= MOST_SECONDS {
        return;
    }
    if seconds.len() <= second {
        seconds.resize(second + 1, 0);
    }
    seconds[second] += 1;
}

impl Book {
    fn close(&mut self, ordinal: u64) -> Option<Entry> {
        let entry = self.open.remove(&ordinal)?;
        self.awaited -= usize::from(entry.observed);
        Some(entry)
    }

    fn send_known(&mut self, ordinal: u64, send: Option<(Nanos, Nanos)>) {
        self.sends.insert(ordinal, send);
        while let Some(send) = self.sends.remove(&self.next_send) {
            self.next_send += 1;
            self.in_order.extend(send);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    intended: Nanos,
    /// When the request was sent; `None` while it waits.
    sent: Option<Nanos>,
    accepted: bool,
    /// Whether the workflow's end will ever be seen.
    observed: bool,
}

impl Ledger {
    /// A book whose measured window begins here.
    pub fn new(measured_from: Nanos) -> Self {
        Ledger { measured_from, book: Mutex::default() }
    }

    fn change(&self, book: &mut Book, intended: Nanos, change: impl Fn(&mut Tally)) {
        change(&mut book.whole);
        if intended >= self.measured_from {
            change(&mut book.measured);
        }
    }

    /// The intended time of a start has come.
    pub fn offer(&self, ordinal: u64, intended: Nanos) {
        let mut book = self.book.lock();
        let entry = Entry { intended, sent: None, accepted: false, observed: true };
        let before = book.open.insert(ordinal, entry);
        debug_assert!(before.is_none(), "start {ordinal} offered twice");
        book.awaited += 1;
        count_in(&mut book.offered_by_second, intended);
        self.change(&mut book, intended, |tally| {
            tally.offered += 1;
            tally.unfinished += 1;
        });
    }

    /// The start's request has been handed to the connection.
    pub fn sent(&self, ordinal: u64, at: Nanos) {
        let mut book = self.book.lock();
        // A completion may have come before: the worker can be faster than this thread.
        let Some(entry) = book.open.get_mut(&ordinal) else { return };
        if entry.sent.is_some() {
            return;
        }
        entry.sent = Some(at);
        let intended = entry.intended;
        book.send_known(ordinal, Some((intended, at)));
        count_in(&mut book.sent_by_second, at);
        self.change(&mut book, intended, |tally| tally.sent += 1);
    }

    /// The server took the start.
    pub fn accepted(&self, ordinal: u64) {
        let mut book = self.book.lock();
        let Some(entry) = book.open.get_mut(&ordinal).filter(|entry| !entry.accepted) else { return };
        entry.accepted = true;
        let intended = entry.intended;
        self.change(&mut book, intended, |tally| tally.accepted += 1);
    }

    /// The server refused the start, or there was no answer in time. A workflow seen to run all the same stays as it is.
    pub fn refused(&self, ordinal: u64) {
        let mut book = self.book.lock();
        let Some(entry) = book.close(ordinal) else { return };
        self.change(&mut book, entry.intended, |tally| {
            tally.refused += 1;
            tally.failed += 1;
            tally.unfinished -= 1;
        });
    }

    /// The start was given up before it was sent. Returns `false` when it had been sent.
    pub fn unsent(&self, ordinal: u64) -> bool {
        let mut book = self.book.lock();
        if book.open.get(&ordinal).is_none_or(|entry| entry.sent.is_some()) {
            return false;
        }
        let Some(entry) = book.close(ordinal) else { return false };
        book.send_known(ordinal, None);
        self.change(&mut book, entry.intended, |tally| {
            tally.unsent += 1;
            tally.unfinished -= 1;
        });
        true
    }

    /// The workflow ended. `None` when it is not open: seen already, refused, or not of this run.
    pub fn ended(&self, ordinal: u64, end: End) -> Option<Ended> {
        let mut book = self.book.lock();
        // A start still in flight whose workflow has ended was accepted, whatever becomes of the answer.
        let entry = *book.open.get(&ordinal)?;
        let sent = entry.sent?;
        book.close(ordinal);
        self.change(&mut book, entry.intended, |tally| {
            tally.unfinished -= 1;
            if !entry.accepted {
                tally.accepted += 1;
            }
            match end {
                End::Completed => tally.completed += 1,
                End::Failed => tally.failed += 1,
            }
        });
        Some(Ended { intended: entry.intended, sent })
    }

    /// The workflow's end cannot be seen any more: it stays unfinished, and nobody waits for it.
    pub fn lost_sight(&self, ordinal: u64) {
        let mut book = self.book.lock();
        let Some(entry) = book.open.get_mut(&ordinal).filter(|entry| entry.observed) else { return };
        entry.observed = false;
        book.awaited -= 1;
    }

    /// Intended time and send of the starts sent since the last call, in the order of the schedule: a start that waits holds
    /// back those behind it.
    pub fn take_sends(&self) -> Vec<(Nanos, Nanos)> {
        std::mem::take(&mut self.book.lock().in_order)
    }

    /// Starts by second of the run: offered, by intended time; and sent, by the time of the send.
    pub fn by_second(&self) -> (Vec<u64>, Vec<u64>) {
        let book = self.book.lock();
        (book.offered_by_second.clone(), book.sent_by_second.clone())
    }

    /// Counts over the whole run.
    pub fn whole(&self) -> Tally {
        self.book.lock().whole
    }

    /// Counts of the starts intended in the measured window.
    pub fn measured(&self) -> Tally {
        self.book.lock().measured
    }

    /// Numbers of the starts that are not done, and still observed.
    pub fn open(&self) -> Vec<u64> {
        let book = self.book.lock();
        let mut open: Vec<u64> =
            book.open.iter().filter(|(_, entry)| entry.observed).map(|(ordinal, _)| *ordinal).collect();
        open.sort_unstable();
        open
    }

    /// How many starts are not done and still observed.
    pub fn awaited(&self) -> usize {
        self.book.lock().awaited
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_completion_that_overtakes_the_answer_counts_once() {
        let ledger = Ledger::new(Nanos::ZERO);
        ledger.offer(0, Nanos(5));
        ledger.sent(0, Nanos(7));
        assert_eq!(ledger.ended(0, End::Completed), Some(Ended { intended: Nanos(5), sent: Nanos(7) }));
        ledger.accepted(0);
        ledger.refused(0);
        assert_eq!(ledger.ended(0, End::Failed), None);
        let expected = Tally { offered: 1, sent: 1, accepted: 1, completed: 1, ..Tally::default() };
        assert_eq!(ledger.whole(), expected);
    }

    #[test]
    fn the_measured_window_counts_by_intended_time() {
        let ledger = Ledger::new(Nanos(100));
        for (ordinal, at) in [(0, 50), (1, 99), (2, 100), (3, 180)] {
            ledger.offer(ordinal, Nanos(at));
        }
        ledger.unsent(3);
        assert_eq!((ledger.whole().offered, ledger.measured().offered), (4, 2));
        assert_eq!((ledger.whole().unsent, ledger.measured().unsent), (1, 1));
    }

    #[test]
    fn sends_come_back_in_the_order_of_the_schedule() {
        let ledger = Ledger::new(Nanos::ZERO);
        (0..5).for_each(|ordinal| ledger.offer(ordinal, Nanos(ordinal * 10)));
        ledger.sent(1, Nanos(12));
        ledger.sent(3, Nanos(33));
        assert_eq!(ledger.take_sends(), []);
        ledger.sent(0, Nanos(14));
        assert_eq!(ledger.take_sends(), [(Nanos(0), Nanos(14)), (Nanos(10), Nanos(12))]);
        ledger.unsent(2);
        ledger.sent(4, Nanos(41));
        assert_eq!(ledger.take_sends(), [(Nanos(30), Nanos(33)), (Nanos(40), Nanos(41))]);
    }

    proptest! {
        /// Whatever happens to starts, and in whatever order and how often, each is counted exactly once.
        #[test]
        fn offered_is_completed_and_failed_and_unfinished_and_unsent(
            events in prop::collection::vec((0u64..40, 0u8..8), 0..600),
            measured_from in 0u64..40,
        ) {
            let ledger = Ledger::new(Nanos(measured_from));
            (0..40).for_each(|ordinal| ledger.offer(ordinal, Nanos(ordinal)));
            for (ordinal, event) in events {
                match event {
                    0 | 1 => ledger.sent(ordinal, Nanos(1_000 + ordinal)),
                    2 => ledger.accepted(ordinal),
                    3 => ledger.refused(ordinal),
                    4 => { ledger.unsent(ordinal); }
                    5 => { ledger.ended(ordinal, End::Completed); }
                    6 => ledger.lost_sight(ordinal),
                    _ => { ledger.ended(ordinal, End::Failed); }
                }
                prop_assert!(ledger.whole().adds_up(), "{:?}", ledger.whole());
                prop_assert!(ledger.measured().adds_up(), "{:?}", ledger.measured());
            }
            let tally = ledger.whole();
            prop_assert_eq!(tally.offered, 40);
            prop_assert_eq!(ledger.measured().offered, 40 - measured_from);
            prop_assert_eq!(ledger.awaited(), ledger.open().len());
            prop_assert!(ledger.awaited() <= tally.unfinished as usize);
        }
    }
}

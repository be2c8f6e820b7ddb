//! The open-loop dispatcher: every operation at its intended time, whatever the target does.
//!
//! | file | subject |
//! | --- | --- |
//! | [`inbox`] | operations that others add while it runs, and the request to stop |
//! | [`pace`] | waiting for a time precisely and cheaply; virtual time in tests |
//! | [`queue`] | operations in the order of their times |
//!
//! [`dispatch`] runs on a thread of its own and calls `send` at each intended time. `send` may not block: what it takes is
//! lag of the operations behind it, and is measured as such. Nothing is ever skipped: a dispatcher that comes late sends
//! what is due at once, one after the other, each with its own intended time.

pub mod inbox;
pub mod pace;
pub mod queue;

use std::collections::VecDeque;

use plimsoll_profiles::units::Nanos;

pub use inbox::Inbox;
pub use pace::{Pace, RealTime, Wake};
pub use queue::{Queue, Timed};

/// Starts prepared ahead of their time. A burst of this many finds its requests ready.
const AHEAD: usize = 64;
/// With less time than this to the next operation nothing is prepared: it could make that one late.
const IDLE: Nanos = Nanos::from_micros(300);

/// A start, and what is intended after it.
#[derive(Debug)]
pub struct Followed<T> {
    /// The start.
    pub start: T,
    /// Delay from the intended start, and what is then sent.
    pub followers: Vec<(Nanos, T)>,
}

/// What a dispatcher hands over.
pub trait Sink<T> {
    /// The operation's time has come. May not block.
    fn send(&mut self, operation: Timed<T>);

    /// The operation's time had come, and a stop came first.
    fn unsent(&mut self, operation: Timed<T>);

    /// All starts have been handed over; what still comes are their followers.
    fn starts_done(&mut self);
}

/// How a dispatcher ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was handed over.
    Done,
    /// Stopped at this time: what was intended later was never offered.
    Stopped(Nanos),
}

/// Hands over each start of the schedule, its followers, and what comes into the inbox, at their intended times.
///
/// `make` makes the start with this number (from 0) intended at this time, before that time where there is a pause.
/// Ends when all that is there has been handed over and the inbox is closed, or when it is told to stop. After a stop,
/// operations that were due already go to `unsent`; later ones go nowhere.
pub fn dispatch<T>(
    schedule: impl Iterator<Item = Nanos>,
    mut make: impl FnMut(u64, Nanos) -> Followed<T>,
    inbox: &Inbox<T>,
    pace: &impl Pace,
    sink: &mut impl Sink<T>,
) -> Ended {
    let mut starts = schedule.zip(0..).map(|(at, ordinal)| (at, make(ordinal, at)));
    let mut ahead: VecDeque<(Nanos, Followed<T>)> = VecDeque::with_capacity(AHEAD);
    let mut later = Queue::default();
    let mut starting = true;
    loop {
        if starting {
            prepare(&mut starts, pace, &mut ahead);
            if ahead.is_empty() {
                starting = false;
                sink.starts_done();
            }
        }
        let start_at = ahead.front().map(|(at, _)| *at);
        // At the same time the start goes first.
        let is_start = start_at.is_some_and(|start| later.next_at().is_none_or(|later| start <= later));
        let next_at = if is_start { start_at } else { later.next_at() };
        match pace.wait_until(next_at, inbox) {
            Wake::Mail => inbox.collect(&mut later),
            Wake::Closed => return Ended::Done,
            Wake::Due if is_start => {
                let Some((at, made)) = ahead.pop_front() else { continue };
                sink.send(Timed { at, what: made.start });
                made.followers.into_iter().for_each(|(delay, what)| later.push(Timed { at: at + delay, what }));
            }
            Wake::Due => {
                if let Some(operation) = later.pop() {
                    sink.send(operation);
                }
            }
            Wake::Stopped => {
                let now = pace.now();
                let due = ahead.into_iter().chain(starts).take_while(|(at, _)| *at <= now);
                due.for_each(|(at, made)| sink.unsent(Timed { at, what: made.start }));
                while later.next_at().is_some_and(|at| at <= now) {
                    later.pop().into_iter().for_each(|operation| sink.unsent(operation));
                }
                return Ended::Stopped(now);
            }
        }
    }
}

/// Makes starts while there is time for it; always at least one.
fn prepare<T>(starts: &mut impl Iterator<Item = (Nanos, T)>, pace: &impl Pace, ahead: &mut VecDeque<(Nanos, T)>) {
    while ahead.len() < AHEAD {
        if let Some((at, _)) = ahead.front()
            && at.saturating_sub(pace.now()) < IDLE
        {
            return;
        }
        let Some(start) = starts.next() else { return };
        ahead.push_back(start);
    }
}

#[cfg(test)]
mod tests;

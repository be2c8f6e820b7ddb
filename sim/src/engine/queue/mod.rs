//! The event queue: winner trees of fixed size for up to 256 pending events, one that grows for some thousand, a ladder of buckets for more.

mod few;
mod tree;
mod wheel;

use few::{Few, Some256};
use plimsoll_profiles::units::Nanos;
use tree::WinnerTree;
use wheel::Wheel;

/// Above this many pending events the ladder takes over: there the tree's leaves and inner nodes begin to leave the second-level cache. The speed
/// benchmark's hold model shows both: the tree at 1,000 pending, the ladder at 100,000 and more.
const LADDER_ABOVE: usize = 4096;
/// Below this many the tree takes over again; far enough from [`LADDER_ABOVE`] that a population that swings around either does not switch often.
const TREE_BELOW: usize = 1024;
/// Below this many a tree makes place for the fixed one of 256.
const FIXED_BELOW: usize = 128;
/// Events per bucket that the ladder aims for: enough to spread the cost of opening one, few enough to be sorted in the first-level cache.
const NEAR_EVENTS: usize = 48;
/// Orders of insertion that a tree key can tell apart.
const SEQUENCE_LIMIT: u64 = 1 << 42;

/// Pending events, earliest first; events at the same time in the order of their insertion.
///
/// Times may be pushed in any order, also earlier than events already popped. Up to some thousand pending events lie in a 4-ary winner tree (up to 256
/// in one of fixed size and narrower keys); above, those not due soon lie in a ladder of unsorted buckets of about 48 events, and only
/// the bucket whose turn it is gets sorted. The queue changes between these forms by itself, and the width of a bucket follows the
/// density of events. Nothing is allocated per event in steady state; memory grows with the largest population and when the form changes.
///
/// # Panics
/// After 4.4e12 pushes to more than 256 pending events, and when more than 4 million events are pending within one nanosecond.
///
/// ```
/// use plimsoll_profiles::units::Nanos;
/// use plimsoll_sim::engine::EventQueue;
///
/// let mut queue = EventQueue::new();
/// queue.push(Nanos(20), 'c');
/// queue.push(Nanos(10), 'a');
/// queue.push(Nanos(10), 'b');
/// let order: Vec<char> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
/// assert_eq!(order, ['a', 'b', 'c']);
/// ```
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    form: Form,
    /// All events, until it refuses one: from then on it is empty, until the queue is.
    few: Few<E>,
    /// As `few`, and next in turn.
    some: Some256<E>,
    /// A time was too far away for `some`: it is not tried again.
    is_wide: bool,
    /// All other events in tree form; in ladder form, those pushed into the current bucket.
    tree: WinnerTree<E>,
    ladder: Option<Box<Ladder<E>>>,
    /// What the ladder needs is kept when the tree takes over, so that switching back does not allocate.
    spare: Option<Box<Ladder<E>>>,
    sequence: u64,
}

/// Where the events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Few,
    Some,
    /// In the tree that grows, or the ladder.
    Many,
}

#[derive(Clone, Debug)]
struct Ladder<E> {
    wheel: Wheel<E>,
    /// The current bucket, sorted: places in `events` in the low bits under the mask, below the bits of the time that differ when those
    /// fit; `cursor` is the first not yet popped.
    near: Vec<u64>,
    place_mask: u64,
    events: Vec<(u64, E)>,
    cursor: usize,
    /// Events popped and buckets opened since the bucket width was last judged, and events popped since it was last changed.
    popped: usize,
    opened: usize,
    since_change: usize,
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    pub fn new() -> Self {
        EventQueue {
            form: Form::Few,
            few: Few::new(),
            some: Some256::new(),
            is_wide: false,
            tree: WinnerTree::new(),
            ladder: None,
            spare: None,
            sequence: 0,
        }
    }

    /// The number of pending events.
    #[inline]
    pub fn len(&self) -> usize {
        match self.form {
            Form::Few => self.few.len(),
            Form::Some => self.some.len(),
            Form::Many => {
                let ladder =
                    self.ladder.as_ref().map_or(0, |ladder| ladder.wheel.len() + ladder.near.len() - ladder.cursor);
                self.tree.len() + ladder
            }
        }
    }

    /// True when nothing is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an event.
    #[inline]
    pub fn push(&mut self, time: Nanos, event: E) {
        if self.form == Form::Many {
            return self.push_more(time, event);
        }
        self.push_to_form(time, event);
    }

    /// Not inlined: a model pushes at many places, and inside a loop the compiler would turn the trees' minima into branches.
    #[inline(never)]
    fn push_to_form(&mut self, time: Nanos, event: E) {
        let pushed = match self.form {
            Form::Few => self.few.push(time.0, event),
            Form::Some => self.some.push(time.0, event),
            Form::Many => false,
        };
        if !pushed {
            self.push_more(time, event);
        }
    }

    #[inline(never)]
    fn push_more(&mut self, time: Nanos, event: E) {
        if self.form == Form::Few {
            self.leave_few();
            return self.push_to_form(time, event);
        }
        if self.form == Form::Some {
            self.leave_some();
        }
        if let Some(ladder) = &mut self.ladder
            && ladder.wheel.takes(time.0)
        {
            ladder.wheel.push(time.0, event);
            return;
        }
        if self.tree.is_full() {
            self.make_room(time.0, event);
            return;
        }
        self.push_tree(time.0, event);
    }

    #[inline]
    fn push_tree(&mut self, time: u64, event: E) {
        assert!(self.sequence < SEQUENCE_LIMIT, "the event queue has seen 4.4e12 events");
        self.tree.push(time, self.sequence, event);
        self.sequence += 1;
    }

    /// Puts the few events where there is room for more.
    #[cold]
    fn leave_few(&mut self) {
        let events = self.few.drain();
        self.fill_some(events);
    }

    /// Puts events, in order, into the fixed tree of 256, or into the growing one when they do not fit.
    fn fill_some(&mut self, events: Vec<(u64, E)>) {
        self.form = Form::Some;
        if !self.is_wide && events.iter().all(|(time, event)| self.some.push(*time, *event)) {
            return;
        }
        self.form = Form::Many;
        self.some.drain();
        self.is_wide = true;
        for (time, event) in events {
            self.push_tree(time, event);
        }
    }

    /// Puts the events of the fixed tree into the growing one.
    #[cold]
    fn leave_some(&mut self) {
        self.form = Form::Many;
        self.is_wide |= self.some.has_room();
        for (time, event) in self.some.drain() {
            if self.tree.is_full() {
                self.tree.grow();
            }
            self.push_tree(time, event);
        }
    }

    /// Puts the events of the growing tree into the fixed one.
    #[cold]
    fn leave_tree(&mut self) {
        let events = self.tree.drain_sorted();
        self.fill_some(events);
    }

    /// The time of the earliest event.
    #[inline]
    pub fn peek_time(&mut self) -> Option<Nanos> {
        match self.form {
            Form::Few => (self.few.len() > 0).then(|| Nanos(self.few.first_time())),
            Form::Some => (self.some.len() > 0).then(|| Nanos(self.some.first_time())),
            Form::Many if self.ladder.is_some() => self.peek_ladder(),
            Form::Many => (self.tree.len() > 0).then(|| Nanos(self.tree.first_time())),
        }
    }

    /// Removes and returns the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<(Nanos, E)> {
        self.pop_until(Nanos::FOREVER)
    }

    /// Removes and returns the earliest event unless it is later than `end`.
    #[inline]
    pub fn pop_until(&mut self, end: Nanos) -> Option<(Nanos, E)> {
        match self.form {
            Form::Few => self.few.pop_until(end.0).map(|(time, event)| (Nanos(time), event)),
            Form::Some => {
                let (time, event) = self.some.pop_until(end.0)?;
                if self.some.len() == 0 {
                    self.form = Form::Few;
                }
                Some((Nanos(time), event))
            }
            Form::Many => self.pop_more(end),
        }
    }

    #[inline(never)]
    fn pop_more(&mut self, end: Nanos) -> Option<(Nanos, E)> {
        if self.ladder.is_some() {
            return self.pop_ladder(end);
        }
        if self.tree.len() == 0 || self.tree.first_time() > end.0 {
            return None;
        }
        let (time, event) = self.tree.pop();
        if self.tree.len() == 0 {
            self.form = Form::Few;
        } else if self.tree.len() < FIXED_BELOW && !self.is_wide {
            self.leave_tree();
        }
        Some((Nanos(time), event))
    }

    fn peek_ladder(&mut self) -> Option<Nanos> {
        let near = self.near_time();
        let tree = if self.tree.len() > 0 { Some(self.tree.first_time()) } else { None };
        match (near, tree) {
            (Some(near), Some(tree)) => Some(Nanos(near.min(tree))),
            (near, tree) => near.or(tree).map(Nanos),
        }
    }

    /// The first time of the current bucket; opens the next bucket when there is nothing left to pop before it.
    #[inline]
    fn near_time(&mut self) -> Option<u64> {
        let ladder = self.ladder.as_mut()?;
        if ladder.cursor == ladder.near.len() && self.tree.len() == 0 {
            self.open_bucket();
        }
        let ladder = self.ladder.as_ref()?;
        ladder.near_first().map(|first| first.0)
    }

    fn pop_ladder(&mut self, end: Nanos) -> Option<(Nanos, E)> {
        let near = self.near_time();
        // Events of the bucket were pushed before it was opened, those of the tree after: at equal times the bucket goes first.
        if self.tree.len() > 0 && near.is_none_or(|near| self.tree.first_time() < near) {
            if self.tree.first_time() > end.0 {
                return None;
            }
            if let Some(ladder) = &mut self.ladder {
                ladder.popped += 1;
            }
            let (time, event) = self.tree.pop();
            return Some((Nanos(time), event));
        }
        let time = near?;
        if time > end.0 {
            return None;
        }
        let ladder = self.ladder.as_mut()?;
        let (_, event) = ladder.near_first()?;
        ladder.cursor += 1;
        ladder.popped += 1;
        Some((Nanos(time), event))
    }

    /// Makes the next bucket current; changes the bucket width or the form of the queue when the population has changed.
    fn open_bucket(&mut self) {
        let Some(ladder) = &mut self.ladder else { return };
        if ladder.wheel.len() < TREE_BELOW {
            self.leave_ladder();
            return;
        }
        if let Some(shift) = ladder.better_shift() {
            self.respread(Some(shift));
            return;
        }
        ladder.opened += 1;
        ladder.cursor = 0;
        ladder.events.clear();
        ladder.wheel.advance(&mut ladder.events);
        ladder.sort_near();
    }

    /// Called for a push into a full tree.
    #[cold]
    fn make_room(&mut self, time: u64, event: E) {
        let too_many = self.ladder.is_none() && self.tree.leaves() >= LADDER_ABOVE;
        let too_wide =
            self.ladder.as_ref().is_some_and(|ladder| ladder.wheel.shift() > 0 && self.tree.leaves() >= LADDER_ABOVE);
        if too_many || too_wide {
            self.respread(None);
            self.push(Nanos(time), event);
            return;
        }
        self.tree.grow();
        self.push_tree(time, event);
    }

    /// Distributes all events anew over tree and ladder; without a shift, one fitting the density of the first events.
    #[cold]
    fn respread(&mut self, shift: Option<u32>) {
        let mut ladder = self.ladder.take().or_else(|| self.spare.take()).unwrap_or_else(|| Box::new(Ladder::new()));
        let mut all = ladder.take_near();
        all.extend(self.tree.drain_sorted());
        all.sort_by_key(|entry| entry.0);
        let shift = shift.unwrap_or_else(|| fitting_shift(&all));
        ladder.wheel.drain_all(&mut all);
        let first = all.iter().map(|entry| entry.0).min().unwrap_or(0);
        ladder.wheel.restart(shift, first);
        for (time, event) in all {
            if ladder.wheel.takes(time) {
                ladder.wheel.push(time, event);
            } else {
                ladder.events.push((time, event));
            }
        }
        ladder.sort_near();
        (ladder.popped, ladder.opened, ladder.since_change) = (0, 1, 0);
        self.ladder = Some(ladder);
    }

    /// Puts all events into the tree.
    #[cold]
    fn leave_ladder(&mut self) {
        let Some(mut ladder) = self.ladder.take() else { return };
        let mut all = ladder.take_near();
        all.extend(self.tree.drain_sorted());
        all.sort_by_key(|entry| entry.0);
        ladder.wheel.drain_all(&mut all);
        self.spare = Some(ladder);
        for (time, event) in all {
            if self.tree.is_full() {
                self.tree.grow();
            }
            self.push_tree(time, event);
        }
    }
}

/// The bucket width for which the first events of a sorted list come to about [`NEAR_EVENTS`] per bucket.
fn fitting_shift<E>(sorted: &[(u64, E)]) -> u32 {
    let sample = sorted.len().min(16 * NEAR_EVENTS);
    if sample < 2 {
        return 0;
    }
    let span = sorted[sample - 1].0 - sorted[0].0;
    (span / sample as u64 * NEAR_EVENTS as u64).checked_ilog2().unwrap_or(0)
}

impl<E: Copy> Ladder<E> {
    fn new() -> Self {
        Ladder {
            wheel: Wheel::new(),
            near: Vec::new(),
            place_mask: 0,
            events: Vec::new(),
            cursor: 0,
            popped: 0,
            opened: 0,
            since_change: 0,
        }
    }

    fn sort_near(&mut self) {
        self.near.clear();
        let first = self.events.first().map_or(0, |entry| entry.0);
        let differing = self.events.iter().fold(0, |bits, entry| bits | entry.0 ^ first);
        let place_bits = usize::BITS - self.events.len().leading_zeros();
        if differing.leading_zeros() >= place_bits {
            // The bits shifted out are those in which no two times differ.
            self.place_mask = (1 << place_bits) - 1;
            let keys = self.events.iter().enumerate().map(|(place, entry)| entry.0 << place_bits | place as u64);
            self.near.extend(keys);
            self.near.sort_unstable();
        } else {
            self.place_mask = u64::MAX;
            self.events.sort_by_key(|entry| entry.0);
            self.near.extend(0..self.events.len() as u64);
        }
    }

    /// The first event of the current bucket not yet popped.
    #[inline]
    fn near_first(&self) -> Option<(u64, E)> {
        let key = self.near.get(self.cursor)?;
        Some(self.events[(key & self.place_mask) as usize])
    }

    /// Removes what is left of the current bucket, in order.
    fn take_near(&mut self) -> Vec<(u64, E)> {
        let rest = self.near[self.cursor..].iter().map(|key| self.events[(key & self.place_mask) as usize]).collect();
        self.near.clear();
        self.events.clear();
        self.cursor = 0;
        rest
    }

    /// A bucket width that brings events per bucket back to the aim, when they are off by more than four times.
    ///
    /// Judged over at least 64 buckets, and changed only after as many pops as events are to be moved.
    fn better_shift(&mut self) -> Option<u32> {
        if self.opened < 64 {
            return None;
        }
        let per_bucket = (self.popped / self.opened).max(1);
        self.since_change += self.popped;
        (self.popped, self.opened) = (0, 0);
        if self.since_change < self.wheel.len() {
            return None;
        }
        let shift = self.wheel.shift();
        let better = if per_bucket > 4 * NEAR_EVENTS {
            shift.saturating_sub((per_bucket / NEAR_EVENTS).ilog2())
        } else if per_bucket < NEAR_EVENTS / 4 {
            (shift + (NEAR_EVENTS / per_bucket).ilog2()).min(40)
        } else {
            shift
        };
        (better != shift).then_some(better)
    }
}

#[cfg(test)]
mod tests;

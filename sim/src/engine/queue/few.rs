//! The event queue of most models: up to sixteen pending events, in a winner tree of two levels.
//!
//! The same tree as [`super::tree`], but of one size known to the compiler, without an index that needs a check or a pointer to follow.

use super::tree::{EMPTY, Group, SLOT_BITS, winner};

/// The largest number of events.
pub(super) const FEW: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct Few<E> {
    /// Leaf `n` is place `n % 4` of group `n / 4`; the winners of the four groups are the last group.
    nodes: [Group; FEW / 4 + 1],
    first: u128,
    events: [Option<E>; FEW],
    /// The free leaves, from place `len` on; what lies before has no meaning. A push takes the one at `len`.
    slots: [u8; FEW],
    len: usize,
    /// The leaf at `slots[len]` still holds the key popped last: a push that follows replaces it with a single walk.
    stale: bool,
}

impl<E: Copy> Few<E> {
    pub fn new() -> Self {
        Few {
            nodes: [Group([EMPTY; 4]); FEW / 4 + 1],
            first: EMPTY,
            events: [None; FEW],
            slots: std::array::from_fn(|slot| slot as u8),
            len: 0,
            stale: false,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds an event; there must be room, and `sequence` must be below 2^42.
    #[inline]
    pub fn push(&mut self, time: u64, sequence: u64, event: E) {
        let slot = usize::from(self.slots[self.len % FEW]);
        self.len += 1;
        self.stale = false;
        self.events[slot % FEW] = Some(event);
        self.settle(slot, u128::from(time) << 64 | u128::from(sequence << SLOT_BITS | slot as u64));
    }

    /// The time of the earliest event; `u64::MAX` also when there is none.
    #[inline]
    pub fn first_time(&mut self) -> u64 {
        if self.stale {
            self.stale = false;
            self.settle(usize::from(self.slots[self.len % FEW]), EMPTY);
        }
        (self.first >> 64) as u64
    }

    /// Removes the earliest event unless it is later than `end`, with its order of insertion.
    #[inline]
    pub fn pop_until(&mut self, end: u64) -> Option<(u64, E)> {
        let time = self.first_time();
        if time > end || self.len == 0 {
            return None;
        }
        let slot = self.first as usize % FEW;
        self.len -= 1;
        self.slots[self.len % FEW] = slot as u8;
        self.stale = true;
        Some((time, self.events[slot]?))
    }

    /// Removes all events, each with its time and order of insertion.
    #[cold]
    pub fn drain(&mut self) -> Vec<(u64, u64, E)> {
        let mut all = Vec::with_capacity(self.len);
        while self.len > 0 {
            let time = self.first_time();
            let sequence = self.first as u64 >> SLOT_BITS;
            if let Some((_, event)) = self.pop_until(u64::MAX) {
                all.push((time, sequence, event));
            }
        }
        all
    }

    /// Writes a leaf and the winners above it.
    #[inline]
    fn settle(&mut self, slot: usize, key: u128) {
        let (group, place) = (slot / 4 % 4, slot % 4);
        self.nodes[group].0[place] = key;
        let key = winner(&self.nodes[group], place, key);
        self.nodes[FEW / 4].0[group] = key;
        self.first = winner(&self.nodes[FEW / 4], group, key);
    }
}

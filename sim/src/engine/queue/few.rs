//! The event queue of most small models: up to sixteen pending events, in a winner tree of two levels.
//!
//! The same idea as [`super::tree`], in one word per key: the time past a base, above the order of insertion, above the leaf. Base and orders are
//! set anew when either runs out, so equal times keep their order for ever; a time too far away for the word is refused.

/// The largest number of events.
const FEW: usize = 16;
const SLOT_BITS: u32 = 4;
const ORDER_BITS: u32 = 10;
/// Pushes before the orders start again from zero. One less than the bits allow, so that no key equals [`EMPTY`].
const ORDERS: u64 = (1 << ORDER_BITS) - 1;
/// The latest time past the base: 13 days in nanoseconds.
const SPAN: u64 = u64::MAX >> (ORDER_BITS + SLOT_BITS);
/// The key of an empty leaf, later than every event.
const EMPTY: u64 = u64::MAX;

#[derive(Clone, Debug)]
pub(super) struct Few<E> {
    /// Leaf `n` is place `n % 4` of group `n / 4`; the winners of the four groups are the last group.
    nodes: [[u64; 4]; FEW / 4 + 1],
    first: u64,
    /// At most `u64::MAX - SPAN`: an earlier time less the base wraps to more than `SPAN`.
    base: u64,
    order: u64,
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
            nodes: [[EMPTY; 4]; FEW / 4 + 1],
            first: EMPTY,
            base: 0,
            order: 0,
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

    /// Adds an event; false when there is no room or the times would lie too far apart.
    #[inline]
    pub fn push(&mut self, time: u64, event: E) -> bool {
        if self.len == FEW {
            return false;
        }
        if (time.wrapping_sub(self.base) > SPAN || self.order == ORDERS) && !self.rebase(time) {
            return false;
        }
        let slot = usize::from(self.slots[self.len % FEW]) % FEW;
        self.len += 1;
        self.stale = false;
        self.events[slot] = Some(event);
        self.first =
            settle(&mut self.nodes, slot, ((time - self.base) << ORDER_BITS | self.order) << SLOT_BITS | slot as u64);
        self.order += 1;
        true
    }

    /// The time of the earliest event; without meaning when there is none.
    #[inline]
    pub fn first_time(&mut self) -> u64 {
        if self.stale {
            self.stale = false;
            self.first = settle(&mut self.nodes, usize::from(self.slots[self.len % FEW]), EMPTY);
        }
        self.base + (self.first >> (ORDER_BITS + SLOT_BITS))
    }

    /// Removes the earliest event unless it is later than `end`.
    #[inline]
    pub fn pop_until(&mut self, end: u64) -> Option<(u64, E)> {
        if self.len == 0 {
            return None;
        }
        let time = self.first_time();
        if time > end {
            return None;
        }
        let slot = self.first as usize % FEW;
        self.len -= 1;
        self.slots[self.len % FEW] = slot as u8;
        self.stale = true;
        Some((time, self.events[slot]?))
    }

    /// Removes all events, in order.
    #[cold]
    pub fn drain(&mut self) -> Vec<(u64, E)> {
        let all = std::iter::from_fn(|| self.pop_until(u64::MAX)).collect();
        self.first_time();
        all
    }

    /// Starts base and orders anew so that `time` fits too; false, and nothing has changed, when it cannot.
    #[cold]
    fn rebase(&mut self, time: u64) -> bool {
        let all = self.drain();
        let (first, last) =
            all.iter().fold((time, time), |(first, last), entry| (first.min(entry.0), last.max(entry.0)));
        let fits = last - first <= SPAN;
        if fits {
            self.base = first.min(u64::MAX - SPAN);
        }
        self.order = 0;
        for (time, event) in all {
            self.push(time, event);
        }
        fits
    }
}

/// Writes a leaf and the winners above it; the answer is the earliest key of all.
///
/// Not inlined, because inside a loop the compiler turns minima into branches, which are mispredicted as often as not.
#[inline(never)]
fn settle(nodes: &mut [[u64; 4]; FEW / 4 + 1], slot: usize, key: u64) -> u64 {
    let (group, place) = (slot / 4 % 4, slot % 4);
    nodes[group][place] = key;
    let key = winner(&nodes[group], place, key);
    nodes[FEW / 4][group] = key;
    winner(&nodes[FEW / 4], group, key)
}

/// The winner of `key` and the other three of a group.
#[inline]
fn winner(keys: &[u64; 4], place: usize, key: u64) -> u64 {
    key.min(keys[place ^ 1].min(keys[place ^ 2]).min(keys[place ^ 3]))
}

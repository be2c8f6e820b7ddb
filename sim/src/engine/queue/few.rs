//! The event queue of most models: up to sixteen pending events in a winner tree of two levels, up to 256 in one of two to four.
//!
//! The same idea as [`super::tree`], in one word per key: the time past a base, above the order of insertion, above the leaf. Base and orders are
//! set anew when either runs out, so equal times keep their order for ever; a time too far away for the word is refused.

/// The key of an empty leaf, later than every event.
const EMPTY: u64 = u64::MAX;

/// Up to sixteen events within 13 days.
pub(super) type Few<E> = Small<E, 16, 5, 10>;
/// Up to 256 within five hours.
pub(super) type Some256<E> = Small<E, 256, 85, 12>;

/// A queue of up to `ROOM` events; `GROUPS` is the number of inner and leaf groups of four.
#[derive(Clone, Debug)]
pub(super) struct Small<E, const ROOM: usize, const GROUPS: usize, const ORDER_BITS: u32> {
    /// Leaf `n` is place `n % 4` of group `n / 4`; the winners of these groups follow in groups of their own, up to the one that
    /// is last.
    nodes: [[u64; 4]; GROUPS],
    first: u64,
    /// At most `u64::MAX - SPAN`: an earlier time less the base wraps to more than `SPAN`.
    base: u64,
    order: u64,
    events: [Option<E>; ROOM],
    /// The free leaves, from place `len` on; what lies before has no meaning. A push takes the one at `len`.
    slots: [u8; ROOM],
    len: usize,
    /// Two levels hold the first sixteen leaves, three 64: how many of them count, by the leaves used so far.
    levels: u8,
    /// The leaf at `slots[len]` still holds the key popped last: a push that follows replaces it with a single walk.
    stale: bool,
}

impl<E: Copy, const ROOM: usize, const GROUPS: usize, const ORDER_BITS: u32> Small<E, ROOM, GROUPS, ORDER_BITS> {
    /// Pushes before the orders start again from zero. One less than the bits allow, so that no key equals [`EMPTY`].
    const ORDERS: u64 = (1 << ORDER_BITS) - 1;
    const SLOT_BITS: u32 = ROOM.ilog2();
    /// The latest time past the base, in nanoseconds.
    const SPAN: u64 = u64::MAX >> (ORDER_BITS + Self::SLOT_BITS);

    pub fn new() -> Self {
        Small {
            nodes: [[EMPTY; 4]; GROUPS],
            first: EMPTY,
            base: 0,
            order: 0,
            events: [None; ROOM],
            slots: std::array::from_fn(|slot| slot as u8),
            len: 0,
            levels: 2,
            stale: false,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn has_room(&self) -> bool {
        self.len < ROOM
    }

    /// Adds an event; false when there is no room or the times would lie too far apart. For callers that are not part of a hot loop.
    #[inline(always)]
    pub fn push(&mut self, time: u64, event: E) -> bool {
        if self.len == ROOM {
            return false;
        }
        let fits = (time.wrapping_sub(self.base) <= Self::SPAN) & (self.order < Self::ORDERS);
        if !fits && !self.rebase(time) {
            return false;
        }
        let slot = usize::from(self.slots[self.len % ROOM]) % ROOM;
        if ROOM > 16 && slot >= 1 << (2 * self.levels) {
            self.deepen(slot);
        }
        self.len += 1;
        self.stale = false;
        self.events[slot] = Some(event);
        let key = ((time - self.base) << ORDER_BITS | self.order) << Self::SLOT_BITS | slot as u64;
        self.first = self.settle(slot, key);
        self.order += 1;
        true
    }

    /// The time of the earliest event; without meaning when there is none.
    #[inline]
    pub fn first_time(&mut self) -> u64 {
        if self.stale {
            self.stale = false;
            let slot = usize::from(self.slots[self.len % ROOM]);
            self.first = self.settle_alone(slot, EMPTY);
        }
        self.base + (self.first >> (ORDER_BITS + Self::SLOT_BITS))
    }

    /// [`Small::settle`] for pops after which no push followed: seldom, since most events lead to another. Not inlined, because inside a loop the
    /// compiler turns minima into branches, which are mispredicted as often as not.
    #[inline(never)]
    fn settle_alone(&mut self, slot: usize, key: u64) -> u64 {
        self.settle(slot, key)
    }

    /// Writes a leaf and the winners above it; the answer is the earliest key of all.
    #[inline(always)]
    fn settle(&mut self, slot: usize, key: u64) -> u64 {
        let slot = slot % ROOM;
        let nodes = &mut self.nodes;
        let key = climb(nodes, slot / 4, slot % 4, key);
        let key = climb(nodes, ROOM / 4 + slot / 16, slot / 4 % 4, key);
        if ROOM == 16 || self.levels == 2 {
            return key;
        }
        let key = climb(nodes, ROOM / 4 + ROOM / 16 + slot / 64, slot / 16 % 4, key);
        if self.levels == 3 {
            return key;
        }
        climb(nodes, GROUPS - 1, slot / 64, key)
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
        let slot = self.first as usize % ROOM;
        self.len -= 1;
        self.slots[self.len % ROOM] = slot as u8;
        self.stale = true;
        Some((time, self.events[slot]?))
    }

    /// From now on as many levels count as a leaf needs.
    #[cold]
    fn deepen(&mut self, slot: usize) {
        self.first_time();
        while slot >= 1 << (2 * self.levels) {
            let root = if self.levels == 2 { ROOM / 4 + ROOM / 16 } else { GROUPS - 1 };
            self.nodes[root] = [self.first, EMPTY, EMPTY, EMPTY];
            self.levels += 1;
        }
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
        let fits = last - first <= Self::SPAN;
        if fits {
            self.base = first.min(u64::MAX - Self::SPAN);
        }
        self.order = 0;
        // Low leaves first, so that no more levels count than are needed.
        self.slots = std::array::from_fn(|slot| slot as u8);
        self.levels = 2;
        for (time, event) in all {
            self.push(time, event);
        }
        fits
    }
}

/// Writes a key into a group; the answer is the group's winner.
#[inline]
fn climb<const GROUPS: usize>(nodes: &mut [[u64; 4]; GROUPS], group: usize, place: usize, key: u64) -> u64 {
    let keys = &mut nodes[group];
    keys[place] = key;
    winner(keys, place, key)
}

/// The winner of `key` and the other three of a group.
#[inline]
fn winner(keys: &[u64; 4], place: usize, key: u64) -> u64 {
    key.min(keys[place ^ 1].min(keys[place ^ 2]).min(keys[place ^ 3]))
}

//! The near part of the event queue: a 4-ary winner tree (tournament) on cache lines.
//!
//! Every inner node holds the smallest key of its four children; four siblings share one cache line. Replacing a leaf walks one path to the root
//! with as many steps as the tree is deep, and each step is three minima over addresses known in advance: no branch depends on the keys, so
//! nothing is mispredicted, and all loads of a path are issued at once. A binary or 4-ary heap mispredicts one or two branches per operation,
//! which is most of its time at few pending events.

/// Bits of a key that name the leaf; the rest of the low word is the order of insertion.
const SLOT_BITS: u32 = 22;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
/// The key of an empty leaf: later than every event, since the order of insertion never reaches all ones.
const EMPTY: u128 = u128::MAX;
const SMALLEST_LEAVES: usize = 16;

/// The minimum, without a branch where no loop surrounds it.
#[inline]
fn smaller(a: u128, b: u128) -> u128 {
    std::hint::select_unpredictable(a < b, a, b)
}

/// The winner of `key` and the other three of a group.
#[inline]
fn winner(group: &Group, place: usize, key: u128) -> u128 {
    let Group(keys) = group;
    smaller(key, smaller(smaller(keys[place ^ 1], keys[place ^ 2]), keys[place ^ 3]))
}

/// Writes a leaf and the winners above it.
///
/// Unrolled and in a function of its own, because inside a loop the compiler turns the minima into branches, which costs more than all the rest.
#[inline(never)]
fn settle<const LEVELS: u32>(nodes: &mut [Group], leaf: usize, key: u128) {
    // The length and the mask change nothing; they show the compiler that no index below can be out of bounds.
    let nodes = &mut nodes[..1 << (2 * LEVELS - 1)];
    let leaf = leaf & ((2 << (2 * LEVELS)) - 1);
    nodes[leaf >> 2].0[leaf & 3] = key;
    let mut key = key;
    for level in 0..LEVELS {
        key = climb(nodes, leaf >> (2 * level), key);
    }
}

/// As [`settle`], for trees of any depth.
#[inline(never)]
fn settle_any(nodes: &mut [Group], leaf: usize, key: u128) {
    nodes[leaf >> 2].0[leaf & 3] = key;
    let (mut node, mut key) = (leaf, key);
    while node > 1 {
        key = climb(nodes, node, key);
        node >>= 2;
    }
}

/// Writes the winner of one group into its parent.
#[inline]
fn climb(nodes: &mut [Group], node: usize, key: u128) -> u128 {
    let key = winner(&nodes[node >> 2], node & 3, key);
    nodes[node >> 4].0[node >> 2 & 3] = key;
    key
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Group([u128; 4]);

#[derive(Clone, Debug)]
pub(super) struct WinnerTree<E> {
    /// Node `n` has the children `4n..4n + 4`; the root is 1, the leaves are `leaves..2 * leaves`.
    nodes: Vec<Group>,
    leaves: usize,
    /// The event of each leaf; nothing before the first push.
    events: Vec<E>,
    /// The free leaves, from place `len` on; what lies before has no meaning. A push takes the one at `len`.
    slots: Vec<u32>,
    len: usize,
    /// The leaf at `slots[len]` still holds the key popped last: a push that follows replaces it with a single walk.
    stale: bool,
}

impl<E: Copy> WinnerTree<E> {
    pub fn new() -> Self {
        WinnerTree {
            nodes: vec![Group([EMPTY; 4]); SMALLEST_LEAVES / 2],
            leaves: SMALLEST_LEAVES,
            events: Vec::new(),
            slots: (0..SMALLEST_LEAVES as u32).collect(),
            len: 0,
            stale: false,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// True when the next push needs a larger tree.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len == self.leaves
    }

    /// Adds an event; the tree must not be full, and `sequence` must be below 2^42.
    #[inline]
    pub fn push(&mut self, time: u64, sequence: u64, event: E) {
        if self.events.is_empty() {
            self.events.resize(self.leaves, event);
        }
        let slot = self.slots[self.len] as usize;
        self.events[slot] = event;
        self.len += 1;
        self.stale = false;
        self.settle(slot, u128::from(time) << 64 | u128::from(sequence << SLOT_BITS | slot as u64));
    }

    /// The time of the earliest event; `u64::MAX` also when there is none.
    #[inline]
    pub fn first_time(&mut self) -> u64 {
        self.clear_stale();
        (self.nodes[0].0[1] >> 64) as u64
    }

    /// Removes the earliest event; there must be one.
    #[inline]
    pub fn pop(&mut self) -> (u64, E) {
        self.clear_stale();
        let key = self.nodes[0].0[1];
        let slot = (key as u64 & SLOT_MASK) as usize;
        self.len -= 1;
        self.slots[self.len] = slot as u32;
        self.stale = true;
        ((key >> 64) as u64, self.events[slot])
    }

    #[inline]
    fn clear_stale(&mut self) {
        if self.stale {
            self.stale = false;
            self.settle(self.slots[self.len] as usize, EMPTY);
        }
    }

    /// Writes a leaf and the winners above it.
    #[inline]
    fn settle(&mut self, slot: usize, key: u128) {
        let leaf = self.leaves + slot;
        match self.leaves {
            16 => settle::<2>(&mut self.nodes, leaf, key),
            64 => settle::<3>(&mut self.nodes, leaf, key),
            256 => settle::<4>(&mut self.nodes, leaf, key),
            1024 => settle::<5>(&mut self.nodes, leaf, key),
            4096 => settle::<6>(&mut self.nodes, leaf, key),
            _ => settle_any(&mut self.nodes, leaf, key),
        }
    }

    /// Makes room for four times as many events.
    #[cold]
    pub fn grow(&mut self) {
        assert!(self.leaves as u64 <= SLOT_MASK, "more than 4 million events pending at nearly one instant");
        let entries = self.drain_keys();
        self.reset(self.leaves * 4);
        for (key, event) in entries {
            self.events.push(event);
            let slot = self.events.len() - 1;
            let node = self.leaves + slot;
            self.nodes[node >> 2].0[node & 3] = key & !u128::from(SLOT_MASK) | slot as u128;
        }
        self.len = self.events.len();
        if let Some(&any) = self.events.last() {
            self.events.resize(self.leaves, any);
        }
        for node in (1..self.leaves / 2).rev().filter(|node| (node.ilog2() & 1) == 0) {
            let [a, b, c, d] = self.nodes[node].0;
            self.nodes[node >> 2].0[node & 3] = a.min(b).min(c).min(d);
        }
    }

    /// Removes all events, in order.
    #[cold]
    pub fn drain_sorted(&mut self) -> Vec<(u64, E)> {
        let mut entries = self.drain_keys();
        entries.sort_unstable_by_key(|entry| entry.0);
        self.reset(SMALLEST_LEAVES);
        entries.into_iter().map(|(key, event)| ((key >> 64) as u64, event)).collect()
    }

    fn drain_keys(&mut self) -> Vec<(u128, E)> {
        self.clear_stale();
        let keys = (0..self.events.len()).map(|slot| {
            let node = self.leaves + slot;
            (self.nodes[node >> 2].0[node & 3], self.events[slot])
        });
        keys.filter(|entry| entry.0 != EMPTY).collect()
    }

    /// An empty tree of another size.
    fn reset(&mut self, leaves: usize) {
        self.leaves = leaves;
        self.nodes.clear();
        self.nodes.resize(leaves / 2, Group([EMPTY; 4]));
        self.events.clear();
        self.slots.clear();
        self.slots.extend(0..leaves as u32);
        self.len = 0;
        self.stale = false;
    }
}

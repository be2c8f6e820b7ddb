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
const NO_HOLE: usize = usize::MAX;
const SMALLEST_LEAVES: usize = 16;

/// The minimum, without a branch where no loop surrounds it.
#[inline]
fn smaller(a: u128, b: u128) -> u128 {
    std::hint::select_unpredictable(a < b, a, b)
}

/// Writes the winner of one group into its parent.
#[inline]
fn climb(nodes: &mut [Group], node: usize, winner: u128) -> u128 {
    let group = &nodes[node >> 2].0;
    let others = smaller(smaller(group[node & 3 ^ 1], group[node & 3 ^ 2]), group[node & 3 ^ 3]);
    let winner = smaller(winner, others);
    nodes[node >> 4].0[node >> 2 & 3] = winner;
    winner
}

/// Writes a leaf and the winners of the levels above it.
///
/// Unrolled and in a function of its own, because inside a loop the compiler turns the minima into branches, which costs more than all the rest.
#[inline(never)]
fn settle<const LEVELS: u32>(nodes: &mut [Group], leaf: usize, key: u128) {
    // The length and the mask change nothing; they show the compiler that no index below can be out of bounds.
    let nodes = &mut nodes[..1 << (2 * LEVELS - 1)];
    let leaf = leaf & ((2 << (2 * LEVELS)) - 1);
    nodes[leaf >> 2].0[leaf & 3] = key;
    let mut winner = key;
    for level in 0..LEVELS {
        winner = climb(nodes, leaf >> (2 * level), winner);
    }
}

/// A function that writes a leaf and the winners above it.
type Settle = fn(&mut [Group], usize, u128);

fn settle_for(leaves: usize) -> Settle {
    match leaves {
        16 => settle::<2>,
        64 => settle::<3>,
        256 => settle::<4>,
        1024 => settle::<5>,
        4096 => settle::<6>,
        _ => settle_any,
    }
}

/// As [`settle`], for trees of any depth.
#[inline(never)]
fn settle_any(nodes: &mut [Group], leaf: usize, key: u128) {
    nodes[leaf >> 2].0[leaf & 3] = key;
    let (mut node, mut winner) = (leaf, key);
    while node > 1 {
        winner = climb(nodes, node, winner);
        node >>= 2;
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Group([u128; 4]);

#[derive(Clone, Debug)]
pub(super) struct WinnerTree<E> {
    /// Node `n` has the children `4n..4n + 4`; the root is 1, the leaves are `leaves..2 * leaves`.
    nodes: Vec<Group>,
    leaves: usize,
    settle: Settle,
    /// The event of each leaf that was ever used.
    events: Vec<E>,
    free: Vec<u32>,
    /// The leaf of the event popped last, not yet replaced in the tree: a push that follows takes it with a single walk.
    hole: usize,
    len: usize,
}

impl<E: Copy> WinnerTree<E> {
    pub fn new() -> Self {
        WinnerTree {
            nodes: vec![Group([EMPTY; 4]); SMALLEST_LEAVES / 2],
            leaves: SMALLEST_LEAVES,
            settle: settle_for(SMALLEST_LEAVES),
            events: Vec::new(),
            free: Vec::new(),
            hole: NO_HOLE,
            len: 0,
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
        let slot = if self.hole != NO_HOLE {
            std::mem::replace(&mut self.hole, NO_HOLE)
        } else if let Some(slot) = self.free.pop() {
            slot as usize
        } else {
            self.events.push(event);
            self.events.len() - 1
        };
        self.events[slot] = event;
        self.len += 1;
        self.settle(slot, u128::from(time) << 64 | u128::from(sequence << SLOT_BITS | slot as u64));
    }

    /// The time of the earliest event; `u64::MAX` also when there is none.
    #[inline]
    pub fn first_time(&mut self) -> u64 {
        self.fill_hole();
        (self.nodes[0].0[1] >> 64) as u64
    }

    /// Removes the earliest event; there must be one.
    #[inline]
    pub fn pop(&mut self) -> (u64, E) {
        self.fill_hole();
        let key = self.nodes[0].0[1];
        let slot = (key as u64 & SLOT_MASK) as usize;
        self.hole = slot;
        self.len -= 1;
        ((key >> 64) as u64, self.events[slot])
    }

    #[inline]
    fn fill_hole(&mut self) {
        if self.hole != NO_HOLE {
            let slot = std::mem::replace(&mut self.hole, NO_HOLE);
            self.free.push(slot as u32);
            self.settle(slot, EMPTY);
        }
    }

    /// Writes a leaf and the winners above it.
    #[inline]
    fn settle(&mut self, slot: usize, key: u128) {
        (self.settle)(&mut self.nodes, self.leaves + slot, key);
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
        self.fill_hole();
        let keys = (0..self.events.len()).map(|slot| {
            let node = self.leaves + slot;
            (self.nodes[node >> 2].0[node & 3], self.events[slot])
        });
        keys.filter(|entry| entry.0 != EMPTY).collect()
    }

    /// An empty tree of another size.
    fn reset(&mut self, leaves: usize) {
        self.leaves = leaves;
        self.settle = settle_for(leaves);
        self.nodes.clear();
        self.nodes.resize(leaves / 2, Group([EMPTY; 4]));
        self.events.clear();
        self.free.clear();
        self.hole = NO_HOLE;
        self.len = 0;
    }
}

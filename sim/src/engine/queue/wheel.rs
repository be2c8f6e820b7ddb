//! The far part of the event queue: a ladder of 256 buckets per level, in unsorted blocks.
//!
//! A tick is a time shifted right. An event lies on the level of the highest byte in which its tick differs from the current tick, in the bucket
//! that this byte names, so a bucket of level k spans 256^k ticks. Buckets are read in time order; one of a higher level is spread over the
//! levels below when its turn comes. Every move is an append to one of few hot blocks or a sequential read, which is what
//! keeps a million pending events from being cache misses. Equal times always share a bucket and buckets are read first in, first
//! out, so the order of insertion survives without a sequence number.

use super::NEAR_EVENTS;

const LEVEL_BITS: u32 = 8;
const LEVELS: usize = 8;
const BUCKETS: usize = 1 << LEVEL_BITS;
/// Entries per block. Measured: 32 cost a third more at a million pending events.
const BLOCK: usize = 64;
const NO_BLOCK: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    head: u32,
    tail: u32,
    len: u32,
}

const NO_BUCKET: Bucket = Bucket { head: NO_BLOCK, tail: NO_BLOCK, len: 0 };

#[derive(Clone, Debug)]
pub(super) struct Wheel<E> {
    shift: u32,
    /// Everything in the wheel has a later tick.
    current: u64,
    buckets: Vec<Bucket>,
    /// One bit per bucket that holds events.
    occupied: [[u64; BUCKETS / 64]; LEVELS],
    entries: Vec<(u64, E)>,
    next: Vec<u32>,
    free: u32,
    len: usize,
}

impl<E: Copy> Wheel<E> {
    pub fn new() -> Self {
        Wheel {
            shift: 0,
            current: 0,
            buckets: Vec::new(),
            occupied: [[0; BUCKETS / 64]; LEVELS],
            entries: Vec::new(),
            next: Vec::new(),
            free: NO_BLOCK,
            len: 0,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// True when an event at this time belongs to the wheel, false when it is due within the current tick.
    #[inline]
    pub fn takes(&self, time: u64) -> bool {
        time >> self.shift > self.current
    }

    /// Starts an empty wheel at the tick of `time`.
    pub fn restart(&mut self, shift: u32, time: u64) {
        debug_assert_eq!(self.len, 0);
        self.buckets.resize(LEVELS * BUCKETS, NO_BUCKET);
        self.shift = shift;
        self.current = time >> shift;
    }

    /// Adds an event that the wheel takes.
    #[inline]
    pub fn push(&mut self, time: u64, event: E) {
        let tick = time >> self.shift;
        let level = ((63 - (tick ^ self.current).leading_zeros()) / LEVEL_BITS) as usize;
        let digit = (tick >> (level as u32 * LEVEL_BITS)) as usize % BUCKETS;
        let bucket = level * BUCKETS + digit;
        self.len += 1;
        let Bucket { tail, len, .. } = self.buckets[bucket];
        let place = len as usize % BLOCK;
        self.buckets[bucket].len = len + 1;
        if place == 0 {
            self.append_block(level, digit, time, event);
            return;
        }
        self.entries[tail as usize * BLOCK + place] = (time, event);
    }

    fn append_block(&mut self, level: usize, digit: usize, time: u64, event: E) {
        let mut block = self.free;
        if block == NO_BLOCK {
            block = self.next.len() as u32;
            self.next.push(NO_BLOCK);
            self.entries.resize(self.entries.len() + BLOCK, (time, event));
        } else {
            self.free = std::mem::replace(&mut self.next[block as usize], NO_BLOCK);
        }
        self.entries[block as usize * BLOCK] = (time, event);
        let bucket = &mut self.buckets[level * BUCKETS + digit];
        let tail = std::mem::replace(&mut bucket.tail, block);
        if tail == NO_BLOCK {
            bucket.head = block;
            self.occupied[level][digit / 64] |= 1 << (digit % 64);
        } else {
            self.next[tail as usize] = block;
        }
    }

    /// Moves the events of the earliest bucket to `out`, in order of insertion, and makes its last tick the current one.
    ///
    /// A bucket of a higher level is spread first, unless it is small enough to be taken whole.
    pub fn advance(&mut self, out: &mut Vec<(u64, E)>) {
        while let Some((level, digit)) = self.first_bucket() {
            let width = level as u32 * LEVEL_BITS;
            let above = self.current.checked_shr(width + LEVEL_BITS).unwrap_or(0);
            let start = above.checked_shl(width + LEVEL_BITS).unwrap_or(0) | (digit as u64) << width;
            let whole = level == 0 || self.buckets[level * BUCKETS + digit].len as usize <= NEAR_EVENTS;
            if whole {
                self.current = start | ((1 << width) - 1);
                self.drain(level, digit, |_, time, event| out.push((time, event)));
                return;
            }
            self.current = start;
            self.drain(level, digit, |wheel, time, event| {
                if wheel.takes(time) {
                    wheel.push(time, event);
                } else {
                    out.push((time, event));
                }
            });
            if !out.is_empty() {
                return;
            }
        }
    }

    /// Removes all events, in order of time between buckets and of insertion within.
    pub fn drain_all(&mut self, out: &mut Vec<(u64, E)>) {
        while let Some((level, digit)) = self.first_bucket() {
            self.drain(level, digit, |_, time, event| out.push((time, event)));
        }
    }

    /// The bucket of the smallest ticks: the lowest level first, since it shares the most leading digits with the current tick.
    fn first_bucket(&self) -> Option<(usize, usize)> {
        (0..LEVELS).find_map(|level| {
            let word = self.occupied[level].iter().position(|word| *word != 0)?;
            Some((level, word * 64 + self.occupied[level][word].trailing_zeros() as usize))
        })
    }

    /// Empties a bucket block by block; `take` may push to lower levels meanwhile.
    #[inline]
    fn drain(&mut self, level: usize, digit: usize, mut take: impl FnMut(&mut Self, u64, E)) {
        self.occupied[level][digit / 64] &= !(1 << (digit % 64));
        let bucket = std::mem::replace(&mut self.buckets[level * BUCKETS + digit], NO_BUCKET);
        self.len -= bucket.len as usize;
        let mut block = bucket.head;
        let mut left = bucket.len as usize;
        while left > 0 {
            let filled = left.min(BLOCK);
            let start = block as usize * BLOCK;
            for place in start..start + filled {
                let (time, event) = self.entries[place];
                take(self, time, event);
            }
            left -= filled;
            let next = std::mem::replace(&mut self.next[block as usize], self.free);
            self.free = block;
            block = next;
        }
    }
}

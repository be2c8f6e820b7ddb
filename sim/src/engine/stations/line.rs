//! A short queue in order of a key.

/// Up to so many items a new one is moved past them one by one; among more it looks for its place.
const FEW_MOVED: usize = 12;
/// Taken items whose room is used again at once only when the queue runs empty.
const MANY_TAKEN: usize = 64;

/// A queue of small values in order of a key, equal keys in order of insertion: taken from the front, added near the back.
///
/// It lies in a vector of which the front is forgotten when the queue runs empty: the queues of stations that are not overloaded are
/// short and often empty, and there this is several times faster than a ring or a heap.
#[derive(Clone, Debug)]
pub(crate) struct Line<T> {
    items: Vec<T>,
    taken: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { items: Vec::new(), taken: 0 }
    }
}

impl<T: Copy> Line<T> {
    /// The items in order.
    #[inline]
    pub fn items(&self) -> &[T] {
        &self.items[self.taken..]
    }

    /// The same, to change anything but their keys and order.
    #[inline]
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items[self.taken..]
    }

    /// How many.
    #[inline]
    pub fn len(&self) -> usize {
        self.items.len() - self.taken
    }

    /// The first.
    #[inline]
    pub fn first(&self) -> Option<T> {
        self.items.get(self.taken).copied()
    }

    /// Removes the first.
    #[inline]
    pub fn take_first(&mut self) -> Option<T> {
        let first = self.first()?;
        self.taken += 1;
        if self.taken == self.items.len() {
            self.items.clear();
            self.taken = 0;
        } else if self.taken >= MANY_TAKEN && 2 * self.taken >= self.items.len() {
            self.forget_taken();
        }
        Some(first)
    }

    #[cold]
    fn forget_taken(&mut self) {
        self.items.drain(..self.taken);
        self.taken = 0;
    }

    /// Adds an item in its place, behind all of its key. The answer is the place.
    #[inline]
    pub fn insert(&mut self, item: T, key: impl Fn(&T) -> u64) -> usize {
        let at = key(&item);
        let mut place = self.items.len();
        self.items.push(item);
        if place - self.taken > FEW_MOVED {
            return self.insert_far(item, key);
        }
        while place > self.taken && key(&self.items[place - 1]) > at {
            self.items[place] = self.items[place - 1];
            place -= 1;
        }
        self.items[place] = item;
        place - self.taken
    }

    /// Moves the last item to its place among many.
    fn insert_far(&mut self, item: T, key: impl Fn(&T) -> u64) -> usize {
        let at = key(&item);
        let last = self.items.len() - 1;
        if key(&self.items[last - 1]) <= at {
            return last - self.taken;
        }
        let place = self.taken + self.items[self.taken..last].partition_point(|other| key(other) <= at);
        self.items.copy_within(place..last, place + 1);
        self.items[place] = item;
        place - self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use plimsoll_profiles::random::Streams;

    #[test]
    fn items_leave_in_order_of_their_keys_and_of_insertion() {
        for seed in 0..40 {
            let mut random = Streams::new(seed).stream("test", "line", 0);
            let mut line: Line<(u64, u64)> = Line::default();
            let mut reference: Vec<(u64, u64)> = Vec::new();
            let most = 1 + random.below(200);
            for number in 0..3_000 {
                if random.below(2 * most) >= reference.len() as u64 {
                    let item = (number / 4 + random.below(most), number);
                    let place = line.insert(item, |item| item.0);
                    reference.push(item);
                    reference.sort_by_key(|item| item.0);
                    assert_eq!(reference[place], item, "seed {seed}");
                } else {
                    assert_eq!(line.take_first(), Some(reference.remove(0)), "seed {seed}");
                }
                assert_eq!(line.items(), reference, "seed {seed}");
                assert_eq!((line.len(), line.first()), (reference.len(), reference.first().copied()), "seed {seed}");
            }
        }
    }
}

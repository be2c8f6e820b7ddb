//! Objects with stable indices and no allocation in steady state.

/// A pool of objects; indices are used again after [`Slab::remove`].
#[derive(Clone, Debug, Default)]
pub struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
    /// Whether an index is in use: in debug builds a freed one may be neither freed again nor used.
    #[cfg(debug_assertions)]
    used: Vec<bool>,
}

impl<T> Slab<T> {
    /// An empty pool.
    pub fn new() -> Self {
        Slab {
            items: Vec::new(),
            free: Vec::new(),
            #[cfg(debug_assertions)]
            used: Vec::new(),
        }
    }

    /// Adds an object and gives its index.
    #[inline]
    pub fn insert(&mut self, item: T) -> u32 {
        let index = match self.free.pop() {
            Some(index) => {
                self.items[index as usize] = item;
                index
            }
            None => {
                self.items.push(item);
                self.items.len() as u32 - 1
            }
        };
        #[cfg(debug_assertions)]
        {
            self.used.resize(self.items.len(), false);
            self.used[index as usize] = true;
        }
        index
    }

    /// Frees an index.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        self.check(index);
        #[cfg(debug_assertions)]
        {
            self.used[index as usize] = false;
        }
        self.free.push(index);
    }

    /// Every object, freed ones included.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }

    /// The indices in use, in order.
    pub fn used(&self) -> Vec<u32> {
        let mut used = vec![true; self.items.len()];
        self.free.iter().for_each(|index| used[*index as usize] = false);
        (0..self.items.len() as u32).filter(|index| used[*index as usize]).collect()
    }

    /// Objects in the pool.
    pub fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    #[inline]
    fn check(&self, _index: u32) {
        #[cfg(debug_assertions)]
        assert!(self.used[_index as usize], "object {_index} of {} is gone", std::any::type_name::<T>());
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        self.check(index);
        &self.items[index as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.check(index);
        &mut self.items[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_freed_index_is_used_again() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        slab.remove(a);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.insert('c'), a);
        assert_eq!((slab[a], slab[b]), ('c', 'b'));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic = "is gone"]
    fn a_freed_index_is_not_freed_again() {
        let mut slab = Slab::new();
        let index = slab.insert(1);
        slab.remove(index);
        slab.remove(index);
    }
}

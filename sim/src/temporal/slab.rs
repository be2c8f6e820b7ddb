//! Objects with stable indices and no allocation in steady state.

/// A pool of objects; indices are used again after [`Slab::remove`].
#[derive(Clone, Debug, Default)]
pub struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// An empty pool.
    pub fn new() -> Self {
        Slab { items: Vec::new(), free: Vec::new() }
    }

    /// Adds an object and gives its index.
    #[inline]
    pub fn insert(&mut self, item: T) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.items[index as usize] = item;
                index
            }
            None => {
                self.items.push(item);
                self.items.len() as u32 - 1
            }
        }
    }

    /// Frees an index. The object stays in place until the index is used again.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        debug_assert!((index as usize) < self.items.len(), "index {index} was never given");
        self.free.push(index);
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.items[index as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.items[index as usize]
    }
}

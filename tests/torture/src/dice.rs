//! Numbers that look random, and are always the same for one seed.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Any number, but always the same for one value.
pub(crate) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A die that is thrown again and again.
#[derive(Debug)]
pub(crate) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    pub(crate) fn new(seed: impl Hash) -> Self {
        Self {
            seed: hash(seed),
            thrown: 0,
        }
    }

    /// A number below `sides`, which is not 0.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.number_below(sides as u64)).unwrap_or_default()
    }

    /// The same of a larger number.
    pub(crate) fn number_below(&mut self, sides: u64) -> u64 {
        self.thrown += 1;
        hash((self.seed, self.thrown)) % sides
    }

    /// One of those, or nothing if there is none.
    pub(crate) fn one_of<T>(&mut self, all: impl IntoIterator<Item = T>) -> Option<T> {
        let mut all: Vec<T> = all.into_iter().collect();
        (!all.is_empty()).then(|| all.swap_remove(self.below(all.len())))
    }
}

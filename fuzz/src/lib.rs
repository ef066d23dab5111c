//! What the targets share.

pub mod records;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A value of the strategy for each four bytes, so that what the fuzzer changes, repeats and leaves out are whole values.
pub fn values<S: Strategy>(strategy: &S, bytes: &[u8]) -> Vec<S::Value> {
    let chunks = bytes.chunks_exact(4);
    chunks.map(|chunk| value(strategy, chunk)).collect()
}

/// The value of the strategy that the bytes, 32 at most, are the seed of.
pub fn value<S: Strategy>(strategy: &S, bytes: &[u8]) -> S::Value {
    let mut seed = [0; 32];
    seed[..bytes.len()].copy_from_slice(bytes);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = strategy.new_tree(&mut runner);
    tree.expect("the strategies reject nothing").current()
}

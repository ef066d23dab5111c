//! Random calls, in memory and on the real backends.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::model::{Run, Tally, operation};
use crate::support::{Bench, OK};

/// How many operations are run on each pair of backends.
const OPERATIONS: usize = 2_400;
const LENGTH: usize = 240;

/// What a caller can ask for, one workspace at a time.
const CALLS: [&str; 10] = [
    "create",
    "clone",
    "rename",
    "set the template flag",
    "start a session",
    "end a session",
    "snapshot",
    "restore",
    "delete a snapshot",
    "delete",
];

/// Runs lists of operations, on a new bench each.
fn run(bench: impl AsyncFn() -> Option<Bench>) {
    let config = ProptestConfig {
        cases: u32::try_from(OPERATIONS / LENGTH).unwrap(),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let lists = proptest::collection::vec(operation(), LENGTH);
    let tally = RefCell::new(Tally::new());
    let done = TestRunner::new(config).run(&lists, |operations| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let counted = runtime.block_on(async {
            let mut run = Run::new(bench().await?);
            for operation in &operations {
                run.step(operation).await;
            }
            Some(run.finish().await)
        });
        for (key, count) in counted.into_iter().flatten() {
            *tally.borrow_mut().entry(key).or_default() += count;
        }
        Ok(())
    });
    done.unwrap();
    let tally = tally.into_inner();
    eprintln!("{tally:#?}");
    // Lists that reach nothing would prove nothing.
    for kind in CALLS {
        let reached = tally.contains_key(&(kind, OK));
        assert!(reached || tally.is_empty(), "no {kind} succeeded");
    }
}

#[test]
fn random_calls_do_what_the_rules_say_in_memory() {
    run(async || Some(Bench::in_memory().await));
}

/// Layers are merged three at a time, so that every list has merges in it.
#[test]
fn random_calls_do_what_the_rules_say_on_sled_and_overlayfs() {
    run(async || Bench::on_overlayfs_merging(3).await);
}

//! Whatever a caller does, and wherever a store fails or the process dies meanwhile, each call is done or not done, what was
//! acknowledged is kept, and nothing is left behind.

#![no_main]

#[path = "../../tests/model/mod.rs"]
mod model;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/support/mod.rs"]
mod support;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/tree/mod.rs"]
mod tree;

use libfuzzer_sys::fuzz_target;
use workdisk_fuzz::values;

use self::model::{Operation, Run, operation};
use self::support::Bench;

/// The longest list: long enough to snapshot, clone, restore and break each of them.
const LENGTH: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    let seeds = &bytes[..bytes.len().min(LENGTH * 4)];
    let operations: Vec<Operation> = values(&operation(), seeds);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let mut run = Run::new(Bench::in_memory().await);
        for operation in &operations {
            run.step(operation).await;
        }
        run.finish().await;
    });
});

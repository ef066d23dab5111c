//! Runs one case.

use std::future::Future;

use tokio::runtime::Builder;

use crate::harness::Harness;

/// Runs a case on a new disk, on several threads, or says why it cannot be run.
///
/// # Panics
/// As the case does.
pub fn run<H: Harness, F: Future<Output = ()>>(case: impl FnOnce(H) -> F) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime needs only threads");
    runtime.block_on(async {
        match H::start().await {
            Ok(harness) => Box::pin(case(harness)).await,
            Err(skip) => skip.announce(),
        }
    });
}

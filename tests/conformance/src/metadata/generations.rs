//! Openings of the store, counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use workdisk::Metadata;
use workdisk::metadata::Generation;

use crate::harness::MetadataHarness;

async fn begin(store: &dyn Metadata) -> Generation {
    store.begin().await.expect("a generation begins")
}

/// "The number MUST be … greater than every earlier one of the store. The store id is the same in every generation."
pub async fn every_generation_is_greater<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let mut last = begin(&store).await;
    assert!(last.number >= 1, "this opening is counted too");
    for _ in 0..5 {
        let next = begin(&store).await;
        assert!(next.number > last.number, "{next:?} after {last:?}");
        assert_eq!(next.store, last.store);
        last = next;
    }
}

/// "The number MUST be durable before it is answered and greater than every earlier one of the store."
pub async fn generation_grows_over_reopening<H: MetadataHarness>(harness: H) {
    let mut last = None;
    for _ in 0..3 {
        let store = harness.open().await;
        let next = begin(&store).await;
        if let Some(Generation { store, number, .. }) = last {
            assert!(next.number > number, "{next:?} after {number}");
            assert_eq!(next.store, store);
        }
        last = Some(next);
    }
}

/// "Greater than every earlier one of the store": at the same time too.
pub async fn generations_begun_at_once_differ<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { begin(&store).await.number })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.expect("a generation begins"));
    }
    assert_eq!(numbers.len(), 8, "{numbers:?}");
}

/// "The store, by an id that it was given when it was created": another store has another.
pub async fn stores_have_ids_of_their_own<H: MetadataHarness>(harness: H) {
    let Ok(other) = H::start().await else {
        panic!("the machine had what it takes a moment ago");
    };
    let (one, other) = (harness.open().await, other.open().await);
    assert_ne!(begin(&one).await.store, begin(&other).await.store);
}

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

async fn take_back(store: &dyn Metadata, generation: Generation) {
    let taken = store.take_back(generation).await;
    taken.expect("a generation is taken back");
}

/// "As if it had not begun", "durably".
pub async fn generation_that_is_taken_back_is_not_counted<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let kept = begin(&store).await;
    let refused = begin(&store).await;
    take_back(&store, refused).await;
    drop(store);
    let next = begin(&harness.open().await).await;
    assert_eq!(next, refused, "after {kept:?}");
}

/// "Nothing happens if it is not the store's last."
pub async fn only_the_last_generation_is_taken_back<H: MetadataHarness>(harness: H) {
    let store = harness.open().await;
    let (first, second) = (begin(&store).await, begin(&store).await);
    take_back(&store, first).await;
    let another = Generation::new(workdisk::model::StoreId::new(), second.number);
    take_back(&store, another).await;
    let next = begin(&store).await;
    assert!(next.number > second.number, "{next:?} after {second:?}");
}

/// "The store, by an id that it was given when it was created": another store has another.
pub async fn stores_have_ids_of_their_own<H: MetadataHarness>(harness: H) {
    let Ok(other) = H::start().await else {
        panic!("the machine had what it takes a moment ago");
    };
    let (one, other) = (harness.open().await, other.open().await);
    assert_ne!(begin(&one).await.store, begin(&other).await.store);
}

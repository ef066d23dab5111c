//! The tie to a metadata store.

use workdisk::metadata::Generation;
use workdisk::model::StoreId;
use workdisk::{BackendError, BackendErrorKind, Volume};

use super::steps::{assert_kind, create};
use crate::harness::VolumeHarness;

async fn bind(volumes: &dyn Volume, store: StoreId, number: u64) -> Result<(), BackendError> {
    volumes.bind(Generation::new(store, number), false).await
}

/// "Volumes that were never tied take the store if there are none of them yet."
pub async fn new_volumes_take_any_store<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let bound = bind(&volumes, StoreId::new(), 41).await;
    bound.expect("there are no volumes yet");
}

/// "Volumes that were never tied take the store if there are none of them yet. Otherwise the store MUST be the one that
/// they know".
pub async fn volumes_that_were_never_tied_refuse<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    // A backend may refuse to make a volume before it is tied, and then cannot come to have one.
    if volumes
        .create(workdisk::model::VolumeId::new())
        .await
        .is_err()
    {
        return;
    }
    let bound = bind(&volumes, StoreId::new(), 1).await;
    assert_kind(bound, BackendErrorKind::Mismatch);
}

/// "Its generation MUST be greater than the last that they saw".
pub async fn greater_generation_is_taken<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let store = StoreId::new();
    for number in [3, 4, 90] {
        let bound = bind(&volumes, store, number).await;
        bound.expect("the store is known and has moved on");
        create(&volumes).await;
    }
}

/// "Its generation MUST be greater than the last that they saw": a store "restored from an older copy" is not.
pub async fn older_generation_is_a_mismatch<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let store = StoreId::new();
    bind(&volumes, store, 5).await.expect("it is the first");
    create(&volumes).await;
    for number in [5, 4, 1] {
        let bound = bind(&volumes, store, number).await;
        assert_kind(bound, BackendErrorKind::Mismatch);
    }
    bind(&volumes, store, 6).await.expect("it has moved on");
}

/// "Otherwise the store MUST be the one that they know": "a store that is new, another".
pub async fn another_store_is_a_mismatch<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let store = StoreId::new();
    bind(&volumes, store, 5).await.expect("it is the first");
    create(&volumes).await;
    let bound = bind(&volumes, StoreId::new(), 9).await;
    assert_kind(bound, BackendErrorKind::Mismatch);
}

/// "`Mismatch`, saying which of the two it is, with nothing changed."
pub async fn refused_tie_changes_nothing<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let (store, other) = (StoreId::new(), StoreId::new());
    bind(&volumes, store, 5).await.expect("it is the first");
    create(&volumes).await;
    let another = bind(&volumes, other, 90).await;
    let older = bind(&volumes, store, 4).await;
    let texts = [another, older].map(|bound| bound.expect_err("it does not fit").to_string());
    assert_ne!(texts[0], texts[1], "which of the two it is");
    let again = bind(&volumes, other, 91).await;
    assert_kind(again, BackendErrorKind::Mismatch);
    let between = bind(&volumes, store, 6).await;
    between.expect("neither the store nor the number was taken");
}

/// "With `adopt` the volumes take the store whatever it is."
pub async fn adopted_store_is_taken<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let (store, other) = (StoreId::new(), StoreId::new());
    bind(&volumes, store, 5).await.expect("it is the first");
    create(&volumes).await;
    let adopted = volumes.bind(Generation::new(other, 2), true).await;
    adopted.expect("it is taken whatever it is");
    let old = bind(&volumes, store, 6).await;
    assert_kind(old, BackendErrorKind::Mismatch);
    bind(&volumes, other, 3).await.expect("it is known now");
    let older = volumes.bind(Generation::new(other, 1), true).await;
    older.expect("it is taken whatever it is");
    bind(&volumes, other, 2).await.expect("it has moved on");
}

//! What the next process finds.

use workdisk::metadata::Generation;
use workdisk::model::StoreId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_kind, assert_status, create, create_with, fork, freeze, ids, look_into, read, remove,
    within, write,
};
use crate::harness::VolumeHarness;

/// "What a method was answered `Ok` for MUST survive the death of the process".
pub async fn volumes_and_files_are_still_there<H: VolumeHarness>(harness: H) {
    let store = StoreId::new();
    let volumes = harness.open().await;
    let bound = volumes.bind(Generation::new(store, 1), false).await;
    bound.expect("it is the first");
    let active = create_with(&volumes, |path| write(path, "file", "early")).await;
    let frozen = freeze(&volumes, active).await;
    within(&volumes, active, |path| write(path, "file", "later")).await;
    let forked = fork(&volumes, frozen).await;
    within(&volumes, forked, |path| write(path, "other", "own")).await;
    drop(volumes);

    let volumes = harness.open().await;
    let bound = volumes.bind(Generation::new(store, 2), false).await;
    bound.expect("the store is known and has moved on");
    assert_status(&volumes, active, VolumeKind::Active, false).await;
    assert_status(&volumes, frozen, VolumeKind::Frozen, false).await;
    assert_status(&volumes, forked, VolumeKind::Active, false).await;
    let content = within(&volumes, active, |path| read(path, "file")).await;
    assert_eq!(content, "later");
    let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
    assert_eq!(content, "early");
    let contents = within(&volumes, forked, |path| {
        (read(path, "file"), read(path, "other"))
    });
    assert_eq!(contents.await, ("early".to_owned(), "own".to_owned()));
}

/// "What a method was answered `Ok` for MUST survive the death of the process": a removal too.
pub async fn removed_volume_stays_away<H: VolumeHarness>(harness: H) {
    let store = StoreId::new();
    let volumes = harness.open().await;
    let bound = volumes.bind(Generation::new(store, 1), false).await;
    bound.expect("it is the first");
    let (kept, gone) = (create(&volumes).await, create(&volumes).await);
    remove(&volumes, gone).await;
    drop(volumes);
    let volumes = harness.open().await;
    let bound = volumes.bind(Generation::new(store, 2), false).await;
    bound.expect("the store is known and has moved on");
    assert_eq!(ids(&volumes).await, [kept]);
    volumes.reclaim().await.expect("space is given back");
    assert_eq!(ids(&volumes).await, [kept]);
}

/// "The generation is durable before `Ok` is answered."
pub async fn generation_is_still_known<H: VolumeHarness>(harness: H) {
    let store = StoreId::new();
    let volumes = harness.open().await;
    let bound = volumes.bind(Generation::new(store, 7), false).await;
    bound.expect("it is the first");
    create(&volumes).await;
    drop(volumes);
    let volumes = harness.open().await;
    for (store, number) in [(store, 7), (store, 6), (StoreId::new(), 8)] {
        let bound = volumes.bind(Generation::new(store, number), false).await;
        assert_kind(bound, BackendErrorKind::Mismatch);
    }
    let bound = volumes.bind(Generation::new(store, 8), false).await;
    bound.expect("the store is known and has moved on");
}

/// "It survives the death of the process", and "it works before `bind`".
pub async fn labels_are_still_there<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let bound = volumes
        .bind(Generation::new(StoreId::new(), 1), false)
        .await;
    bound.expect("it is the first");
    let active = create(&volumes).await;
    let frozen = freeze(&volumes, active).await;
    let bare = create(&volumes).await;
    for (id, label) in [(active, "old"), (active, "new"), (frozen, "frozen")] {
        let set = volumes.set_label(id, label).await;
        set.expect("a volume that is there takes a label");
    }
    drop(volumes);
    let volumes = harness.open().await;
    for (id, label) in [
        (active, Some("new")),
        (frozen, Some("frozen")),
        (bare, None),
    ] {
        let read = volumes.label(id).await.expect("a read is answered");
        assert_eq!(read.as_deref(), label);
    }
}

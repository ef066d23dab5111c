//! Mounting in a namespace of the caller's own.

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_busy, assert_kind, assert_status, create_with, freeze, frozen_with, ids, open, read,
    remove, within, write,
};
use crate::harness::VolumeHarness;

/// "Without it that method MUST fail with `Unsupported` and change nothing."
pub async fn unclaimed_recipe_is_unsupported<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    if volumes.info().recipes {
        return;
    }
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    assert_kind(volumes.recipe(id).await, BackendErrorKind::Unsupported);
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    assert_eq!(ids(&volumes).await, [id]);
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "Whether `recipe` works". "Nothing is mounted, and `VolumeStatus::mounted` stays false".
pub async fn claimed_recipe_is_given_and_mounts_nothing<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    if !volumes.info().recipes {
        return;
    }
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let recipe = volumes.recipe(id).await.expect("the backend claims it");
    assert!(!recipe.fs_type.is_empty() && !recipe.source.is_empty());
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
    freeze(&volumes, id).await;
    remove(&volumes, id).await;
}

/// "How a caller mounts an active volume": `WrongState` for a frozen one, `NotFound` for none.
pub async fn claimed_recipe_is_for_active_volumes<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    if !volumes.info().recipes {
        return;
    }
    let frozen = frozen_with(&volumes, |path| write(path, "file", "kept")).await;
    assert_kind(volumes.recipe(frozen).await, BackendErrorKind::WrongState);
    let absent = volumes.recipe(VolumeId::new()).await;
    assert_kind(absent, BackendErrorKind::NotFound);
}

/// "`Busy` if it is mounted already".
pub async fn claimed_recipe_is_not_given_of_a_mounted_volume<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    if !volumes.info().recipes {
        return;
    }
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    volumes.mount(id).await.expect("a volume is mounted");
    assert_busy(volumes.recipe(id).await);
    volumes.unmount(id).await.expect("nobody holds it");
    volumes.recipe(id).await.expect("it is idle now");
}

//! Removal, and the space that it gives back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use workdisk::Volume;
use workdisk::model::VolumeId;

use super::steps::{
    create, create_with, fork, freeze, ids, look_into, open, read, remove, status, within, write,
};
use crate::harness::VolumeHarness;
use crate::skip::exempt;

/// "Removes a volume".
pub async fn removed_volume_is_gone<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "gone")).await;
    let frozen = freeze(&volumes, id).await;
    let kept = create(&volumes).await;
    for gone in [id, frozen] {
        remove(&volumes, gone).await;
        assert_eq!(status(&volumes, gone).await, None);
    }
    assert_eq!(ids(&volumes).await, [kept]);
    volumes.reclaim().await.expect("space is given back");
    assert_eq!(ids(&volumes).await, [kept]);
}

/// "Makes the removal of every volume that was removed so far durable", and nothing else.
pub async fn removal_is_made_durable<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    volumes.sync().await.expect("nothing was removed");
    let gone = create(&volumes).await;
    let kept = create_with(&volumes, |path| write(path, "file", "kept")).await;
    remove(&volumes, gone).await;
    volumes.sync().await.expect("what was removed is gone");
    assert_eq!(ids(&volumes).await, [kept]);
    let content = within(&volumes, kept, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "One that is not there is removed already."
pub async fn absent_volume_is_removed_already<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    remove(&volumes, VolumeId::new()).await;
    let id = create(&volumes).await;
    remove(&volumes, id).await;
    remove(&volumes, id).await;
    volumes.reclaim().await.expect("space is given back");
    remove(&volumes, id).await;
}

/// "Removes a volume": that one alone.
pub async fn removal_leaves_all_other_volumes<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let first = freeze(&volumes, id).await;
    let second = freeze(&volumes, id).await;
    let forked = fork(&volumes, first).await;
    remove(&volumes, first).await;
    volumes.reclaim().await.expect("space is given back");
    let content = look_into(&volumes, second, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
    for id in [id, forked] {
        let content = within(&volumes, id, |path| read(path, "file")).await;
        assert_eq!(content, "kept");
    }
}

/// "Removes a volume": with folders that forbid it too.
pub async fn folders_that_forbid_writing_are_removed<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| {
        let folder = path.join("folder");
        fs::create_dir(&folder).expect("a folder is made");
        write(&folder, "file", "gone");
        fs::set_permissions(&folder, Permissions::from_mode(0o500)).expect("a mode is set");
    })
    .await;
    remove(&volumes, id).await;
    volumes.reclaim().await.expect("space is given back");
    assert_eq!(status(&volumes, id).await, None);
}

/// "`remove` followed by `reclaim` gives back all space that no other volume uses."
pub async fn reclaim_gives_back_all_space<H: VolumeHarness>(harness: H) {
    const WRITTEN: usize = 4 << 20;
    // What a backend's own files may keep, as an index that has grown.
    const KEPT: u64 = 256 << 10;
    let volumes = open(&harness).await;
    let Some(before) = harness.allocated_bytes() else {
        return exempt("its space cannot be told");
    };
    let id = create_with(&volumes, |path| write(path, "file", vec![7; WRITTEN])).await;
    let frozen = freeze(&volumes, id).await;
    let forked = fork(&volumes, frozen).await;
    within(&volumes, forked, |path| {
        write(path, "file", vec![8; WRITTEN])
    })
    .await;
    let most = harness.allocated_bytes().unwrap_or_default();
    assert!(most >= before + WRITTEN as u64, "{before} grew to {most}");
    for id in [frozen, id, forked] {
        remove(&volumes, id).await;
    }
    volumes.reclaim().await.expect("space is given back");
    let after = harness.allocated_bytes().unwrap_or_default();
    assert!(after <= before + KEPT, "{before} before, {after} after");
}

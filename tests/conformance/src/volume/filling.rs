//! Volumes whose first files are written without a mount.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_kind, assert_status, create_with, frozen_with, open, read, remove, status, within, write,
};
use crate::harness::VolumeHarness;

/// A new volume that was filled, but not unmounted.
async fn filled(volumes: &dyn Volume) -> VolumeId {
    let id = VolumeId::new();
    volumes.create(id).await.expect("a volume is made");
    let folder = volumes.fill(id).await.expect("it was just made");
    write(&folder, "file", "first");
    fs::create_dir(folder.join("folder")).expect("a folder is made");
    write(&folder, "folder/run", "#!/bin/sh");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("folder/run"), mode).expect("a mode is set");
    symlink("folder/run", folder.join("link")).expect("a link is made");
    id
}

/// "`unmount` makes the files durable and ends this."
pub async fn filled_volume_keeps_its_files<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = filled(&*volumes).await;
    volumes.unmount(id).await.expect("nothing is open");
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    within(&volumes, id, |path| {
        assert_eq!(read(path, "file"), "first");
        assert_eq!(read(path, "link"), "#!/bin/sh");
        let status = fs::metadata(path.join("folder/run")).expect("it is there");
        assert_eq!(status.permissions().mode() & 0o7777, 0o755);
        write(path, "file", "second");
    })
    .await;
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "second");
}

/// What was filled is as any other files to a freeze and to a fork.
pub async fn filled_volume_is_frozen_and_forked<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = filled(&*volumes).await;
    volumes.unmount(id).await.expect("nothing is open");
    let (frozen, fork) = (VolumeId::new(), VolumeId::new());
    volumes.freeze(id, frozen).await.expect("it is idle");
    volumes.fork(frozen, fork).await.expect("it is frozen");
    within(&volumes, id, |path| {
        fs::remove_dir_all(path.join("folder")).expect("a folder is removed");
        write(path, "file", "second");
    })
    .await;
    within(&volumes, fork, |path| {
        assert_eq!(read(path, "file"), "first");
        assert_eq!(read(path, "folder/run"), "#!/bin/sh");
    })
    .await;
}

/// "`remove` ends it too".
pub async fn volume_is_removed_while_it_is_filled<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = filled(&*volumes).await;
    remove(&volumes, id).await;
    assert_eq!(status(&volumes, id).await, None);
    volumes.reclaim().await.expect("its space is given back");
}

/// "`WrongState` for a volume that is seen to have been used before": a frozen one always is.
pub async fn frozen_volume_is_not_filled<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let frozen = frozen_with(&volumes, |path| write(path, "file", "kept")).await;
    assert_kind(volumes.fill(frozen).await, BackendErrorKind::WrongState);
    let absent = volumes.fill(VolumeId::new()).await;
    assert_kind(absent, BackendErrorKind::NotFound);
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    if let Err(error) = volumes.fill(id).await {
        assert_eq!(*error.kind(), BackendErrorKind::WrongState);
    }
}

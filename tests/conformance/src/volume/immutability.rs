//! Frozen volumes, whatever becomes of the rest.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_kind, create_with, freeze, frozen_with, look_into, names, open, read, remove, within,
    write,
};
use crate::harness::VolumeHarness;

fn overwrite(root: &Path) {
    let file = OpenOptions::new().write(true).open(root.join("file"));
    let written = file.and_then(|mut file| file.write_all(b"LATER"));
    written.expect("a file is overwritten in place");
}

/// "A frozen volume's files never change, whatever becomes of the volume that it was frozen from."
pub async fn frozen_volume_keeps_overwritten_bytes<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "early")).await;
    let frozen = freeze(&volumes, id).await;
    within(&volumes, id, overwrite).await;
    let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
    assert_eq!(content, "early");
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "LATER");
}

/// "A frozen volume's files never change, whatever becomes of the volume that it was frozen from."
pub async fn frozen_volume_keeps_removed_files<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| {
        fs::create_dir(path.join("folder")).expect("a folder is made");
        write(path, "folder/file", "early");
    })
    .await;
    let frozen = freeze(&volumes, id).await;
    within(&volumes, id, |path| {
        fs::remove_dir_all(path.join("folder")).expect("a folder is removed");
        write(path, "new", "later");
    })
    .await;
    look_into(&volumes, frozen, |path| {
        assert_eq!(names(path), ["folder"]);
        assert_eq!(read(path, "folder/file"), "early");
    })
    .await;
}

/// "A frozen volume's files never change, whatever becomes of the volume that it was frozen from."
pub async fn frozen_volume_outlives_the_active_one<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "early")).await;
    let frozen = freeze(&volumes, id).await;
    remove(&volumes, id).await;
    volumes.reclaim().await.expect("space is given back");
    let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
    assert_eq!(content, "early");
}

/// "To *freeze* is to make a frozen volume that keeps an active one's files": those of its own moment.
pub async fn each_freeze_keeps_its_own_moment<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "early")).await;
    let first = freeze(&volumes, id).await;
    within(&volumes, id, overwrite).await;
    let second = freeze(&volumes, id).await;
    let third = freeze(&volumes, id).await;
    remove(&volumes, second).await;
    for (frozen, expected) in [(first, "early"), (third, "LATER")] {
        let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
        assert_eq!(content, expected);
    }
}

/// "`WrongState` for a volume of the other kind": nobody gets at a frozen volume's files to write.
pub async fn frozen_volume_is_not_mounted<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let frozen = frozen_with(&volumes, |path| write(path, "file", "early")).await;
    assert_kind(volumes.mount(frozen).await, BackendErrorKind::WrongState);
    let content = look_into(&volumes, frozen, |path| read(path, "file")).await;
    assert_eq!(content, "early");
}

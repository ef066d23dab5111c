//! From creation to removal, as far as nothing goes wrong.

use std::fs;
use std::os::unix::fs::MetadataExt;

use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use super::steps::{
    assert_status, create, create_with, fork, freeze, frozen_with, names, open, read, remove,
    within, write,
};
use crate::harness::VolumeHarness;

/// "What the backend is and can do. The same at every call."
pub async fn info_is_the_same_at_every_call<H: VolumeHarness>(harness: H) {
    let volumes = harness.open().await;
    let before = volumes.info();
    assert!(!before.backend.is_empty());
    drop(volumes);
    let volumes = open(&harness).await;
    create(&volumes).await;
    assert_eq!(volumes.info(), before);
}

/// "Makes an empty active volume".
pub async fn created_volume_is_active_and_empty<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    let found = within(&volumes, id, names).await;
    assert_eq!(found, Vec::<String>::new());
}

/// "A root folder of mode 0755 of the process's user."
pub async fn created_root_is_of_the_process<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    let root = within(&volumes, id, |path| {
        fs::metadata(path).expect("the root is there")
    })
    .await;
    assert!(root.is_dir());
    assert_eq!(root.mode() & 0o7777, 0o755);
    let user = rustix::process::geteuid().as_raw();
    assert_eq!(root.uid(), user);
}

/// "Where `mount` puts a volume: the same at every call, whether or not it is mounted or exists."
pub async fn path_is_the_same_at_every_call<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = VolumeId::new();
    let path = volumes.path(id);
    assert!(path.is_absolute(), "{path:?}");
    assert_ne!(path, volumes.path(VolumeId::new()));
    volumes.create(id).await.expect("a volume is created");
    assert_eq!(volumes.path(id), path);
    let mounted = volumes.mount(id).await.expect("a volume is mounted");
    assert_eq!((&mounted, volumes.path(id)), (&path, path.clone()));
    volumes.unmount(id).await.expect("nobody holds it");
    remove(&volumes, id).await;
    assert_eq!(volumes.path(id), path);
}

/// "Whether it is mounted at its path."
pub async fn status_tells_whether_it_is_mounted<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    volumes.mount(id).await.expect("a volume is mounted");
    assert_status(&volumes, id, VolumeKind::Active, true).await;
    volumes.unmount(id).await.expect("nobody holds it");
    assert_status(&volumes, id, VolumeKind::Active, false).await;
}

/// "Unmounts a volume and makes its files durable."
pub async fn files_are_there_at_the_next_mount<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "first")).await;
    within(&volumes, id, |path| {
        assert_eq!(read(path, "file"), "first");
        write(path, "file", "second");
    })
    .await;
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "second");
}

/// "A volume that is not mounted is made durable all the same."
pub async fn unmounted_volume_can_be_unmounted<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let answer = volumes.unmount(id).await;
    answer.expect("nothing is to be unmounted");
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "Makes the frozen volume `frozen` with the files of the active volume `id`, which keeps them and stays active."
pub async fn frozen_volume_stays_active_too<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let frozen = freeze(&volumes, id).await;
    assert_status(&volumes, frozen, VolumeKind::Frozen, false).await;
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "Makes the active volume `id` with the files of the frozen volume `parent`."
pub async fn forked_volume_is_active_with_the_files<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, |path| write(path, "file", "kept")).await;
    let id = fork(&volumes, parent).await;
    assert_status(&volumes, id, VolumeKind::Active, false).await;
    assert_status(&volumes, parent, VolumeKind::Frozen, false).await;
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "To *freeze* is to make a frozen volume that keeps an active one's files": of an empty one too.
pub async fn empty_volume_can_be_frozen_and_forked<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let parent = frozen_with(&volumes, |_| {}).await;
    let id = fork(&volumes, parent).await;
    let found = within(&volumes, id, names).await;
    assert_eq!(found, Vec::<String>::new());
}

/// "Looks for faults of a volume and changes nothing. No fault is an empty list."
pub async fn check_of_a_sound_volume_finds_nothing<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let frozen = freeze(&volumes, id).await;
    let forked = fork(&volumes, frozen).await;
    for id in [id, frozen, forked] {
        let faults = volumes.check(id).await.expect("a volume is checked");
        assert_eq!(faults, []);
    }
    let content = within(&volumes, forked, |path| read(path, "file")).await;
    assert_eq!(content, "kept");
}

/// "How much of the disk a volume takes", "in bytes of allocated blocks".
pub async fn usage_counts_what_was_written<H: VolumeHarness>(harness: H) {
    const WRITTEN: usize = 1 << 20;
    let volumes = open(&harness).await;
    let id = create(&volumes).await;
    let before = volumes.usage(id).await.expect("a volume is measured");
    within(&volumes, id, |path| write(path, "file", vec![7; WRITTEN])).await;
    let after = volumes.usage(id).await.expect("a volume is measured");
    let grown = after.total_bytes().saturating_sub(before.total_bytes());
    assert!(grown >= WRITTEN as u64, "{before:?} grew to {after:?}");
}

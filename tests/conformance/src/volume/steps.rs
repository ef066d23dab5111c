//! What most cases do with volumes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use workdisk::metadata::Generation;
use workdisk::model::{StoreId, VolumeId};
use workdisk::volume::{VolumeKind, VolumeStatus};
use workdisk::{BackendError, BackendErrorKind, Volume};

use crate::harness::VolumeHarness;

/// Opens the volumes and ties them to a store that has never been opened before.
pub(crate) async fn open<H: VolumeHarness>(harness: &H) -> Arc<dyn Volume> {
    let volumes = harness.open().await;
    let generation = Generation::new(StoreId::new(), 1);
    let bound = volumes.bind(generation, false).await;
    bound.expect("volumes that were never tied take the store");
    volumes
}

/// Makes an empty active volume.
pub(crate) async fn create(volumes: &dyn Volume) -> VolumeId {
    let id = VolumeId::new();
    let created = volumes.create(id).await;
    created.expect("a volume is created");
    id
}

/// Mounts a volume, lets `work` at its files, and unmounts it.
pub(crate) async fn within<T>(
    volumes: &dyn Volume,
    id: VolumeId,
    work: impl FnOnce(&Path) -> T,
) -> T {
    let path = volumes.mount(id).await.expect("a volume is mounted");
    let answer = work(&path);
    let unmounted = volumes.unmount(id).await;
    unmounted.expect("a volume that nobody holds is unmounted");
    answer
}

/// Makes an active volume with what `fill` writes.
pub(crate) async fn create_with(volumes: &dyn Volume, fill: impl FnOnce(&Path)) -> VolumeId {
    let id = create(volumes).await;
    within(volumes, id, fill).await;
    id
}

pub(crate) async fn freeze(volumes: &dyn Volume, id: VolumeId) -> VolumeId {
    let frozen = VolumeId::new();
    let answer = volumes.freeze(id, frozen).await;
    answer.expect("an idle volume is frozen");
    frozen
}

pub(crate) async fn fork(volumes: &dyn Volume, parent: VolumeId) -> VolumeId {
    let id = VolumeId::new();
    let answer = volumes.fork(parent, id).await;
    answer.expect("a frozen volume is forked");
    id
}

pub(crate) async fn remove(volumes: &dyn Volume, id: VolumeId) {
    let removed = volumes.remove(id).await;
    removed.expect("a volume that nobody holds is removed");
}

/// Makes a frozen volume with what `fill` writes, and nothing else.
pub(crate) async fn frozen_with(volumes: &dyn Volume, fill: impl FnOnce(&Path)) -> VolumeId {
    let id = create_with(volumes, fill).await;
    let frozen = freeze(volumes, id).await;
    remove(volumes, id).await;
    frozen
}

/// Lets `look` at the files of a frozen volume, by a fork that is removed again.
pub(crate) async fn look_into<T>(
    volumes: &dyn Volume,
    frozen: VolumeId,
    look: impl FnOnce(&Path) -> T,
) -> T {
    let id = fork(volumes, frozen).await;
    let answer = within(volumes, id, look).await;
    remove(volumes, id).await;
    answer
}

pub(crate) async fn status(volumes: &dyn Volume, id: VolumeId) -> Option<VolumeStatus> {
    volumes.status(id).await.expect("a read is answered")
}

pub(crate) async fn assert_status(
    volumes: &dyn Volume,
    id: VolumeId,
    kind: VolumeKind,
    mounted: bool,
) {
    let expected = VolumeStatus::new(id, kind, mounted);
    assert_eq!(status(volumes, id).await, Some(expected));
}

pub(crate) async fn ids(volumes: &dyn Volume) -> Vec<VolumeId> {
    let listed = volumes.list(None, usize::MAX).await;
    let listed = listed.expect("a listing is answered");
    listed.iter().map(|status| status.id).collect()
}

#[track_caller]
pub(crate) fn assert_kind<T>(answer: Result<T, BackendError>, kind: BackendErrorKind) {
    match answer {
        Ok(_) => panic!("the call was done, where {kind:?} was to be answered"),
        Err(error) => assert_eq!(*error.kind(), kind, "{error}"),
    }
}

#[track_caller]
pub(crate) fn assert_busy<T>(answer: Result<T, BackendError>) {
    match answer {
        Ok(_) => panic!("the call was done on a volume that is in use"),
        Err(error) => assert!(error.is_busy(), "{error}: {:?}", error.kind()),
    }
}

pub(crate) fn write(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(root.join(name), content).expect("a file is written");
}

pub(crate) fn read(root: &Path, name: &str) -> String {
    let content = fs::read(root.join(name)).expect("a file is read");
    String::from_utf8(content).expect("the suite writes text")
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder is read");
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.expect("an entry is read").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    names
}

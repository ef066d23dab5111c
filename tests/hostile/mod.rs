//! Workspaces whose files are made to lead a backend astray, and the course that each of them has to survive.

pub(crate) mod fill;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_conformance::fixtures::allocated_below;

pub(crate) use self::fill::{Fill, workspaces};
use crate::tree::{Manifest, manifest};

/// A data folder, and beside it what belongs to nobody's workspace.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir_all(outside.join("folder")).unwrap();
        fs::write(outside.join("folder/precious"), "untouched").unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// Everything about what is outside, the times of its last change included.
    fn state(&self) -> (Manifest, Vec<(i64, i64)>) {
        let paths = ["", "folder", "folder/precious"].map(|path| self.outside().join(path));
        let changed = paths.iter().map(|path| {
            let meta = fs::symlink_metadata(path).unwrap();
            (meta.ctime(), meta.ctime_nsec())
        });
        (manifest(&self.outside()), changed.collect())
    }
}

/// Lets `act` at the files of a volume.
pub(crate) async fn within<T>(
    volumes: &dyn Volume,
    id: VolumeId,
    act: impl FnOnce(&Path) -> T,
) -> T {
    let path = volumes.mount(id).await.unwrap();
    let answer = act(&path);
    volumes.unmount(id).await.unwrap();
    answer
}

async fn seen(volumes: &dyn Volume, id: VolumeId) -> Manifest {
    within(volumes, id, manifest).await
}

/// Measures a volume and finds no fault.
async fn look_at(volumes: &dyn Volume, id: VolumeId) {
    volumes.usage(id).await.unwrap();
    assert_eq!(volumes.check(id).await.unwrap(), []);
}

/// Freezes the volume and goes on with it, or with a fork, as a restore does. It shows the same files all the while.
async fn snapshot(volumes: &dyn Volume, id: VolumeId, restore: bool) -> (VolumeId, VolumeId) {
    let before = seen(volumes, id).await;
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let mut head = id;
    if restore {
        head = VolumeId::new();
        volumes.fork(frozen, head).await.unwrap();
        volumes.remove(id).await.unwrap();
    }
    assert!(
        seen(volumes, head).await == before,
        "the head after a snapshot"
    );
    look_at(volumes, frozen).await;
    look_at(volumes, head).await;
    (head, frozen)
}

/// Takes a workspace with hostile files through everything: each volume shows its files at every step, nothing outside and
/// no other workspace changes, and in the end all space is back.
pub(crate) async fn survives(volumes: &dyn Volume, place: &Place, fill: Fill) {
    let neighbour = VolumeId::new();
    volumes.create(neighbour).await.unwrap();
    within(volumes, neighbour, fill::base).await;
    let (outside, inside) = (place.state(), seen(volumes, neighbour).await);
    volumes.reclaim().await.unwrap();
    let space = allocated_below(&place.data()).unwrap();

    let mut id = VolumeId::new();
    volumes.create(id).await.unwrap();
    within(volumes, id, fill::base).await;
    let mut kept = Vec::new();
    for round in 0..4 {
        let (head, frozen) = snapshot(volumes, id, round % 2 == 1).await;
        id = head;
        kept.push((frozen, seen(volumes, id).await));
        // The first snapshot is of the base alone, so that all the rest lies above it.
        within(volumes, id, |path| match round {
            0 => fill(path, &place.outside()),
            _ => fs::write(path.join(format!("round {round}")), "more").unwrap(),
        })
        .await;
    }
    for (frozen, expected) in kept {
        let clone = VolumeId::new();
        volumes.fork(frozen, clone).await.unwrap();
        assert!(
            seen(volumes, clone).await == expected,
            "a clone of a snapshot"
        );
        volumes.remove(frozen).await.unwrap();
        volumes.reclaim().await.unwrap();
        assert!(
            seen(volumes, clone).await == expected,
            "a clone whose snapshot is gone"
        );
        volumes.remove(clone).await.unwrap();
    }
    volumes.remove(id).await.unwrap();
    volumes.reclaim().await.unwrap();
    assert_eq!(allocated_below(&place.data()).unwrap(), space);
    assert!(
        seen(volumes, neighbour).await == inside,
        "another workspace"
    );
    assert!(place.state() == outside, "what lies outside");
}

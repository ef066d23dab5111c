//! What an opening finds and what it clears away.

use std::fs;

use workdisk::BackendErrorKind;
use workdisk::metadata::Generation;
use workdisk::model::{StoreId, VolumeId};
use workdisk::volume::Volume;
use workdisk_directory::DirectoryVolume;

use crate::support::Place;

#[tokio::test]
async fn folder_that_is_open_is_in_use() {
    let place = Place::new().await;
    let error = DirectoryVolume::open(place.root()).await.unwrap_err();
    assert_eq!(*error.kind(), BackendErrorKind::InUse);
}

#[tokio::test]
async fn what_a_dead_process_left_unfinished_is_deleted() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    fs::write(disk.join("kept"), "x").unwrap();
    let root = place.root();
    let Place { volumes, folder } = place;
    drop(volumes);
    for left in ["staging/half/data", "trash/gone/data/deep"] {
        fs::create_dir_all(root.join(left)).unwrap();
    }
    let volumes = DirectoryVolume::open(&root).await.unwrap();
    let place = Place { volumes, folder };
    assert_eq!((place.count("staging"), place.count("trash")), (0, 0));
    assert_eq!(
        fs::read_to_string(place.volumes.path(id).join("kept")).unwrap(),
        "x"
    );
}

#[tokio::test]
async fn generation_that_was_seen_is_remembered_and_an_older_one_refused() {
    let place = Place::new().await;
    let store = StoreId::new();
    place
        .volumes
        .bind(Generation::new(store, 5), false)
        .await
        .unwrap();
    let root = place.root();
    let Place {
        volumes,
        folder: _folder,
    } = place;
    drop(volumes);
    let volumes = DirectoryVolume::open(root).await.unwrap();
    let stale = volumes
        .bind(Generation::new(store, 5), false)
        .await
        .unwrap_err();
    assert_eq!(*stale.kind(), BackendErrorKind::Mismatch);
    let other = volumes
        .bind(Generation::new(StoreId::new(), 9), false)
        .await
        .unwrap_err();
    assert_eq!(*other.kind(), BackendErrorKind::Mismatch);
    volumes
        .bind(Generation::new(store, 6), false)
        .await
        .unwrap();
}

#[tokio::test]
async fn failed_fork_leaves_nothing() {
    let place = Place::new().await;
    let (id, disk) = place.disk().await;
    fs::write(disk.join("file"), "x").unwrap();
    let frozen = VolumeId::new();
    place.volumes.freeze(id, frozen).await.unwrap();
    // A volume whose files are missing cannot be copied.
    let data = place
        .root()
        .join("frozen")
        .join(frozen.to_string())
        .join("data");
    fs::remove_dir_all(&data).unwrap();
    let error = place
        .volumes
        .fork(frozen, VolumeId::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), BackendErrorKind::Corrupt { .. }),
        "{error}"
    );
    assert_eq!(place.volumes.check(frozen).await.unwrap().len(), 1);
    assert_eq!((place.count("staging"), place.count("active")), (0, 1));
}

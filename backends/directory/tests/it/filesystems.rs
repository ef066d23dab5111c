//! What depends on the file system below: reflinks, and what can be done when it is full.

use std::fs;

use workdisk::model::VolumeId;
use workdisk::{BackendErrorKind, Volume};
use workdisk_conformance::{FileSystem, LoopDisk};
use workdisk_directory::DirectoryVolume;

/// A disk of a test, or none where the machine cannot make it and does not have to.
fn disk(kind: FileSystem) -> Option<LoopDisk> {
    let disk = LoopDisk::new(kind, 64);
    disk.map_err(|skip| skip.announce()).ok()
}

async fn open(disk: &LoopDisk) -> DirectoryVolume {
    let volumes = DirectoryVolume::open(disk.path().join("volumes")).await;
    volumes.unwrap()
}

/// How much of the disk a snapshot takes of a volume with one large file.
async fn snapshot_takes(disk: &LoopDisk, bytes: u64) -> u64 {
    let volumes = open(disk).await;
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    fs::write(volumes.path(id).join("file"), vec![7; bytes as usize]).unwrap();
    let before = disk.free_bytes().unwrap();
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    let taken = before.saturating_sub(disk.free_bytes().unwrap());
    fs::write(volumes.path(id).join("file"), "other").unwrap();
    let fork = VolumeId::new();
    volumes.fork(frozen, fork).await.unwrap();
    assert!(fs::read(volumes.path(fork).join("file")).unwrap() == vec![7; bytes as usize]);
    taken
}

#[tokio::test]
async fn snapshot_shares_its_content_on_xfs_and_btrfs_and_takes_as_much_on_ext4() {
    const BYTES: u64 = 16 << 20;
    for kind in [FileSystem::Xfs, FileSystem::Btrfs, FileSystem::Ext4] {
        let Some(disk) = disk(kind) else { return };
        let taken = snapshot_takes(&disk, BYTES).await;
        let shares = kind != FileSystem::Ext4;
        assert_eq!(taken < BYTES / 4, shares, "{taken} bytes on {kind:?}");
    }
}

/// On a disk on which nothing more can be made: what makes a volume says so and leaves nothing, and volumes can be removed,
/// whose space is then there again.
async fn full_disk_refuses_what_is_new_and_lets_go(kind: FileSystem) {
    let Some(disk) = disk(kind) else { return };
    let volumes = open(&disk).await;
    let active = VolumeId::new();
    volumes.create(active).await.unwrap();
    let file = volumes.path(active).join("file");
    fs::write(&file, vec![1; 4 << 20]).unwrap();
    let frozen = VolumeId::new();
    volumes.freeze(active, frozen).await.unwrap();
    fs::write(&file, vec![2; 4 << 20]).unwrap();
    volumes.reclaim().await.unwrap();
    disk.fill().unwrap();
    let fresh = VolumeId::new();
    for refused in [
        volumes.create(fresh).await,
        volumes.fork(frozen, fresh).await,
        volumes.freeze(active, fresh).await,
    ] {
        assert_eq!(*refused.unwrap_err().kind(), BackendErrorKind::Full);
        assert_eq!(volumes.status(fresh).await.unwrap(), None);
    }
    let before = disk.free_bytes().unwrap();
    for id in [active, frozen] {
        volumes.remove(id).await.unwrap();
    }
    volumes.reclaim().await.unwrap();
    assert_eq!(volumes.list(None, 10).await.unwrap(), []);
    let given_back = disk.free_bytes().unwrap() - before;
    assert!(given_back > 7 << 20, "{given_back} bytes");
    disk.drain().unwrap();
    volumes.create(fresh).await.unwrap();
}

#[tokio::test]
async fn full_ext4_refuses_what_is_new_and_lets_go() {
    full_disk_refuses_what_is_new_and_lets_go(FileSystem::Ext4).await;
}

#[tokio::test]
async fn full_xfs_refuses_what_is_new_and_lets_go() {
    full_disk_refuses_what_is_new_and_lets_go(FileSystem::Xfs).await;
}

#[tokio::test]
async fn full_btrfs_refuses_what_is_new_and_lets_go() {
    full_disk_refuses_what_is_new_and_lets_go(FileSystem::Btrfs).await;
}

/// A removal that is done where the volume is, and was broken off: the volume is gone, and the next opening deletes the rest.
#[tokio::test]
async fn volume_without_its_mark_is_gone_and_its_rest_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let volumes = DirectoryVolume::open(folder.path()).await.unwrap();
    let [broken_off, kept] = [VolumeId::new(), VolumeId::new()];
    for id in [broken_off, kept] {
        volumes.create(id).await.unwrap();
        fs::write(volumes.path(id).join("file"), "content").unwrap();
    }
    let path = folder.path().join("active").join(broken_off.to_string());
    fs::remove_file(path.join("whole")).unwrap();
    assert_eq!(volumes.status(broken_off).await.unwrap(), None);
    drop(volumes);
    let volumes = DirectoryVolume::open(folder.path()).await.unwrap();
    volumes.reclaim().await.unwrap();
    assert!(!path.exists());
    assert_eq!(
        fs::read(volumes.path(kept).join("file")).unwrap(),
        b"content"
    );
}

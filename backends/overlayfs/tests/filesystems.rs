//! What depends on the file system below: how many names a file may have, reflinks, and what can be done when it is full.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[path = "../../../tests/tree/mod.rs"]
#[expect(
    dead_code,
    reason = "the module serves several tests, and this one makes no random changes"
)]
mod tree;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};
use workdisk::model::VolumeId;
use workdisk::{BackendErrorKind, Volume};
use workdisk_conformance::{FileSystem, LoopDisk};
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

use self::tree::manifest;

/// A disk of a test, or none where the machine cannot make it and does not have to.
fn disk(kind: FileSystem) -> Option<LoopDisk> {
    LoopDisk::new(kind, 64).map_err(|skip| skip.announce()).ok()
}

async fn merging(disk: &LoopDisk, links: u64) -> OverlayVolume {
    let options = OverlayOptions::new(disk.path().join("volumes"))
        .with_merge_width(2)
        .with_merges_at_once()
        .with_max_links(links);
    OverlayVolume::open_with(options).await.unwrap()
}

async fn work(volumes: &OverlayVolume, id: VolumeId, act: impl FnOnce(&Path)) {
    act(&volumes.mount(id).await.unwrap());
    volumes.unmount(id).await.unwrap();
}

async fn freeze(volumes: &OverlayVolume, id: VolumeId) -> VolumeId {
    let frozen = VolumeId::new();
    volumes.freeze(id, frozen).await.unwrap();
    frozen
}

/// The files of the only layer that holds that name.
fn layer_with(disk: &LoopDisk, name: &str) -> PathBuf {
    let layers = fs::read_dir(disk.path().join("volumes/layers")).unwrap();
    let found: Vec<PathBuf> = layers
        .map(|layer| layer.unwrap().path().join("fs"))
        .filter(|files| files.join(name).symlink_metadata().is_ok())
        .collect();
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

/// A file with two names, and a device, a symbolic link and a fifo, all of which have as many names as ext4 allows.
#[tokio::test]
async fn files_of_as_many_names_as_the_file_system_allows_are_merged_by_a_copy() {
    const FULL: [&str; 4] = ["file", "device", "link", "fifo"];
    let Some(disk) = disk(FileSystem::Ext4) else {
        return;
    };
    let volumes = merging(&disk, u64::MAX).await;
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    work(&volumes, id, |root| {
        fs::write(root.join("file"), "content").unwrap();
        let flags = XattrFlags::empty();
        rustix::fs::setxattr(root.join("file"), "user.x", b"kept", flags).unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        fs::hard_link(root.join("file"), root.join("folder/again")).unwrap();
        let null = rustix::fs::makedev(1, 3);
        let device = FileType::CharacterDevice;
        mknodat(CWD, root.join("device"), device, Mode::RUSR, null).unwrap();
        mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("target", root.join("link")).unwrap();
        let ids = (Some(1000), Some(1001));
        std::os::unix::fs::lchown(root.join("link"), ids.0, ids.1).unwrap();
        fs::write(root.join("other"), "other").unwrap();
    })
    .await;
    freeze(&volumes, id).await;
    let lower = layer_with(&disk, "file");
    let padding = disk.path().join("padding");
    fs::create_dir(&padding).unwrap();
    for name in FULL {
        // All but one for the file, so that its first name can still be linked and its second cannot.
        let room = u64::from(name == "file");
        let file = lower.join(name);
        let links = || file.symlink_metadata().unwrap().nlink();
        while links() < 65_000 - room {
            let fresh = padding.join(format!("{name} {}", links()));
            rustix::fs::link(&file, &fresh).unwrap();
        }
    }
    let mut before = tree::Manifest::new();
    work(&volumes, id, |root| {
        fs::write(root.join("upper"), "upper").unwrap();
        before = manifest(root);
    })
    .await;
    freeze(&volumes, id).await;
    let recipe = volumes.recipe(id).await.unwrap();
    let lowers = recipe.options.iter().filter(|(key, _)| key == "lowerdir+");
    assert_eq!(lowers.count(), 1, "the two layers were merged");
    work(&volumes, id, |root| {
        assert_eq!(manifest(root), before);
        let ino = |path: &Path| path.symlink_metadata().unwrap().ino();
        for name in FULL {
            assert_ne!(ino(&root.join(name)), ino(&lower.join(name)), "{name}");
        }
        assert_eq!(ino(&root.join("other")), ino(&lower.join("other")));
    })
    .await;
}

/// A copy that a merge has to make takes no space for its content where there are reflinks.
async fn copy_shares_its_content(kind: FileSystem) {
    const BYTES: u64 = 32 << 20;
    let Some(disk) = disk(kind) else { return };
    let volumes = merging(&disk, 2).await;
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    work(&volumes, id, |root| {
        fs::write(root.join("file"), vec![7; BYTES as usize]).unwrap();
        fs::hard_link(root.join("file"), root.join("again")).unwrap();
    })
    .await;
    freeze(&volumes, id).await;
    let free = || disk.free_bytes().unwrap();
    let lower = layer_with(&disk, "file").join("file");
    let before = free();
    work(&volumes, id, |root| fs::write(root.join("x"), "x").unwrap()).await;
    freeze(&volumes, id).await;
    let taken = before.saturating_sub(free());
    assert!(taken < BYTES / 4, "{taken} bytes");
    work(&volumes, id, |root| {
        let copy = fs::metadata(root.join("file")).unwrap();
        assert_ne!(copy.ino(), fs::metadata(&lower).unwrap().ino());
        assert_eq!(copy.ino(), fs::metadata(root.join("again")).unwrap().ino());
        assert!(fs::read(root.join("again")).unwrap() == vec![7; BYTES as usize]);
    })
    .await;
}

#[tokio::test]
async fn copy_of_a_merge_shares_its_content_on_xfs() {
    copy_shares_its_content(FileSystem::Xfs).await;
}

#[tokio::test]
async fn copy_of_a_merge_shares_its_content_on_btrfs() {
    copy_shares_its_content(FileSystem::Btrfs).await;
}

/// On a disk on which nothing more can be made: what makes a volume says so and leaves nothing, who uses a volume is
/// still known, and volumes can be removed, whose space is then there again.
async fn full_disk_refuses_what_is_new_and_lets_go(kind: FileSystem) {
    let Some(disk) = disk(kind) else { return };
    let volumes = merging(&disk, u64::MAX).await;
    let [active, held] = [VolumeId::new(), VolumeId::new()];
    for id in [active, held] {
        volumes.create(id).await.unwrap();
    }
    work(&volumes, active, |root| {
        fs::write(root.join("file"), vec![1; 4 << 20]).unwrap();
    })
    .await;
    let frozen = freeze(&volumes, active).await;
    work(&volumes, active, |root| {
        fs::write(root.join("more"), vec![2; 4 << 20]).unwrap();
    })
    .await;
    volumes.reclaim().await.unwrap();
    let path = volumes.mount(held).await.unwrap();
    let open = fs::File::create(path.join("open")).unwrap();
    rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH).unwrap();

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
    assert!(volumes.remove(held).await.unwrap_err().is_busy());
    drop(open);
    drop(volumes);
    let volumes = merging(&disk, u64::MAX).await;
    let before = disk.free_bytes().unwrap();
    for id in [held, active, frozen] {
        volumes.remove(id).await.unwrap();
    }
    volumes.reclaim().await.unwrap();
    assert_eq!(volumes.list(None, 10).await.unwrap(), []);
    // XFS frees blocks in the background, and hurries when it is asked how many are free.
    while disk.free_bytes().unwrap() < before + (7 << 20) {
        tokio::task::yield_now().await;
    }
    disk.drain().unwrap();
    volumes.create(fresh).await.unwrap();
    work(&volumes, fresh, |root| {
        fs::write(root.join("x"), "x").unwrap()
    })
    .await;
    freeze(&volumes, fresh).await;
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

/// The kernel mounted the disk for reading alone and told nobody, so that a session began in which nothing could be written.
#[tokio::test]
async fn disk_without_inodes_is_full_and_not_read_only() {
    let Some(disk) = disk(FileSystem::Ext4) else {
        return;
    };
    let volumes = merging(&disk, u64::MAX).await;
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    fs::create_dir(volumes.path(id)).unwrap();
    let filler = disk.path().join("filler");
    fs::create_dir(&filler).unwrap();
    for number in 0.. {
        if fs::File::create(filler.join(number.to_string())).is_err() {
            break;
        }
    }
    let refused = volumes.mount(id).await.unwrap_err();
    assert_eq!(*refused.kind(), BackendErrorKind::Full, "{refused}");
    fs::remove_dir_all(&filler).unwrap();
    work(&volumes, id, |root| {
        fs::write(root.join("file"), "content").unwrap()
    })
    .await;
}

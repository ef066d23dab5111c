//! Volumes survive whatever files a session leaves in them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

#[path = "../../../tests/hostile/mod.rs"]
mod hostile;
#[expect(dead_code, reason = "other tests change files at random")]
#[path = "../../../tests/tree/mod.rs"]
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, lgetxattr, lsetxattr, makedev, mknodat};
use rustix::io::Errno;
use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_conformance::Skip;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

use self::hostile::{Fill, Place, fill, survives, within, workspaces};

/// How many files there are in the workspace of many.
const FILES: &str = "WORKDISK_HOSTILE_FILES";

/// Volumes whose layers are merged two at a time, or `None`, saying why, if the host cannot run them.
async fn volumes(place: &Place) -> Option<OverlayVolume> {
    let data = place.data();
    if let Err(error) = OverlayVolume::probe(&data) {
        Skip::new(error.to_string()).announce();
        return None;
    }
    let options = OverlayOptions::new(data)
        .with_merge_width(2)
        .with_max_links(3_000);
    Some(OverlayVolume::open_with(options).await.unwrap())
}

async fn run(fill: Fill) {
    let place = Place::new();
    if let Some(volumes) = volumes(&place).await {
        survives(&volumes, &place, fill).await;
    }
}

#[tokio::test]
async fn workspaces_of_any_user_survive_and_touch_nothing() {
    for (name, fill) in workspaces() {
        println!("{name}");
        run(fill).await;
    }
}

#[tokio::test]
async fn devices_closed_files_and_whiteouts_by_hand_survive_and_touch_nothing() {
    run(fill::special).await;
}

#[tokio::test]
async fn files_that_root_may_not_remove_are_removed() {
    run(|path, _| assert!(fill::immutable(path))).await;
}

/// Each merge gives a file two thousand names more, and copies it once it has three thousand.
#[tokio::test]
async fn file_of_very_many_names_survives() {
    run(|path, _| fill::hard_links(path, 2_000)).await;
}

#[tokio::test]
async fn very_many_files_survive() {
    run(|path, _| {
        let files = std::env::var(FILES).map_or(20_000, |files| files.parse().unwrap());
        fill::many_files(path, files);
    })
    .await;
}

/// The process is this test again, and may have few files open.
#[test]
fn depth_takes_no_descriptors() {
    const NAME: &str = "depth_takes_no_descriptors";
    if std::env::var_os(NAME).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(run(|path, _| fill::deepen(path, 4_000)));
    }
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(NAME, "1")
        .status();
    assert!(status.unwrap().success());
}

/// The files of the newest layer of all.
fn upper(data: &Path, id: VolumeId) -> PathBuf {
    let layer = fs::read_link(data.join("active").join(id.to_string())).unwrap();
    data.join("layers").join(layer).join("fs")
}

/// What a session may set is not what overlayfs reads: the kernel gives it another name in the layer, and shows it under
/// its own.
#[tokio::test]
async fn attributes_of_the_kernel_s_own_are_escaped_and_its_whiteouts_refused() {
    let place = Place::new();
    let Some(volumes) = volumes(&place).await else {
        return;
    };
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    let keys = ["opaque", "redirect", "metacopy", "whiteout", "origin"];
    within(&volumes, id, |path| {
        fs::create_dir(path.join("folder")).unwrap();
        for key in keys {
            let key = format!("trusted.overlay.{key}");
            lsetxattr(path.join("folder"), &key, FORGED, XattrFlags::empty()).unwrap();
            assert_eq!(attribute(&path.join("folder"), &key), FORGED);
        }
        let kind = FileType::CharacterDevice;
        let made = mknodat(CWD, path.join("x"), kind, Mode::RUSR, makedev(0, 0));
        assert_eq!(made, Err(Errno::PERM));
    })
    .await;
    let folder = upper(&place.data(), id).join("folder");
    for key in keys {
        let [escaped, own] = ["overlay.", ""].map(|infix| format!("trusted.overlay.{infix}{key}"));
        assert_eq!(attribute(&folder, &escaped), FORGED);
        assert_ne!(attribute(&folder, &own), FORGED);
    }
}

/// What the kernel itself never sets.
const FORGED: &[u8] = b"forged";

/// The value, empty where there is none.
fn attribute(file: &Path, key: &str) -> Vec<u8> {
    let mut value = vec![0; 256];
    match lgetxattr(file, key, &mut value[..]) {
        Ok(length) => value.truncate(length),
        Err(errno) => {
            assert_eq!(errno, Errno::NODATA);
            value.clear();
        }
    }
    value
}

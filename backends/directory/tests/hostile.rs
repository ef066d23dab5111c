//! Volumes survive whatever files a session leaves in them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests without privileges go deep")]
#[path = "../../../tests/hostile/mod.rs"]
mod hostile;
#[expect(dead_code, reason = "other tests change files at random")]
#[path = "../../../tests/tree/mod.rs"]
mod tree;

use workdisk_conformance::Skip;
use workdisk_directory::DirectoryVolume;

use self::hostile::{Fill, Place, fill, survives, workspaces};

/// How many files there are in the workspace of many.
const FILES: &str = "WORKDISK_HOSTILE_FILES";

async fn run(fill: Fill) {
    let place = Place::new();
    let volumes = DirectoryVolume::open(place.data()).await.unwrap();
    survives(&volumes, &place, fill).await;
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        Skip::new("only root makes such files: run the test as root").announce();
    }
    root
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
    if is_root() {
        run(fill::special).await;
    }
}

/// A file with `chattr +i` stayed in the trash for ever, and with it all that was removed after it.
#[tokio::test]
async fn files_that_root_may_not_remove_are_removed() {
    if is_root() {
        run(|path, _| {
            if !fill::immutable(path) {
                Skip::new("the file system has no such flags: use ext4, xfs or btrfs").announce();
            }
        })
        .await;
    }
}

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

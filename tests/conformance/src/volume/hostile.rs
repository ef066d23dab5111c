//! Files that were made to lead a backend astray.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use workdisk::Volume;
use workdisk::model::VolumeId;

use super::steps::{create_with, fork, freeze, names, open, read, remove, status, within, write};
use crate::harness::VolumeHarness;

/// A folder that belongs to nobody's volume.
struct Outside {
    folder: TempDir,
}

impl Outside {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder is made");
        write(folder.path(), "precious", "untouched");
        fs::set_permissions(
            folder.path().join("precious"),
            Permissions::from_mode(0o640),
        )
        .expect("a mode is set");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn precious(&self) -> PathBuf {
        self.path().join("precious")
    }

    /// Everything about it that a method could have touched, the time of its last change included.
    fn state(&self) -> (Vec<String>, String, Vec<(u32, i64, i64)>) {
        let stamps = [self.path(), &self.precious()].map(|path| {
            let entry = fs::symlink_metadata(path).expect("it is there");
            (entry.mode(), entry.ctime(), entry.ctime_nsec())
        });
        let content = read(self.path(), "precious");
        (names(self.path()), content, stamps.to_vec())
    }
}

/// Runs every method that goes through a volume's files.
async fn go_through(volumes: &dyn Volume, id: VolumeId) {
    volumes.usage(id).await.expect("a volume is measured");
    volumes.check(id).await.expect("a volume is checked");
    let frozen = freeze(volumes, id).await;
    volumes.usage(frozen).await.expect("a volume is measured");
    volumes.check(frozen).await.expect("a volume is checked");
    let forked = fork(volumes, frozen).await;
    within(volumes, forked, |_| {}).await;
    for id in [id, frozen, forked] {
        remove(volumes, id).await;
    }
    volumes.reclaim().await.expect("space is given back");
}

/// "Nothing inside a volume, symbolic links included, makes any method touch what lies outside."
pub async fn links_out_of_a_volume_are_not_followed<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let outside = Outside::new();
    let id = create_with(&volumes, |path| {
        let link = |target: &Path, name: &str| {
            symlink(target, path.join(name)).expect("a link is made");
        };
        link(outside.path(), "folder");
        link(&outside.precious(), "file");
        link(Path::new("/"), "root");
        link(Path::new(".."), "up");
        link(Path::new("../.."), "further up");
    })
    .await;
    let before = outside.state();
    go_through(&volumes, id).await;
    assert_eq!(outside.state(), before);
}

/// "Nothing inside a volume, symbolic links included, makes any method touch what lies outside": where the parent had a
/// folder, too.
pub async fn link_in_place_of_a_folder_is_not_followed<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let outside = Outside::new();
    let id = create_with(&volumes, |path| {
        fs::create_dir(path.join("folder")).expect("a folder is made");
        write(path, "folder/precious", "inside");
    })
    .await;
    let parent = freeze(&volumes, id).await;
    remove(&volumes, id).await;
    let id = fork(&volumes, parent).await;
    within(&volumes, id, |path| {
        fs::remove_dir_all(path.join("folder")).expect("a folder is removed");
        symlink(outside.path(), path.join("folder")).expect("a link is made");
    })
    .await;
    let before = outside.state();
    go_through(&volumes, id).await;
    assert_eq!(outside.state(), before);
}

/// "Contained": deep folders and many names are a volume's files like others.
pub async fn deep_and_wide_trees_are_kept_and_removed<H: VolumeHarness>(harness: H) {
    const DEPTH: usize = 100;
    const WIDTH: usize = 2_000;
    let volumes = open(&harness).await;
    let deepest = PathBuf::from_iter(["deep"; DEPTH]);
    let id = create_with(&volumes, |path| {
        fs::create_dir_all(path.join(&deepest)).expect("folders are made");
        write(&path.join(&deepest), "file", "kept");
        for index in 0..WIDTH {
            write(path, &index.to_string(), "");
        }
    })
    .await;
    let frozen = freeze(&volumes, id).await;
    let forked = fork(&volumes, frozen).await;
    within(&volumes, forked, |path| {
        assert_eq!(read(&path.join(&deepest), "file"), "kept");
        assert_eq!(names(path).len(), WIDTH + 1);
    })
    .await;
    for id in [id, frozen, forked] {
        remove(&volumes, id).await;
        assert_eq!(status(&volumes, id).await, None);
    }
    volumes.reclaim().await.expect("space is given back");
}

/// "Contained": files that are named like those that a backend keeps for itself are files like others.
pub async fn names_of_a_backend_s_own_files_are_kept<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let own = [
        ".lock", ".tmp", "active", "format", "frozen", "lock", "lower", "merged", "parent",
        "staging", "trash", "tree", "upper", "work",
    ];
    let id = create_with(&volumes, |path| {
        for name in own {
            write(path, name, name);
        }
    })
    .await;
    let frozen = freeze(&volumes, id).await;
    let forked = fork(&volumes, frozen).await;
    within(&volumes, forked, |path| {
        assert_eq!(names(path), own);
        for name in own {
            assert_eq!(read(path, name), name);
        }
    })
    .await;
    go_through(&volumes, forked).await;
}

//! Whether a user without privileges can do everything.
//!
//! It is a program of its own: until the child that it starts has become another program, that child holds all files that
//! other tests have open, and their volumes would be busy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use workdisk::model::VolumeId;
use workdisk::volume::Volume;
use workdisk_directory::DirectoryVolume;

const NOBODY: u32 = 65534;

#[tokio::test]
async fn user_without_privileges_copies_and_removes_what_it_may_not_write() {
    if rustix::process::geteuid().is_root() {
        run_this_test_as_nobody();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("volumes");
    let volumes = DirectoryVolume::open(&root).await.unwrap();
    let [id, frozen, copy] = [VolumeId::new(), VolumeId::new(), VolumeId::new()];
    volumes.create(id).await.unwrap();
    let disk = volumes.path(id);
    fs::create_dir_all(disk.join("closed/deep")).unwrap();
    fs::write(disk.join("closed/deep/file"), "x").unwrap();
    for (name, mode) in [
        ("closed/deep/file", 0o400),
        ("closed/deep", 0o500),
        ("closed", 0o500),
    ] {
        fs::set_permissions(disk.join(name), Permissions::from_mode(mode)).unwrap();
    }
    volumes.freeze(id, frozen).await.unwrap();
    volumes.fork(frozen, copy).await.unwrap();
    let copy = volumes.path(copy);
    assert_eq!(
        fs::read_to_string(copy.join("closed/deep/file")).unwrap(),
        "x"
    );
    assert_eq!(
        fs::metadata(copy.join("closed")).unwrap().mode() & 0o7777,
        0o500
    );
    // A folder that its owner may not even look into can still be removed.
    fs::set_permissions(copy.join("closed"), Permissions::from_mode(0o0)).unwrap();
    for volume in volumes.list(None, 10).await.unwrap() {
        volumes.remove(volume.id).await.unwrap();
    }
    volumes.reclaim().await.unwrap();
    assert_eq!(fs::read_dir(root.join("trash")).unwrap().count(), 0);
}

/// Runs a copy of this program, because a stranger may not read the folder that it was built in.
fn run_this_test_as_nobody() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let name = "user_without_privileges_copies_and_removes_what_it_may_not_write";
    let output = Command::new(&program)
        .args(["--exact", name])
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .gid(NOBODY)
        .uid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

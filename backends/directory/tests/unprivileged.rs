//! Whether a user without privileges can do everything.
//!
//! It is a program of its own: until the child that it starts has become another program, that child holds all files that
//! other tests have open, and their volumes would be busy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "root makes files of more kinds")]
#[path = "../../../tests/hostile/mod.rs"]
mod hostile;
#[expect(dead_code, reason = "other tests change files at random")]
#[path = "../../../tests/tree/mod.rs"]
mod tree;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use workdisk::model::VolumeId;
use workdisk::volume::Volume;
use workdisk_conformance::{Harness, Skip, VolumeHarness};
use workdisk_directory::DirectoryVolume;

use self::hostile::{Fill, Place, fill, survives, workspaces};

const NOBODY: u32 = 65534;

#[tokio::test]
async fn user_without_privileges_copies_and_removes_what_it_may_not_write() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("user_without_privileges_copies_and_removes_what_it_may_not_write");
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

struct Direct(TempDir);

impl Harness for Direct {
    async fn start() -> Result<Self, Skip> {
        Ok(Self(tempfile::tempdir().unwrap()))
    }
}

impl VolumeHarness for Direct {
    async fn open(&self) -> Arc<dyn Volume> {
        let volumes = DirectoryVolume::open(self.0.path().join("volumes"));
        Arc::new(volumes.await.unwrap())
    }
}

/// Runs every case, one after the other, and counts them.
macro_rules! run_each {
    ([] $($topic:ident { $($case:ident)+ })+) => {
        [$($({
            workdisk_conformance::run(workdisk_conformance::volume::$topic::$case::<Direct>);
            stringify!($case)
        }),+),+].len()
    };
}

#[test]
fn whole_suite_passes_without_privileges() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("whole_suite_passes_without_privileges");
    }
    let passed = workdisk_conformance::for_each_volume_case!([run_each] []);
    assert!(passed > 70, "{passed} cases");
}

async fn run(fill: Fill) {
    let place = Place::new();
    let volumes = DirectoryVolume::open(place.data()).await.unwrap();
    survives(&volumes, &place, fill).await;
}

#[tokio::test]
async fn hostile_workspaces_survive_without_privileges_and_touch_nothing() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("hostile_workspaces_survive_without_privileges_and_touch_nothing");
    }
    for (name, fill) in workspaces() {
        println!("{name}");
        run(fill).await;
    }
}

/// The process is this test again, and may have few files open.
#[test]
fn depth_takes_no_descriptors() {
    const NAME: &str = "depth_takes_no_descriptors";
    if std::env::var_os(NAME).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
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

/// Runs a test of this program, by a link that leads to it although a stranger may not look into the folder that it was
/// built in.
fn run_as_nobody(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let output = Command::new("/proc/self/exe")
        .args(["--exact", name])
        .env("TMPDIR", folder.path())
        // What only root can do, such as to give files away, is skipped.
        .env_remove("WORKDISK_REQUIRE_OVERLAYFS")
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

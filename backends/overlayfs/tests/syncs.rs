//! How often each call waits for the disk, counted in system calls.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_conformance::{FileSystem, LoopDisk, Skip};
use workdisk_overlayfs::OverlayVolume;

/// The folder that the traced process works in.
const ROOT: &str = "WORKDISK_TEST_ROOT";

/// What is looked for, and never found, before each call and after the last one.
const MARK: &str = "/workdisk counts ";

const CALLS: [&str; 14] = [
    "create",
    "label",
    "mount",
    "unmount",
    "freeze",
    "freeze again",
    "fork",
    "remove",
    "reclaim",
    "sync",
    "create another",
    "fill",
    "remove what is filled",
    "end",
];

async fn work(root: &Path) {
    let volumes = OverlayVolume::open(root).await.unwrap();
    let [id, frozen, again, fork] = std::array::from_fn(|_| VolumeId::new());
    let mut calls = CALLS.iter();
    let mut next = || {
        let call = calls.next().unwrap();
        assert!(!Path::new(&format!("{MARK}{call}")).exists());
    };
    next();
    volumes.create(id).await.unwrap();
    next();
    volumes.set_label(id, "label").await.unwrap();
    next();
    let path = volumes.mount(id).await.unwrap();
    std::fs::write(path.join("file"), "content").unwrap();
    next();
    volumes.unmount(id).await.unwrap();
    next();
    volumes.freeze(id, frozen).await.unwrap();
    next();
    volumes.freeze(id, again).await.unwrap();
    next();
    volumes.fork(frozen, fork).await.unwrap();
    next();
    volumes.remove(fork).await.unwrap();
    next();
    volumes.reclaim().await.unwrap();
    next();
    volumes.sync().await.unwrap();
    next();
    let filled = VolumeId::new();
    volumes.create(filled).await.unwrap();
    next();
    let folder = volumes.fill(filled).await.unwrap();
    std::fs::write(folder.join("file"), "content").unwrap();
    next();
    volumes.remove(filled).await.unwrap();
    volumes.reclaim().await.unwrap();
    next();
}

/// The calls that wait for the disk between each mark and the next. What is filled is not mounted for a look either: to drop
/// such a mount writes back everything.
fn waits(root: &Path) -> Vec<(&'static str, usize)> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-e"])
        .arg("trace=fsync,fdatasync,sync,syncfs,sync_file_range,fsopen,stat,statx,newfstatat")
        .arg("-o")
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "call_waits_once_where_the_disk_keeps_order"])
        .env(ROOT, root)
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let text = std::fs::read_to_string(trace.path()).unwrap();
    let mut counts = Vec::new();
    for line in text.lines() {
        let next = CALLS.get(counts.len()).copied().unwrap_or_default();
        if line.contains(&format!("{MARK}{next}\"")) {
            counts.push((next, 0));
        } else if let Some((call, count)) = counts.last_mut()
            && (line.contains("sync") || call.contains("fill") && line.contains("fsopen("))
            && !line.contains("resumed>")
        {
            *count += 1;
        }
    }
    assert_eq!(counts.pop(), Some(("end", 0)), "{text}");
    counts
}

/// The process that is traced is this test again, with a folder.
#[test]
fn call_waits_once_where_the_disk_keeps_order() {
    if let Some(root) = std::env::var_os(ROOT) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(work(Path::new(&root)));
    }
    if let Err(error) = Command::new("strace").arg("-V").output() {
        return Skip::new(format!("strace does not start ({error}): install it")).announce();
    }
    for system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        let disk = match LoopDisk::new(system, 64) {
            Ok(disk) => disk,
            Err(skip) => return skip.announce(),
        };
        let waits = waits(&disk.path().join("volumes"));
        println!("{system:?}: {waits:?}");
        for (call, count) in waits {
            match call {
                "mount" | "label" | "fill" => assert_eq!(count, 0, "{call} on {system:?}"),
                // What is removed may come back, until it is made sure of.
                "remove" if system != FileSystem::Btrfs => {
                    assert_eq!(count, 0, "{call} on {system:?}");
                }
                _ if system != FileSystem::Btrfs => assert_eq!(count, 1, "{call} on {system:?}"),
                // It keeps no order, so that each step waits for the one before.
                "create" | "freeze" | "fork" | "remove" | "sync" => assert!(count > 1, "{call}"),
                "create another" | "remove what is filled" => assert!(count > 1, "{call}"),
                "reclaim" => assert!(count > 1, "{call}"),
                _ => assert_eq!(count, 1, "{call} on {system:?}"),
            }
        }
    }
}

/// How often the device below a folder was told to keep what was written, by anybody and by the kernel itself.
fn flushes(folder: &Path) -> u64 {
    let device = fs::metadata(folder).unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let counts = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).unwrap();
    counts.split_whitespace().nth(15).unwrap().parse().unwrap()
}

/// The overlay that was made to ask whether a layer is in use wrote the whole file system when it was dropped again, which
/// no call of ours shows: a mount waited for everything that anybody had to write.
#[tokio::test]
async fn asking_whether_a_layer_is_in_use_waits_for_no_disk() {
    let disk = match LoopDisk::new(FileSystem::Ext4, 64) {
        Ok(disk) => disk,
        Err(skip) => return skip.announce(),
    };
    // The journal writes nothing of its own accord meanwhile.
    let remounted = Command::new("mount")
        .args(["-o", "remount,commit=1000"])
        .arg(disk.path())
        .status()
        .unwrap();
    assert!(remounted.success());
    let root = disk.path().join("volumes");
    let volumes = OverlayVolume::open(root).await.unwrap();
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    volumes.reclaim().await.unwrap();
    rustix::fs::syncfs(File::open(disk.path()).unwrap()).unwrap();
    let before = flushes(disk.path());
    volumes.mount(id).await.unwrap();
    assert_eq!(flushes(disk.path()), before);
    volumes.unmount(id).await.unwrap();
    assert!(flushes(disk.path()) > before);
}

//! Snapshot, clone and restore cost the same for ten files and for thousands: counted in system calls.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use workdisk::Volume;
use workdisk::model::VolumeId;
use workdisk_conformance::Skip;
use workdisk_overlayfs::{OverlayOptions, OverlayVolume};

/// How many files the traced process works with.
const FILES: &str = "WORKDISK_TEST_FILES";

/// What it looks for, and does not find, before and after what is counted.
const MARKS: [&str; 2] = ["/workdisk counts from here", "/workdisk counts to here"];

/// What is counted.
async fn snapshot_clone_and_restore(files: usize) {
    let folder = tempfile::tempdir().unwrap();
    let volumes = OverlayVolume::open(folder.path()).await.unwrap();
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    let write = async |number: usize| {
        let path = volumes.mount(id).await.unwrap();
        for file in number..number + files {
            fs::write(path.join(file.to_string()), "content").unwrap();
        }
        volumes.unmount(id).await.unwrap();
    };
    write(0).await;
    volumes.freeze(id, VolumeId::new()).await.unwrap();
    write(files).await;
    volumes.reclaim().await.unwrap();
    let mark = |mark: &str| assert!(!Path::new(mark).exists());
    mark(MARKS[0]);
    let [snapshot, clone, restored] = std::array::from_fn(|_| VolumeId::new());
    volumes.freeze(id, snapshot).await.unwrap();
    volumes.fork(snapshot, clone).await.unwrap();
    volumes.fork(snapshot, restored).await.unwrap();
    volumes.mount(restored).await.unwrap();
    volumes.unmount(restored).await.unwrap();
    mark(MARKS[1]);
}

/// The calls that name a file, read a folder or copy content, in a snapshot, a clone and a restore.
fn calls(files: usize) -> usize {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let traced = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=%file,getdents64,copy_file_range,ioctl,read,write",
            "-o",
        ])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "number_of_files_does_not_count"])
        .env(FILES, files.to_string())
        .output()
        .unwrap();
    assert!(traced.status.success(), "{traced:?}");
    let text = fs::read_to_string(trace.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = |mark: &str| lines.iter().position(|line| line.contains(mark)).unwrap();
    at(MARKS[1]) - at(MARKS[0])
}

/// The process that is traced is this test again, with a number of files.
#[test]
fn number_of_files_does_not_count() {
    if let Ok(files) = std::env::var(FILES) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(snapshot_clone_and_restore(files.parse().unwrap()));
    }
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = OverlayVolume::probe(folder.path()) {
        return Skip::new(error.to_string()).announce();
    }
    if let Err(error) = Command::new("strace").arg("-V").output() {
        return Skip::new(format!("strace does not start ({error}): install it")).announce();
    }
    let (few, many) = (calls(10), calls(2_000));
    println!("{few} calls for 20 files, {many} for 4,000");
    // The trash is emptied beside it, a little sooner or later.
    assert!(few > 100 && many.abs_diff(few) < 100, "{few} and {many}");
}

/// As many light layers as are merged at a time lie above a heavy one, which is left as it is: merging it would cost what
/// the tree is large and not what was changed.
#[tokio::test]
async fn heavy_layer_is_not_merged_with_the_light_ones_above_it() {
    const HEAVY: usize = 4_200;
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = OverlayVolume::probe(folder.path()) {
        return Skip::new(error.to_string()).announce();
    }
    let volumes = OverlayVolume::open(folder.path()).await.unwrap();
    let id = VolumeId::new();
    volumes.create(id).await.unwrap();
    for round in 0..=OverlayOptions::MERGE_WIDTH {
        let path = volumes.mount(id).await.unwrap();
        let files = if round == 0 { HEAVY } else { 1 };
        for file in 0..files {
            fs::write(path.join(format!("{round} {file}")), "content").unwrap();
        }
        volumes.unmount(id).await.unwrap();
        volumes.freeze(id, VolumeId::new()).await.unwrap();
    }
    volumes.reclaim().await.unwrap();
    let recipe = volumes.recipe(id).await.unwrap();
    let lowers = recipe.options.iter().filter(|(key, _)| key == "lowerdir+");
    let lowers: Vec<&Path> = lowers
        .map(|(_, value)| Path::new(value.as_deref().unwrap()))
        .collect();
    let [merged, heavy] = lowers[..] else {
        panic!("the light layers are one, the heavy one is below: {lowers:?}");
    };
    let links = |layer: &Path, file: &str| fs::metadata(layer.join(file)).unwrap().nlink();
    assert_eq!(links(heavy, "0 0"), 1);
    assert_eq!(links(merged, "1 0"), 2);
    assert!(!merged.join("0 0").exists());
}

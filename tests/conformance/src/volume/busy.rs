//! Volumes that somebody uses.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;
use workdisk::{BackendErrorKind, Volume};

use super::steps::{
    assert_busy, assert_status, create_with, freeze, ids, open, read, remove, status, within, write,
};
use crate::harness::VolumeHarness;

/// A process whose working folder is `folder`, until it is ended.
fn stand_in(folder: &Path) -> Child {
    let child = Command::new("cat")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    child.expect("cat is on every machine")
}

fn end(mut child: Child) {
    // It ends by itself at the end of its input, which `wait` closes.
    child.wait().expect("a child is waited for");
}

/// Threads that do nothing but start programs, until this is dropped.
struct Spawning(Arc<AtomicBool>);

impl Spawning {
    fn begin() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let ended = Command::new("true").status();
                    ended.expect("true is on every machine");
                }
            });
        }
        Self(done)
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// "`Busy` if it is mounted already".
pub async fn mounted_volume_is_not_mounted_again<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let path = volumes.mount(id).await.expect("a volume is mounted");
    assert_busy(volumes.mount(id).await);
    assert_status(&volumes, id, VolumeKind::Active, true).await;
    assert_eq!(read(&path, "file"), "kept");
    volumes.unmount(id).await.expect("nobody holds it");
    assert_status(&volumes, id, VolumeKind::Active, false).await;
}

/// "`Busy` if the volume is mounted". "A failed call leaves no volume".
pub async fn mounted_volume_is_not_frozen<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    volumes.mount(id).await.expect("a volume is mounted");
    let frozen = VolumeId::new();
    assert_busy(volumes.freeze(id, frozen).await);
    assert_eq!(status(&volumes, frozen).await, None);
    assert_eq!(ids(&volumes).await, [id]);
    volumes.unmount(id).await.expect("nobody holds it");
    let frozen = volumes.freeze(id, frozen).await;
    frozen.expect("it is idle now");
}

/// "`Busy` if it is mounted or anything can still write to it."
pub async fn mounted_volume_is_not_removed<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let path = volumes.mount(id).await.expect("a volume is mounted");
    assert_busy(volumes.remove(id).await);
    assert_status(&volumes, id, VolumeKind::Active, true).await;
    assert_eq!(read(&path, "file"), "kept");
    volumes.unmount(id).await.expect("nobody holds it");
    remove(&volumes, id).await;
}

/// "`Busy` with the holders, as far as they can be seen; the volume is then still mounted".
pub async fn process_inside_keeps_it_mounted<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let path = volumes.mount(id).await.expect("a volume is mounted");
    let holder = stand_in(&path);
    let error = volumes.unmount(id).await.expect_err("somebody is inside");
    let BackendErrorKind::Busy { holders } = error.kind() else {
        panic!("{error}: {:?}", error.kind());
    };
    let pids: Vec<u32> = holders.iter().map(|holder| holder.pid).collect();
    assert!(pids.contains(&holder.id()), "{pids:?}");
    assert_status(&volumes, id, VolumeKind::Active, true).await;
    write(&path, "file", "still writable");
    end(holder);
    volumes.unmount(id).await.expect("nobody holds it any more");
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "still writable");
}

/// "Once it is answered, nothing can write to the volume": so not while a file is open.
pub async fn open_file_keeps_it_mounted<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let path = volumes.mount(id).await.expect("a volume is mounted");
    let file = OpenOptions::new().append(true).open(path.join("file"));
    let mut file: File = file.expect("a file is opened");
    assert_busy(volumes.unmount(id).await);
    assert_status(&volumes, id, VolumeKind::Active, true).await;
    file.write_all(b" and more").expect("it is still mounted");
    drop(file);
    volumes.unmount(id).await.expect("nobody holds it any more");
    let content = within(&volumes, id, |path| read(path, "file")).await;
    assert_eq!(content, "kept and more");
}

/// "Anything can still write to it": each call that must not meet a writer finds the process inside.
pub async fn process_inside_stops_freezing_and_removal<H: VolumeHarness>(harness: H) {
    let volumes = open(&harness).await;
    let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
    let path = volumes.mount(id).await.expect("a volume is mounted");
    let holder = stand_in(&path);
    let frozen = VolumeId::new();
    assert_busy(volumes.freeze(id, frozen).await);
    assert_busy(volumes.remove(id).await);
    assert_eq!(status(&volumes, frozen).await, None);
    assert_eq!(read(&path, "file"), "kept");
    end(holder);
    volumes.unmount(id).await.expect("nobody holds it any more");
    remove(&volumes, id).await;
}

/// "Until a program begins, what it has taken over from this process is no use": a child has a copy of every open file
/// between fork and exec, of one that was closed meanwhile, too.
pub async fn program_that_starts_holds_nothing<H: VolumeHarness>(harness: H) {
    const FILES: usize = 20;
    let volumes = open(&harness).await;
    let _spawning = Spawning::begin();
    for _ in 0..10 {
        let id = create_with(&volumes, |path| write(path, "file", "kept")).await;
        let path = volumes.mount(id).await.expect("a volume is mounted");
        for file in 0..FILES {
            write(&path, &file.to_string(), "content");
        }
        volumes.unmount(id).await.expect("nobody holds it");
        let frozen = freeze(&volumes, id).await;
        remove(&volumes, id).await;
        remove(&volumes, frozen).await;
    }
}

//! A process that starts programs while it works on volumes.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use workdisk_conformance::{Skip, copies_of_open_file};
use workdisk_overlayfs::OverlayVolume;

/// Runs `work` while threads do nothing but start programs.
fn while_spawning(work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    Command::new("true").status().unwrap();
                }
            });
        }
        // The threads must end when `work` panics, too.
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = answer {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Whether the host can run overlayfs; says why not.
fn usable(folder: &Path) -> bool {
    OverlayVolume::probe(folder)
        .map_err(|error| Skip::new(error.to_string()).announce())
        .is_ok()
}

/// A program that was just being started held a copy of the mount that the probe had dropped, until it was executed. The
/// probe took that for a host that cannot tell whether a layer is in use, and answered `Unsupported`.
#[test]
fn probe_is_not_confused_by_programs_that_start() {
    let folder = tempfile::tempdir().unwrap();
    if !usable(folder.path()) {
        return;
    }
    while_spawning(|| {
        for _ in 0..60 {
            OverlayVolume::probe(folder.path()).unwrap();
        }
    });
}

/// A copy of the lock kept the volumes in use after they were closed.
#[tokio::test]
async fn volumes_that_are_closed_can_be_opened_again_beside_programs_that_start() {
    let folder = tempfile::tempdir().unwrap();
    if !usable(folder.path()) {
        return;
    }
    let root = folder.path().join("volumes");
    let volumes = OverlayVolume::open(&root).await.unwrap();
    let copies = copies_of_open_file(&root.join("lock")).unwrap();
    assert_eq!(copies.len(), 1);
    OverlayVolume::open(&root).await.unwrap_err();
    drop(volumes);
    OverlayVolume::open(&root).await.unwrap();
}

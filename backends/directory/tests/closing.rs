//! What is left of volumes that were closed.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it meets what it does not expect"
)]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use workdisk_directory::DirectoryVolume;

/// Copies of the lock of the volumes in a folder, as a program that is being started has them until it is executed.
fn copies_of_the_lock(folder: &Path) -> Vec<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let lock = folder.canonicalize().unwrap().join("lock");
    let open = fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
    let locks = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == lock));
    let numbers = locks.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap());
    let copies = numbers.map(|number| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()));
    copies.map(Result::unwrap).collect()
}

/// A copy of the lock kept the volumes in use after they were closed.
#[tokio::test]
async fn volumes_that_are_closed_can_be_opened_again_beside_programs_that_start() {
    let folder = tempfile::tempdir().unwrap();
    let volumes = DirectoryVolume::open(folder.path()).await.unwrap();
    let copies = copies_of_the_lock(folder.path());
    assert_eq!(copies.len(), 1);
    DirectoryVolume::open(folder.path()).await.unwrap_err();
    drop(volumes);
    DirectoryVolume::open(folder.path()).await.unwrap();
}

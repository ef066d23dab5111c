//! Keeps the mounts of volumes from appearing in other mount namespaces.

use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

use super::mountinfo::{is_mount_point, mount_over};

/// Makes the folder a private mount of its own if what is mounted below it would be copied elsewhere.
pub(crate) fn isolate(folder: &Path) -> Result<(), Errno> {
    if !mount_over(folder).is_some_and(|mount| mount.shared) {
        return Ok(());
    }
    if !is_mount_point(folder)? {
        mount_bind(folder, folder)?;
    }
    mount_change(folder, MountPropagationFlags::PRIVATE)
}

/// Undoes [`isolate`], unless something is still mounted below the folder.
pub(crate) fn release(folder: &Path) {
    if !matches!(is_mount_point(folder), Ok(true)) {
        return;
    }
    // Busy means that a session outlives the store: the next opening finds the mount and uses it.
    if let Err(errno) = unmount(folder, UnmountFlags::NOFOLLOW) {
        tracing::debug!(%errno, "the folder of mounts stays a mount of its own");
    }
}

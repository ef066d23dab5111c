//! Opening folders by descriptor, never by a path that a volume's files could bend.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// A file's identity on this machine.
pub(crate) type Identity = (u64, u64);

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Opens the folder `name` of `parent`, and fails with `EXDEV` if something is mounted there.
pub(crate) fn open_child(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(parent, name, FOLDER, Mode::empty(), resolve) {
        // A sandbox such as gVisor has no openat2; there the device tells most mounts.
        Err(Errno::NOSYS) => open_child_on_device(parent, name),
        result => result,
    }
}

fn open_child_on_device(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let child = rustix::fs::openat(parent, name, FOLDER, Mode::empty())?;
    if rustix::fs::fstat(&child)?.st_dev != rustix::fs::fstat(parent)?.st_dev {
        return Err(Errno::XDEV);
    }
    Ok(child)
}

/// Opens the folder that holds `child`, which MUST be the one that the caller came from: a folder that was moved meanwhile
/// would lead outside, and fails with `ESTALE`.
pub(crate) fn open_parent(child: BorrowedFd<'_>, expected: Identity) -> Result<OwnedFd, Errno> {
    let parent = rustix::fs::openat(child, c"..", FOLDER, Mode::empty())?;
    if identity(&rustix::fs::fstat(&parent)?) != expected {
        return Err(Errno::STALE);
    }
    Ok(parent)
}

/// What identifies the file of a `stat`.
pub(crate) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// The `stat` of an entry itself, not of what it points to.
pub(crate) fn stat_entry(parent: BorrowedFd<'_>, name: &CStr) -> Result<Stat, Errno> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// A path to the entry through the descriptor of its folder, for the calls that the kernel has for paths only. Only its
/// last component is up to the volume, so that a call that does not follow links stays inside.
pub(crate) fn path_of_entry(parent: BorrowedFd<'_>, name: &CStr) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", parent.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    path
}

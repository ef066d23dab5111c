//! Configures an overlay file system through the mount API of Linux 5.2 and later.

use std::path::Path;

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_fd, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

/// The longest text that `fsconfig(2)` takes.
const MAX_TEXT: usize = 255;

/// An overlay file system with these options: its superblock exists, and nothing is mounted yet. It goes when the
/// descriptor is closed.
pub(crate) fn configured<'a>(
    options: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<OwnedFd, Errno> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        match value {
            Some(path) if is_folder(key) => set_folder(&context, key, Path::new(path))?,
            Some(value) => fsconfig_set_string(&context, key, value)?,
            None => fsconfig_set_flag(&context, key)?,
        }
    }
    fsconfig_create(&context)?;
    Ok(context)
}

/// A mount of such a file system that hangs nowhere. It goes when the descriptor is closed.
pub(crate) fn detached<'a>(
    options: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Errno> {
    let context = configured(options)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Whether the option's value is a folder that the kernel is to open.
fn is_folder(key: &str) -> bool {
    matches!(key, "lowerdir+" | "upperdir" | "workdir")
}

/// Gives a folder by descriptor, so that its path may be long and hold any byte; by text where the kernel is too old.
fn set_folder(context: impl AsFd, key: &str, path: &Path) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, path, flags, Mode::empty())?;
    match fsconfig_set_fd(&context, key, &folder) {
        Err(Errno::INVAL) => {}
        answer => return answer,
    }
    if path.as_os_str().len() <= MAX_TEXT {
        return fsconfig_set_string(&context, key, path);
    }
    let short = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    fsconfig_set_string(&context, key, short)
}

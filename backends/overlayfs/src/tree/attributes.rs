//! Gives one file of any kind the mode, owner, times and extended attributes of another.
//!
//! Both are given by descriptors, which may be `O_PATH` ones: a symbolic link or a device cannot be opened otherwise. The
//! calls go by `/proc/self/fd`, which leads to the file itself, symbolic link or not, and no further.

use std::ffi::{CStr, CString};

use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::{
    self, AtFlags, CWD, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

const PRIVATE: &[u8] = b"trusted.overlay.";
const ESCAPED: &[u8] = b"trusted.overlay.overlay.";

fn path_of(file: impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// Copies everything but the times and what overlayfs keeps for itself. POSIX access lists are extended attributes.
pub(crate) fn copy_attributes(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let stat = fs::fstat(&from)?;
    let target = path_of(&to);
    fs::chownat(
        CWD,
        &target,
        Some(Uid::from_raw(stat.st_uid)),
        Some(Gid::from_raw(stat.st_gid)),
        AtFlags::empty(),
    )?;
    for (name, value) in extended(&from)? {
        fs::setxattr(&target, &name, &value, XattrFlags::empty())?;
    }
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return Ok(());
    }
    // After the owner and the access list, both of which change the mode.
    fs::chmod(&target, Mode::from_raw_mode(stat.st_mode & 0o7777))
}

/// Copies the times of access and change of content. The last thing to do to a file.
pub(crate) fn copy_times(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let stat = fs::fstat(from)?;
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime,
            tv_nsec: stat.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: stat.st_mtime_nsec as _,
        },
    };
    fs::utimensat(CWD, path_of(to), &times, AtFlags::empty())
}

/// Whether two folders look the same from outside: mode, owner, time of change and extended attributes.
pub(crate) fn same_attributes(one: impl AsFd, other: impl AsFd) -> Result<bool, Errno> {
    let key = |stat: Stat| {
        (
            stat.st_mode,
            stat.st_uid,
            stat.st_gid,
            stat.st_mtime,
            stat.st_mtime_nsec,
        )
    };
    Ok(key(fs::fstat(&one)?) == key(fs::fstat(&other)?) && extended(&one)? == extended(&other)?)
}

/// The extended attributes that belong to the workspace, sorted by name.
pub(crate) fn extended(of: impl AsFd) -> Result<Vec<(CString, Vec<u8>)>, Errno> {
    let path = path_of(of);
    let mut list: Vec<u8> = Vec::with_capacity(64 * 1024);
    fs::listxattr(&path, spare_capacity(&mut list))?;
    let mut found = Vec::new();
    for name in list.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        let bytes = name.to_bytes();
        if bytes.starts_with(PRIVATE) && !bytes.starts_with(ESCAPED) {
            continue;
        }
        let mut value: Vec<u8> = Vec::with_capacity(64 * 1024);
        fs::getxattr(&path, name, spare_capacity(&mut value))?;
        found.push((name.to_owned(), value));
    }
    found.sort();
    Ok(found)
}

//! Owners, modes, extended attributes and times.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::error::{Doing, Result};
use crate::folder::{path_of_entry, stat_entry};
use crate::walk::Entry;

/// Gives the entry `name` of `target` the attributes of `source`. The entry is in a folder that nobody else can change.
///
/// The order matters: a change of owner clears the set-id bits and the capabilities, and everything changes the times.
pub(crate) fn copy_attributes(
    source: Entry<'_>,
    target: BorrowedFd<'_>,
    name: &CStr,
) -> Result<()> {
    let owned = copy_owner(source.stat, target, name)?;
    if FileType::from_raw_mode(source.stat.st_mode) != FileType::Symlink {
        let mut mode = Mode::from_raw_mode(source.stat.st_mode);
        if !owned {
            // A program that ran as its owner must not run as somebody else instead.
            mode.remove(Mode::SUID | Mode::SGID);
        }
        rustix::fs::chmodat(target, name, mode, AtFlags::empty()).doing("set a file's mode")?;
    }
    copy_extended(source, target, name)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(target, name, &times(source.stat), flags).doing("set a file's times")
}

/// Answers whether the owner and the group are the source's, which may take a privilege.
fn copy_owner(source: &Stat, target: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    let have = stat_entry(target, name).doing("read a copy's attributes")?;
    if (have.st_uid, have.st_gid) == (source.st_uid, source.st_gid) {
        return Ok(true);
    }
    let (uid, gid) = (Uid::from_raw(source.st_uid), Gid::from_raw(source.st_gid));
    let change = |uid, gid| rustix::fs::chownat(target, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
    match change(Some(uid), Some(gid)) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL) => match change(None, Some(gid)) {
            Ok(()) | Err(Errno::PERM | Errno::INVAL) => Ok(false),
            Err(error) => Err(error).doing("set a file's group"),
        },
        Err(error) => Err(error).doing("set a file's owner"),
    }
}

fn copy_extended(source: Entry<'_>, target: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let from = path_of_entry(source.parent, source.name);
    let to = path_of_entry(target, name);
    for attribute in extended_names(&from)? {
        let Some(value) = extended_value(&from, &attribute)? else {
            continue;
        };
        match rustix::fs::lsetxattr(
            to.as_slice(),
            attribute.as_c_str(),
            &value,
            XattrFlags::empty(),
        ) {
            Ok(()) => {}
            // Only a privileged process can set these, and they mean something to the system only.
            Err(Errno::PERM | Errno::OPNOTSUPP) if !attribute.to_bytes().starts_with(b"user.") => {}
            Err(error) => return Err(error).doing("set a file's extended attribute"),
        }
    }
    Ok(())
}

fn extended_names(path: &[u8]) -> Result<Vec<CString>> {
    let read = sized(|buffer| rustix::fs::llistxattr(path, buffer));
    match read {
        Ok(list) => Ok(list
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
            .map(CStr::to_owned)
            .collect()),
        Err(Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(error) => Err(error).doing("list a file's extended attributes"),
    }
}

/// The value, or `None` if this process may not read it or it went away.
fn extended_value(path: &[u8], name: &CStr) -> Result<Option<Vec<u8>>> {
    match sized(|buffer| rustix::fs::lgetxattr(path, name, buffer)) {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NODATA) => Ok(None),
        Err(Errno::PERM | Errno::OPNOTSUPP) if !name.to_bytes().starts_with(b"user.") => Ok(None),
        Err(error) => Err(error).doing("read a file's extended attribute"),
    }
}

/// Reads with a buffer that grows to the largest that the kernel ever answers.
fn sized(
    mut read: impl FnMut(&mut [u8]) -> std::result::Result<usize, Errno>,
) -> std::result::Result<Vec<u8>, Errno> {
    const LARGEST: usize = 64 * 1024;
    let mut buffer = vec![0; 1024];
    loop {
        match read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < LARGEST => buffer.resize(LARGEST, 0),
            Err(error) => return Err(error),
        }
    }
}

#[expect(
    clippy::unnecessary_cast,
    reason = "the kernel's types of these fields differ from one architecture to the next"
)]
fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime as i64,
            tv_nsec: stat.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime as i64,
            tv_nsec: stat.st_mtime_nsec as _,
        },
    }
}

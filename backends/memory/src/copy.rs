//! A plain copy of a tree that keeps what a volume must keep.
//!
//! It goes by paths, not by descriptors: nothing may write to the source meanwhile, which the disks see to.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Copies the tree at `from` to `to`, which does not exist yet.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to, &mut HashMap::new())
}

/// The names of a file's extended attributes, each with its value, in order.
pub(crate) fn xattrs(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    names.truncate(length);
    let mut found = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        value.truncate(length);
        found.push((name.to_vec(), value));
    }
    found.sort();
    Ok(found)
}

/// `linked` knows where each file with more than one name was copied to.
fn copy(from: &Path, to: &Path, linked: &mut HashMap<(u64, u64), PathBuf>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if !metadata.is_dir() && metadata.nlink() > 1 {
        let identity = (metadata.dev(), metadata.ino());
        if let Some(first) = linked.get(&identity) {
            return fs::hard_link(first, to);
        }
        linked.insert(identity, to.to_owned());
    }
    if metadata.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name), linked)?;
        }
    } else if metadata.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else if metadata.is_file() {
        copy_contents(from, to, metadata.len())?;
    } else {
        let kind = FileType::from_raw_mode(metadata.mode());
        rustix::fs::mknodat(
            CWD,
            to,
            kind,
            Mode::from_raw_mode(metadata.mode()),
            metadata.rdev(),
        )?;
    }
    copy_attributes(from, to, &metadata)
}

/// Blocks of zeros become holes.
fn copy_contents(from: &Path, to: &Path, length: u64) -> io::Result<()> {
    const BLOCK: u64 = 4096;
    let mut source = File::open(from)?;
    let mut target = File::create_new(to)?;
    let mut block = Vec::new();
    loop {
        block.clear();
        let read = Read::by_ref(&mut source)
            .take(BLOCK)
            .read_to_end(&mut block)?;
        if read == 0 {
            return target.set_len(length);
        }
        if block.iter().all(|byte| *byte == 0) {
            target.seek(SeekFrom::Current(
                i64::try_from(read).map_err(io::Error::other)?,
            ))?;
        } else {
            target.write_all(&block)?;
        }
    }
}

/// The mode comes after the owner, whose change clears the set-id bits, and the times come last.
fn copy_attributes(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    lchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    for (name, value) in xattrs(from)? {
        match rustix::fs::lsetxattr(to, &name[..], &value, XattrFlags::empty()) {
            // What only a privileged process may set was not set by a volume's user either.
            Err(Errno::PERM | Errno::NOTSUP) if !name.starts_with(b"user.") => {}
            answer => answer?,
        }
    }
    if !metadata.is_symlink() {
        fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    }
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: metadata.atime(),
            tv_nsec: metadata.atime_nsec(),
        },
        last_modification: Timespec {
            tv_sec: metadata.mtime(),
            tv_nsec: metadata.mtime_nsec(),
        },
    };
    rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

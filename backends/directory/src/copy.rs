//! Copying a tree, by file descriptor.
//!
//! The walk goes down by `openat` without following links and comes back up by `..`, checked against the folder that it
//! left, so that it holds two descriptors however deep the tree is and nothing inside can lead it outside.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self as sys};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// A folder that the walk is in: what is still to do there, and what it must be to come back to it.
struct Level {
    name: CString,
    left: Vec<CString>,
    stat: Stat,
}

/// Copies everything in the folder `from` into the empty folder `to`, and the folder's own properties onto it.
///
/// Contents (by reflink, or with their holes), names, modes, times, links within the tree, fifos and readable extended
/// attributes are kept; owners and devices as far as the process may. Sockets are left out: their listener is gone.
pub(crate) fn copy_tree(from: OwnedFd, to: OwnedFd) -> io::Result<()> {
    let mut copier = Copier {
        links: HashMap::new(),
        root: to.try_clone()?,
        from,
        to,
    };
    copier.run()
}

struct Copier {
    /// Where the first name of a file with several was put: the folders down from the root, and the name.
    links: HashMap<(u64, u64), Vec<CString>>,
    root: OwnedFd,
    from: OwnedFd,
    to: OwnedFd,
}

impl Copier {
    fn run(&mut self) -> io::Result<()> {
        let mut levels = vec![self.level(CString::default())?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.left.pop() {
                let stat = sys::statat(&self.from, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    sys::mkdirat(&self.to, &name, Mode::RWXU)?;
                    self.from = open_folder(&self.from, &name)?;
                    self.to = open_folder(&self.to, &name)?;
                    levels.push(self.level(name)?);
                } else {
                    let path: Vec<CString> = levels
                        .iter()
                        .skip(1)
                        .map(|level| level.name.clone())
                        .chain([name.clone()])
                        .collect();
                    self.copy_one(&name, &stat, path)?;
                }
                continue;
            }
            copy_xattrs(self.from.as_fd(), self.to.as_fd())?;
            set_properties(self.to.as_fd(), &level.stat)?;
            levels.pop();
            if let Some(parent) = levels.last() {
                self.from = open_folder(&self.from, c"..")?;
                self.to = open_folder(&self.to, c"..")?;
                let here = sys::fstat(&self.from)?;
                if (here.st_dev, here.st_ino) != (parent.stat.st_dev, parent.stat.st_ino) {
                    return Err(io::Error::other("the tree was changed while it was copied"));
                }
            }
        }
        Ok(())
    }

    fn level(&self, name: CString) -> io::Result<Level> {
        Ok(Level {
            name,
            left: names(&self.from)?,
            stat: sys::fstat(&self.from)?,
        })
    }

    fn copy_one(&mut self, name: &CString, stat: &Stat, path: Vec<CString>) -> io::Result<()> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                return self.link(first, name);
            }
            self.links.insert((stat.st_dev, stat.st_ino), path);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let from = open_file(&self.from, name, OFlags::RDONLY)?;
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
                let to = open_file(&self.to, name, flags)?;
                copy_bytes(&from, &to, stat)?;
                copy_xattrs(from.as_fd(), to.as_fd())?;
                return set_properties(to.as_fd(), stat);
            }
            FileType::Symlink => {
                let target = sys::readlinkat(&self.from, name, Vec::new())?;
                sys::symlinkat(&target, &self.to, name)?;
            }
            FileType::Socket => return Ok(()),
            kind => {
                let mode = Mode::from_raw_mode(stat.st_mode);
                match sys::mknodat(&self.to, name, kind, mode, stat.st_rdev) {
                    // A device takes a privilege that this backend does without.
                    Err(Errno::PERM) if kind != FileType::Fifo => return Ok(()),
                    made => made?,
                }
            }
        }
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        may_fail(sys::chownat(&self.to, name, uid(stat), gid(stat), flags))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            sys::chmodat(
                &self.to,
                name,
                Mode::from_raw_mode(stat.st_mode),
                AtFlags::empty(),
            )?;
        }
        Ok(sys::utimensat(&self.to, name, &times(stat), flags)?)
    }

    /// Makes `name` another name of the file that was copied to `first`, found again from the root name by name.
    fn link(&self, first: &[CString], name: &CString) -> io::Result<()> {
        let Some((file, folders)) = first.split_last() else {
            return Ok(());
        };
        let mut folder = self.root.try_clone()?;
        for name in folders {
            folder = open_folder(&folder, name)?;
        }
        Ok(sys::linkat(
            &folder,
            file,
            &self.to,
            name,
            AtFlags::empty(),
        )?)
    }
}

/// Opens a folder within another, and nothing but a folder.
pub(crate) fn open_folder(within: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(sys::openat(within, name, flags, Mode::empty())?)
}

fn open_file(within: &OwnedFd, name: &CString, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(sys::openat(within, name, flags, Mode::RUSR | Mode::WUSR)?)
}

/// The names in a folder.
pub(crate) fn names(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Shares the bytes where the file system can, and otherwise copies what is not a hole.
fn copy_bytes(from: &OwnedFd, to: &OwnedFd, stat: &Stat) -> io::Result<()> {
    if sys::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    sys::ftruncate(to, size)?;
    let mut at = 0;
    while at < size {
        let begin = match sys::seek(from, sys::SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => return Ok(()),
            // A file system that does not tell of holes has one stretch of data.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        let end = sys::seek(from, sys::SeekFrom::Hole(begin)).unwrap_or(size);
        copy_stretch(from, to, begin, end)?;
        at = end;
    }
    Ok(())
}

fn copy_stretch(from: &OwnedFd, to: &OwnedFd, begin: u64, end: u64) -> io::Result<()> {
    let (mut read_at, mut write_at) = (begin, begin);
    while read_at < end {
        let want = usize::try_from(end - read_at)
            .unwrap_or(usize::MAX)
            .min(1 << 30);
        match sys::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), want) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Copies the extended attributes that may be read and set.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let mut names = vec![0; 64 * 1024];
    let length = match sys::flistxattr(from, &mut names) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut value = vec![0; 64 * 1024];
    for name in names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        if name.is_empty() {
            continue;
        }
        let length = match sys::fgetxattr(from, name, &mut value) {
            Ok(length) => length,
            Err(Errno::PERM | Errno::ACCESS | Errno::NODATA) => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = value.get(..length).unwrap_or_default();
        match sys::fsetxattr(to, name, bytes, XattrFlags::empty()) {
            // security.* and trusted.* take privileges; without them they could not have been set in a session either.
            Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => {}
            set => set?,
        }
    }
    Ok(())
}

/// Sets owner, mode and times, in this order: a change of owner clears setuid, and everything changes times.
fn set_properties(to: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    may_fail(sys::fchown(to, uid(stat), gid(stat)))?;
    sys::fchmod(to, Mode::from_raw_mode(stat.st_mode))?;
    Ok(sys::futimens(to, &times(stat))?)
}

/// Without privileges every file is the process's own.
fn may_fail(chowned: rustix::io::Result<()>) -> io::Result<()> {
    match chowned {
        Err(Errno::PERM) => Ok(()),
        chowned => Ok(chowned?),
    }
}

fn uid(stat: &Stat) -> Option<sys::Uid> {
    Some(sys::Uid::from_raw(stat.st_uid))
}

fn gid(stat: &Stat) -> Option<sys::Gid> {
    Some(sys::Gid::from_raw(stat.st_gid))
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime,
            tv_nsec: i64::try_from(stat.st_atime_nsec).unwrap_or(0),
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
        },
    }
}

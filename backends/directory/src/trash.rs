//! Deleting what was removed.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use workdisk::model::VolumeId;

use crate::error::{Doing, Result};
use crate::folder::{open_child, path_of_entry};
use crate::walk::{Entry, Visitor, walk};

/// The name of the link that marks a volume which is whole.
pub(crate) const WHOLE: &str = "whole";

/// The folder of what is to be deleted.
#[derive(Debug)]
pub(crate) struct Trash {
    folder: OwnedFd,
}

impl Trash {
    pub(crate) fn new(folder: OwnedFd) -> Self {
        Self { folder }
    }

    /// Takes the entry `name` of `parent`. It is gone from there, in any case of a crash, once this is answered.
    pub(crate) fn take(&self, parent: BorrowedFd<'_>, name: &str) -> Result<()> {
        // A fresh name: the same volume may have been removed before and be still here.
        let fresh = VolumeId::new().to_string();
        rustix::fs::renameat(parent, name, &self.folder, fresh.as_str())
            .doing("move a volume to the trash")?;
        rustix::fs::fsync(&self.folder).doing("sync the trash")?;
        rustix::fs::fsync(parent).doing("sync a folder of volumes")
    }

    /// As [`take`](Self::take); what a full disk refuses to move is deleted where it is.
    pub(crate) fn take_or_delete(&self, parent: BorrowedFd<'_>, name: &str) -> Result<()> {
        match self.take(parent, name) {
            Err(error) if error.is_full() => delete(parent, name),
            answer => answer,
        }
    }

    /// Takes a volume. On btrfs a full disk refuses to move anything, but never to delete: there the volume loses first
    /// the mark of being whole, durably, and is deleted where it is.
    pub(crate) fn take_volume(&self, parent: BorrowedFd<'_>, name: &str) -> Result<()> {
        match self.take(parent, name) {
            Err(error) if error.is_full() => {
                let path = CString::new(name).expect("because a volume's id holds no zero byte");
                let volume = open_child(parent, &path).doing("open a volume")?;
                rustix::fs::unlinkat(&volume, WHOLE, AtFlags::empty()).doing("remove a volume")?;
                rustix::fs::fsync(&volume).doing("sync a volume")?;
                delete(parent, name)
            }
            answer => answer,
        }
    }

    /// Deletes all that is in the folder. A second caller waits for the first, in another process too, so that whoever was
    /// answered knows that all that was there before is gone.
    pub(crate) fn empty(&self) -> Result<()> {
        // A lock belongs to an opening of the folder: with one of its own, each caller excludes every other.
        let opened = open_child(self.folder.as_fd(), c".").doing("open a folder")?;
        rustix::fs::flock(&opened, FlockOperation::LockExclusive).doing("lock a folder")?;
        let lock = opened.try_clone().doing("open a folder")?;
        let emptied = walk(opened, &mut Remover);
        drop(lock);
        emptied
    }
}

/// Deletes a file, or a folder and everything below it.
fn delete(parent: BorrowedFd<'_>, name: &str) -> Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        answer => return answer.doing("delete a file"),
    }
    let path = CString::new(name).expect("because a name in a folder holds no zero byte");
    let folder = open_child(parent, &path).doing("open a folder")?;
    walk(folder, &mut Remover)?;
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).doing("delete a folder")
}

/// Deletes everything below a folder.
struct Remover;

impl Visitor for Remover {
    fn leaf(&mut self, entry: Entry<'_>) -> Result<()> {
        rustix::fs::unlinkat(entry.parent, entry.name, AtFlags::empty()).doing("delete a file")
    }

    /// Makes the folder one that this process may read and change, as every owner may.
    fn approach(&mut self, folder: Entry<'_>) -> Result<()> {
        let mode = Mode::from_raw_mode(folder.stat.st_mode);
        if mode.contains(Mode::RWXU) {
            return Ok(());
        }
        // By an opening of the folder itself, because a change of mode by name would follow a link.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(folder.parent, folder.name, flags, Mode::empty())
            .doing("open a folder")?;
        let path = path_of_entry(opened.as_fd(), c".");
        let path = path.strip_suffix(b"/.").unwrap_or(&path);
        rustix::fs::chmod(path, mode | Mode::RWXU).doing("make a folder deletable")
    }

    fn enter(&mut self, folder: Entry<'_>) -> Result<()> {
        debug_assert_eq!(
            FileType::from_raw_mode(folder.stat.st_mode),
            FileType::Directory
        );
        Ok(())
    }

    fn leave(&mut self, folder: Entry<'_>, _opened: BorrowedFd<'_>) -> Result<()> {
        rustix::fs::unlinkat(folder.parent, folder.name, AtFlags::REMOVEDIR)
            .doing("delete a folder")
    }
}

//! Deleting what was removed.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, FlockOperation, IFlags, Mode, OFlags};
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
        let unlink = || rustix::fs::unlinkat(entry.parent, entry.name, AtFlags::empty());
        match unlink() {
            Err(Errno::PERM) => make_changeable(entry.parent)
                .and_then(|()| make_file_changeable(entry))
                .and_then(|()| unlink()),
            answer => answer,
        }
        .doing("delete a file")
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
        let change = || rustix::fs::chmod(path, mode | Mode::RWXU);
        match change() {
            // Whoever could mark the folder can open it whatever its mode.
            Err(Errno::PERM) => open_child(folder.parent, folder.name)
                .and_then(|folder| make_changeable(folder.as_fd()))
                .and_then(|()| change()),
            answer => answer,
        }
        .doing("make a folder deletable")
    }

    fn enter(&mut self, folder: Entry<'_>) -> Result<()> {
        debug_assert_eq!(
            FileType::from_raw_mode(folder.stat.st_mode),
            FileType::Directory
        );
        Ok(())
    }

    fn leave(&mut self, folder: Entry<'_>, opened: BorrowedFd<'_>) -> Result<()> {
        let unlink = || rustix::fs::unlinkat(folder.parent, folder.name, AtFlags::REMOVEDIR);
        match unlink() {
            Err(Errno::PERM) => make_changeable(folder.parent)
                .and_then(|()| make_changeable(opened))
                .and_then(|()| unlink()),
            answer => answer,
        }
        .doing("delete a folder")
    }
}

/// Takes from a file or a folder the marks `immutable` and `append only` of chattr(1), under which not even root can
/// remove it or what is in it.
fn make_changeable(file: BorrowedFd<'_>) -> std::result::Result<(), Errno> {
    let marks = IFlags::IMMUTABLE | IFlags::APPEND;
    match rustix::fs::ioctl_getflags(file) {
        Ok(flags) if flags.intersects(marks) => rustix::fs::ioctl_setflags(file, flags - marks),
        // Where there are no marks, something else is in the way, and the next attempt tells it.
        _ => Ok(()),
    }
}

/// As [`make_changeable`], of what is no folder; no other kinds than files have such marks.
fn make_file_changeable(entry: Entry<'_>) -> std::result::Result<(), Errno> {
    if FileType::from_raw_mode(entry.stat.st_mode) != FileType::RegularFile {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(entry.parent, entry.name, flags, Mode::empty())?;
    make_changeable(file.as_fd())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    use super::*;

    /// The first to come is met as a folder or as a link, or is gone: whatever it is, nothing behind the link is deleted.
    #[test]
    fn folder_that_is_swapped_for_a_link_meanwhile_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "untouched").unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir(path("trash")).unwrap();
        let open = |path: &std::path::Path| -> OwnedFd { fs::File::open(path).unwrap().into() };
        let trash = Trash::new(open(&path("trash")));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (swap, folder) = (path("swap"), path("trash/volume/folder"));
                while !done.load(Ordering::Relaxed) {
                    // What was swapped out is a folder or a link; and there is none to swap while it is deleted.
                    let _gone = fs::remove_file(&swap).or_else(|_| fs::remove_dir_all(&swap));
                    symlink(outside.path(), &swap).unwrap();
                    let _swapped = renameat_with(CWD, &swap, CWD, &folder, RenameFlags::EXCHANGE);
                }
            });
            for _ in 0..300 {
                fs::create_dir_all(path("trash/volume")).unwrap();
                let _made = fs::create_dir(path("trash/volume/folder"));
                let _emptied = trash.empty();
            }
            done.store(true, Ordering::Relaxed);
        });
        trash.empty().unwrap();
        assert_eq!(fs::read_dir(path("trash")).unwrap().count(), 0);
        assert_eq!(
            fs::read(outside.path().join("precious")).unwrap(),
            b"untouched"
        );
    }
}

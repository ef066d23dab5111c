//! A place in a tree that is reached by going down and up one folder at a time.

use std::ffi::{CStr, CString};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Where a walk is: one descriptor however deep the tree, so that no depth uses up descriptors or stack.
#[derive(Debug)]
pub(crate) struct Descent {
    folder: OwnedFd,
    above: Vec<(u64, u64)>,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Descent {
    pub(crate) fn at(folder: impl AsFd, name: &CStr) -> Result<Self, Errno> {
        Ok(Self {
            folder: fs::openat(folder, name, FOLDER, Mode::empty())?,
            above: Vec::new(),
        })
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    pub(crate) fn enter(&mut self, name: &CStr) -> Result<(), Errno> {
        let stat = fs::fstat(&self.folder)?;
        let below = fs::openat(&self.folder, name, FOLDER, Mode::empty())?;
        self.above.push((stat.st_dev, stat.st_ino));
        self.folder = below;
        Ok(())
    }

    /// Goes back to the folder from which this one was entered.
    ///
    /// # Errors
    /// `ESTALE` if `..` is another one, because the folder was moved meanwhile.
    pub(crate) fn leave(&mut self) -> Result<(), Errno> {
        let expected = self.above.pop().ok_or(Errno::STALE)?;
        let parent = fs::openat(&self.folder, c"..", FOLDER, Mode::empty())?;
        let stat = fs::fstat(&parent)?;
        if (stat.st_dev, stat.st_ino) != expected {
            return Err(Errno::STALE);
        }
        self.folder = parent;
        Ok(())
    }

    /// The names in the folder, and which of them are folders.
    pub(crate) fn entries(&self) -> Result<Vec<(CString, bool)>, Errno> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let is_folder = match entry.file_type() {
                FileType::Directory => true,
                FileType::Unknown => {
                    let stat = fs::statat(&self.folder, name, fs::AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
                }
                _ => false,
            };
            names.push((name.to_owned(), is_folder));
        }
        Ok(names)
    }
}

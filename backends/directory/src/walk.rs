//! Walking a tree of any depth with a fixed number of descriptors.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Dir, FileType, Stat};

use crate::error::{Doing, Result};
use crate::folder::{Identity, identity, open_child, open_parent, stat_entry};

/// An entry on the way: its folder, its name there, and what it is.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) parent: BorrowedFd<'a>,
    pub(crate) name: &'a CStr,
    pub(crate) stat: &'a Stat,
}

/// What is done on the way. The folder that the walk begins in is not an entry.
pub(crate) trait Visitor {
    /// Sees anything but a folder.
    fn leaf(&mut self, entry: Entry<'_>) -> Result<()>;

    /// Sees a folder before it is opened.
    fn approach(&mut self, _folder: Entry<'_>) -> Result<()> {
        Ok(())
    }

    /// Sees a folder before what is in it.
    fn enter(&mut self, folder: Entry<'_>) -> Result<()>;

    /// Sees a folder after what is in it; `opened` is the folder itself.
    fn leave(&mut self, folder: Entry<'_>, opened: BorrowedFd<'_>) -> Result<()>;
}

/// A folder above the current one.
struct Above {
    identity: Identity,
    /// Its folders that are still to be entered.
    pending: Vec<CString>,
    /// The entry through which the walk went down.
    name: CString,
    stat: Stat,
}

/// Shows the visitor everything below `top`.
///
/// It holds one folder open at a time, and goes up by `..`, checked against where it came from: a tree may be deeper than a
/// process may have files open, and its paths longer than the kernel takes.
pub(crate) fn walk(top: OwnedFd, visitor: &mut impl Visitor) -> Result<()> {
    let mut current = top;
    let mut pending = leaves(current.as_fd(), visitor)?;
    let mut above: Vec<Above> = Vec::new();
    loop {
        if let Some(name) = pending.pop() {
            let stat = stat_entry(current.as_fd(), &name).doing("read a folder's attributes")?;
            let entry = Entry {
                parent: current.as_fd(),
                name: &name,
                stat: &stat,
            };
            visitor.approach(entry)?;
            let child = open_child(current.as_fd(), &name).doing("open a folder")?;
            visitor.enter(entry)?;
            let here = rustix::fs::fstat(&current).doing("read a folder's attributes")?;
            above.push(Above {
                identity: identity(&here),
                pending,
                name,
                stat,
            });
            current = child;
            pending = leaves(current.as_fd(), visitor)?;
        } else if let Some(up) = above.pop() {
            let parent = open_parent(current.as_fd(), up.identity).doing("go up from a folder")?;
            let entry = Entry {
                parent: parent.as_fd(),
                name: &up.name,
                stat: &up.stat,
            };
            visitor.leave(entry, current.as_fd())?;
            pending = up.pending;
            current = parent;
        } else {
            return Ok(());
        }
    }
}

/// Shows the visitor what is in the folder but for folders, whose names are answered. All names are read first, because the
/// visitor may remove entries.
fn leaves(folder: BorrowedFd<'_>, visitor: &mut impl Visitor) -> Result<Vec<CString>> {
    let mut folders = Vec::new();
    for name in names(folder)? {
        let stat = stat_entry(folder, &name).doing("read a file's attributes")?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            folders.push(name);
        } else {
            visitor.leaf(Entry {
                parent: folder,
                name: &name,
                stat: &stat,
            })?;
        }
    }
    Ok(folders)
}

/// The names in a folder, but for itself and its parent.
pub(crate) fn names(folder: BorrowedFd<'_>) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).doing("read a folder")? {
        let entry = entry.doing("read a folder")?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

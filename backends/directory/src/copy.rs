//! Copying a tree.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::attributes::copy_attributes;
use crate::content::Content;
use crate::error::{Doing, Result};
use crate::folder::{Identity, identity, open_child, open_parent};
use crate::walk::{Entry, Visitor, walk};

/// Copies all that is in `source` to the empty folder `target`, which nobody else can change. `links` is an empty folder on
/// the same file system, for use in between.
pub(crate) fn copy_tree(source: OwnedFd, target: OwnedFd, links: OwnedFd) -> Result<()> {
    walk(source, &mut Copier::new(target, links))
}

/// Makes the same tree elsewhere.
///
/// A file of several names is kept under a number in `links` until its last name was seen, so that no descriptor and no
/// path is kept for it.
struct Copier {
    target: OwnedFd,
    above: Vec<Identity>,
    links: OwnedFd,
    linked: HashMap<Identity, Linked>,
    next_link: u64,
    content: Content,
}

struct Linked {
    name: String,
    /// How many names are still to be seen.
    missing: u64,
}

impl Copier {
    fn new(target: OwnedFd, links: OwnedFd) -> Self {
        Self {
            target,
            above: Vec::new(),
            links,
            linked: HashMap::new(),
            next_link: 0,
            content: Content::default(),
        }
    }

    /// Adds another name of a file that was copied before. Answers whether there was one.
    fn link_again(&mut self, entry: Entry<'_>) -> Result<bool> {
        let key = identity(entry.stat);
        let Some(linked) = self.linked.get_mut(&key) else {
            return Ok(false);
        };
        let flags = AtFlags::empty();
        rustix::fs::linkat(
            &self.links,
            linked.name.as_str(),
            &self.target,
            entry.name,
            flags,
        )
        .doing("link a file")?;
        linked.missing -= 1;
        if linked.missing == 0 {
            rustix::fs::unlinkat(&self.links, linked.name.as_str(), flags)
                .doing("unlink a copy")?;
            self.linked.remove(&key);
        }
        Ok(true)
    }

    fn remember(&mut self, entry: Entry<'_>) -> Result<()> {
        let name = self.next_link.to_string();
        self.next_link += 1;
        rustix::fs::linkat(
            &self.target,
            entry.name,
            &self.links,
            name.as_str(),
            AtFlags::empty(),
        )
        .doing("link a file")?;
        let missing = names_of(entry.stat) - 1;
        self.linked
            .insert(identity(entry.stat), Linked { name, missing });
        Ok(())
    }

    fn make(&mut self, entry: Entry<'_>) -> Result<()> {
        match FileType::from_raw_mode(entry.stat.st_mode) {
            FileType::RegularFile => self.make_file(entry),
            FileType::Symlink => self.make_symlink(entry),
            kind => {
                let device = entry.stat.st_rdev;
                rustix::fs::mknodat(&self.target, entry.name, kind, Mode::RUSR, device)
                    .doing("make a special file")
            }
        }
    }

    fn make_file(&mut self, entry: Entry<'_>) -> Result<()> {
        // Not to block: a file that became a fifo would otherwise be waited for.
        let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = rustix::fs::openat(entry.parent, entry.name, read, Mode::empty())
            .doing("open a file")?;
        let found = rustix::fs::fstat(&source).doing("read a file's attributes")?;
        if identity(&found) != identity(entry.stat) {
            return Err(Errno::STALE).doing("open a file that changed meanwhile");
        }
        let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let target = rustix::fs::openat(&self.target, entry.name, write, Mode::RUSR | Mode::WUSR)
            .doing("make a file")?;
        let length = u64::try_from(found.st_size).unwrap_or(0);
        self.content
            .copy(&File::from(source), &File::from(target), length)
    }

    fn make_symlink(&mut self, entry: Entry<'_>) -> Result<()> {
        let to = rustix::fs::readlinkat(entry.parent, entry.name, Vec::new())
            .doing("read a symbolic link")?;
        rustix::fs::symlinkat(&to, &self.target, entry.name).doing("make a symbolic link")
    }
}

impl Visitor for Copier {
    fn leaf(&mut self, entry: Entry<'_>) -> Result<()> {
        if self.link_again(entry)? {
            return Ok(());
        }
        self.make(entry)?;
        copy_attributes(entry, self.target.as_fd(), entry.name)?;
        if entry.stat.st_nlink > 1 {
            self.remember(entry)?;
        }
        Ok(())
    }

    fn enter(&mut self, folder: Entry<'_>) -> Result<()> {
        rustix::fs::mkdirat(&self.target, folder.name, Mode::RWXU).doing("make a folder")?;
        let here = rustix::fs::fstat(&self.target).doing("read a copy's attributes")?;
        self.above.push(identity(&here));
        self.target = open_child(self.target.as_fd(), folder.name).doing("open a copy")?;
        Ok(())
    }

    fn leave(&mut self, folder: Entry<'_>, _opened: BorrowedFd<'_>) -> Result<()> {
        let Some(above) = self.above.pop() else {
            return Err(Errno::STALE).doing("go up from a copy");
        };
        self.target = open_parent(self.target.as_fd(), above).doing("go up from a copy")?;
        copy_attributes(folder, self.target.as_fd(), folder.name)
    }
}

#[expect(
    clippy::unnecessary_cast,
    reason = "the kernel's type of this field differs from one architecture to the next"
)]
fn names_of(stat: &Stat) -> u64 {
    stat.st_nlink as u64
}

//! The few system calls by which the store changes, each a step at which a crash can stop it.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use workdisk::journal::{Journal, Work, keeps_order};

use crate::error::{OverlayError, Result};
use crate::tree::remove::remove_tree;

/// Changes the store's own folders.
///
/// - Nothing else adds, moves or drops a name in them, so that a test can stop the store before every step.
/// - After a failed write-back nothing is made durable again until the store is reopened: the kernel reports such a
///   failure once and then forgets which pages it lost.
/// - Where the file system keeps changes in order, a change that must not outlive the loss of an earlier one needs no wait.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    keeps_order: bool,
    /// What the records wait for, too.
    journal: Option<Journal>,
    poisoned: AtomicBool,
    #[cfg(test)]
    pub(crate) faults: crate::faults::Faults,
}

impl Disk {
    /// For a store in that folder.
    pub(crate) fn of(root: impl AsFd, journal: Option<Journal>) -> Self {
        Self {
            keeps_order: keeps_order(&root),
            journal: journal.filter(|journal| journal.has(&root)),
            ..Self::default()
        }
    }

    /// Announces changes that end with [`publish`](Self::publish). From then on until that nothing may be waited for that
    /// others hold until they have published.
    pub(crate) fn begin(&self) -> Option<Work> {
        self.journal.as_ref().map(Journal::files)
    }

    /// Makes the names in a folder durable, and with them all that was put before them in order.
    pub(crate) fn publish(&self, work: Option<Work>, folder: impl AsFd, name: &str) -> Result<()> {
        let Some(work) = work else {
            return self.sync(folder, name);
        };
        self.durable("make durable", name, || {
            work.sync()
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })
    }

    pub(crate) fn mkdir(&self, at: impl AsFd, name: &str, mode: Mode) -> Result<()> {
        self.step("make the folder", name, || fs::mkdirat(&at, name, mode))
    }

    pub(crate) fn symlink(&self, target: &str, at: impl AsFd, name: &str) -> Result<()> {
        self.step("make the reference", name, || {
            fs::symlinkat(target, &at, name)
        })
    }

    /// Adds a name to a reference. The link itself is named, never what it points to.
    pub(crate) fn link(
        &self,
        from: impl AsFd,
        name: &str,
        to: impl AsFd,
        new_name: &str,
    ) -> Result<()> {
        self.step("refer to", name, || {
            fs::linkat(&from, name, &to, new_name, AtFlags::empty())
        })
    }

    pub(crate) fn rename(
        &self,
        from: impl AsFd,
        name: &str,
        to: impl AsFd,
        new_name: &str,
    ) -> Result<()> {
        #[cfg(test)]
        if self.faults.moves_find_it_full() {
            return Err(OverlayError::io("move", name, Errno::NOSPC));
        }
        self.step("move", name, || fs::renameat(&from, name, &to, new_name))
    }

    pub(crate) fn unlink(&self, at: impl AsFd, name: &str) -> Result<()> {
        self.step("remove the reference", name, || {
            fs::unlinkat(&at, name, AtFlags::empty())
        })
    }

    /// Makes an empty file with an extended attribute.
    pub(crate) fn file_with(
        &self,
        at: impl AsFd,
        name: &str,
        attribute: &str,
        value: &[u8],
    ) -> Result<()> {
        self.step("make the file", name, || {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = fs::openat(&at, name, flags, Mode::RUSR | Mode::WUSR)?;
            fs::fsetxattr(&file, attribute, value, fs::XattrFlags::CREATE)
        })
    }

    /// Removes a file, or a folder with all that is in it.
    pub(crate) fn remove_tree(&self, at: impl AsFd, name: &str) -> Result<()> {
        let path = CString::new(name).expect("because a name in a folder holds no zero byte");
        self.step("remove", name, || remove_tree(&at, &path, || false))
    }

    /// Removes a folder that holds nothing, or nothing but an empty folder of that name.
    pub(crate) fn remove_empty(&self, at: impl AsFd, name: &str, inner: &str) -> Result<()> {
        let remove = |name: &str| fs::unlinkat(&at, name, AtFlags::REMOVEDIR);
        self.step("remove the folder", name, || {
            match remove(&format!("{name}/{inner}")) {
                Ok(()) | Err(Errno::NOENT) => remove(name),
                Err(errno) => Err(errno),
            }
        })
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync(&self, folder: impl AsFd, name: &str) -> Result<()> {
        self.durable("make durable", name, || fs::fsync(&folder))
    }

    /// Makes the names in a folder durable, and its mode, owner and attributes.
    pub(crate) fn sync_at(&self, at: impl AsFd, name: &str) -> Result<()> {
        let folder = open_dir(&at, name)?;
        self.sync(folder, name)
    }

    /// Sees to it that no power loss keeps a later change and loses what was changed in a folder before. Nothing of it
    /// needs to be durable until something later is made so.
    pub(crate) fn order(&self, folder: impl AsFd, name: &str) -> Result<()> {
        if self.keeps_order {
            return Ok(());
        }
        self.sync(folder, name)
    }

    /// As [`order`](Self::order), for the folder at a name.
    pub(crate) fn order_at(&self, at: impl AsFd, name: &str) -> Result<()> {
        if self.keeps_order {
            return Ok(());
        }
        self.sync_at(at, name)
    }

    /// Refuses once something was not made durable: what is gone from memory then may be on the disk.
    pub(crate) fn must_have_kept_all(&self) -> Result<()> {
        match self.poisoned.load(Ordering::Acquire) {
            true => Err(OverlayError::Poisoned),
            false => Ok(()),
        }
    }

    /// Has it that something was not made durable.
    #[cfg(test)]
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Makes everything on the file system durable.
    pub(crate) fn sync_all(&self, root: impl AsFd) -> Result<()> {
        self.durable("make durable", "the file system", || fs::syncfs(&root))
    }

    fn durable(
        &self,
        operation: &'static str,
        object: &str,
        sync: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<()> {
        self.must_have_kept_all()?;
        self.step(operation, object, || {
            sync().inspect_err(|_| self.poisoned.store(true, Ordering::Release))
        })
    }

    fn step(
        &self,
        operation: &'static str,
        object: &str,
        act: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<()> {
        #[cfg(test)]
        if let Err(errno) = self.faults.step() {
            return Err(OverlayError::io(operation, object, errno));
        }
        act().map_err(|errno| OverlayError::io(operation, object, errno))
    }
}

/// Opens a folder of the store, which is never a symbolic link.
pub(crate) fn open_dir(at: impl AsFd, name: &str) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(at, name, flags, Mode::empty())
        .map_err(|errno| OverlayError::io("open the folder", name, errno))
}

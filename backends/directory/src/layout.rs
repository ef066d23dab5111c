//! Where what lies.
//!
//! ```text
//! root/  0700
//!   format.json       what this folder is, and to which metadata store it belongs
//!   lock              held as long as the volumes are open
//!   active/<V>/data   the files of an active volume
//!   frozen/<V>/data   the files of a frozen one
//!         .../label   beside them: the volume's label
//!         .../whole   beside them: is there unless the volume is being removed where it is
//!   staging/          what is being made
//!   trash/            what is being deleted
//! ```

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use workdisk::model::VolumeId;
use workdisk::volume::VolumeKind;

use crate::error::{DirectoryError, Doing, Result};
use crate::folder::{open_child, stat_entry};
use crate::trash::{Trash, WHOLE};
use crate::walk::names;

/// The folder of all volumes, open and locked.
#[derive(Debug)]
pub(crate) struct Layout {
    path: PathBuf,
    root: OwnedFd,
    active: OwnedFd,
    frozen: OwnedFd,
    staging: OwnedFd,
    lock: OwnedFd,
}

impl Drop for Layout {
    /// Gives the lock up. A program that is being started has a copy of it until it is executed, with which closing it would
    /// leave it taken.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.lock, FlockOperation::Unlock) {
            tracing::debug!(%error, "the volumes stay locked until their lock is closed");
        }
    }
}

impl Layout {
    /// Opens the folder, or makes it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Trash)> {
        fs::create_dir_all(path).doing("make the folder of volumes")?;
        let path = path.canonicalize().doing("find the folder of volumes")?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &path, flags, Mode::empty())
            .doing("open the folder of volumes")?;
        rustix::fs::fchmod(&root, Mode::RWXU).doing("protect the folder of volumes")?;
        let lock = lock(&root)?;
        let open = |name| open_or_make(&root, name);
        let trash = Trash::new(open("trash")?);
        let layout = Self {
            active: open("active")?,
            frozen: open("frozen")?,
            staging: open("staging")?,
            path,
            lock,
            root,
        };
        rustix::fs::fsync(&layout.root).doing("sync the folder of volumes")?;
        Ok((layout, trash))
    }

    /// Deletes what dead processes left unfinished. To be done once the folder is known to be of this format.
    pub(crate) fn sweep(&self, trash: &Trash) -> Result<()> {
        for name in names(self.staging.as_fd())? {
            trash.take_or_delete(self.staging.as_fd(), &name.to_string_lossy())?;
        }
        for kind in [VolumeKind::Active, VolumeKind::Frozen] {
            for id in self.folders(kind, false)? {
                trash.take_or_delete(self.of_kind(kind).as_fd(), &id.to_string())?;
            }
        }
        if let Err(error) = trash.empty() {
            tracing::warn!(%error, "what was removed is not all deleted");
        }
        Ok(())
    }

    pub(crate) fn root(&self) -> &OwnedFd {
        &self.root
    }

    pub(crate) fn staging(&self) -> &OwnedFd {
        &self.staging
    }

    pub(crate) fn of_kind(&self, kind: VolumeKind) -> &OwnedFd {
        match kind {
            VolumeKind::Active => &self.active,
            VolumeKind::Frozen => &self.frozen,
        }
    }

    /// The path of a volume's files, whether or not it exists.
    pub(crate) fn data_path(&self, id: VolumeId, kind: VolumeKind) -> PathBuf {
        let folder = match kind {
            VolumeKind::Active => "active",
            VolumeKind::Frozen => "frozen",
        };
        self.path.join(folder).join(id.to_string()).join("data")
    }

    /// What kind of volume has the id.
    pub(crate) fn kind_of(&self, id: VolumeId) -> Result<Option<VolumeKind>> {
        for kind in [VolumeKind::Active, VolumeKind::Frozen] {
            if self.is_whole(id, kind)? {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    /// The ids of all volumes of a kind, in no order.
    pub(crate) fn ids(&self, kind: VolumeKind) -> Result<Vec<VolumeId>> {
        self.folders(kind, true)
    }

    /// The ids of a kind that have the mark of being whole, or those whose removal was broken off.
    fn folders(&self, kind: VolumeKind, whole: bool) -> Result<Vec<VolumeId>> {
        let mut found = Vec::new();
        for name in names(self.of_kind(kind).as_fd())? {
            let id = name.to_str().ok().and_then(|name| name.parse().ok());
            if let Some(id) = id
                && self.is_whole(id, kind)? == whole
            {
                found.push(id);
            }
        }
        Ok(found)
    }

    fn is_whole(&self, id: VolumeId, kind: VolumeKind) -> Result<bool> {
        let mark = format!("{id}/{WHOLE}");
        match rustix::fs::statat(self.of_kind(kind), mark, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error).doing("look for a volume"),
        }
    }

    /// Opens a volume's own folder, the one that holds `data`.
    pub(crate) fn open_volume(&self, id: VolumeId, kind: VolumeKind) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(self.of_kind(kind), id.to_string(), flags, Mode::empty())
            .doing("open a volume")?;
        let corrupt = |problem: &str| DirectoryError::Corrupt {
            object: format!("{id}/data"),
            problem: problem.to_owned(),
        };
        match stat_entry(folder.as_fd(), c"data") {
            Ok(stat) if is_folder(&stat) => Ok(folder),
            Ok(_) => Err(corrupt("it is not a folder")),
            Err(Errno::NOENT) => Err(corrupt("it is not there")),
            Err(error) => Err(error).doing("open a volume"),
        }
    }
}

fn is_folder(stat: &rustix::fs::Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
}

fn lock(root: &OwnedFd) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(root, "lock", flags, Mode::RUSR | Mode::WUSR)
        .doing("open the lock of the volumes")?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(DirectoryError::InUse),
        Err(error) => Err(error).doing("lock the volumes"),
    }
}

fn open_or_make(root: &OwnedFd, name: &str) -> Result<OwnedFd> {
    match rustix::fs::mkdirat(root, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error).doing("make a folder of volumes"),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(root, name, flags, Mode::empty()).doing("open a folder of volumes")
}

/// Makes the folder `name` in `parent` and opens it.
pub(crate) fn make_folder(parent: &OwnedFd, name: &str) -> Result<OwnedFd> {
    rustix::fs::mkdirat(parent, name, Mode::RWXU).doing("make a folder")?;
    let name = std::ffi::CString::new(name)
        .map_err(std::io::Error::from)
        .doing("make a folder")?;
    open_child(parent.as_fd(), &name).doing("open a folder")
}

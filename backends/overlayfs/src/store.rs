//! The folders of a store, open.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, statat};
use rustix::io::Errno;
use workdisk::model::VolumeId;

use crate::disk::{Disk, open_dir};
use crate::error::{OverlayError, Result};
use crate::format::Format;
use crate::layer::LayerId;
use crate::locks::{VolumeLocks, lock};
use crate::merge::Merges;
use crate::noted::Noted;
use crate::options::OverlayOptions;
use crate::overlay::{Attachment, propagation};
use crate::sweep::Sweep;

const FOLDERS: [&str; 9] = [
    "layers", "active", "frozen", "labels", "staging", "trash", "mounts", "empty", "spare",
];

/// The folders of a store and what puts its calls in order.
///
/// Every change goes through [`Disk`]. It does not hold the lock of the store, so that the sweep of the trash and the merges,
/// which outlive a call, do not keep a closed store in use.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) root: PathBuf,
    pub(crate) root_fd: OwnedFd,
    pub(crate) layers: OwnedFd,
    pub(crate) active: OwnedFd,
    pub(crate) frozen: OwnedFd,
    pub(crate) labels: OwnedFd,
    pub(crate) staging: OwnedFd,
    pub(crate) trash: OwnedFd,
    pub(crate) disk: Disk,
    pub(crate) options: OverlayOptions,
    pub(crate) volumes: VolumeLocks,
    pub(crate) format: Mutex<Format>,
    /// Whose turn it is empties the trash, which is also the only time when a layer's last reference is judged. Whoever adds
    /// a reference reads it from one that stays meanwhile, so that it was not the last.
    pub(crate) sweep: Sweep,
    /// Held while the folder `spare` is used.
    pub(crate) spare: Mutex<()>,
    pub(crate) merges: Merges,
    /// The active volumes all of whose files are durable and which nobody can write to, so that a freeze need not wait for
    /// what others have to write.
    pub(crate) saved: Noted,
    /// The empty volumes that were made since the opening, and were neither mounted nor lent since.
    pub(crate) fresh: Noted,
    /// The active volumes that nothing can use, so that the kernel need not be asked: since they were made, or since it was
    /// asked when they were unmounted, they were neither mounted nor lent.
    pub(crate) idle: Noted,
    /// The volumes that were lent since the opening. Whoever has a recipe can use it again.
    pub(crate) lent: Noted,
    pub(crate) closing: AtomicBool,
}

/// A store and the right to change it: the lock goes with the last user.
#[derive(Debug)]
pub(crate) struct OpenStore {
    pub(crate) store: std::sync::Arc<Store>,
    lock: OwnedFd,
}

impl OpenStore {
    pub(crate) fn open(options: OverlayOptions) -> Result<Self> {
        let failed = |operation: &'static str| {
            move |errno| OverlayError::io(operation, "the root folder", errno)
        };
        let given = options.root.clone();
        std::fs::create_dir_all(&given)
            .and_then(|()| {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&given, std::fs::Permissions::from_mode(0o700))
            })
            .map_err(|error| failed("make")(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        let root = given
            .canonicalize()
            .map_err(|error| failed("find")(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        let root_fd = openat(
            rustix::fs::CWD,
            &root,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(failed("open"))?;
        let lock = take_lock(&root_fd, &root)?;
        let disk = Disk::of(&root_fd, options.journal.clone());
        for name in FOLDERS {
            match disk.mkdir(&root_fd, name, Mode::RWXU) {
                Err(error) if error.errno() != Some(Errno::EXIST) => return Err(error),
                _ => {}
            }
        }
        disk.sync(&root_fd, "the root folder")?;
        let layers = open_dir(&root_fd, "layers")?;
        let new = is_empty(&layers)?;
        let format = Format::open(&disk, &root_fd, new)?;
        if !options.shared_propagation {
            propagation::isolate(&root.join("mounts"))
                .map_err(|errno| OverlayError::io("isolate", "mounts", errno))?;
        }
        let store = Store {
            layers,
            active: open_dir(&root_fd, "active")?,
            frozen: open_dir(&root_fd, "frozen")?,
            labels: open_dir(&root_fd, "labels")?,
            staging: open_dir(&root_fd, "staging")?,
            trash: open_dir(&root_fd, "trash")?,
            root,
            root_fd,
            disk,
            sweep: Sweep::new(options.sweep_rate),
            options,
            volumes: VolumeLocks::default(),
            format: Mutex::new(format),
            spare: Mutex::new(()),
            merges: Merges::default(),
            saved: Noted::default(),
            fresh: Noted::default(),
            idle: Noted::default(),
            lent: Noted::default(),
            closing: AtomicBool::new(false),
        };
        store.clear_staging()?;
        store.find_unused_layers()?;
        Ok(Self {
            store: std::sync::Arc::new(store),
            lock,
        })
    }
}

impl Drop for OpenStore {
    /// Stops the sweep, which goes on at the next opening, and the merges before the lock is given up.
    fn drop(&mut self) {
        self.store.closing.store(true, Ordering::Release);
        drop(self.store.sweep.at_once());
        drop(lock(&self.store.merges.at_work));
        if !self.store.options.shared_propagation {
            propagation::release(&self.store.root.join("mounts"));
        }
        // A program that is being started has a copy of it until it is executed, with which closing it would leave it taken.
        if let Err(error) = flock(&self.lock, FlockOperation::Unlock) {
            tracing::debug!(%error, "the volumes stay locked until their lock is closed");
        }
    }
}

impl Store {
    pub(crate) fn layer_path(&self, part: &str) -> PathBuf {
        self.root.join("layers").join(part)
    }

    pub(crate) fn mount_path(&self, volume: VolumeId) -> PathBuf {
        self.root.join("mounts").join(volume.to_string())
    }

    pub(crate) fn attachment(&self) -> Attachment {
        Attachment {
            suid: self.options.allow_suid,
            devices: self.options.allow_devices,
            private: !self.options.shared_propagation,
        }
    }

    /// The folder of a layer's files, which must be there.
    pub(crate) fn files(&self, layer: &LayerId) -> Result<OwnedFd> {
        open_dir(&self.layers, &layer.files()).map_err(|error| match error.errno() {
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => OverlayError::corrupt(
                format!("layers/{}", layer.files()),
                "the folder is missing, and with it files of every volume above it",
            ),
            _ => error,
        })
    }
}

/// Whether there is something at a name, a symbolic link included.
pub(crate) fn exists(at: impl AsFd, name: &str) -> Result<bool> {
    match statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(OverlayError::io("look for", name, errno)),
    }
}

/// The names in a folder of the store.
pub(crate) fn names(folder: impl AsFd) -> Result<Vec<String>> {
    let failed = |errno| OverlayError::io("read", "a folder of the store", errno);
    let mut found = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy();
        if name != "." && name != ".." {
            found.push(name.into_owned());
        }
    }
    Ok(found)
}

pub(crate) fn is_empty(folder: impl AsFd) -> Result<bool> {
    Ok(names(folder)?.is_empty())
}

fn take_lock(root_fd: &OwnedFd, root: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(root_fd, "lock", flags, Mode::from_raw_mode(0o600))
        .map_err(|errno| OverlayError::io("open", "lock", errno))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(OverlayError::InUse(root.to_owned())),
        Err(errno) => Err(OverlayError::io("lock", "lock", errno)),
    }
}

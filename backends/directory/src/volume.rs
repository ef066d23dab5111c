//! The backend itself.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rustix::fs::{AtFlags, Mode};
use workdisk::BackendError;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{
    MountRecipe, Usage, Volume, VolumeFault, VolumeInfo, VolumeKind, VolumeStatus,
};

use crate::copy::copy_tree;
use crate::error::{DirectoryError, Doing, Result};
use crate::format::Format;
use crate::holds::holders_of;
use crate::layout::{Layout, make_folder};
use crate::locks::{Access, Locks};
use crate::measure::allocated_bytes;
use crate::trash::Trash;

/// Volumes as plain directories, copied to fork and to freeze.
///
/// # Requirements
/// A local file system and `/proc`; no privilege. With the rights of root, owners, devices and every extended attribute are
/// kept. Without, files belong to the process's user: what had another owner loses it, and its set-id bits with it; attributes
/// other than `user.*` are kept as far as the kernel allows; and a file that its own owner may not read makes a copy fail.
///
/// # Durability
/// A copy is made in a staging folder, synced, and renamed into place in one step, with both folders synced after it: what was
/// answered `Ok` survives power loss, and no volume is ever there but incomplete. What was unfinished is deleted by the next
/// opening. [`unmount`](Volume::unmount) syncs the file system.
///
/// # Limitations
/// - A fork and a freeze take as long as a copy: that of the bytes, or only of the names where blocks can be shared.
/// - [`mount`](Volume::mount) mounts nothing: it marks the volume and answers the folder itself. The mark is kept in memory.
///   Who may write in the folder still may after an unmount; one that has something open is found, as far as `/proc` shows
///   it, and makes the volume busy.
/// - [`usage`](Volume::usage) walks the files, and counts shared blocks for every volume that has them.
/// - Flags such as `immutable` and the times of creation are not kept.
/// - A folder in which something else is mounted is never entered; the call fails.
#[derive(Debug)]
pub struct DirectoryVolume {
    inner: Arc<Inner>,
}

impl DirectoryVolume {
    /// Opens the volumes in `root`, which is made if it is not there, and deletes what a dead process left unfinished.
    ///
    /// # Errors
    /// [`InUse`](workdisk::BackendErrorKind::InUse) if they are open already, here or in another process;
    /// [`Corrupt`](workdisk::BackendErrorKind::Corrupt) if the folder's record cannot be read;
    /// [`Unavailable`](workdisk::BackendErrorKind::Unavailable) and [`Full`](workdisk::BackendErrorKind::Full) as the system
    /// says.
    pub async fn open(root: impl Into<PathBuf>) -> std::result::Result<Self, BackendError> {
        let root = root.into();
        let inner = blocking(move || Inner::open(&root)).await?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Does the work on a thread that may block. It is done whole even if nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, BackendError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> std::result::Result<T, BackendError> {
    let done = tokio::task::spawn_blocking(work).await;
    let result = done.map_err(|_| DirectoryError::Interrupted)?;
    Ok(result?)
}

#[async_trait]
impl Volume for DirectoryVolume {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("directory").with_durable().with_recipes()
    }

    async fn bind(
        &self,
        generation: Generation,
        adopt: bool,
    ) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.bind(generation, adopt)).await
    }

    async fn create(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.create(id)).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.fork(parent, id)).await
    }

    async fn freeze(
        &self,
        id: VolumeId,
        frozen: VolumeId,
    ) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.freeze(id, frozen)).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.inner.layout.data_path(id, VolumeKind::Active)
    }

    async fn mount(&self, id: VolumeId) -> std::result::Result<PathBuf, BackendError> {
        self.run(move |inner| inner.mount(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> std::result::Result<MountRecipe, BackendError> {
        self.run(move |inner| inner.recipe(id)).await
    }

    async fn unmount(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.unmount(id)).await
    }

    async fn remove(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |inner| inner.remove(id)).await?;
        // Only the trash goes along, so that the volumes can be opened again meanwhile.
        let trash = Arc::clone(&self.inner.trash);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = trash.empty() {
                tracing::warn!(volume = %id, %error, "a removed volume is not all deleted");
            }
        });
        Ok(())
    }

    async fn status(
        &self,
        id: VolumeId,
    ) -> std::result::Result<Option<VolumeStatus>, BackendError> {
        self.run(move |inner| inner.status(id)).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> std::result::Result<Vec<VolumeStatus>, BackendError> {
        self.run(move |inner| inner.list(after, limit)).await
    }

    async fn usage(&self, id: VolumeId) -> std::result::Result<Usage, BackendError> {
        self.run(move |inner| inner.usage(id)).await
    }

    async fn check(&self, id: VolumeId) -> std::result::Result<Vec<VolumeFault>, BackendError> {
        self.run(move |inner| inner.check(id)).await
    }

    async fn reclaim(&self) -> std::result::Result<(), BackendError> {
        self.run(|inner| inner.trash.empty()).await
    }
}

/// What the calls share; every method blocks.
#[derive(Debug)]
struct Inner {
    layout: Layout,
    trash: Arc<Trash>,
    locks: Locks,
    format: Mutex<Format>,
    mounted: Mutex<HashSet<VolumeId>>,
}

impl Inner {
    fn open(root: &Path) -> Result<Self> {
        let (layout, trash) = Layout::open(root)?;
        let format = Format::load(layout.root().as_fd())?;
        Ok(Self {
            layout,
            trash: Arc::new(trash),
            locks: Locks::default(),
            format: Mutex::new(format),
            mounted: Mutex::default(),
        })
    }

    fn bind(&self, generation: Generation, adopt: bool) -> Result<()> {
        let mut format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = self.layout.ids(VolumeKind::Active)?.is_empty()
            && self.layout.ids(VolumeKind::Frozen)?.is_empty();
        let bound = format.bound(generation, adopt, empty)?;
        bound.save(self.layout.root().as_fd())?;
        *format = bound;
        Ok(())
    }

    fn create(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need_absent(id)?;
            self.make(id, VolumeKind::Active, |folder, _| {
                drop(make_folder(&folder, "data")?);
                let mode = Mode::from_raw_mode(0o755);
                rustix::fs::chmodat(&folder, "data", mode, AtFlags::empty())
                    .doing("set the mode of a volume's root")
            })
        })
    }

    fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<()> {
        self.copy(parent, VolumeKind::Frozen, id)
    }

    fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<()> {
        self.copy(id, VolumeKind::Active, frozen)
    }

    /// Makes the volume `to` of the other kind with the files of `from`.
    fn copy(&self, from: VolumeId, kind: VolumeKind, to: VolumeId) -> Result<()> {
        if from == to {
            return Err(DirectoryError::AlreadyExists(to));
        }
        let (access, other) = match kind {
            VolumeKind::Active => (Access::Exclusive, VolumeKind::Frozen),
            VolumeKind::Frozen => (Access::Shared, VolumeKind::Active),
        };
        let wanted = vec![(from, access), (to, Access::Exclusive)];
        self.locks.hold(wanted, || {
            self.need(from, kind)?;
            self.need_absent(to)?;
            if kind == VolumeKind::Active {
                self.need_unused(from, kind)?;
            }
            let source = self.layout.open_volume(from, kind)?;
            self.make(to, other, |folder, links| copy_tree(source, folder, links))
        })
    }

    fn mount(&self, id: VolumeId) -> Result<PathBuf> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need(id, VolumeKind::Active)?;
            self.need_unused(id, VolumeKind::Active)?;
            drop(self.layout.open_volume(id, VolumeKind::Active)?);
            self.mounted().insert(id);
            Ok(self.layout.data_path(id, VolumeKind::Active))
        })
    }

    fn recipe(&self, id: VolumeId) -> Result<MountRecipe> {
        self.need(id, VolumeKind::Active)?;
        let path = self.layout.data_path(id, VolumeKind::Active);
        let Some(source) = path.to_str() else {
            let text = "the path of the volumes is not UTF-8, so that no recipe can name it";
            return Err(DirectoryError::Unsupported(text.to_owned()));
        };
        Ok(MountRecipe::new("bind", source)
            .with_flag("nosuid")
            .with_flag("nodev"))
    }

    fn unmount(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need(id, VolumeKind::Active)?;
            self.need_no_holders(id, VolumeKind::Active)?;
            rustix::fs::syncfs(self.layout.root()).doing("sync a volume's files")?;
            self.mounted().remove(&id);
            Ok(())
        })
    }

    fn remove(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            let Some(kind) = self.layout.kind_of(id)? else {
                return Ok(());
            };
            self.need_unused(id, kind)?;
            let folder = self.layout.of_kind(kind).as_fd();
            self.trash.take(folder, &id.to_string())
        })
    }

    fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>> {
        let kind = self.layout.kind_of(id)?;
        Ok(kind.map(|kind| self.status_of(id, kind)))
    }

    fn list(&self, after: Option<VolumeId>, limit: usize) -> Result<Vec<VolumeStatus>> {
        let mut found = Vec::new();
        for kind in [VolumeKind::Active, VolumeKind::Frozen] {
            let ids = self.layout.ids(kind)?.into_iter();
            found.extend(ids.filter(|id| Some(*id) > after).map(|id| (id, kind)));
        }
        found.sort_by_key(|(id, _)| *id);
        found.truncate(limit);
        let statuses = found.into_iter().map(|(id, kind)| self.status_of(id, kind));
        Ok(statuses.collect())
    }

    fn usage(&self, id: VolumeId) -> Result<Usage> {
        self.locks.hold(vec![(id, Access::Shared)], || {
            let kind = self.need_any(id)?;
            let folder = self.layout.open_volume(id, kind)?;
            Ok(Usage::new(allocated_bytes(folder)?, 0))
        })
    }

    fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>> {
        self.locks.hold(vec![(id, Access::Shared)], || {
            let kind = self.need_any(id)?;
            let walked = self.layout.open_volume(id, kind).and_then(allocated_bytes);
            let object = self.layout.data_path(id, kind).display().to_string();
            Ok(match walked {
                Ok(_) => Vec::new(),
                Err(error) => {
                    let effect = format!("its files cannot all be read: {error}");
                    vec![VolumeFault::new(object, effect)]
                }
            })
        })
    }

    /// Lets `fill` make a volume in a staging folder, with another folder for use in between, and puts it in its place.
    fn make(
        &self,
        id: VolumeId,
        kind: VolumeKind,
        fill: impl FnOnce(OwnedFd, OwnedFd) -> Result<()>,
    ) -> Result<()> {
        let (name, links) = (id.to_string(), format!("{id}.links"));
        let staging = self.layout.staging();
        let made = (|| {
            let folder = make_folder(staging, &name)?;
            fill(folder, make_folder(staging, &links)?)?;
            rustix::fs::unlinkat(staging, links.as_str(), AtFlags::REMOVEDIR)
                .doing("finish a copy")?;
            rustix::fs::syncfs(self.layout.root()).doing("sync a copy")?;
            let place = self.layout.of_kind(kind);
            rustix::fs::renameat(staging, name.as_str(), place, name.as_str())
                .doing("put a copy in its place")?;
            self.sync_place(kind, &name)
        })();
        if made.is_err() {
            self.discard(&[name, links]);
        }
        made
    }

    /// Makes a rename from the staging folder durable, or takes it back.
    fn sync_place(&self, kind: VolumeKind, name: &str) -> Result<()> {
        let place = self.layout.of_kind(kind);
        let synced =
            rustix::fs::fsync(place).and_then(|()| rustix::fs::fsync(self.layout.staging()));
        if synced.is_err()
            && let Err(error) = self.trash.take(place.as_fd(), name)
        {
            tracing::warn!(volume = name, %error, "a volume that is not durable is still there");
        }
        synced.doing("sync a folder of volumes")
    }

    /// Deletes what is left of an attempt; what cannot be deleted now is when the volumes are opened again.
    fn discard(&self, names: &[String]) {
        for name in names {
            // Often there is nothing of that name.
            let _gone = self.trash.take(self.layout.staging().as_fd(), name);
        }
        if let Err(error) = self.trash.empty() {
            tracing::warn!(%error, "a copy that failed is not all deleted");
        }
    }

    fn status_of(&self, id: VolumeId, kind: VolumeKind) -> VolumeStatus {
        VolumeStatus::new(id, kind, self.mounted().contains(&id))
    }

    fn mounted(&self) -> MutexGuard<'_, HashSet<VolumeId>> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn need_any(&self, id: VolumeId) -> Result<VolumeKind> {
        let kind = self.layout.kind_of(id)?;
        kind.ok_or(DirectoryError::NotFound(id))
    }

    fn need(&self, id: VolumeId, kind: VolumeKind) -> Result<()> {
        match self.need_any(id)? {
            found if found == kind => Ok(()),
            found => Err(DirectoryError::WrongState { id, kind: found }),
        }
    }

    fn need_absent(&self, id: VolumeId) -> Result<()> {
        match self.layout.kind_of(id)? {
            None => Ok(()),
            Some(_) => Err(DirectoryError::AlreadyExists(id)),
        }
    }

    fn need_unused(&self, id: VolumeId, kind: VolumeKind) -> Result<()> {
        if self.mounted().contains(&id) {
            return Err(DirectoryError::Mounted(id));
        }
        self.need_no_holders(id, kind)
    }

    fn need_no_holders(&self, id: VolumeId, kind: VolumeKind) -> Result<()> {
        match holders_of(id, &self.layout.data_path(id, kind)) {
            holders if holders.is_empty() => Ok(()),
            holders => Err(DirectoryError::Held { id, holders }),
        }
    }
}

//! What each call does, on a thread that may block.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Mode};
use workdisk::Holder;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::session::lasting_holders;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeKind, VolumeStatus};

use crate::copy::copy_tree;
use crate::error::{DirectoryError, Doing, Result};
use crate::format::Format;
use crate::holds::{holders_of, mounters_of};
use crate::label::remove_label;
use crate::layout::{Layout, make_folder};
use crate::locks::{Access, Locks};
use crate::measure::allocated_bytes;
use crate::trash::{Trash, WHOLE};

/// What the calls share; every method blocks.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) layout: Layout,
    trash: Arc<Trash>,
    pub(crate) locks: Locks,
    format: Mutex<Format>,
    mounted: Mutex<HashSet<VolumeId>>,
}

impl Store {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let (layout, trash) = Layout::open(root)?;
        let format = Format::load(layout.root().as_fd())?;
        layout.sweep(&trash)?;
        Ok(Self {
            layout,
            trash: Arc::new(trash),
            locks: Locks::default(),
            format: Mutex::new(format),
            mounted: Mutex::default(),
        })
    }

    pub(crate) fn bind(&self, generation: Generation, adopt: bool) -> Result<()> {
        let mut format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = self.layout.ids(VolumeKind::Active)?.is_empty()
            && self.layout.ids(VolumeKind::Frozen)?.is_empty();
        let bound = format.bound(generation, adopt, empty)?;
        bound.save(self.layout.root().as_fd())?;
        *format = bound;
        Ok(())
    }

    pub(crate) fn create(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need_absent(id)?;
            self.make(id, VolumeKind::Active, |folder, _| {
                // Copied with all else by whoever copies the volume.
                rustix::fs::symlinkat("yes", &folder, WHOLE).doing("make a volume")?;
                drop(make_folder(&folder, "data")?);
                let mode = Mode::from_raw_mode(0o755);
                rustix::fs::chmodat(&folder, "data", mode, AtFlags::empty())
                    .doing("set the mode of a volume's root")
            })
        })
    }

    pub(crate) fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<()> {
        self.copy(parent, VolumeKind::Frozen, id)
    }

    pub(crate) fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<()> {
        self.copy(id, VolumeKind::Active, frozen)
    }

    /// Where an active volume's files are, whether or not it exists.
    pub(crate) fn path(&self, id: VolumeId) -> PathBuf {
        self.layout.data_path(id, VolumeKind::Active)
    }

    /// What was removed.
    pub(crate) fn trash(&self) -> &Arc<Trash> {
        &self.trash
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
            self.make(to, other, |folder, links| {
                copy_tree(source, folder.try_clone().doing("make a copy")?, links)?;
                remove_label(folder)
            })
        })
    }

    pub(crate) fn mount(&self, id: VolumeId) -> Result<PathBuf> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need(id, VolumeKind::Active)?;
            self.need_mountable(id)?;
            drop(self.layout.open_volume(id, VolumeKind::Active)?);
            self.mounted().insert(id);
            Ok(self.layout.data_path(id, VolumeKind::Active))
        })
    }

    /// The folder itself. It is not noted as mounted, so that the volume can be removed.
    pub(crate) fn fill(&self, id: VolumeId) -> Result<PathBuf> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need(id, VolumeKind::Active)?;
            self.need_mountable(id)?;
            Ok(self.layout.data_path(id, VolumeKind::Active))
        })
    }

    pub(crate) fn recipe(&self, id: VolumeId) -> Result<MountRecipe> {
        self.need(id, VolumeKind::Active)?;
        self.need_mountable(id)?;
        let path = self.layout.data_path(id, VolumeKind::Active);
        let Some(source) = path.to_str() else {
            let text = "the path of the volumes is not UTF-8, so that no recipe can name it";
            return Err(DirectoryError::Unsupported(text.to_owned()));
        };
        Ok(MountRecipe::new("bind", source)
            .with_flag("nosuid")
            .with_flag("nodev"))
    }

    pub(crate) fn unmount(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            self.need(id, VolumeKind::Active)?;
            self.need_no_holders(id, VolumeKind::Active)?;
            rustix::fs::syncfs(self.layout.root()).doing("sync a volume's files")?;
            self.mounted().remove(&id);
            Ok(())
        })
    }

    pub(crate) fn remove(&self, id: VolumeId) -> Result<()> {
        self.locks.hold(vec![(id, Access::Exclusive)], || {
            let Some(kind) = self.layout.kind_of(id)? else {
                return Ok(());
            };
            self.need_unused(id, kind)?;
            let folder = self.layout.of_kind(kind).as_fd();
            self.trash.take_volume(folder, &id.to_string())
        })
    }

    pub(crate) fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>> {
        let kind = self.layout.kind_of(id)?;
        Ok(kind.map(|kind| self.status_of(id, kind)))
    }

    pub(crate) fn list(&self, after: Option<VolumeId>, limit: usize) -> Result<Vec<VolumeStatus>> {
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

    pub(crate) fn usage(&self, id: VolumeId) -> Result<Usage> {
        self.locks.hold(vec![(id, Access::Shared)], || {
            let kind = self.need_any(id)?;
            let folder = self.layout.open_volume(id, kind)?;
            Ok(Usage::new(allocated_bytes(folder)?, 0))
        })
    }

    pub(crate) fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>> {
        self.locks.hold(vec![(id, Access::Shared)], || {
            let kind = self.need_any(id)?;
            let walked = self.layout.open_volume(id, kind).and_then(allocated_bytes);
            let object = self.layout.data_path(id, kind).display().to_string();
            Ok(match walked {
                Ok(_) => Vec::new(),
                // What a session takes away meanwhile is not missing.
                Err(error) if error.is_gone() && self.mounted().contains(&id) => Vec::new(),
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
    pub(crate) fn discard(&self, names: &[String]) {
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

    pub(crate) fn need_any(&self, id: VolumeId) -> Result<VolumeKind> {
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
        self.need_unmounted(id)?;
        self.need_no_holders(id, kind)
    }

    /// Nobody has it mounted, here or by a recipe.
    fn need_mountable(&self, id: VolumeId) -> Result<()> {
        self.need_unmounted(id)?;
        match some(mounters_of(id)) {
            None => Ok(()),
            Some(holders) => Err(DirectoryError::Held { id, holders }),
        }
    }

    fn need_unmounted(&self, id: VolumeId) -> Result<()> {
        match self.mounted().contains(&id) {
            false => Ok(()),
            true => Err(DirectoryError::Mounted(id)),
        }
    }

    fn need_no_holders(&self, id: VolumeId, kind: VolumeKind) -> Result<()> {
        let data = self.layout.data_path(id, kind);
        match lasting_holders(|| Ok(some(holders_of(id, &data))))? {
            None => Ok(()),
            Some(holders) => Err(DirectoryError::Held { id, holders }),
        }
    }
}

fn some(holders: Vec<Holder>) -> Option<Vec<Holder>> {
    (!holders.is_empty()).then_some(holders)
}

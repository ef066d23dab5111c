//! The backend.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeStatus};
use workdisk::{BackendError, Volume};

use crate::error::{OverlayError, Result};
use crate::host::{ProbeReport, probe};
use crate::locks::lock;
use crate::options::OverlayOptions;
use crate::store::{OpenStore, Store};

/// Disks as stacks of overlayfs layers: snapshot and clone cost the same for ten files and for a million.
///
/// # Requirements
/// - Linux 6.7 or later and `CAP_SYS_ADMIN`. On an older kernel only volumes whose layers' paths fit in 4,095 bytes can be
///   mounted.
/// - The folder is on ext4, xfs or btrfs; never on an overlay, NFS or FUSE. One process has it open at a time.
///
/// # Durability
/// What was answered `Ok` survives power loss. After a failed write-back every call that has to make something durable is
/// [`Unavailable`](workdisk::BackendErrorKind::Unavailable) until the folder is opened again.
///
/// # Limitations
/// - A hard link to a file of an earlier snapshot breaks when the file is first written; until then both names show it.
/// - Inode numbers, link counts and times of status change differ from one mount to the next.
/// - The first write to a file of an earlier snapshot copies it, by reflink on xfs and btrfs.
/// - The flags of `chattr` are not kept by a snapshot.
#[derive(Debug)]
pub struct OverlayVolume {
    open: Arc<OpenStore>,
}

impl OverlayVolume {
    /// Opens the volumes in the folder `root`, which is made if it is not there, and finishes what a crash interrupted.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub async fn open(root: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::open_with(OverlayOptions::new(root)).await
    }

    /// Opens the volumes as the options say.
    ///
    /// # Errors
    /// - [`InUse`](workdisk::BackendErrorKind::InUse) if they are open elsewhere, in this process too.
    /// - [`Unsupported`](workdisk::BackendErrorKind::Unsupported) if the host cannot run overlayfs there, saying why.
    /// - [`Mismatch`](workdisk::BackendErrorKind::Mismatch) if they were written by another version or under other options.
    pub async fn open_with(options: OverlayOptions) -> Result<Self, BackendError> {
        let open = spawn_blocking(move || {
            let open = OpenStore::open(options)?;
            match probe(&open.store.root) {
                // It cannot be tried, and volumes must be removable.
                Err(error) if error.is_full() => {
                    tracing::warn!(%error, "the disk is full: overlayfs was not tried");
                }
                answer => drop(answer?),
            }
            Ok::<_, OverlayError>(open)
        })
        .await
        .map_err(OverlayError::Panicked)??;
        let volume = Self {
            open: Arc::new(open),
        };
        volume.open.store.sweep.want();
        volume.sweep_later();
        volume.sweep_labels_later();
        Ok(volume)
    }

    /// Tries everything that is needed of the host in a scratch folder under `root`, which is removed again. It blocks.
    ///
    /// # Errors
    /// [`Unsupported`](workdisk::BackendErrorKind::Unsupported), saying what is missing and what to do about it.
    pub fn probe(root: impl AsRef<Path>) -> Result<ProbeReport, BackendError> {
        Ok(probe(root.as_ref())?)
    }

    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let open = Arc::clone(&self.open);
        let answer = spawn_blocking(move || act(&open.store))
            .await
            .map_err(OverlayError::Panicked)?;
        self.sweep_later();
        Ok(answer?)
    }

    /// Empties the trash in the background if something came there. Errors are told by [`Volume::reclaim`], which tries
    /// again.
    fn sweep_later(&self) {
        if self.open.store.sweep.is_wanted() {
            let store = Arc::clone(&self.open.store);
            drop(spawn_blocking(move || store.serve_sweep()));
        }
    }

    /// Makes the merges that are due in the background.
    fn merge_later(&self) {
        if self.open.store.merges.are_due() {
            let store = Arc::clone(&self.open.store);
            drop(spawn_blocking(move || {
                store.serve_merges();
                // What was merged is in the trash, unless somebody still refers to it.
                store.sweep.want();
                store.serve_sweep();
            }));
        }
    }

    /// Removes what a crash left of removed volumes. The next opening does what fails.
    fn sweep_labels_later(&self) {
        let store = Arc::clone(&self.open.store);
        drop(spawn_blocking(move || {
            if let Err(error) = store.sweep_labels() {
                tracing::debug!(%error, "there may be labels of no volume");
            }
        }));
    }

    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.open.store
    }
}

#[async_trait]
impl Volume for OverlayVolume {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("overlayfs").with_durable().with_recipes()
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        self.run(move |store| {
            let mut format = lock(&store.format);
            let bound = format.bound(generation, adopt, store.has_volumes()?)?;
            bound.write(&store.disk, &store.root_fd)?;
            *format = bound;
            Ok(())
        })
        .await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |store| store.create(id, None)).await
    }

    async fn create_labelled(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |store| store.create(id, Some(&label))).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |store| store.fork(parent, id, None)).await
    }

    async fn fork_labelled(
        &self,
        parent: VolumeId,
        id: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |store| store.fork(parent, id, Some(&label)))
            .await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        self.run(move |store| store.freeze(id, frozen, None))
            .await?;
        self.merge_later();
        Ok(())
    }

    async fn freeze_labelled(
        &self,
        id: VolumeId,
        frozen: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |store| store.freeze(id, frozen, Some(&label)))
            .await?;
        self.merge_later();
        Ok(())
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.open.store.mount_path(id)
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.run(move |store| store.mount(id)).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.run(move |store| store.fill(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        self.run(move |store| store.recipe(id)).await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |store| store.unmount(id)).await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |store| store.remove(id)).await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        self.run(move |store| store.status(id)).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        self.run(move |store| store.list(after, limit)).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |store| store.set_label(id, &label)).await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        self.run(move |store| store.label(id)).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        self.run(move |store| store.usage(id)).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        self.run(move |store| store.check(id)).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        self.run(Store::sync_removals).await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        // A layer that is being merged keeps its place until that is done.
        self.run(|store| {
            let merged = store.make_due_merges();
            store.empty_trash().and(merged)?;
            store.sync_removals()
        })
        .await
    }
}

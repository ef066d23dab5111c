//! The backend as the core sees it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use workdisk::BackendError;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, Volume, VolumeFault, VolumeInfo, VolumeStatus};

use crate::error::{DirectoryError, Result};
use crate::store::Store;

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
/// - What was removed is deleted in the background as fast as the disk allows, as copies are made: other calls feel both.
/// - [`usage`](Volume::usage) walks the files, and counts shared blocks for every volume that has them.
/// - Flags such as `immutable` and the times of creation are not kept, and do not keep a volume from being removed.
/// - A folder in which something else is mounted is never entered; the call fails.
#[derive(Debug)]
pub struct DirectoryVolume {
    store: Arc<Store>,
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
        let store = blocking(move || Store::open(&root)).await?;
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// Does the work on a thread that may block. It is done whole even if nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, BackendError> {
        let store = Arc::clone(&self.store);
        blocking(move || work(&store)).await
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
        self.run(move |store| store.bind(generation, adopt)).await
    }

    async fn create(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |store| store.create(id)).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |store| store.fork(parent, id)).await
    }

    async fn freeze(
        &self,
        id: VolumeId,
        frozen: VolumeId,
    ) -> std::result::Result<(), BackendError> {
        self.run(move |store| store.freeze(id, frozen)).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.store.path(id)
    }

    async fn mount(&self, id: VolumeId) -> std::result::Result<PathBuf, BackendError> {
        self.run(move |store| store.mount(id)).await
    }

    async fn fill(&self, id: VolumeId) -> std::result::Result<PathBuf, BackendError> {
        self.run(move |store| store.fill(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> std::result::Result<MountRecipe, BackendError> {
        self.run(move |store| store.recipe(id)).await
    }

    async fn unmount(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |store| store.unmount(id)).await
    }

    async fn remove(&self, id: VolumeId) -> std::result::Result<(), BackendError> {
        self.run(move |store| store.remove(id)).await?;
        // Only the trash goes along, so that the volumes can be opened again meanwhile.
        let trash = Arc::clone(self.store.trash());
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
        self.run(move |store| store.status(id)).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> std::result::Result<Vec<VolumeStatus>, BackendError> {
        self.run(move |store| store.list(after, limit)).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> std::result::Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |store| store.set_label(id, &label)).await
    }

    async fn label(&self, id: VolumeId) -> std::result::Result<Option<String>, BackendError> {
        self.run(move |store| store.label(id)).await
    }

    async fn usage(&self, id: VolumeId) -> std::result::Result<Usage, BackendError> {
        self.run(move |store| store.usage(id)).await
    }

    async fn check(&self, id: VolumeId) -> std::result::Result<Vec<VolumeFault>, BackendError> {
        self.run(move |store| store.check(id)).await
    }

    async fn sync(&self) -> std::result::Result<(), BackendError> {
        // A removal is durable when it is answered: what lies in the trash is deleted at once.
        self.run(|_| Ok(())).await
    }

    async fn reclaim(&self) -> std::result::Result<(), BackendError> {
        self.run(|store| store.trash().empty()).await
    }
}

//! The trait's face of the disks.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeStatus};
use workdisk::{BackendError, Volume};

use crate::disks::{DiskError, Disks};

/// Volumes as plain copies in a temporary folder, noticing writes to frozen ones.
///
/// # Requirements
/// A temporary folder, and `/proc` to find who holds a volume.
///
/// # Durability
/// None: clones share one state, and the folder is removed with the last of them.
///
/// # Limitations
/// Calls run one after the other. A mount is a mark, and a holder in another mount namespace is not seen.
#[derive(Clone, Debug)]
pub struct MemoryVolume {
    root: PathBuf,
    disks: Arc<Mutex<Disks>>,
}

impl MemoryVolume {
    /// Makes an empty store of volumes in the system's temporary folder.
    ///
    /// # Errors
    /// As the folder could not be made.
    pub fn new() -> io::Result<Self> {
        let disks = Disks::new()?;
        Ok(Self {
            root: disks.root().to_owned(),
            disks: Arc::new(Mutex::new(disks)),
        })
    }

    /// Runs `call` to its end, whether or not anyone still waits for it.
    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Disks) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let disks = Arc::clone(&self.disks);
        let task = tokio::task::spawn_blocking(move || {
            call(&mut disks.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match task.await {
            Ok(answer) => answer.map_err(BackendError::from),
            Err(error) => {
                Err(BackendError::unavailable("the volume's task did not end").with_source(error))
            }
        }
    }
}

#[async_trait]
impl Volume for MemoryVolume {
    fn info(&self) -> VolumeInfo {
        VolumeInfo::new("memory")
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        self.run(move |disks| disks.bind(generation, adopt)).await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |disks| disks.create(id)).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |disks| disks.fork(parent, id)).await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        self.run(move |disks| disks.freeze(id, frozen)).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.root.join(id.to_string())
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.run(move |disks| disks.mount(id)).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.run(move |disks| disks.fill(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        Err(BackendError::unsupported(format!(
            "recipe of volume {id}: memory gives none"
        )))
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |disks| disks.unmount(id)).await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        self.run(move |disks| disks.remove(id)).await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        self.run(move |disks| Ok(disks.status(id))).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        self.run(move |disks| Ok(disks.list(after, limit))).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        let label = label.to_owned();
        self.run(move |disks| disks.set_label(id, label)).await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        self.run(move |disks| Ok(disks.label(id))).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        self.run(move |disks| disks.usage(id)).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        self.run(move |disks| disks.check(id)).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        self.run(|_| Ok(())).await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        self.run(|_| Ok(())).await
    }
}

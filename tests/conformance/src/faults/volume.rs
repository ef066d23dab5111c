//! Volumes that fail on demand.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeStatus};
use workdisk::{BackendError, Volume};

use super::method::Method;
use super::plan::Faults;

/// Volumes in front of others, that fail and wait as [`Faults`] says.
#[derive(Clone, Debug)]
pub struct FaultyVolume {
    inner: Arc<dyn Volume>,
    faults: Faults,
}

impl FaultyVolume {
    /// Stands before `inner` and does what `faults` says.
    pub fn new(inner: Arc<dyn Volume>, faults: &Faults) -> Self {
        Self {
            inner,
            faults: faults.clone(),
        }
    }
}

#[async_trait]
impl Volume for FaultyVolume {
    fn info(&self) -> VolumeInfo {
        self.inner.info()
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        let call = self.inner.bind(generation, adopt);
        self.faults.pass(Method::Bind, call).await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.faults
            .pass(Method::Create, self.inner.create(id))
            .await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        let call = self.inner.fork(parent, id);
        self.faults.pass(Method::Fork, call).await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        let call = self.inner.freeze(id, frozen);
        self.faults.pass(Method::Freeze, call).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.inner.path(id)
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.faults.pass(Method::Mount, self.inner.mount(id)).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.faults.pass(Method::Fill, self.inner.fill(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        self.faults
            .pass(Method::Recipe, self.inner.recipe(id))
            .await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.faults
            .pass(Method::Unmount, self.inner.unmount(id))
            .await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        self.faults
            .pass(Method::Remove, self.inner.remove(id))
            .await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        self.faults
            .pass(Method::Status, self.inner.status(id))
            .await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        let call = self.inner.list(after, limit);
        self.faults.pass(Method::ListVolumes, call).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        let call = self.inner.set_label(id, label);
        self.faults.pass(Method::SetLabel, call).await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        self.faults.pass(Method::Label, self.inner.label(id)).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        self.faults.pass(Method::Usage, self.inner.usage(id)).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        self.faults.pass(Method::Check, self.inner.check(id)).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        let call = self.inner.sync();
        self.faults.pass(Method::Sync, call).await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        let call = self.inner.reclaim();
        self.faults.pass(Method::Reclaim, call).await
    }
}

//! Volumes with a flaw.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use workdisk::metadata::Generation;
use workdisk::model::VolumeId;
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeStatus};
use workdisk::{BackendError, Volume};

/// What the volumes do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VolumeFlaw {
    SharesBytesOfForks,
    FreezesLate,
    LeaksOnFailure,
    FreezesWhatIsMounted,
    RemovesWhatIsMounted,
    ForgetsRemovals,
    ListsAPageTwice,
    TakesAnyStore,
    GivesUnclaimedRecipes,
    LosesModes,
    KeepsTheFirstLabel,
    TakesTheLabelOver,
    LeavesTheLabelBehind,
    ForgetsTheLabelOfAFork,
    LabelsWhatItRefusesToMake,
    FillsNothing,
}

#[derive(Debug)]
pub(super) struct BadVolume {
    inner: Arc<dyn Volume>,
    flaw: VolumeFlaw,
    /// The first fork of each parent.
    first_forks: Mutex<HashMap<VolumeId, VolumeId>>,
    /// The volumes that another one stands for.
    stands_for: Mutex<HashMap<VolumeId, VolumeId>>,
    /// Which volume is to be frozen as which, when somebody asks for it.
    put_off: Mutex<HashMap<VolumeId, VolumeId>>,
    /// Labels that outlive their volumes.
    labels: Mutex<HashMap<VolumeId, String>>,
}

impl BadVolume {
    pub(super) fn new(inner: Arc<dyn Volume>, flaw: VolumeFlaw) -> Self {
        Self {
            inner,
            flaw,
            first_forks: Mutex::default(),
            stands_for: Mutex::default(),
            put_off: Mutex::default(),
            labels: Mutex::default(),
        }
    }

    fn has(&self, flaw: VolumeFlaw) -> bool {
        self.flaw == flaw
    }

    fn real(&self, id: VolumeId) -> VolumeId {
        *self.stands_for.lock().unwrap().get(&id).unwrap_or(&id)
    }

    async fn unmount_first(&self, id: VolumeId) -> Result<(), BackendError> {
        let status = self.inner.status(id).await?;
        if status.is_some_and(|status| status.mounted) {
            self.inner.unmount(id).await?;
        }
        Ok(())
    }

    async fn level_modes(&self, id: VolumeId) -> Result<(), BackendError> {
        let root = self.inner.mount(id).await?;
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_symlink() {
                fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
            }
        }
        self.inner.unmount(id).await
    }
}

#[async_trait]
impl Volume for BadVolume {
    fn info(&self) -> VolumeInfo {
        self.inner.info()
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        let adopt = adopt || self.has(VolumeFlaw::TakesAnyStore);
        self.inner.bind(generation, adopt).await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.inner.create(id).await
    }

    async fn create_labelled(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        let made = self.create(id).await;
        if made.is_ok() || self.has(VolumeFlaw::LabelsWhatItRefusesToMake) {
            self.set_label(id, label).await?;
        }
        made
    }

    async fn fork_labelled(
        &self,
        parent: VolumeId,
        id: VolumeId,
        label: &str,
    ) -> Result<(), BackendError> {
        self.fork(parent, id).await?;
        if self.has(VolumeFlaw::ForgetsTheLabelOfAFork) {
            return Ok(());
        }
        self.set_label(id, label).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        let put_off = self.put_off.lock().unwrap().remove(&parent);
        if let Some(active) = put_off {
            self.inner.freeze(active, parent).await?;
        }
        if self.has(VolumeFlaw::SharesBytesOfForks) {
            let first = self.first_forks.lock().unwrap().get(&parent).copied();
            if let Some(first) = first {
                self.stands_for.lock().unwrap().insert(id, first);
                return Ok(());
            }
            self.first_forks.lock().unwrap().insert(parent, id);
        }
        let answer = self.inner.fork(parent, id).await;
        if answer.is_err() && self.has(VolumeFlaw::LeaksOnFailure) {
            self.inner.create(id).await?;
        }
        if answer.is_ok()
            && self.has(VolumeFlaw::TakesTheLabelOver)
            && let Some(label) = self.inner.label(parent).await?
        {
            self.inner.set_label(id, &label).await?;
        }
        if answer.is_ok() && self.has(VolumeFlaw::LosesModes) {
            self.level_modes(id).await?;
        }
        answer
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        if self.has(VolumeFlaw::FreezesLate) {
            self.put_off.lock().unwrap().insert(frozen, id);
            return Ok(());
        }
        if self.has(VolumeFlaw::FreezesWhatIsMounted) {
            self.unmount_first(id).await?;
        }
        self.inner.freeze(self.real(id), frozen).await
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.inner.path(self.real(id))
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.inner.mount(self.real(id)).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        let folder = self.inner.fill(id).await?;
        if self.has(VolumeFlaw::FillsNothing) {
            return Ok(tempfile::tempdir().unwrap().keep());
        }
        Ok(folder)
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        if self.has(VolumeFlaw::GivesUnclaimedRecipes) {
            return Ok(MountRecipe::new("bind", "somewhere"));
        }
        self.inner.recipe(self.real(id)).await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.inner.unmount(self.real(id)).await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        if self.has(VolumeFlaw::ForgetsRemovals) {
            return Ok(());
        }
        if self.has(VolumeFlaw::RemovesWhatIsMounted) {
            self.unmount_first(id).await?;
        }
        self.inner.remove(self.real(id)).await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        self.inner.status(self.real(id)).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        let after = after.filter(|_| !self.has(VolumeFlaw::ListsAPageTwice));
        self.inner.list(after, limit).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        if self.has(VolumeFlaw::KeepsTheFirstLabel) && self.inner.label(id).await?.is_some() {
            return Ok(());
        }
        if self.has(VolumeFlaw::LeavesTheLabelBehind) {
            self.labels.lock().unwrap().insert(id, label.to_owned());
        }
        self.inner.set_label(self.real(id), label).await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        if let Some(label) = self.labels.lock().unwrap().get(&id) {
            return Ok(Some(label.clone()));
        }
        self.inner.label(self.real(id)).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        self.inner.usage(self.real(id)).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        self.inner.check(self.real(id)).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        self.inner.sync().await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        self.inner.reclaim().await
    }
}

//! Wrappers that count the steps of an operation and stop it at one: a change of the metadata or of the volumes is a step,
//! a read is none.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use workdisk::error::BackendError;
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, VolumeId,
    WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};
use workdisk::volume::{MountRecipe, Usage, VolumeFault, VolumeInfo, VolumeStatus};
use workdisk::{Metadata, Volume};

/// Where the steps break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The step and all after it fail, and do nothing.
    Before(usize),
    /// The step is done, but it fails, and so do all after it, which do nothing.
    After(usize),
    /// The step, a commit, is done but fails, and so do all later commits, which do nothing: the store shows what it may
    /// not keep. The volumes go on.
    Unkept(usize),
    /// From the step on commits fail and do nothing, as if a power cut kept the volumes and lost the records.
    Lost(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    broken: Mutex<Option<Break>>,
    gates: Mutex<Vec<(&'static str, Gate)>>,
    namesake: Mutex<Option<WorkspaceRecord>>,
    forgets: AtomicBool,
}

/// Holds the next step of a kind, before it is done.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

impl Steps {
    /// Breaks from a step on, counted from now, the first being 1.
    pub(crate) fn break_at(&self, at: Break) {
        self.shared.count.store(0, Ordering::SeqCst);
        *self.shared.broken.lock().unwrap() = Some(at);
    }

    /// Whether the step was reached at which it was to break.
    pub(crate) fn has_broken(&self) -> bool {
        let count = self.shared.count.load(Ordering::SeqCst);
        match *self.shared.broken.lock().unwrap() {
            Some(Break::Before(at) | Break::After(at) | Break::Unkept(at) | Break::Lost(at)) => {
                count >= at
            }
            None => false,
        }
    }

    pub(crate) fn heal(&self) {
        *self.shared.broken.lock().unwrap() = None;
        self.shared.forgets.store(false, Ordering::SeqCst);
    }

    /// Has the store answer what it is to keep soon as done and forget it, as a power cut may.
    pub(crate) fn forget_what_is_kept_soon(&self) {
        self.shared.forgets.store(true, Ordering::SeqCst);
    }

    /// Has every search for a name find that record too, as a store may that is not strict about names.
    pub(crate) fn add_namesake(&self, record: WorkspaceRecord) {
        *self.shared.namesake.lock().unwrap() = Some(record);
    }

    pub(crate) fn gate(&self, step: &'static str) -> Gate {
        let gate = Gate {
            reached: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        };
        self.shared.gates.lock().unwrap().push((step, gate.clone()));
        gate
    }

    async fn step<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let gate = {
            let mut gates = self.shared.gates.lock().unwrap();
            let at = gates.iter().position(|(step, _)| *step == name);
            at.map(|at| gates.remove(at).1)
        };
        if let Some(gate) = gate {
            gate.reached.add_permits(1);
            gate.open.acquire().await.unwrap().forget();
        }
        let number = self.shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        let broken = *self.shared.broken.lock().unwrap();
        let failed = || {
            Err(BackendError::unavailable(format!(
                "{name} broke at step {number}"
            )))
        };
        match broken {
            Some(Break::Before(at)) if number >= at => failed(),
            Some(Break::After(at)) if number > at => failed(),
            Some(Break::Lost(at)) if name.starts_with("commit") && number >= at => failed(),
            Some(Break::Unkept(at)) if name.starts_with("commit") && number > at => failed(),
            Some(Break::After(at) | Break::Unkept(at)) if number == at => {
                work.await?;
                failed()
            }
            _ => work.await,
        }
    }
}

#[derive(Debug)]
pub(crate) struct SteppedMetadata {
    inner: Arc<dyn Metadata>,
    steps: Steps,
}

impl SteppedMetadata {
    pub(crate) fn new(inner: Arc<dyn Metadata>, steps: Steps) -> Self {
        Self { inner, steps }
    }
}

#[async_trait]
impl Metadata for SteppedMetadata {
    async fn begin(&self) -> Result<Generation, BackendError> {
        self.inner.begin().await
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        self.inner.take_back(generation).await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        self.steps.step("commit", self.inner.commit(change)).await
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        if self.steps.shared.forgets.load(Ordering::SeqCst) {
            return Ok(Outcome::Done);
        }
        let work = self.inner.commit_soon(change);
        self.steps.step("commit_soon", work).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        self.inner.reservations(after, limit).await
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        self.inner.workspace(account, id).await
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let mut found = self.inner.workspaces_named(account, key).await?;
        found.extend(self.steps.shared.namesake.lock().unwrap().clone());
        Ok(found)
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.inner.list(account, filter, after, limit).await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        self.inner.snapshot(workspace, id).await
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        self.inner.snapshot_named(workspace, key).await
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        self.inner.snapshots(workspace, after, limit).await
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.inner.in_flight(after, limit).await
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.inner.sessions(until, after, limit).await
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.inner.all(after, limit).await
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        self.inner.check(account).await
    }

    async fn repair(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        self.inner.repair(account).await
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        self.inner.receipt(account, key).await
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        self.inner.forget_receipts(before, limit).await
    }
}

#[derive(Debug)]
pub(crate) struct SteppedVolume {
    inner: Arc<dyn Volume>,
    steps: Steps,
}

impl SteppedVolume {
    pub(crate) fn new(inner: Arc<dyn Volume>, steps: Steps) -> Self {
        Self { inner, steps }
    }
}

#[async_trait]
impl Volume for SteppedVolume {
    fn info(&self) -> VolumeInfo {
        self.inner.info()
    }

    fn path(&self, id: VolumeId) -> PathBuf {
        self.inner.path(id)
    }

    async fn bind(&self, generation: Generation, adopt: bool) -> Result<(), BackendError> {
        self.inner.bind(generation, adopt).await
    }

    async fn create(&self, id: VolumeId) -> Result<(), BackendError> {
        self.steps.step("create", self.inner.create(id)).await
    }

    async fn fork(&self, parent: VolumeId, id: VolumeId) -> Result<(), BackendError> {
        self.steps.step("fork", self.inner.fork(parent, id)).await
    }

    async fn freeze(&self, id: VolumeId, frozen: VolumeId) -> Result<(), BackendError> {
        self.steps
            .step("freeze", self.inner.freeze(id, frozen))
            .await
    }

    async fn mount(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.steps.step("mount", self.inner.mount(id)).await
    }

    async fn fill(&self, id: VolumeId) -> Result<PathBuf, BackendError> {
        self.steps.step("fill", self.inner.fill(id)).await
    }

    async fn recipe(&self, id: VolumeId) -> Result<MountRecipe, BackendError> {
        self.inner.recipe(id).await
    }

    async fn unmount(&self, id: VolumeId) -> Result<(), BackendError> {
        self.steps.step("unmount", self.inner.unmount(id)).await
    }

    async fn remove(&self, id: VolumeId) -> Result<(), BackendError> {
        self.steps.step("remove", self.inner.remove(id)).await
    }

    async fn status(&self, id: VolumeId) -> Result<Option<VolumeStatus>, BackendError> {
        self.inner.status(id).await
    }

    async fn list(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<VolumeStatus>, BackendError> {
        self.inner.list(after, limit).await
    }

    async fn set_label(&self, id: VolumeId, label: &str) -> Result<(), BackendError> {
        self.steps
            .step("set_label", self.inner.set_label(id, label))
            .await
    }

    async fn label(&self, id: VolumeId) -> Result<Option<String>, BackendError> {
        self.inner.label(id).await
    }

    async fn usage(&self, id: VolumeId) -> Result<Usage, BackendError> {
        self.inner.usage(id).await
    }

    async fn check(&self, id: VolumeId) -> Result<Vec<VolumeFault>, BackendError> {
        self.inner.check(id).await
    }

    async fn sync(&self) -> Result<(), BackendError> {
        self.inner.sync().await
    }

    async fn reclaim(&self) -> Result<(), BackendError> {
        self.inner.reclaim().await
    }
}

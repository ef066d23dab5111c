//! A metadata store that fails on demand.

use std::sync::Arc;

use async_trait::async_trait;
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, VolumeId,
    WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};
use workdisk::{BackendError, Metadata};

use super::method::Method;
use super::plan::Faults;

/// A store in front of another one, that fails and waits as [`Faults`] says.
#[derive(Clone, Debug)]
pub struct FaultyMetadata {
    inner: Arc<dyn Metadata>,
    faults: Faults,
}

impl FaultyMetadata {
    /// Stands before `inner` and does what `faults` says.
    pub fn new(inner: Arc<dyn Metadata>, faults: &Faults) -> Self {
        Self {
            inner,
            faults: faults.clone(),
        }
    }
}

#[async_trait]
impl Metadata for FaultyMetadata {
    async fn begin(&self) -> Result<Generation, BackendError> {
        self.faults.pass(Method::Begin, self.inner.begin()).await
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        let call = self.inner.take_back(generation);
        self.faults.pass(Method::TakeBack, call).await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        let call = self.inner.commit(change);
        self.faults.pass(Method::Commit, call).await
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        let call = self.inner.commit_soon(change);
        self.faults.pass(Method::CommitSoon, call).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        let call = self.inner.reservations(after, limit);
        self.faults.pass(Method::Reservations, call).await
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        let call = self.inner.workspace(account, id);
        self.faults.pass(Method::Workspace, call).await
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let call = self.inner.workspaces_named(account, key);
        self.faults.pass(Method::WorkspacesNamed, call).await
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let call = self.inner.list(account, filter, after, limit);
        self.faults.pass(Method::ListWorkspaces, call).await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let call = self.inner.snapshot(workspace, id);
        self.faults.pass(Method::Snapshot, call).await
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let call = self.inner.snapshot_named(workspace, key);
        self.faults.pass(Method::SnapshotNamed, call).await
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        let call = self.inner.snapshots(workspace, after, limit);
        self.faults.pass(Method::Snapshots, call).await
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let call = self.inner.in_flight(after, limit);
        self.faults.pass(Method::InFlight, call).await
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let call = self.inner.sessions(until, after, limit);
        self.faults.pass(Method::Sessions, call).await
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let call = self.inner.all(after, limit);
        self.faults.pass(Method::AllWorkspaces, call).await
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        let call = self.inner.check(account);
        self.faults.pass(Method::CheckRecords, call).await
    }

    async fn repair(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        let call = self.inner.repair(account);
        self.faults.pass(Method::RepairRecords, call).await
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        let call = self.inner.receipt(account, key);
        self.faults.pass(Method::Receipt, call).await
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        let call = self.inner.forget_receipts(before, limit);
        self.faults.pass(Method::ForgetReceipts, call).await
    }
}

//! A store whose calls take their time, and that may have a flaw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use workdisk::Metadata;
use workdisk::error::BackendError;
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, VolumeId,
    WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// Every third search for a name answers what the one before it did.
    StaleReads,
    /// A record is replaced whatever version it has by then.
    LostCompare,
}

/// Gives way to other tasks before and after each call, at random.
#[derive(Debug)]
pub(super) struct Shaken {
    inner: Arc<dyn Metadata>,
    flaw: Flaw,
    seen: Mutex<HashMap<(AccountId, NameKey), Vec<WorkspaceRecord>>>,
}

impl Shaken {
    pub(super) fn new(inner: Arc<dyn Metadata>, flaw: Flaw) -> Self {
        Self {
            inner,
            flaw,
            seen: Mutex::default(),
        }
    }

    async fn shaking<T>(&self, call: impl Future<Output = T>) -> T {
        for _ in 0..fastrand::u8(..4) {
            tokio::task::yield_now().await;
        }
        let answer = call.await;
        for _ in 0..fastrand::u8(..4) {
            tokio::task::yield_now().await;
        }
        answer
    }

    /// A change as the store takes it.
    async fn flawed(&self, change: Change) -> Result<Change, BackendError> {
        match self.flaw {
            Flaw::LostCompare => self.uncompared(change).await,
            _ => Ok(change),
        }
    }

    /// A change that is decided on whatever version the record has.
    async fn uncompared(&self, mut change: Change) -> Result<Change, BackendError> {
        if let Change::Update {
            expected, record, ..
        } = &mut change
        {
            let now = self.inner.workspace(&record.account, record.id).await?;
            *expected = now.map_or(*expected, |now| now.version);
            record.version = *expected + 1;
        }
        Ok(change)
    }
}

#[async_trait]
impl Metadata for Shaken {
    async fn begin(&self) -> Result<Generation, BackendError> {
        self.inner.begin().await
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        self.inner.take_back(generation).await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        self.shaking(async {
            let change = self.flawed(change).await?;
            self.inner.commit(change).await
        })
        .await
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        self.shaking(async {
            let change = self.flawed(change).await?;
            self.inner.commit_soon(change).await
        })
        .await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        self.shaking(self.inner.reservations(after, limit)).await
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let found = self
            .shaking(self.inner.workspaces_named(account, key))
            .await?;
        let of = (account.clone(), key.clone());
        let mut seen = self.seen.lock().unwrap();
        match seen.get(&of) {
            Some(before) if self.flaw == Flaw::StaleReads && fastrand::u8(..3) == 0 => {
                Ok(before.clone())
            }
            _ => {
                seen.insert(of, found.clone());
                Ok(found)
            }
        }
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        self.shaking(self.inner.workspace(account, id)).await
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.shaking(self.inner.list(account, filter, after, limit))
            .await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        self.shaking(self.inner.snapshot(workspace, id)).await
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        self.shaking(self.inner.snapshot_named(workspace, key))
            .await
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        self.shaking(self.inner.snapshots(workspace, after, limit))
            .await
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.shaking(self.inner.in_flight(after, limit)).await
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.shaking(self.inner.sessions(until, after, limit)).await
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        self.shaking(self.inner.all(after, limit)).await
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        self.shaking(self.inner.check(account)).await
    }

    async fn repair(
        &self,
        account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        self.shaking(self.inner.repair(account)).await
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        self.shaking(self.inner.receipt(account, key)).await
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        self.shaking(self.inner.forget_receipts(before, limit))
            .await
    }
}

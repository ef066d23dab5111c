//! A store with a flaw.

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

/// What the store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetadataFlaw {
    ForgetsWrites,
    ForgetsRemovals,
    IgnoresTheVersion,
    SaysDoneToATakenName,
    ListsAPageTwice,
    IgnoresTheFilter,
    ForgetsSnapshots,
    HidesDiscards,
    HidesEndlessSessions,
    RepeatsTheGeneration,
    HidesAccounts,
    CriesWolf,
    ForgetsReceipts,
    ForgetsReservations,
    LetsGoWithoutANote,
    ForgetsWhatIsKeptSoon,
}

#[derive(Debug)]
pub(super) struct BadMetadata {
    inner: Arc<dyn Metadata>,
    flaw: MetadataFlaw,
}

impl BadMetadata {
    pub(super) fn new(inner: Arc<dyn Metadata>, flaw: MetadataFlaw) -> Self {
        Self { inner, flaw }
    }

    fn has(&self, flaw: MetadataFlaw) -> bool {
        self.flaw == flaw
    }

    /// The change as it would be if it had been decided on the stored version.
    async fn on_the_stored_version(&self, mut change: Change) -> Result<Change, BackendError> {
        if let Change::Update {
            expected, record, ..
        } = &mut change
        {
            let stored = self.inner.workspace(&record.account, record.id).await?;
            *expected = stored.map_or(*expected, |stored| stored.version);
            record.version = *expected + 1;
        }
        Ok(change)
    }
}

#[async_trait]
impl Metadata for BadMetadata {
    async fn begin(&self) -> Result<Generation, BackendError> {
        let generation = self.inner.begin().await?;
        let number = if self.has(MetadataFlaw::RepeatsTheGeneration) {
            1
        } else {
            generation.number
        };
        Ok(Generation::new(generation.store, number))
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        self.inner.take_back(generation).await
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        let is_removal = matches!(change, Change::Remove { .. });
        let is_forgotten = self.has(MetadataFlaw::ForgetsWrites)
            || (self.has(MetadataFlaw::ForgetsRemovals) && is_removal);
        if is_forgotten {
            return Ok(Outcome::Done);
        }
        let mut change = if self.has(MetadataFlaw::IgnoresTheVersion) {
            self.on_the_stored_version(change).await?
        } else {
            change
        };
        if let Change::Update { reserved, .. } = &mut change
            && self.has(MetadataFlaw::LetsGoWithoutANote)
        {
            reserved.clear();
        }
        let outcome = self.inner.commit(change).await?;
        if self.has(MetadataFlaw::SaysDoneToATakenName) && outcome == Outcome::NameTaken {
            return Ok(Outcome::Done);
        }
        Ok(outcome)
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        if self.has(MetadataFlaw::ForgetsWhatIsKeptSoon) {
            return Ok(Outcome::Done);
        }
        self.inner.commit_soon(change).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        let noted = self.inner.reservations(after, limit).await?;
        let hidden = self.has(MetadataFlaw::ForgetsReservations);
        Ok(noted.into_iter().filter(|_| !hidden).collect())
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
        self.inner.workspaces_named(account, key).await
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let after = after.filter(|_| !self.has(MetadataFlaw::ListsAPageTwice));
        let everything = WorkspaceFilter::default();
        let filter = if self.has(MetadataFlaw::IgnoresTheFilter) {
            &everything
        } else {
            filter
        };
        self.inner.list(account, filter, after, limit).await
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let found = self.inner.snapshot(workspace, id).await?;
        Ok(found.filter(|_| !self.has(MetadataFlaw::ForgetsSnapshots)))
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
        let mut records = self.inner.in_flight(after, limit).await?;
        if self.has(MetadataFlaw::HidesDiscards) {
            records.retain(|record| record.operation.is_some());
        }
        Ok(records)
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let mut records = self.inner.sessions(until, after, limit).await?;
        if self.has(MetadataFlaw::HidesEndlessSessions) {
            records.retain(|record| {
                let session = record.session.as_ref();
                session.is_some_and(|session| session.lease.is_some())
            });
        }
        Ok(records)
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let mut records = self.inner.all(after, limit).await?;
        if self.has(MetadataFlaw::HidesAccounts)
            && let Some(first) = records.first().map(|record| record.account.clone())
        {
            records.retain(|record| record.account == first);
        }
        Ok(records)
    }

    async fn check(&self, account: Option<&AccountId>) -> Result<Vec<MetadataFault>, BackendError> {
        let mut faults = self.inner.check(account).await?;
        if self.has(MetadataFlaw::CriesWolf) {
            faults.push(MetadataFault::new("the store", "nothing at all"));
        }
        Ok(faults)
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
        let found = self.inner.receipt(account, key).await?;
        Ok(found.filter(|_| !self.has(MetadataFlaw::ForgetsReceipts)))
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        self.inner.forget_receipts(before, limit).await
    }
}

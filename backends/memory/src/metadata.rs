//! The trait's face of the records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use workdisk::metadata::{
    Change, Generation, MetadataFault, Outcome, RecordPosition, SessionPosition, session_position,
};
use workdisk::model::{
    AccountId, NameKey, Receipt, Reservation, SnapshotId, SnapshotRecord, Timestamp, VolumeId,
    WorkspaceFilter, WorkspaceId, WorkspaceRecord,
};
use workdisk::{BackendError, Metadata};

use crate::records::Records;

/// Records in memory, refusing what breaks their invariants.
///
/// # Requirements
/// None.
///
/// # Durability
/// None: clones share one state, which is gone with the last of them.
///
/// # Limitations
/// Its cost of finding what is in flight grows with the store.
#[derive(Clone, Debug, Default)]
pub struct MemoryMetadata {
    records: Arc<Mutex<Records>>,
}

impl MemoryMetadata {
    /// Makes an empty store with an id of its own.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // A change is applied to a copy that replaces the original whole, so that a panic leaves nothing half done.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Metadata for MemoryMetadata {
    async fn begin(&self) -> Result<Generation, BackendError> {
        Ok(self.records().begin())
    }

    async fn take_back(&self, generation: Generation) -> Result<(), BackendError> {
        self.records().take_back(generation);
        Ok(())
    }

    async fn commit(&self, change: Change) -> Result<Outcome, BackendError> {
        self.records().commit(change).map_err(BackendError::from)
    }

    async fn commit_soon(&self, change: Change) -> Result<Outcome, BackendError> {
        self.commit(change).await
    }

    async fn reservations(
        &self,
        after: Option<VolumeId>,
        limit: usize,
    ) -> Result<Vec<Reservation>, BackendError> {
        let records = self.records();
        let later = records
            .reservations()
            .filter(|it| after.is_none_or(|after| it.volume > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn workspace(
        &self,
        account: &AccountId,
        id: WorkspaceId,
    ) -> Result<Option<WorkspaceRecord>, BackendError> {
        Ok(self.records().workspace(account, id).cloned())
    }

    async fn workspaces_named(
        &self,
        account: &AccountId,
        key: &NameKey,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        Ok(self
            .records()
            .named(account, key)
            .cloned()
            .into_iter()
            .collect())
    }

    async fn list(
        &self,
        account: &AccountId,
        filter: &WorkspaceFilter,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let records = self.records();
        let matching = records
            .all()
            .filter(|record| record.account == *account && filter.matches(record))
            .filter(|record| after.is_none_or(|after| record.id > after));
        Ok(matching.take(limit).cloned().collect())
    }

    async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let records = self.records();
        Ok(records
            .snapshots(workspace)
            .iter()
            .find(|snapshot| snapshot.id == id)
            .cloned())
    }

    async fn snapshot_named(
        &self,
        workspace: WorkspaceId,
        key: &NameKey,
    ) -> Result<Option<SnapshotRecord>, BackendError> {
        let records = self.records();
        let mut snapshots = records.snapshots(workspace).iter();
        Ok(snapshots
            .find(|snapshot| snapshot.name.key() == key)
            .cloned())
    }

    async fn snapshots(
        &self,
        workspace: WorkspaceId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SnapshotRecord>, BackendError> {
        let records = self.records();
        let later = records
            .snapshots(workspace)
            .iter()
            .filter(|snapshot| after.is_none_or(|after| snapshot.sequence > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn in_flight(
        &self,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let records = self.records();
        let in_flight = records
            .all()
            .filter(|record| record.is_in_flight())
            .filter(|record| after.is_none_or(|after| record.id > after));
        Ok(in_flight.take(limit).cloned().collect())
    }

    async fn sessions(
        &self,
        until: Option<Timestamp>,
        after: Option<SessionPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let records = self.records();
        let mut sessions: Vec<(SessionPosition, &WorkspaceRecord)> = records
            .all()
            .filter_map(|record| Some((session_position(record)?, record)))
            .filter(|(position, _)| until.is_none_or(|until| position.0 <= until))
            .filter(|(position, _)| after.is_none_or(|after| *position > after))
            .collect();
        sessions.sort_by_key(|(position, _)| *position);
        Ok(sessions
            .into_iter()
            .take(limit)
            .map(|(_, record)| record.clone())
            .collect())
    }

    async fn all(
        &self,
        after: Option<RecordPosition>,
        limit: usize,
    ) -> Result<Vec<WorkspaceRecord>, BackendError> {
        let records = self.records();
        let later = records
            .all()
            .filter(|record| after.as_ref().is_none_or(|(_, after)| record.id > *after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn check(
        &self,
        _account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        // A change is refused that would make one, and nothing else writes here.
        Ok(Vec::new())
    }

    async fn repair(
        &self,
        _account: Option<&AccountId>,
    ) -> Result<Vec<MetadataFault>, BackendError> {
        Ok(Vec::new())
    }

    async fn receipt(
        &self,
        account: &AccountId,
        key: &str,
    ) -> Result<Option<Receipt>, BackendError> {
        Ok(self.records().receipt(account, key).cloned())
    }

    async fn forget_receipts(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, BackendError> {
        Ok(self.records().forget_receipts(before, limit))
    }
}

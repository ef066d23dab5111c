//! What most cases do with a store.

use workdisk::metadata::{Change, Outcome, SnapshotChange};
use workdisk::model::{AccountId, SnapshotRecord, WorkspaceFilter, WorkspaceId, WorkspaceRecord};
use workdisk::{BackendErrorKind, Metadata};

use crate::fixtures::next;

pub(crate) async fn try_insert(store: &dyn Metadata, record: &WorkspaceRecord) -> Outcome {
    let record = record.clone();
    let answer = store.commit(Change::Insert { record }).await;
    answer.expect("an insertion is answered")
}

pub(crate) async fn insert(store: &dyn Metadata, record: &WorkspaceRecord) {
    let outcome = try_insert(store, record).await;
    assert_eq!(outcome, Outcome::Done, "inserting {}", record.id);
}

pub(crate) fn change(
    expected: u64,
    record: &WorkspaceRecord,
    snapshots: &[SnapshotChange],
) -> Change {
    Change::Update {
        expected,
        record: record.clone(),
        snapshots: snapshots.to_vec(),
        receipt: None,
        reserved: Vec::new(),
    }
}

/// Commits the record as the successor of the version before it.
pub(crate) async fn try_update(
    store: &dyn Metadata,
    record: &WorkspaceRecord,
    snapshots: &[SnapshotChange],
) -> Outcome {
    let answer = store
        .commit(change(record.version - 1, record, snapshots))
        .await;
    answer.expect("an update is answered")
}

pub(crate) async fn update(
    store: &dyn Metadata,
    record: &WorkspaceRecord,
    snapshots: &[SnapshotChange],
) {
    let outcome = try_update(store, record, snapshots).await;
    assert_eq!(outcome, Outcome::Done, "updating {}", record.id);
}

pub(crate) async fn try_remove(store: &dyn Metadata, record: &WorkspaceRecord) -> Outcome {
    let change = Change::Remove {
        account: record.account.clone(),
        id: record.id,
        expected: record.version,
    };
    store.commit(change).await.expect("a removal is answered")
}

pub(crate) async fn remove(store: &dyn Metadata, record: &WorkspaceRecord) {
    let outcome = try_remove(store, record).await;
    assert_eq!(outcome, Outcome::Done, "removing {}", record.id);
}

pub(crate) async fn refused_as_invalid(store: &dyn Metadata, change: Change) {
    let error = store
        .commit(change)
        .await
        .expect_err("the change breaks the contract");
    assert_eq!(*error.kind(), BackendErrorKind::InvalidInput, "{error}");
}

pub(crate) async fn stored(
    store: &dyn Metadata,
    record: &WorkspaceRecord,
) -> Option<WorkspaceRecord> {
    let answer = store.workspace(&record.account, record.id).await;
    answer.expect("a read is answered")
}

/// Demands that the store holds exactly this record under its id.
pub(crate) async fn assert_stored(store: &dyn Metadata, record: &WorkspaceRecord) {
    assert_eq!(stored(store, record).await.as_ref(), Some(record));
}

pub(crate) async fn found(
    store: &dyn Metadata,
    account: &AccountId,
    text: &str,
) -> Vec<WorkspaceId> {
    let key = crate::fixtures::key(text);
    let answer = store.workspaces_named(account, &key).await;
    ids(&answer.expect("a search is answered"))
}

pub(crate) async fn all(store: &dyn Metadata, account: &AccountId) -> Vec<WorkspaceRecord> {
    listed(store, account, &WorkspaceFilter::default()).await
}

pub(crate) async fn listed(
    store: &dyn Metadata,
    account: &AccountId,
    filter: &WorkspaceFilter,
) -> Vec<WorkspaceRecord> {
    let answer = store.list(account, filter, None, usize::MAX).await;
    answer.expect("a listing is answered")
}

pub(crate) async fn snapshots(store: &dyn Metadata, workspace: WorkspaceId) -> Vec<SnapshotRecord> {
    let answer = store.snapshots(workspace, None, usize::MAX).await;
    answer.expect("a listing is answered")
}

pub(crate) fn ids(records: &[WorkspaceRecord]) -> Vec<WorkspaceId> {
    records.iter().map(|record| record.id).collect()
}

pub(crate) fn sorted(mut ids: Vec<WorkspaceId>) -> Vec<WorkspaceId> {
    ids.sort();
    ids
}

/// The record with these snapshots beside those that it had, as its next version.
pub(crate) fn with_snapshots(
    record: &WorkspaceRecord,
    added: &[SnapshotRecord],
) -> WorkspaceRecord {
    let mut record = next(record);
    for snapshot in added {
        record.snapshot_count += 1;
        record.next_sequence = record.next_sequence.max(snapshot.sequence + 1);
    }
    record
}

pub(crate) fn puts(snapshots: &[SnapshotRecord]) -> Vec<SnapshotChange> {
    snapshots.iter().cloned().map(SnapshotChange::Put).collect()
}

//! What a record becomes when its operation is done: by the call itself, or by the recovery that finishes it.

use crate::metadata::SnapshotChange;
use crate::model::{Intent, Operation, SnapshotId, SnapshotRecord, VolumeId, WorkspaceRecord};

/// Applies what came of an operation whose volumes are all there.
///
/// It follows from the record and the operation alone, so that it makes no difference who does it, and when. An import is
/// told more by what it fetched, and a deletion leaves no record.
pub(super) fn complete(record: &mut WorkspaceRecord, operation: &Operation) {
    match &operation.intent {
        Intent::Create => record.saved_at = Some(operation.started_at),
        Intent::Freeze { frozen } => record.frozen_head = Some(*frozen),
        Intent::Snapshot { snapshot } => {
            add_snapshot(record, snapshot);
            base_on(record, snapshot.id);
            record.saved_at = Some(snapshot.created_at);
        }
        Intent::Restore {
            snapshot,
            head,
            save_head_as,
            size_bytes,
        } => {
            record.discard.push(record.head);
            record.head = *head;
            record.failure = None;
            record.saved_at = Some(operation.started_at);
            record.size_bytes = *size_bytes;
            if let Some(saved) = save_head_as {
                add_snapshot(record, saved);
            }
            base_on(record, *snapshot);
        }
        Intent::Import | Intent::Delete => {}
    }
}

/// The snapshots that are put in with what [`complete`] applies.
pub(super) fn snapshots_made(intent: &Intent) -> Vec<SnapshotChange> {
    let made = match intent {
        Intent::Snapshot { snapshot } => Some(snapshot),
        Intent::Restore { save_head_as, .. } => save_head_as.as_ref(),
        _ => None,
    };
    made.cloned().map(SnapshotChange::Put).into_iter().collect()
}

/// The volumes that are all there if the operation needs nothing but [`complete`]; none for one that recovery can only
/// undo.
pub(super) fn volumes_needed(record: &WorkspaceRecord, intent: &Intent) -> Vec<VolumeId> {
    match intent {
        Intent::Create => vec![record.head],
        intent => intent.fresh_volumes(),
    }
}

/// Counts a snapshot in.
fn add_snapshot(record: &mut WorkspaceRecord, snapshot: &SnapshotRecord) {
    record.snapshot_count += 1;
    record.next_sequence = record.next_sequence.max(snapshot.sequence + 1);
}

/// Notes that the head's files are a snapshot's.
pub(super) fn base_on(record: &mut WorkspaceRecord, snapshot: SnapshotId) {
    record.base_snapshot = Some(snapshot);
    record.at_base = true;
    record.discard.extend(record.frozen_head.take());
}

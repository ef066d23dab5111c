//! What breaks the invariants that the model documents of a record.

use std::collections::BTreeSet;

use workdisk::BackendError;
use workdisk::metadata::volumes_of;
use workdisk::model::{Intent, SnapshotRecord, WorkspaceRecord};

/// A broken invariant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Breach {
    #[error("commit: the change is of a kind that this store does not know")]
    UnknownChange,
    #[error("commit: version {given} does not follow {expected}")]
    Version { expected: u64, given: u64 },
    #[error("commit: the account of a record never changes")]
    AccountChanged,
    #[error("commit: the {field} of a record never changes")]
    Immutable { field: &'static str },
    #[error("commit: the {field} of a record never goes back")]
    Backwards { field: &'static str },
    #[error(
        "commit: a session's epoch is greater than that of every earlier one, and the record's is the greatest"
    )]
    Epoch,
    #[error("commit: a session is of its workspace's type")]
    SessionType,
    #[error("commit: an operation and a session are never set together")]
    OperationAndSession,
    #[error("commit: the record counts {counted} snapshots and there are {present}")]
    SnapshotCount { counted: u64, present: usize },
    #[error("commit: sequence {sequence} is another snapshot's or not below the record's next")]
    Sequence { sequence: u64 },
    #[error("commit: a record at its base names a base snapshot that is there")]
    Base,
    #[error("commit: another record names the head")]
    SharedHead,
}

impl From<Breach> for BackendError {
    fn from(breach: Breach) -> Self {
        BackendError::invalid_input(breach.to_string())
    }
}

/// Judges a record's version against the one that it was decided on, 0 for none.
pub(crate) fn version_follows(expected: u64, record: &WorkspaceRecord) -> Result<(), Breach> {
    if expected.checked_add(1) == Some(record.version) {
        return Ok(());
    }
    Err(Breach::Version {
        expected,
        given: record.version,
    })
}

/// Judges what became of a record.
pub(crate) fn of_change(stored: &WorkspaceRecord, record: &WorkspaceRecord) -> Result<(), Breach> {
    // What an import has checked out is known when it ends.
    let operation = stored.operation.as_ref();
    let is_imported = operation.is_some_and(|operation| operation.intent == Intent::Import);
    for (is_kept, field) in [
        (stored.session_type == record.session_type, "session type"),
        (stored.image == record.image, "image"),
        (is_imported || stored.source == record.source, "source"),
        (stored.created_at == record.created_at, "time of creation"),
    ] {
        if !is_kept {
            return Err(Breach::Immutable { field });
        }
    }
    for (is_kept, field) in [
        (stored.revision <= record.revision, "revision"),
        (stored.epoch <= record.epoch, "epoch"),
        (
            stored.next_sequence <= record.next_sequence,
            "next sequence",
        ),
    ] {
        if !is_kept {
            return Err(Breach::Backwards { field });
        }
    }
    let before = stored.session.as_ref().map(|session| session.id);
    if let Some(session) = &record.session
        && before != Some(session.id)
        && session.epoch <= stored.epoch
    {
        return Err(Breach::Epoch);
    }
    Ok(())
}

/// Judges a record with the snapshots that stand beside it, among all records of the store.
pub(crate) fn of_record<'a>(
    record: &WorkspaceRecord,
    snapshots: &[SnapshotRecord],
    mut all: impl Iterator<Item = &'a WorkspaceRecord>,
) -> Result<(), Breach> {
    if record.operation.is_some() && record.session.is_some() {
        return Err(Breach::OperationAndSession);
    }
    if let Some(session) = &record.session {
        if session.session_type != record.session_type {
            return Err(Breach::SessionType);
        }
        if session.epoch > record.epoch {
            return Err(Breach::Epoch);
        }
    }
    if u64::try_from(snapshots.len()) != Ok(record.snapshot_count) {
        return Err(Breach::SnapshotCount {
            counted: record.snapshot_count,
            present: snapshots.len(),
        });
    }
    let mut sequences = BTreeSet::new();
    for snapshot in snapshots {
        if snapshot.sequence >= record.next_sequence || !sequences.insert(snapshot.sequence) {
            return Err(Breach::Sequence {
                sequence: snapshot.sequence,
            });
        }
    }
    if record.at_base
        && !snapshots
            .iter()
            .any(|snapshot| Some(snapshot.id) == record.base_snapshot)
    {
        return Err(Breach::Base);
    }
    if all.any(|other| other.id != record.id && volumes_of(other).contains(&record.head)) {
        return Err(Breach::SharedHead);
    }
    Ok(())
}

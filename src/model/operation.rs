//! Operations in flight: the intent that a record carries while two stores are being changed.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::{SnapshotId, VolumeId};
use super::owner::Owner;
use super::receipt::RequestKey;
use super::snapshot::SnapshotRecord;
use super::status::Status;
use super::time::Timestamp;

/// What a workspace is being put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// It is being created, empty or as a clone.
    Create,
    /// A repository is being imported into it.
    Import,
    /// Its head is being frozen so that clones can start from it.
    Freeze,
    /// A snapshot is being taken.
    Snapshot,
    /// Its files are being replaced by a snapshot's.
    Restore,
    /// It is being deleted.
    Delete,
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OperationKind::Create => "create",
            OperationKind::Import => "import",
            OperationKind::Freeze => "clone",
            OperationKind::Snapshot => "snapshot",
            OperationKind::Restore => "restore",
            OperationKind::Delete => "delete",
        })
    }
}

/// What an operation set out to do, with the id of every volume that it may have made: enough to finish or undo it
/// with nothing else known. If all of them are there when its process is dead, it is finished, else undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Intent {
    /// The record's head is being made. Undone by removing the record.
    Create,
    /// The record's head is being made and is mounted while a repository is written into it. Always undone, by unmounting
    /// it and removing the head and the record.
    Import,
    /// The head is being frozen as `frozen`, for clones. Undone by nothing else.
    Freeze {
        /// The frozen volume.
        frozen: VolumeId,
    },
    /// The head is being frozen as a snapshot's volume. Undone by nothing else.
    Snapshot {
        /// The snapshot that is to be.
        snapshot: SnapshotRecord,
    },
    /// A snapshot is being forked into a new head. Undone by removing what was made.
    Restore {
        /// The snapshot whose files are wanted.
        snapshot: SnapshotId,
        /// The new head.
        head: VolumeId,
        /// The snapshot that the present head is saved as, if that was asked for.
        save_head_as: Option<SnapshotRecord>,
        /// The bytes that the snapshot's files take, if that is known.
        #[serde(default)]
        size_bytes: Option<u64>,
    },
    /// Everything is being removed. Finished.
    Delete,
}

impl Intent {
    /// The kind that callers see.
    pub fn kind(&self) -> OperationKind {
        match self {
            Intent::Create => OperationKind::Create,
            Intent::Import => OperationKind::Import,
            Intent::Freeze { .. } => OperationKind::Freeze,
            Intent::Snapshot { .. } => OperationKind::Snapshot,
            Intent::Restore { .. } => OperationKind::Restore,
            Intent::Delete => OperationKind::Delete,
        }
    }

    /// The status that a workspace shows meanwhile.
    pub fn status(&self) -> Status {
        match self {
            Intent::Create => Status::Creating,
            Intent::Import => Status::Importing,
            Intent::Freeze { .. } | Intent::Snapshot { .. } => Status::Snapshotting,
            Intent::Restore { .. } => Status::Restoring,
            Intent::Delete => Status::Deleting,
        }
    }

    /// The volumes that the operation may have made and that nothing else names yet.
    pub fn fresh_volumes(&self) -> Vec<VolumeId> {
        match self {
            Intent::Create | Intent::Import | Intent::Delete => Vec::new(),
            Intent::Freeze { frozen } => vec![*frozen],
            Intent::Snapshot { snapshot } => vec![snapshot.volume],
            Intent::Restore {
                head, save_head_as, ..
            } => {
                let saved = save_head_as.iter().map(|snapshot| snapshot.volume);
                std::iter::once(*head).chain(saved).collect()
            }
        }
    }
}

/// An operation in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// Tells it from every other operation.
    pub id: Uuid,
    /// What it set out to do.
    pub intent: Intent,
    /// The process that runs it. Another process settles it only when this one is known to be dead.
    pub owner: Owner,
    /// When it began.
    pub started_at: Timestamp,
    /// The request that it is for, of which a receipt is kept once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestKey>,
}

impl Operation {
    /// Begins an operation.
    pub fn new(intent: Intent, owner: Owner, started_at: Timestamp) -> Self {
        Self {
            id: Uuid::new_v4(),
            intent,
            owner,
            started_at,
            request: None,
        }
    }

    /// Says for which request it is.
    #[must_use]
    pub fn with_request(mut self, request: Option<RequestKey>) -> Self {
        self.request = request;
        self
    }
}

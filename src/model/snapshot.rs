//! Snapshots: as stored, and as callers see them.

use serde::{Deserialize, Serialize};

use super::id::{SnapshotId, VolumeId};
use super::name::SnapshotName;
use super::time::Timestamp;

/// A snapshot as [`Metadata`](crate::Metadata) keeps it.
///
/// - `sequence` grows with every snapshot of a workspace and orders them; the time does not.
/// - `volume` is frozen and is named by this record alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotRecord {
    /// The snapshot.
    pub id: SnapshotId,
    /// Its place among the workspace's snapshots.
    pub sequence: u64,
    /// Its name, unique in the workspace.
    pub name: SnapshotName,
    /// The frozen volume that holds its files.
    pub volume: VolumeId,
    /// The snapshot that the files had last started from, or been saved as, when it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SnapshotId>,
    /// When it was taken.
    pub created_at: Timestamp,
    /// The bytes on disk that its files take, those shared with others included, once measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl SnapshotRecord {
    /// Notes a snapshot.
    pub fn new(
        id: SnapshotId,
        sequence: u64,
        name: SnapshotName,
        volume: VolumeId,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            sequence,
            name,
            volume,
            parent: None,
            created_at,
            size_bytes: None,
        }
    }
}

/// A snapshot as callers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The snapshot.
    pub id: SnapshotId,
    /// Its name, as it was given.
    pub name: String,
    /// When it was taken.
    pub created_at: Timestamp,
    /// The bytes on disk that its files take, those shared with others included, or `None` until measured.
    pub size_bytes: Option<u64>,
    /// The snapshot that the files had last started from, or been saved as, when it was taken. It may be deleted since.
    pub parent: Option<SnapshotId>,
}

impl From<&SnapshotRecord> for Snapshot {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            id: record.id,
            name: record.name.as_str().to_owned(),
            created_at: record.created_at,
            size_bytes: record.size_bytes,
            parent: record.parent,
        }
    }
}

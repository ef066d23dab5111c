//! A snapshot in its JSON form.

use serde::{Deserialize, Serialize};
use workdisk::model::{SnapshotId, Timestamp};

/// A snapshot as it is written in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: SnapshotId,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) parent: Option<SnapshotId>,
}

impl Snapshot {
    /// Reads the JSON form of the library's own type.
    pub(crate) fn of(snapshot: &workdisk::model::Snapshot) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::to_value(snapshot)?)
    }
}

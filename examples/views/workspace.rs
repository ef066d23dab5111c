//! A workspace in its JSON form.

use std::fmt;

use serde::{Deserialize, Serialize};
use workdisk::error::Failure;
use workdisk::model::{SessionId, SessionType, SnapshotId, Timestamp, WorkspaceId};

/// A workspace as it is written in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) id: WorkspaceId,
    pub(crate) name: Option<String>,
    pub(crate) session_type: SessionType,
    pub(crate) status: String,
    /// How far an import is, where a server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
    pub(crate) image: Option<String>,
    pub(crate) template: bool,
    pub(crate) active_session_id: Option<SessionId>,
    pub(crate) last_session_id: Option<SessionId>,
    pub(crate) source: Option<Source>,
    pub(crate) persistence: Persistence,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: u64,
}

/// How far an import is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) phase: String,
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    pub(crate) bytes: u64,
}

/// How a workspace's files are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Persistence {
    pub(crate) backend: String,
    pub(crate) saved_at: Option<Timestamp>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) snapshot_count: u64,
    pub(crate) base_snapshot: Option<SnapshotId>,
}

/// What a workspace was made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    Clone {
        clone_of: WorkspaceId,
        snapshot: Option<SnapshotId>,
    },
    Other(serde_json::Value),
}

impl Workspace {
    /// Reads the JSON form of the library's own type.
    pub(crate) fn of(workspace: &workdisk::model::Workspace) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::to_value(workspace)?)
    }
}

impl fmt::Display for Workspace {
    /// The name, or the id of a workspace without one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => fmt::Display::fmt(&self.id, f),
        }
    }
}

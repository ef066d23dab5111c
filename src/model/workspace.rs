//! A workspace as callers see it.

use serde::Serialize;

use super::account::AccountId;
use super::id::{SessionId, SnapshotId, WorkspaceId};
use super::operation::OperationKind;
use super::record::WorkspaceRecord;
use super::session_type::SessionType;
use super::source::Source;
use super::status::Status;
use super::time::Timestamp;
use crate::error::Failure;

/// A workspace at the moment of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Workspace {
    /// Its id, for life.
    pub id: WorkspaceId,
    /// Its account. Not part of the serialized form.
    #[serde(skip)]
    pub account: AccountId,
    /// Its name as it was given, or `None`.
    pub name: Option<String>,
    /// What sessions it takes, for life.
    pub session_type: SessionType,
    /// Its state.
    pub status: Status,
    /// The operation in flight. Not part of the serialized form, where `status` says it.
    #[serde(skip)]
    pub operation: Option<OperationKind>,
    /// What failed, if the status is [`Status::Failed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The canonical OCI reference of a sandbox's image.
    pub image: Option<String>,
    /// Whether it is meant to be cloned.
    pub template: bool,
    /// The running session.
    pub active_session_id: Option<SessionId>,
    /// The session before.
    pub last_session_id: Option<SessionId>,
    /// What it was made from.
    pub source: Option<Source>,
    /// How its files are kept.
    pub persistence: Persistence,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with every change that a caller can see.
    pub revision: u64,
}

/// How a workspace's files are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Persistence {
    /// The volume backend's name.
    pub backend: String,
    /// When the files were last made durable, or `None` before the first time.
    pub saved_at: Option<Timestamp>,
    /// The bytes on disk that the files take, those shared with others included, or `None` until measured.
    pub size_bytes: Option<u64>,
    /// How many snapshots there are.
    pub snapshot_count: u64,
    /// The snapshot that the files last started from, or were last saved as. It may be deleted since.
    pub base_snapshot: Option<SnapshotId>,
}

impl Workspace {
    pub(crate) fn of(record: &WorkspaceRecord, backend: &str) -> Self {
        Self {
            id: record.id,
            account: record.account.clone(),
            name: record.name.as_ref().map(|name| name.as_str().to_owned()),
            session_type: record.session_type,
            status: record.status(),
            operation: record
                .operation
                .as_ref()
                .map(|operation| operation.intent.kind()),
            failure: record
                .failure
                .clone()
                .filter(|_| record.status() == Status::Failed),
            image: record.image.as_ref().map(|image| image.as_str().to_owned()),
            template: record.template,
            active_session_id: record.session.as_ref().map(|session| session.id),
            last_session_id: record.last_session,
            source: record.source.clone(),
            persistence: Persistence {
                backend: backend.to_owned(),
                saved_at: record.saved_at,
                size_bytes: record.size_bytes,
                snapshot_count: record.snapshot_count,
                base_snapshot: record.base_snapshot,
            },
            created_at: record.created_at,
            updated_at: record.updated_at,
            revision: record.revision,
        }
    }
}

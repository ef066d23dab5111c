//! A workspace as the store keeps it.

use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::id::{SessionId, SnapshotId, VolumeId, WorkspaceId};
use super::image::ImageRef;
use super::name::WorkspaceName;
use super::operation::Operation;
use super::session::SessionRecord;
use super::session_type::SessionType;
use super::source::Source;
use super::status::Status;
use super::time::Timestamp;
use crate::error::Failure;

/// Everything about one workspace but its snapshots, which stand beside it so that a thousand of them do not make it
/// large.
///
/// - `id`, `account`, `session_type`, `image` and `created_at` never change, and neither does `source` once what it tells
///   of is done.
/// - `version` grows by one with every write and is what a compare-and-swap compares. `revision` grows with every write
///   that a caller can see, so that the renewal of a lease does not disturb a caller's precondition.
/// - `head` is an active volume that no other record names. Every other volume id that a record holds is frozen or on
///   its way out.
/// - `operation` and `session` are never set together.
///
/// What is not set is left out where it is written by `serde`, and need not be there where it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkspaceRecord {
    /// The workspace.
    pub id: WorkspaceId,
    /// Its account.
    pub account: AccountId,
    /// Counts the writes of the record.
    pub version: u64,
    /// Counts the changes that a caller can see.
    pub revision: u64,
    /// Its name, unique in the account by its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<WorkspaceName>,
    /// What sessions it takes.
    pub session_type: SessionType,
    /// The image of a sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// Whether it is meant to be cloned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The disk that sessions mount.
    pub head: VolumeId,
    /// A frozen volume with the head's bytes, for clones to start from. `None` as soon as the head may differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_head: Option<VolumeId>,
    /// Volumes that nothing needs any more and that are still to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discard: Vec<VolumeId>,
    /// What is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What made it fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The running session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionRecord>,
    /// The session before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_session: Option<SessionId>,
    /// The greatest fencing epoch that was given away.
    pub epoch: u64,
    /// How many snapshots it has.
    pub snapshot_count: u64,
    /// The sequence number of the next snapshot.
    pub next_sequence: u64,
    /// The snapshot that the files last started from, or were last saved as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_snapshot: Option<SnapshotId>,
    /// Whether the head's files are still exactly those of `base_snapshot`, which is then still there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_base: bool,
    /// When the files were last made durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_at: Option<Timestamp>,
    /// The bytes on disk that the files take, those shared with others included, when they were last measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a caller could last see a change.
    pub updated_at: Timestamp,
}

impl WorkspaceRecord {
    /// Begins a record of version and revision 1.
    pub fn new(
        id: WorkspaceId,
        account: AccountId,
        session_type: SessionType,
        head: VolumeId,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            version: 1,
            revision: 1,
            name: None,
            session_type,
            image: None,
            template: false,
            source: None,
            head,
            frozen_head: None,
            discard: Vec::new(),
            operation: None,
            failure: None,
            session: None,
            last_session: None,
            epoch: 0,
            snapshot_count: 0,
            next_sequence: 1,
            base_snapshot: None,
            at_base: false,
            saved_at: None,
            size_bytes: None,
            created_at,
            updated_at: created_at,
        }
    }

    /// The state that the record is in. An operation in flight hides a failure.
    pub fn status(&self) -> Status {
        match (&self.operation, &self.session, &self.failure) {
            (Some(operation), _, _) => operation.intent.status(),
            (None, Some(_), _) => Status::Active,
            (None, None, Some(_)) => Status::Failed,
            (None, None, None) => Status::Ready,
        }
    }

    /// Whether a crash now would leave something for `recover()` to settle, a session aside.
    pub fn is_in_flight(&self) -> bool {
        self.operation.is_some() || !self.discard.is_empty()
    }
}

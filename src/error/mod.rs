//! Failures: [`Error`] is what a caller of the manager gets, [`BackendError`] what an implementer of a backend gives.
//!
//! A variant is a decision that the caller can take, with the data that it needs for it. The text names the thing and
//! what to do, stays on one line whatever the names hold, and never tells of another account.

mod backend;
mod code;

pub use backend::{BackendError, BackendErrorKind, Holder};
pub use code::ErrorCode;

use serde::{Deserialize, Serialize};

use crate::model::{
    GitRef, GithubRepo, ImportLimit, NameRule, OperationKind, SessionId, SessionType, Timestamp,
    WorkspaceId,
};

/// Why a call of the [WorkspaceManager` or of an account's handle failed.
///
/// Unless a variant says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value other than a name, selector or image is malformed.
    #[error("{reason}")]
    InvalidRequest {
        /// What is wrong with which value.
        reason: String,
    },
    /// The name breaks a rule.
    #[error("the workspace name is not allowed: {rule}")]
    WorkspaceNameInvalid {
        /// The rule.
        rule: NameRule,
    },
    /// The name breaks a rule.
    #[error("the snapshot name is not allowed: {rule}")]
    SnapshotNameInvalid {
        /// The rule.
        rule: NameRule,
    },
    /// The text is not an OCI image reference.
    #[error("{image:?} is not an OCI image reference: {reason}")]
    ImageInvalid {
        /// The text that was given.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An image was given for a browser workspace.
    #[error("a browser workspace has no image; leave it out or create a sandbox workspace")]
    ImageNotAllowed,
    /// The text is not `owner/repo`. It is not repeated, because a URL may hold a credential.
    #[error("not a repository of GitHub, which is `owner/repo`: {reason}")]
    GithubRepoInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No such workspace in this account. The same for one that never was and for one of another account.
    #[error("no workspace {selector:?} in this account")]
    WorkspaceNotFound {
        /// The selector as it was given.
        selector: String,
    },
    /// The workspace has no such snapshot.
    #[error("the workspace has no snapshot {snapshot:?}")]
    SnapshotNotFound {
        /// The snapshot's selector as it was given.
        snapshot: String,
    },
    /// The workspace has no such session now.
    #[error("the workspace has no session {session}")]
    SessionNotFound {
        /// The session's id as it was given.
        session: SessionId,
    },
    /// Another workspace of the account has the name, ignoring case.
    #[error(
        "another workspace of this account is named {name:?}, ignoring case; choose another name"
    )]
    WorkspaceNameTaken {
        /// The name that was asked for.
        name: String,
    },
    /// Another snapshot of the workspace has the name, ignoring case.
    #[error(
        "another snapshot of this workspace is named {name:?}, ignoring case; choose another name"
    )]
    SnapshotNameTaken {
        /// The name that was asked for.
        name: String,
    },
    /// The store holds more than one workspace of that name.
    #[error("{count} workspaces are named {name:?}; give one's id instead", count = candidates.len())]
    WorkspaceNameAmbiguous {
        /// The name that was asked for.
        name: String,
        /// The workspaces that carry it.
        candidates: Vec<WorkspaceId>,
    },
    /// A session is running on the workspace.
    #[error(
        "workspace {workspace} has the active session {active_session_id}; end it{or_force}",
        or_force = if *.force_would_help { ", or ask again with force" } else { " first" }
    )]
    WorkspaceActive {
        /// The workspace.
        workspace: WorkspaceId,
        /// Its session.
        active_session_id: SessionId,
        /// Whether the same call with force would end the session and go on.
        force_would_help: bool,
    },
    /// Another operation is running on the workspace. The call can be repeated.
    #[error("workspace {workspace} is busy: {operation} is running; try again when it is done")]
    WorkspaceBusy {
        /// The workspace.
        workspace: WorkspaceId,
        /// The operation that is running.
        operation: OperationKind,
    },
    /// The workspace is failed: it can be read, restored from a snapshot, and deleted.
    #[error("workspace {workspace} is failed ({code}): {message}; restore a snapshot or delete it",
        code = failure.code, message = failure.message)]
    WorkspaceFailed {
        /// The workspace.
        workspace: WorkspaceId,
        /// What failed.
        failure: Failure,
    },
    /// The workspace is locked for life to another session type.
    #[error("workspace {workspace} takes {locked_to} sessions, not {requested}")]
    SessionTypeMismatch {
        /// The workspace.
        workspace: WorkspaceId,
        /// The type that it takes.
        locked_to: SessionType,
        /// The type that was asked for.
        requested: SessionType,
    },
    /// The session could not be stopped. Its lease is revoked; nothing else has changed.
    #[error("session {session} of workspace {workspace} could not be stopped: {reason}{held}", held = held_by(holders))]
    SessionTerminationFailed {
        /// The workspace.
        workspace: WorkspaceId,
        /// The session that goes on.
        session: SessionId,
        /// The processes that hold the disk, as far as they can be seen.
        holders: Vec<Holder>,
        /// What went wrong.
        reason: String,
    },
    /// The session's epoch is stale: its lease was revoked, ran out, or another session has started since.
    #[error("session {session} is no longer the holder of its workspace")]
    SessionFenced {
        /// The session whose epoch is stale.
        session: SessionId,
    },
    /// GitHub has no such repository, or does not show it to the credential that it was given.
    #[error("{repo} is not found; look at its name, or give a credential that may read it")]
    ImportNotFound {
        /// The repository.
        repo: GithubRepo,
    },
    /// GitHub wants a credential, or another one. It also answers so for a repository that does not exist if it was given
    /// none.
    #[error("{repo} may not be read: {reason}")]
    ImportUnauthorized {
        /// The repository.
        repo: GithubRepo,
        /// What was wrong with the credential.
        reason: &'static str,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{repo} has no branch, tag or commit {reference:?}", reference = reference.as_str())]
    ImportRefNotFound {
        /// The repository.
        repo: GithubRepo,
        /// What was asked for.
        reference: GitRef,
    },
    /// The import is beyond a limit that the embedding application has set.
    #[error("the import of {repo} is beyond its limit of {limit}")]
    ImportTooLarge {
        /// The repository.
        repo: GithubRepo,
        /// What there is too much of.
        limit: ImportLimit,
    },
    /// GitHub did not answer, or not with a repository that can be checked out.
    #[error("{repo} could not be imported: {reason}")]
    ImportUnreachable {
        /// The repository.
        repo: GithubRepo,
        /// What went wrong.
        reason: String,
        /// Whether it may pass, as what GitHub sends again and again does not.
        retryable: bool,
    },
    /// The import was cancelled: by its caller, who may just have gone away, or by a forced delete.
    #[error("the import of {repo} was cancelled")]
    ImportCancelled {
        /// The repository.
        repo: GithubRepo,
    },
    /// The key was used for another request of the account.
    #[error("the idempotency key {key:?} was used for another request; choose a new one")]
    IdempotencyConflict {
        /// The key that was given.
        key: String,
    },
    /// The workspace has changed since the caller saw it.
    #[error("workspace {workspace} is at revision {revision}, not {expected}; read it again")]
    RevisionConflict {
        /// The workspace.
        workspace: WorkspaceId,
        /// The revision that the caller [expected](crate::Account::expecting).
        expected: u64,
        /// The revision that it has.
        revision: u64,
    },
    /// The disk, its inodes or a quota are used up. The same call succeeds once there is room.
    #[error("{operation}: the storage is full; delete something and try again")]
    StorageFull {
        /// What was being done.
        operation: &'static str,
        /// The backend's error.
        source: BackendError,
    },
    /// The storage did not answer. The call can be repeated; `recover()` settles what was left half done.
    #[error("{operation}: the storage is not available: {source}")]
    StorageUnavailable {
        /// What was being done.
        operation: &'static str,
        /// The backend's error.
        source: BackendError,
    },
    /// The storage holds what it cannot have been given.
    #[error("{operation}: the storage is damaged at {object}: {source}")]
    StorageCorrupt {
        /// What was being done.
        operation: &'static str,
        /// The file, folder or record that is damaged.
        object: String,
        /// The backend's error.
        source: BackendError,
    },
    /// The backend cannot do it.
    #[error("{operation}: {source}")]
    Unsupported {
        /// What was being done.
        operation: &'static str,
        /// The backend's error.
        source: BackendError,
    },
}

impl Error {
    /// The code whose text is stable across releases.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::InvalidRequest { .. } => ErrorCode::InvalidRequest,
            Error::WorkspaceNameInvalid { .. } => ErrorCode::WorkspaceNameInvalid,
            Error::SnapshotNameInvalid { .. } => ErrorCode::SnapshotNameInvalid,
            Error::ImageInvalid { .. } => ErrorCode::ImageInvalid,
            Error::ImageNotAllowed => ErrorCode::ImageNotAllowed,
            Error::GithubRepoInvalid { .. } => ErrorCode::GithubRepoInvalid,
            Error::WorkspaceNotFound { .. } => ErrorCode::WorkspaceNotFound,
            Error::SnapshotNotFound { .. } => ErrorCode::SnapshotNotFound,
            Error::SessionNotFound { .. } => ErrorCode::SessionNotFound,
            Error::WorkspaceNameTaken { .. } => ErrorCode::WorkspaceNameTaken,
            Error::SnapshotNameTaken { .. } => ErrorCode::SnapshotNameTaken,
            Error::WorkspaceNameAmbiguous { .. } => ErrorCode::WorkspaceNameAmbiguous,
            Error::WorkspaceActive { .. } => ErrorCode::WorkspaceActive,
            Error::WorkspaceBusy { .. } => ErrorCode::WorkspaceBusy,
            Error::WorkspaceFailed { .. } => ErrorCode::WorkspaceFailed,
            Error::SessionTypeMismatch { .. } => ErrorCode::SessionTypeMismatch,
            Error::SessionTerminationFailed { .. } => ErrorCode::SessionTerminationFailed,
            Error::SessionFenced { .. } => ErrorCode::SessionFenced,
            Error::ImportNotFound { .. } => ErrorCode::ImportNotFound,
            Error::ImportUnauthorized { .. } => ErrorCode::ImportUnauthorized,
            Error::ImportRefNotFound { .. } => ErrorCode::ImportRefNotFound,
            Error::ImportTooLarge { .. } => ErrorCode::ImportTooLarge,
            Error::ImportUnreachable { .. } => ErrorCode::ImportUnreachable,
            Error::ImportCancelled { .. } => ErrorCode::ImportCancelled,
            Error::IdempotencyConflict { .. } => ErrorCode::IdempotencyConflict,
            Error::RevisionConflict { .. } => ErrorCode::RevisionConflict,
            Error::StorageFull { .. } => ErrorCode::StorageFull,
            Error::StorageUnavailable { .. } => ErrorCode::StorageUnavailable,
            Error::StorageCorrupt { .. } => ErrorCode::StorageCorrupt,
            Error::Unsupported { .. } => ErrorCode::Unsupported,
        }
    }

    /// Whether the same call can succeed later with nothing else done.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Error::WorkspaceBusy { .. }
                | Error::ImportUnreachable {
                    retryable: true,
                    ..
                }
                | Error::StorageUnavailable { .. }
        )
    }

    /// Turns a backend's failure into a caller's, naming what was being done: for code that opens backends for a caller.
    pub fn storage(operation: &'static str, source: BackendError) -> Self {
        match source.kind() {
            BackendErrorKind::Full => Error::StorageFull { operation, source },
            BackendErrorKind::Unsupported => Error::Unsupported { operation, source },
            BackendErrorKind::Corrupt { object } => {
                let object = object.clone();
                Error::StorageCorrupt {
                    operation,
                    object,
                    source,
                }
            }
            // The record names a volume that is not there, or not in that state: the two stores disagree.
            BackendErrorKind::NotFound
            | BackendErrorKind::AlreadyExists
            | BackendErrorKind::WrongState
            | BackendErrorKind::Mismatch => {
                let object = source.to_string();
                Error::StorageCorrupt {
                    operation,
                    object,
                    source,
                }
            }
            BackendErrorKind::Busy { .. }
            | BackendErrorKind::InUse
            | BackendErrorKind::Unavailable
            | BackendErrorKind::InvalidInput => Error::StorageUnavailable { operation, source },
        }
    }
}

fn held_by(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return String::new();
    }
    let names: Vec<String> = holders.iter().map(Holder::to_string).collect();
    format!("; held by {}", names.join(", "))
}

/// What made a workspace fail: kept on it until it is restored or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The code of the error.
    pub code: ErrorCode,
    /// Its text.
    pub message: String,
    /// When it happened.
    pub at: Timestamp,
}

impl Failure {
    /// Notes an error.
    pub fn new(code: ErrorCode, message: impl Into<String>, at: Timestamp) -> Self {
        Self {
            code,
            message: message.into(),
            at,
        }
    }
}

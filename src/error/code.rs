//! The stable text of each error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a failure in a text that never changes between releases.
///
/// Callers match on it across process boundaries; [`Error`](crate::Error) is what they match on in Rust. The text is
/// what [`as_str`](ErrorCode::as_str) and the serde form give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// A value that is no selector, name or image is malformed: an account id, a page limit, a cursor.
    InvalidRequest,
    /// A workspace name breaks a rule.
    WorkspaceNameInvalid,
    /// A snapshot name breaks a rule.
    SnapshotNameInvalid,
    /// A text is not an OCI image reference.
    ImageInvalid,
    /// An image was given for a browser workspace.
    ImageNotAllowed,
    /// A text is not `owner/repo`.
    GithubRepoInvalid,
    /// No such workspace in this account.
    WorkspaceNotFound,
    /// No such snapshot of this workspace.
    SnapshotNotFound,
    /// No such session of this workspace.
    SessionNotFound,
    /// Another workspace of the account has the name.
    WorkspaceNameTaken,
    /// Another snapshot of the workspace has the name.
    SnapshotNameTaken,
    /// The store holds more than one workspace of that name.
    WorkspaceNameAmbiguous,
    /// A session is running.
    WorkspaceActive,
    /// Another operation is running.
    WorkspaceBusy,
    /// The workspace is failed.
    WorkspaceFailed,
    /// The workspace is locked to the other session type.
    SessionTypeMismatch,
    /// The session could not be stopped.
    SessionTerminationFailed,
    /// The session or its epoch has been superseded.
    SessionFenced,
    /// GitHub has no such repository, or does not show it.
    ImportNotFound,
    /// GitHub wants another credential than it was given, or one at all.
    ImportUnauthorized,
    /// The repository has no such branch, tag or commit.
    ImportRefNotFound,
    /// An import is beyond a limit.
    ImportTooLarge,
    /// GitHub did not answer, or not with a repository.
    ImportUnreachable,
    /// An import was cancelled.
    ImportCancelled,
    /// The idempotency key was used for another request.
    IdempotencyConflict,
    /// The workspace has changed since the caller saw it.
    RevisionConflict,
    /// The disk or its inodes are used up.
    StorageFull,
    /// The storage did not answer, or refuses until it is reopened.
    StorageUnavailable,
    /// The storage holds what it cannot have been given.
    StorageCorrupt,
    /// The backend cannot do it.
    Unsupported,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [ErrorCode; 30] = [
        ErrorCode::InvalidRequest,
        ErrorCode::WorkspaceNameInvalid,
        ErrorCode::SnapshotNameInvalid,
        ErrorCode::ImageInvalid,
        ErrorCode::ImageNotAllowed,
        ErrorCode::GithubRepoInvalid,
        ErrorCode::WorkspaceNotFound,
        ErrorCode::SnapshotNotFound,
        ErrorCode::SessionNotFound,
        ErrorCode::WorkspaceNameTaken,
        ErrorCode::SnapshotNameTaken,
        ErrorCode::WorkspaceNameAmbiguous,
        ErrorCode::WorkspaceActive,
        ErrorCode::WorkspaceBusy,
        ErrorCode::WorkspaceFailed,
        ErrorCode::SessionTypeMismatch,
        ErrorCode::SessionTerminationFailed,
        ErrorCode::SessionFenced,
        ErrorCode::ImportNotFound,
        ErrorCode::ImportUnauthorized,
        ErrorCode::ImportRefNotFound,
        ErrorCode::ImportTooLarge,
        ErrorCode::ImportUnreachable,
        ErrorCode::ImportCancelled,
        ErrorCode::IdempotencyConflict,
        ErrorCode::RevisionConflict,
        ErrorCode::StorageFull,
        ErrorCode::StorageUnavailable,
        ErrorCode::StorageCorrupt,
        ErrorCode::Unsupported,
    ];

    /// The text of the code, as it stands in an API answer or a log.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::WorkspaceNameInvalid => "workspace_name_invalid",
            ErrorCode::SnapshotNameInvalid => "snapshot_name_invalid",
            ErrorCode::ImageInvalid => "image_invalid",
            ErrorCode::ImageNotAllowed => "image_not_allowed",
            ErrorCode::GithubRepoInvalid => "github_repo_invalid",
            ErrorCode::WorkspaceNotFound => "workspace_not_found",
            ErrorCode::SnapshotNotFound => "snapshot_not_found",
            ErrorCode::SessionNotFound => "session_not_found",
            ErrorCode::WorkspaceNameTaken => "workspace_name_taken",
            ErrorCode::SnapshotNameTaken => "snapshot_name_taken",
            ErrorCode::WorkspaceNameAmbiguous => "workspace_name_ambiguous",
            ErrorCode::WorkspaceActive => "workspace_active",
            ErrorCode::WorkspaceBusy => "workspace_busy",
            ErrorCode::WorkspaceFailed => "workspace_failed",
            ErrorCode::SessionTypeMismatch => "session_type_mismatch",
            ErrorCode::SessionTerminationFailed => "session_termination_failed",
            ErrorCode::SessionFenced => "session_fenced",
            ErrorCode::ImportNotFound => "import_not_found",
            ErrorCode::ImportUnauthorized => "import_unauthorized",
            ErrorCode::ImportRefNotFound => "import_ref_not_found",
            ErrorCode::ImportTooLarge => "import_too_large",
            ErrorCode::ImportUnreachable => "import_unreachable",
            ErrorCode::ImportCancelled => "import_cancelled",
            ErrorCode::IdempotencyConflict => "idempotency_conflict",
            ErrorCode::RevisionConflict => "revision_conflict",
            ErrorCode::StorageFull => "storage_full",
            ErrorCode::StorageUnavailable => "storage_unavailable",
            ErrorCode::StorageCorrupt => "storage_corrupt",
            ErrorCode::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Refusals and failures as `application/problem+json` (RFC 9457): the only place that knows their status numbers.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Failure, Holder};

/// Why a request was refused or failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Names the code as a URI.
    #[serde(rename = "type")]
    #[schema(example = "urn:workdisk:error:workspace_not_found")]
    kind: String,
    /// The code in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What happened, and what to do.
    detail: String,
    /// The stable text to decide by.
    #[schema(value_type = String, example = "workspace_not_found")]
    code: &'static str,
    /// Whether the same request can succeed later with nothing else done.
    retryable: bool,
    #[serde(flatten)]
    data: Box<Data>,
    #[serde(skip)]
    wait: Option<Duration>,
}

/// What a caller needs for its decision. Each field is there for the codes that have it.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ProblemData)]
struct Data {
    /// The workspaces that carry an ambiguous name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidates: Option<Vec<Uuid>>,
    /// The workspace that is in another state than the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    workspace_id: Option<Uuid>,
    /// The session that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    active_session_id: Option<Uuid>,
    /// Whether the same request with force would end the session and go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    force_would_help: Option<bool>,
    /// The operation that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    operation: Option<String>,
    /// What made the workspace fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<FailureView>,
    /// The type that the workspace takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    session_type: Option<&'static str>,
    /// The processes that hold the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    holders: Option<Vec<HolderView>>,
    /// The revision that the workspace has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revision: Option<u64>,
}

/// What made a workspace fail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailureView {
    /// The code of the error.
    #[schema(value_type = String)]
    code: &'static str,
    /// What it means.
    message: String,
    /// When it happened.
    #[schema(format = DateTime)]
    at: String,
}

/// A process that keeps a disk in use.
#[derive(Debug, Serialize, ToSchema)]
struct HolderView {
    /// Its id, in the process namespace of the server.
    pid: u32,
    /// Its command's short name.
    command: String,
}

/// What any request may be answered instead of what it asks for.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the variants are only described")]
pub(super) enum Refusal {
    /// `invalid_request`: the request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(#[to_schema] Problem),
    /// `unauthorized`: there is no key, or it is nobody's.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
    /// `workspace_not_found`, `snapshot_not_found`, `session_not_found`: also for anything of another account.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// `invalid_request`: the body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Late(#[to_schema] Problem),
    /// `workspace_name_taken`, `snapshot_name_taken`, `workspace_name_ambiguous`, `workspace_active`, `workspace_busy`,
    /// `workspace_failed`, `session_type_mismatch`, `session_termination_failed`, `session_fenced`, `idempotency_conflict`.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// `revision_conflict`: `If-Match` did not hold.
    #[response(status = 412, content_type = "application/problem+json")]
    Precondition(#[to_schema] Problem),
    /// `invalid_request`: the body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// `invalid_request`: the body is no JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] Problem),
    /// `workspace_name_invalid`, `snapshot_name_invalid`, `image_invalid`, `image_not_allowed`.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// `storage_corrupt`.
    #[response(status = 500, content_type = "application/problem+json")]
    Corrupt(#[to_schema] Problem),
    /// `unsupported`: the server cannot do it.
    #[response(status = 501, content_type = "application/problem+json")]
    Unsupported(#[to_schema] Problem),
    /// `storage_unavailable`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
    /// `storage_full`.
    #[response(status = 507, content_type = "application/problem+json")]
    Full(#[to_schema] Problem),
}

impl Problem {
    fn new(code: ErrorCode, detail: String) -> Self {
        Self::of(code.as_str(), title(code), status(code), detail)
    }

    fn of(code: &'static str, title: &'static str, status: StatusCode, detail: String) -> Self {
        Self {
            kind: format!("urn:workdisk:error:{code}"),
            title,
            status: status.as_u16(),
            detail,
            code,
            retryable: false,
            data: Box::default(),
            wait: None,
        }
    }

    /// A request that cannot be read.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail.into())
    }

    /// A request that cannot be read, in a way that HTTP has a status for.
    pub(super) fn invalid_as(status: StatusCode, detail: impl Into<String>) -> Self {
        let code = ErrorCode::InvalidRequest;
        Self::of(code.as_str(), title(code), status, detail.into())
    }

    /// A request without a good key, and how long the next one has to wait.
    pub(super) fn unauthorized(detail: String, wait: Option<Duration>) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self {
            retryable: wait.is_some(),
            wait,
            ..Self::of(
                "unauthorized",
                "The key is missing or unknown",
                status,
                detail,
            )
        }
    }

    /// A session that there cannot be.
    pub(super) fn session_not_found(id: &str) -> Self {
        let detail = format!("the workspace has no session {id:?}");
        Self::new(ErrorCode::SessionNotFound, detail)
    }

    /// What this server cannot do.
    #[cfg(not(feature = "github"))]
    pub(super) fn unsupported(detail: &str) -> Self {
        Self::new(ErrorCode::Unsupported, detail.to_owned())
    }

    /// What a layer refused before or after any handler.
    pub(super) fn of_layer(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::invalid_as(status, "the body is too large; send less")
            }
            StatusCode::SERVICE_UNAVAILABLE => Self {
                retryable: true,
                wait: Some(Duration::from_secs(5)),
                ..Self::new(
                    ErrorCode::StorageUnavailable,
                    "the call takes long and goes on; ask again under the same idempotency key, or read what became of it"
                        .to_owned(),
                )
            },
            StatusCode::INTERNAL_SERVER_ERROR => Self::new(
                ErrorCode::StorageCorrupt,
                "the server failed; its log has more under the request's id".to_owned(),
            ),
            status => Self::invalid_as(status, "the request cannot be served as it is"),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        let retryable = error.is_retryable();
        let wait = retryable.then(|| Duration::from_secs(if is_of_storage(code) { 5 } else { 1 }));
        let detail = public_detail(&error);
        Self {
            retryable,
            wait,
            data: Box::new(Data::of(error)),
            ..Self::new(code, detail)
        }
    }
}

impl Data {
    fn of(error: Error) -> Self {
        let mut data = Self::default();
        match error {
            Error::WorkspaceNameAmbiguous { candidates, .. } => {
                data.candidates = Some(candidates.iter().map(|id| *id.as_uuid()).collect());
            }
            Error::WorkspaceActive {
                workspace,
                active_session_id,
                force_would_help,
            } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.active_session_id = Some(*active_session_id.as_uuid());
                data.force_would_help = Some(force_would_help);
            }
            Error::WorkspaceBusy {
                workspace,
                operation,
            } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.operation = Some(operation.to_string());
            }
            Error::WorkspaceFailed { workspace, failure } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.failure = Some(FailureView::from(failure));
            }
            Error::SessionTypeMismatch {
                workspace,
                locked_to,
                ..
            } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.session_type = Some(locked_to.as_str());
            }
            Error::SessionTerminationFailed {
                workspace,
                session,
                holders,
                ..
            } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.active_session_id = Some(*session.as_uuid());
                data.holders = Some(holders.into_iter().map(HolderView::from).collect());
            }
            Error::RevisionConflict {
                workspace,
                revision,
                ..
            } => {
                data.workspace_id = Some(*workspace.as_uuid());
                data.revision = Some(revision);
            }
            _ => {}
        }
        data
    }
}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        let message = match is_of_storage(failure.code) {
            true => public(failure.code).to_owned(),
            false => failure.message,
        };
        Self {
            code: failure.code.as_str(),
            message,
            at: failure.at.to_string(),
        }
    }
}

impl From<Holder> for HolderView {
    fn from(holder: Holder) -> Self {
        Self {
            pid: holder.pid,
            command: holder.command,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("because it holds texts and numbers alone");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"workdisk\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.wait {
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Answers a path that there is nothing at.
pub(super) async fn unknown_path() -> Problem {
    let detail = "there is nothing at this path; GET /v1/openapi.json lists what there is";
    Problem::invalid_as(StatusCode::NOT_FOUND, detail)
}

/// Answers a method that the path does not take. The answer's `Allow` says which it does.
pub(super) async fn wrong_method() -> Problem {
    let detail = "the path does not take this method; the Allow header says which it takes";
    Problem::invalid_as(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// What happened, without what the storage says of itself: that is for those who run the server.
fn public_detail(error: &Error) -> String {
    let code = error.code();
    match error {
        Error::WorkspaceFailed { workspace, failure } => {
            let code = failure.code;
            format!("workspace {workspace} is failed ({code}); restore a snapshot or delete it")
        }
        _ if is_of_storage(code) || code == ErrorCode::SessionTerminationFailed => {
            tracing::error!(%code, %error, "a request failed");
            public(code).to_owned()
        }
        error => error.to_string(),
    }
}

fn is_of_storage(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::StorageFull
            | ErrorCode::StorageUnavailable
            | ErrorCode::StorageCorrupt
            | ErrorCode::Unsupported
    )
}

/// What a caller is told of a failure whose own text is for those who run the server.
fn public(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::StorageFull => "the storage is full; delete something and try again",
        ErrorCode::StorageUnavailable => "the storage is not available; try again later",
        ErrorCode::StorageCorrupt => {
            "the storage of this workspace is damaged; restore a snapshot or delete it"
        }
        ErrorCode::Unsupported => "the server's storage cannot do this",
        _ => "the session could not be stopped; end what holds its disk and try again",
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorCode::WorkspaceNameInvalid
        | ErrorCode::SnapshotNameInvalid
        | ErrorCode::ImageInvalid
        | ErrorCode::ImageNotAllowed
        | ErrorCode::GithubRepoInvalid
        | ErrorCode::ImportNotFound
        | ErrorCode::ImportUnauthorized
        | ErrorCode::ImportRefNotFound => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::WorkspaceNotFound | ErrorCode::SnapshotNotFound | ErrorCode::SessionNotFound => {
            StatusCode::NOT_FOUND
        }
        ErrorCode::WorkspaceNameTaken
        | ErrorCode::SnapshotNameTaken
        | ErrorCode::WorkspaceNameAmbiguous
        | ErrorCode::WorkspaceActive
        | ErrorCode::WorkspaceBusy
        | ErrorCode::WorkspaceFailed
        | ErrorCode::SessionTypeMismatch
        | ErrorCode::SessionTerminationFailed
        | ErrorCode::SessionFenced
        | ErrorCode::ImportCancelled
        | ErrorCode::IdempotencyConflict => StatusCode::CONFLICT,
        ErrorCode::ImportTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::ImportUnreachable => StatusCode::BAD_GATEWAY,
        ErrorCode::RevisionConflict => StatusCode::PRECONDITION_FAILED,
        ErrorCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::StorageCorrupt => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Unsupported => StatusCode::NOT_IMPLEMENTED,
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "The request cannot be read",
        ErrorCode::WorkspaceNameInvalid => "The workspace name is not allowed",
        ErrorCode::SnapshotNameInvalid => "The snapshot name is not allowed",
        ErrorCode::ImageInvalid => "The image is no OCI reference",
        ErrorCode::ImageNotAllowed => "A browser workspace has no image",
        ErrorCode::GithubRepoInvalid => "The repository is not owner/repo",
        ErrorCode::WorkspaceNotFound => "There is no such workspace",
        ErrorCode::SnapshotNotFound => "There is no such snapshot",
        ErrorCode::SessionNotFound => "There is no such session",
        ErrorCode::WorkspaceNameTaken => "The workspace name is taken",
        ErrorCode::SnapshotNameTaken => "The snapshot name is taken",
        ErrorCode::WorkspaceNameAmbiguous => "More than one workspace has the name",
        ErrorCode::WorkspaceActive => "A session is active",
        ErrorCode::WorkspaceBusy => "Another operation is running",
        ErrorCode::WorkspaceFailed => "The workspace is failed",
        ErrorCode::SessionTypeMismatch => "The workspace takes the other session type",
        ErrorCode::SessionTerminationFailed => "The session could not be stopped",
        ErrorCode::SessionFenced => "The session has lost its workspace",
        ErrorCode::ImportNotFound => "There is no such repository",
        ErrorCode::ImportUnauthorized => "The repository may not be read",
        ErrorCode::ImportRefNotFound => "The repository has no such branch, tag or commit",
        ErrorCode::ImportTooLarge => "The repository is too large",
        ErrorCode::ImportUnreachable => "The repository could not be received",
        ErrorCode::ImportCancelled => "The import was cancelled",
        ErrorCode::IdempotencyConflict => "The idempotency key was used for another request",
        ErrorCode::RevisionConflict => "The workspace has changed",
        ErrorCode::StorageFull => "The storage is full",
        ErrorCode::StorageUnavailable => "The storage is not available",
        ErrorCode::StorageCorrupt => "The storage is damaged",
        ErrorCode::Unsupported => "The server cannot do it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BackendError;

    #[test]
    fn nothing_that_the_storage_says_of_itself_is_told() {
        for kind in [
            BackendError::unavailable("/secret/path"),
            BackendError::unsupported("/secret/path"),
            BackendError::corrupt("/secret/path", "/secret/path"),
            BackendError::not_found("/secret/path"),
        ] {
            let problem = Problem::from(Error::storage("create", kind));
            let text = serde_json::to_string(&problem).unwrap();
            assert!(!text.contains("secret"), "{text}");
        }
        let at = crate::model::Timestamp::from_unix_micros(0);
        let failure = Failure::new(ErrorCode::StorageCorrupt, "/secret/path", at);
        assert!(!FailureView::from(failure).message.contains("secret"));
    }
}

//! Sessions of a workspace. They are renewed and ended through the API, and outlive the server's process.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::answer::json;
use super::auth::Caller;
use super::body::{Body, given_whole_or_null};
use super::conditions::{Changer, Maker};
use super::openapi::{IdempotencyKey, IfMatch};
use super::problem::{Problem, Refusal};
use super::query::NoQuery;
use super::target::{SessionTarget, Target};
use super::workspace::SessionTypeView;
use crate::manager::{LeaseTerm, SessionInfo, StartSession};

/// A running session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    /// Its id, for life.
    id: Uuid,
    /// Its workspace.
    workspace_id: Uuid,
    /// Its type.
    session_type: SessionTypeView,
    /// Where its disk is mounted on the server's host.
    path: String,
    /// Its fencing epoch: greater than that of every earlier session of the workspace.
    epoch: u64,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// When its lease ends unless it is renewed, or null if it lasts.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// Whether a forced call is ending it, or tried to.
    revoked: bool,
}

/// A new session.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionBody {
    /// The workspace's type.
    session_type: SessionTypeView,
    /// How long it holds the workspace after each renewal; null until it is ended or the host reboots. The server's own
    /// default without it.
    #[serde(default, deserialize_with = "given_whole_or_null")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 31622400)]
    lease_seconds: Option<Option<u64>>,
}

/// Starts a session: mounts the workspace's disk.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/sessions", tag = "sessions", request_body = SessionBody,
    params(("workspace" = String, Path, description = "The workspace's name or id."), IfMatch, IdempotencyKey),
    responses((status = 201, body = SessionView), Refusal))]
pub(super) async fn start(
    State(api): State<Api>,
    maker: Maker,
    Target(selector): Target,
    _: NoQuery,
    Body(body): Body<SessionBody>,
) -> Result<Response, Problem> {
    let account = maker.asking(&body)?;
    let lease = match body.lease_seconds {
        None => LeaseTerm::Remote(api.options.lease),
        Some(None) => LeaseTerm::Lasting,
        Some(Some(seconds)) => LeaseTerm::Remote(Duration::from_secs(seconds)),
    };
    let options = StartSession::default().with_lease(lease);
    let session = account
        .start_session(selector, body.session_type.into(), options)
        .await?;
    Ok(json(
        StatusCode::CREATED,
        &SessionView::from(session.detach()),
    ))
}

/// Reads a running session.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/sessions/{id}", tag = "sessions",
    params(("workspace" = String, Path, description = "The workspace's name or id."),
        ("id" = Uuid, Path, description = "The session.")),
    responses((status = 200, body = SessionView), Refusal))]
pub(super) async fn get(
    Caller(account): Caller,
    SessionTarget(selector, session): SessionTarget,
    _: NoQuery,
) -> Result<Response, Problem> {
    let session = account.session(selector, session).await?;
    Ok(json(StatusCode::OK, &SessionView::from(session)))
}

/// Renews a session's lease.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/sessions/{id}/renew", tag = "sessions",
    params(("workspace" = String, Path, description = "The workspace's name or id."),
        ("id" = Uuid, Path, description = "The session.")),
    responses((status = 200, body = SessionView), Refusal))]
pub(super) async fn renew(
    Caller(account): Caller,
    SessionTarget(selector, session): SessionTarget,
    _: NoQuery,
) -> Result<Response, Problem> {
    let session = account.renew_session(selector, session).await?;
    Ok(json(StatusCode::OK, &SessionView::from(session)))
}

/// Ends a session: once it is answered, the files are durable and the workspace is free.
#[utoipa::path(delete, path = "/v1/workspaces/{workspace}/sessions/{id}", tag = "sessions",
    params(("workspace" = String, Path, description = "The workspace's name or id."),
        ("id" = Uuid, Path, description = "The session."), IfMatch),
    responses((status = 204, description = "It has ended."), Refusal))]
pub(super) async fn end(
    Changer(account): Changer,
    SessionTarget(selector, session): SessionTarget,
    _: NoQuery,
) -> Result<Response, Problem> {
    account.end_session(selector, session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<SessionInfo> for SessionView {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: *session.id.as_uuid(),
            workspace_id: *session.workspace.as_uuid(),
            session_type: session.session_type.into(),
            path: session.path.to_string_lossy().into_owned(),
            epoch: session.epoch,
            started_at: session.started_at.to_string(),
            expires_at: session.expires_at.map(|at| at.to_string()),
            revoked: session.revoked,
        }
    }
}

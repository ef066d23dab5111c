//! Snapshots of a workspace.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{json, workspace};
use super::auth::Caller;
use super::body::{Body, OptionalBody};
use super::conditions::{Changer, Maker};
use super::openapi::{IdempotencyKey, IfMatch};
use super::problem::{Problem, Refusal};
use super::query::NoQuery;
use super::target::{SnapshotTarget, Target};
use super::workspace::WorkspaceView;
use super::workspaces::force;
use crate::manager::RestoreSnapshot;
use crate::model::Snapshot;

/// A snapshot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snapshot)]
pub(super) struct SnapshotView {
    /// Its id, for life.
    id: Uuid,
    /// Its name, as it was given.
    name: String,
    /// When it was taken.
    #[schema(format = DateTime)]
    created_at: String,
    /// The bytes on disk that its files take, those shared with others included, or null until measured.
    #[schema(required = true)]
    size_bytes: Option<u64>,
    /// The snapshot that the files had last started from, or been saved as, when it was taken, or null.
    #[schema(required = true)]
    parent: Option<Uuid>,
}

/// A workspace's snapshots, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snapshots)]
pub(super) struct SnapshotsView {
    snapshots: Vec<SnapshotView>,
}

/// A new snapshot.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotBody {
    /// Its name, unique in the workspace, ignoring case.
    name: String,
    /// Whether a running session is ended first.
    #[serde(default)]
    #[schema(default = false)]
    force: bool,
}

/// How a snapshot is restored.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreBody {
    /// Whether a running session is ended first.
    #[serde(default)]
    #[schema(default = false)]
    force: bool,
    /// The name of a snapshot to make of the files that are replaced. Without it they are gone.
    #[serde(default)]
    save_head_as: Option<String>,
}

/// Lists a workspace's snapshots.
#[utoipa::path(get, path = "/v1/workspaces/{workspace}/snapshots", tag = "snapshots",
    params(("workspace" = String, Path, description = "The workspace's name or id.")),
    responses((status = 200, body = SnapshotsView), Refusal))]
pub(super) async fn list(
    Caller(account): Caller,
    Target(selector): Target,
    _: NoQuery,
) -> Result<Response, Problem> {
    let snapshots = account.snapshots(selector).await?;
    let snapshots = snapshots.into_iter().map(SnapshotView::from).collect();
    Ok(json(StatusCode::OK, &SnapshotsView { snapshots }))
}

/// Takes a snapshot of a workspace's files.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/snapshots", tag = "snapshots", request_body = SnapshotBody,
    params(("workspace" = String, Path, description = "The workspace's name or id."), IfMatch, IdempotencyKey),
    responses((status = 201, body = SnapshotView), Refusal))]
pub(super) async fn create(
    maker: Maker,
    Target(selector): Target,
    _: NoQuery,
    Body(body): Body<SnapshotBody>,
) -> Result<Response, Problem> {
    let account = maker.asking(&body)?;
    let taken = account
        .create_snapshot(selector, &body.name, force(body.force))
        .await?;
    Ok(json(StatusCode::CREATED, &SnapshotView::from(taken)))
}

/// Replaces a workspace's files by a snapshot's.
#[utoipa::path(post, path = "/v1/workspaces/{workspace}/snapshots/{name}/restore", tag = "snapshots",
    request_body = Option<RestoreBody>,
    params(("workspace" = String, Path, description = "The workspace's name or id."),
        ("name" = String, Path, description = "The snapshot's name or id."), IfMatch),
    responses((status = 200, body = WorkspaceView, headers(("ETag" = String))), Refusal))]
pub(super) async fn restore(
    Changer(account): Changer,
    SnapshotTarget(selector, snapshot): SnapshotTarget,
    _: NoQuery,
    OptionalBody(body): OptionalBody<RestoreBody>,
) -> Result<Response, Problem> {
    let mut options = RestoreSnapshot::default().with_force(force(body.force));
    options.save_head_as = body.save_head_as;
    let restored = account.restore(selector, snapshot, options).await?;
    Ok(workspace(StatusCode::OK, restored))
}

/// Deletes a snapshot. Clones that started from it keep their files.
#[utoipa::path(delete, path = "/v1/workspaces/{workspace}/snapshots/{name}", tag = "snapshots",
    params(("workspace" = String, Path, description = "The workspace's name or id."),
        ("name" = String, Path, description = "The snapshot's name or id."), IfMatch),
    responses((status = 204, description = "It is deleted."), Refusal))]
pub(super) async fn delete(
    Changer(account): Changer,
    SnapshotTarget(selector, snapshot): SnapshotTarget,
    _: NoQuery,
) -> Result<Response, Problem> {
    account.delete_snapshot(selector, snapshot).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<Snapshot> for SnapshotView {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            id: *snapshot.id.as_uuid(),
            name: snapshot.name,
            created_at: snapshot.created_at.to_string(),
            size_bytes: snapshot.size_bytes,
            parent: snapshot.parent.map(|id| *id.as_uuid()),
        }
    }
}

//! Deleting many workspaces.

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::json;
use super::auth::Caller;
use super::body::Body;
use super::problem::{Problem, Refusal};
use super::query::NoQuery;
use super::workspaces::force;
use crate::manager::BulkDeleted;

/// What to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkDeleteBody {
    /// Names or ids.
    #[schema(max_items = 1000)]
    workspace_ids: Vec<String>,
    /// Whether running sessions are ended and running operations are cancelled first.
    #[serde(default)]
    #[schema(default = false)]
    force: bool,
}

/// How it went, in the order of the request, what was named twice once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkDeleted)]
pub(super) struct BulkDeletedView {
    results: Vec<ItemView>,
}

/// How one deletion went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkDeletedItem)]
struct ItemView {
    /// The name or id that was given.
    workspace: String,
    /// Whether it is deleted.
    deleted: bool,
    /// Why not, or null.
    #[schema(required = true)]
    error: Option<Problem>,
}

/// Deletes up to a thousand workspaces: what can be deleted is, and each is answered for.
#[utoipa::path(post, path = "/v1/workspaces/bulk-delete", tag = "workspaces", request_body = BulkDeleteBody,
    responses((status = 200, body = BulkDeletedView), Refusal))]
pub(super) async fn bulk_delete(
    Caller(account): Caller,
    _: NoQuery,
    Body(body): Body<BulkDeleteBody>,
) -> Result<Response, Problem> {
    let deleted = account
        .bulk_delete(body.workspace_ids, force(body.force))
        .await?;
    let results = deleted.into_iter().map(ItemView::from).collect();
    Ok(json(StatusCode::OK, &BulkDeletedView { results }))
}

impl From<BulkDeleted> for ItemView {
    fn from(item: BulkDeleted) -> Self {
        Self {
            workspace: item.selector,
            deleted: item.result.is_ok(),
            error: item.result.err().map(Problem::from),
        }
    }
}

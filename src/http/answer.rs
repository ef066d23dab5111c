//! Answers that are no problem.

use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::workspace::{ImportView, WorkspaceView};
use crate::model::Workspace;

/// JSON with a status.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body =
        serde_json::to_vec(body).expect("because no view holds a map or a non-finite number");
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [kind], body).into_response()
}

/// A workspace with its `ETag`.
pub(super) fn workspace(status: StatusCode, workspace: Workspace) -> Response {
    let tag = tag(&workspace);
    let mut response = json(status, &WorkspaceView::from(workspace));
    response.headers_mut().insert(ETAG, tag);
    response
}

/// A workspace that is being imported, with how far that is. It has no `ETag`, because that does not change with it.
pub(super) fn importing(found: Workspace, import: Option<ImportView>) -> Response {
    let view = WorkspaceView::from(found).importing(import);
    json(StatusCode::OK, &view)
}

/// A workspace with its `ETag`, or nothing if the client has it already.
pub(super) fn workspace_unless_known(found: Workspace, request: &HeaderMap) -> Response {
    let tag = tag(&found);
    let known = request.get_all(axum::http::header::IF_NONE_MATCH);
    let mut known = known
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let is_known = known.any(|known| {
        let known = known.trim();
        known == "*" || known.trim_start_matches("W/").as_bytes() == tag.as_bytes()
    });
    if is_known {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    workspace(StatusCode::OK, found)
}

/// What names a workspace's state: its id too, because another workspace may come to its name.
fn tag(workspace: &Workspace) -> HeaderValue {
    let tag = format!("\"{}.{}\"", workspace.id, workspace.revision);
    HeaderValue::try_from(tag).expect("because it holds a UUID and a number")
}

//! The document that describes the API, made from its code.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{IntoParams, Modify, OpenApi};

use super::problem::Refusal;
use super::query::NoQuery;

/// On what revision a change depends.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described; `conditions` reads it")]
pub(super) struct IfMatch {
    /// The `ETag` that an answer carried, a bare `"revision"`, or `*`: the change is refused if the workspace has another.
    #[serde(rename = "If-Match")]
    #[param(
        nullable = false,
        example = "*",
        pattern = r#"^(\*|"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.)?[0-9]{1,18}"|([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.)?[0-9]{1,18})$"#
    )]
    if_match: Option<String>,
}

/// Under what key a request is done once.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is only described; `conditions` reads it")]
pub(super) struct IdempotencyKey {
    /// Under the same key the same request gets the answer of the first, for 24 hours.
    #[serde(rename = "Idempotency-Key")]
    #[param(
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: Option<String>,
}

/// What the document says of the whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "workdisk",
        description = "Workspaces: named persistent disks scoped to an account, with sessions, clones, templates and snapshots."
    ),
    modifiers(&BearerKeys),
    security(("key" = [])),
    tags((name = "workspaces"), (name = "snapshots"), (name = "sessions"), (name = "server"))
)]
struct Whole;

/// Says how a request shows whose it is.
struct BearerKeys;

impl Modify for BearerKeys {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document without the routes.
pub(super) fn document() -> Document {
    Whole::openapi()
}

/// The document as text, which is the same for every router.
pub(super) static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut document = super::open().merge(super::keyed()).into_openapi();
    describe_names_like_paths(&mut document);
    serde_json::to_string_pretty(&document).expect("because it holds texts and numbers alone")
});

/// Says of the paths that mean something else for a POST that a workspace of that name can be read and deleted there.
fn describe_names_like_paths(document: &mut Document) {
    let paths = &mut document.paths.paths;
    let Some(workspace) = paths.get("/v1/workspaces/{workspace}").cloned() else {
        return;
    };
    for name in ["import", "bulk-delete"] {
        if let Some(item) = paths.get_mut(&format!("/v1/workspaces/{name}")) {
            item.get = workspace.get.clone().map(|get| at_a_path(get, name));
            item.delete = workspace
                .delete
                .clone()
                .map(|delete| at_a_path(delete, name));
        }
    }
}

/// The operation on a workspace whose name is a path of its own.
fn at_a_path(mut operation: Operation, name: &str) -> Operation {
    let id = operation.operation_id.unwrap_or_default();
    operation.operation_id = Some(format!("{id}_{}", name.replace('-', "_")));
    operation.description = Some(format!("The workspace is the one that is named `{name}`."));
    if let Some(parameters) = &mut operation.parameters {
        parameters.retain(|parameter| match parameter {
            RefOr::T(parameter) => parameter.parameter_in != ParameterIn::Path,
            RefOr::Ref(_) => true,
        });
    }
    operation
}

/// Answers the document that describes the API.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", security(()),
    responses((status = 200, body = Object, content_type = "application/json", description = "OpenAPI 3.1."), Refusal))]
pub(super) async fn serve(_: NoQuery) -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

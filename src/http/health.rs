//! Whether the server runs, and whether its store answers.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::json;
use super::problem::{Problem, Refusal};
use super::query::NoQuery;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Says that the server runs.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()),
    responses((status = 200, body = Health, description = "It runs."), Refusal))]
pub(super) async fn healthz(_: NoQuery) -> Response {
    json(StatusCode::OK, &Health { status: "ok" })
}

/// Says that the store answers.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()),
    responses((status = 200, body = Health, description = "It answers."), Refusal))]
pub(super) async fn readyz(State(api): State<Api>, _: NoQuery) -> Result<Response, Problem> {
    api.manager.ping().await?;
    Ok(json(StatusCode::OK, &Health { status: "ok" }))
}

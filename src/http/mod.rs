//! The REST API, as an axum router to mount anywhere.
//!
//! ```no_run
//! use workdisk::http::HashedKeys;
//! # use workdisk::model::AccountId;
//!
//! # async fn run(manager: workdisk::WorkspaceManager) -> Result<(), Box<dyn std::error::Error>> {
//! let keys = HashedKeys::new().with_key(AccountId::parse("acme")?, "a long random key")?;
//! let app = workdisk::http::router(manager, keys);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! # let _ = (app, listener);
//! // axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Requests
//! JSON in and out. Names in a path are percent-encoded, a `/` as `%2F`. What is unknown, given twice, of another type or
//! too large is refused, and so is a query or path whose percent-encoding is broken.
//!
//! - `Authorization: Bearer KEY` on everything below `/v1/workspaces`; an [`Authenticator`] says whose key it is.
//! - `If-Match` on every change of one workspace: the `ETag` that an answer carried, a bare `"revision"`, or `*`. Without
//!   it the change is made whatever the revision.
//! - `If-None-Match` on reading a workspace.
//! - `Idempotency-Key`, 1 to 255 visible characters, on every POST that makes something. For 24 hours the same request under
//!   the same key gets the answer of the first, over restarts and crashes too; another request gets
//!   `idempotency_conflict`. A request that failed has made nothing and is done again.
//!
//! # Errors
//! `application/problem+json` (RFC 9457) with `code`, the stable text of [`ErrorCode`](crate::ErrorCode) or `unauthorized`,
//! `detail`, `retryable`, and the data of the error. What is retryable has a `Retry-After`. A request that cannot be read is
//! `invalid_request` with status 400, or the one that HTTP has for it: 404 for an unknown path, 405, 408, 413 or 415. What
//! the storage says of itself is logged under the request's id and not told.
//!
//! An address that gives wrong keys again and again is answered 401 with `Retry-After` before its key is looked at. It is
//! the peer's address, from axum's `ConnectInfo`; without that, or behind a proxy that is everybody's peer, limit elsewhere
//! and switch it off with [`HttpOptions::without_attempt_limit`].
//!
//! # Cancel safety
//! A client that goes away lets go of the answer, not of the call: each runs in a task of its own. So does a call that takes
//! longer than the time-out; it is answered `storage_unavailable`, and repeating the request under its key gets what it
//! came to.

mod answer;
mod auth;
mod body;
mod bulk_delete;
mod conditions;
mod health;
mod import;
mod keys;
mod layers;
mod openapi;
mod options;
mod problem;
mod query;
mod sessions;
mod snapshots;
mod target;
mod throttle;
mod workspace;
mod workspaces;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use auth::{Authenticator, BearerKey};
pub use keys::{HashedKeys, KeyError};
pub use options::HttpOptions;

use self::throttle::Throttle;
use crate::manager::WorkspaceManager;

/// What every handler shares.
#[derive(Clone, Debug)]
struct Api {
    manager: WorkspaceManager,
    authenticator: Arc<dyn Authenticator>,
    throttle: Arc<Throttle>,
    options: HttpOptions,
}

/// The API over a manager, with the default options.
pub fn router(manager: WorkspaceManager, authenticator: impl Authenticator) -> Router {
    router_with(manager, Arc::new(authenticator), HttpOptions::default())
}

/// The API over a manager.
pub fn router_with(
    manager: WorkspaceManager,
    authenticator: Arc<dyn Authenticator>,
    options: HttpOptions,
) -> Router {
    let api = Api {
        manager,
        authenticator,
        throttle: Arc::new(Throttle::new(options.attempts)),
        options,
    };
    let (open, _) = open().split_for_parts();
    let (keyed, _) = keyed().split_for_parts();
    let authenticate = from_fn_with_state(api.clone(), auth::authenticate);
    let routes = open
        .merge(keyed.route_layer(authenticate))
        .fallback(problem::unknown_path)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(api.clone());
    layers::around(routes, &api.options)
}

/// The document that `GET /v1/openapi.json` answers: OpenAPI 3.1.
pub fn openapi_json() -> String {
    openapi::TEXT.clone()
}

/// What needs a key.
fn keyed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(workspaces::list, workspaces::create))
        .routes(routes!(workspaces::get, workspaces::delete))
        .routes(routes!(workspaces::rename))
        .routes(routes!(workspaces::set_template))
        .routes(routes!(bulk_delete::bulk_delete))
        .routes(routes!(import::import))
        .routes(routes!(snapshots::list, snapshots::create))
        .routes(routes!(snapshots::restore))
        .routes(routes!(snapshots::delete))
        .routes(routes!(sessions::start))
        .routes(routes!(sessions::get, sessions::end))
        .routes(routes!(sessions::renew))
        // Workspaces may have these names too.
        .route("/v1/workspaces/import", workspaces::of_that_name())
        .route("/v1/workspaces/bulk-delete", workspaces::of_that_name())
}

/// What needs none.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::document())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(openapi::serve))
}

//! What is around every request: an id, a span, limits, and a problem for whatever they refuse.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::options::HttpOptions;
use super::problem::Problem;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the layers around the routes. The last is the outermost.
pub(super) fn around(routes: Router, options: &HttpOptions) -> Router {
    routes
        .layer(RequestBodyTimeoutLayer::new(options.body_timeout))
        .layer(RequestBodyLimitLayer::new(options.body_limit))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            options.timeout,
        ))
        .layer(CatchPanicLayer::new())
        .layer(map_response(as_problem))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(())
                .on_response(note)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID.clone()))
        .layer(SetRequestIdLayer::new(REQUEST_ID.clone(), MakeRequestUuid))
}

/// A span of a request. The path holds names; the query and the headers stay out.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let id = request.headers().get(&REQUEST_ID);
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("http", id, method = %request.method(), path = request.uri().path())
}

fn note<B>(response: &axum::http::Response<B>, took: Duration, _: &Span) {
    let status = response.status().as_u16();
    tracing::info!(status, ms = took.as_millis(), "answered");
}

/// Makes a problem of what a layer refused in words of its own.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_problem = kind.is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    Problem::of_layer(status).into_response()
}

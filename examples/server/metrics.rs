//! What the server counts, in Prometheus' form.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use workdisk::WorkspaceManager;
use workdisk::manager::RecoveryReport;

/// An operation: a method on a route, and not on a path, whose names would have no end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    method: String,
    route: String,
}

/// An operation and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    method: String,
    route: String,
    status: u16,
}

/// Which way bytes went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

/// What a sweep came to, or settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    operations: Family<Outcome, Counter>,
    seconds: Family<Operation, Histogram>,
    bytes: Family<Direction, Counter>,
    sessions: Gauge,
    sweeps: Family<What, Counter>,
    swept: Family<What, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("workdisk"),
            operations: Family::default(),
            // From a millisecond to half a minute.
            seconds: Family::new_with_constructor(|| {
                Histogram::new((0..16).map(|power| 0.001 * f64::from(1 << power)))
            }),
            bytes: Family::default(),
            sessions: Gauge::default(),
            sweeps: Family::default(),
            swept: Family::default(),
        };
        let registry = &mut metrics.registry;
        let operations = metrics.operations.clone();
        registry.register("operations", "Operations by their result", operations);
        let seconds = metrics.seconds.clone();
        registry.register("operation_seconds", "How long operations took", seconds);
        let bytes = metrics.bytes.clone();
        registry.register("body_bytes", "Bytes of bodies taken and answered", bytes);
        let sessions = metrics.sessions.clone();
        registry.register("sessions", "Sessions that the store knows", sessions);
        let sweeps = metrics.sweeps.clone();
        registry.register("sweeps", "Sweeps by their result", sweeps);
        let swept = metrics.swept.clone();
        registry.register("swept", "Workspaces that sweeps settled", swept);
        metrics
    }

    /// Notes a sweep, and what it settled unless it failed.
    pub(crate) fn note_sweep(&self, report: Option<&RecoveryReport>) {
        let count = |family: &Family<What, Counter>, what, count: usize| {
            family.get_or_create(&What { what }).inc_by(count as u64);
        };
        let Some(report) = report else {
            return count(&self.sweeps, "failed", 1);
        };
        count(&self.sweeps, "done", 1);
        count(&self.swept, "undone", report.undone.len());
        count(&self.swept, "deleted", report.deleted.len());
        count(&self.swept, "discarded", report.discarded.len());
        count(&self.swept, "sessions_ended", report.sessions_ended.len());
        count(&self.swept, "failures", report.failures.len());
    }

    fn note(&self, operation: Operation, status: StatusCode, began: Instant) {
        let took = began.elapsed().as_secs_f64();
        self.seconds.get_or_create(&operation).observe(took);
        let Operation { method, route } = operation;
        let status = status.as_u16();
        let outcome = Outcome {
            method,
            route,
            status,
        };
        self.operations.get_or_create(&outcome).inc();
    }

    fn note_bytes(&self, direction: &'static str, headers: &HeaderMap) {
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        self.bytes
            .get_or_create(&Direction { direction })
            .inc_by(length.unwrap_or(0));
    }
}

/// Measures a request.
pub(crate) async fn measure(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    // A method that nobody knows would be a label of its own each time.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE") => known.to_owned(),
        _ => "other".to_owned(),
    };
    metrics.note_bytes("taken", request.headers());
    let response = next.run(request).await;
    metrics.note_bytes("answered", response.headers());
    metrics.note(Operation { method, route }, response.status(), began);
    response
}

/// Answers everything that was counted.
pub(crate) async fn show(
    State((metrics, manager)): State<(Arc<Metrics>, WorkspaceManager)>,
) -> Response {
    if let Ok(count) = manager.count_sessions().await {
        metrics
            .sessions
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &metrics.registry) {
        let _ = write!(text, "# {error}");
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}

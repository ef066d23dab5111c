//! Taking connections, within bounds, until it is time to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// How many connections there can be at a time. Further ones wait to be taken.
const CONNECTIONS: usize = 16_384;

/// How long requests are waited for that run when it is time to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Allows this process as many open files as its user may have: each connection is one, and many shells allow 1,024.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Serves the app until `stop` ends, and then the requests that run. A connection may be `idle` so long, and a client may
/// take as long for a request's head.
pub(crate) async fn until(
    stop: impl Future<Output = ()>,
    listener: TcpListener,
    app: Router,
    idle: Duration,
) {
    let (stopping, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let taken = async {
            let place = place.await.expect("because nobody closes the semaphore");
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut stop => break,
            (place, taken) = taken => match taken {
                Ok((stream, peer)) => {
                    let served = serve(stream, peer, app.clone(), idle, stopped.clone(), place);
                    connections.spawn(served);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    // What there is too much of, such as open files, goes with the connections that end.
                    sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(
            "requests still run; they are undone or done when the folder is opened again"
        );
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    idle: Duration,
    mut stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move { answer(app, request).await }
    });
    let _ = stream.set_nodelay(true);
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = async { stopped.wait_for(|stopped| *stopped).await.is_ok() } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

async fn answer(app: Router, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    app.oneshot(request.map(Body::new)).await
}

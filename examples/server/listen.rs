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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// How many connections there can be at a time. Further ones wait to be taken.
const CONNECTIONS: usize = 16_384;

/// How long a client may take for a request's head, and how long a connection may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long requests are waited for that run when it is time to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Serves the app until `stop` ends, and then the requests that run.
pub(crate) async fn until(stop: impl Future<Output = ()>, listener: TcpListener, app: Router) {
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
                    let served = serve(stream, peer, app.clone(), stopped.clone(), place);
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
        .header_read_timeout(HEAD_TIMEOUT)
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

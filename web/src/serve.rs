//! The server: takes connections and hands their requests to a router, within bounds.
//!
//! HTTP/1.1 in clear text. (HTTP/2 comes with TLS, where the client says so while the connection is made: guessing it
//! from the first bytes has no time limit.)

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service;

use crate::config::Limits;

/// How long to wait after a connection could not be taken, as when all file descriptors are in use.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Marks, among the extensions of a request, that it came by TLS which this process ends.
#[derive(Clone, Copy, Debug)]
pub struct OwnTls;

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that was under way got its answer.
    Complete,
    /// So many connections were still open when the time for ending was over, and were cut.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// Serves `router` on `listener` until `shutdown` is done; then takes no more connections and lets the requests that
/// are under way end, at most for `limits.shutdown_timeout`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> Ended {
    let builder = connection_builder(limits);
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let taken = tokio::select! {
            () = &mut shutdown => break,
            taken = take(&listener, &places) => taken,
        };
        let Some((stream, peer, place)) = taken else { continue };
        // Small answers shall not wait for an acknowledgement of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request.map(Body::new))
        });
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let left = open.count();
    match tokio::time::timeout(limits.shutdown_timeout, open.shutdown()).await {
        Ok(()) => Ended::Complete,
        Err(_) => {
            let still_open = limits.connections_max.saturating_sub(places.available_permits()).min(left);
            Ended::Cut { connections: still_open }
        }
    }
}

fn connection_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        // hyper takes no smaller buffer than 8 KiB.
        .max_buf_size(limits.header_bytes_max.max(8 << 10))
        .half_close(false)
        .pipeline_flush(true);
    builder
}

async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::warn!(%error, "cannot take a connection");
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            None
        }
    }
}

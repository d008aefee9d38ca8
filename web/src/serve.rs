//! The server: takes connections and hands their requests to a router, within bounds.
//!
//! In clear text it speaks HTTP/1.1; under TLS also HTTP/2, where the client says so while the connection is made.
//! (Guessing it from the first bytes has no time limit.)

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service;

use crate::config::Limits;
use crate::patience::{Paced, Timed};
use crate::tls::{HTTP2, Tls};

/// How long to wait after a connection could not be taken, as when all file descriptors are in use.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// Most requests at the same time on one connection of HTTP/2.
const STREAMS_MAX: u32 = 100;

/// Marks, among the extensions of a request, that it came by TLS which this process ends.
#[derive(Clone, Copy, Debug)]
pub struct OwnTls;

/// Where connections come from, and whether they are encrypted.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<Tls>>,
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

impl Listener {
    /// Takes encrypted connections only. What `tls` reads again counts for those that are made from then on.
    #[must_use]
    pub fn with_tls(self, tls: Arc<Tls>) -> Self {
        Self { tls: Some(tls), ..self }
    }
}

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
    listener: impl Into<Listener>,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> Ended {
    let Listener { tcp, tls } = listener.into();
    let connections = Arc::new(Connections { router, limits: limits.clone(), tls });
    let open = GracefulShutdown::new();
    let (ending, ended) = watch::channel(());
    let places = Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let taken = tokio::select! {
            () = &mut shutdown => break,
            taken = take(&tcp, &places) => taken,
        };
        let Some((stream, peer, place)) = taken else { continue };
        let (connections, watcher, ended) = (Arc::clone(&connections), open.watcher(), ended.clone());
        tokio::spawn(async move {
            connections.run(stream, peer, watcher, ended).await;
            drop(place);
        });
    }
    drop((tcp, ending));
    let left = open.count();
    match tokio::time::timeout(limits.shutdown_timeout, open.shutdown()).await {
        Ok(()) => Ended::Complete,
        Err(_) => {
            let still_open = limits.connections_max.saturating_sub(places.available_permits()).min(left);
            Ended::Cut { connections: still_open }
        }
    }
}

async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
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

/// What all connections have in common.
struct Connections {
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
}

impl Connections {
    /// Answers what comes over one connection until its end. `ended`: a change says that the server ends.
    async fn run(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
        mut ended: watch::Receiver<()>,
    ) {
        // Small answers shall not wait for an acknowledgement of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let stream = Timed::new(stream, self.limits.write_timeout, self.limits.idle_timeout);
        let done = match &self.tls {
            None => self.http1(stream, peer, false, watcher).await,
            Some(tls) => {
                let handshake =
                    tokio::time::timeout(self.limits.handshake_timeout, tls.acceptor().accept(stream));
                let stream = tokio::select! {
                    _ = ended.changed() => return,
                    shaken = handshake => match shaken {
                        Ok(Ok(stream)) => stream,
                        Ok(Err(error)) => return tracing::debug!(%error, %peer, "no TLS could be agreed on"),
                        Err(_) => return tracing::debug!(%peer, "TLS was not agreed on in time"),
                    },
                };
                match stream.get_ref().1.alpn_protocol() {
                    Some(HTTP2) => self.http2(stream, peer, watcher).await,
                    _ => self.http1(stream, peer, true, watcher).await,
                }
            }
        };
        if let Err(error) = done {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }

    async fn http1(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        is_tls: bool,
        watcher: Watcher,
    ) -> hyper::Result<()> {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.headers_max)
            // hyper takes no smaller buffer than 8 KiB.
            .max_buf_size(self.limits.header_bytes_max.max(8 << 10))
            .half_close(false)
            .pipeline_flush(true);
        let service = service_fn(|request| self.answer(request, peer, is_tls));
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }

    async fn http2(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: Watcher,
    ) -> hyper::Result<()> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(self.limits.header_bytes_max).unwrap_or(u32::MAX));
        let service = service_fn(|request| self.answer(request, peer, true));
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        is_tls: bool,
    ) -> <Router as Service<Request<Body>>>::Future {
        request.extensions_mut().insert(ConnectInfo(peer));
        if is_tls {
            request.extensions_mut().insert(OwnTls);
        }
        let Limits { body_timeout, body_rate_min, .. } = self.limits;
        let request = request.map(|body| Body::new(Paced::new(body, body_timeout, body_rate_min)));
        self.router.clone().call(request)
    }
}

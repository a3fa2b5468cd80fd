//! What operators read over HTTP, on a port of its own: metrics, health and the console.

use std::{
    collections::VecDeque, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration,
};

use anyhow::Context;
use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{console::Console, shutdown::Shutdown};
use crate::{
    jobs::health::DatabaseState,
    repository::Repository,
    rpc::Api,
    settings::ListenAddress,
    telemetry::{Metrics, ProcessMetrics},
};

/// The most connections at once. A further one ends the oldest: a request takes next to no time, so that one's client is slow.
const MAX_CONNECTIONS: usize = 32;

/// How long a connection may take: it has one request.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);

/// How long the server pauses after the system has failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Binds the address, or another free port where its own is taken.
pub async fn bind(address: &ListenAddress) -> anyhow::Result<TcpListener> {
    let context = || format!("cannot listen on {address} for operators");
    let addresses = address.resolve().await.with_context(context)?;
    let bound = match TcpListener::bind(&*addresses).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free: Vec<_> = addresses.iter().map(|it| (it.ip(), 0).into()).collect();
            TcpListener::bind::<&[SocketAddr]>(&free).await
        }
        bound => bound,
    };
    bound.with_context(context)
}

/// What operators can read.
pub struct Admin {
    /// All metrics.
    pub metrics: Metrics,
    /// Those that are read when they are asked for.
    pub process: ProcessMetrics,
    /// Whose connections are measured.
    pub repository: Repository,
    /// Whose spools are measured.
    pub api: Api,
    /// What is known of the database.
    pub database: watch::Receiver<DatabaseState>,
    /// How far the shutdown has progressed.
    pub shutdown: Shutdown,
    /// The console, unless it is turned off.
    pub console: Option<Console>,
}

impl Admin {
    /// Serves until it is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let this = Arc::new(self);
        let mut running = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    running.retain(|it: &AbortOnDropHandle<()>| !it.is_finished());
                    if running.len() == MAX_CONNECTIONS {
                        running.pop_front();
                    }
                    let serve_one = tokio::spawn(Arc::clone(&this).serve_one(stream, peer));
                    running.push_back(AbortOnDropHandle::new(serve_one));
                }
                Err(error) => {
                    tracing::warn!(%error, "admin.accept_failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve_one(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let service = service_fn(async |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let console = self.console.as_ref().filter(|it| it.has(&request));
            let response = match console {
                Some(console) => console.response(request, peer).await,
                None => self.response(request.method(), request.uri().path()),
            };
            Ok::<_, Infallible>(response)
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // A client that is too slow or leaves is none of the server's business.
        let _ = timeout(CONNECTION_LIMIT, connection).await;
    }

    fn response(&self, method: &Method, path: &str) -> Response {
        if ![Method::GET, Method::HEAD].contains(method) {
            return response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n");
        }
        match path {
            "/metrics" => self.metrics(),
            "/healthz" => response(StatusCode::OK, TEXT, "alive\n"),
            "/readyz" => match self.unready_reason() {
                None => response(StatusCode::OK, TEXT, "ready\n"),
                Some(reason) => {
                    let text = format!("not ready: {reason}\n");
                    response(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
                }
            },
            _ => {
                let console = self.console.as_ref().map_or("", |_| ", /console");
                let text = format!("there are /metrics, /healthz, /readyz{console}\n");
                response(StatusCode::NOT_FOUND, TEXT, text)
            }
        }
    }

    fn metrics(&self) -> Response {
        self.repository.observe_pools();
        let spooled = self.api.spooled_bytes();
        self.process
            .spool_bytes
            .set(spooled.try_into().unwrap_or(i64::MAX));
        match self.metrics.encode() {
            Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => {
                tracing::error!(%error, "admin.metrics_failed");
                response(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    TEXT,
                    "cannot write metrics\n",
                )
            }
        }
    }

    /// Why the server should get no calls, if it should not.
    fn unready_reason(&self) -> Option<&'static str> {
        if self.shutdown.leaving.is_cancelled() {
            return Some("draining");
        }
        match *self.database.borrow() {
            DatabaseState::Up => None,
            DatabaseState::Unknown => Some("starting"),
            DatabaseState::Down => Some("the database does not answer, or takes no writes"),
        }
    }
}

/// Makes a response.
pub fn response(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

//! Clients' connections: accepted within limits, each served by a task of its own, and ended when they are of no use.

mod activity;
mod limits;
mod response;
mod tls;

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tonic::{
    codegen::http::{Request, Response},
    service::Routes,
};
use tower::Service;

use self::{
    activity::{Activity, Watched},
    limits::{ConnectionLimits, ConnectionPermit},
    response::ResponseBody,
};
pub use self::{limits::raise_descriptor_limit, tls::acceptor as tls_acceptor};
use super::shutdown::Shutdown;
use crate::settings::ServeSettings;

/// How often a silent connection is asked whether it is still there, and how long it has to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// How long a client has to begin, for the TLS handshake and the preface of HTTP/2 together, unless an idle connection has
/// less.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// How long an idle client has to close its connection once it is asked to.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);

/// How long nothing is accepted after the system has refused to, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The most calls at once on one connection. Clients keep further calls back until one has ended.
const MAX_STREAMS: u32 = 64;

/// How much a client may send on a stream before the service has taken any of it. A caller that is 50 ms away can send about
/// 7 MB/s on each stream.
const STREAM_WINDOW_BYTES: u32 = 384 * 1024;

/// How much of a response is buffered for a client that does not take it, on each stream. A part more may come on top.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// What h2 may keep for a byte that waits in small frames. It counts 256 bytes for a small frame, and the smallest that
/// clients have a use for, a message of one contact, has some 30 bytes.
const SMALL_FRAME_FACTOR: u32 = 8;

/// So large that every stream of a connection can stand still with a full window of small frames, and h2 still does not take
/// that for an attack: it allows half of this window for such frames.
const CONNECTION_WINDOW_BYTES: u32 = 2 * SMALL_FRAME_FACTOR * MAX_STREAMS * STREAM_WINDOW_BYTES;

/// What serves connections.
pub struct Connections {
    tls: Option<TlsAcceptor>,
    routes: Routes,
    http2: http2::Builder<TokioExecutor>,
    limits: ConnectionLimits,
    idle_limit: Duration,
    begin_limit: Duration,
    /// How long a client may take nothing of what waits for it.
    stall_limit: Duration,
    /// How often a connection is looked at.
    look_interval: Duration,
    shutdown: Shutdown,
}

impl Connections {
    /// Connections that make the calls of `routes`, over TLS if there is an acceptor for it.
    pub fn new(
        settings: &ServeSettings,
        tls: Option<TlsAcceptor>,
        routes: Routes,
        shutdown: &Shutdown,
    ) -> Self {
        let idle_limit = settings.connection_idle();
        let begin_limit = idle_limit.min(BEGIN_LIMIT);
        Self {
            tls,
            routes: routes.prepare(),
            http2: http2_builder(settings.max_calls),
            limits: ConnectionLimits::new(settings),
            idle_limit,
            begin_limit,
            // Once, and a call that waits for its client has ended by itself.
            stall_limit: 2 * settings.stream_idle(),
            look_interval: begin_limit.min(settings.stream_idle()) / 2,
            shutdown: shutdown.clone(),
        }
    }

    /// Serves until the server drains, and returns once every connection has ended. Dropped, it ends them all at once.
    pub async fn serve(self, listener: TcpListener) {
        let this = Arc::new(self);
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = this.shutdown.draining.cancelled() => break,
                Some(_) = running.join_next() => {}
                (stream, permit) = this.accept(&listener) => {
                    running.spawn(Arc::clone(&this).run(stream, permit));
                }
            }
        }
        drop(listener);
        while running.join_next().await.is_some() {}
    }

    /// Waits for a connection that the limits have room for.
    async fn accept(&self, listener: &TcpListener) -> (TcpStream, ConnectionPermit) {
        loop {
            match listener.accept().await {
                // One that is refused is closed right here.
                Ok((stream, address)) => match self.limits.try_acquire(address.ip()) {
                    Some(permit) => return (stream, permit),
                    None => tracing::debug!(%address, "connection.refused"),
                },
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "connection.accept_failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn run(self: Arc<Self>, stream: TcpStream, _permit: ConnectionPermit) {
        let begin_by = Instant::now() + self.begin_limit;
        // A connection without it works as well, with delays.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.serve_http2(stream, begin_by).await,
            Some(tls) => match timeout_at(begin_by, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve_http2(stream, begin_by).await,
                Ok(Err(error)) => tracing::debug!(%error, "connection.handshake_failed"),
                Err(_) => tracing::debug!("connection.handshake_timed_out"),
            },
        }
    }

    /// Serves until the client leaves, has not begun in time, makes no call for too long, or takes nothing for too long.
    async fn serve_http2(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        begin_by: Instant,
    ) {
        let activity = Arc::new(Activity::new());
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
        let service = service_fn(|request| call(self.routes.clone(), request, &activity));
        let mut connection = pin!(self.http2.serve_connection(stream, service));
        let mut is_ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection.broken");
                    }
                    return;
                }
                () = self.shutdown.draining.cancelled(), if !is_ending => is_ending = true,
                () = sleep(self.look_interval) => {
                    let has_begun = activity.has_begun() || Instant::now() < begin_by;
                    let idle_for = activity.idle_for();
                    let is_stalled = activity.stalled_for() >= self.stall_limit;
                    if !has_begun || is_stalled || idle_for >= self.idle_limit + FAREWELL_LIMIT {
                        return;
                    }
                    if is_ending || idle_for < self.idle_limit {
                        continue;
                    }
                    is_ending = true;
                }
            }
            // A call that is on its way meanwhile is still taken.
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// Makes a call, which the connection counts as running until the client has taken its response.
fn call(
    mut routes: Routes,
    request: Request<Incoming>,
    activity: &Arc<Activity>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
    let running = activity.begin_call();
    let response = routes.call(request);
    async move { Ok(ResponseBody::of(response.await?, running)) }
}

fn http2_builder(max_calls: u32) -> http2::Builder<TokioExecutor> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_calls.min(MAX_STREAMS))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    http2
}

/// Whether an error of accepting is about a connection that is gone already. Any other means that the system lacks something.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

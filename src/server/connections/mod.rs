//! Clients' connections: accepted within limits, each served by a task of its own, and ended when they are of no use.

mod http1;
mod http2;
mod limits;
mod request;
mod response;
mod tls;
mod turns;

use std::{
    io::{self, Cursor},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, join},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use self::{
    http1::Http1,
    http2::Http2,
    limits::{ConnectionLimits, ConnectionPermit},
};
pub use self::{limits::raise_descriptor_limit, tls::Tls};
use super::{shutdown::Shutdown, transcoding::Transcoder};
use crate::settings::ServeSettings;

/// How long a client has to begin, for the TLS handshake and the preface of HTTP/2, or the first bytes of HTTP/1.1, together, unless an idle connection has
/// less.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4). No request of HTTP/1.1 begins with its first two bytes.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// How long the server pauses after the system has failed to accept a connection, such as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections and serves them.
pub struct Connections {
    tls: Option<Arc<Tls>>,
    http1: Http1,
    http2: Http2,
    limits: ConnectionLimits,
    begin_limit: Duration,
    shutdown: Shutdown,
}

impl Connections {
    /// Serves `calls`, over TLS if there is any.
    pub fn new(
        settings: &ServeSettings,
        tls: Option<Arc<Tls>>,
        calls: Transcoder,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            tls,
            http1: Http1::new(settings, calls.clone(), shutdown),
            http2: Http2::new(settings, calls, shutdown),
            limits: ConnectionLimits::new(settings),
            begin_limit: settings.connection_idle().min(BEGIN_LIMIT),
            shutdown: shutdown.clone(),
        }
    }

    /// Serves until the server drains, and returns once every connection has ended. Dropping it ends them all at once.
    pub async fn serve(self, listener: TcpListener) {
        let this = Arc::new(self);
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                () = this.shutdown.draining.cancelled() => break,
                Some(_) = running.join_next() => {}
                (stream, address, permit) = this.accept(&listener) => {
                    running.spawn(Arc::clone(&this).run(stream, address, permit));
                }
            }
        }
        drop(listener);
        while running.join_next().await.is_some() {}
    }

    /// Waits for a connection that the limits have room for.
    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, ConnectionPermit) {
        loop {
            match listener.accept().await {
                // A connection that is refused is dropped here, which closes it.
                Ok((stream, address)) => match self.limits.try_acquire(address.ip()) {
                    Some(permit) => return (stream, address, permit),
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

    async fn run(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _permit: ConnectionPermit) {
        let begin_by = Instant::now() + self.begin_limit;
        // Without it a connection still works, but with delays.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => {
                let (mut reading, writing) = stream.into_split();
                let mut first = [0; 2];
                let read = reading.read_exact(&mut first);
                if self.begin(read, begin_by).await.is_none() {
                    return;
                }
                let is_http1 = first != PREFACE[..first.len()];
                if is_http1 {
                    self.http1.limit_stalls(reading.as_ref());
                }
                let stream = join(Cursor::new(first).chain(reading), writing);
                self.serve_begun(stream, is_http1, peer, begin_by).await;
            }
            Some(tls) => {
                let acceptor = tls.acceptor();
                let Some(stream) = self.begin(acceptor.accept(stream), begin_by).await else {
                    return;
                };
                let (connection, session) = stream.get_ref();
                let is_http1 = session.alpn_protocol() == Some(tls::HTTP1);
                if is_http1 {
                    self.http1.limit_stalls(connection);
                }
                self.serve_begun(stream, is_http1, peer, begin_by).await;
            }
        }
    }

    /// Waits for the beginning of a connection. Returns `None` if there is none in time, or the server drains.
    async fn begin<T>(
        &self,
        beginning: impl Future<Output = io::Result<T>>,
        begin_by: Instant,
    ) -> Option<T> {
        tokio::select! {
            begun = timeout_at(begin_by, beginning) => match begun {
                Ok(Ok(begun)) => return Some(begun),
                Ok(Err(error)) => tracing::debug!(%error, "connection.handshake_failed"),
                Err(_) => tracing::debug!("connection.handshake_timed_out"),
            },
            () = self.shutdown.draining.cancelled() => {}
        }
        None
    }

    async fn serve_begun(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        is_http1: bool,
        peer: SocketAddr,
        begin_by: Instant,
    ) {
        if is_http1 {
            self.http1.serve(stream, peer).await;
        } else {
            self.http2.serve(stream, peer, begin_by).await;
        }
    }
}

/// Returns whether the error concerns only a connection that is already gone. Any other error means that the system is short
/// of something.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

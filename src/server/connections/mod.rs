//! Clients' connections: accepted within limits, each served by a task of its own, and ended when they are of no use.

mod http2;
mod limits;
mod request;
mod response;
mod tls;
mod turns;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tonic::service::Routes;

use self::{
    http2::Http2,
    limits::{ConnectionLimits, ConnectionPermit},
};
pub use self::{limits::raise_descriptor_limit, tls::Tls};
use super::shutdown::Shutdown;
use crate::settings::ServeSettings;

/// How long a client has to begin, for the TLS handshake and the preface of HTTP/2 together, unless an idle connection has
/// less.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// How long the server pauses after the system has failed to accept a connection, such as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections and serves them.
pub struct Connections {
    tls: Option<Arc<Tls>>,
    http2: Http2,
    limits: ConnectionLimits,
    begin_limit: Duration,
    shutdown: Shutdown,
}

impl Connections {
    /// Serves the calls of `routes`, over TLS if there is any.
    pub fn new(
        settings: &ServeSettings,
        tls: Option<Arc<Tls>>,
        routes: Routes,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            tls,
            http2: Http2::new(settings, routes, shutdown),
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
            None => self.http2.serve(stream, peer, begin_by).await,
            Some(tls) => tokio::select! {
                made = timeout_at(begin_by, tls.acceptor().accept(stream)) => match made {
                    Ok(Ok(stream)) => self.http2.serve(stream, peer, begin_by).await,
                    Ok(Err(error)) => tracing::debug!(%error, "connection.handshake_failed"),
                    Err(_) => tracing::debug!("connection.handshake_timed_out"),
                },
                () = self.shutdown.draining.cancelled() => {}
            },
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

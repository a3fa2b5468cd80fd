//! HTTP/1.1 on one connection, for callers that don't speak gRPC: its calls, one after another, and when it ends.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::{Request, body::Incoming, server::conn::http1::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::codegen::Bytes;

use super::http2::{FAREWELL_LIMIT, MAX_HEADER_BYTES, with_jitter};
use crate::{
    rpc::call::CallPermit,
    server::{shutdown::Shutdown, transcoding::Transcoder},
    settings::ServeSettings,
};

/// Serves connections once they are accepted.
pub struct Http1 {
    builder: Builder,
    calls: Transcoder,
    max_age: Option<Duration>,
    /// How long a client may take nothing of a response.
    stall_limit: Duration,
    shutdown: Shutdown,
}

impl Http1 {
    /// Serves `calls`.
    pub fn new(settings: &ServeSettings, calls: Transcoder, shutdown: &Shutdown) -> Self {
        let mut builder = Builder::new();
        builder
            .timer(TokioTimer::new())
            // It begins when the connection waits for a call.
            .header_read_timeout(settings.connection_idle())
            .max_buf_size(MAX_HEADER_BYTES as usize);
        Self {
            builder,
            calls,
            max_age: settings.max_connection_age(),
            stall_limit: 2 * settings.stream_idle(),
            shutdown: shutdown.clone(),
        }
    }

    /// Has the system end the connection of a client that takes nothing for too long, or is no longer there.
    pub fn limit_stalls(&self, stream: &TcpStream) {
        let milliseconds = u32::try_from(self.stall_limit.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "connection.stalls_not_limited");
        }
    }

    /// Serves until the client leaves or makes no call for too long; or until the connection is old or the server drains, and
    /// no call is running any more.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let is_busy = Arc::new(AtomicBool::new(false));
        let service = service_fn(|mut request: Request<Incoming>| {
            let running = Running::begin(&is_busy);
            request.extensions_mut().insert(peer);
            let response = self.calls.call(request.map(|body| RequestBody(Some(body))));
            async move {
                let mut response = response.await?;
                let permit: Option<CallPermit> = response.extensions_mut().remove();
                // Held until the client has taken the body, but for what is on its way.
                let held = (running, permit);
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_frame(move |frame| {
                        let _ = &held;
                        frame
                    })
                }))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.until_replaced() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = until_idle(&is_busy) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection.broken");
        }
    }

    /// Waits until the connection is old, or the server drains.
    async fn until_replaced(&self) {
        let draining = self.shutdown.draining.cancelled();
        match self.max_age {
            Some(age) => timeout(with_jitter(age), draining).await.unwrap_or(()),
            None => draining.await,
        }
    }
}

/// Waits until a client without a running call has had its time to take what is on its way.
async fn until_idle(is_busy: &AtomicBool) {
    loop {
        sleep(FAREWELL_LIMIT).await;
        if !is_busy.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// The body of a request. What its call has not read when it ends is read and dropped, for a while: a client that is still
/// sending would otherwise lose its connection before it sees the response.
struct RequestBody(Option<Incoming>);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) {
            tokio::spawn(timeout(FAREWELL_LIMIT, async move {
                while let Some(Ok(_)) = body.frame().await {}
            }));
        }
    }
}

/// A call that is running, until it is dropped.
struct Running(Arc<AtomicBool>);

impl Running {
    fn begin(is_busy: &Arc<AtomicBool>) -> Self {
        is_busy.store(true, Ordering::Relaxed);
        Self(Arc::clone(is_busy))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

//! HTTP/2 on one connection: its calls, and when it ends.

use std::{
    future::{pending, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use h2::{
    Ping, PingPong, RecvStream,
    server::{Builder, Connection, SendResponse},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::{Instant, interval, sleep_until, timeout_at},
};
use tonic::codegen::{Bytes, http::Request};

use super::{
    request::{self, Intake, RequestBody},
    response,
    turns::{TURN_BYTES, Turn, Turns},
};
use crate::{
    server::{services, shutdown::Shutdown, transcoding::Transcoder},
    settings::ServeSettings,
};

/// How long a connection may be silent before it is pinged, and how long it then has to respond.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// How long a client without a running call has to close its connection once it is asked to.
pub const FAREWELL_LIMIT: Duration = Duration::from_secs(10);

/// How long a client without a running call has to confirm that it will make no more, once the server drains.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);

/// The most calls at once on one connection. Clients hold further calls back until one has ended.
const MAX_STREAMS: u32 = 64;

/// How much a client may send on a stream before the call has read any of it. A caller that is 50 ms away can send about
/// 7 MB/s on each stream.
const STREAM_WINDOW_BYTES: u32 = 384 * 1024;

/// Large enough that every stream of a connection can stall with a full window.
const CONNECTION_WINDOW_BYTES: u32 = MAX_STREAMS * STREAM_WINDOW_BYTES;

/// How much small frames that have not been taken may count before h2 ends the connection, up to 255 bytes each. A turn brings
/// less: a frame has a head of nine bytes.
const SMALL_FRAMES_BUDGET: usize = 255 * TURN_BYTES / 9;

/// The most bytes of headers that are read; longer ones are refused by HTTP/2 itself.
pub const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Serves connections once they are accepted.
pub struct Http2 {
    builder: Builder,
    calls: Transcoder,
    idle_limit: Duration,
    /// The age at which a connection is replaced.
    max_age: Option<Duration>,
    /// How long a client may take nothing of a response.
    stall_limit: Duration,
    /// How often a connection is checked.
    check_interval: Duration,
    shutdown: Shutdown,
}

impl Http2 {
    /// Serves `calls`.
    pub fn new(settings: &ServeSettings, calls: Transcoder, shutdown: &Shutdown) -> Self {
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(settings.max_calls.min(MAX_STREAMS))
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .data_frame_budget(SMALL_FRAMES_BUDGET)
            .max_header_list_size(MAX_HEADER_BYTES);
        let idle_limit = settings.connection_idle();
        Self {
            builder,
            calls,
            idle_limit,
            max_age: settings.max_connection_age(),
            // After one idle limit, a call that waits for its client has ended by itself.
            stall_limit: 2 * settings.stream_idle(),
            check_interval: idle_limit.min(KEEPALIVE.1) / 4,
            shutdown: shutdown.clone(),
        }
    }

    /// Serves until the client leaves, fails to begin in time, makes no call for too long, or is silent for too long; or until
    /// the connection is old or the server drains, and no call is running any more.
    pub async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        begin_by: Instant,
    ) {
        let turn = Turn::new();
        let stream = Turns::new(stream, Arc::clone(&turn));
        let handshake = timeout_at(begin_by, self.builder.handshake(stream));
        let http2 = tokio::select! {
            made = handshake => made,
            () = self.shutdown.draining.cancelled() => return,
        };
        let ended = match http2 {
            Ok(Ok(http2)) => self.serve_calls(http2, peer, &turn).await,
            Ok(Err(error)) => Err(error),
            Err(_) => return tracing::debug!("connection.handshake_timed_out"),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection.broken");
        }
    }

    /// Serves calls until the connection ends. Those that are still running then are dropped.
    async fn serve_calls<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut http2: Connection<S, Bytes>,
        peer: SocketAddr,
        turn: &Turn,
    ) -> Result<(), h2::Error> {
        // The end of a connection doesn't wait for health checks or reflection.
        let (mut calls, mut open_calls) = (JoinSet::new(), JoinSet::new());
        let mut intakes = FuturesUnordered::new();
        let mut keepalive = http2.ping_pong().map(Keepalive::new);
        let mut idle_since = Instant::now();
        let mut age_limit = self.max_age.map(|age| idle_since + with_jitter(age));
        let (mut is_draining, mut ends_at) = (false, None);
        let mut checks = interval(self.check_interval);
        loop {
            tokio::select! {
                call = next_call(&mut http2, &mut intakes, turn) => {
                    let Some(call) = call else { return Ok(()) };
                    let (request, respond) = call?;
                    let needs_key = services::needs_key(request.uri().path());
                    let running = if needs_key { &mut calls } else { &mut open_calls };
                    let (mut head, stream) = request.into_parts();
                    head.extensions.insert(peer);
                    let (body, intake) = request::body(stream);
                    intakes.push(intake);
                    running.spawn(self.call(Request::from_parts(head, body), respond));
                }
                Some(_) = calls.join_next() => idle_since = Instant::now(),
                Some(_) = open_calls.join_next() => idle_since = Instant::now(),
                () = self.shutdown.draining.cancelled(), if !is_draining => {
                    is_draining = true;
                    http2.graceful_shutdown();
                    ends_at = Some(Instant::now() + DRAIN_LIMIT);
                }
                () = until(age_limit) => {
                    age_limit = None;
                    // A call that the client has already sent is still served.
                    http2.graceful_shutdown();
                    ends_at.get_or_insert(Instant::now() + FAREWELL_LIMIT);
                }
                () = until(ends_at), if calls.is_empty() => return Ok(()),
                _ = checks.tick() => {
                    let is_idle = calls.is_empty() && open_calls.is_empty();
                    let idle_for = if is_idle { idle_since.elapsed() } else { Duration::ZERO };
                    let is_there = keepalive.as_mut().is_none_or(|it| it.check(turn));
                    if !is_there || idle_for >= self.idle_limit + FAREWELL_LIMIT {
                        return Ok(());
                    }
                    if idle_for >= self.idle_limit {
                        // A call that the client has already sent is still served.
                        http2.graceful_shutdown();
                    }
                }
            }
        }
    }

    /// Makes a call and sends its response, unless the client resets the stream before that.
    fn call(
        &self,
        request: Request<RequestBody>,
        mut respond: SendResponse<Bytes>,
    ) -> impl Future<Output = ()> + use<> {
        let response = self.calls.call(request);
        let stall_limit = self.stall_limit;
        async move {
            let response = tokio::select! {
                Ok(response) = response => response,
                _ = poll_fn(|context| respond.poll_reset(context)) => return,
            };
            response::send(response, respond, stall_limit).await;
        }
    }
}

/// Waits until a time; forever if there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Returns `age`, a tenth more or less, so that connections that begin together don't end together.
pub fn with_jitter(age: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    age.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX))
}

/// Waits for a call. What arrives for other calls meanwhile is taken right after it was read, so that the connection keeps
/// no frames.
async fn next_call<S: AsyncRead + AsyncWrite + Unpin>(
    http2: &mut Connection<S, Bytes>,
    intakes: &mut FuturesUnordered<Intake>,
    turn: &Turn,
) -> Option<Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>> {
    let mut accept = pin!(http2.accept());
    poll_fn(|context| {
        let call = accept.as_mut().poll(context);
        while let Poll::Ready(Some(())) = intakes.poll_next_unpin(context) {}
        if call.is_pending() && turn.begin_next() {
            context.waker().wake_by_ref();
        }
        call
    })
    .await
}

/// Whether a client is still there.
struct Keepalive {
    pings: PingPong,
    silent_since: Instant,
    has_asked: bool,
}

impl Keepalive {
    fn new(pings: PingPong) -> Self {
        Self {
            pings,
            silent_since: Instant::now(),
            has_asked: false,
        }
    }

    /// Returns whether the client is there, as far as is known. It is if it has sent anything since the last check.
    fn check(&mut self, turn: &Turn) -> bool {
        if turn.take_has_read() {
            self.silent_since = Instant::now();
            self.has_asked = false;
        }
        let (silence, response) = KEEPALIVE;
        let silent_for = self.silent_since.elapsed();
        if silent_for >= silence && !self.has_asked {
            // The response to the previous ping is taken first. Both fail only once the connection has ended.
            let _ = self
                .pings
                .poll_pong(&mut Context::from_waker(Waker::noop()));
            let _ = self.pings.send_ping(Ping::opaque());
            self.has_asked = true;
        }
        silent_for < silence + response
    }
}

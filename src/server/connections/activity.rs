//! What a connection is used for: whether its client has begun, and which calls run.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tonic::{Status, body::Body, codegen::Bytes};

/// The length of what every client sends first.
const PREFACE_BYTES: usize = 24;

/// What a connection is used for.
pub struct Activity {
    has_begun: AtomicBool,
    calls: Mutex<Calls>,
}

struct Calls {
    running: usize,
    /// When the last one ended, or the connection began.
    none_since: Instant,
}

impl Activity {
    /// A connection's that has just been made.
    pub fn new() -> Self {
        Self {
            has_begun: AtomicBool::new(false),
            calls: Mutex::new(Calls {
                running: 0,
                none_since: Instant::now(),
            }),
        }
    }

    /// Whether the client has sent HTTP/2's preface, or as much of something else.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// How long no call has been running.
    pub fn idle_for(&self) -> Duration {
        self.with_calls(|calls| match calls.running {
            0 => calls.none_since.elapsed(),
            _ => Duration::ZERO,
        })
    }

    /// Counts a call until what is returned is dropped.
    pub fn begin_call(self: &Arc<Self>) -> RunningCall {
        self.with_calls(|calls| calls.running += 1);
        RunningCall(Arc::clone(self))
    }

    fn with_calls<T>(&self, read: impl FnOnce(&mut Calls) -> T) -> T {
        read(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A call that is counted as running.
pub struct RunningCall(Arc<Activity>);

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.with_calls(|calls| {
            calls.running -= 1;
            calls.none_since = Instant::now();
        });
    }
}

/// The body of a response, whose call runs until it is dropped.
pub struct CountedBody {
    body: Body,
    _running: RunningCall,
}

impl CountedBody {
    /// A body of the call `running`.
    pub fn new(body: Body, running: RunningCall) -> Self {
        Self {
            body,
            _running: running,
        }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's bytes, which tell its activity when the client has begun.
pub struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    /// How much of the preface is still to come.
    missing_bytes: usize,
}

impl<S> Watched<S> {
    /// The bytes of `stream`.
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            missing_bytes: PREFACE_BYTES,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.missing_bytes > 0 {
            let read = buffer.filled().len() - before;
            self.missing_bytes = self.missing_bytes.saturating_sub(read);
            if self.missing_bytes == 0 {
                self.activity.has_begun.store(true, Ordering::Relaxed);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

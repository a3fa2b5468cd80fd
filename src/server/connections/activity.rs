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

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

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
    /// How many parts of responses the client has not taken.
    pending_parts: usize,
    /// When the client last took a part, or the first of those began to wait.
    taken_at: Instant,
}

impl Activity {
    /// A connection's that has just been made.
    pub fn new() -> Self {
        Self {
            has_begun: AtomicBool::new(false),
            calls: Mutex::new(Calls {
                running: 0,
                none_since: Instant::now(),
                pending_parts: 0,
                taken_at: Instant::now(),
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

    /// How long the client has taken nothing of the responses that wait for it.
    pub fn stalled_for(&self) -> Duration {
        self.with_calls(|calls| match calls.pending_parts {
            0 => Duration::ZERO,
            _ => calls.taken_at.elapsed(),
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

impl RunningCall {
    /// Counts a part of the call's response that waits for the client.
    pub fn add_part(&self) {
        self.0.with_calls(|calls| {
            if calls.pending_parts == 0 {
                calls.taken_at = Instant::now();
            }
            calls.pending_parts += 1;
        });
    }

    /// Ends the wait of a part, which is taken, or will never be.
    pub fn remove_part(&self) {
        self.0.with_calls(|calls| {
            calls.pending_parts -= 1;
            calls.taken_at = Instant::now();
        });
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.with_calls(|calls| {
            calls.running -= 1;
            calls.none_since = Instant::now();
        });
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

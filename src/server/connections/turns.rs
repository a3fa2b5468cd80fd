//! Reading a connection in turns.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read in a turn. What has arrived is taken between turns.
pub const TURN_BYTES: usize = 16 * 1024;

/// How much of a connection may be read, and whether any of it was.
pub struct Turn {
    /// How much may still be read in this turn.
    left_bytes: AtomicUsize,
    has_read: AtomicBool,
}

impl Turn {
    /// The first turn of a connection.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            left_bytes: AtomicUsize::new(TURN_BYTES),
            has_read: AtomicBool::new(false),
        })
    }

    /// Begins another turn, and returns whether there may be more to read, which nothing else would signal.
    pub fn begin_next(&self) -> bool {
        self.left_bytes.swap(TURN_BYTES, Ordering::Relaxed) == 0
    }

    /// Returns whether anything has been read since this was last asked.
    pub fn take_has_read(&self) -> bool {
        self.has_read.swap(false, Ordering::Relaxed)
    }
}

/// A connection's bytes, which are read in turns.
pub struct Turns<S> {
    stream: S,
    turn: Arc<Turn>,
}

impl<S> Turns<S> {
    /// Reads `stream` in turns. Once a turn's bytes are read, no more are read until the next one begins.
    pub fn new(stream: S, turn: Arc<Turn>) -> Self {
        Self { stream, turn }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Turns<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left_bytes = self.turn.left_bytes.load(Ordering::Relaxed);
        if left_bytes == 0 {
            return Poll::Pending;
        }
        let room = buffer.remaining().min(left_bytes);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.turn.left_bytes.fetch_sub(read, Ordering::Relaxed);
        self.turn.has_read.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Turns<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
}

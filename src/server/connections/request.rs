//! Request bodies: taken off the connection as they arrive, and kept in little more memory than their bytes until the call
//! reads them. h2 keeps some 250 bytes for a frame, and a frame can have one byte.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use h2::{FlowControl, Reason, RecvStream};
use http_body::{Body, Frame};
use tonic::codegen::Bytes;

/// The sizes of the smallest and of the largest block of memory that bytes are kept in.
const BLOCK_BYTES: (usize, usize) = (256, 16 * 1024);

/// Makes a body of what arrives on `stream`. Nothing arrives unless the intake is polled together with the connection.
pub fn body(mut stream: RecvStream) -> (RequestBody, Intake) {
    let window = stream.flow_control().clone();
    let received = Arc::<Mutex<Received>>::default();
    let body = RequestBody {
        received: Arc::clone(&received),
        window,
    };
    (body, Intake { received, stream })
}

/// The body of a request. A client that leaves before its end is an error.
pub struct RequestBody {
    received: Arc<Mutex<Received>>,
    window: FlowControl,
}

/// Moves what arrives on a stream to its body. Ends when there is no more, or when the body is no longer read.
pub struct Intake {
    received: Arc<Mutex<Received>>,
    stream: RecvStream,
}

/// What has arrived and has not been read. The client's window bounds it.
#[derive(Default)]
struct Received {
    blocks: VecDeque<Vec<u8>>,
    end: Option<Result<(), Reason>>,
    is_unwanted: bool,
    reader: Option<Waker>,
    intake: Option<Waker>,
}

impl Received {
    fn push(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let last = self.blocks.back().map(|last| (last.len(), last.capacity()));
            if let Some((filled, size)) = last
                && filled < size
                && let Some(last) = self.blocks.back_mut()
            {
                let (fitting, rest) = data.split_at(data.len().min(size - filled));
                last.extend_from_slice(fitting);
                data = rest;
            } else {
                // The more has arrived, the larger the next block.
                let (smallest, largest) = BLOCK_BYTES;
                let size = last.map_or(0, |(filled, _)| 2 * filled).max(data.len());
                let block = Vec::with_capacity(size.clamp(smallest, largest));
                self.blocks.push_back(block);
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let mut received = lock(&self.received);
        if let Some(block) = received.blocks.pop_front() {
            drop(received);
            self.release(block.len());
            return Poll::Ready(Some(Ok(Frame::data(block.into()))));
        }
        match received.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(reason)) => Poll::Ready(Some(Err(reason.into()))),
            None => {
                received.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl RequestBody {
    /// Lets the client send that many more bytes.
    fn release(&mut self, bytes: usize) {
        // It fails only if the stream has ended.
        let _ = self.window.release_capacity(bytes);
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let mut received = lock(&self.received);
        received.is_unwanted = true;
        let blocks = std::mem::take(&mut received.blocks);
        let intake = received.intake.take();
        drop(received);
        self.release(blocks.iter().map(Vec::len).sum());
        intake.inspect(Waker::wake_by_ref);
    }
}

impl Future for Intake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { received, stream } = &mut *self;
        let mut received = lock(received);
        while !received.is_unwanted && received.end.is_none() {
            let Poll::Ready(data) = stream.poll_data(context) else {
                received.intake = Some(context.waker().clone());
                wake(received);
                return Poll::Pending;
            };
            match data {
                Some(Ok(data)) => received.push(&data),
                Some(Err(error)) => {
                    received.end = Some(Err(error.reason().unwrap_or(Reason::CANCEL)));
                }
                None => received.end = Some(Ok(())),
            }
        }
        wake(received);
        Poll::Ready(())
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let mut received = lock(&self.received);
        received.end.get_or_insert(Err(Reason::CANCEL));
        wake(received);
    }
}

/// Wakes the reader, if there is something to read.
fn wake(mut received: MutexGuard<'_, Received>) {
    if !received.blocks.is_empty() || received.end.is_some() {
        let reader = received.reader.take();
        drop(received);
        reader.inspect(Waker::wake_by_ref);
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Responses: sent in small parts, at the client's pace.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use h2::{Reason, SendStream, server::SendResponse};
use http_body::Body as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tonic::{
    body::Body,
    codegen::{Bytes, http::Response},
};

use crate::rpc::call::CallPermit;

/// The most bytes of a part.
const PART_BYTES: usize = 16 * 1024;

/// How many parts of a response may wait for the client.
const MAX_WAITING_PARTS: u32 = 4;

/// Sends `response`, and returns once the client has taken all of it, or never will. Until then the call keeps its permit. If
/// the client takes no part for `stall_limit`, the stream is reset, and what waits for the client is dropped.
pub async fn send(
    mut response: Response<Body>,
    mut respond: SendResponse<Bytes>,
    stall_limit: Duration,
) {
    let _permit: Option<CallPermit> = response.extensions_mut().remove();
    let (head, body) = response.into_parts();
    let is_all = body.is_end_stream();
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), is_all) else {
        return;
    };
    if is_all {
        return;
    }
    let mut sender = Sender {
        stream,
        room: Arc::new(Semaphore::new(MAX_WAITING_PARTS as usize)),
        stall_limit,
    };
    if let Err(reason) = sender.send(body).await {
        sender.stream.send_reset(reason);
    }
}

/// What sends the body of a response.
struct Sender {
    stream: SendStream<Bytes>,
    /// A permit for each part that may be added to those that wait for the client.
    room: Arc<Semaphore>,
    stall_limit: Duration,
}

impl Sender {
    /// Sends `body`, and waits until the client has taken it. Fails with what the stream is to be reset with.
    async fn send(&mut self, body: Body) -> Result<(), Reason> {
        let mut body = pin!(body);
        loop {
            let frame = tokio::select! {
                frame = poll_fn(|context| body.as_mut().poll_frame(context)) => frame,
                _ = poll_fn(|context| self.stream.poll_reset(context)) => return Err(Reason::CANCEL),
            };
            match frame.map(|frame| frame.map(|frame| frame.into_data())) {
                Some(Ok(Ok(data))) => self.send_data(data).await?,
                Some(Ok(Err(other))) => {
                    let trailers = other.into_trailers().unwrap_or_default();
                    let sent = self.stream.send_trailers(trailers);
                    sent.map_err(|_| Reason::CANCEL)?;
                    break;
                }
                Some(Err(_)) => return Err(Reason::INTERNAL_ERROR),
                None => {
                    let sent = self.stream.send_data(Bytes::new(), true);
                    sent.map_err(|_| Reason::CANCEL)?;
                    break;
                }
            }
        }
        self.wait_for_room(MAX_WAITING_PARTS).await.map(drop)
    }

    async fn send_data(&mut self, mut data: Bytes) -> Result<(), Reason> {
        while !data.is_empty() {
            let permit = self.wait_for_room(1).await?;
            // A copy, as a part of the whole would keep the whole in memory.
            let bytes = data.split_to(data.len().min(PART_BYTES)).as_ref().into();
            let part = Bytes::from_owner(Part {
                bytes,
                _permit: permit,
            });
            let sent = self.stream.send_data(part, false);
            sent.map_err(|_| Reason::CANCEL)?;
        }
        Ok(())
    }

    async fn wait_for_room(&self, parts: u32) -> Result<OwnedSemaphorePermit, Reason> {
        let room = Arc::clone(&self.room).acquire_many_owned(parts);
        match timeout(self.stall_limit, room).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(Reason::INTERNAL_ERROR),
            // To gRPC, that the bandwidth is exhausted.
            Err(_) => Err(Reason::ENHANCE_YOUR_CALM),
        }
    }
}

/// A part of a response, dropped once it is in the system's hands, or will never be.
struct Part {
    bytes: Box<[u8]>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

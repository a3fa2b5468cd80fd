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
    codegen::{
        Bytes,
        http::{HeaderMap, Response},
    },
};

use crate::rpc::call::CallPermit;

/// The most bytes of a part.
const PART_BYTES: usize = 16 * 1024;

/// How many parts of a response may wait for the client.
const MAX_WAITING_PARTS: u32 = 4;

/// Sends `response`, and returns once the client has taken all of it, or never will. If the client takes no part for
/// `stall_limit`, the stream is reset, and what waits for the client is dropped. The call's permit is freed just before
/// the client can see the end.
pub async fn send(
    mut response: Response<Body>,
    mut respond: SendResponse<Bytes>,
    stall_limit: Duration,
) {
    let permit: Option<CallPermit> = response.extensions_mut().remove();
    let (head, body) = response.into_parts();
    let head = Response::from_parts(head, ());
    if body.is_end_stream() {
        drop(permit);
        // It fails only if the client has left.
        let _ = respond.send_response(head, true);
        return;
    }
    let Ok(stream) = respond.send_response(head, false) else {
        return;
    };
    let mut sender = Sender {
        stream,
        permit: permit.map(Arc::new),
        room: Arc::new(Semaphore::new(MAX_WAITING_PARTS as usize)),
        stall_limit,
    };
    if let Err(reason) = sender.send(body).await {
        sender.stream.send_reset(reason);
    }
}

/// Sends the body of a response.
struct Sender {
    stream: SendStream<Bytes>,
    permit: Option<Arc<CallPermit>>,
    /// A permit for each part that may be added to those that are waiting for the client.
    room: Arc<Semaphore>,
    stall_limit: Duration,
}

impl Sender {
    /// Sends `body`, and waits until the client has taken it. Fails with the reason to reset the stream with.
    async fn send(&mut self, body: Body) -> Result<(), Reason> {
        let trailers = self.send_parts(body).await?;
        self.permit = None;
        let sent = match trailers {
            Some(trailers) => self.stream.send_trailers(trailers),
            None => self.stream.send_data(Bytes::new(), true),
        };
        sent.map_err(|_| Reason::CANCEL)?;
        self.wait_for_room(MAX_WAITING_PARTS).await.map(drop)
    }

    /// Sends all of `body` except its trailers, which it returns.
    async fn send_parts(&mut self, body: Body) -> Result<Option<HeaderMap>, Reason> {
        let mut body = pin!(body);
        loop {
            let frame = tokio::select! {
                frame = poll_fn(|context| body.as_mut().poll_frame(context)) => frame,
                _ = poll_fn(|context| self.stream.poll_reset(context)) => return Err(Reason::CANCEL),
            };
            match frame.map(|frame| frame.map(|frame| frame.into_data())) {
                Some(Ok(Ok(data))) => self.send_data(data).await?,
                Some(Ok(Err(other))) => return Ok(other.into_trailers().ok()),
                Some(Err(_)) => {
                    // A reset drops what the client has not taken.
                    drop(self.wait_for_room(MAX_WAITING_PARTS).await?);
                    return Err(Reason::INTERNAL_ERROR);
                }
                None => return Ok(None),
            }
        }
    }

    async fn send_data(&mut self, mut data: Bytes) -> Result<(), Reason> {
        while !data.is_empty() {
            let room = self.wait_for_room(1).await?;
            // A copy, since a slice would keep the whole in memory.
            let bytes = data.split_to(data.len().min(PART_BYTES)).as_ref().into();
            let part = Bytes::from_owner(Part {
                bytes,
                _room: room,
                _permit: self.permit.clone(),
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
            // gRPC takes it to mean that the bandwidth is exhausted.
            Err(_) => Err(Reason::ENHANCE_YOUR_CALM),
        }
    }
}

/// A part of a response, dropped once the system has taken it, or never will.
struct Part {
    bytes: Box<[u8]>,
    _room: OwnedSemaphorePermit,
    _permit: Option<Arc<CallPermit>>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

//! Response bodies: handed to the connection in small parts, each of which is known to wait until the client has taken it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, http::Response},
};

use super::activity::RunningCall;
use crate::rpc::call::CallPermit;

/// The most bytes of a part.
const PART_BYTES: usize = 16 * 1024;

/// The body of a response. The call runs, and keeps its permit, until the connection has taken the last part.
pub struct ResponseBody {
    body: Body,
    running: Arc<RunningCall>,
    _permit: Option<CallPermit>,
    /// What the body has given and the connection has not taken.
    left: Bytes,
}

impl ResponseBody {
    /// Makes the body of `response` one of a call that is `running`.
    pub fn of(mut response: Response<Body>, running: RunningCall) -> Response<Self> {
        let permit = response.extensions_mut().remove();
        response.map(|body| Self {
            body,
            running: Arc::new(running),
            _permit: permit,
            left: Bytes::new(),
        })
    }

    /// A copy of the next part, as a part of the whole would keep the whole in memory.
    fn next_part(&mut self) -> Bytes {
        let length = self.left.len().min(PART_BYTES);
        let bytes = self.left.split_to(length);
        self.running.add_part();
        Bytes::from_owner(Part {
            bytes: bytes.as_ref().into(),
            call: Arc::clone(&self.running),
        })
    }
}

/// A part of a response, dropped once it is in the system's hands.
struct Part {
    bytes: Box<[u8]>,
    call: Arc<RunningCall>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.call.remove_part();
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.left.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.left = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.next_part()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! The record of each call: begun with what is known of the call at its start, and ended once the status is known, with the
//! headers of the response or with its trailers. A call that is dropped before that was cancelled by its caller.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status};
use tracing::{Instrument, field::Empty};

use crate::{
    error::{code_name, reason_of},
    server::services,
    telemetry::{Calls, Origin, RunningCall, TraceParent},
};

/// The longest `x-request-id` that is kept.
const MAX_REQUEST_ID_CHARACTERS: usize = 128;

/// Runs the call, in a span of its own, and ends its record.
pub async fn keep(State(calls): State<Calls>, request: Request, next: Next) -> Response {
    let running = calls.begin(origin(&request));
    let span = tracing::info_span!("call", method = running.method(), organization = Empty);
    let record = running.record().clone();
    let response = record.scope(next.run(request)).instrument(span).await;
    if response.headers().contains_key(Status::GRPC_STATUS) {
        end(running, response.headers());
        return response;
    }
    response.map(|body| {
        let running = Some(running);
        Body::new(RecordedBody { body, running })
    })
}

fn origin(request: &Request) -> Origin {
    let header = |name| request.headers().get(name)?.to_str().ok();
    let path = request.uri().path();
    Origin {
        method: services::method(path),
        is_open: !services::needs_key(path),
        peer: request.extensions().get::<SocketAddr>().copied(),
        x_request_id: header("x-request-id")
            .filter(|id| id.len() <= MAX_REQUEST_ID_CHARACTERS && id.bytes().all(is_printable))
            .map(str::to_owned),
        trace_parent: header("traceparent").and_then(TraceParent::parse),
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Ends the call with the status in `headers`, which may be trailers.
fn end(running: RunningCall, headers: &HeaderMap) {
    let code = headers.get(Status::GRPC_STATUS);
    let code = code.map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()));
    let reason = match code {
        Code::Ok => None,
        _ => Status::from_header_map(headers).and_then(|status| reason_of(&status)),
    };
    running.end(code_name(code), reason);
}

/// The body of a response, which ends the call's record with its trailers.
struct RecordedBody {
    body: Body,
    /// None once the call has ended.
    running: Option<RunningCall>,
}

impl HttpBody for RecordedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
            && let Some(running) = self.running.take()
        {
            end(running, trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

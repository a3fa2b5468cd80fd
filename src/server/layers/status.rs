//! The status that a call ends with: one of the service's own, and in the log if an operator must know.

use std::error::Error as _;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tonic::{Code, Status};

use super::Refusal;
use crate::error::Error;

/// Replaces the transport's own errors, and logs the error that the call ended with.
pub async fn finish(
    State(max_message_bytes): State<usize>,
    request: Request,
    next: Next,
) -> Response {
    let response = rewrite(next.run(request).await, max_message_bytes);
    let status = response.extensions().get::<Status>();
    let error = status.and_then(|status| status.source()?.downcast_ref::<Error>());
    error.inspect(|error| error.log());
    response
}

/// The transport's own errors, for messages that it cannot read, come without details and in codes that mean something
/// else here.
fn rewrite(response: Response, max_message_bytes: usize) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if !status.details().is_empty() {
        return response;
    }
    match status.code() {
        // The second is what a compressed message turns out to be.
        Code::OutOfRange | Code::ResourceExhausted => Refusal(Error::MessageTooLarge {
            limit_bytes: max_message_bytes,
        })
        .into_response(),
        Code::Internal => Refusal(Error::MessageMalformed).into_response(),
        _ => response,
    }
}

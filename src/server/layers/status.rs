//! The status that a call ends with: one of the service's own, and in the call's record if an operator must know.

use std::error::Error as _;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tonic::{Code, Status};

use super::Refusal;
use crate::{error::Error, telemetry};

/// The header that names the compressions that the service accepts.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// How much of an encoding's name an error repeats.
const MAX_ENCODING_CHARACTERS: usize = 64;

/// Replaces the transport's own errors, and notes the error that the call ended with.
pub async fn finish(
    State(max_message_bytes): State<usize>,
    request: Request,
    next: Next,
) -> Response {
    let encoding = unread_encoding(&request);
    let response = next.run(request).await;
    let response = match own_error(&response, max_message_bytes, encoding) {
        Some(error) => with_error(&response, error),
        None => response,
    };
    let status = response.extensions().get::<Status>();
    let error = status.and_then(|status| status.source()?.downcast_ref::<Error>());
    if let Some(error) = error {
        telemetry::note(|call| call.note_error(error));
    }
    response
}

/// Returns the service's own error for one of the transport's, which has no details and a code that means something else
/// here.
fn own_error(
    response: &Response,
    max_message_bytes: usize,
    encoding: Option<String>,
) -> Option<Error> {
    let status = Status::from_header_map(response.headers())?;
    if !status.details().is_empty() {
        return None;
    }
    match status.code() {
        // The second is for a message that is too large once it is decompressed.
        Code::OutOfRange | Code::ResourceExhausted => Some(Error::MessageTooLarge {
            limit_bytes: max_message_bytes,
        }),
        Code::Internal => Some(Error::MessageMalformed {
            message_index: None,
        }),
        Code::Unimplemented => Some(match encoding {
            Some(grpc_encoding) => Error::CompressionUnsupported { grpc_encoding },
            None => Error::CallUnknown,
        }),
        _ => None,
    }
}

/// Returns the response with another error. It still tells the caller which compressions it may use.
fn with_error(response: &Response, error: Error) -> Response {
    let mut replaced = Refusal(error).into_response();
    if let Some(accepted) = response.headers().get(ACCEPT_ENCODING) {
        let headers = replaced.headers_mut();
        headers.insert(ACCEPT_ENCODING, accepted.clone());
    }
    replaced
}

/// Returns how the request's messages are compressed, if the service doesn't support it.
fn unread_encoding(request: &Request) -> Option<String> {
    let encoding = request.headers().get("grpc-encoding")?.to_str().ok()?;
    let is_read = ["identity", "gzip"].contains(&encoding);
    (!is_read).then(|| encoding.chars().take(MAX_ENCODING_CHARACTERS).collect())
}

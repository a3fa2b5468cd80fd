//! The limit of a call's metadata.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use super::Refusal;
use crate::error::Error;

/// The most bytes of a call's metadata, counted as HTTP/2 does (RFC 9113, section 6.5.2).
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// What HTTP/2 counts for each entry in addition to its name and value.
const ENTRY_BYTES: usize = 32;

/// Runs the call if its metadata is within the limit.
pub async fn limit(request: Request, next: Next) -> Result<Response, Refusal> {
    let entry_bytes = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + ENTRY_BYTES
    };
    let value = request.headers().iter().map(entry_bytes).sum();
    if value > MAX_METADATA_BYTES {
        return Err(Error::MetadataTooLarge {
            limit_bytes: MAX_METADATA_BYTES,
            value,
        }
        .into());
    }
    Ok(next.run(request).await)
}

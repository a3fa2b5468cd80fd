//! A span for each call, which everything that is logged meanwhile stands in.

use axum::{extract::Request, middleware::Next, response::Response};
use tracing::Instrument;

/// Runs the call in a span of its own. The organization is recorded once the caller is known.
pub async fn enter(request: Request, next: Next) -> Response {
    let method = request.uri().path();
    let span = tracing::info_span!("call", method, organization = tracing::field::Empty);
    next.run(request).instrument(span).await
}

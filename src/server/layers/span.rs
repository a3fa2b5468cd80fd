//! A span for each call, around everything that is logged during it.

use axum::{extract::Request, middleware::Next, response::Response};
use tracing::Instrument;

/// Runs the call in a span of its own. The organization is recorded once the caller is known.
pub async fn enter(request: Request, next: Next) -> Response {
    let method = request.uri().path();
    let span = tracing::info_span!("call", method, organization = tracing::field::Empty);
    next.run(request).instrument(span).await
}

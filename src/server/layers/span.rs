//! A span for each call, around everything that is logged during it.

use axum::{extract::Request, middleware::Next, response::Response};
use tracing::{Instrument, field::Empty};

/// Runs the call in a span of its own. The organization is recorded once the caller is known, and the rest by
/// `UpdateContactListContacts`.
pub async fn enter(request: Request, next: Next) -> Response {
    let method = request.uri().path();
    let span = tracing::info_span!(
        "call",
        method,
        organization = Empty,
        contact_list_id = Empty,
        action = Empty,
        received = Empty,
        rejected = Empty,
    );
    next.run(request).instrument(span).await
}

//! The caller of a call, from its API key.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};

use super::Refusal;
use crate::{auth, error::Error, repository::Repository};

/// Puts the caller into the request's extensions, or refuses the call.
pub async fn authenticate(
    State(repository): State<Repository>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = bearer_key(request.headers()).ok_or(Error::ApiKeyInvalid)?;
    let caller = auth::authenticate(&repository, key).await?;
    tracing::Span::current().record("organization", caller.organization.id.to_string());
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The key in `authorization: Bearer <key>`.
pub fn bearer_key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

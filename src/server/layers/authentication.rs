//! The caller of a call, from its API key.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};

use tokio::sync::Semaphore;

use super::{Refusal, admission::too_many};
use crate::{auth, error::Error, repository::Repository};

/// Where keys are looked up, and for how many calls at once.
#[derive(Clone)]
pub struct KeyLookup {
    pub repository: Repository,
    pub max_calls: usize,
    pub calls: Arc<Semaphore>,
}

/// Puts the caller into the request's extensions, or refuses the call. A call takes no place of those that run before its
/// key is known to be good.
pub async fn authenticate(
    State(lookup): State<KeyLookup>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = bearer_key(request.headers()).ok_or(Error::ApiKeyInvalid)?;
    let permit = lookup.calls.try_acquire();
    let permit = permit.map_err(|_| too_many(lookup.max_calls, "server"))?;
    let caller = auth::authenticate(&lookup.repository, key).await?;
    drop(permit);
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

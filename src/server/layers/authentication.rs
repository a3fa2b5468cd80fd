//! The caller of a call, from its API key.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::{Refusal, admission::too_many};
use crate::{
    auth,
    domain::api_key,
    error::Error,
    jobs::key_uses::KeyUses,
    repository::Repository,
    telemetry::{self, Phase},
};

/// The most good keys that are remembered.
const MAX_GOOD_KEYS: usize = 10_000;

/// Where keys are looked up.
#[derive(Clone)]
pub struct KeyLookup {
    pub repository: Repository,
    /// Where the use of a key is noted.
    pub uses: KeyUses,
    /// The hashes of keys that were good when they were last looked up. Each call's key is still looked up.
    pub good: Arc<Mutex<HashSet<Vec<u8>>>>,
    /// How many other keys are looked up at once, so that a flood of them doesn't hold up good ones.
    pub max_unknown: usize,
    pub unknown: Arc<Semaphore>,
}

/// Puts the caller into the request's extensions, or refuses the call.
pub async fn authenticate(
    State(lookup): State<KeyLookup>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = bearer_key(request.headers()).ok_or(Error::ApiKeyInvalid)?;
    let hash = api_key::hash(key);
    let permit = if lookup.with_good(|good| good.contains(&hash)) {
        None
    } else {
        let permit = lookup.unknown.try_acquire();
        Some(permit.map_err(|_| too_many(lookup.max_unknown, "server"))?)
    };
    telemetry::begin_phase(Phase::Authenticate);
    let caller = auth::authenticate(&lookup.repository, key).await;
    telemetry::begin_phase(Phase::Handle);
    drop(permit);
    lookup.with_good(|good| match caller {
        Ok(_) => {
            if good.len() >= MAX_GOOD_KEYS {
                good.clear();
            }
            good.insert(hash);
        }
        Err(Error::ApiKeyInvalid) => {
            good.remove(&hash);
        }
        Err(_) => {}
    });
    let caller = caller?;
    lookup.uses.note(&caller);
    tracing::Span::current().record("organization", caller.organization.id.to_string());
    telemetry::note(|call| {
        call.organization_id = Some(caller.organization.id);
        call.api_key_id = Some(caller.api_key_id);
    });
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

impl KeyLookup {
    fn with_good<T>(&self, with: impl FnOnce(&mut HashSet<Vec<u8>>) -> T) -> T {
        with(&mut self.good.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The key in `authorization: Bearer <key>`.
pub fn bearer_key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

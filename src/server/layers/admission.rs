//! The limits of calls at once, and how calls end at shutdown.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::{super::shutdown::Shutdown, Refusal};
use crate::{
    domain::caller::Caller, error::Error, keyed_semaphore::KeyedSemaphore, rpc::call::CallPermit,
};

/// How many calls the server runs at once, and for how long.
#[derive(Clone)]
pub struct ServerLimit {
    pub max_calls: usize,
    pub calls: Arc<Semaphore>,
    pub shutdown: Shutdown,
}

/// How many calls of one API key the server runs at once.
#[derive(Clone)]
pub struct KeyLimit {
    pub max_calls: usize,
    pub calls: Arc<KeyedSemaphore<Uuid>>,
}

/// Runs the call if the server has room for it and is not shutting down, until it is forced to end.
pub async fn on_server(
    State(limit): State<ServerLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if limit.shutdown.draining.is_cancelled() {
        return Err(Error::ShuttingDown.into());
    }
    let permit = limit.calls.try_acquire_owned();
    let permit = permit.map_err(|_| too_many(limit.max_calls, "server"))?;
    let _permit = hold(&mut request, permit);
    tokio::select! {
        response = next.run(request) => Ok(response),
        () = limit.shutdown.forced.cancelled() => Err(Error::ShuttingDown.into()),
    }
}

/// Runs the call if its key has room for it. The caller must be known.
pub async fn per_key(
    State(limit): State<KeyLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let caller = request.extensions().get::<Caller>();
    let key = caller.ok_or(Error::ApiKeyInvalid)?.api_key_id;
    let permit = limit.calls.try_acquire(key);
    let permit = permit.ok_or_else(|| too_many(limit.max_calls, "api_key"))?;
    let permit = hold(&mut request, permit);
    let mut response = next.run(request).await;
    // The connection keeps it until the client has taken the response.
    response.extensions_mut().insert(permit);
    Ok(response)
}

/// How many calls without a key the server runs at once, but for those that only ask whether it serves.
#[derive(Clone)]
pub struct OpenLimit {
    pub max_calls: usize,
    pub calls: Arc<Semaphore>,
}

/// Whether the server serves: asked by what would end the server if it got no answer, and answered at once.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// Runs a call that needs no key, if the server has room for it.
pub async fn without_key(
    State(limit): State<OpenLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if request.uri().path() == HEALTH_CHECK {
        return Ok(next.run(request).await);
    }
    let permit = limit.calls.try_acquire_owned();
    let permit = permit.map_err(|_| too_many(limit.max_calls, "server"))?;
    let permit = hold(&mut request, permit);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(permit);
    Ok(response)
}

/// Adds `permit` to what the request carries, for calls whose work goes on after their response has begun. What is returned
/// holds it until then.
fn hold(request: &mut Request, permit: OwnedSemaphorePermit) -> CallPermit {
    let permits = request
        .extensions_mut()
        .get_or_insert_default::<CallPermit>();
    permits.add(permit);
    permits.clone()
}

fn too_many(limit: usize, scope: &'static str) -> Error {
    Error::TooManyCalls { limit, scope }
}

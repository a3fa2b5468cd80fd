//! The limits of calls at once, and how calls end at shutdown.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    super::shutdown::Shutdown, Refusal, authentication::bearer_key, health_checks::HealthChecks,
};
use crate::{
    domain::api_key, error::Error, keyed_semaphore::KeyedSemaphore, rpc::call::CallPermit,
};

/// How many calls of a kind the server runs at once.
#[derive(Clone)]
pub struct ServerLimit {
    pub max_calls: usize,
    pub calls: Arc<Semaphore>,
}

/// How many calls with one API key the server runs at once, by the key's hash.
#[derive(Clone)]
pub struct KeyLimit {
    pub max_calls: usize,
    pub calls: Arc<KeyedSemaphore<Vec<u8>>>,
}

/// Runs the call unless the server is shutting down, and ends it when the shutdown is forced.
pub async fn until_shutdown(
    State(shutdown): State<Shutdown>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if shutdown.draining.is_cancelled() {
        return Err(Error::ShuttingDown.into());
    }
    tokio::select! {
        response = next.run(request) => Ok(response),
        () = shutdown.forced.cancelled() => Err(Error::ShuttingDown.into()),
    }
}

/// Runs the call if the server has room for it.
pub async fn on_server(
    State(limit): State<ServerLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let permit = limit.calls.try_acquire_owned();
    let permit = permit.map_err(|_| too_many(limit.max_calls, "server"))?;
    let mut permit = hold(&mut request, permit);
    let mut response = next.run(request).await;
    permit.hold_memory_of(&mut response);
    // The connection keeps it, and the key's if there is one, until the client has taken the response.
    response.extensions_mut().insert(permit);
    Ok(response)
}

/// Runs the call if its key has room for it, whether or not the key is good.
pub async fn per_key(
    State(limit): State<KeyLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = bearer_key(request.headers()).ok_or(Error::ApiKeyInvalid)?;
    let permit = limit.calls.try_acquire(api_key::hash(key));
    let permit = permit.ok_or_else(|| too_many(limit.max_calls, "api_key"))?;
    let _permit = hold(&mut request, permit);
    Ok(next.run(request).await)
}

/// How many calls without a key the server runs at once.
#[derive(Clone)]
pub struct OpenLimit {
    pub calls: ServerLimit,
    /// Health checks don't count among these calls; they have a limit of their own.
    pub health_checks: HealthChecks,
}

/// The call that asks whether the server is serving.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The headers that gRPC itself reads.
const GRPC_HEADERS: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::TE,
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-timeout"),
];

/// Runs a call that needs no key if the server has room for it. Only gRPC's headers are kept while it waits for its body.
pub async fn without_key(
    State(limit): State<OpenLimit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let headers = grpc_headers(request.headers());
    *request.headers_mut() = headers;
    if request.uri().path() == HEALTH_CHECK {
        return limit.health_checks.run(request, next).await;
    }
    on_server(State(limit.calls), request, next).await
}

/// Copies gRPC's headers, since a value can be a slice of everything that arrived with it.
fn grpc_headers(headers: &HeaderMap) -> HeaderMap {
    let copied = GRPC_HEADERS.into_iter().filter_map(|name| {
        let value = headers.get(&name)?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    copied.collect()
}

/// Adds `permit` to the request's permits, for calls whose work goes on after their response has begun. The returned value
/// holds it until then.
fn hold(request: &mut Request, permit: OwnedSemaphorePermit) -> CallPermit {
    let permits = request
        .extensions_mut()
        .get_or_insert_default::<CallPermit>();
    permits.add(permit);
    permits.clone()
}

/// Returns the error of a call that would exceed the `limit` of `scope`.
pub fn too_many(limit: usize, scope: &'static str) -> Error {
    Error::TooManyCalls { limit, scope }
}

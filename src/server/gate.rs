//! What every call passes through: its span, the limits of calls at once, its key, and the last resort for failures.

use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service, http},
    metadata::MetadataMap,
};
use tower::Layer;
use tracing::Instrument;
use uuid::Uuid;

use super::complete_body::CompleteBody;
use crate::{
    auth::{CallPermit, Caller, bearer_key},
    error::{Error, Result},
    repository::{Repository, api_keys},
    settings::ServeSettings,
};

/// The services that need no key.
const OPEN_SERVICES: [&str; 2] = ["/grpc.health.v1.", "/grpc.reflection."];

/// The layer around all services.
#[derive(Clone)]
pub struct Gate {
    repository: Repository,
    calls: Arc<Semaphore>,
    max_calls: usize,
    calls_by_key: Arc<Mutex<HashMap<Uuid, Arc<Semaphore>>>>,
    max_calls_per_key: usize,
    max_message_bytes: usize,
    /// New calls are refused.
    closing: CancellationToken,
    /// Running calls are cut off.
    force: CancellationToken,
}

impl Gate {
    /// A gate that lets calls in until `closing`, and cuts them off at `force`.
    pub fn new(
        repository: Repository,
        settings: &ServeSettings,
        closing: CancellationToken,
        force: CancellationToken,
    ) -> Self {
        let max_calls = settings.max_calls as usize;
        Self {
            repository,
            calls: Arc::new(Semaphore::new(max_calls)),
            max_calls,
            calls_by_key: Arc::default(),
            max_calls_per_key: settings.max_calls_per_key as usize,
            max_message_bytes: settings.max_message_bytes as usize,
            closing,
            force,
        }
    }

    async fn admit(&self, request: &mut http::Request<Body>) -> Result<CallPermit> {
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let too_many = |limit, scope| Error::TooManyCalls { limit, scope };
        let server = Arc::clone(&self.calls)
            .try_acquire_owned()
            .map_err(|_| too_many(self.max_calls, "server"))?;
        let metadata = MetadataMap::from_headers(request.headers().clone());
        let key = bearer_key(&metadata).ok_or(Error::ApiKeyInvalid)?;
        let caller = api_keys::authenticate(&self.repository, key).await?;
        let key = self
            .calls_of(&caller)
            .try_acquire_owned()
            .map_err(|_| too_many(self.max_calls_per_key, "api_key"))?;
        tracing::Span::current().record("organization", caller.organization.id.to_string());
        request.extensions_mut().insert(caller);
        let place = CallPermit::new(server, key);
        request.extensions_mut().insert(place.clone());
        Ok(place)
    }

    fn calls_of(&self, caller: &Caller) -> Arc<Semaphore> {
        let mut calls = self
            .calls_by_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let semaphore = calls
            .entry(caller.api_key_id)
            .or_insert_with(|| Arc::new(Semaphore::new(self.max_calls_per_key)));
        Arc::clone(semaphore)
    }

    /// The transport's own answers to messages that it cannot read come without details, in codes that mean something
    /// else here.
    fn rewrite(&self, response: http::Response<Body>) -> http::Response<Body> {
        let Some(status) = Status::from_header_map(response.headers()) else {
            return response;
        };
        if !status.details().is_empty() {
            return response;
        }
        match status.code() {
            // The second is what a compressed message turns out to be.
            Code::OutOfRange | Code::ResourceExhausted => refusal(Error::MessageTooLarge {
                limit_bytes: self.max_message_bytes,
            }),
            Code::Internal => refusal(Error::MessageMalformed),
            _ => response,
        }
    }
}

impl<S> Layer<S> for Gate {
    type Service = GatedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GatedService {
            gate: self.clone(),
            inner,
        }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct GatedService<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<http::Request<Body>> for GatedService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The clone takes over the readiness that was polled.
        let unready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, unready);
        let gate = self.gate.clone();
        let method = request.uri().path().to_owned();
        if OPEN_SERVICES.iter().any(|open| method.starts_with(open)) {
            return Box::pin(inner.call(request));
        }
        let span = tracing::info_span!("call", method, organization = tracing::field::Empty);
        let answer = async move {
            let _place = match gate.admit(&mut request).await {
                Ok(place) => place,
                Err(error) => return Ok(refusal(error)),
            };
            let request = request.map(|body| Body::new(CompleteBody::of(body)));
            tokio::select! {
                answer = AssertUnwindSafe(inner.call(request)).catch_unwind() => match answer {
                    Ok(answer) => answer.map(|response| gate.rewrite(response)),
                    Err(_) => Ok(refusal(Error::internal(anyhow::anyhow!("the call panicked")))),
                },
                () = gate.force.cancelled() => Ok(refusal(Error::ShuttingDown)),
            }
        };
        Box::pin(answer.instrument(span))
    }
}

fn refusal(error: Error) -> http::Response<Body> {
    Status::from(error).into_http()
}

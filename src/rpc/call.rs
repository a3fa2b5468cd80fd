//! How a call begins: with its caller and its permit to run, which the server's layers have put into its request, and with a
//! turn if it reads.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Response, codegen::http};

use super::Api;
use crate::{
    domain::{caller::Caller, scope::Scope},
    error::{Error, Result},
    memory_budget::MemoryShare,
    repository::ACQUIRE_TIMEOUT,
    telemetry::{self, Phase},
};

/// Returns the caller of `request`. Fails if its key does not have the scope that the call requires.
pub fn authorize<T>(request: &Request<T>, required: Scope) -> Result<Caller> {
    let caller = request.extensions().get::<Caller>();
    let caller = caller.ok_or(Error::ApiKeyInvalid)?;
    if caller.scope < required {
        return Err(Error::ScopeInsufficient {
            required,
            actual: caller.scope,
        });
    }
    Ok(caller.clone())
}

/// What a request has whose stream looks whole wherever it ends: only a footer tells that nothing is missing.
#[derive(Debug, Clone, Copy)]
pub struct NeedsFooter;

/// A call's turn to read, until it is dropped.
#[must_use]
pub struct ReadTurn {
    _permit: OwnedSemaphorePermit,
}

impl Api {
    /// Returns the caller of a `request` that reads, and waits for its turn: the calls of one key use at most half of the
    /// connections that read, each call one at a time. Fails like [`authorize`], and if the turn takes longer than a
    /// connection may.
    pub async fn begin_read<T>(&self, request: &Request<T>) -> Result<(Caller, ReadTurn)> {
        let caller = authorize(request, Scope::Read)?;
        telemetry::begin_phase(Phase::Wait);
        let turn = self.reads.acquire(caller.api_key_id);
        let turn = tokio::time::timeout(ACQUIRE_TIMEOUT, turn).await;
        let _permit = turn.map_err(|_| Error::TooManyCalls {
            limit: self.max_reads_per_key,
            scope: "api_key",
        })?;
        telemetry::begin_phase(Phase::Handle);
        Ok((caller, ReadTurn { _permit }))
    }
}

/// A call's share of the limits of calls at once, which is free again when the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub struct CallPermit {
    permits: Vec<Arc<OwnedSemaphorePermit>>,
    memory: Option<Arc<MemoryShare>>,
}

/// Makes a response, with which `memory` is held until the client has taken it.
pub fn response_with<T>(message: T, memory: Option<MemoryShare>) -> Response<T> {
    let mut response = Response::new(message);
    if let Some(memory) = memory {
        response.extensions_mut().insert(Arc::new(memory));
    }
    response
}

impl CallPermit {
    /// Adds a permit that is held as long as the others.
    pub fn add(&mut self, permit: OwnedSemaphorePermit) {
        self.permits.push(Arc::new(permit));
    }

    /// Holds what `response` says is to be held until the client has taken it.
    pub fn hold_memory_of<T>(&mut self, response: &mut http::Response<T>) {
        self.memory = response.extensions_mut().remove();
    }

    /// Returns the permit of `request`'s call, for calls whose work goes on after their response has begun.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

//! What the server's layers have put into a call's request: its caller, and its permit to run.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::Request;

use crate::{
    domain::{caller::Caller, scope::Scope},
    error::{Error, Result},
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

/// A call's share of the limits of calls at once, free again when the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub struct CallPermit(Vec<Arc<OwnedSemaphorePermit>>);

impl CallPermit {
    /// Adds a permit that is held for as long.
    pub fn add(&mut self, permit: OwnedSemaphorePermit) {
        self.0.push(Arc::new(permit));
    }

    /// Returns the permit of `request`'s call, for calls whose work goes on after their response has begun.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

//! Who calls, and what they may do. The only way to an organization's id.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::Request;
use uuid::Uuid;

pub use crate::domain::scope::Scope;
use crate::{
    domain::organization::Organization,
    error::{Error, Result},
};

/// Whom an API key speaks for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization that the key opens.
    pub organization: Organization,
    /// The key.
    pub api_key_id: Uuid,
    /// What the key may do.
    pub scope: Scope,
}

impl Caller {
    /// The caller of `request`, if the key has the scope that the call needs.
    pub fn with_scope<T>(request: &Request<T>, required: Scope) -> Result<Self> {
        let caller = request
            .extensions()
            .get::<Self>()
            .ok_or(Error::ApiKeyInvalid)?;
        if caller.scope < required {
            return Err(Error::ScopeInsufficient {
                required,
                actual: caller.scope,
            });
        }
        Ok(caller.clone())
    }
}

/// A call's place among the calls at once: free again when the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub struct CallPermit(Vec<Arc<OwnedSemaphorePermit>>);

impl CallPermit {
    /// Adds a permit that is held for as long.
    pub fn add(&mut self, permit: OwnedSemaphorePermit) {
        self.0.push(Arc::new(permit));
    }

    /// The permit of `request`'s call, for calls whose work goes on after their response has begun.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

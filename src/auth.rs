//! Who calls, and what they may do. The only way to an organization's id.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, metadata::MetadataMap};
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
#[derive(Debug, Clone)]
pub struct CallPermit {
    _permits: Arc<[OwnedSemaphorePermit; 2]>,
}

impl CallPermit {
    /// A place on the server, and one of the key's.
    pub fn new(on_server: OwnedSemaphorePermit, of_key: OwnedSemaphorePermit) -> Self {
        Self {
            _permits: Arc::new([on_server, of_key]),
        }
    }

    /// The place of `request`'s call, for those whose work goes on after the answer has begun.
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

/// The key in `authorization: Bearer <key>`.
pub fn bearer_key(metadata: &MetadataMap) -> Option<&str> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

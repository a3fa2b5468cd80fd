//! From an API key to the caller that it stands for.

use crate::{
    domain::caller::Caller,
    error::{Error, Result},
    repository::{Repository, api_keys},
};

/// Returns the caller that `key` stands for. Every key that is refused is refused with the same error.
pub async fn authenticate(repository: &Repository, key: &str) -> Result<Caller> {
    let found = api_keys::find(repository, key).await?;
    let (api_key, organization) = found.ok_or(Error::ApiKeyInvalid)?;
    if api_key.disabled {
        return Err(Error::ApiKeyInvalid);
    }
    Ok(Caller {
        organization,
        api_key_id: api_key.id,
        scope: api_key.scope,
    })
}

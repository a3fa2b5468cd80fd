//! From an API key's secret to the caller that it stands for.

use crate::{
    domain::{api_key::ApiKeySecret, caller::Caller, now},
    error::{Error, Result},
    repository::{Repository, api_keys},
};

/// Returns the caller that a key's secret stands for. All keys that are refused get the same error.
pub async fn authenticate(repository: &Repository, secret: &str) -> Result<Caller> {
    let secret = ApiKeySecret::parse(secret).ok_or(Error::ApiKeyInvalid)?;
    let found = api_keys::find(repository, &secret).await?;
    let (api_key, organization) = found.ok_or(Error::ApiKeyInvalid)?;
    if api_key.disabled || api_key.has_expired(now()) {
        return Err(Error::ApiKeyInvalid);
    }
    Ok(Caller {
        organization,
        api_key_id: api_key.id,
        scope: api_key.scope,
    })
}

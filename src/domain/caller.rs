//! Who calls.

use uuid::Uuid;

use super::{organization::Organization, scope::Scope};

/// The organization and the API key of a call.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The key's organization. No call reaches another one.
    pub organization: Organization,
    /// The key.
    pub api_key_id: Uuid,
    /// What the key may do.
    pub scope: Scope,
}

//! API keys: the secret that a caller sends, and what is known of a key without it.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{OrganizationId, name::Name, scope::Scope};

/// What every secret begins with.
const PREFIX: &str = "cl_";

/// A key without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The id.
    pub id: Uuid,
    /// What the key may do.
    pub scope: Scope,
    /// Whether it is disabled, and so refused.
    pub disabled: bool,
    /// When it was created.
    pub create_time: OffsetDateTime,
    /// What operators call it.
    pub name: Option<String>,
    /// From when on it is refused.
    pub expire_time: Option<OffsetDateTime>,
    /// The hour in which a call was last made with it.
    pub last_use_time: Option<OffsetDateTime>,
}

impl ApiKey {
    /// Returns whether it has expired at a time.
    pub fn has_expired(&self, time: OffsetDateTime) -> bool {
        self.expire_time
            .is_some_and(|expire_time| expire_time <= time)
    }
}

/// A key that is to be created.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What the key may do.
    pub scope: Scope,
    /// What operators call it.
    pub name: Option<Name>,
    /// From when on it is refused.
    pub expire_time: Option<OffsetDateTime>,
}

impl NewApiKey {
    /// A key without a name, which does not expire.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            name: None,
            expire_time: None,
        }
    }
}

/// The secret of a key: `cl_<organization's id>_<256 random bits>`. Only its hash is stored.
#[derive(Debug, Clone)]
pub struct ApiKeySecret {
    text: SecretString,
    organization: OrganizationId,
}

impl ApiKeySecret {
    /// Makes the secret of a new key. Fails if the system has no random bits.
    pub fn generate(organization: OrganizationId) -> Result<Self, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let (id, random) = (organization.0.simple(), hex::encode(random));
        Ok(Self {
            text: format!("{PREFIX}{id}_{random}").into(),
            organization,
        })
    }

    /// Parses what a caller sends; `None` if it cannot be a secret.
    pub fn parse(text: &str) -> Option<Self> {
        let (organization, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let organization = Uuid::parse_str(organization).ok()?;
        Some(Self {
            text: text.into(),
            organization: OrganizationId(organization),
        })
    }

    /// Returns the organization that the key opens, if there is such a key.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Returns the secret as its holder sends it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns what is stored in place of the secret.
    pub fn hash(&self) -> Vec<u8> {
        hash(self.expose())
    }
}

/// Returns the hash of what a caller sends, whether or not it is a secret: a SHA-256.
pub fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

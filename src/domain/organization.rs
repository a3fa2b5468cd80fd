//! Organizations: the tenants.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::{
    percent::Percent,
    phone_number::{DefaultRegion, PhoneNumber},
    preference::NumberHash,
};

/// The id of an organization, the tenant that every row belongs to. A call gets one only from its API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrganizationId(pub Uuid);

impl std::fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The id.
    pub id: OrganizationId,
    /// The name.
    pub name: String,
    /// The region whose national phone formats are accepted.
    pub default_region: Option<DefaultRegion>,
    /// The region's code, as stored.
    pub default_region_code: Option<String>,
    /// The key of the hashes of opted-out numbers.
    pub opt_out_key: OptOutKey,
    /// The custom object that was made the default one, which may be deleted by now.
    pub default_custom_object_id: Option<Uuid>,
    /// How many of a list's members an overwrite may remove, where the call says nothing else.
    pub max_removed_percent: Option<Percent>,
}

impl Organization {
    /// Returns the keyed hash of a number, under which the opt-outs of the number are stored while it is unassigned.
    pub fn hash(&self, phone: PhoneNumber) -> NumberHash {
        // HMAC takes keys of any length.
        #[allow(clippy::expect_used)]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.opt_out_key.0.expose_secret()).expect("any length");
        mac.update(phone.as_str().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// 256 random bits that never appear in a log.
#[derive(Debug, Clone)]
pub struct OptOutKey(SecretSlice<u8>);

impl OptOutKey {
    /// Wraps a stored key.
    pub fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

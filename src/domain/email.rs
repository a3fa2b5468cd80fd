//! Email addresses (RFC 5321 and 5322).

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use super::{
    text,
    violation::{Invalid, Reason},
};

/// An email address of at most 255 characters, kept as given except for the white space around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Parses `email`, without the white space around it; `None` if that leaves nothing.
    pub fn parse(email: String) -> Result<Option<Self>, Invalid> {
        text::refuse_nul(&email)?;
        let email = email.trim();
        if email.is_empty() {
            return Ok(None);
        }
        text::check(email)?;
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        EmailAddress::parse_with_options(email, options)
            .map_err(|_| Invalid::new(Reason::EmailInvalid, "is not a valid email address"))?;
        Ok(Some(Self(email.to_owned())))
    }

    /// Makes an address from its stored form.
    pub fn from_stored(email: String) -> Self {
        Self(email)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

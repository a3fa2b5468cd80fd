//! What API keys may do.

use strum::{EnumString, IntoStaticStr};

/// What an API key may do. Each scope includes the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Read everything.
    Read,
    /// Change contacts, lists and preferences.
    Write,
    /// Set up the organization, and do what can't be undone.
    Admin,
}

impl Scope {
    /// Returns the scope's name, which is stored and told to callers.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

//! What API keys may do.

use std::str::FromStr;

/// What an API key may do. Each scope includes the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Change contacts, lists and preferences.
    Write,
    /// Set up, and what cannot be taken back.
    Admin,
}

impl Scope {
    /// The scope's name, as it is stored and told to callers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Read, Self::Write, Self::Admin]
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or(())
    }
}

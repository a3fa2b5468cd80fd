//! Languages (BCP 47, RFC 5646).

use oxilangtag::LanguageTag;
use serde::{Deserialize, Serialize};

use super::{
    text,
    violation::{Invalid, Reason},
};

/// A well-formed language tag in its canonical case (RFC 5646, section 4.5), such as "pt-BR".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// Parses `language`, in which `_` reads as `-`; `None` if it is empty.
    pub fn parse(language: String) -> Result<Option<Self>, Invalid> {
        if language.is_empty() {
            return Ok(None);
        }
        text::check(&language)?;
        let tag = LanguageTag::parse_and_normalize(&language.replace('_', "-"))
            .map_err(|_| Invalid::new(Reason::LanguageInvalid, "is not a BCP 47 language tag"))?;
        Ok(Some(Self(tag.into_inner())))
    }

    /// Makes a tag from its stored form.
    pub fn from_stored(language: String) -> Self {
        Self(language)
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

//! Short text: what most fields hold.

use serde::{Deserialize, Serialize};

use super::violation::{Invalid, Reason};

/// The most Unicode characters that a text field may have.
pub const MAX_CHARACTERS: usize = 255;

/// A non-empty text of at most 255 Unicode characters without U+0000 (PostgreSQL refuses it, so the service does).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Parses `text`; `None` if it is empty.
    pub fn parse(text: String) -> Result<Option<Self>, Invalid> {
        check(&text)?;
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// Makes a text from its stored form.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// Refuses text that no field takes: too long, or with U+0000.
pub fn check(text: &str) -> Result<(), Invalid> {
    // Counting bytes is cheaper, and a text never has more characters than bytes.
    if text.len() > MAX_CHARACTERS && text.chars().count() > MAX_CHARACTERS {
        return Err(Invalid::new(
            Reason::FieldTooLong,
            format!("must have at most {MAX_CHARACTERS} characters"),
        ));
    }
    refuse_nul(text)
}

/// Refuses text with U+0000.
pub fn refuse_nul(text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new(Reason::FieldHasNul, "must not contain U+0000"));
    }
    Ok(())
}

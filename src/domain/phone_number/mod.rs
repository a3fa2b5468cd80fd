//! Phone numbers in E.164 (ITU-T recommendation), valid by Google's metadata.
//!
//! Google's parser guesses in places; this one never guesses whose number a text is. [`text`] takes a text apart, [`uri`]
//! does so with a URI, and [`reading`] decides which number the digits are.

mod reading;
#[cfg(test)]
mod tests;
mod text;
mod uri;

use arrayvec::ArrayString;
use rlibphonenumber::{PHONE_NUMBER_UTIL, enums::Region};
use serde::{Deserialize, Serialize};

use super::{
    text::refuse_nul,
    violation::{Invalid, Reason},
};

/// The most bytes of a text that is read as a phone number; a URI has room for parameters in it.
const MAX_TEXT_BYTES: usize = 1024;

/// A phone number in E.164: "+" and at most 15 digits. It is valid, or was when it was stored: Google's metadata changes.
/// Ordered as both databases order its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(ArrayString<16>);

/// The region whose national format an organization's phone numbers may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultRegion(Region);

impl PhoneNumber {
    /// Parses `number`: in international format, possibly with spaces and punctuation; in national format if there is a
    /// `region`; or a `tel:`, `sms:` or `whatsapp:` URI.
    ///
    /// Fails with `PhoneAmbiguous` if the digits are one number in the region and another one whose "+" was lost,
    /// `PhoneWithoutRegion` if they are in national format but there is no region, `PhoneHasExtension`, `FieldHasNul`, and
    /// `PhoneInvalid`.
    pub fn parse(number: &str, region: Option<DefaultRegion>) -> Result<Self, Invalid> {
        if let Some(number) = reading::e164(number) {
            return Ok(number);
        }
        refuse_nul(number)?;
        if number.len() > MAX_TEXT_BYTES {
            return Err(not_valid());
        }
        match uri::number(number)? {
            Some(number) => reading::read(&text::scan(&number)?, region),
            None => reading::read(&text::scan(number)?, region),
        }
    }

    /// Takes a text that is exactly a number in E.164, valid or not.
    pub fn from_e164(number: &str) -> Option<Self> {
        let digits = number.strip_prefix('+')?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self::from_stored(number))?
    }

    /// Makes a number from its stored form; `None` if that is malformed.
    pub fn from_stored(number: &str) -> Option<Self> {
        ArrayString::from(number).ok().map(Self)
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DefaultRegion {
    /// Parses an ISO 3166 alpha-2 code that Google's metadata knows, such as "US".
    pub fn parse(code: &str) -> Option<Self> {
        let region: Region = code.parse().ok()?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        Some(Self(region))
    }
}

fn not_valid() -> Invalid {
    Invalid::new(Reason::PhoneInvalid, "is not a valid phone number")
}

fn has_extension() -> Invalid {
    Invalid::new(Reason::PhoneHasExtension, "must not have an extension")
}

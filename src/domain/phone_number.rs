//! Phone numbers in E.164 (ITU-T recommendation), by Google's metadata.

use arrayvec::ArrayString;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::Region, errors::ParseError};
use serde::{Deserialize, Serialize};

use super::{
    text,
    violation::{Invalid, Reason},
};

/// A valid phone number in E.164: "+" and at most 15 digits. Ordered as both databases order its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(ArrayString<16>);

/// The region whose national format an organization's phone numbers may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultRegion(Region);

impl PhoneNumber {
    /// Parses `number`: E.164, also with spaces and punctuation, or national format where there is a `region`.
    pub fn parse(number: &str, region: Option<DefaultRegion>) -> Result<Self, Invalid> {
        text::refuse_nul(number)?;
        let parsed = PHONE_NUMBER_UTIL
            .parse(number, region.map(|region| region.0))
            .map_err(|error| match error {
                ParseError::InvalidCountryCode if region.is_none() && !is_international(number) => {
                    Invalid::new(
                        Reason::PhoneWithoutRegion,
                        "is in national format, and the organization has no default region",
                    )
                }
                _ => not_valid(),
            })?;
        if parsed.extension.as_ref().is_some_and(|ext| !ext.is_empty()) {
            return Err(Invalid::new(
                Reason::PhoneHasExtension,
                "must not have an extension",
            ));
        }
        if !parsed.is_valid() {
            return Err(not_valid());
        }
        ArrayString::from(&parsed.format_as(PhoneNumberFormat::E164))
            .map(Self)
            .map_err(|_| not_valid())
    }

    /// Takes what a parsed number was stored as; `None` if it cannot have been one.
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

fn is_international(number: &str) -> bool {
    number.trim_start().starts_with(['+', '\u{ff0b}'])
}

fn not_valid() -> Invalid {
    Invalid::new(Reason::PhoneInvalid, "is not a valid phone number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(number: &str, region: Option<&str>) -> Result<String, Reason> {
        PhoneNumber::parse(number, region.and_then(DefaultRegion::parse))
            .map(|number| number.as_str().to_owned())
            .map_err(|invalid| invalid.reason)
    }

    #[test]
    fn numbers_are_kept_in_e164() {
        let expected = Ok("+4915112345678".to_owned());
        assert_eq!(parse("+49 (0)151 1234-5678", None), expected);
        assert_eq!(parse("0151 12345678", Some("DE")), expected);
        assert_eq!(parse("tel:+49-151-12345678", None), expected);
    }

    #[test]
    fn what_is_not_a_number_has_its_reason() {
        assert_eq!(
            parse("0151 12345678", None),
            Err(Reason::PhoneWithoutRegion)
        );
        assert_eq!(
            parse("+4915112345678 ext. 5", None),
            Err(Reason::PhoneHasExtension)
        );
        for number in ["", "hello", "+999123456789", "+49151", "+1 555", "+"] {
            assert_eq!(parse(number, None), Err(Reason::PhoneInvalid), "{number}");
        }
    }

    #[test]
    fn regions_are_those_of_the_metadata() {
        assert!(DefaultRegion::parse("US").is_some());
        for code in ["XX", "us-east", "", "USA"] {
            assert!(DefaultRegion::parse(code).is_none(), "{code}");
        }
    }
}

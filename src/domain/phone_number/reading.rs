//! Which number a text's digits stand for, by Google's metadata.

use arrayvec::ArrayString;
use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber, PhoneNumberFormat, enums::Region,
};

use super::{
    DefaultRegion, PhoneNumber, not_valid,
    text::{self, Written},
};
use crate::domain::violation::{Invalid, Reason};

/// The most digits of a country calling code.
const MAX_COUNTRY_CODE_DIGITS: usize = 3;

/// Reads a text that already is a valid number in E.164: most are, and this is the cheapest check.
pub fn e164(text: &str) -> Option<PhoneNumber> {
    let digits = text.strip_prefix('+')?;
    let (code, national) = split_country_code(digits)?;
    let zeros = national.bytes().take_while(|byte| *byte == b'0').count();
    let number = ParsedNumber {
        country_code: code,
        national_number: national.parse().ok()?,
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: (zeros > 1).then_some(i32::try_from(zeros).ok()?),
        ..ParsedNumber::default()
    };
    if !number.is_valid() {
        return None;
    }
    ArrayString::from(text).ok().map(PhoneNumber)
}

/// Splits digits into a country calling code and a national number; `None` if there is no such code, or a character that is
/// not an ASCII digit.
fn split_country_code(digits: &str) -> Option<(i32, &str)> {
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    (1..=MAX_COUNTRY_CODE_DIGITS).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.parse().ok()?;
        PHONE_NUMBER_UTIL.get_region_for_country_code(code)?;
        Some((code, national))
    })
}

/// The one number that is `written`.
pub fn read(written: &Written, region: Option<DefaultRegion>) -> Result<PhoneNumber, Invalid> {
    let number = read_digits(written, region)?;
    let is_divided = written.dividers.iter().any(|&end| {
        let first = Written::bare(written.has_plus, &written.digits[..end]);
        // A number is complete before the end: what follows is another number, or a part of one.
        first.is_some_and(|first| match read_digits(&first, region) {
            Ok(_) => true,
            Err(invalid) => invalid.reason == Reason::PhoneAmbiguous,
        })
    });
    if is_divided {
        return Err(Invalid::new(
            Reason::PhoneInvalid,
            "must be one phone number",
        ));
    }
    Ok(number)
}

fn read_digits(written: &Written, region: Option<DefaultRegion>) -> Result<PhoneNumber, Invalid> {
    let digits = written.digits.as_str();
    let after_zeros = digits.strip_prefix("00");
    let international = international(after_zeros.unwrap_or(digits));
    if written.has_plus {
        return international.ok_or_else(not_valid);
    }
    let national = region.and_then(|region| national(digits, region.0));
    match (national, international) {
        (Some(national), Some(international))
            if national != international && !is_national_format(written, national) =>
        {
            Err(ambiguous())
        }
        (Some(national), _) => Ok(national),
        (None, Some(international)) if after_zeros.is_some() => Ok(international),
        (None, _) if region.is_none() && after_zeros.is_none() => Err(without_region()),
        (None, Some(_)) => Err(without_plus()),
        (None, None) => Err(not_valid()),
    }
}

/// Digits after a "+", also with the national prefix in them, as in "+49 (0)151 …".
fn international(digits: &str) -> Option<PhoneNumber> {
    if digits.starts_with('0') {
        return None;
    }
    let text = format!("+{digits}");
    e164(&text).or_else(|| google(&text, None))
}

/// Digits as they are dialled in a region.
fn national(digits: &str, region: Region) -> Option<PhoneNumber> {
    google(digits, Some(region))
}

fn google(text: &str, region: Option<Region>) -> Option<PhoneNumber> {
    let number = PHONE_NUMBER_UTIL.parse(text, region).ok()?;
    if !number.is_valid() {
        return None;
    }
    PhoneNumber::from_stored(&number.format_as(PhoneNumberFormat::E164))
}

/// Whether a number is grouped as its own country groups numbers, which a program that drops a "+" does not do. If the first
/// group is also a country calling code, only parentheses around it show that it is an area code.
fn is_national_format(written: &Written, number: PhoneNumber) -> bool {
    let Some(first_end) = written.group_ends.first() else {
        return false;
    };
    let is_grouped = PHONE_NUMBER_UTIL
        .parse(number.as_str(), None)
        .is_ok_and(|number| {
            let format = number.format_as(PhoneNumberFormat::National);
            text::scan(&format).is_ok_and(|format| written.is_grouped_like(&format))
        });
    let starts_with_country_code = split_country_code(&written.digits)
        .is_some_and(|(_, rest)| rest.len() == written.digits.len() - first_end);
    is_grouped && (!starts_with_country_code || written.starts_in_parentheses)
}

fn ambiguous() -> Invalid {
    Invalid::new(
        Reason::PhoneAmbiguous,
        "can be a number of the organization's region or one with a country code: write + and the country code",
    )
}

fn without_region() -> Invalid {
    Invalid::new(
        Reason::PhoneWithoutRegion,
        "must start with + and the country code, as the organization has no default region",
    )
}

fn without_plus() -> Invalid {
    Invalid::new(
        Reason::PhoneInvalid,
        "is not a valid phone number of the organization's region: write + before a country code",
    )
}

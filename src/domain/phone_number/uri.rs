//! Phone numbers in URIs.

use percent_encoding::percent_decode_str;

use super::{has_extension, not_valid, text::is_invisible};
use crate::domain::violation::Invalid;

/// The schemes whose URIs name a phone number, which may have the parameters of RFC 3966.
const SCHEMES: [&str; 3] = ["tel", "sms", "whatsapp"];

/// Returns the number in a URI, after its context; `None` if `text` is not a URI.
pub fn number(text: &str) -> Result<Option<String>, Invalid> {
    if !text.contains(':') {
        return Ok(None);
    }
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(None);
    };
    let scheme = scheme.trim();
    if !SCHEMES.iter().any(|it| it.eq_ignore_ascii_case(scheme)) {
        return Ok(None);
    }
    // A query holds the text of a message.
    let rest = rest.split_once('?').map_or(rest, |(number, _)| number);
    let mut parts = rest.split(';');
    let number = decode(parts.next().unwrap_or_default())?;
    let mut context = None;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "ext" => return Err(has_extension()),
            "phone-context" if context.is_none() => context = Some(decode(value)?),
            "phone-context" => return Err(not_valid()),
            // Parameters that may not be ignored.
            name if name.starts_with("m-") => return Err(not_valid()),
            _ => {}
        }
    }
    match context {
        None => Ok(Some(number)),
        Some(prefix) if prefix.starts_with('+') => Ok(Some(prefix + &number)),
        // A domain's own number can be any.
        Some(_) if number.trim_start().starts_with('+') => Ok(Some(number)),
        Some(_) => Err(not_valid()),
    }
}

fn decode(text: &str) -> Result<String, Invalid> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| not_valid())
}

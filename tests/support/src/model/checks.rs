//! Checks of single values. They cover only the values that the tests draw: a valid number is a German mobile one, an
//! invalid language has a "!".

use contact_lists::proto::{
    Contact, CustomObject, CustomProperty, ErrorReason as Reason, custom_property::Type,
};
use prost_types::{Value, value::Kind};

use super::{Organization, refusal::Violation};

/// The absolute value of a number property is below this.
const WHOLE_LIMIT: f64 = 9_007_199_254_740_992.0;

/// The tests draw no year between tomorrow and this one.
const LATER_THAN_TOMORROW: i32 = 2900;

/// Returns a phone number in E.164, or what is wrong with it.
pub fn number(text: &str, takes_national_numbers: bool) -> Result<String, Reason> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.is_empty() {
        return Err(Reason::FieldRequired);
    }
    if text.contains('\0') {
        return Err(Reason::FieldHasNul);
    }
    if text.contains("ext") {
        return Err(Reason::PhoneHasExtension);
    }
    let number = match (text.starts_with('+'), digits.strip_prefix('0')) {
        (true, _) => format!("+{digits}"),
        (false, _) if !takes_national_numbers => return Err(Reason::PhoneWithoutRegion),
        (false, Some(national)) => format!("+49{national}"),
        (false, None) => return Err(Reason::PhoneInvalid),
    };
    if number.starts_with("+49151") && number.len() == "+4915112345678".len() {
        Ok(number)
    } else {
        Err(Reason::PhoneInvalid)
    }
}

/// Returns a name trimmed, with each inner run of white space as one space, or what is wrong with it.
pub fn tidy_name(name: &str) -> Result<String, Reason> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    text(&name)?;
    if name.is_empty() {
        return Err(Reason::FieldRequired);
    }
    Ok(name)
}

fn text(text: &str) -> Result<(), Reason> {
    if text.chars().count() > 255 {
        Err(Reason::FieldTooLong)
    } else if text.contains('\0') {
        Err(Reason::FieldHasNul)
    } else {
        Ok(())
    }
}

fn text_or_empty(
    value: &str,
    is_well_formed: impl FnOnce(&str) -> bool,
    reason: Reason,
) -> Result<(), Reason> {
    text(value)?;
    if value.is_empty() || is_well_formed(value) {
        Ok(())
    } else {
        Err(reason)
    }
}

/// Whether the year has such a day. Year 0 stands for any.
fn is_real_day(year: i32, month: i32, day: i32) -> bool {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn birth_date(year: i32, month: i32, day: i32) -> Result<(), Reason> {
    let is_cleared = (year, month, day) == (0, 0, 0);
    if is_cleared || (0..LATER_THAN_TOMORROW).contains(&year) && is_real_day(year, month, day) {
        Ok(())
    } else {
        Err(Reason::BirthDateInvalid)
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<i32> = text.split('-').flat_map(str::parse).collect();
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [4, 2, 2] && matches!(parts[..], [year, month, day] if is_real_day(year, month, day))
}

/// Whether a value is of a property's type.
fn is_of(kind: Type, value: &Kind) -> bool {
    match (kind, value) {
        (Type::Text, Kind::StringValue(text)) => !text.contains('\0'),
        (Type::Number, Kind::NumberValue(n)) => n.fract() == 0.0 && n.abs() < WHOLE_LIMIT,
        (Type::Float, Kind::NumberValue(n)) => n.is_finite(),
        (Type::Boolean, Kind::BoolValue(_)) => true,
        (Type::Date, Kind::StringValue(text)) => is_date(text),
        (Type::List, Kind::ListValue(list)) => list.values.iter().all(is_scalar),
        (Type::Map, Kind::StructValue(map)) => map.fields.values().all(is_scalar),
        _ => false,
    }
}

fn is_scalar(value: &Value) -> bool {
    match &value.kind {
        Some(Kind::NumberValue(n)) => n.is_finite(),
        Some(Kind::StringValue(_) | Kind::BoolValue(_)) => true,
        _ => false,
    }
}

/// Whether a value is null.
pub fn is_null(value: &Value) -> bool {
    matches!(value.kind, None | Some(Kind::NullValue(_)))
}

/// The default of a property, if it has one.
pub fn default_of(property: &CustomProperty) -> Option<&Value> {
    property
        .default_value
        .as_ref()
        .filter(|value| !is_null(value))
}

fn property(object: &CustomObject, key: &str, value: &Value) -> Result<(), Reason> {
    let found = object.properties.iter().find(|it| it.key == key);
    match (found, &value.kind) {
        // A value that is of no type is wrong for every key.
        (None, Some(Kind::ListValue(list))) if !list.values.iter().all(is_scalar) => {
            Err(Reason::PropertyTypeMismatch)
        }
        (None, Some(Kind::StructValue(map))) if !map.fields.values().all(is_scalar) => {
            Err(Reason::PropertyTypeMismatch)
        }
        (None, _) => Err(Reason::PropertyUnknown),
        (Some(property), _) if clears(property, value) && property.required => {
            Err(Reason::PropertyRequired)
        }
        (Some(property), _) if clears(property, value) => Ok(()),
        (Some(property), Some(kind)) if is_of(property.r#type(), kind) => Ok(()),
        (Some(_), _) => Err(Reason::PropertyTypeMismatch),
    }
}

/// Whether a value clears a property: a null, and an empty text if the property is of another type.
pub fn clears(property: &CustomProperty, value: &Value) -> bool {
    let is_empty_text = matches!(&value.kind, Some(Kind::StringValue(text)) if text.is_empty());
    is_null(value) || is_empty_text && property.r#type() != Type::Text
}

impl Organization {
    /// Everything that is wrong with a contact by itself.
    pub fn check(&self, contact: &Contact, object: Option<&CustomObject>) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let mut check = |field: &str, result: Result<(), Reason>| {
            wrong.extend(result.err().map(|reason| (field.to_owned(), reason)));
        };
        let phone = contact.phone.as_deref().unwrap_or_default();
        check(
            "phone",
            number(phone, self.takes_national_numbers).map(drop),
        );
        if let Some(value) = &contact.external_id {
            check("external_id", text(value));
        }
        if let Some(value) = &contact.email {
            let is_email = |it: &str| it.split('@').nth(1).is_some_and(|host| host.contains('.'));
            check(
                "email",
                text_or_empty(value.trim(), is_email, Reason::EmailInvalid),
            );
        }
        if let Some(value) = &contact.name {
            check("name", text(value));
        }
        if let Some(value) = &contact.language {
            let is_tag = |it: &str| !it.contains('!');
            check(
                "language",
                text_or_empty(value, is_tag, Reason::LanguageInvalid),
            );
        }
        if let Some(value) = &contact.default_channel_id {
            check("default_channel_id", self.check_channel(value));
        }
        if let Some(address) = &contact.address {
            check("address.address_line_one", text(&address.address_line_one));
            check("address.city", text(&address.city));
        }
        if let Some(date) = &contact.birth_date {
            check("birth_date", birth_date(date.year, date.month, date.day));
        }
        for (key, value) in contact.properties.iter().flat_map(|it| &it.fields) {
            if let Some(object) = object {
                check(&format!("properties.{key}"), property(object, key, value));
            }
        }
        wrong
    }

    fn check_channel(&self, id: &str) -> Result<(), Reason> {
        let is_id = id.len() == 36;
        if id.is_empty() || self.channels.iter().any(|channel| channel.wire.id == id) {
            Ok(())
        } else if is_id {
            Err(Reason::ChannelUnknown)
        } else {
            Err(Reason::FieldInvalid)
        }
    }
}

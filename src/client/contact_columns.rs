//! The columns that a contact has in a table: the names of its fields, and of the properties of a custom object.

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What `properties.KEY` begins with.
const PROPERTY_PREFIX: &str = "properties.";

/// A column of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// A field.
    Field(Field),
    /// The property with this key.
    Property(String),
}

/// A field of a contact, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Field {
    /// The phone number.
    Phone,
    /// The id in the caller's own system.
    ExternalId,
    /// The email address.
    Email,
    /// The full name.
    Name,
    /// The first part of the name, in front of [`Field::LastName`].
    FirstName,
    /// The last part of the name.
    LastName,
    /// The preferred language.
    Language,
    /// The default channel's id.
    DefaultChannelId,
    /// The address: its first line.
    #[strum(serialize = "address.address_line_one")]
    AddressLineOne,
    /// The address: its second line.
    #[strum(serialize = "address.address_line_two")]
    AddressLineTwo,
    /// The address: the city.
    #[strum(serialize = "address.city")]
    City,
    /// The address: the state.
    #[strum(serialize = "address.state")]
    State,
    /// The address: the postal code.
    #[strum(serialize = "address.post_code")]
    PostCode,
    /// The address: the country.
    #[strum(serialize = "address.country")]
    Country,
    /// The date of birth.
    BirthDate,
    /// The consent: where the contact said so.
    #[strum(serialize = "consent.source")]
    ConsentSource,
    /// The consent: what shows it.
    #[strum(serialize = "consent.evidence")]
    ConsentEvidence,
    /// The consent: when the contact said so.
    #[strum(serialize = "consent.collect_time")]
    CollectTime,
    /// The contact's id at the service.
    Id,
}

impl Field {
    /// The name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is a part of the consent.
    pub fn is_of_consent(self) -> bool {
        matches!(
            self,
            Self::ConsentSource | Self::ConsentEvidence | Self::CollectTime
        )
    }
}

impl Column {
    /// Parses a name such as "phone", "address.city" or "properties.plan".
    pub fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix(PROPERTY_PREFIX) {
            Some("") => None,
            Some(key) => Some(Self::Property(key.to_owned())),
            None => name.parse().ok().map(Self::Field),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Property(key) => write!(f, "{PROPERTY_PREFIX}{key}"),
        }
    }
}

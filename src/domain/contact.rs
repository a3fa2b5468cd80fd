//! Contacts: what is stored about a person, and what a caller says about one.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    birth_date::BirthDate,
    consent::Consent,
    email::Email,
    language::Language,
    phone_number::PhoneNumber,
    property_value::{PropertyChanges, as_json},
    text::Text,
};

/// The most bytes that an encoded contact may have.
pub const MAX_ENCODED_BYTES: usize = 64 * 1024;

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The id.
    pub id: Uuid,
    /// The phone number, unique in the organization.
    pub phone: PhoneNumber,
    /// What else is known.
    pub fields: ContactFields,
}

impl Contact {
    /// About how many bytes the contact takes in memory, without its texts.
    pub fn size_bytes(&self) -> usize {
        let address = self
            .fields
            .address
            .as_ref()
            .map_or(0, |_| size_of::<Address>());
        size_of::<Self>() + address
    }
}

/// A contact as readers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredContact {
    /// The contact.
    pub contact: Contact,
    /// When the contact was created.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub create_time: OffsetDateTime,
    /// When the contact's fields or properties last changed.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub update_time: OffsetDateTime,
}

/// What a caller says about a field: `None` keeps what is stored, `Some(None)` clears it, `Some(Some(_))` sets it.
pub type Change<T> = Option<Option<T>>;

/// Generates everything that goes through all optional fields from one table of them.
macro_rules! contact_fields {
    ($($(#[$doc:meta])* $field:ident, $variant:ident: $type:ty;)*) => {
        /// The fields of a contact that may be absent.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct ContactFields {
            $($(#[$doc])* pub $field: Option<$type>,)*
        }

        /// What a caller says about the optional fields.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct FieldChanges {
            $($(#[$doc])* pub $field: Change<$type>,)*
        }

        /// The name of an optional field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ContactField {
            $($(#[$doc])* $variant,)*
        }

        impl ContactField {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, which is also that of the field's column.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                }
            }
        }

        impl ContactFields {
            /// Returns what brings these fields back where they are now `new`.
            pub fn changes_back(&self, new: &Self) -> FieldChanges {
                let mut back = FieldChanges::default();
                $(if self.$field != new.$field {
                    back.$field = Some(self.$field.clone());
                })*
                back
            }
        }

        impl FieldChanges {
            /// The fields that are set or cleared.
            pub fn given(&self) -> ContactFieldSet {
                let mut given = ContactFieldSet::default();
                $(if self.$field.is_some() {
                    given = given.with(ContactField::$variant);
                })*
                given
            }

            /// Adds later changes, which win field by field.
            fn fold(&mut self, later: Self) {
                $(if later.$field.is_some() {
                    self.$field = later.$field;
                })*
            }

            /// What the changes say about the fields that are not `excluded`.
            #[must_use]
            pub fn without(mut self, excluded: ContactFieldSet) -> Self {
                $(if excluded.contains(ContactField::$variant) {
                    self.$field = None;
                })*
                self
            }

            /// The changes as a JSON object that has only the fields that are set or cleared.
            fn to_json(&self) -> serde_json::Result<serde_json::Map<String, serde_json::Value>> {
                let mut json = serde_json::Map::new();
                $(if let Some(value) = &self.$field {
                    json.insert(stringify!($field).to_owned(), serde_json::to_value(value)?);
                })*
                Ok(json)
            }

            fn from_json(mut json: serde_json::Map<String, serde_json::Value>) -> serde_json::Result<Self> {
                Ok(Self {
                    $($field: json.remove(stringify!($field)).map(serde_json::from_value).transpose()?,)*
                })
            }

            /// Whether the changes would leave `fields` as they are.
            fn hold_for(&self, fields: &ContactFields) -> bool {
                true $(&& self.$field.as_ref().is_none_or(|value| *value == fields.$field))*
            }

            /// Changes `fields`.
            pub fn apply_to(&self, fields: &mut ContactFields) {
                $(if let Some(value) = &self.$field {
                    fields.$field.clone_from(value);
                })*
            }
        }
    };
}

contact_fields! {
    /// The id in the caller's own system, unique in the organization.
    external_id, ExternalId: Text;
    /// The email address.
    email, Email: Email;
    /// The full name.
    name, Name: Text;
    /// The preferred language.
    language, Language: Language;
    /// The channel that messages are sent from by default.
    default_channel_id, DefaultChannelId: Uuid;
    /// The postal address.
    address, Address: Box<Address>;
    /// The date of birth.
    birth_date, BirthDate: BirthDate;
}

/// Writes changes of fields as a JSON object without the fields that stay as they are.
pub(super) mod changes_as_json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::{Map, Value};

    use super::FieldChanges;

    pub fn serialize<S: Serializer>(
        changes: &FieldChanges,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = changes.to_json().map_err(ser::Error::custom)?;
        json.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<FieldChanges, D::Error> {
        let json = Map::<String, Value>::deserialize(deserializer)?;
        FieldChanges::from_json(json).map_err(de::Error::custom)
    }
}

impl ContactFields {
    /// Returns how many bytes the texts take.
    pub fn text_bytes(&self) -> usize {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.as_str().len());
        let email = self.email.as_ref().map_or(0, |it| it.as_str().len());
        let language = self.language.as_ref().map_or(0, |it| it.as_str().len());
        let address = self.address.as_ref().map_or(0, |it| it.text_bytes());
        text(&self.external_id) + text(&self.name) + email + language + address
    }
}

/// Some of the optional fields, such as those that a call sets or clears. The others need neither be read nor written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContactFieldSet(u8);

impl ContactFieldSet {
    /// All fields.
    pub const ALL: Self = Self((1 << ContactField::ALL.len()) - 1);

    /// The set with one more field.
    #[must_use]
    pub fn with(self, field: ContactField) -> Self {
        Self(self.0 | 1 << field as u8)
    }

    /// Whether the field is one of them.
    pub fn contains(self, field: ContactField) -> bool {
        self.0 & 1 << field as u8 != 0
    }

    /// The fields of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields, always in the same order.
    pub fn iter(self) -> impl Iterator<Item = ContactField> + Clone {
        let all = ContactField::ALL.iter().copied();
        all.filter(move |field| self.contains(*field))
    }
}

/// A postal address with at least one part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// The first line.
    pub address_line_one: String,
    /// The second line.
    pub address_line_two: String,
    /// The city.
    pub city: String,
    /// The state.
    pub state: String,
    /// The postal code.
    pub post_code: String,
    /// The country.
    pub country: String,
}

impl Address {
    fn text_bytes(&self) -> usize {
        let streets = self.address_line_one.len() + self.address_line_two.len();
        let place = self.city.len() + self.state.len() + self.post_code.len();
        streets + place + self.country.len()
    }
}

/// What a caller says about a contact. Each value is valid by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactChanges {
    /// The phone number that the contact has or gets.
    pub phone: PhoneNumber,
    /// The changes of the optional fields.
    pub fields: FieldChanges,
    /// The record's changes; empty if there are none.
    #[serde(with = "as_json")]
    pub properties: PropertyChanges,
    /// How the person said that messages are wanted.
    pub consent: Option<Box<Consent>>,
}

impl ContactChanges {
    /// The external_id to look the contact up by, if there is one.
    pub fn given_external_id(&self) -> Option<&Text> {
        self.fields.external_id.as_ref()?.as_ref()
    }

    /// Adds what a later message says about the same contact: it wins field by field, property by property, and
    /// with its consent as a whole.
    pub fn fold(&mut self, later: Self) {
        self.fields.fold(later.fields);
        self.properties.extend(later.properties);
        self.consent = later.consent.or(self.consent.take());
    }

    /// Whether the changes would leave `contact` as it is, apart from its record.
    pub fn hold_for(&self, contact: &Contact) -> bool {
        self.phone == contact.phone && self.fields.hold_for(&contact.fields)
    }
}

/// How a caller names a contact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ContactReference {
    /// By its id.
    Id(Uuid),
    /// By its phone number.
    Phone(PhoneNumber),
    /// By its external_id.
    ExternalId(Text),
}

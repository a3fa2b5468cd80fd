//! Contacts: what is stored of a person, and what a caller says about one.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    birth_date::BirthDate,
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
    /// About how many bytes the contact takes, but for its texts.
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

/// The fields of a contact that may be absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContactFields {
    /// The id in the caller's own system, unique in the organization.
    pub external_id: Option<Text>,
    /// The email address.
    pub email: Option<Email>,
    /// The full name.
    pub name: Option<Text>,
    /// The preferred language.
    pub language: Option<Language>,
    /// The channel that messages are sent from by default.
    pub default_channel_id: Option<Uuid>,
    /// The postal address.
    pub address: Option<Box<Address>>,
    /// The date of birth.
    pub birth_date: Option<BirthDate>,
}

/// A field of a contact beside its phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `ContactFields`")]
pub enum ContactField {
    ExternalId,
    Email,
    Name,
    Language,
    DefaultChannelId,
    Address,
    BirthDate,
}

/// Some of the fields of contacts, such as those that a call speaks of: the others need neither be read nor written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContactFieldSet(u8);

impl ContactFieldSet {
    /// All fields.
    pub const ALL: Self = Self(0b111_1111);

    /// These fields and one more.
    #[must_use]
    pub fn with(self, field: ContactField) -> Self {
        Self(self.0 | 1 << field as u8)
    }

    /// These fields and those of another set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields, always in the same order.
    pub fn iter(self) -> impl Iterator<Item = ContactField> + Clone {
        [
            ContactField::ExternalId,
            ContactField::Email,
            ContactField::Name,
            ContactField::Language,
            ContactField::DefaultChannelId,
            ContactField::Address,
            ContactField::BirthDate,
        ]
        .into_iter()
        .filter(move |field| self.0 & 1 << *field as u8 != 0)
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

/// What a caller says about a field: `None` keeps what is stored, `Some(None)` clears it, `Some(Some(_))` sets it.
pub type Change<T> = Option<Option<T>>;

/// What a caller says about a contact, all of it valid by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactChanges {
    /// The phone number that the contact has or gets.
    pub phone: PhoneNumber,
    /// See [`ContactFields::external_id`].
    pub external_id: Change<Text>,
    /// See [`ContactFields::email`].
    pub email: Change<Email>,
    /// See [`ContactFields::name`].
    pub name: Change<Text>,
    /// See [`ContactFields::language`].
    pub language: Change<Language>,
    /// See [`ContactFields::default_channel_id`].
    pub default_channel_id: Change<Uuid>,
    /// See [`ContactFields::address`].
    pub address: Change<Box<Address>>,
    /// See [`ContactFields::birth_date`].
    pub birth_date: Change<BirthDate>,
    /// The record's changes; empty if none were given.
    #[serde(with = "as_json")]
    pub properties: PropertyChanges,
}

impl ContactChanges {
    /// The external_id to look the contact up by, if there is one.
    pub fn given_external_id(&self) -> Option<&Text> {
        self.external_id.as_ref()?.as_ref()
    }

    /// The fields that are set or cleared.
    pub fn fields(&self) -> ContactFieldSet {
        [
            (ContactField::ExternalId, self.external_id.is_some()),
            (ContactField::Email, self.email.is_some()),
            (ContactField::Name, self.name.is_some()),
            (ContactField::Language, self.language.is_some()),
            (
                ContactField::DefaultChannelId,
                self.default_channel_id.is_some(),
            ),
            (ContactField::Address, self.address.is_some()),
            (ContactField::BirthDate, self.birth_date.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_given)| *is_given)
        .fold(ContactFieldSet::default(), |set, (field, _)| {
            set.with(field)
        })
    }

    /// Adds what a later message says about the same contact: it wins field by field, and property by property.
    pub fn fold(&mut self, later: Self) {
        self.external_id = later.external_id.or(self.external_id.take());
        self.email = later.email.or(self.email.take());
        self.name = later.name.or(self.name.take());
        self.language = later.language.or(self.language.take());
        self.default_channel_id = later.default_channel_id.or(self.default_channel_id.take());
        self.address = later.address.or(self.address.take());
        self.birth_date = later.birth_date.or(self.birth_date.take());
        self.properties.extend(later.properties);
    }

    /// Whether `contact` is as they say already. Its record is left out.
    pub fn hold_for(&self, contact: &Contact) -> bool {
        fn holds<T: PartialEq>(field: &Option<T>, change: &Change<T>) -> bool {
            change.as_ref().is_none_or(|value| value == field)
        }
        let fields = &contact.fields;
        self.phone == contact.phone
            && holds(&fields.external_id, &self.external_id)
            && holds(&fields.email, &self.email)
            && holds(&fields.name, &self.name)
            && holds(&fields.language, &self.language)
            && holds(&fields.default_channel_id, &self.default_channel_id)
            && holds(&fields.address, &self.address)
            && holds(&fields.birth_date, &self.birth_date)
    }

    /// What `fields` become. The record is not a field: see [`super::custom_object::CustomObject::merge`].
    pub fn apply_to(&self, fields: &mut ContactFields) {
        fn set<T: Clone>(field: &mut Option<T>, change: &Change<T>) {
            if let Some(value) = change {
                field.clone_from(value);
            }
        }
        set(&mut fields.external_id, &self.external_id);
        set(&mut fields.email, &self.email);
        set(&mut fields.name, &self.name);
        set(&mut fields.language, &self.language);
        set(&mut fields.default_channel_id, &self.default_channel_id);
        set(&mut fields.address, &self.address);
        set(&mut fields.birth_date, &self.birth_date);
    }
}

/// How a caller names a contact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContactReference {
    /// By its id.
    Id(Uuid),
    /// By its phone number.
    Phone(PhoneNumber),
    /// By its external_id.
    ExternalId(Text),
}

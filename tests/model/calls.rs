//! The calls of the sequences, and the pool of numbers, which is so small that everything collides.
//!
//! They are kept as JSON. They name lists, channels, contacts and the like by position, as ids are new in every run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The numbers of the pool: small, so that contacts and channels meet in them.
pub const NUMBERS: [&str; 8] = [
    "+4915110000000",
    "+4915110000001",
    "+4915110000002",
    "+4915110000003",
    "+4915110000004",
    "+4915110000005",
    "+4915110000006",
    "+4915110000007",
];

/// A call by one of the sequence's two organizations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which organization: 0 or 1. The second takes national phone formats.
    #[serde(default, skip_serializing_if = "is_default")]
    pub organization: usize,
    /// The call.
    pub call: Call,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Call {
    Update(Box<Update>),
    /// Sends an earlier update that had a `request_id` again.
    Resend {
        nth: usize,
        mutation: Mutation,
    },
    /// Reverts an update.
    Revert {
        update: UpdateRef,
        #[serde(default, skip_serializing_if = "is_default")]
        request: Option<u8>,
        #[serde(default, skip_serializing_if = "is_default")]
        validate_only: bool,
    },
    CreateList {
        name: String,
        color: Option<String>,
    },
    UpdateList {
        list: ResourceRef,
        name: Option<String>,
        color: Option<String>,
        archived: Option<bool>,
    },
    DeleteList {
        list: ResourceRef,
    },
    CreateChannel {
        phone: Option<String>,
    },
    UpdateChannel {
        channel: ResourceRef,
        phone: String,
    },
    DeleteChannel {
        channel: ResourceRef,
    },
    CreateObject {
        key: String,
        properties: Vec<Property>,
    },
    AddProperty {
        object: ResourceRef,
        property: Property,
    },
    UpdateObject(ObjectChange),
    DeleteObject {
        object: ResourceRef,
    },
    UpdateContact {
        contact: ContactRef,
        fields: Box<GivenContact>,
        /// The fields of the mask; none: no mask.
        mask: Option<Vec<String>>,
        object: Option<ResourceRef>,
    },
    DeleteContact {
        contact: ContactRef,
    },
    /// `OptIn`, `OptOut` or, in bulk, `OptOutContacts`; no channels: all.
    ChangePreferences {
        opt_in: bool,
        contacts: Vec<ContactRef>,
        channels: Option<Vec<ResourceRef>>,
        #[serde(default, skip_serializing_if = "is_default")]
        consent: Option<GivenConsent>,
        #[serde(default, skip_serializing_if = "is_default")]
        in_bulk: bool,
    },
    /// Reads all that the organization has.
    ReadAll,
}

/// An `UpdateContactListContacts`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    pub list: ResourceRef,
    /// `Action`'s number in the contract.
    pub action: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to_all_channels: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to: Vec<ResourceRef>,
    #[serde(skip_serializing_if = "is_default")]
    pub resubscribe: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub consent: Option<GivenConsent>,
    #[serde(skip_serializing_if = "is_default")]
    pub object: Option<ResourceRef>,
    /// The object's key, instead of `object`.
    #[serde(skip_serializing_if = "is_default")]
    pub object_key: Option<String>,
    /// How many changes the list has had since the caller read the version that it expects.
    #[serde(skip_serializing_if = "is_default")]
    pub versions_ago: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub max_removed_count: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub max_removed_percent: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    pub skip: bool,
    /// A `request_id` of a small pool.
    #[serde(skip_serializing_if = "is_default")]
    pub request: Option<u8>,
    #[serde(skip_serializing_if = "is_default")]
    pub validate_only: bool,
    pub contacts: Vec<GivenContact>,
    #[serde(skip_serializing_if = "is_default")]
    pub footer: Footer,
    #[serde(skip_serializing_if = "is_default")]
    pub framing: Framing,
}

/// The fields of a contact that a call gives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GivenContact {
    #[serde(skip_serializing_if = "is_default")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub external_id: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub default_channel: Option<ResourceRef>,
    /// First line and city.
    #[serde(skip_serializing_if = "is_default")]
    pub address: Option<(String, String)>,
    #[serde(skip_serializing_if = "is_default")]
    pub birth_date: Option<(i32, i32, i32)>,
    #[serde(skip_serializing_if = "is_default")]
    pub properties: Option<serde_json::Map<String, Value>>,
    #[serde(skip_serializing_if = "is_default")]
    pub consent: Option<GivenConsent>,
}

/// A consent, as far as it is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GivenConsent {
    /// `Consent.Source`'s number in the contract.
    #[serde(skip_serializing_if = "is_default")]
    pub source: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub evidence: String,
    /// A day of 2020.
    #[serde(skip_serializing_if = "is_default")]
    pub day: Option<u8>,
}

/// What an `UpdateCustomObject` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectChange {
    pub object: ResourceRef,
    #[serde(default, skip_serializing_if = "is_default")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_default: Option<bool>,
}

/// A custom property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    pub key: String,
    /// `CustomProperty.Type`'s number in the contract.
    pub kind: i32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Value>,
}

/// Names a list, a channel or a custom object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ResourceRef {
    /// The n-th that the organization has created, counted around.
    Nth(usize),
    /// The n-th of the other organization.
    Foreign(usize),
    /// One that does not exist.
    Unknown,
    /// By its phone number (channels).
    Phone(String),
    /// By this text, which is neither an id nor a number (default channels).
    Text(String),
}

/// Names a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ContactRef {
    /// By this number.
    Phone(String),
    /// By the id of the n-th that exists, counted around.
    Nth(usize),
    /// By the id of the n-th of the other organization.
    Foreign(usize),
    /// By the id of the n-th that was deleted.
    Deleted(usize),
}

/// Names a recorded update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum UpdateRef {
    /// The latest of this list that is not reverted.
    Latest(ResourceRef),
    /// The n-th update, counted around.
    Nth(usize),
    /// The n-th revert, counted around.
    Revert(usize),
    /// The n-th update of the other organization.
    Foreign(usize),
}

/// The footer of a call.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Footer {
    #[default]
    Right,
    Missing,
    Wrong,
}

/// The messages of a call.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Framing {
    #[default]
    OneMessage,
    /// The header, then each contact in a message of its own, the last with the footer.
    ManyMessages,
    NoHeader,
    HeaderTwice,
    EmptyMessage,
    MessageAfterFooter,
    NoContacts,
    /// No contacts, which `allow_empty` lets an overwrite have.
    AllowEmpty,
}

/// What differs when a call is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Mutation {
    Nothing,
    OtherMessages,
    OtherContact,
    OtherHeader,
    ValidateOnly,
    NoFooter,
}

impl Default for ResourceRef {
    fn default() -> Self {
        Self::Nth(0)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

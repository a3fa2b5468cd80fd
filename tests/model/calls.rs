//! The random calls: what they can be, and the numbers of a pool so small that everything collides.
//!
//! They are written down as JSON, and name lists, channels, contacts and the like by their places, as ids are new each time.

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
    pub by: usize,
    /// The call.
    pub call: Call,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Call {
    Update(Box<Update>),
    /// Sends an earlier update that had a `request_id` again.
    Resend {
        nth: usize,
        twist: Twist,
    },
    CreateList {
        name: String,
        color: Option<String>,
    },
    ChangeList {
        list: Pick,
        name: Option<String>,
        color: Option<String>,
        archived: Option<bool>,
    },
    DeleteList {
        list: Pick,
    },
    CreateChannel {
        phone: Option<String>,
    },
    ChangeChannel {
        channel: Pick,
        phone: String,
    },
    DeleteChannel {
        channel: Pick,
    },
    CreateObject {
        key: String,
        properties: Vec<Property>,
    },
    AddProperty {
        object: Pick,
        property: Property,
    },
    DeleteObject {
        object: Pick,
    },
    ChangeContact {
        who: Who,
        contact: Box<Given>,
        /// The fields of the mask; none: no mask.
        mask: Option<Vec<String>>,
        object: Option<Pick>,
    },
    Erase {
        who: Who,
    },
    /// `OptIn` or `OptOut`; no channels: all.
    Prefer {
        opt_in: bool,
        whom: Vec<Who>,
        channels: Option<Vec<Pick>>,
    },
    /// Reads all that the organization has.
    Look,
}

/// An `UpdateContactListContacts`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    pub list: Pick,
    /// `Action`'s number in the contract.
    pub action: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to_all_channels: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_in_to: Vec<Pick>,
    #[serde(skip_serializing_if = "is_default")]
    pub resubscribe: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub object: Option<Pick>,
    #[serde(skip_serializing_if = "is_default")]
    pub skip: bool,
    /// A `request_id` of a small pool.
    #[serde(skip_serializing_if = "is_default")]
    pub request: Option<u8>,
    #[serde(skip_serializing_if = "is_default")]
    pub validate_only: bool,
    pub contacts: Vec<Given>,
    #[serde(skip_serializing_if = "is_default")]
    pub footer: Footer,
    #[serde(skip_serializing_if = "is_default")]
    pub framing: Framing,
}

/// A contact as it is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
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
    pub default_channel: Option<Pick>,
    /// First line and city.
    #[serde(skip_serializing_if = "is_default")]
    pub address: Option<(String, String)>,
    #[serde(skip_serializing_if = "is_default")]
    pub birth_date: Option<(i32, i32, i32)>,
    #[serde(skip_serializing_if = "is_default")]
    pub properties: Option<serde_json::Map<String, Value>>,
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
pub enum Pick {
    /// The n-th that the organization ever made, counted around.
    Nth(usize),
    /// The n-th of the other organization.
    Foreign(usize),
    /// None at all.
    Unknown,
    /// By its phone number (channels).
    Phone(String),
    /// No id and no number (default channels): this text.
    Text(String),
}

/// Names a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Who {
    /// By this number.
    Phone(String),
    /// By the id of the n-th that there is now, counted around.
    Nth(usize),
    /// By the id of the n-th of the other organization.
    Foreign(usize),
    /// By the id of the n-th who was erased.
    Erased(usize),
}

/// How a call's footer is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Footer {
    #[default]
    Right,
    Missing,
    Wrong,
}

/// How a call's messages are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Framing {
    #[default]
    OneMessage,
    /// The header, then each contact by itself, then the footer.
    ManyMessages,
    NoHeader,
    HeaderTwice,
    EmptyMessage,
    MessageAfterFooter,
    NoContacts,
}

/// What is different when a call is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Twist {
    Nothing,
    OtherMessages,
    OtherContact,
    OtherHeader,
    ValidateOnly,
    NoFooter,
}

impl Default for Pick {
    fn default() -> Self {
        Self::Nth(0)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

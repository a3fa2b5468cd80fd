//! The calls that the tests make. Lists, channels, numbers, external_ids and names are small numbers here; see
//! [`crate::id_map`] for what they are at the service.

use std::time::{SystemTime, UNIX_EPOCH};

pub use contact_lists::proto::update_contact_list_contacts_header::Action;

/// A phone number: an argument of `test_support::number`.
pub type Number = u32;

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `UpdateContactListContacts`.
    Update(Update),
    /// `RevertContactListUpdate`.
    Revert(Revert),
    /// `UpdateContactList`: archives a list, or activates it again.
    ArchiveList { list: u8, archived: bool },
    /// `DeleteContactList`.
    DeleteList(u8),
    /// `DeleteContact`.
    DeleteContact(ContactRef),
    /// `UpdateContact`, of the fields that are given.
    UpdateContact {
        contact: ContactRef,
        number: Option<Number>,
        external_id: Option<u32>,
        name: Option<u32>,
    },
    /// `OptIn` or `OptOut`, or of one channel `OptOutContacts`.
    ChangePreferences {
        numbers: Vec<Number>,
        channels: Vec<u8>,
        opt_in: bool,
    },
    /// `CreateChannel`.
    CreateChannel(u8),
    /// `DeleteChannel`.
    DeleteChannel(u8),
    /// `ListContactListContacts`.
    ReadMembers(u8),
    /// `GetContactList`.
    ReadList(u8),
    /// `GetContact`, by phone.
    ReadContact(Number),
    /// `GetContactListUpdate`, by request_id.
    ReadUpdate(u32),
}

impl Call {
    /// Stands for the `request_id` of a call that can be repeated.
    pub fn request(&self) -> Option<u32> {
        match self {
            Self::Update(update) if !update.validate_only => update.request,
            Self::Revert(revert) => Some(revert.request),
            _ => None,
        }
    }
}

/// The contact that a call names by id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ContactRef {
    /// One of the contacts whose ids are in the id map.
    Known(u32),
    /// The contact with this number, for a caller that can be sure that no other caller changes which one it is.
    Holder(Number),
}

/// The opt-ins that an update asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum OptIns {
    None,
    All,
    To(Vec<u8>),
}

/// An update.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub list: u8,
    pub action: Action,
    pub contacts: Vec<Contact>,
    pub skip: bool,
    pub opt_ins: OptIns,
    pub resubscribe: bool,
    /// When the persons said that they want messages, in seconds: later than all opt-outs so far, since those that arrive
    /// during an update would win.
    pub collect_seconds: i64,
    /// Stands for the `request_id`.
    pub request: Option<u32>,
    pub validate_only: bool,
}

/// A revert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Revert {
    /// Stands for the `request_id` of the update.
    pub update: u32,
    /// Stands for the revert's own `request_id`.
    pub request: u32,
}

/// A contact of an update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contact {
    /// None for a text that is no number.
    pub number: Option<Number>,
    /// `Some(None)` clears it.
    pub external_id: Option<Option<u32>>,
    pub name: Option<u32>,
    /// The value of a custom property.
    pub plan: Option<u32>,
    /// Whether it has an invalid email.
    pub bad_email: bool,
}

/// A time that is later than now, and that the service takes.
pub fn seconds_ahead() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |it| it.as_secs() as i64) + 240
}

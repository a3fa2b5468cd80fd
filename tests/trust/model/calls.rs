//! The calls that the model knows, and their answers. Lists, channels, numbers, external_ids and names are small numbers
//! here; what they are in the service is the world's to say.

use std::collections::{BTreeMap, BTreeSet};

/// A phone number.
pub type Number = u32;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `UpdateContactListContacts`.
    Update(Update),
    /// `UpdateContactList`: archives a list, or makes it active again.
    Archive { list: u8, archived: bool },
    /// `DeleteContactList`.
    DeleteList(u8),
    /// `DeleteContact`.
    Erase(Who),
    /// `UpdateContact`, of the fields that are given.
    Change {
        who: Who,
        number: Option<Number>,
        external_id: Option<u32>,
        name: Option<u32>,
    },
    /// `OptIn` or `OptOut`.
    Prefer {
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
    ReadPerson(Number),
    /// `GetContactListUpdate`, by request_id.
    ReadUpdate(u32),
}

/// Whom a call names by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// One of those whose ids were learned when they were created.
    Origin(u32),
    /// Whoever has this number: for a caller who can be sure that nobody else changes that.
    Holder(Number),
}

/// What an update does to its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Add,
    Remove,
    Overwrite,
}

/// Whom an update opts in to what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OptIns {
    None,
    All,
    To(Vec<u8>),
}

/// An update.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    pub list: u8,
    pub action: Action,
    pub contacts: Vec<Sent>,
    pub skip: bool,
    pub opt_ins: OptIns,
    pub resubscribe: bool,
    pub request: Option<u32>,
    pub validate_only: bool,
}

/// A contact of an update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sent {
    /// None: something that is not a number.
    pub number: Option<Number>,
    /// `Some(None)` clears it.
    pub external_id: Option<Option<u32>>,
    pub name: Option<u32>,
    /// The value of a custom property.
    pub plan: Option<u32>,
    /// With an email that is not one.
    pub bad_email: bool,
}

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Updated(Updated),
    Refused(Refused),
    Done,
    /// How many pairs of contact and channel changed, and how many did not.
    Pairs(i32, i32),
    Members(BTreeSet<Number>),
    List {
        state: ListState,
        contact_count: i32,
    },
    Person(View),
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    pub reason: String,
    pub rejected: Rejected,
}

/// The rejected contacts of an update, by their place, with all reasons.
pub type Rejected = BTreeMap<i32, BTreeSet<String>>;

/// What an update answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Updated {
    pub counts: Counts,
    pub rejected: Rejected,
    /// How many contacts are on the list afterwards.
    pub contact_count: i32,
    /// Whether there is an id of the update.
    pub recorded: bool,
    pub replayed: bool,
}

/// The counts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    pub received: i32,
    pub created: i32,
    pub updated: i32,
    pub unchanged: i32,
    pub duplicate: i32,
    pub rejected: i32,
    pub added: i32,
    pub removed: i32,
    pub opted_in: i32,
    pub kept_opt_out: i32,
}

/// The states of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListState {
    Active,
    Archived,
    Deleted,
}

/// A person as `GetContact` shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    pub number: Number,
    pub external_id: Option<u32>,
    pub name: Option<u32>,
    pub plan: Option<u32>,
    /// Deleted ones are not shown.
    pub lists: BTreeSet<u8>,
    pub preferences: BTreeMap<u8, bool>,
}

impl Answer {
    /// The answer without the reasons of rejected contacts: which ones they are stays.
    pub fn without_reasons(mut self) -> Self {
        let rejected = match &mut self {
            Self::Updated(updated) => &mut updated.rejected,
            Self::Refused(refused) => &mut refused.rejected,
            _ => return self,
        };
        rejected.values_mut().for_each(BTreeSet::clear);
        self
    }

    /// A refusal for this reason.
    pub fn refused(reason: &str) -> Self {
        Self::Refused(Refused {
            reason: reason.to_owned(),
            rejected: Rejected::new(),
        })
    }
}

//! Contact lists.

use super::{count, timestamp};
use crate::{
    domain::contact_list::{ContactList, ListState, Membership},
    proto::{self, contact_list::State},
};

impl From<ContactList> for proto::ContactList {
    fn from(list: ContactList) -> Self {
        Self {
            id: list.id.to_string(),
            name: Some(list.name),
            color: list.color.map(|color| color.as_str().to_owned()),
            state: State::from(list.state).into(),
            contact_count: count(list.contact_count.unsigned_abs()),
            create_time: Some(timestamp(list.create_time)),
            update_time: Some(timestamp(list.update_time)),
            version: list.version,
        }
    }
}

impl From<Membership> for proto::ContactListMembership {
    fn from(membership: Membership) -> Self {
        Self {
            contact_list_id: membership.contact_list_id.to_string(),
            join_time: Some(timestamp(membership.join_time)),
            update_id: membership.update_id.map(|id| id.to_string()),
        }
    }
}

impl From<ListState> for State {
    fn from(state: ListState) -> Self {
        match state {
            ListState::Active => Self::Active,
            ListState::Archived => Self::Archived,
            ListState::Deleted => Self::Deleted,
        }
    }
}

//! The members of a list: how calls ask for them, and how they look on the wire.

use super::{
    fields::{optional_id, required_id},
    wire,
};
use crate::{
    app,
    domain::{
        custom_object::ObjectReference,
        organization::Organization,
        violation::{Reason, Violation},
    },
    error::{Error, Result},
    proto,
    repository::{
        Connection, channels, contact_lists,
        contacts::{ConsentFilter, Member, MemberFilter},
    },
    telemetry,
};

/// Which members a request asks for, not parsed yet.
pub struct MemberRequest<'a> {
    /// The list's id.
    pub contact_list_id: &'a str,
    /// The id of the custom object whose records are read with the members.
    pub custom_object_id: Option<&'a str>,
    /// The key of that object, instead of its id.
    pub custom_object_key: Option<&'a str>,
    /// The id of the channel that the members must be opted in to.
    pub opted_in_to_channel_id: Option<&'a str>,
    /// The id of the channel that they must be opted out of.
    pub opted_out_of_channel_id: Option<&'a str>,
    /// Whether their preferences are read with them.
    pub include_preferences: bool,
}

impl MemberRequest<'_> {
    /// Parses the ids and the key. Returns the filter, still without a custom object, and the object that is named.
    pub fn parse(&self) -> Result<(MemberFilter, Option<ObjectReference>)> {
        let contact_list = required_id("contact_list_id", self.contact_list_id)?;
        telemetry::note(|call| call.contact_list_id = Some(contact_list));
        let (id, key) = (self.custom_object_id, self.custom_object_key);
        let object = wire::reference::named_object(id, key)?;
        let filter = MemberFilter {
            contact_list,
            custom_object: None,
            consent: self.consent()?,
            with_preferences: self.include_preferences,
        };
        Ok((filter, object))
    }

    fn consent(&self) -> Result<Option<ConsentFilter>> {
        let opted_in = optional_id("opted_in_to_channel_id", self.opted_in_to_channel_id)?;
        let opted_out = optional_id("opted_out_of_channel_id", self.opted_out_of_channel_id)?;
        match (opted_in, opted_out) {
            (None, None) => Ok(None),
            (Some(channel), None) => Ok(Some(ConsentFilter::OptedIn(channel))),
            (None, Some(channel)) => Ok(Some(ConsentFilter::OptedOut(channel))),
            (Some(_), Some(_)) => Err(Error::field(Violation::new(
                Reason::FieldInvalid,
                "opted_out_of_channel_id",
                "must be absent where opted_in_to_channel_id is given",
            ))),
        }
    }
}

/// Returns `filter` with the custom object that `named` means. Fails if the list, the object or the channel does not exist.
pub async fn resolve(
    db: &impl Connection,
    organization: &Organization,
    filter: MemberFilter,
    named: Option<&ObjectReference>,
) -> Result<MemberFilter> {
    contact_lists::get(db, organization.id, filter.contact_list).await?;
    if let Some(consent) = filter.consent {
        channels::get(db, organization.id, consent.channel()).await?;
    }
    let object = app::custom_objects::choose_id(db, organization, named);
    Ok(MemberFilter {
        custom_object: object.await?,
        ..filter
    })
}

/// A member of a list on the wire.
pub fn wire_member(member: Member) -> proto::ContactListContact {
    proto::ContactListContact {
        contact: Some(wire::contact::to_wire(member.contact, member.record)),
        join_time: Some(wire::timestamp(member.join_time)),
        communication_preferences: member.preferences.into_iter().map(Into::into).collect(),
    }
}

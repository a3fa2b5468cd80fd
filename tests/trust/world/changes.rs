//! The calls beside the update that change something.

use super::*;

impl World {
    pub(super) async fn delete_list(&self, caller: &Client, list: u8) -> Result<Answer, Status> {
        let request = DeleteContactListRequest {
            id: self.list(list),
        };
        caller.lists.clone().delete_contact_list(request).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn erase(&self, caller: &Client, who: Who) -> Result<Answer, Status> {
        let request = DeleteContactRequest {
            id: self.id_of(caller, who).await?,
        };
        caller.contacts.clone().delete_contact(request).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn change(
        &self,
        caller: &Client,
        who: Who,
        mut contact: Contact,
    ) -> Result<Answer, Status> {
        contact.id = self.id_of(caller, who).await?;
        let request = UpdateContactRequest {
            contact: Some(contact),
            ..Default::default()
        };
        caller.contacts.clone().update_contact(request).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn delete_channel(
        &self,
        caller: &Client,
        channel: u8,
    ) -> Result<Answer, Status> {
        let id = self.channels.read().unwrap()[&channel].clone();
        let request = DeleteChannelRequest { id };
        caller.channels.clone().delete_channel(request).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn archive(
        &self,
        caller: &Client,
        list: u8,
        archived: bool,
    ) -> Result<Answer, Status> {
        let state = if archived {
            contact_list::State::Archived
        } else {
            contact_list::State::Active
        };
        let list = contact_lists::proto::ContactList {
            id: self.list(list),
            state: state.into(),
            ..Default::default()
        };
        let request = UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: None,
        };
        caller.lists.clone().update_contact_list(request).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn id_of(&self, caller: &Client, who: Who) -> Result<String, Status> {
        let holder = match who {
            Who::Origin(origin) => return Ok(self.origins[origin as usize].clone()),
            Who::Holder(holder) => holder,
        };
        let reference = get_contact_request::Reference::Phone(number(holder));
        let request = GetContactRequest {
            reference: Some(reference),
        };
        let answer = caller.contacts.clone().get_contact(request).await?;
        Ok(answer.into_inner().contact.expect("a contact").id)
    }

    pub(super) async fn prefer(
        &self,
        caller: &Client,
        numbers: &[Number],
        channels: &[u8],
        opt_in: bool,
    ) -> Result<Answer, Status> {
        let references = numbers
            .iter()
            .map(|n| contact_reference::Reference::Phone(number(*n)));
        let contacts = references
            .map(|it| ContactReference {
                reference: Some(it),
            })
            .collect();
        let channels = self.references(channels);
        let mut preferences = caller.preferences.clone();
        if opt_in {
            let request = OptInRequest {
                contacts,
                channels,
                all_channels: false,
            };
            let answer = preferences.opt_in(request).await?.into_inner();
            return Ok(Answer::Pairs(answer.opted_in_count, answer.unchanged_count));
        }
        let request = OptOutRequest {
            contacts,
            channels,
            all_channels: false,
        };
        let answer = preferences.opt_out(request).await?.into_inner();
        Ok(Answer::Pairs(
            answer.opted_out_count,
            answer.unchanged_count,
        ))
    }

    pub(super) async fn create_channel(
        &self,
        caller: &Client,
        channel: u8,
    ) -> Result<Answer, Status> {
        let request = CreateChannelRequest {
            name: format!("Channel {channel}"),
            r#type: channel::Type::Phone.into(),
            phone: Some(channel_number(channel)),
        };
        let answer = caller.channels.clone().create_channel(request).await?;
        let id = answer.into_inner().channel.expect("the channel").id;
        self.channels.write().unwrap().insert(channel, id);
        Ok(Answer::Done)
    }
}

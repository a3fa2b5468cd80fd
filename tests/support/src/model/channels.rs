//! Channels.

use contact_lists::proto::{
    Channel as WireChannel, CreateChannelRequest, ErrorReason as Reason, UpdateChannelRequest,
    channel::Type,
};

use super::{Answer, CallNumber, Channel, OptState, Organization, checks, refusal::Refusal};

impl Organization {
    /// `CreateChannel`, of a valid request. The caller fills the id in.
    pub fn create_channel(
        &mut self,
        when: CallNumber,
        request: &CreateChannelRequest,
    ) -> Answer<WireChannel> {
        let wire = WireChannel {
            name: checks::tidy_name(&request.name).ok(),
            r#type: request.r#type,
            phone: self.channel_number(request.phone.as_deref()),
            ..WireChannel::default()
        };
        self.refuse_taken_channel(&wire)?;
        self.channels.push(Channel {
            wire: wire.clone(),
            created: when,
            changed: when,
        });
        Ok(wire)
    }

    /// `UpdateChannel` of a phone number.
    pub fn update_channel(
        &mut self,
        when: CallNumber,
        request: &UpdateChannelRequest,
    ) -> Answer<WireChannel> {
        let given = request.channel.as_ref().expect("a channel");
        let position = self.channel_position(&given.id)?;
        let mut wire = self.channels[position].wire.clone();
        if let Some(phone) = &given.phone {
            wire.phone = self.channel_number(Some(phone));
        }
        if wire.phone.is_none() && wire.r#type() == Type::Phone {
            let wrong = ("channel.phone".to_owned(), Reason::FieldRequired);
            return Err(Refusal::fields(vec![wrong]));
        }
        self.refuse_taken_channel(&wire)?;
        if self.channels[position].wire != wire {
            self.channels[position].wire = wire.clone();
            self.channels[position].changed = when;
        }
        Ok(wire)
    }

    /// `DeleteChannel`: refused while a contact is opted in to it or has it as default. Its opt-outs are deleted too.
    pub fn delete_channel(&mut self, id: &str) -> Answer<()> {
        let position = self.channel_position(id)?;
        let is_used = self.contacts.values().any(|contact| {
            contact.preferences.state(id) == OptState::In
                || contact.wire.default_channel_id.as_deref() == Some(id)
        });
        if is_used {
            return Err(Refusal::in_use("channel", id));
        }
        self.channels.remove(position);
        let contacts = self.contacts.values_mut().map(|it| &mut it.preferences);
        for preferences in contacts.chain(self.numbers.values_mut()) {
            preferences.own.remove(id);
        }
        self.numbers
            .retain(|_, it| it.all.is_some() || !it.own.is_empty());
        Ok(())
    }

    fn channel_position(&self, id: &str) -> Answer<usize> {
        let found = self.channels.iter().position(|it| it.wire.id == id);
        found.ok_or_else(|| Refusal::not_found("channel", id))
    }

    fn channel_number(&self, text: Option<&str>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        Some(checks::number(text, self.takes_national_numbers).expect("a valid number"))
    }

    fn refuse_taken_channel(&self, wire: &WireChannel) -> Answer<()> {
        let mut others = self.channels.iter().filter(|it| it.wire.id != wire.id);
        if wire.phone.is_some() && others.any(|it| it.wire.phone == wire.phone) {
            Err(Refusal::exists("channel", "phone"))
        } else {
            Ok(())
        }
    }
}

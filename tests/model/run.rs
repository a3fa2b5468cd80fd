//! Runs a sequence of calls on the service and on the model, and compares every answer, and at the end every read.

mod definitions;

use contact_lists::proto::{
    Channel, ContactList, DeleteContactRequest, OptInRequest, OptOutRequest,
    UpdateContactListContactsRequest as Message, UpdateContactRequest, contact_list::State,
    update_contact_list_contacts_header::Action,
};
use prost_types::FieldMask;

use crate::{
    calls::{Call, Given, Pick, Step, Who},
    compare::{answer, name, same, without_choices},
    frame::{beginning, end},
    model::{CallNumber, Pairs},
    side::{Foreign, Side},
    tally::Tally,
};

type Checked = Result<(), String>;

/// A sequence under way.
pub struct Run {
    sides: [Side; 2],
    when: CallNumber,
    tally: Tally,
}

impl Run {
    /// Begins with two organizations that have nothing yet.
    pub fn new(sides: [Side; 2]) -> Self {
        Self {
            sides,
            when: 0,
            tally: Tally::default(),
        }
    }

    /// Makes the calls of a sequence between those that every sequence begins and ends with.
    pub async fn all(mut self, steps: &[Step]) -> Result<Tally, String> {
        for step in beginning() {
            let done = self.step(&step).await;
            done.map_err(|error| format!("at the beginning, {step:?}: {error}"))?;
        }
        for (place, step) in steps.iter().enumerate() {
            let done = self.step(step).await;
            done.map_err(|error| format!("at step {place}: {error}"))?;
        }
        for step in end() {
            let done = self.step(&step).await;
            done.map_err(|error| format!("at the end, {step:?}: {error}"))?;
        }
        for side in &self.sides {
            self.tally.add_notes(&side.model.notes);
        }
        Ok(self.tally)
    }

    async fn step(&mut self, step: &Step) -> Checked {
        self.when += 1;
        let foreign_id = match &step.call {
            Call::Erase { who } | Call::ChangeContact { who, .. } => {
                self.foreign_id(step.by, who).await?
            }
            Call::Prefer { whom, .. } => self.foreign_ids(step.by, whom).await?,
            _ => None,
        };
        let [first, second] = &mut self.sides;
        let (side, other) = if step.by == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let mut one = One {
            foreign: other.foreign(),
            foreign_id,
            side,
            when: self.when,
            tally: &mut self.tally,
        };
        one.call(&step.call).await
    }

    /// The id of who has a number in the other organization.
    async fn foreign_id(&mut self, by: usize, who: &Who) -> Result<Option<String>, String> {
        match who {
            Who::Foreign(n) => self.sides[1 - by].nth_id(*n).await,
            _ => Ok(None),
        }
    }

    async fn foreign_ids(&mut self, by: usize, whom: &[Who]) -> Result<Option<String>, String> {
        for who in whom {
            if let Some(id) = self.foreign_id(by, who).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// One call.
struct One<'a> {
    side: &'a mut Side,
    foreign: Foreign,
    /// The id of a contact of the other organization, where the call names one.
    foreign_id: Option<String>,
    when: CallNumber,
    tally: &'a mut Tally,
}

impl One<'_> {
    async fn call(&mut self, call: &Call) -> Checked {
        match call {
            Call::Update(update) => {
                let messages = self.side.messages(update, &self.foreign);
                self.update(messages).await
            }
            Call::Resend { nth, twist } => match self.side.messages_again(*nth, *twist) {
                Some(messages) => self.update(messages).await,
                None => Ok(()),
            },
            Call::CreateList { name, color } => self.create_list(name, color).await,
            Call::ChangeList {
                list,
                name,
                color,
                archived,
            } => {
                let list = ContactList {
                    id: self.side.list_id(list, &self.foreign),
                    name: name.clone(),
                    color: color.clone(),
                    state: archived.map_or(0, |it| {
                        if it { State::Archived } else { State::Active }.into()
                    }),
                    ..ContactList::default()
                };
                self.change_list(list).await
            }
            Call::DeleteList { list } => self.delete_list(list).await,
            Call::CreateChannel { phone } => self.create_channel(phone).await,
            Call::ChangeChannel { channel, phone } => self.change_channel(channel, phone).await,
            Call::DeleteChannel { channel } => self.delete_channel(channel).await,
            Call::CreateObject { key, properties } => self.create_object(key, properties).await,
            Call::AddProperty { object, property } => self.add_property(object, property).await,
            Call::DeleteObject { object } => self.delete_object(object).await,
            Call::ChangeContact {
                who,
                contact,
                mask,
                object,
            } => {
                self.change_contact(who, contact, mask, object.as_ref())
                    .await
            }
            Call::Erase { who } => self.erase(who).await,
            Call::Prefer {
                opt_in,
                whom,
                channels,
            } => self.prefer(*opt_in, whom, channels.as_deref()).await,
            Call::Look => self.side.look().await,
        }
    }

    /// Compares an answer with the model's. None where both refuse.
    fn compare<S: std::fmt::Debug, M: std::fmt::Debug>(
        &mut self,
        call: &'static str,
        service: Result<tonic::Response<S>, tonic::Status>,
        model: Result<M, crate::model::Refusal>,
    ) -> Result<Option<(S, M)>, String> {
        self.tally.call(call);
        let service = service.map(tonic::Response::into_inner);
        match answer(service, model).map_err(|error| format!("{call}: {error}"))? {
            Ok(both) => Ok(Some(both)),
            Err(refusal) => {
                self.tally.refusal(name(refusal.reason));
                Ok(None)
            }
        }
    }

    async fn update(&mut self, messages: Vec<Message>) -> Checked {
        let (side, when) = (&mut *self.side, self.when);
        let recorded_count = side.model.updates.len();
        let model = side.model.update(when, &messages);
        let header = messages[0].header.clone().unwrap_or_default();
        let contacts: Vec<_> = messages.iter().flat_map(|it| it.contacts.clone()).collect();
        let mut lists = side.client.lists.clone();
        let service = lists
            .update_contact_list_contacts(tokio_stream::iter(messages))
            .await;
        let call = match header.action() {
            Action::Add => "add",
            Action::Remove => "remove",
            _ => "overwrite",
        };
        let Some((service, model)) = self.compare(call, service, model)? else {
            return Ok(());
        };
        let expected = without_choices(model.clone());
        same(call, &without_choices(service.clone()), &expected)?;
        let has_id = !service.update_id.is_empty();
        same(
            "whether an update has an id",
            &has_id,
            &!header.validate_only,
        )?;
        self.tally.outcome(&service, header.validate_only);
        let side = &mut *self.side;
        if side.model.updates.len() > recorded_count {
            side.answers.push(service.clone());
            if header.request_id.is_some() {
                side.sent.push((header.clone(), contacts));
            }
        }
        if service.replayed {
            // Word for word, its id and times too.
            let mut first = side
                .answers
                .iter()
                .filter(|it| it.update_id == service.update_id);
            let recorded = first.next().map(|it| without_replayed(it.clone()));
            return same("a replay", &Some(without_replayed(service)), &recorded);
        }
        let list = side
            .model
            .list(&header.contact_list_id)
            .expect("an updated list")
            .clone();
        let shown = service.contact_list.unwrap_or_default();
        if header.validate_only {
            return Ok(());
        }
        side.check_list("the updated list", shown, &list)
    }

    async fn change_contact(
        &mut self,
        who: &Who,
        given: &Given,
        mask: &Option<Vec<String>>,
        object: Option<&Pick>,
    ) -> Checked {
        let id = self.side.contact_id(who, self.foreign_id.clone()).await?;
        let mut contact = self.side.contact(given, &self.foreign);
        contact.id = id.clone();
        let request = UpdateContactRequest {
            contact: Some(contact),
            update_mask: mask.clone().map(|paths| FieldMask { paths }),
            custom_object_id: object.map(|pick| self.side.object_id(pick, &self.foreign)),
        };
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.update_contact(when, &request);
        let service = side.client.contacts.clone().update_contact(request).await;
        if let Some((service, mut model)) = self.compare("UpdateContact", service, model)? {
            let mut found = service.contact.unwrap_or_default();
            let side = &mut *self.side;
            let key = side.model.by_id(&id).expect("the changed contact");
            let stored = &side.model.contacts[&key];
            side.clock.check(
                stored.created,
                found.create_time.take().as_ref(),
                "a contact",
            )?;
            let time = found.update_time.take();
            side.clock
                .check(stored.changed, time.as_ref(), "a changed contact")?;
            model.id = id;
            same("the changed contact", &found, &model)?;
        }
        Ok(())
    }

    async fn erase(&mut self, who: &Who) -> Checked {
        let id = self.side.contact_id(who, self.foreign_id.clone()).await?;
        let model = self.side.model.delete_contact(&id);
        let request = DeleteContactRequest { id: id.clone() };
        let service = self
            .side
            .client
            .contacts
            .clone()
            .delete_contact(request)
            .await;
        if self.compare("DeleteContact", service, model)?.is_some() {
            self.side.erased.push(id);
        }
        Ok(())
    }

    async fn prefer(&mut self, opt_in: bool, whom: &[Who], channels: Option<&[Pick]>) -> Checked {
        let mut contacts = Vec::new();
        for who in whom {
            contacts.push(
                self.side
                    .contact_reference(who, self.foreign_id.clone())
                    .await?,
            );
        }
        let channels = channels.map(|picks| self.side.channel_references(picks, &self.foreign));
        let (side, when) = (&mut *self.side, self.when);
        let model = side
            .model
            .change_preferences(when, opt_in, &contacts, channels.as_deref());
        let all_channels = channels.is_none();
        let channels = channels.unwrap_or_default();
        let mut preferences = side.client.preferences.clone();
        let both = if opt_in {
            let request = OptInRequest {
                contacts,
                channels,
                all_channels,
            };
            let service = preferences.opt_in(request).await;
            let both = self.compare("OptIn", service, model)?;
            both.map(|(it, model)| (pairs(it.opted_in_count, it.unchanged_count), model))
        } else {
            let request = OptOutRequest {
                contacts,
                channels,
                all_channels,
            };
            let service = preferences.opt_out(request).await;
            let both = self.compare("OptOut", service, model)?;
            both.map(|(it, model)| (pairs(it.opted_out_count, it.unchanged_count), model))
        };
        both.map_or(Ok(()), |(service, model)| {
            same("changed and unchanged pairs", &service, &model)
        })
    }
}

fn pairs(changed: i32, unchanged: i32) -> Pairs {
    Pairs { changed, unchanged }
}

fn without_replayed(
    mut outcome: contact_lists::proto::UpdateContactListContactsResponse,
) -> contact_lists::proto::UpdateContactListContactsResponse {
    outcome.replayed = false;
    outcome
}

fn without_times(mut channel: Channel) -> Channel {
    (channel.create_time, channel.update_time) = (None, None);
    channel
}

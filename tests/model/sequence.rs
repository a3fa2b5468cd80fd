//! Runs a sequence of calls on the service and on the model, and compares every answer, and in the end every read.

mod definitions;
mod preferences;
mod reverts;

use std::sync::Arc;

use contact_lists::proto::{
    Channel, DeleteContactRequest, UpdateContactListContactsRequest as Message,
    UpdateContactRequest, update_contact_list_contacts_header::Action,
};
use prost_types::FieldMask;
use test_support::{
    model::{CallNumber, Refusal, without_choices},
    reason_name,
};

use self::preferences::Kind;
use crate::{
    calls::{Call, ContactRef, GivenContact, ResourceRef, Step},
    compare::{both, same},
    coverage::Coverage,
    fixed_steps::{first_steps, last_steps},
    replica::{Foreign, Replica},
};

type Checked = Result<(), String>;

/// A sequence that runs.
pub struct SequenceRun {
    replicas: [Replica; 2],
    when: CallNumber,
    coverage: Coverage,
}

impl SequenceRun {
    /// A sequence of calls by two new organizations.
    pub fn new(replicas: [Replica; 2]) -> Self {
        Self {
            replicas,
            when: 0,
            coverage: Coverage::default(),
        }
    }

    /// Makes the calls of a sequence, after the first and before the last steps of every sequence. Returns what was covered.
    pub async fn run(mut self, steps: &[Step]) -> Result<Coverage, String> {
        for step in first_steps() {
            let done = self.step(&step).await;
            done.map_err(|error| format!("in the first steps, {step:?}: {error}"))?;
        }
        for (place, step) in steps.iter().enumerate() {
            let done = self.step(step).await;
            done.map_err(|error| format!("at step {place}: {error}"))?;
        }
        for step in last_steps() {
            let done = self.step(&step).await;
            done.map_err(|error| format!("in the last steps, {step:?}: {error}"))?;
        }
        for replica in &self.replicas {
            self.coverage.add_notes(&replica.model.notes);
        }
        Ok(self.coverage)
    }

    async fn step(&mut self, step: &Step) -> Checked {
        self.when += 1;
        let foreign_id = match &step.call {
            Call::DeleteContact { contact } | Call::UpdateContact { contact, .. } => {
                self.foreign_id(step.organization, contact).await?
            }
            Call::ChangePreferences { contacts, .. } => {
                self.foreign_ids(step.organization, contacts).await?
            }
            _ => None,
        };
        let [first, second] = &mut self.replicas;
        let (replica, other) = if step.organization == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let mut run = StepRun {
            foreign: other.foreign(),
            foreign_id,
            replica,
            when: self.when,
            coverage: &mut self.coverage,
        };
        run.call(&step.call).await
    }

    /// The id of the contact of the other organization that a call names, if it names one.
    async fn foreign_id(
        &mut self,
        organization: usize,
        contact: &ContactRef,
    ) -> Result<Option<String>, String> {
        match contact {
            ContactRef::Foreign(n) => self.replicas[1 - organization].nth_id(*n).await,
            _ => Ok(None),
        }
    }

    async fn foreign_ids(
        &mut self,
        organization: usize,
        contacts: &[ContactRef],
    ) -> Result<Option<String>, String> {
        for contact in contacts {
            if let Some(id) = self.foreign_id(organization, contact).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// One call of a sequence.
struct StepRun<'a> {
    replica: &'a mut Replica,
    foreign: Foreign,
    /// The id of a contact of the other organization, where the call names one.
    foreign_id: Option<String>,
    when: CallNumber,
    coverage: &'a mut Coverage,
}

impl StepRun<'_> {
    async fn call(&mut self, call: &Call) -> Checked {
        match call {
            Call::Update(update) => {
                let messages = self.replica.messages(update, &self.foreign);
                self.update(messages).await
            }
            Call::Resend { nth, mutation } => match self.replica.messages_again(*nth, *mutation) {
                Some(messages) => self.update(messages).await,
                None => Ok(()),
            },
            Call::Revert {
                update,
                request,
                validate_only,
            } => self.revert(update, *request, *validate_only).await,
            Call::CreateList { name, color } => self.create_list(name, color).await,
            Call::UpdateList {
                list,
                name,
                color,
                archived,
            } => self.update_list(list, (name, color), *archived).await,
            Call::DeleteList { list } => self.delete_list(list).await,
            Call::CreateChannel { phone } => self.create_channel(phone).await,
            Call::UpdateChannel { channel, phone } => self.update_channel(channel, phone).await,
            Call::DeleteChannel { channel } => self.delete_channel(channel).await,
            Call::CreateObject { key, properties } => self.create_object(key, properties).await,
            Call::AddProperty { object, property } => self.add_property(object, property).await,
            Call::UpdateObject(change) => self.update_object(change).await,
            Call::DeleteObject { object } => self.delete_object(object).await,
            Call::UpdateContact {
                contact,
                fields,
                mask,
                object,
            } => {
                self.update_contact(contact, fields, mask, object.as_ref())
                    .await
            }
            Call::DeleteContact { contact } => self.delete_contact(contact).await,
            Call::ChangePreferences {
                opt_in,
                contacts,
                channels,
                consent,
                in_bulk,
            } => {
                let kind = Kind::of(*opt_in, *in_bulk);
                let named = (contacts.as_slice(), channels.as_deref());
                self.change_preferences(kind, named, consent.as_ref()).await
            }
            Call::ReadAll => self.replica.check_all_reads().await,
        }
    }

    /// Compares an answer with the model's. None if both refuse.
    fn compare<S: std::fmt::Debug, M: std::fmt::Debug>(
        &mut self,
        call: &'static str,
        service: Result<tonic::Response<S>, tonic::Status>,
        model: Result<M, Refusal>,
    ) -> Result<Option<(S, M)>, String> {
        self.coverage.call(call);
        let service = service.map(tonic::Response::into_inner);
        match both(service, model).map_err(|error| format!("{call}: {error}"))? {
            Ok(both) => Ok(Some(both)),
            Err(refusal) => {
                self.coverage.refusal(reason_name(refusal.reason));
                Ok(None)
            }
        }
    }

    async fn update(&mut self, messages: Vec<Message>) -> Checked {
        let (replica, when) = (&mut *self.replica, self.when);
        let recorded_count = replica.model.updates.len();
        let model = replica.model.update(when, &messages);
        let header = messages[0].header.clone().unwrap_or_default();
        let contacts: Vec<_> = messages.iter().flat_map(|it| it.contacts.clone()).collect();
        let mut lists = replica.client.lists.clone();
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
        self.coverage.outcome(&service, header.validate_only);
        let replica = &mut *self.replica;
        if replica.model.updates.len() > recorded_count {
            replica.answers.push(service.clone());
            let update = replica.model.updates.last_mut().expect("the update");
            Arc::make_mut(update).id.clone_from(&service.update_id);
            if header.request_id.is_some() {
                replica.sent.push((header.clone(), contacts));
            }
        }
        if service.replayed {
            // The id and the times of the first answer too.
            let mut first = replica
                .answers
                .iter()
                .filter(|it| it.update_id == service.update_id);
            let recorded = first.next().map(|it| without_replayed(it.clone()));
            return same("a replay", &Some(without_replayed(service)), &recorded);
        }
        let list = replica
            .model
            .list(&header.contact_list_id)
            .expect("an updated list")
            .clone();
        let shown = service.contact_list.unwrap_or_default();
        if header.validate_only {
            return Ok(());
        }
        replica.check_list("the updated list", shown, &list)
    }

    async fn update_contact(
        &mut self,
        contact: &ContactRef,
        fields: &GivenContact,
        mask: &Option<Vec<String>>,
        object: Option<&ResourceRef>,
    ) -> Checked {
        let id = self
            .replica
            .contact_id(contact, self.foreign_id.clone())
            .await?;
        let mut contact = self.replica.contact(fields, &self.foreign);
        contact.id = id.clone();
        let request = UpdateContactRequest {
            contact: Some(contact),
            update_mask: mask.clone().map(|paths| FieldMask { paths }),
            custom_object_id: object.map(|pick| self.replica.object_id(pick, &self.foreign)),
            custom_object_key: None,
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.update_contact(when, &request);
        let service = replica
            .client
            .contacts
            .clone()
            .update_contact(request)
            .await;
        if let Some((service, mut model)) = self.compare("UpdateContact", service, model)? {
            let mut found = service.contact.unwrap_or_default();
            let replica = &mut *self.replica;
            let key = replica.model.by_id(&id).expect("the changed contact");
            let stored = &replica.model.contacts[&key];
            replica.clock.check(
                stored.created,
                found.create_time.take().as_ref(),
                "a contact",
            )?;
            let time = found.update_time.take();
            replica
                .clock
                .check(stored.changed, time.as_ref(), "a changed contact")?;
            model.id = id;
            same("the changed contact", &found, &model)?;
        }
        Ok(())
    }

    async fn delete_contact(&mut self, contact: &ContactRef) -> Checked {
        let id = self
            .replica
            .contact_id(contact, self.foreign_id.clone())
            .await?;
        let model = self.replica.model.delete_contact(&id);
        let request = DeleteContactRequest { id: id.clone() };
        let service = self
            .replica
            .client
            .contacts
            .clone()
            .delete_contact(request)
            .await;
        if self.compare("DeleteContact", service, model)?.is_some() {
            self.replica.deleted.push(id);
        }
        Ok(())
    }
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

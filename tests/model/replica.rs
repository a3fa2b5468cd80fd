//! An organization of a sequence, at the service and in the reference model, and the requests that its calls send.

use contact_lists::proto::{
    Address, ChannelReference, Consent, Contact, ContactReference, CustomProperty,
    GetContactRequest, UpdateContactListContactsFooter as WireFooter,
    UpdateContactListContactsHeader as Header, UpdateContactListContactsRequest as Message,
    channel_reference, contact_reference, get_contact_request,
    update_contact_list_contacts_header::RejectionPolicy,
};

use prost_types::Timestamp;
use test_support::{
    Client, ContactExt,
    model::{Organization, number},
    struct_of, value_of,
};

use crate::{
    calls::{
        ContactRef, Footer, Framing, GivenConsent, GivenContact, Mutation, Property, ResourceRef,
        Update, UpdateRef,
    },
    clock::Clock,
};

/// An id that no resource has.
pub const UNKNOWN_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// An organization at the service, and the model as its replica.
pub struct Replica {
    /// A caller with an admin key.
    pub client: Client,
    /// What the organization should be.
    pub model: Organization,
    /// The times of its calls.
    pub clock: Clock,
    /// The ids of all lists, deleted ones too.
    pub lists: Vec<String>,
    /// The ids of all channels, deleted ones too.
    pub channels: Vec<String>,
    /// The ids of all custom objects, deleted ones too.
    pub objects: Vec<String>,
    /// The ids of the contacts that were deleted.
    pub deleted: Vec<String>,
    /// The headers and contacts of the applied updates that had a `request_id`.
    pub sent: Vec<(Header, Vec<Contact>)>,
    /// The answers to all recorded updates.
    pub answers: Vec<contact_lists::proto::UpdateContactListContactsResponse>,
    /// The answers to all recorded reverts.
    pub reverted: Vec<contact_lists::proto::RevertContactListUpdateResponse>,
}

/// The ids with which a call of one organization can name resources of the other.
pub struct Foreign {
    /// The other organization's lists.
    pub lists: Vec<String>,
    /// Its channels.
    pub channels: Vec<String>,
    /// Its custom objects.
    pub objects: Vec<String>,
    /// Its recorded updates.
    pub updates: Vec<String>,
}

impl Replica {
    /// A new organization, whose calls this client makes.
    pub fn new(
        client: Client,
        takes_national_numbers: bool,
        max_removed_percent: Option<f64>,
    ) -> Self {
        Self {
            client,
            model: Organization::new(takes_national_numbers, max_removed_percent),
            clock: Clock::default(),
            lists: Vec::new(),
            channels: Vec::new(),
            objects: Vec::new(),
            deleted: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            reverted: Vec::new(),
        }
    }

    /// The ids with which the other organization's calls can name resources of this one.
    pub fn foreign(&self) -> Foreign {
        Foreign {
            lists: self.lists.clone(),
            channels: self.channels.clone(),
            objects: self.objects.clone(),
            updates: self.model.updates.iter().map(|it| it.id.clone()).collect(),
        }
    }

    /// The id of the n-th contact, which is read if it is not known yet. None if there are no contacts.
    pub async fn nth_id(&mut self, n: usize) -> Result<Option<String>, String> {
        let keys: Vec<_> = self.model.contacts.keys().copied().collect();
        let Some(key) = nth_of(&keys, n).copied() else {
            return Ok(None);
        };
        let contact = &self.model.contacts[&key];
        if let Some(id) = &contact.id {
            return Ok(Some(id.clone()));
        }
        let phone = contact.wire.phone.clone().unwrap_or_default();
        let request = GetContactRequest {
            reference: Some(get_contact_request::Reference::Phone(phone)),
        };
        let answer = self.client.contacts.clone().get_contact(request).await;
        let answer =
            answer.map_err(|status| format!("contact {key} does not exist: {status:?}"))?;
        let id = answer.into_inner().contact.unwrap_or_default().id;
        self.learn_id(key, &id)?;
        Ok(Some(id))
    }

    /// Keeps a contact's id, or checks it against the known one.
    pub fn learn_id(&mut self, key: usize, id: &str) -> Result<(), String> {
        let holder = self.model.by_id(id);
        let contact = self.model.contacts.get_mut(&key).expect("a contact");
        let known = contact.id.get_or_insert_with(|| id.to_owned());
        if known != id || holder.is_some_and(|holder| holder != key) {
            return Err(format!("contact {key} should be {known}, and is {id}"));
        }
        Ok(())
    }

    /// The id by which a call names a contact.
    pub async fn contact_id(
        &mut self,
        contact: &ContactRef,
        foreign_id: Option<String>,
    ) -> Result<String, String> {
        let id = match contact {
            ContactRef::Phone(phone) => {
                let number = number(phone, self.model.takes_national_numbers).ok();
                let key = number.and_then(|number| self.model.by_phone(&number));
                key.and_then(|key| self.model.contacts[&key].id.clone())
            }
            ContactRef::Nth(n) => self.nth_id(*n).await?,
            ContactRef::Foreign(_) => foreign_id,
            ContactRef::Deleted(n) => nth(&self.deleted, *n),
        };
        Ok(id.unwrap_or_else(|| UNKNOWN_ID.to_owned()))
    }

    /// A reference to a contact.
    pub async fn contact_reference(
        &mut self,
        contact: &ContactRef,
        foreign_id: Option<String>,
    ) -> Result<ContactReference, String> {
        use contact_reference::Reference;
        let reference = match contact {
            ContactRef::Phone(phone) => Reference::Phone(phone.clone()),
            other => Reference::Id(self.contact_id(other, foreign_id).await?),
        };
        Ok(ContactReference {
            reference: Some(reference),
        })
    }

    /// A reference to a channel.
    pub fn channel_reference(&self, pick: &ResourceRef, foreign: &Foreign) -> ChannelReference {
        use channel_reference::Reference;
        let reference = match pick {
            ResourceRef::Phone(phone) => Reference::Phone(phone.clone()),
            pick => Reference::Id(self.channel_id(pick, foreign)),
        };
        ChannelReference {
            reference: Some(reference),
        }
    }

    /// References to channels.
    pub fn channel_references(
        &self,
        picks: &[ResourceRef],
        foreign: &Foreign,
    ) -> Vec<ChannelReference> {
        let picks = picks.iter();
        picks
            .map(|pick| self.channel_reference(pick, foreign))
            .collect()
    }

    /// A channel's id.
    pub fn channel_id(&self, pick: &ResourceRef, foreign: &Foreign) -> String {
        id(pick, &self.channels, &foreign.channels)
    }

    /// A list's id.
    pub fn list_id(&self, pick: &ResourceRef, foreign: &Foreign) -> String {
        id(pick, &self.lists, &foreign.lists)
    }

    /// A custom object's id.
    pub fn object_id(&self, pick: &ResourceRef, foreign: &Foreign) -> String {
        id(pick, &self.objects, &foreign.objects)
    }

    /// A contact on the wire.
    pub fn contact(&self, given: &GivenContact, foreign: &Foreign) -> Contact {
        let given = given.clone();
        let default_channel = given.default_channel;
        let contact = Contact {
            phone: given.phone,
            external_id: given.external_id,
            email: given.email,
            name: given.name,
            language: given.language,
            default_channel_id: default_channel.map(|pick| self.channel_id(&pick, foreign)),
            address: given.address.map(|(address_line_one, city)| Address {
                address_line_one,
                city,
                ..Address::default()
            }),
            properties: given.properties.map(|map| struct_of(map.into())),
            consent: given.consent.as_ref().map(consent),
            ..Contact::default()
        };
        match given.birth_date {
            Some((year, month, day)) => contact.birth_date(year, month, day),
            None => contact,
        }
    }

    /// A recorded update's id.
    pub fn recorded_id(&self, pick: &UpdateRef, foreign: &Foreign) -> String {
        let (updates, reverts) = (&self.model.updates, &self.model.reverts);
        let id = match pick {
            UpdateRef::Latest(list) => {
                let list = self.list_id(list, foreign);
                self.model.latest_unreverted(&list).map(|it| it.id.clone())
            }
            UpdateRef::Nth(n) => nth_of(updates, *n).map(|it| it.id.clone()),
            UpdateRef::Revert(n) => nth_of(reverts, *n).map(|it| it.id.clone()),
            UpdateRef::Foreign(n) => nth(&foreign.updates, *n),
        };
        id.unwrap_or_else(|| UNKNOWN_ID.to_owned())
    }

    /// An update's messages.
    pub fn messages(&self, update: &Update, foreign: &Foreign) -> Vec<Message> {
        let policy = if update.skip {
            RejectionPolicy::Skip
        } else {
            RejectionPolicy::Unspecified
        };
        let object = update.object.as_ref();
        let list_id = self.list_id(&update.list, foreign);
        let version = self
            .model
            .list(&list_id)
            .map_or(0, |list| list.wire.version);
        let header = Header {
            contact_list_id: list_id,
            action: update.action,
            opt_in_to_all_channels: update.opt_in_to_all_channels,
            opt_in_to: self.channel_references(&update.opt_in_to, foreign),
            resubscribe: update.resubscribe,
            consent: update.consent.as_ref().map(consent),
            custom_object_id: object.map(|pick| self.object_id(pick, foreign)),
            rejection_policy: policy.into(),
            request_id: update.request.map(request_id),
            validate_only: update.validate_only,
            allow_empty: update.framing == Framing::AllowEmpty,
            expected_version: update.versions_ago.map(|ago| (version - ago).max(0)),
            max_removed_count: update.max_removed_count,
            max_removed_percent: update.max_removed_percent,
            custom_object_key: update.object_key.clone(),
        };
        let contacts = update.contacts.iter().map(|it| self.contact(it, foreign));
        stream(header, contacts.collect(), update.footer, update.framing)
    }

    /// The messages of an earlier update, to be sent again; None if there was no such update.
    pub fn messages_again(&self, nth: usize, mutation: Mutation) -> Option<Vec<Message>> {
        let (mut header, mut contacts) = nth_of(&self.sent, nth)?.clone();
        let (mut footer, mut framing) = (Footer::Right, Framing::OneMessage);
        match mutation {
            Mutation::Nothing => {}
            Mutation::OtherMessages => framing = Framing::ManyMessages,
            Mutation::OtherContact => match contacts.first_mut() {
                Some(first) => first.name = Some("Another".to_owned()),
                None => contacts.push(Contact::default()),
            },
            Mutation::OtherHeader => header.resubscribe = !header.resubscribe,
            Mutation::ValidateOnly => header.validate_only = true,
            Mutation::NoFooter => footer = Footer::Missing,
        }
        Some(stream(header, contacts, footer, framing))
    }
}

/// A consent on the wire.
pub fn consent(given: &GivenConsent) -> Consent {
    let day = |day: u8| Timestamp {
        seconds: 1_577_836_800 + 86_400 * i64::from(day),
        nanos: 0,
    };
    Consent {
        source: given.source,
        evidence: given.evidence.clone(),
        collect_time: given.day.map(day),
    }
}

/// A custom property on the wire.
pub fn property(property: &Property) -> CustomProperty {
    CustomProperty {
        key: property.key.clone(),
        label: property.key.clone(),
        r#type: property.kind,
        required: property.required,
        default_value: property.default.clone().map(value_of),
    }
}

/// The n-th `request_id` of the pool, which both organizations use.
pub fn request_id(n: u8) -> String {
    format!("6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a{n:02x}")
}

fn nth_of<T>(items: &[T], n: usize) -> Option<&T> {
    items.get(n.checked_rem(items.len())?)
}

fn nth(ids: &[String], n: usize) -> Option<String> {
    nth_of(ids, n).cloned()
}

fn id(pick: &ResourceRef, own: &[String], foreign: &[String]) -> String {
    let id = match pick {
        ResourceRef::Nth(n) => nth(own, *n),
        ResourceRef::Foreign(n) => nth(foreign, *n),
        ResourceRef::Text(text) => Some(text.clone()),
        ResourceRef::Unknown | ResourceRef::Phone(_) => None,
    };
    id.unwrap_or_else(|| UNKNOWN_ID.to_owned())
}

/// The messages of a call.
fn stream(
    header: Header,
    mut contacts: Vec<Contact>,
    footer: Footer,
    framing: Framing,
) -> Vec<Message> {
    if matches!(framing, Framing::NoContacts | Framing::AllowEmpty) {
        contacts.clear();
    }
    let count = contacts.len() as i32;
    let footer = match footer {
        Footer::Right => Some(count),
        Footer::Missing => None,
        Footer::Wrong => Some(count + 1),
    };
    let footer = footer.map(|contact_count| WireFooter { contact_count });
    let first = Message {
        header: (framing != Framing::NoHeader).then_some(header.clone()),
        ..Message::default()
    };
    let with_contacts = |contacts: Vec<Contact>| Message {
        contacts,
        ..Message::default()
    };
    let mut messages = vec![first];
    match framing {
        Framing::OneMessage | Framing::NoContacts | Framing::AllowEmpty | Framing::NoHeader => {
            messages[0].contacts = contacts;
        }
        _ => messages.extend(contacts.into_iter().map(|it| with_contacts(vec![it]))),
    }
    let last = messages.len() - 1;
    match framing {
        Framing::HeaderTwice => messages[last].header = Some(header),
        Framing::EmptyMessage => messages.push(Message::default()),
        _ => messages[last].footer = footer,
    }
    if framing == Framing::MessageAfterFooter {
        messages.push(with_contacts(vec![Contact::default()]));
    }
    messages
}

//! One organization of a sequence: the service's side of it and the model's, and from what is drawn to what is sent.

use contact_lists::proto::{
    Address, ChannelReference, Contact, ContactReference, CustomProperty, GetContactRequest,
    UpdateContactListContactsFooter as WireFooter, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, channel_reference, contact_reference,
    get_contact_request, update_contact_list_contacts_header::RejectionPolicy,
};

use crate::{
    calls::{Footer, Framing, Given, Pick, Property, Twist, Update, Who},
    clock::Clock,
    model::{Organization, number},
    support::{Client, struct_of, value_of},
};

/// An id that nobody has.
pub const UNKNOWN_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// An organization, at the service and in the model.
pub struct Side {
    /// A caller with every right.
    pub client: Client,
    /// What the organization should be.
    pub model: Organization,
    /// When its calls happened.
    pub clock: Clock,
    /// The ids of all lists ever made.
    pub lists: Vec<String>,
    /// The ids of all channels ever made.
    pub channels: Vec<String>,
    /// The ids of all custom objects ever made.
    pub objects: Vec<String>,
    /// The ids of contacts that were erased.
    pub erased: Vec<String>,
    /// The updates with a `request_id` that succeeded: what was sent.
    pub sent: Vec<(Header, Vec<Contact>)>,
    /// What every recorded update answered.
    pub answers: Vec<contact_lists::proto::UpdateContactListContactsResponse>,
}

/// The ids that a call of one organization can draw from the other.
pub struct Foreign {
    /// The other organization's lists.
    pub lists: Vec<String>,
    /// Its channels.
    pub channels: Vec<String>,
    /// Its custom objects.
    pub objects: Vec<String>,
}

impl Side {
    /// A new organization, known to this client.
    pub fn new(client: Client, takes_national_numbers: bool) -> Self {
        Self {
            client,
            model: Organization::new(takes_national_numbers),
            clock: Clock::default(),
            lists: Vec::new(),
            channels: Vec::new(),
            objects: Vec::new(),
            erased: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// What the other organization's calls can draw from this one.
    pub fn foreign(&self) -> Foreign {
        Foreign {
            lists: self.lists.clone(),
            channels: self.channels.clone(),
            objects: self.objects.clone(),
        }
    }

    /// The id of the n-th contact that there is, which is read where it is not known yet. None where there is nobody.
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
        let answer = answer.map_err(|status| format!("contact {key} is not there: {status:?}"))?;
        let id = answer.into_inner().contact.unwrap_or_default().id;
        self.learn_id(key, &id)?;
        Ok(Some(id))
    }

    /// Learns a contact's id, or checks that it is the one that is known.
    pub fn learn_id(&mut self, key: usize, id: &str) -> Result<(), String> {
        let holder = self.model.by_id(id);
        let contact = self.model.contacts.get_mut(&key).expect("a contact");
        let known = contact.id.get_or_insert_with(|| id.to_owned());
        if known != id || holder.is_some_and(|holder| holder != key) {
            return Err(format!("contact {key} should be {known}, and is {id}"));
        }
        Ok(())
    }

    /// The id that a call names a contact by.
    pub async fn contact_id(
        &mut self,
        who: &Who,
        foreign_id: Option<String>,
    ) -> Result<String, String> {
        let id = match who {
            Who::Phone(phone) => {
                let number = number(phone, self.model.takes_national_numbers).ok();
                let key = number.and_then(|number| self.model.by_phone(&number));
                key.and_then(|key| self.model.contacts[&key].id.clone())
            }
            Who::Nth(n) => self.nth_id(*n).await?,
            Who::Foreign(_) => foreign_id,
            Who::Erased(n) => nth(&self.erased, *n),
        };
        Ok(id.unwrap_or_else(|| UNKNOWN_ID.to_owned()))
    }

    /// How a call names a contact.
    pub async fn contact_reference(
        &mut self,
        who: &Who,
        foreign_id: Option<String>,
    ) -> Result<ContactReference, String> {
        use contact_reference::Reference;
        let reference = match who {
            Who::Phone(phone) => Reference::Phone(phone.clone()),
            other => Reference::Id(self.contact_id(other, foreign_id).await?),
        };
        Ok(ContactReference {
            reference: Some(reference),
        })
    }

    /// How a call names a channel.
    pub fn channel_reference(&self, pick: &Pick, foreign: &Foreign) -> ChannelReference {
        use channel_reference::Reference;
        let reference = match pick {
            Pick::Phone(phone) => Reference::Phone(phone.clone()),
            pick => Reference::Id(self.channel_id(pick, foreign)),
        };
        ChannelReference {
            reference: Some(reference),
        }
    }

    /// How calls name channels.
    pub fn channel_references(&self, picks: &[Pick], foreign: &Foreign) -> Vec<ChannelReference> {
        let picks = picks.iter();
        picks
            .map(|pick| self.channel_reference(pick, foreign))
            .collect()
    }

    /// A channel's id.
    pub fn channel_id(&self, pick: &Pick, foreign: &Foreign) -> String {
        id(pick, &self.channels, &foreign.channels)
    }

    /// A list's id.
    pub fn list_id(&self, pick: &Pick, foreign: &Foreign) -> String {
        id(pick, &self.lists, &foreign.lists)
    }

    /// A custom object's id.
    pub fn object_id(&self, pick: &Pick, foreign: &Foreign) -> String {
        id(pick, &self.objects, &foreign.objects)
    }

    /// A contact as it travels.
    pub fn contact(&self, given: &Given, foreign: &Foreign) -> Contact {
        let given = given.clone();
        let default_channel = given.default_channel;
        Contact {
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
            birth_date: None,
            properties: given.properties.map(|map| struct_of(map.into())),
            ..Contact::default()
        }
        .with_birth_date(given.birth_date)
    }

    /// An update's messages.
    pub fn messages(&self, update: &Update, foreign: &Foreign) -> Vec<Message> {
        let policy = if update.skip {
            RejectionPolicy::Skip
        } else {
            RejectionPolicy::Unspecified
        };
        let object = update.object.as_ref();
        let header = Header {
            contact_list_id: self.list_id(&update.list, foreign),
            action: update.action,
            opt_in_to_all_channels: update.opt_in_to_all_channels,
            opt_in_to: self.channel_references(&update.opt_in_to, foreign),
            resubscribe: update.resubscribe,
            custom_object_id: object.map(|pick| self.object_id(pick, foreign)),
            rejection_policy: policy.into(),
            request_id: update.request.map(request_id),
            validate_only: update.validate_only,
        };
        let contacts = update.contacts.iter().map(|it| self.contact(it, foreign));
        stream(header, contacts.collect(), update.footer, update.framing)
    }

    /// The messages of an earlier update, sent again; none where there was no such update.
    pub fn messages_again(&self, nth: usize, twist: Twist) -> Option<Vec<Message>> {
        let (mut header, mut contacts) = nth_of(&self.sent, nth)?.clone();
        let (mut footer, mut framing) = (Footer::Right, Framing::OneMessage);
        match twist {
            Twist::Nothing => {}
            Twist::OtherMessages => framing = Framing::ManyMessages,
            Twist::OtherContact => contacts[0].name = Some("Another".to_owned()),
            Twist::OtherHeader => header.resubscribe = !header.resubscribe,
            Twist::ValidateOnly => header.validate_only = true,
            Twist::NoFooter => footer = Footer::Missing,
        }
        Some(stream(header, contacts, footer, framing))
    }
}

/// Sets a birth date, whose type has no name outside of the contract.
trait WithBirthDate {
    fn with_birth_date(self, date: Option<(i32, i32, i32)>) -> Self;
}

impl WithBirthDate for Contact {
    fn with_birth_date(mut self, date: Option<(i32, i32, i32)>) -> Self {
        if let Some((year, month, day)) = date {
            let date = self.birth_date.get_or_insert_default();
            (date.year, date.month, date.day) = (year, month, day);
        }
        self
    }
}

/// A custom property as it travels.
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

fn id(pick: &Pick, own: &[String], foreign: &[String]) -> String {
    let id = match pick {
        Pick::Nth(n) => nth(own, *n),
        Pick::Foreign(n) => nth(foreign, *n),
        Pick::Text(text) => Some(text.clone()),
        Pick::Unknown | Pick::Phone(_) => None,
    };
    id.unwrap_or_else(|| UNKNOWN_ID.to_owned())
}

/// The messages that carry a call.
fn stream(
    header: Header,
    mut contacts: Vec<Contact>,
    footer: Footer,
    framing: Framing,
) -> Vec<Message> {
    if framing == Framing::NoContacts {
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
        Framing::OneMessage | Framing::NoContacts | Framing::NoHeader => {
            messages[0].contacts = contacts
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

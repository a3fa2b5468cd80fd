//! What the model's small numbers are in the service, and its calls and answers on the wire.

mod changes;
mod reads;

use std::{
    collections::BTreeMap,
    sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use contact_lists::proto::{
    ChannelReference, Contact, ContactReference, CreateChannelRequest, DeleteChannelRequest,
    DeleteContactListRequest, DeleteContactRequest, GetContactListRequest,
    GetContactListUpdateRequest, GetContactRequest, GetContactResponse, OptInRequest,
    OptOutRequest, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsResponse as Outcome, UpdateContactListRequest, UpdateContactRequest,
    channel, channel_reference, contact_list, contact_reference, custom_property::Type,
    get_contact_list_update_request as update_request, get_contact_request,
};
use futures_util::stream;
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::{model::*, support::*, wire::*};

/// Why calls may be refused here: each is something that a caller can act on.
const REFUSALS: [&str; 6] = [
    "CONTACTS_REJECTED",
    "CONTACT_LIST_NOT_ACTIVE",
    "REQUEST_ID_REUSED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_IN_USE",
    "RESOURCE_NOT_FOUND",
];

/// How often a call that lost a race is made again.
const MAX_ATTEMPTS: usize = 10;

/// An organization, with the ids of what the model knows by small numbers.
pub struct World {
    pub organization: Uuid,
    pub lists: Vec<String>,
    /// The channels whose ids are known.
    pub channels: RwLock<BTreeMap<u8, String>>,
    /// How many channels there were at first. Calls name these by id, and later ones always by number: a call that is
    /// repeated must be the same on the wire, whether or not the id has become known meanwhile.
    first_channel_count: u8,
    /// The contacts whose ids were learned when they were created.
    pub origins: Vec<String>,
    /// How many calls lost a race for good, and were made again.
    pub aborted_count: AtomicU64,
}

/// An answer, as the model has it and as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub answer: Answer,
    /// The update's outcome, to be compared with its replays.
    pub outcome: Option<Outcome>,
}

/// What a stream is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Another message is to be sent.
    Sending,
    /// The last message is sent, and the stream is being closed.
    Closing,
}

/// Lets a stream wait, or tells of it, at each stage.
pub trait Pace: Clone + Send + 'static {
    fn at(&self, stage: Stage) -> impl Future<Output = ()> + Send;
}

/// As fast as can be.
#[derive(Clone)]
pub struct AtOnce;

impl Pace for AtOnce {
    async fn at(&self, _: Stage) {}
}

impl World {
    /// Makes lists, channels and a custom object.
    pub async fn create(organization: Uuid, admin: &Client, (lists, channels): (u8, u8)) -> Self {
        let mut world = Self {
            organization,
            lists: Vec::new(),
            channels: RwLock::default(),
            first_channel_count: channels,
            origins: Vec::new(),
            aborted_count: AtomicU64::new(0),
        };
        for n in 0..lists {
            world
                .lists
                .push(admin.create_list(&format!("List {n}")).await);
        }
        for n in 0..channels {
            world
                .make(admin, &Call::CreateChannel(n), AtOnce)
                .await
                .expect("a channel");
        }
        admin
            .create_object("customer", vec![property(PROPERTY, Type::Text)])
            .await;
        world
    }

    /// The model of this as long as nothing else was done.
    pub fn model(&self) -> State {
        let lists = 0..u8::try_from(self.lists.len()).expect("a few lists");
        State {
            lists: lists.map(|list| (list, ListState::Active)).collect(),
            channels: self.channels.read().unwrap().keys().copied().collect(),
            ..State::default()
        }
    }

    /// Makes a call, again if it lost a race. Fails only where the service does.
    pub async fn make(
        &self,
        caller: &Client,
        call: &Call,
        pace: impl Pace,
    ) -> Result<Reply, Status> {
        let mut attempt = 1;
        loop {
            let status = match self.try_to_make(caller, call, pace.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(status) => status,
            };
            let reason = status.get_details_error_info().map(|info| info.reason);
            match reason.as_deref() {
                Some("CONCURRENT_CHANGE") if attempt < MAX_ATTEMPTS => {
                    self.aborted_count.fetch_add(1, Ordering::Relaxed);
                    attempt += 1;
                }
                Some(reason) if REFUSALS.contains(&reason) => {
                    let answer = Answer::Refused(refused(&status));
                    return Ok(Reply {
                        answer,
                        outcome: None,
                    });
                }
                _ => return Err(status),
            }
        }
    }

    async fn try_to_make(
        &self,
        caller: &Client,
        call: &Call,
        pace: impl Pace,
    ) -> Result<Reply, Status> {
        let outcome = match call {
            Call::Update(update) => self.update(caller, update, pace).await?,
            Call::ReadUpdate(request) => self.recorded(caller, *request).await?,
            _ => {
                let answer = self.answer(caller, call).await?;
                return Ok(Reply {
                    answer,
                    outcome: None,
                });
            }
        };
        Ok(Reply {
            answer: Answer::Updated(updated(&outcome)),
            outcome: Some(outcome),
        })
    }

    /// What calls without an outcome answer.
    async fn answer(&self, caller: &Client, call: &Call) -> Result<Answer, Status> {
        match call {
            Call::Update(_) | Call::ReadUpdate(_) => unreachable!("these have an outcome"),
            Call::Archive { list, archived } => self.archive(caller, *list, *archived).await,
            Call::DeleteList(list) => self.delete_list(caller, *list).await,
            Call::Erase(who) => self.erase(caller, *who).await,
            Call::Change {
                who,
                number,
                external_id,
                name,
            } => {
                let contact = contact_of(*number, external_id.map(Some), *name);
                self.change(caller, *who, contact).await
            }
            Call::Prefer {
                numbers,
                channels,
                opt_in,
            } => self.prefer(caller, numbers, channels, *opt_in).await,
            Call::CreateChannel(channel) => self.create_channel(caller, *channel).await,
            Call::DeleteChannel(channel) => self.delete_channel(caller, *channel).await,
            Call::ReadMembers(list) => self.members(caller, *list).await,
            Call::ReadList(list) => self.read_list(caller, *list).await,
            Call::ReadPerson(number) => self.read_person(caller, *number).await,
        }
    }

    async fn read_person(&self, caller: &Client, holder: Number) -> Result<Answer, Status> {
        let reference = get_contact_request::Reference::Phone(number(holder));
        let request = GetContactRequest {
            reference: Some(reference),
        };
        let person = caller.contacts.clone().get_contact(request).await?;
        Ok(Answer::Person(self.view(person.into_inner())))
    }

    async fn update(
        &self,
        caller: &Client,
        update: &Update,
        pace: impl Pace,
    ) -> Result<Outcome, Status> {
        let contacts: Vec<Contact> = update.contacts.iter().map(sent).collect();
        let mut messages = messages(self.header(update), contacts);
        // Apart from the contacts, so that there is something between the first look at the list and the last.
        let header = messages[0].header.take();
        messages.insert(
            0,
            contact_lists::proto::UpdateContactListContactsRequest {
                header,
                ..Default::default()
            },
        );
        let messages = messages.into_iter();
        let stream = stream::unfold((messages, pace), |(mut messages, pace)| async move {
            let next = messages.next();
            pace.at(if next.is_some() {
                Stage::Sending
            } else {
                Stage::Closing
            })
            .await;
            Some((next?, (messages, pace)))
        });
        let answer = caller
            .lists
            .clone()
            .update_contact_list_contacts(stream)
            .await?;
        Ok(answer.into_inner())
    }

    fn header(&self, update: &Update) -> Header {
        let header = header(&self.list(update.list));
        let mut header = match update.action {
            Action::Add => header.add(),
            Action::Remove => header.remove(),
            Action::Overwrite => header.overwrite(),
        };
        match &update.opt_ins {
            OptIns::None => header = header.no_opt_ins(),
            OptIns::All => {}
            OptIns::To(channels) => header.opt_in_to = self.references(channels),
        }
        if update.skip {
            header = header.skip();
        }
        header.resubscribe = update.resubscribe;
        header.validate_only = update.validate_only;
        header.request_id = update
            .request
            .map(|request| request_id(request).to_string());
        header
    }

    fn list(&self, list: u8) -> String {
        self.lists[usize::from(list)].clone()
    }

    fn references(&self, channels: &[u8]) -> Vec<ChannelReference> {
        let known = self.channels.read().unwrap();
        let reference = |channel: &u8| {
            if *channel < self.first_channel_count {
                channel_reference::Reference::Id(known[channel].clone())
            } else {
                channel_reference::Reference::Phone(channel_number(*channel))
            }
        };
        let references = channels.iter().map(reference);
        references
            .map(|it| ChannelReference {
                reference: Some(it),
            })
            .collect()
    }

    async fn recorded(&self, caller: &Client, request: u32) -> Result<Outcome, Status> {
        let reference = update_request::Reference::RequestId(request_id(request).to_string());
        let request = GetContactListUpdateRequest {
            reference: Some(reference),
        };
        let answer = caller
            .lists
            .clone()
            .get_contact_list_update(request)
            .await?;
        let recorded = answer.into_inner().contact_list_update.expect("the update");
        Ok(recorded.outcome.expect("its outcome"))
    }

    /// Which list has this id.
    pub fn list_number(&self, id: &str) -> u8 {
        let place = self.lists.iter().position(|list| list == id);
        u8::try_from(place.expect("a list of this test")).expect("a few lists")
    }

    /// Which channel has this id. One that nobody knows is the next one, whose creation is not answered yet.
    pub fn channel_number(&self, id: &str) -> u8 {
        let known = self.channels.read().unwrap();
        let found = known.iter().find(|(_, channel)| *channel == id);
        found.map_or_else(|| known.len() as u8, |(number, _)| *number)
    }
}

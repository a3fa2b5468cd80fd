//! Who is to be opted out: every contact is found and locked before the first write.

use std::{borrow::Cow, cmp::Ordering, collections::HashMap};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BulkOptOut, ReceivedContact};
use crate::{
    app::update::rejections::RejectedContacts,
    domain::{
        consent::Consent,
        contact::{Contact, ContactFieldSet, ContactReference},
        now,
        phone_number::PhoneNumber,
        text::Text,
        violation::{Reason, Violation},
    },
    error::{Error, Result},
    repository::{Transaction, bulk},
    spool::{Item, Spool},
};

/// Who is to be opted out.
pub(super) struct Plan {
    /// Every contact and number once, sorted by phone. The contacts are locked.
    pub(super) subjects: Spool<PlannedOptOut>,
    /// How many contacts name what another one names.
    pub(super) duplicate_count: u64,
    /// The contacts that are not applied.
    pub(super) rejected: RejectedContacts,
}

/// A contact, or an unassigned number, that is to be opted out.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PlannedOptOut {
    pub(super) phone: PhoneNumber,
    /// Its place in the stream.
    index: u32,
    /// The contact; `None` for an unassigned number, and for one that is not looked up yet.
    pub(super) contact: Option<Uuid>,
    /// The consent that the contact brought.
    pub(super) consent: Option<Box<Consent>>,
}

impl Item for PlannedOptOut {
    fn order(&self, other: &Self) -> Ordering {
        (self.phone, self.index).cmp(&(other.phone, other.index))
    }

    fn size_bytes(&self) -> usize {
        let consent = self.consent.as_ref();
        size_of::<Self>() + consent.map_or(0, |it| size_of::<Consent>() + it.evidence.len())
    }
}

/// Makes the plan.
pub(super) async fn make_plan(call: &BulkOptOut, transaction: &Transaction) -> Result<Plan> {
    let mut plan = Plan {
        subjects: Spool::new(&call.quota),
        duplicate_count: 0,
        rejected: call.rejected.clone(),
    };
    let named = find_numbers(call, transaction, &mut plan.rejected).await?;
    lock_contacts(call, transaction, &named, &mut plan).await?;
    plan.subjects.sort();
    Ok(plan)
}

/// Finds the numbers of contacts that are named otherwise, as all contacts are locked in order of their numbers. Rejects those
/// that the organization does not have.
async fn find_numbers(
    call: &BulkOptOut,
    transaction: &Transaction,
    rejected: &mut RejectedContacts,
) -> Result<Spool<PlannedOptOut>> {
    let mut named = Spool::new(&call.quota);
    let mut contacts = call.contacts.iter();
    loop {
        let chunk = contacts.by_ref().take(transaction.chunk_size());
        let chunk: Vec<ReceivedContact> = chunk
            .map(|it| it.map(Cow::into_owned))
            .collect::<Result<_>>()?;
        if chunk.is_empty() {
            named.sort();
            return Ok(named);
        }
        transaction.check_caller()?;
        let numbers = Numbers::find(call, transaction, &chunk).await?;
        for ReceivedContact { index, contact, .. } in chunk {
            match numbers.of(&contact.reference) {
                Some((phone, id)) => named.push(PlannedOptOut {
                    phone,
                    index,
                    contact: id,
                    consent: contact.consent,
                })?,
                None => rejected.add(index, vec![unknown(&contact.reference)]),
            }
        }
    }
}

/// The numbers of the contacts that some of the stream's contacts name otherwise.
struct Numbers {
    by_id: HashMap<Uuid, PhoneNumber>,
    by_external_id: HashMap<Text, (PhoneNumber, Uuid)>,
}

impl Numbers {
    async fn find(
        call: &BulkOptOut,
        transaction: &Transaction,
        chunk: &[ReceivedContact],
    ) -> Result<Self> {
        let (mut ids, mut external_ids) = (Vec::new(), Vec::new());
        for received in chunk {
            match &received.contact.reference {
                ContactReference::Id(id) => ids.push(*id),
                ContactReference::ExternalId(id) => external_ids.push(id.clone()),
                ContactReference::Phone(_) => {}
            }
        }
        let mut numbers = Self {
            by_id: HashMap::new(),
            by_external_id: HashMap::new(),
        };
        if ids.is_empty() && external_ids.is_empty() {
            return Ok(numbers);
        }
        let (ids, external_ids) = (ids.into_iter(), external_ids.into_iter());
        let organization = call.organization();
        let found = bulk::find_contacts(transaction, organization, ids, external_ids).await?;
        for contact in found {
            numbers.by_id.insert(contact.id, contact.phone);
            if let Some(external_id) = contact.fields.external_id {
                let number = (contact.phone, contact.id);
                numbers.by_external_id.insert(external_id, number);
            }
        }
        Ok(numbers)
    }

    /// The number of a contact, and its id unless the number is all that is known.
    fn of(&self, reference: &ContactReference) -> Option<(PhoneNumber, Option<Uuid>)> {
        match reference {
            ContactReference::Phone(phone) => Some((*phone, None)),
            ContactReference::Id(id) => Some((*self.by_id.get(id)?, Some(*id))),
            ContactReference::ExternalId(external_id) => {
                let (phone, id) = self.by_external_id.get(external_id)?;
                Some((*phone, Some(*id)))
            }
        }
    }
}

fn unknown(reference: &ContactReference) -> Violation {
    let field = match reference {
        ContactReference::Id(_) => "id",
        ContactReference::Phone(_) => "phone",
        ContactReference::ExternalId(_) => "external_id",
    };
    let message = "is not a contact of the organization";
    Violation::new(Reason::ResourceNotFound, field, message)
}

/// Locks the contacts with the numbers of `named`, chunk by chunk, and adds them and the unassigned numbers to the plan, each once.
async fn lock_contacts(
    call: &BulkOptOut,
    transaction: &Transaction,
    named: &Spool<PlannedOptOut>,
    plan: &mut Plan,
) -> Result<()> {
    let (organization, now) = (call.organization(), now());
    let said_at = |own: &PlannedOptOut| {
        let consent = call.consent_of(own.consent.as_deref());
        consent.and_then(|it| it.collect_time).unwrap_or(now)
    };
    let mut named = named.iter().peekable();
    loop {
        transaction.check_caller()?;
        let mut chunk: Vec<PlannedOptOut> = Vec::new();
        while chunk.len() < transaction.chunk_size()
            && let Some(first) = named.next()
        {
            let mut one = first?.into_owned();
            let phone = one.phone;
            while let Some(later) =
                named.next_if(|it| it.as_ref().is_ok_and(|it| it.phone == phone))
            {
                plan.duplicate_count += 1;
                one = one.with(later?.into_owned(), said_at)?;
            }
            chunk.push(one);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        let (no_fields, phones) = (ContactFieldSet::default(), chunk.iter().map(|it| it.phone));
        let stored = bulk::contacts_by_phone(transaction, organization, no_fields, phones).await?;
        for subject in chunk {
            let place = stored.binary_search_by_key(&subject.phone, |it: &Contact| it.phone);
            let holder = place.ok().map(|place| stored[place].id);
            if subject.contact.is_some() && subject.contact != holder {
                // The contact gave its number up after that was looked up.
                return Err(Error::ConcurrentChange);
            }
            plan.subjects.push(PlannedOptOut {
                contact: holder,
                ..subject
            })?;
        }
    }
}

impl PlannedOptOut {
    /// Adds what a later contact of the stream says about the same number. The latest word of the person stays.
    fn with(self, later: Self, said_at: impl Fn(&Self) -> OffsetDateTime) -> Result<Self> {
        let is_same = |(one, other)| one == other;
        if !self.contact.zip(later.contact).is_none_or(is_same) {
            return Err(Error::ConcurrentChange);
        }
        let contact = self.contact.or(later.contact);
        let stays = if said_at(&later) >= said_at(&self) {
            later
        } else {
            self
        };
        Ok(Self { contact, ..stays })
    }
}

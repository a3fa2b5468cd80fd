//! Single contacts: showing them, changing them by the rules of an update, and erasing them.

use uuid::Uuid;

use crate::{
    app::{
        custom_objects, journal,
        preferences::numbers,
        update::{checks::Checks, plan::PlannedChange},
    },
    domain::{
        OrganizationId,
        caller::Caller,
        contact::{Contact, ContactChanges, ContactFieldSet, ContactReference, StoredContact},
        contact_list::{ContactList, ListState, Membership},
        custom_object::ObjectReference,
        now,
        organization::Organization,
        phone_number::PhoneNumber,
        preference::{Change, ChangeOrigin, OptInOrigins, Preference},
        property_value::Properties,
        suppression::Erasure,
    },
    error::{Error, Result},
    memory_budget::MemoryShare,
    repository::{
        self, Repository, Transaction, TransactionOutcome, WriteLength, bulk, channels,
        contact_lists, contacts, preference_pages, preferences, records, suppressions,
    },
};

/// Everything that an organization knows about a contact, as of one instant.
pub struct ContactDetails {
    /// The contact.
    pub contact: StoredContact,
    /// The lists that it is on, except deleted ones, ordered by id.
    pub lists: Vec<ContactList>,
    /// Its memberships in these, in the same order.
    pub memberships: Vec<Membership>,
    /// Its preferences, ordered by channel.
    pub preferences: Vec<Preference>,
    /// Its records, each with the id of its custom object, ordered by that id.
    pub records: Vec<(Uuid, Properties)>,
    /// The memory of the records if they are large, to be held until the response has been taken.
    pub memory: Option<MemoryShare>,
    /// The organization's default custom object, if it has one.
    pub default_object: Option<Uuid>,
}

impl ContactDetails {
    /// Reads the contact that `reference` names, if there is one.
    pub async fn find(
        repository: &Repository,
        organization: Organization,
        reference: ContactReference,
    ) -> Result<Option<Self>> {
        let input = (organization, reference);
        repository
            .snapshot(input, |(organization, reference), transaction| {
                Box::pin(Self::find_in(transaction, organization, reference))
            })
            .await
    }

    async fn find_in(
        transaction: &Transaction,
        organization: &Organization,
        reference: &ContactReference,
    ) -> Result<Option<Self>> {
        let (db, default_of) = (transaction.db(), organization);
        let organization = organization.id;
        let Some(contact) = contacts::find(db, organization, reference).await? else {
            return Ok(None);
        };
        let id = contact.contact.id;
        let mut lists = contacts::lists_of(db, organization, id).await?;
        lists.retain(|list| list.state != ListState::Deleted);
        let no_limit = i64::MAX as u64;
        let objects = repository::custom_objects::ids(db, organization).await?;
        let (records, memory) =
            records::of_contact(transaction, organization, id, &objects).await?;
        let mut records = Vec::from_iter(records);
        records.sort_unstable_by_key(|(object, _)| *object);
        Ok(Some(Self {
            contact,
            memberships: contacts::memberships(db, organization, id, &lists).await?,
            lists,
            preferences: preference_pages::page(db, organization, id, None, no_limit).await?,
            records,
            memory,
            default_object: repository::custom_objects::default_id(db, default_of).await?,
        }))
    }
}

/// The change of one contact.
pub struct ContactUpdate {
    /// The caller.
    pub caller: Caller,
    /// The contact's id.
    pub id: Uuid,
    /// The changes.
    pub changes: ContactChanges,
    /// Whether the changes name a phone; if not, the contact keeps its own.
    pub changes_phone: bool,
    /// What the changes were checked against.
    pub checks: Checks,
}

impl ContactUpdate {
    /// Reads a contact, and what its changes are checked against. Fails if there is no such contact, or no such custom
    /// object.
    pub async fn begin(
        repository: &Repository,
        organization: &Organization,
        id: Uuid,
        custom_object: Option<&ObjectReference>,
    ) -> Result<(StoredContact, Checks)> {
        let db = repository.db();
        let stored = contacts::find(db, organization.id, &ContactReference::Id(id))
            .await?
            .ok_or_else(|| Error::not_found("contact", id))?;
        let channels = channels::all(db, organization.id).await?;
        let object = custom_objects::choose(db, organization, custom_object).await?;
        Ok((stored, Checks::new(organization, &channels, object)))
    }

    /// Changes the contact, and returns the result with its record.
    pub async fn apply(
        self,
        repository: &Repository,
    ) -> Result<(StoredContact, Option<Properties>)> {
        repository
            .write(self, |update, transaction| {
                Box::pin(update.apply_in(transaction))
            })
            .await
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<(StoredContact, Option<Properties>)>> {
        let organization = &self.caller.organization;
        let (_, channels) = self.checks.hold(transaction, organization.id).await?;
        let stored = contacts::lock(transaction, organization.id, self.id)
            .await?
            .ok_or_else(|| Error::not_found("contact", self.id))?;
        let mut changes = self.changes.clone();
        if !self.changes_phone {
            changes.phone = stored.contact.phone;
        }
        self.refuse_taken(transaction, &changes).await?;

        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: None,
            collect_time: None,
            consent_id: None,
        };
        let stored_record = self.stored_record(transaction).await?;
        let record = self
            .checks
            .changed_record(stored_record.as_ref(), &changes.properties)
            .map_err(|wrong| {
                let wrong = wrong.into_iter();
                Error::RequestInvalid(wrong.map(|it| it.below("contact")).collect())
            })?;
        let change = PlannedChange::of_stored(&stored.contact, &changes, record);
        let PlannedChange::Update {
            contact,
            record,
            old,
        } = change
        else {
            return Ok(TransactionOutcome::RollBack((stored, stored_record)));
        };
        let fields = ContactFieldSet::ALL;
        let updated = [&*contact];
        bulk::update_contacts(transaction, organization.id, fields, &updated, origin).await?;
        self.write_record(transaction, record.as_ref()).await?;
        let (old_phone, changed) = (old.phone(), (contact.id, *old));
        journal::note_updated(transaction, organization.id, changed, origin.change_time).await?;
        if let Some(old_phone) = old_phone {
            self.hand_over_numbers(transaction, (&contact, old_phone), &channels, origin)
                .await?;
        }
        let updated = StoredContact {
            contact: *contact,
            update_time: origin.change_time,
            ..stored
        };
        Ok(TransactionOutcome::Commit((
            updated,
            record.or(stored_record),
        )))
    }

    /// Leaves opt-outs with the number that the contact gives up, and gives it those of its new one.
    async fn hand_over_numbers(
        &self,
        transaction: &Transaction,
        (contact, old_phone): (&Contact, PhoneNumber),
        channels: &[Uuid],
        origin: ChangeOrigin,
    ) -> Result<()> {
        let organization = &self.caller.organization;
        let origins = OptInOrigins::without_consents(Uuid::now_v7(), origin);
        let left = [(contact.id, old_phone)];
        numbers::detach_opt_outs(transaction, organization, &left, &origins.change).await?;
        let arrived = [(contact.id, contact.phone)];
        let no_opt_ins = (&[][..], &origins);
        numbers::inherit_opt_outs(transaction, organization, &arrived, channels, no_opt_ins)
            .await?;
        Ok(())
    }

    async fn refuse_taken(
        &self,
        transaction: &Transaction,
        changes: &ContactChanges,
    ) -> Result<()> {
        let phone = ContactReference::Phone(changes.phone);
        let external_id = changes.given_external_id().cloned();
        let unique = [
            ("phone", Some(phone)),
            ("external_id", external_id.map(ContactReference::ExternalId)),
        ];
        for (field, reference) in unique {
            let Some(reference) = reference else { continue };
            let organization = self.caller.organization.id;
            let holder = contacts::find(transaction.db(), organization, &reference).await?;
            if holder.is_some_and(|holder| holder.contact.id != self.id) {
                return Err(Error::AlreadyExists {
                    resource_type: "contact",
                    field,
                });
            }
        }
        Ok(())
    }

    async fn stored_record(&self, transaction: &Transaction) -> Result<Option<Properties>> {
        let Some(object) = &self.checks.custom_object else {
            return Ok(None);
        };
        records::find(transaction, self.caller.organization.id, object.id, self.id).await
    }

    async fn write_record(
        &self,
        transaction: &Transaction,
        record: Option<&Properties>,
    ) -> Result<()> {
        if let Some(object) = &self.checks.custom_object
            && let Some(record) = record
        {
            let (organization, records) = (self.caller.organization.id, [(self.id, record)]);
            bulk::upsert_records(transaction, organization, object.id, &records).await?;
        }
        Ok(())
    }
}

/// How often an erasure starts again because another call has locked what it needs.
const MAX_ERASURE_ROUNDS: usize = 8;

/// How an attempt to erase a contact ends.
enum ErasureAttempt {
    /// The contact is erased.
    Done,
    /// Another call has locked this list.
    AwaitsList(Uuid),
    /// Another call has locked the contact.
    AwaitsContact,
}

/// Erases a contact everywhere, and keeps that it was erased. Its opt-outs stay with the number, under the number's keyed hash.
/// Fails with a lost race if the contact and its lists are never free together.
///
/// While it waits for a list or for the contact, it holds nothing else: other calls for the contact's other lists go on.
pub async fn erase(
    repository: &Repository,
    organization: Organization,
    erasure: Erasure,
) -> Result<()> {
    let (input, id) = ((organization, erasure), erasure.contact_id);
    let organization = input.0.id;
    for _ in 0..MAX_ERASURE_ROUNDS {
        let lists = contacts::lists_of(repository.db(), organization, id).await?;
        let keys = lists.iter().map(|list| (organization, list.id)).collect();
        let attempt = repository
            .write_lists(
                keys,
                WriteLength::Short,
                input.clone(),
                |(organization, erasure), transaction| {
                    Box::pin(erase_in(transaction, organization, *erasure))
                },
            )
            .await?;
        match attempt {
            ErasureAttempt::Done => return Ok(()),
            ErasureAttempt::AwaitsList(list) => {
                wait_for_list(repository, organization, list).await?;
            }
            ErasureAttempt::AwaitsContact => wait_for_contact(repository, organization, id).await?,
        }
    }
    Err(Error::ConcurrentChange)
}

async fn erase_in(
    transaction: &Transaction,
    organization: &Organization,
    erasure: Erasure,
) -> Result<TransactionOutcome<ErasureAttempt>> {
    let id = erasure.contact_id;
    // Lists are locked before contacts, as in an update, so that the two cannot deadlock.
    let wanted = contacts::lists_of(transaction.db(), organization.id, id).await?;
    let wanted: Vec<Uuid> = wanted.iter().map(|list| list.id).collect();
    let lists = contact_lists::lock_free(transaction, organization.id, &wanted).await?;
    let locked: Vec<Uuid> = lists.iter().map(|list| list.id).collect();
    if let Some(busy) = wanted.iter().find(|list| !locked.contains(list)) {
        return Ok(TransactionOutcome::RollBack(ErasureAttempt::AwaitsList(
            *busy,
        )));
    }
    // No channel may be deleted while its opt-outs move to the number.
    channels::share(transaction, organization.id).await?;
    let stored = contacts::lock_free_to_delete(transaction, organization.id, id).await?;
    let Some(stored) = stored else {
        let reference = ContactReference::Id(id);
        contacts::find(transaction.db(), organization.id, &reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", id))?;
        return Ok(TransactionOutcome::RollBack(ErasureAttempt::AwaitsContact));
    };
    let lists_now = contacts::lists_of(transaction.db(), organization.id, id).await?;
    if lists_now.iter().map(|list| list.id).ne(locked) {
        // Another call added the contact to a list, or removed it from one, before the lock.
        return Err(Error::ConcurrentChange);
    }
    let change = Change {
        id: Uuid::now_v7(),
        origin: ChangeOrigin::of_nobody(erasure.erase_time),
    };
    let left = [(id, stored.contact.phone)];
    numbers::detach_opt_outs(transaction, organization, &left, &change).await?;
    let number = organization.hash(stored.contact.phone);
    preferences::forget_number(transaction, organization.id, number).await?;
    contact_lists::remove_from(transaction, organization.id, &lists, id).await?;
    contacts::delete(transaction, organization.id, id).await?;
    suppressions::insert_erasures(transaction, organization.id, &[erasure]).await?;
    Ok(TransactionOutcome::Commit(ErasureAttempt::Done))
}

async fn wait_for_list(
    repository: &Repository,
    organization: OrganizationId,
    list: Uuid,
) -> Result<()> {
    repository
        .write((organization, list), |(organization, list), transaction| {
            Box::pin(async move {
                contact_lists::lock(transaction, *organization, *list).await?;
                Ok(TransactionOutcome::RollBack(()))
            })
        })
        .await
}

async fn wait_for_contact(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
    repository
        .write((organization, id), |(organization, id), transaction| {
            Box::pin(async move {
                contacts::lock(transaction, *organization, *id).await?;
                Ok(TransactionOutcome::RollBack(()))
            })
        })
        .await
}

//! An update from start to end. Its contacts are received ([`receive`]) and grouped by phone ([`group`]). Then, in one
//! transaction, they are compared with what is stored ([`plan`]), written (`write`), counted and recorded.

pub mod checks;
mod claims;
pub mod group;
pub(crate) mod passed_on;
mod phone_set;
pub(crate) mod plan;
pub mod receive;
pub mod rejections;
mod replay;
mod resolve;
mod stored;
mod write;

use std::sync::Arc;

use uuid::Uuid;

use self::{checks::Checks, group::Groups, plan::Plan, rejections::Rejections};
use crate::{
    app::{intake::EarlierCall, journal::Journal},
    domain::{
        OrganizationId,
        caller::Caller,
        contact::ContactFieldSet,
        contact_list::{ContactList, ListState},
        custom_object::CustomObject,
        now,
        percent::Percent,
        preference::ChangeOrigin,
        update_header::{RejectionPolicy, UpdateHeader},
        update_outcome::{Counts, Fingerprint, UpdateOutcome},
    },
    error::{Error, Result},
    repository::{
        Repository, Transaction, TransactionOutcome, WriteLength, contact_lists, updates,
        updates::{RecordedAction, RecordedUpdate},
    },
    spool::SpoolQuota,
    telemetry::{self, Phase},
};

/// A whole stream, received and ready to be applied.
pub struct Update {
    caller: Caller,
    header: UpdateHeader,
    /// What the contacts were checked against.
    checks: Arc<Checks>,
    /// The channels that `opt_in_to` names.
    opt_in_channels: Vec<Uuid>,
    received_count: u64,
    /// The fields that some contact sets or clears. The update reads and writes no others.
    fields: ContactFieldSet,
    groups: Groups,
    /// The contacts that were rejected before what is stored was looked up.
    rejections: Rejections,
    fingerprint: Option<Fingerprint>,
    quota: SpoolQuota,
}

impl Update {
    /// Applies the update. Returns what it did.
    pub async fn apply(self, repository: &Repository) -> Result<UpdateOutcome> {
        let list = (self.organization(), self.header.contact_list_id);
        let length = WriteLength::of(self.received_count);
        repository
            .write_lists(vec![list], length, self, |update, transaction| {
                Box::pin(update.apply_in(transaction))
            })
            .await
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<UpdateOutcome>> {
        telemetry::begin_phase(Phase::Plan);
        let list = contact_lists::lock(
            transaction,
            self.organization(),
            self.header.contact_list_id,
        )
        .await?;
        let (db, request_id) = (transaction.db(), self.header.recorded_id());
        let recorded = updates::find_by_request_id(db, self.organization(), request_id).await?;
        if let Some(recorded) = recorded {
            let outcome = EarlierCall::from(recorded).repeated(self.fingerprint.as_ref())?;
            return Ok(TransactionOutcome::RollBack(outcome));
        }
        let list = active(list, self.header.contact_list_id)?;
        expect_version(&list, &self.header)?;
        let (owner, channels) = self.checks.hold(transaction, self.organization()).await?;
        let mut journal = Journal::new(Uuid::now_v7(), &self.quota);
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: Some(journal.change),
            collect_time: Some(self.header.said_at(self.header.consent.as_ref())),
            consent_id: None,
        };
        let mut plan = plan::make_plan(self, transaction).await?;
        let rejected = &plan.rejections.contacts;
        telemetry::note(|call| {
            call.rejected_count = Some(rejected.count());
            call.rejected_by_reason = rejected.by_reason().clone();
        });
        if self.header.rejection_policy == RejectionPolicy::RejectAll {
            self.refuse_rejections(&plan)?;
        }
        telemetry::begin_phase(Phase::Write);
        // Rejections never empty a list: only an overwrite that was sent without a contact does.
        let mut counts = if plan.groups.is_empty() && self.received_count > 0 {
            Counts::default()
        } else {
            let change = (origin, &mut journal);
            write::write_plan(self, transaction, &mut plan, (&list, &channels), change).await?
        };
        self.refuse_removals(&list, &counts, owner.max_removed_percent)?;
        journal
            .write(transaction, self.organization(), origin.change_time)
            .await?;
        counts.received = self.received_count;
        counts.rejected = plan.rejections.contacts.count();
        let outcome = self.finish(transaction, list, counts, plan, origin).await?;
        Ok(if self.header.validate_only {
            TransactionOutcome::RollBack(outcome)
        } else {
            TransactionOutcome::Commit(outcome)
        })
    }

    fn refuse_rejections(&self, plan: &Plan) -> Result<()> {
        let rejected = &plan.rejections.contacts;
        if rejected.count() == 0 {
            return Ok(());
        }
        Err(Error::ContactsRejected {
            rejected_count: rejected.count(),
            received_count: self.received_count,
            contacts: rejected.clone().into_contacts(),
        })
    }

    /// Refuses an update that has removed more members than it may. Its transaction is rolled back.
    fn refuse_removals(
        &self,
        list: &ContactList,
        counts: &Counts,
        default: Option<Percent>,
    ) -> Result<()> {
        let before = list.contact_count.unsigned_abs();
        match self.header.exceeded_limit(counts.removed, before, default) {
            None => Ok(()),
            Some(limit) => Err(Error::TooManyRemoved {
                contact_list_id: list.id,
                removed_count: counts.removed,
                contact_count: before,
                limit,
            }),
        }
    }

    async fn finish(
        &self,
        transaction: &Transaction,
        list: ContactList,
        counts: Counts,
        plan: Plan,
        origin: ChangeOrigin,
    ) -> Result<UpdateOutcome> {
        let change = counts.added as i64 - counts.removed as i64;
        let mut outcome = UpdateOutcome {
            update_id: origin.update_id,
            contact_list: ContactList {
                contact_count: list.contact_count + change,
                version: list.version + i64::from(!self.header.validate_only),
                ..list
            },
            counts,
            rejected_contacts: plan.rejections.contacts.into_contacts(),
            replayed: false,
        };
        contact_lists::set_contact_count(transaction, self.organization(), &outcome.contact_list)
            .await?;
        if self.header.validate_only {
            outcome.update_id = None;
        } else {
            let recorded = RecordedUpdate {
                action: RecordedAction::Update(self.header.action),
                list_version: Some(outcome.contact_list.version),
                api_key_id: origin.api_key_id,
                create_time: origin.change_time,
                request_id: self.header.request_id,
                fingerprint: self.fingerprint.map(|fingerprint| fingerprint.to_vec()),
                consent: self.header.dated_consent(),
                outcome: outcome.clone(),
            };
            updates::insert(transaction, self.organization(), &recorded).await?;
        }
        Ok(outcome)
    }

    fn organization(&self) -> OrganizationId {
        self.caller.organization.id
    }

    fn custom_object(&self) -> Option<&CustomObject> {
        self.checks.custom_object.as_ref()
    }
}

/// Refuses a list of another version than the header expects.
fn expect_version(list: &ContactList, header: &UpdateHeader) -> Result<()> {
    match header.expected_version {
        Some(expected_version) if expected_version != list.version.unsigned_abs() => {
            Err(Error::VersionMismatch {
                contact_list_id: list.id,
                expected_version,
                version: list.version,
            })
        }
        _ => Ok(()),
    }
}

/// The list, if it exists and is active.
pub(crate) fn active(list: Option<ContactList>, id: Uuid) -> Result<ContactList> {
    let list = list.ok_or_else(|| Error::not_found("contact_list", id))?;
    if list.state != ListState::Active {
        return Err(Error::ContactListNotActive {
            contact_list_id: id,
            state: list.state,
        });
    }
    Ok(list)
}

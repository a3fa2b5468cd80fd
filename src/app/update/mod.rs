//! An update from start to end: the contacts of a stream are taken in and grouped, and then, in one transaction, resolved
//! against what is stored, applied, counted and recorded.

pub mod checks;
mod claims;
pub mod group;
mod phone_set;
pub(crate) mod plan;
pub mod receive;
mod rejections;
mod resolve;
mod write;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

use self::{
    checks::Checks,
    group::{Groups, Rejected},
    plan::Plan,
};
use crate::{
    auth::Caller,
    domain::{
        OrganizationId,
        contact::ContactFieldSet,
        contact_list::{ContactList, ListState},
        custom_object::CustomObject,
        now,
        preference::ChangeOrigin,
        update_header::{RejectionPolicy, UpdateHeader},
        update_outcome::{Counts, Fingerprint, UpdateOutcome},
    },
    error::{Error, Result},
    repository::{self, Repository, Transaction, contact_lists, updates::RecordedUpdate},
    spool::SpoolQuota,
};

/// A whole stream, taken in and ready to be applied.
pub struct Update {
    caller: Caller,
    header: UpdateHeader,
    /// What the contacts were checked against.
    checks: Arc<Checks>,
    /// The channels that `opt_in_to` names.
    opt_in_channels: Vec<Uuid>,
    received_count: u64,
    /// The fields that some contact sets or clears. Of the others the update needs to know nothing.
    fields: ContactFieldSet,
    groups: Groups,
    /// The contacts that were rejected before the look at what is stored.
    rejected: Rejected,
    fingerprint: Option<Fingerprint>,
    quota: SpoolQuota,
    /// How long the stream took to arrive and to be checked, and then its contacts to be grouped.
    taken_in: [Duration; 2],
}

/// An update when its transaction is about to end.
struct Applied {
    outcome: UpdateOutcome,
    /// When its turn came, its plan was made, and all was written.
    milestones: [Instant; 3],
}

impl Update {
    /// Applies the update, and answers what it did.
    pub async fn apply(self, repository: &Repository) -> Result<UpdateOutcome> {
        let list = (self.organization(), self.header.contact_list_id);
        let [receive, fold] = self.taken_in;
        let start = Instant::now();
        let applied = repository
            .write_lists(vec![list], self, |update, transaction| {
                Box::pin(update.apply_in(transaction))
            })
            .await?;
        let [turn, planned, written] = applied.milestones;
        tracing::info!(
            receive_us = receive.as_micros(),
            fold_us = fold.as_micros(),
            wait_us = (turn - start).as_micros(),
            plan_us = (planned - turn).as_micros(),
            write_us = (written - planned).as_micros(),
            commit_us = written.elapsed().as_micros(),
            "update.applied"
        );
        Ok(applied.outcome)
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<repository::TransactionOutcome<Applied>> {
        let turn = Instant::now();
        let list = contact_lists::lock(
            transaction,
            self.organization(),
            self.header.contact_list_id,
        )
        .await?;
        if let Some(recorded) = self.recorded(transaction).await? {
            let outcome = recorded.replay(self.fingerprint.as_ref())?;
            let milestones = [turn, Instant::now(), Instant::now()];
            return Ok(repository::TransactionOutcome::RollBack(Applied {
                outcome,
                milestones,
            }));
        }
        let list = active(list, self.header.contact_list_id)?;
        let channels = self.checks.hold(transaction, self.organization()).await?;
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: Some(Uuid::now_v7()),
        };
        let mut plan = plan::make_plan(self, transaction).await?;
        if self.header.rejection_policy == RejectionPolicy::RejectAll {
            self.refuse_rejections(&plan)?;
        }
        let planned = Instant::now();
        let mut counts = if plan.groups.is_empty() {
            Counts::default()
        } else {
            write::write_plan(self, transaction, &mut plan, &channels, origin).await?
        };
        transaction
            .note_added_rows(counts.created + counts.updated + counts.opted_in + counts.added);
        counts.received = self.received_count;
        counts.rejected = plan.rejected.rejections.count();
        let outcome = self.finish(transaction, list, counts, plan, origin).await?;
        let applied = Applied {
            outcome,
            milestones: [turn, planned, Instant::now()],
        };
        Ok(if self.header.validate_only {
            repository::TransactionOutcome::RollBack(applied)
        } else {
            repository::TransactionOutcome::Commit(applied)
        })
    }

    /// The update that is recorded under the call's `request_id`, if there is one.
    async fn recorded(&self, transaction: &Transaction) -> Result<Option<RecordedUpdate>> {
        match self.header.request_id {
            Some(request_id) if !self.header.validate_only => {
                let db = transaction.db();
                repository::updates::find_by_request_id(db, self.organization(), request_id).await
            }
            _ => Ok(None),
        }
    }

    fn refuse_rejections(&self, plan: &Plan) -> Result<()> {
        let rejections = &plan.rejected.rejections;
        if rejections.count() == 0 {
            return Ok(());
        }
        Err(Error::ContactsRejected {
            rejected_count: rejections.count(),
            received_count: self.received_count,
            contacts: rejections.clone().into_contacts(),
        })
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
                ..list
            },
            counts,
            rejected_contacts: plan.rejected.rejections.into_contacts(),
            replayed: false,
        };
        if change != 0 {
            contact_lists::set_contact_count(
                transaction,
                self.organization(),
                &outcome.contact_list,
            )
            .await?;
        }
        if self.header.validate_only {
            outcome.update_id = None;
        } else {
            let recorded = RecordedUpdate {
                action: self.header.action,
                api_key_id: origin.api_key_id,
                create_time: origin.change_time,
                request_id: self.header.request_id,
                fingerprint: self.fingerprint.map(|fingerprint| fingerprint.to_vec()),
                outcome: outcome.clone(),
            };
            repository::updates::insert(transaction, self.organization(), &recorded).await?;
        }
        Ok(outcome)
    }

    fn organization(&self) -> OrganizationId {
        self.caller.organization.id
    }

    fn custom_object(&self) -> Option<&CustomObject> {
        self.checks.custom_object.object()
    }
}

/// The list, if it is there and active.
fn active(list: Option<ContactList>, id: Uuid) -> Result<ContactList> {
    let list = list.ok_or_else(|| Error::not_found("contact_list", id))?;
    if list.state != ListState::Active {
        return Err(Error::ContactListNotActive {
            contact_list_id: id,
            state: list.state,
        });
    }
    Ok(list)
}

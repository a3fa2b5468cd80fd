//! Undo: takes a list's latest update back in one transaction. What the person or somebody else has said or changed since
//! stays.

mod contacts;
mod created;
mod members;
mod numbers;
mod old_record;

use std::time::Duration;

use uuid::Uuid;

use super::{
    journal::{self, Journal, Packed},
    update::active,
};
use crate::{
    domain::{
        OrganizationId,
        caller::Caller,
        contact_list::ContactList,
        now,
        preference::{Change, ChangeOrigin},
        revert::{RevertCounts, RevertOutcome},
        update_outcome::{Counts, UpdateOutcome},
    },
    error::{Error, Result},
    repository::{
        Repository, Transaction, TransactionOutcome, WriteLength, channels, contact_lists,
        journal::JournalKind,
        organizations, updates,
        updates::{RecordedAction, RecordedUpdate},
    },
    spool::SpoolQuota,
    telemetry::{self, Phase},
};

/// A revert of an update.
pub struct Revert {
    /// The caller.
    pub caller: Caller,
    /// The update to take back.
    pub update_id: Uuid,
    /// Makes the call idempotent beyond the update's id.
    pub request_id: Option<Uuid>,
    /// Do everything but commit.
    pub validate_only: bool,
    /// How old an update may be.
    pub retention: Duration,
    /// The room for what is remembered of the contacts.
    pub quota: SpoolQuota,
}

impl Revert {
    /// Takes the update back. Returns what that came to, or the recorded outcome if it was taken back before.
    pub async fn apply(self, repository: &Repository) -> Result<RevertOutcome> {
        let organization = self.caller.organization.id;
        let update = updates::find(repository.db(), organization, self.update_id)
            .await?
            .ok_or_else(|| Error::not_found("contact_list_update", self.update_id))?;
        let list = update.outcome.contact_list.id;
        telemetry::note(|call| call.contact_list_id = Some(list));
        let input = (self, update);
        repository
            .write_lists(
                vec![(organization, list)],
                WriteLength::Long,
                input,
                |(revert, update), transaction| Box::pin(revert.apply_in(transaction, update)),
            )
            .await
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
        update: &RecordedUpdate,
    ) -> Result<TransactionOutcome<RevertOutcome>> {
        let (db, organization) = (transaction.db(), self.caller.organization.id);
        let list_id = update.outcome.contact_list.id;
        let list = contact_lists::lock(transaction, organization, list_id).await?;
        if let Some(outcome) = self.recorded(transaction).await? {
            return Ok(TransactionOutcome::RollBack(outcome));
        }
        let list = active(list, list_id)?;
        self.refuse_irrevertible(transaction, update).await?;
        telemetry::begin_phase(Phase::Write);
        organizations::share(transaction, organization).await?;
        let channels = channels::share(transaction, organization).await?;
        let journal = Journal::new(Uuid::now_v7(), &self.quota);
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: Some(journal.change),
            collect_time: None,
            consent_id: None,
        };
        let mut undo = Undo {
            revert: self,
            transaction,
            update,
            channels: channels.iter().map(|channel| channel.id).collect(),
            custom_objects: crate::repository::custom_objects::ids(db, organization).await?,
            origin,
            journal,
            counts: RevertCounts::default(),
        };
        undo.undo_members().await?;
        undo.undo_created_contacts().await?;
        undo.undo_opt_ins().await?;
        let moves = undo.undo_contact_changes().await?;
        undo.undo_moves(moves).await?;
        let Undo {
            journal, counts, ..
        } = undo;
        let change = journal.change;
        journal
            .write(transaction, organization, origin.change_time)
            .await?;
        let outcome = self
            .finish(transaction, list, (change, origin), counts)
            .await?;
        Ok(if self.validate_only {
            TransactionOutcome::RollBack(outcome)
        } else {
            TransactionOutcome::Commit(outcome)
        })
    }

    /// The recorded outcome of this revert, if the update is taken back already. Fails if the `request_id` is that of another
    /// call.
    async fn recorded(&self, transaction: &Transaction) -> Result<Option<RevertOutcome>> {
        let (db, organization) = (transaction.db(), self.caller.organization.id);
        let named = updates::find_by_request_id(db, organization, self.request_id).await?;
        let is_other =
            |recorded: &RecordedUpdate| recorded.reverted_update_id() != Some(self.update_id);
        if named.as_ref().is_some_and(is_other) {
            return Err(Error::RequestIdReused {
                request_id: self.request_id.unwrap_or_default(),
            });
        }
        let recorded = updates::find_revert_of(db, organization, self.update_id).await?;
        Ok(recorded.and_then(|recorded| recorded.into_revert_outcome(true)))
    }

    /// Fails if the update is not its list's latest, or if what it did is not known.
    async fn refuse_irrevertible(
        &self,
        transaction: &Transaction,
        update: &RecordedUpdate,
    ) -> Result<()> {
        let not_revertible = |cause| Error::UpdateNotRevertible {
            update_id: self.update_id,
            cause,
        };
        if matches!(update.action, RecordedAction::Revert { .. }) {
            return Err(not_revertible("it takes another update back"));
        }
        if update.list_version.is_none() {
            return Err(not_revertible(
                "an earlier version of the service applied it",
            ));
        }
        if now() - update.create_time > self.retention {
            return Err(not_revertible("it is too old"));
        }
        let (organization, list) = (self.caller.organization.id, update.outcome.contact_list.id);
        if updates::any_unversioned_after(transaction, organization, list, self.update_id).await? {
            return Err(not_revertible(
                "an earlier version of the service has updated the list since",
            ));
        }
        let latest = updates::latest_unreverted(transaction, organization, list).await?;
        match latest {
            Some(latest) if latest != self.update_id => Err(Error::UpdateNotLatest {
                update_id: self.update_id,
                latest_update_id: latest,
            }),
            _ => Ok(()),
        }
    }

    async fn finish(
        &self,
        transaction: &Transaction,
        list: ContactList,
        (change, origin): (Uuid, ChangeOrigin),
        counts: RevertCounts,
    ) -> Result<RevertOutcome> {
        let organization = self.caller.organization.id;
        let change_of_count = counts.restored_members as i64 - counts.removed as i64;
        let contact_list = ContactList {
            contact_count: list.contact_count + change_of_count,
            version: list.version + i64::from(!self.validate_only),
            ..list
        };
        contact_lists::set_contact_count(transaction, organization, &contact_list).await?;
        let recorded = RecordedUpdate {
            action: RecordedAction::Revert {
                update_id: self.update_id,
                counts,
            },
            api_key_id: origin.api_key_id,
            create_time: origin.change_time,
            request_id: self.request_id,
            fingerprint: None,
            consent: None,
            list_version: Some(contact_list.version),
            outcome: UpdateOutcome {
                update_id: Some(change),
                contact_list,
                counts: Counts::default(),
                rejected_contacts: Vec::new(),
                replayed: false,
            },
        };
        updates::insert(transaction, organization, &recorded).await?;
        let outcome = recorded.into_revert_outcome(false);
        let mut outcome = outcome
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a revert is not recorded as one")))?;
        if self.validate_only {
            outcome.update_id = None;
        }
        Ok(outcome)
    }
}

/// A revert that is under way.
struct Undo<'a> {
    revert: &'a Revert,
    transaction: &'a Transaction,
    /// The update that is taken back.
    update: &'a RecordedUpdate,
    /// Every channel of the organization.
    channels: Vec<Uuid>,
    /// Every custom object of the organization.
    custom_objects: Vec<Uuid>,
    origin: ChangeOrigin,
    /// What the revert itself does.
    journal: Journal,
    counts: RevertCounts,
}

impl Undo<'_> {
    /// The change that the revert makes.
    fn change(&self) -> Change {
        Change {
            id: self.journal.change,
            origin: self.origin,
        }
    }

    fn organization(&self) -> OrganizationId {
        self.revert.caller.organization.id
    }

    /// The update's id.
    fn update_id(&self) -> Uuid {
        self.revert.update_id
    }

    /// Fails unless the journal had all contacts: it can be purged already where `--undo-days` was shorter before.
    fn refuse_purged(&self, found: u64, expected: u64) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        Err(Error::UpdateNotRevertible {
            update_id: self.update_id(),
            cause: "what it changed is no longer kept",
        })
    }

    /// Returns the contacts in a row of the update's journal, if there is one at this place.
    async fn row<T: Packed>(&self, kind: JournalKind, position: i64) -> Result<Option<Vec<T>>> {
        self.transaction.check_caller()?;
        let (transaction, organization) = (self.transaction, self.organization());
        let row = crate::repository::journal::find(
            transaction,
            organization,
            self.update_id(),
            kind,
            position,
        )
        .await?;
        row.map(|row| journal::unpack(&row)).transpose()
    }
}

//! Opt-outs of any number of contacts and unassigned numbers, as a stream brings them. They are received, and then in one
//! transaction locked ([`plan`]), opted out ([`write`]), counted and recorded.

mod plan;
mod write;

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Channels;
use crate::{
    app::{
        self,
        intake::{EarlierCall, Framing, Incoming, StreamedCall},
        update::{
            checks::Checks,
            rejections::{InvalidContact, RejectedContacts},
        },
    },
    domain::{
        OrganizationId,
        caller::Caller,
        consent::Consent,
        contact::ContactReference,
        now,
        opt_out_outcome::{OptOutCounts, OptOutOutcome},
        preference::{Change, ChangeOrigin},
        update_header::RejectionPolicy,
        update_outcome::Fingerprint,
    },
    error::{Error, Result},
    long_work,
    repository::{
        Repository, Transaction, TransactionOutcome, WriteLength, channels, recorded_opt_outs,
        recorded_opt_outs::RecordedOptOut,
    },
    spool::{Item, Spool, SpoolQuota},
    telemetry::{self, Phase},
};

/// A parsed header: what the contacts are opted out of.
#[derive(Debug, Clone)]
pub struct OptOutHeader {
    /// The channels.
    pub channels: Channels,
    /// What a rejected contact does to the others.
    pub rejection_policy: RejectionPolicy,
    /// Makes the call idempotent.
    pub request_id: Option<Uuid>,
    /// Do everything but commit.
    pub validate_only: bool,
    /// How the contacts said so that bring no consent of their own.
    pub consent: Option<Consent>,
}

impl OptOutHeader {
    /// The `request_id` under which the call is recorded; `None` if it is not, as with `validate_only`.
    fn recorded_id(&self) -> Option<Uuid> {
        self.request_id.filter(|_| !self.validate_only)
    }
}

/// Who is opted out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OptOutContact {
    /// The contact, or the number.
    pub reference: ContactReference,
    /// How this person said so.
    pub consent: Option<Box<Consent>>,
}

/// A contact of the stream that is valid by itself.
#[derive(Clone, Serialize, Deserialize)]
struct ReceivedContact {
    /// Its place in the stream, from 0.
    index: u32,
    contact: OptOutContact,
    encoded_bytes: u32,
}

impl Item for ReceivedContact {
    fn order(&self, other: &Self) -> Ordering {
        (&self.contact.reference, self.index).cmp(&(&other.contact.reference, other.index))
    }

    fn size_bytes(&self) -> usize {
        let consent = self.contact.consent.as_ref();
        size_of::<Self>()
            + consent.map_or(0, |_| size_of::<Consent>())
            + self.encoded_bytes as usize
    }
}

/// Opt-outs whose stream is still arriving, or has arrived.
pub struct BulkOptOut {
    caller: Caller,
    header: OptOutHeader,
    checks: Arc<Checks>,
    /// The channels that the header names.
    channels: Vec<Uuid>,
    contacts: Spool<ReceivedContact>,
    rejected: RejectedContacts,
    quota: SpoolQuota,
}

impl StreamedCall for BulkOptOut {
    type Contact = OptOutContact;
    type Outcome = OptOutOutcome;

    fn checks(&self) -> &Arc<Checks> {
        &self.checks
    }

    fn keep(&mut self, index: u32, contact: OptOutContact, encoded_bytes: u32) -> Result<()> {
        self.contacts.push(ReceivedContact {
            index,
            contact,
            encoded_bytes,
        })
    }

    fn reject(&mut self, index: u32, contact: InvalidContact) -> Result<()> {
        self.rejected.add(index, contact.violations);
        Ok(())
    }
}

impl From<RecordedOptOut> for EarlierCall<OptOutOutcome> {
    fn from(recorded: RecordedOptOut) -> Self {
        Self {
            request_id: recorded.request_id,
            fingerprint: Some(recorded.fingerprint),
            outcome: OptOutOutcome {
                replayed: true,
                ..recorded.outcome
            },
        }
    }
}

impl BulkOptOut {
    /// Begins with the header. Refuses what can be refused before any contact is read.
    pub async fn begin(
        repository: &Repository,
        caller: Caller,
        header: OptOutHeader,
        max_contacts: u64,
        quota: &SpoolQuota,
    ) -> Result<Incoming<Self>> {
        telemetry::note(|call| {
            call.request_id = header.request_id;
            call.validate_only = header.validate_only;
        });
        // A suppression list of which the end is missing would leave people opted in.
        let framing = Framing {
            needs_footer: true,
            may_be_empty: false,
        };
        let (organization, request_id) = (caller.organization.id, header.recorded_id());
        let find_earlier = async || {
            let db = repository.db();
            let recorded = recorded_opt_outs::find(db, organization, request_id).await?;
            Ok(recorded.map(EarlierCall::from))
        };
        let collect = Self::collect(repository, caller, header, quota);
        Incoming::begin(find_earlier, collect, framing, max_contacts).await
    }

    async fn collect(
        repository: &Repository,
        caller: Caller,
        header: OptOutHeader,
        quota: &SpoolQuota,
    ) -> Result<Self> {
        let all = channels::all(repository.db(), caller.organization.id).await?;
        let channels = match &header.channels {
            Channels::All => Vec::new(),
            Channels::Listed(references) => app::channels::resolve(&all, references)?,
        };
        let checks = Checks::new(&caller.organization, &all, None);
        Ok(Self {
            caller,
            header,
            checks: Arc::new(checks),
            channels,
            contacts: Spool::new(quota),
            rejected: RejectedContacts::default(),
            quota: quota.clone(),
        })
    }

    /// Opts out, once all contacts have arrived. Returns what that did.
    pub async fn apply(
        mut self,
        repository: &Repository,
        received_count: u64,
        fingerprint: Option<Fingerprint>,
    ) -> Result<OptOutOutcome> {
        telemetry::begin_phase(Phase::Handle);
        long_work::aside(self.contacts.size_bytes(), || self.contacts.sort());
        let length = WriteLength::of(received_count);
        let whole = (self, received_count, fingerprint);
        repository
            .write_lists(Vec::new(), length, whole, |whole, transaction| {
                let (call, received_count, fingerprint) = whole;
                let stream = (*received_count, fingerprint.as_ref());
                Box::pin(call.apply_in(transaction, stream))
            })
            .await
    }

    async fn apply_in(
        &self,
        transaction: &Transaction,
        (received_count, fingerprint): (u64, Option<&Fingerprint>),
    ) -> Result<TransactionOutcome<OptOutOutcome>> {
        telemetry::begin_phase(Phase::Plan);
        let (organization, request_id) = (self.organization(), self.header.recorded_id());
        let db = transaction.db();
        if let Some(recorded) = recorded_opt_outs::find(db, organization, request_id).await? {
            let outcome = EarlierCall::from(recorded).repeated(fingerprint)?;
            return Ok(TransactionOutcome::RollBack(outcome));
        }
        let channels = self.hold_channels(transaction).await?;
        let plan = plan::make_plan(self, transaction).await?;
        let rejected = &plan.rejected;
        telemetry::note(|call| {
            call.rejected_count = Some(rejected.count());
            call.rejected_by_reason = rejected.by_reason().clone();
        });
        if self.header.rejection_policy == RejectionPolicy::RejectAll && rejected.count() > 0 {
            return Err(Error::ContactsRejected {
                rejected_count: rejected.count(),
                received_count,
                contacts: rejected.clone().into_contacts(),
            });
        }
        telemetry::begin_phase(Phase::Write);
        // After the locks, so that it is later than what is there.
        let change = self.change();
        let counts = write::write_plan(self, transaction, &plan, &channels, &change).await?;
        let outcome = OptOutOutcome {
            counts: OptOutCounts {
                received: received_count,
                duplicate: plan.duplicate_count,
                rejected: plan.rejected.count(),
                ..counts
            },
            rejected_contacts: plan.rejected.into_contacts(),
            replayed: false,
        };
        if self.header.validate_only {
            return Ok(TransactionOutcome::RollBack(outcome));
        }
        if let Some((request_id, fingerprint)) = request_id.zip(fingerprint) {
            let recorded = RecordedOptOut {
                request_id,
                api_key_id: change.origin.api_key_id,
                create_time: change.origin.change_time,
                fingerprint: fingerprint.to_vec(),
                outcome: outcome.clone(),
            };
            recorded_opt_outs::insert(transaction, organization, recorded).await?;
        }
        Ok(TransactionOutcome::Commit(outcome))
    }

    /// Keeps the channels from being deleted, and returns those to opt out of. Fails if one that the header names is gone.
    async fn hold_channels(&self, transaction: &Transaction) -> Result<Vec<Uuid>> {
        let all = channels::share(transaction, self.organization()).await?;
        let all: Vec<Uuid> = all.into_iter().map(|channel| channel.id).collect();
        if self.is_of_all_channels() {
            return Ok(all);
        }
        match self.channels.iter().all(|channel| all.contains(channel)) {
            true => Ok(self.channels.clone()),
            false => Err(Error::DefinitionsChanged),
        }
    }

    /// The change, which is made now, as that of contacts that bring no consent of their own.
    fn change(&self) -> Change {
        let origin = ChangeOrigin {
            api_key_id: self.caller.api_key_id,
            ..ChangeOrigin::of_nobody(now())
        };
        Change {
            id: Uuid::now_v7(),
            origin,
        }
    }

    /// The consent of a contact that has brought `own`.
    fn consent_of<'a>(&'a self, own: Option<&'a Consent>) -> Option<&'a Consent> {
        own.or(self.header.consent.as_ref())
    }

    fn is_of_all_channels(&self) -> bool {
        matches!(self.header.channels, Channels::All)
    }

    fn organization(&self) -> OrganizationId {
        self.caller.organization.id
    }
}

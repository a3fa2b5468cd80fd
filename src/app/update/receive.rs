//! Receives a stream: holds it to the limits, keeps its contacts, and makes an [`Update`] of them at its end.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Update, active,
    checks::Checks,
    expect_version,
    group::{Groups, ReceivedContact},
    rejections::{InvalidContact, Rejections},
    replay::replayed,
};
use crate::{
    app,
    domain::{
        caller::Caller,
        contact::{ContactChanges, ContactFieldSet},
        update_header::{Action, OptIns, UpdateHeader},
        update_outcome::{Fingerprint, UpdateOutcome},
    },
    error::{Error, Result},
    long_work,
    repository::{Repository, channels, contact_lists, updates, updates::RecordedUpdate},
    spool::{Spool, SpoolQuota},
    telemetry::{self, Phase},
};

/// An update whose stream is still arriving.
pub struct IncomingUpdate {
    caller: Caller,
    header: UpdateHeader,
    mode: Mode,
    received_count: u64,
    max_contacts: u64,
    quota: SpoolQuota,
}

enum Mode {
    /// The `request_id` is recorded: the stream is only compared.
    Replay(Box<RecordedUpdate>),
    /// The contacts are checked and kept.
    Collect(Box<Collected>),
}

struct Collected {
    checks: Arc<Checks>,
    opt_in_channels: Vec<Uuid>,
    /// How many contacts were checked and kept or rejected.
    kept_count: u32,
    fields: ContactFieldSet,
    contacts: Spool<Box<ReceivedContact>>,
    rejections: Rejections,
}

impl IncomingUpdate {
    /// Begins with the header. Refuses what can be refused before any contact is read.
    pub async fn begin(
        repository: &Repository,
        caller: Caller,
        header: UpdateHeader,
        max_contacts: u64,
        quota: &SpoolQuota,
    ) -> Result<Self> {
        telemetry::note(|call| {
            call.contact_list_id = Some(header.contact_list_id);
            call.action = Some(header.action);
            call.request_id = header.request_id;
            call.validate_only = header.validate_only;
        });
        let recorded = || {
            let (organization, request_id) = (caller.organization.id, header.recorded_id());
            updates::find_by_request_id(repository.db(), organization, request_id)
        };
        let mode = match recorded().await? {
            Some(recorded) => Mode::Replay(Box::new(recorded)),
            None => match Collected::begin(repository, &caller, &header, quota).await {
                Ok(collected) => Mode::Collect(Box::new(collected)),
                // A duplicate call may have been applied, and the list archived, since the look-up.
                Err(refusal) => match recorded().await? {
                    Some(recorded) => Mode::Replay(Box::new(recorded)),
                    None => return Err(refusal),
                },
            },
        };
        Ok(Self {
            caller,
            header,
            mode,
            received_count: 0,
            max_contacts,
            quota: quota.clone(),
        })
    }

    /// What the contacts are checked against; `None` where the stream is only compared.
    pub fn checks(&self) -> Option<&Arc<Checks>> {
        match &self.mode {
            Mode::Replay(_) => None,
            Mode::Collect(collected) => Some(&collected.checks),
        }
    }

    /// Counts contacts that arrived. Fails if they are more than a call may have.
    pub fn count_contacts(&mut self, count: usize) -> Result<()> {
        self.received_count += count as u64;
        telemetry::note(|call| call.received_count = Some(self.received_count));
        if self.received_count > self.max_contacts {
            return Err(Error::ContactLimitExceeded {
                limit: self.max_contacts,
                value: self.max_contacts + 1,
            });
        }
        Ok(())
    }

    /// Refuses properties where there is no custom object that they could belong to.
    pub fn refuse_unowned_properties(&self) -> Result<()> {
        match self.checks() {
            Some(checks) => checks.refuse_unowned_properties(),
            None => Ok(()),
        }
    }

    /// Keeps a checked contact. Contacts must be given in the order of the stream.
    pub fn keep(
        &mut self,
        checked: Result<ContactChanges, InvalidContact>,
        encoded_bytes: usize,
    ) -> Result<()> {
        let Mode::Collect(collected) = &mut self.mode else {
            return Ok(());
        };
        let index = collected.kept_count;
        collected.kept_count += 1;
        match checked {
            Ok(changes) => {
                collected.fields = collected.fields.union(changes.fields.given());
                collected.contacts.push(Box::new(ReceivedContact {
                    index,
                    changes,
                    encoded_bytes: u32::try_from(encoded_bytes).unwrap_or(u32::MAX),
                }))
            }
            Err(invalid) => collected.rejections.add_invalid(index, invalid),
        }
    }

    /// Ends the stream. Returns the update that it makes, or the recorded outcome of an earlier call.
    pub fn finish(
        self,
        footer_contact_count: Option<i64>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<ReceivedUpdate> {
        let complete = match footer_contact_count {
            Some(count) => u64::try_from(count) == Ok(self.received_count),
            None => self.header.action != Action::Overwrite,
        };
        if !complete {
            return Err(Error::StreamIncomplete {
                received_count: self.received_count,
                contact_count: footer_contact_count,
            });
        }
        if self.received_count == 0 && !self.header.may_empty_list() {
            return Err(Error::NoContacts);
        }
        let collected = match self.mode {
            Mode::Replay(recorded) => {
                let outcome = replayed(*recorded, fingerprint.as_ref())?;
                return Ok(ReceivedUpdate::Replayed(Box::new(outcome)));
            }
            Mode::Collect(collected) => collected,
        };
        telemetry::begin_phase(Phase::Fold);
        let (contacts, mut rejections) = (collected.contacts, collected.rejections);
        let groups = long_work::aside(contacts.size_bytes(), || {
            Groups::of(contacts, &mut rejections, &self.quota)
        })?;
        telemetry::begin_phase(Phase::Handle);
        Ok(ReceivedUpdate::New(Box::new(Update {
            caller: self.caller,
            header: self.header,
            checks: collected.checks,
            opt_in_channels: collected.opt_in_channels,
            received_count: self.received_count,
            fields: collected.fields,
            groups,
            rejections,
            fingerprint,
            quota: self.quota,
        })))
    }
}

/// What a whole stream turned out to be.
pub enum ReceivedUpdate {
    /// An update to apply.
    New(Box<Update>),
    /// The recorded outcome of an earlier call.
    Replayed(Box<UpdateOutcome>),
}

impl Collected {
    async fn begin(
        repository: &Repository,
        caller: &Caller,
        header: &UpdateHeader,
        quota: &SpoolQuota,
    ) -> Result<Self> {
        let (db, organization) = (repository.db(), caller.organization.id);
        let (list, channels, custom_object) = tokio::join!(
            contact_lists::find(db, organization, header.contact_list_id),
            channels::all(db, organization),
            app::custom_objects::choose(db, &caller.organization, header.custom_object.as_ref()),
        );
        let list = active(list?, header.contact_list_id)?;
        expect_version(&list, header)?;
        let channels = channels?;
        let opt_in_channels = match &header.opt_ins {
            OptIns::Channels(references) => app::channels::resolve(&channels, references)?,
            OptIns::None | OptIns::AllChannels => Vec::new(),
        };
        let checks = Checks::new(&caller.organization, &channels, custom_object?);
        Ok(Self {
            checks: Arc::new(checks),
            opt_in_channels,
            kept_count: 0,
            fields: ContactFieldSet::default(),
            contacts: Spool::new(quota),
            rejections: Rejections::new(quota),
        })
    }
}

//! Collects the contacts of a stream, and makes an [`Update`] of them at its end.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Update, active,
    checks::Checks,
    expect_version,
    group::{Groups, ReceivedContact},
    rejections::{InvalidContact, Rejections},
};
use crate::{
    app::{
        self,
        intake::{EarlierCall, Framing, Incoming, StreamedCall},
    },
    domain::{
        caller::Caller,
        contact::{ContactChanges, ContactFieldSet},
        update_header::{Action, OptIns, UpdateHeader},
        update_outcome::{Fingerprint, UpdateOutcome},
    },
    error::Result,
    long_work,
    repository::{Repository, channels, contact_lists, updates},
    spool::{Spool, SpoolQuota},
    telemetry::{self, Phase},
};

/// An update whose stream is still arriving.
pub struct IncomingUpdate {
    caller: Caller,
    header: UpdateHeader,
    checks: Arc<Checks>,
    opt_in_channels: Vec<Uuid>,
    fields: ContactFieldSet,
    contacts: Spool<Box<ReceivedContact>>,
    rejections: Rejections,
    quota: SpoolQuota,
}

impl StreamedCall for IncomingUpdate {
    type Contact = ContactChanges;
    type Outcome = UpdateOutcome;

    fn checks(&self) -> &Arc<Checks> {
        &self.checks
    }

    fn keep(&mut self, index: u32, changes: ContactChanges, encoded_bytes: u32) -> Result<()> {
        self.fields = self.fields.union(changes.fields.given());
        self.contacts.push(Box::new(ReceivedContact {
            index,
            changes,
            encoded_bytes,
        }))
    }

    fn reject(&mut self, index: u32, contact: InvalidContact) -> Result<()> {
        self.rejections.add_invalid(index, contact)
    }
}

impl IncomingUpdate {
    /// Begins with the header, and with whether the stream needs a footer even if it does not overwrite. Refuses what can be
    /// refused before any contact is read.
    pub async fn begin(
        repository: &Repository,
        caller: Caller,
        (header, needs_footer): (UpdateHeader, bool),
        max_contacts: u64,
        quota: &SpoolQuota,
    ) -> Result<Incoming<Self>> {
        telemetry::note(|call| {
            call.contact_list_id = Some(header.contact_list_id);
            call.action = Some(header.action);
            call.request_id = header.request_id;
            call.validate_only = header.validate_only;
        });
        let framing = Framing {
            needs_footer: needs_footer || header.action == Action::Overwrite,
            may_be_empty: header.may_empty_list(),
        };
        let (organization, request_id) = (caller.organization.id, header.recorded_id());
        let find_earlier = async || {
            let db = repository.db();
            let recorded = updates::find_by_request_id(db, organization, request_id).await?;
            Ok(recorded.map(EarlierCall::from))
        };
        let collect = Self::collect(repository, caller, header, quota);
        Incoming::begin(find_earlier, collect, framing, max_contacts).await
    }

    async fn collect(
        repository: &Repository,
        caller: Caller,
        header: UpdateHeader,
        quota: &SpoolQuota,
    ) -> Result<Self> {
        let (db, organization) = (repository.db(), caller.organization.id);
        let (list, channels, custom_object) = tokio::join!(
            contact_lists::find(db, organization, header.contact_list_id),
            channels::all(db, organization),
            app::custom_objects::choose(db, &caller.organization, header.custom_object.as_ref()),
        );
        let list = active(list?, header.contact_list_id)?;
        expect_version(&list, &header)?;
        let channels = channels?;
        let opt_in_channels = match &header.opt_ins {
            OptIns::Channels(references) => app::channels::resolve(&channels, references)?,
            OptIns::None | OptIns::AllChannels => Vec::new(),
        };
        let checks = Checks::new(&caller.organization, &channels, custom_object?);
        Ok(Self {
            caller,
            header,
            checks: Arc::new(checks),
            opt_in_channels,
            fields: ContactFieldSet::default(),
            contacts: Spool::new(quota),
            rejections: Rejections::new(quota),
            quota: quota.clone(),
        })
    }

    /// Makes the update, once all of its contacts have arrived.
    pub fn finish(
        mut self,
        received_count: u64,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Update> {
        telemetry::begin_phase(Phase::Fold);
        let groups = long_work::aside(self.contacts.size_bytes(), || {
            Groups::of(self.contacts, &mut self.rejections, &self.quota)
        })?;
        telemetry::begin_phase(Phase::Handle);
        Ok(Update {
            caller: self.caller,
            header: self.header,
            checks: self.checks,
            opt_in_channels: self.opt_in_channels,
            received_count,
            fields: self.fields,
            groups,
            rejections: self.rejections,
            fingerprint,
            quota: self.quota,
        })
    }
}

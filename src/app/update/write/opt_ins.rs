//! The opt-ins of an update, and the opt-outs of the numbers that its contacts give up or get.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Writer, chunk::Chunk};
use crate::{
    app::{journal::KeptOptOut, preferences::numbers, update::Update},
    domain::{
        preference::ALL_CHANNELS,
        update_header::{Action, OptIns},
    },
    error::Result,
    repository::bulk,
};

/// The channels that the contacts are opted in to.
pub(super) fn targets(update: &Update, channels: &[Uuid]) -> Vec<Uuid> {
    match (&update.header.opt_ins, update.header.action) {
        (_, Action::Remove) | (OptIns::None, _) => Vec::new(),
        (OptIns::AllChannels, _) => channels.to_vec(),
        (OptIns::Channels(_), _) => update.opt_in_channels.clone(),
    }
}

impl Writer<'_> {
    /// Leaves opt-outs with the numbers that contacts give up, and gives contacts the opt-outs of the numbers that they get.
    /// Returns the contacts that got some.
    pub(super) async fn hand_over_numbers(&mut self, chunk: &Chunk) -> Result<HashSet<Uuid>> {
        let organization = &self.update.caller.organization;
        let mut left = Vec::new();
        for (contact, number) in &chunk.moved {
            // Numbers that are passed on have their opt-outs already.
            let passed_on = self.passed_on.next_if(|next| {
                next.as_ref()
                    .map_or(true, |next| next.0.contact == *contact)
            });
            match passed_on.transpose()? {
                Some(_) => {}
                None => left.push((*contact, *number)),
            }
        }
        numbers::detach_opt_outs(self.transaction, organization, &left).await?;
        let opt_ins = (self.targets.as_slice(), self.origin);
        let inherited = numbers::inherit_opt_outs(
            self.transaction,
            organization,
            &chunk.arrived,
            self.channels,
            opt_ins,
        )
        .await?;
        self.counts.opted_in += inherited.opted_in;
        Ok(inherited.contacts)
    }

    /// Opts the contacts of a chunk in. `opted_out` are those that got opt-outs with their numbers.
    pub(super) async fn opt_in(&mut self, chunk: &Chunk, opted_out: &HashSet<Uuid>) -> Result<()> {
        let organization = self.update.organization();
        let created = chunk.created.iter().map(|contact| contact.id);
        let (with_opt_outs, without): (Vec<Uuid>, Vec<Uuid>) =
            created.partition(|id| opted_out.contains(id));
        let mut stored = with_opt_outs;
        stored.extend(&chunk.stored_ids);
        if self.targets.is_empty() {
            // There can be an opt-out of all channels to lift before there is any channel.
            return self.lift_opt_outs_of_all_channels(&stored).await;
        }
        if !without.is_empty() {
            // These are visible to no other transaction yet and have no preferences, so nothing needs to be looked up.
            self.counts.opted_in += bulk::opt_in_new_contacts(
                self.transaction,
                organization,
                without.into_iter(),
                &self.targets,
                self.origin,
            )
            .await?;
        }
        if !stored.is_empty() {
            self.opt_in_stored(&stored).await?;
        }
        Ok(())
    }

    /// Lifts the contacts' opt-outs of all channels, where the update opts back in to all.
    async fn lift_opt_outs_of_all_channels(&self, contacts: &[Uuid]) -> Result<()> {
        let header = &self.update.header;
        let lifts = header.resubscribe
            && header.opt_ins == OptIns::AllChannels
            && header.action != Action::Remove;
        if lifts {
            let organization = self.update.organization();
            let (transaction, change) = (self.transaction, self.journal.change);
            let all = [ALL_CHANNELS];
            bulk::keep_opt_outs(transaction, organization, contacts, &all, change).await?;
            bulk::lift_opt_outs_of_all_channels(transaction, organization, contacts).await?;
        }
        Ok(())
    }

    async fn opt_in_stored(&mut self, contacts: &[Uuid]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.update.organization());
        self.lift_opt_outs_of_all_channels(contacts).await?;
        let incomplete = bulk::incomplete_opt_ins(
            transaction,
            organization,
            contacts.iter().copied(),
            &self.targets,
        )
        .await?;
        if incomplete.is_empty() {
            return Ok(());
        }
        let missing_pairs: u64 = incomplete
            .iter()
            .map(|(_, count)| self.targets.len() as u64 - count)
            .sum();
        let contacts: Vec<Uuid> = incomplete.into_iter().map(|(contact, _)| contact).collect();
        for contact in &contacts {
            self.journal.opted_in.push(*contact)?;
        }
        let opted_in = if self.update.header.resubscribe {
            let (targets, change) = (&self.targets, self.journal.change);
            bulk::keep_opt_outs(transaction, organization, &contacts, targets, change).await?;
            bulk::resubscribe(
                transaction,
                organization,
                &contacts,
                &self.targets,
                self.origin,
            )
            .await?
        } else {
            bulk::opt_in(
                transaction,
                organization,
                &contacts,
                &self.targets,
                self.origin,
            )
            .await?
        };
        self.counts.opted_in += opted_in;
        let kept_opt_outs = missing_pairs - opted_in;
        if kept_opt_outs > 0 {
            self.counts.kept_opt_out += kept_opt_outs;
            self.note_kept_opt_outs(&contacts).await?;
        }
        Ok(())
    }

    /// Notes the channels that opt-outs keep contacts from being opted in to.
    async fn note_kept_opt_outs(&mut self, contacts: &[Uuid]) -> Result<()> {
        let organization = self.update.organization();
        let kept =
            bulk::missing_opt_ins(self.transaction, organization, contacts, &self.targets).await?;
        for (contact_id, channel_id) in kept {
            self.journal.kept_opt_outs.push(KeptOptOut {
                contact_id,
                channel_id,
            })?;
        }
        Ok(())
    }
}

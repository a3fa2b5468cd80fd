//! The opt-ins of an update, and the opt-outs of the numbers that its contacts give up or get.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Writer, chunk::Chunk};
use crate::{
    app::{journal::KeptOptOut, preferences::numbers, update::Update},
    domain::{
        preference::{Change, OptInOrigins, Subject},
        preference_set::PreferenceWrites,
        update_header::{Action, OptIns},
    },
    error::Result,
    repository::{bulk, preferences},
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
    /// The change that the update makes.
    pub(super) fn change(&self) -> Change {
        Change {
            id: self.journal.change,
            origin: self.origin,
        }
    }

    /// Where the opt-ins of a chunk come from.
    fn origins(&self, chunk: &Chunk) -> OptInOrigins {
        let header = &self.update.header;
        let said_at = |(id, consent): &(Uuid, _)| (*id, header.said_at(Some(consent)));
        OptInOrigins {
            change: self.change(),
            own_times: chunk.consents.iter().map(said_at).collect(),
        }
    }

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
        numbers::detach_opt_outs(self.transaction, organization, &left, &self.change()).await?;
        let inherited = numbers::inherit_opt_outs(
            self.transaction,
            organization,
            &chunk.arrived,
            self.channels,
            (self.targets.as_slice(), &self.origins(chunk)),
        )
        .await?;
        self.counts.opted_in += inherited.opted_in;
        Ok(inherited.contacts)
    }

    /// Opts the contacts of a chunk in. `opted_out` are those that got opt-outs with their numbers.
    pub(super) async fn opt_in(&mut self, chunk: &Chunk, opted_out: &HashSet<Uuid>) -> Result<()> {
        let origins = self.origins(chunk);
        let created = chunk.created.iter().map(|contact| contact.id);
        let (with_opt_outs, without): (Vec<Uuid>, Vec<Uuid>) =
            created.partition(|id| opted_out.contains(id));
        let mut stored = with_opt_outs;
        stored.extend(&chunk.stored_ids);
        // The contacts whose preferences or history can refer to a consent of this update.
        let mut concerned = HashSet::new();
        if !without.is_empty() && !self.targets.is_empty() {
            // These are visible to no other transaction yet and have no preferences, so nothing needs to be looked up.
            self.counts.opted_in += bulk::opt_in_new_contacts(
                self.transaction,
                self.update.organization(),
                &without,
                &self.targets,
                &origins,
            )
            .await?;
            concerned.extend(without);
        }
        if !stored.is_empty() {
            concerned.extend(self.opt_in_stored(&stored, opted_out, &origins).await?);
        }
        self.keep_consents(chunk, &concerned).await
    }

    /// Keeps the consents that these contacts brought.
    async fn keep_consents(&self, chunk: &Chunk, contacts: &HashSet<Uuid>) -> Result<()> {
        let brought = chunk.consents.iter();
        let brought = brought.filter(|(contact, _)| contacts.contains(contact));
        let consents: Vec<_> = brought
            .map(|(contact, consent)| (Subject::Contact(*contact), consent))
            .collect();
        let (organization, change) = (self.update.organization(), self.journal.change);
        preferences::insert_consents(self.transaction, organization, change, &consents).await
    }

    /// Opts stored contacts in. Returns those that were not opted in to all, or were opted out of something.
    async fn opt_in_stored(
        &mut self,
        contacts: &[Uuid],
        opted_out: &HashSet<Uuid>,
        origins: &OptInOrigins,
    ) -> Result<HashSet<Uuid>> {
        let (transaction, organization) = (self.transaction, self.update.organization());
        let (mut incomplete, mut missing_pairs) = (Vec::new(), 0);
        if !self.targets.is_empty() {
            let (ids, target_count) = (contacts.iter().copied(), self.targets.len() as u64);
            let found =
                bulk::incomplete_opt_ins(transaction, organization, ids, &self.targets).await?;
            missing_pairs = found.iter().map(|(_, count)| target_count - count).sum();
            incomplete.extend(found.into_iter().map(|(contact, _)| contact));
        }
        let mut opted_in = 0;
        if !incomplete.is_empty() {
            opted_in = bulk::opt_in(
                transaction,
                organization,
                &incomplete,
                &self.targets,
                origins,
            )
            .await?;
        }
        let mut concerned: HashSet<Uuid> = incomplete.iter().copied().collect();
        if !self.targets.is_empty() {
            // Exceptions that came with their numbers can have opted them in already.
            let got = contacts.iter().filter(|it| opted_out.contains(it));
            concerned.extend(got);
        }
        if self.resubscribes() {
            let opted_out = bulk::opted_out(transaction, organization, contacts).await?;
            opted_in += self.resubscribe(&opted_out, origins).await?;
            concerned.extend(opted_out);
        }
        for contact in &concerned {
            self.journal.opted_in.push(*contact)?;
        }
        self.counts.opted_in += opted_in;
        if missing_pairs > opted_in {
            self.counts.kept_opt_out += missing_pairs - opted_in;
            self.note_kept_opt_outs(&incomplete).await?;
        }
        Ok(concerned)
    }

    /// Whether the update lifts opt-outs. There can be one of all channels before there is any channel.
    fn resubscribes(&self) -> bool {
        let header = &self.update.header;
        let to_all = header.opt_ins == OptIns::AllChannels && header.action != Action::Remove;
        header.resubscribe && (to_all || !self.targets.is_empty())
    }

    /// Opts contacts back in that are opted out of something. Returns how many pairs were newly opted in.
    async fn resubscribe(&self, contacts: &[Uuid], origins: &OptInOrigins) -> Result<u64> {
        if contacts.is_empty() {
            return Ok(0);
        }
        let (transaction, organization) = (self.transaction, self.update.organization());
        let to_all = self.update.header.opt_ins == OptIns::AllChannels;
        let sets = preferences::sets_of_contacts(transaction, organization, contacts).await?;
        let (mut writes, mut opted_in) = (PreferenceWrites::default(), 0);
        for (contact, mut set) in contacts.iter().zip(sets) {
            let origin = origins.of(*contact);
            opted_in += set.opt_in(&self.targets, to_all, false, origin).opted_in;
            set.write_to(&origins.change_of(*contact), &mut writes);
        }
        preferences::write(transaction, organization, &origins.change, &writes, None).await?;
        Ok(opted_in)
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

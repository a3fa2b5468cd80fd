//! Writes the opt-outs of a plan, with a constant number of statements for each chunk of its subjects.

use uuid::Uuid;

use super::{
    BulkOptOut,
    plan::{Plan, PlannedOptOut},
};
use crate::{
    app::preferences::{PAIRS_CHUNK, numbers::UnassignedNumbers},
    domain::{
        consent::Consent,
        opt_out_outcome::OptOutCounts,
        phone_number::PhoneNumber,
        preference::{Change, ChangeOrigin, NumberHash, Subject},
        preference_set::{PreferenceSet, PreferenceWrites},
    },
    error::Result,
    repository::{Transaction, opted_out_numbers, preferences},
};

/// Preferences, each with who they are of.
type Sets<'a> = Vec<(&'a PlannedOptOut, PreferenceSet)>;

/// Writes `plan`. Returns the counts of what changed.
pub(super) async fn write_plan(
    call: &BulkOptOut,
    transaction: &Transaction,
    plan: &Plan,
    channels: &[Uuid],
    change: &Change,
) -> Result<OptOutCounts> {
    let mut writer = Writer {
        call,
        transaction,
        channels,
        change,
        counts: OptOutCounts::default(),
    };
    let size = (PAIRS_CHUNK / channels.len().max(1)).clamp(1, transaction.chunk_size());
    let mut subjects = plan.subjects.iter();
    for written_chunks in 0_u64.. {
        let chunk = subjects.by_ref().take(size);
        let chunk: Vec<PlannedOptOut> = chunk
            .map(|it| it.map(|it| it.into_owned()))
            .collect::<Result<_>>()?;
        if chunk.is_empty() {
            break;
        }
        transaction.check_caller()?;
        if written_chunks.is_power_of_two() {
            // A query plan made for small tables gets slower as this call fills them.
            transaction.discard_plans().await?;
        }
        writer.write_chunk(&chunk).await?;
    }
    Ok(writer.counts)
}

struct Writer<'a> {
    call: &'a BulkOptOut,
    transaction: &'a Transaction,
    channels: &'a [Uuid],
    change: &'a Change,
    counts: OptOutCounts,
}

impl Writer<'_> {
    async fn write_chunk(&mut self, chunk: &[PlannedOptOut]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.call.organization());
        let before = self.counts.opted_out_pairs;
        let mut sets = self.sets_of_contacts(chunk).await?;
        let unassigned = chunk.iter().filter(|it| it.contact.is_none());
        let unassigned = unassigned.map(|it| it.phone);
        let owner = &self.call.caller.organization;
        let numbers = UnassignedNumbers::lock(transaction, owner, unassigned).await?;
        sets.extend(self.sets_of_numbers(chunk, &numbers).await?);
        self.counts.unassigned_numbers += numbers.all().len() as u64;
        let (mut writes, mut consents) = (PreferenceWrites::default(), Vec::new());
        for (planned, set) in sets {
            let consent = self.call.consent_of(planned.consent.as_deref());
            consents.extend(consent.map(|consent| (set.subject(), consent)));
            self.opt_out(set, consent, &mut writes);
        }
        preferences::write(transaction, organization, self.change, &writes, None).await?;
        let referring = writes.subjects_with_consent(self.change.id);
        consents.retain(|(subject, _)| referring.contains(subject));
        preferences::insert_consents(transaction, organization, self.change.id, &consents).await?;
        numbers.unlock(transaction, organization).await?;
        transaction.note_added_rows(self.counts.opted_out_pairs - before);
        Ok(())
    }

    /// The preferences of the chunk's contacts.
    async fn sets_of_contacts<'c>(&self, chunk: &'c [PlannedOptOut]) -> Result<Sets<'c>> {
        let contacts = chunk.iter().filter_map(|it| Some((it.contact?, it)));
        let (ids, contacts): (Vec<Uuid>, Vec<&PlannedOptOut>) = contacts.unzip();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let organization = self.call.organization();
        let sets = preferences::sets_of_contacts(self.transaction, organization, &ids).await?;
        Ok(contacts.into_iter().zip(sets).collect())
    }

    /// The opt-outs of the chunk's unassigned numbers.
    async fn sets_of_numbers<'c>(
        &self,
        chunk: &'c [PlannedOptOut],
        numbers: &UnassignedNumbers,
    ) -> Result<Sets<'c>> {
        let hashes: Vec<NumberHash> = numbers.all().iter().map(|(hash, _)| *hash).collect();
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let organization = self.call.organization();
        let mut stored = opted_out_numbers::find(self.transaction, organization, &hashes).await?;
        let set = |(hash, phone): &(NumberHash, PhoneNumber)| {
            let place = chunk.binary_search_by_key(phone, |it| it.phone).ok()?;
            let stored = stored.remove(hash).unwrap_or_default();
            let set = PreferenceSet::new(Subject::Number(*hash), stored);
            Some((&chunk[place], set))
        };
        Ok(numbers.all().iter().filter_map(set).collect())
    }

    fn opt_out(
        &mut self,
        mut set: PreferenceSet,
        consent: Option<&Consent>,
        writes: &mut PreferenceWrites,
    ) {
        let origin = ChangeOrigin {
            collect_time: consent.and_then(|it| it.collect_time),
            consent_id: consent.map(|_| self.change.id),
            ..self.change.origin
        };
        let of_all = self.call.is_of_all_channels();
        let is_newly_of_all = of_all && !set.is_opted_out_of_all();
        let changed = set.opt_out(self.channels, of_all, origin);
        if changed > 0 || is_newly_of_all {
            self.counts.opted_out += 1;
        } else {
            self.counts.unchanged += 1;
        }
        self.counts.opted_out_pairs += changed;
        self.counts.unchanged_pairs += self.channels.len() as u64 - changed;
        set.write_to(self.change, writes);
    }
}

//! The plan of an update: which contact each group is, and what to write. It is complete before the first write.

use std::{cmp::Ordering, collections::HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Update,
    claims::Claims,
    group::Group,
    passed_on::{DecidedMoves, GivenUp, NumberMoves, PassedOn},
    phone_set::PhoneSet,
    rejections::Rejections,
    resolve::{Identity, NumberConflict},
    stored::{Chunk, LookUp},
};
use crate::{
    domain::{
        consent::Consent,
        contact::{Contact, ContactChanges, ContactFields},
        old_values::{OldRecord, OldValues},
        phone_number::PhoneNumber,
        property_value::{Properties, as_json, memory_bytes},
        update_header::Action,
        violation::{Reason, Violation},
    },
    error::Result,
    long_work::{self, Pieces},
    repository::{Transaction, bulk},
    spool::{Item, Spool},
};

/// What an update is to write.
pub struct Plan {
    /// The groups that are applied, sorted by phone.
    pub groups: Spool<Planned>,
    /// The contacts that are not.
    pub rejections: Rejections,
    /// On overwrite: the stored contacts that groups resolve to, sorted by id.
    pub stored_ids: Spool<Uuid>,
    /// The numbers that one contact gives up and another takes, sorted by the first one's new number.
    pub passed_on: Spool<PassedOn>,
}

/// What a group is to become.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    phone: PhoneNumber,
    /// How many contacts of the call were folded into its first one.
    pub duplicate_count: u32,
    /// What to write.
    pub change: PlannedChange,
    /// The consent that the contacts brought.
    pub consent: Option<Box<Consent>>,
    /// Why the group is rejected unless another group gives its number up.
    conflict: Option<NumberConflict>,
    encoded_bytes: u32,
}

/// What to write of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum PlannedChange {
    /// A new contact.
    Create {
        /// The contact.
        contact: Box<Contact>,
        /// Its record, if it gets one.
        #[serde(with = "as_json")]
        record: Option<Properties>,
    },
    /// A stored contact changes.
    Update {
        /// The contact as it will be stored.
        contact: Box<Contact>,
        /// Its record, if that changes.
        #[serde(with = "as_json")]
        record: Option<Properties>,
        /// What it was.
        #[serde(with = "as_json")]
        old: Box<OldValues>,
    },
    /// A stored contact is already as given.
    Keep(Uuid),
    /// The group is rejected.
    Reject(Vec<Violation>),
}

impl Item for Planned {
    fn order(&self, other: &Self) -> Ordering {
        self.phone.cmp(&other.phone)
    }

    fn size_bytes(&self) -> usize {
        let boxed = match &self.change {
            PlannedChange::Create { contact, record }
            | PlannedChange::Update {
                contact, record, ..
            } => contact.size_bytes() + record.as_ref().map_or(0, memory_bytes),
            PlannedChange::Keep(_) => 0,
            PlannedChange::Reject(violations) => violations.iter().map(Violation::size_bytes).sum(),
        };
        let consent = self.consent.as_ref().map_or(0, |_| size_of::<Consent>());
        size_of::<Self>() + boxed + consent + self.encoded_bytes as usize
    }
}

impl PlannedChange {
    /// What `changes` make of a stored contact. `record` is its record and what that was, if it changes.
    pub fn of_stored(
        stored: &Contact,
        changes: &ContactChanges,
        record: Option<(Properties, OldRecord)>,
    ) -> Self {
        if record.is_none() && changes.hold_for(stored) {
            return Self::Keep(stored.id);
        }
        let mut contact = Box::new(stored.clone());
        contact.phone = changes.phone;
        changes.fields.apply_to(&mut contact.fields);
        let (record, old_record) = record.unzip();
        Self::Update {
            old: Box::new(OldValues::of(stored, &contact, old_record)),
            contact,
            record,
        }
    }
}

/// Makes the plan: finds and locks the stored contacts, and decides what to write.
pub async fn make_plan(update: &Update, transaction: &Transaction) -> Result<Plan> {
    let mut planner = Planner {
        update,
        groups: Spool::new(&update.quota),
        stored_ids: Spool::new(&update.quota),
        claims: Claims::new(&update.quota),
        moves: NumberMoves::new(&update.quota),
        rejects: false,
    };
    let look_up = LookUp {
        update,
        transaction,
    };
    let mut groups = update.groups.iter();
    let size = transaction.chunk_size();
    let mut next = take_chunk(&mut groups, size).await?;
    let mut chunk = Chunk::default();
    while !(next.is_empty() && chunk.groups.is_empty()) {
        transaction.check_caller()?;
        // While the database looks up a chunk, the one before is decided and the one after is read from the spool.
        (chunk, next) = tokio::try_join!(
            biased;
            look_up.of(next),
            async {
                planner.decide(&look_up, &chunk).await?;
                long_work::drop_in_pieces(chunk.groups).await;
                take_chunk(&mut groups, size).await
            }
        )?;
    }
    long_work::aside(planner.groups.size_bytes(), || planner.finish())
}

/// Takes at most `size` groups of at most [`bulk::CHUNK_BYTES`], but at least one.
async fn take_chunk<'a>(
    groups: &mut impl Iterator<Item = Result<Group<'a>>>,
    size: usize,
) -> Result<Vec<Group<'a>>> {
    let (mut chunk, mut bytes, mut pieces) = (Vec::new(), 0, Pieces::start());
    while chunk.len() < size && bytes < bulk::CHUNK_BYTES {
        let Some(group) = groups.next().transpose()? else {
            break;
        };
        bytes += group.encoded_bytes() as usize;
        chunk.push(group);
        pieces.step().await;
    }
    Ok(chunk)
}

struct Planner<'a> {
    update: &'a Update,
    groups: Spool<Planned>,
    stored_ids: Spool<Uuid>,
    /// The stored contacts that two groups could resolve to.
    claims: Claims,
    moves: NumberMoves,
    /// Whether a group is rejected regardless of how numbers are passed on.
    rejects: bool,
}

impl Planner<'_> {
    async fn decide(&mut self, look_up: &LookUp<'_>, chunk: &Chunk<'_>) -> Result<()> {
        if let Some(records) = &chunk.records {
            return self.decide_groups(chunk, &chunk.groups, records).await;
        }
        // The chunk's records are too large to be read together.
        let (mut rest, mut size) = (&chunk.groups[..], chunk.groups.len());
        while !rest.is_empty() {
            size = size.clamp(1, rest.len());
            let (piece, after) = rest.split_at(size);
            if let Some(records) = look_up.records(piece, &chunk.stored).await? {
                self.decide_groups(chunk, piece, &records).await?;
                (rest, size) = (after, 2 * size);
            } else {
                size /= 2;
            }
        }
        Ok(())
    }

    async fn decide_groups(
        &mut self,
        chunk: &Chunk<'_>,
        groups: &[Group<'_>],
        records: &HashMap<Uuid, Properties>,
    ) -> Result<()> {
        let mut pieces = Pieces::start();
        for group in groups {
            pieces.step().await;
            let identity = chunk.stored.identity(group);
            if let Some(contact) = identity.contestable(group.phone()) {
                self.claims.claim(contact.to_string(), group.phone())?;
            }
            let record = identity
                .contact()
                .and_then(|contact| records.get(&contact.id));
            let change = self.change(group, identity, record);
            match &change {
                PlannedChange::Reject(_) => self.rejects = true,
                PlannedChange::Update { contact, old, .. } => {
                    self.keep_member(contact.id)?;
                    self.give_up(old.phone(), contact)?;
                }
                PlannedChange::Keep(id) => self.keep_member(*id)?,
                PlannedChange::Create { .. } => {}
            }
            let conflict = identity.number_conflict();
            if conflict.is_some() {
                self.moves.want(group.phone())?;
            }
            self.groups.push(Planned {
                phone: group.phone(),
                duplicate_count: group.duplicate_count(),
                consent: group.changes().consent.clone(),
                change,
                conflict,
                encoded_bytes: group.encoded_bytes(),
            })?;
        }
        Ok(())
    }

    /// Notes a contact that stays a member in an overwrite.
    fn keep_member(&mut self, id: Uuid) -> Result<()> {
        match self.update.header.action {
            Action::Overwrite => self.stored_ids.push(id),
            Action::Add | Action::Remove => Ok(()),
        }
    }

    fn give_up(&mut self, number: Option<PhoneNumber>, contact: &Contact) -> Result<()> {
        let Some(number) = number else { return Ok(()) };
        self.moves.give_up(GivenUp {
            number,
            contact: contact.id,
            new_number: contact.phone,
        })
    }

    /// What a group changes if it gets its number.
    fn change(
        &self,
        group: &Group<'_>,
        identity: Identity<'_>,
        stored_record: Option<&Properties>,
    ) -> PlannedChange {
        let properties = &group.changes().properties;
        let record = match self.update.checks.changed_record(stored_record, properties) {
            Ok(record) => record,
            Err(violations) => return PlannedChange::Reject(violations),
        };
        let Some(stored) = identity.contact() else {
            let mut fields = ContactFields::default();
            group.changes().fields.apply_to(&mut fields);
            let contact = Box::new(Contact {
                // The ids are in the order of the phones, as an index takes keys fastest in order.
                id: Uuid::now_v7(),
                phone: group.phone(),
                fields,
            });
            let record = record.map(|(record, _)| record);
            return PlannedChange::Create { contact, record };
        };
        PlannedChange::of_stored(stored, group.changes(), record)
    }

    fn finish(mut self) -> Result<Plan> {
        let mut rejections = Rejections::new(&self.update.quota);
        rejections.contacts = self.update.rejections.contacts.clone();
        self.groups.sort();
        self.stored_ids.sort();
        let contested = self.claims.contested()?;
        let moves = self.moves.decide()?;
        let mut plan = Plan {
            groups: self.groups,
            rejections,
            stored_ids: self.stored_ids,
            passed_on: Spool::new(&self.update.quota),
        };
        if self.rejects || !contested.is_empty() || moves.are_wanted() {
            sift(self.update, &mut plan, &contested, &moves)?;
        }
        Ok(plan)
    }
}

/// Leaves the plan the groups that are applied, rejects the others, and notes the numbers that are passed on.
fn sift(
    update: &Update,
    plan: &mut Plan,
    contested: &PhoneSet,
    moves: &DecidedMoves,
) -> Result<()> {
    let mut applied = Spool::new(&update.quota);
    let (mut contested, mut wanted) = (contested.lookup(), moves.lookup());
    // All are sorted by phone.
    for (planned, group) in plan.groups.drain().zip(update.groups.iter()) {
        let (planned, group) = (planned?.into_owned(), group?);
        let mut violations = Vec::new();
        let mut given_up = None;
        if let Some(conflict) = planned.conflict {
            given_up = wanted.given_up(planned.phone)?;
            violations.extend(given_up.is_none().then(|| conflict.violation()));
        }
        if let PlannedChange::Reject(wrong) = &planned.change {
            violations.extend_from_slice(wrong);
        }
        if contested.contains(planned.phone)? {
            violations.push(Violation::new(
                Reason::ConflictingDuplicate,
                "",
                "another contact of the call resolves to the same stored contact",
            ));
        }
        if violations.is_empty() {
            applied.push(planned)?;
            if let Some(given_up) = given_up {
                plan.passed_on.push(PassedOn(given_up))?;
            }
        } else {
            group.reject(&violations, &mut plan.rejections)?;
        }
    }
    applied.sort();
    plan.passed_on.sort();
    plan.groups = applied;
    Ok(())
}

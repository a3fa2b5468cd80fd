//! The numbers of stored contacts that the update changed. They can go back in chains and rings.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Undo;
use crate::{
    app::{
        preferences::numbers,
        update::passed_on::{GivenUp, NumberMoves},
    },
    domain::{
        contact::{Contact, ContactFieldSet, ContactFields},
        phone_number::PhoneNumber,
        preference::OptInOrigins,
        revert::SkipReason,
    },
    error::Result,
    repository::bulk,
    spool::{Item, Spool, SpoolQuota},
};

/// A contact that is to get an earlier number back. Sorted by that number.
#[derive(Clone, Serialize, Deserialize)]
struct Move {
    contact: Uuid,
    from: PhoneNumber,
    to: PhoneNumber,
    /// Whether the contact is counted as restored already.
    is_counted: bool,
}

impl Item for Move {
    fn order(&self, other: &Self) -> Ordering {
        self.to.cmp(&other.to)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The contacts that are to get an earlier number back.
pub(super) struct Moves(Spool<Move>);

impl Moves {
    pub(super) fn new(quota: &SpoolQuota) -> Self {
        Self(Spool::new(quota))
    }

    /// Adds a contact, as it is now, with its earlier number.
    pub(super) fn add(&mut self, now: &Contact, to: PhoneNumber, is_counted: bool) -> Result<()> {
        self.0.push(Move {
            contact: now.id,
            from: now.phone,
            to,
            is_counted,
        })
    }
}

impl Undo<'_> {
    /// Gives contacts their earlier numbers, unless other contacts have them that keep them.
    pub(super) async fn undo_moves(&mut self, Moves(mut moves): Moves) -> Result<()> {
        if moves.is_empty() {
            return Ok(());
        }
        moves.sort();
        let mut free = self.free_moves(&moves).await?;
        free.sort();
        // All numbers are given up before one is taken: the unique key is checked row by row.
        self.for_chunks(&free, Step::GiveUp).await?;
        self.for_chunks(&free, Step::Take).await
    }

    /// The moves to numbers that no other contact keeps.
    async fn free_moves(&mut self, moves: &Spool<Move>) -> Result<Spool<Move>> {
        let (transaction, organization) = (self.transaction, self.organization());
        let mut numbers = NumberMoves::new(&self.revert.quota);
        let mut held = Spool::new(&self.revert.quota);
        let (no_fields, size) = (ContactFieldSet::default(), transaction.chunk_size());
        let mut rest = moves.iter();
        loop {
            let chunk: Vec<_> = rest.by_ref().take(size).collect::<Result<_>>()?;
            if chunk.is_empty() {
                break;
            }
            let phones = chunk.iter().map(|it| it.to);
            for holder in
                bulk::contacts_by_phone(transaction, organization, no_fields, phones).await?
            {
                numbers.want(holder.phone)?;
                held.push(holder.phone)?;
            }
            for it in chunk {
                numbers.give_up(GivenUp {
                    number: it.from,
                    contact: it.contact,
                    new_number: it.to,
                })?;
            }
        }
        held.sort();
        let decided = numbers.decide()?;
        let (mut wanted, mut held) = (decided.lookup(), held.iter().peekable());
        let mut free = Spool::new(&self.revert.quota);
        for it in moves.iter() {
            let it = it?.into_owned();
            let is_held = held.next_if(|next| next.as_ref().map_or(true, |next| **next == it.to));
            if is_held.transpose()?.is_some() && wanted.given_up(it.to)?.is_none() {
                self.counts.skip(SkipReason::PhoneTaken, 1);
            } else {
                free.push(it)?;
            }
        }
        Ok(free)
    }

    async fn for_chunks(&mut self, moves: &Spool<Move>, step: Step) -> Result<()> {
        let mut moves = moves.iter();
        loop {
            self.transaction.check_caller()?;
            let chunk = moves.by_ref().take(self.transaction.chunk_size());
            let chunk: Vec<Move> = chunk
                .map(|it| it.map(std::borrow::Cow::into_owned))
                .collect::<Result<_>>()?;
            if chunk.is_empty() {
                return Ok(());
            }
            match step {
                Step::GiveUp => self.give_numbers_up(&chunk).await?,
                Step::Take => self.take_numbers(&chunk).await?,
            }
        }
    }

    /// Takes the numbers from contacts. Their opt-outs stay with the numbers, and those that came with them go.
    async fn give_numbers_up(&mut self, moves: &[Move]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.organization());
        let left: Vec<_> = moves.iter().map(|it| (it.contact, it.from)).collect();
        let owner = &self.revert.caller.organization;
        numbers::detach_opt_outs(transaction, owner, &left, &self.change()).await?;
        let contacts: Vec<Uuid> = moves.iter().map(|it| it.contact).collect();
        let update = self.update_id();
        bulk::give_back_opt_outs(transaction, organization, &contacts, update).await?;
        self.counts.restored_opt_outs +=
            bulk::restore_opt_outs(transaction, organization, &contacts, update).await?;
        bulk::release_phones(transaction, organization, contacts.into_iter()).await
    }

    async fn take_numbers(&mut self, moves: &[Move]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.organization());
        let contacts = moves.iter().map(|it| Contact {
            id: it.contact,
            phone: it.to,
            fields: ContactFields::default(),
        });
        let contacts: Vec<Contact> = contacts.collect();
        let contacts: Vec<&Contact> = contacts.iter().collect();
        let no_fields = ContactFieldSet::default();
        bulk::update_contacts(transaction, organization, no_fields, &contacts, self.origin).await?;
        let arrived: Vec<_> = moves.iter().map(|it| (it.contact, it.to)).collect();
        let origins = OptInOrigins::without_consents(self.journal.change, self.origin);
        let (owner, no_opt_ins) = (&self.revert.caller.organization, (&[][..], &origins));
        numbers::inherit_opt_outs(transaction, owner, &arrived, &self.channels, no_opt_ins).await?;
        let uncounted = moves
            .iter()
            .filter(|it| !it.is_counted)
            .map(|it| it.contact);
        let uncounted: Vec<Uuid> = uncounted.collect();
        self.counts.restored_contacts += uncounted.len() as u64;
        self.mark_changed(&uncounted).await
    }
}

/// A step of moving numbers.
#[derive(Clone, Copy)]
enum Step {
    GiveUp,
    Take,
}

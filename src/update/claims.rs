//! Claims: what two groups of one update must not both have.

use std::{cmp::Ordering, iter::Peekable};

use serde::{Deserialize, Serialize};

use crate::{
    domain::phone_number::PhoneNumber,
    error::Result,
    spool::{Item, Items, Spool, SpoolQuota},
};

/// Who claims what.
pub struct Claims {
    claims: Spool<Claim>,
    quota: SpoolQuota,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claim {
    claimed: String,
    /// The phone of the group that claims it.
    phone: PhoneNumber,
}

impl Item for Claim {
    fn order(&self, other: &Self) -> Ordering {
        (&self.claimed, self.phone).cmp(&(&other.claimed, other.phone))
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.claimed.len()
    }
}

impl Item for PhoneNumber {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Claims {
    /// No claims yet.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            claims: Spool::new(quota),
            quota: quota.clone(),
        }
    }

    /// The group of `phone` claims `claimed`.
    pub fn claim(&mut self, claimed: impl Into<String>, phone: PhoneNumber) -> Result<()> {
        self.claims.push(Claim {
            claimed: claimed.into(),
            phone,
        })
    }

    /// The groups that claim what another group claims too.
    pub fn contested(mut self) -> Result<Contested> {
        self.claims.sort();
        let mut phones = Spool::new(&self.quota);
        let mut last: Option<Claim> = None;
        let mut last_is_contested = false;
        for claim in self.claims.drain() {
            let claim = claim?.into_owned();
            let same = last
                .as_ref()
                .is_some_and(|last| last.claimed == claim.claimed);
            if let Some(last) = &last
                && same
                && !last_is_contested
            {
                phones.push(last.phone)?;
            }
            if same {
                phones.push(claim.phone)?;
            }
            last_is_contested = same;
            last = Some(claim);
        }
        phones.sort();
        Ok(Contested { phones })
    }
}

/// The groups, by phone, that contest a claim.
pub struct Contested {
    phones: Spool<PhoneNumber>,
}

impl Contested {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty()
    }

    /// A look-up for phones that are asked for in their order.
    pub fn lookup(&self) -> ContestedLookup<'_> {
        ContestedLookup {
            phones: self.phones.iter().peekable(),
        }
    }
}

/// Walks through the contested groups beside a walk through all groups.
pub struct ContestedLookup<'a> {
    phones: Peekable<Items<'a, PhoneNumber>>,
}

impl ContestedLookup<'_> {
    /// Whether the group of `phone` is contested. The phones must be asked for in their order.
    pub fn contains(&mut self, phone: PhoneNumber) -> Result<bool> {
        while let Some(contested) = self
            .phones
            .next_if(|next| next.as_ref().map_or(true, |next| **next < phone))
        {
            contested?;
        }
        Ok(matches!(self.phones.peek(), Some(Ok(next)) if **next == phone))
    }
}

//! Claims: keys that only one group of an update may have.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::phone_set::PhoneSet;
use crate::{
    domain::phone_number::PhoneNumber,
    error::Result,
    spool::{Item, Spool, SpoolQuota},
};

/// The claims of an update's groups.
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

impl Claims {
    /// No claims yet.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            claims: Spool::new(quota),
            quota: quota.clone(),
        }
    }

    /// Notes that the group of `phone` claims the key `claimed`.
    pub fn claim(&mut self, claimed: impl Into<String>, phone: PhoneNumber) -> Result<()> {
        self.claims.push(Claim {
            claimed: claimed.into(),
            phone,
        })
    }

    /// The phones of the groups that claim a key that another group claims too.
    pub fn contested(mut self) -> Result<PhoneSet> {
        self.claims.sort();
        let mut phones = PhoneSet::new(&self.quota);
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
                phones.insert(last.phone)?;
            }
            if same {
                phones.insert(claim.phone)?;
            }
            last_is_contested = same;
            last = Some(claim);
        }
        phones.sort();
        Ok(phones)
    }
}

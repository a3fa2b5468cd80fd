//! The phone numbers of requests. A number must be valid, unless a contact has it: newer metadata may no longer take a stored
//! number, which can still be named.

use std::collections::HashSet;

use super::Api;
use crate::{
    domain::{
        organization::Organization,
        phone_number::{DefaultRegion, PhoneNumber},
        violation::Invalid,
    },
    error::Result,
    repository::contacts,
};

/// How phone numbers are read.
#[derive(Default)]
pub struct PhoneReader {
    /// The region of national formats.
    region: Option<DefaultRegion>,
    /// Numbers that are taken as they stand.
    stored: HashSet<PhoneNumber>,
}

impl PhoneReader {
    /// Reads valid numbers, and `stored` ones in E.164.
    pub fn new(
        region: Option<DefaultRegion>,
        stored: impl IntoIterator<Item = PhoneNumber>,
    ) -> Self {
        Self {
            region,
            stored: stored.into_iter().collect(),
        }
    }

    /// Reads a phone number.
    pub fn read(&self, text: &str) -> Result<PhoneNumber, Invalid> {
        PhoneNumber::parse(text, self.region).or_else(|invalid| {
            let number = PhoneNumber::from_e164(text).filter(|it| self.stored.contains(it));
            number.ok_or(invalid)
        })
    }

    /// The number that a text would be if it were stored: one in E.164 that is not valid.
    pub fn doubtful(&self, text: &str) -> Option<PhoneNumber> {
        let number = PhoneNumber::from_e164(text)?;
        PhoneNumber::parse(text, self.region)
            .is_err()
            .then_some(number)
    }
}

impl Api {
    /// The reader of phones that name contacts. Asks the database only if one of the `given` texts is a number in E.164 that
    /// is not valid.
    pub async fn contact_phones<'a>(
        &self,
        organization: &Organization,
        given: impl IntoIterator<Item = &'a str>,
    ) -> Result<PhoneReader> {
        let reader = PhoneReader::new(organization.default_region, []);
        let doubtful = given.into_iter().filter_map(|text| reader.doubtful(text));
        let doubtful: HashSet<_> = doubtful.collect();
        if doubtful.is_empty() {
            return Ok(reader);
        }
        let db = self.repository.db();
        let stored = contacts::stored_phones(db, organization.id, &doubtful).await?;
        Ok(PhoneReader { stored, ..reader })
    }
}

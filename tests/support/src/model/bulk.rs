//! Opt-outs in bulk.

use contact_lists::proto::{ChannelReference, Consent, ContactReference};

use super::{
    Answer, CallNumber, Organization,
    pairs::{Pairs, Rejected},
};

impl Organization {
    /// `OptOutContacts` that skips rejected contacts.
    pub fn opt_out_contacts(
        &mut self,
        when: CallNumber,
        (references, channels): (&[ContactReference], Option<&[ChannelReference]>),
        consent: Option<&Consent>,
    ) -> Answer<Pairs> {
        if let Some(channels) = channels {
            self.channels_of(channels)?;
        }
        let refused = (0..).zip(references);
        let refused = refused.filter_map(|(index, it)| Some((index, self.refusal_of(it)?)));
        let rejected_contacts: Vec<Rejected> = refused
            .map(|(index, refusal)| match refusal.violations.first() {
                Some((field, reason)) => (index, field.clone(), *reason),
                None => (index, "id".to_owned(), refusal.reason),
            })
            .collect();
        if rejected_contacts.len() == references.len() {
            return Ok(Pairs {
                changed: 0,
                unchanged: 0,
                kept: 0,
                rejected_contacts,
                rejected_channels: Vec::new(),
            });
        }
        self.change_preferences(when, false, (references, channels), consent)
    }
}

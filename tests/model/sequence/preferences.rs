//! `OptIn`, `OptOut` and `OptOutContacts`.

use contact_lists::proto::{
    ChannelReference, Consent, ContactReference, OptInRequest, OptOutContact, OptOutContactsHeader,
    OptOutRequest, contact_reference, opt_out_contact::Reference,
};
use test_support::{
    OptOutHeaderExt,
    model::{Pairs, Refusal},
    opt_out_messages,
};

use super::{Checked, StepRun};
use crate::{
    calls::{ContactRef, GivenConsent, ResourceRef},
    compare::same,
    replica::consent,
};

/// Which call.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    In,
    Out,
    /// One that skips rejected contacts.
    OutInBulk,
}

impl Kind {
    /// An opt-in, or an opt-out that may be in bulk.
    pub fn of(opt_in: bool, in_bulk: bool) -> Self {
        match (opt_in, in_bulk) {
            (true, _) => Self::In,
            (false, false) => Self::Out,
            (false, true) => Self::OutInBulk,
        }
    }
}

impl StepRun<'_> {
    pub async fn change_preferences(
        &mut self,
        kind: Kind,
        (contacts, channels): (&[ContactRef], Option<&[ResourceRef]>),
        given: Option<&GivenConsent>,
    ) -> Checked {
        let consent = given.map(consent);
        let mut references = Vec::new();
        for contact in contacts {
            let foreign_id = self.foreign_id.clone();
            let reference = self.replica.contact_reference(contact, foreign_id);
            references.push(reference.await?);
        }
        let contacts = references;
        let channels = channels.map(|picks| self.replica.channel_references(picks, &self.foreign));
        let (replica, when) = (&mut *self.replica, self.when);
        let named = (contacts.as_slice(), channels.as_deref());
        let model = match kind {
            Kind::OutInBulk => {
                let model = &mut replica.model;
                model.opt_out_contacts(when, named, consent.as_ref())
            }
            _ => {
                let (model, opt_in) = (&mut replica.model, kind == Kind::In);
                model.change_preferences(when, opt_in, named, consent.as_ref())
            }
        };
        let both = self.answers(kind, (contacts, channels), consent, model);
        both.await?.map_or(Ok(()), |(service, model)| {
            same("pairs and rejected references", &service, &model)
        })
    }

    /// Makes the call, and returns both answers; `None` if both refuse.
    async fn answers(
        &mut self,
        kind: Kind,
        (contacts, channels): (Vec<ContactReference>, Option<Vec<ChannelReference>>),
        consent: Option<Consent>,
        model: Result<Pairs, Refusal>,
    ) -> Result<Option<(Pairs, Pairs)>, String> {
        let all_channels = channels.is_none();
        let channels = channels.unwrap_or_default();
        let mut preferences = self.replica.client.preferences.clone();
        Ok(match kind {
            Kind::In => {
                let request = OptInRequest {
                    contacts,
                    channels,
                    all_channels,
                    consent,
                };
                let service = preferences.opt_in(request).await;
                let both = self.compare("OptIn", service, model)?;
                both.map(|(it, model)| (Pairs::from(it), model))
            }
            Kind::Out => {
                let request = OptOutRequest {
                    contacts,
                    channels,
                    all_channels,
                    consent,
                };
                let service = preferences.opt_out(request).await;
                let both = self.compare("OptOut", service, model)?;
                both.map(|(it, model)| (Pairs::from(it), model))
            }
            Kind::OutInBulk => {
                let messages = stream(contacts, channels, all_channels, consent);
                let service = preferences
                    .opt_out_contacts(tokio_stream::iter(messages))
                    .await;
                let both = self.compare("OptOutContacts", service, model)?;
                both.map(|(it, model)| (Pairs::from(it), model))
            }
        })
    }
}

fn stream(
    contacts: Vec<ContactReference>,
    channels: Vec<ChannelReference>,
    all_channels: bool,
    consent: Option<Consent>,
) -> Vec<contact_lists::proto::OptOutContactsRequest> {
    let header = OptOutContactsHeader {
        channels,
        all_channels,
        consent,
        ..OptOutContactsHeader::default()
    };
    let contacts = contacts.into_iter().map(|it| OptOutContact {
        reference: it.reference.map(|it| match it {
            contact_reference::Reference::Id(id) => Reference::Id(id),
            contact_reference::Reference::Phone(phone) => Reference::Phone(phone),
        }),
        consent: None,
    });
    opt_out_messages(header.skip_rejected(), contacts.collect())
}

//! The contacts and channels that `OptIn` and `OptOut` name.

use std::{collections::HashSet, hash::Hash};

use super::{fields::Fields, phones::PhoneReader, wire};
use crate::{
    app::preferences::{Channels, PreferenceChange},
    domain::{
        caller::Caller,
        channel::ChannelReference,
        consent::Consent,
        contact::ContactReference,
        now,
        preference::MAX_CHANGE_ITEMS,
        violation::{Reason, Violation},
    },
    error::Result,
    proto::{
        ChannelReference as WireChannel, Consent as WireConsent, ContactReference as WireContact,
        OptInRequest, OptOutRequest, RejectedReference,
    },
};

/// The contacts and channels that a request names.
pub struct Subjects {
    contacts: References<ContactReference>,
    /// None: all channels.
    channels: Option<References<ChannelReference>>,
    /// How the contacts said so.
    consent: Option<Consent>,
}

/// The references of a field, each valid or with all that is wrong with it.
struct References<T>(Vec<Result<T, Vec<Violation>>>);

impl Subjects {
    /// Those of an opt-in. Fails if any of them is malformed.
    pub fn of_opt_in(phones: &PhoneReader, caller: &Caller, request: OptInRequest) -> Result<Self> {
        let named = (request.contacts, request.channels, request.all_channels);
        let (mut fields, subjects) = Self::read(phones, caller, named, request.consent);
        fields.add(subjects.violations());
        fields.finish(Some(subjects))
    }

    /// Those of an opt-out. Fails if no contact or no channel is well-formed.
    pub fn of_opt_out(
        phones: &PhoneReader,
        caller: &Caller,
        request: OptOutRequest,
    ) -> Result<Self> {
        let named = (request.contacts, request.channels, request.all_channels);
        let (mut fields, subjects) = Self::read(phones, caller, named, request.consent);
        let has_no_channel = |channels: &References<_>| channels.valid().next().is_none();
        if subjects.contacts.valid().next().is_none()
            || subjects.channels.as_ref().is_some_and(has_no_channel)
        {
            fields.add(subjects.violations());
        }
        fields.finish(Some(subjects))
    }

    /// Reads the references one by one. The fields have what is wrong with the request as a whole.
    fn read(
        phones: &PhoneReader,
        caller: &Caller,
        (contacts, channels, all_channels): (Vec<WireContact>, Vec<WireChannel>, bool),
        consent: Option<WireConsent>,
    ) -> (Fields, Self) {
        let mut fields = Fields::default();
        let region = caller.organization.default_region;
        let contacts = References::read(&mut fields, "contacts", contacts, |fields, wire| {
            wire::reference::contact(fields, "", wire, phones)
        });
        if all_channels && !channels.is_empty() {
            let message = "must be empty where all_channels is true";
            fields.refuse("channels", Reason::FieldInvalid, message);
        }
        let channels = (!all_channels).then(|| {
            References::read(&mut fields, "channels", channels, |fields, wire| {
                wire::reference::channel(fields, "", wire, region)
            })
        });
        let consent = wire::consent::parse(&mut fields, "consent", consent, now());
        let subjects = Self {
            contacts,
            channels,
            consent,
        };
        (fields, subjects)
    }

    /// The change that opts the valid contacts in to the valid channels, or out of them.
    pub fn change(&self, caller: Caller, opt_in: bool) -> PreferenceChange {
        let channels = self.channels.as_ref();
        PreferenceChange {
            caller,
            contacts: self.contacts.valid().cloned().collect(),
            channels: channels.map_or(Channels::All, |channels| {
                Channels::Listed(channels.valid().copied().collect())
            }),
            opt_in,
            consent: self.consent.clone(),
        }
    }

    /// The contacts that were not applied: the malformed and the `unknown` ones.
    pub fn rejected_contacts(&self, unknown: &HashSet<ContactReference>) -> Vec<RejectedReference> {
        // A phone without a contact is an unassigned number.
        self.contacts.rejected(unknown, "contact", |_| "id")
    }

    /// The channels that were not applied: the malformed and the `unknown` ones.
    pub fn rejected_channels(&self, unknown: &HashSet<ChannelReference>) -> Vec<RejectedReference> {
        let field = |reference: &ChannelReference| match reference {
            ChannelReference::Id(_) => "id",
            ChannelReference::Phone(_) => "phone",
        };
        let channels = self.channels.as_ref();
        channels.map_or_else(Vec::new, |it| it.rejected(unknown, "channel", field))
    }

    fn violations(&self) -> Vec<Violation> {
        let channels = self
            .channels
            .iter()
            .flat_map(|it| it.violations("channels"));
        self.contacts
            .violations("contacts")
            .chain(channels)
            .collect()
    }
}

impl<T: Eq + Hash> References<T> {
    /// Reads the references of the field `path`: at least 1, at most [`MAX_CHANGE_ITEMS`].
    fn read<W>(
        fields: &mut Fields,
        path: &str,
        wire: Vec<W>,
        read: impl Fn(&mut Fields, W) -> Option<T>,
    ) -> Self {
        if wire.is_empty() {
            fields.required::<()>(path, None);
        }
        let read_one = |_: &mut Fields, _: &str, wire| {
            let mut fields = Fields::default();
            let reference = read(&mut fields, wire);
            Some(reference.ok_or_else(|| fields.into_violations()))
        };
        Self(
            fields
                .items(path, wire, MAX_CHANGE_ITEMS, read_one)
                .unwrap_or_default(),
        )
    }

    fn valid(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// All that is wrong, with the fields' paths in the request, in which the references are at `path`.
    fn violations(&self, path: &str) -> impl Iterator<Item = Violation> {
        let malformed = self
            .0
            .iter()
            .enumerate()
            .filter_map(move |(index, reference)| {
                let violations = reference.as_ref().err()?;
                Some((format!("{path}[{index}]"), violations))
            });
        malformed.flat_map(|(path, violations)| {
            let violations = violations.iter().cloned();
            violations.map(move |violation| violation.below(&path))
        })
    }

    fn rejected(
        &self,
        unknown: &HashSet<T>,
        resource_type: &str,
        field: impl Fn(&T) -> &'static str,
    ) -> Vec<RejectedReference> {
        let rejected = (0..).zip(&self.0).filter_map(|(index, reference)| {
            let violations = match reference {
                Err(violations) => violations.clone(),
                Ok(reference) if unknown.contains(reference) => {
                    let message = format!("is not a {resource_type} of the organization");
                    let (reason, field) = (Reason::ResourceNotFound, field(reference));
                    vec![Violation::new(reason, field, message)]
                }
                Ok(_) => return None,
            };
            Some(RejectedReference {
                index,
                violations: violations.into_iter().map(Into::into).collect(),
            })
        });
        rejected.collect()
    }
}

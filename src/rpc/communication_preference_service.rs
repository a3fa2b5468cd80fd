//! `CommunicationPreferenceService`.

use tonic::{Request, Response, Status};

use super::{Api, call::authorize, fields::Fields, page::Page, wire};
use crate::{
    app::preferences::{self, ChangedPairs, Channels, PreferenceChange},
    domain::{
        caller::Caller, contact::ContactReference, preference::MAX_CHANGE_ITEMS, scope::Scope,
        violation::Reason,
    },
    error::{Error, Result},
    proto::{
        ChannelReference, ContactReference as WireContactReference,
        ListCommunicationPreferencesRequest, ListCommunicationPreferencesResponse, OptInRequest,
        OptInResponse, OptOutRequest, OptOutResponse,
        communication_preference_service_server::CommunicationPreferenceService,
    },
    repository::{self, contacts},
};

#[tonic::async_trait]
impl CommunicationPreferenceService for Api {
    async fn opt_in(
        &self,
        request: Request<OptInRequest>,
    ) -> Result<Response<OptInResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let request = request.into_inner();
        let (contacts, channels) = (request.contacts, request.channels);
        let pairs = self
            .change_preferences(caller, contacts, channels, request.all_channels, true)
            .await?;
        Ok(Response::new(OptInResponse {
            opted_in_count: wire::count(pairs.changed),
            unchanged_count: wire::count(pairs.unchanged),
        }))
    }

    async fn opt_out(
        &self,
        request: Request<OptOutRequest>,
    ) -> Result<Response<OptOutResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let request = request.into_inner();
        let (contacts, channels) = (request.contacts, request.channels);
        let pairs = self
            .change_preferences(caller, contacts, channels, request.all_channels, false)
            .await?;
        Ok(Response::new(OptOutResponse {
            opted_out_count: wire::count(pairs.changed),
            unchanged_count: wire::count(pairs.unchanged),
        }))
    }

    async fn list_communication_preferences(
        &self,
        request: Request<ListCommunicationPreferencesRequest>,
    ) -> Result<Response<ListCommunicationPreferencesResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let mut fields = Fields::default();
        let region = caller.organization.default_region;
        let reference = fields
            .required("contact", request.contact)
            .and_then(|wire| wire::reference::contact(&mut fields, "contact", wire, region));
        let reference = fields.finish(reference)?;
        let stored = contacts::find(db, organization, &reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", name(&reference)))?;
        let id = stored.contact.id;
        let binding = ["ListCommunicationPreferences", &id.to_string()];
        let page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let preferences =
            repository::preferences::page(db, organization, id, page.after(), page.limit()).await?;
        let (communication_preferences, next_page_token) =
            page.fill(preferences, |preference| preference.channel_id, Into::into);
        Ok(Response::new(ListCommunicationPreferencesResponse {
            communication_preferences,
            next_page_token,
        }))
    }
}

impl Api {
    async fn change_preferences(
        &self,
        caller: Caller,
        contacts: Vec<WireContactReference>,
        channels: Vec<ChannelReference>,
        all_channels: bool,
        opt_in: bool,
    ) -> Result<ChangedPairs> {
        let mut fields = Fields::default();
        let region = caller.organization.default_region;
        let contacts = items(&mut fields, "contacts", contacts, |fields, path, wire| {
            wire::reference::contact(fields, path, wire, region)
        });
        let channels = if all_channels && channels.is_empty() {
            Some(Channels::All)
        } else if all_channels {
            let message = "must be empty where all_channels is true";
            fields.refuse("channels", Reason::FieldInvalid, message);
            None
        } else {
            items(&mut fields, "channels", channels, |fields, path, wire| {
                wire::reference::channel(fields, path, wire, region)
            })
            .map(Channels::Listed)
        };
        let (contacts, channels) = fields.finish(contacts.zip(channels))?;
        let change = PreferenceChange {
            caller,
            contacts,
            channels,
            opt_in,
        };
        preferences::change(&self.repository, change).await
    }
}

/// Parses the items of the field `path`: at least 1, at most [`MAX_CHANGE_ITEMS`].
fn items<W, T>(
    fields: &mut Fields,
    path: &str,
    wire: Vec<W>,
    parse: impl Fn(&mut Fields, &str, W) -> Option<T>,
) -> Option<Vec<T>> {
    if wire.is_empty() {
        return fields.required(path, None);
    }
    fields.items(path, wire, MAX_CHANGE_ITEMS, parse)
}

fn name(reference: &ContactReference) -> String {
    match reference {
        ContactReference::Id(id) => id.to_string(),
        ContactReference::Phone(phone) => phone.as_str().to_owned(),
        ContactReference::ExternalId(id) => id.as_str().to_owned(),
    }
}

//! `CommunicationPreferenceService`.

use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{
    Api,
    call::authorize,
    fields::{Fields, required_id},
    opt_out_stream,
    page::Page,
    phones::PhoneReader,
    preference_subjects::Subjects,
    stream_message::StreamMessage,
    wire,
};
use crate::{
    app::preferences::{self, history},
    domain::{caller::Caller, contact::ContactReference, scope::Scope},
    error::{Error, Result},
    proto::{
        ContactReference as WireContact, GetRecordedOptOutRequest, GetRecordedOptOutResponse,
        ListCommunicationPreferencesRequest, ListCommunicationPreferencesResponse,
        ListPreferenceChangesRequest, ListPreferenceChangesResponse, OptInRequest, OptInResponse,
        OptOutContactsResponse, OptOutRequest, OptOutResponse,
        communication_preference_service_server::CommunicationPreferenceService,
    },
    repository::{self, contacts, recorded_opt_outs},
    telemetry,
};

#[tonic::async_trait]
impl CommunicationPreferenceService for Api {
    async fn opt_in(
        &self,
        request: Request<OptInRequest>,
    ) -> Result<Response<OptInResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let request = request.into_inner();
        telemetry::note(|call| call.received_count = Some(request.contacts.len() as u64));
        let phones = self.named_phones(&caller, &request.contacts).await?;
        let subjects = Subjects::of_opt_in(&phones, &caller, request)?;
        let change = subjects.change(caller, true);
        let pairs = preferences::change(&self.repository, change).await?;
        telemetry::note(|call| call.changed_pairs = Some((pairs.changed, pairs.unchanged)));
        Ok(Response::new(OptInResponse {
            opted_in_count: wire::count_of_pairs(pairs.changed),
            unchanged_count: wire::count_of_pairs(pairs.unchanged),
            kept_opt_out_count: wire::count_of_pairs(pairs.kept_opt_outs),
            kept_opt_outs: pairs
                .first_kept_opt_outs
                .into_iter()
                .map(Into::into)
                .collect(),
        }))
    }

    async fn opt_out(
        &self,
        request: Request<OptOutRequest>,
    ) -> Result<Response<OptOutResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let request = request.into_inner();
        telemetry::note(|call| call.received_count = Some(request.contacts.len() as u64));
        let phones = self.named_phones(&caller, &request.contacts).await?;
        let subjects = Subjects::of_opt_out(&phones, &caller, request)?;
        let change = subjects.change(caller, false);
        let pairs = preferences::change(&self.repository, change).await?;
        telemetry::note(|call| call.changed_pairs = Some((pairs.changed, pairs.unchanged)));
        let rejected_contacts = subjects.rejected_contacts(&pairs.unknown_contacts);
        telemetry::note(|call| call.rejected_count = Some(rejected_contacts.len() as u64));
        Ok(Response::new(OptOutResponse {
            opted_out_count: wire::count_of_pairs(pairs.changed),
            unchanged_count: wire::count_of_pairs(pairs.unchanged),
            rejected_contacts,
            rejected_channels: subjects.rejected_channels(&pairs.unknown_channels),
        }))
    }

    async fn opt_out_contacts(
        &self,
        request: Request<Streaming<StreamMessage>>,
    ) -> Result<Response<OptOutContactsResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let outcome = opt_out_stream::opt_out(self, caller, request.into_inner()).await?;
        let counts = outcome.counts;
        telemetry::note(|call| {
            call.changed_pairs = Some((counts.opted_out_pairs, counts.unchanged_pairs));
            call.received_count = Some(counts.received);
            call.rejected_count = Some(counts.rejected);
            call.replayed = outcome.replayed;
        });
        Ok(Response::new(outcome.into()))
    }

    async fn get_recorded_opt_out(
        &self,
        request: Request<GetRecordedOptOutRequest>,
    ) -> Result<Response<GetRecordedOptOutResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let id = required_id("request_id", &request.into_inner().request_id)?;
        telemetry::note(|call| call.request_id = Some(id));
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let recorded = recorded_opt_outs::find(db, organization, Some(id)).await?;
        let recorded = recorded.ok_or_else(|| Error::not_found("recorded_opt_out", id))?;
        Ok(Response::new(GetRecordedOptOutResponse {
            recorded_opt_out: Some(recorded.into()),
        }))
    }

    async fn list_communication_preferences(
        &self,
        request: Request<ListCommunicationPreferencesRequest>,
    ) -> Result<Response<ListCommunicationPreferencesResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let id = self.stored_contact(&caller, request.contact).await?;
        let binding = ["ListCommunicationPreferences", &id.to_string()];
        let page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let preferences =
            repository::preference_pages::page(db, organization, id, page.after(), page.limit())
                .await?;
        let (communication_preferences, next_page_token) =
            page.fill(preferences, |preference| preference.channel_id, Into::into);
        Ok(Response::new(ListCommunicationPreferencesResponse {
            communication_preferences,
            next_page_token,
        }))
    }

    async fn list_preference_changes(
        &self,
        request: Request<ListPreferenceChangesRequest>,
    ) -> Result<Response<ListPreferenceChangesResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let reference = self.required_contact(&caller, request.contact).await?;
        let (repository, organization) = (&self.repository, &caller.organization);
        let of = history::history_of(repository, organization, &reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", name(&reference)))?;
        telemetry::note(|call| call.contact_id = of.contact);
        let bound_to = of
            .contact
            .map_or_else(|| hex::encode(of.number), |id| id.to_string());
        let binding = ["ListPreferenceChanges", &bound_to];
        let page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let (after, limit) = (page.after(), page.limit());
        let items = history::page(repository, organization.id, of, after, limit).await?;
        let (preference_changes, next_page_token) = page.fill(items, |item| item.key, Into::into);
        Ok(Response::new(ListPreferenceChangesResponse {
            preference_changes,
            next_page_token,
        }))
    }
}

impl Api {
    /// Finds the contact in the field `contact` of a request. Returns its id.
    pub(super) async fn stored_contact(
        &self,
        caller: &Caller,
        contact: Option<WireContact>,
    ) -> Result<Uuid> {
        let reference = self.required_contact(caller, contact).await?;
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let stored = contacts::find(db, organization, &reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", name(&reference)))?;
        telemetry::note(|call| call.contact_id = Some(stored.contact.id));
        Ok(stored.contact.id)
    }

    /// Parses the field `contact` of a request, which must be given.
    async fn required_contact(
        &self,
        caller: &Caller,
        contact: Option<WireContact>,
    ) -> Result<ContactReference> {
        let mut fields = Fields::default();
        let phones = self.named_phones(caller, &contact).await?;
        let reference = fields
            .required("contact", contact)
            .and_then(|wire| wire::reference::contact(&mut fields, "contact", wire, &phones));
        fields.finish(reference)
    }

    /// The reader of the phones by which references name contacts.
    async fn named_phones<'a>(
        &self,
        caller: &Caller,
        references: impl IntoIterator<Item = &'a WireContact>,
    ) -> Result<PhoneReader> {
        let given = references.into_iter().filter_map(wire::reference::phone_of);
        self.contact_phones(&caller.organization, given).await
    }
}

fn name(reference: &ContactReference) -> String {
    match reference {
        ContactReference::Id(id) => id.to_string(),
        ContactReference::Phone(phone) => phone.as_str().to_owned(),
        ContactReference::ExternalId(id) => id.as_str().to_owned(),
    }
}

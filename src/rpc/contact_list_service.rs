//! `ContactListService`.

use tonic::{Request, Response, Status, Streaming};

use super::{
    Api,
    call::{CallPermit, NeedsFooter, authorize, response_with},
    contact_list_change::list_change,
    export,
    fields::{Fields, id, optional_id, required_id},
    members::{self, MemberRequest, wire_member},
    page::Page,
    stream_message::StreamMessage,
    update_stream, wire,
};
use crate::{
    app::{self, revert::Revert},
    domain::{
        contact_list::{Color, ListState},
        name::Name,
        scope::Scope,
        text,
        update_header::Action,
    },
    error::{Error, Result},
    proto::{
        self, CreateContactListRequest, CreateContactListResponse, DeleteContactListRequest,
        DeleteContactListResponse, ExportContactListContactsRequest, GetContactListRequest,
        GetContactListResponse, GetContactListUpdateRequest, GetContactListUpdateResponse,
        GetLimitsRequest, GetLimitsResponse, ListContactListContactsRequest,
        ListContactListContactsResponse, ListContactListUpdatesRequest,
        ListContactListUpdatesResponse, ListContactListsRequest, ListContactListsResponse,
        RevertContactListUpdateRequest, RevertContactListUpdateResponse,
        UpdateContactListContactsResponse, UpdateContactListRequest, UpdateContactListResponse,
        contact_list::State, contact_list_service_server::ContactListService,
    },
    repository::{
        contact_lists,
        contact_lists::ListFilter,
        contacts,
        contacts::Member,
        updates,
        updates::{RecordedAction, RecordedUpdate, UpdateOrder},
    },
    telemetry::{self, Phase},
};

#[tonic::async_trait]
impl ContactListService for Api {
    async fn update_contact_list_contacts(
        &self,
        request: Request<Streaming<StreamMessage>>,
    ) -> Result<Response<UpdateContactListContactsResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let needs_footer = request.extensions().get::<NeedsFooter>().is_some();
        let stream = request.into_inner();
        let outcome = update_stream::update(self, caller, stream, needs_footer).await?;
        telemetry::note(|call| {
            call.update_id = outcome.update_id;
            call.counts = Some(outcome.counts);
            call.replayed = outcome.replayed;
        });
        Ok(Response::new(outcome.into()))
    }

    async fn create_contact_list(
        &self,
        request: Request<CreateContactListRequest>,
    ) -> Result<Response<CreateContactListResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let name = fields.read("name", Name::parse(&request.name));
        let color = fields.read("color", Color::parse(request.color()));
        let (name, color) = fields.finish(name.zip(color))?;
        let (repository, organization) = (&self.repository, caller.organization.id);
        let list = app::contact_lists::create(repository, organization, name, color).await?;
        telemetry::note(|call| call.contact_list_id = Some(list.id));
        Ok(Response::new(CreateContactListResponse {
            contact_list: Some(list.into()),
        }))
    }

    async fn get_contact_list(
        &self,
        request: Request<GetContactListRequest>,
    ) -> Result<Response<GetContactListResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.contact_list_id = Some(id));
        let list = contact_lists::get(self.place().db(), caller.organization.id, id).await?;
        Ok(Response::new(GetContactListResponse {
            contact_list: Some(list.into()),
        }))
    }

    async fn list_contact_lists(
        &self,
        request: Request<ListContactListsRequest>,
    ) -> Result<Response<ListContactListsResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let state = fields.known("state", request.state).and_then(list_state);
        let name_prefix = request.name_prefix().to_owned();
        let checked = fields.read("name_prefix", text::check(&name_prefix));
        fields.finish(checked)?;
        let contact = match request.contact.take() {
            None => None,
            named => Some(self.stored_contact(&caller, named).await?),
        };
        let filter = ListFilter {
            state,
            name_prefix,
            contact,
        };
        let contact = contact.map(|id| id.to_string());
        let binding = [
            "ListContactLists",
            state.map_or("", ListState::name),
            &filter.name_prefix,
            contact.as_deref().unwrap_or_default(),
        ];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let found = contact_lists::page(
            page.place(&self.repository).db(),
            caller.organization.id,
            &filter,
            page.after().unwrap_or_default(),
            page.limit(),
        )
        .await?;
        let (contact_lists, next_page_token) = page.fill(found, |list| list.id, Into::into);
        Ok(Response::new(ListContactListsResponse {
            contact_lists,
            next_page_token,
        }))
    }

    async fn update_contact_list(
        &self,
        request: Request<UpdateContactListRequest>,
    ) -> Result<Response<UpdateContactListResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let change = list_change(caller.organization.id, request.into_inner())?;
        telemetry::note(|call| call.contact_list_id = Some(change.id));
        let list = change.apply(&self.repository).await?;
        Ok(Response::new(UpdateContactListResponse {
            contact_list: Some(list.into()),
        }))
    }

    async fn delete_contact_list(
        &self,
        request: Request<DeleteContactListRequest>,
    ) -> Result<Response<DeleteContactListResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.contact_list_id = Some(id));
        let (repository, organization) = (&self.repository, caller.organization.id);
        let list = app::contact_lists::delete(repository, organization, id).await?;
        Ok(Response::new(DeleteContactListResponse {
            contact_list: Some(list.into()),
        }))
    }

    async fn list_contact_list_contacts(
        &self,
        request: Request<ListContactListContactsRequest>,
    ) -> Result<Response<ListContactListContactsResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let filter = MemberRequest {
            contact_list_id: &request.contact_list_id,
            custom_object_id: request.custom_object_id.as_deref(),
            custom_object_key: request.custom_object_key.as_deref(),
            opted_in_to_channel_id: request.opted_in_to_channel_id.as_deref(),
            opted_out_of_channel_id: request.opted_out_of_channel_id.as_deref(),
            include_preferences: request.include_preferences,
        };
        let binding = [
            "ListContactListContacts",
            &request.contact_list_id,
            // No key looks like an id.
            (filter.custom_object_id)
                .or(filter.custom_object_key)
                .unwrap_or_default(),
            request.opted_in_to_channel_id(),
            request.opted_out_of_channel_id(),
        ];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let (after, limit) = (page.after().unwrap_or_default(), page.limit());
        let input = (caller.organization, filter.parse()?);
        let mut found = page
            .place(&self.repository)
            .snapshot(
                input,
                move |(organization, (filter, named)), transaction| {
                    Box::pin(async move {
                        let (db, named) = (transaction.db(), named.as_ref());
                        let filter = members::resolve(db, organization, *filter, named).await?;
                        contacts::page_of_members(
                            transaction,
                            organization.id,
                            filter,
                            after,
                            limit,
                        )
                        .await
                    })
                },
            )
            .await?;
        let memory = found.memory.take();
        let (contact_list_contacts, next_page_token) = page.fill(found, Member::id, wire_member);
        let response = ListContactListContactsResponse {
            contact_list_contacts,
            next_page_token,
        };
        Ok(response_with(response, memory))
    }

    type ExportContactListContactsStream = export::Messages;

    async fn export_contact_list_contacts(
        &self,
        request: Request<ExportContactListContactsRequest>,
    ) -> Result<Response<Self::ExportContactListContactsStream>, Status> {
        let permit = CallPermit::of(&request);
        let (caller, turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let filter = MemberRequest {
            contact_list_id: &request.contact_list_id,
            custom_object_id: request.custom_object_id.as_deref(),
            custom_object_key: request.custom_object_key.as_deref(),
            opted_in_to_channel_id: request.opted_in_to_channel_id.as_deref(),
            opted_out_of_channel_id: request.opted_out_of_channel_id.as_deref(),
            include_preferences: request.include_preferences,
        };
        let (place, organization) = (self.place(), &caller.organization);
        let (filter, named) = filter.parse()?;
        let filter = members::resolve(place.db(), organization, filter, named.as_ref()).await?;
        let organization = organization.id;
        drop(turn);
        telemetry::begin_phase(Phase::Wait);
        // An export reads for a long time. Only a few run at once, so that other calls get a connection.
        let export_turn = self.exports.acquire().await.map_err(Error::internal)?;
        telemetry::begin_phase(Phase::Read);
        let members = export::members(&place, organization, filter, &self.quota).await?;
        drop(export_turn);
        telemetry::begin_phase(Phase::Send);
        let idle_limit = self.limits.stream_idle;
        Ok(Response::new(export::send(members, permit, idle_limit)))
    }

    async fn get_contact_list_update(
        &self,
        request: Request<GetContactListUpdateRequest>,
    ) -> Result<Response<GetContactListUpdateResponse>, Status> {
        use proto::get_contact_list_update_request::Reference;
        let (caller, _turn) = self.begin_read(&request).await?;
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let mut fields = Fields::default();
        let reference = fields.required("reference", request.into_inner().reference);
        let (name, update) = match fields.finish(reference)? {
            Reference::UpdateId(text) => {
                let id = required_id("update_id", &text)?;
                telemetry::note(|call| call.update_id = Some(id));
                (text, updates::find(db, organization, id).await?)
            }
            Reference::RequestId(text) => {
                let id = required_id("request_id", &text)?;
                telemetry::note(|call| call.request_id = Some(id));
                (
                    text,
                    updates::find_by_request_id(db, organization, Some(id)).await?,
                )
            }
        };
        let update = update.ok_or_else(|| Error::not_found("contact_list_update", name))?;
        Ok(Response::new(GetContactListUpdateResponse {
            contact_list_update: Some(wire_update(update)),
        }))
    }

    async fn list_contact_list_updates(
        &self,
        request: Request<ListContactListUpdatesRequest>,
    ) -> Result<Response<ListContactListUpdatesResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let list = optional_id("contact_list_id", request.contact_list_id.as_deref())?;
        telemetry::note(|call| call.contact_list_id = list);
        let direction = if request.newest_first {
            "newest"
        } else {
            "oldest"
        };
        let list_id = request.contact_list_id();
        let binding = ["ListContactListUpdates", list_id, direction];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let (place, organization) = (page.place(&self.repository), caller.organization.id);
        let db = place.db();
        if let Some(id) = list {
            contact_lists::get(db, organization, id).await?;
        }
        let order = if request.newest_first {
            UpdateOrder::NewestFirst(page.after())
        } else {
            UpdateOrder::OldestFirst(page.after())
        };
        let updates = updates::page(db, organization, list, order, page.limit()).await?;
        let key = |update: &RecordedUpdate| update.outcome.update_id.unwrap_or_default();
        let (contact_list_updates, next_page_token) = page.fill(updates, key, wire_update);
        Ok(Response::new(ListContactListUpdatesResponse {
            contact_list_updates,
            next_page_token,
        }))
    }

    async fn revert_contact_list_update(
        &self,
        request: Request<RevertContactListUpdateRequest>,
    ) -> Result<Response<RevertContactListUpdateResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let update_id = fields.read("update_id", id(&request.update_id));
        let request_id = match request.request_id.as_deref() {
            None => Some(None),
            Some(text) => fields.read("request_id", id(text)).map(Some),
        };
        let (update_id, request_id) = fields.finish(update_id.zip(request_id))?;
        telemetry::note(|call| {
            call.update_id = Some(update_id);
            call.request_id = request_id;
            call.validate_only = request.validate_only;
        });
        let revert = Revert {
            caller,
            update_id,
            request_id,
            validate_only: request.validate_only,
            retention: self.limits.undo_retention,
            quota: self.quota.clone(),
        };
        let outcome = revert.apply(&self.repository).await?;
        telemetry::note(|call| call.replayed = outcome.replayed);
        Ok(Response::new(outcome.into()))
    }

    async fn get_limits(
        &self,
        request: Request<GetLimitsRequest>,
    ) -> Result<Response<GetLimitsResponse>, Status> {
        authorize(&request, Scope::Read)?;
        Ok(Response::new(GetLimitsResponse {
            limits: Some(self.limits.into()),
        }))
    }
}

fn list_state(state: State) -> Option<ListState> {
    match state {
        State::Unspecified => None,
        State::Active => Some(ListState::Active),
        State::Archived => Some(ListState::Archived),
        State::Deleted => Some(ListState::Deleted),
    }
}

fn wire_update(update: RecordedUpdate) -> proto::ContactListUpdate {
    use proto::update_contact_list_contacts_header::Action as WireAction;
    let action = match update.action {
        RecordedAction::Update(Action::Add) => WireAction::Add,
        RecordedAction::Update(Action::Remove) => WireAction::Remove,
        RecordedAction::Update(Action::Overwrite) => WireAction::Overwrite,
        RecordedAction::Revert { .. } => WireAction::Unspecified,
    };
    let revert = update.clone().into_revert_outcome(false).map(Into::into);
    let outcome = UpdateContactListContactsResponse::from(update.outcome);
    proto::ContactListUpdate {
        id: outcome.update_id.clone(),
        contact_list_id: outcome
            .contact_list
            .as_ref()
            .map_or_else(String::new, |list| list.id.clone()),
        action: action.into(),
        request_id: update.request_id.map(|id| id.to_string()),
        api_key_id: update.api_key_id.to_string(),
        create_time: Some(wire::timestamp(update.create_time)),
        outcome: Some(outcome),
        revert,
    }
}

//! `ChannelService`.

use tonic::{Request, Response, Status};

use super::{
    Api,
    call::authorize,
    fields::{Fields, changed, required_id},
    page::Page,
    phones::PhoneReader,
    wire,
};
use crate::{
    app::{self, channels::ChannelChange},
    domain::{
        caller::Caller, channel::ChannelType, name::Name, phone_number::PhoneNumber, scope::Scope,
    },
    error::Result,
    proto::{
        CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
        GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse,
        UpdateChannelRequest, UpdateChannelResponse, channel::Type,
        channel_service_server::ChannelService,
    },
    repository::channels,
    telemetry,
};

#[tonic::async_trait]
impl ChannelService for Api {
    async fn create_channel(
        &self,
        request: Request<CreateChannelRequest>,
    ) -> Result<Response<CreateChannelResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let name = fields.read("name", Name::parse(&request.name));
        let channel_type = channel_type(&mut fields, "type", request.r#type);
        let phones = PhoneReader::new(caller.organization.default_region, []);
        let phone = phone(&mut fields, "phone", request.phone, &phones);
        if let Some(channel_type) = channel_type
            && !fields.has_refused("phone")
        {
            fields.read("phone", channel_type.check_phone(phone));
        }
        let (name, channel_type) = fields.finish(name.zip(channel_type))?;
        let (repository, organization) = (&self.repository, caller.organization.id);
        let channel =
            app::channels::create(repository, organization, name, channel_type, phone).await?;
        telemetry::note(|call| call.channel_id = Some(channel.id));
        Ok(Response::new(CreateChannelResponse {
            channel: Some(channel.into()),
        }))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Result<Response<ListChannelsResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let binding = ["ListChannels"];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let channels = channels::page(
            page.place(&self.repository).db(),
            caller.organization.id,
            page.after().unwrap_or_default(),
            page.limit(),
        )
        .await?;
        let (channels, next_page_token) = page.fill(channels, |channel| channel.id, Into::into);
        Ok(Response::new(ListChannelsResponse {
            channels,
            next_page_token,
        }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.channel_id = Some(id));
        let channel = channels::get(self.place().db(), caller.organization.id, id).await?;
        Ok(Response::new(GetChannelResponse {
            channel: Some(channel.into()),
        }))
    }

    async fn update_channel(
        &self,
        request: Request<UpdateChannelRequest>,
    ) -> Result<Response<UpdateChannelResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let change = self.channel_change(&caller, request.into_inner()).await?;
        let channel = change.apply(&self.repository).await?;
        Ok(Response::new(UpdateChannelResponse {
            channel: Some(channel.into()),
        }))
    }

    async fn delete_channel(
        &self,
        request: Request<DeleteChannelRequest>,
    ) -> Result<Response<DeleteChannelResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.channel_id = Some(id));
        app::channels::delete(&self.repository, caller.organization.id, id).await?;
        Ok(Response::new(DeleteChannelResponse {}))
    }
}

impl Api {
    /// Parses a request of `UpdateChannel`.
    async fn channel_change(
        &self,
        caller: &Caller,
        request: UpdateChannelRequest,
    ) -> Result<ChannelChange> {
        let mut fields = Fields::default();
        let channel = fields.required("channel", request.channel);
        let channel = fields.finish(channel)?;
        let id = required_id("channel.id", &channel.id)?;
        telemetry::note(|call| call.channel_id = Some(id));
        let [name_changes, type_changes, phone_changes] = changed(
            request.update_mask,
            [
                ("name", channel.name.is_some()),
                ("type", channel.r#type != 0),
                ("phone", channel.phone.is_some()),
            ],
        )?;
        // Its own number may stay, though it is no longer valid.
        let mut phones = PhoneReader::new(caller.organization.default_region, []);
        if phones.doubtful(channel.phone()).is_some() {
            let db = self.repository.db();
            let stored = channels::get(db, caller.organization.id, id).await?;
            phones = PhoneReader::new(caller.organization.default_region, stored.phone);
        }
        let mut fields = Fields::default();
        let mut change = ChannelChange {
            organization: caller.organization.id,
            id,
            name: None,
            channel_type: None,
            phone: None,
        };
        if name_changes {
            change.name = fields.read("channel.name", Name::parse(channel.name()));
        }
        if type_changes {
            change.channel_type = channel_type(&mut fields, "channel.type", channel.r#type);
        }
        if phone_changes {
            let phone = phone(&mut fields, "channel.phone", channel.phone, &phones);
            change.phone = Some(phone);
        }
        fields.finish(Some(change))
    }
}

fn channel_type(fields: &mut Fields, path: &str, number: i32) -> Option<ChannelType> {
    match fields.known(path, number)? {
        Type::Phone => Some(ChannelType::Phone),
        Type::Email => Some(ChannelType::Email),
        Type::Fax => Some(ChannelType::Fax),
        Type::Unspecified => fields.required(path, None),
    }
}

fn phone(
    fields: &mut Fields,
    path: &str,
    text: Option<String>,
    phones: &PhoneReader,
) -> Option<PhoneNumber> {
    let text = text.filter(|text| !text.is_empty())?;
    wire::reference::phone(fields, path, Some(text), phones)
}

//! `ChannelService`.

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Api, convert,
    fields::{Fields, changed, required_id},
    page::Page,
};
use crate::{
    auth::{Caller, Scope},
    domain::{
        OrganizationId,
        channel::{Channel, ChannelType},
        name::Name,
        now,
        phone_number::PhoneNumber,
        violation::Reason,
    },
    error::Result,
    proto::{
        CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
        GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse,
        UpdateChannelRequest, UpdateChannelResponse, channel::Type,
        channel_service_server::ChannelService,
    },
    repository::{Transaction, TransactionOutcome, channels, organizations},
};

#[tonic::async_trait]
impl ChannelService for Api {
    async fn create_channel(
        &self,
        request: Request<CreateChannelRequest>,
    ) -> Result<Response<CreateChannelResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Admin)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let name = fields.read("name", Name::parse(&request.name));
        let channel_type = channel_type(&mut fields, "type", request.r#type);
        let phone = phone(&mut fields, "phone", request.phone, &caller);
        if phone.is_none() && channel_type.is_some_and(ChannelType::needs_phone) {
            refuse_missing_phone(&mut fields, "phone");
        }
        let (name, channel_type) = fields.finish(name.zip(channel_type))?;
        let input = (caller.organization.id, name, channel_type, phone);
        let channel = self
            .repository
            .write(
                input,
                |(organization, name, channel_type, phone), transaction| {
                    Box::pin(async move {
                        channels::create(transaction, *organization, name, *channel_type, *phone)
                            .await
                            .map(TransactionOutcome::Commit)
                    })
                },
            )
            .await?;
        Ok(Response::new(CreateChannelResponse {
            channel: Some(convert::wire_channel(channel)),
        }))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Result<Response<ListChannelsResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Read)?;
        let request = request.into_inner();
        let binding = ["ListChannels"];
        let page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let mut channels = channels::page(
            self.repository.db(),
            caller.organization.id,
            page.after().unwrap_or_default(),
            page.limit(),
        )
        .await?;
        let next_page_token = page.cut(&mut channels, |channel| channel.id);
        Ok(Response::new(ListChannelsResponse {
            channels: channels.into_iter().map(convert::wire_channel).collect(),
            next_page_token,
        }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Read)?;
        let id = required_id("id", &request.into_inner().id)?;
        let channel = channels::get(self.repository.db(), caller.organization.id, id).await?;
        Ok(Response::new(GetChannelResponse {
            channel: Some(convert::wire_channel(channel)),
        }))
    }

    async fn update_channel(
        &self,
        request: Request<UpdateChannelRequest>,
    ) -> Result<Response<UpdateChannelResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Admin)?;
        let change = ChannelChange::parse(&caller, request.into_inner())?;
        let channel = self
            .repository
            .write(change, |change, transaction| {
                Box::pin(change.apply_in(transaction))
            })
            .await?;
        Ok(Response::new(UpdateChannelResponse {
            channel: Some(convert::wire_channel(channel)),
        }))
    }

    async fn delete_channel(
        &self,
        request: Request<DeleteChannelRequest>,
    ) -> Result<Response<DeleteChannelResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Admin)?;
        let id = required_id("id", &request.into_inner().id)?;
        let input = (caller.organization.id, id);
        self.repository
            .write(input, |(organization, id), transaction| {
                Box::pin(async move {
                    channels::delete(transaction, *organization, *id)
                        .await
                        .map(TransactionOutcome::Commit)
                })
            })
            .await?;
        Ok(Response::new(DeleteChannelResponse {}))
    }
}

/// What `UpdateChannel` is to change: `None` keeps.
struct ChannelChange {
    organization: OrganizationId,
    id: Uuid,
    name: Option<Name>,
    channel_type: Option<ChannelType>,
    phone: Option<Option<PhoneNumber>>,
}

impl ChannelChange {
    fn parse(caller: &Caller, request: UpdateChannelRequest) -> Result<Self> {
        let mut fields = Fields::default();
        let channel = fields.required("channel", request.channel);
        let channel = fields.finish(channel)?;
        let id = required_id("channel.id", &channel.id)?;
        let [name_changes, type_changes, phone_changes] = changed(
            request.update_mask,
            [
                ("name", channel.name.is_some()),
                ("type", channel.r#type != 0),
                ("phone", channel.phone.is_some()),
            ],
        )?;
        let mut fields = Fields::default();
        let mut change = Self {
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
            change.phone = Some(phone(&mut fields, "channel.phone", channel.phone, caller));
        }
        fields.finish(Some(change))
    }

    async fn apply_in(&self, transaction: &Transaction) -> Result<TransactionOutcome<Channel>> {
        organizations::lock(transaction, self.organization).await?;
        let stored = channels::get(transaction.db(), self.organization, self.id).await?;
        let mut channel = stored.clone();
        if let Some(name) = &self.name {
            channel.name = name.as_str().to_owned();
        }
        channel.channel_type = self.channel_type.unwrap_or(channel.channel_type);
        channel.phone = self.phone.unwrap_or(channel.phone);
        if channel.phone.is_none() && channel.channel_type.needs_phone() {
            let mut fields = Fields::default();
            refuse_missing_phone(&mut fields, "channel.phone");
            return fields.finish(None);
        }
        if channel != stored {
            channel.update_time = now();
            channels::update(transaction, self.organization, &channel).await?;
        }
        Ok(TransactionOutcome::Commit(channel))
    }
}

fn channel_type(fields: &mut Fields, path: &str, wire: i32) -> Option<ChannelType> {
    match Type::try_from(wire) {
        Ok(Type::Phone) => Some(ChannelType::Phone),
        Ok(Type::Email) => Some(ChannelType::Email),
        Ok(Type::Fax) => Some(ChannelType::Fax),
        Ok(Type::Unspecified) => fields.required(path, None),
        Err(_) => {
            fields.refuse(path, Reason::FieldInvalid, "is not a known value");
            None
        }
    }
}

fn phone(
    fields: &mut Fields,
    path: &str,
    text: Option<String>,
    caller: &Caller,
) -> Option<PhoneNumber> {
    let text = text.filter(|text| !text.is_empty())?;
    convert::phone(fields, path, text, caller.organization.default_region)
}

/// Says that the channel's type needs a phone number, unless the one that was given is already refused.
fn refuse_missing_phone(fields: &mut Fields, path: &str) {
    if !fields.has_refused(path) {
        fields.refuse(
            path,
            Reason::FieldRequired,
            "is required for this type of channel",
        );
    }
}

//! `ChannelService`.

use tonic::{Request, Response, Status};

use super::{Api, convert, fields::Fields, page::Page};
use crate::{
    auth::{Caller, Scope},
    domain::{channel::ChannelType, name::Name, violation::Reason},
    error::Result,
    proto::{
        CreateChannelRequest, CreateChannelResponse, ListChannelsRequest, ListChannelsResponse,
        channel::Type, channel_service_server::ChannelService,
    },
    repository::{Outcome, channels},
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
        let channel_type = match request.r#type() {
            Type::Phone => Some(ChannelType::Phone),
            Type::Email => Some(ChannelType::Email),
            Type::Fax => Some(ChannelType::Fax),
            Type::Unspecified if request.r#type == 0 => fields.required("type", None),
            Type::Unspecified => {
                fields.refuse("type", Reason::FieldInvalid, "is not a known value");
                None
            }
        };
        let needs_phone = channel_type.is_some_and(ChannelType::needs_phone);
        let phone = match request.phone.filter(|phone| !phone.is_empty()) {
            None if needs_phone => fields.required("phone", None),
            None => None,
            Some(text) => {
                let region = caller.organization.default_region;
                convert::phone(&mut fields, "phone", text, region)
            }
        };
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
                            .map(Outcome::Commit)
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
}

//! A caller of the service: the generated clients, with a key.

use std::net::SocketAddr;

use contact_lists::proto::{
    channel_service_client::ChannelServiceClient,
    communication_preference_service_client::CommunicationPreferenceServiceClient,
    contact_list_service_client::ContactListServiceClient,
    contact_service_client::ContactServiceClient,
    custom_object_service_client::CustomObjectServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

type Authorized = InterceptedService<Channel, Authorization>;

/// One caller: a client for each service, over one connection, all with the same key. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    /// `ContactListService`.
    pub lists: ContactListServiceClient<Authorized>,
    /// `ContactService`.
    pub contacts: ContactServiceClient<Authorized>,
    /// `ChannelService`.
    pub channels: ChannelServiceClient<Authorized>,
    /// `CommunicationPreferenceService`.
    pub preferences: CommunicationPreferenceServiceClient<Authorized>,
    /// `CustomObjectService`.
    pub objects: CustomObjectServiceClient<Authorized>,
}

impl Client {
    /// A client that connects at its first call, in plain text, and sends this as `authorization`.
    pub fn connect(address: SocketAddr, authorization: Option<&str>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        Self::over(endpoint.connect_lazy(), authorization)
    }

    /// The same over a given connection.
    pub fn over(channel: Channel, authorization: Option<&str>) -> Self {
        let authorization = authorization.map(|value| value.parse().expect("a value for a header"));
        let authorized = InterceptedService::new(channel, Authorization(authorization));
        Self {
            lists: ContactListServiceClient::new(authorized.clone()),
            contacts: ContactServiceClient::new(authorized.clone()),
            channels: ChannelServiceClient::new(authorized.clone()),
            preferences: CommunicationPreferenceServiceClient::new(authorized.clone()),
            objects: CustomObjectServiceClient::new(authorized),
        }
    }
}

/// Puts the same `authorization` on every call.
#[derive(Clone)]
pub struct Authorization(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

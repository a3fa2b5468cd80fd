//! The services, and which of them need an API key.

use tonic::{
    codec::CompressionEncoding,
    server::NamedService,
    service::{Routes, RoutesBuilder},
};

use tonic_health::pb::health_server::{Health, HealthServer};

use crate::{
    FILE_DESCRIPTOR_SET,
    proto::{
        channel_service_server::ChannelServiceServer,
        communication_preference_service_server::CommunicationPreferenceServiceServer,
        contact_list_service_server::ContactListServiceServer,
        contact_service_server::ContactServiceServer,
        custom_object_service_server::CustomObjectServiceServer,
    },
    rpc::Api,
};

macro_rules! services {
    ($($server:ident),+ $(,)?) => {
        /// The names of the services that need an API key.
        pub const NAMES: &[&str] = &[$(<$server<Api> as NamedService>::NAME),+];

        /// The services that need an API key. A message of more than `max_message_bytes` is refused.
        pub fn routes(api: &Api, max_message_bytes: usize) -> Routes {
            let mut routes = RoutesBuilder::default();
            $(routes.add_service(
                $server::new(api.clone())
                    .max_decoding_message_size(max_message_bytes)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .send_compressed(CompressionEncoding::Gzip),
            );)+
            routes.routes()
        }
    };
}

services![
    ContactListServiceServer,
    ContactServiceServer,
    ChannelServiceServer,
    CommunicationPreferenceServiceServer,
    CustomObjectServiceServer,
];

/// Returns whether the call at `path` needs an API key. An unknown call does.
pub fn needs_key(path: &str) -> bool {
    let open = ["/grpc.health.", "/grpc.reflection."];
    !open.iter().any(|services| path.starts_with(services))
}

/// The most bytes of a message to a service that needs no key. These messages hold no more than a name.
const MAX_OPEN_MESSAGE_BYTES: usize = 4096;

/// The services that need no key: `health`, and reflection in the two versions that clients know.
pub fn open_routes(
    health: HealthServer<impl Health>,
) -> Result<Routes, tonic_reflection::server::Error> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let health = health.max_decoding_message_size(MAX_OPEN_MESSAGE_BYTES);
    let v1 = reflection().build_v1()?;
    let v1alpha = reflection().build_v1alpha()?;
    Ok(Routes::new(health)
        .add_service(v1.max_decoding_message_size(MAX_OPEN_MESSAGE_BYTES))
        .add_service(v1alpha.max_decoding_message_size(MAX_OPEN_MESSAGE_BYTES)))
}

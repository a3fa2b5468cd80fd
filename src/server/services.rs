//! The services, and which of them need an API key.

use std::{collections::HashSet, sync::LazyLock};

use prost::Message;
use prost_types::FileDescriptorSet;
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

/// The names of all calls, such as "grpc.health.v1.Health/Check".
static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let sets = [
        FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut names = HashSet::new();
    for set in sets {
        // The build writes the sets, and a test looks for their calls.
        let set = FileDescriptorSet::decode(set).unwrap_or_default();
        for file in &set.file {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                let methods = service.method.iter();
                names.extend(methods.map(|it| format!("{service_name}/{}", it.name())));
            }
        }
    }
    names
});

/// Returns the descriptor set of the API, with that of the details of its errors. The first is not decoded: that would lose the
/// options of its fields.
pub fn descriptor_set() -> Vec<u8> {
    // The build writes the sets, and a test reads what is returned.
    let files = |set| FileDescriptorSet::decode(set).unwrap_or_default().file;
    let own = files(FILE_DESCRIPTOR_SET);
    let mut details = files(tonic_types::pb::FILE_DESCRIPTOR_SET);
    details.retain(|file| own.iter().all(|it| it.name() != file.name()));
    let details = FileDescriptorSet { file: details };
    // Sets that follow each other are one set.
    [FILE_DESCRIPTOR_SET, &details.encode_to_vec()].concat()
}

/// Returns the name of the call at `path`, or "unknown": what a caller makes up is neither logged nor counted.
pub fn method(path: &str) -> &'static str {
    let name = path.strip_prefix('/').unwrap_or(path);
    METHODS.get(name).map_or("unknown", String::as_str)
}

/// Returns whether the call at `path` needs an API key. An unknown call does.
pub fn needs_key(path: &str) -> bool {
    let open = ["/grpc.health.", "/grpc.reflection."];
    !open.iter().any(|services| path.starts_with(services))
}

/// The most bytes of a message to a service that needs no key. These messages hold no more than a name.
pub const MAX_OPEN_MESSAGE_BYTES: usize = 4096;

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

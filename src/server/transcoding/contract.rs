//! The contract's descriptors: calls by their path, and the details of errors.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};

use crate::FILE_DESCRIPTOR_SET;

/// The calls that can be made in JSON, by their path.
static METHODS: LazyLock<HashMap<String, MethodDescriptor>> = LazyLock::new(|| {
    let sets = [FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let pools = sets.map(pool);
    let services = pools.iter().flat_map(DescriptorPool::services);
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.map(|method| (path(&method), method)).collect()
});

/// The messages of `google.rpc`.
static DETAILS: LazyLock<DescriptorPool> =
    LazyLock::new(|| pool(tonic_types::pb::FILE_DESCRIPTOR_SET));

/// Makes a pool, which keeps the options that the files have.
fn pool(set: &[u8]) -> DescriptorPool {
    // The build writes the set, and tests make calls with it.
    DescriptorPool::decode(set).unwrap_or_default()
}

/// Returns the call at `path`, such as "/grpc.health.v1.Health/Check".
pub fn method(path: &str) -> Option<&'static MethodDescriptor> {
    METHODS.get(path)
}

/// Returns all calls.
pub fn methods() -> impl Iterator<Item = &'static MethodDescriptor> {
    METHODS.values()
}

/// Returns a call's path.
pub fn path(method: &MethodDescriptor) -> String {
    let service = method.parent_service().full_name();
    format!("/{service}/{}", method.name())
}

/// Returns the type of an error's detail by its full name, if it is one of `google.rpc`.
pub fn detail(name: &str) -> Option<MessageDescriptor> {
    DETAILS.get_message_by_name(name)
}
